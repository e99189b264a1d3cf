/* --userns=auto: ids for a container that no other container has, out of those that /etc/subuid and /etc/subgid give
 * to "containers", as Podman does it. A container has them from its creation to its removal, in its row. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/container/root-internal.h"
#include "engine/container/user-namespace.h"

#define AUTO_USER "containers"
#define SIZE_MIN 1024u
#define SIZE_MAX_AUTO 65536u
#define IDS_FILE_MAX_BYTES (1u << 20)

struct range {
    uint64_t start, end; /* without the end */
};
struct ranges {
    struct range *items;
    size_t len, cap;
};

/* ---- How many ---- */

/* Number `field` of a line of passwd or group, one above it, or 0. */
static uint32_t id_of_line(struct str line, unsigned field)
{
    struct str piece;
    uint32_t id;

    for (unsigned i = 0; str_split_next(&line, ':', &piece); i++) {
        /* Nobody's number is at the end of the range, and nobody has files. */
        if (i == 0 && (str_is_equal_z(piece, "nobody") || str_is_equal_z(piece, "nogroup")))
            return 0;
        if (i == field)
            return parse_uint32(piece, UINT32_MAX - 1, &id) < 0 ? 0 : id + 1;
    }
    return 0;
}

static uint32_t count_in_file(int root_fd, const char *path, unsigned last_field)
{
    auto_close int fd = fs_try_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    auto_free char *text = NULL;
    struct stat st;
    struct str rest, line;
    uint32_t count = 0;
    size_t len;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
            fs_read_fd(fd, IDS_FILE_MAX_BYTES, &text, &len, NULL) < 0)
        return 0;
    rest = (struct str){ text, len };
    while (str_split_next(&rest, '\n', &line))
        for (unsigned field = 2; field <= last_field; field++) {
            uint32_t wanted = id_of_line(line, field);

            count = wanted > count ? wanted : count;
        }
    return count;
}

int container_size_ids(struct engine *engine, const char *image_id, struct container_config *config,
        struct error **err)
{
    uint32_t user = 0, size = SIZE_MIN;
    struct str rest = str_from(config->user ? config->user : ""), word;

    if (!config->auto_ids || config->auto_ids_size)
        return 0;
    auto_close int root_fd = container_base_open(engine, image_id, config, err);
    if (root_fd < 0)
        return error_wrap(err, root_fd, "cannot look for the users of the image");
    uint32_t counts[] = { count_in_file(root_fd, "etc/passwd", 3),
        count_in_file(root_fd, "etc/group", 2) };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        size = counts[i] > size ? counts[i] : size;
    while (str_split_next(&rest, ':', &word))
        if (parse_uint32(word, UINT32_MAX - 1, &user) >= 0 && user >= size)
            size = user + 1;
    if (size > SIZE_MAX_AUTO)
        return error_set_plain(err, EINVAL, NULL,
                "the image's users need %u ids, --userns=auto chooses at most %u: give size=", size,
                SIZE_MAX_AUTO);
    config->auto_ids_size = size;
    return 0;
}

/* ---- Which ---- */

/* What a file such as /etc/subuid gives to a user. */
static int read_own_ranges(struct arena *arena, const char *path, const char *user,
        struct ranges *ret, struct error **err)
{
    auto_free char *text = NULL;
    struct str rest, line, name, start_text;
    uint32_t start, count;
    size_t len = 0;

    (void)fs_read_file(AT_FDCWD, path, IDS_FILE_MAX_BYTES, &text, &len, NULL);
    rest = (struct str){ text, len };
    while (text && str_split_next(&rest, '\n', &line))
        if (str_split_next(&line, ':', &name) && str_is_equal_z(name, user) &&
                str_split_next(&line, ':', &start_text) &&
                parse_uint32(start_text, UINT32_MAX - 1, &start) >= 0 &&
                parse_uint32(line, UINT32_MAX, &count) >= 0)
            *ARRAY_APPEND_ARENA(arena, ret) = (struct range){ start,
                (uint64_t)start + count > UINT32_MAX ? UINT32_MAX : (uint64_t)start + count };
    if (ret->len > 0)
        return 0;
    int r = error_set_plain(err, ENOENT, NULL, "%s has no ids for the user \"%s\"", path, user);
    error_hint(err, "add a line such as %s:2147483647:2147483648", user);
    return r;
}

int container_named_maps(
        struct arena *arena, const char *path, const char *user, char ***ret, struct error **err)
{
    struct strings maps = { 0 };
    struct ranges ranges = { 0 };
    uint64_t at = 0;
    int r = read_own_ranges(arena, path, user, &ranges, err);

