/* The options of run and create as they were given, one member per option, and the table of them. What they mean
 * together is decided in run-config.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/opts.h"
#include "cli/registry-words.h"
#include "engine/container/config.h"

struct run_options {
    /* The process. */
    const char *name, *entrypoint, *user, *workdir, *hostname, *domainname, *stop_signal;
    struct strings env, env_files, labels, label_files, group_add;
    int64_t stop_timeout_sec;
    bool interactive, tty, init, read_only, rootfs;
    struct strings attach;
    const char *umask, *tz, *systemd;
    bool env_host, http_proxy;
    /* Files. */
    struct strings volumes, mounts, tmpfs;
    struct strings volumes_from, secrets;
    const char *volume_driver;
    int read_only_tmpfs;
    uint64_t shm_size_bytes;
    /* Network. */
    struct strings networks, network_aliases, publish, expose, add_hosts, dns, dns_search,
            dns_options;
    struct strings link_local_ips;
    const char *ip, *ip6, *mac_address;
    bool publish_all;
    /* Rights. */
    bool privileged;
    struct strings cap_add, cap_drop, security_opt, devices, device_rules, sysctls, uid_maps,
            gid_maps, gpus;
    const char *pid, *ipc, *uts, *cgroupns, *userns, *subuid_name, *subgid_name, *cgroup_parent,
            *runtime, *cgroups, *sdnotify;
    /* Limits. */
    uint64_t memory_bytes, memory_reservation_bytes;
    const char *memory_swap, *cpus, *cpuset_cpus, *cpuset_mems;
    int64_t cpu_shares, cpu_period_usec, cpu_quota_usec, pids_limit, oom_score_adj;
    bool oom_score_adj_given, oom_kill_disable;
    struct strings ulimits, annotations;
    int64_t cpu_rt_period_usec, cpu_rt_runtime_usec, blkio_weight, memory_swappiness;
    bool memory_swappiness_given;
    struct strings blkio_weight_device, device_read_bps, device_read_iops, device_write_bps,
            device_write_iops;
    /* Life. */
    const char *restart, *health_cmd, *log_driver;
    int64_t health_interval_usec, health_timeout_usec, health_start_period_usec,
            health_start_interval_usec, health_retries;
    bool no_healthcheck;
    struct strings log_opts;
    const char *startup_cmd, *health_log_destination, *image_volume, *personality;
    int64_t startup_interval_usec, startup_timeout_usec, startup_retries, startup_success,
            health_log_count, health_log_bytes, timeout_sec;
    bool no_hosts, no_hostname, remove_image, unset_all_env;
    struct strings cgroup_conf, unset_env, env_merge, links, storage_opts;
    const char *hosts_file;
    uint64_t kernel_memory_bytes;
    const char *health_on_failure, *pidfile, *conmon_pidfile;
    const char *pod, *pod_id_file, *init_ctr;
    bool replace, disable_content_trust;
    const char *isolation, *arch, *os, *variant;
    const char *pull, *platform, *cidfile;
    struct registry_words registry;
    bool quiet, detach, auto_remove, sig_proxy;
    const char *detach_keys;
    const char *unsupported;
    struct strings unsupported_list;
    bool unsupported_flag;
};

#define RUN_OPTION_DEFAULTS                                                                     \
    {                                                                                           \
        .stop_timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET, .sig_proxy = true, .pull = "missing", \
        .read_only_tmpfs = OPT_UNSET, .disable_content_trust = true,                            \
    }
extern const struct run_options run_option_defaults;

/* Those of run; those of create follow the first RUN_ONLY_OPTIONS. Ends with OPT_END. */
extern const struct opt run_option_rows[];
#define RUN_ONLY_OPTIONS 3
