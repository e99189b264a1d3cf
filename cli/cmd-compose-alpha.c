/* compose alpha: the older places of commands, and `viz`. */
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "compose/project.h"

/* ------------------------------------------------------------------ viz */

#define INDENTATION_MAX 64

struct viz_options {
    int64_t indentation;
    bool image, networks, ports, spaces;
};
static const struct viz_options viz_defaults = { .indentation = 1 };
#define AT(member) .offset = offsetof(struct viz_options, member)
static const struct opt viz_opts[] = {
    { .name = "image", .type = &opt_flag, AT(image), .help = "Show the image of each service" },
    { .name = "indentation-size",
            .type = &opt_int,
            .arg = "N",
            AT(indentation),
            .help = "How many tabs or spaces a line is indented by" },
    { .name = "networks",
            .type = &opt_flag,
            AT(networks),
            .help = "Show the networks of each service" },
    { .name = "ports", .type = &opt_flag, AT(ports), .help = "Show published ports" },
    { .name = "spaces", .type = &opt_flag, AT(spaces), .help = "Indent with spaces, not tabs" },
    OPT_END
};
#undef AT

static void add_escaped(struct strbuf *out, const char *text)
{
    for (; *text; text++)
        if (*text == '<')
            strbuf_adds(out, "&lt;");
        else if (*text == '>')
            strbuf_adds(out, "&gt;");
        else if (*text == '&')
            strbuf_adds(out, "&amp;");
        else
            strbuf_addc(out, *text);
}

static void begin_list(struct strbuf *out, const char *title)
{
    strbuf_addf(out, "<font point-size=\"10\"><br/><br/><b>%s:</b>", title);
}

static void add_port(struct strbuf *out, const struct service_port *port)
{
    strbuf_adds(out, "<br/>");
    if (port->host_ip)
        strbuf_addf(out, "%s:", port->host_ip);
    strbuf_addf(out, "%s:%" PRId64 " (%s, %s)", port->published ? port->published : "",
            port->target.value, port->protocol ? port->protocol : "tcp",
            port->mode ? port->mode : "ingress");
}

static void add_node(struct strbuf *out, const struct viz_options *o, const char *indent,
        struct arena *arena, const struct project *project, const struct service *service)
{
    const char *image = service_image_name(arena, project, service);

    strbuf_addf(out, "%s\"%s\" [style=\"filled\" label=<<font point-size=\"15\">%s</font>", indent,
            service->name, service->name);
    if (o->networks && service->networks.len > 0) {
        begin_list(out, "Networks");
        ARRAY_FOREACH(&service->networks, network)
            strbuf_addf(out, "<br/>%s", network->network);
        strbuf_adds(out, "</font>");
    }
    if (o->ports && service->ports.len > 0) {
        begin_list(out, "Ports");
        ARRAY_FOREACH(&service->ports, port)
            add_port(out, port);
        strbuf_adds(out, "</font>");
    }
    if (o->image && image) {
        begin_list(out, "Image");
        strbuf_adds(out, "<br/>");
        add_escaped(out, image);
        strbuf_adds(out, "</font>");
    }
    strbuf_adds(out, ">];\n");
}

static void draw(struct strbuf *out, const struct viz_options *o, struct arena *arena,
        const struct project *project)
{
    char indent[INDENTATION_MAX + 1];
    size_t len = (size_t)o->indentation;

    memset(indent, o->spaces ? ' ' : '\t', len);
    indent[len] = '\0';
    strbuf_addf(out, "digraph \"%s\" {\n%slayout=dot;\n", project->name, indent);
    ARRAY_FOREACH(&project->services, service)
        add_node(out, o, indent, arena, project, service);
    strbuf_adds(out, "\n");
    ARRAY_FOREACH(&project->services, service)
        ARRAY_FOREACH(&service->depends_on, needed)
            strbuf_addf(out, "%s\"%s\" -> \"%s\";\n", indent, service->name, needed->service);
    strbuf_adds(out, "}\n\n");
}

static const struct command command_viz;

static int run_viz(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct viz_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    int status = cli_check_arguments(cli, &command_viz, argc, 0, 0);

    (void)argv;
    if (status == 0 && (o->indentation < 0 || o->indentation > INDENTATION_MAX))
        status = report_failure(cli, "invalid --indentation-size %" PRId64 ": expected 0 to %d",
                o->indentation, INDENTATION_MAX);
    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_PROJECT, 0, NULL, &compose);
    if (status)
        return status;
    draw(&text, o, &compose->arena, compose->project);
    cli_print_text(cli, text.data, text.len);
    return 0;
}

static const struct command command_viz = {
    .name = "viz",
    .usage = "[OPTIONS]",
    .summary = "Print the services as a graph for graphviz; see also `berth compose graph`",
    .opts = viz_opts,
    .options_bytes = sizeof(struct viz_options),
    .defaults = &viz_defaults,
    .run = run_viz,
};

/* ------------------------------------------------------------------ the group */

static int run_alpha(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct command table[] = { command_compose_publish, command_compose_scale, command_viz,
        command_compose_watch, { 0 } };
    struct command group = command_compose_alpha;

    (void)data;
    if (argc > 0 && strcmp(argv[0], "generate") == 0)
        return report_failure(cli, "\"%s %s\" is not supported", cli->command, argv[0]);
    group.subcommands = table;
    return cli_run_subcommand(cli, &group, argc, argv);
}

const struct command command_compose_alpha = {
    .name = "alpha",
    .usage = "COMMAND",
    .summary = "Older places of commands",
    .run = run_alpha,
    .stop_at_first_argument = true,
    .hidden = true,
};
