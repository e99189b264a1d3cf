/* compose wait: until the containers of services stop; with --down-project the first end takes all down. */
#include "base/diag.h"
#include "base/error.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/follow.h"
#include "cli/report.h"
#include "compose/backend.h"
#include "engine/container/container.h"

struct wait_options {
    bool down_project;
};
static const struct opt wait_opts[] = {
    { .name = "down-project",
            .type = &opt_flag,
            .offset = offsetof(struct wait_options, down_project),
            .help = "Take the project down once the first container stops" },
    OPT_END
};

static void print_end(struct cli *cli, const char *id, int code)
{
    cli_print(cli, "container \"%s\" exited with status code %d\n", id, code);
}

/* One after the other; exit status: the first code that is not 0. */
static int wait_for_all(struct cli *cli, const struct compose_containers *containers)
{
    int code, first = 0;

    ARRAY_FOREACH(containers, item) {
        auto_error struct error *err = NULL;

        if (container_wait(cli->engine, (*item)->id, CONTAINER_WAIT_NOT_RUNNING, TIMEOUT_NEVER,
                    &code, &err) < 0)
            return report_error(cli, err);
        print_end(cli, (*item)->id, code);
        if (first == 0)
            first = code;
    }
    return first;
}

static int take_down(struct compose *compose)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct plan_down_options how = { .remove_orphans = true,
        .timeout_usec = BACKEND_TIMEOUT_DEFAULT };
    int status = compose_observe(compose);

    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    /* All that bears the project's name, whatever the files say of it now. */
    input.project = NULL;
    input.graph = NULL;
    int r = plan_down(&input, &how, &plan, &diag, &err);
    return compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
}

/* Exit status: the code of whichever ended first. */
static int wait_and_take_down(struct compose *compose, const struct compose_containers *containers)
{
    struct cli *cli = compose->cli;
    auto_error struct error *err = NULL;
    auto_(follow_free_p) struct follow *follow = NULL;
    const char *id = NULL;
    int code = 0, r = follow_new(cli, &follow, &err);

    for (size_t i = 0; i < containers->len && r >= 0; i++)
        r = follow_add(follow, containers->items[i]->id, &err);
    if (r >= 0)
        r = follow_next(follow, NULL, &id, &code, &err);
    if (r < 0)
        return report_error(cli, err);
    if (r != FOLLOW_ENDED && r != FOLLOW_RESTARTED)
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    print_end(cli, id, code);
    int status = take_down(compose);
    return status ? status : code;
}

static int run_wait(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct wait_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    struct compose_containers containers;
    int status = cli_check_arguments(cli, &command_compose_wait, argc, 1, -1);

    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        status = compose_containers(compose, argc, argv, false, &containers);
    if (status == 0 && containers.len == 0)
        status = report_failure(cli, "no containers for project \"%s\"", compose->name);
    if (status)
        return status;
    return o->down_project ? wait_and_take_down(compose, &containers)
                           : wait_for_all(cli, &containers);
}

const struct command command_compose_wait = {
    .name = "wait",
    .usage = "[OPTIONS] SERVICE [SERVICE...]",
    .summary = "Wait until the containers of services stop",
    .details = "The exit status is the first of theirs that is not 0.",
    .opts = wait_opts,
    .options_bytes = sizeof(struct wait_options),
    .run = run_wait,
};
