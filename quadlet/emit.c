#include "quadlet/emit.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "quadlet/depend.h"
#include "quadlet/translate-internal.h"
#include "units/quote.h"
#include "units/specifier.h"

const char *const quadlet_engine_names[QUADLET_ENGINE_MAX_] = {
    [QUADLET_ENGINE_PODMAN] = "podman",
    [QUADLET_ENGINE_BERTH] = "berth",
};

/* Room that most command lines do with. */
enum { USUAL_WORDS = 40 };

/* A command line of all words of a unit file, each in quotes. */
#define COMMAND_LINE_MAX_BYTES (LIMIT_UNIT_FILE_BYTES * 8)

static struct diag_entry *add_finding(struct translation *t, const struct unit_line *line,
        enum diag_severity severity, const char *id, const char *format, va_list args)
{
    auto_(strbuf_release) struct strbuf message = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    const struct unit_section *own = unitfile_section(&t->quadlet->unit, t->info->section);
    struct source at = { .file = t->quadlet->path ? t->quadlet->path : t->quadlet->name };

    if (line && line->at.file)
        at = (struct source){ line->at.file, line->at.line, line->value_column };
    else if (own && own->at.file)
        at = own->at;
    strbuf_vaddf(&message, format, args);
    return diag_add(t->diag, severity, id, &at, "%s", message.data);
}

struct diag_entry *translation_error(
        struct translation *t, const struct unit_line *line, const char *format, ...)
{
    va_list args;

    t->failed = true;
    va_start(args, format);
    struct diag_entry *entry = add_finding(t, line, DIAG_ERROR, "quadlet", format, args);
    va_end(args);
    return entry;
}

void translation_warning(
        struct translation *t, const struct unit_line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_finding(t, line, DIAG_WARNING, "quadlet", format, args);
    va_end(args);
}

void translation_advice(
        struct translation *t, const struct unit_line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_finding(t, line, DIAG_WARNING, QUADLET_ADVICE, format, args);
    va_end(args);
}

/* Of three letters, which most keys of a section differ in. */
static uint64_t initial_bit(const char *key)
{
    unsigned sum = (unsigned char)key[0];

    if (key[0] && key[1])
        sum += 3u * (unsigned char)key[1] + 11u * (unsigned char)key[2];
    return UINT64_C(1) << (sum & 63);
}

const struct unit_line *own_line(const struct translation *t, const char *key)
{
    return t->initials & initial_bit(key) ? unitfile_find(&t->own, t->info->section, key) : NULL;
}

const char *own_value(const struct translation *t, const char *key)
{
    const struct unit_line *line = own_line(t, key);

    return line ? unit_value_plain(t->arena, line->value) : NULL;
}

const char *own_value_set(const struct translation *t, const char *key)
{
    const char *value = own_value(t, key);

    return string_is_empty(value) ? NULL : value;
}

struct unit_lines own_lines(const struct translation *t, const char *key)
{
    if (!(t->initials & initial_bit(key)))
        return (struct unit_lines){ 0 };
    return unitfile_all(&t->own, t->info->section, key);
}

bool own_is_true(const struct translation *t, const char *key, bool without)
{
    const char *value = own_value(t, key);

    return value ? unit_value_is_true(value) : without;
}

void split_line(struct translation *t, const struct unit_line *line, enum quote_split how,
        struct strings *words)
{
    struct quote_problem problem;

    if (quote_split(t->arena, line->value, how, words, &problem) == 0)
        return;
    struct unit_line at = *line;
    at.value_column = line->value_column + (unsigned)problem.offset;
    if (quadlet_keeps_quirks(t->options))
        translation_warning(
                t, &at, "%s, %s= is left out", quote_error_text(problem.error), line->key);
    else
        translation_error(t, &at, "%s in %s=", quote_error_text(problem.error), line->key);
}

static struct strings split_lines(
        struct translation *t, const struct unit_lines *lines, enum quote_split how)
{
    struct strings words = { 0 };

    ARRAY_FOREACH(lines, line)
        split_line(t, line, how, &words);
    return words;
}

struct strings own_words(const struct translation *t, const char *key)
{
    if (!(t->initials & initial_bit(key)))
        return (struct strings){ 0 };
    return unitfile_words(&t->own, t->info->section, key);
}

struct strings own_arguments(const struct translation *t, const char *key)
{
    struct unit_lines lines = own_lines(t, key);
    struct strings words = { 0 };

