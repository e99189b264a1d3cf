/* pod: start, stop, restart, kill, pause, unpause, rm, exists and prune: one engine call per pod, each pod on its own. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/cmd-pod-internal.h"
#include "cli/commands.h"
#include "cli/pods.h"
#include "cli/report.h"
#include "engine/container/pod.h"

/* Which pods: by name, all, the newest, or those whose ids are in files. */
struct selection {
    bool all, latest;
    struct strings id_files;
};

struct pod_options {
    struct selection selection;
    bool force, ignore;
    int64_t timeout_sec;
    const char *signal;
};
static const struct pod_options defaults = { .timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET };

#define AT(member) .offset = offsetof(struct pod_options, member)
#define OPT_ALL                                                                                \
    {                                                                                          \
        .name = "all", .letter = 'a', .type = &opt_flag, AT(selection.all), .help = "All pods" \
    }
#define OPT_LATEST                                                                \
    {                                                                             \
        .name = "latest", .letter = 'l', .type = &opt_flag, AT(selection.latest), \
        .help = "The newest pod"                                                  \
    }
#define OPT_ID_FILE                                                                      \
    {                                                                                    \
        .name = "pod-id-file", .type = &opt_list, .arg = "FILE", AT(selection.id_files), \
        .help = "The pod whose id is in a file"                                          \
    }
#define OPT_IGNORE                                                      \
    {                                                                   \
        .name = "ignore", .letter = 'i', .type = &opt_flag, AT(ignore), \
        .help = "A missing pod is no error"                             \
    }
#define OPT_TIME                                                                                \
    {                                                                                           \
        .name = "time", .letter = 't', .type = &opt_seconds, .arg = "SECONDS", AT(timeout_sec), \
        .help = "Time until a stopping container is killed"                                     \
    }

typedef int (*each_fn)(struct cli *cli, struct engine *engine, const struct pod *pod,
        const struct pod_options *options, struct error **err);

/* How a command goes about its pods. */
struct manner {
    each_fn fn;
    bool may_miss;      /* a missing pod is no error */
    bool print_id;      /* the answer is the id, not the name as it was given */
    int missing_status; /* exit status for a missing pod; 0: that of any failure */
};

/* Exit status. */
static int add_named(struct cli *cli, struct engine *engine, const char *name,
        const struct manner *manner, struct pods *pods)
{
    auto_error struct error *err = NULL;
    struct pod *pod = NULL;
    int r = manner->may_miss ? pod_lookup(engine, &cli->arena, name, &pod, &err)
                             : pod_get(engine, &cli->arena, name, &pod, &err);

    if (r < 0) {
        int status = report_error(cli, err);

        return r == -ENOENT && manner->missing_status ? manner->missing_status : status;
    }
    if (pod)
        *ARRAY_APPEND_ARENA(&cli->arena, pods) = pod;
    return 0;
}

static int select_pods(struct cli *cli, struct engine *engine, const struct pod_options *o,
        const struct manner *manner, int argc, char **argv, struct pods *ret)
{
    auto_error struct error *err = NULL;
    int status = 0;

    if (o->selection.all || o->selection.latest) {
        if (pod_list(engine, &cli->arena, ret, &err) < 0)
            return report_error(cli, err);
        if (o->selection.latest && ret->len == 0)
            return report_failure(cli, "no such pod");
        if (o->selection.latest)
            ret->len = 1;
        return 0;
    }
    for (int i = 0; i < argc; i++) {
        int own = add_named(cli, engine, argv[i], manner, ret);
        status = own ? own : status;
    }
    ARRAY_FOREACH(&o->selection.id_files, path) {
        const char *id = NULL;
        auto_error struct error *failure = NULL;
        int r = pods_read_id_file(cli, *path, &id, &failure);

        if (r < 0 && manner->may_miss && access(*path, F_OK) < 0 && errno == ENOENT)
            continue;
        int own = r < 0 ? report_error(cli, failure) : add_named(cli, engine, id, manner, ret);
        status = own ? own : status;
    }
    return status;
}

static int check_selection(struct cli *cli, const struct pod_options *o, int argc)
{
    size_t kinds = (argc > 0 || o->selection.id_files.len > 0) + o->selection.all +
                   o->selection.latest;

    if (kinds == 0)
        return report_failure(cli, "you must provide at least one pod name or id");
    if (kinds > 1)
        return report_failure(cli, "--all, --latest and names of pods exclude each other");
    return 0;
}

