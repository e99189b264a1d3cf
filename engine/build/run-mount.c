#include "engine/build/run-mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/build/build.h"
#include "engine/build/cache.h"
#include "engine/engine-internal.h"
#include "engine/rootfs/copy.h"

#define CACHES_DIR "build-caches"
#define CACHE_NAME_HEX 32
#define PRIVATE_CACHES_MAX 64
#define CACHE_POLL_MSEC 50
#define SECRET_MAX_BYTES (500u * 1024) /* as with BuildKit */
#define MODE_UNSET UINT32_MAX
#define OWNER_UNSET UINT32_MAX

enum run_mount_type {
    RUN_MOUNT_BIND,
    RUN_MOUNT_CACHE,
    RUN_MOUNT_TMPFS,
    RUN_MOUNT_SECRET,
    RUN_MOUNT_SSH,
    RUN_MOUNT_MAX_,
};
static const char *const type_names[] = {
    [RUN_MOUNT_BIND] = "bind",
    [RUN_MOUNT_CACHE] = "cache",
    [RUN_MOUNT_TMPFS] = "tmpfs",
    [RUN_MOUNT_SECRET] = "secret",
    [RUN_MOUNT_SSH] = "ssh",
};
_Static_assert(ARRAY_LEN(type_names) == RUN_MOUNT_MAX_, "name every type");

/* From the least to the most that others are kept away. */
enum run_mount_sharing { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED, SHARING_MAX_ };
static const char *const sharing_names[] = {
    [SHARING_SHARED] = "shared", [SHARING_PRIVATE] = "private", [SHARING_LOCKED] = "locked"
};
_Static_assert(ARRAY_LEN(sharing_names) == SHARING_MAX_, "name every way");

struct run_mount {
    enum run_mount_type type;
    const struct instruction *instruction;
    const char *target; /* absolute */
    const char *id;
    const char *from, *source;
    const struct source_tree
            *tree;    /* bind, and a cache that begins with something; NULL: nothing */
    const char *path; /* in the tree */
    bool from_image;  /* owners are kept */
    int read_only;    /* -1: as the type has it */
    bool required;
    enum run_mount_sharing sharing;
    uint64_t size_bytes;
    uint32_t mode;     /* or MODE_UNSET */
    uint32_t uid, gid; /* or OWNER_UNSET */
};

/* ---- reading ---- */

enum key {
    KEY_TYPE,
    KEY_TARGET,
    KEY_SOURCE,
    KEY_FROM,
    KEY_ID,
    KEY_READ_ONLY,
    KEY_WRITABLE,
    KEY_REQUIRED,
    KEY_SHARING,
    KEY_SIZE,
    KEY_MODE,
    KEY_UID,
    KEY_GID,
};

#define BIT(type) (1u << RUN_MOUNT_##type)
static const struct {
    const char *name;
    enum key key;
    unsigned types; /* that have it */
} keys[] = {
    { "type", KEY_TYPE, ~0u },
    { "target", KEY_TARGET, ~0u },
    { "dst", KEY_TARGET, ~0u },
    { "destination", KEY_TARGET, ~0u },
    { "source", KEY_SOURCE, BIT(BIND) | BIT(CACHE) },
    { "src", KEY_SOURCE, BIT(BIND) | BIT(CACHE) },
    { "from", KEY_FROM, BIT(BIND) | BIT(CACHE) },
    { "id", KEY_ID, BIT(CACHE) | BIT(SECRET) | BIT(SSH) },
    { "ro", KEY_READ_ONLY, BIT(BIND) | BIT(CACHE) },
    { "readonly", KEY_READ_ONLY, BIT(BIND) | BIT(CACHE) },
    { "rw", KEY_WRITABLE, BIT(BIND) | BIT(CACHE) },
    { "readwrite", KEY_WRITABLE, BIT(BIND) | BIT(CACHE) },
    { "required", KEY_REQUIRED, BIT(SECRET) | BIT(SSH) },
    { "sharing", KEY_SHARING, BIT(CACHE) },
    { "size", KEY_SIZE, BIT(TMPFS) },
    { "mode", KEY_MODE, BIT(CACHE) | BIT(SECRET) },
    { "uid", KEY_UID, BIT(CACHE) | BIT(SECRET) },
    { "gid", KEY_GID, BIT(CACHE) | BIT(SECRET) },
};
#undef BIT

