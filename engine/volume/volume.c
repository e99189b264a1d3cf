#include "engine/volume/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/random.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/state/db.h"
#include "engine/state/prune-filter.h"
#include "engine/state/sweep.h"
#include "engine/volume/volume-internal.h"
#include "engine/volume/volume-mount.h"

#define VOLUME_LABEL_ANONYMOUS "com.docker.volume.anonymous"

/* Long enough for every name, short enough for a lock file's prefix. */
#define VOLUME_DEPTH_MAX 200 /* of descriptors held while sizes are summed up */
#define VOLUME_NAME_MAX (LIMIT_NAME_BYTES - 16)

bool volume_name_is_valid(const char *name)
{
    size_t len = strlen(name);

    if (len < 2 || len > VOLUME_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!alnum && (i == 0 || !strchr("_.-", c)))
            return false;
    }
    return true;
}

/* ---- Rows ---- */

#define VOLUME_COLUMNS                                                    \
    "v.name, v.driver, v.options, v.labels, v.created_nsec, v.anonymous," \
    " (SELECT count(*) FROM container_volumes u WHERE u.volume = v.name)"

static int read_row(struct engine *engine, struct arena *arena, struct stmt *stmt,
        struct volume *ret, struct error **err)
{
    *ret = (struct volume){
        .name = arena_strdup(arena, stmt_text(stmt, 0)),
        .driver = arena_strdup(arena, stmt_text(stmt, 1)),
        .created_nsec = stmt_int(stmt, 4),
        .anonymous = stmt_int(stmt, 5) != 0,
        .users = (size_t)stmt_int(stmt, 6),
    };
    ret->mountpoint = arena_printf(
            arena, "%s/volumes/%s/_data", engine->options.root_dir, ret->name);
    int r = container_pairs_from_text(arena, stmt_text(stmt, 2), &ret->options, err);
    if (r < 0)
        return r;
    return container_pairs_from_text(arena, stmt_text(stmt, 3), &ret->labels, err);
}

int volume_lookup(struct engine *engine, struct arena *arena, const char *name, struct volume **ret,
        struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    struct volume *volume = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT " VOLUME_COLUMNS " FROM volumes v WHERE v.name = ?", "t", name);

    if (r < 0)
        return r;
    r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    if (r > 0) {
        volume = ARENA_NEW(arena, struct volume);
        r = read_row(engine, arena, stmt, volume, err);
        if (r < 0)
            return r;
    }
    *ret = volume;
    return 0;
}

static bool is_of_image(const struct volume_create_options *options)
{
    return string_is_equal(options->driver, VOLUME_DRIVER_IMAGE);
}

int volume_insert(struct engine *engine, const struct volume_create_options *options,
        bool anonymous, struct error **err)
{
    auto_json json_t *driver_options = container_pairs_to_json(&options->options);
    auto_json json_t *labels = container_pairs_to_json(&options->labels);

    if (anonymous)
        json_object_set_new(labels, VOLUME_LABEL_ANONYMOUS, json_string(""));
    auto_free char *options_text = jsonx_dump(driver_options);
    auto_free char *labels_text = jsonx_dump(labels);
    return db_exec(engine->db, err,
            "INSERT INTO volumes (name, driver, options, labels, created_nsec, anonymous,"
            " container_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
            "ttttiit", options->name,
            is_of_image(options) ? VOLUME_DRIVER_IMAGE : VOLUME_DRIVER_LOCAL, options_text,
            labels_text, time_realtime_nsec(), (int64_t)anonymous, options->container_id);
}

int volume_insert_if_missing(
        struct engine *engine, const struct volume_create_options *options, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(
            engine->db, &stmt, err, "SELECT 1 FROM volumes WHERE name = ?", "t", options->name);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r != 0)
        return r < 0 ? r : 0;
    return volume_insert(engine, options, true, err);
}

int volume_check_linked(
        struct engine *engine, const char *container_id, const char *name, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT 1 FROM container_volumes WHERE container_id = ? AND volume = ?", "tt",
            container_id, name);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r == 0)
        return error_set_plain(err, ENOENT, NULL, "get %s: no such volume", name);
    return r < 0 ? r : 0;
}

/* ---- Directories ---- */

int volume_open_dir(struct engine *engine, const char *name, struct error **err)
{
    char path[sizeof("volumes/") + LIMIT_NAME_BYTES];

    snprintf(path, sizeof(path), "volumes/%s", name);
    if (mkdirat(engine->root_fd, path, 0701) < 0 && errno != EEXIST)
        return error_set(err, errno, NULL, "cannot make the directory of volume \"%s\"", name);
    auto_close int fd = openat(
            engine->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open the directory of volume \"%s\"", name);
    /* The container's users must get in, whatever the umask is. One that was there is theirs to change. */
    if (mkdirat(fd, VOLUME_DATA_DIR, 0755) < 0 ? errno != EEXIST
                                               : fchmodat(fd, VOLUME_DATA_DIR, 0755, 0) < 0)
        return error_set(err, errno, NULL, "cannot make the directory of volume \"%s\"", name);
    return TAKE_FD(fd);
}

