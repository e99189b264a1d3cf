/* Any bytes as quadlets and through the whole translation, with both engines. A line "---NAME.TYPE" begins
 * a file; what comes before the first is a container. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "quadlet/emit.h"
#include "quadlet/quadlet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_device(void *userdata, const char *path)
{
    (void)userdata;
    return path[0] == '/';
}

static void add_file(struct quadlet_set *set, const char *name, struct str text, struct diag *diag)
{
    if (strlen(name) > LIMIT_NAME_BYTES || strchr(name, '/') || quadlet_type_of(name) < 0 ||
            quadlet_find(set, name))
        return;
    struct quadlet *quadlet = quadlet_new(set, name, "/units");

    quadlet->path = arena_printf(set->arena, "/units/%s", name);
    (void)unitfile_parse(
            &quadlet->unit, &(struct unit_text){ quadlet->path, text.data, text.len }, diag);
}

static void translate(struct arena *arena, struct str text, enum quadlet_engine engine)
{
    const struct quadlet_options options = {
        .engine = engine, .program = "/usr/bin/engine", .has_device = has_device
    };
    struct diag diag = DIAG_INIT;
    struct quadlet_set set;
    struct str rest = text, line, part = { text.data, 0 };
    const char *name = "first.container";

    quadlet_set_init(&set, arena);
    while (str_split_next(&rest, '\n', &line)) {
        if (!str_has_prefix(line, "---")) {
            part.len = line.len ? (size_t)(line.data + line.len - part.data) : part.len;
            continue;
        }
        add_file(&set, name, part, &diag);
        name = arena_strndup(arena, line.data + 3, line.len - 3);
        part = (struct str){ line.data + line.len, 0 };
    }
    add_file(&set, name, part, &diag);
    quadlet_emit_prepare(&set);
    for (size_t i = 0; i < set.all.len; i++) {
        auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES * 8);
        struct quadlet_unit unit;

        if (quadlet_emit(&set, set.all.items[i], &options, arena, &unit, &diag) < 0)
            quadlet_emit_placeholder(set.all.items[i], arena, &unit);
        unitfile_write(&unit.unit, &out);
        (void)quadlet_emit_links(&unit, arena);
    }
    diag_release(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;

    if (size > LIMIT_UNIT_FILE_BYTES)
        return 0;
    for (int engine = 0; engine < QUADLET_ENGINE_MAX_; engine++)
        translate(&arena, (struct str){ (const char *)data, size }, (enum quadlet_engine)engine);
    arena_release(&arena);
    return 0;
}
