/* compose watch. */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose-up-words.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "cli/watch.h"
#include "compose/project.h"

struct watch_words {
    bool no_up, prune, quiet, until_stdin;
};
static const struct watch_words watch_defaults = { .prune = true };

#define AT(member) .offset = offsetof(struct watch_words, member)
static const struct opt watch_opts[] = {
    { .name = "no-up", .type = &opt_flag, AT(no_up), .help = "Do not bring services up first" },
    { .name = "prune",
            .type = &opt_flag,
            AT(prune),
            .help = "Remove images that a rebuild leaves without a name (default true)" },
    { .name = "quiet", .type = &opt_flag, AT(quiet), .help = "Hide build output" },
    { .name = "until-input-ends",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(until_stdin),
            .help = "End with standard input, for a command that starts this one" },
    OPT_END
};
#undef AT

static int bring_up(struct compose *compose, const struct watch_words *o, int argc, char **argv)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct up_words words = UP_WORDS_INIT;
    int status = compose_lock(compose);

    words.quiet_build = words.quiet_pull = o->quiet;
    watch_build_always(compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    int r = up_words_plan(compose, &words, NULL, false, argc, argv, &plan, &diag, &err);
    return compose_carry_out(compose, r, plan, &diag, err,
            &(struct compose_run_options){ .nothing_changed_line = true });
}

static void print_rules(struct cli *cli, const struct watch_list *list)
{
    ARRAY_FOREACH(list, w)
        cli_print(cli, "Would watch %s: %s service \"%s\"%s%s\n", w->rule->path,
                watch_action_names[w->rule->action], w->service->name,
                w->rule->target ? " at " : "", w->rule->target ? w->rule->target : "");
}

static int run_watch(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct watch_words *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_close int lock = -EBADF;
    struct watch_list list;
    int status = compose_open(cli, COMPOSE_NEED_PROJECT, argc, argv, &compose);

    if (status == 0)
        status = compose_check_supported(compose);
    if (status)
        return status;
    struct strings services = compose_services(compose, argc, argv);
    status = watch_load(compose, &services, &list);
    if (status == 0 && !compose->options->dry_run)
        status = watch_lock(compose, &lock);
    if (status == 0 && !o->no_up)
        status = bring_up(compose, o, argc, argv);
    if (status == 0 && compose->options->dry_run)
        print_rules(cli, &list);
    if (status || compose->options->dry_run)
        return status;
    return watch_run(compose, &list,
            &(struct watch_options){ .quiet = o->quiet,
                    .prune = o->prune,
                    .until_fd = o->until_stdin ? STDIN_FILENO : -EBADF });
}

const struct command command_compose_watch = {
    .name = "watch",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Rebuild, restart or refresh containers when files change",
    .details = "Brings the services up, and then does what develop.watch in the files says: copies "
               "changed files into containers, restarts them, runs a command in them, or builds "
               "the image again and replaces them. Goes on until it is interrupted.",
    .opts = watch_opts,
    .options_bytes = sizeof(struct watch_words),
    .defaults = &watch_defaults,
    .run = run_watch,
};
