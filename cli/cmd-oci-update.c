/* update: limits of a running container. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/oci.h"

struct update_options {
    const char *resources;
    const char *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_rt_period,
            *cpu_rt_runtime, *cpu_idle, *cpuset_cpus, *cpuset_mems, *memory, *memory_reservation,
            *memory_swap, *pids_limit;
    const char *unsupported;
};

#define AT(member) .offset = offsetof(struct update_options, member)
static const struct opt update_opts[] = {
    { .name = "resources",
            .letter = 'r',
            .type = &opt_string,
            .arg = "FILE",
            AT(resources),
            .help = "JSON as linux.resources of config.json (\"-\": standard input); other options "
                    "then do not count" },
    { .name = "blkio-weight",
            .type = &opt_string,
            .arg = "WEIGHT",
            AT(blkio_weight),
            .help = "Share of block I/O, 10 to 1000" },
    { .name = "cpu-period",
            .type = &opt_string,
            .arg = "USEC",
            AT(cpu_period),
            .help = "Period of the CPU quota" },
    { .name = "cpu-quota",
            .type = &opt_string,
            .arg = "USEC",
            AT(cpu_quota),
            .help = "CPU time per period" },
    { .name = "cpu-burst",
            .type = &opt_string,
            .arg = "USEC",
            AT(cpu_burst),
            .help = "CPU time that may be saved up beyond the quota" },
    { .name = "cpu-share",
            .type = &opt_string,
            .arg = "SHARES",
            AT(cpu_share),
            .help = "Share of CPU time against other containers" },
    { .name = "cpu-rt-period",
            .type = &opt_string,
            .arg = "USEC",
            AT(cpu_rt_period),
            .help = "Period of real-time CPU time" },
    { .name = "cpu-rt-runtime",
            .type = &opt_string,
            .arg = "USEC",
            AT(cpu_rt_runtime),
            .help = "Real-time CPU time per period" },
    { .name = "cpu-idle",
            .type = &opt_string,
            .arg = "0|1",
            AT(cpu_idle),
            .help = "Run only when nothing else does" },
    { .name = "cpuset-cpus",
            .type = &opt_string,
            .arg = "LIST",
            AT(cpuset_cpus),
            .help = "CPUs to run on" },
    { .name = "cpuset-mems",
            .type = &opt_string,
            .arg = "LIST",
            AT(cpuset_mems),
            .help = "Memory nodes to use" },
    { .name = "memory",
            .type = &opt_string,
            .arg = "BYTES",
            AT(memory),
            .help = "Limit of memory; -1: none" },
    { .name = "memory-reservation",
            .type = &opt_string,
            .arg = "BYTES",
            AT(memory_reservation),
            .help = "Soft limit of memory" },
    { .name = "memory-swap",
            .type = &opt_string,
            .arg = "BYTES",
            AT(memory_swap),
            .help = "Limit of memory and swap together; -1: none" },
    { .name = "pids-limit",
            .type = &opt_string,
            .arg = "N",
            AT(pids_limit),
            .help = "Limit of processes; -1: none" },
    { .name = "l3-cache-schema",
            .type = &opt_string,
            .arg = "SCHEMA",
            AT(unsupported),
            .flags = OPT_UNSUPPORTED,
            .help = "Intel RDT: share of the cache" },
    { .name = "mem-bw-schema",
            .type = &opt_string,
            .arg = "SCHEMA",
            AT(unsupported),
            .flags = OPT_UNSUPPORTED,
            .help = "Intel RDT: share of memory bandwidth" },
    { .name = "kernel-memory",
            .type = &opt_string,
            .arg = "BYTES",
            AT(unsupported),
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .help = "Limit of kernel memory" },
    { .name = "kernel-memory-tcp",
            .type = &opt_string,
            .arg = "BYTES",
            AT(unsupported),
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .help = "Limit of kernel memory for TCP" },
    OPT_END
};

enum value { VALUE_NUMBER, VALUE_SIZE, VALUE_TEXT };

/* Where each option goes. */
static const struct {
    const char *option, *object, *member;
    size_t offset;
    enum value value;
} members[] = {
    { "blkio-weight", "blockIO", "weight", offsetof(struct update_options, blkio_weight),
            VALUE_NUMBER },
    { "cpu-period", "cpu", "period", offsetof(struct update_options, cpu_period), VALUE_NUMBER },
    { "cpu-quota", "cpu", "quota", offsetof(struct update_options, cpu_quota), VALUE_NUMBER },
    { "cpu-burst", "cpu", "burst", offsetof(struct update_options, cpu_burst), VALUE_NUMBER },
    { "cpu-share", "cpu", "shares", offsetof(struct update_options, cpu_share), VALUE_NUMBER },
    { "cpu-rt-period", "cpu", "realtimePeriod", offsetof(struct update_options, cpu_rt_period),
            VALUE_NUMBER },
    { "cpu-rt-runtime", "cpu", "realtimeRuntime", offsetof(struct update_options, cpu_rt_runtime),
            VALUE_NUMBER },
    { "cpu-idle", "cpu", "idle", offsetof(struct update_options, cpu_idle), VALUE_NUMBER },
    { "cpuset-cpus", "cpu", "cpus", offsetof(struct update_options, cpuset_cpus), VALUE_TEXT },
    { "cpuset-mems", "cpu", "mems", offsetof(struct update_options, cpuset_mems), VALUE_TEXT },
    { "memory", "memory", "limit", offsetof(struct update_options, memory), VALUE_SIZE },
    { "memory-reservation", "memory", "reservation",
            offsetof(struct update_options, memory_reservation), VALUE_SIZE },
    { "memory-swap", "memory", "swap", offsetof(struct update_options, memory_swap), VALUE_SIZE },
    { "pids-limit", "pids", "limit", offsetof(struct update_options, pids_limit), VALUE_NUMBER },
};

