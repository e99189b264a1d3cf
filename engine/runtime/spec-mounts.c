/* mounts: each with its options resolved by the table of mount-options.c. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/runtime/mount-options.h"
#include "engine/runtime/spec-internal.h"
#include "engine/runtime/spec.h"

static int apply_option(
        struct spec_parse *p, struct runtime_mount *mount, struct strbuf *data, const char *word)
{
    const struct mount_option *option = mount_option_find(str_from(word));

    if (string_has_prefix(word, MOUNT_OPTION_SUBDIR)) {
        mount->subdir = arena_strdup(p->arena, word + strlen(MOUNT_OPTION_SUBDIR));
        return 0;
    }
    if (!option) {
        if (data->len > 0)
            strbuf_addc(data, ',');
        strbuf_adds(data, word);
        return 0;
    }
    if (option->refused)
        return error_set_plain(p->err, EOPNOTSUPP, NULL, "mount of \"%s\": %s", mount->destination,
                option->refused);
    if (option->clear) {
        mount->flags &= ~option->flags;
        mount->flags_cleared |= option->flags;
    } else {
        mount->flags |= option->flags;
        mount->flags_cleared &= ~option->flags;
    }
    if (option->propagation)
        mount->propagation = option->propagation;
    mount->recursive_set = (mount->recursive_set & ~option->recursive_clear) |
                           option->recursive_set;
    mount->recursive_cleared = (mount->recursive_cleared & ~option->recursive_set) |
                               option->recursive_clear;
    mount->optional |= option->optional;
    mount->copy_up |= option->copy_up;
    if (option->idmap)
        mount->idmap = (enum mount_idmap)option->idmap;
    return 0;
}

/* Mappings alone mean "idmap". Without any the container's own are taken, which spec.c sees to. */
static int check_idmap(struct spec_parse *p, struct runtime_mount *mount)
{
    bool uids = mount->uid_mappings.count > 0, gids = mount->gid_mappings.count > 0;

    if (uids != gids)
        return error_set_plain(p->err, EINVAL, NULL,
                "mount of \"%s\": uidMappings and gidMappings are needed both", mount->destination);
    if (uids && mount->idmap == MOUNT_IDMAP_NONE)
        mount->idmap = MOUNT_IDMAP_TOP;
    if (mount->idmap != MOUNT_IDMAP_NONE && !(mount->flags & MS_BIND))
        return error_set_plain(p->err, EINVAL, NULL, "mount of \"%s\": only a bind can map ids",
                mount->destination);
    return 0;
}

static int parse_mount(struct spec_parse *p, const json_t *json, struct runtime_mount *ret)
{
    auto_(strbuf_release) struct strbuf data = STRBUF_INIT(LIMIT_PATH_BYTES - 1);
    struct runtime_mount mount = { 0 };
    char **options = NULL;
    int r = spec_get_text(p, json, "destination", &mount.destination);

    if (r >= 0)
        r = spec_get_text(p, json, "type", &mount.type);
    if (r >= 0)
        r = spec_get_text(p, json, "source", &mount.source);
    if (r >= 0)
        r = spec_get_texts(p, json, "options", &options, NULL);
    if (r >= 0)
        r = spec_get_mappings(p, json, "uidMappings", &mount.uid_mappings);
    if (r >= 0)
        r = spec_get_mappings(p, json, "gidMappings", &mount.gid_mappings);
    if (r < 0)
        return r;
    if (!mount.destination)
        return error_set_plain(p->err, EINVAL, NULL, "mounts: an entry has no destination");
    /* A relative destination is below "/", as it was before runtime-spec 1.1. */
    mount.destination = path_join(p->arena, "/", mount.destination);
    for (char **option = options; *option; option++) {
        r = apply_option(p, &mount, &data, *option);
        if (r < 0)
            return r;
    }
    if (strbuf_is_truncated(&data))
        return error_set_plain(
                p->err, E2BIG, NULL, "mount of \"%s\": too many options", mount.destination);
    if (string_is_equal(mount.type, "bind") && !(mount.flags & MS_BIND))
        mount.flags |= MS_BIND | MS_REC;
    if (mount.flags & MS_BIND)
        mount.type = "bind";
    if (!mount.type)
        return error_set_plain(p->err, EINVAL, NULL, "mount of \"%s\": no type", mount.destination);
    if (mount.flags & MS_BIND) {
        if (!mount.source)
            return error_set_plain(
                    p->err, EINVAL, NULL, "mount of \"%s\": no source", mount.destination);
        if (data.len > 0)
            return error_set_plain(p->err, EINVAL, NULL,
                    "mount of \"%s\": unknown option of a bind: \"%s\"", mount.destination,
                    data.data);
    }
    r = check_idmap(p, &mount);
    if (r < 0)
        return r;
    if (mount.copy_up && strcmp(mount.type, "tmpfs") != 0)
        return error_set_plain(p->err, EINVAL, NULL,
                "mount of \"%s\": \"tmpcopyup\" is for tmpfs alone", mount.destination);
    if (mount.subdir && !(mount.flags & MS_BIND))
        return error_set_plain(p->err, EINVAL, NULL, "mount of \"%s\": only a bind has a \"%s\"",
                mount.destination, MOUNT_OPTION_SUBDIR);
    if (!mount.source)
        mount.source = mount.type;
    mount.data = data.len > 0 ? arena_strdup(p->arena, data.data) : NULL;
    *ret = mount;
    return 0;
}

int spec_parse_mounts(struct spec_parse *p, const json_t *root)
{
    json_t *list = NULL;
    int r = jsonx_get_array(root, "mounts", &list, p->err);

    if (r < 0)
        return r;
    if (json_array_size(list) > SPEC_MOUNTS_MAX)
        return error_set_plain(
                p->err, E2BIG, NULL, "mounts has more than %d entries", SPEC_MOUNTS_MAX);
    p->spec->mounts = ARENA_NEW_ARRAY(p->arena, json_array_size(list) + 1, struct runtime_mount);
    for (size_t i = 0; i < json_array_size(list); i++) {
        r = parse_mount(p, json_array_get(list, i), &p->spec->mounts[i]);
        if (r < 0)
            return r;
        p->spec->mount_count++;
    }
    return 0;
}
