/* compose up, create, down; up's attached part: logs of all containers, the first interrupt stops, the second kills. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose-up-words.h"
#include "cli/compose.h"
#include "cli/follow.h"
#include "cli/log-view.h"
#include "cli/owner.h"
#include "cli/report.h"
#include "compose/backend.h"
#include "compose/project.h"
#include "compose/run.h"

struct up_options {
    struct up_words words;
    const char *exit_code_from;
    struct strings attach, no_attach;
    bool detach, abort_on_exit, abort_on_failure, no_log_prefix, no_colour, timestamps,
            attach_dependencies, menu, watch;
};
static const struct up_options up_defaults = { .words = UP_WORDS_INIT };

#define AT(member) .offset = offsetof(struct up_options, member)

static const struct opt up_opts[] = {
    { .name = "abort-on-container-exit",
            .type = &opt_flag,
            AT(abort_on_exit),
            .help = "Stop everything as soon as any container ends; not with -d" },
    { .name = "abort-on-container-failure",
            .type = &opt_flag,
            AT(abort_on_failure),
            .help = "Stop everything as soon as any container fails; not with -d" },
    { .name = "attach",
            .type = &opt_list,
            .arg = "SERVICE",
            AT(attach),
            .help = "Follow only these services" },
    { .name = "attach-dependencies",
            .type = &opt_flag,
            AT(attach_dependencies),
            .help = "Follow dependencies as well" },
    UP_WORDS_CREATE_ROWS(struct up_options), UP_WORDS_MORE_ROWS(struct up_options),
    { .name = "detach",
            .letter = 'd',
            .type = &opt_flag,
            AT(detach),
            .help = "Leave it running in the background" },
    { .name = "exit-code-from",
            .type = &opt_string,
            .arg = "SERVICE",
            AT(exit_code_from),
            .help = "Return this service's exit status; implies --abort-on-container-exit" },
    { .name = "menu",
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(menu),
            .help = "Offer keyboard shortcuts" },
    { .name = "no-attach",
            .type = &opt_list,
            .arg = "SERVICE",
            AT(no_attach),
            .help = "Do not follow these services" },
    { .name = "no-color", .type = &opt_flag, AT(no_colour), .help = "No colours in the output" },
    { .name = "no-log-prefix",
            .type = &opt_flag,
            AT(no_log_prefix),
            .help = "No names before the lines" },
    { .name = "timestamps",
            .type = &opt_flag,
            AT(timestamps),
            .help = "Put the time before each line" },
    { .name = "watch",
            .letter = 'w',
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED,
            AT(watch),
            .help = "Apply develop.watch rules" },
    OPT_END
};
static const struct opt create_opts[] = { UP_WORDS_CREATE_ROWS(struct up_options), OPT_END };

/* ------------------------------------------------------------------ what goes together */

static int check_options(struct cli *cli, const struct up_options *o)
{
    const struct {
        bool a, b;
        const char *text;
    } conflicts[] = {
        { o->detach, o->attach.len > 0, "--detach cannot be combined with --attach" },
        { o->detach, o->attach_dependencies,
                "--detach cannot be combined with --attach-dependencies" },
        { o->detach, o->abort_on_exit || o->exit_code_from,
                "--detach cannot be combined with --abort-on-container-exit" },
        { o->detach, o->abort_on_failure,
                "--detach cannot be combined with --abort-on-container-failure" },
        { o->words.wait, o->abort_on_exit || o->exit_code_from,
                "--wait cannot be combined with --abort-on-container-exit" },
        { o->words.wait, o->attach.len > 0, "--wait cannot be combined with --attach" },
        { o->words.no_start, o->detach, "--detach cannot be combined with --no-start" },
        { o->words.no_start, o->abort_on_exit || o->exit_code_from,
                "--no-start cannot be combined with --abort-on-container-exit" },
        { o->abort_on_failure, o->abort_on_exit || o->exit_code_from,
                "--abort-on-container-failure and --abort-on-container-exit are incompatible" },
    };
    int status = up_words_check(cli, &o->words);

    for (size_t i = 0; i < ARRAY_LEN(conflicts) && status == 0; i++)
        if (conflicts[i].a && conflicts[i].b)
            status = report_failure(cli, "%s", conflicts[i].text);
    return status;
}

/* ------------------------------------------------------------------ attached */

