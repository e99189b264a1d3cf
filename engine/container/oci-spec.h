/* A container's configuration as an OCI runtime configuration (config.json). A pure function: whatever depends on
 * the machine is in the inputs. What the monitor decides for itself (user, overlay, network namespace, seccomp
 * filter, init) is not in the result but in monitor.json. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/container/container.h"
#include "engine/runtime/id-mapping.h"

struct arena;
struct error;

/* What a mount of the configuration became on this machine, one per entry of config.mounts. */
struct oci_mount_source {
    const char *source;  /* absolute directory or file, or a volume's device */
    const char *type;    /* NULL: a bind */
    const char *options; /* of the file system, comma-separated; NULL */
    const char *subdir;  /* below a bind's source; NULL: itself */
    const char *top_dir; /* what a layer lies over; NULL: there is none */
    bool is_volatile;    /* a volume whose contents end with its last user */
};

/* One per entry of the container's mounts; missing host paths are made where that was asked for. Layers over a source
 * (":O", writable images) lie in `layers_dir` (absolute), as container_prepare_layers makes them; NULL: nobody is going
 * to write, and nothing is going to run: the source itself will do. With it, volumes of devices are mounted, for the
 * container until volume_leave_all. In the arena. */
struct engine;
int oci_mounts_resolve(struct engine *engine, struct arena *arena, const struct container *c,
        const char *layers_dir, struct oci_mount_source **ret, struct error **err);

struct oci_device {
    const char *path; /* in the container */
    char type;        /* 'c' or 'b' */
    uint32_t major, minor;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    const char *permissions;
};

struct oci_devices {
    struct oci_device *items;
    size_t len, cap;
};

/* The nodes of config.devices (a directory stands for all below it), or all of /dev with privileged (devices.c). In
 * the arena. */
int oci_devices_resolve(struct arena *arena, const struct container_config *config,
        struct oci_devices *devices, struct error **err);

/* The device of each entry of config.io_limits, in the arena. */
struct oci_io_device {
    uint32_t major, minor;
};
int oci_io_devices_resolve(struct arena *arena, const struct container_config *config,
        struct oci_io_device **ret, struct error **err);

#define OCI_SHM_DEFAULT_BYTES (UINT64_C(64) << 20)

/* Namespaces that can be another container's (joined.h). */
enum oci_joined {
    OCI_JOINED_IPC,
    OCI_JOINED_PID,
    OCI_JOINED_UTS,
    OCI_JOINED_CGROUP,
    OCI_JOINED_MAX_
};

struct oci_spec_input {
    const struct container *container;
    const char *hostname;
    const char *container_dir; /* ROOT/containers/ID */
    const char *files_dir;     /* where the content of config.files lies for this run */
    const char *names_dir; /* where hosts, hostname and resolv.conf lie; NULL: none are mounted */
    const char *cgroup_path;
    const char *
            notify_dir; /* holds the socket for its own messages to the service manager; NULL: none */
    uint64_t capabilities; /* from oci_spec_capabilities */
    bool cgroup_v2;
    bool has_swap_accounting;
    unsigned thermal_cpus;                         /* CPUs whose thermal_throttle is to be hidden */
    struct id_mappings uid_mappings, gid_mappings; /* empty: no user namespace */
    char **link_env;                               /* likewise, below what the user says */
    char **secret_env;                             /* "KEY=value", NULL-terminated; NULL: none */
    const struct oci_mount_source *mounts;
    const struct oci_device *devices; /* asked for, or with privileged all of the host's */
    size_t device_count;
    const struct oci_io_device *io_devices; /* one per entry of config.io_limits */
    const char *joined[OCI_JOINED_MAX_];    /* paths of other containers' namespaces; NULL: none */
    const char *shm_dir; /* what is mounted on /dev/shm; NULL: memory of its own */
};

/* The bounding set: Docker's default, adds and drops, within what the engine has itself. */
uint64_t oci_spec_capabilities(const struct container_config *config, uint64_t own);

/* The paths that are hidden in the container, or read-only, as inspect lists them; null: none are. New reference. */
json_t *oci_spec_path_list(const struct container_config *config, bool masked);

/* The resources of the configuration without its devices. New reference. */
json_t *oci_spec_limits(const struct oci_spec_input *input);

/* New reference. */
int oci_spec_build(const struct oci_spec_input *input, json_t **ret, struct error **err);

/* The `security_opt` entry "key=value" or "key:value"; "" for a bare key, NULL when it is not there. */
const char *oci_security_option(const struct container_config *config, const char *key);
