/* compose start, stop, restart, kill, pause, unpause, rm: one plan each over containers that exist. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/owner.h"
#include "cli/report.h"
#include "compose/backend.h"

/* What systemd is to know at the next boot: Docker's unless-stopped. */
static int mark(struct compose *compose, enum plan_verb verb, const struct plan_verb_options *how)
{
    switch (verb) {
    case PLAN_VERB_KILL:
        return how->signo == 0 || how->signo == SIGKILL ? owner_mark(compose, &how->services, true)
                                                        : 0;
    case PLAN_VERB_STOP:
        return owner_mark(compose, &how->services, true);
    case PLAN_VERB_START:
    case PLAN_VERB_RESTART:
        return owner_mark(compose, &how->services, false);
    default:
        return 0;
    }
}

static int run_verb(
        struct cli *cli, enum plan_verb verb, struct plan_verb_options *how, int argc, char **argv)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);

    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    how->services = compose_services(compose, argc, argv);
    int r = plan_verb(&input, verb, how, &plan, &diag, &err);
    if (r >= 0 && !compose->options->dry_run)
        status = mark(compose, verb, how);
    if (status)
        return status;
    status = compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
    if (status == 0 && !compose->options->dry_run &&
            (verb == PLAN_VERB_START || verb == PLAN_VERB_RESTART))
        status = compose_note_started(compose, &how->services, verb == PLAN_VERB_RESTART);
    return status;
}

/* ------------------------------------------------------------------ start */

struct start_options {
    int64_t wait_timeout_sec;
    bool wait;
};
static const struct opt start_opts[] = { { .name = "wait",
                                                 .type = &opt_flag,
                                                 .offset = offsetof(struct start_options, wait),
                                                 .help = "Wait until services run or are healthy" },
    { .name = "wait-timeout",
            .type = &opt_seconds,
            .arg = "SECONDS",
            .offset = offsetof(struct start_options, wait_timeout_sec),
            .help = "Longest time to wait" },
    OPT_END };

static int run_start(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct start_options *o = data;

    return run_verb(cli, PLAN_VERB_START,
            &(struct plan_verb_options){ .timeout_usec = BACKEND_TIMEOUT_DEFAULT,
                    .wait = o->wait,
                    .wait_timeout_usec = o->wait_timeout_sec > 0
                                                 ? o->wait_timeout_sec * USEC_PER_SEC
                                                 : 0 },
            argc, argv);
}

const struct command command_compose_start = {
    .name = "start",
    .usage = "[SERVICE...]",
    .summary = "Start existing containers",
    .opts = start_opts,
    .options_bytes = sizeof(struct start_options),
    .run = run_start,
};

/* ------------------------------------------------------------------ stop, restart */

struct stop_options {
    int64_t timeout_sec;
    bool no_deps;
};
static const struct stop_options stop_defaults = { .timeout_sec = COMPOSE_TIMEOUT_UNSET };
#define TIMEOUT_ROW                                                               \
    {                                                                             \
        .name = "timeout", .letter = 't', .type = &opt_seconds, .arg = "SECONDS", \
        .offset = offsetof(struct stop_options, timeout_sec),                     \
        .help = "Time until a stopping container is killed"                       \
    }
static const struct opt stop_opts[] = { TIMEOUT_ROW, OPT_END };
static const struct opt restart_opts[] = {
    { .name = "no-deps",
            .type = &opt_flag,
            .offset = offsetof(struct stop_options, no_deps),
            .help = "Leave those alone that ask to be restarted with it" },
    TIMEOUT_ROW, OPT_END
};

static int run_stop(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct stop_options *o = data;

    return run_verb(cli, PLAN_VERB_STOP,
            &(struct plan_verb_options){ .timeout_usec = compose_timeout_usec(o->timeout_sec) },
            argc, argv);
}

const struct command command_compose_stop = {
    .name = "stop",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Stop containers and keep them",
    .opts = stop_opts,
    .options_bytes = sizeof(struct stop_options),
    .defaults = &stop_defaults,
    .run = run_stop,
};

static int run_restart(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct stop_options *o = data;

    return run_verb(cli, PLAN_VERB_RESTART,
            &(struct plan_verb_options){
                    .timeout_usec = compose_timeout_usec(o->timeout_sec), .no_deps = o->no_deps },
            argc, argv);
}

const struct command command_compose_restart = {
    .name = "restart",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Restart containers; changes of the files do not count",
    .opts = restart_opts,
    .options_bytes = sizeof(struct stop_options),
    .defaults = &stop_defaults,
    .run = run_restart,
};

