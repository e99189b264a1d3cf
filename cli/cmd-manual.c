/* __manual PAGE: the manual page berth(1) or berth-compose(1), in troff, from the tables of commands. The
 * build calls it. */
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/version.h"
#include "cli/visit.h"

struct manual {
    struct strbuf *out;
    const char *prefix; /* "berth", "berth compose": what stands before a command's name */
};

/* Text as troff takes it: no line begins a request, hyphens stay hyphens. */
static void add_roff(struct strbuf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        strbuf_adds(out, "\\&");
    for (const char *p = text; *p; p++) {
        if (*p == '\\')
            strbuf_adds(out, "\\e");
        else if (*p == '-')
            strbuf_adds(out, "\\-");
        else
            strbuf_addc(out, *p);
    }
}

static void add_values(struct strbuf *out, const char *const *values)
{
    for (size_t i = 0; values && values[i]; i++) {
        strbuf_adds(out, i ? ", " : " Values: ");
        add_roff(out, values[i]);
    }
    if (values)
        strbuf_addc(out, '.');
}

static void add_options(struct strbuf *out, const struct opt *opts)
{
    for (const struct opt *opt = opts; opt && opt->name; opt++) {
        if (opt->flags & (OPT_HIDDEN | OPT_UNSUPPORTED))
            continue;
        strbuf_adds(out, ".TP\n");
        if (opt->letter)
            strbuf_addf(out, "\\fB\\-%c\\fR, ", opt->letter);
        strbuf_adds(out, "\\fB\\-\\-");
        add_roff(out, opt->name);
        strbuf_adds(out, "\\fR");
        if (!opt->type->is_flag) {
            strbuf_adds(out, " \\fI");
            add_roff(out, opt->arg ? opt->arg : opt->type->name);
            strbuf_adds(out, "\\fR");
        }
        strbuf_addc(out, '\n');
        add_roff(out, opt->help);
        strbuf_addc(out, '.');
        add_values(out, opt->values);
        strbuf_addc(out, '\n');
    }
}

static void add_commands(struct cli *cli, const struct command *group, void *userdata);

static void add_command(struct cli *cli, const struct command *command, const struct manual *manual)
{
    struct strbuf *out = manual->out;

    strbuf_adds(out, ".SS \"");
    add_roff(out, manual->prefix);
    strbuf_addc(out, ' ');
    add_roff(out, command->name);
    if (!string_is_empty(command->usage)) {
        strbuf_addc(out, ' ');
        add_roff(out, command->usage);
    }
    strbuf_adds(out, "\"\n");
    add_roff(out, command->summary ? command->summary : "");
    strbuf_adds(out, ".\n");
    if (command->details) {
        strbuf_adds(out, ".PP\n");
        add_roff(out, command->details);
        strbuf_addc(out, '\n');
    }
    if (command->aliases) {
        strbuf_adds(out, ".PP\nAlso called");
        for (size_t i = 0; command->aliases[i]; i++)
            strbuf_addf(out, "%s %s", i ? "," : "", command->aliases[i]);
        strbuf_adds(out, ".\n");
    }
    add_options(out, command->opts);
    if (command->run == command_compose.run)
        return; /* has a page of its own */
    struct manual below = { out,
        arena_printf(&cli->arena, "%s %s", manual->prefix, command->name) };

    cli_visit(cli, command, add_commands, &below);
}

static void add_commands(struct cli *cli, const struct command *group, void *userdata)
{
    const struct manual *manual = userdata;

    for (const struct command *sub = group->subcommands; sub && sub->name; sub++)
        if (!sub->hidden)
            add_command(cli, sub, manual);
}

static void add_page(struct cli *cli, const struct command *command, const char *page,
        const char *prefix, const char *summary, struct strbuf *out)
{
    struct manual manual = { out, prefix };

    strbuf_addf(out, ".TH \"%s\" 1 \"\" \"berth %s\" \"User commands\"\n.SH NAME\n", page,
            BERTH_VERSION);
    add_roff(out, page);
    strbuf_addf(out, " \\- %s\n.SH SYNOPSIS\n.B %s\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR\n", summary,
            prefix);
    strbuf_adds(out, ".SH OPTIONS\n");
    add_options(out, command->opts);
    strbuf_adds(out, ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow the help of any command.\n"
                     ".SH COMMANDS\n");
    cli_visit(cli, command, add_commands, &manual);
    strbuf_adds(out,
            ".SH \"EXIT STATUS\"\n"
            "0 for success, 1 for a failure, 125 for options that are wrong or not supported (1 for\n"
            "those of compose). Commands that run a container's process end with that\n"
            "process's status, with 125 when berth itself failed, 126 when the command cannot be\n"
            "run, 127 when it is not found, and 128 more than the number of the signal that ended\n"
            "it.\n"
            ".SH \"SEE ALSO\"\n.BR berth (1),\n.BR berth\\-compose (1),\n"
            ".BR berth\\-compose (5)\n");
}

static int run_manual(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    (void)data;
    if (argc == 1 && strcmp(argv[0], "berth") == 0)
        add_page(cli, cli->root, "berth", "berth", "runs containers without a daemon", &text);
    else if (argc == 1 && strcmp(argv[0], "berth-compose") == 0)
        add_page(cli, &command_compose, "berth-compose", "berth compose", "runs Compose projects",
                &text);
    else
        return report_failure(cli, "\"%s\" takes the name of a page", cli->command);
    cli_print_text(cli, text.data, text.len);
    return 0;
}

const struct command command_manual = {
    .name = "__manual",
    .usage = "PAGE",
    .summary = "Print a manual page in troff",
    .run = run_manual,
    .hidden = true,
};