    ARRAY_FOREACH(&lines, line)
        (void)quote_split(t->arena, line->value, QUOTE_COMMAND, &words, NULL);
    return words;
}

void command_add(struct translation *t, const char *word)
{
    *ARRAY_APPEND_ARENA(t->arena, t->command) = (char *)word;
}

void command_add_option(struct translation *t, const char *option, const char *value)
{
    command_add(t, option);
    command_add(t, value);
}

void command_addf(struct translation *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    command_add(t, arena_vprintf(t->arena, format, args));
    va_end(args);
}

void command_begin(struct translation *t, struct strings *command)
{
    struct unit_lines modules = own_lines(t, "ContainersConfModule");
    struct strings global = own_arguments(t, "GlobalArgs");

    *command = (struct strings){ ARENA_NEW_ARRAY(t->arena, USUAL_WORDS, char *), 0, USUAL_WORDS };
    t->command = command;
    command_add(t, t->options->program);
    ARRAY_FOREACH(&modules, line)
        command_addf(t, "--module=%s", line->value);
    ARRAY_FOREACH(&global, word)
        command_add(t, *word);
}

void command_end(struct translation *t, const char *key, const char *mark)
{
    struct strings words = *t->command;

    strbuf_reset(&t->line);
    if (*mark)
        words.items[0] = arena_join(t->arena, mark, words.items[0], NULL);
    /* Podman writes an empty word as nothing, so that its engine never sees it. */
    quote_add_words(&t->line, &words, !quadlet_keeps_quirks(t->options));
    if (strbuf_is_truncated(&t->line))
        translation_error(t, NULL, "%s= is longer than %u bytes", key, COMMAND_LINE_MAX_BYTES);
    unitfile_add(&t->service, "Service", key, arena_dup(t->arena, t->line.data, t->line.len + 1));
}

const char *unit_path(const struct translation *t, const char *path)
{
    if (specifier_is_first(path) || *path == '/')
        return path;
    return path_join(t->arena, t->quadlet->directory, path);
}

