/* run and create: Docker's flags into a container_config, the image made present, the container made
 * and, for run, started in the foreground or left in the background. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/foreground.h"
#include "cli/image-progress.h"
#include "cli/report.h"
#include "cli/specs.h"
#include "engine/container/container.h"
#include "engine/image/image.h"

struct run_options {
    /* The process. */
    const char *name, *entrypoint, *user, *workdir, *hostname, *domainname, *stop_signal;
    struct strings env, env_files, labels, label_files, group_add;
    int64_t stop_timeout_sec;
    bool interactive, tty, init, read_only;
    struct strings attach;
    /* Files. */
    struct strings volumes, mounts, tmpfs;
    uint64_t shm_size_bytes;
    /* Network. */
    struct strings networks, network_aliases, publish, expose, add_hosts, dns, dns_search,
            dns_options;
    const char *ip, *mac_address;
    bool publish_all;
    /* Rights. */
    bool privileged;
    struct strings cap_add, cap_drop, security_opt, devices, device_rules, sysctls;
    const char *pid, *ipc, *uts, *cgroupns, *cgroup_parent, *cgroups, *sdnotify;
    /* Limits. */
    uint64_t memory_bytes, memory_reservation_bytes;
    const char *memory_swap, *cpus, *cpuset_cpus, *cpuset_mems;
    int64_t cpu_shares, cpu_period_usec, cpu_quota_usec, pids_limit, oom_score_adj;
    bool oom_score_adj_given, oom_kill_disable;
    struct strings ulimits, annotations;
    /* Life. */
    const char *restart, *health_cmd, *log_driver;
    int64_t health_interval_usec, health_timeout_usec, health_start_period_usec,
            health_start_interval_usec, health_retries;
    bool no_healthcheck;
    struct strings log_opts;
    const char *pull, *platform, *cidfile;
    bool quiet, detach, auto_remove, sig_proxy;
    const char *detach_keys;
    const char *unsupported;
    struct strings unsupported_list;
    bool unsupported_flag;
};

static const struct run_options run_defaults = {
    .stop_timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET,
    .sig_proxy = true,
    .pull = "missing",
};

#define AT(member) .offset = offsetof(struct run_options, member)
#define REFUSED(option, kind)                                                     \
    {                                                                             \
        .name = (option), .type = &(kind), .flags = OPT_UNSUPPORTED | OPT_HIDDEN, \
        AT(unsupported_list), .help = "Not supported"                             \
    }

