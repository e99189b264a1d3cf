#include "cli/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/compose-up-words.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "cli/specs.h"
#include "cli/watch-tree.h"
#include "compose/backend.h"
#include "compose/project.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "engine/state/projects.h"

/* Changes that come within this time of each other are one batch; a stream of them does not wait for its end. */
#define QUIET_MSEC 500
#define BATCH_USEC_MAX (5 * USEC_PER_SEC)

#define LABEL_PROJECT "com.docker.compose.project"

struct watch {
    struct compose *compose;
    const struct watch_list *list;
    const struct watch_options *options;
};

static void say(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct cli *cli, const char *format, ...)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(CLI_TEXT_MAX);
    va_list args;

    va_start(args, format);
    strbuf_vaddf(&line, format, args);
    va_end(args);
    cli_print(cli, "%s\n", line.data);
    fflush(stdout);
}

/* ["a" "b"], as Go prints a list. */
static const char *quoted(struct compose *compose, const struct strings *names)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    strbuf_addc(&text, '[');
    for (size_t i = 0; i < names->len; i++)
        strbuf_addf(&text, "%s\"%s\"", i ? " " : "", names->items[i]);
    strbuf_addc(&text, ']');
    return arena_strdup(&compose->arena, text.data);
}

/* ------------------------------------------------------------------ sync */

static void sync_service(struct watch *watch, const struct watch_sync *sync)
{
    struct compose *compose = watch->compose;
    struct compose_containers containers;
    char *name = (char *)(uintptr_t)sync->service->name;

    if (compose_containers(compose, 1, &name, false, &containers))
        return;
    say(compose->cli, "Syncing service \"%s\" after %zu changes were detected", name, sync->len);
    ARRAY_FOREACH(&containers, container) {
        auto_error struct error *err = NULL;

        int r = container_sync(
                compose->cli->engine, (*container)->id, sync->items, sync->len, &err);
        if (r < 0) {
            error_wrap(&err, r, "cannot sync container %s", (*container)->name);
            report_error(compose->cli, err);
        }
    }
}

static void sync_all(struct watch *watch, const struct watch_actions *actions)
{
    if (actions->syncs.len == 0 || compose_observe(watch->compose))
        return;
    ARRAY_FOREACH(&actions->syncs, sync)
        sync_service(watch, sync);
}

/* ------------------------------------------------------------------ rebuild */

/* Ids of what was built before under the services' names and lost them. */
static void prune(struct watch *watch)
{
    struct compose *compose = watch->compose;
    struct cli *cli = compose->cli;
    const char *label = arena_printf(&compose->arena, LABEL_PROJECT "=%s", compose->name);
    struct image_list_options which = { .labels = &label, .label_count = 1, .dangling = 1 };
    auto_(image_list_release) struct image_list list = { 0 };
    auto_error struct error *err = NULL;

    if (image_list(cli->engine, &which, &list, &err) < 0) {
        report_warning(cli, "cannot look for images without a name: %s", err->message);
        return;
    }
    ARRAY_FOREACH(&list, image) {
        auto_(image_removal_release) struct image_removal removal = { 0 };

        /* One that a container still uses stays. */
        (void)image_remove(
                cli->engine, (*image)->id, &(struct image_remove_options){ 0 }, &removal, NULL);
    }
}

static int build(struct watch *watch, const struct strings *services)
{
    struct compose *compose = watch->compose;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct plan_images_options how = { .services = *services, .quiet = watch->options->quiet };
    int status = compose_observe(compose);

    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    int r = plan_build(&input, &how, &plan, &diag, &err);
    return compose_carry_out(compose, r, plan, &diag, err,
            &(struct compose_run_options){ .quiet = watch->options->quiet });
}

static int recreate(struct watch *watch, const struct strings *services)
{
    struct compose *compose = watch->compose;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct up_words words = UP_WORDS_INIT;
    int status = compose_lock(compose);

    words.force_recreate = words.no_build = words.no_deps = true;
    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    int r = up_words_plan(compose, &words, "watch", false, (int)services->len, services->items,
            &plan, &diag, &err);
    return compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
}

