/* Commands that berth's own programs call; hidden. */
#include "base/error.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/followers.h"
#include "cli/report.h"
#include "engine/container/container.h"
#include "engine/volume/volume-mount.h"

/* What a monitor execs when its container has ended for good. Its output goes nowhere. As the main process of a
 * service it ends with the status of the container. */
static int run_teardown(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;

    (void)data;
    uint32_t status = 0;

    if (argc < 1 || argc > 2 ||
            (argc == 2 && parse_uint32(str_from(argv[1]), UINT8_MAX, &status) < 0))
        return report_failure(cli, "\"%s\" takes an id and an exit status", cli->command);
    struct engine *engine = cli_engine_plain(cli, &err);
    return !engine || container_teardown(engine, argv[0], &err) < 0 ? report_error(cli, err)
                                                                    : (int)status;
}

static const struct command teardown = {
    .name = "teardown",
    .usage = "ID [STATUS]",
    .summary = "Remove what the run of a container left",
    .run = run_teardown,
};

/* What a monitor runs when its container runs again by itself. */
static int run_followers(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;

    (void)data;
    if (argc != 1)
        return report_failure(cli, "\"%s\" takes an id", cli->command);
    struct engine *engine = cli_engine_plain(cli, &err);
    return !engine || followers_restart(engine, argv[0], &err) < 0 ? report_error(cli, err) : 0;
}

static const struct command followers = {
    .name = "followers",
    .usage = "ID",
    .summary = "Restart what depends on a container that runs again",
    .run = run_followers,
};

/* What a monitor runs before its container runs again by itself. */
static int run_volumes(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;

    (void)data;
    if (argc != 1)
        return report_failure(cli, "\"%s\" takes an id", cli->command);
    struct engine *engine = cli_engine_plain(cli, &err);
    return !engine || volume_renew_all(engine, argv[0], &err) < 0 ? report_error(cli, err) : 0;
}

static const struct command volumes = {
    .name = "volumes",
    .usage = "ID",
    .summary = "Mount anew what a container alone has in memory",
    .run = run_volumes,
};

static int run_internal(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct command table[] = { teardown, followers, volumes, command_unit, { 0 } };
    struct command group = command_internal;

    (void)data;
    group.run = NULL;
    group.subcommands = table;
    return cli_run_subcommand(cli, &group, argc, argv);
}

const struct command command_internal = {
    .name = "internal",
    .usage = "COMMAND",
    .summary = "Commands that berth's own programs call",
    .run = run_internal,
    .hidden = true,
    .stop_at_first_argument = true,
};
