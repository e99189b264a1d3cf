/* --secret and --ssh of `build` and `compose build`, and build.ssh of a file, as Docker reads them. */
#pragma once

struct arena;
struct build_secret;
struct error;

/* "id=NAME[,src=FILE|,env=VARIABLE][,type=file|env]". Without a source: the variable of that name, else the file. The
 * value of a variable is borrowed from the environment, the rest lies in the arena. */
int build_read_secret(
        struct arena *arena, const char *text, struct build_secret *ret, struct error **err);

/* The socket that is named, or without one (NULL, empty) the agent of SSH_AUTH_SOCK, which has to be there. Borrowed
 * from `named` or the environment. */
int build_choose_agent(
        const char *id, const char *named, const char **ret_socket, struct error **err);

/* "ID[=SOCKET]"; without a socket the agent of SSH_AUTH_SOCK. In the arena. */
int build_read_ssh(struct arena *arena, const char *text, const char **ret_id,
        const char **ret_socket, struct error **err);
