/* compose lint: what is wrong with the files, and what is allowed and yet hurts. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/lint-sarif.h"
#include "cli/report.h"
#include "compose/lint-page.h"
#include "compose/lint.h"

#define PORT_START_PATH "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define PORT_START_DEFAULT 1024
#define FINDING_MAX_BYTES 65536
#define FINDINGS_MAX 10000

enum lint_format { LINT_TEXT, LINT_JSON, LINT_SARIF, LINT_MARKDOWN, LINT_FORMAT_MAX_ };
static const char *const format_names[LINT_FORMAT_MAX_ + 1] = {
    [LINT_TEXT] = "text",
    [LINT_JSON] = "json",
    [LINT_SARIF] = "sarif",
    [LINT_MARKDOWN] = "markdown",
};

struct lint_command {
    const char *explain, *format;
    struct strings ignore;
    bool list_rules, strict;
};

#define AT(member) .offset = offsetof(struct lint_command, member)
static const struct opt lint_opts[] = { { .name = "explain",
                                                .type = &opt_string,
                                                .arg = "RULE",
                                                AT(explain),
                                                .help = "Say what a rule is about and what to do" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .values = format_names,
            .help = "text, json or sarif; of --list-rules text, json or markdown" },
    { .name = "ignore",
            .type = &opt_list,
            .arg = "RULE",
            AT(ignore),
            .help = "Leave out the findings of a rule, \"all\" for every rule" },
    { .name = "list-rules",
            .type = &opt_flag,
            AT(list_rules),
            .help = "List the rules with their severity" },
    { .name = "strict",
            .type = &opt_flag,
            AT(strict),
            .help = "Warnings count as failure; so does an x-lint-ignore without need" },
    OPT_END };
#undef AT

static const char *const severity_names[] = {
    [DIAG_ERROR] = "error",
    [DIAG_WARNING] = "warning",
    [DIAG_NOTE] = "note",
};
_Static_assert(ARRAY_LEN(severity_names) == DIAG_SEVERITY_MAX_, "name every severity");

/* ------------------------------------------------------------------ rules */

static json_t *rule_json(const struct lint_rule *rule)
{
    json_t *object = json_object();

    json_object_set_new(object, "rule", json_string(rule->name));
    json_object_set_new(object, "severity", json_string(severity_names[rule->severity]));
    json_object_set_new(object, "help", json_string(rule->help));
    json_object_set_new(object, "why", json_string(rule->why));
    json_object_set_new(object, "fix", json_string(rule->fix));
    json_object_set_new(object, "silenceable", json_boolean(!lint_rule_is_fatal(rule)));
    return object;
}

static int list_rules(struct cli *cli, enum lint_format format)
{
    if (format == LINT_JSON) {
        auto_json json_t *array = json_array();

        for (size_t i = 0; i < lint_rules_len; i++)
            json_array_append_new(array, rule_json(&lint_rules[i]));
        cli_print_json(cli, array, true);
        return 0;
    }
    if (format == LINT_MARKDOWN) {
        auto_(strbuf_release) struct strbuf page = STRBUF_INIT(CLI_TEXT_MAX);

        lint_print_page(&page);
        cli_print_text(cli, page.data, page.len);
        return 0;
    }
    for (size_t i = 0; i < lint_rules_len; i++)
        cli_print(cli, "%-28s %-8s %s\n", lint_rules[i].name,
                severity_names[lint_rules[i].severity], lint_rules[i].help);
    return 0;
}

static int refuse_rule(struct cli *cli, const char *name)
{
    auto_error struct error *err = NULL;
    const char *nearest = lint_nearest_rule(name);

    error_set_plain(&err, ENOENT, NULL, "there is no rule \"%s\"", name);
    if (nearest)
        error_hint(&err, "did you mean \"%s\"?", nearest);
    else
        error_hint(&err, "--list-rules shows all of them");
    return report_error(cli, err);
}

/* A paragraph in lines of the terminal's width. */
static void print_wrapped(struct cli *cli, const char *label, const char *text)
{
    struct str rest = str_from(text), word;
    size_t column = 0, indent = 2, width = cli->width > 20 ? cli->width : CLI_WIDTH_DEFAULT;

    cli_print(cli, "\n%s:\n", label);
    while (str_split_next(&rest, ' ', &word)) {
        if (column && column + 1 + word.len > width) {
            cli_print(cli, "\n");
            column = 0;
        }
        cli_print(cli, "%*s%.*s", column ? 1 : (int)indent, "", STR_FMT(word));
        column += word.len + (column ? 1 : indent);
    }
    cli_print(cli, "\n");
}

static int explain(struct cli *cli, const char *name, enum lint_format format)
{
    const struct lint_rule *rule = lint_find_rule(name);

    if (!rule)
        return refuse_rule(cli, name);
    if (format == LINT_JSON) {
        auto_json json_t *object = rule_json(rule);

        cli_print_json(cli, object, true);
        return 0;
    }
    cli_print(cli, "%s (%s)\n  %s\n", rule->name, severity_names[rule->severity], rule->help);
    print_wrapped(cli, "Why", rule->why);
    print_wrapped(cli, "What to do", rule->fix);
    if (lint_rule_is_fatal(rule))
        print_wrapped(cli, "Silencing",
                "This is a mistake that stops every command; it cannot be silenced.");
    else
        print_wrapped(cli, "Silencing",
                arena_printf(&cli->arena, "`x-lint-ignore: %s` in the file, or --ignore %s.",
                        rule->name, rule->name));
    return 0;
}

/* ------------------------------------------------------------------ findings */