struct attached {
    struct compose *compose;
    const struct up_options *options;
    struct log_view *view;
    struct follow *follow;
    const char
            *exit_code_from; /* service whose status is ours; set by the first end that ends all */
    int exit_status;
};

static bool has_word(const struct strings *list, const char *word)
{
    for (size_t i = 0; i < list->len; i++)
        if (string_is_equal(list->items[i], word))
            return true;
    return false;
}

static bool is_followed(const struct attached *attached, const struct observed_container *container,
        int argc, char **argv)
{
    const struct up_options *o = attached->options;
    const struct service *service = project_find_service(
            attached->compose->project, container->service);

    if (container->oneoff || !service)
        return false;
    if (o->attach.len)
        return has_word(&o->attach, container->service);
    if (has_word(&o->no_attach, container->service) || service->attach == OPTION_FALSE)
        return false;
    if (argc == 0 || o->attach_dependencies)
        return true;
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], container->service) == 0)
            return true;
    return false;
}

/* Stop (or kill) everything of the project that runs; exit status. The interrupt that led here is over. */
static int stop_all(struct attached *attached, enum plan_verb verb)
{
    struct compose *compose = attached->compose;
    auto_error struct error *err = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    struct plan_verb_options how = { .timeout_usec = compose_timeout_usec(
                                             attached->options->words.timeout_sec) };
    int status;

    cli_interrupt_reset(compose->cli);
    status = compose_observe(compose);
    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    int r = plan_verb(&input, verb, &how, &plan, &diag, &err);
    return compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
}

static void stop_gracefully(struct attached *attached)
{
    int status = stop_all(attached, PLAN_VERB_STOP);

    if (status > EXIT_STATUS_SIGNAL)
        stop_all(attached, PLAN_VERB_KILL);
    cli_interrupt_reset(attached->compose->cli);
}

static const struct observed_container *find_container(
        const struct attached *attached, const char *id)
{
    return observed_find_container(&attached->compose->state, id);
}

/* True when this end is the end of all. */
static bool on_ended(struct attached *attached, const char *id, int code, const char **ret_service)
{
    const struct up_options *o = attached->options;
    const struct observed_container *container = find_container(attached, id);
    char text[64];

    snprintf(text, sizeof(text), "exited with code %d", code);
    log_view_note(attached->view, id, text);
    *ret_service = container ? container->service : NULL;
    return o->abort_on_exit || o->exit_code_from || (o->abort_on_failure && code != 0);
}

/* Follows until all have ended, something ends it all, or the user interrupts. */
static int follow_all(struct attached *attached, struct error **err)
{
    const char *id, *service;
    bool aborted = false;
    int code;

    while (follow_alive(attached->follow) > 0) {
        int r = follow_next(attached->follow, attached->view, &id, &code, err);

        if (r < 0)
            return r;
        if (r == FOLLOW_OUTPUT_LOST)
            return 0; /* the project goes on, as with a Docker whose output was closed */
        if (r == FOLLOW_INTERRUPTED) {
            fputs(aborted ? "" : "Gracefully Stopping... press Ctrl+C again to force\n", stderr);
            attached->exit_status = EXIT_STATUS_SIGNAL + cli_interrupt_signal();
            stop_gracefully(attached);
            aborted = true;
            continue;
        }
        bool ends = on_ended(attached, id, code, &service);
        if (ends && !attached->exit_code_from)
            attached->exit_code_from = service;
        if (attached->exit_status == 0 && attached->exit_code_from &&
                string_is_equal(service, attached->exit_code_from))
            attached->exit_status = code;
        if (ends && !aborted) {
            fputs("Aborting on container exit...\n", stderr);
            aborted = true;
            stop_gracefully(attached);
        }
    }
    return log_view_drain(attached->view, err);
}

