#include "cli/up-attached.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/compose.h"
#include "cli/follow.h"
#include "cli/log-view.h"
#include "cli/report.h"
#include "cli/up-menu.h"
#include "cli/watch-child.h"
#include "compose/project.h"

struct attached {
    struct compose *compose;
    const struct up_attached *options;
    int argc; /* services that were asked for */
    char **argv;
    struct log_view *view;
    struct follow *follow;
    struct watch_child *watch; /* NULL: off */
    struct up_menu menu;
    /* service whose status is ours; set by the first end that ends all */
    const char *exit_code_from;
    int exit_status;
    size_t bystanders; /* that are followed, and not stopped with the others */
};

static bool has_word(const struct strings *list, const char *word)
{
    for (size_t i = 0; i < list->len; i++)
        if (string_is_equal(list->items[i], word))
            return true;
    return false;
}

static bool is_asked_for(const struct attached *attached, const char *service)
{
    for (int i = 0; i < attached->argc; i++)
        if (strcmp(attached->argv[i], service) == 0)
            return true;
    return attached->argc == 0;
}

static bool is_followed(const struct attached *attached, const struct observed_container *container)
{
    const struct up_attached *o = attached->options;
    const struct service *service = project_find_service(
            attached->compose->project, container->service);

    if (container->oneoff || !service)
        return false;
    if (o->attach.len)
        return has_word(&o->attach, container->service);
    if (has_word(&o->no_attach, container->service) || service->attach == OPTION_FALSE)
        return false;
    return o->attach_dependencies || is_asked_for(attached, container->service);
}

/* Stops (or kills) the services that were asked for, all of the project's where none was; what they need goes on, as
 * with Docker Compose. Exit status. The interrupt that led here is over. */
static int stop_all(struct attached *attached, enum plan_verb verb)
{
    struct compose *compose = attached->compose;
    auto_error struct error *err = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    struct plan_verb_options how = {
        .services = compose_services(compose, attached->argc, attached->argv),
        .timeout_usec = compose_timeout_usec(attached->options->timeout_sec),
    };
    int status;

    cli_interrupt_reset(compose->cli);
    status = compose_observe(compose);
    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    int r = plan_verb(&input, verb, &how, &plan, &diag, &err);
    return compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
}

static void tell_line(void *userdata, const char *line)
{
    struct attached *attached = userdata;

    log_view_tell(attached->view, line);
}

static void watch_off(struct attached *attached)
{
    watch_child_stop(attached->watch, tell_line, attached);
    attached->watch = NULL;
    attached->menu.watching = false;
    follow_listen(attached->follow, FOLLOW_SLOT_WATCH, -EBADF);
}

/* What watches is ended first: it would start again what stops. */
static void stop_gracefully(struct attached *attached)
{
    watch_off(attached);
    up_menu_end(&attached->menu);
    follow_listen(attached->follow, FOLLOW_SLOT_KEYS, -EBADF);
    int status = stop_all(attached, PLAN_VERB_STOP);

    if (status > EXIT_STATUS_SIGNAL)
        stop_all(attached, PLAN_VERB_KILL);
    cli_interrupt_reset(attached->compose->cli);
}

/* ------------------------------------------------------------------ watching, keys */

static void read_watch(struct attached *attached)
{
    if (!watch_child_read(attached->watch, tell_line, attached))
        watch_off(attached);
}

static void watch_on(struct attached *attached)
{
    struct compose *compose = attached->compose;
    auto_error struct error *err = NULL;
    struct strings services = compose_services(compose, attached->argc, attached->argv);

    if (watch_child_start(compose, &services, false, &attached->watch, &err) < 0) {
        report_error(compose->cli, err);
        return;
    }
    attached->menu.watching = true;
    follow_listen(attached->follow, FOLLOW_SLOT_WATCH, watch_child_fd(attached->watch));
}