/* What run and create have in common. */
#define CREATE_ROWS                                                                              \
    { .name = "add-host",                                                                        \
        .type = &opt_list,                                                                       \
        .arg = "NAME:IP",                                                                        \
        AT(add_hosts),                                                                           \
        .help = "Add a line to /etc/hosts" },                                                    \
            { .name = "annotation",                                                              \
                .type = &opt_list,                                                               \
                .arg = "KEY=VALUE",                                                              \
                AT(annotations),                                                                 \
                .help = "Add an annotation" },                                                   \
            { .name = "attach",                                                                  \
                .letter = 'a',                                                                   \
                .type = &opt_list,                                                               \
                .arg = "STREAM",                                                                 \
                AT(attach),                                                                      \
                .help = "Attach to stdin, stdout or stderr only" },                              \
            { .name = "cap-add",                                                                 \
                .type = &opt_list,                                                               \
                .arg = "CAP",                                                                    \
                AT(cap_add),                                                                     \
                .help = "Grant a capability" },                                                  \
            { .name = "cap-drop",                                                                \
                .type = &opt_list,                                                               \
                .arg = "CAP",                                                                    \
                AT(cap_drop),                                                                    \
                .help = "Remove a capability" },                                                 \
            { .name = "cgroup-parent",                                                           \
                .type = &opt_string,                                                             \
                .arg = "PATH",                                                                   \
                AT(cgroup_parent),                                                               \
                .help = "Cgroup above the container's" },                                        \
            { .name = "cgroups",                                                                 \
                .type = &opt_string,                                                             \
                .arg = "MODE",                                                                   \
                AT(cgroups),                                                                     \
                .help = "enabled, or split: below the group of the service that this is" },      \
            { .name = "cgroupns",                                                                \
                .type = &opt_string,                                                             \
                .arg = "MODE",                                                                   \
                AT(cgroupns),                                                                    \
                .help = "Cgroup namespace: host or private" },                                   \
            { .name = "cidfile",                                                                 \
                .type = &opt_string,                                                             \
                .arg = "FILE",                                                                   \
                AT(cidfile),                                                                     \
                .help = "Write the container's id to a file" },                                  \
            { .name = "cpu-period",                                                              \
                .type = &opt_int,                                                                \
                .arg = "USEC",                                                                   \
                AT(cpu_period_usec),                                                             \
                .help = "Period of the CPU quota" },                                             \
            { .name = "cpu-quota",                                                               \
                .type = &opt_int,                                                                \
                .arg = "USEC",                                                                   \
                AT(cpu_quota_usec),                                                              \
                .help = "CPU time per period" },                                                 \
            { .name = "cpu-shares",                                                              \
                .letter = 'c',                                                                   \
                .type = &opt_int,                                                                \
                .arg = "N",                                                                      \
                AT(cpu_shares),                                                                  \
                .help = "CPU weight, 1024 is the usual one" },                                   \
            { .name = "cpus",                                                                    \
                .type = &opt_string,                                                             \
                .arg = "N",                                                                      \
                AT(cpus),                                                                        \
                .help = "Number of CPUs, such as 1.5" },                                         \
            { .name = "cpuset-cpus",                                                             \
                .type = &opt_string,                                                             \
                .arg = "LIST",                                                                   \
                AT(cpuset_cpus),                                                                 \
                .help = "CPUs that may be used, such as 0-3" },                                  \
            { .name = "cpuset-mems",                                                             \
                .type = &opt_string,                                                             \
                .arg = "LIST",                                                                   \
                AT(cpuset_mems),                                                                 \
                .help = "Memory nodes that may be used" },                                       \
            { .name = "device",                                                                  \
                .type = &opt_list,                                                               \
                .arg = "HOST[:PATH[:rwm]]",                                                      \
                AT(devices),                                                                     \
                .help = "Give access to a device" },                                             \
            { .name = "device-cgroup-rule",                                                      \
                .type = &opt_list,                                                               \
                .arg = "RULE",                                                                   \
                AT(device_rules),                                                                \
                .help = "Add a rule to the device cgroup" },                                     \
            { .name = "dns", .type = &opt_list, .arg = "IP", AT(dns), .help = "Name server" },   \
            { .name = "dns-option",                                                              \
                .type = &opt_list,                                                               \
                .arg = "OPTION",                                                                 \
                AT(dns_options),                                                                 \
                .help = "Option of resolv.conf" },                                               \
            { .name = "dns-search",                                                              \
                .type = &opt_list,                                                               \
                .arg = "DOMAIN",                                                                 \
                AT(dns_search),                                                                  \
                .help = "Search domain" },                                                       \
            { .name = "domainname",                                                              \
                .type = &opt_string,                                                             \
                .arg = "NAME",                                                                   \
                AT(domainname),                                                                  \
                .help = "NIS domain name" },                                                     \
            { .name = "entrypoint",                                                              \
                .type = &opt_string,                                                             \
                .arg = "PROGRAM",                                                                \
                AT(entrypoint),                                                                  \
                .help = "Replace the image's entrypoint" },                                      \
            { .name = "env",                                                                     \
                .letter = 'e',                                                                   \
                .type = &opt_list,                                                               \
                .arg = "KEY[=VALUE]",                                                            \
                AT(env),                                                                         \
                .help = "Set an environment variable" },                                         \
            { .name = "env-file",                                                                \
                .type = &opt_list,                                                               \
                .arg = "FILE",                                                                   \
                AT(env_files),                                                                   \
                .help = "Read environment variables from a file" },                              \
            { .name = "expose",                                                                  \
                .type = &opt_list,                                                               \
                .arg = "PORT",                                                                   \
                AT(expose),                                                                      \
                .help = "Expose a port without publishing it" },                                 \
            { .name = "group-add",                                                               \
                .type = &opt_list,                                                               \
                .arg = "GROUP",                                                                  \
                AT(group_add),                                                                   \
                .help = "Add a supplementary group" },                                           \
            { .name = "health-cmd",                                                              \
                .type = &opt_string,                                                             \
                .arg = "COMMAND",                                                                \
                AT(health_cmd),                                                                  \
                .help = "Command that checks health" },                                          \
            { .name = "health-interval",                                                         \
                .type = &opt_duration,                                                           \
                .arg = "DURATION",                                                               \
                AT(health_interval_usec),                                                        \
                .help = "Time between checks" },                                                 \
            { .name = "health-retries",                                                          \
                .type = &opt_int,                                                                \
                .arg = "N",                                                                      \
                AT(health_retries),                                                              \
                .help = "Failures in a row until unhealthy" },                                   \
            { .name = "health-start-interval",                                                   \
                .type = &opt_duration,                                                           \
                .arg = "DURATION",                                                               \
                AT(health_start_interval_usec),                                                  \
                .help = "Time between checks in the start period" },                             \
            { .name = "health-start-period",                                                     \
                .type = &opt_duration,                                                           \
                .arg = "DURATION",                                                               \
                AT(health_start_period_usec),                                                    \
                .help = "Time in which failures do not count" },                                 \
            { .name = "health-timeout",                                                          \
                .type = &opt_duration,                                                           \
                .arg = "DURATION",                                                               \
                AT(health_timeout_usec),                                                         \
                .help = "Longest time of one check" },                                           \
            { .name = "hostname",                                                                \
                .letter = 'h',                                                                   \
                .type = &opt_string,                                                             \
                .arg = "NAME",                                                                   \
                AT(hostname),                                                                    \
                .help = "Host name in the container" },                                          \
            { .name = "init",                                                                    \
                .type = &opt_flag,                                                               \
                AT(init),                                                                        \
                .help = "Run a small init that forwards signals and reaps" },                    \
            { .name = "interactive",                                                             \
                .letter = 'i',                                                                   \
                .type = &opt_flag,                                                               \
                AT(interactive),                                                                 \
                .help = "Keep standard input open" },                                            \
            { .name = "ip",                                                                      \
                .type = &opt_string,                                                             \
                .arg = "ADDRESS",                                                                \
                AT(ip),                                                                          \
                .help = "IPv4 address in the (one) network" },                                   \
            { .name = "ipc",                                                                     \
                .type = &opt_string,                                                             \
                .arg = "MODE",                                                                   \
                AT(ipc),                                                                         \
                .help = "IPC namespace" },                                                       \
            { .name = "label",                                                                   \
                .letter = 'l',                                                                   \
                .type = &opt_list,                                                               \
                .arg = "KEY=VALUE",                                                              \
                AT(labels),                                                                      \
                .help = "Add a label" },                                                         \
            { .name = "label-file",                                                              \
                .type = &opt_list,                                                               \
                .arg = "FILE",                                                                   \
                AT(label_files),                                                                 \
                .help = "Read labels from a file" },                                             \
            { .name = "log-driver",                                                              \
                .type = &opt_string,                                                             \
                .arg = "DRIVER",                                                                 \
                AT(log_driver),                                                                  \
                .help = "json-file or none" },                                                   \
            { .name = "log-opt",                                                                 \
                .type = &opt_list,                                                               \
                .arg = "KEY=VALUE",                                                              \
                AT(log_opts),                                                                    \
                .help = "Option of the log driver" },                                            \
            { .name = "mac-address",                                                             \
                .type = &opt_string,                                                             \
                .arg = "MAC",                                                                    \
                AT(mac_address),                                                                 \
                .help = "MAC address in the (one) network" },                                    \
            { .name = "memory",                                                                  \
                .letter = 'm',                                                                   \
                .type = &opt_size,                                                               \
                .arg = "SIZE",                                                                   \
                AT(memory_bytes),                                                                \
                .help = "Memory limit" },                                                        \
            { .name = "memory-reservation",                                                      \
                .type = &opt_size,                                                               \
                .arg = "SIZE",                                                                   \
                AT(memory_reservation_bytes),                                                    \
                .help = "Soft memory limit" },                                                   \
            { .name = "memory-swap",                                                             \
                .type = &opt_string,                                                             \
                .arg = "SIZE",                                                                   \
                AT(memory_swap),                                                                 \
                .help = "Memory and swap together, -1 for no limit" },                           \
            { .name = "mount",                                                                   \
                .type = &opt_list,                                                               \
                .arg = "SPEC",                                                                   \
                AT(mounts),                                                                      \
                .help = "Attach a mount: type=bind,source=…,target=…" },                         \
            { .name = "name",                                                                    \
                .type = &opt_string,                                                             \
                .arg = "NAME",                                                                   \
                AT(name),                                                                        \
                .help = "Name of the container" },                                               \
            { .name = "network",                                                                 \
                .type = &opt_list,                                                               \
                .arg = "NETWORK",                                                                \
                AT(networks),                                                                    \
                .help = "Connect to a network; host, none or container:NAME" },                  \
            { .name = "net",                                                                     \
                .type = &opt_list,                                                               \
                .arg = "NETWORK",                                                                \
                .flags = OPT_HIDDEN,                                                             \
                AT(networks),                                                                    \
                .help = "Older name of --network" },                                             \
            { .name = "network-alias",                                                           \
                .type = &opt_list,                                                               \
                .arg = "NAME",                                                                   \
                AT(network_aliases),                                                             \
                .help = "Further name in the network" },                                         \
            { .name = "no-healthcheck",                                                          \
                .type = &opt_flag,                                                               \
                AT(no_healthcheck),                                                              \
                .help = "Switch the image's health check off" },                                 \
            { .name = "oom-kill-disable",                                                        \
                .type = &opt_flag,                                                               \
                AT(oom_kill_disable),                                                            \
                .help = "Switch the OOM killer off (cgroup v1)" },                               \
            { .name = "oom-score-adj",                                                           \
                .type = &opt_int,                                                                \
                .arg = "N",                                                                      \
                AT(oom_score_adj),                                                               \
                .set_offset = offsetof(struct run_options, oom_score_adj_given),                 \
                .help = "Preference of the OOM killer, -1000 to 1000" },                         \
            { .name = "pid",                                                                     \
                .type = &opt_string,                                                             \
                .arg = "MODE",                                                                   \
                AT(pid),                                                                         \
                .help = "PID namespace" },                                                       \
            { .name = "pids-limit",                                                              \
                .type = &opt_int,                                                                \
                .arg = "N",                                                                      \
                AT(pids_limit),                                                                  \
                .help = "Most processes, -1 for no limit" },                                     \
            { .name = "platform",                                                                \
                .type = &opt_string,                                                             \
                .arg = "OS/ARCH",                                                                \
                AT(platform),                                                                    \
                .help = "Platform of the image" },                                               \
            { .name = "privileged",                                                              \
                .type = &opt_flag,                                                               \
                AT(privileged),                                                                  \
                .help = "Give the container all rights of berth" },                              \
            { .name = "publish",                                                                 \
                .letter = 'p',                                                                   \
                .type = &opt_list,                                                               \
                .arg = "[IP:][HOST:]PORT",                                                       \
                AT(publish),                                                                     \
                .help = "Publish a port" },                                                      \
            { .name = "publish-all",                                                             \
                .letter = 'P',                                                                   \
                .type = &opt_flag,                                                               \
                AT(publish_all),                                                                 \
                .help = "Publish all exposed ports" },                                           \
            { .name = "pull",                                                                    \
                .type = &opt_string,                                                             \
                .arg = "POLICY",                                                                 \
                AT(pull),                                                                        \
                .help = "always, missing or never (default missing)" },                          \
            { .name = "quiet",                                                                   \
                .letter = 'q',                                                                   \
                .type = &opt_flag,                                                               \
                AT(quiet),                                                                       \
                .help = "Pull without progress" },                                               \
            { .name = "read-only",                                                               \
                .type = &opt_flag,                                                               \
                AT(read_only),                                                                   \
                .help = "Mount the root file system read-only" },                                \
            { .name = "restart",                                                                 \
                .type = &opt_string,                                                             \
                .arg = "POLICY",                                                                 \
                AT(restart),                                                                     \
                .help = "no, always, unless-stopped or on-failure[:N]" },                        \
            { .name = "rm",                                                                      \
                .type = &opt_flag,                                                               \
                AT(auto_remove),                                                                 \
                .help = "Remove the container when it ends" },                                   \
            { .name = "sdnotify",                                                                \
                .type = &opt_string,                                                             \
                .arg = "MODE",                                                                   \
                AT(sdnotify),                                                                    \
                .help = "Ready for systemd: conmon, container, healthy" },                       \
            { .name = "security-opt",                                                            \
                .type = &opt_list,                                                               \
                .arg = "OPTION",                                                                 \
                AT(security_opt),                                                                \
                .help = "seccomp=…, no-new-privileges, systempaths=unconfined …" },              \
            { .name = "shm-size",                                                                \
                .type = &opt_size,                                                               \
                .arg = "SIZE",                                                                   \
                AT(shm_size_bytes),                                                              \
                .help = "Size of /dev/shm" },                                                    \
            { .name = "stop-signal",                                                             \
                .type = &opt_string,                                                             \
                .arg = "SIGNAL",                                                                 \
                AT(stop_signal),                                                                 \
                .help = "Signal that stops the container" },                                     \
            { .name = "stop-timeout",                                                            \
                .type = &opt_seconds,                                                            \
                .arg = "SECONDS",                                                                \
                AT(stop_timeout_sec),                                                            \
                .help = "Time until a stopping container is killed" },                           \
            { .name = "sysctl",                                                                  \
                .type = &opt_list,                                                               \
                .arg = "KEY=VALUE",                                                              \
                AT(sysctls),                                                                     \
                .help = "Set a sysctl of the container's namespaces" },                          \
            { .name = "tmpfs",                                                                   \
                .type = &opt_list,                                                               \
                .arg = "PATH[:OPTIONS]",                                                         \
                AT(tmpfs),                                                                       \
                .help = "Mount a tmpfs" },                                                       \
            { .name = "tty",                                                                     \
                .letter = 't',                                                                   \
                .type = &opt_flag,                                                               \
                AT(tty),                                                                         \
                .help = "Allocate a terminal" },                                                 \
            { .name = "ulimit",                                                                  \
                .type = &opt_list,                                                               \
                .arg = "NAME=SOFT[:HARD]",                                                       \
                AT(ulimits),                                                                     \
                .help = "Set a resource limit" },                                                \
            { .name = "user",                                                                    \
                .letter = 'u',                                                                   \
                .type = &opt_string,                                                             \
                .arg = "USER[:GROUP]",                                                           \
                AT(user),                                                                        \
                .help = "User name or uid" },                                                    \
            { .name = "uts",                                                                     \
                .type = &opt_string,                                                             \
                .arg = "MODE",                                                                   \
                AT(uts),                                                                         \
                .help = "UTS namespace" },                                                       \
            { .name = "volume",                                                                  \
                .letter = 'v',                                                                   \
                .type = &opt_list,                                                               \
                .arg = "[SOURCE:]PATH[:OPTIONS]",                                                \
                AT(volumes),                                                                     \
                .help = "Mount a volume or a host path" },                                       \
            { .name = "workdir",                                                                 \
                .letter = 'w',                                                                   \
                .type = &opt_string,                                                             \
                .arg = "PATH",                                                                   \
                AT(workdir),                                                                     \
                .help = "Working directory in the container" },                                  \
            REFUSED("blkio-weight", opt_list), REFUSED("blkio-weight-device", opt_list),         \
            REFUSED("cpu-count", opt_list), REFUSED("cpu-percent", opt_list),                    \
            REFUSED("cpu-rt-period", opt_list), REFUSED("cpu-rt-runtime", opt_list),             \
            REFUSED("device-read-bps", opt_list), REFUSED("device-read-iops", opt_list),         \
            REFUSED("device-write-bps", opt_list), REFUSED("device-write-iops", opt_list),       \
            REFUSED("disable-content-trust", opt_list), REFUSED("gpus", opt_list),               \
            REFUSED("ip6", opt_list), REFUSED("isolation", opt_list), REFUSED("link", opt_list), \
            REFUSED("link-local-ip", opt_list), REFUSED("memory-swappiness", opt_list),          \
            REFUSED("runtime", opt_list), REFUSED("storage-opt", opt_list),                      \
            REFUSED("userns", opt_list), REFUSED("volume-driver", opt_list),                     \
            REFUSED("volumes-from", opt_list)