static int attach_all(struct compose *compose, const struct up_options *o, int64_t started_nsec,
        int argc, char **argv)
{
    struct cli *cli = compose->cli;
    auto_error struct error *err = NULL;
    struct log_view_options how = { .read = LOG_OPTIONS_INIT,
        .timestamps = o->timestamps,
        .no_prefix = o->no_log_prefix,
        .no_colour = o->no_colour };
    struct attached attached = {
        .compose = compose, .options = o, .exit_code_from = o->exit_code_from
    };
    int status = compose_observe(compose), r;

    if (atomic_load(&cli->interrupted)) { /* just before there was anything to follow */
        stop_gracefully(&attached);
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    }
    if (status)
        return status;
    how.read.follow = true;
    how.read.since_nsec = started_nsec;
    r = log_view_new(cli, cli->engine, &how, &attached.view, &err);
    if (r >= 0)
        r = follow_new(cli, &attached.follow, &err);
    struct compose_containers containers = { 0 };
    compose_containers(compose, 0, NULL, false, &containers);
    for (size_t i = 0; i < containers.len && r >= 0; i++) {
        auto_error struct error *no_log = NULL;
        const struct observed_container *container = containers.items[i];

        if (!is_followed(&attached, container, argc, argv))
            continue;
        if (log_view_add(attached.view, container->id, compose_short_name(compose, container),
                    &no_log) < 0)
            report_warning(cli, "%s: %s", container->name, no_log->message);
        r = follow_add(attached.follow, container->id, &err);
        if (r >= 0)
            fprintf(stderr, "%s%s", follow_alive(attached.follow) == 1 ? "Attaching to " : ", ",
                    compose_short_name(compose, container));
    }
    if (r >= 0 && follow_alive(attached.follow) > 0)
        fputc('\n', stderr);
    if (r >= 0)
        r = follow_all(&attached, &err);
    follow_free(attached.follow);
    log_view_free(attached.view);
    return r < 0 ? report_error(cli, err) : attached.exit_status;
}

/* ------------------------------------------------------------------ the commands */

static int up(struct cli *cli, const struct up_options *o, const char *command, bool no_start,
        int argc, char **argv)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    int64_t started_nsec = time_realtime_nsec();
    int status = check_options(cli, o);

    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_PROJECT, argc, argv, &compose);
    if (status == 0)
        status = compose_check_supported(compose);
    if (status == 0 && compose->project->services.len == 0)
        status = report_failure(cli, "no service selected");
    if (status == 0 && o->exit_code_from &&
            !project_find_service(compose->project, o->exit_code_from))
        status = report_failure(cli, "no such service: %s", o->exit_code_from);
    if (status == 0)
        status = compose_lock(compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    int r = up_words_plan(compose, &o->words, command, no_start, argc, argv, &plan, &diag, &err);
    if (r == -ECANCELED && !err)
        return EXIT_STATUS_FAILURE; /* already reported */
    if (r >= 0 && !compose->options->dry_run && !no_start) {
        struct strings started = argc ? owner_services_of_plan(compose, plan)
                                      : (struct strings){ 0 };

        status = owner_mark(compose, &started, false);
        if (status)
            return status;
    }
    /* No gap between the two in which an interrupt would leave the project running. */
    cli_interrupt_begin(cli);
    status = compose_carry_out(compose, r, plan, &diag, err,
            &(struct compose_run_options){ .nothing_changed_line = true });
    if (status == 0 && !compose->options->dry_run && !no_start && argc == 0)
        status = owner_start_target(compose);
    if (status == 0 && !compose->options->dry_run && !no_start && !o->detach && !o->words.wait)
        status = attach_all(compose, o, started_nsec, argc, argv);
    cli_interrupt_end(cli);
    return status;
}

static int run_up(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct up_options *o = data;

    return up(cli, o, NULL, o->words.no_start, argc, argv);
}

static int run_create(struct cli *cli, const void *data, int argc, char **argv)
{
    return up(cli, data, "create", true, argc, argv);
}

const struct command command_compose_up = {
    .name = "up",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Create and start containers",
    .details =
            "Without --detach the output of the containers is shown until all have ended. The first interrupt "
            "stops them, the second kills them; the exit status is then 130. With --exit-code-from it is that "
            "of the service.",
    .opts = up_opts,
    .options_bytes = sizeof(struct up_options),
    .defaults = &up_defaults,
    .run = run_up,
};

const struct command command_up = {
    .name = "up",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Create and start the project here (compose up)",
    .opts = up_opts,
    .options_bytes = sizeof(struct up_options),
    .defaults = &up_defaults,
    .run = run_up,
};

const struct command command_compose_create = {
    .name = "create",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Create containers without starting them",
    .opts = create_opts,
    .options_bytes = sizeof(struct up_options),
    .defaults = &up_defaults,
    .run = run_create,
};
#undef AT

/* ------------------------------------------------------------------ scale */

