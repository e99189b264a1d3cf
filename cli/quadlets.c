#include "cli/quadlets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "quadlet/multi.h"
#include "units/unitfile.h"

/* The table of the longest common lines has this many cells at most; above it all lines differ. */
enum { DIFF_CELLS_MAX = 4000000, DIFF_CONTEXT_LINES = 3 };

struct quadlet_places quadlets_places(const struct cli *cli, bool is_user)
{
    return (struct quadlet_places){
        .unit_dirs = cli_env(cli, "QUADLET_UNIT_DIRS"),
        .is_user = is_user || geteuid() != 0,
        .runtime_dir = cli_env(cli, "XDG_RUNTIME_DIR"),
        .config_home = cli_env(cli, "XDG_CONFIG_HOME"),
        .home = cli_env(cli, "HOME"),
        .uid = getuid(),
    };
}

const char *quadlets_install_dir(struct cli *cli, bool is_user, struct error **err)
{
    const struct quadlet_places places = quadlets_places(cli, is_user);

    if (places.unit_dirs) {
        struct str rest = str_from(places.unit_dirs), first;

        /* The strongest of those that take the place of all others. */
        if (str_split_next(&rest, ':', &first) && first.len && first.data[0] == '/')
            return arena_strndup(&cli->arena, first.data, first.len);
    }
    const char *directory = quadlet_install_dir(&cli->arena, &places);
    if (!directory)
        error_set_plain(err, ENOENT, NULL, "neither XDG_CONFIG_HOME nor HOME is set");
    return directory;
}

void quadlets_read(struct cli *cli, bool is_user, struct search *search, struct quadlet_set *set,
        struct diag *diag)
{
    const struct quadlet_places places = quadlets_places(cli, is_user);
    const struct quadlet_read_options options = { .has_masks = true };

    search_init(search, &cli->arena);
    quadlet_find_dirs(search, &places, diag);
    (void)quadlet_read_dirs(set, search, &options, diag);
}

/* systemd passes over sections that it does not know, with everything in them. */
static void check_sections(const struct quadlet *quadlet, struct diag *diag)
{
    static const char *const sections[] = { "Unit", "Service", "Install", "Quadlet" };

    ARRAY_FOREACH(&quadlet->unit.sections, section) {
        bool known = !*section->name || string_has_prefix(section->name, "X-");

        for (size_t i = 0; !known && i < ARRAY_LEN(sections); i++)
            known = strcmp(section->name, sections[i]) == 0;
        for (int type = 0; !known && type < QUADLET_TYPE_MAX_; type++)
            known = strcmp(section->name, quadlet_types[type].section) == 0;
        if (known)
            continue;
        struct diag_entry *entry = diag_add(diag, DIAG_WARNING, "unknown-section", &section->at,
                "nobody reads the section [%s]", section->name);
        const char *nearest = str_nearest(section->name, sections, ARRAY_LEN(sections));
        if (!nearest)
            nearest = str_nearest(section->name, &quadlet_types[quadlet->type].section, 1);
        if (nearest)
            diag_hint(diag, entry, "did you mean [%s]?", nearest);
    }
}

size_t quadlets_check(struct quadlet_set *set, const char *engine, bool is_user, struct diag *diag,
        struct error **err)
{
    struct quadlet_options options = { .is_user = is_user || geteuid() != 0 };
    int found = parse_name(
            str_from(engine ? engine : "berth"), quadlet_engine_names, QUADLET_ENGINE_MAX_);
    size_t failures = 0;

    if (found < 0) {
        error_set_plain(err, EINVAL, NULL, "unknown engine \"%s\": podman or berth", engine);
        return SIZE_MAX;
    }
    options.engine = (enum quadlet_engine)found;
    options.program = options.engine == QUADLET_ENGINE_PODMAN ? "/usr/bin/podman" : "berth";
    quadlet_emit_prepare(set);
    for (size_t i = 0; i < set->all.len; i++) {
        auto_(arena_release) struct arena scratch = ARENA_INIT;
        struct quadlet *quadlet = set->all.items[i];
        struct quadlet_unit unit;

        check_sections(quadlet, diag);
        if (quadlet->failed || quadlet_emit(set, quadlet, &options, &scratch, &unit, diag) < 0)
            failures++;
    }
    return failures;
}