static const struct opt create_opts[] = { CREATE_ROWS, OPT_END };
static const struct opt run_opts[] = { { .name = "detach",
                                               .letter = 'd',
                                               .type = &opt_flag,
                                               AT(detach),
                                               .help = "Run in the background and print the id" },
    { .name = "detach-keys",
            .type = &opt_string,
            .arg = "KEYS",
            AT(detach_keys),
            .help = "Keys that leave the container running (default ctrl-p,ctrl-q)" },
    { .name = "sig-proxy",
            .type = &opt_flag,
            AT(sig_proxy),
            .help = "Pass signals on to the process (default true)" },
    CREATE_ROWS, OPT_END };

/* ------------------------------------------------------------------ options to configuration */

static int read_label_file(
        struct arena *arena, const char *path, struct container_pairs *labels, struct error **err)
{
    auto_free char *text = NULL;
    size_t len;
    int r = fs_read_file(AT_FDCWD, path, 4u << 20, &text, &len, err);

    struct str rest = { text, len }, line;
    while (r >= 0 && str_split_next(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.len > 0 && *line.data != '#')
            r = spec_parse_pair(
                    arena, "label", arena_strndup(arena, line.data, line.len), labels, err);
    }
    return r;
}

static int fill_process(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &cli->arena;
    struct strings env = { 0 };
    int r = 0;

    for (size_t i = 0; i < o->env_files.len && r >= 0; i++)
        r = spec_read_env_file(cli, arena, o->env_files.items[i], &env, err);
    for (size_t i = 0; i < o->env.len; i++)
        spec_add_env(cli, arena, o->env.items[i], &env);
    config->env = spec_vector(arena, &env);
    for (size_t i = 0; i < o->label_files.len && r >= 0; i++)
        r = read_label_file(arena, o->label_files.items[i], &config->labels, err);
    for (size_t i = 0; i < o->labels.len && r >= 0; i++)
        r = spec_parse_pair(arena, "label", o->labels.items[i], &config->labels, err);
    for (size_t i = 0; i < o->annotations.len && r >= 0; i++)
        r = spec_parse_pair(
                arena, "annotation", o->annotations.items[i], &config->annotations, err);
    if (o->entrypoint) {
        config->entrypoint = ARENA_NEW_ARRAY(arena, 2, char *);
        config->entrypoint[0] = *o->entrypoint ? arena_strdup(arena, o->entrypoint) : NULL;
    }
    config->name = o->name;
    config->user = o->user;
    config->working_dir = o->workdir;
    config->hostname = o->hostname;
    config->domainname = o->domainname;
    config->group_add = spec_vector(arena, &o->group_add);
    config->tty = o->tty;
    config->open_stdin = o->interactive;
    config->init = o->init;
    config->stop_signal = o->stop_signal;
    config->stop_timeout_sec = o->stop_timeout_sec;
    return r;
}