/* With a wrong name nothing is done to the others, as in Podman. */
static int for_each(struct cli *cli, const struct pod_options *o, const struct manner *manner,
        int argc, char **argv)
{
    auto_error struct error *err = NULL;
    struct pods pods = { 0 };
    int status = check_selection(cli, o, argc);

    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    status = select_pods(cli, engine, o, manner, argc, argv, &pods);
    if (status)
        return status;
    cli_interrupt_begin(cli);
    for (size_t i = 0; i < pods.len && !atomic_load(&cli->interrupted); i++) {
        auto_error struct error *failure = NULL;
        bool by_name = !manner->print_id && pods.len == (size_t)argc;

        if (manner->fn(cli, engine, pods.items[i], o, &failure) < 0)
            status = report_error(cli, failure);
        else
            cli_print(cli, "%s\n", by_name ? argv[i] : pods.items[i]->id);
    }
    cli_interrupt_end(cli);
    return atomic_load(&cli->interrupted) ? EXIT_STATUS_SIGNAL + cli_interrupt_signal() : status;
}

/* ------------------------------------------------------------------ start, stop, restart */

static const struct opt start_opts[] = { OPT_ALL, OPT_LATEST, OPT_ID_FILE, OPT_END };
static const struct opt stop_opts[] = { OPT_ALL, OPT_IGNORE, OPT_LATEST, OPT_ID_FILE, OPT_TIME,
    OPT_END };
static const struct opt plain_opts[] = { OPT_ALL, OPT_LATEST, OPT_END };

/* Started by a service manager that wants to be told, the pod is its service: the infra container's monitor, which lives
 * in the service's control group, is the main process. */
static int start_one(struct cli *cli, struct engine *engine, const struct pod *pod,
        const struct pod_options *options, struct error **err)
{
    struct container_service service = { .notify = "started",
        .unit = cli_env(cli, "PODMAN_SYSTEMD_UNIT") };

    (void)options;
    if (!cli_env(cli, "NOTIFY_SOCKET"))
        return pod_start(engine, pod->id, NULL, err);
    int r = container_enter_service_cgroup(&cli->arena, &service.cgroup_parent, err);
    return r < 0 ? r
                 : pod_start(engine, pod->id, &(struct pod_start_options){ .service = &service },
                           err);
}

static int run_start(struct cli *cli, const void *data, int argc, char **argv)
{
    return for_each(cli, data, &(struct manner){ .fn = start_one }, argc, argv);
}

static int stop_one(struct cli *cli, struct engine *engine, const struct pod *pod,
        const struct pod_options *options, struct error **err)
{
    (void)cli;
    int r = pod_stop(engine, pod->id, options->timeout_sec, err);
    return r == -ENOENT && options->ignore ? 0 : r;
}

static int run_stop(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct pod_options *options = data;

    return for_each(cli, options, &(struct manner){ .fn = stop_one, .may_miss = options->ignore },
            argc, argv);
}

static int restart_one(struct cli *cli, struct engine *engine, const struct pod *pod,
        const struct pod_options *options, struct error **err)
{
    (void)cli;
    (void)options;
    return pod_restart(engine, pod->id, err);
}

static int run_restart(struct cli *cli, const void *data, int argc, char **argv)
{
    return for_each(cli, data, &(struct manner){ .fn = restart_one, .print_id = true }, argc, argv);
}

/* ------------------------------------------------------------------ kill, pause, unpause */

static const struct opt kill_opts[] = { OPT_ALL, OPT_LATEST,
    { .name = "signal",
            .letter = 's',
            .type = &opt_string,
            .arg = "SIGNAL",
            AT(signal),
            .help = "Signal to send (default KILL)" },
    OPT_END };

static int kill_one(struct cli *cli, struct engine *engine, const struct pod *pod,
        const struct pod_options *options, struct error **err)
{
    (void)cli;
    return pod_kill(engine, pod->id, options->signal, err);
}

static int run_kill(struct cli *cli, const void *data, int argc, char **argv)
{
    return for_each(cli, data, &(struct manner){ .fn = kill_one, .print_id = true }, argc, argv);
}

static int pause_one(struct cli *cli, struct engine *engine, const struct pod *pod,
        const struct pod_options *options, struct error **err)
{
    (void)cli;
    (void)options;
    return pod_pause(engine, pod->id, err);
}

static int run_pause(struct cli *cli, const void *data, int argc, char **argv)
{
    return for_each(cli, data, &(struct manner){ .fn = pause_one, .print_id = true }, argc, argv);
}

static int unpause_one(struct cli *cli, struct engine *engine, const struct pod *pod,
        const struct pod_options *options, struct error **err)
{
    (void)cli;
    (void)options;
    return pod_unpause(engine, pod->id, err);
}

static int run_unpause(struct cli *cli, const void *data, int argc, char **argv)
{
    return for_each(cli, data, &(struct manner){ .fn = unpause_one, .print_id = true }, argc, argv);
}

