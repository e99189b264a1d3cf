/* --filter of ps, and of what chooses containers as ps shows them. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/container-choice.h"
#include "cli/specs.h"
#include "engine/container/container.h"

static void append(struct arena *arena, struct strings *list, const char *value)
{
    *ARRAY_APPEND_ARENA(arena, list) = arena_strdup(arena, value);
}

/* "a, b or c". */
static const char *join_names(struct arena *arena, const char *const *names, size_t count)
{
    const char *text = names[0];

    for (size_t i = 1; i < count; i++)
        text = arena_printf(arena, "%s%s%s", text, i + 1 < count ? ", " : " or ", names[i]);
    return text;
}

/* "key=value" words into the engine's filter. */
int container_read_filters(struct arena *arena, const struct strings *words,
        struct container_filter *filter, struct error **err)
{
    struct strings ids = { 0 }, names = { 0 }, labels = { 0 }, statuses = { 0 }, exited = { 0 },
                   ancestors = { 0 }, networks = { 0 }, volumes = { 0 }, health = { 0 },
                   publish = { 0 }, expose = { 0 }, pods = { 0 };
    static const char *const health_names[] = { "none", "starting", "healthy", "unhealthy" };
    int64_t number;
    const struct {
        const char *key;
        struct strings *list;
        char ***target;
    } keys[] = {
        { "id", &ids, &filter->ids },
        { "name", &names, &filter->names },
        { "label", &labels, &filter->labels },
        { "status", &statuses, &filter->statuses },
        { "exited", &exited, &filter->exited },
        { "ancestor", &ancestors, &filter->ancestors },
        { "network", &networks, &filter->networks },
        { "volume", &volumes, &filter->volumes },
        { "health", &health, &filter->health },
        { "publish", &publish, &filter->publish },
        { "expose", &expose, &filter->expose },
        { "pod", &pods, &filter->pods },
    };

    for (size_t i = 0; i < words->len; i++) {
        const char *word = words->items[i], *eq = strchr(word, '=');
        bool found = false;

        if (!eq)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter \"%s\": the form is KEY=VALUE", word);
        struct str key = { word, (size_t)(eq - word) };
        for (size_t k = 0; k < ARRAY_LEN(keys) && !found; k++) {
            if (str_is_equal_z(key, keys[k].key)) {
                append(arena, keys[k].list, eq + 1);
                found = true;
            }
        }
        bool is_task = false;
        if (str_is_equal_z(key, "is-task") && parse_bool(str_from(eq + 1), &is_task) == 0) {
            filter->none = filter->none || is_task; /* of Swarm's, which none is */
            continue;
        }
        if (str_is_equal_z(key, "isolation") && strcmp(eq + 1, "default") == 0)
            continue;
        if (!found && str_is_equal_z(key, "before"))
            filter->before = eq + 1;
        else if (!found && str_is_equal_z(key, "since"))
            filter->since = eq + 1;
        else if (!found)
            return error_set_plain(err, EINVAL, NULL, "invalid filter \"%.*s\"", STR_FMT(key));
    }
    for (size_t i = 0; i < statuses.len; i++)
        if (parse_name(str_from(statuses.items[i]), container_status_names, CONTAINER_STATUS_MAX_) <
                0)
            return error_set_plain(err, EINVAL, NULL, "invalid filter \"status=%s\": expected %s",
                    statuses.items[i],
                    join_names(arena, container_status_names, CONTAINER_STATUS_MAX_));
    for (size_t i = 0; i < health.len; i++)
        if (parse_name(str_from(health.items[i]), health_names, ARRAY_LEN(health_names)) < 0)
            return error_set_plain(err, EINVAL, NULL, "invalid filter \"health=%s\": expected %s",
                    health.items[i], join_names(arena, health_names, ARRAY_LEN(health_names)));
    for (size_t i = 0; i < exited.len; i++)
        if (parse_int64(str_from(exited.items[i]), INT32_MIN, INT32_MAX, &number) < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "invalid filter \"exited=%s\": expected an exit status", exited.items[i]);
    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        *keys[k].target = spec_vector(arena, keys[k].list);
    if (statuses.len || exited.len)
        filter->all = true;
    return 0;
}