static int fill_files(struct cli *cli, const struct run_options *o, struct container_config *config,
        struct error **err)
{
    struct arena *arena = &cli->arena;
    struct strings anonymous = { 0 };
    char cwd[PATH_MAX];
    int r = 0;

    if (!getcwd(cwd, sizeof(cwd)))
        return error_set(err, errno, NULL, "cannot tell the current directory");
    for (size_t i = 0; i < o->volumes.len && r >= 0; i++) {
        struct container_mount mount;

        r = spec_parse_volume(arena, cwd, o->volumes.items[i], &mount, err);
        if (r >= 0 && mount.type == CONTAINER_MOUNT_VOLUME && !mount.source)
            *ARRAY_APPEND_ARENA(arena, &anonymous) = arena_strdup(arena, mount.target);
        else if (r >= 0)
            *ARRAY_APPEND_ARENA(arena, &config->mounts) = mount;
    }
    for (size_t i = 0; i < o->mounts.len && r >= 0; i++)
        r = spec_parse_mount(
                arena, cwd, o->mounts.items[i], ARRAY_APPEND_ARENA(arena, &config->mounts), err);
    for (size_t i = 0; i < o->tmpfs.len && r >= 0; i++)
        r = spec_parse_tmpfs(
                arena, o->tmpfs.items[i], ARRAY_APPEND_ARENA(arena, &config->mounts), err);
    for (size_t i = 0; i < config->mounts.len && r >= 0; i++)
        for (size_t k = 0; k < i && r >= 0; k++)
            if (strcmp(config->mounts.items[i].target, config->mounts.items[k].target) == 0)
                r = error_set_plain(err, EINVAL, NULL, "Duplicate mount point: %s",
                        config->mounts.items[i].target);
    config->volumes = spec_vector(arena, &anonymous);
    config->read_only = o->read_only;
    config->shm_size_bytes = o->shm_size_bytes;
    return r;
}

