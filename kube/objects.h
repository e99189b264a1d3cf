/* Kubernetes objects as they were read: the part of the API that `kube play` looks at. Every object keeps the node that it
 * was read from, so that what is found out later has a place, too. Absent texts and objects are NULL. Everything lives in
 * the arena of the reading.
 * Spec: Kubernetes API v1.36, core/v1, apps/v1 and batch/v1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/source.h"

struct arena;
struct node;

struct kube_pair {
    const char *key, *value;
};
struct kube_pairs {
    struct kube_pair *items;
    size_t len, cap;
};
/* The value of a key, or NULL. */
const char *kube_pairs_get(const struct kube_pairs *pairs, const char *key);
void kube_pairs_set(
        struct arena *arena, struct kube_pairs *pairs, const char *key, const char *value);

/* Bytes that were written as base64. */
struct kube_blob {
    const char *key;
    const uint8_t *data; /* followed by a NUL that does not count */
    size_t len;
};
struct kube_blobs {
    struct kube_blob *items;
    size_t len, cap;
};

enum kube_answer { KUBE_UNSET, KUBE_NO, KUBE_YES };

struct kube_number {
    bool is_set;
    int64_t value;
};
struct kube_numbers {
    struct kube_number *items;
    size_t len, cap;
};

/* A resource quantity ("100m", "64Mi") in thousandths, rounded up. */
struct kube_quantity {
    bool is_set;
    int64_t milli;
    const char *text; /* as written */
};

struct kube_meta {
    const struct node *node;
    const char *name;
    struct kube_pairs labels, annotations;
};

/* ---- Volumes ---- */

struct kube_item {
    const struct node *node;
    const char *key, *path;
    struct kube_number mode;
};
struct kube_items {
    struct kube_item *items;
    size_t len, cap;
};

struct kube_host_path {
    const struct node *node;
    const char *path, *type;
};
struct kube_empty_dir {
    const struct node *node;
    const char *medium;
    struct kube_quantity size_limit;
};
/* Of a config map or a secret. */
struct kube_files_source {
    const struct node *node;
    const char *name;
    struct kube_items items;
    struct kube_number default_mode;
    enum kube_answer optional;
};
struct kube_claim_source {
    const struct node *node;
    const char *claim_name;
    enum kube_answer read_only;
};
struct kube_image_source {
    const struct node *node;
    const char *reference, *pull_policy;
};
struct kube_volume {
    const struct node *node;
    const char *name;
    const struct kube_host_path *host_path;
    const struct kube_empty_dir *empty_dir;
    const struct kube_files_source *config_map, *secret;
    const struct kube_claim_source *claim;
    const struct kube_image_source *image;
};
struct kube_volumes {
    struct kube_volume *items;
    size_t len, cap;
};
struct kube_volume_mount {
    const struct node *node;
    const char *name, *mount_path, *sub_path, *propagation;
    enum kube_answer read_only;
};
struct kube_volume_mounts {
    struct kube_volume_mount *items;
    size_t len, cap;
};

/* ---- Containers ---- */

struct kube_port {
    const struct node *node;
    const char *name, *host_ip, *protocol;
    struct kube_number container_port, host_port;
};
struct kube_ports {
    struct kube_port *items;
    size_t len, cap;
};

struct kube_key_ref {
    const struct node *node;
    const char *name, *key;
    enum kube_answer optional;
};
struct kube_field_ref {
    const struct node *node;
    const char *path;
};
struct kube_resource_ref {
    const struct node *node;
    const char *resource;
    struct kube_quantity divisor;
};
struct kube_value_from {
    const struct node *node;
    const struct kube_key_ref *config_map, *secret;
    const struct kube_field_ref *field;
    const struct kube_resource_ref *resource;
};
struct kube_env {
    const struct node *node;
    const char *name, *value;
    const struct kube_value_from *from;
};
struct kube_envs {
    struct kube_env *items;
    size_t len, cap;
};
struct kube_env_from {
    const struct node *node;
    const char *prefix;
    const struct kube_key_ref *config_map, *secret; /* without keys */
};
struct kube_env_froms {
    struct kube_env_from *items;
    size_t len, cap;
};

struct kube_amounts {
    const struct node *node;
    struct kube_quantity cpu, memory;
};
struct kube_resources {
    const struct node *node;
    const struct kube_amounts *limits, *requests;
};

