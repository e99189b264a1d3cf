/* The group `container`, and container prune. */
#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/objects.h"
#include "cli/prune.h"
#include "cli/report.h"
#include "engine/container/container.h"
#include "engine/container/usage.h"

/* `docker container x` is `docker x`. */
struct prune_options {
    bool force;
    struct strings filters;
};
static const struct opt prune_opts[] = {
    PRUNE_FILTER_ROW(prune_options, "until, label, label!"),
    PRUNE_FORCE_ROW(prune_options),
    OPT_END,
};

static const char *label_of(const void *labels, const char *key)
{
    return container_pairs_get(labels, key);
}

int container_prune_print(
        struct cli *cli, struct engine *engine, const struct prune_filter *prune, uint64_t *bytes)
{
    auto_error struct error *err = NULL;
    struct container_filter filter = { .all = true };
    struct containers containers = { 0 };
    bool heading = false;
    int status = 0;

    if (container_list(engine, &cli->arena, &filter, &containers, &err) < 0)
        return report_error(cli, err);
    for (size_t i = 0; i < containers.len; i++) {
        auto_error struct error *failure = NULL;
        const struct container *container = containers.items[i];

        /* A pod's own container goes with the pod. */
        if (container_is_running(container) || container->is_infra ||
                !prune_filter_takes(
                        prune, container->created_nsec, label_of, &container->config.labels))
            continue;
        uint64_t size = container_size(engine, container->id);
        if (container_remove(
                    engine, container->id, &(struct container_remove_options){ 0 }, &failure) < 0) {
            status = report_error(cli, failure);
            continue;
        }
        *bytes += size;
        cli_print(cli, "%s%s\n", heading ? "" : "Deleted Containers:\n", container->id);
        heading = true;
    }
    if (heading)
        cli_print(cli, "\n");
    return status;
}

static int run_prune(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct prune_options *options = data;
    auto_error struct error *err = NULL;
    struct prune_filter prune;
    uint64_t bytes = 0;

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    if (prune_parse_filters(&cli->arena, &options->filters,
                &(struct prune_words){ .knows_time = true }, &prune, &err) < 0)
        return report_error(cli, err);
    if (!options->force && !cli_confirm(cli, "This removes all stopped containers."))
        return 0;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    int status = container_prune_print(cli, engine, &prune, &bytes);
    cli_print(cli, "Total reclaimed space: %s\n", format_size(&cli->arena, bytes));
    return status;
}

static int run_container(struct cli *cli, const void *data, int argc, char **argv)
{
    static const char *const ls_aliases[] = { "list", "ps", NULL };
    struct command ls = command_ps;

    (void)data;
    ls.name = "ls";
    ls.aliases = ls_aliases;
    struct command table[] = {
        command_attach,
        command_commit,
        command_cp,
        command_create,
        command_diff,
        command_exec,
        command_export,
        command_container_inspect,
        command_kill,
        command_logs,
        ls,
        command_pause,
        command_port,
        { .name = "prune",
                .usage = "[OPTIONS]",
                .summary = "Remove stopped containers",
                .opts = prune_opts,
                .options_bytes = sizeof(struct prune_options),
                .run = run_prune },
        command_rename,
        command_restart,
        command_rm,
        command_run,
        command_start,
        command_stats,
        command_stop,
        command_top,
        command_unpause,
        command_update,
        command_wait,
        { 0 },
    };
    struct command group = command_container;

    group.subcommands = table;
    return cli_run_subcommand(cli, &group, argc, argv);
}

const struct command command_container = {
    .name = "container",
    .usage = "COMMAND",
    .summary = "Manage containers",
    .run = run_container,
    .stop_at_first_argument = true,
};
