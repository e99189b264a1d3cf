/* UserNS and the keys around it, with their deprecated forms. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "quadlet/number-internal.h"
#include "quadlet/translate-internal.h"

static void add_words(struct translation *t, const char *option, const struct strings *words)
{
    for (size_t i = 0; i < words->len; i++)
        command_add_option(t, option, words->items[i]);
}

/* "auto:uidmapping=…,size=N" and the like. */
static void add_mapping(struct translation *t, const char *kind, const struct strings *options)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);

    strbuf_adds(&text, kind);
    for (size_t i = 0; i < options->len; i++)
        strbuf_addf(&text, "%s%s", i ? "," : ":", options->items[i]);
    command_add_option(t, "--userns", arena_strndup(t->arena, text.data, text.len));
}

static void add_options(struct translation *t, struct strings *options, const char *name,
        const struct strings *words)
{
    for (size_t i = 0; i < words->len; i++)
        *ARRAY_APPEND_ARENA(t->arena, options) = arena_printf(
                t->arena, "%s=%s", name, words->items[i]);
}

static void remap_auto(
        struct translation *t, const struct strings *uids, const struct strings *gids)
{
    struct strings options = { 0 };
    uint32_t size = quadlet_number(own_value(t, "RemapUidSize"));

    add_options(t, &options, "uidmapping", uids);
    add_options(t, &options, "gidmapping", gids);
    if (size)
        *ARRAY_APPEND_ARENA(t->arena, &options) = arena_printf(t->arena, "size=%u", size);
    add_mapping(t, "auto", &options);
}

static void remap_keep_id(
        struct translation *t, const struct strings *uids, const struct strings *gids)
{
    struct strings options = { 0 };

    if (uids->len > 1)
        translation_error(t, own_line(t, "RemapUid"),
                "RemapUsers=keep-id supports only a single value for UID mapping");
    if (gids->len > 1)
        translation_error(t, own_line(t, "RemapGid"),
                "RemapUsers=keep-id supports only a single value for GID mapping");
    add_options(t, &options, "uid", uids);
    add_options(t, &options, "gid", gids);
    add_mapping(t, "keep-id", &options);
}

/* RemapUsers and its companions. The value counts as it stands, blanks and quotes included. */
static void add_remap(struct translation *t, bool allows_manual)
{
    const struct unit_line *line = own_line(t, "RemapUsers");
    const char *how = line ? line->value : "";
    struct strings uids = own_words(t, "RemapUid"), gids = own_words(t, "RemapGid");

    if (!*how) {
        if (uids.len)
            translation_error(t, own_line(t, "RemapUid"), "UidMap set without RemapUsers");
        if (gids.len)
            translation_error(t, own_line(t, "RemapGid"), "GidMap set without RemapUsers");
    } else if (strcmp(how, "manual") == 0 && !allows_manual) {
        translation_error(t, line, "RemapUsers=manual is not supported");
    } else if (strcmp(how, "manual") == 0) {
        add_words(t, "--uidmap", &uids);
        add_words(t, "--gidmap", &gids);
    } else if (strcmp(how, "auto") == 0) {
        remap_auto(t, &uids, &gids);
    } else if (strcmp(how, "keep-id") == 0) {
        remap_keep_id(t, &uids, &gids);
    } else {
        translation_error(t, line, "unsupported RemapUsers option '%s'", how);
    }
}

static void add_user_mappings(struct translation *t, bool allows_manual)
{
    static const char *const deprecated[] = { "RemapUid", "RemapGid", "RemapUsers" };
    const char *userns = own_value_set(t, "UserNS");
    const char *subuid = own_value_set(t, "SubUIDMap"), *subgid = own_value_set(t, "SubGIDMap");
    struct strings uids = own_words(t, "UIDMap"), gids = own_words(t, "GIDMap");

    if (userns)
        command_add_option(t, "--userns", userns);
    add_words(t, "--uidmap", &uids);
    add_words(t, "--gidmap", &gids);
    if (subuid)
        command_add_option(t, "--subuidname", subuid);
    if (subgid)
        command_add_option(t, "--subgidname", subgid);
    if (!userns && !uids.len && !gids.len && !subuid && !subgid) {
        add_remap(t, allows_manual);
        return;
    }
    for (size_t i = 0; i < sizeof(deprecated) / sizeof(deprecated[0]); i++) {
        const struct unit_line *line = own_line(t, deprecated[i]);

        if (line) {
            translation_error(
                    t, line, "deprecated Remap keys are set along with explicit mapping keys");
            return;
        }
    }
}

void special_user_mappings(struct translation *t)
{
    add_user_mappings(t, true);
}

void special_kube_user_mappings(struct translation *t)
{
    add_user_mappings(t, false);
}
