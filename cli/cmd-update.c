/* update: limits and restart policy of containers that exist. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/specs.h"
#include "engine/container/update.h"

struct update_options {
    uint64_t memory_bytes, memory_reservation_bytes;
    const char *memory_swap, *cpus, *cpuset_cpus, *cpuset_mems, *restart;
    int64_t cpu_shares, cpu_period_usec, cpu_quota_usec, pids_limit;
    int64_t blkio_weight, cpu_rt_period_usec, cpu_rt_runtime_usec;
};
#define AT(member) .offset = offsetof(struct update_options, member)
static const struct opt update_opts[] = { { .name = "blkio-weight",
                                                  .type = &opt_int,
                                                  .arg = "N",
                                                  AT(blkio_weight),
                                                  .help = "Weight of block I/O, 10 to 1000" },
    { .name = "cpu-period",
            .type = &opt_int,
            .arg = "USEC",
            AT(cpu_period_usec),
            .help = "Period of the CPU quota" },
    { .name = "cpu-quota",
            .type = &opt_int,
            .arg = "USEC",
            AT(cpu_quota_usec),
            .help = "CPU time per period" },
    { .name = "cpu-rt-period",
            .type = &opt_int,
            .arg = "USEC",
            AT(cpu_rt_period_usec),
            .help = "Period of the real-time CPU limit" },
    { .name = "cpu-rt-runtime",
            .type = &opt_int,
            .arg = "USEC",
            AT(cpu_rt_runtime_usec),
            .help = "Real-time CPU time per period" },
    { .name = "cpu-shares",
            .letter = 'c',
            .type = &opt_int,
            .arg = "N",
            AT(cpu_shares),
            .help = "CPU weight, 1024 is the usual one" },
    { .name = "cpus",
            .type = &opt_string,
            .arg = "N",
            AT(cpus),
            .help = "Number of CPUs, such as 1.5" },
    { .name = "cpuset-cpus",
            .type = &opt_string,
            .arg = "LIST",
            AT(cpuset_cpus),
            .help = "CPUs that may be used, such as 0-3" },
    { .name = "cpuset-mems",
            .type = &opt_string,
            .arg = "LIST",
            AT(cpuset_mems),
            .help = "Memory nodes that may be used" },
    { .name = "memory",
            .letter = 'm',
            .type = &opt_size,
            .arg = "SIZE",
            AT(memory_bytes),
            .help = "Memory limit" },
    { .name = "memory-reservation",
            .type = &opt_size,
            .arg = "SIZE",
            AT(memory_reservation_bytes),
            .help = "Soft memory limit" },
    { .name = "memory-swap",
            .type = &opt_string,
            .arg = "SIZE",
            AT(memory_swap),
            .help = "Memory and swap together, -1 for no limit" },
    { .name = "pids-limit",
            .type = &opt_int,
            .arg = "N",
            AT(pids_limit),
            .help = "Most processes, -1 for no limit" },
    { .name = "restart",
            .type = &opt_string,
            .arg = "POLICY",
            AT(restart),
            .values = values_restart,
            .help = "no, always, unless-stopped or on-failure[:N]" },
    OPT_END };
#undef AT

static int read_update(
        const struct update_options *o, struct container_update *ret, struct error **err)
{
    *ret = (struct container_update){
        .memory_bytes = (int64_t)o->memory_bytes,
        .memory_reservation_bytes = (int64_t)o->memory_reservation_bytes,
        .cpu_shares = o->cpu_shares,
        .cpu_period_usec = o->cpu_period_usec,
        .cpu_quota_usec = o->cpu_quota_usec,
        .cpuset_cpus = o->cpuset_cpus,
        .cpuset_mems = o->cpuset_mems,
        .pids_limit = o->pids_limit,
        .blkio_weight = o->blkio_weight,
        .cpu_rt_period_usec = o->cpu_rt_period_usec,
        .cpu_rt_runtime_usec = o->cpu_rt_runtime_usec,
    };
    int r = spec_parse_memory_swap(o->memory_swap, &ret->memory_swap_bytes, err);

    if (r >= 0)
        r = spec_parse_cpus(o->cpus, &ret->nano_cpus, err);
    if (r >= 0 && o->restart) {
        ret->has_restart = true;
        r = spec_parse_restart(o->restart, &ret->restart, &ret->restart_max_retries, err);
    }
    return r;
}

static int run_update(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    struct container_update update;
    int status = cli_check_arguments(cli, &command_update, argc, 1, -1);

    if (status)
        return status;
    if (memcmp(data, &(struct update_options){ 0 }, sizeof(struct update_options)) == 0)
        return report_failure(cli, "nothing to update: \"%s\" needs an option", cli->command);
    if (read_update(data, &update, &err) < 0)
        return report_error(cli, err);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    for (int i = 0; i < argc; i++) {
        auto_error struct error *failure = NULL;

        if (container_update(engine, argv[i], &update, &failure) < 0)
            status = report_error(cli, failure);
        else
            cli_print(cli, "%s\n", argv[i]);
    }
    return status;
}

const struct command command_update = {
    .name = "update",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Change limits and the restart policy of containers",
    .opts = update_opts,
    .options_bytes = sizeof(struct update_options),
    .run = run_update,
};
