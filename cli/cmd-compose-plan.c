/* compose plan, and apply, which carries out a plan that was kept in a file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose-up-words.h"
#include "cli/compose.h"
#include "cli/enabled.h"
#include "cli/plan-file.h"
#include "cli/report.h"
#include "compose/backend.h"
#include "compose/plan-print.h"
#include "compose/print.h"
#include "compose/project.h"

#define PLAN_STATUS_CHANGES 2

struct plan_options {
    struct up_words words;
    const char *format, *output, *rmi;
    bool down, volumes;
};
static const struct plan_options plan_defaults = { .words = UP_WORDS_INIT };

#define AT(member) .offset = offsetof(struct plan_options, member)
static const struct opt plan_opts[] = {
    { .name = "down", .type = &opt_flag, AT(down), .help = "What `down` would do" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .values = values_text_json,
            .help = "text or json" },
    { .name = "output",
            .letter = 'o',
            .type = &opt_string,
            .arg = "FILE",
            AT(output),
            .help = "Keep the plan in a file for `apply`" },
    { .name = "rmi",
            .type = &opt_string,
            .arg = "WHICH",
            AT(rmi),
            .help = "With --down: remove images too, local or all" },
    { .name = "volumes",
            .letter = 'v',
            .type = &opt_flag,
            AT(volumes),
            .help = "With --down: remove volumes too" },
    UP_WORDS_CREATE_ROWS(struct plan_options), UP_WORDS_MORE_ROWS(struct plan_options), OPT_END
};
#undef AT

static bool changes_something(const struct plan *plan)
{
    for (size_t i = 0; i < plan->steps.len; i++)
        if (plan->steps.items[i]->action != PLAN_WAIT_CONTAINER)
            return true;
    return false;
}

/* ------------------------------------------------------------------ planning */

static int check_options(struct cli *cli, const struct plan_options *o, enum plan_rmi *ret_rmi)
{
    static const char *const rmi_names[] = {
        [PLAN_RMI_NONE] = "", [PLAN_RMI_LOCAL] = "local", [PLAN_RMI_ALL] = "all"
    };
    int rmi = o->rmi ? parse_name(str_from(o->rmi), rmi_names, ARRAY_LEN(rmi_names))
                     : PLAN_RMI_NONE;

    if (o->format && strcmp(o->format, "json") != 0 && strcmp(o->format, "text") != 0)
        return report_failure(cli, "unsupported format \"%s\": expected text or json", o->format);
    if (rmi < 0 || (o->rmi && !*o->rmi))
        return report_failure(
                cli, "invalid value for --rmi: \"%s\": expected local or all", o->rmi);
    if ((o->rmi || o->volumes) && !o->down)
        return report_failure(cli, "--rmi and --volumes need --down");
    *ret_rmi = (enum plan_rmi)rmi;
    return up_words_check(cli, &o->words);
}

static int make_plan(struct compose *compose, const struct plan_options *o, enum plan_rmi rmi,
        int argc, char **argv, struct plan **ret, struct diag *diag, struct error **err)
{
    struct plan_input input = compose_plan_input(compose);
    struct plan_down_options down = {
        .services = compose_services(compose, argc, argv),
        .remove_orphans = o->words.remove_orphans ||
                          cli_env_flag(compose->cli, "COMPOSE_REMOVE_ORPHANS"),
        .volumes = o->volumes,
        .rmi = rmi,
        .timeout_usec = compose_timeout_usec(o->words.timeout_sec),
    };

    if (o->down)
        return plan_down(&input, &down, ret, diag, err);
    return up_words_plan(compose, &o->words, NULL, o->words.no_start, argc, argv, ret, diag, err);
}

/* ------------------------------------------------------------------ the file */

static int plan_json(const struct plan *plan, json_t **ret, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    plan_print_json(plan, &text);
    return jsonx_parse(text.data, text.len, "plan", ret, err);
}

/* What the compose files and everything that they name come to, and their own bytes. */
static int sources_digest(
        struct compose *compose, char text[static DIGEST_TEXT_MAX], struct error **err)
{
    const struct project *project = compose->project;
    const struct file_objects *objects[] = { &project->secrets, &project->configs };
    auto_(strbuf_release) struct strbuf all = STRBUF_INIT(CLI_TEXT_MAX);
    char digest[DIGEST_TEXT_MAX];

