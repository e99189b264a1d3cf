/* [Install]: the links that `systemctl enable` would make, and the unit that stands in for one that could
 * not be made. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "quadlet/emit.h"
#include "quadlet/quadlet.h"
#include "units/name.h"
#include "units/quote.h"

static const struct {
    const char *key, *directory;
} link_keys[] = {
    { "WantedBy", "wants" },
    { "RequiredBy", "requires" },
    { "UpheldBy", "upholds" },
};

/* The way from the directory of `path` to `name`, which lies at the top; NULL when `path` leads
 * out of it. */
static const char *relative_target(struct arena *arena, const char *path, const char *name)
{
    static const char up[] = "../";
    size_t depth = 0;

    if (*path == '/' || strcmp(path, "..") == 0 || string_has_prefix(path, "../"))
        return NULL;
    for (const char *p = path; *p; p++)
        depth += *p == '/';
    char *target = arena_alloc(arena, depth * strlen(up) + strlen(name) + 1), *end = target;
    for (; depth; depth--)
        end = mempcpy(end, up, strlen(up));
    memcpy(end, name, strlen(name) + 1);
    return target;
}

static void add_link(
        struct quadlet_links *links, struct arena *arena, const char *path, const char *service)
{
    *ARRAY_APPEND_ARENA(arena, links) = (struct quadlet_link){ .path = path,
        .target = relative_target(arena, path, service) };
}

/* The name under which others want the unit; NULL for a template without a default instance. */
static const char *wanted_name(const struct quadlet_unit *unit, struct arena *arena)
{
    const struct unit_name parts = unit_name_split(unit->name);
    const char *instance;

    if (!parts.has_at || parts.instance.len)
        return unit->name;
    instance = unitfile_get(&unit->unit, "Install", "DefaultInstance");
    if (!instance)
        return NULL;
    return arena_printf(
            arena, "%.*s@%s%.*s", STR_FMT(parts.prefix), instance, STR_FMT(parts.extension));
}

struct quadlet_links quadlet_emit_links(const struct quadlet_unit *unit, struct arena *arena)
{
    struct quadlet_links links = { 0 };
    struct strings aliases = unitfile_words(&unit->unit, "Install", "Alias");
    const char *wanted = wanted_name(unit, arena);

    ARRAY_FOREACH(&aliases, alias)
        add_link(&links, arena, path_clean(arena, *alias), unit->name);
    for (size_t i = 0; wanted && i < ARRAY_LEN(link_keys); i++) {
        struct strings words = unitfile_words(&unit->unit, "Install", link_keys[i].key);

        ARRAY_FOREACH(&words, word)
            if (!strchr(*word, '/'))
                add_link(&links, arena,
                        path_clean(arena, arena_join(arena, *word, ".", link_keys[i].directory, "/",
                                                  wanted, NULL)),
                        unit->name);
    }
    return links;
}

const char *quadlet_failing_command(
        struct arena *arena, const struct strings *errors, size_t max_bytes)
{
    auto_(strbuf_release) struct strbuf command = STRBUF_INIT(max_bytes);

    strbuf_adds(&command, "/bin/sh -c \"printf '%%s\\\\n' \\\"$$@\\\" >&2; exit 78\" sh");
    /* Neither systemd nor the shell may see anything in the texts. */
    ARRAY_FOREACH(errors, text) {
        strbuf_addc(&command, ' ');
        quote_add_word(&command, quote_literal(arena, *text, true), true);
    }
    return arena_strndup(arena, command.data, command.len);
}

void quadlet_emit_placeholder(
        const struct quadlet *quadlet, struct arena *arena, struct quadlet_unit *ret)
{
    const struct unit_section *install = unitfile_section(&quadlet->unit, "Install");

    *ret = (struct quadlet_unit){ .source = quadlet, .name = quadlet->service };
    unitfile_init(&ret->unit, arena);
    unitfile_add(&ret->unit, "Unit", "Description",
            arena_printf(arena, "%s cannot be used: %s", quadlet->name,
                    quadlet->errors.len ? quote_literal(arena, quadlet->errors.items[0], false)
                                        : "it has errors"));
    if (quadlet->path)
        unitfile_add(&ret->unit, "Unit", "SourcePath", quadlet->path);
    unitfile_add(&ret->unit, "Service", "Type", "oneshot");
    unitfile_add(&ret->unit, "Service", "SyslogIdentifier", "%N");
    unitfile_add(&ret->unit, "Service", "ExecStart",
            quadlet_failing_command(arena, &quadlet->errors, LIMIT_UNIT_FILE_BYTES * 4));
    if (install) {
        struct unit_section *copy = unitfile_ensure_section(&ret->unit, "Install");

        ARRAY_FOREACH(&install->lines, line)
            *ARRAY_APPEND_ARENA(arena, &copy->lines) = *line;
    }
}
