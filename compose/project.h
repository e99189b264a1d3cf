/* A whole Compose project as typed structs: what load.h makes of the files after interpolation, merging,
 * checking and defaults. After this nobody looks at YAML again, except to point at a place in it.
 *
 * Everything lives in one arena and is never changed after loading. Texts are terminated; NULL means
 * "not given" for texts, `set == false` for numbers, OPTION_UNSET for booleans, len 0 for lists; the
 * _given flags tell an empty list from an absent one where that makes a difference. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/source.h"
#include "base/strmap.h"

struct arena;
struct diag;
struct error;
struct node;
struct strbuf;

/* A boolean that knows whether it was written. */
enum option_bool { OPTION_UNSET, OPTION_FALSE, OPTION_TRUE };

struct option_int {
    bool set;
    int64_t value;
};
struct option_number {
    bool set;
    double value;
};
struct option_size {
    bool set;
    int64_t bytes; /* -1 where Docker gives it a meaning (memswap_limit) */
};
struct option_duration {
    bool set;
    int64_t usec;
};

/* Text to text, sorted by key. */
struct pair {
    const char *key;
    const char *value; /* NULL: no value (environment only) */
    struct source at;
};
struct pairs {
    struct pair *items;
    size_t len, cap;
};

/* A command line. Not given: the image's counts. Given and empty: the image's is cleared. */
struct argv {
    bool given;
    char **items;
    size_t len, cap;
};

/* ------------------------------------------------------------- parts of a service */

struct ulimit {
    const char *name; /* without "RLIMIT_", lower case: "nofile" */
    int64_t soft, hard;
    bool single; /* written as one number */
    struct source at;
};
struct ulimits {
    struct ulimit *items;
    size_t len, cap;
};

/* A secret or config that a service or build uses. */
struct file_reference {
    const char *source; /* key under the top level's secrets or configs */
    const char *target; /* NULL: the default place for its kind */
    const char *uid, *gid;
    struct option_int mode; /* permission bits */
    struct source at;
};
struct file_references {
    struct file_reference *items;
    size_t len, cap;
};

struct device_request {
    const char *driver;
    struct strings capabilities;
    struct strings device_ids;
    struct option_int count; /* -1: all */
    struct pairs options;
    struct source at;
};
struct device_requests {
    struct device_request *items;
    size_t len, cap;
};

/* build.ssh: an agent socket or key files under an id; path NULL for the default agent. */
struct build {
    bool given;
    struct source at;
    const char *context; /* absolute path, or an address (git, http) */
    const char *dockerfile;
    const char *dockerfile_inline;
    struct strings entitlements;
    struct pairs args; /* only those with a value */
    const char *provenance, *sbom;
    struct pairs ssh;
    struct pairs labels;
    struct strings cache_from, cache_to;
    enum option_bool no_cache;
    struct pairs additional_contexts;
    enum option_bool pull;
    struct pairs extra_hosts; /* one pair per address, sorted */
    const char *isolation;
    const char *network;
    const char *target;
    struct file_references secrets;
    struct option_size shm_size;
    struct strings tags;
    struct ulimits ulimits;
    struct strings platforms;
    enum option_bool privileged;
};

struct hook {
    struct argv command;
    const char *user;
    enum option_bool privileged;
    const char *working_dir;
    struct pairs environment;
    struct source at;
};
struct hooks {
    struct hook *items;
    size_t len, cap;
};

enum watch_action {
    WATCH_REBUILD,
    WATCH_SYNC,
    WATCH_RESTART,
    WATCH_SYNC_RESTART,
    WATCH_SYNC_EXEC,
    WATCH_ACTION_MAX_,
};
extern const char *const watch_action_names[WATCH_ACTION_MAX_];
struct watch_rule {
    const char *path; /* absolute */
    enum watch_action action;
    const char *target;
    struct hook exec;
    struct strings include, ignore;
    enum option_bool initial_sync;
    struct source at;
};
struct watch_rules {
    struct watch_rule *items;
    size_t len, cap;
};
struct develop {
    bool given;
    struct source at;
    struct watch_rules watch;
};

struct device_weight {
    const char *path;
    struct option_int weight;
    struct source at;
};
struct device_weights {
    struct device_weight *items;
    size_t len, cap;
};
struct device_rate {
    const char *path;
    struct option_size rate; /* bytes or operations per second */
    struct source at;
};
struct device_rates {
    struct device_rate *items;
    size_t len, cap;
};
struct blkio_config {
    bool given;
    struct source at;
    struct option_int weight;
    struct device_weights weight_device;
    struct device_rates device_read_bps, device_read_iops, device_write_bps, device_write_iops;
};

enum service_condition {
    SERVICE_STARTED,
    SERVICE_HEALTHY,
    SERVICE_COMPLETED_SUCCESSFULLY,
    SERVICE_CONDITION_MAX_,
};
extern const char *const service_condition_names[SERVICE_CONDITION_MAX_];