    ARRAY_FOREACH(&project->sources, path) {
        auto_free char *data = NULL;
        size_t len;
        int r = fs_read_file(AT_FDCWD, *path, CLI_TEXT_MAX, &data, &len, err);

        if (r < 0)
            return r;
        digest_sha256(data, len, digest);
        strbuf_addf(&all, "%s %s\n", digest, *path);
    }
    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        ARRAY_FOREACH(objects[i], object) {
            const char *value = object->value ? object->value : "";

            digest_sha256(value, strlen(value), digest);
            strbuf_addf(&all, "%s %s %s\n", digest,
                    object->content_digest ? object->content_digest : "-", object->key);
        }
    project_print(project, &(struct print_options){ .format = PRINT_JSON }, &all);
    if (strbuf_is_truncated(&all))
        return error_set_plain(err, EFBIG, NULL, "the project is too large to be kept as a plan");
    digest_sha256(all.data, all.len, text);
    return 0;
}

static int write_file(struct compose *compose, const struct plan_options *o, int argc, char **argv,
        const struct plan *plan, struct error **err)
{
    const struct project *project = compose->project;
    char sources[DIGEST_TEXT_MAX], state[DIGEST_TEXT_MAX];
    struct plan_options kept = *o;
    auto_json json_t *json = NULL;

    kept.format = kept.output = NULL;
    struct plan_file file = {
        .project = project->name,
        .directory = project->working_dir,
        .files = project->file_paths,
        .env_files = project->env_file_paths,
        .profiles = project->profiles,
        .arguments = opts_unparse(&command_compose_plan, &kept, &compose->arena),
        .compatibility = compose->load.compatibility,
        .time_nsec = compose->now_nsec,
        .sources = sources,
        .state = state,
    };
    *ARRAY_APPEND_ARENA(&compose->arena, &file.arguments) = (char[]){ "--" };
    for (int i = 0; i < argc; i++)
        *ARRAY_APPEND_ARENA(&compose->arena, &file.arguments) = argv[i];
    ARRAY_FOREACH(&file.files, path) {
        if (**path != '/')
            return error_set_plain(err, EINVAL, NULL,
                    "a plan of standard input cannot be kept: `apply` could not read it again");
    }
    int r = sources_digest(compose, sources, err);
    if (r >= 0)
        r = plan_json(plan, &json, err);
    if (r < 0)
        return r;
    observed_state_digest(&compose->state, state);
    file.plan = json;
    auto_free char *text = plan_file_format(&file);
    return fs_replace_file(AT_FDCWD, o->output, text, strlen(text), 0600, FS_NO_SYNC, err);
}

/* ------------------------------------------------------------------ plan */

