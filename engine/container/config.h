/* Everything that was asked of a container: Docker's Config and HostConfig in one typed struct. The
 * commands and compose's backend fill it in; container_create merges the image's configuration into a
 * copy and stores that as JSON in the container's row, from where start and inspect read it back.
 *
 * Plain data: texts and arrays are borrowed from whoever built it (usually an arena). Vectors of texts
 * are NULL-terminated; NULL means "not given", which for entrypoint and cmd differs from an empty vector.
 * Zero is "not given" for every number unless its line says otherwise, so a struct starts as
 * CONTAINER_CONFIG_INIT. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

struct arena;
struct error;

struct container_pair {
    const char *key, *value;
};
struct container_pairs {
    struct container_pair *items;
    size_t len, cap;
};

enum container_network_mode {
    CONTAINER_NETWORK_PRIVATE, /* a network namespace with an interface per entry of `networks` */
    CONTAINER_NETWORK_HOST,
    CONTAINER_NETWORK_NONE,      /* a network namespace with lo alone */
    CONTAINER_NETWORK_CONTAINER, /* that of `network_container` */
    CONTAINER_NETWORK_MODE_MAX_,
    CONTAINER_NETWORK_MODE_INVALID = -22,
};
extern const char *const container_network_mode_names[CONTAINER_NETWORK_MODE_MAX_];

struct container_network {
    const char *network;     /* name or id; "bridge" is the default network */
    const char *ipv4, *ipv6; /* wanted addresses; NULL: the next free ones */
    char **link_local;       /* further addresses */
    const char *mac;         /* wanted; NULL: random */
    char **aliases;
    int64_t gw_priority;                   /* the highest has the default route */
    struct container_pairs driver_options; /* of the endpoint */
};
struct container_networks {
    struct container_network *items;
    size_t len, cap;
};

struct container_port {
    const char *host_ip;     /* NULL: every address */
    uint16_t host_port;      /* 0: an ephemeral one */
    uint16_t host_port_last; /* above host_port: the first free one of the range; else 0 */
    uint16_t container_port;
    const char *protocol; /* "tcp" or "udp"; NULL: tcp */
};
struct container_ports {
    struct container_port *items;
    size_t len, cap;
};

enum container_mount_type {
    CONTAINER_MOUNT_BIND,
    CONTAINER_MOUNT_VOLUME,
    CONTAINER_MOUNT_TMPFS,
    CONTAINER_MOUNT_IMAGE, /* the files of an image */
    CONTAINER_MOUNT_DEVPTS,
    CONTAINER_MOUNT_RAMFS,
    CONTAINER_MOUNT_TYPE_MAX_,
    CONTAINER_MOUNT_TYPE_INVALID = -22,
};
extern const char *const container_mount_type_names[CONTAINER_MOUNT_TYPE_MAX_];

struct container_mount {
    enum container_mount_type type;
    const char *
            source; /* bind: absolute host path; volume: name, NULL or "": anonymous; image: reference; else NULL */
    const char *target; /* absolute path in the container, not "/" */
    bool read_only;
    const char *propagation; /* "rprivate" …; NULL: rprivate. bind only */
    bool create_host_path;   /* bind: a missing source becomes a directory */
    bool non_recursive;      /* bind: only the mount itself (bind-recursive=disabled) */
    bool writable_below;     /* bind, read_only: but what is mounted below it is not */
    bool overlay;            /* bind, volume: what is written is gone with the run (":O") */
    bool chown;          /* the source belongs to the container's user from each start on (":U") */
    const char *options; /* bind, volume, tmpfs: "noexec,nodev …"; NULL */
    bool no_copy;        /* volume: no copy-up of the image's content */
    const char *subpath; /* bind, volume, image: below its root, wherever links within it lead */
    const char *volume_driver;             /* for a volume that does not exist yet; NULL: local */
    struct container_pairs volume_options; /* likewise */
    struct container_pairs volume_labels;  /* likewise */
    uint64_t tmpfs_size_bytes;
    int32_t tmpfs_mode;        /* -1: not given (01777) */
    const char *tmpfs_options; /* options of a tmpfs, ramfs or devpts, "size=1m,exec"; NULL */
    bool from_short_form;      /* given as -v, for inspect's Binds */
    /* Set by container_create, never by callers: */
    bool anonymous;  /* a volume of which source is the made-up name */
    bool from_image; /* because the image says VOLUME */
};
struct container_mounts {
    struct container_mount *items;
    size_t len, cap;
};

/* A secret or a config: one file at `target`, either a host file that is bound read-only as it is, or
 * content that is copied in with owner and mode. */