struct dependency {
    const char *service;
    enum service_condition condition;
    enum option_bool restart;
    enum option_bool required; /* always set after loading; true is the default */
    bool implied;              /* from links, volumes_from or "service:NAME" */
    struct source at;
};
struct dependencies {
    struct dependency *items;
    size_t len, cap;
};

struct generic_resource {
    bool given;
    const char *kind;
    struct option_int value;
    struct source at;
};
struct generic_resource_item {
    struct generic_resource discrete_resource_spec;
    struct source at;
};
struct generic_resources {
    struct generic_resource_item *items;
    size_t len, cap;
};
struct resource {
    bool given;
    struct source at;
    struct option_number cpus;
    struct option_size memory;
    struct option_int pids;
    struct device_requests devices;
    struct generic_resources generic_resources;
};
struct resources {
    bool given;
    struct source at;
    struct resource limits, reservations;
};
struct placement_preference {
    const char *spread;
    struct source at;
};
struct placement_preferences {
    struct placement_preference *items;
    size_t len, cap;
};
struct placement {
    bool given;
    struct source at;
    struct strings constraints;
    struct placement_preferences preferences;
    struct option_int max_replicas_per_node;
};
struct deploy_restart_policy {
    bool given;
    struct source at;
    const char *condition;
    struct option_duration delay;
    struct option_int max_attempts;
    struct option_duration window;
};
struct update_config {
    bool given;
    struct source at;
    struct option_int parallelism;
    struct option_duration delay;
    const char *failure_action;
    struct option_duration monitor;
    struct option_number max_failure_ratio;
    const char *order;
};
struct deploy {
    bool given;
    struct source at;
    const char *mode;
    struct option_int replicas;
    struct pairs labels;
    struct update_config update_config, rollback_config;
    struct resources resources;
    struct deploy_restart_policy restart_policy;
    struct placement placement;
    const char *endpoint_mode;
};

struct device_mapping {
    const char *source, *target, *permissions;
    struct source at;
};
struct device_mappings {
    struct device_mapping *items;
    size_t len, cap;
};

struct env_file {
    const char *path; /* absolute */
    enum option_bool required;
    const char *format; /* NULL or "raw" */
    struct source at;
};
struct env_files {
    struct env_file *items;
    size_t len, cap;
};

struct healthcheck {
    bool given;
    struct source at;
    struct argv test; /* first item NONE, CMD or CMD-SHELL; not given: the image's test */
    struct option_duration timeout, interval;
    struct option_int retries;
    struct option_duration start_period, start_interval;
    enum option_bool disable;
};

struct logging {
    bool given;
    struct source at;
    const char *driver;
    struct pairs options;
};

struct service_model {
    const char *model; /* key under the top level's models */
    const char *endpoint_var, *model_var;
    struct source at;
};
struct service_models {
    struct service_model *items;
    size_t len, cap;
};

/* One network that a service is in; sorted by network. */
struct service_network {
    const char *network; /* key under the top level's networks */
    struct strings aliases;
    struct pairs driver_opts;
    struct option_int gw_priority;
    const char *interface_name;
    const char *ipv4_address, *ipv6_address;
    struct strings link_local_ips;
    const char *mac_address;
    struct option_int priority;
    struct source at;
};
struct service_networks {
    struct service_network *items;
    size_t len, cap;
};

/* One container port; ranges are already one entry per port. */
struct service_port {
    const char *name;
    const char *mode; /* "ingress" or "host" */
    const char *host_ip;
    struct option_int target;
    const char *published; /* NULL: any free port; a number, or a range "first-last" to pick from */
    const char *protocol;  /* "tcp", "udp", "sctp" */
    const char *app_protocol;
    struct source at;
};
struct service_ports {
    struct service_port *items;
    size_t len, cap;
};

enum mount_type {
    MOUNT_BIND,
    MOUNT_VOLUME,
    MOUNT_TMPFS,
    MOUNT_CLUSTER,
    MOUNT_NPIPE,
    MOUNT_IMAGE,
    MOUNT_TYPE_MAX_,
};
extern const char *const mount_type_names[MOUNT_TYPE_MAX_];

struct mount_bind {
    bool given;
    struct source at;
    const char *selinux; /* "z" or "Z" */
    const char *propagation;
    enum option_bool create_host_path;
    const char *recursive;
};
struct mount_volume {
    bool given;
    struct source at;
    struct pairs labels;
    enum option_bool nocopy;
    const char *subpath;
};
struct mount_tmpfs {
    bool given;
    struct source at;
    struct option_size size;
    struct option_int mode;
};
struct mount_image {
    bool given;
    struct source at;
    const char *subpath;
};
struct service_volume {
    enum mount_type type;
    const char
            *source; /* bind: absolute path; volume: key under volumes, NULL for an anonymous one */
    const char *target;
    enum option_bool read_only;
    const char *consistency;
    struct mount_bind bind;
    struct mount_volume volume;
    struct mount_tmpfs tmpfs;
    struct mount_image image;
    struct source at;
};
struct service_volumes {
    struct service_volume *items;
    size_t len, cap;
};