/* True when the user leaves. */
static bool on_key(struct attached *attached)
{
    enum up_key key = up_menu_read(&attached->menu);

    if (!attached->menu.on)
        follow_listen(attached->follow, FOLLOW_SLOT_KEYS, -EBADF);
    if (key == UP_KEY_WATCH && attached->watch)
        watch_off(attached);
    else if (key == UP_KEY_WATCH)
        watch_on(attached);
    return key == UP_KEY_DETACH;
}

/* ------------------------------------------------------------------ containers that come and go */

static int follow_container(
        struct attached *attached, const struct observed_container *container, struct error **err)
{
    struct compose *compose = attached->compose;
    auto_error struct error *no_log = NULL;

    if (log_view_add(
                attached->view, container->id, compose_short_name(compose, container), &no_log) < 0)
        report_warning(compose->cli, "%s: %s", container->name, no_log->message);
    attached->bystanders += !is_asked_for(attached, container->service);
    return follow_add(attached->follow, container->id, err);
}

/* One that took another's place, or was started again. */
static int on_started(struct attached *attached, const char *id, struct error **err)
{
    const struct observed_container *container;

    if (compose_observe(attached->compose))
        return error_set_plain(err, EIO, NULL, "cannot look at the project");
    container = observed_find_container(&attached->compose->state, id);
    if (!container || !observed_container_is_active(container) || !is_followed(attached, container))
        return 0; /* over again, or none of ours */
    return follow_container(attached, container, err);
}

/* Another command is about to start one in the place of one that ended. */
static bool expects_start(struct attached *attached)
{
    if (attached->watch)
        return true;
    if (compose_observe(attached->compose))
        return false;
    for (size_t i = 0; i < attached->compose->state.containers.len; i++) {
        const struct observed_container *container = &attached->compose->state.containers.items[i];

        if (container->status == OBSERVED_CREATED && is_followed(attached, container))
            return true;
    }
    return false;
}

static void note_end(struct attached *attached, const char *id, int code, const char *what)
{
    char text[64];

    snprintf(text, sizeof(text), "exited with code %d%s", code, what);
    log_view_note(attached->view, id, text);
}

/* The end of `id`; true when it is the end of all. */
static bool on_ended(struct attached *attached, const char *id, int code)
{
    const struct up_attached *o = attached->options;
    const struct observed_container *container = observed_find_container(
            &attached->compose->state, id);
    const char *service = container ? container->service : NULL;
    bool ends = o->abort_on_exit || o->exit_code_from || (o->abort_on_failure && code != 0);

    note_end(attached, id, code, "");
    attached->bystanders -= service && attached->bystanders && !is_asked_for(attached, service);
    if (ends && !attached->exit_code_from)
        attached->exit_code_from = service;
    if (attached->exit_status == 0 && attached->exit_code_from &&
            string_is_equal(service, attached->exit_code_from))
        attached->exit_status = code;
    return ends;
}

/* ------------------------------------------------------------------ the loop */

enum go_on { GO_ON, LEAVE };

/* One event; negative is a failure. */
static int on_event(struct attached *attached, int event, const char *id, int code, bool *aborted,
        struct error **err)
{
    switch (event) {
    case FOLLOW_INTERRUPTED:
        up_menu_hide(&attached->menu);
        fputs(*aborted ? "" : "Gracefully Stopping... press Ctrl+C again to force\n", stderr);
        attached->exit_status =
                EXIT_STATUS_INTERRUPTED; /* whatever the signal, as Docker Compose */
        stop_gracefully(attached);
        *aborted = true;
        return GO_ON;
    case FOLLOW_STARTED: {
        int r = on_started(attached, id, err);
        return r < 0 ? r : GO_ON;
    }
    case FOLLOW_RESTARTED:
        note_end(attached, id, code, " (restarting)");
        return GO_ON;
    case FOLLOW_READABLE:
        if (code == FOLLOW_SLOT_KEYS)
            return on_key(attached) ? LEAVE : GO_ON;
        read_watch(attached);
        return GO_ON;
    case FOLLOW_ENDED:
        if (on_ended(attached, id, code) && !*aborted) {
            fputs("Aborting on container exit...\n", stderr);
            *aborted = true;
            stop_gracefully(attached);
        }
        return GO_ON;
    default: /* FOLLOW_OUTPUT_LOST: the project goes on, as with a Docker whose output was closed */
        return event < 0 ? event : LEAVE;
    }
}