static void add_value(struct translation *t, const struct quadlet_key *row, const char *value)
{
    if (row->flags & KEY_PATH)
        value = unit_path(t, value);
    if (row->prefix)
        value = arena_join(t->arena, row->prefix, value, NULL);
    if (row->flags & KEY_LOWER) {
        char *lower = arena_strdup(t->arena, value);

        for (char *p = lower; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        value = lower;
    }
    if (row->adds == ADDS_JOINED)
        command_add(t, arena_join(t->arena, row->option, "=", value, NULL));
    else if (row->adds == ADDS_WORDS)
        command_add(t, value);
    else
        command_add_option(t, row->option, value);
}

static void add_pairs(
        struct translation *t, const struct quadlet_key *row, const struct unit_lines *lines)
{
    struct strings words = split_lines(t, lines, QUOTE_COMMAND);
    struct strmap pairs;

    strmap_init_arena(&pairs, t->arena);
    ARRAY_FOREACH(&words, word) {
        const char *equals = strchr(*word, '=');
        size_t len = equals ? (size_t)(equals - *word) : strlen(*word);

        strmap_set(&pairs, arena_strndup(t->arena, *word, len), *word);
    }
    strmap_sort(&pairs);
    STRMAP_FOREACH(&pairs, pair)
        command_add_option(t, row->option, pair->value);
}

static void add_boolean(struct translation *t, const struct quadlet_key *row)
{
    bool is_true = unit_value_is_true(own_value(t, row->name));

    if (row->adds == ADDS_IF_TRUE) {
        if (is_true)
            command_add(t, row->option);
        if (is_true && row->prefix)
            command_add(t, row->prefix);
    } else if (is_true) {
        command_add(t, row->option);
    } else {
        command_add(t, arena_join(t->arena, row->option, "=false", NULL));
    }
}

/* Adds what a key of the table's own kinds stands for; it has a line. */
static void add_row(struct translation *t, const struct quadlet_key *row)
{
    struct unit_lines lines;
    struct strings words;
    const char *value;

    switch (row->kind) {
    case KIND_STRING:
    case KIND_NUMBER:
        value = own_value(t, row->name);
        if (*value || row->flags & KEY_KEEPS_EMPTY)
            add_value(t, row, value);
        break;
    case KIND_BOOLEAN:
        add_boolean(t, row);
        break;
    case KIND_LIST:
        lines = own_lines(t, row->name);
        ARRAY_FOREACH(&lines, line)
            add_value(t, row, line->value);
        break;
    case KIND_WORDS:
    case KIND_ARGUMENTS:
        lines = own_lines(t, row->name);
        words = split_lines(t, &lines, row->kind == KIND_WORDS ? QUOTE_WORDS : QUOTE_COMMAND);
        ARRAY_FOREACH(&words, word)
            add_value(t, row, *word);
        break;
    case KIND_PAIRS:
        lines = own_lines(t, row->name);
        add_pairs(t, row, &lines);
        break;
    default:
        assert(false);
    }
}

void translate_rows(struct translation *t)
{
    for (size_t i = 0; i < t->info->keys.len; i++) {
        const struct quadlet_key *row = &t->info->keys.rows[i];

        if (row->adds == ADDS_SPECIAL)
            row->special(t);
        else if (row->adds != ADDS_NOTHING && t->present[i])
            add_row(t, row);
    }
}

void service_default(struct translation *t, const char *key, const char *value)
{
    if (!unitfile_find(&t->service, "Service", key))
        unitfile_add(&t->service, "Service", key, value);
}

bool service_check_kill_mode(struct translation *t)
{
    const char *mode = unitfile_get(&t->service, "Service", "KillMode");

    if (mode && strcmp(mode, "mixed") != 0 && strcmp(mode, "control-group") != 0) {
        translation_error(t, unitfile_find(&t->service, "Service", "KillMode"),
                "invalid KillMode '%s'", mode);
        return false;
    }
    /* Not control-group: whoever watches over the container shall see it end. */
    service_default(t, "KillMode", "mixed");
    return true;
}

bool service_is_oneshot(struct translation *t)
{
    const char *type = unitfile_get(&t->service, "Service", "Type");

    if (type && strcmp(type, "notify") != 0 && strcmp(type, "oneshot") != 0)
        translation_error(t, unitfile_find(&t->service, "Service", "Type"),
                "invalid service Type '%s'", type);
    return type && strcmp(type, "oneshot") == 0;
}

void service_finish_oneshot(struct translation *t, bool remain_after_exit)
{
    service_default(t, "SyslogIdentifier", "%N");
    service_default(t, "Type", "oneshot");
    if (remain_after_exit)
        service_default(t, "RemainAfterExit", "yes");
}

static void unknown_key(struct translation *t, const struct unit_line *line, const char *section,
        const struct quadlet_keys *keys)
{
    const struct quadlet_key *nearest = quadlet_keys_nearest(keys, line->key);
    const char *elsewhere = NULL;

    for (int type = 0; type < QUADLET_TYPE_MAX_ && !elsewhere; type++)
        if (quadlet_keys_find(&quadlet_types[type].keys, line->key) >= 0)
            elsewhere = quadlet_types[type].section;
    struct unit_line at = *line;

    at.value_column = line->at.column;
    struct diag_entry *entry = translation_error(
            t, &at, "unsupported key '%s' in group '%s'", line->key, section);
    if (nearest)
        diag_hint(t->diag, entry, "did you mean \"%s\"?", nearest->name);
    else if (elsewhere)
        diag_hint(t->diag, entry, "it is a key of [%s]", elsewhere);
}

/* Notes which rows have a line and refuses lines without a row. */
static void check_keys(struct translation *t, const char *section_name,
        const struct quadlet_keys *keys, bool *present)
{
    const struct unit_section *section = unitfile_section(&t->quadlet->unit, section_name);

    if (!section)
        return;
    ARRAY_FOREACH(&section->lines, line) {
        if (!line->key)
            continue;
        ptrdiff_t row = quadlet_keys_find(keys, line->key);

        if (row < 0)
            unknown_key(t, line, section_name, keys);
        else if (present)
            present[row] = true;
        if (row >= 0 && t->options->engine == QUADLET_ENGINE_BERTH &&
                keys->rows[row].berth == REFUSED)
            translation_error(
                    t, line, "%s= is not supported by berth: %s", line->key, keys->rows[row].note);
    }
}

static void note_initials(struct translation *t)
{
    const struct unit_section *section = unitfile_section(&t->own, t->info->section);

    if (!section)
        return;
    ARRAY_FOREACH(&section->lines, line)
        if (line->key)
            t->initials |= initial_bit(line->key);
}

static void warn_about_service_keys(struct translation *t)
{
    static const char *const keys[] = { "User", "Group", "DynamicUser" };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct unit_line *line = unitfile_find(&t->quadlet->unit, "Service", keys[i]);

        if (line)
            translation_advice(t, line,
                    "using key %s in the Service group is not supported - use at your "
                    "own risk",
                    keys[i]);
    }
}