struct credential_spec {
    bool given;
    struct source at;
    const char *config, *file, *registry;
};

struct provider_option {
    const char *name;
    struct strings values;
    struct source at;
};
struct provider_options {
    struct provider_option *items;
    size_t len, cap;
};
struct provider {
    bool given;
    struct source at;
    const char *type;
    struct provider_options options;
};

/* ---------------------------------------------------------------------- service */

struct service {
    const char *name;
    struct source at;         /* of the name */
    const struct node *model; /* normalised attributes; for print.h and project_field_source */
    bool enabled;             /* false: its profiles are not active */

    struct strings profiles;
    struct pairs annotations;
    enum option_bool attach;
    struct build build;
    struct develop develop;
    struct blkio_config blkio_config;
    struct strings cap_add, cap_drop;
    const char *cgroup_parent;
    const char *cgroup;
    struct option_int cpu_count;
    struct option_int cpu_percent;
    struct option_int cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime;
    struct option_number cpus;
    const char *cpuset;
    struct option_int cpu_shares;
    struct argv command;
    struct file_references configs;
    const char *container_name;
    struct credential_spec credential_spec;
    struct dependencies depends_on; /* sorted by service */
    struct deploy deploy;
    struct strings device_cgroup_rules;
    struct device_mappings devices;
    struct strings dns, dns_opt, dns_search;
    const char *domainname;
    struct argv entrypoint;
    struct provider provider;
    struct pairs environment;  /* env_file is already in it; value NULL: unset where berth runs */
    struct env_files env_file; /* as written; already resolved into environment */
    struct strings expose;
    struct strings external_links;
    struct pairs extra_hosts; /* one pair per address, sorted */
    struct strings group_add;
    bool gpus_given;
    struct device_requests gpus;
    const char *hostname;
    struct healthcheck healthcheck;
    const char *image;
    enum option_bool init;
    const char *ipc, *isolation;
    struct pairs labels; /* label_file is already in it */
    struct strings label_file;
    struct strings links;
    struct logging logging;
    struct option_size mem_limit, mem_reservation, memswap_limit;
    struct option_int mem_swappiness;
    const char *mac_address;
    struct service_models models;
    const char *network_mode; /* "host", "none", "service:NAME", "container:NAME", "bridge" */
    struct service_networks networks;
    enum option_bool oom_kill_disable;
    struct option_int oom_score_adj;
    const char *pid;
    struct option_int pids_limit;
    const char *platform;
    struct service_ports ports;
    enum option_bool privileged;
    const char *pull_policy; /* always, never, missing, build, refresh, daily, weekly, every_… */
    const char *pull_refresh_after;
    enum option_bool read_only;
    const char *restart; /* no, always, on-failure[:max], unless-stopped */
    const char *runtime;
    struct option_int scale; /* use service_replicas() */
    struct file_references secrets;
    struct strings security_opt;
    struct option_size shm_size;
    enum option_bool stdin_open;
    struct option_duration stop_grace_period;
    const char *stop_signal;
    struct pairs storage_opt;
    struct pairs sysctls;
    struct strings tmpfs;
    enum option_bool tty;
    struct ulimits ulimits;
    enum option_bool use_api_socket;
    const char *user;
    const char *userns_mode;
    const char *uts;
    struct service_volumes volumes;
    struct strings volumes_from;
    const char *working_dir;
    struct hooks post_start, pre_stop;
};
struct services {
    struct service *items; /* sorted by name */
    size_t len, cap;
};

/* ------------------------------------------------------------- top-level resources */

struct ipam_pool {
    const char *subnet, *gateway, *ip_range;
    struct pairs aux_addresses;
    struct source at;
};
struct ipam_pools {
    struct ipam_pool *items;
    size_t len, cap;
};
struct ipam {
    bool given;
    struct source at;
    const char *driver;
    struct ipam_pools config;
    struct pairs options;
};

struct project_network {
    const char *key;  /* in the file: "default" */
    const char *name; /* for the engine: "myproject_default" */
    struct source at;
    const struct node *model;
    bool used;    /* by an enabled service */
    bool implied; /* the default network when no file writes it */
    const char *driver;
    struct pairs driver_opts;
    struct ipam ipam;
    enum option_bool external, internal, attachable, enable_ipv4, enable_ipv6;
    struct pairs labels;
};
struct project_networks {
    struct project_network *items;
    size_t len, cap;
};

