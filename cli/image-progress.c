#include "cli/image-progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "engine/progress.h"

#define BAR_WIDTH 30
#define REDRAW_USEC (50 * USEC_PER_MSEC)

struct item {
    char *id;
    char text[80];
    uint64_t current, total;
    bool done;
};

struct image_progress {
    struct cli *cli;
    struct progress callback;
    bool quiet, live;
    struct {
        struct item *items;
        size_t len, cap;
    } items;
    unsigned drawn; /* lines on the screen that are redrawn */
    int64_t drawn_usec;
};

static struct item *find_item(struct image_progress *display, const char *id)
{
    ARRAY_FOREACH(&display->items, item)
        if (strcmp(item->id, id) == 0)
            return item;
    struct item *item = ARRAY_APPEND(&display->items);
    item->id = mem_strdup(id);
    return item;
}

static void draw_item(
        struct strbuf *out, struct arena *arena, const struct item *item, unsigned width)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(4096);

    strbuf_addf(&line, "%s: %s", item->id, item->text);
    if (!item->done && item->total > 0) {
        unsigned filled = (unsigned)(item->current * BAR_WIDTH / item->total);

        strbuf_adds(&line, " [");
        for (unsigned i = 0; i < BAR_WIDTH; i++)
            strbuf_addc(&line, i < filled ? '=' : i == filled ? '>' : ' ');
        strbuf_addf(&line, "] %s/%s", format_size(arena, item->current),
                format_size(arena, item->total));
    } else if (!item->done && item->current > 0) {
        strbuf_addf(&line, " %s", format_size(arena, item->current));
    }
    strbuf_addf(out, "\033[2K%.*s\n", (int)(line.len < width ? line.len : width - 1), line.data);
}

static void redraw(struct image_progress *display, bool force)
{
    int64_t now = time_monotonic_usec();
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(1u << 20);
    auto_(arena_release) struct arena arena = ARENA_INIT;

    if (!force && now - display->drawn_usec < REDRAW_USEC)
        return;
    display->drawn_usec = now;
    if (display->drawn)
        strbuf_addf(&out, "\033[%uA", display->drawn);
    ARRAY_FOREACH(&display->items, item)
        draw_item(&out, &arena, item, display->cli->width);
    display->drawn = (unsigned)display->items.len;
    fwrite(out.data, 1, out.len, stderr);
    fflush(stderr);
}

static void on_event(void *userdata, const struct progress_event *event)
{
    struct image_progress *display = userdata;
    auto_(arena_release) struct arena arena = ARENA_INIT;

    if (display->quiet)
        return;
    if (event->kind == PROGRESS_OUTPUT) { /* a program's own, as it is */
        fwrite(event->text, 1, event->text_len, stderr);
        return;
    }
    const char *text = format_clean_line(&arena, event->text ? event->text : "");
    const char *id = event->id ? format_clean_line(&arena, event->id) : NULL;
    if (!id) {
        if (*text)
            fprintf(stderr, "%s\n", text);
        display->drawn = 0;
        return;
    }
    if (event->kind == PROGRESS_TEXT) {
        fprintf(stderr, "%s: %s\n", id, text);
        display->drawn = 0;
        return;
    }
    struct item *item = find_item(display, id);
    bool changed = strncmp(item->text, text, sizeof(item->text) - 1) != 0;

    snprintf(item->text, sizeof(item->text), "%s", text);
    item->current = event->current_bytes;
    item->total = event->total_bytes;
    item->done = event->kind == PROGRESS_DONE || event->kind == PROGRESS_FAILED;
    if (display->live)
        redraw(display, changed || item->done);
    else if (changed && *text)
        fprintf(stderr, "%s: %s\n", item->id, item->text);
}

struct image_progress *image_progress_new(struct cli *cli, bool quiet)
{
    struct image_progress *display = NEW(struct image_progress);

    display->cli = cli;
    display->quiet = quiet;
    display->live = cli->err_is_terminal;
    display->callback = (struct progress){ on_event, display };
    return display;
}

const struct progress *image_progress_callback(struct image_progress *display)
{
    return &display->callback;
}

void image_progress_free(struct image_progress *display)
{
    if (!display)
        return;
    if (display->live && display->items.len && !display->quiet)
        redraw(display, true);
    ARRAY_FOREACH(&display->items, item)
        free(item->id);
    ARRAY_RELEASE(&display->items);
    free(display);
}

static int pull(struct cli *cli, struct engine *engine, const struct image_wish *wish,
        enum image_pull_policy policy, struct error **err)
{
    if (policy != IMAGE_PULL_ALWAYS) {
        auto_(image_free_p) struct image *image = NULL;
        int r = image_lookup(engine, wish->ref, &image, err);

        if (r < 0 || (image && !wish->platform))
            return r;
        if (!image && policy == IMAGE_PULL_MISSING && !wish->quiet)
            fprintf(stderr, "Unable to find image '%s' locally\n", wish->ref);
    }
    struct image_progress *display = image_progress_new(cli, wish->quiet);
    struct image_pull_options options = {
        .platform = wish->platform,
        .policy = policy,
        .access = wish->access,
        .progress = image_progress_callback(display),
    };
    int r = image_pull(engine, wish->ref, &options, NULL, err);

    image_progress_free(display);
    return r;
}

int image_progress_pull(
        struct cli *cli, struct engine *engine, const struct image_wish *wish, struct error **err)
{
    const char *word = wish->policy ? wish->policy : image_pull_policy_names[IMAGE_PULL_ALWAYS];
    int policy = parse_name(str_from(word), image_pull_policy_names, IMAGE_PULL_POLICY_MAX_);

    if (strcmp(word, "newer") == 0) {
        auto_error struct error *failure = NULL;
        int r = pull(cli, engine, wish, IMAGE_PULL_ALWAYS, &failure);

        if (r >= 0 || (!atomic_load(&cli->interrupted) &&
                              pull(cli, engine, wish, IMAGE_PULL_NEVER, NULL) >= 0))
            return 0;
        return error_move(err, TAKE(failure));
    }
    if (policy < 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid pull policy \"%s\": expected always, missing, never or newer", word);
    return pull(cli, engine, wish, (enum image_pull_policy)policy, err);
}

int image_progress_push(
        struct cli *cli, struct engine *engine, const struct image_wish *wish, struct error **err)
{
    struct image_progress *display = image_progress_new(cli, wish->quiet);
    struct image_push_options how = { .progress = image_progress_callback(display),
        .access = wish->access };
    int r = image_push(engine, wish->ref, &how, NULL, err);

    image_progress_free(display);
    return r;
}

bool image_names_tag_or_digest(const char *name)
{
    return strchr(name, '@') || strchr(path_last(name), ':');
}
