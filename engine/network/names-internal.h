/* The name server's side of the active endpoints: a file per network, and the server itself. */
#pragma once

#include <stdbool.h>

struct engine;
struct error;
struct network_endpoint;
struct strbuf;

/* Writes the files that changed, removes those of networks that nobody uses, and sees to it that the server
 * runs (or has ended, when there is none left) and answers accordingly. Under the lock. */
int names_apply(struct engine *engine, struct error **err);

/* Starts the server again when it was killed although containers need it. Takes the lock itself, if need be. */
int names_revive(struct engine *engine, struct error **err);

/* The file of one network from its endpoints (all of one network). For tests, too. */
#define NAMES_FILE_MAX_BYTES (4u << 20)
void names_format(const struct network_endpoint *endpoints, unsigned long len, struct strbuf *out);

/* names-server.c: talking to the server in dns_dir_fd. */
enum names_server {
    NAMES_SERVER_ABSENT, /* nobody answers on the control socket */
    NAMES_SERVER_SYNCED,
};
int names_server_sync(int dns_dir_fd, bool expect_end, enum names_server *ret, struct error **err);
bool names_server_is_there(int dns_dir_fd);
int names_server_start(struct engine *engine, struct error **err);