/* Follows until all have ended, something ends it all, or the user interrupts. */
static int follow_all(struct attached *attached, struct error **err)
{
    bool aborted = false;

    while (follow_alive(attached->follow) > (aborted ? attached->bystanders : 0) ||
            (!aborted && expects_start(attached))) {
        const char *id = NULL;
        int code = 0;
        int event = follow_next(attached->follow, attached->view, &id, &code, err);
        int r = on_event(attached, event, id, code, &aborted, err);

        if (r == LEAVE)
            return 0;
        if (r < 0)
            return r;
    }
    return log_view_drain(attached->view, err);
}

/* Follows what there is now, and begins to listen for more. */
static int begin(struct attached *attached, struct error **err)
{
    struct compose *compose = attached->compose;
    struct compose_containers containers = { 0 };
    int r = follow_project(attached->follow, compose->name, time_realtime_nsec(), err);
    /* Looked at again once starts are told, so that none falls in between. */
    int status = compose_observe(compose);

    if (status == 0)
        compose_containers(compose, 0, NULL, false, &containers);
    for (size_t i = 0; i < containers.len && r >= 0; i++) {
        const struct observed_container *container = containers.items[i];

        if (!is_followed(attached, container))
            continue;
        r = follow_container(attached, container, err);
        if (r >= 0)
            cli_print(compose->cli, "%s%s",
                    follow_alive(attached->follow) == 1 ? "Attaching to " : ", ",
                    compose_short_name(compose, container));
    }
    if (r >= 0 && follow_alive(attached->follow) > 0)
        cli_print(compose->cli, "\n");
    fflush(stdout);
    if (r >= 0 && attached->options->watch)
        watch_on(attached);
    return r;
}

static int begin_menu(struct attached *attached, struct error **err)
{
    struct follow_footer footer = { up_menu_show, up_menu_hide, &attached->menu };
    int r = up_menu_begin(&attached->menu, err);

    if (r < 0)
        return r;
    follow_listen(attached->follow, FOLLOW_SLOT_KEYS, STDIN_FILENO);
    follow_set_footer(attached->follow, &footer);
    return 0;
}

int up_attach(struct compose *compose, const struct up_attached *o, int argc, char **argv)
{
    struct cli *cli = compose->cli;
    auto_error struct error *err = NULL;
    struct log_view_options how = { .read = LOG_OPTIONS_INIT,
        .timestamps = o->timestamps,
        .no_prefix = o->no_log_prefix,
        .no_colour = o->no_colour };
    struct attached attached = { .compose = compose,
        .options = o,
        .argc = argc,
        .argv = argv,
        .exit_code_from = o->exit_code_from };
    int r = follow_new(cli, &attached.follow, &err);

    how.read.follow = true;
    how.read.since_nsec = o->started_nsec;
    if (r >= 0 && atomic_load(&cli->interrupted)) { /* just before there was anything to follow */
        stop_gracefully(&attached);
        follow_free(attached.follow);
        return EXIT_STATUS_INTERRUPTED;
    }
    if (r >= 0)
        r = log_view_new(cli, cli->engine, &how, &attached.view, &err);
    attached.menu = (struct up_menu){ .cli = cli, .view = attached.view };
    if (r >= 0)
        r = begin(&attached, &err);
    if (r >= 0 && o->menu)
        r = begin_menu(&attached, &err);
    if (r >= 0)
        r = follow_all(&attached, &err);
    up_menu_end(&attached.menu);
    if (attached.watch)
        watch_off(&attached);
    follow_free(attached.follow);
    log_view_free(attached.view);
    return r < 0 ? report_error(cli, err) : attached.exit_status;
}
