#include "engine/container/secret-store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/state/sweep.h"

#define SECRETS_DIR "secrets"
#define SECRET_DRIVER "file"

static bool name_is_valid(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= SECRET_NAME_MAX_BYTES && !strpbrk(name, "=/,");
}

/* ---- Rows ---- */

#define SECRET_COLUMNS "id, name, labels, created_nsec, updated_nsec"

static int read_row(
        struct arena *arena, struct stmt *stmt, struct secret_info *ret, struct error **err)
{
    *ret = (struct secret_info){
        .id = arena_strdup(arena, stmt_text(stmt, 0)),
        .name = arena_strdup(arena, stmt_text(stmt, 1)),
        .created_nsec = stmt_int(stmt, 3),
        .updated_nsec = stmt_int(stmt, 4),
    };
    return container_pairs_from_text(arena, stmt_text(stmt, 2), &ret->labels, err);
}

/* The rows that a statement gives; at most two, since one is wanted. */
static int read_match(struct arena *arena, struct stmt *stmt, struct secret_info *ret,
        unsigned *ret_count, struct error **err)
{
    int r;

    *ret_count = 0;
    while (*ret_count < 2 && (r = stmt_step(stmt, err)) != 0) {
        if (r >= 0 && (*ret_count)++ == 0)
            r = read_row(arena, stmt, ret, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* 1 found, 0 none. */
static int lookup(struct engine *engine, struct arena *arena, const char *reference,
        struct secret_info *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *exact = NULL, *prefix = NULL;
    unsigned count = 0;
    int r = db_query(engine->db, &exact, err,
            "SELECT " SECRET_COLUMNS " FROM secrets WHERE name = ?1 OR id = ?1"
            " ORDER BY name = ?1 DESC",
            "t", reference);

    if (r >= 0)
        r = read_match(arena, exact, ret, &count, err);
    if (r < 0 || count > 0)
        return r < 0 ? r : 1;
    r = db_query(engine->db, &prefix, err,
            "SELECT " SECRET_COLUMNS " FROM secrets WHERE substr(id, 1, length(?1)) = ?1", "t",
            reference);
    if (r >= 0 && *reference)
        r = read_match(arena, prefix, ret, &count, err);
    if (r >= 0 && count > 1)
        return error_set_plain(
                err, EINVAL, NULL, "more than one secret has the id \"%s…\"", reference);
    return r < 0 ? r : (int)count;
}

int secret_get(struct engine *engine, struct arena *arena, const char *reference,
        struct secret_info *ret, struct error **err)
{
    int r = lookup(engine, arena, reference, ret, err);

    if (r == 0)
        return error_set_plain(
                err, ENOENT, NULL, "no secret with name or id \"%s\": no such secret", reference);
    return r < 0 ? r : 0;
}

int secret_list(struct engine *engine, struct arena *arena, struct secrets *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    struct secrets list = { 0 };
    int r = db_query(engine->db, &stmt, err,
            "SELECT " SECRET_COLUMNS " FROM secrets ORDER BY created_nsec, name", "");

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        r = read_row(arena, stmt, ARRAY_APPEND_ARENA(arena, &list), err);
    if (r < 0)
        return r;
    *ret = list;
    return 0;
}

/* ---- Data ---- */

static int open_dir(struct engine *engine, struct error **err)
{
    int fd = openat(engine->root_fd, SECRETS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 ? fd
                   : error_set(err, errno, NULL, "cannot open \"%s/" SECRETS_DIR "\"",
                             engine->options.root_dir);
}

int secret_read(
        struct engine *engine, const char *reference, struct secret *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct secret_info info;
    char *data = NULL;
    size_t len = 0;
    int r = secret_get(engine, &arena, reference, &info, err);

    if (r < 0)
        return r;
    auto_close int dir_fd = open_dir(engine, err);
    if (dir_fd < 0)
        return dir_fd;
    r = fs_read_file(dir_fd, info.id, SECRET_MAX_BYTES, &data, &len, err);
    if (r < 0)
        return error_wrap(err, r, "cannot read secret \"%s\"", info.name);
    secret_set(ret, data, len);
    explicit_bzero(data, len);
    free(data);
    return 0;
}

static void remove_data(struct engine *engine, const char *id)
{
    auto_close int dir_fd = open_dir(engine, NULL);

    if (dir_fd >= 0)
        (void)unlinkat(dir_fd, id, 0);
}

/* ---- Making ---- */

static int check(const struct secret_create_options *options, struct error **err)
{
    if (!name_is_valid(options->name))
        return error_set_plain(err, EINVAL, NULL,
                "secret name \"%s\" can not include '=', '/', ',', or the '\\0' (NULL) and be "
                "between 1 and %u characters: invalid secret name",
                options->name, SECRET_NAME_MAX_BYTES);
    if (options->data->len == 0 || options->data->len >= SECRET_MAX_BYTES)
        return error_set_plain(err, EINVAL, NULL,
                "secret data must be larger than 0 and less than %u bytes", SECRET_MAX_BYTES);
    return 0;
}

/* The row, in place of the one that is to be replaced (*ret_old, "" when there is none). 1 made, 0 left as it was. */
static int insert_row(struct engine *engine, struct arena *arena,
        const struct secret_create_options *options, const char *id, struct secret_info *ret_old,
        struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    auto_json json_t *labels = container_pairs_to_json(&options->labels);
    auto_free char *labels_text = jsonx_dump(labels);
    int64_t now = time_realtime_nsec();
    unsigned found = 0;
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0)
        r = db_query(engine->db, &stmt, err,
                "SELECT " SECRET_COLUMNS " FROM secrets WHERE name = ?", "t", options->name);
    if (r >= 0)
        r = read_match(arena, stmt, ret_old, &found, err);
    if (r < 0)
        return r;
    if (found && options->ignore)
        return 0;
    if (found && !options->replace)
        return error_set_plain(err, EEXIST, NULL, "%s: secret name in use", options->name);
    if (found)
        r = db_exec(engine->db, err, "DELETE FROM secrets WHERE id = ?", "t", ret_old->id);
    if (r >= 0)
        r = db_exec(engine->db, err,
                "INSERT INTO secrets (id, name, labels, created_nsec, updated_nsec)"
                " VALUES (?, ?, ?, ?, ?)",
                "tttii", id, options->name, labels_text, found ? ret_old->created_nsec : now, now);
    if (r >= 0)
        r = db_commit(&transaction, err);
    return r < 0 ? r : 1;
}

int secret_create(struct engine *engine, struct arena *arena,
        const struct secret_create_options *options, const char **ret_id, struct error **err)
{
    auto_(sweep_release) struct sweep sweep = SWEEP_INIT;
    struct secret_info old = { .id = "" };
    char random[RANDOM_ID_HEX + 1];
    int r = check(options, err);

    if (r < 0)
        return r;
    random_id(random);
    const char *id = arena_strndup(arena, random, SECRET_ID_HEX);
    auto_close int dir_fd = open_dir(engine, err);
    if (dir_fd < 0)
        return dir_fd;
    r = sweep_begin(&sweep, engine, err);
    if (r >= 0)
        r = sweep_add(&sweep, SWEEP_SECRET, id, err);
    if (r >= 0)
        r = fs_replace_file(
                dir_fd, id, options->data->data, options->data->len, 0600, FS_SYNC, err);
    if (r < 0)
        return error_wrap(err, r, "cannot keep secret \"%s\"", options->name);
    fault_point("secret.create.data");
    r = insert_row(engine, arena, options, id, &old, err);
    if (r < 0)
        return r;
    if (r == 0) {
        *ret_id = old.id;
        return 0;
    }
    fault_point("secret.create.row");
    sweep_done(&sweep);
    if (*old.id)
        remove_data(engine, old.id);
    engine_event(engine, "secret", "create", id, NULL, NULL);
    *ret_id = id;
    return 1;
}

int secret_remove(struct engine *engine, const char *id, struct error **err)
{
    auto_(sweep_release) struct sweep sweep = SWEEP_INIT;
    int r = sweep_begin(&sweep, engine, err);

    if (r >= 0)
        r = sweep_add(&sweep, SWEEP_SECRET, id, err);
    if (r >= 0)
        r = db_exec(engine->db, err, "DELETE FROM secrets WHERE id = ?", "t", id);
    if (r < 0)
        return r;
    fault_point("secret.remove.row");
    remove_data(engine, id);
    sweep_done(&sweep);
    engine_event(engine, "secret", "remove", id, NULL, NULL);
    return 0;
}

json_t *secret_inspect(const struct engine *engine, const struct secret_info *secret)
{
    char created[TIME_RFC3339_MAX], updated[TIME_RFC3339_MAX];
    auto_free char *path = mem_printf("%s/" SECRETS_DIR, engine->options.root_dir);

    return json_pack("{s:s, s:s, s:s, s:{s:s, s:{s:s, s:{s:s}}, s:o}}", "ID", secret->id,
            "CreatedAt", time_format_rfc3339(secret->created_nsec, created), "UpdatedAt",
            time_format_rfc3339(secret->updated_nsec, updated), "Spec", "Name", secret->name,
            "Driver", "Name", SECRET_DRIVER, "Options", "path", path, "Labels",
            container_pairs_to_json(&secret->labels));
}