    if (r < 0)
        return r;
    ARRAY_FOREACH(&ranges, range) {
        *ARRAY_APPEND_ARENA(arena, &maps) = arena_printf(arena, "%llu:%llu:%llu",
                (unsigned long long)at, (unsigned long long)range->start,
                (unsigned long long)(range->end - range->start));
        at += range->end - range->start;
    }
    *ARRAY_APPEND_ARENA(arena, &maps) = NULL;
    *ret = maps.items;
    return 0;
}

static int add_used(struct arena *arena, char *const *maps, struct ranges *ret)
{
    for (; maps && *maps; maps++) {
        struct id_mapping m;
        int r = id_mapping_parse("uidmap", *maps, &m, NULL);

        if (r < 0)
            return r;
        *ARRAY_APPEND_ARENA(arena, ret) = (struct range){ m.host_id, (uint64_t)m.host_id + m.size };
    }
    return 0;
}

static int read_used(struct engine *engine, struct arena *arena, struct ranges *uids,
        struct ranges *gids, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT config FROM containers WHERE json_extract(config, '$.uid_maps') IS NOT NULL",
            "");

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        struct container_config config = CONTAINER_CONFIG_INIT;

        r = container_config_from_text(arena, stmt_text(stmt, 0), &config, err);
        if (r < 0)
            return r;
        (void)add_used(arena, config.uid_maps, uids);
        (void)add_used(arena, config.gid_maps ? config.gid_maps : config.uid_maps, gids);
    }
    return r;
}

static int compare_start(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* The first gap of that size, or -ENOSPC. */
static int find_gap(const struct ranges *own, struct ranges *used, uint32_t size, uint32_t *ret)
{
    if (used->len)
        qsort(used->items, used->len, sizeof(*used->items), compare_start);
    for (size_t i = 0; i < own->len; i++) {
        uint64_t at = own->items[i].start;

        for (size_t k = 0; k < used->len; k++)
            if (used->items[k].start < at + size && used->items[k].end > at)
                at = used->items[k].end;
        if (at + size <= own->items[i].end) {
            *ret = (uint32_t)at;
            return 0;
        }
    }
    return -ENOSPC;
}

/* "0:START:SIZE", or in parts around what `fixed` maps already. */
static char **build_maps(struct arena *arena, char *const *fixed, uint32_t start, uint32_t size)
{
    struct strings maps = { 0 };
    struct ranges taken = { 0 };
    uint64_t at = 0, host = start;

    for (char *const *text = fixed; text && *text; text++) {
        struct id_mapping m;

        *ARRAY_APPEND_ARENA(arena, &maps) = *text;
        if (id_mapping_parse("uidmap", *text, &m, NULL) >= 0)
            *ARRAY_APPEND_ARENA(arena, &taken) = (struct range){ m.container_id,
                (uint64_t)m.container_id + m.size };
    }
    if (taken.len)
        qsort(taken.items, taken.len, sizeof(*taken.items), compare_start);
    for (size_t i = 0; i <= taken.len && at < size; i++) {
        uint64_t end = i < taken.len && taken.items[i].start < size ? taken.items[i].start : size;

        if (end > at)
            *ARRAY_APPEND_ARENA(arena, &maps) = arena_printf(arena, "%llu:%llu:%llu",
                    (unsigned long long)at, (unsigned long long)host,
                    (unsigned long long)(end - at));
        host += end > at ? end - at : 0;
        at = i < taken.len && taken.items[i].end > at ? taken.items[i].end : at;
    }
    *ARRAY_APPEND_ARENA(arena, &maps) = NULL;
    return maps.items;
}

int container_allocate_ids(struct engine *engine, struct arena *arena,
        struct container_config *config, struct error **err)
{
    struct ranges own_uids = { 0 }, own_gids = { 0 }, used_uids = { 0 }, used_gids = { 0 };
    uint32_t size = (uint32_t)config->auto_ids_size, uid = 0, gid = 0;

    if (!config->auto_ids)
        return 0;
    int r = read_own_ranges(arena, SUBUID_FILE, AUTO_USER, &own_uids, err);
    if (r >= 0)
        r = read_own_ranges(arena, SUBGID_FILE, AUTO_USER, &own_gids, err);
    if (r >= 0)
        r = read_used(engine, arena, &used_uids, &used_gids, err);
    if (r < 0)
        return r;
    if (find_gap(&own_uids, &used_uids, size, &uid) < 0 ||
            find_gap(&own_gids, &used_gids, size, &gid) < 0)
        return error_set_plain(err, ENOSPC, NULL,
                "--userns=auto: not enough unused ids of user \"" AUTO_USER "\" for %u more", size);
    config->uid_maps = build_maps(arena, config->uid_maps, uid, size);
    config->gid_maps = build_maps(arena, config->gid_maps, gid, size);
    return 0;
}