static int fill_network(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &cli->arena;
    int r = 0;

    for (size_t i = 0; i < o->networks.len && r >= 0; i++)
        r = spec_parse_network(arena, o->networks.items[i], config, err);
    if (o->networks.len == 0)
        *ARRAY_APPEND_ARENA(
                arena, &config->networks) = (struct container_network){ .network = "bridge" };
    for (size_t i = 0; i < o->publish.len && r >= 0; i++)
        r = spec_parse_publish(arena, o->publish.items[i], &config->ports, err);
    if (r < 0)
        return r;
    if (o->ip || o->mac_address || o->network_aliases.len) {
        if (config->networks.len != 1)
            return error_set_plain(err, EINVAL, NULL,
                    "--ip, --mac-address and --network-alias need exactly one network");
        struct container_network *network = &config->networks.items[0];

        network->ipv4 = o->ip ? o->ip : network->ipv4;
        network->mac = o->mac_address ? o->mac_address : network->mac;
        if (o->network_aliases.len)
            network->aliases = spec_vector(arena, &o->network_aliases);
    }
    struct strings exposed = { 0 };
    for (size_t i = 0; i < o->expose.len; i++) {
        struct container_ports ports = { 0 };

        if (strchr(o->expose.items[i], ':') ||
                spec_parse_publish(arena, o->expose.items[i], &ports, NULL) < 0)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid port \"%s\" for --expose", o->expose.items[i]);
        ARRAY_FOREACH(&ports, port)
            *ARRAY_APPEND_ARENA(arena, &exposed) = arena_printf(
                    arena, "%u/%s", port->container_port, port->protocol);
    }
    config->exposed_ports = spec_vector(arena, &exposed);
    config->publish_all = o->publish_all;
    config->extra_hosts = spec_vector(arena, &o->add_hosts);
    for (char **host = config->extra_hosts; host && *host; host++)
        if (!strpbrk(*host, ":="))
            return error_set_plain(err, EINVAL, NULL, "bad format for add-host: \"%s\"", *host);
    config->dns = spec_vector(arena, &o->dns);
    config->dns_search = spec_vector(arena, &o->dns_search);
    config->dns_options = spec_vector(arena, &o->dns_options);
    return 0;
}

