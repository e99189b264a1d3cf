/* What is to be made of Kubernetes objects: volumes, secrets and pods with their containers, as plain data in which nothing
 * of Kubernetes' indirections is left. What only the machine knows (the images' variables, the pod's id, what is at a
 * path) stays open and is filled in by who carries the plan out. Planning makes no system call. */
#pragma once

#include "kube/objects.h"

struct diag;

enum kube_mount_kind {
    KUBE_MOUNT_HOST,   /* source: an absolute path */
    KUBE_MOUNT_VOLUME, /* source: the volume's name */
    KUBE_MOUNT_EMPTY, /* source: its name in the pod; one volume for all containers, gone with the pod */
    KUBE_MOUNT_MEMORY,
    KUBE_MOUNT_IMAGE,  /* source: the image */
    KUBE_MOUNT_DEVICE, /* source: an absolute path */
};

struct kube_mount_plan {
    enum kube_mount_kind kind;
    const char *source, *target;
    const char *host_type; /* HOST, DEVICE: "DirectoryOrCreate" …; "": anything */
    const char *sub_path, *propagation;
    const char *pull_policy; /* IMAGE */
    int64_t size_bytes;      /* MEMORY; 0: none */
    bool read_only;
    struct source at; /* of the volume */
};
struct kube_mount_plans {
    struct kube_mount_plan *items;
    size_t len, cap;
};

struct kube_health_plan {
    char **test; /* {"CMD", …} or {"CMD-SHELL", text}; NULL: no check */
    int64_t period_sec, timeout_sec, start_period_sec, retries, successes;
};

struct kube_variable {
    const char *name, *value; /* NULL value: the pod's id */
};
struct kube_variables {
    struct kube_variable *items;
    size_t len, cap;
};

enum kube_init { KUBE_INIT_NO, KUBE_INIT_ONCE, KUBE_INIT_ALWAYS };

struct kube_container_plan {
    const char *name, *short_name; /* "web-nginx", "nginx" */
    const char *image;
    const char *pull_policy; /* "always", "missing", "never", "newer" */
    enum kube_init init;
    char **command, **args; /* NULL: the image's */
    struct kube_variables env;
    const char *working_dir, *user, *stop_signal;
    char **groups;
    bool tty, open_stdin, run_init, auto_remove;
    struct kube_mount_plans mounts;
    struct strings volumes_from;
    int64_t memory_bytes, memory_reservation_bytes, nano_cpus, cpu_shares, pids_limit;
    const char *cpuset_cpus, *cpuset_mems;
    struct strings ulimits;
    bool privileged, read_only;
    struct strings cap_add, cap_drop, security_opt;
    struct kube_health_plan health, startup;
    bool restart_unhealthy;
    const char *restart; /* "always", "on-failure", "no" */
    struct kube_number stop_timeout_sec;
    const char *notify; /* sd_notify: "container", "healthy", "conmon", "ignore" */
    struct kube_pairs labels, annotations;
    struct source at;
};
struct kube_container_plans {
    struct kube_container_plan *items;
    size_t len, cap;
};

struct kube_port_plan {
    const char *host_ip, *protocol;
    uint16_t host_port, container_port;
};
struct kube_port_plans {
    struct kube_port_plan *items;
    size_t len, cap;
};

struct kube_file_plan {
    const char *path;
    const uint8_t *data;
    size_t len;
    unsigned mode;
};
/* A named volume with files from a config map or a secret. */
struct kube_files_plan {
    const char *volume;
    struct {
        struct kube_file_plan *items;
        size_t len, cap;
    } files;
};
struct kube_files_plans {
    struct kube_files_plan *items;
    size_t len, cap;
};

struct kube_pod_plan {
    const char *name, *hostname;
    const char *infra_name, *userns; /* NULL: not said */
    bool host_network, host_pid, host_ipc, share_pid;
    const char *restart;
    struct strings extra_hosts, dns, dns_search, dns_options;
    struct kube_pairs sysctls, labels;
    struct kube_port_plans ports;
    struct strings aliases; /* names in the networks */
    struct kube_files_plans files;
    struct kube_container_plans containers; /* those of the start first */
    struct source at;
};
struct kube_pod_plans {
    struct kube_pod_plan *items;
    size_t len, cap;
};

struct kube_claim_plan {
    const char *name, *driver;
    struct kube_pairs options, labels;
};
struct kube_claim_plans {
    struct kube_claim_plan *items;
    size_t len, cap;
};

struct kube_secret_plan {
    const char *name;
    const char *text; /* for the store */
    struct source at;
};
struct kube_secret_plans {
    struct kube_secret_plan *items;
    size_t len, cap;
};

/* In the order in which they are to be made. */
struct kube_plan {
    struct kube_claim_plans claims;
    struct kube_secret_plans secrets;
    struct kube_pod_plans pods;
};

struct kube_named_secret {
    const char *name;
    const struct kube_secret *secret;
};
struct kube_named_secrets {
    struct kube_named_secret *items;
    size_t len, cap;
};

struct kube_plan_options {
    bool publish_all, no_pod_prefix;
    const char *seccomp_root;                 /* where Localhost profiles are */
    struct kube_pairs annotations;            /* stronger than the files' */
    const struct kube_documents *config_maps; /* further ones; NULL: none */
    struct kube_named_secrets secrets; /* of the store, as far as kube_stored_secrets names them */
    int64_t memory_bytes, cpus;        /* of the machine */
    const char *hostname;              /* likewise */
};

/* Names of secrets that pods refer to and that are not among the documents. */
struct strings kube_stored_secrets(struct arena *arena, const struct kube_documents *documents);

/* 0, or -EINVAL when findings were errors. Everything lives in the arena, or where the documents do. */
int kube_plan_make(struct arena *arena, const struct kube_documents *documents,
        const struct kube_plan_options *options, struct kube_plan *ret, struct diag *diag);
