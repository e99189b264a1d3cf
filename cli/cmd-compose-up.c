/* compose up, create, scale, down. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose-up-words.h"
#include "cli/compose.h"
#include "cli/owner.h"
#include "cli/report.h"
#include "cli/up-attached.h"
#include "cli/watch.h"
#include "compose/backend.h"
#include "compose/project.h"

struct up_options {
    struct up_words words;
    struct up_attached attached;
    int menu; /* OPT_UNSET: COMPOSE_MENU, or as the terminal allows */
    bool detach;
};
static const struct up_options up_defaults = { .words = UP_WORDS_INIT, .menu = OPT_UNSET };

#define AT(member) .offset = offsetof(struct up_options, member)

static const struct opt up_opts[] = {
    { .name = "abort-on-container-exit",
            .type = &opt_flag,
            AT(attached.abort_on_exit),
            .help = "Stop everything as soon as any container ends; not with -d" },
    { .name = "abort-on-container-failure",
            .type = &opt_flag,
            AT(attached.abort_on_failure),
            .help = "Stop everything as soon as any container fails; not with -d" },
    { .name = "attach",
            .type = &opt_list,
            .arg = "SERVICE",
            AT(attached.attach),
            .help = "Follow only these services" },
    { .name = "attach-dependencies",
            .type = &opt_flag,
            AT(attached.attach_dependencies),
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
            AT(attached.exit_code_from),
            .help = "Return this service's exit status; implies --abort-on-container-exit" },
    { .name = "menu",
            .type = &opt_tristate,
            AT(menu),
            .help = "Offer keys on the terminal while attached; also COMPOSE_MENU" },
    { .name = "no-attach",
            .type = &opt_list,
            .arg = "SERVICE",
            AT(attached.no_attach),
            .help = "Do not follow these services" },
    { .name = "no-color",
            .type = &opt_flag,
            AT(attached.no_colour),
            .help = "No colours in the output" },
    { .name = "no-log-prefix",
            .type = &opt_flag,
            AT(attached.no_log_prefix),
            .help = "No names before the lines" },
    { .name = "timestamps",
            .type = &opt_flag,
            AT(attached.timestamps),
            .help = "Put the time before each line" },
    { .name = "watch",
            .letter = 'w',
            .type = &opt_flag,
            AT(attached.watch),
            .help = "Follow the files of develop.watch meanwhile" },
    OPT_END
};
static const struct opt create_opts[] = { UP_WORDS_CREATE_ROWS(struct up_options), OPT_END };

/* ------------------------------------------------------------------ what goes together */

static int check_options(struct cli *cli, const struct up_options *o)
{
    const struct up_attached *a = &o->attached;
    const struct {
        bool a, b;
        const char *text;
    } conflicts[] = {
        { o->detach, a->attach.len > 0, "--detach cannot be combined with --attach" },
        { o->detach, a->attach_dependencies,
                "--detach cannot be combined with --attach-dependencies" },
        { o->detach, a->abort_on_exit || a->exit_code_from,
                "--detach cannot be combined with --abort-on-container-exit" },
        { o->detach, a->abort_on_failure,
                "--detach cannot be combined with --abort-on-container-failure" },
        { o->words.wait, a->abort_on_exit || a->exit_code_from,
                "--wait cannot be combined with --abort-on-container-exit" },
        { o->words.wait, a->abort_on_failure,
                "--wait cannot be combined with --abort-on-container-failure" },
        { o->words.wait, a->attach.len > 0, "--wait cannot be combined with --attach" },
        { o->words.wait, a->attach_dependencies,
                "--wait cannot be combined with --attach-dependencies" },
        { o->words.no_start, a->abort_on_exit || a->exit_code_from,
                "--no-start cannot be combined with --abort-on-container-exit" },
        { a->attach.len > 0, a->attach_dependencies,
                "--attach and --attach-dependencies are incompatible" },
        { a->abort_on_failure, a->abort_on_exit || a->exit_code_from,
                "--abort-on-container-failure and --abort-on-container-exit are incompatible" },
        { o->words.no_build, a->watch, "--no-build and --watch are incompatible" },
        { o->detach, a->watch, "--detach cannot be combined with --watch" },
        { o->words.wait, a->watch, "--wait cannot be combined with --watch" },
        { o->words.no_start, a->watch, "--no-start cannot be combined with --watch" },
    };
    int status = up_words_check(cli, &o->words);

    for (size_t i = 0; i < ARRAY_LEN(conflicts) && status == 0; i++)
        if (conflicts[i].a && conflicts[i].b)
            status = report_failure(cli, "%s", conflicts[i].text);
    return status;
}

/* ------------------------------------------------------------------ the commands */

/* Keys are for who sits before a terminal. */
static bool wants_menu(const struct cli *cli, const struct up_options *o)
{
    const char *asked = cli_env(cli, "COMPOSE_MENU");

    if (!cli->out_is_terminal || !isatty(STDIN_FILENO))
        return false;
    return o->menu == OPT_UNSET ? !asked || cli_env_flag(cli, "COMPOSE_MENU") : o->menu;
}

/* Before anything is made: what --watch cannot do is no surprise afterwards. */
static int load_rules(struct compose *compose, int argc, char **argv, struct watch_list *ret)
{
    struct strings services = compose_services(compose, argc, argv);

    watch_build_always(compose);
    return watch_load(compose, &services, ret);
}

static int up(struct cli *cli, const struct up_options *o, const char *command, bool no_start,
        int argc, char **argv)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct up_attached attached = o->attached;
    struct watch_list rules;
    int status = check_options(cli, o);

    attached.started_nsec = time_realtime_nsec();
    attached.timeout_sec = o->words.timeout_sec;
    attached.menu = wants_menu(cli, o);

    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_PROJECT, argc, argv, &compose);
    if (status == 0)
        status = compose_check_supported(compose);
    if (status == 0 && compose->project->services.len == 0)
        status = report_failure(cli, "no service selected");
    if (status == 0 && attached.exit_code_from &&
            !project_find_service(compose->project, attached.exit_code_from))
        status = report_failure(cli, "no such service: %s", attached.exit_code_from);
    if (status == 0 && attached.watch)
        status = load_rules(compose, argc, argv, &rules);
    if (status == 0)
        status = compose_lock(compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    if (compose->owner)
        compose->owner->starts_alone = o->words.no_deps;
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
        status = up_attach(compose, &attached, argc, argv);
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

    if (rmi < 0)
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
    if (r >= 0 && plan->steps.len == 0 && !plan->met_users)
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