int volume_apply_owner(const struct volume *volume, int volume_fd, struct error **err)
{
    const char *uid_text = container_pairs_get(&volume->options, VOLUME_OPTION_UID),
               *gid_text = container_pairs_get(&volume->options, VOLUME_OPTION_GID);
    uint32_t uid = UINT32_MAX, gid = UINT32_MAX; /* left as they are */

    if (uid_text)
        (void)parse_uint32(str_from(uid_text), UINT32_MAX - 1, &uid);
    if (gid_text)
        (void)parse_uint32(str_from(gid_text), UINT32_MAX - 1, &gid);
    if ((uid_text || gid_text) &&
            fchownat(volume_fd, VOLUME_DATA_DIR, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(
                err, errno, NULL, "cannot change the owner of volume \"%s\"", volume->name);
    return 0;
}

int volume_remove_dir(struct engine *engine, const char *name, struct error **err)
{
    auto_close int volumes_fd = openat(
            engine->root_fd, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (volumes_fd < 0)
        return error_set(err, errno, NULL, "cannot open the directory of volumes");
    int r = fs_remove_tree(volumes_fd, name, err);
    if (r < 0)
        return error_wrap(err, r, "cannot remove the data of volume \"%s\"", name);
    return 0;
}

uint64_t volume_size(struct engine *engine, const char *name)
{
    char path[sizeof("volumes/") + LIMIT_NAME_BYTES];

    snprintf(path, sizeof(path), "volumes/%s", name);
    return fs_tree_size(engine->root_fd, path);
}

int volume_lock(struct engine *engine, const char *name, struct error **err)
{
    char lock[sizeof(VOLUME_LOCK_PREFIX) + LIMIT_NAME_BYTES];

    snprintf(lock, sizeof(lock), VOLUME_LOCK_PREFIX "%s", name);
    return engine_lock(engine, lock, true, err);
}

/* ---- Making ---- */

static const struct {
    const char *key;
} local_options[] = { { "device" }, { "o" }, { "type" }, { VOLUME_OPTION_UID },
    { VOLUME_OPTION_GID }, { VOLUME_OPTION_NO_COPY } };

static bool has_option(const struct volume_create_options *options, const char *key)
{
    return container_pairs_get(&options->options, key) != NULL;
}

/* Docker's: a device has a type, and options need both. Podman's owner is that of a directory. */
static int check_complete(const struct volume_create_options *options, struct error **err)
{
    static const char *const required[] = { "device", "type" }, *const owners[] = {
        VOLUME_OPTION_UID, VOLUME_OPTION_GID
    };
    const bool on_device = has_option(options, "device") || has_option(options, "type") ||
                           has_option(options, "o");

    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        const char *value = container_pairs_get(&options->options, owners[i]);
        uint32_t id;

        if (value && on_device)
            return error_set_plain(err, EINVAL, NULL,
                    "create %s: a volume on a device has its owner by the options of its mount",
                    options->name ? options->name : "");
        if (value && parse_uint32(str_from(value), UINT32_MAX - 1, &id) < 0)
            return error_set_plain(err, EINVAL, NULL, "create %s: invalid %s \"%s\"",
                    options->name ? options->name : "", owners[i], value);
    }
    for (size_t i = 0; on_device && i < ARRAY_LEN(required); i++)
        if (string_is_empty(container_pairs_get(&options->options, required[i])))
            return error_set_plain(err, EINVAL, NULL, "create %s: missing required option: \"%s\"",
                    options->name ? options->name : "", required[i]);
    return 0;
}

static int check_image(const struct volume_create_options *options, struct error **err)
{
    const char *name = options->name ? options->name : "";

    if (string_is_empty(container_pairs_get(&options->options, VOLUME_OPTION_IMAGE)))
        return error_set_plain(err, EINVAL, NULL,
                "create %s: must provide an image name when creating a volume with the image driver",
                name);
    for (size_t i = 0; i < options->options.len; i++)
        if (strcmp(options->options.items[i].key, VOLUME_OPTION_IMAGE) != 0)
            return error_set_plain(err, EINVAL, NULL, "create %s: invalid option: \"%s\"", name,
                    options->options.items[i].key);
    return 0;
}

static int check_options(const struct volume_create_options *options, struct error **err)
{
    if (options->name && !volume_name_is_valid(options->name))
        return error_set_plain(err, EINVAL, NULL,
                "create %s: \"%s\" includes invalid characters for a local volume name, only "
                "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, "
                "use absolute path",
                options->name, options->name);
    if (is_of_image(options))
        return check_image(options, err);
    if (options->driver && options->driver[0] && strcmp(options->driver, VOLUME_DRIVER_LOCAL) != 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "create %s: volume driver \"%s\" is not supported, only \"local\" and \"image\" are",
                options->name ? options->name : "", options->driver);
    for (size_t i = 0; i < options->options.len; i++) {
        const char *key = options->options.items[i].key;
        bool known = false;

        for (size_t k = 0; k < ARRAY_LEN(local_options); k++)
            known = known || strcmp(local_options[k].key, key) == 0;
        if (!known)
            return error_set_plain(err, EINVAL, NULL, "create %s: invalid option: \"%s\"",
                    options->name ? options->name : "", key);
    }
    return check_complete(options, err);
}

static bool pairs_equal(const struct container_pairs *a, const struct container_pairs *b)
{
    if (a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len; i++) {
        const char *value = container_pairs_get(b, a->items[i].key);

        if (!value || strcmp(value, a->items[i].value) != 0)
            return false;
    }
    return true;
}

/* 1 made, 0 was there. */
static int insert_or_find(struct engine *engine, struct arena *arena,
        const struct volume_create_options *options, struct volume *ret, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    struct volume *found = NULL;
    int made = 0;
    int r = db_begin(engine->db, &transaction, err);

    if (r < 0)
        return r;
    r = volume_lookup(engine, arena, options->name, &found, err);
    if (r < 0)
        return r;
    if (found && options->options.len > 0 && !pairs_equal(&found->options, &options->options))
        return error_set_plain(err, EEXIST, NULL, "volume \"%s\" already exists with other options",
                options->name);
    if (!found) {
        r = volume_insert(engine, options, false, err);
        if (r < 0)
            return r;
        r = volume_lookup(engine, arena, options->name, &found, err);
        if (r < 0)
            return r;
        made = 1;
    }
    r = db_commit(&transaction, err);
    if (r < 0)
        return r;
    *ret = *found;
    return made;
}

/* 1 when there was none, and there is one of the image now. */
static int fill_if_new(struct engine *engine, struct arena *arena,
        const struct volume_create_options *options, struct error **err)
{
    struct volume *found = NULL;
    int r = volume_lookup(engine, arena, options->name, &found, err);

    if (r < 0 || found)
        return r;
    r = volume_create_of_image(engine, options, err);
    return r < 0 ? r : 1;
}

int volume_create(struct engine *engine, struct arena *arena,
        const struct volume_create_options *options, struct volume *ret, struct error **err)
{
    struct volume_create_options with_name = *options;
    char id[RANDOM_ID_HEX + 1];
    int r = check_options(options, err);

    if (r < 0)
        return r;
    if (!options->name) {
        random_id(id);
        with_name.name = arena_strdup(arena, id);
    }
    const bool is_named = options->name || is_of_image(options);
    auto_close int lock = is_named ? volume_lock(engine, with_name.name, err) : -EBADF;
    if (is_named && lock < 0)
        return lock;
    int filled = is_of_image(options) ? fill_if_new(engine, arena, &with_name, err) : 0;
    if (filled < 0)
        return filled;
    r = is_named ? insert_or_find(engine, arena, &with_name, ret, err)
                 : volume_insert(engine, &with_name, true, err);
    if (r < 0)
        return r;
    r = filled > 0 ? filled : r;
    fault_point("volume.create.row");
    if (!is_named) {
        struct volume *made = NULL;

        r = volume_lookup(engine, arena, with_name.name, &made, err);
        if (r < 0)
            return r;
        *ret = *made;
        r = 1;
    }
    /* The row alone makes a volume; a directory that is missing is made by whoever needs it. */
    auto_close int fd = volume_open_dir(engine, with_name.name, err);
    if (fd >= 0 && r > 0) {
        int owned = volume_apply_owner(ret, fd, err);

        if (owned < 0)
            return owned;
    }
    if (fd >= 0 && r > 0)
        engine_event(engine, "volume", "create", with_name.name, "driver", ret->driver);
    return fd < 0 ? fd : r;
}

/* ---- Removing ---- */

/* Deletes the row if nothing uses the volume: 1 deleted, 0 no such volume. */
static int delete_row(struct engine *engine, const char *name, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_begin(engine->db, &transaction, err);

    if (r < 0)
        return r;
    r = db_query(engine->db, &stmt, err,
            "SELECT group_concat(container_id, ', ') FROM container_volumes WHERE volume = ?", "t",
            name);
    if (r < 0)
        return r;
    r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    if (r > 0 && !stmt_is_null(stmt, 0))
        return error_set_plain(
                err, EBUSY, NULL, "remove %s: volume is in use - [%s]", name, stmt_text(stmt, 0));
    int deleted = db_exec(engine->db, err, "DELETE FROM volumes WHERE name = ?", "t", name);
    if (deleted < 0)
        return deleted;
    r = db_commit(&transaction, err);
    return r < 0 ? r : deleted;
}

int volume_remove(struct engine *engine, const char *name, bool force, struct error **err)
{
    if (!volume_name_is_valid(name))
        return error_set_plain(err, ENOENT, NULL, "get %s: no such volume", name);

    /* Nobody may refill or use the directory between the row's end and its own. */
    auto_close int lock = volume_lock(engine, name, err);
    auto_(sweep_release) struct sweep sweep = SWEEP_INIT;
    if (lock < 0)
        return lock;
    int r = sweep_begin(&sweep, engine, err);
    if (r < 0)
        return r;
    r = sweep_add(&sweep, SWEEP_VOLUME, name, err);
    if (r < 0)
        return r;
    r = delete_row(engine, name, err);
    if (r < 0)
        return r;
    if (r == 0 && !force)
        return error_set_plain(err, ENOENT, NULL, "get %s: no such volume", name);
    if (r == 0)
        return 0;
    fault_point("volume.remove.row");
    r = volume_unmount(engine, name, err);
    if (r >= 0)
        r = volume_remove_dir(engine, name, err);
    if (r < 0)
        return r;
    sweep_done(&sweep);
    engine_event(engine, "volume", "destroy", name, "driver", "local");
    return 0;
}

/* ---- Listing ---- */

static bool filter_matches(const struct volume_filter *filter, const struct volume *volume)
{
    bool name_matches = !filter->names || !filter->names[0];

    for (char **name = filter->names; name && *name; name++)
        name_matches = name_matches || strstr(volume->name, *name);
    if (!name_matches)
        return false;
    for (char **label = filter->labels; label && *label; label++)
        if (!container_pairs_match(&volume->labels, *label))
            return false;
    if (filter->driver && strcmp(filter->driver, volume->driver) != 0)
        return false;
    return filter->dangling < 0 || (filter->dangling > 0) == (volume->users == 0);
}

int volume_list(struct engine *engine, struct arena *arena, const struct volume_filter *filter,
        struct volumes *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    struct volumes volumes = { 0 };
    int r = db_query(
            engine->db, &stmt, err, "SELECT " VOLUME_COLUMNS " FROM volumes v ORDER BY v.name", "");

    if (r < 0)
        return r;
    while ((r = stmt_step(stmt, err)) > 0) {
        struct volume volume;

        r = read_row(engine, arena, stmt, &volume, err);
        if (r < 0)
            return r;
        if (!filter || filter_matches(filter, &volume))
            *ARRAY_APPEND_ARENA(arena, &volumes) = volume;
    }
    if (r < 0)
        return r;
    *ret = volumes;
    return 0;
}

json_t *volume_inspect(const struct volume *volume)
{
    char created[TIME_RFC3339_MAX];

    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:s}", "CreatedAt",
            time_format_rfc3339(volume->created_nsec / NSEC_PER_SEC * NSEC_PER_SEC, created),
            "Driver", volume->driver, "Labels",
            volume->labels.len ? container_pairs_to_json(&volume->labels) : json_null(),
            "Mountpoint", volume->mountpoint, "Name", volume->name, "Options",
            volume->options.len ? container_pairs_to_json(&volume->options) : json_null(), "Scope",
            "local");
}