struct container_file {
    const char *target;      /* absolute path in the container */
    const char *source_path; /* absolute; NULL: content */
    const char *content;     /* borrowed; not stored in the row, but as a file of the container's */
    size_t content_len;
    const char
            *secret; /* instead of content: one of the store, as it is when the container is made */
    int32_t mode;    /* of content; -1: 0444 */
    uint32_t uid, gid; /* of content */
    bool is_secret;
};
struct container_files {
    struct container_file *items;
    size_t len, cap;
};

struct container_ulimit {
    const char *name;   /* "nofile" */
    int64_t soft, hard; /* -1: unlimited */
};
struct container_ulimits {
    struct container_ulimit *items;
    size_t len, cap;
};

struct container_device {
    const char *host_path, *container_path;
    const char *permissions; /* "rwm" */
};
struct container_devices {
    struct container_device *items;
    size_t len, cap;
};

/* A limit of one block device: kind is one of container_io_kinds. */
struct container_io_limit {
    const char *kind, *path;
    uint64_t value; /* weight, bytes or operations per second */
};
struct container_io_limits {
    struct container_io_limit *items;
    size_t len, cap;
};
enum container_io_kind {
    CONTAINER_IO_WEIGHT,
    CONTAINER_IO_READ_BPS,
    CONTAINER_IO_WRITE_BPS,
    CONTAINER_IO_READ_IOPS,
    CONTAINER_IO_WRITE_IOPS,
    CONTAINER_IO_KIND_MAX_,
    CONTAINER_IO_KIND_INVALID = -22,
};
extern const char *const container_io_kinds[CONTAINER_IO_KIND_MAX_];

/* Zero and NULL mean "as the image says, else Docker's default". */
struct container_health {
    char **test; /* {"NONE"}, {"CMD", …} or {"CMD-SHELL", text} */
    int64_t interval_usec, timeout_usec, start_period_usec, start_interval_usec;
    int64_t retries;
};

enum container_restart {
    CONTAINER_RESTART_NO,
    CONTAINER_RESTART_ALWAYS,
    CONTAINER_RESTART_ON_FAILURE,
    CONTAINER_RESTART_UNLESS_STOPPED,
    CONTAINER_RESTART_MAX_,
    CONTAINER_RESTART_INVALID = -22,
};
extern const char *const container_restart_names[CONTAINER_RESTART_MAX_];

#define CONTAINER_STOP_TIMEOUT_UNSET (-2) /* ten seconds then */
#define CONTAINER_STOP_TIMEOUT_NEVER (-1)
#define CONTAINER_STOP_TIMEOUT_DEFAULT_SEC 10
/* Below a service's own group: where its monitor is, since a group with limits for groups below it has no
 * processes itself (cgroup v2). */
#define CONTAINER_SUPERVISOR_CGROUP "supervisor"

struct container_config {
    const char *name;  /* NULL: one is made up */
    const char *image; /* reference or id as the user gave it */
    const char *
            rootfs; /* instead of an image: an absolute directory of the machine; image is "" then */
    bool rootfs_overlay; /* it stays as it is: what the container writes goes to a layer of its own */

    /* The process. */
    char **entrypoint;                 /* NULL: the image's; {""} and {}: none */
    char **cmd;                        /* NULL: the image's, unless entrypoint was given */
    char **env;                        /* "KEY=value" */
    char **unset_env;                  /* names that neither the image nor the engine sets */
    bool unset_all_env;                /* all of these */
    struct container_pairs secret_env; /* variables with the names of secrets, read at each start */
    const char *user, *working_dir, *hostname, *domainname;
    char **group_add;
    bool tty, open_stdin, init;
    const char *stop_signal;
    int64_t stop_timeout_sec;
    char **shell;            /* the image's; for CMD-SHELL probes */
    const char *umask;       /* octal; NULL: 022 */
    const char *personality; /* "LINUX32"; NULL: as the machine */
    /* Podman's --systemd: "always", "false"; NULL and "true": when the command is systemd. Set by container_create to
     * "always" or NULL. */
    const char *systemd;

    /* The file system. */
    bool read_only;
    struct container_mounts mounts;
    char **volumes; /* paths of anonymous volumes (image VOLUME, -v /path) */
    const char *
            image_volumes; /* what becomes of the image's: "tmpfs", "ignore"; NULL: anonymous volumes */
    char **volumes_from; /* containers, whose mounts it has too: "NAME[:ro|rw]" */
    struct container_files files;
    uint64_t shm_size_bytes;

    /* The network. */
    enum container_network_mode network_mode;
    const char *network_container; /* id or name */
    struct container_networks networks;
    struct container_ports ports;
    char **exposed_ports; /* "80/tcp" */
    bool publish_all;
    char **links;               /* "CONTAINER:ALIAS" on the default bridge (links.c) */
    bool no_hosts, no_hostname; /* /etc/hosts and /etc/hostname are the image's */
    char **extra_hosts;         /* "name:address" */
    const char *hosts_file;     /* absolute; its lines are in /etc/hosts, too; NULL: none */
    char **dns, **dns_search, **dns_options;

