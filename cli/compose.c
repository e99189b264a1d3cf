#include "cli/compose.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose-backend.h"
#include "cli/compose-progress.h"
#include "cli/owner.h"
#include "cli/report.h"
#include "cli/timings.h"
#include "cli/version.h"
#include "compose/backend.h"
#include "compose/document.h"
#include "compose/graph.h"
#include "compose/plan-print.h"
#include "compose/project.h"
#include "compose/run.h"
#include "engine/container/container.h"
#include "engine/state/projects.h"

/* ------------------------------------------------------------------ the group */

static const struct compose_options compose_defaults = { .parallel = -1 };

static const char *const ansi_words[] = { "auto", "never", "always", NULL };
#define PARALLEL_MAX 1024

static const char *const progress_words[] = { "auto", "tty", "plain", "json", "quiet", NULL };

#define AT(member) .offset = offsetof(struct compose_options, member)
#define DRY_RUN_ROW                                           \
    {                                                         \
        .name = "dry-run", .type = &opt_flag, AT(dry_run),    \
        .help = "Print what would be done and change nothing" \
    }
#define ADOPT_ROW                                                                   \
    {                                                                               \
        .name = "adopt", .type = &opt_flag, AT(adopt),                              \
        .help = "Take over what another directory made under the same project name" \
    }

#define TIMINGS_ROW                                                                       \
    {                                                                                     \
        .name = "timings", .type = &opt_flag, AT(timings),                                \
        .help = "Show how long each step took, and which ones decided how long the whole" \
    }

/* Before the command, as the others, or after it. */
static const struct opt common_opts[] = { ADOPT_ROW, DRY_RUN_ROW, TIMINGS_ROW, OPT_END };

static const struct opt compose_opts[] = { ADOPT_ROW,
    { .name = "all-resources",
            .type = &opt_flag,
            AT(all_resources),
            .help = "Keep networks, volumes, configs and secrets that nothing uses" },
    { .name = "ansi",
            .type = &opt_string,
            .arg = "MODE",
            AT(ansi),
            .values = ansi_words,
            .help = "Control codes: never, always or auto" },
    { .name = "compatibility",
            .type = &opt_flag,
            AT(compatibility),
            .help = "Join container names with _ instead of -" },
    DRY_RUN_ROW,
    { .name = "env-file",
            .type = &opt_list,
            .arg = "FILE",
            AT(env_files),
            .help = "Read variables from this file instead of .env" },
    { .name = "file",
            .letter = 'f',
            .type = &opt_list,
            .arg = "FILE",
            AT(files),
            .help = "Compose file; several are merged, - is standard input" },
    { .name = "parallel",
            .type = &opt_int,
            .arg = "N",
            AT(parallel),
            .help = "How many steps run at once, -1 for the usual number" },
    { .name = "profile",
            .type = &opt_list,
            .arg = "NAME",
            AT(profiles),
            .help = "Enable a profile, * for all" },
    { .name = "progress",
            .type = &opt_string,
            .arg = "TYPE",
            AT(progress),
            .values = progress_words,
            .help = "auto, tty, plain, json or quiet" },
    { .name = "project-directory",
            .type = &opt_string,
            .arg = "DIR",
            AT(project_directory),
            .help = "Base of relative paths (default the folder of the first file)" },
    { .name = "project-name",
            .letter = 'p',
            .type = &opt_string,
            .arg = "NAME",
            AT(project_name),
            .help = "Project name" },
    TIMINGS_ROW,
    { .name = "no-ansi",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(no_ansi),
            .help = "Older form of --ansi never" },
    { .name = "verbose",
            .type = &opt_flag,
            .flags = OPT_HIDDEN | OPT_UNSUPPORTED,
            AT(verbose),
            .help = "Show more" },
    { .name = "version",
            .letter = 'v',
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(version),
            .help = "Show the version" },
    { .name = "workdir",
            .type = &opt_string,
            .arg = "DIR",
            .flags = OPT_HIDDEN,
            AT(workdir),
            .help = "Older name of --project-directory" },
    OPT_END };
#undef AT

