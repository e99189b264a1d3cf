/* wait, with Podman's conditions. What can be read from the events is waited for by them: an event that is told after
 * the state was looked at is never missed, as those of that moment on are read, too. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/container-choice.h"
#include "cli/report.h"
#include "engine/container/container.h"
#include "engine/events.h"

#define NO_EXIT_CODE (-1)

struct wait_options {
    struct strings conditions;
    struct container_choice choice;
    int64_t interval_usec;
    bool ignore, first;
};
static const struct opt wait_opts[] = {
    { .name = "condition",
            .type = &opt_list,
            .arg = "CONDITION",
            .offset = offsetof(struct wait_options, conditions),
            .help = "created, running, paused, healthy, unhealthy, "
                    "stopped (default), next-exit or removed; any of several" },
    { .name = "ignore",
            .type = &opt_flag,
            .offset = offsetof(struct wait_options, ignore),
            .help = "A missing container is no error" },
    { .name = "exit-first-match",
            .type = &opt_flag,
            .offset = offsetof(struct wait_options, first),
            .help = "Only until the first container has come so far" },
    { .name = "interval",
            .letter = 'i',
            .type = &opt_duration,
            .arg = "DURATION",
            .flags = OPT_HIDDEN,
            .offset = offsetof(struct wait_options, interval_usec),
            .help = "Nothing is looked at again and again: what happens is told at once" },
    CONTAINER_LATEST_ROW(struct wait_options, choice, 'l'), OPT_END
};

/* A condition holds in a state, and begins with an action. */
struct condition {
    const char *name;
    bool (*holds)(const struct container *c); /* NULL: only what happens from now on counts */
    const char *actions[2];
    bool is_end, is_removal;
};

static bool is_created(const struct container *c)
{
    return c->state.status == CONTAINER_CREATED;
}

static bool is_running(const struct container *c)
{
    return c->state.status == CONTAINER_RUNNING;
}

static bool is_paused(const struct container *c)
{
    return c->state.status == CONTAINER_PAUSED;
}

static bool is_stopped(const struct container *c)
{
    return c->state.status == CONTAINER_EXITED || c->state.status == CONTAINER_DEAD;
}

static bool is_not_running(const struct container *c)
{
    return !container_is_running(c);
}

static bool is_healthy(const struct container *c)
{
    return container_is_running(c) && string_is_equal(c->state.health, "healthy");
}

static bool is_unhealthy(const struct container *c)
{
    return container_is_running(c) && string_is_equal(c->state.health, "unhealthy");
}

static const struct condition conditions[] = {
    { "created", is_created, { "create" } },
    { "configured", is_created, { "create" } },
    { "running", is_running, { "start", "unpause" } },
    { "paused", is_paused, { "pause" } },
    { "healthy", is_healthy, { "health_status: healthy" } },
    { "unhealthy", is_unhealthy, { "health_status: unhealthy" } },
    { "exited", is_stopped, { "die" }, .is_end = true },
    { "stopped", is_stopped, { "die" }, .is_end = true },
    { "not-running", is_not_running, { "die" }, .is_end = true },
    { "next-exit", NULL, { "die" }, .is_end = true },
    { "removing", NULL, { "destroy" }, .is_removal = true },
    { "removed", NULL, { "destroy" }, .is_removal = true },
};

static const struct condition *find_condition(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        if (strcmp(conditions[i].name, name) == 0)
            return &conditions[i];
    return NULL;
}

struct awaited {
    struct container *container; /* as it was when waiting began */
    int exit_code;               /* of its last run that ended; NO_EXIT_CODE: not known */
};

struct waiting {
    const struct strings *names; /* of conditions, all known */
    struct awaited *all;
    size_t count;
    int64_t begin_nsec;              /* what happened before counts only for exit codes */
    const struct awaited *who;       /* whose state or event it was */
    const struct condition *reached; /* NULL: none yet */
    bool removed;
};