static int run_plan_command(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct plan_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    auto_error struct error *err = NULL;
    bool json = string_is_equal(o->format, "json");
    enum plan_rmi rmi;
    int status = check_options(cli, o, &rmi);

    if (status)
        return status;
    cli->json_errors |= json;
    status = compose_open(cli, COMPOSE_NEED_PROJECT, argc, argv, &compose);
    if (status == 0)
        status = compose_check_supported(compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    int r = make_plan(compose, o, rmi, argc, argv, &plan, &diag, &err);
    unsigned found = report_diag(cli, &diag);
    if (r < 0)
        return found || !err ? EXIT_STATUS_FAILURE : report_error(cli, err);
    if (!o->down)
        enabled_tell_changes(compose);
    if (o->output && write_file(compose, o, argc, argv, plan, &err) < 0)
        return report_error(cli, err);
    if (json)
        plan_print_json(plan, &text);
    else
        plan_print_text(plan, &text);
    cli_print_text(cli, text.data, text.len);
    return changes_something(plan) ? PLAN_STATUS_CHANGES : 0;
}

const struct command command_compose_plan = {
    .name = "plan",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Show what `up` would do and why",
    .details =
            "Takes the options of `up` that say what is to be made, and changes nothing. The exit status is 0 "
            "when there is nothing to do, 2 when something would change, 1 for an error. With --output the "
            "plan is kept in a file; `apply` carries out exactly that.",
    .opts = plan_opts,
    .options_bytes = sizeof(struct plan_options),
    .defaults = &plan_defaults,
    .run = run_plan_command,
};

/* ------------------------------------------------------------------ apply */

static int refuse_moved(struct cli *cli, const char *path, const char *what)
{
    auto_error struct error *err = NULL;

    error_set_plain(&err, ESTALE, NULL, "%s since \"%s\" was planned", what, path);
    error_hint(&err, "plan again: nothing was changed");
    return report_error(cli, err);
}

/* The options and services of `compose plan` out of the file. `words` is reordered by parsing. */
static int read_arguments(struct plan_file *file, struct plan_options *ret, int *ret_argc,
        char ***ret_argv, struct error **err)
{
    int used = 0;
    int r = opts_parse(&command_compose_plan, (int)file->arguments.len, file->arguments.items, ret,
            &used, err);

    if (r > 0)
        r = error_set_plain(err, EINVAL, NULL, "it asks for help");
    if (r < 0)
        return r;
    *ret_argc = (int)file->arguments.len - used;
    *ret_argv = file->arguments.items + used;
    return 0;
}

/* Without how the user's words named the files, which hangs on where the command is given. */
static json_t *without_file_names(const json_t *plan)
{
    json_t *copy = json_deep_copy(plan), *step, *reason;
    size_t i, j;

    json_array_foreach(json_object_get(copy, "steps"), i, step) json_array_foreach(
            json_object_get(step, "reasons"), j, reason) json_object_del(reason, "file");
    return copy;
}

static bool is_same_plan(const json_t *a, const json_t *b)
{
    auto_json json_t *ours = without_file_names(a), *theirs = without_file_names(b);

    return json_equal(ours, theirs);
}

/* Plans anew from what the file names; the plan is the file's, or this fails. */
static int replan(struct compose *compose, const char *path, const struct plan_file *file,
        const struct plan_options *o, int argc, char **argv, struct plan **ret)
{
    struct cli *cli = compose->cli;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    auto_json json_t *json = NULL;
    char sources[DIGEST_TEXT_MAX], state[DIGEST_TEXT_MAX];
    enum plan_rmi rmi;
    int status = check_options(cli, o, &rmi);

    if (status)
        return status;
    compose->now_nsec = file->time_nsec;
    if (sources_digest(compose, sources, &err) < 0)
        return report_error(cli, err);
    if (strcmp(sources, file->sources) != 0)
        return refuse_moved(cli, path, "the files, or what they come to, have changed");
    observed_state_digest(&compose->state, state);
    if (strcmp(state, file->state) != 0)
        return refuse_moved(cli, path, "containers, networks, volumes or images have changed");
    int r = make_plan(compose, o, rmi, argc, argv, ret, &diag, &err);
    unsigned found = report_diag(cli, &diag);
    if (r < 0)
        return found || !err ? EXIT_STATUS_FAILURE : report_error(cli, err);
    if (plan_json(*ret, &json, &err) < 0)
        return report_error(cli, err);
    if (!is_same_plan(json, file->plan))
        return refuse_moved(cli, path, "other steps have become necessary");
    return 0;
}

static int apply_file(struct cli *cli, const char *path, struct plan_file *file)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    struct plan_options o;
    int argc, status;
    char **argv;

    if (read_arguments(file, &o, &argc, &argv, &err) < 0) {
        error_wrap(&err, EINVAL, "cannot use \"%s\" as a plan", path);
        return report_error(cli, err);
    }
    status = compose_open(cli, COMPOSE_NEED_PROJECT, argc, argv, &compose);
    if (status == 0)
        status = compose_check_supported(compose);
    if (status == 0)
        status = compose_lock(compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        status = replan(compose, path, file, &o, argc, argv, &plan);
    if (status == 0)
        status = compose_carry_out(compose, 0, plan, &diag, NULL,
                &(struct compose_run_options){ .nothing_changed_line = true });
    opts_release(&command_compose_plan, &o);
    return status;
}

static int run_apply(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct compose_options *given = cli->compose_options;
    auto_(plan_file_release) struct plan_file file = { 0 };
    auto_error struct error *err = NULL;
    auto_free char *text = NULL;
    size_t len;
    int status = cli_check_arguments(cli, &command_compose_apply, argc, 1, 1);

    (void)data;
    if (status)
        return status;
    if (given->files.len || given->env_files.len || given->profiles.len || given->project_name ||
            given->project_directory)
        return report_failure(
                cli, "\"%s\" takes files, profiles and names from the plan", cli->command);
    int r = fs_read_file(AT_FDCWD, argv[0], LIMIT_JSON_BYTES, &text, &len, &err);
    if (r >= 0)
        r = plan_file_parse(text, len, &file, &err);
    if (r < 0) {
        error_wrap(&err, r, "cannot use \"%s\" as a plan", argv[0]);
        return report_error(cli, err);
    }
    struct compose_options options = *given;
    options.files = file.files;
    options.env_files = file.env_files;
    options.profiles = file.profiles;
    options.project_name = file.project;
    options.project_directory = file.directory;
    options.compatibility |= file.compatibility;
    cli->compose_options = &options;
    status = apply_file(cli, argv[0], &file);
    cli->compose_options = given;
    return status;
}

const struct command command_compose_apply = {
    .name = "apply",
    .usage = "FILE",
    .summary = "Carry out a plan that `plan --output` kept",
    .details =
            "Runs exactly the steps of the plan. Refuses, and changes nothing, when the files, what exists or "
            "the steps are no longer those that were planned.",
    .run = run_apply,
};
