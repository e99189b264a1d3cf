/* events: what happens, as it happens. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/report.h"
#include "cli/shapes.h"
#include "cli/specs.h"
#include "engine/events.h"

struct events_arguments {
    struct strings filters;
    const char *since, *until, *format;
};
#define AT(member) .offset = offsetof(struct events_arguments, member)
static const struct opt events_opts[] = {
    { .name = "filter",
            .letter = 'f',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(filters),
            .help = "container, event, image, label, network, type, volume" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .values = values_json,
            .help = "json or a Go template" },
    { .name = "since",
            .type = &opt_string,
            .arg = "TIME",
            AT(since),
            .help = "From a point in time, or so long ago (10m)" },
    { .name = "until",
            .type = &opt_string,
            .arg = "TIME",
            AT(until),
            .help = "Up to a point in time" },
    OPT_END
};
#undef AT

/* ------------------------------------------------------------------ filters */

#define KEYS_MAX 9

static int sort_filters(struct cli *cli, const struct strings *words, struct strings *lists,
        const char *const *keys, size_t count, struct error **err)
{
    ARRAY_FOREACH(words, word) {
        const char *eq = strchr(*word, '=');
        size_t i = 0;

        if (!eq)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter \"%s\": the form is KEY=VALUE", *word);
        while (i < count && !str_is_equal_z((struct str){ *word, (size_t)(eq - *word) }, keys[i]))
            i++;
        if (i == count)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter '%.*s'", (int)(eq - *word), *word);
        *ARRAY_APPEND_ARENA(&cli->arena, &lists[i]) = arena_strdup(&cli->arena, eq + 1);
    }
    return 0;
}

static int read_filters(struct cli *cli, const struct strings *words, struct events_options *ret,
        struct error **err)
{
    static const char *const keys[] = { "type", "event", "container", "image", "network", "volume",
        "label", "scope", "pod" };
    struct strings lists[KEYS_MAX] = { 0 };
    int r = sort_filters(cli, words, lists, keys, ARRAY_LEN(keys), err);

    if (r < 0)
        return r;
    ret->types = spec_vector(&cli->arena, &lists[0]);
    ret->actions = spec_vector(&cli->arena, &lists[1]);
    ret->containers = spec_vector(&cli->arena, &lists[2]);
    ret->images = spec_vector(&cli->arena, &lists[3]);
    ret->networks = spec_vector(&cli->arena, &lists[4]);
    ret->volumes = spec_vector(&cli->arena, &lists[5]);
    ret->labels = spec_vector(&cli->arena, &lists[6]);
    ret->pods = spec_vector(&cli->arena, &lists[8]);
    ARRAY_FOREACH(&lists[7], scope)
        if (strcmp(*scope, "local") != 0)
            return error_set_plain(err, EINVAL, NULL, "invalid filter 'scope=%s'", *scope);
    return 0;
}

/* ------------------------------------------------------------------ printing */

static const char *format_time(struct arena *arena, int64_t nsec)
{
    char zone[8], day[32];
    time_t seconds = (time_t)(nsec / NSEC_PER_SEC);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
            strftime(zone, sizeof(zone), "%z", &tm) != 5)
        return "";
    return arena_printf(arena, "%s.%09lld%s", day, (long long)(nsec % NSEC_PER_SEC),
            strcmp(zone, "+0000") == 0 ? "Z" : arena_printf(arena, "%.3s:%.2s", zone, zone + 3));
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_text(struct cli *cli, struct arena *arena, const json_t *event)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(CLI_TEXT_MAX);
    const json_t *actor = json_object_get(event, "Actor");
    json_t *attributes = json_object_get(actor, "Attributes"), *value;
    struct strings pairs = { 0 };
    const char *key;

    json_object_foreach(attributes, key, value) * ARRAY_APPEND_ARENA(arena, &pairs) = arena_printf(
            arena, "%s=%s", key, json_string_value(value));
    if (pairs.len)
        qsort(pairs.items, pairs.len, sizeof(*pairs.items), compare_texts);
    strbuf_addf(&line, "%s %s %s %s", format_time(arena, jsonx_int(event, "timeNano", 0)),
            jsonx_string(event, "Type"), jsonx_string(event, "Action"), jsonx_string(actor, "ID"));
    for (size_t i = 0; i < pairs.len; i++)
        strbuf_addf(&line, "%s%s", i ? ", " : " (", pairs.items[i]);
    cli_print(cli, "%s%s\n", line.data, pairs.len ? ")" : "");
}

struct printing {
    struct cli *cli;
    const char *format;
};

static int print_event(void *userdata, const json_t *event, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *one = NULL;
    const struct printing *p = userdata;
    int r = 0;

    if (!p->format || !*p->format) {
        print_text(p->cli, &arena, event);
    } else if (strcmp(p->format, "json") == 0 || strcmp(p->format, "{{json .}}") == 0) {
        cli_print_json(p->cli, event, false);
    } else {
        one = json_array();
        json_array_append(one, (json_t *)(uintptr_t)event);
        r = list_print_inspect(
                p->cli, p->format, one, &(const struct shape *){ shape_of_type("event") }, err);
    }
    fflush(stdout);
    return r < 0 ? r : !cli_output_is_lost(p->cli);
}

int events_show(struct cli *cli, const char *since, const char *until, struct events_options *how)
{
    auto_error struct error *err = NULL;
    int64_t now = time_realtime_nsec();

    if (since && time_parse_since(since, now, &how->since_nsec) < 0)
        return report_failure(cli, "invalid value for --since: \"%s\" is no time", since);
    if (until && time_parse_since(until, now, &how->until_nsec) < 0)
        return report_failure(cli, "invalid value for --until: \"%s\" is no time", until);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    cli_interrupt_begin(cli);
    int r = events_follow(engine, how, &err);
    cli_interrupt_end(cli);
    if (r < 0)
        return report_error(cli, err);
    return atomic_load(&cli->interrupted) ? EXIT_STATUS_SIGNAL + cli_interrupt_signal() : 0;
}

static int run_events(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct events_arguments *o = data;
    auto_error struct error *err = NULL;
    struct printing printing = { cli, o->format };
    struct events_options how = { .take = print_event, .userdata = &printing };

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    if (read_filters(cli, &o->filters, &how, &err) < 0)
        return report_error(cli, err);
    return events_show(cli, o->since, o->until, &how);
}

const struct command command_events = {
    .name = "events",
    .usage = "[OPTIONS]",
    .summary = "Show what happens, as it happens",
    .opts = events_opts,
    .options_bytes = sizeof(struct events_arguments),
    .run = run_events,
};