static int read_one(struct cli *cli, const char *path, struct quadlet_file *ret, struct error **err)
{
    auto_free char *data = NULL;
    size_t len;
    int r = fs_read_file(AT_FDCWD, path, LIMIT_UNIT_FILE_BYTES, &data, &len, err);

    if (r < 0)
        return error_wrap(err, r, "cannot read \"%s\"", path);
    *ret = (struct quadlet_file){ .name = arena_strdup(&cli->arena, path_last(path)),
        .from = arena_strdup(&cli->arena, path),
        .text = arena_strndup(&cli->arena, data, len),
        .len = len,
        .is_quadlet = quadlet_type_of(path) >= 0 };
    return 0;
}

static int collect_directory(
        struct cli *cli, const char *path, struct quadlet_files *ret, struct error **err)
{
    struct strings names = { 0 };
    int r = search_read_names(&cli->arena, path, &names);
    auto_free char *resolved = realpath(path, NULL);

    if (r < 0)
        return error_set(err, r, NULL, "cannot read \"%s\"", path);
    ARRAY_FOREACH(&names, name) {
        const char *file = arena_printf(&cli->arena, "%s/%s", path, *name);
        struct stat status;

        if (**name == '.' || stat(file, &status) < 0 || !S_ISREG(status.st_mode))
            continue;
        r = read_one(cli, file, ARRAY_APPEND_ARENA(&cli->arena, ret), err);
        if (r < 0)
            return r;
    }
    ret->is_application = true;
    ret->list_name = arena_printf(&cli->arena, ".%s.app", path_last(resolved ? resolved : path));
    return 0;
}

static int collect_parts(struct cli *cli, const char *path, struct quadlet_files *ret,
        struct diag *diag, struct error **err)
{
    struct quadlet_file whole;
    struct quadlet_parts parts;
    int r = read_one(cli, path, &whole, err);

    if (r < 0)
        return r;
    const struct unit_text text = { whole.from, whole.text, whole.len };
    r = quadlet_split_parts(&cli->arena, &text, &parts, diag);
    if (r < 0)
        return 0; /* the findings say it */
    ARRAY_FOREACH(&parts, part) {
        *ARRAY_APPEND_ARENA(&cli->arena, ret) = (struct quadlet_file){ .name = part->name,
            .from = whole.from,
            .text = part->text,
            .len = part->len,
            .line = part->line - 1,
            .is_quadlet = true };
    }
    const char *stem = arena_strndup(
            &cli->arena, whole.name, strlen(whole.name) - strlen(".quadlets"));
    ret->is_application = true;
    ret->list_name = arena_printf(&cli->arena, ".%s.app", stem);
    return 0;
}

int quadlets_collect(struct cli *cli, int argc, char **argv, struct quadlet_files *ret,
        struct diag *diag, struct error **err)
{
    struct stat status;
    int r = 0;

    *ret = (struct quadlet_files){ 0 };
    if (stat(argv[0], &status) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", argv[0]);
    if (S_ISDIR(status.st_mode))
        r = collect_directory(cli, argv[0], ret, err);
    else if (string_has_suffix(argv[0], ".quadlets"))
        r = collect_parts(cli, argv[0], ret, diag, err);
    else if (quadlet_type_of(argv[0]) < 0)
        return error_set_plain(err, EINVAL, NULL,
                "\"%s\" is no quadlet: its name has to end in .container, .volume, .network, .pod, "
                ".kube, .image, .build, .artifact or .quadlets",
                argv[0]);
    else
        r = read_one(cli, argv[0], ARRAY_APPEND_ARENA(&cli->arena, ret), err);
    for (int i = 1; i < argc && r >= 0; i++) {
        r = read_one(cli, argv[i], ARRAY_APPEND_ARENA(&cli->arena, ret), err);
        if (!ret->list_name)
            ret->list_name = arena_printf(&cli->arena, ".%s.asset", path_last(argv[0]));
    }
    return r;
}

void quadlets_add_file(struct quadlet_set *set, const struct quadlet_file *file,
        const char *directory, struct diag *diag)
{
    struct quadlet *quadlet;
    const size_t first = diag->len;

    if (quadlet_find(set, file->name))
        return;
    quadlet = quadlet_new(set, file->name, directory);
    quadlet->path = file->from;
    const struct unit_text text = { file->from, file->text, file->len };
    int r = unitfile_parse(&quadlet->unit, &text, diag);
    /* A part of a file is placed in that file. */
    for (size_t i = first; i < diag->len; i++)
        diag->items[i].at.line += file->line;
    for (size_t i = 0; i < quadlet->unit.sections.len; i++) {
        struct unit_section *section = &quadlet->unit.sections.items[i];

        section->at.line += file->line;
        ARRAY_FOREACH(&section->lines, line)
            line->at.line += file->line;
    }
    if (r < 0)
        quadlet_note_errors(set, quadlet, diag, first);
}

struct strings quadlets_read_list(struct cli *cli, const char *directory, const char *list_name)
{
    const char *path = arena_printf(&cli->arena, "%s/%s", directory, list_name);
    struct strings names = { 0 };
    auto_free char *data = NULL;
    size_t len;

