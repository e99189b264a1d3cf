#include "cli/stats-view.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/table.h"
#include "engine/container/container.h"
#include "engine/container/stats.h"

#define SAMPLE_MSEC 1000
#define CLEAR_SCREEN "\033[2J\033[H"

static const struct list_column columns[] = {
    { "CONTAINER ID", "ID" },
    { "NAME", "Name" },
    { "CPU %", "CPUPerc" },
    { "MEM USAGE / LIMIT", "MemUsage" },
    { "MEM %", "MemPerc" },
    { "NET I/O", "NetIO" },
    { "BLOCK I/O", "BlockIO" },
    { "PIDS", "PIDs" },
    { "CONTAINER", "Container" },
    { NULL, NULL },
};
#define COLUMNS_SHOWN 8

/* The last reading of each container. */
struct reading {
    char id[CONTAINER_ID_HEX + 1];
    struct container_stats stats;
};
struct readings {
    struct reading *items;
    size_t len, cap;
};

static void readings_release(struct readings *readings)
{
    ARRAY_RELEASE(readings);
}

static const struct container_stats *find_reading(const struct readings *readings, const char *id)
{
    ARRAY_FOREACH(readings, it)
        if (strcmp(it->id, id) == 0)
            return &it->stats;
    return NULL;
}

static json_t *stats_row(struct arena *arena, const struct container *c, const char *shown,
        const struct container_stats *before, const struct container_stats *now, bool no_trunc)
{
    bool dashes = now->cpus == 0; /* it does not run */
    double cpu = before && !dashes ? container_stats_cpu_percent(before, now) : 0;
    double memory = now->memory_limit_bytes
                            ? (double)now->memory_bytes / (double)now->memory_limit_bytes * 100
                            : 0;
    json_t *row = json_object();
    const struct {
        const char *key, *value;
    } members[] = {
        { "BlockIO", arena_printf(arena, "%s / %s", format_size(arena, now->read_bytes),
                             format_size(arena, now->write_bytes)) },
        { "CPUPerc", arena_printf(arena, "%.2f%%", cpu) },
        { "Container", shown },
        { "ID", no_trunc ? c->id : format_short_id(arena, c->id) },
        { "MemPerc", arena_printf(arena, "%.2f%%", memory) },
        { "MemUsage", arena_printf(arena, "%s / %s", format_size_binary(arena, now->memory_bytes),
                              format_size_binary(arena, now->memory_limit_bytes)) },
        { "Name", c->name },
        { "NetIO", arena_printf(arena, "%s / %s", format_size(arena, now->received_bytes),
                           format_size(arena, now->sent_bytes)) },
        { "PIDs", arena_printf(arena, "%llu", (unsigned long long)now->pids) },
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        json_object_set_new(row, members[i].key, jsonx_text(members[i].value));
    return row;
}

static int find_containers(struct engine *engine, struct arena *arena,
        const struct stats_view *view, struct containers *ret, struct error **err)
{
    if (!view->names)
        return container_list(engine, arena, view->filter, ret, err);
    for (char **name = view->names; *name; name++) {
        struct container *c = NULL;
        int r = container_get(engine, arena, *name, &c, err);

        if (r < 0)
            return r;
        *ARRAY_APPEND_ARENA(arena, ret) = c;
    }
    return 0;
}

/* One look at all of them; the rows, and what the next look compares with. */
static int take_sample(struct engine *engine, struct arena *arena, const struct stats_view *view,
        struct readings *readings, json_t *rows, struct error **err)
{
    auto_(readings_release) struct readings next = { 0 };
    struct containers containers = { 0 };
    int r = find_containers(engine, arena, view, &containers, err);

    for (size_t i = 0; r >= 0 && i < containers.len; i++) {
        const struct container *c = containers.items[i];
        struct reading *reading = ARRAY_APPEND(&next);
        const char *shown = view->names ? view->names[i] : format_short_id(arena, c->id);

        snprintf(reading->id, sizeof(reading->id), "%s", c->id);
        r = container_stats_read(c, &reading->stats, err);
        json_array_append_new(rows, stats_row(arena, c, shown, find_reading(readings, c->id),
                                            &reading->stats, view->no_trunc));
    }
    if (r < 0)
        return r;
    ARRAY_RELEASE(readings);
    *readings = next;
    next = (struct readings){ 0 };
    return 0;
}

/* 1 a second has passed, 0 the user wants it to end. */
static int wait_for_next(const struct cli *cli)
{
    struct pollfd interrupt = { .fd = cli_interrupt_fd(), .events = POLLIN };

    (void)poll(&interrupt, 1, SAMPLE_MSEC);
    return !atomic_load(&cli->interrupted) && !cli_output_is_lost(cli);
}

int stats_view_run(
        struct cli *cli, struct engine *engine, const struct stats_view *view, struct error **err)
{
    auto_(readings_release) struct readings readings = { 0 };
    struct list_format format = {
        .format = view->format,
        .columns = columns,
        .default_columns = COLUMNS_SHOWN,
        .min_width = TABLE_MIN_WIDTH,
    };
    bool screen = cli->out_is_terminal && !view->once && !view->format;

    for (bool first = true;; first = false) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        auto_json json_t *rows = json_array();
        int r = take_sample(engine, &arena, view, &readings, rows, err);

        if (r >= 0 && !first) {
            if (screen)
                cli_print(cli, CLEAR_SCREEN);
            r = list_print(cli, &format, rows, err);
            fflush(stdout);
        }
        if (r < 0 || (view->once && !first) || !wait_for_next(cli))
            return r;
    }
}
