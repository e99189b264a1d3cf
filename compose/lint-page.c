#include "compose/lint-page.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "compose/lint.h"

static const char introduction[] =
        "# compose lint\n"
        "\n"
        "<!-- Made from the rules by `berth compose lint --list-rules --format markdown`; not edited. -->\n"
        "\n"
        "`berth compose lint` reads the files of a project as every other command does, reports\n"
        "what is wrong with them, and goes on to what is allowed and yet hurts. Nothing is started\n"
        "or changed, and no image is pulled.\n"
        "\n"
        "    berth compose lint                  # findings with their lines\n"
        "    berth compose lint --strict         # warnings fail, too: for CI\n"
        "    berth compose lint --format json    # an array of findings\n"
        "    berth compose lint --format sarif   # SARIF 2.1.0, for code hosting sites and editors\n"
        "    berth compose lint --explain RULE   # what a rule is about\n"
        "\n"
        "All options of `berth compose` count: `-f` (also `-f -`), `--profile`, `--env-file` and so\n"
        "on. Services whose profiles are not active are looked at, too.\n"
        "\n"
        "## Exit status\n"
        "\n"
        "| status | meaning |\n"
        "|---|---|\n"
        "| 0 | no errors; with `--strict` no warnings either. Notes never count. |\n"
        "| 1 | errors, with `--strict` also warnings; or the files cannot be looked at. |\n"
        "\n"
        "## Silencing\n"
        "\n"
        "Warnings, notes and those errors that do not keep the project from loading are silenced by\n"
        "the rule's name, a list of names, or `all`:\n"
        "\n"
        "```yaml\n"
        "x-lint-ignore: floating-image       # at the top level: in this file\n"
        "services:\n"
        "  agent:\n"
        "    image: agent\n"
        "    privileged: true\n"
        "    x-lint-ignore: [privileged]     # in a service, network, volume and so on: for what\n"
        "                                    # belongs to it, in whichever file that is written\n"
        "    healthcheck:\n"
        "      x-lint-ignore: all            # in any other mapping: for what is written in it\n"
        "```\n"
        "\n"
        "`--ignore RULE` does the same for one run. Names that no rule has are findings themselves,\n"
        "and with `--strict` so is an `x-lint-ignore` that silences nothing.\n"
        "\n"
        "## Findings as JSON\n"
        "\n"
        "Each has `rule`, `severity` (`error`, `warning` or `note`), `message`, `file`, `line`,\n"
        "`column`, `hint` (the last four may be null), and `through`: by which files its file came\n"
        "in, nearest first, each with `how` (\"included from\", \"extended from\", \"merged onto\", \"read\n"
        "for\"), `file`, `line` and `column`.\n";

static const char *const severity_names[] = {
    [DIAG_ERROR] = "error",
    [DIAG_WARNING] = "warning",
    [DIAG_NOTE] = "note",
};
_Static_assert(ARRAY_LEN(severity_names) == DIAG_SEVERITY_MAX_, "name every severity");

/* Escapes what means something to Markdown, but not between backticks. */
static void add_text(struct strbuf *out, const char *text)
{
    bool code = false;

    for (const char *p = text; *p; p++) {
        if (*p == '`')
            code = !code;
        if (*p == '|' || (!code && strchr("*<_", *p)))
            strbuf_addc(out, '\\');
        strbuf_addc(out, *p);
    }
}

static void add_list(struct strbuf *out, bool fatal)
{
    strbuf_adds(out, "| Rule | Severity | Finds |\n|---|---|---|\n");
    for (size_t i = 0; i < lint_rules_len; i++) {
        const struct lint_rule *rule = &lint_rules[i];

        if (lint_rule_is_fatal(rule) != fatal)
            continue;
        strbuf_addf(
                out, "| [%s](#%s) | %s | ", rule->name, rule->name, severity_names[rule->severity]);
        add_text(out, rule->help);
        strbuf_adds(out, " |\n");
    }
}

static void add_sections(struct strbuf *out, bool fatal)
{
    for (size_t i = 0; i < lint_rules_len; i++) {
        const struct lint_rule *rule = &lint_rules[i];

        if (lint_rule_is_fatal(rule) != fatal)
            continue;
        strbuf_addf(out, "\n### %s\n\n", rule->name);
        add_text(out, rule->help);
        strbuf_addc(out, ' ');
        add_text(out, rule->why);
        strbuf_adds(out, "\n\nWhat to do: ");
        add_text(out, rule->fix);
        strbuf_addc(out, '\n');
    }
}

void lint_print_page(struct strbuf *out)
{
    strbuf_adds(out, introduction);
    strbuf_adds(out, "\n## Rules\n\n");
    add_list(out, false);
    add_sections(out, false);
    strbuf_adds(out,
            "\n## Mistakes\n\nWhat keeps the project from loading; it cannot be silenced.\n\n");
    add_list(out, true);
    add_sections(out, true);
}