struct project_volume {
    const char *key, *name;
    struct source at;
    const struct node *model;
    bool used;
    const char *driver;
    struct pairs driver_opts;
    enum option_bool external;
    struct pairs labels;
};
struct project_volumes {
    struct project_volume *items;
    size_t len, cap;
};

/* A secret or a config: what its content comes from. */
struct file_object {
    const char *key, *name;
    struct source at;
    const struct node *model;
    bool used;
    const char *file;           /* absolute path */
    const char *environment;    /* name of a variable */
    const char *content;        /* configs only */
    const char *value;          /* of `environment`, NULL when unset; never printed */
    const char *content_digest; /* of `file`; NULL until project_digest_files, and without one */
    enum option_bool external;
    struct pairs labels;
    const char *driver;
    struct pairs driver_opts;
    const char *template_driver;
};
struct file_objects {
    struct file_object *items;
    size_t len, cap;
};

struct project_model {
    const char *key, *name;
    struct source at;
    const struct node *model_node;
    bool used;
    const char *model;
    struct option_int context_size;
    struct strings runtime_flags;
};
struct project_models {
    struct project_model *items;
    size_t len, cap;
};

/* ---------------------------------------------------------------------- project */

struct project {
    struct arena *arena; /* borrowed: where all of this lives */
    const char *name;
    const char *working_dir;   /* the project directory, absolute */
    struct strings files;      /* compose files as the user named them */
    struct strings file_paths; /* the same, absolute; "-" stays */
    struct strings
            env_file_paths;  /* files of variables of the project, not of its includes; absolute */
    struct strings sources;  /* every file that was read for it, absolute, each once */
    struct strings profiles; /* active ones */
    struct strmap environment; /* name -> value for interpolation */

    struct services services;         /* enabled ones; sorted by name */
    struct services disabled;         /* their profiles are not active */
    struct project_networks networks; /* each list is sorted by key and holds unused ones too */
    struct project_volumes volumes;
    struct file_objects secrets, configs;
    struct project_models models;

    const struct node *model; /* the whole, normalised, for print.h */
    bool compatibility;       /* names are joined with "_" */
    struct strmap service_index, network_index, volume_index, secret_index, config_index;
};

/* Each finds by key (services: enabled ones only), or gives NULL. Borrowed. */
struct service *project_find_service(const struct project *project, const char *name);
struct service *project_find_disabled_service(const struct project *project, const char *name);
struct project_network *project_find_network(const struct project *project, const char *key);
struct project_volume *project_find_volume(const struct project *project, const char *key);
struct file_object *project_find_secret(const struct project *project, const char *key);
struct file_object *project_find_config(const struct project *project, const char *key);

/* The enabled service whose name is nearest to `name`, for "did you mean"; NULL for none. */
const char *project_nearest_service(const struct project *project, const char *name);

/* How many containers a service has: scale, else deploy.replicas, else 1. */
unsigned service_replicas(const struct service *service);

/* What limits a container of the service, from deploy.resources.limits or the older attributes; 0: none. */
struct service_limits {
    int64_t memory_bytes, nano_cpus, pids;
};
struct service_limits service_limits(const struct service *service);

/* The image that a service runs: `image`, else "PROJECT-SERVICE" for one that is built. Arena or borrowed. */
const char *service_image_name(
        struct arena *arena, const struct project *project, const struct service *service);

/* The service's normalised attributes as canonical JSON (keys sorted, no blanks): equal services give
 * equal text. What does not make a container different is left out: build, depends_on, scale,
 * deploy.replicas, pull_policy, profiles, develop. Lives in `arena`. */
const char *service_model_json(struct arena *arena, const struct service *service);

/* For the label com.docker.compose.config-hash, in hex: the one of Docker Compose 2.40. Lives in `arena`. */
const char *service_config_hash(struct arena *arena, const struct service *service);
/* For the same label of resources; not Docker's. */
const char *network_config_hash(struct arena *arena, const struct project_network *network);
const char *volume_config_hash(struct arena *arena, const struct project_volume *volume);

/* Where a field was written: path such as "ports[0].target" or "environment.A" inside the service.
 * Gives the place of the nearest parent that has one; true when the very field was found. */
bool service_field_source(const struct service *service, const char *path, struct source *ret);
/* The field itself, whose place is that of the value; NULL: there is none. */
const struct node *service_field_node(const struct service *service, const char *path);

/* Reads the files of used secrets and configs and keeps their digests: for commands that compare a project with
 * what its containers were made from. A file that is missing or no regular one has none. */
void project_digest_files(struct project *project);

/* Adds one error per use of an attribute that berth's engine cannot carry out yet ("…: not supported yet"),
 * over the enabled services and used resources. For up, run, create: before anything is touched.
 * Returns the number of errors added. */
size_t project_check_supported(const struct project *project, struct diag *diag);