struct scale_options {
    bool no_deps;
};
static const struct opt scale_opts[] = { { .name = "no-deps",
                                                 .type = &opt_flag,
                                                 .offset = offsetof(struct scale_options, no_deps),
                                                 .help = "Leave dependencies alone" },
    OPT_END };

/* An `up` in the background of the services that the words name. */
static int run_scale(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct scale_options *o = data;
    struct up_options how = up_defaults;
    char **names = arena_alloc_array(&cli->arena, (size_t)argc + 1, sizeof(*names));
    int status = cli_check_arguments(cli, &command_compose_scale, argc, 1, -1);

    if (status)
        return status;
    for (int i = 0; i < argc; i++) {
        const char *eq = strchr(argv[i], '=');

        if (!eq || eq == argv[i])
            return report_failure(cli, "invalid \"%s\": the form is SERVICE=REPLICAS", argv[i]);
        names[i] = arena_strndup(&cli->arena, argv[i], (size_t)(eq - argv[i]));
    }
    how.words.scale = (struct strings){ .items = argv, .len = (size_t)argc };
    how.words.no_deps = o->no_deps;
    how.detach = true;
    return up(cli, &how, "scale", false, argc, names);
}

const struct command command_compose_scale = {
    .name = "scale",
    .usage = "[SERVICE=REPLICAS...]",
    .summary = "Set the number of containers of services",
    .opts = scale_opts,
    .options_bytes = sizeof(struct scale_options),
    .run = run_scale,
};

/* ------------------------------------------------------------------ down */

struct down_options {
    int64_t timeout_sec;
    const char *rmi;
    bool remove_orphans, volumes;
};
static const struct down_options down_defaults = { .timeout_sec = COMPOSE_TIMEOUT_UNSET };

#define AT(member) .offset = offsetof(struct down_options, member)
static const struct opt down_opts[] = {
    { .name = "remove-orphans",
            .type = &opt_flag,
            AT(remove_orphans),
            .help = "Remove containers of services that the files no longer have" },
    { .name = "rmi",
            .type = &opt_string,
            .arg = "WHICH",
            AT(rmi),
            .help = "Remove images too: local (those without a name of their own) or all" },
    { .name = "timeout",
            .letter = 't',
            .type = &opt_seconds,
            .arg = "SECONDS",
            AT(timeout_sec),
            .help = "Time until a stopping container is killed" },
    { .name = "volumes",
            .letter = 'v',
            .type = &opt_flag,
            AT(volumes),
            .help = "Remove named volumes of the files and anonymous ones" },
    OPT_END
};
#undef AT

static int run_down(struct cli *cli, const void *data, int argc, char **argv)
{
    static const char *const rmi_names[] = {
        [PLAN_RMI_NONE] = "", [PLAN_RMI_LOCAL] = "local", [PLAN_RMI_ALL] = "all"
    };
    const struct down_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    int rmi = o->rmi ? parse_name(str_from(o->rmi), rmi_names, ARRAY_LEN(rmi_names))
                     : PLAN_RMI_NONE;

    if (rmi < 0 || (o->rmi && !*o->rmi))
        return report_failure(
                cli, "invalid value for --rmi: \"%s\": expected local or all", o->rmi);
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    struct plan_down_options how = {
        .services = compose_services(compose, argc, argv),
        .remove_orphans = o->remove_orphans || cli_env_flag(cli, "COMPOSE_REMOVE_ORPHANS"),
        .volumes = o->volumes,
        .rmi = (enum plan_rmi)rmi,
        .timeout_usec = compose_timeout_usec(o->timeout_sec),
    };
    int r = plan_down(&input, &how, &plan, &diag, &err);
    if (r >= 0 && plan->steps.len == 0)
        report_warning(cli, "no resource found to remove for project \"%s\"", compose->name);
    status = compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
    if (status || compose->options->dry_run || argc > 0 || !compose->owner)
        return status;
    report_note(
            cli, "project \"%s\" stays enabled: it is up again after the next boot", compose->name);
    return owner_stop_target(compose);
}

const struct command command_compose_down = {
    .name = "down",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Stop and remove containers and networks",
    .opts = down_opts,
    .options_bytes = sizeof(struct down_options),
    .defaults = &down_defaults,
    .run = run_down,
};

const struct command command_down = {
    .name = "down",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Stop and remove the project here (compose down)",
    .opts = down_opts,
    .options_bytes = sizeof(struct down_options),
    .defaults = &down_defaults,
    .run = run_down,
};