static bool is_image_id(const char *image)
{
    return string_has_prefix(image, "sha256:") ||
           (strlen(image) == 64 && strspn(image, "0123456789abcdefABCDEF") == 64);
}

/* A name without a registry may mean another image tomorrow. */
static void warn_about_short_image(struct translation *t)
{
    const char *image = own_value(t, "Image");

    if (!image || string_has_suffix(image, ".build") || string_has_suffix(image, ".image") ||
            is_image_id(image))
        return;
    const char *slash = strchr(image, '/');
    size_t len = slash ? (size_t)(slash - image) : 0;

    if (slash &&
            (strcspn(image, ".:") < len || str_is_equal_z((struct str){ image, len }, "localhost")))
        return;
    translation_advice(t, own_line(t, "Image"),
            "%s specifies the image \"%s\" which not a fully qualified image name. This is "
            "not ideal for performance and security reasons. See the podman-pull manpage discussion "
            "of short-name-aliases.conf for details.",
            t->quadlet->name, image);
}

/* What stands in every unit before its type adds to it. */
static void begin_service(struct translation *t)
{
    const char *network = t->options->is_user ? "podman-user-wait-network-online.service"
                                              : "network-online.target";
    const char *wanted = unitfile_get(&t->quadlet->unit, "Quadlet", "DefaultDependencies");

    unitfile_copy(&t->service, t->arena, &t->quadlet->unit);
    depend_translate_unit(t);
    if (!wanted || unit_value_is_true(wanted)) {
        unitfile_prepend(&t->service, "Unit", "After", network);
        unitfile_prepend(&t->service, "Unit", "Wants", network);
    }
    if (t->quadlet->path)
        unitfile_add(&t->service, "Unit", "SourcePath", t->quadlet->path);
    unitfile_add(&t->service, "Unit", "RequiresMountsFor", "%t/containers");
    unitfile_rename_section(&t->service, t->info->section, t->info->x_section);
    unitfile_rename_section(&t->service, "Quadlet", "X-Quadlet");
}

int quadlet_emit(const struct quadlet_set *set, struct quadlet *quadlet,
        const struct quadlet_options *options, struct arena *arena, struct quadlet_unit *ret,
        struct diag *diag)
{
    const struct quadlet_type_info *info = quadlet_info(quadlet);
    bool *present = ARENA_NEW_ARRAY(arena, info->keys.len, bool);
    const size_t first_finding = diag->len;
    struct translation t = {
        .set = set,
        .options = options,
        .quadlet = quadlet,
        .info = info,
        .arena = arena,
        .own = quadlet->unit,
        .diag = diag,
        .present = present,
        .line = STRBUF_INIT(COMMAND_LINE_MAX_BYTES),
    };

    t.own.arena = arena;
    note_initials(&t);
    warn_about_service_keys(&t);
    warn_about_short_image(&t);
    if (options->engine == QUADLET_ENGINE_BERTH && info->berth_refusal)
        translation_error(&t, NULL, "%s files are not supported by berth: %s", info->extension,
                info->berth_refusal);
    check_keys(&t, info->section, &info->keys, present);
    check_keys(&t, "Quadlet", &quadlet_section_keys, NULL);
    begin_service(&t);
    info->translate(&t);
    strbuf_release(&t.line);
    if (t.failed) {
        quadlet_note_errors(set, quadlet, diag, first_finding);
        /* Podman knows the name of what was never made only for these. */
        if (quadlet->type != QUADLET_CONTAINER && quadlet->type != QUADLET_POD &&
                quadlet->type != QUADLET_BUILD)
            quadlet->resource = "";
        return -EINVAL;
    }
    quadlet->resource = arena_strdup(set->arena, quadlet->resource); /* outlives the unit */
    *ret = (struct quadlet_unit){ .source = quadlet, .name = quadlet->service, .unit = t.service };
    return 0;
}

void quadlet_emit_prepare(struct quadlet_set *set)
{
    depend_name_all(set);
    struct quadlet **sorted = ARENA_NEW_ARRAY(set->arena, set->all.len + 1, struct quadlet *);
    size_t len = 0;

    for (unsigned order = 0; len < set->all.len; order++)
        for (size_t i = 0; i < set->all.len; i++)
            if (quadlet_info(set->all.items[i])->order == order)
                sorted[len++] = set->all.items[i];
    set->all.items = sorted;
}
