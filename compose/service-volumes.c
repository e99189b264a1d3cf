/* Mounts of a service: [source:]target[:options], or mappings. And the paths of a project: which of them
 * are relative to its directory. */
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/path.h"
#include "base/str.h"
#include "compose/schema-types.h"

#define SECTIONS_MAX 3

/* -------------------------------------------------------------------------------- paths */

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* "C:\x", "C:/x" and "\\server\share". */
static bool is_windows_absolute(const char *path)
{
    return (is_letter(path[0]) && path[1] == ':' && (path[2] == '\\' || path[2] == '/')) ||
           (path[0] == '\\' && path[1] == '\\');
}

/* Addresses of build contexts: any scheme, git's short form, and names of hosting places. */
static bool is_address(const char *context)
{
    static const char *const prefixes[] = { "git@", "github.com/", "http://", "https://", "git://",
        "ssh://", "docker-image://", "oci-layout://", "service:", "target:" };

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (string_has_prefix(context, prefixes[i]))
            return true;
    return strstr(context, "://") != NULL;
}

const char *schema_resolve_path(
        const struct schema_context *context, enum path_rule rule, const char *path)
{
    if (rule == PATH_CONTEXT && is_address(path))
        return path;
    if (rule == PATH_ANY_OS && is_windows_absolute(path))
        return path;
    if (!*path && rule != PATH_ANY_OS)
        return path;
    if (path[0] == '~' && context->home)
        return path_join(context->arena, context->home, path[1] == '/' ? path + 2 : path + 1);
    if (path_is_absolute(path))
        return path;
    return path_join(context->arena, context->base_dir, path);
}

/* -------------------------------------------------------------------------- short form */

static bool is_host_path(const char *source)
{
    return source[0] == '.' || source[0] == '/' || source[0] == '~' ||
           strncmp(source, "\\\\", 2) == 0 || (is_letter(source[0]) && source[1] == ':');
}

static void set_text(struct arena *arena, struct node *map, const char *key, const char *text)
{
    node_set(arena, map, key, &map->at, node_new_text(arena, text, &map->at));
}

static struct node *sub_map(struct arena *arena, struct node *map, const char *key)
{
    struct node *sub = node_get(map, key);

    if (!sub) {
        sub = node_new(arena, NODE_MAP, &map->at);
        node_set(arena, map, key, &map->at, sub);
    }
    return sub;
}

static void apply_option(struct schema_context *context, struct node *map, const char *option)
{
    static const char *const propagations[] = { "rprivate", "private", "rshared", "shared",
        "rslave", "slave" };
    struct arena *arena = context->arena;

    if (strcmp(option, "ro") == 0 || strcmp(option, "rw") == 0) {
        node_set(arena, map, "read_only", &map->at,
                node_new_bool(arena, option[1] == 'o', &map->at));
        return;
    }
    if (strcmp(option, "nocopy") == 0) {
        node_set(arena, sub_map(arena, map, "volume"), "nocopy", &map->at,
                node_new_bool(arena, true, &map->at));
        return;
    }
    if (strcmp(option, "z") == 0 || strcmp(option, "Z") == 0) {
        set_text(arena, sub_map(arena, map, "bind"), "selinux", option);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(propagations); i++)
        if (strcmp(option, propagations[i]) == 0) {
            set_text(arena, sub_map(arena, map, "bind"), "propagation", option);
            return;
        }
    /* Docker Compose passes over what it does not know. */
    diag_add(context->diag, DIAG_WARNING, "volume-option", &map->at,
            "%s: unknown option \"%s\" has no effect", context->path.data, option);
}

/* Cuts at colons, but not behind a drive letter or inside of ${…}. Number of sections, or -1. */
static int cut(struct arena *arena, const char *text, const char *sections[SECTIONS_MAX + 1])
{
    const char *start = text;
    int count = 0;

    for (const char *p = text;; p++) {
        bool drive = *p == ':' && p == start + 1 && is_letter(*start);

        if (p[0] == '$' && p[1] == '{') {
            const char *close = strchr(p, '}');

            if (close) {
                p = close;
                continue;
            }
        }
        if ((*p && *p != ':') || drive)
            continue;
        if (p == start || count == SECTIONS_MAX)
            return -1;
        sections[count++] = arena_strndup(arena, start, (size_t)(p - start));
        if (!*p)
            return count;
        start = p + 1;
    }
}

static void apply_options(struct schema_context *context, struct node *map, const char *options)
{
    struct str rest = str_from(options), option;

    while (str_split_next(&rest, ',', &option))
        apply_option(context, map, arena_strndup(context->arena, option.data, option.len));
}

struct node *service_volume_expand(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    const char *text = node_scalar_text(context->arena, node);
    struct node *map = node_new(context->arena, NODE_MAP, &node->at);
    const char *sections[SECTIONS_MAX + 1];
    struct arena *arena = context->arena;
    int count = 1;

    (void)attr;
    if (!*text) {
        schema_error(context, &node->at, "an empty text names no volume");
        return NULL;
    }
    if (strlen(text) <= 2) { /* nothing to cut, and no room for a "volume" below */
        set_text(arena, map, "type", "volume");
        set_text(arena, map, "target", text);
        return map;
    }
    count = cut(arena, text, sections);
    if (count < 0) {
        struct diag_entry *entry = schema_error(
                context, &node->at, "cannot be read: %s", node_describe(arena, node));

        diag_hint(context->diag, entry, "volumes are written [SOURCE:]TARGET[:OPTIONS]");
        return NULL;
    }
    const char *source = count > 1 ? sections[0] : NULL;
    bool bind = source && is_host_path(source);

    set_text(arena, map, "type", bind ? "bind" : "volume");
    if (source)
        set_text(arena, map, "source", source);
    set_text(arena, map, "target", path_clean(arena, sections[count > 1]));
    if (count > 2)
        apply_options(context, map, sections[2]);
    if (bind) {
        struct node *create = node_new_bool(arena, true, &map->at);

        create->flags |= NODE_IMPLIED;
        node_set(arena, sub_map(arena, map, "bind"), "create_host_path", &map->at, create);
    } else if (!node_get(map, "volume")) {
        sub_map(arena, map, "volume")->flags |= NODE_IMPLIED;
    }
    return map;
}

/* ------------------------------------------------------------------------- other steps */

void service_volume_resolve(struct schema_context *context, struct node *map)
{
    const char *type = node_get_text(map, "type");
    struct node *source = node_get(map, "source");

    if (!type || strcmp(type, "bind") != 0 || !source || source->kind != NODE_TEXT ||
            schema_is_raw(context, source))
        return;
    source->text = schema_resolve_path(context, PATH_ANY_OS, source->text);
}

void service_volume_defaults(struct schema_context *context, struct node *map)
{
    const char *type = node_get_text(map, "type");
    struct node *target = node_get(map, "target");

    if (type && strcmp(type, "bind") == 0 && !node_get(map, "source"))
        schema_error(context, &map->at, "a bind mount needs a \"source\"");
    if (target && target->kind == NODE_TEXT && *target->text && !schema_is_raw(context, target)) {
        struct node *clean = node_copy(context->arena, target);

        clean->text = path_clean(context->arena, target->text);
        node_set(context->arena, map, "target", NULL, clean);
    }
}
