#include "engine/container/usage.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "engine/container/container-internal.h"
#include "engine/volume/volume-internal.h"

/* Layers that stand on image rows; of them those under images of containers; those that only the build cache
 * knows. */
#define IMAGE_LAYERS                                                                      \
    "SELECT COALESCE(SUM(size_bytes), 0), COUNT(*) FROM layers WHERE diff_id IN (SELECT " \
    "diff_id FROM image_layers)"
#define ACTIVE_LAYERS                                                                      \
    "SELECT COALESCE(SUM(size_bytes), 0), 0 FROM layers WHERE diff_id IN (SELECT diff_id " \
    "FROM image_layers WHERE image_id IN (SELECT image_id FROM containers))"
#define CACHE_LAYERS                                                                          \
    "SELECT COALESCE(SUM(size_bytes), 0), COUNT(*) FROM layers WHERE diff_id NOT IN (SELECT " \
    "diff_id FROM image_layers)"
#define IMAGES                                                                         \
    "SELECT COUNT(*), (SELECT COUNT(*) FROM images WHERE id IN (SELECT image_id FROM " \
    "containers)) FROM images"

uint64_t container_size(struct engine *engine, const char *id)
{
    char path[sizeof("containers//upper") + CONTAINER_ID_HEX];

    snprintf(path, sizeof(path), "containers/%s/upper", id);
    return fs_tree_size(engine->root_fd, path);
}

/* The two numbers of a query. */
static int read_pair(
        struct engine *engine, const char *sql, int64_t ret[static 2], struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err, sql, "");

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    ret[0] = stmt_int(stmt, 0);
    ret[1] = stmt_int(stmt, 1);
    return 0;
}

static int read_images(struct engine *engine, struct engine_usage *ret, struct error **err)
{
    int64_t counts[2] = { 0 }, total[2] = { 0 }, active[2] = { 0 }, cache[2] = { 0 };
    int r = read_pair(engine, IMAGES, counts, err);

    if (r >= 0)
        r = read_pair(engine, IMAGE_LAYERS, total, err);
    if (r >= 0)
        r = read_pair(engine, ACTIVE_LAYERS, active, err);
    if (r >= 0)
        r = read_pair(engine, CACHE_LAYERS, cache, err);
    if (r < 0)
        return r;
    ret->images = (struct usage){
        .count = (size_t)counts[0],
        .active = (size_t)counts[1],
        .size_bytes = (uint64_t)total[0],
        .reclaimable_bytes = (uint64_t)(total[0] - active[0]),
    };
    ret->build_cache = (struct usage){
        .count = (size_t)cache[1],
        .size_bytes = (uint64_t)cache[0],
        .reclaimable_bytes = (uint64_t)cache[0],
    };
    return 0;
}

static int read_containers(struct engine *engine, struct usage *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container_filter filter = { .all = true };
    struct containers containers = { 0 };
    int r = container_list(engine, &arena, &filter, &containers, err);

    for (size_t i = 0; r >= 0 && i < containers.len; i++) {
        uint64_t size = container_size(engine, containers.items[i]->id);
        bool running = container_is_running(containers.items[i]);

        ret->count++;
        ret->active += running;
        ret->size_bytes += size;
        ret->reclaimable_bytes += running ? 0 : size;
    }
    return r;
}

static int read_volumes(struct engine *engine, struct usage *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct volumes volumes = { 0 };
    int r = volume_list(engine, &arena, NULL, &volumes, err);

    for (size_t i = 0; r >= 0 && i < volumes.len; i++) {
        uint64_t size = volume_size(engine, volumes.items[i].name);

        ret->count++;
        ret->active += volumes.items[i].users > 0;
        ret->size_bytes += size;
        ret->reclaimable_bytes += volumes.items[i].users > 0 ? 0 : size;
    }
    return r;
}

int engine_usage_read(struct engine *engine, struct engine_usage *ret, struct error **err)
{
    *ret = (struct engine_usage){ 0 };
    int r = read_images(engine, ret, err);

    if (r >= 0)
        r = read_containers(engine, &ret->containers, err);
    if (r >= 0)
        r = read_volumes(engine, &ret->volumes, err);
    return r < 0 ? r : 0;
}

int image_usage_read(
        struct engine *engine, const char *image_id, struct image_usage *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT (SELECT COALESCE(SUM(size_bytes), 0) FROM layers WHERE diff_id IN"
            " (SELECT diff_id FROM image_layers WHERE image_id = ?1) AND diff_id IN"
            " (SELECT diff_id FROM image_layers WHERE image_id <> ?1)),"
            " (SELECT COUNT(*) FROM containers WHERE image_id = ?1)",
            "t", image_id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    ret->shared_bytes = (uint64_t)stmt_int(stmt, 0);
    ret->containers = (size_t)stmt_int(stmt, 1);
    return 0;
}

int cache_usage_list(
        struct engine *engine, struct arena *arena, struct cache_usages *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT c.key, COALESCE(l.size_bytes, 0), c.created_nsec, c.last_used_nsec,"
            " EXISTS (SELECT 1 FROM image_layers i WHERE i.diff_id = c.diff_id)"
            " FROM build_cache c LEFT JOIN layers l ON l.diff_id = c.diff_id"
            " ORDER BY c.last_used_nsec DESC, c.key",
            "");

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, ret) = (struct cache_usage){
            .id = arena_strdup(arena, stmt_text(stmt, 0)),
            .size_bytes = (uint64_t)stmt_int(stmt, 1),
            .created_nsec = stmt_int(stmt, 2),
            .last_used_nsec = stmt_int(stmt, 3),
            .shared = stmt_int(stmt, 4) != 0,
        };
    return r;
}
