#include "quadlet/depend.h"

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "quadlet/translate-internal.h"
#include "units/name.h"
#include "units/quote.h"

/* Keys of [Unit] in which quadlets may be named. */
static const char *const dependency_keys[] = {
    "After",
    "Before",
    "BindsTo",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
    "PartOf",
    "PropagatesReloadTo",
    "PropagatesStopTo",
    "ReloadPropagatedFrom",
    "Requires",
    "Requisite",
    "StopPropagatedFrom",
    "Upholds",
    "Wants",
};

/* The service's name without ".service". */
static const char *service_name(struct arena *arena, const struct quadlet *quadlet)
{
    const struct quadlet_type_info *info = quadlet_info(quadlet);
    const char *given = unitfile_get(&quadlet->unit, info->section, "ServiceName");
    struct str base = unit_name_split(quadlet->name).base;

    if (given)
        return given;
    if (base.data[base.len - 1] == '@')
        return arena_printf(arena, "%.*s%s@", (int)base.len - 1, base.data, info->suffix);
    return arena_printf(arena, "%.*s%s", STR_FMT(base), info->suffix);
}

/* "%N" in a container's name is the service; with another specifier the name is not known here. */
static const char *container_resource(
        struct arena *arena, const struct quadlet *quadlet, const char *service)
{
    const char *name = unitfile_get(&quadlet->unit, "Container", "ContainerName");
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);

    if (string_is_empty(name))
        name = strchr(quadlet->name, '@') ? "systemd-%p_%i" : "systemd-%N";
    for (const char *p = name; *p; p++) {
        if (p[0] == '%' && p[1] == 'N') {
            strbuf_adds(&text, service);
            p++;
        } else {
            strbuf_addc(&text, *p);
        }
    }
    return strchr(text.data, '%') ? "" : arena_strndup(arena, text.data, text.len);
}

static const char *pod_resource(struct arena *arena, const struct quadlet *quadlet)
{
    const char *name = unitfile_get(&quadlet->unit, "Pod", "PodName");
    struct str base = unit_name_split(quadlet->name).base;

    return string_is_empty(name) ? arena_printf(arena, "systemd-%.*s", STR_FMT(base))
                                 : arena_strdup(arena, name);
}

void depend_name(const struct quadlet_set *set, struct quadlet *quadlet)
{
    const char *service = service_name(quadlet->unit.arena, quadlet);

    quadlet->service = arena_join(set->arena, service, ".service", NULL);
    if (quadlet->type == QUADLET_CONTAINER) {
        quadlet->resource = container_resource(set->arena, quadlet, service);
    } else if (quadlet->type == QUADLET_POD) {
        quadlet->resource = pod_resource(set->arena, quadlet);
    } else if (quadlet->type == QUADLET_BUILD) {
        struct unit_lines tags = unitfile_all(&quadlet->unit, "Build", "ImageTag");

        quadlet->resource = tags.len ? arena_strdup(set->arena, tags.items[0].value) : "";
    }
}

void depend_name_all(struct quadlet_set *set)
{
    ARRAY_FOREACH(&set->all, quadlet)
        if (!*(*quadlet)->service)
            depend_name(set, *quadlet);
}

static void missing(struct translation *t, const struct unit_line *line, const char *name,
        const char *before, const char *after)
{
    const char *nearest = quadlet_nearest(t->set, name);
    struct diag_entry *entry = translation_error(t, line, "%s%s%s", before, name, after);

    if (nearest)
        diag_hint(t->diag, entry, "did you mean \"%s\"?", nearest);
}

/* Which of the keys the unit has at all: few units have many. */
static unsigned present_keys(const struct unit_section *section)
{
    unsigned present = 0;

    if (!section)
        return 0;
    ARRAY_FOREACH(&section->lines, line)
        for (size_t i = 0; line->key && i < ARRAY_LEN(dependency_keys); i++)
            if (strcmp(line->key, dependency_keys[i]) == 0)
                present |= 1u << i;
    return present;
}

/* In the unit in the making: where a quadlet is named, its service stands afterwards. */
void depend_translate_unit(struct translation *t)
{
    const unsigned present = present_keys(unitfile_section(&t->service, "Unit"));

    for (size_t i = 0; i < ARRAY_LEN(dependency_keys); i++) {
        if (!(present & 1u << i))
            continue;
        const char *key = dependency_keys[i];
        struct unit_lines lines = unitfile_all(&t->service, "Unit", key);
        auto_(strbuf_release) struct strbuf joined = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES * 2);
        bool is_translated = false;

        ARRAY_FOREACH(&lines, line) {
            struct strings words = { 0 };

            (void)quote_split(t->arena, line->value, QUOTE_WORDS, &words, NULL);
            ARRAY_FOREACH(&words, word) {
                const char *unit = *word;

                if (quadlet_type_of(unit) >= 0) {
                    struct quadlet *named = quadlet_find(t->set, unit);

                    is_translated = true;
                    if (!named) {
                        missing(t, line, unit, "unable to translate dependency for ", "");
                        continue;
                    }
                    unit = named->service;
                }
                if (joined.len)
                    strbuf_addc(&joined, ' ');
                strbuf_adds(&joined, unit);
            }
        }
        if (!is_translated)
            continue;
        unitfile_unset(&t->service, "Unit", key);
        unitfile_add(&t->service, "Unit", key, arena_strndup(t->arena, joined.data, joined.len));
    }
}

static void add_requirement(struct translation *t, const struct quadlet *needed)
{
    unitfile_add(&t->service, "Unit", "Requires", needed->service);
    unitfile_add(&t->service, "Unit", "After", needed->service);
}

struct quadlet *depend_require(
        struct translation *t, const struct unit_line *line, const char *what, const char *name)
{
    struct quadlet *needed = quadlet_find(t->set, name);

    if (!needed) {
        missing(t, line, name, arena_printf(t->arena, "requested Quadlet %s ", what),
                " was not found");
        return NULL;
    }
    if (needed->failed && !quadlet_keeps_quirks(t->options)) {
        translation_error(t, line, "%s has errors of its own", name);
        return NULL;
    }
    add_requirement(t, needed);
    return needed;
}

static void add_mount_requirement(struct translation *t, const char *path)
{
    unitfile_add(&t->service, "Unit", "RequiresMountsFor",
            quote_is_needed(path) ? quote_word(t->arena, path) : path);
}

const char *depend_resolve_source(
        struct translation *t, const struct unit_line *line, const char *source, bool images_too)
{
    if (!*source) {
        translation_error(t, line, "source cannot be empty");
        return NULL;
    }
    if (*source == '.')
        source = unit_path(t, source);
    if (*source == '/') {
        add_mount_requirement(t, source);
        return source;
    }
    if (!string_has_suffix(source, ".volume") && !string_has_suffix(source, ".artifact") &&
            !(images_too && string_has_suffix(source, ".image")))
        return source;
    const struct quadlet *needed = depend_require(t, line, "source", source);

    return needed ? needed->resource : NULL;
}

const char *depend_resolve_image(
        struct translation *t, const struct unit_line *line, const char *image)
{
    static const char *const suffixes[] = { ".build", ".image" };

    for (size_t i = 0; i < 2; i++) {
        if (!string_has_suffix(image, suffixes[i]))
            continue;
        const struct quadlet *needed = depend_require(t, line, "image", image);

        if (!needed)
            return NULL;
        image = needed->resource;
    }
    return image;
}