static json_t *parse_value(const char *text, enum value value)
{
    uint64_t size = 0;
    int64_t number = 0;

    if (value == VALUE_TEXT)
        return jsonx_text(text);
    if (parse_int64(str_from(text), INT64_MIN, INT64_MAX, &number) == 0)
        return json_integer(number);
    if (value == VALUE_SIZE && parse_size_bytes(str_from(text), &size) == 0 && size <= INT64_MAX)
        return json_integer((json_int_t)size);
    return NULL;
}

/* linux.resources from the options. */
static int build(const struct update_options *options, json_t *resources, struct error **err)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *text = *(const char *const *)((const char *)options + members[i].offset);

        if (!text || !*text)
            continue;
        json_t *value = parse_value(text, members[i].value);
        if (!value)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid value for %s: %s", members[i].option, text);
        if (!json_object_get(resources, members[i].object))
            json_object_set_new(resources, members[i].object, json_object());
        json_object_set_new(
                json_object_get(resources, members[i].object), members[i].member, value);
    }
    return 0;
}

static int run_update(struct oci_cli *cli, const void *data, int argc, char **argv)
{
    const struct update_options *options = data;
    auto_error struct error *err = NULL;
    auto_json json_t *resources = NULL;
    int r;

    (void)argc;
    if (options->resources) {
        r = oci_read_json(options->resources, &resources, &err);
    } else {
        resources = json_object();
        r = build(options, resources, &err);
    }
    if (r >= 0)
        r = oci_update(&cli->runtime, argv[0], resources, &err);
    return r < 0 ? oci_report(cli, err) : 0;
}

const struct oci_command oci_command_update = {
    .base = { .name = "update",
            .usage = "[OPTIONS] CONTAINER",
            .summary = "Change the limits of a container",
            .opts = update_opts,
            .options_bytes = sizeof(struct update_options) },
    .run = run_update,
    .min_arguments = 1,
    .max_arguments = 1,
};