static const struct condition *holding(const struct waiting *w, const struct container *c)
{
    ARRAY_FOREACH(w->names, name) {
        const struct condition *condition = find_condition(*name);

        if (condition->holds && condition->holds(c))
            return condition;
    }
    return NULL;
}

static int read_exit_code(const json_t *event)
{
    const json_t *actor = json_object_get(event, "Actor");
    const char *text = jsonx_string(json_object_get(actor, "Attributes"), "exitCode");
    int64_t code;

    return text && parse_int64(str_from(text), 0, INT32_MAX, &code) == 0 ? (int)code : NO_EXIT_CODE;
}

static int take_event(void *userdata, const json_t *event, struct error **err)
{
    struct waiting *w = userdata;
    const char *action = jsonx_string(event, "Action"), *id = jsonx_string(event, "id");
    struct awaited *who = NULL;

    (void)err;
    for (size_t i = 0; i < w->count; i++)
        if (string_is_equal(w->all[i].container->id, id))
            who = &w->all[i];
    if (!who)
        return 1;
    if (strcmp(action, "die") == 0)
        who->exit_code = read_exit_code(event);
    if (jsonx_int(event, "timeNano", INT64_MAX) < w->begin_nsec)
        return 1;
    w->who = who;
    w->removed = strcmp(action, "destroy") == 0;
    ARRAY_FOREACH(w->names, name) {
        const struct condition *condition = find_condition(*name);

        for (size_t i = 0; i < ARRAY_LEN(condition->actions); i++)
            if (string_is_equal(condition->actions[i], action))
                w->reached = condition;
    }
    return !w->reached && !w->removed;
}

/* What is awaited and where it stands. The end of a run is told a moment before its state says so: events are read from
 * the start of what runs, for a code told in that moment not to be missed. */
static int look(struct engine *engine, struct arena *arena, const struct strings *names,
        struct waiting *w, int64_t *ret_since_nsec, struct error **err)
{
    int64_t since_nsec = w->begin_nsec;

    w->all = ARENA_NEW_ARRAY(arena, names->len, struct awaited);
    ARRAY_FOREACH(names, name) {
        struct awaited *it = &w->all[w->count];
        int r = container_get(engine, arena, *name, &it->container, err);

        if (r < 0)
            return r;
        const struct container_state *state = &it->container->state;
        const bool runs = container_is_running(it->container);

        it->exit_code = runs ? NO_EXIT_CODE : state->exit_code;
        if (runs && state->started_nsec > 0 && state->started_nsec < since_nsec)
            since_nsec = state->started_nsec;
        w->count++;
    }
    *ret_since_nsec = since_nsec;
    return 0;
}

/* An end is told before all of the run is torn down, which is what everybody means by an end. What is removed at once may
 * be gone by then: its code stays the one that was told. */
static int await_teardown(struct engine *engine, struct arena *arena, const struct awaited *who,
        int *ret_code, struct error **err)
{
    auto_error struct error *failure = NULL;
    struct container *left = NULL;
    const char *id = who->container->id;
    int r = container_wait(
            engine, id, CONTAINER_WAIT_NOT_RUNNING, TIMEOUT_NEVER, ret_code, &failure);

    if (r >= 0)
        return r;
    if (who->exit_code != NO_EXIT_CODE && container_lookup(engine, arena, id, &left, NULL) >= 0 &&
            !left) {
        *ret_code = who->exit_code;
        return 0;
    }
    return error_move(err, TAKE(failure));
}

/* Until one of the conditions holds for one of the containers; its exit code, where there is one. */
static int wait_for(struct engine *engine, struct arena *arena, const struct strings *names,
        struct waiting *w, int *ret_code, struct error **err)
{
    struct strings ids = { 0 };
    struct events_options how = { .take = take_event, .userdata = w };

