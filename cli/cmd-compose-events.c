/* compose events: what happens to the project's containers, in the form of Docker Compose. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/objects.h"
#include "cli/report.h"
#include "compose/project.h"
#include "engine/events.h"

#define LABEL_PROJECT "com.docker.compose.project"
#define LABEL_SERVICE "com.docker.compose.service"

struct events_arguments {
    const char *since, *until;
    bool json;
};
static const struct opt events_opts[] = {
    { .name = "json",
            .type = &opt_flag,
            .offset = offsetof(struct events_arguments, json),
            .help = "One JSON object for each event" },
    { .name = "since",
            .type = &opt_string,
            .arg = "TIME",
            .offset = offsetof(struct events_arguments, since),
            .help = "From a point in time, or so long ago (10m)" },
    { .name = "until",
            .type = &opt_string,
            .arg = "TIME",
            .offset = offsetof(struct events_arguments, until),
            .help = "Up to a point in time" },
    OPT_END,
};

struct printing {
    struct cli *cli;
    const struct strings *services; /* empty: all */
    bool json;
};

static bool is_wanted(const struct printing *p, const char *service)
{
    ARRAY_FOREACH(p->services, name)
        if (string_is_equal(*name, service))
            return true;
    return p->services->len == 0;
}

/* Labels of Compose's own say nothing new. */
static json_t *own_attributes(const json_t *all)
{
    json_t *attributes = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)all, key,
            value) if (!string_has_prefix(key, "com.docker.compose."))
            json_object_set(attributes, key, value);
    return attributes;
}

static void print_json(
        const struct printing *p, const json_t *event, const char *service, json_t *attributes)
{
    char time[TIME_RFC3339_MAX];
    const json_t *actor = json_object_get(event, "Actor");
    auto_json json_t *line = json_pack("{s:s,s:O,s:s,s:s,s:s,s:s}", "action",
            jsonx_string(event, "Action"), "attributes", attributes, "id",
            jsonx_string(actor, "ID"), "service", service, "time",
            time_format_rfc3339(jsonx_int(event, "timeNano", 0), time), "type", "container");

    cli_print_json(p->cli, line, false);
}

static void print_text(const struct printing *p, const json_t *event, json_t *attributes)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(CLI_TEXT_MAX);
    int64_t nsec = jsonx_int(event, "timeNano", 0);
    time_t seconds = (time_t)(nsec / NSEC_PER_SEC);
    const char *key, *separator = "";
    char day[32] = "";
    struct tm tm;
    json_t *value;

    if (localtime_r(&seconds, &tm))
        (void)strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
    strbuf_addf(&line, "%s.%06lld container %s %s (", day, (long long)(nsec % NSEC_PER_SEC / 1000),
            jsonx_string(event, "Action"), jsonx_string(json_object_get(event, "Actor"), "ID"));
    json_object_foreach(attributes, key, value)
    {
        strbuf_addf(&line, "%s%s=%s", separator, key, json_string_value(value));
        separator = ", ";
    }
    cli_print(p->cli, "%s)\n", line.data);
}

static int take(void *userdata, const json_t *event, struct error **err)
{
    const struct printing *p = userdata;
    const json_t *all = json_object_get(json_object_get(event, "Actor"), "Attributes");
    const char *service = jsonx_string(all, LABEL_SERVICE);

    (void)err;
    if (!is_wanted(p, service))
        return 1;
    auto_json json_t *attributes = own_attributes(all);
    if (p->json)
        print_json(p, event, service ? service : "", attributes);
    else
        print_text(p, event, attributes);
    fflush(stdout);
    return !cli_output_is_lost(p->cli);
}

static int run_events(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct events_arguments *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);

    for (int i = 0; i < argc && status == 0 && compose->project; i++)
        if (!project_find_service(compose->project, argv[i]))
            status = report_failure(cli, "no such service: %s", argv[i]);
    if (status)
        return status;
    struct strings services = compose_services(compose, argc, argv);
    struct printing printing = { cli, &services, o->json };
    char container[] = "container";
    char *types[] = { container, NULL };
    char *labels[] = { arena_printf(&compose->arena, LABEL_PROJECT "=%s", compose->name), NULL };
    struct events_options how = {
        .types = types, .labels = labels, .take = take, .userdata = &printing
    };

    return events_show(cli, o->since, o->until, &how);
}

const struct command command_compose_events = {
    .name = "events",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Show what happens to the project's containers, as it happens",
    .opts = events_opts,
    .options_bytes = sizeof(struct events_arguments),
    .run = run_events,
};