static int bad_value(
        const struct run_mount *m, const char *name, const char *value, struct error **err)
{
    return error_set_plain(err, EINVAL, &m->instruction->at, "RUN --mount: invalid %s \"%s\"", name,
            value ? value : "");
}

/* `value` is NULL where a name stands alone, which is true for what is true or false. */
static int read_key(
        struct run_mount *m, enum key key, const char *name, const char *value, struct error **err)
{
    struct str text = str_from(value ? value : "");
    bool flag = true;
    int r = 0;

    switch (key) {
    case KEY_TYPE: /* was read first */
        return 0;
    case KEY_TARGET:
        m->target = value;
        break;
    case KEY_SOURCE:
        m->source = value;
        break;
    case KEY_FROM:
        m->from = value;
        break;
    case KEY_ID:
        m->id = value;
        break;
    case KEY_READ_ONLY:
    case KEY_WRITABLE:
        r = value ? parse_bool(text, &flag) : 0;
        m->read_only = (key == KEY_READ_ONLY) == flag;
        return r < 0 ? bad_value(m, name, value, err) : 0;
    case KEY_REQUIRED:
        r = value ? parse_bool(text, &m->required) : 0;
        m->required |= !value;
        return r < 0 ? bad_value(m, name, value, err) : 0;
    case KEY_SHARING:
        r = parse_name(text, sharing_names, SHARING_MAX_);
        m->sharing = r < 0 ? SHARING_SHARED : (enum run_mount_sharing)r;
        break;
    case KEY_SIZE:
        r = parse_size_bytes(text, &m->size_bytes);
        break;
    case KEY_MODE:
        r = parse_octal(text, 07777, &m->mode);
        break;
    case KEY_UID:
        r = parse_uint32(text, INT32_MAX, &m->uid);
        break;
    case KEY_GID:
        r = parse_uint32(text, INT32_MAX, &m->gid);
        break;
    }
    return r < 0 || string_is_empty(value) ? bad_value(m, name, value, err) : 0;
}

/* "name=value" or "name"; false at the end. */
static bool next_field(
        struct arena *arena, struct str *rest, const char **ret_name, const char **ret_value)
{
    struct str field;

    if (!str_split_next(rest, ',', &field))
        return false;
    const char *equals = memchr(field.data, '=', field.len);
    size_t len = equals ? (size_t)(equals - field.data) : field.len;

    *ret_name = arena_strndup(arena, field.data, len);
    *ret_value = equals ? arena_strndup(arena, equals + 1, field.len - len - 1) : NULL;
    return true;
}

static int read_type(struct arena *arena, const char *text, struct run_mount *m, struct error **err)
{
    struct str rest = str_from(text);
    const char *name, *value;

    while (next_field(arena, &rest, &name, &value)) {
        if (!string_is_equal(name, "type"))
            continue;
        int type = value ? parse_name(str_from(value), type_names, RUN_MOUNT_MAX_) : -EINVAL;

        if (type < 0)
            return bad_value(m, "type", value, err);
        m->type = (enum run_mount_type)type;
    }
    return 0;
}