static const struct command *const compose_commands[] = {
    &command_compose_alpha,
    &command_compose_apply,
    &command_compose_attach,
    &command_compose_build,
    &command_compose_commit,
    &command_compose_config,
    &command_compose_cp,
    &command_compose_create,
    &command_compose_disable,
    &command_compose_down,
    &command_compose_drift,
    &command_compose_enable,
    &command_compose_events,
    &command_compose_exec,
    &command_compose_export,
    &command_compose_graph,
    &command_compose_images,
    &command_compose_kill,
    &command_compose_lint,
    &command_compose_logs,
    &command_compose_ls,
    &command_compose_pause,
    &command_compose_plan,
    &command_compose_port,
    &command_compose_ps,
    &command_compose_publish,
    &command_compose_pull,
    &command_compose_push,
    &command_compose_restart,
    &command_compose_rm,
    &command_compose_run,
    &command_compose_scale,
    &command_compose_schema,
    &command_compose_start,
    &command_compose_stats,
    &command_compose_status,
    &command_compose_stop,
    &command_compose_top,
    &command_compose_unpause,
    &command_compose_up,
    &command_compose_version,
    &command_compose_volumes,
    &command_compose_wait,
    &command_compose_watch,
};

/* Commands of Docker Compose that there are none of here. */
static const char *const absent_commands[] = {
    "bridge",
};

static int set_ansi(struct cli *cli, const struct compose_options *options)
{
    static const char *const modes[] = {
        [ANSI_AUTO] = "auto", [ANSI_NEVER] = "never", [ANSI_ALWAYS] = "always"
    };
    const char *given = options->ansi ? options->ansi : cli_env(cli, "COMPOSE_ANSI");
    int mode = options->no_ansi ? ANSI_NEVER : ANSI_AUTO;

    if (given && (mode = parse_name(str_from(given), modes, ARRAY_LEN(modes))) < 0)
        return report_failure(cli, "invalid --ansi \"%s\": expected never, always or auto", given);
    if (given || options->no_ansi)
        cli_set_ansi(cli, (enum ansi_mode)mode);
    return 0;
}

static int check_parallel(struct cli *cli)
{
    const char *limit = cli_env(cli, "COMPOSE_PARALLEL_LIMIT");
    int64_t value;

    if (!string_is_empty(limit) && parse_int64(str_from(limit), INT_MIN, INT_MAX, &value) < 0)
        return report_failure(
                cli, "COMPOSE_PARALLEL_LIMIT must be an integer (found: \"%s\")", limit);
    return 0;
}

static int set_directory(struct cli *cli, struct compose_options *options)
{
    if (string_is_empty(options->workdir))
        return 0;
    if (!string_is_empty(options->project_directory))
        return report_failure(cli, "--workdir is an older name of --project-directory: give one");
    options->project_directory = options->workdir;
    return 0;
}

static int run_group(struct cli *cli, const void *data, int argc, char **argv)
{
    struct compose_options given = *(const struct compose_options *)data, *options = &given;
    struct command table[ARRAY_LEN(compose_commands) + 1] = { 0 };
    struct command group = command_compose;
    int status = set_ansi(cli, options);

    if (status == 0)
        status = set_directory(cli, options);
    if (status == 0)
        status = compose_progress_check(cli, options->progress);
    if (status == 0)
        status = check_parallel(cli);
    if (status)
        return status;
    for (size_t i = 0; i < ARRAY_LEN(compose_commands); i++)
        table[i] = *compose_commands[i];
    for (size_t i = 0; i < ARRAY_LEN(compose_commands); i++) {
        table[i].common_opts = common_opts;
        table[i].common_options = options;
    }
    cli->compose_options = options;
    group.subcommands = table;
    char version[] = "version", *version_words[] = { version, NULL };
    if (options->version) {
        argc = 1;
        argv = version_words;
    }
    if (argc > 0)
        for (size_t i = 0; i < ARRAY_LEN(absent_commands); i++)
            if (strcmp(argv[0], absent_commands[i]) == 0)
                return report_failure(cli, "\"%s %s\" is not supported", cli->command, argv[0]);
    return cli_run_subcommand(cli, &group, argc, argv);
}

void compose_shorthand(struct cli *cli, struct command *command, struct compose_options *options)
{
    *options = compose_defaults;
    command->common_opts = common_opts;
    command->common_options = options;
    cli->compose_options = options;
}

