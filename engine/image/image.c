#include "engine/image/image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/image/config-internal.h"
#include "engine/image/ref.h"
#include "engine/image/rows-internal.h"
#include "engine/image/store-internal.h"

const char *const image_pull_policy_names[] = {
    [IMAGE_PULL_ALWAYS] = "always",
    [IMAGE_PULL_MISSING] = "missing",
    [IMAGE_PULL_NEVER] = "never",
};
_Static_assert(ARRAY_LEN(image_pull_policy_names) == IMAGE_PULL_POLICY_MAX_, "name every policy");

struct image *image_new_empty(void)
{
    struct arena arena = ARENA_INIT;
    struct image *image = ARENA_NEW(&arena, struct image);

    image->id = "";
    image->arena = arena;
    return image;
}

void image_free(struct image *image)
{
    struct arena arena;

    if (!image)
        return;
    arena = image->arena; /* the image itself lies in it */
    arena_release(&arena);
}

/* ---- reading rows ---- */

static int read_list(struct engine *engine, struct arena *arena, const char *sql, const char *id,
        struct strings *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err, sql, "t", id);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, ret) = arena_strdup(arena, stmt_text(stmt, 0));
    return r;
}

static int read_row(struct engine *engine, const char *id, struct image *image, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    struct arena *arena = &image->arena;
    int r = db_query(engine->db, &stmt, err,
            "SELECT id, parent_id, manifest_digest, architecture, os, variant, created_nsec, "
            "stored_nsec, size_bytes, config FROM images WHERE id = ?",
            "t", id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r <= 0)
        return r;
    image->id = arena_strdup(arena, stmt_text(stmt, 0));
    image->parent_id = arena_strdup(arena, stmt_text(stmt, 1));
    image->manifest_digest = arena_strdup(arena, stmt_text(stmt, 2));
    image->architecture = arena_strdup(arena, stmt_text(stmt, 3));
    image->os = arena_strdup(arena, stmt_text(stmt, 4));
    image->variant = arena_strdup(arena, stmt_text(stmt, 5));
    image->created_nsec = stmt_int(stmt, 6);
    image->stored_nsec = stmt_int(stmt, 7);
    image->size_bytes = (uint64_t)stmt_int(stmt, 8);
    image->config_json = arena_strdup(arena, stmt_text(stmt, 9));
    return 1;
}

static int read_lists(struct engine *engine, struct image *image, struct error **err)
{
    struct arena *arena = &image->arena;
    int r = read_list(engine, arena, "SELECT name FROM image_tags WHERE image_id = ? ORDER BY name",
            image->id, &image->tags, err);

    if (r >= 0)
        r = read_list(engine, arena,
                "SELECT repository || '@' || digest FROM image_digests WHERE image_id = ? "
                "ORDER BY repository, digest",
                image->id, &image->digests, err);
    if (r >= 0)
        r = read_list(engine, arena,
                "SELECT diff_id FROM image_layers WHERE image_id = ? ORDER BY position", image->id,
                &image->diff_ids, err);
    return r;
}

static int read_config(struct image *image, struct error **err)
{
    auto_json json_t *config = NULL;
    int r = jsonx_parse(
            image->config_json, strlen(image->config_json), "image configuration", &config, err);

    return r < 0 ? r : image_config_read(&image->arena, config, &image->config, err);
}

int rows_read_image(struct engine *engine, const char *id, struct image **ret, struct error **err)
{
    struct arena arena = ARENA_INIT;
    struct image *image = ARENA_NEW(&arena, struct image);
    int r;

    image->arena = arena;
    r = read_row(engine, id, image, err);
    if (r > 0)
        r = read_lists(engine, image, err);
    else if (r == 0)
        r = error_set_plain(err, ENOENT, NULL, "No such image: %s", id);
    if (r >= 0)
        r = read_config(image, err);
    if (r < 0) {
        image_free(image);
        return error_wrap(err, r, "cannot read image %.19s", id);
    }
    *ret = image;
    return 0;
}

/* ---- finding ---- */

static int query_id(struct engine *engine, const char *sql, const char *a, const char *b,
        char **ret_id, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = b ? db_query(engine->db, &stmt, err, sql, "tt", a, b)
              : db_query(engine->db, &stmt, err, sql, "t", a);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r > 0)
        *ret_id = mem_strdup(stmt_text(stmt, 0));
    return r;
}

static int find_name(
        struct engine *engine, const struct image_ref *ref, char **ret_id, struct error **err)
{
    auto_free char *name = ref->digest ? image_ref_repository(ref) : image_ref_tagged(ref);

    if (ref->digest)
        return query_id(engine,
                "SELECT image_id FROM image_digests WHERE repository = ? AND digest = ?", name,
                ref->digest, ret_id, err);
    return query_id(
            engine, "SELECT image_id FROM image_tags WHERE name = ?", name, NULL, ret_id, err);
}

/* Hex digits of an id, or NULL when the text cannot be the beginning of one. */
static const char *id_prefix(const char *ref)
{
    const char *hex = string_has_prefix(ref, "sha256:") ? ref + strlen("sha256:") : ref;
    size_t len = strspn(hex, "0123456789abcdef");

    return len > 0 && len <= DIGEST_SHA256_HEX && !hex[len] ? hex : NULL;
}