    w->begin_nsec = time_realtime_nsec();
    int r = look(engine, arena, names, w, &how.since_nsec, err);
    for (size_t i = 0; r >= 0 && !w->reached && i < w->count; i++) {
        w->who = &w->all[i];
        w->reached = holding(w, w->who->container);
    }
    if (r >= 0 && !w->reached) {
        for (size_t i = 0; i < w->count; i++)
            *ARRAY_APPEND_ARENA(arena, &ids) = arena_strdup(arena, w->all[i].container->id);
        *ARRAY_APPEND_ARENA(arena, &ids) = NULL;
        how.containers = ids.items;
        r = events_follow(engine, &how, err);
    }
    if (r < 0)
        return r;
    *ret_code = w->reached && (w->reached->is_end || w->reached->is_removal) ? w->who->exit_code
                                                                             : NO_EXIT_CODE;
    if (w->removed && !(w->reached && w->reached->is_removal))
        return error_set_plain(
                err, ENOENT, NULL, "container %s was removed", w->who->container->name);
    return w->reached && w->reached->is_end ? await_teardown(engine, arena, w->who, ret_code, err)
                                            : 0;
}

/* One container, or the first of several. */
static int wait_one(struct cli *cli, struct engine *engine, const struct wait_options *options,
        const struct strings *names, struct error **err)
{
    static char *usual[] = { (char *)(uintptr_t) "not-running" };
    static const struct strings usual_conditions = { usual, 1, 1 };
    struct waiting w = { .names = options->conditions.len ? &options->conditions
                                                          : &usual_conditions };
    int code = 0, r;

    if (options->conditions.len || options->first)
        r = wait_for(engine, &cli->arena, names, &w, &code, err);
    else
        r = container_wait(
                engine, names->items[0], CONTAINER_WAIT_NOT_RUNNING, TIMEOUT_NEVER, &code, err);
    if (r >= 0 && !atomic_load(&cli->interrupted))
        cli_print(cli, "%d\n", code);
    return r;
}

/* Those that are there; what is missing and may be is told like an end without a code. */
static struct strings drop_missing(struct cli *cli, struct engine *engine,
        const struct wait_options *options, const struct strings *names)
{
    struct strings there = { 0 };

    ARRAY_FOREACH(names, name) {
        struct container *c = NULL;

        if (options->ignore && container_lookup(engine, &cli->arena, *name, &c, NULL) >= 0 && !c) {
            if (!options->first)
                cli_print(cli, "%d\n", NO_EXIT_CODE);
            continue;
        }
        *ARRAY_APPEND_ARENA(&cli->arena, &there) = *name;
    }
    return there;
}

static int run_wait(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct wait_options *options = data;
    const struct container_choice_rules rules = { .command = &command_wait };
    const struct strings given = { argv, (size_t)argc, (size_t)argc };
    struct strings names = { 0 };
    auto_error struct error *err = NULL;

    ARRAY_FOREACH(&options->conditions, name)
        if (!find_condition(*name))
            return report_failure(cli, "invalid condition \"%s\"", *name);
    int status = container_choose(cli, &options->choice, &rules, &given, &names);
    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    cli_interrupt_begin(cli);
    if (options->first) {
        names = drop_missing(cli, engine, options, &names);
        if (names.len == 0)
            cli_print(cli, "%d\n", NO_EXIT_CODE);
        else if (wait_one(cli, engine, options, &names, &err) < 0)
            status = report_error(cli, err);
        names.len = 0;
    }
    for (size_t i = 0; i < names.len && !atomic_load(&cli->interrupted); i++) {
        auto_error struct error *failure = NULL;
        const struct strings one = { &names.items[i], 1, 1 };
        struct strings there = drop_missing(cli, engine, options, &one);

        if (there.len && wait_one(cli, engine, options, &there, &failure) < 0)
            status = report_error(cli, failure);
    }
    cli_interrupt_end(cli);
    return atomic_load(&cli->interrupted) ? EXIT_STATUS_SIGNAL + cli_interrupt_signal() : status;
}

const struct command command_wait = {
    .name = "wait",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Wait until containers stop, then print their exit codes",
    .details = "Conditions that are no end print -1.",
    .opts = wait_opts,
    .options_bytes = sizeof(struct wait_options),
    .run = run_wait,
};
