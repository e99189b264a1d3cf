/* What a repository has at its registry. */
#include <errno.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strmap.h"
#include "engine/engine-internal.h"
#include "engine/image/http.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"
#include "engine/image/registries.h"
#include "engine/image/registry.h"

#define TAGS_MAX 100000

struct tags {
    struct arena *arena;
    struct strmap seen;
    struct {
        char **items;
        size_t len, cap;
    } list;
};

/* What is no tag would be part of a URL, and of a name. */
static int add_tag(struct tags *tags, const char *repository, const char *tag, struct error **err)
{
    auto_free char *name = mem_printf("%s:%s", repository, tag);
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;

    if (image_ref_parse(name, &ref, NULL) < 0 || ref.digest || !string_is_equal(ref.tag, tag))
        return error_set_plain(
                err, EPROTO, NULL, "the registry names a tag of %s that is none", repository);
    if (tags->list.len >= TAGS_MAX)
        return error_set_plain(err, E2BIG, NULL, "%s has more than %d tags", repository, TAGS_MAX);
    if (strmap_get(&tags->seen, tag))
        return 0;
    char *copy = arena_strdup(tags->arena, tag);
    strmap_set(&tags->seen, copy, copy);
    *ARRAY_APPEND_ARENA(tags->arena, &tags->list) = copy;
    return 1;
}

/* 1 when the page has brought something new, else 0. */
static int add_page(
        struct tags *tags, const char *repository, const char *text, size_t len, struct error **err)
{
    auto_json json_t *page = NULL;
    const json_t *list;
    const json_t *tag;
    size_t i;
    int r = jsonx_parse(text, len, "list of tags", &page, err), any = 0;

    if (r < 0)
        return r;
    list = json_object_get(page, "tags");
    if (!json_is_object(page) || (list && !json_is_null(list) && !json_is_array(list)))
        return error_set_plain(err, EPROTO, NULL, "the registry sends no list of tags");
    json_array_foreach(list, i, tag)
    {
        r = json_is_string(tag)
                    ? add_tag(tags, repository, json_string_value(tag), err)
                    : error_set_plain(err, EPROTO, NULL, "the registry sends no list of tags");
        if (r < 0)
            return r;
        any |= r;
    }
    return any;
}

/* Pages follow each other by their last tag; a registry that knows no pages repeats itself. */
static int list_at(struct engine *engine, const struct registry_options *options,
        const char *repository, struct tags *tags, struct error **err)
{
    auto_(registry_free_p) struct registry *registry = NULL;
    auto_(http_client_free_p) struct http_client *client = NULL;
    int r = registry_new(options, &registry, err);

    if (r >= 0)
        r = http_client_new(&client, err);
    do {
        const char *last = tags->list.len ? tags->list.items[tags->list.len - 1] : NULL;
        auto_free char *text = NULL;
        size_t len = 0;

        if (r >= 0)
            r = registry_get_tags(registry, client, last, engine->options.cancel, &text, &len, err);
        if (r >= 0)
            r = add_page(tags, repository, text, len, err);
    } while (r > 0);
    return r;
}

int image_list_remote_tags(struct engine *engine, struct arena *arena,
        const struct image_tags_query *query, char ***ret, struct error **err)
{
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    struct tags tags = { .arena = arena };
    struct registry_endpoints endpoints = { 0 };
    int r = image_ref_parse(query->repository, &ref, err);

    if (r >= 0)
        r = registries_resolve(arena, &engine->options, &ref, &endpoints, err);
    for (size_t i = 0; r >= 0 && i < endpoints.len; i++) {
        const struct registry_options options = {
            .engine = &engine->options,
            .domain = ref.domain,
            .path = ref.path,
            .endpoint = &endpoints.items[i],
            .access = query->access,
        };
        bool last = i + 1 == endpoints.len;

        strmap_init_arena(&tags.seen, arena);
        tags.list.len = 0;
        r = list_at(engine, &options, query->repository, &tags, last ? err : NULL);
        if (r >= 0)
            break;
        if (!last && r != -ECANCELED)
            r = 0;
    }
    if (r < 0)
        return r;
    *ARRAY_APPEND_ARENA(arena, &tags.list) = NULL;
    *ret = tags.list.items;
    return 0;
}