const struct command command_compose = {
    .name = "compose",
    .usage = "[OPTIONS] COMMAND",
    .summary = "Define and run applications of several containers",
    .opts = compose_opts,
    .options_bytes = sizeof(struct compose_options),
    .defaults = &compose_defaults,
    .run = run_group,
    .stop_at_first_argument = true,
};

/* ------------------------------------------------------------------ loading */

int compose_begin(struct cli *cli, int argc, char **services, struct compose **ret)
{
    static const struct compose_options none = { .parallel = -1 };
    struct compose *compose = NEW(struct compose);
    const struct compose_options *options = cli->compose_options ? cli->compose_options : &none;
    char cwd[PATH_MAX];

    compose->cli = cli;
    compose->options = options;
    compose->lock_fd = -EBADF;
    compose->now_nsec = time_realtime_nsec();
    if (!getcwd(cwd, sizeof(cwd))) {
        free(compose);
        return report_failure(cli, "cannot tell the current directory: %s", strerrordesc_np(errno));
    }
    compose->load = (struct load_options){
        .working_dir = arena_strdup(&compose->arena, cwd),
        .env = environ,
        .files = options->files,
        .project_dir = options->project_directory,
        .project_name = options->project_name,
        .env_files = options->env_files,
        .profiles = options->profiles,
        .services = compose_services(compose, argc, services),
        .all_resources = options->all_resources,
        .compatibility = options->compatibility || cli_env_flag(cli, "COMPOSE_COMPATIBILITY"),
    };
    if (string_is_equal(options->progress, "json"))
        cli->json_errors = true;
    *ret = compose;
    return 0;
}

int compose_load(struct compose *compose, enum compose_need need)
{
    auto_error struct error *err = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct cli *cli = compose->cli;
    int r = project_load(&compose->arena, &compose->load, &compose->project, &diag, &err);

    if (r == -ENOENT && need == COMPOSE_NEED_NAME &&
            (compose->options->project_name || cli_env(cli, "COMPOSE_PROJECT_NAME"))) {
        error_free(TAKE(err));
        r = project_name_resolve(&compose->arena, &compose->load, &compose->name, &diag, &err);
        report_diag(cli, &diag);
        return r < 0 ? report_error(cli, err) : 0;
    }
    report_diag(cli, &diag);
    if (r < 0 && !diag_has_errors(&diag))
        report_error(cli, err);
    if (r < 0)
        return EXIT_STATUS_FAILURE;
    compose->name = compose->project->name;
    project_digest_files(compose->project);
    auto_free char *directory = realpath(compose->project->working_dir, NULL);
    compose->directory = arena_strdup(&compose->arena, directory);
    if (compose->load
                    .no_consistency) /* a circle is one of the things that nobody asks about then */
        return 0;
    if (graph_build(&compose->arena, compose->project, &compose->graph, &err) < 0)
        return report_error(cli, err);
    return 0;
}

int compose_open(
        struct cli *cli, enum compose_need need, int argc, char **services, struct compose **ret)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    int status = compose_begin(cli, argc, services, &compose);

    if (status == 0)
        status = compose_load(compose, need);
    if (status == 0)
        *ret = TAKE(compose);
    return status;
}

int compose_load_all(const struct compose *compose, struct compose **ret)
{
    auto_(compose_free_p) struct compose *all = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    int status = compose_begin(compose->cli, 0, NULL, &all);

    if (status)
        return status;
    all->load = compose->load;
    all->load.services = all->load.profiles = (struct strings){ 0 };
    *ARRAY_APPEND_ARENA(&all->arena, &all->load.profiles) = arena_strdup(&all->arena, "*");
    if (project_load(&all->arena, &all->load, &all->project, &diag, NULL) < 0) {
        report_note(compose->cli,
                "what only profiles have that are not active is left out: it has mistakes");
        all->project = compose->project;
    }
    all->name = all->project->name;
    *ret = TAKE(all);
    return 0;
}

void compose_free(struct compose *compose)
{
    if (!compose)
        return;
    fd_close(compose->lock_fd);
    backend_close(compose->backend);
    arena_release(&compose->arena);
    free(compose);
}

