/* A service's attributes as options of `podman run`, which from-command.h turns into keys. The simple ones are rows of
 * tables; what needs more has a function. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "compose/document.h"
#include "compose/graph.h"
#include "compose/print.h"
#include "compose/project.h"
#include "quadlet/from-compose-internal.h"
#include "quadlet/quadlet.h"

#define TEXT_MAX_BYTES (1u << 20)

#define AT(member) offsetof(struct service, member)

struct row {
    size_t offset;
    const char *option;
};

static const struct row texts[] = {
    { AT(cgroup), "--cgroupns" },
    { AT(cgroup_parent), "--cgroup-parent" },
    { AT(cpuset), "--cpuset-cpus" },
    { AT(hostname), "--hostname" },
    { AT(mac_address), "--mac-address" },
    { AT(platform), "--platform" },
    { AT(stop_signal), "--stop-signal" },
    { AT(userns_mode), "--userns" },
    { AT(user), "--user" },
    { AT(uts), "--uts" },
    { AT(working_dir), "--workdir" },
};
static const struct row lists[] = {
    { AT(cap_add), "--cap-add" },
    { AT(cap_drop), "--cap-drop" },
    { AT(device_cgroup_rules), "--device-cgroup-rule" },
    { AT(dns), "--dns" },
    { AT(dns_opt), "--dns-option" },
    { AT(dns_search), "--dns-search" },
    { AT(group_add), "--group-add" },
    { AT(tmpfs), "--tmpfs" },
};
static const struct {
    size_t offset;
    const char *option, *separator;
} maps[] = {
    { AT(annotations), "--annotation", "=" },
    { AT(environment), "--env", "=" },
    { AT(extra_hosts), "--add-host", ":" },
    { AT(labels), "--label", "=" },
    { AT(storage_opt), "--storage-opt", "=" },
    { AT(sysctls), "--sysctl", "=" },
};
static const struct row flags[] = {
    { AT(init), "--init" },
    { AT(oom_kill_disable), "--oom-kill-disable" },
    { AT(privileged), "--privileged" },
    { AT(read_only), "--read-only" },
};
static const struct row integers[] = {
    { AT(cpu_period), "--cpu-period" },
    { AT(cpu_quota), "--cpu-quota" },
    { AT(cpu_rt_period), "--cpu-rt-period" },
    { AT(cpu_rt_runtime), "--cpu-rt-runtime" },
    { AT(cpu_shares), "--cpu-shares" },
    { AT(mem_swappiness), "--memory-swappiness" },
    { AT(oom_score_adj), "--oom-score-adj" },
};
static const struct row sizes[] = {
    { AT(memswap_limit), "--memory-swap" },
    { AT(shm_size), "--shm-size" },
};
#undef AT

static const void *field(const struct service *service, size_t offset)
{
    return (const char *)service + offset;
}

static void add_number(
        const struct from_compose *f, struct quadlet *quadlet, const char *option, int64_t value)
{
    from_compose_option(f, quadlet, option, arena_printf(f->arena, "%lld", (long long)value));
}

/* What is there as PodmanArgs= alone, whatever keys there are. */
static void add_argument(const struct from_compose *f, struct quadlet *quadlet, const char *text)
{
    (void)f;
    quadlet_add(quadlet, "PodmanArgs", text);
}

static void add_pairs(const struct from_compose *f, struct quadlet *quadlet,
        const struct pairs *pairs, const char *option, const char *separator)
{
    ARRAY_FOREACH(pairs, pair)
        if (pair->value)
            from_compose_option(f, quadlet, option,
                    arena_printf(f->arena, "%s%s%s", pair->key, separator, pair->value));
}

static void add_simple(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *const *text = field(service, texts[i].offset);

        if (!string_is_empty(*text))
            from_compose_option(f, quadlet, texts[i].option, *text);
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct strings *list = field(service, lists[i].offset);

        ARRAY_FOREACH(list, item)
            from_compose_option(f, quadlet, lists[i].option, *item);
    }
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        add_pairs(f, quadlet, field(service, maps[i].offset), maps[i].option, maps[i].separator);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (*(const enum option_bool *)field(service, flags[i].offset) == OPTION_TRUE)
            from_compose_option(f, quadlet, flags[i].option, NULL);
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        const struct option_int *value = field(service, integers[i].offset);

        if (value->set)
            add_number(f, quadlet, integers[i].option, value->value);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const struct option_size *value = field(service, sizes[i].offset);

        if (value->set)
            add_number(f, quadlet, sizes[i].option, value->bytes);
    }
}

/* ---- The program ---- */

/* JSON, where Podman wants a list in one text. */
static const char *json_list(const struct from_compose *f, char *const *items, size_t len)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(TEXT_MAX_BYTES);

    strbuf_addc(&out, '[');
    for (size_t i = 0; i < len; i++) {
        if (i)
            strbuf_addc(&out, ',');
        json_print_text(items[i], &out);
    }
    strbuf_addc(&out, ']');
    return arena_strndup(f->arena, out.data, out.len);
}