/* ------------------------------------------------------------------ kill */

struct kill_options {
    const char *signal;
    bool remove_orphans;
};
static const struct opt kill_opts[] = {
    { .name = "remove-orphans",
            .type = &opt_flag,
            .offset = offsetof(struct kill_options, remove_orphans),
            .help = "Remove containers of services that the files no longer have" },
    { .name = "signal",
            .letter = 's',
            .type = &opt_string,
            .arg = "SIGNAL",
            .offset = offsetof(struct kill_options, signal),
            .help = "Signal to send (default KILL)" },
    OPT_END
};

static int run_kill(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct kill_options *o = data;
    int signo = 0;

    if (o->signal && parse_signal(str_from(o->signal), &signo) < 0)
        return report_failure(cli, "invalid signal: %s", o->signal);
    return run_verb(cli, PLAN_VERB_KILL,
            &(struct plan_verb_options){ .signo = signo,
                    .remove_orphans = o->remove_orphans,
                    .timeout_usec = BACKEND_TIMEOUT_DEFAULT },
            argc, argv);
}

const struct command command_compose_kill = {
    .name = "kill",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Send a signal to containers",
    .opts = kill_opts,
    .options_bytes = sizeof(struct kill_options),
    .run = run_kill,
};

/* ------------------------------------------------------------------ pause, unpause */

static int run_pause(struct cli *cli, const void *data, int argc, char **argv)
{
    (void)data;
    return run_verb(cli, PLAN_VERB_PAUSE,
            &(struct plan_verb_options){ .timeout_usec = BACKEND_TIMEOUT_DEFAULT }, argc, argv);
}

const struct command command_compose_pause = {
    .name = "pause",
    .usage = "[SERVICE...]",
    .summary = "Freeze containers",
    .run = run_pause,
};

static int run_unpause(struct cli *cli, const void *data, int argc, char **argv)
{
    (void)data;
    return run_verb(cli, PLAN_VERB_UNPAUSE,
            &(struct plan_verb_options){ .timeout_usec = BACKEND_TIMEOUT_DEFAULT }, argc, argv);
}

const struct command command_compose_unpause = {
    .name = "unpause",
    .usage = "[SERVICE...]",
    .summary = "Thaw containers",
    .run = run_unpause,
};

/* ------------------------------------------------------------------ rm */

struct rm_options {
    bool all, force, stop, volumes;
};
#define AT(member) .offset = offsetof(struct rm_options, member)
static const struct opt rm_opts[] = { { .name = "all",
                                              .letter = 'a',
                                              .type = &opt_flag,
                                              .flags = OPT_HIDDEN,
                                              AT(all),
                                              .help = "Has no effect any more" },
    { .name = "force", .letter = 'f', .type = &opt_flag, AT(force), .help = "Do not ask" },
    { .name = "stop", .letter = 's', .type = &opt_flag, AT(stop), .help = "Stop them first" },
    { .name = "volumes",
            .letter = 'v',
            .type = &opt_flag,
            AT(volumes),
            .help = "Remove their anonymous volumes too" },
    OPT_END };
#undef AT

/* Names what would be removed and asks; 1 go on, 0 nothing to do or no. */
static int confirm_rm(
        struct compose *compose, const struct rm_options *o, int argc, char **argv, int *ret_status)
{
    struct compose_containers containers;
    bool found = false;

    *ret_status = compose_containers(compose, argc, argv, true, &containers);
    if (*ret_status)
        return 0;
    ARRAY_FOREACH(&containers, item) {
        if (observed_container_is_active(*item) && !o->stop)
            continue;
        cli_print(compose->cli, "%s %s", found ? "," : "Going to remove", (*item)->name);
        found = true;
    }
    if (found)
        cli_print(compose->cli, "\n");
    fflush(stdout);
    if (!found) {
        fputs("No stopped containers\n", stderr);
        return 0;
    }
    return o->force || cli_confirm(compose->cli, "");
}

static int run_rm(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct rm_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);

    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    if (!compose->options->dry_run && !confirm_rm(compose, o, argc, argv, &status))
        return status;
    return run_verb(cli, PLAN_VERB_RM,
            &(struct plan_verb_options){ .stop = o->stop,
                    .volumes = o->volumes,
                    .timeout_usec = BACKEND_TIMEOUT_DEFAULT },
            argc, argv);
}

const struct command command_compose_rm = {
    .name = "rm",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Remove stopped containers",
    .opts = rm_opts,
    .options_bytes = sizeof(struct rm_options),
    .run = run_rm,
};
