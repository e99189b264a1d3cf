/* Names taken away, images removed with their last one, and what nothing uses swept out. Docker's rules,
 * with one difference: an image that a stopped container was made from keeps its layers when it is
 * removed by force; it loses its names, and goes with the next prune after the container. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"
#include "engine/image/rows-internal.h"
#include "engine/image/store-internal.h"
#include "engine/state/prune-filter.h"

#define SHORT_ID 12

void image_removal_release(struct image_removal *removal)
{
    strings_release(&removal->untagged);
    strings_release(&removal->deleted);
}

struct image_use {
    char container[SHORT_ID + 1]; /* empty: none */
    bool running;
};

static int find_use(
        struct engine *engine, const char *image_id, struct image_use *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT id, status IN ('running', 'paused', 'restarting') AS alive FROM containers "
            "WHERE image_id = ? ORDER BY alive DESC LIMIT 1",
            "t", image_id);

    *ret = (struct image_use){ 0 };
    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r > 0) {
        const char *id = stmt_text(stmt, 0);

        memcpy(ret->container, id, strnlen(id, SHORT_ID));
        ret->running = stmt_int(stmt, 1) != 0;
    }
    return r < 0 ? r : 0;
}

static const char *short_id(const struct image *image)
{
    return digest_hex(image->id); /* printed with %.12s */
}

/* All names within one repository, and at most one tag. */
static bool has_single_reference(const struct image *image)
{
    const char *repository = NULL;
    size_t len = 0;

    if (image->tags.len > 1)
        return false;
    if (image->tags.len == 1) {
        repository = image->tags.items[0];
        len = (size_t)(strrchr(repository, ':') - repository);
    }
    ARRAY_FOREACH(&image->digests, digest) {
        size_t digest_len = strcspn(*digest, "@");

        if (!repository) {
            repository = *digest;
            len = digest_len;
        }
        if (digest_len != len || strncmp(*digest, repository, len) != 0)
            return false;
    }
    return true;
}

static int drop_tag(
        struct engine *engine, const char *name, struct image_removal *out, struct error **err)
{
    int r = db_exec(engine->db, err, "DELETE FROM image_tags WHERE name = ?", "t", name);

    if (r > 0)
        *ARRAY_APPEND(&out->untagged) = mem_strdup(image_ref_familiar(name));
    return r;
}

static int drop_digest(
        struct engine *engine, const char *name, struct image_removal *out, struct error **err)
{
    const char *at = strchr(name, '@');
    auto_free char *repository = mem_strndup(name, (size_t)(at - name));
    int r = db_exec(engine->db, err,
            "DELETE FROM image_digests WHERE repository = ? AND digest = ?", "tt", repository,
            at + 1);

    if (r > 0)
        *ARRAY_APPEND(&out->untagged) = mem_strdup(image_ref_familiar(name));
    return r;
}

static int drop_all_names(struct engine *engine, const struct image *image,
        struct image_removal *out, struct error **err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < image->tags.len; i++)
        r = drop_tag(engine, image->tags.items[i], out, err);
    for (size_t i = 0; r >= 0 && i < image->digests.len; i++)
        r = drop_digest(engine, image->digests.items[i], out, err);
    return r;
}

/* Digests of a repository whose last tag went are of no more use. */
static int drop_orphaned_digests(struct engine *engine, const struct image *image,
        const char *repository, struct image_removal *out, struct error **err)
{
    size_t len = strlen(repository);
    int r = 0;

    ARRAY_FOREACH(&image->tags, tag)
        if (strncmp(*tag, repository, len) == 0 && (*tag)[len] == ':')
            return 0;
    for (size_t i = 0; r >= 0 && i < image->digests.len; i++)
        if (strncmp(image->digests.items[i], repository, len) == 0 &&
                image->digests.items[i][len] == '@')
            r = drop_digest(engine, image->digests.items[i], out, err);
    return r;
}

static int reload(struct engine *engine, struct image **image, struct error **err)
{
    struct image *fresh = NULL;
    int r = rows_read_image(engine, (*image)->id, &fresh, err);

    if (r < 0)
        return r;
    image_free(*image);
    *image = fresh;
    return 0;
}