struct kube_exec {
    const struct node *node;
    struct strings command;
};
struct kube_http_get {
    const struct node *node;
    const char *path, *port, *host, *scheme;
};
struct kube_tcp {
    const struct node *node;
    const char *port, *host;
};
struct kube_probe {
    const struct node *node;
    const struct kube_exec *exec;
    const struct kube_http_get *http;
    const struct kube_tcp *tcp;
    struct kube_number initial_delay_sec, timeout_sec, period_sec, success_threshold,
            failure_threshold;
};

struct kube_lifecycle {
    const struct node *node;
    const char *stop_signal;
};

struct kube_capabilities {
    const struct node *node;
    struct strings add, drop;
};
struct kube_profile { /* of seccomp or AppArmor */
    const struct node *node;
    const char *type, *localhost_profile;
};
struct kube_sysctl {
    const struct node *node;
    const char *name, *value;
};
struct kube_sysctls {
    struct kube_sysctl *items;
    size_t len, cap;
};
/* A container's or a pod's; each has some of it. */
struct kube_security {
    const struct node *node;
    enum kube_answer privileged, read_only_root, privilege_escalation;
    struct kube_number user, group;
    struct kube_numbers groups;
    const char *proc_mount;
    const struct kube_capabilities *capabilities;
    const struct kube_profile *seccomp, *apparmor;
    struct kube_sysctls sysctls;
};

struct kube_container {
    const struct node *node;
    const char *name, *image, *pull_policy, *working_dir;
    struct strings command, args;
    struct kube_envs env;
    struct kube_env_froms env_from;
    struct kube_ports ports;
    struct kube_volume_mounts mounts;
    const struct kube_resources *resources;
    const struct kube_probe *liveness, *startup;
    const struct kube_lifecycle *lifecycle;
    const struct kube_security *security;
    enum kube_answer tty, open_stdin;
};
struct kube_containers {
    struct kube_container *items;
    size_t len, cap;
};

/* ---- Pods, and what makes them ---- */

struct kube_host_alias {
    const struct node *node;
    const char *ip;
    struct strings hostnames;
};
struct kube_host_aliases {
    struct kube_host_alias *items;
    size_t len, cap;
};
struct kube_dns_option {
    const struct node *node;
    const char *name, *value;
};
struct kube_dns_options {
    struct kube_dns_option *items;
    size_t len, cap;
};
struct kube_dns_config {
    const struct node *node;
    struct strings nameservers, searches;
    struct kube_dns_options options;
};
struct kube_pod_spec {
    const struct node *node;
    struct kube_containers containers, init_containers;
    struct kube_volumes volumes;
    const char *restart_policy, *hostname;
    struct kube_number grace_period_sec;
    enum kube_answer host_network, host_pid, host_ipc, host_users, share_processes;
    struct kube_host_aliases host_aliases;
    const struct kube_dns_config *dns;
    const struct kube_security *security;
};
struct kube_pod {
    const struct node *node;
    const struct kube_meta *meta;
    const struct kube_pod_spec *spec;
};
struct kube_workload_spec {
    const struct node *node;
    struct kube_number replicas;
    const struct kube_pod *template;
};
struct kube_workload { /* Deployment, DaemonSet, Job */
    const struct node *node;
    const struct kube_meta *meta;
    const struct kube_workload_spec *spec;
};

/* ---- Data ---- */

struct kube_config_map {
    const struct node *node;
    const struct kube_meta *meta;
    struct kube_pairs data;
    struct kube_blobs binary_data;
};
struct kube_secret {
    const struct node *node;
    const struct kube_meta *meta;
    struct kube_blobs data;
    struct kube_pairs string_data; /* stronger */
    const char *type;
    enum kube_answer immutable;
};
struct kube_claim {
    const struct node *node;
    const struct kube_meta *meta;
};

enum kube_kind {
    KUBE_CONFIG_MAP,
    KUBE_DAEMON_SET,
    KUBE_DEPLOYMENT,
    KUBE_JOB,
    KUBE_CLAIM,
    KUBE_POD,
    KUBE_SECRET,
    KUBE_KIND_MAX_,
};

struct kube_document {
    enum kube_kind kind;
    const struct node *node;
    const void *object; /* of the struct that belongs to the kind */
};
struct kube_documents {
    struct kube_document *items;
    size_t len, cap;
};

/* Where a field of an object was written: its value, or else the object itself. */
struct source kube_at(const struct node *node, const char *field);