static int read_fields(
        const struct stage_state *stage, const char *text, struct run_mount *m, struct error **err)
{
    struct str rest = str_from(text);
    const char *name, *value;

    while (next_field(stage->arena, &rest, &name, &value)) {
        size_t k = 0;
        char *expanded = NULL;

        while (k < ARRAY_LEN(keys) &&
                (!string_is_equal(keys[k].name, name) || !(keys[k].types & (1u << m->type))))
            k++;
        if (k == ARRAY_LEN(keys))
            return error_set_plain(err, EOPNOTSUPP, &m->instruction->at,
                    "RUN --mount=type=%s: \"%s\" is not supported", type_names[m->type], name);
        int r = value ? stage_expand(stage, m->instruction, value, &expanded, err) : 0;
        if (r >= 0)
            r = read_key(m, keys[k].key, name, expanded, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What is not said, and where it is. `agents` counts those without a target. */
static int complete(
        const struct stage_state *stage, struct run_mount *m, unsigned *agents, struct error **err)
{
    const char *given = m->target;

    if (m->type == RUN_MOUNT_SECRET) {
        if (!m->id)
            m->id = given ? path_last(given) : NULL;
        if (!given && m->id)
            given = arena_printf(stage->arena, "/run/secrets/%s", m->id);
    } else if (m->type == RUN_MOUNT_SSH) {
        if (!m->id)
            m->id = "default";
        if (!given)
            given = arena_printf(stage->arena, "/run/buildkit/ssh_agent.%u", (*agents)++);
    }
    if (!given)
        return error_set_plain(err, EINVAL, &m->instruction->at, "RUN --mount=type=%s needs a %s",
                type_names[m->type], m->type == RUN_MOUNT_SECRET ? "id" : "target");
    m->target = path_clean(stage->arena, path_join(stage->arena, stage_working_dir(stage), given));
    if (string_is_equal(m->target, "/"))
        return error_set_plain(
                err, EINVAL, &m->instruction->at, "RUN --mount: the target cannot be \"/\"");
    if (m->type == RUN_MOUNT_CACHE && !m->id)
        m->id = m->target;
    return 0;
}

static int find_files(const struct step_context *context, const struct stage_state *stage,
        struct run_mount *m, struct strbuf *key, struct error **err)
{
    auto_(digest_free_p) struct digest *digest = NULL;
    const char *pattern = m->source ? m->source : "/";
    struct strings paths = { 0 };
    char text[DIGEST_TEXT_MAX];
    int r = 0;

    if (m->type == RUN_MOUNT_CACHE && !m->from && !m->source)
        return 0;
    m->tree = context->context;
    m->from_image = m->from != NULL;
    if (m->from)
        r = context->find_source(context->userdata, m->from, &m->tree, err);
    if (r >= 0)
        r = source_match(stage->arena, m->tree, pattern, NULL, &paths, err);
    if (r < 0)
        return r;
    if (paths.len != 1)
        return error_set_plain(err, EINVAL, &m->instruction->at,
                "RUN --mount: the source \"%s\" names more than one", pattern);
    m->path = paths.items[0];
    if (m->type != RUN_MOUNT_BIND)
        return 0;
    r = digest_new("sha256", &digest, err);
    if (r >= 0)
        r = source_hash(context->engine, m->tree, m->path, NULL, m->from_image, digest, err);
    if (r < 0)
        return r;
    digest_finish(digest, text);
    strbuf_addf(key, " %s", text);
    return 0;
}

static int read_mount(const struct step_context *context, const struct stage_state *stage,
        const char *text, struct run_mount *m, unsigned *agents, struct strbuf *key,
        struct error **err)
{
    int r = read_type(stage->arena, text, m, err);

    if (r >= 0)
        r = read_fields(stage, text, m, err);
    if (r >= 0)
        r = complete(stage, m, agents, err);
    if (r < 0)
        return r;
    strbuf_addf(key, "\nmount=%s %s %s %s %s %d %u %u %u %llu", type_names[m->type], m->target,
            m->id ? m->id : "", m->from ? m->from : "", m->source ? m->source : "", m->read_only,
            m->mode, m->uid, m->gid, (unsigned long long)m->size_bytes);
    return m->type == RUN_MOUNT_BIND || m->type == RUN_MOUNT_CACHE
                   ? find_files(context, stage, m, key, err)
                   : 0;
}

int run_mounts_prepare(const struct step_context *context, const struct stage_state *stage,
        const struct instruction *instruction, struct run_mounts *ret, struct strbuf *key,
        struct error **err)
{
    unsigned agents = 0;
    int r = 0;

    for (size_t i = 0; i < instruction->flag_count && r >= 0; i++) {
        const struct instruction_flag *flag = &instruction->flags[i];

        if (!string_is_equal(flag->name, "mount"))
            continue;
        struct run_mount *m = ARRAY_APPEND_ARENA(stage->arena, ret);

        *m = (struct run_mount){ .instruction = instruction,
            .read_only = -1,
            .mode = MODE_UNSET,
            .uid = OWNER_UNSET,
            .gid = OWNER_UNSET };
        r = read_mount(context, stage, flag->value ? flag->value : "", m, &agents, key, err);
    }
    return r;
}

void run_mount_sources(
        struct arena *arena, const struct instruction *instruction, struct strings *ret)
{
    for (size_t i = 0; i < instruction->flag_count; i++) {
        const struct instruction_flag *flag = &instruction->flags[i];
        struct str rest = str_from(flag->value ? flag->value : "");
        const char *name, *value;

        if (!string_is_equal(flag->name, "mount"))
            continue;
        while (next_field(arena, &rest, &name, &value))
            if (string_is_equal(name, "from") && value)
                *ARRAY_APPEND_ARENA(arena, ret) = (char *)value;
    }
}

const char *run_mount_target(const struct run_mounts *mounts, size_t i)
{
    return mounts->items[i].target;
}

/* ---- files ---- */

static int copy_files(const struct step_context *context, const struct run_mount *m, int dir_fd,
        const char *name, struct error **err)
{
    struct source_copy copy = { .keep_owner = m->from_image, .mode = TREE_COPY_KEEP_MODE };

    return source_copy(context->engine, m->tree, m->path, dir_fd, name, false, &copy, err);
}

static int attach_files(const struct step_context *context, const struct run_mount *m, size_t index,
        struct run_mounted *mounted, struct container_mount *ret, struct error **err)
{
    char name[32];
    int r = mounted->work.fd < 0 ? store_work_begin(context->engine, &mounted->work, err) : 0;

    if (r < 0)
        return r;
    snprintf(name, sizeof(name), "mount-%zu", index);
    r = copy_files(context, m, mounted->work.fd, name, err);
    ret->type = CONTAINER_MOUNT_BIND;
    ret->read_only = m->read_only != 0;
    ret->source = arena_printf(context->arena, "%s/" STORE_TMP "/%s/%s",
            context->engine->options.root_dir, mounted->work.name, name);
    return r;
}

static uint32_t given_owner(uint32_t given, uint32_t otherwise)
{
    return given != OWNER_UNSET ? given : otherwise;
}

/* ---- caches ---- */

/* A cache of one step, however many of its mounts show it. */
struct run_cache {
    const struct run_mount *mount; /* the first */
    const char *base;              /* what its id is below CACHES_DIR */
    const char *name;              /* likewise; with a number, when private and others use it */
    enum run_mount_sharing sharing;
    int lock;
};

/* The cache's first content, whole or not at all. The caller holds its lock exclusively. */
static int fill_cache(const struct step_context *context, const struct run_mount *m, int dir_fd,
        struct error **err)
{
    int r = fs_remove_tree(dir_fd, "new", err);

    if (r >= 0 && m->tree)
        r = copy_files(context, m, dir_fd, "new", err);
    if (r < 0)
        return r;
    if (!m->tree && mkdirat(dir_fd, "new", 0700) < 0)
        return error_set(err, errno, NULL, "cannot make the cache \"%s\"", m->id);
    if (fchownat(dir_fd, "new", given_owner(m->uid, 0), given_owner(m->gid, 0),
                AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(dir_fd, "new", m->mode == MODE_UNSET ? 0755 : m->mode, 0) < 0 ||
            renameat(dir_fd, "new", dir_fd, "data") < 0)
        return error_set(err, errno, NULL, "cannot make the cache \"%s\"", m->id);
    return 0;
}

/* The lock of a cache. -EWOULDBLOCK without an error object when others have it and `wait` is not set. */
static int take_lock(
        const struct engine *engine, int dir_fd, bool exclusive, bool wait, struct error **err)
{
    struct pollfd cancel = { .fd = engine->options.cancel_fd > 0 ? engine->options.cancel_fd : -1,
        .events = POLLIN };

    /* Not by a flock that waits: it would not end with the build. */
    for (;;) {
        int r = engine_check_cancelled(engine, err);

        if (r < 0)
            return r;
        int lock = fs_lock(dir_fd, "lock", exclusive, false);
        if (lock >= 0 || (lock == -EWOULDBLOCK && !wait))
            return lock;
        if (lock != -EWOULDBLOCK)
            return error_set(err, -lock, NULL, "cannot take its lock");
        (void)poll(&cancel, 1, CACHE_POLL_MSEC);
    }
}

/* Locks the cache under its name, and fills it when it is new. -EWOULDBLOCK as with take_lock. */
static int open_cache(
        const struct step_context *context, struct run_cache *cache, bool wait, struct error **err)
{
    const char *path = arena_printf(context->arena, CACHES_DIR "/%s", cache->name);
    auto_close int dir_fd = fs_mkdir_parents(context->engine->root_fd, path, 0700, err);
    bool shared = cache->sharing == SHARING_SHARED, exclusive = !shared;
    struct stat st;

    if (dir_fd < 0)
        return dir_fd;
    /* A shared one is locked exclusively only to fill it. As no flock changes its kind without a gap, in which the
     * cache may be pruned, each kind is taken afresh and looks again. */
    for (;;) {
        auto_close int lock = take_lock(context->engine, dir_fd, exclusive, wait, err);

        if (lock == -EWOULDBLOCK)
            return lock;
        if (lock < 0)
            return error_wrap(err, lock, "cannot lock the cache \"%s\"", cache->mount->id);
        bool is_filled = fstatat(dir_fd, "data", &st, AT_SYMLINK_NOFOLLOW) == 0;
        int r = is_filled || !exclusive ? 0 : fill_cache(context, cache->mount, dir_fd, err);
        if (r < 0)
            return r;
        if (exclusive == !shared && (is_filled || exclusive)) {
            (void)futimens(lock, NULL); /* when it was used, for prune_cache */
            cache->lock = TAKE_FD(lock);
            return 0;
        }
        exclusive = !exclusive;
    }
}

static int lock_cache(
        const struct step_context *context, struct run_cache *cache, struct error **err)
{
    int r = -EWOULDBLOCK;

    for (unsigned i = 0; i < PRIVATE_CACHES_MAX && r == -EWOULDBLOCK; i++) {
        bool last = cache->sharing != SHARING_PRIVATE || i + 1 == PRIVATE_CACHES_MAX;

        cache->name = arena_printf(context->arena, i ? "%s-%u" : "%s", cache->base, i);
        r = open_cache(context, cache, last, err);
    }
    return r;
}

static struct run_cache *find_cache(const struct run_mounted *mounted, const char *id)
{
    for (size_t i = 0; i < mounted->caches.len; i++)
        if (string_is_equal(mounted->caches.items[i].mount->id, id))
            return &mounted->caches.items[i];
    return NULL;
}

static int compare_caches(const void *a, const void *b)
{
    return strcmp(((const struct run_cache *)a)->base, ((const struct run_cache *)b)->base);
}

/* Each once, the way that shares least of those asked for; in the order of their names, so that no two builds wait for
 * each other. */
static int lock_caches(const struct step_context *context, const struct run_mounts *mounts,
        struct run_mounted *mounted, struct error **err)
{
    char digest[DIGEST_TEXT_MAX];
    int r = 0;

    for (size_t i = 0; i < mounts->len; i++) {
        const struct run_mount *m = &mounts->items[i];
        struct run_cache *cache = m->type == RUN_MOUNT_CACHE ? find_cache(mounted, m->id) : NULL;

        if (m->type != RUN_MOUNT_CACHE)
            continue;
        if (cache) {
            cache->sharing = m->sharing > cache->sharing ? m->sharing : cache->sharing;
            continue;
        }
        digest_sha256(m->id, strlen(m->id), digest);
        const char *hex = strchr(digest, ':') ? strchr(digest, ':') + 1 : digest;
        *ARRAY_APPEND(&mounted->caches) = (struct run_cache){ .mount = m,
            .base = arena_strndup(context->arena, hex, CACHE_NAME_HEX),
            .sharing = m->sharing,
            .lock = -EBADF };
    }
    if (mounted->caches.len > 1)
        qsort(mounted->caches.items, mounted->caches.len, sizeof(*mounted->caches.items),
                compare_caches);
    for (size_t i = 0; i < mounted->caches.len && r >= 0; i++)
        r = lock_cache(context, &mounted->caches.items[i], err);
    return r;
}

static void attach_cache(const struct step_context *context, const struct run_mount *m,
        const struct run_mounted *mounted, struct container_mount *ret)
{
    ret->type = CONTAINER_MOUNT_BIND;
    ret->read_only = m->read_only == 1;
    ret->source = arena_printf(context->arena, "%s/" CACHES_DIR "/%s/data",
            context->engine->options.root_dir, find_cache(mounted, m->id)->name);
}

static int prune_cache(int dir_fd, int64_t before_nsec, uint64_t *ret_bytes, struct error **err)
{
    struct stat st;

    *ret_bytes = 0;
    if (fstatat(dir_fd, "data", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    auto_close int lock = fs_lock(dir_fd, "lock", true, false);
    if (lock < 0 || fstat(lock, &st) < 0 ||
            st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec >= before_nsec)
        return 0;
    *ret_bytes = fs_tree_size(dir_fd, "data");
    int r = fs_remove_tree(dir_fd, "data", err);
    return r < 0 ? r : 1;
}

int run_caches_prune(struct engine *engine, struct arena *arena, int64_t before_nsec,
        struct build_cache_pruned *ret, struct error **err)
{
    auto_closedir DIR *dir = NULL;
    int fd = openat(engine->root_fd, CACHES_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const struct dirent *entry;
    int r = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : error_set(err, errno, NULL, "cannot look at the caches");
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return error_set(err, ENOMEM, NULL, "cannot look at the caches");
    }
    while (r >= 0 && (entry = readdir(dir))) {
        uint64_t bytes;

        if (*entry->d_name == '.')
            continue;
        auto_close int cache_fd = openat(
                fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (cache_fd < 0)
            continue;
        r = prune_cache(cache_fd, before_nsec, &bytes, err);
        if (r == 1) {
            *ARRAY_APPEND_ARENA(arena, &ret->keys) = arena_strdup(arena, entry->d_name);
            ret->bytes += bytes;
        }
    }
    return r < 0 ? r : 0;
}

int run_caches_expire(struct engine *engine, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct build_cache_pruned pruned = { 0 };

    return run_caches_prune(engine, &arena,
            time_realtime_nsec() - INT64_C(86400) * BUILD_CACHE_KEEP_DAYS * NSEC_PER_SEC, &pruned,
            err);
}

/* ---- secrets and agents ---- */

static int missing(const struct run_mount *m, const char *what, struct error **err)
{
    return error_set_plain(err, ENOENT, &m->instruction->at,
            "RUN --mount: the build has no %s \"%s\"", what, m->id);
}

/* 1: there is a file; 0: there is no such secret, and none is required. */
static int attach_secret(const struct step_context *context, const struct run_mount *m,
        struct run_mounted *mounted, struct container_file *ret, struct error **err)
{
    const struct build_secret *secret = NULL;
    auto_free char *data = NULL;
    size_t len = 0;

    for (size_t i = 0; i < context->options->secret_count; i++)
        if (string_is_equal(context->options->secrets[i].id, m->id))
            secret = &context->options->secrets[i];
    if (!secret)
        return m->required ? missing(m, "secret", err) : 0;
    *ret = (struct container_file){ .target = m->target,
        .content = secret->value,
        .content_len = secret->value ? strlen(secret->value) : 0,
        .mode = m->mode != MODE_UNSET ? (int32_t)m->mode
                : secret->mode >= 0   ? secret->mode
                                      : 0400,
        .uid = given_owner(m->uid, secret->uid),
        .gid = given_owner(m->gid, secret->gid),
        .is_secret = true };
    int r = secret->value
                    ? 0
                    : fs_read_file(AT_FDCWD, secret->path, SECRET_MAX_BYTES, &data, &len, err);
    if (r < 0)
        return error_wrap(err, r, "cannot read the secret \"%s\"", m->id);
    if (data) {
        ret->content = data;
        ret->content_len = len;
    }
    r = run_secrets_add(&mounted->secrets, context->engine, context->arena, ret, err);
    if (data)
        explicit_bzero(data, len);
    return r < 0 ? r : 1;
}

/* 1: there is an agent; 0: there is none, and none is required. */
static int attach_agent(const struct step_context *context, const struct run_mount *m,
        struct container_mount *ret, struct error **err)
{
    const struct build_pair *agent = NULL;
    struct stat st;

    for (size_t i = 0; i < context->options->ssh_count; i++)
        if (string_is_equal(context->options->ssh[i].name, m->id))
            agent = &context->options->ssh[i];
    if (!agent)
        return m->required ? missing(m, "SSH agent", err) : 0;
    if (stat(agent->value, &st) < 0)
        return error_set(err, errno, NULL, "cannot find the SSH agent at \"%s\"", agent->value);
    if (!S_ISSOCK(st.st_mode)) {
        int r = error_set_plain(err, EOPNOTSUPP, NULL,
                "the SSH key \"%s\": only the socket of an agent is supported", agent->value);

        error_hint(err, "add the key to an agent (ssh-add) and pass that on");
        return r;
    }
    ret->type = CONTAINER_MOUNT_BIND;
    ret->source = agent->value;
    return 1;
}

/* ---- all ---- */

struct variables {
    char **items;
    size_t len, cap;
};

/* The first agent is the one that programs find. */
static void add_agent_variable(
        const struct step_context *context, struct container_config *config, const char *target)
{
    struct variables env = { 0 };

    for (char **variable = config->env; variable && *variable; variable++) {
        if (string_has_prefix(*variable, "SSH_AUTH_SOCK="))
            return;
        *ARRAY_APPEND_ARENA(context->arena, &env) = *variable;
    }
    *ARRAY_APPEND_ARENA(context->arena, &env) = arena_printf(
            context->arena, "SSH_AUTH_SOCK=%s", target);
    *ARRAY_APPEND_ARENA(context->arena, &env) = NULL;
    config->env = env.items;
}

static int attach(const struct step_context *context, const struct run_mount *m, size_t index,
        struct run_mounted *mounted, struct container_mount *ret, struct error **err)
{
    int r;

    *ret = (struct container_mount){ .target = m->target, .tmpfs_mode = -1 };
    switch (m->type) {
    case RUN_MOUNT_BIND:
        r = attach_files(context, m, index, mounted, ret, err);
        return r < 0 ? r : 1;
    case RUN_MOUNT_CACHE:
        attach_cache(context, m, mounted, ret);
        return 1;
    case RUN_MOUNT_TMPFS:
        ret->type = CONTAINER_MOUNT_TMPFS;
        ret->tmpfs_size_bytes = m->size_bytes;
        return 1;
    case RUN_MOUNT_SSH:
        return attach_agent(context, m, ret, err);
    case RUN_MOUNT_SECRET:
    case RUN_MOUNT_MAX_:
        break;
    }
    return 0;
}

int run_mounts_attach(const struct step_context *context, const struct run_mounts *mounts,
        struct run_mounted *ret, struct container_config *config, struct error **err)
{
    struct container_mounts all = { 0 };
    struct container_files files = { 0 };
    int r = lock_caches(context, mounts, ret, err);

    ARRAY_FOREACH(&config->mounts, mount)
        *ARRAY_APPEND_ARENA(context->arena, &all) = *mount;
    ARRAY_FOREACH(&config->files, file)
        *ARRAY_APPEND_ARENA(context->arena, &files) = *file;
    for (size_t i = 0; i < mounts->len && r >= 0; i++) {
        const struct run_mount *m = &mounts->items[i];
        struct container_mount mount;
        struct container_file file;

        r = m->type == RUN_MOUNT_SECRET ? attach_secret(context, m, ret, &file, err)
                                        : attach(context, m, i, ret, &mount, err);
        if (r == 1 && m->type == RUN_MOUNT_SECRET)
            *ARRAY_APPEND_ARENA(context->arena, &files) = file;
        else if (r == 1)
            *ARRAY_APPEND_ARENA(context->arena, &all) = mount;
        if (r == 1 && m->type == RUN_MOUNT_SSH)
            add_agent_variable(context, config, m->target);
    }
    if (r < 0)
        return r;
    config->mounts = all;
    config->files = files;
    return 0;
}

void run_mounted_release(struct run_mounted *mounted)
{
    ARRAY_FOREACH(&mounted->caches, cache)
        fd_close(cache->lock);
    ARRAY_RELEASE(&mounted->caches);
    run_secrets_release(&mounted->secrets);
    store_work_end(&mounted->work);
}
