#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/image/image.h"
#include "engine/network/network.h"

/* ---- Filters ---- */

static bool is_given(char *const *values)
{
    return values && *values;
}

/* Alternatives: true when none is given or one fits. */
static bool any_fits(char *const *values, bool (*fits)(const struct container *, const char *),
        const struct container *c)
{
    if (!is_given(values))
        return true;
    for (; *values; values++)
        if (fits(c, *values))
            return true;
    return false;
}

static bool id_fits(const struct container *c, const char *value)
{
    return string_has_prefix(c->id, value);
}

static bool name_fits(const struct container *c, const char *value)
{
    bool from_start = value[0] == '^';
    size_t len = strlen(value);
    bool to_end = len > 0 && value[len - 1] == '$';
    auto_free char *text = mem_strndup(value + from_start, len - from_start - to_end);
    const char *part = text[0] == '/' ? text + 1 : text;

    if (from_start && to_end)
        return strcmp(c->name, part) == 0;
    if (from_start)
        return string_has_prefix(c->name, part);
    if (to_end)
        return string_has_suffix(c->name, part);
    return strstr(c->name, part) != NULL;
}

static bool status_fits(const struct container *c, const char *value)
{
    return strcmp(container_status_names[c->state.status], value) == 0;
}

static bool exited_fits(const struct container *c, const char *value)
{
    int64_t code;

    return c->state.status == CONTAINER_EXITED &&
           parse_int64(str_from(value), INT32_MIN, INT32_MAX, &code) == 0 &&
           code == c->state.exit_code;
}

static bool health_fits(const struct container *c, const char *value)
{
    return strcmp(c->state.health ? c->state.health : "none", value) == 0;
}

static bool network_fits(const struct container *c, const char *value)
{
    if (c->config.network_mode != CONTAINER_NETWORK_PRIVATE &&
            strcmp(container_network_mode_names[c->config.network_mode], value) == 0)
        return true;
    for (size_t i = 0; i < c->endpoints.len; i++)
        if (strcmp(c->endpoints.items[i].network, value) == 0 ||
                (strlen(value) >= CONTAINER_SHORT_ID &&
                        string_has_prefix(c->endpoints.items[i].network_id, value)))
            return true;
    return false;
}

static bool volume_fits(const struct container *c, const char *value)
{
    for (size_t i = 0; i < c->config.mounts.len; i++) {
        const struct container_mount *m = &c->config.mounts.items[i];

        if (strcmp(m->target, value) == 0 || (m->source && strcmp(m->source, value) == 0))
            return true;
    }
    return false;
}

/* "80", "80/udp", "80-90/tcp" */
static bool port_fits(uint16_t port, const char *protocol, const char *value)
{
    struct str rest = str_from(value), range;
    uint16_t first, last;

    str_split_next(&rest, '/', &range);
    return parse_port_range(range, false, &first, &last) == 0 && port >= first && port <= last &&
           (rest.len == 0 ? strcmp(protocol, "tcp") == 0 : str_is_equal_z(rest, protocol));
}

static bool publish_fits(const struct container *c, const char *value)
{
    for (size_t i = 0; i < c->bindings.len; i++)
        if (port_fits(c->bindings.items[i].host_port, c->bindings.items[i].protocol, value))
            return true;
    return false;
}

static bool expose_fits(const struct container *c, const char *value)
{
    for (size_t i = 0; i < c->bindings.len; i++)
        if (port_fits(c->bindings.items[i].container_port, c->bindings.items[i].protocol, value))
            return true;
    for (char **port = c->config.exposed_ports; port && *port; port++) {
        struct str rest = str_from(*port), number;
        uint32_t value_number;

        str_split_next(&rest, '/', &number);
        if (parse_uint32(number, UINT16_MAX, &value_number) == 0 &&
                port_fits((uint16_t)value_number, rest.len ? rest.data : "tcp", value))
            return true;
    }
    return false;
}

static bool pod_fits(const struct container *c, const char *value)
{
    return c->pod_id && (strcmp(c->pod_name, value) == 0 || string_has_prefix(c->pod_id, value));
}

/* What names in a filter stand for, looked up once. */
struct resolved {
    struct strings ancestors;
    const struct container *before, *since;
};

static int resolve(struct engine *engine, struct arena *arena,
        const struct container_filter *filter, struct resolved *ret, struct error **err)
{
    struct container *c = NULL;
    int r = 0;

    *ret = (struct resolved){ 0 };
    for (char **name = filter->ancestors; r >= 0 && name && *name; name++) {
        auto_free char *id = NULL;

        r = image_lookup_id(engine, *name, &id, err);
        if (r >= 0 && id)
            *ARRAY_APPEND_ARENA(arena, &ret->ancestors) = arena_strdup(arena, id);
    }
    if (r >= 0 && filter->before) {
        r = container_get(engine, arena, filter->before, &c, err);
        ret->before = c;
    }
    if (r >= 0 && filter->since) {
        r = container_get(engine, arena, filter->since, &c, err);
        ret->since = c;
    }
    return r < 0 ? r : 0;
}