static int find_prefix(struct engine *engine, const char *hex, char **ret_id, struct error **err)
{
    char low[IMAGE_ID_MAX], high[IMAGE_ID_MAX + 1];
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    auto_free char *id = NULL;
    int r;

    snprintf(low, sizeof(low), "sha256:%s", hex);
    snprintf(high, sizeof(high), "sha256:%sg", hex); /* behind every further digit */
    r = db_query(engine->db, &stmt, err,
            "SELECT id FROM images WHERE id >= ? AND id < ? ORDER BY id LIMIT 2", "tt", low, high);
    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r <= 0)
        return r;
    id = mem_strdup(stmt_text(stmt, 0));
    r = stmt_step(stmt, err);
    if (r > 0)
        return error_set_plain(
                err, ENOTUNIQ, NULL, "several images have an id that begins with \"%s\"", hex);
    if (r == 0)
        *ret_id = TAKE(id);
    return r < 0 ? r : 1;
}

int rows_find(struct engine *engine, const char *text, enum rows_found *ret_how, char **ret_id,
        struct error **err)
{
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    auto_error struct error *invalid = NULL;
    const char *hex = id_prefix(text);
    int r = 0;

    *ret_how = ROWS_FOUND_NAME;
    if (!image_ref_is_id(text)) {
        r = image_ref_parse(text, &ref, &invalid);
        if (r < 0 && !hex)
            return error_move(err, TAKE(invalid));
        r = r < 0 ? 0 : find_name(engine, &ref, ret_id, err);
    }
    if (r == 0 && hex) {
        *ret_how = ROWS_FOUND_ID;
        r = find_prefix(engine, hex, ret_id, err);
    }
    return r;
}

int image_lookup_id(struct engine *engine, const char *ref, char **ret_id, struct error **err)
{
    enum rows_found how;
    char *id = NULL;
    int r = rows_find(engine, ref, &how, &id, err);

    if (r < 0)
        return r;
    *ret_id = id;
    return 0;
}

int image_lookup(struct engine *engine, const char *ref, struct image **ret, struct error **err)
{
    auto_free char *id = NULL;
    int r = image_lookup_id(engine, ref, &id, err);

    if (r < 0)
        return r;
    if (id)
        return rows_read_image(engine, id, ret, err);
    *ret = NULL;
    return 0;
}

int image_require(struct engine *engine, const char *ref, struct image **ret, struct error **err)
{
    struct image *image = NULL;
    int r = image_lookup(engine, ref, &image, err);

    if (r < 0)
        return r;
    if (!image)
        return error_set_plain(err, ENOENT, NULL, "No such image: %s", ref);
    *ret = image;
    return 0;
}

/* ---- layers ---- */

int image_layer_dirs(struct engine *engine, const char *image_id, struct arena *arena,
        struct strings *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    struct strings dirs = { 0 };
    bool found = false;
    /* A layer that comes twice counts at its upper place: the lower one adds nothing that the upper
     * does not have, and overlayfs refuses the same directory twice. An image without layers has one row. */
    int r = db_query(engine->db, &stmt, err,
            "SELECT l.dir FROM images i LEFT JOIN "
            "(SELECT image_id, max(position) AS position, diff_id FROM image_layers "
            "WHERE image_id = ?1 GROUP BY diff_id) p ON p.image_id = i.id "
            "LEFT JOIN layers l ON l.diff_id = p.diff_id WHERE i.id = ?1 ORDER BY p.position",
            "t", image_id);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        found = true;
        if (!stmt_is_null(stmt, 0))
            *ARRAY_APPEND_ARENA(arena, &dirs) = arena_printf(arena, "%s/" STORE_LAYERS "/%s/diff",
                    engine->options.root_dir, stmt_text(stmt, 0));
    }
    if (r < 0)
        return r;
    if (!found)
        return error_set_plain(err, ENOENT, NULL, "No such image: %s", image_id);
    *ret = dirs;
    return 0;
}

int layer_dir(struct engine *engine, const char *diff_id, struct arena *arena, const char **ret,
        struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(
            engine->db, &stmt, err, "SELECT dir FROM layers WHERE diff_id = ?", "t", diff_id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    *ret = r == 0 ? NULL
                  : arena_printf(arena, "%s/" STORE_LAYERS "/%s/diff", engine->options.root_dir,
                            stmt_text(stmt, 0));
    return 0;
}

/* ---- names ---- */

int rows_canonical_name(const char *text, char **ret, struct error **err)
{
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    int r = image_ref_parse(text, &ref, err);

    if (r < 0)
        return r;
    if (ref.digest)
        return error_set_plain(err, EINVAL, NULL,
                "\"%s\": refusing to create a tag with a digest reference", text);
    *ret = image_ref_tagged(&ref);
    return 0;
}

int image_tag_time(
        struct engine *engine, const char *name, int64_t *ret_updated_nsec, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    auto_free char *canonical = NULL;
    int r = 0;

    *ret_updated_nsec = 0;
    if (rows_canonical_name(name, &canonical, NULL) < 0)
        return 0;
    r = db_query(engine->db, &stmt, err, "SELECT updated_nsec FROM image_tags WHERE name = ?", "t",
            canonical);
    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r > 0)
        *ret_updated_nsec = stmt_int(stmt, 0);
    return r < 0 ? r : 0;
}

int image_tag(struct engine *engine, const char *source, const char *target, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    auto_free char *name = NULL, *id = NULL;
    int r = rows_canonical_name(target, &name, err);

    if (r >= 0)
        r = db_begin(engine->db, &transaction, err);
    if (r >= 0)
        r = image_lookup_id(engine, source, &id, err);
    if (r < 0)
        return r;
    if (!id)
        return error_set_plain(err, ENOENT, NULL, "No such image: %s", source);
    r = db_exec(engine->db, err,
            "INSERT INTO image_tags (name, image_id, updated_nsec) VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET image_id = excluded.image_id, "
            "updated_nsec = excluded.updated_nsec",
            "tti", name, id, time_realtime_nsec());
    if (r >= 0)
        r = db_commit(&transaction, err);
    if (r >= 0)
        engine_event(engine, "image", "tag", id, "name", target);
    return r;
}