    if (fs_read_file(AT_FDCWD, path, LIMIT_UNIT_FILE_BYTES, &data, &len, NULL) < 0)
        return names;
    struct str rest = { data, len }, line;
    while (rest.len && str_split_next(&rest, '\n', &line)) {
        char *name = arena_strndup(&cli->arena, line.data, line.len);

        if (fs_name_is_plain(name))
            *ARRAY_APPEND_ARENA(&cli->arena, &names) = name;
    }
    return names;
}

static void split_text(struct arena *arena, const char *text, struct strings *lines)
{
    struct str rest = str_from(text), line;

    while (rest.len && str_split_next(&rest, '\n', &line))
        if (line.len || rest.len)
            *ARRAY_APPEND_ARENA(arena, lines) = arena_strndup(arena, line.data, line.len);
}

/* Lengths of the longest common sequences of the ends of both texts; NULL when that is too much work. */
static uint16_t *common_lengths(
        struct arena *arena, const struct strings *old, const struct strings *new)
{
    const size_t width = new->len + 1;

    if ((old->len + 1) * width > DIFF_CELLS_MAX || old->len >= UINT16_MAX || new->len >= UINT16_MAX)
        return NULL;
    uint16_t *cells = ARENA_NEW_ARRAY(arena, (old->len + 1) * width, uint16_t);
    for (size_t i = old->len; i-- > 0;)
        for (size_t j = new->len; j-- > 0;) {
            uint16_t down = cells[(i + 1) * width + j], right = cells[i * width + j + 1];

            cells[i * width + j] = strcmp(old->items[i], new->items[j]) == 0
                                           ? (uint16_t)(cells[(i + 1) * width + j + 1] + 1)
                                   : down > right ? down
                                                  : right;
        }
    return cells;
}

void quadlets_add_diff(struct strbuf *out, const char *old_text, const char *new_text)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings old = { 0 }, new = { 0 }, lines = { 0 };
    size_t i = 0, j = 0;

    split_text(&arena, old_text, &old);
    split_text(&arena, new_text, &new);
    const uint16_t *cells = common_lengths(&arena, &old, &new);
    const size_t width = new.len + 1;
    while (i < old.len || j < new.len) {
        char mark;

        if (i < old.len && j < new.len &&strcmp(old.items[i], new.items[j]) == 0)
            mark = ' ';
        else if (j >= new.len || (i < old.len && (!cells || cells[(i + 1) * width + j] >=
                                                                    cells[i * width + j + 1])))
            mark = '-';
        else
            mark = '+';
        *ARRAY_APPEND_ARENA(&arena, &lines) = arena_printf(
                &arena, "%c%s", mark, mark == '+' ? new.items[j] : old.items[i]);
        i += mark != '+';
        j += mark != '-';
    }
    /* Lines that are the same are left out where nothing near them differs. */
    bool was_shown = true;
    for (size_t at = 0; at < lines.len; at++) {
        bool is_shown = false;
        size_t from = at < DIFF_CONTEXT_LINES ? 0 : at - DIFF_CONTEXT_LINES;

        for (size_t near = from; near < lines.len && near <= at + DIFF_CONTEXT_LINES; near++)
            is_shown |= lines.items[near][0] != ' ';
        if (is_shown && !was_shown)
            strbuf_adds(out, "@@\n");
        if (is_shown)
            strbuf_addf(out, "%s\n", lines.items[at]);
        was_shown = is_shown;
    }
}