static bool ancestor_fits(const struct container_filter *filter, const struct resolved *resolved,
        const struct container *c)
{
    if (!is_given(filter->ancestors))
        return true;
    for (size_t i = 0; i < resolved->ancestors.len; i++)
        if (strcmp(resolved->ancestors.items[i], c->image_id) == 0)
            return true;
    for (char **name = filter->ancestors; *name; name++)
        if (strcmp(*name, c->image_name) == 0)
            return true;
    return false;
}

static bool fits(const struct container_filter *f, const struct resolved *resolved,
        const struct container *c)
{
    bool wants_stopped = f->all || f->last > 0 || is_given(f->statuses) || is_given(f->exited);

    if (f->none || (!wants_stopped && !container_is_running(c)))
        return false;
    if (f->oneoff != CONTAINER_ONEOFF_INCLUDE &&
            (f->oneoff == CONTAINER_ONEOFF_ONLY) != c->config.oneoff)
        return false;
    for (char **label = f->labels; label && *label; label++)
        if (!container_pairs_match(&c->config.labels, *label))
            return false;
    return any_fits(f->ids, id_fits, c) && any_fits(f->names, name_fits, c) &&
           any_fits(f->statuses, status_fits, c) && any_fits(f->exited, exited_fits, c) &&
           any_fits(f->health, health_fits, c) && any_fits(f->networks, network_fits, c) &&
           any_fits(f->volumes, volume_fits, c) && any_fits(f->publish, publish_fits, c) &&
           any_fits(f->expose, expose_fits, c) && any_fits(f->pods, pod_fits, c) &&
           ancestor_fits(f, resolved, c) &&
           (!resolved->before || c->created_nsec < resolved->before->created_nsec) &&
           (!resolved->since || c->created_nsec > resolved->since->created_nsec);
}

static int list_ids(struct engine *engine, struct arena *arena, const struct container_filter *f,
        struct strings *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = f->project ? db_query(engine->db, &stmt, err,
                                 "SELECT id FROM containers WHERE project = ?1"
                                 " AND (?2 IS NULL OR service = ?2) ORDER BY created_nsec DESC, id",
                                 "tt", f->project, f->service)
                       : db_query(engine->db, &stmt, err,
                                 "SELECT id FROM containers WHERE ?1 IS NULL OR service = ?1"
                                 " ORDER BY created_nsec DESC, id",
                                 "t", f->service);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, ret) = arena_strdup(arena, stmt_text(stmt, 0));
    return r;
}

int container_list(struct engine *engine, struct arena *arena,
        const struct container_filter *filter, struct containers *ret, struct error **err)
{
    static const struct container_filter none = { 0 };
    const struct container_filter *f = filter ? filter : &none;
    struct containers containers = { 0 };
    struct strings ids = { 0 };
    struct resolved resolved;
    int r = resolve(engine, arena, f, &resolved, err);

    if (r >= 0)
        r = list_ids(engine, arena, f, &ids, err);
    for (size_t i = 0; r >= 0 && i < ids.len; i++) {
        struct arena_mark mark = arena_mark(arena);
        struct container *c = NULL;

        if (f->last > 0 && containers.len >= f->last)
            break;
        r = container_load(engine, arena, ids.items[i], &c, err);
        if (r < 0)
            break;
        if (!c || !fits(f, &resolved, c))
            arena_rewind(arena, mark);
        else
            *ARRAY_APPEND_ARENA(arena, &containers) = c;
    }
    if (r < 0)
        return r;
    *ret = containers;
    return 0;
}

/* ---- The status column ---- */

char *container_status_text(
        struct arena *arena, const struct container *container, int64_t now_nsec)
{
    const struct container_state *s = &container->state;
    int64_t since = s->status == CONTAINER_EXITED || s->status == CONTAINER_RESTARTING
                            ? s->finished_nsec
                            : s->started_nsec;
    char age[TIME_HUMAN_MAX];
    const char *health = "";

    time_format_human(now_nsec > since ? (now_nsec - since) / NSEC_PER_USEC : 0, age);
    switch (s->status) {
    case CONTAINER_RUNNING:
        if (s->health)
            health = strcmp(s->health, "starting") == 0 ? " (health: starting)"
                                                        : arena_printf(arena, " (%s)", s->health);
        return arena_printf(arena, "Up %s%s", age, health);
    case CONTAINER_PAUSED:
        return arena_printf(arena, "Up %s (Paused)", age);
    case CONTAINER_RESTARTING:
        return arena_printf(arena, "Restarting (%d) %s ago", s->exit_code, age);
    case CONTAINER_REMOVING:
        return arena_strdup(arena, "Removal In Progress");
    case CONTAINER_DEAD:
        return arena_strdup(arena, "Dead");
    case CONTAINER_EXITED:
        return arena_printf(arena, "Exited (%d) %s ago", s->exit_code, age);
    default:
        return arena_strdup(arena, "Created");
    }
}
