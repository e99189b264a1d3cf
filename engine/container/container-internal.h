/* What the files of this folder share: rows, the two locks, and the steps of a container's life. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/container/container.h"
#include "engine/engine-internal.h"

struct control;
struct image;
struct monitor_state;

/* ---- rows (container.c) ---- */

/* The id that a reference names, in the arena; NULL when there is none. -EINVAL when it is ambiguous. */
int container_resolve(struct engine *engine, struct arena *arena, const char *reference,
        const char **ret_id, struct error **err);
int container_not_found(const char *reference, struct error **err); /* -ENOENT, Docker's words */

/* The row of an id with endpoints, ports and live state; NULL when there is none. */
int container_load(struct engine *engine, struct arena *arena, const char *id,
        struct container **ret, struct error **err);

/* The column `status` alone; CONTAINER_STATUS_INVALID when the row is gone. */
int container_row_status(
        struct engine *engine, const char *id, enum container_status *ret, struct error **err);

/* Writes c->config into the row. */
int container_store_config(struct engine *engine, const struct container *c, struct error **err);

/* True when the row says running; with container_begin's look before: a live run. */
bool container_row_is_running(struct engine *engine, const char *id);

/* A run begins: the row says that RUN/containers/ID and its lock tell the rest. */
int container_row_running(
        struct engine *engine, const char *id, int restart_count, struct error **err);

/* The run is over (or did not come about: then `status` is what it was before). */
struct container_outcome {
    enum container_status status;
    int exit_code;
    bool oom_killed;
    int restart_count;
    const char *error; /* NULL: none */
    int64_t started_nsec, finished_nsec;
    const char *health; /* JSON; NULL */
};
int container_row_finished(struct engine *engine, const char *id,
        const struct container_outcome *outcome, struct error **err);

/* What the user wants of it: CONTAINER_DESIRED_RESTARTING keeps a container with --rm over the end of this run. */
#define CONTAINER_DESIRED_RUNNING "running"
#define CONTAINER_DESIRED_STOPPED "stopped"
#define CONTAINER_DESIRED_RESTARTING "restarting"
int container_row_set_desired(
        struct engine *engine, const char *id, const char *desired, struct error **err);

/* Docker's State.Health of a monitor's state, as text; NULL without a check. In the arena. */
const char *container_health_json(struct arena *arena, const struct monitor_state *state);

/* ---- events (events.c) ---- */

/* Tells `events` that `action` happened; key and value (NULL: none) are one attribute beside its image, name and
 * labels. */
/* The texts of both, each once; NULL counts as none. In the arena. */
char **container_vector_union(struct arena *arena, char *const *first, char *const *second);

void container_event(struct engine *engine, const char *id, const char *action, const char *key,
        const char *value);

/* The same with attributes that were read while there was a row. In the arena; "" when there is none. */
const char *container_event_attributes(struct engine *engine, struct arena *arena, const char *id);
void container_event_with(struct engine *engine, const char *id, const char *attributes,
        const char *action, const char *key, const char *value);

/* ---- the two locks ---- */

/* The command's lock RUN/locks/ID: around start, stop, remove and the like; whoever gets it never meets a
 * container that is half started. Descriptor. *ret_status
 * (NULL: not wanted) is the row's then, as container_row_status tells it. */
int container_lock(struct engine *engine, const char *id, enum container_status *ret_status,
        struct error **err);

/* RUN/containers/ID: descriptor, or -ENOENT without an error object when it is not there. */
int container_open_run_dir(struct engine *engine, const char *id, bool create, struct error **err);

/* The run's lock in that directory, held by whoever is responsible for the run: the command that starts it,
 * its monitor, the teardown. Descriptor, or -EWOULDBLOCK when `wait` is false and -ENOENT when
 * the directory was removed, both without an error object. */
int container_lock_run(int run_dir_fd, bool wait, struct error **err);

/* True while somebody holds the run's lock. */
bool container_run_is_owned(struct engine *engine, const char *id);

/* ROOT/containers/ID as a descriptor. */
int container_open_dir(struct engine *engine, const char *id, struct error **err);

/* ---- names (names.c) ---- */

bool container_name_is_valid(const char *name);
char *container_generate_name(struct arena *arena); /* adjective_surname */
/* Valid and free (create.c), or Docker's words. */
int container_check_name(struct engine *engine, const char *name, struct error **err);

/* The wanted name, or one that is free now; the transaction has the last word. In the arena. */
int container_choose_name(struct engine *engine, struct arena *arena, const char *wanted,
        const char **ret, struct error **err);

/* ---- creating (create.c, merge.c, mounts.c) ---- */

struct pod;

/* container_create; with a pod (NULL: none) the container becomes its infra container, which has no image, and the pod's
 * row is made with it. */
int container_create_in(struct engine *engine, const struct container_config *config,
        const struct pod *pod, char ret_id[static CONTAINER_ID_HEX + 1], struct diag *diag,
        struct error **err);

/* What the container will be: `config` over the image's, checked; everything in the arena. */
int container_merge_config(struct arena *arena, const struct container_config *config,
        const struct image *image, struct container_config *ret, struct diag *diag,
        struct error **err);

/* The mounts of config->volumes_from, where config has none of its own (adopt.c). */
int container_adopt_volumes(struct engine *engine, struct arena *arena,
        struct container_config *config, struct error **err);

/* Settles config->systemd, and adds what systemd needs if that is the program. */
int container_adopt_systemd(struct engine *engine, struct arena *arena, const char *image_id,
        struct container_config *config, struct error **err);

