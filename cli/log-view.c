#include "cli/log-view.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/format.h"

#define LINE_MAX_BYTES (1u << 20) /* unfinished lines are joined up to here */

/* Compose's rainbow. */
static const char *const colours[] = {
    "\033[36m",
    "\033[33m",
    "\033[32m",
    "\033[35m",
    "\033[34m",
    "\033[96m",
    "\033[93m",
    "\033[92m",
    "\033[95m",
    "\033[94m",
};

struct source_view {
    char *id, *label;
    const char *colour;
    bool within_line[2]; /* the last text of stdout, stderr had no line break */
};

struct log_view {
    struct cli *cli;
    struct engine *engine;
    struct log_view_options options;
    struct log_reader *reader;
    struct {
        struct source_view **items;
        size_t len, cap;
    } sources;
    unsigned width;                      /* of the longest label */
    const struct source_view *open_line; /* whose line is unfinished on the screen */
};

int log_view_new(struct cli *cli, struct engine *engine, const struct log_view_options *options,
        struct log_view **ret, struct error **err)
{
    auto_(log_view_free_p) struct log_view *view = NEW(struct log_view);

    view->cli = cli;
    view->engine = engine;
    view->options = *options;
    int r = log_reader_new(&options->read, &view->reader, err);
    if (r < 0)
        return r;
    *ret = TAKE(view);
    return 0;
}

void log_view_free(struct log_view *view)
{
    if (!view)
        return;
    log_reader_free(view->reader);
    for (size_t i = 0; i < view->sources.len; i++) {
        free(view->sources.items[i]->id);
        free(view->sources.items[i]->label);
        free(view->sources.items[i]);
    }
    ARRAY_RELEASE(&view->sources);
    free(view);
}

static struct source_view *find_source(struct log_view *view, const char *id)
{
    for (size_t i = 0; i < view->sources.len; i++)
        if (strcmp(view->sources.items[i]->id, id) == 0)
            return view->sources.items[i];
    return NULL;
}

static struct source_view *get_source(struct log_view *view, const char *id, const char *label)
{
    struct source_view *source = find_source(view, id);

    if (source)
        return source;
    source = NEW(struct source_view);
    source->id = mem_strdup(id);
    source->label = mem_strdup(label);
    source->colour = colours[view->sources.len % ARRAY_LEN(colours)];
    *ARRAY_APPEND(&view->sources) = source;
    if (format_text_width(label) > view->width)
        view->width = format_text_width(label);
    return source;
}

int log_view_add(
        struct log_view *view, const char *container_id, const char *label, struct error **err)
{
    if (find_source(view, container_id))
        return 0;
    struct source_view *source = get_source(view, container_id, label);

    return log_reader_add(view->reader, view->engine, container_id, source, err);
}

static void add_prefix(struct log_view *view, const struct source_view *source, struct strbuf *out)
{
    bool colour = view->cli->colour_out && !view->options.no_colour;

    if (view->options.no_prefix)
        return;
    if (colour)
        strbuf_adds(out, source->colour);
    strbuf_adds(out, source->label);
    for (unsigned i = format_text_width(source->label); i < view->width; i++)
        strbuf_addc(out, ' ');
    strbuf_adds(out, "  | ");
    if (colour)
        strbuf_adds(out, "\033[0m");
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "a=1,b=2 ", by name: Docker's --details. */
static void add_details(const json_t *attrs, struct strbuf *out)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings keys = { 0 };
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)attrs, key, value) *
            ARRAY_APPEND_ARENA(&arena, &keys) = arena_strdup(&arena, key);
    if (keys.len)
        qsort(keys.items, keys.len, sizeof(*keys.items), compare_texts);
    ARRAY_FOREACH(&keys, name) {
        const char *text = json_string_value(json_object_get(attrs, *name));

        if (name != keys.items)
            strbuf_addc(out, ',');
        format_add_url_query(out, *name);
        strbuf_addc(out, '=');
        format_add_url_query(out, text ? text : "");
    }
    strbuf_addc(out, ' ');
}