static void add_program(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    const struct argv *entrypoint = &service->entrypoint, *command = &service->command;
    struct strings words = { command->items, command->len, command->cap };

    if (entrypoint->given && entrypoint->len == 1)
        from_compose_option(f, quadlet, "--entrypoint", entrypoint->items[0]);
    else if (entrypoint->given)
        from_compose_option(f, quadlet, "--entrypoint",
                entrypoint->len ? json_list(f, entrypoint->items, entrypoint->len) : "");
    if (command->len)
        quadlet_add_command(quadlet, "Exec", &words);
    if (service->tty == OPTION_TRUE)
        add_argument(f, quadlet, "--tty");
    if (service->stdin_open == OPTION_TRUE)
        add_argument(f, quadlet, "--interactive");
    if (!string_is_empty(service->runtime))
        quadlet_add(
                quadlet, "GlobalArgs", arena_printf(f->arena, "--runtime=%s", service->runtime));
    if (service->stop_grace_period.set)
        add_number(f, quadlet, "--stop-timeout",
                (service->stop_grace_period.usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

static void add_duration(const struct from_compose *f, struct quadlet *quadlet, const char *option,
        const struct option_duration *value)
{
    char text[TIME_GO_DURATION_MAX];

    if (value->set)
        from_compose_option(f, quadlet, option, time_format_go_duration(value->usec, text));
}

static void add_healthcheck(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    const struct healthcheck *check = &service->healthcheck;
    const struct argv *test = &check->test;
    bool is_none = test->len > 0 && strcmp(test->items[0], "NONE") == 0;

    if (!check->given)
        return;
    if (check->disable == OPTION_TRUE || is_none) {
        from_compose_option(f, quadlet, "--no-healthcheck", NULL);
        return;
    }
    if (test->len > 1)
        from_compose_option(f, quadlet, "--health-cmd",
                strcmp(test->items[0], "CMD") == 0 ? json_list(f, test->items + 1, test->len - 1)
                                                   : test->items[1]);
    add_duration(f, quadlet, "--health-interval", &check->interval);
    add_duration(f, quadlet, "--health-timeout", &check->timeout);
    add_duration(f, quadlet, "--health-start-period", &check->start_period);
    if (check->retries.set)
        add_number(f, quadlet, "--health-retries", check->retries.value);
}

/* ---- Rights and limits ---- */

static void add_limits(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    const struct resources *resources = &service->deploy.resources;
    const struct service_limits limits = service_limits(service);
    struct option_size kept = resources->reservations.memory.set ? resources->reservations.memory
                                                                 : service->mem_reservation;

    if (limits.memory_bytes > 0)
        add_number(f, quadlet, "--memory", limits.memory_bytes);
    if (kept.set && kept.bytes > 0)
        add_number(f, quadlet, "--memory-reservation", kept.bytes);
    if (limits.nano_cpus > 0)
        from_compose_option(
                f, quadlet, "--cpus", arena_printf(f->arena, "%g", (double)limits.nano_cpus / 1e9));
    if (limits.pids != 0)
        add_number(f, quadlet, "--pids-limit", limits.pids);
    ARRAY_FOREACH(&service->ulimits, limit)
        from_compose_option(f, quadlet, "--ulimit",
                limit->single
                        ? arena_printf(f->arena, "%s=%lld", limit->name, (long long)limit->soft)
                        : arena_printf(f->arena, "%s=%lld:%lld", limit->name,
                                  (long long)limit->soft, (long long)limit->hard));
}

static void add_device_rates(const struct from_compose *f, struct quadlet *quadlet,
        const struct device_rates *rates, const char *option)
{
    ARRAY_FOREACH(rates, rate)
        from_compose_option(f, quadlet, option,
                arena_printf(f->arena, "%s:%lld", rate->path, (long long)rate->rate.bytes));
}

static void add_blkio(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    const struct blkio_config *io = &service->blkio_config;

    if (io->weight.set)
        add_number(f, quadlet, "--blkio-weight", io->weight.value);
    ARRAY_FOREACH(&io->weight_device, device)
        from_compose_option(f, quadlet, "--blkio-weight-device",
                arena_printf(f->arena, "%s:%lld", device->path, (long long)device->weight.value));
    add_device_rates(f, quadlet, &io->device_read_bps, "--device-read-bps");
    add_device_rates(f, quadlet, &io->device_read_iops, "--device-read-iops");
    add_device_rates(f, quadlet, &io->device_write_bps, "--device-write-bps");
    add_device_rates(f, quadlet, &io->device_write_iops, "--device-write-iops");
}

/* Graphics cards by the names that the container device interface has for them. */
static void add_requests(const struct from_compose *f, struct quadlet *quadlet,
        const struct device_requests *requests)
{
    ARRAY_FOREACH(requests, request) {
        const char *vendor = string_is_empty(request->driver) ? "nvidia" : request->driver;

        ARRAY_FOREACH(&request->device_ids, id)
            from_compose_option(
                    f, quadlet, "--device", arena_printf(f->arena, "%s.com/gpu=%s", vendor, *id));
        for (int64_t i = 0; request->device_ids.len == 0 && i < request->count.value; i++)
            from_compose_option(f, quadlet, "--device",
                    arena_printf(f->arena, "%s.com/gpu=%lld", vendor, (long long)i));
        if (request->device_ids.len == 0 && (!request->count.set || request->count.value < 0))
            from_compose_option(
                    f, quadlet, "--device", arena_printf(f->arena, "%s.com/gpu=all", vendor));
    }
}

static void add_devices(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    ARRAY_FOREACH(&service->devices, device)
        from_compose_option(f, quadlet, "--device",
                arena_printf(f->arena, "%s:%s%s%s", device->source,
                        device->target ? device->target : device->source,
                        string_is_empty(device->permissions) ? "" : ":",
                        device->permissions ? device->permissions : ""));
    add_requests(f, quadlet, &service->gpus);
    add_requests(f, quadlet, &service->deploy.resources.reservations.devices);
}

/* Docker's "key:value" is "key=value" there. */
static void add_security(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    ARRAY_FOREACH(&service->security_opt, item) {
        size_t len = strcspn(*item, ":=");

        from_compose_option(f, quadlet, "--security-opt",
                (*item)[len] ? arena_printf(f->arena, "%.*s=%s", (int)len, *item, *item + len + 1)
                             : *item);
    }
}

/* ---- What it shares, and how it is reached ---- */

/* "service:db" is a container of the project. */
static void add_namespace(
        const struct from_compose *f, struct quadlet *quadlet, const char *option, const char *mode)
{
    const char *name = mode ? graph_service_of_mode(mode) : NULL;
    const struct service *other = name ? project_find_service(f->project, name) : NULL;

    if (other)
        mode = arena_printf(f->arena, "container:%s", from_compose_container_name(f, other, 1));
    if (!string_is_empty(mode))
        from_compose_option(f, quadlet, option, mode);
}

/* "80", "80-90", each with "/tcp" perhaps: of others Podman makes no unit. */
static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789-");

    return len > 0 && *text != '-' &&
           (!text[len] || strcmp(text + len, "/tcp") == 0 || strcmp(text + len, "/udp") == 0);
}

static void add_ports(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    ARRAY_FOREACH(&service->expose, port)
        if (is_port(*port))
            from_compose_option(f, quadlet, "--expose", *port);
    ARRAY_FOREACH(&service->ports, port) {
        bool is_v6 = port->host_ip && strchr(port->host_ip, ':');
        const char *host = string_is_empty(port->host_ip) ? ""
                           : is_v6 ? arena_printf(f->arena, "[%s]:", port->host_ip)
                                   : arena_printf(f->arena, "%s:", port->host_ip);
        /* Of a range to pick from the first is taken. */
        const char *published = port->published ? port->published : "";

        if (strchr(published, '-'))
            diag_add(f->diag, DIAG_NOTE, "units", &port->at,
                    "services.%s.ports: of the range %s the first is taken", service->name,
                    published);

        from_compose_option(f, quadlet, "--publish",
                arena_printf(f->arena, "%s%.*s%s%lld%s%s", host, (int)strcspn(published, "-"),
                        published, *host || *published ? ":" : "", (long long)port->target.value,
                        string_is_empty(port->protocol) || strcmp(port->protocol, "tcp") == 0 ? ""
                                                                                              : "/",
                        string_is_empty(port->protocol) || strcmp(port->protocol, "tcp") == 0
                                ? ""
                                : port->protocol));
    }
}

static void add_logging(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    const struct logging *logging = &service->logging;

    if (!string_is_empty(logging->driver))
        from_compose_option(f, quadlet, "--log-driver",
                strcmp(logging->driver, "local") == 0 ? "k8s-file" : logging->driver);
    add_pairs(f, quadlet, &logging->options, "--log-opt", "=");
}

/* Docker's words for when to pull. */
static void add_pull(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    const char *policy = service->pull_policy;

    if (!policy || strcmp(policy, "build") == 0 || strcmp(policy, "if_not_present") == 0)
        return;
    from_compose_option(f, quadlet, "--pull",
            strcmp(policy, "always") == 0 || strcmp(policy, "never") == 0 ||
                            strcmp(policy, "missing") == 0
                    ? policy
                    : "newer");
}

void from_compose_add_container(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    add_program(f, quadlet, service);
    add_simple(f, quadlet, service);
    add_namespace(f, quadlet, "--ipc", service->ipc);
    add_namespace(f, quadlet, "--pid", service->pid);
    add_limits(f, quadlet, service);
    add_blkio(f, quadlet, service);
    add_devices(f, quadlet, service);
    add_security(f, quadlet, service);
    add_ports(f, quadlet, service);
    add_healthcheck(f, quadlet, service);
    add_logging(f, quadlet, service);
    add_pull(f, quadlet, service);
}
