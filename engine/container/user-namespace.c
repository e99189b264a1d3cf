#include "engine/container/user-namespace.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/container/config.h"

int id_mapping_parse(
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
        int r = id_mapping_parse(option, *texts, m, err);

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

/* ---- Modes ---- */

struct mode {
    bool keep_id, auto_ids;
    uint32_t uid, gid; /* keep-id: as whom it runs */
    uint32_t size;     /* auto: 0: by the image's users */
    struct strings uid_maps, gid_maps;
};

static int bad_mode(const char *text, struct str word, struct error **err)
{
    return error_set_plain(err, EINVAL, NULL,
            "invalid --userns \"%s\": unknown or bad option \"%.*s\"", text, STR_FMT(word));
}

static int parse_option(struct arena *arena, const char *text, struct str word, struct mode *mode,
        struct error **err)
{
    struct str value = word, key;
    uint32_t *number = NULL;

    str_split_next(&value, '=', &key);
    if (mode->keep_id && str_is_equal_z(key, "uid"))
        number = &mode->uid;
    else if (mode->keep_id && str_is_equal_z(key, "gid"))
        number = &mode->gid;
    else if (mode->auto_ids && str_is_equal_z(key, "size"))
        number = &mode->size;
    else if (mode->auto_ids && str_is_equal_z(key, "uidmapping"))
        *ARRAY_APPEND_ARENA(arena, &mode->uid_maps) = arena_strndup(arena, value.data, value.len);
    else if (mode->auto_ids && str_is_equal_z(key, "gidmapping"))
        *ARRAY_APPEND_ARENA(arena, &mode->gid_maps) = arena_strndup(arena, value.data, value.len);
    else
        return bad_mode(text, word, err);
    if (!number)
        return 0;
    if (parse_uint32(value, UINT32_MAX - 1, number) < 0 || (number == &mode->size && *number == 0))
        return bad_mode(text, word, err);
    return 0;
}

/* "keep-id[:uid=N,gid=N]", "auto[:size=N,uidmapping=C:H:S,gidmapping=C:H:S]" */
static int parse_mode(struct arena *arena, const char *text, struct mode *mode, struct error **err)
{
    struct str rest = str_from(text), name, word;

    str_split_next(&rest, ':', &name);
    *mode = (struct mode){
        .keep_id = str_is_equal_z(name, "keep-id"),
        .auto_ids = str_is_equal_z(name, "auto"),
        .uid = geteuid(),
        .gid = getegid(),
    };
    while ((mode->keep_id || mode->auto_ids) && str_split_next(&rest, ',', &word)) {
        int r = parse_option(arena, text, word, mode, err);

        if (r < 0)
            return r;
    }
    return 0;
}

static char **vector(struct arena *arena, struct strings *list)
{
    *ARRAY_APPEND_ARENA(arena, list) = NULL;
    return list->len > 1 ? list->items : NULL;
}

/* --subuidname, --subgidname: one stands for both. */
static int adopt_names(struct arena *arena, struct container_config *config, struct error **err)
{
    const char *users = config->subuid_name ? config->subuid_name : config->subgid_name;
    const char *groups = config->subgid_name ? config->subgid_name : config->subuid_name;

    if (!users)
        return 0;
    if (config->uid_maps || config->gid_maps || !string_is_empty(config->userns_mode))
        return error_set_plain(err, EINVAL, NULL,
                "--subuidname and --subgidname exclude --userns, --uidmap and --gidmap");
    int r = container_named_maps(arena, SUBUID_FILE, users, &config->uid_maps, err);
    return r < 0 ? r : container_named_maps(arena, SUBGID_FILE, groups, &config->gid_maps, err);
}

int container_adopt_user_namespace(
        struct arena *arena, struct container_config *config, struct error **err)
{
    struct mode mode;
    int r = adopt_names(arena, config, err);
    bool is_mapped = config->uid_maps || config->gid_maps;

    if (r < 0)
        return r;
    if (string_is_empty(config->userns_mode))
        return 0;
    r = parse_mode(arena, config->userns_mode, &mode, err);
    if (r < 0)
        return r;
    if ((mode.auto_ids || mode.keep_id) && is_mapped)
        return error_set_plain(err, EINVAL, NULL, "--userns=%s excludes --uidmap and --gidmap",
                config->userns_mode);
    if (mode.auto_ids && config->privileged)
        return error_set_plain(
                err, EINVAL, NULL, "privileged mode is incompatible with user namespaces");
    /* Root keeps its ids without a namespace. What differs from the machine is then only who the process is. */
    if (mode.keep_id && string_is_empty(config->user))
        config->user = arena_printf(arena, "%u:%u", mode.uid, mode.gid);
    config->auto_ids = mode.auto_ids;
    config->auto_ids_size = mode.size;
    if (mode.auto_ids) {
        config->uid_maps = vector(arena, &mode.uid_maps);
        config->gid_maps = vector(arena, &mode.gid_maps);
    }
    return 0;
}

static int check_mode(const char *mode, bool mapped, struct error **err)
{
    struct str rest = str_from(mode ? mode : ""), name;

    if (string_is_empty(mode) || !str_split_next(&rest, ':', &name) ||
            str_is_equal_z(name, "auto") || str_is_equal_z(name, "keep-id") ||
            (strcmp(mode, "host") == 0 && !mapped) || (strcmp(mode, "private") == 0 && mapped))
        return 0;
    if (strcmp(mode, "host") == 0)
        return error_set_plain(err, EINVAL, NULL, "--userns=host excludes --uidmap and --gidmap");
    if (strcmp(mode, "private") == 0)
        return error_set_plain(err, EINVAL, NULL, "--userns=private needs --uidmap");
    if (strcmp(mode, "nomap") == 0)
        return error_set_plain(
                err, EINVAL, NULL, "--userns=nomap is only supported in rootless mode");
    if (str_is_equal_z(name, "container") || str_is_equal_z(name, "ns"))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "--userns=%s is not supported: no user namespace can be joined", mode);
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
