/* Compares two normalised services field by field, so that a recreated container can say why. Both are
 * the canonical JSON of service_model_json (keys sorted, no blanks); the old one comes out of the
 * engine's state and is read with as little trust as any file. */
#include "compose/plan-internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"

enum model_kind { MODEL_SCALAR, MODEL_TEXT, MODEL_LIST, MODEL_MAP };

/* A value, as the slice of text that it was read from and, for lists and maps, its members. Canonical text
 * makes equality of values equality of slices. */
struct model_value {
    enum model_kind kind;
    struct str raw;
    const char *key; /* in a map, decoded */
    struct {
        struct model_value *items;
        size_t len, cap;
    } members;
};

struct reader {
    struct arena *arena;
    const char *at, *end;
    unsigned depth;
};

static int read_value(struct reader *reader, struct model_value *value);

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at))
        reader->at++;
}

static bool take(struct reader *reader, char c)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* Moves behind a text's closing quote; the slice keeps its escapes. */
static int read_text(struct reader *reader)
{
    if (!take(reader, '"'))
        return -EINVAL;
    while (reader->at < reader->end && *reader->at != '"') {
        if (*reader->at == '\\')
            reader->at++;
        if (reader->at < reader->end)
            reader->at++;
    }
    return take(reader, '"') ? 0 : -EINVAL;
}

/* A map's key without quotes and without the escapes that occur in keys (\" and \\); others stay as
 * they are written, which is fine for showing and comparing. */
static const char *decode_key(struct arena *arena, struct str raw)
{
    char *key = arena_alloc(arena, raw.len + 1);
    size_t len = 0;

    for (size_t i = 1; i + 1 < raw.len; i++) {
        if (raw.data[i] == '\\' && (raw.data[i + 1] == '"' || raw.data[i + 1] == '\\'))
            i++;
        key[len++] = raw.data[i];
    }
    return key;
}

static int read_members(struct reader *reader, struct model_value *value, char close)
{
    if (++reader->depth > LIMIT_JSON_DEPTH)
        return -EINVAL;
    if (!take(reader, close)) {
        do {
            const char *key = NULL;

            if (close == '}') {
                skip_blanks(reader);
                const char *start = reader->at;
                if (read_text(reader) < 0)
                    return -EINVAL;
                key = decode_key(
                        reader->arena, (struct str){ start, (size_t)(reader->at - start) });
                if (!take(reader, ':'))
                    return -EINVAL;
            }
            struct model_value member = { .key = key };
            if (read_value(reader, &member) < 0)
                return -EINVAL;
            *ARRAY_APPEND_ARENA(reader->arena, &value->members) = member;
        } while (take(reader, ','));
        if (!take(reader, close))
            return -EINVAL;
    }
    reader->depth--;
    return 0;
}

static int read_scalar(struct reader *reader)
{
    const char *start = reader->at;

    while (reader->at < reader->end && !strchr(",]} \t\r\n", *reader->at))
        reader->at++;
    return reader->at > start ? 0 : -EINVAL;
}

static int read_value(struct reader *reader, struct model_value *value)
{
    int r;

    skip_blanks(reader);
    const char *start = reader->at;
    if (start == reader->end)
        return -EINVAL;
    if (take(reader, '{')) {
        value->kind = MODEL_MAP;
        r = read_members(reader, value, '}');
    } else if (take(reader, '[')) {
        value->kind = MODEL_LIST;
        r = read_members(reader, value, ']');
    } else if (*start == '"') {
        value->kind = MODEL_TEXT;
        r = read_text(reader);
    } else {
        value->kind = MODEL_SCALAR;
        r = read_scalar(reader);
    }
    value->raw = (struct str){ start, (size_t)(reader->at - start) };
    return r;
}

static int read_model(struct arena *arena, const char *text, struct model_value *value)
{
    struct reader reader = { .arena = arena, .at = text, .end = text + strlen(text) };

    if (reader.end - reader.at > (ptrdiff_t)LIMIT_JSON_BYTES)
        return -EINVAL;
    if (read_value(&reader, value) < 0 || value->kind != MODEL_MAP)
        return -EINVAL;
    skip_blanks(&reader);
    return reader.at == reader.end ? 0 : -EINVAL;
}

/* ------------------------------------------------------------- comparing */

struct diff {
    struct plan *plan;
    const struct project *project;
    const struct service *service;
    struct plan_reasons *reasons;
    size_t count;
};

/* A value for people: long ones are cut between characters. */
static const char *shown(struct plan *plan, struct str raw)
{
    size_t len = raw.len;

    if (len <= PLAN_VALUE_MAX_BYTES)
        return arena_strndup(&plan->arena, raw.data, len);
    len = PLAN_VALUE_MAX_BYTES;
    while (len > 0 && ((unsigned char)raw.data[len] & 0xC0) == 0x80)
        len--;
    return arena_printf(&plan->arena, "%.*s…", (int)len, raw.data);
}

static struct source field_source(const struct diff *diff, const char *path)
{
    struct source at = diff->service->at;

    if (diff->service->model)
        service_field_source(diff->service, path, &at);
    return at;
}

static void add_difference(
        struct diff *diff, const char *path, const struct str *old_raw, const struct str *new_raw)
{
    struct plan *plan = diff->plan;
    const char *name = diff->service->name;