static void print_entry(struct log_view *view, const struct log_entry *entry)
{
    struct source_view *source = entry->userdata;
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LINE_MAX_BYTES);
    bool to_stderr = view->options.split_streams && entry->is_stderr;
    bool continues = source->within_line[entry->is_stderr] && view->open_line == source;

    /* Another one's unfinished line is ended first, so that no two share one. */
    if (view->open_line && !continues && !view->options.no_prefix) {
        strbuf_addc(&out, '\n');
        view->open_line = NULL;
    }
    if (!continues) {
        add_prefix(view, source, &out);
        if (view->options.timestamps)
            strbuf_addf(&out, "%s ", entry->time);
        if (view->options.details)
            add_details(entry->attrs, &out);
    }
    strbuf_add(&out, entry->text, entry->len);
    bool ends = entry->len > 0 && entry->text[entry->len - 1] == '\n';
    source->within_line[entry->is_stderr] = !ends;
    view->open_line = ends ? NULL : source;
    if (to_stderr) {
        fflush(stdout);
        fwrite(out.data, 1, out.len, stderr);
    } else {
        cli_print_text(view->cli, out.data, out.len);
    }
}

int log_view_drain(struct log_view *view, struct error **err)
{
    struct log_entry entry;
    int r = 0;

    /* An interrupt is not heard in a write that nobody takes; what is left is there for the next call. */
    while (!cli_output_is_lost(view->cli) && !atomic_load(&view->cli->interrupted) &&
            (r = log_reader_next(view->reader, &entry, err)) > 0)
        print_entry(view, &entry);
    fflush(stdout);
    return r > 0 ? 0 : r;
}

void log_view_note(struct log_view *view, const char *container_id, const char *text)
{
    const struct source_view *source = find_source(view, container_id);
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LINE_MAX_BYTES);

    if (!source)
        return;
    if (view->open_line)
        strbuf_addc(&out, '\n');
    view->open_line = NULL;
    if (view->cli->colour_out && !view->options.no_colour)
        strbuf_addf(&out, "%s%s\033[0m %s\n", source->colour, source->label, text);
    else
        strbuf_addf(&out, "%s %s\n", source->label, text);
    cli_print_text(view->cli, out.data, out.len);
    fflush(stdout);
}

void log_view_tell(struct log_view *view, const char *text)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LINE_MAX_BYTES);
    bool colour = view->cli->colour_out && !view->options.no_colour;

    if (view->open_line)
        strbuf_addc(&out, '\n');
    view->open_line = NULL;
    if (!view->options.no_prefix) {
        strbuf_adds(&out, colour ? "\033[92m" : "");
        for (unsigned i = 0; i < view->width; i++)
            strbuf_addc(&out, ' ');
        strbuf_addf(&out, "  \u29bf %s", colour ? "\033[0m" : "");
    }
    strbuf_addf(&out, "%s\n", text);
    cli_print_text(view->cli, out.data, out.len);
    fflush(stdout);
}

bool log_view_is_within_line(const struct log_view *view)
{
    return view->open_line;
}

int log_view_fd(const struct log_view *view)
{
    return log_reader_fd(view->reader);
}

int log_view_parse(const char *tail, const char *since, const char *until, struct log_options *ret,
        struct error **err)
{
    int64_t now = time_realtime_nsec();

    *ret = (struct log_options)LOG_OPTIONS_INIT;
    /* Docker takes what is no number, "all" first, as everything. */
    if (tail &&
            (parse_int64(str_from(tail), INT64_MIN, INT64_MAX, &ret->tail) < 0 || ret->tail < 0))
        ret->tail = -1;
    if (since && time_parse_since(since, now, &ret->since_nsec) < 0)
        return error_set_plain(
                err, EINVAL, NULL, "invalid value for \"since\": \"%s\" is no time", since);
    if (until && time_parse_since(until, now, &ret->until_nsec) < 0)
        return error_set_plain(
                err, EINVAL, NULL, "invalid value for \"until\": \"%s\" is no time", until);
    return 0;
}