static const char *label_of(const void *labels, const char *key)
{
    return container_pairs_get(labels, key);
}

int volume_prune(struct engine *engine, struct arena *arena, bool all,
        const struct prune_filter *prune, struct strings *ret_names, uint64_t *ret_bytes,
        struct error **err)
{
    struct volume_filter filter = { .dangling = 1 };
    struct volumes volumes = { 0 };
    struct strings names = { 0 };
    uint64_t bytes = 0;
    int r = volume_list(engine, arena, &filter, &volumes, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < volumes.len; i++) {
        auto_error struct error *cause = NULL;
        uint64_t size;

        if ((!all && !volumes.items[i].anonymous) ||
                !prune_filter_takes(
                        prune, volumes.items[i].created_nsec, label_of, &volumes.items[i].labels))
            continue;
        size = volume_size(engine, volumes.items[i].name);
        r = volume_remove(engine, volumes.items[i].name, true, &cause);
        if (r == -EBUSY)
            continue; /* a container took it since it was listed; documented at volume_remove */
        if (r < 0)
            return error_move(err, TAKE(cause));
        *ARRAY_APPEND_ARENA(arena, &names) = (char *)volumes.items[i].name;
        bytes += size;
    }
    *ret_names = names;
    *ret_bytes = bytes;
    return 0;
}
