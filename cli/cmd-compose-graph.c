/* compose graph, drift. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "compose/backend.h"
#include "compose/drift.h"
#include "compose/graph-print.h"

/* ------------------------------------------------------------------ graph */

struct graph_options {
    const char *format;
};
static const struct opt graph_opts[] = {
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            .offset = offsetof(struct graph_options, format),
            .help = "tree (default), dot, mermaid, json, or svg, which needs graphviz" },
    OPT_END
};

static void print_svg(const struct graph *graph, struct strbuf *out);

static const struct {
    const char *name;
    void (*print)(const struct graph *graph, struct strbuf *out);
} formats[] = {
    { "tree", graph_print_tree },
    { "dot", graph_print_dot },
    { "mermaid", graph_print_mermaid },
    { "json", graph_print_json },
    { "svg", print_svg },
};

/* What `dot` is given; draw_svg makes the picture of it. */
static void print_svg(const struct graph *graph, struct strbuf *out)
{
    graph_print_dot(graph, out);
}

static int draw_svg(struct cli *cli, const struct strbuf *dot)
{
    char *argv[] = { (char[]){ "dot" }, (char[]){ "-Tsvg" }, NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    auto_error struct error *err = NULL;
    auto_free char *svg = NULL;
    size_t len;

    spawn.path = "dot";
    spawn.argv = argv;
    int r = proc_run(&spawn, dot->data, dot->len, CLI_TEXT_MAX, &svg, &len, &err);
    if (r == -ENOENT) {
        error_free(TAKE(err));
        error_set_plain(&err, ENOENT, NULL, "--format svg needs the program \"dot\" of graphviz");
        error_hint(&err, "install graphviz, or use --format dot or mermaid");
    }
    if (r < 0)
        return report_error(cli, err);
    if (r > 0)
        return report_failure(cli, "\"dot -Tsvg\" ended with exit status %d", r);
    cli_print_text(cli, svg, len);
    return 0;
}

static int run_graph(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct graph_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    int status = cli_check_arguments(cli, &command_compose_graph, argc, 0, 0);
    size_t format = 0;

    while (o->format && format < ARRAY_LEN(formats) && strcmp(o->format, formats[format].name) != 0)
        format++;
    if (status == 0 && format == ARRAY_LEN(formats))
        return report_failure(cli,
                "unsupported format \"%s\": expected tree, dot, mermaid, json or svg", o->format);
    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_PROJECT, argc, argv, &compose);
    if (status)
        return status;
    formats[format].print(compose->graph, &text);
    if (formats[format].print == print_svg)
        return draw_svg(cli, &text);
    cli_print_text(cli, text.data, text.len);
    return 0;
}

const struct command command_compose_graph = {
    .name = "graph",
    .usage = "[OPTIONS]",
    .summary = "Draw what needs what",
    .opts = graph_opts,
    .options_bytes = sizeof(struct graph_options),
    .run = run_graph,
};

/* ------------------------------------------------------------------ drift */

#define DRIFT_STATUS_DIFFERS 2

struct drift_options {
    const char *format;
};
static const struct opt drift_opts[] = { { .name = "format",
                                                 .type = &opt_string,
                                                 .arg = "FORMAT",
                                                 .offset = offsetof(struct drift_options, format),
                                                 .help = "text or json" },
    OPT_END };

/* All that was applied, and what can only be seen from near. */
static int observe_closely(struct compose *compose, struct error **err)
{
    struct backend *backend = compose->backend;
    struct backend_query query = drift_query(&compose->arena, compose->name, &compose->state);
    int r;

    compose->state = (struct observed_state)OBSERVED_STATE_INIT;
    r = backend_observe(backend, &compose->arena, &query, &compose->state, err);
    ARRAY_FOREACH(&compose->state.containers, container) {
        if (r < 0)
            break;
        r = backend->ops->container_examine(
                backend, &compose->arena, container->id, &container->facts, err);
    }
    return r;
}

static int run_drift(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct drift_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    auto_error struct error *err = NULL;
    struct drifts drifts = { 0 };
    bool json = string_is_equal(o->format, "json");
    int status = cli_check_arguments(cli, &command_compose_drift, argc, 0, 0);

    if (status == 0 && o->format && !json && strcmp(o->format, "text") != 0)
        return report_failure(cli, "unsupported format \"%s\": expected text or json", o->format);
    cli->json_errors |= json;
    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    int r = plan_check_identity(&input, &err);
    if (r >= 0)
        r = observe_closely(compose, &err);
    if (r >= 0)
        r = drift_find(&compose->arena, compose->name, &compose->state, &drifts, &err);
    if (r < 0)
        return report_error(cli, err);
    if (json)
        drift_print_json(compose->name, &drifts, &text);
    else
        drift_print_text(&drifts, &text);
    cli_print_text(cli, text.data, text.len);
    return drifts.len > 0 ? DRIFT_STATUS_DIFFERS : 0;
}

const struct command command_compose_drift = {
    .name = "drift",
    .usage = "[OPTIONS]",
    .summary = "Compare what runs with what was last applied",
    .details =
            "What the compose files say now does not count: `plan` shows that. The exit status is 0 when all is "
            "as it was applied, 2 when something differs, 1 for an error.",
    .opts = drift_opts,
    .options_bytes = sizeof(struct drift_options),
    .run = run_drift,
};
