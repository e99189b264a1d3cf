/* x-lint-ignore: which findings the files themselves silence. A name counts for what lies between two
 * places of its file, and, inside of a service or another resource, for all that belongs to it: an
 * override file may hold the reason for what another file does. */
#include <limits.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "compose/lint-internal.h"

static const char ignore_key[] = "x-lint-ignore";

/* A mapping that is walked: where it begins and ends, and what it is. */
struct part {
    const struct loaded_file *file;
    struct source from, to;
    const char *section, *key;
    unsigned depth;
};

static int compare_places(const struct source *a, const struct source *b)
{
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return (a->column > b->column) - (a->column < b->column);
}

static bool is_inside(const struct source *at, const struct source *from, const struct source *to)
{
    return string_is_equal(at->file, from->file) && compare_places(at, from) >= 0 &&
           compare_places(at, to) < 0;
}

/* ------------------------------------------------------------------------------ reading */

static void refuse_name(struct lint *lint, const struct node *name)
{
    const struct lint_rule *rule = lint_find_rule(name->text);
    const char *nearest = rule ? NULL : lint_nearest_rule(name->text);
    struct diag_entry *entry;

    if (rule)
        entry = lint_add(lint, &name->at,
                "%s: findings of \"%s\" are mistakes, which cannot be ignored", ignore_key,
                name->text);
    else
        entry = lint_add(lint, &name->at, "%s: there is no rule \"%s\"", ignore_key, name->text);
    if (nearest)
        lint_hint(lint, entry, "did you mean \"%s\"?", nearest);
    else if (!rule)
        lint_hint(lint, entry, "`berth compose lint --list-rules` shows all of them");
}

static void take_name(struct lint *lint, const struct part *part, const struct node *name)
{
    const struct lint_rule *rule = name->kind == NODE_TEXT ? lint_find_rule(name->text) : NULL;

    if (name->kind != NODE_TEXT) {
        lint_add(lint, &name->at, "%s: expected the name of a rule, got %s", ignore_key,
                node_describe(lint->arena, name));
        return;
    }
    if (strcmp(name->text, "all") != 0 && (!rule || lint_rule_is_fatal(rule))) {
        refuse_name(lint, name);
        return;
    }
    *ARRAY_APPEND_ARENA(lint->arena, &lint->ignores) = (struct lint_ignore){
        .at = name->at,
        .rule = name->text,
        .section = part->key ? part->section : NULL,
        .key = part->key,
        .from = part->from,
        .to = part->to,
    };
}

static void take_names(struct lint *lint, const struct part *part, const struct node *names)
{
    if (names->flags & NODE_RESET)
        return;
    if (names->kind == NODE_TEXT) {
        take_name(lint, part, names);
    } else if (names->kind == NODE_LIST) {
        for (uint32_t i = 0; i < names->len; i++)
            take_name(lint, part, names->items[i]);
    } else {
        lint_add(lint, &names->at, "%s: expected the name of a rule or a list of them, got %s",
                ignore_key, node_describe(lint->arena, names));
    }
}

static void walk(struct lint *lint, const struct part *part, const struct node *node);

/* Where the entry after number `i` begins, among those that stand in the mapping itself. */
static struct source end_of_entry(const struct part *part, const struct node *map, uint32_t i)
{
    for (uint32_t next = i + 1; next < map->len; next++)
        if (is_inside(&map->entries[next].key_at, &map->entries[i].key_at, &part->to))
            return map->entries[next].key_at;
    return part->to;
}

static void walk_map(struct lint *lint, const struct part *part, const struct node *map)
{
    const struct node *names = node_get(map, ignore_key);

    if (names)
        take_names(lint, part, names);
    for (uint32_t i = 0; i < map->len; i++) {
        const struct node_entry *entry = &map->entries[i];
        struct part inner = {
            .file = part->file,
            .from = entry->key_at,
            .to = end_of_entry(part, map, i),
            .section = part->depth == 0   ? entry->key
                       : part->depth == 1 ? part->section
                                          : NULL,
            .key = part->depth == 1 ? entry->key : NULL,
            .depth = part->depth + 1,
        };

        /* What a merge key or an alias brings is walked where it is written; but the x-lint-ignore of a
         * whole service counts for each that it is merged into. */
        if (is_inside(&entry->key_at, &part->from, &part->to))
            walk(lint, &inner, entry->value);
    }
}

static void walk(struct lint *lint, const struct part *part, const struct node *node)
{
    if (node->kind == NODE_MAP) {
        walk_map(lint, part, node);
        return;
    }
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        struct part item = {
            .file = part->file,
            .from = node->items[i]->at,
            .to = i + 1 < node->len &&
                                  is_inside(&node->items[i + 1]->at, &node->items[i]->at, &part->to)
                          ? node->items[i + 1]->at
                          : part->to,
            .depth = part->depth + 1,
        };

        if (is_inside(&item.from, &part->from, &part->to))
            walk(lint, &item, node->items[i]);
    }
}

void lint_collect_ignores(struct lint *lint)
{
    lint_use_rule(lint, "lint-ignore");
    LINT_FOREACH_FILE(lint, file) {
        struct part whole = {
            .file = file,
            .from = { .file = file->text.file },
            .to = { .file = file->text.file, .line = UINT_MAX, .column = UINT_MAX },
        };

        for (size_t i = 0; i < file->documents.len; i++)
            if (file->documents.items[i]->kind == NODE_MAP)
                walk(lint, &whole, file->documents.items[i]);
    }
}

/* ------------------------------------------------------------------------------ asking */

static const char *name_of_use(struct lint *lint, const struct lint_ignore *ignore)
{
    return arena_printf(lint->arena, "%s:%u:%u %s", ignore->at.file, ignore->at.line,
            ignore->at.column, ignore->rule);
}

bool lint_is_ignored(struct lint *lint, const char *rule, const struct source *at,
        const char *section, const char *key)
{
    bool ignored = false;

    ARRAY_FOREACH(&lint->options->ignore, name)
        ignored |= strcmp(*name, rule) == 0 || strcmp(*name, "all") == 0;
    ARRAY_FOREACH(&lint->ignores, ignore) {
        bool names_rule = strcmp(ignore->rule, rule) == 0 || strcmp(ignore->rule, "all") == 0;
        bool owns = key && ignore->key && strcmp(ignore->key, key) == 0 &&
                    string_is_equal(ignore->section, section);

        if (!names_rule || (!owns && !is_inside(at, &ignore->from, &ignore->to)))
            continue;
        (void)strmap_set(&lint->used_ignores, name_of_use(lint, ignore), lint);
        ignored = true;
    }
    return ignored;
}

void lint_report_unused_ignores(struct lint *lint)
{
    lint_use_rule(lint, "unused-ignore");
    lint->section = lint->key = NULL;
    ARRAY_FOREACH(&lint->ignores, ignore) {
        if (strmap_has(&lint->used_ignores, name_of_use(lint, ignore)))
            continue;
        struct diag_entry *entry = lint_add(
                lint, &ignore->at, "%s: \"%s\" silences nothing here", ignore_key, ignore->rule);

        lint_hint(lint, entry, "remove it");
    }
}