static int drop_name(struct engine *engine, const char *text, struct image **image,
        struct image_removal *out, struct error **err)
{
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    auto_free char *name = NULL, *repository = NULL;
    int r = image_ref_parse(text, &ref, err);

    if (r < 0)
        return r;
    repository = image_ref_repository(&ref);
    if (ref.digest) {
        name = mem_printf("%s@%s", repository, ref.digest);
        r = drop_digest(engine, name, out, err);
    } else {
        name = image_ref_tagged(&ref);
        r = drop_tag(engine, name, out, err);
    }
    if (r >= 0)
        r = reload(engine, image, err);
    if (r >= 0 && !ref.digest) {
        r = drop_orphaned_digests(engine, *image, repository, out, err);
        if (r >= 0)
            r = reload(engine, image, err);
    }
    return r;
}

static int delete_row(struct engine *engine, const struct image *image, struct strings *layers,
        struct image_removal *out, struct error **err)
{
    int r;

    ARRAY_FOREACH(&image->diff_ids, diff_id)
        *ARRAY_APPEND(layers) = mem_strdup(*diff_id);
    r = db_exec(engine->db, err, "DELETE FROM images WHERE id = ?", "t", image->id);
    if (r >= 0)
        *ARRAY_APPEND(&out->deleted) = mem_strdup(image->id);
    return r;
}

/* An untagged parent was kept for its child only. */
static int delete_parents(struct engine *engine, const char *parent_id, struct strings *layers,
        struct image_removal *out, struct error **err)
{
    auto_free char *id = mem_strdup(parent_id);

    while (id) {
        auto_(image_free_p) struct image *parent = NULL;
        auto_(stmt_done_p) struct stmt *stmt = NULL;
        int r = db_query(engine->db, &stmt, err,
                "SELECT 1 FROM images i WHERE i.id = ?1 AND "
                "NOT EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = i.id) AND "
                "NOT EXISTS (SELECT 1 FROM image_digests d WHERE d.image_id = i.id) AND "
                "NOT EXISTS (SELECT 1 FROM images c WHERE c.parent_id = i.id) AND "
                "NOT EXISTS (SELECT 1 FROM containers k WHERE k.image_id = i.id)",
                "t", id);

        if (r >= 0)
            r = stmt_step(stmt, err);
        if (r <= 0)
            return r;
        r = rows_read_image(engine, id, &parent, err);
        if (r >= 0)
            r = delete_row(engine, parent, layers, out, err);
        if (r < 0)
            return r;
        free(id);
        id = mem_strdup(parent->parent_id);
    }
    return 0;
}

static int refuse(struct error **err, const struct image *image, const char *how, const char *why,
        const char *container)
{
    return error_set_plain(err, EBUSY, NULL, "conflict: unable to delete %.12s (%s) - %s%s",
            short_id(image), how, why, container);
}

static int remove_by_name(struct engine *engine, const char *text, struct image **image,
        const struct image_use *use, const struct image_remove_options *options,
        struct image_removal *out, struct error **err)
{
    if (!options->force && *use->container && has_single_reference(*image))
        return error_set_plain(err, EBUSY, NULL,
                "conflict: unable to remove repository reference \"%s\" (must force) - container "
                "%s is using its referenced image %.12s",
                text, use->container, short_id(*image));
    return drop_name(engine, text, image, out, err);
}

static int remove_by_id(struct engine *engine, struct image **image, const struct image_use *use,
        const struct image_remove_options *options, struct image_removal *out, struct error **err)
{
    int r;

    if (use->running)
        return refuse(err, *image, "cannot be forced", "image is being used by running container ",
                use->container);
    if (!options->force && *use->container)
        return refuse(err, *image, "must be forced", "image is being used by stopped container ",
                use->container);
    if (!options->force && !has_single_reference(*image))
        return refuse(
                err, *image, "must be forced", "image is referenced in multiple repositories", "");
    r = drop_all_names(engine, *image, out, err);
    return r < 0 ? r : reload(engine, image, err);
}

