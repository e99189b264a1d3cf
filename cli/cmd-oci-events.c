/* events: what a container uses, once or again and again, and when memory ran out. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/oci.h"
#include "engine/runtime/cgroup-oom.h"
#include "engine/runtime/cgroup-stats.h"
#include "engine/runtime/cgroup.h"

struct events_options {
    int64_t interval_usec;
    bool stats;
};
static const struct events_options events_defaults = { .interval_usec = 5 * USEC_PER_SEC };
static const struct opt events_opts[] = {
    { .name = "interval",
            .type = &opt_duration,
            .arg = "DURATION",
            .offset = offsetof(struct events_options, interval_usec),
            .help = "Time between two statistics (default 5s)" },
    { .name = "stats",
            .type = &opt_flag,
            .offset = offsetof(struct events_options, stats),
            .help = "Print one statistic and end" },
    OPT_END
};

static json_t *number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *io_entry(const char *op, uint64_t value)
{
    return json_pack("{s:s, s:o}", "op", op, "value", number(value));
}

/* In the form that containerd and others read from runc. */
static json_t *stats_json(const struct cgroup *cgroup)
{
    struct cgroup_stats s = { 0 };

    cgroup_read_stats(cgroup, &s);
    json_t *memory = json_pack("{s:o, s:{s:o, s:o, s:i}}", "cache", number(s.memory_cache_bytes),
            "usage", "limit", number(s.memory_limit_bytes), "usage", number(s.memory_bytes),
            "failcnt", 0);
    json_t *cpu = json_pack("{s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o}}", "usage", "total",
            number(s.cpu_nsec), "kernel", number(s.cpu_system_nsec), "user",
            number(s.cpu_user_nsec), "throttling", "periods", number(s.periods), "throttledPeriods",
            number(s.throttled_periods), "throttledTime", number(s.throttled_nsec));
    json_t *pids = json_pack("{s:o, s:o}", "current", number(s.pids), "limit",
            number(s.pids_limit == CGROUP_STAT_UNLIMITED ? 0 : s.pids_limit));
    return json_pack("{s:o, s:o, s:o, s:{s:[o, o]}, s:{}}", "cpu", cpu, "memory", memory, "pids",
            pids, "blkio", "ioServiceBytesRecursive", io_entry("Read", s.read_bytes),
            io_entry("Write", s.write_bytes), "hugetlb");
}

static void print_event(const char *id, const char *type, json_t *data)
{
    auto_json json_t *event = json_pack("{s:s, s:s}", "type", type, "id", id);

    if (data)
        json_object_set_new(event, "data", data);
    oci_print_json(event, false);
    fflush(stdout);
}

struct watch {
    const char *id;
    const struct cgroup *cgroup;
    int pidfd, oom_fd;
    short oom_events;
    int64_t interval_usec;
};

/* Until the container ends, or nobody reads. */
static void watch(const struct watch *w)
{
    uint64_t kills = cgroup_read_oom_kills(w->cgroup);
    int64_t next_usec = time_monotonic_usec();

    while (!ferror(stdout)) {
        struct pollfd fds[] = {
            { .fd = w->pidfd, .events = POLLIN },
            { .fd = w->oom_fd, .events = w->oom_events },
        };
        int64_t now_usec = time_monotonic_usec();

        if (now_usec >= next_usec) {
            print_event(w->id, "stats", stats_json(w->cgroup));
            next_usec = now_usec + w->interval_usec;
        }
        int64_t wait_msec = (next_usec - now_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
        if (poll(fds, ARRAY_LEN(fds), (int)(wait_msec > INT32_MAX ? INT32_MAX : wait_msec)) < 0 &&
                errno != EINTR)
            return;
        if (fds[1].revents & w->oom_events) {
            uint64_t seen = cgroup_read_oom_kills(w->cgroup);

            cgroup_watch_again(w->oom_fd);
            if (seen != kills)
                print_event(w->id, "oom", NULL);
            kills = seen;
        }
        if (fds[0].revents)
            return;
    }
}

static int run_events(struct oci_cli *cli, const void *data, int argc, char **argv)
{
    const struct events_options *options = data;
    auto_(oci_container_release) struct oci_container container = OCI_CONTAINER_INIT;
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;
    auto_error struct error *err = NULL;

    (void)argc;
    if (options->interval_usec <= 0)
        return oci_report_failure(cli, "duration interval must be greater than 0");
    if (oci_open(&cli->runtime, argv[0], false, NULL, &container, &err) < 0)
        return oci_report(cli, err);
    auto_close int pidfd = container.pid > 0 ? proc_open_pidfd(container.pid) : -ESRCH;
    if (pidfd < 0 || !oci_container_is_alive(&container))
        return oci_report_failure(cli, "container with id %s is not running", container.id);
    if (!container.cgroup_path || cgroup_open(&cgroup, container.cgroup_path, &err) <= 0)
        return err ? oci_report(cli, err)
                   : oci_report_failure(cli, "container %s has no control group", container.id);
    if (options->stats) {
        print_event(container.id, "stats", stats_json(&cgroup));
        return 0;
    }
    struct watch w = { .id = container.id,
        .cgroup = &cgroup,
        .pidfd = pidfd,
        .interval_usec = options->interval_usec };
    auto_close int oom_fd = cgroup_watch_oom(&cgroup, &w.oom_events, NULL);
    w.oom_fd = oom_fd;
    watch(&w);
    return 0;
}

const struct oci_command oci_command_events = {
    .base = { .name = "events",
            .usage = "[OPTIONS] CONTAINER",
            .summary = "Print what a container uses, and when it ran out of memory",
            .opts = events_opts,
            .options_bytes = sizeof(struct events_options),
            .defaults = &events_defaults },
    .run = run_events,
    .min_arguments = 1,
    .max_arguments = 1,
};