int compose_check_supported(struct compose *compose)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;

    project_check_supported(compose->project, &diag);
    return report_diag(compose->cli, &diag) ? EXIT_STATUS_FAILURE : 0;
}

int compose_lock(struct compose *compose)
{
    struct cli *cli = compose->cli;
    auto_error struct error *err = NULL;
    struct engine *engine = compose->options->dry_run ? NULL : cli_engine(cli, &err);

    if (compose->options->dry_run)
        return 0;
    if (!engine)
        return report_error(cli, err);
    compose->lock_fd = project_lock(engine, compose->name, false, &err);
    if (compose->lock_fd == -EWOULDBLOCK) {
        fprintf(stderr, "waiting for another command that brings up project \"%s\"\n",
                compose->name);
        compose->lock_fd = project_lock(engine, compose->name, true, &err);
    }
    return compose->lock_fd < 0 ? report_error(cli, err) : 0;
}

void compose_unlock(struct compose *compose)
{
    compose->lock_fd = fd_close(compose->lock_fd);
}

static int open_backend(struct compose *compose, struct error **err)
{
    int r = compose_backend_open(compose->cli, &compose->backend, err);

    if (r < 0)
        return r;
    owner_find(compose);
    if (compose->owner)
        compose->backend = owner_backend_new(compose->owner, compose->backend);
    return 0;
}

int compose_observe(struct compose *compose)
{
    auto_error struct error *err = NULL;
    struct backend_query query = { .project = compose->name };
    int r = compose->backend ? 0 : open_backend(compose, &err);

    compose->state = (struct observed_state)OBSERVED_STATE_INIT;
    if (compose->project)
        query = plan_query(&compose->arena, compose->project);
    if (r >= 0)
        r = backend_observe(compose->backend, &compose->arena, &query, &compose->state, &err);
    return r < 0 ? report_error(compose->cli, err) : 0;
}

struct plan_input compose_plan_input(const struct compose *compose)
{
    return (struct plan_input){
        .project = compose->project,
        .project_name = compose->name,
        .graph = compose->graph,
        .state = &compose->state,
        .directory = compose->directory,
        .adopt = compose->options->adopt,
        .compatibility = compose->project ? compose->project->compatibility
                                          : compose->load.compatibility,
        .version = BERTH_VERSION,
        .now_nsec = compose->now_nsec,
    };
}

struct strings compose_services(struct compose *compose, int argc, char **argv)
{
    struct strings list = { 0 };

    for (int i = 0; i < argc; i++)
        *ARRAY_APPEND_ARENA(&compose->arena, &list) = argv[i];
    return list;
}

int64_t compose_timeout_usec(int64_t seconds)
{
    if (seconds == COMPOSE_TIMEOUT_UNSET)
        return BACKEND_TIMEOUT_DEFAULT;
    return seconds < 0 ? TIMEOUT_NEVER : seconds * USEC_PER_SEC;
}

/* ------------------------------------------------------------------ carrying out */

static int parallel_of(const struct compose *compose)
{
    const char *limit = cli_env(compose->cli, "COMPOSE_PARALLEL_LIMIT");
    int64_t value = compose->options->parallel;

    if (value < 0 && !string_is_empty(limit)) /* checked at the beginning */
        (void)parse_int64(str_from(limit), INT_MIN, INT_MAX, &value);
    return value < -1 ? -1 : value > PARALLEL_MAX ? PARALLEL_MAX : (int)value;
}

static void report_failures(struct cli *cli, const struct run_result *result)
{
    for (size_t i = 0; i < result->failures_len; i++)
        report_error(cli, result->failures[i].error);
}

/* What a new container is to read and is not there. */
static void check_files(const struct project *project, const struct file_references *references,
        bool secrets, struct diag *diag)
{
    ARRAY_FOREACH(references, reference) {
        const struct file_object *object = secrets ? project_find_secret(project, reference->source)
                                                   : project_find_config(
                                                             project, reference->source);
        const struct node *file = object && object->model ? node_get(object->model, "file") : NULL;

        if (object && object->file && access(object->file, F_OK) < 0)
            diag_add(diag, DIAG_ERROR, NULL, file ? &file->at : &object->at,
                    "%s.%s.file: cannot open \"%s\": %s", secrets ? "secrets" : "configs",
                    object->key, object->file, strerrordesc_np(errno));
    }
}