static void rebuild(struct watch *watch, const struct strings *services)
{
    struct cli *cli = watch->compose->cli;
    const char *names = quoted(watch->compose, services);

    say(cli, "Rebuilding service(s) %s after changes were detected...", names);
    if (build(watch, services)) {
        say(cli, "Build failed. The containers of service(s) %s go on as they are", names);
        return;
    }
    say(cli, "service(s) %s successfully built", names);
    int status = recreate(watch, services);
    compose_unlock(watch->compose);
    if (status)
        say(cli, "Failed to recreate services after update");
    else if (watch->options->prune)
        prune(watch);
}

/* ------------------------------------------------------------------ restart, exec */

static void restart(struct watch *watch, const struct strings *services)
{
    struct compose *compose = watch->compose;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct plan_verb_options how = { .services = *services,
        .timeout_usec = BACKEND_TIMEOUT_DEFAULT };

    if (compose_observe(compose))
        return;
    struct plan_input input = compose_plan_input(compose);
    int r = plan_verb(&input, PLAN_VERB_RESTART, &how, &plan, &diag, &err);
    if (compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 }) == 0 &&
            compose_note_started(compose, services, true) == 0)
        say(compose->cli, "service(s) %s restarted", quoted(compose, services));
}

static void exec_in(
        struct watch *watch, const struct hook *hook, const struct observed_container *container)
{
    struct compose *compose = watch->compose;
    auto_error struct error *err = NULL;
    struct strings env = { 0 }, words = { hook->command.items, hook->command.len, 0 };
    int code = 0;

    ARRAY_FOREACH(&hook->environment, pair)
        if (pair->value)
            *ARRAY_APPEND_ARENA(&compose->arena, &env) = arena_printf(
                    &compose->arena, "%s=%s", pair->key, pair->value);
    struct container_exec_options exec = { .argv = spec_vector(&compose->arena, &words),
        .env = spec_vector(&compose->arena, &env),
        .user = hook->user,
        .working_dir = hook->working_dir,
        .privileged = hook->privileged == OPTION_TRUE,
        .attach = { .stdin_fd = -EBADF, .stdout_fd = STDOUT_FILENO, .stderr_fd = STDERR_FILENO } };
    if (container_exec(compose->cli->engine, container->id, &exec, &code, &err) < 0)
        report_error(compose->cli, err);
    else if (code)
        report_warning(
                compose->cli, "%s: the command ended with exit status %d", container->name, code);
}

static void exec_all(struct watch *watch, const struct watch_actions *actions)
{
    if (actions->execs.len == 0 || compose_observe(watch->compose))
        return;
    fflush(stdout);
    ARRAY_FOREACH(&actions->execs, exec) {
        struct compose_containers containers;
        char *name = (char *)(uintptr_t)exec->service->name;

        if (compose_containers(watch->compose, 1, &name, false, &containers))
            continue;
        ARRAY_FOREACH(&containers, container)
            if (observed_container_is_active(*container))
                exec_in(watch, exec->hook, *container);
    }
}

/* ------------------------------------------------------------------ the loop */

/* What it allocates goes again: a watch may last for weeks. */
static void do_batch(struct watch *watch, struct strmap *changed)
{
    struct compose *compose = watch->compose;
    struct arena_mark mark = arena_mark(&compose->arena);
    struct watch_actions actions;

    project_digest_files(compose->project); /* some may be among what changed */
    strmap_sort(changed);                   /* directories before what is in them */
    watch_actions_plan(&compose->arena, watch->list, changed, &actions);
    if (actions.rebuild.len > 0)
        rebuild(watch, &actions.rebuild);
    if (!atomic_load(&compose->cli->interrupted))
        sync_all(watch, &actions);
    if (actions.restart.len > 0 && !atomic_load(&compose->cli->interrupted))
        restart(watch, &actions.restart);
    if (!atomic_load(&compose->cli->interrupted))
        exec_all(watch, &actions);
    compose->state = (struct observed_state)OBSERVED_STATE_INIT;
    arena_rewind(&compose->arena, mark);
}

enum waited { WAITED_CHANGES, WAITED_QUIET, WAITED_END };

