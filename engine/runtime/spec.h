/* An OCI runtime configuration (config.json, Linux part of runtime-spec 1.2) as typed data,
 * checked once when it is read: whoever executes it meets no unknown mount option, capability or
 * namespace any more. This module makes no system call. What the specification knows and berth
 * does not do is an error, never ignored: Intel RDT, network devices, sections of other platforms.
 * Members that the specification does not know are ignored, as it demands; values that the kernel
 * may not know (capabilities) are left out with a warning.
 *
 *     struct arena arena = ARENA_INIT;
 *     struct runtime_spec *spec;
 *     int r = runtime_spec_parse(&arena, json, &spec, err);
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/array.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/hooks.h"
#include "engine/runtime/id-mapping.h"
#include "engine/runtime/resources.h"
#include "engine/runtime/scheduling.h"

struct arena;
struct error;

enum namespace_type {
    NAMESPACE_MOUNT,
    NAMESPACE_UTS,
    NAMESPACE_IPC,
    NAMESPACE_PID,
    NAMESPACE_NETWORK,
    NAMESPACE_CGROUP,
    NAMESPACE_TIME,
    NAMESPACE_USER,
    NAMESPACE_MAX_,
    NAMESPACE_INVALID = -22,
};

enum namespace_mode {
    NAMESPACE_HOST,    /* not listed: the monitor's own */
    NAMESPACE_PRIVATE, /* listed without a path: a new one */
    NAMESPACE_JOIN,    /* listed with a path */
};

struct runtime_namespace {
    enum namespace_mode mode;
    const char *path; /* NAMESPACE_JOIN only */
};

struct runtime_rlimit {
    int resource; /* RLIMIT_… */
    const char *name;
    struct rlimit value;
};

struct runtime_process {
    bool terminal;
    uint16_t console_height, console_width; /* 0: unset */
    uid_t uid;
    gid_t gid;
    mode_t umask; /* 0022 unless the configuration says otherwise */
    gid_t *groups;
    size_t group_count;
    char **args; /* NULL-terminated, at least one */
    char **env;  /* NULL-terminated */
    const char *cwd;
    struct capability_sets capabilities;
    struct runtime_rlimit *rlimits;
    size_t rlimit_count;
    bool no_new_privileges;
    bool has_oom_score_adj;
    int oom_score_adj;
    struct scheduling scheduling;
    const char *apparmor_profile, *selinux_label; /* NULL: none */
};

enum mount_idmap { MOUNT_IDMAP_NONE, MOUNT_IDMAP_TOP, MOUNT_IDMAP_RECURSIVE };

/* One mount, its options resolved by the table in mount-options.c. */
struct runtime_mount {
    const char *destination; /* absolute, cleaned */
    const char *type;        /* "bind" for binds, else the file system; "cgroup" is v1 or v2 */
    const char *source;
    const char *subdir;  /* of a bind's source, looked up with the source as root; NULL: itself */
    const char *data;    /* options of the file system, joined by commas; NULL for none */
    unsigned long flags; /* MS_… to set; MS_BIND and MS_REC for binds */
    unsigned long flags_cleared; /* MS_… that the options take away again ("rw", "exec", …) */
    /* MOUNT_ATTR_… of "rro", "rnosuid", …: mount_setattr with AT_RECURSIVE */
    uint64_t recursive_set, recursive_cleared;
    unsigned long propagation; /* MS_PRIVATE, MS_SLAVE, …, with MS_REC; 0: as the root's */
    bool optional;             /* "nofail": a missing source is skipped */
    bool copy_up;              /* "tmpcopyup": a tmpfs begins with what it covers */
    enum mount_idmap idmap;
    struct id_mappings uid_mappings, gid_mappings; /* none: the user namespace's, with idmap */
};

struct runtime_device {
    char type; /* c, b, u (= c) or p */
    const char *path;
    uint32_t major, minor;
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

struct runtime_sysctl {
    const char *key; /* with dots, as in the configuration */
    const char *value;
};

struct runtime_annotation {
    const char *key, *value;
};

enum time_clock { TIME_MONOTONIC, TIME_BOOTTIME, TIME_CLOCK_MAX_ };

struct time_offset {
    bool is_set;
    int64_t sec;
    uint32_t nsec;
};

struct runtime_spec {
    const char *oci_version;
    const char *root_path; /* as given; relative ones belong to the bundle */
    bool root_readonly;
    const char *hostname, *domainname; /* NULL: not set */
    struct runtime_process process;
    struct runtime_mount *mounts;
    size_t mount_count;
    struct runtime_namespace namespaces[NAMESPACE_MAX_];
    struct runtime_device *devices;
    size_t device_count;
    struct runtime_sysctl *sysctls;
    size_t sysctl_count;
    struct id_mappings uid_mappings, gid_mappings; /* of a new user namespace; in the arena */
    struct time_offset time_offsets[TIME_CLOCK_MAX_];
    struct runtime_hooks hooks[HOOK_MAX_];
    struct runtime_annotation *annotations;
    size_t annotation_count;
    char **masked_paths, **readonly_paths; /* NULL-terminated */
    const char *mount_label;               /* SELinux; NULL: none */
    unsigned long rootfs_propagation;      /* MS_…|MS_REC of the container's root */
    const char *cgroups_path;              /* NULL: /berth/<id> */
    const char *cgroup_units;              /* "SLICE:PREFIX:NAME" in its place, for systemd */
    struct runtime_resources resources;
    const json_t
            *seccomp; /* borrowed from the JSON, for the command that compiles it; NULL for none */
    const char *seccomp_listener,
            *seccomp_metadata; /* a socket's path, and what it is told; NULL */
    /* What was left out, for whoever talks to the user: the specification wants it logged. */
    struct strings warnings;
};

/* Reads and checks `root` (borrowed). All of *ret lives in `arena` (texts are copied), except
 * ret->seccomp. -EINVAL names the member, -EOPNOTSUPP what is not supported. */
int runtime_spec_parse(
        struct arena *arena, const json_t *root, struct runtime_spec **ret, struct error **err);

/* One process object alone, as `exec --process` gets it. */
int runtime_process_parse(struct arena *arena, const json_t *process, struct runtime_process **ret,
        struct strings *ret_warnings, struct error **err);

/* Name in the specification ("mount", "uts", …) and clone flag (CLONE_NEWNS, …). */
extern const char *const namespace_type_names[NAMESPACE_MAX_];
uint64_t namespace_clone_flag(enum namespace_type type);

/* "nofile", in any case, without "RLIMIT_". */
bool runtime_rlimit_is_known(const char *name);

/* True when `key` is a sysctl that belongs to one of the container's own namespaces. */
bool runtime_sysctl_is_namespaced(const struct runtime_spec *spec, const char *key);
