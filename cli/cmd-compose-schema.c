/* compose schema: the Compose language as a JSON Schema for editors, or as a page to read. */
#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "compose/schema-json.h"
#include "compose/schema-page.h"

struct schema_options {
    const char *format;
};

static const char *const formats[] = { "json", "markdown", "man", NULL };
static const struct opt schema_opts[] = {
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            .offset = offsetof(struct schema_options, format),
            .values = formats,
            .help = "json (a JSON Schema), markdown or man (the reference page)" },
    OPT_END
};

static int print_json_schema(struct cli *cli)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    auto_error struct error *err = NULL;
    auto_json json_t *schema = NULL;

    schema_print_json(&text);
    if (jsonx_parse(text.data, text.len, "schema of compose files", &schema, &err) < 0)
        return report_error(cli, err);
    cli_print_json(cli, schema, true);
    return 0;
}

static int run_schema(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct schema_options *o = data;
    const char *format = o->format ? o->format : "json";
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    (void)argv;
    int status = cli_check_arguments(cli, &command_compose_schema, argc, 0, 0);
    if (status)
        return status;
    if (string_is_equal(format, "json"))
        return print_json_schema(cli);
    if (string_is_equal(format, "markdown"))
        schema_print_page(PAGE_MARKDOWN, &text);
    else if (string_is_equal(format, "man"))
        schema_print_page(PAGE_MAN, &text);
    else
        return report_failure(
                cli, "unsupported format \"%s\": expected json, markdown or man", format);
    cli_print_text(cli, text.data, text.len);
    return 0;
}

const struct command command_compose_schema = {
    .name = "schema",
    .usage = "[OPTIONS]",
    .summary = "Print a JSON Schema of compose files, for editors",
    .details =
            "The schema is of draft 7. To have files checked while you write them, save it and name it in "
            "their first line: # yaml-language-server: $schema=compose.schema.json",
    .opts = schema_opts,
    .options_bytes = sizeof(struct schema_options),
    .run = run_schema,
};
