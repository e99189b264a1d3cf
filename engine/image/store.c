#include "engine/image/store-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "base/strmap.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"

#define WORK_PREFIX "image-"
#define WORK_TRIES 100
#define UNUSED_LAYER_AGE_NSEC (3600 * NSEC_PER_SEC)

void strings_release(struct strings *strings)
{
    ARRAY_FOREACH(strings, it)
        free(*it);
    ARRAY_RELEASE(strings);
}

/* Names in a directory, without those that begin with a dot. */
static int list_directory(struct engine *engine, const char *path, const char *prefix,
        struct strings *names, struct error **err)
{
    int fd = openat(engine->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!dir) {
        int code = errno;

        fd_close(fd);
        return code == ENOENT ? 0
                              : error_set(err, code, NULL, "cannot open directory \"%s\"", path);
    }
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && string_has_prefix(entry->d_name, prefix))
            *ARRAY_APPEND(names) = mem_strdup(entry->d_name);
    return 0;
}

/* ---- work directories ---- */

static void remove_dead_work(struct engine *engine)
{
    auto_(strings_release) struct strings names = { 0 };
    auto_close int tmp_fd = openat(engine->root_fd, STORE_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (tmp_fd < 0 || list_directory(engine, STORE_TMP, WORK_PREFIX, &names, NULL) < 0)
        return;
    ARRAY_FOREACH(&names, name) {
        auto_close int fd = openat(tmp_fd, *name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)fs_remove_tree(tmp_fd, *name, NULL); /* tried again next time */
    }
}

static int make_work(struct engine *engine, struct store_work *work, struct error **err)
{
    struct stat st;

    for (unsigned i = 0; i < WORK_TRIES; i++) {
        char id[RANDOM_ID_HEX + 1], path[64];

        random_id(id);
        snprintf(work->name, sizeof(work->name), WORK_PREFIX "%.16s", id);
        snprintf(path, sizeof(path), STORE_TMP "/%s", work->name);
        if (mkdirat(engine->root_fd, path, 0700) < 0)
            return error_set(err, errno, NULL, "cannot create a work directory");
        work->fd = openat(engine->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        /* Before it was locked, somebody's clean-up may have taken it for dead. */
        if (work->fd >= 0 && flock(work->fd, LOCK_EX | LOCK_NB) == 0 && fstat(work->fd, &st) == 0 &&
                st.st_nlink > 0)
            return 0;
        work->fd = fd_close(work->fd);
    }
    return error_set_plain(err, EAGAIN, NULL, "cannot create a work directory");
}

int store_work_begin(struct engine *engine, struct store_work *ret, struct error **err)
{
    struct store_work work = STORE_WORK_INIT;
    int r = image_clean(engine, err);

    if (r >= 0)
        r = make_work(engine, &work, err);
    if (r < 0)
        return r;
    work.engine = engine;
    *ret = work;
    return 0;
}

void store_work_end(struct store_work *work)
{
    if (!work || !work->engine)
        return;

    auto_close int tmp_fd = openat(
            work->engine->root_fd, STORE_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (tmp_fd >= 0)
        (void)fs_remove_tree(tmp_fd, work->name, NULL); /* the next command tries again */
    work->fd = fd_close(work->fd);
    work->engine = NULL;
}

/* ---- what has no row ---- */

static int load_known(struct engine *engine, struct strmap *known, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_prepare(engine->db, "SELECT dir, blob_digest FROM layers", &stmt, err);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        const char *blob = stmt_text(stmt, 1);

        strmap_set(known, stmt_text(stmt, 0), NULL);
        if (blob)
            strmap_set(known, digest_hex(blob), NULL);
    }
    return r;
}

/* Those of `names` that no row knows. */
static int find_orphans(struct engine *engine, struct strings *names, struct error **err)
{
    auto_(strmap_release) struct strmap known = STRMAP_INIT;
    size_t kept = 0;
    int r;

    if (names->len == 0)
        return 0;
    r = load_known(engine, &known, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < names->len; i++) {
        const char *last = strrchr(names->items[i], '/');

        if (strmap_has(&known, last + 1))
            free(names->items[i]);
        else
            names->items[kept++] = names->items[i];
    }
    names->len = kept;
    return 0;
}

static int list_store(struct engine *engine, struct strings *paths, struct error **err)
{
    static const char *const dirs[] = { STORE_LAYERS, STORE_BLOBS };

    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        auto_(strings_release) struct strings names = { 0 };
        int r = list_directory(engine, dirs[i], "", &names, err);

        if (r < 0)
            return r;
        ARRAY_FOREACH(&names, name)
            *ARRAY_APPEND(paths) = mem_printf("%s/%s", dirs[i], *name);
    }
    return 0;
}

/* Moves what has no row into a work directory, under the write lock (invariant 2). */
static int move_orphans(
        struct engine *engine, struct store_work *work, struct strings *paths, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0)
        r = find_orphans(engine, paths, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < paths->len; i++) {
        char name[32];

        snprintf(name, sizeof(name), "orphan-%zu", i);
        if (renameat(engine->root_fd, paths->items[i], work->fd, name) < 0 && errno != ENOENT)
            return error_set(err, errno, NULL, "cannot remove \"%s\"", paths->items[i]);
    }
    return db_commit(&transaction, err);
}

