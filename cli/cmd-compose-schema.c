/* compose schema: the Compose language as a JSON Schema, for editors. */
#include "base/error.h"
#include "base/json/json.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "compose/schema-json.h"

static int run_schema(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    auto_error struct error *err = NULL;
    auto_json json_t *schema = NULL;

    (void)data;
    (void)argv;
    int status = cli_check_arguments(cli, &command_compose_schema, argc, 0, 0);
    if (status)
        return status;
    schema_print_json(&text);
    if (jsonx_parse(text.data, text.len, "schema of compose files", &schema, &err) < 0)
        return report_error(cli, err);
    cli_print_json(cli, schema, true);
    return 0;
}

const struct command command_compose_schema = {
    .name = "schema",
    .summary = "Print a JSON Schema of compose files, for editors",
    .details =
            "Draft 7. To have it checked while you write, save it and name it in the first line of the "
            "file: # yaml-language-server: $schema=compose.schema.json",
    .run = run_schema,
};