    /* Rights. */
    bool privileged;
    char **cap_add, **cap_drop;
    char **security_opt;
    char **device_cgroup_rules;
    char **uid_maps, **gid_maps; /* "CONTAINER:HOST:SIZE": a user namespace (user-namespace.h) */
    /* --userns=auto: so many further ids that no other container has. Set by container_create, which adds them to
     * the maps. */
    bool auto_ids;
    int64_t auto_ids_size;
    const char *subuid_name,
            *subgid_name; /* users of /etc/subuid and /etc/subgid whose ids become the maps */
    struct container_devices devices;
    char **cdi_devices; /* "vendor/class=name" */
    struct container_pairs sysctls;
    const char *pid_mode, *ipc_mode, *uts_mode, *cgroupns_mode,
            *userns_mode; /* NULL, "host", "private", "container:NAME" (joined.h; not userns), ipc: "shareable" */

    /* Limits. */
    int64_t memory_bytes, memory_swap_bytes /* -1: unlimited */, memory_reservation_bytes;
    int64_t nano_cpus, cpu_shares, cpu_period_usec, cpu_quota_usec;
    const char *cpuset_cpus, *cpuset_mems;
    int64_t cpu_rt_period_usec, cpu_rt_runtime_usec;
    int64_t pids_limit; /* -1: unlimited */
    int64_t blkio_weight;
    struct container_io_limits io_limits;
    bool has_memory_swappiness;
    int64_t memory_swappiness;
    bool oom_kill_disable;
    bool has_oom_score_adj;
    int64_t oom_score_adj;
    struct container_ulimits ulimits;
    const char *runtime; /* name or absolute path of an OCI runtime; NULL: the embedded one */
    struct container_pairs cgroup_files; /* cgroup v2: file names and what is written to them */
    const char *cgroup_parent;
    bool monitor_in_parent; /* the monitor's group lies below cgroup_parent, too (a service's own group) */
    const char *
            notify; /* when a service manager is told that it is ready: monitor_ready_names; NULL: never */
    const char *unit; /* of systemd's, to which it belongs; NULL: none, or not known */
    bool unit_log;    /* the log driver is the unit's choice, since nobody made one */

    /* Its life. */
    enum container_restart restart;
    int64_t restart_max_retries;
    bool auto_remove;
    const char *pid_file, *monitor_pid_file; /* written at each start; NULL: none */
    bool has_health;
    struct container_health health;
    struct container_health startup_health;     /* Podman's: comes first; test NULL: none */
    int64_t startup_success;                    /* how often in a row it has to succeed; 0: once */
    int64_t health_log_count, health_log_bytes; /* 0: Docker's 5 and 4096 */
    int64_t timeout_sec;                        /* a run is killed after it; 0: never */
    const char *health_on_failure;              /* monitor_unhealthy_names; NULL: nothing happens */
    const char *log_driver;                     /* NULL: json-file */
    struct container_pairs log_options;
    struct container_pairs labels, annotations;

    /* Compose's; opaque but for the columns that listing filters by. */
    const char *project, *service;
    int64_t number;
    bool oneoff;
    const char *pod; /* name or id of the pod it belongs to; its own column, not part of the JSON */
    const char *
            pod_init; /* POD_INIT_ONCE, POD_INIT_ALWAYS: it runs to its end before the pod's others start; NULL: it is one of these */
    const char
            *model; /* JSON text of the normalised service; its own column, not part of the JSON */
};

#define CONTAINER_CONFIG_INIT                            \
    {                                                    \
        .stop_timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET \
    }

/* New reference. What has its default value is left out. `content` of files and `model` are not in it. */
json_t *container_config_to_json(const struct container_config *config);

/* The reverse, from its text; texts are copied into the arena. Unknown members are ignored (a newer berth may have
 * written them), members of a wrong type are -EINVAL. */
int container_config_from_text(
        struct arena *arena, const char *text, struct container_config *ret, struct error **err);

/* An object of texts, and the reverse from its text in a row. New reference; in the arena. */
json_t *container_pairs_to_json(const struct container_pairs *pairs);
int container_pairs_from_text(
        struct arena *arena, const char *text, struct container_pairs *ret, struct error **err);

/* The value of a label or NULL. */
const char *container_pairs_get(const struct container_pairs *pairs, const char *key);

/* `filter` is "key" or "key=value". */
bool container_pairs_match(const struct container_pairs *pairs, const char *filter);

size_t container_vector_len(char *const *vector); /* 0 for NULL */
