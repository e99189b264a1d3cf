/* Compares two normalised services field by field, so that a recreated container can say why. Both are
 * texts of plan_service_model; the old one comes out of the engine's state and may be an older berth's.
 *
 * Each model says which of its values nobody wrote (PLAN_MODEL_IMPLIED). What is implied on one side and
 * implied or unknown on the other is no difference, whatever the values: so a berth with new attributes
 * or other defaults leaves what runs alone. What somebody wrote, or no longer writes, counts. */
#include "compose/plan-internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "base/strbuf.h"
#include "compose/model-value.h"

/* ------------------------------------------------------------- comparing */

struct diff {
    struct plan *plan;
    const struct project *project;
    const struct service *service;
    struct plan_reasons *reasons;
    struct strmap old_implied, new_implied; /* paths */
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

static const char *whole(struct plan *plan, const struct str *raw)
{
    return raw ? arena_strndup(&plan->arena, raw->data, raw->len) : NULL;
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
    struct plan_reason *reason = ARRAY_APPEND_ARENA(&plan->arena, diff->reasons);
    *reason = (struct plan_reason){
        .path = arena_printf(&plan->arena, "services.%s.%s", name, path),
        .old_value = whole(plan, old_raw),
        .new_value = whole(plan, new_raw),
        .at = field_source(diff, path),
    };
    if (old_raw && new_raw)
        reason->text = arena_printf(&plan->arena, "%s changed: %s -> %s", reason->path,
                shown(plan, *old_raw), shown(plan, *new_raw));
    else if (new_raw)
        reason->text = arena_printf(
                &plan->arena, "%s added: %s", reason->path, shown(plan, *new_raw));
    else
        reason->text = arena_printf(
                &plan->arena, "%s removed (was %s)", reason->path, shown(plan, *old_raw));
}

static bool is_equal(const struct model_value *a, const struct model_value *b)
{
    return str_is_equal(a->raw, b->raw);
}

/* Implied itself, or part of what is. */
static bool is_implied(const struct diff *diff, const struct strmap *implied, const char *path)
{
    if (implied->len == 0)
        return false;
    for (size_t len = strlen(path); len > 0; len--) {
        if (path[len] && path[len] != '.' && path[len] != '[')
            continue;
        if (strmap_has(implied, arena_strndup(&diff->plan->arena, path, len)))
            return true;
    }
    return false;
}

static const char *member_path(struct diff *diff, const char *path, const char *key)
{
    return *path ? arena_printf(&diff->plan->arena, "%s.%s", path, key) : key;
}

/* A map around nothing but implied values is as good as implied. */
static bool is_all_implied(struct diff *diff, const struct strmap *implied, const char *path,
        const struct model_value *value)
{
    if (is_implied(diff, implied, path))
        return true;
    if (value->kind != MODEL_MAP || value->members.len == 0)
        return false;
    ARRAY_FOREACH(&value->members, m) {
        if (!is_all_implied(diff, implied, member_path(diff, path, m->key), m))
            return false;
    }
    return true;
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

static void compare_maps(struct diff *diff, const char *path, const struct model_value *old_map,
        const struct model_value *new_map)
{
    ARRAY_FOREACH(&old_map->members, old_member) {
        const struct model_value *new_member = model_value_member(new_map, old_member->key);
        const char *below = member_path(diff, path, old_member->key);

        if (new_member)
            compare(diff, below, old_member, new_member);
        else if (!is_all_implied(diff, &diff->old_implied, below, old_member))
            add_difference(diff, below, &old_member->raw, NULL);
    }
    ARRAY_FOREACH(&new_map->members, new_member) {
        const char *below = member_path(diff, path, new_member->key);

        if (!model_value_member(old_map, new_member->key) &&
                !is_all_implied(diff, &diff->new_implied, below, new_member))
            add_difference(diff, below, NULL, &new_member->raw);
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
    if (*path && is_implied(diff, &diff->old_implied, path) &&
            is_implied(diff, &diff->new_implied, path))
        return;
    if (old_value->kind == MODEL_MAP && new_value->kind == MODEL_MAP)
        compare_maps(diff, path, old_value, new_value);
    else if (old_value->kind == MODEL_LIST && new_value->kind == MODEL_LIST)
        compare_lists(diff, path, old_value, new_value);
    else
        add_difference(diff, path, &old_value->raw, &new_value->raw);
}

/* Takes what describes the model, and is none of the service's attributes, out of the map. */
static struct model_value take_member(struct model_value *map, const char *key)
{
    struct model_value taken = { 0 };

    for (size_t i = 0; i < map->members.len; i++) {
        if (!string_is_equal(map->members.items[i].key, key))
            continue;
        taken = map->members.items[i];
        map->members.len--;
        memmove(&map->members.items[i], &map->members.items[i + 1],
                (map->members.len - i) * sizeof(*map->members.items));
        break;
    }
    return taken;
}

static void read_implied(struct diff *diff, struct model_value *model, struct strmap *ret)
{
    struct model_value list = take_member(model, PLAN_MODEL_IMPLIED);

    strmap_init_arena(ret, &diff->plan->arena);
    ARRAY_FOREACH(&list.members, item) {
        const char *path = model_value_text(&diff->plan->arena, item);

        if (path)
            strmap_set(ret, path, NULL);
    }
}

/* Digests of contents: only a digest that was stored can have changed. That a config or secret was added or
 * taken away shows in the service's own attributes. */
static void compare_contents(struct diff *diff, const char *what, const char *stored_as,
        struct model_value *old_model, struct model_value *new_model)
{
    struct model_value old_digests = take_member(old_model, stored_as);
    struct model_value new_digests = take_member(new_model, stored_as);

    ARRAY_FOREACH(&new_digests.members, digest) {
        const struct model_value *before = model_value_member(&old_digests, digest->key);
        const struct file_object *object;

        if (!before || is_equal(before, digest) || diff->count++ >= PLAN_DIFFERENCES_MAX)
            continue;
        object = strcmp(what, "configs") == 0 ? project_find_config(diff->project, digest->key)
                                              : project_find_secret(diff->project, digest->key);
        plan_add_reason(diff->plan, diff->reasons, object ? &object->at : &diff->service->at,
                "the content of %s.%s changed", what, digest->key);
        diff->reasons->items[diff->reasons->len - 1].path = arena_printf(
                &diff->plan->arena, "%s.%s", what, digest->key);
    }
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
    int r = model_value_read(&plan->arena, new_model, &new_value);
    assert(r == 0); /* our own text */
    (void)r;
    if (model_value_read(&plan->arena, old_model, &old_value) < 0) {
        plan_add_reason(plan, reasons, &service->at,
                "the configuration that the container was made from cannot be read");
        return 1;
    }
    read_implied(&diff, &old_value, &diff.old_implied);
    read_implied(&diff, &new_value, &diff.new_implied);
    compare_contents(&diff, "configs", PLAN_MODEL_CONFIGS, &old_value, &new_value);
    compare_contents(&diff, "secrets", PLAN_MODEL_SECRETS, &old_value, &new_value);
    compare(&diff, "", &old_value, &new_value);
    if (diff.count > PLAN_DIFFERENCES_MAX)
        plan_add_reason(plan, reasons, &service->at, "and %zu more differences",
                diff.count - PLAN_DIFFERENCES_MAX);
    return diff.count;
}