/* What Podman's --cgroups and --sdnotify say for a container that is a systemd service. */
static int fill_service(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    static const struct {
        const char *option, *moment;
    } moments[] = { { "ignore", NULL }, { "conmon", "started" }, { "container", "container" },
        { "healthy", "healthy" } };
    bool known = !o->sdnotify;

    for (size_t i = 0; o->sdnotify && i < ARRAY_LEN(moments); i++)
        if (strcmp(o->sdnotify, moments[i].option) == 0) {
            config->notify = moments[i].moment;
            known = true;
        }
    if (!known)
        return error_set_plain(err, EINVAL, NULL,
                "invalid value \"%s\" for --sdnotify: expected conmon, container, healthy or ignore",
                o->sdnotify);
    if (!o->cgroups || strcmp(o->cgroups, "enabled") == 0)
        return 0;
    if (strcmp(o->cgroups, "split") != 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid value \"%s\" for --cgroups: expected enabled or split", o->cgroups);
    if (o->cgroup_parent)
        return error_set_plain(
                err, EINVAL, NULL, "--cgroups=split and --cgroup-parent exclude each other");
    config->monitor_in_parent = true;
    return container_enter_service_cgroup(&cli->arena, &config->cgroup_parent, err);
}

static int fill_limits(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &cli->arena;
    int r = 0;

    config->memory_bytes = (int64_t)o->memory_bytes;
    config->memory_reservation_bytes = (int64_t)o->memory_reservation_bytes;
    r = spec_parse_memory_swap(o->memory_swap, &config->memory_swap_bytes, err);
    if (r >= 0)
        r = spec_parse_cpus(o->cpus, &config->nano_cpus, err);
    config->cpu_shares = o->cpu_shares;
    config->cpu_period_usec = o->cpu_period_usec;
    config->cpu_quota_usec = o->cpu_quota_usec;
    config->cpuset_cpus = o->cpuset_cpus;
    config->cpuset_mems = o->cpuset_mems;
    config->pids_limit = o->pids_limit;
    config->oom_kill_disable = o->oom_kill_disable;
    config->has_oom_score_adj = o->oom_score_adj_given;
    config->oom_score_adj = o->oom_score_adj;
    config->cgroup_parent = o->cgroup_parent;
    r = fill_service(cli, o, config, err);
    for (size_t i = 0; i < o->ulimits.len && r >= 0; i++)
        r = spec_parse_ulimit(
                arena, o->ulimits.items[i], ARRAY_APPEND_ARENA(arena, &config->ulimits), err);
    return r;
}

