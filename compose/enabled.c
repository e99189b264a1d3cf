#include "compose/enabled.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/load.h"
#include "compose/print.h"
#include "compose/project.h"

#define KEY "x-berth-enabled"

/* JSON, which YAML contains, with "$" doubled as everywhere in a compose file. */
static void add_text(const char *text, struct strbuf *out)
{
    auto_(strbuf_release) struct strbuf escaped = STRBUF_INIT(2 * LIMIT_PATH_BYTES);

    for (const char *p = text; *p; p++) {
        if (*p == '$')
            strbuf_addc(&escaped, '$');
        strbuf_addc(&escaped, *p);
    }
    json_print_text(escaped.data ? escaped.data : "", out);
}

static void add_text_list(struct strbuf *out, const struct strings *list)
{
    strbuf_addc(out, '[');
    ARRAY_FOREACH(list, text) {
        if (text != list->items)
            strbuf_addf(out, ", ");
        add_text(*text, out);
    }
    strbuf_addc(out, ']');
}

void enabled_format(const struct project *all, const struct strings *active,
        const struct enabled_sources *sources, struct strbuf *out)
{
    strbuf_addf(out,
            "# Made by \"berth compose enable\"; \"berth compose disable\" removes it.\n" KEY
            ":\n  version: %d\n  directory: ",
            ENABLED_VERSION);
    add_text(all->working_dir, out);
    strbuf_addf(out, "\n  profiles: ");
    add_text_list(out, active);
    strbuf_addf(out, "\n  sources:%s\n", sources->len ? "" : " []");
    ARRAY_FOREACH(sources, source) {
        strbuf_addf(out, "    - { path: ");
        add_text(source->path, out);
        strbuf_addf(out, ", digest: ");
        if (source->digest)
            add_text(source->digest, out);
        else
            strbuf_addf(out, "null");
        strbuf_addf(out, " }\n");
    }
    project_print(all, &(struct print_options){ .format = PRINT_YAML, .all_resources = true }, out);
}

/* ---- Reading ---- */

static struct strings texts_of(struct arena *arena, const struct node *list)
{
    struct strings texts = { 0 };

    for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->len; i++)
        if (list->items[i]->kind == NODE_TEXT)
            *ARRAY_APPEND_ARENA(arena, &texts) = arena_strdup(arena, list->items[i]->text);
    return texts;
}

/* Loads the file itself. Everything in it is resolved: neither the environment nor other files count. */
static int load_file(struct arena *arena, const char *path, const struct strings *profiles,
        struct project **ret, struct diag *diag, struct error **err)
{
    struct load_options options = {
        .working_dir = path_parent(arena, path),
        .profiles = *profiles,
        .all_resources = true,
        .no_env_resolution = true,
        .stdin_fd = -EBADF,
    };

    *ARRAY_APPEND_ARENA(arena, &options.files) = arena_strdup(arena, path);
    return project_load(arena, &options, ret, diag, err);
}

static int check_header(const struct project *project, const struct node **ret, struct error **err)
{
    const struct node *header = node_get(project->model, KEY),
                      *version = node_get(header, "version");

    if (!header || !version || version->kind != NODE_INT || !node_get_text(header, "directory"))
        return error_set_plain(err, EINVAL, &project->model->at,
                "this is no enabled project: \"%s\" is missing or incomplete", KEY);
    if (version->integer > ENABLED_VERSION)
        return error_set_plain(err, EINVAL, &version->at,
                "this project was enabled by a newer berth: version %lld, expected %d",
                (long long)version->integer, ENABLED_VERSION);
    *ret = header;
    return 0;
}

int enabled_load(struct arena *arena, const char *path, enum enabled_profiles which,
        struct enabled **ret, struct diag *diag, struct error **err)
{
    struct enabled *enabled = ARENA_NEW(arena, struct enabled);
    const struct node *header = NULL;
    struct strings all = { 0 };

    *ARRAY_APPEND_ARENA(arena, &all) = arena_strdup(arena, "*");
    int r = load_file(arena, path, &all, &enabled->project, diag, err);
    if (r >= 0)
        r = check_header(enabled->project, &header, err);
    if (r < 0)
        return r;
    enabled->profiles = texts_of(arena, node_get(header, "profiles"));
    if (which == ENABLED_ACTIVE) {
        r = load_file(arena, path, &enabled->profiles, &enabled->project, diag, err);
        if (r < 0)
            return r;
    }
    const struct node *sources = node_get(header, "sources");
    for (uint32_t i = 0; sources && sources->kind == NODE_LIST && i < sources->len; i++) {
        const char *source = node_get_text(sources->items[i], "path");

        if (source)
            *ARRAY_APPEND_ARENA(arena, &enabled->sources) = (struct enabled_source){ .path = source,
                .digest = node_get_text(sources->items[i], "digest") };
    }
    enabled->path = arena_strdup(arena, path);
    enabled->directory = node_get_text(header, "directory");
    enabled->project->working_dir = enabled->directory;
    *ret = enabled;
    return 0;
}

void enabled_find_changes(struct arena *arena, const struct enabled *enabled,
        enabled_digest_fn digest_file, struct enabled_sources *ret)
{
    struct enabled_sources changes = { 0 };

    ARRAY_FOREACH(&enabled->sources, source) {
        const char *now = digest_file(arena, source->path);

        if (now ? !string_is_equal(now, source->digest) : source->digest != NULL)
            *ARRAY_APPEND_ARENA(arena, &changes) = (struct enabled_source){ .path = source->path,
                .digest = now };
    }
    *ret = changes;
}
