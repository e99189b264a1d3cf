/* Telling a service manager how a service is: the datagrams of sd_notify(3), without libsystemd.
 * Nothing here waits: what the manager does not take at once is lost, as with any sd_notify. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct strbuf;

#define NOTIFY_MESSAGE_MAX 4096

/* Sends `text` (lines NAME=VALUE) to the socket of $NOTIFY_SOCKET's form: a path, or "@name" for the
 * abstract namespace. 0 or -errno; -EINVAL for another form (vsock addresses are not supported). */
int notify_send(const char *socket, const char *text, size_t len);

/* What of a container's own message may pass on to the manager of its service: READY, STATUS, ERRNO,
 * RELOADING with MONOTONIC_USEC, STOPPING, WATCHDOG and EXTEND_TIMEOUT_USEC. What could make another
 * process the main one, hand over descriptors or wait for a barrier is left out. Lines that are cut off by
 * a NUL or hold control characters are left out, too. */
void notify_filter(const char *text, size_t len, struct strbuf *out);
