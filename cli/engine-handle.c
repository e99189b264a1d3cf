/* How the commands get at the engine: the directories and variables of cli.h as struct engine_options. */
#include <unistd.h>
#include <errno.h>

#include "base/error.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "engine/container/container.h"
#include "engine/engine.h"

static const char *program_path(struct cli *cli)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));

    if (len <= 0 || (size_t)len == sizeof(path))
        return "/usr/bin/berth";
    return arena_strndup(&cli->arena, path, (size_t)len);
}

/* Set by systemd beside NOTIFY_SOCKET; for whom it is does not matter, since a monitor takes the place of the main
 * process. */
static int64_t watchdog_usec(struct cli *cli)
{
    const char *text = cli_env(cli, "WATCHDOG_USEC");
    int64_t usec = 0;

    return text && parse_int64(str_from(text), 1, INT64_MAX, &usec) == 0 ? usec : 0;
}

/* What is no positive duration counts as none. */
static int64_t runtime_timeout_usec(struct cli *cli)
{
    const char *text = cli_env(cli, "BERTH_RUNTIME_TIMEOUT");
    int64_t usec = 0;

    return text && parse_duration_usec(str_from(text), &usec) == 0 && usec > 0 ? usec : 0;
}

const struct engine_options *cli_engine_options(struct cli *cli)
{
    struct engine_options *options = ARENA_NEW(&cli->arena, struct engine_options);

    *options = (struct engine_options){
        .root_dir = cli->root_dir,
        .run_dir = cli->run_dir,
        .libexec_dir = cli->libexec_dir,
        .program = program_path(cli),
        .home_dir = cli_env(cli, "HOME"),
        .docker_config_dir = cli_env(cli, "DOCKER_CONFIG"),
        .registry_auth_file = cli_env(cli, "REGISTRY_AUTH_FILE"),
        .xdg_runtime_dir = cli_env(cli, "XDG_RUNTIME_DIR"),
        .search_path = cli_env(cli, "PATH"),
        .notify_socket = cli_env(cli, "NOTIFY_SOCKET"),
        .watchdog_usec = watchdog_usec(cli),
        .runtime_timeout_usec = runtime_timeout_usec(cli),
        .fault = cli_env(cli, "BERTH_FAULT"),
        .cancel = &cli->interrupted,
        .cancel_fd = cli_interrupt_fd(),
    };
    return options;
}

struct engine *cli_engine_plain(struct cli *cli, struct error **err)
{
    if (cli->engine)
        return cli->engine;
    if (geteuid() != 0) {
        error_set_plain(err, EPERM, NULL, "containers need root");
        error_hint(err, "run it with sudo");
        return NULL;
    }
    return engine_open(cli_engine_options(cli), &cli->engine, err) < 0 ? NULL : cli->engine;
}

struct engine *cli_engine(struct cli *cli, struct error **err)
{
    bool opened = cli->engine;
    struct engine *engine = cli_engine_plain(cli, err);

    if (!engine || opened)
        return engine;
    if (engine_reconcile(engine, err) < 0) {
        engine_close(engine);
        cli->engine = NULL;
    }
    return cli->engine;
}
