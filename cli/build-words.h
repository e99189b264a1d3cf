/* --secret and --ssh of `build` and `compose build`, as Docker reads them. */
#pragma once

struct arena;
struct build_secret;
struct error;

/* "id=NAME[,src=FILE|,env=VARIABLE][,type=file|env]". Without a source: the variable of that name, else the file. The
 * value of a variable is borrowed from the environment, the rest lies in the arena. */
int build_read_secret(
        struct arena *arena, const char *text, struct build_secret *ret, struct error **err);

/* "ID[=SOCKET]"; without a socket the agent of SSH_AUTH_SOCK. In the arena. */
int build_read_ssh(struct arena *arena, const char *text, const char **ret_id,
        const char **ret_socket, struct error **err);