static int fill_rights(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &cli->arena;
    int r = 0;

    config->privileged = o->privileged;
    config->cap_add = spec_vector(arena, &o->cap_add);
    config->cap_drop = spec_vector(arena, &o->cap_drop);
    config->security_opt = spec_vector(arena, &o->security_opt);
    config->device_cgroup_rules = spec_vector(arena, &o->device_rules);
    for (size_t i = 0; i < o->devices.len && r >= 0; i++)
        r = spec_parse_device(
                arena, o->devices.items[i], ARRAY_APPEND_ARENA(arena, &config->devices), err);
    for (size_t i = 0; i < o->sysctls.len && r >= 0; i++)
        r = spec_parse_pair(arena, "sysctl", o->sysctls.items[i], &config->sysctls, err);
    config->pid_mode = o->pid;
    config->ipc_mode = o->ipc;
    config->uts_mode = o->uts;
    config->cgroupns_mode = o->cgroupns;
    return r;
}

static int fill_life(struct cli *cli, const struct run_options *o, struct container_config *config,
        struct error **err)
{
    struct arena *arena = &cli->arena;
    int r = o->restart ? spec_parse_restart(
                                 o->restart, &config->restart, &config->restart_max_retries, err)
                       : 0;

    if (r >= 0 && o->auto_remove && config->restart != CONTAINER_RESTART_NO)
        r = error_set_plain(
                err, EINVAL, NULL, "conflicting options: cannot specify both --restart and --rm");
    config->auto_remove = o->auto_remove;
    bool health = o->health_cmd || o->health_interval_usec || o->health_timeout_usec ||
                  o->health_retries || o->health_start_period_usec || o->health_start_interval_usec;
    if (r >= 0 && health && o->no_healthcheck)
        r = error_set_plain(
                err, EINVAL, NULL, "--no-healthcheck conflicts with --health-* options");
    if (health || o->no_healthcheck) {
        config->has_health = true;
        config->health = (struct container_health){
            .interval_usec = o->health_interval_usec,
            .timeout_usec = o->health_timeout_usec,
            .start_period_usec = o->health_start_period_usec,
            .start_interval_usec = o->health_start_interval_usec,
            .retries = o->health_retries,
        };
        if (o->health_cmd || o->no_healthcheck) {
            config->health.test = ARENA_NEW_ARRAY(arena, 3, char *);
            config->health.test[0] = arena_strdup(arena, o->no_healthcheck ? "NONE" : "CMD-SHELL");
            config->health.test[1] = o->no_healthcheck ? NULL : arena_strdup(arena, o->health_cmd);
        }
    }
    config->log_driver = o->log_driver;
    for (size_t i = 0; i < o->log_opts.len && r >= 0; i++)
        r = spec_parse_pair(arena, "log option", o->log_opts.items[i], &config->log_options, err);
    return r;
}

static int fill_config(struct cli *cli, const struct run_options *o, int argc, char **argv,
        struct container_config *config, struct error **err)
{
    *config = (struct container_config)CONTAINER_CONFIG_INIT;
    config->image = argv[0];
    if (argc > 1) {
        config->cmd = ARENA_NEW_ARRAY(&cli->arena, (size_t)argc, char *);
        for (int i = 1; i < argc; i++)
            config->cmd[i - 1] = argv[i];
    }
    int r = fill_process(cli, o, config, err);
    if (r >= 0)
        r = fill_files(cli, o, config, err);
    if (r >= 0)
        r = fill_network(cli, o, config, err);
    if (r >= 0)
        r = fill_limits(cli, o, config, err);
    if (r >= 0)
        r = fill_rights(cli, o, config, err);
    if (r >= 0)
        r = fill_life(cli, o, config, err);
    return r;
}

/* ------------------------------------------------------------------ doing it */

static int ensure_image(struct cli *cli, struct engine *engine, const struct run_options *o,
        const char *ref, struct error **err)
{
    int policy = parse_name(str_from(o->pull), image_pull_policy_names, IMAGE_PULL_POLICY_MAX_);

    if (policy < 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid --pull \"%s\": expected always, missing or never", o->pull);
    return image_progress_pull(
            cli, engine, ref, (enum image_pull_policy)policy, o->platform, o->quiet, err);
}

static int write_cidfile(const char *path, const char *id, struct error **err)
{
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot create the container id file \"%s\"", path);
    if (write(fd, id, strlen(id)) != (ssize_t)strlen(id))
        return error_set(err, errno, NULL, "cannot write the container id file \"%s\"", path);
    return 0;
}

