#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"
#include "engine/image/rows-internal.h"
#include "engine/image/store-internal.h"

void image_list_release(struct image_list *list)
{
    ARRAY_FOREACH(list, it)
        image_free(*it);
    ARRAY_RELEASE(list);
}

static bool name_matches(const char *canonical, const char *pattern)
{
    const char *familiar = image_ref_familiar(canonical);
    const char *colon = strrchr(familiar, ':');
    auto_free char *repository = mem_strndup(
            familiar, colon ? (size_t)(colon - familiar) : strlen(familiar));

    return fnmatch(pattern, familiar, FNM_PATHNAME) == 0 ||
           fnmatch(pattern, repository, FNM_PATHNAME) == 0 ||
           fnmatch(pattern, canonical, FNM_PATHNAME) == 0;
}

static bool digest_matches(const char *digest, const char *pattern)
{
    const char *familiar = image_ref_familiar(digest);
    auto_free char *repository = mem_strndup(familiar, strcspn(familiar, "@"));

    return fnmatch(pattern, familiar, FNM_PATHNAME) == 0 ||
           fnmatch(pattern, repository, FNM_PATHNAME) == 0;
}

static void keep_matching(
        struct strings *names, const char *pattern, bool (*matches)(const char *, const char *))
{
    size_t kept = 0;

    for (size_t i = 0; i < names->len; i++)
        if (matches(names->items[i], pattern))
            names->items[kept++] = names->items[i];
    names->len = kept;
}

/* An image is listed by those of its names alone that were asked for. */
static bool matches_reference(struct image *image, const char *pattern)
{
    bool has_tags = image->tags.len > 0;

    if (!pattern)
        return true;
    keep_matching(&image->tags, pattern, name_matches);
    if (image->tags.len == 0 && has_tags && !strchr(pattern, '@'))
        return false;
    keep_matching(&image->digests, pattern, digest_matches);
    return image->tags.len > 0 || image->digests.len > 0;
}

static bool matches_labels(const struct image *image, const struct image_list_options *options)
{
    for (size_t i = 0; i < options->label_count; i++) {
        const char *wanted = options->labels[i], *equals = strchr(wanted, '=');
        size_t len = equals ? (size_t)(equals - wanted) : strlen(wanted);
        const char *value = strmap_get_len(&image->config.labels, wanted, len);

        if (!value || (equals && strcmp(value, equals + 1) != 0))
            return false;
    }
    return true;
}

static int read_ids(struct engine *engine, const struct image_list_options *options,
        struct strings *ids, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    /* Untagged images that others were built on are steps, not results. */
    int r = db_query(engine->db, &stmt, err,
            "SELECT id FROM images i WHERE ?1 OR "
            "EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = i.id) OR "
            "NOT EXISTS (SELECT 1 FROM images c WHERE c.parent_id = i.id) "
            "ORDER BY created_nsec DESC, id",
            "i", (int64_t)options->all);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND(ids) = mem_strdup(stmt_text(stmt, 0));
    return r;
}

static int read_bound(struct engine *engine, const char *ref, int64_t *created, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    int r = ref ? image_require(engine, ref, &image, err) : 0;

    if (image)
        *created = image->created_nsec;
    return r;
}

int image_list(struct engine *engine, const struct image_list_options *options,
        struct image_list *ret, struct error **err)
{
    auto_(strings_release) struct strings ids = { 0 };
    auto_(image_list_release) struct image_list list = { 0 };
    int64_t before = INT64_MAX, since = INT64_MIN;
    int r = read_bound(engine, options->before, &before, err);

    if (r >= 0)
        r = read_bound(engine, options->since, &since, err);
    if (r >= 0)
        r = read_ids(engine, options, &ids, err);
    if (r < 0)
        return r;
    ARRAY_FOREACH(&ids, id) {
        auto_(image_free_p) struct image *image = NULL;
        auto_error struct error *failure = NULL;

        r = rows_read_image(engine, *id, &image, &failure);
        if (r == -ENOENT) /* removed meanwhile */
            continue;
        if (r < 0)
            return error_move(err, TAKE(failure));
        if ((options->until_nsec && image->created_nsec >= options->until_nsec) ||
                image->created_nsec >= before || image->created_nsec <= since ||
                !matches_reference(image, options->reference) || !matches_labels(image, options) ||
                (options->dangling > 0 && image->tags.len > 0) ||
                (options->dangling < 0 && image->tags.len == 0))
            continue;
        *ARRAY_APPEND(&list) = TAKE(image);
    }
    *ret = list;
    list = (struct image_list){ 0 };
    return 0;
}