static int remove_orphans(struct engine *engine, struct error **err)
{
    auto_(strings_release) struct strings paths = { 0 };
    auto_(store_work_end) struct store_work work = STORE_WORK_INIT;
    int r = list_store(engine, &paths, err);

    if (r >= 0)
        r = find_orphans(engine, &paths, err);
    if (r < 0 || paths.len == 0 || db_in_transaction(engine->db))
        return r;
    r = make_work(engine, &work, err);
    if (r < 0)
        return r;
    work.engine = engine;
    return move_orphans(engine, &work, &paths, err);
}

int image_clean(struct engine *engine, struct error **err)
{
    int r;

    remove_dead_work(engine);
    r = remove_orphans(engine, err);
    return r < 0 ? error_wrap(err, r, "cannot clean up the image store") : 0;
}

/* ---- looking ---- */

int store_has_layer(struct engine *engine, const char *diff_id, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(
            engine->db, &stmt, err, "SELECT 1 FROM layers WHERE diff_id = ?", "t", diff_id);

    return r < 0 ? r : stmt_step(stmt, err);
}

int store_open_blob(struct engine *engine, const char *digest, struct error **err)
{
    char path[sizeof(STORE_BLOBS) + 1 + DIGEST_SHA256_HEX];
    int fd;

    snprintf(path, sizeof(path), STORE_BLOBS "/%s", digest_hex(digest));
    fd = openat(engine->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? error_set(err, errno, NULL, "cannot open blob %s", digest) : fd;
}

/* ---- removal ---- */

#define UNUSED_LAYERS                                                                 \
    "SELECT diff_id, dir, blob_digest, size_bytes FROM layers WHERE "                 \
    "NOT EXISTS (SELECT 1 FROM image_layers l WHERE l.diff_id = layers.diff_id) AND " \
    "NOT EXISTS (SELECT 1 FROM build_cache c WHERE c.diff_id = layers.diff_id) "

struct unused {
    struct strings diff_ids;
    struct strings paths;
    uint64_t size_bytes;
};

static void unused_release(struct unused *unused)
{
    strings_release(&unused->diff_ids);
    strings_release(&unused->paths);
}

static int collect_unused(struct stmt *stmt, struct unused *out, struct error **err)
{
    int r;

    while ((r = stmt_step(stmt, err)) > 0) {
        const char *blob = stmt_text(stmt, 2);

        *ARRAY_APPEND(&out->diff_ids) = mem_strdup(stmt_text(stmt, 0));
        *ARRAY_APPEND(&out->paths) = mem_printf(STORE_LAYERS "/%s", stmt_text(stmt, 1));
        if (blob)
            *ARRAY_APPEND(&out->paths) = mem_printf(STORE_BLOBS "/%s", digest_hex(blob));
        out->size_bytes += (uint64_t)stmt_int(stmt, 3);
    }
    return r;
}

static int find_unused(struct engine *engine, const struct strings *candidates, struct unused *out,
        struct error **err)
{
    int r = 0;

    if (!candidates) {
        auto_(stmt_done_p) struct stmt *stmt = NULL;

        r = db_query(engine->db, &stmt, err, UNUSED_LAYERS "AND created_nsec < ?", "i",
                time_realtime_nsec() - UNUSED_LAYER_AGE_NSEC);
        return r < 0 ? r : collect_unused(stmt, out, err);
    }
    for (size_t i = 0; r >= 0 && i < candidates->len; i++) {
        auto_(stmt_done_p) struct stmt *stmt = NULL;

        r = db_query(
                engine->db, &stmt, err, UNUSED_LAYERS "AND diff_id = ?", "t", candidates->items[i]);
        if (r >= 0)
            r = collect_unused(stmt, out, err);
    }
    return r;
}

int store_remove_unused_layers(struct engine *engine, const struct strings *candidates,
        uint64_t *ret_reclaimed, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    auto_(unused_release) struct unused unused = { 0 };
    auto_(store_work_end) struct store_work work = STORE_WORK_INIT;
    int r = make_work(engine, &work, err);

    if (r < 0)
        return r;
    work.engine = engine;
    r = db_begin(engine->db, &transaction, err);
    if (r >= 0)
        r = find_unused(engine, candidates, &unused, err);
    for (size_t i = 0; r >= 0 && i < unused.diff_ids.len; i++)
        r = db_exec(engine->db, err, "DELETE FROM layers WHERE diff_id = ?", "t",
                unused.diff_ids.items[i]);
    if (r >= 0)
        r = db_commit(&transaction, err);
    if (r < 0)
        return r;
    fault_point("image.remove.files");
    if (unused.paths.len > 0) {
        /* A commit alone may be lost by a power cut (db.c); were the files gone by then, the rows would come back
         * without them. */
        if (syncfs(engine->root_fd) < 0)
            return error_set(err, errno, NULL, "cannot write the state to the disk");
        /* Somebody may have brought one of these layers back since the commit: then it has a row. */
        r = move_orphans(engine, &work, &unused.paths, err);
        if (r < 0)
            return r;
    }
    *ret_reclaimed += unused.size_bytes;
    return 0;
}