/* Docker's rules for limits, alone and together. */
int container_check_limits(struct container_config *config, struct error **err);

/* --userns=auto (auto-ids.c): how many ids the image's users want, unless that was given; and, in the transaction that
 * makes the container's row, as many of those that /etc/subuid has for "containers" and no other container has. */
int container_size_ids(struct engine *engine, const char *image_id, struct container_config *config,
        struct error **err);
int container_allocate_ids(struct engine *engine, struct arena *arena,
        struct container_config *config, struct error **err);

/* Links (links.c): the names of containers are looked up, and become aliases on a network of the user's. */
int container_adopt_links(struct engine *engine, struct arena *arena,
        struct container_config *config, struct error **err);

/* What those of the default bridge are at a start. In the arena. */
struct container_links {
    char **env;           /* NULL-terminated */
    struct strings hosts; /* "name name:address" */
};
int container_resolve_links(struct engine *engine, struct arena *arena, const struct container *c,
        struct container_links *ret, struct error **err);

/* ---- the network of a run (run-network.c) ---- */

struct network_start;
struct network_start_options;
struct network_connect_options;
struct strmap;

/* What network_prepare_start and network_update are given. In the arena, or borrowed from `c`. */
int container_network_options(struct arena *arena, const struct container *c,
        struct network_start_options *ret, struct error **err);

/* The same of one network, behind the others. `driver_options` is filled in the arena. */
struct network_connect_options container_connect_options(struct arena *arena,
        const struct container_network *network, struct strmap *driver_options);

/* hosts, hostname and resolv.conf in ROOT/containers/ID (dir_fd), before a run or while it is under way. */
int container_write_names(struct arena *arena, const struct container *c, const char *hostname,
        const struct network_start *network, const struct container_links *links, bool is_running,
        int dir_fd, struct error **err);

struct oci_mount_source;

/* ":U" (owned-sources.c): the sources belong to the user that the container runs as, with all that is in them. */
int container_own_sources(struct engine *engine, struct arena *arena, const struct container *c,
        struct oci_mount_source *sources, struct error **err);

struct sweep;

/* Fills in names of anonymous volumes, makes host paths and volumes, copies first contents up. */
int container_prepare_mounts(struct engine *engine, struct arena *arena, const char *id,
        const char *image_id, struct container_config *config, struct sweep *sweep,
        struct error **err);

/* ---- running (bundle.c, start.c, stop.c, teardown.c) ---- */

struct container_run_options {
    int lock_fd; /* container_lock's, which the caller holds; borrowed */
    int restart_count;
    unsigned attach; /* enum control_attach */
    bool own_teardown;
    uint16_t console_height, console_width;
};

/* Everything that a monitor needs, into the directory of the run; also makes the network ready. */
int container_write_bundle(struct engine *engine, struct container *c,
        const struct container_run_options *options, int run_dir_fd, struct error **err);

/* Its limits on this machine, as linux.resources without devices. New reference. */
int container_limits(const struct container *c, json_t **ret, struct error **err);

/* Starts the container; the caller holds container_lock and knows that no run of it is alive. The monitor shares
 * that lock until the start is through: when the command dies meanwhile, the next one waits for the outcome. *ret_control
 * (may be NULL) is the connection to its monitor. On failure the row tells why, and *ret_exit_code is 125 to 128. */
int container_run(struct engine *engine, struct container *container,
        const struct container_run_options *options, struct control **ret_control,
        int *ret_exit_code, struct error **err);

/* What every change begins with: finds the container, takes its lock (*ret_lock, given), makes a run final whose
 * owner died, and reads what is there then. */
int container_begin(struct engine *engine, struct arena *arena, const char *reference,
        struct container **ret, int *ret_lock, struct error **err);

/* The connection to its monitor, or NULL when none listens. */
int container_connect(
        struct engine *engine, const char *id, struct control **ret, struct error **err);

/* Kills a container whose lock is held, and makes the run final; 1, or 0 when it did not run. */
int container_end_run(struct engine *engine, const struct container *c, struct error **err);

/* Where a container's control groups lie, in every hierarchy. cgroup_parent NULL or "": berth's own. */
const char *container_cgroup_path(struct arena *arena, const char *cgroup_parent, const char *id);

/* Makes the run final: network, control groups, row (or all of the container with --rm), directory. The
 * caller holds the run's lock; run_dir_fd is -EBADF when there is no directory. With ret_network_is_left the network may be left to
 * container_teardown (network_teardown_quickly), which must follow when *ret_network_is_left is true. */
int container_finish_run(struct engine *engine, const char *id, int run_dir_fd,
        bool *ret_network_is_left, struct error **err);

/* With container_lock held: waits until nobody owns the run, and makes it final if nobody did. */
int container_settle(struct engine *engine, const char *id, struct error **err);

/* container_remove also of a pod's infra container. */
int container_remove_in(struct engine *engine, const char *reference,
        const struct container_remove_options *options, struct error **err);

/* Tells a container to stop, as container_stop does, and does not wait for it. 0 also when it does not run. */
int container_begin_stop(
        struct engine *engine, const char *id, int64_t timeout_sec, struct error **err);

/* Removes RUN/containers/ID. */
int container_remove_run_dir(struct engine *engine, const char *id, struct error **err);

/* With nothing running: row and files go; with `volumes` its anonymous volumes that no other container uses. */
int container_remove_all(struct engine *engine, const char *id, bool volumes, struct error **err);