/* Before anything is touched: the files of secrets and configs that the plan's new containers get. */
static int check_files_of_plan(const struct compose *compose, const struct plan *plan)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    const struct service *checked = NULL;

    for (size_t i = 0; compose->project && i < plan->steps.len; i++) {
        const struct plan_step *step = plan->steps.items[i];
        const struct service *service = step->action == PLAN_CREATE_CONTAINER && step->service
                                                ? project_find_service(
                                                          compose->project, step->service)
                                                : NULL;

        if (!service || service == checked) /* once for all replicas */
            continue;
        checked = service;
        check_files(compose->project, &service->secrets, true, &diag);
        check_files(compose->project, &service->configs, false, &diag);
    }
    return report_diag(compose->cli, &diag) ? EXIT_STATUS_FAILURE : 0;
}

struct watchers {
    struct compose_progress *progress;
    struct timings *timings; /* NULL: not wanted */
};

static void on_run_event(void *userdata, const struct run_event *event)
{
    const struct watchers *watchers = userdata;

    if (watchers->timings)
        timings_event(watchers->timings, event);
    compose_progress_event(watchers->progress, event);
}

static void print_timings(const struct compose *compose, const struct timings *timings)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    if (!timings)
        return;
    if (string_is_equal(compose->options->progress, "json"))
        timings_print_json(timings, &text);
    else
        timings_print_text(timings, &text);
    fwrite(text.data, 1, text.len, stderr);
}

int compose_run_plan(struct compose *compose, struct plan *plan,
        const struct compose_run_options *options, struct run_result *ret)
{
    struct cli *cli = compose->cli;
    auto_error struct error *err = NULL;
    struct run_result result = { 0 };
    auto_(compose_progress_free_p) struct compose_progress *progress = NULL;
    int status = check_files_of_plan(compose, plan);

    if (status == 0)
        status = owner_prepare(compose, plan);
    if (status == 0)
        status = compose_progress_new(
                cli, compose->options->progress, options->quiet, plan, &progress);
    if (status)
        return status;
    auto_(timings_free_p) struct timings *timings = compose->options->timings ? timings_new(plan)
                                                                              : NULL;
    struct watchers watchers = { progress, timings };
    struct run_options how = RUN_OPTIONS_INIT;
    how.parallel = parallel_of(compose);
    how.cancel = &cli->interrupted;
    how.cancel_fd = cli_interrupt_fd();
    how.on_event = on_run_event;
    how.userdata = &watchers;
    cli_interrupt_begin(cli);
    int r = run_plan(compose->backend, plan, &how, &result, &err);
    cli_interrupt_end(cli);
    compose_unlock(compose);
    compose_progress_finish(progress, options->nothing_changed_line && r >= 0, &result);
    print_timings(compose, timings);
    if (r == -ECANCELED && atomic_load(&cli->interrupted)) {
        status = EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    } else if (r < 0) {
        report_failures(cli, &result);
        if (result.failures_len == 0)
            report_error(cli, err);
        status = EXIT_STATUS_FAILURE;
    }
    if (ret)
        *ret = result;
    else
        run_result_release(&result);
    return status;
}

int compose_carry_out(struct compose *compose, int r, struct plan *plan, struct diag *diag,
        struct error *err, const struct compose_run_options *options)
{
    struct cli *cli = compose->cli;

    if (r < 0) {
        if (report_diag(cli, diag) == 0)
            report_error(cli, err);
        return EXIT_STATUS_FAILURE;
    }
    report_diag(cli, diag);
    if (compose->options->dry_run) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

        plan_print_text(plan, &text);
        cli_print_text(cli, text.data, text.len);
        return 0;
    }
    return compose_run_plan(compose, plan, options, NULL);
}

/* ------------------------------------------------------------------ containers */

static int compare_containers(const void *a, const void *b)
{
    const struct observed_container *x = *(const struct observed_container *const *)a;
    const struct observed_container *y = *(const struct observed_container *const *)b;
    int r = strcmp(x->service ? x->service : "", y->service ? y->service : "");

    if (r == 0)
        r = (x->number > y->number) - (x->number < y->number);
    return r ? r : strcmp(x->name, y->name);
}