/* ------------------------------------------------------------------ rm, prune, exists */

static const struct opt rm_opts[] = { OPT_ALL,
    { .name = "force",
            .letter = 'f',
            .type = &opt_flag,
            AT(force),
            .help = "Stop running containers first; a missing pod is no error" },
    OPT_IGNORE, OPT_LATEST, OPT_ID_FILE, OPT_TIME, OPT_END };

static int rm_one(struct cli *cli, struct engine *engine, const struct pod *pod,
        const struct pod_options *options, struct error **err)
{
    (void)cli;
    int r = pod_remove(engine, pod->id,
            &(struct pod_remove_options){
                    .force = options->force, .timeout_sec = options->timeout_sec },
            err);
    return r == -ENOENT && (options->ignore || options->force) ? 0 : r;
}

static int run_rm(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct pod_options *options = data;

    return for_each(cli, options,
            &(struct manner){ .fn = rm_one,
                    .may_miss = options->ignore || options->force,
                    .print_id = true,
                    .missing_status = EXIT_STATUS_FAILURE },
            argc, argv);
}

static const struct opt prune_opts[] = {
    { .name = "force", .letter = 'f', .type = &opt_flag, AT(force), .help = "Do not ask" }, OPT_END
};

static int run_prune(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct pod_options *options = data;
    auto_error struct error *err = NULL;
    struct pods pods = { 0 };
    int status = 0;

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    if (!options->force && !cli_confirm(cli, "This removes all stopped pods."))
        return 0;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || pod_list(engine, &cli->arena, &pods, &err) < 0)
        return report_error(cli, err);
    ARRAY_FOREACH(&pods, item) {
        auto_error struct error *failure = NULL;

        if ((*item)->status != POD_EXITED && (*item)->status != POD_STOPPED)
            continue;
        if (rm_one(cli, engine, *item, &defaults, &failure) < 0)
            status = report_error(cli, failure);
        else
            cli_print(cli, "%s\n", (*item)->id);
    }
    return status;
}

static int run_exists(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    struct pod *pod = NULL;

    (void)data;
    if (argc != 1)
        return cli_check_arguments(cli, cli->running, argc, 1, 1);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || pod_lookup(engine, &cli->arena, argv[0], &pod, &err) < 0)
        return report_error(cli, err);
    return pod ? 0 : 1;
}

#undef AT

/* ------------------------------------------------------------------ the group */

#define POD_COMMAND(name_, usage_, summary_, opts_, run_)                                 \
    {                                                                                     \
        .name = (name_), .usage = (usage_), .summary = (summary_), .opts = (opts_),       \
        .options_bytes = sizeof(struct pod_options), .defaults = &defaults, .run = (run_) \
    }

static int run_pod(struct cli *cli, const void *data, int argc, char **argv)
{
    struct command table[] = {
        pod_create_command,
        { .name = "exists",
                .usage = "POD",
                .summary = "Whether there is a pod: exit status 0 or 1",
                .run = run_exists },
        pod_inspect_command,
        POD_COMMAND("kill", "[OPTIONS] POD [POD...]", "Send a signal to all containers of pods",
                kill_opts, run_kill),
        pod_logs_command,
        POD_COMMAND("pause", "[OPTIONS] POD [POD...]", "Freeze all processes of pods", plain_opts,
                run_pause),
        POD_COMMAND("prune", "[OPTIONS]", "Remove stopped pods", prune_opts, run_prune),
        pod_ps_command,
        POD_COMMAND("restart", "[OPTIONS] POD [POD...]", "Restart pods", plain_opts, run_restart),
        POD_COMMAND("rm", "[OPTIONS] POD [POD...]", "Remove pods with their containers", rm_opts,
                run_rm),
        POD_COMMAND("start", "[OPTIONS] POD [POD...]", "Start pods", start_opts, run_start),
        pod_stats_command,
        POD_COMMAND("stop", "[OPTIONS] POD [POD...]", "Stop pods", stop_opts, run_stop),
        pod_top_command,
        POD_COMMAND(
                "unpause", "[OPTIONS] POD [POD...]", "Thaw paused pods", plain_opts, run_unpause),
        { 0 },
    };
    struct command group = command_pod;

    (void)data;
    cli->failure_status = EXIT_STATUS_ENGINE;
    group.subcommands = table;
    return cli_run_subcommand(cli, &group, argc, argv);
}

const struct command command_pod = {
    .name = "pod",
    .usage = "COMMAND",
    .summary = "Manage pods: containers that share namespaces",
    .run = run_pod,
    .stop_at_first_argument = true,
};
