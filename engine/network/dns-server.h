/* The name server of one RUN directory: listens on the gateway address of every network that has a file
 * in RUN/dns, answers for its containers and passes the rest on. Single-threaded.
 *
 * RUN/dns
 *   <64 hex>       a zone (dns-zone.h), replaced whole by whoever changes the network
 *   control.sock   "sync" makes the server read the files anew; the answer "ok" (or an encoded error)
 *                  comes when that is in effect. Without a zone left the server ends after its answer.
 *   lock           held for life: one server per directory */
#pragma once

struct dns_server;
struct error;
struct loop;

#define DNS_CONTROL_SOCKET "control.sock"
#define DNS_LOCK_FILE "lock"
#define DNS_SYNC_MESSAGE "sync"
#define DNS_SYNC_OK "ok"

/* Waits for the end of a server that has the directory, reads the zones and listens. */
int dns_server_new(struct loop *loop, const char *dir, struct dns_server **ret, struct error **err);
void dns_server_free(struct dns_server *server);