    if (diff->count++ >= PLAN_DIFFERENCES_MAX)
        return;
    if (string_has_prefix(path, PLAN_MODEL_CONFIGS ".")) {
        const char *key = path + strlen(PLAN_MODEL_CONFIGS ".");
        const struct file_object *config = project_find_config(diff->project, key);

        plan_add_reason(plan, diff->reasons, config ? &config->at : &diff->service->at,
                "the content of configs.%s changed", key);
        return;
    }
    struct plan_reason *reason = ARRAY_APPEND_ARENA(&plan->arena, diff->reasons);
    *reason = (struct plan_reason){
        .path = arena_printf(&plan->arena, "services.%s.%s", name, path),
        .old_value = old_raw ? shown(plan, *old_raw) : NULL,
        .new_value = new_raw ? shown(plan, *new_raw) : NULL,
        .at = field_source(diff, path),
    };
    if (old_raw && new_raw)
        reason->text = arena_printf(&plan->arena, "%s changed: %s -> %s", reason->path,
                reason->old_value, reason->new_value);
    else if (new_raw)
        reason->text = arena_printf(&plan->arena, "%s added: %s", reason->path, reason->new_value);
    else
        reason->text = arena_printf(
                &plan->arena, "%s removed (was %s)", reason->path, reason->old_value);
}

static bool is_equal(const struct model_value *a, const struct model_value *b)
{
    return str_is_equal(a->raw, b->raw);
}

static const struct model_value *find_member(const struct model_value *map, const char *key)
{
    ARRAY_FOREACH(&map->members, m) {
        if (string_is_equal(m->key, key))
            return m;
    }
    return NULL;
}

static bool has_element(const struct model_value *list, const struct model_value *element)
{
    ARRAY_FOREACH(&list->members, m) {
        if (is_equal(m, element))
            return true;
    }
    return false;
}

static bool holds_only_scalars(const struct model_value *list)
{
    ARRAY_FOREACH(&list->members, m) {
        if (m->kind == MODEL_LIST || m->kind == MODEL_MAP)
            return false;
    }
    return true;
}

static void compare(struct diff *diff, const char *path, const struct model_value *old_value,
        const struct model_value *new_value);

static const char *member_path(struct diff *diff, const char *path, const char *key)
{
    return *path ? arena_printf(&diff->plan->arena, "%s.%s", path, key) : key;
}

static void compare_maps(struct diff *diff, const char *path, const struct model_value *old_map,
        const struct model_value *new_map)
{
    ARRAY_FOREACH(&old_map->members, old_member) {
        const struct model_value *new_member = find_member(new_map, old_member->key);
        const char *below = member_path(diff, path, old_member->key);

        if (new_member)
            compare(diff, below, old_member, new_member);
        else
            add_difference(diff, below, &old_member->raw, NULL);
    }
    ARRAY_FOREACH(&new_map->members, new_member) {
        if (!find_member(old_map, new_member->key))
            add_difference(diff, member_path(diff, path, new_member->key), NULL, &new_member->raw);
    }
}

/* Command lines and other lists of texts are best seen whole. Lists of maps (ports, volumes) are
 * compared element by element when their length is the same, else by what came and what went. */
static void compare_lists(struct diff *diff, const char *path, const struct model_value *old_list,
        const struct model_value *new_list)
{
    if (holds_only_scalars(old_list) && holds_only_scalars(new_list)) {
        add_difference(diff, path, &old_list->raw, &new_list->raw);
        return;
    }
    if (old_list->members.len == new_list->members.len) {
        for (size_t i = 0; i < old_list->members.len; i++)
            compare(diff, arena_printf(&diff->plan->arena, "%s[%zu]", path, i),
                    &old_list->members.items[i], &new_list->members.items[i]);
        return;
    }
    size_t before = diff->count;
    ARRAY_FOREACH(&old_list->members, element) {
        if (!has_element(new_list, element))
            add_difference(diff, path, &element->raw, NULL);
    }
    for (size_t i = 0; i < new_list->members.len; i++)
        if (!has_element(old_list, &new_list->members.items[i]))
            add_difference(diff, arena_printf(&diff->plan->arena, "%s[%zu]", path, i), NULL,
                    &new_list->members.items[i].raw);
    if (diff->count == before) /* only the number of equal elements differs */
        add_difference(diff, path, &old_list->raw, &new_list->raw);
}

static void compare(struct diff *diff, const char *path, const struct model_value *old_value,
        const struct model_value *new_value)
{
    if (is_equal(old_value, new_value))
        return;
    if (old_value->kind == MODEL_MAP && new_value->kind == MODEL_MAP)
        compare_maps(diff, path, old_value, new_value);
    else if (old_value->kind == MODEL_LIST && new_value->kind == MODEL_LIST)
        compare_lists(diff, path, old_value, new_value);
    else
        add_difference(diff, path, &old_value->raw, &new_value->raw);
}

size_t model_diff(struct plan *plan, const struct project *project, const struct service *service,
        const char *old_model, const char *new_model, struct plan_reasons *reasons)
{
    struct diff diff = {
        .plan = plan,
        .project = project,
        .service = service,
        .reasons = reasons,
    };
    struct model_value old_value = { 0 }, new_value = { 0 };

    if (string_is_equal(old_model, new_model))
        return 0;
    int r = read_model(&plan->arena, new_model, &new_value);
    assert(r == 0); /* our own text */
    (void)r;
    if (read_model(&plan->arena, old_model, &old_value) < 0) {
        plan_add_reason(plan, reasons, &service->at,
                "the configuration that the container was made from cannot be read");
        return 1;
    }
    compare(&diff, "", &old_value, &new_value);
    if (diff.count > PLAN_DIFFERENCES_MAX)
        plan_add_reason(plan, reasons, &service->at, "and %zu more differences",
                diff.count - PLAN_DIFFERENCES_MAX);
    return diff.count;
}
