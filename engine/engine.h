/* The embedded engine's handle: where its state lies, the connection to its database, and what the
 * caller wants it to know about the world (the engine reads no environment). A handle belongs to one
 * thread; opening is cheap, so every thread opens its own.
 *
 *     auto_(engine_close_p) struct engine *engine = NULL;
 *     int r = engine_open(&(struct engine_options){ .root_dir = "/var/lib/berth", … }, &engine, err);
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct engine;
struct error;

struct engine_options {
    const char *root_dir;    /* what survives a reboot: /var/lib/berth */
    const char *run_dir;     /* what does not: /run/berth */
    const char *libexec_dir; /* holds berth-monitor, berth-init, berth-dns */
    const char *program;     /* absolute path of `berth` itself, for `berth internal teardown ID` */
    const char *home_dir;    /* of the user, for credentials; NULL: none */
    const char *docker_config_dir;  /* $DOCKER_CONFIG; NULL: home_dir/.docker */
    const char *registry_auth_file; /* $REGISTRY_AUTH_FILE; NULL: none */
    const char *xdg_runtime_dir;    /* $XDG_RUNTIME_DIR; NULL: none */
    const char *search_path;        /* $PATH, for other OCI runtimes; NULL: none */
    const char *notify_socket;    /* $NOTIFY_SOCKET, for containers that are services; NULL: none */
    int64_t watchdog_usec;        /* $WATCHDOG_USEC; 0: none */
    int64_t runtime_timeout_usec; /* for a call of another OCI runtime; 0: the usual */
    const char *fault;            /* "name:action", see base/fault.h; NULL: none. Tests only. */
    const atomic_bool *cancel; /* borrowed while the handle is open; set to end long work early */
    int cancel_fd; /* readable once *cancel is set, so that waiting ends too; 0 or less: none */
};

/* Makes the directories where missing (0711 and 0700), closes those of ROOT that others could come through, opens the
 * database and brings its schema up to date. All texts are copied. -ENOTSUP when the database was written by a newer berth. */
int engine_open(const struct engine_options *options, struct engine **ret, struct error **err);
void engine_close(struct engine *engine);
DEFINE_CLEANUP(struct engine *, engine_close);

/* What the handle was opened with (for opening another one in a second thread). Borrowed. */
const struct engine_options *engine_get_options(const struct engine *engine);