/* Everything up to and including the creation; exit status. */
static int create(struct cli *cli, const struct run_options *o, int argc, char **argv,
        char id[static CONTAINER_ID_HEX + 1])
{
    auto_error struct error *err = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct container_config config;
    struct engine *engine = NULL;
    int r = fill_config(cli, o, argc, argv, &config, &err);

    if (r >= 0 && o->cidfile && access(o->cidfile, F_OK) == 0)
        r = error_set_plain(&err, EEXIST, NULL,
                "container ID file found, make sure the other container isn't "
                "running or delete %s",
                o->cidfile);
    if (r >= 0 && !(engine = cli_engine(cli, &err)))
        r = -EPERM;
    cli_interrupt_begin(cli);
    if (r >= 0)
        r = ensure_image(cli, engine, o, argv[0], &err);
    if (r >= 0)
        r = container_create(engine, &config, id, &diag, &err);
    cli_interrupt_end(cli);
    report_diag(cli, &diag);
    if (r < 0 && atomic_load(&cli->interrupted))
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    if (r < 0) {
        report_error(cli, err);
        return EXIT_STATUS_ENGINE;
    }
    if (o->cidfile && write_cidfile(o->cidfile, id, &err) < 0) {
        container_remove(engine, id, &(struct container_remove_options){ .volumes = true }, NULL);
        report_error(cli, err);
        return EXIT_STATUS_ENGINE;
    }
    return 0;
}

static int run_create(struct cli *cli, const void *data, int argc, char **argv)
{
    char id[CONTAINER_ID_HEX + 1];

    int status = cli_check_arguments(cli, &command_create, argc, 1, -1);
    if (status == 0)
        status = create(cli, data, argc, argv, id);
    if (status == 0)
        cli_print(cli, "%s\n", id);
    return status;
}

static int start_detached(struct cli *cli, const char *id, bool auto_remove)
{
    auto_error struct error *err = NULL;
    struct engine *engine = cli_engine(cli, &err);

    if (!engine)
        return report_error(cli, err);
    if (container_start(engine, id, &(struct container_start_options){ 0 }, &err) < 0) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        struct container *container = NULL;
        int status = foreground_start_status(err);

        report_error(cli, err);
        if (container_lookup(engine, &arena, id, &container, NULL) == 0 && container) {
            int code = container->state.exit_code;

            if (code == EXIT_STATUS_NOT_EXECUTABLE || code == EXIT_STATUS_NOT_FOUND)
                status = code;
            if (auto_remove)
                container_remove(engine, id,
                        &(struct container_remove_options){ .force = true, .volumes = true }, NULL);
        }
        return status;
    }
    cli_print(cli, "%s\n", id);
    return 0;
}

/* -a: which streams; -it without -a is all. */
static int attached_streams(
        const struct run_options *o, struct foreground_options *ret, struct error **err)
{
    *ret = (struct foreground_options){
        .interactive = o->interactive,
        .signal_proxy = o->sig_proxy,
        .detach_keys = o->detach_keys,
    };
    if (o->attach.len == 0)
        return 0;
    ret->no_stdout = ret->no_stderr = true;
    ret->interactive = false;
    for (size_t i = 0; i < o->attach.len; i++) {
        if (strcasecmp(o->attach.items[i], "stdin") == 0)
            ret->interactive = true;
        else if (strcasecmp(o->attach.items[i], "stdout") == 0)
            ret->no_stdout = false;
        else if (strcasecmp(o->attach.items[i], "stderr") == 0)
            ret->no_stderr = false;
        else
            return error_set_plain(err, EINVAL, NULL,
                    "valid streams are STDIN, STDOUT and STDERR, not \"%s\"", o->attach.items[i]);
    }
    return 0;
}

static int run_run(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct run_options *o = data;
    auto_error struct error *err = NULL;
    struct foreground_options foreground;
    char id[CONTAINER_ID_HEX + 1];

    int status = cli_check_arguments(cli, &command_run, argc, 1, -1);
    if (status)
        return status;
    if (o->detach && o->attach.len)
        return report_failure(
                cli, "conflicting options: cannot specify both --attach and --detach");
    if (attached_streams(o, &foreground, &err) < 0)
        return report_error(cli, err);
    if (!o->detach && o->tty && o->interactive && !isatty(STDIN_FILENO))
        return report_failure(cli, "the input device is not a TTY");
    status = create(cli, o, argc, argv, id);
    if (status)
        return status;
    return o->detach ? start_detached(cli, id, o->auto_remove)
                     : foreground_start(cli, id, &foreground);
}

const struct command command_create = {
    .name = "create",
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create a container without starting it",
    .opts = create_opts,
    .options_bytes = sizeof(struct run_options),
    .defaults = &run_defaults,
    .run = run_create,
    .stop_at_first_argument = true,
};

const struct command command_run = {
    .name = "run",
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create and start a container",
    .details =
            "The exit status is that of the process; 125 when berth failed, 126 when the command "
            "cannot be executed, 127 when it is not found, 128+N when signal N killed it.",
    .opts = run_opts,
    .options_bytes = sizeof(struct run_options),
    .defaults = &run_defaults,
    .run = run_run,
    .stop_at_first_argument = true,
};