static bool is_named(int argc, char **services, const char *service)
{
    for (int i = 0; i < argc; i++)
        if (string_is_equal(services[i], service))
            return true;
    return argc == 0;
}

/* A word that is neither a service of the files nor of a container. */
static int check_service(struct compose *compose, const char *service)
{
    if (compose->project && (project_find_service(compose->project, service) ||
                                    project_find_disabled_service(compose->project, service)))
        return 0;
    for (size_t i = 0; i < compose->state.containers.len; i++)
        if (string_is_equal(compose->state.containers.items[i].service, service))
            return 0;
    auto_error struct error *err = NULL;
    const char *nearest = compose->project ? project_nearest_service(compose->project, service)
                                           : NULL;

    error_set_plain(&err, ENOENT, NULL, "no such service: %s", service);
    if (nearest)
        error_hint(&err, "did you mean \"%s\"?", nearest);
    return report_error(compose->cli, err);
}

int compose_containers(struct compose *compose, int argc, char **services, bool oneoff,
        struct compose_containers *ret)
{
    *ret = (struct compose_containers){ 0 };
    for (int i = 0; i < argc; i++) {
        int status = check_service(compose, services[i]);
        if (status)
            return status;
    }
    for (size_t i = 0; i < compose->state.containers.len; i++) {
        const struct observed_container *container = &compose->state.containers.items[i];

        if ((container->oneoff && !oneoff) || !is_named(argc, services, container->service))
            continue;
        *ARRAY_APPEND_ARENA(&compose->arena, ret) = container;
    }
    if (ret->len > 1)
        qsort(ret->items, ret->len, sizeof(*ret->items), compare_containers);
    return 0;
}

int compose_note_started(struct compose *compose, const struct strings *services, bool all)
{
    struct compose_containers containers;
    int status = compose->project ? compose_containers(compose, (int)services->len, services->items,
                                            false, &containers)
                                  : 0;

    for (size_t i = 0; status == 0 && compose->project && i < containers.len; i++) {
        const struct observed_container *c = containers.items[i];
        const struct service *service = project_find_service(compose->project, c->service);
        auto_error struct error *err = NULL;

        if (!service || (!all && observed_container_is_active(c)))
            continue;
        const char *model = plan_model_started(
                &compose->arena, compose->project, service, c->model);
        if (model != c->model && container_set_model(compose->cli->engine, c->id, model, &err) < 0)
            status = report_error(compose->cli, err);
    }
    return status;
}

static int compare_names(const void *a, const void *b)
{
    const struct observed_container *x = *(const struct observed_container *const *)a;
    const struct observed_container *y = *(const struct observed_container *const *)b;

    return strcmp(x->name, y->name);
}

void compose_sort_by_name(struct compose_containers *containers)
{
    if (containers->len > 1)
        qsort(containers->items, containers->len, sizeof(*containers->items), compare_names);
}

int compose_container(struct compose *compose, const char *service, int64_t index,
        const struct observed_container **ret)
{
    struct compose_containers containers;
    int status = compose_containers(compose, 1, (char *[]){ (char *)service }, true, &containers);

    if (status)
        return status;
    *ret = NULL;
    ARRAY_FOREACH(&containers, item) {
        if (index > 0 && ((*item)->oneoff || (*item)->number != (unsigned)index))
            continue;
        /* One of `run` only where none of the service's own runs. */
        if ((*item)->oneoff && (*ret || !observed_container_is_active(*item)))
            continue;
        if (!*ret || ((*ret)->oneoff && !(*item)->oneoff && observed_container_is_active(*item)) ||
                (!observed_container_is_active(*ret) && observed_container_is_active(*item)))
            *ret = *item;
    }
    if (!*ret && index > 0)
        return report_failure(compose->cli, "service \"%s\" has no container number %lld", service,
                (long long)index);
    if (!*ret)
        return report_failure(compose->cli, "service \"%s\" has no container", service);
    return 0;
}

const char *compose_short_name(struct compose *compose, const struct observed_container *container)
{
    size_t len = strlen(compose->name);

    if (strncmp(container->name, compose->name, len) == 0 &&
            (container->name[len] == '-' || container->name[len] == '_'))
        return container->name + len + 1;
    return container->name;
}
