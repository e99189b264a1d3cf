/* What exists of a project at one moment: its containers, networks, volumes and images, as plain data.
 * A backend fills it in (compose/backend.h, `observe`), the planner compares it with what the files
 * ask for. Nothing here looks at the machine, and nothing here is kept up to date: after a plan was
 * run, observe again.
 *
 * Everything lives in the arena that `observe` was given. Texts are NULL where the backend knows
 * nothing; maps of labels hold `char *`. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/digest.h"
#include "base/strmap.h"

/* Docker's words for State.Status. */
enum observed_status {
    OBSERVED_CREATED,
    OBSERVED_RUNNING,
    OBSERVED_PAUSED,
    OBSERVED_RESTARTING,
    OBSERVED_REMOVING,
    OBSERVED_EXITED,
    OBSERVED_DEAD,
    OBSERVED_STATUS_MAX_,
    OBSERVED_STATUS_INVALID = -EINVAL,
};

/* Docker's words for State.Health.Status. */
enum observed_health {
    OBSERVED_HEALTH_NONE, /* no healthcheck, or none yet known */
    OBSERVED_HEALTH_STARTING,
    OBSERVED_HEALTH_HEALTHY,
    OBSERVED_HEALTH_UNHEALTHY,
    OBSERVED_HEALTH_MAX_,
    OBSERVED_HEALTH_INVALID = -EINVAL,
};

const char *observed_status_name(enum observed_status status);
enum observed_status observed_status_from_name(const char *name); /* or OBSERVED_STATUS_INVALID */
const char *observed_health_name(enum observed_health health);
enum observed_health observed_health_from_name(const char *name);

/* A volume that is mounted in a container. */
struct observed_mount {
    const char *volume; /* its name */
    const char *target; /* absolute path in the container */
    bool anonymous;     /* made for the container, not named by anybody */
};
struct observed_mounts {
    struct observed_mount *items;
    size_t len, cap;
};

/* A network that a container is (when it runs) connected to. */
struct observed_endpoint {
    const char *network_id, *network_name;
};
struct observed_endpoints {
    struct observed_endpoint *items;
    size_t len, cap;
};

/* What is so of a container now, beside what was asked for: only what `container_examine` looked at. */
struct observed_facts {
    bool runs;
    int64_t memory_bytes, nano_cpus, pids; /* limits; 0: none */
    struct strings mount_points;           /* absolute, in the container; of one that runs */
};

struct observed_container {
    const char *id; /* 64 hex digits, or whatever the backend calls its own; unique */
    const char *name;
    const char *project;  /* label com.docker.compose.project */
    const char *service;  /* label com.docker.compose.service; "" for none */
    unsigned number;      /* label com.docker.compose.container-number; 0 when it has none */
    bool oneoff;          /* made by `run` */
    const char *replaces; /* label com.docker.compose.replace: stands in for the container of that
                              * name until it is renamed; NULL for none */
    const char *config_hash; /* label com.docker.compose.config-hash */
    const char *model; /* the normalised service as JSON that it was created from; NULL unknown */
    const char *image; /* reference as it was asked for */
    const char *image_id; /* what that was when the container was created */
    enum observed_status status;
    enum observed_health health;
    int exit_code; /* valid for OBSERVED_EXITED and OBSERVED_DEAD */
    bool auto_remove;
    int64_t created_nsec;
    struct strmap labels;
    struct observed_endpoints networks;
    struct observed_mounts mounts;
    const struct observed_facts *facts; /* NULL: not looked at */
    const void *origin; /* what the backend has it from, for who knows the backend; NULL: nothing */
};

struct observed_network {
    const char *id, *name;
    const char *project, *key; /* labels com.docker.compose.project and .network; NULL for none */
    const char *config_hash;
    const char *driver;
    struct strings users; /* ids of the containers that have it in use, of this project or not; one
                           * that has ended may have it a moment longer than its status says */
};

struct observed_volume {
    const char *name;
    const char *project, *key; /* labels com.docker.compose.project and .volume; NULL for none */
    const char *config_hash;
    const char *driver;
    size_t users; /* containers that mount it, running or not, of this project or not */
};

struct observed_image {
    const char *reference; /* as it was asked for in the query */
    const char *id;        /* NULL: it is not here */
    int64_t updated_nsec;  /* when the name was last pulled, built or tagged; 0 unknown */
    const char *project,
            *service; /* labels of an image that was built for a service; NULL for none */
};

/* What the engine keeps of the project itself. */
struct observed_project {
    const char *directory; /* that it belongs to, absolute; NULL: not known */
    const char
            *applied; /* what the last `up` was to make (compose/plan-applied.c); NULL: not known */
};

struct observed_state {
    struct observed_project project;
    struct {
        struct observed_container *items;
        size_t len, cap;
    } containers;
    struct {
        struct observed_network *items;
        size_t len, cap;
    } networks;
    struct {
        struct observed_volume *items;
        size_t len, cap;
    } volumes;
    struct {
        struct observed_image *items;
        size_t len, cap;
    } images;
};

#define OBSERVED_STATE_INIT \
    {                       \
        .project = { 0 }    \
    }

/* A digest of all that a plan may hang on, the same for the same state in whatever order it was seen. How far a
 * healthcheck has come is left out: a plan made while something gets healthy stays good. */
void observed_state_digest(const struct observed_state *state, char text[static DIGEST_TEXT_MAX]);

/* Look-ups; NULL when there is none. Borrowed from the state. */
const struct observed_container *observed_find_container(
        const struct observed_state *state, const char *id);
const struct observed_container *observed_find_container_name(
        const struct observed_state *state, const char *name);
const struct observed_network *observed_find_network(
        const struct observed_state *state, const char *name);
const struct observed_volume *observed_find_volume(
        const struct observed_state *state, const char *name);
const struct observed_image *observed_find_image(
        const struct observed_state *state, const char *reference);

/* Running, restarting or paused: there is a process, or soon will be again. */
bool observed_container_is_active(const struct observed_container *container);

bool observed_container_is_on_network(
        const struct observed_container *container, const struct observed_network *network);
bool observed_container_mounts(const struct observed_container *container, const char *volume);

/* Fills service, number, oneoff, project, replaces and config_hash from container->labels: one reading
 * of the labels for all backends. */
void observed_container_read_labels(struct observed_container *container);

/* The labels themselves. */
#define LABEL_PROJECT "com.docker.compose.project"
#define LABEL_SERVICE "com.docker.compose.service"
#define LABEL_NUMBER "com.docker.compose.container-number"
#define LABEL_ONEOFF "com.docker.compose.oneoff"
#define LABEL_CONFIG_HASH "com.docker.compose.config-hash"
#define LABEL_IMAGE "com.docker.compose.image"
#define LABEL_VERSION "com.docker.compose.version"
#define LABEL_DEPENDS_ON "com.docker.compose.depends_on"
#define LABEL_WORKING_DIR "com.docker.compose.project.working_dir"
#define LABEL_CONFIG_FILES "com.docker.compose.project.config_files"
#define LABEL_ENVIRONMENT_FILE "com.docker.compose.project.environment_file"
#define LABEL_REPLACE "com.docker.compose.replace"
#define LABEL_SLUG "com.docker.compose.slug"
#define LABEL_NETWORK "com.docker.compose.network"
#define LABEL_VOLUME "com.docker.compose.volume"