static void add_count(struct strbuf *out, size_t count, const char *what)
{
    if (count)
        strbuf_addf(out, "%s%zu %s%s", out->len ? ", " : "", count, what, count == 1 ? "" : "s");
}

static void print_text(struct cli *cli, const struct diag *diag)
{
    auto_(report_layout_release) struct report_layout layout = {
        .diag = diag, .colour = cli->colour_out, .with_ids = true
    };
    auto_(strbuf_release) struct strbuf summary = STRBUF_INIT(256);
    size_t notes = 0;

    ARRAY_FOREACH(diag, entry) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(FINDING_MAX_BYTES);

        notes += entry->severity == DIAG_NOTE;
        report_format_entry(&layout, entry, &text);
        cli_print_text(cli, text.data, text.len);
    }
    add_count(&summary, diag->errors, "error");
    add_count(&summary, diag->warnings, "warning");
    add_count(&summary, notes, "note");
    cli_print(cli, "%s%s\n", summary.len ? summary.data : "no findings",
            diag->len >= diag->max ? "; further findings are not shown" : "");
}

static json_t *place_number(unsigned number)
{
    return number ? json_integer(number) : json_null();
}

static json_t *finding_json(const struct diag *diag, const struct diag_entry *entry)
{
    json_t *object = json_object();

    json_object_set_new(object, "rule", jsonx_text(entry->id));
    json_object_set_new(object, "severity", json_string(report_severity_name(entry)));
    json_object_set_new(object, "message", jsonx_text(entry->message));
    json_object_set_new(object, "file", entry->at.file ? jsonx_text(entry->at.file) : json_null());
    json_object_set_new(object, "line", place_number(entry->at.line));
    json_object_set_new(object, "column", place_number(entry->at.column));
    json_object_set_new(object, "hint", entry->hint ? jsonx_text(entry->hint) : json_null());
    json_object_set_new(object, "through", report_ways_json(diag, entry));
    return object;
}

static void print_json(struct cli *cli, const struct diag *diag)
{
    auto_json json_t *array = json_array();

    ARRAY_FOREACH(diag, entry)
        json_array_append_new(array, finding_json(diag, entry));
    cli_print_json(cli, array, true);
}

/* ------------------------------------------------------------------ the command */

static unsigned unprivileged_port_start(void)
{
    auto_free char *text = NULL;
    uint32_t port = PORT_START_DEFAULT;
    size_t len;

    if (geteuid() == 0)
        return 0;
    if (fs_read_file(AT_FDCWD, PORT_START_PATH, 64, &text, &len, NULL) < 0 ||
            parse_uint32(str_trim((struct str){ text, len }), UINT16_MAX + 1u, &port) < 0)
        return PORT_START_DEFAULT;
    return port;
}

static int check_options(
        struct cli *cli, const struct lint_command *o, enum lint_format *ret_format)
{
    int format = o->format ? parse_name(str_from(o->format), format_names, LINT_FORMAT_MAX_)
                           : LINT_TEXT;

    if (format < 0)
        return report_failure(
                cli, "unsupported format \"%s\": expected text, json or sarif", o->format);
    if (o->list_rules ? format == LINT_SARIF : format == LINT_MARKDOWN)
        return report_failure(cli, "%s are not printed as %s", o->list_rules ? "rules" : "findings",
                format_names[format]);
    if (o->explain && format > LINT_JSON)
        return report_failure(cli, "a rule is explained as text or json");
    ARRAY_FOREACH(&o->ignore, name) {
        const struct lint_rule *rule = lint_find_rule(*name);

        if (!rule && strcmp(*name, "all") != 0)
            return refuse_rule(cli, *name);
        if (rule && lint_rule_is_fatal(rule))
            return report_failure(
                    cli, "findings of \"%s\" are mistakes, which cannot be ignored", *name);
    }
    *ret_format = (enum lint_format)format;
    return 0;
}

static int run_lint(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct lint_command *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = { .max = FINDINGS_MAX };
    auto_error struct error *err = NULL;
    enum lint_format format = LINT_TEXT;
    int status = cli_check_arguments(cli, &command_compose_lint, argc, 0, 0);

    (void)argv;
    if (status == 0)
        status = check_options(cli, o, &format);
    if (status)
        return status;
    if (o->list_rules)
        return list_rules(cli, format);
    if (o->explain)
        return explain(cli, o->explain, format);
    status = compose_begin(cli, 0, NULL, &compose);
    if (status)
        return status;
    const struct lint_options options = {
        .load = &compose->load,
        .ignore = o->ignore,
        .strict = o->strict,
        .unprivileged_port_start = unprivileged_port_start(),
    };

    if (lint_project(&compose->arena, &options, &diag, &err) < 0)
        return report_error(cli, err);
    if (format == LINT_JSON)
        print_json(cli, &diag);
    else if (format == LINT_SARIF)
        lint_print_sarif(cli, &diag);
    else
        print_text(cli, &diag);
    return diag.errors || (o->strict && diag.warnings) ? EXIT_STATUS_FAILURE : 0;
}

const struct command command_compose_lint = {
    .name = "lint",
    .usage = "[OPTIONS]",
    .summary = "Find mistakes in the files, and what is allowed and yet hurts",
    .details =
            "The exit status is 1 when there are errors, with --strict also for warnings; notes never "
            "count. A finding that is no error is silenced by `x-lint-ignore: RULE` (or a list, or "
            "\"all\") at the top level for its file, in a service, network, volume and so on for what "
            "belongs to it, and in any other mapping for what is written in it.",
    .opts = lint_opts,
    .options_bytes = sizeof(struct lint_command),
    .run = run_lint,
};