static int remove_rows(struct engine *engine, const char *text,
        const struct image_remove_options *options, struct strings *layers,
        struct image_removal *out, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    auto_(image_free_p) struct image *image = NULL;
    auto_free char *id = NULL;
    struct image_use use;
    enum rows_found how;
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0)
        r = rows_find(engine, text, &how, &id, err);
    if (r == 0)
        r = error_set_plain(err, ENOENT, NULL, "No such image: %s", text);
    if (r >= 0)
        r = rows_read_image(engine, id, &image, err);
    if (r >= 0)
        r = find_use(engine, id, &use, err);
    if (r >= 0)
        r = how == ROWS_FOUND_NAME ? remove_by_name(engine, text, &image, &use, options, out, err)
                                   : remove_by_id(engine, &image, &use, options, out, err);
    if (r >= 0 && image->tags.len == 0 && image->digests.len == 0 && !*use.container) {
        r = delete_row(engine, image, layers, out, err);
        if (r >= 0 && image->parent_id && !options->no_prune)
            r = delete_parents(engine, image->parent_id, layers, out, err);
    }
    if (r < 0)
        return r;
    fault_point("image.remove.commit");
    return db_commit(&transaction, err);
}

static void move_texts(struct strings *to, struct strings *from)
{
    ARRAY_FOREACH(from, it)
        *ARRAY_APPEND(to) = TAKE(*it);
    ARRAY_RELEASE(from);
}

int image_remove(struct engine *engine, const char *ref, const struct image_remove_options *options,
        struct image_removal *ret, struct error **err)
{
    auto_(image_removal_release) struct image_removal out = { 0 };
    auto_(strings_release) struct strings layers = { 0 };
    int r = image_clean(engine, err);

    if (r >= 0)
        r = remove_rows(engine, ref, options, &layers, &out, err);
    if (r < 0)
        return r;
    /* The image is gone; files that cannot be removed now have no row and go next time. */
    if (layers.len > 0)
        r = store_remove_unused_layers(engine, &layers, &out.reclaimed_bytes, err);
    ARRAY_FOREACH(&out.untagged, name)
        engine_event(engine, "image", "untag", *name, "name", *name);
    ARRAY_FOREACH(&out.deleted, id)
        engine_event(engine, "image", "delete", *id, "name", *id);
    move_texts(&ret->untagged, &out.untagged);
    move_texts(&ret->deleted, &out.deleted);
    ret->reclaimed_bytes += out.reclaimed_bytes;
    return r;
}

static int find_prunable(struct engine *engine, bool all, struct strings *ids, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT id FROM images i WHERE "
            "NOT EXISTS (SELECT 1 FROM containers k WHERE k.image_id = i.id) AND (?1 OR "
            "(NOT EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = i.id) AND "
            "NOT EXISTS (SELECT 1 FROM image_digests d WHERE d.image_id = i.id))) ORDER BY id",
            "i", (int64_t)all);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND(ids) = mem_strdup(stmt_text(stmt, 0));
    return r;
}

/* 1 yes; 0 no, or gone meanwhile. */
static int is_taken(
        struct engine *engine, const char *id, const struct prune_filter *prune, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;

    if (!prune)
        return 1;
    int r = image_lookup(engine, id, &image, err);
    return r < 0 ? r
                 : image && prune_filter_takes(prune, image->created_nsec, prune_label_of_map,
                                    &image->config.labels);
}

int image_prune(struct engine *engine, bool all, const struct prune_filter *prune,
        struct image_removal *ret, struct error **err)
{
    static const struct image_remove_options options = { .force = true };
    auto_(strings_release) struct strings ids = { 0 };
    int r = find_prunable(engine, all, &ids, err);

    for (size_t i = 0; r >= 0 && i < ids.len; i++) {
        auto_error struct error *failure = NULL;

        r = is_taken(engine, ids.items[i], prune, err);
        if (r <= 0)
            continue;
        r = image_remove(engine, ids.items[i], &options, ret, &failure);
        /* A container may have been made from it, or it may have gone as a parent, since the list was read. */
        if (r == -EBUSY || r == -ENOENT)
            r = 0;
        else if (r < 0)
            error_move(err, TAKE(failure));
    }
    return r < 0 ? r : store_remove_unused_layers(engine, NULL, &ret->reclaimed_bytes, err);
}

int image_remove_layers(
        struct engine *engine, const struct strings *diff_ids, uint64_t *bytes, struct error **err)
{
    return store_remove_unused_layers(engine, diff_ids, bytes, err);
}
