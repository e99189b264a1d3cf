#include "quadlet/multi.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "base/fs.h"
#include "base/str.h"
#include "quadlet/keys.h"
#include "units/text.h"
#include "units/unitfile.h"

static bool has_part(const struct quadlet_parts *parts, const char *name)
{
    ARRAY_FOREACH(parts, part)
        if (strcmp(part->name, name) == 0)
            return true;
    return false;
}

/* The stem that a comment names, or nothing. */
static bool read_file_name(struct str line, struct str *ret)
{
    static const char key[] = "FileName=";

    line = text_trim(line);
    if (!line.len || (line.data[0] != '#' && line.data[0] != ';'))
        return false;
    line = text_trim((struct str){ line.data + 1, line.len - 1 });
    if (!str_has_prefix(line, key))
        return false;
    *ret = text_trim((struct str){ line.data + strlen(key), line.len - strlen(key) });
    return true;
}

static enum quadlet_type section_type(struct arena *arena, struct str line)
{
    line = text_trim(line);
    if (line.len < 2 || line.data[0] != '[' || line.data[line.len - 1] != ']')
        return QUADLET_TYPE_INVALID;
    return quadlet_type_of_section(arena_strndup(arena, line.data + 1, line.len - 2));
}

static int refuse(struct diag *diag, const char *file, unsigned line, const char *message)
{
    const struct source at = { file, line, 1 };

    diag_add(diag, DIAG_ERROR, "quadlets", &at, "%s", message);
    return -EINVAL;
}

/* One part; empty ones (a separator at the end) are skipped. */
static int add_part(struct arena *arena, const char *file, struct str text, unsigned line,
        struct quadlet_parts *parts, struct diag *diag)
{
    struct str rest = text, one, stem = { 0 };
    enum quadlet_type type = QUADLET_TYPE_INVALID;

    if (!text_trim(text).len)
        return 0;
    while (str_split_next(&rest, '\n', &one)) {
        if (!stem.len)
            (void)read_file_name(one, &stem);
        if (type < 0)
            type = section_type(arena, one);
    }
    if (!stem.len)
        return refuse(diag, file, line, "this part has no comment \"# FileName=NAME\"");
    if (type < 0)
        return refuse(
                diag, file, line, "this part has no section of a quadlet, such as [Container]");
    const char *name = arena_printf(arena, "%.*s%s", STR_FMT(stem), quadlet_types[type].extension);
    if (!fs_name_is_plain(name))
        return refuse(diag, file, line, "FileName= is a name, not a path");
    if (has_part(parts, name))
        return refuse(diag, file, line, "another part has this FileName= and type");
    *ARRAY_APPEND_ARENA(arena, parts) = (struct quadlet_part){ .name = name,
        .text = arena_strndup(arena, text.data, text.len),
        .len = text.len,
        .line = line };
    return 0;
}

int quadlet_split_parts(struct arena *arena, const struct unit_text *text,
        struct quadlet_parts *ret, struct diag *diag)
{
    struct str rest = { text->data, text->len }, line;
    struct str part = { text->data, 0 };
    unsigned number = 0, first = 1;
    int r = 0;

    *ret = (struct quadlet_parts){ 0 };
    while (rest.len && str_split_next(&rest, '\n', &line)) {
        const char *next = line.data + line.len < text->data + text->len ? line.data + line.len + 1
                                                                         : text->data + text->len;

        number++;
        if (!str_is_equal_z(text_trim(line), "---")) {
            part.len = (size_t)(next - part.data);
            continue;
        }
        if (add_part(arena, text->file, part, first, ret, diag) < 0)
            r = -EINVAL;
        part = (struct str){ next, 0 };
        first = number + 1;
    }
    if (add_part(arena, text->file, part, first, ret, diag) < 0)
        r = -EINVAL;
    return r;
}