static int wait_for_changes(
        const struct watch *watch, struct watch_tree *tree, int timeout_msec, struct error **err)
{
    struct pollfd polls[] = {
        { .fd = cli_interrupt_fd(), .events = POLLIN },
        { .fd = watch->options->until_fd, .events = POLLIN },
        { .fd = watch_tree_fd(tree), .events = POLLIN },
    };
    int n;

    do
        n = poll(polls, ARRAY_LEN(polls), timeout_msec);
    while (n < 0 && errno == EINTR && !atomic_load(&watch->compose->cli->interrupted));
    if (atomic_load(&watch->compose->cli->interrupted) || (n > 0 && polls[1].revents))
        return WAITED_END;
    if (n < 0)
        return error_set(err, errno, NULL, "cannot wait for changes");
    return n > 0 ? WAITED_CHANGES : WAITED_QUIET;
}

static int follow_changes(struct watch *watch, struct watch_tree *tree, struct error **err)
{
    auto_(strmap_release) struct strmap changed = STRMAP_INIT;
    int64_t began_usec = 0;

    for (;;) {
        int waited = wait_for_changes(watch, tree, changed.len > 0 ? QUIET_MSEC : -1, err);

        if (waited < 0 || waited == WAITED_END)
            return waited < 0 ? waited : 0;
        if (changed.len == 0)
            began_usec = time_monotonic_usec();
        int r = waited == WAITED_CHANGES ? watch_tree_read(tree, &changed, err) : 0;
        if (r < 0)
            return r;
        bool is_late = changed.len > 0 && time_monotonic_usec() - began_usec > BATCH_USEC_MAX;
        if (waited == WAITED_CHANGES && !is_late)
            continue;
        do_batch(watch, &changed);
        strmap_release(&changed);
        changed = (struct strmap)STRMAP_INIT;
    }
}

static bool skips(void *userdata, const char *directory)
{
    return watch_list_skips(userdata, directory);
}

static int begin(struct watch *watch, struct watch_tree **ret, struct error **err)
{
    struct watch_tree_options how = { skips, (void *)(uintptr_t)watch->list };
    struct watch_actions initial;
    int r = watch_tree_new(&how, ret, err);

    ARRAY_FOREACH(watch->list, w)
        if (r >= 0)
            r = watch_tree_add(*ret, path_clean(&watch->compose->arena, w->rule->path), err);
    if (r >= 0)
        r = watch_actions_initial(&watch->compose->arena, watch->list, &initial, err);
    if (r >= 0)
        sync_all(watch, &initial);
    return r;
}

int watch_run(
        struct compose *compose, const struct watch_list *list, const struct watch_options *options)
{
    struct cli *cli = compose->cli;
    struct watch watch = { compose, list, options };
    auto_(watch_tree_free_p) struct watch_tree *tree = NULL;
    auto_error struct error *err = NULL;
    int r;

    if (!cli_engine(cli, &err))
        return report_error(cli, err);
    /* What this opens lasts, and is not of a batch. */
    int status = compose_observe(compose);
    if (status)
        return status;
    cli_interrupt_begin(cli);
    r = begin(&watch, &tree, &err);
    if (r >= 0) {
        say(cli, "Watch enabled");
        r = follow_changes(&watch, tree, &err);
        say(cli, "Watch disabled");
    }
    cli_interrupt_end(cli);
    if (r < 0)
        return report_error(cli, err);
    return atomic_load(&cli->interrupted) ? EXIT_STATUS_SIGNAL + cli_interrupt_signal() : 0;
}

int watch_load(struct compose *compose, const struct strings *services, struct watch_list *ret)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    int r = watch_list_build(&compose->arena, compose->project, services, ret, &diag, &err);

    report_diag(compose->cli, &diag);
    return r < 0 ? report_error(compose->cli, err) : 0;
}

int watch_lock(struct compose *compose, int *ret)
{
    struct cli *cli = compose->cli;
    auto_error struct error *err = NULL;
    struct engine *engine = cli_engine(cli, &err);
    int fd = engine ? project_lock_watch(engine, compose->name, &err) : -EPERM;

    if (fd == -EWOULDBLOCK)
        return report_failure(cli,
                "cannot take exclusive lock for project \"%s\": another command watches it",
                compose->name);
    if (fd < 0)
        return report_error(cli, err);
    *ret = fd;
    return 0;
}

void watch_build_always(struct compose *compose)
{
    ARRAY_FOREACH(&compose->project->services, service)
        if (service->build.given && service->develop.given)
            service->pull_policy = "build";
}
