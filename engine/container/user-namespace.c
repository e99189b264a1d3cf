#include "engine/container/user-namespace.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/container/config.h"

/* "CONTAINER:HOST[:SIZE]" */
static int parse_range(
        const char *option, const char *text, struct id_mapping *ret, struct error **err)
{
    struct str rest = str_from(text), piece;
    uint32_t numbers[3] = { 0, 0, 1 };
    size_t n = 0;

    while (n < ARRAY_LEN(numbers) && str_split_next(&rest, ':', &piece)) {
        if (parse_uint32(piece, UINT32_MAX - 1, &numbers[n++]) < 0)
            n = ARRAY_LEN(numbers) + 1;
    }
    if (n < 2 || n > ARRAY_LEN(numbers) || rest.len > 0 || numbers[2] == 0 ||
            (uint64_t)numbers[0] + numbers[2] > UINT32_MAX ||
            (uint64_t)numbers[1] + numbers[2] > UINT32_MAX)
        return error_set_plain(err, EINVAL, NULL,
                "invalid --%s %s: expected CONTAINER:HOST[:SIZE] in numbers", option, text);
    *ret = (struct id_mapping){ numbers[0], numbers[1], numbers[2] };
    return 0;
}

static bool ranges_overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
    return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

static int parse_ranges(struct arena *arena, const char *option, char *const *texts,
        struct id_mappings *ret, struct error **err)
{
    size_t count = container_vector_len(texts);

    if (count > ID_MAPPING_MAX)
        return error_set_plain(err, E2BIG, NULL, "more than %d times --%s", ID_MAPPING_MAX, option);
    *ret = (struct id_mappings){ .items = ARENA_NEW_ARRAY(arena, count + 1, struct id_mapping) };
    for (; texts && *texts; texts++) {
        struct id_mapping *m = &ret->items[ret->count];
        int r = parse_range(option, *texts, m, err);

        if (r < 0)
            return r;
        for (size_t i = 0; i < ret->count; i++) {
            const struct id_mapping *o = &ret->items[i];

            if (ranges_overlap(m->container_id, m->size, o->container_id, o->size) ||
                    ranges_overlap(m->host_id, m->size, o->host_id, o->size))
                return error_set_plain(
                        err, EINVAL, NULL, "--%s %s overlaps with another", option, *texts);
        }
        ret->count++;
    }
    return 0;
}

static int check_mode(const char *mode, bool mapped, struct error **err)
{
    if (string_is_empty(mode) || (strcmp(mode, "host") == 0 && !mapped) ||
            (strcmp(mode, "private") == 0 && mapped))
        return 0;
    if (strcmp(mode, "host") == 0)
        return error_set_plain(err, EINVAL, NULL, "--userns=host excludes --uidmap and --gidmap");
    if (strcmp(mode, "private") == 0)
        return error_set_plain(err, EINVAL, NULL, "--userns=private needs --uidmap");
    if (string_has_prefix(mode, "keep-id") || strcmp(mode, "nomap") == 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "--userns=%s is not supported: it is for an engine without root's rights", mode);
    if (string_has_prefix(mode, "auto"))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "--userns=%s is not supported: choose ids with --uidmap", mode);
    return error_set_plain(err, EINVAL, NULL, "invalid --userns \"%s\"", mode);
}

int container_id_mappings(struct arena *arena, const struct container_config *config,
        struct id_mappings *ret_uids, struct id_mappings *ret_gids, struct error **err)
{
    char **gids = config->gid_maps ? config->gid_maps : config->uid_maps;
    char **uids = config->uid_maps ? config->uid_maps : config->gid_maps;
    int r = check_mode(config->userns_mode, container_vector_len(uids) > 0, err);

    if (r >= 0)
        r = parse_ranges(arena, "uidmap", uids, ret_uids, err);
    if (r >= 0)
        r = parse_ranges(arena, "gidmap", gids, ret_gids, err);
    if (r >= 0 && config->privileged && ret_uids->count > 0)
        return error_set_plain(
                err, EINVAL, NULL, "privileged mode is incompatible with user namespaces");
    return r;
}
