/* Rules on values as they were written: what YAML or Compose makes of them is not what they look like. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/lint-internal.h"

#define DATE_PATH_MAX 65536

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "services.web.environment.A" */
static const char *path_of(struct lint *lint, const struct written_pair *pair)
{
    return arena_printf(lint->arena, "services.%s.%s.%s", lint->key, pair->attr, pair->key);
}

/* --------------------------------------------------------------- numbers and booleans */

static void check_rewritten(struct lint *lint, const struct written_pair *pair)
{
    const struct node *value = pair->value;
    const char *result;

    if (!value || !lint_is_plain(value) || value->kind == NODE_TEXT || value->kind == NODE_NULL)
        return;
    result = node_scalar_text(lint->arena, value);
    if (strcmp(result, value->text) == 0)
        return;
    struct diag_entry *entry = lint_add(lint, &pair->at,
            "%s: YAML reads %s as %s %s: the value becomes \"%s\"", path_of(lint, pair),
            value->text, value->kind == NODE_BOOL ? "the boolean" : "the number", result, result);

    lint_hint(lint, entry, "write it in quotes: \"%s\"", value->text);
}

void rule_value_rewritten(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    (void)file;
    lint_each_pair_of_all(lint, service, check_rewritten);
}

/* [1-9][0-9_]*(:[0-5]?[0-9])+ : a number in base 60 to a YAML 1.1 reader. */
static bool is_base60(const char *text)
{
    const char *p = text;
    unsigned groups = 0;

    if (*p < '1' || *p > '9')
        return false;
    while (is_digit(*p) || *p == '_')
        p++;
    while (*p == ':') {
        size_t digits = strspn(++p, "0123456789");

        if (digits < 1 || digits > 2 || (digits == 2 && *p > '5'))
            return false;
        p += digits;
        groups++;
    }
    return groups > 0 && *p == '\0';
}

static bool is_word_of_yaml11(const char *text)
{
    static const char *const words[] = { "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON",
        "off", "Off", "OFF" };

    return is_one_of(text, words, ARRAY_LEN(words));
}

static void check_yaml11(struct lint *lint, const struct written_pair *pair)
{
    const struct node *value = pair->value;
    struct diag_entry *entry;

    if (!value || !lint_is_plain(value) || value->kind != NODE_TEXT)
        return;
    if (is_word_of_yaml11(value->text))
        entry = lint_add(lint, &pair->at,
                "%s: unquoted %s is a text here, but a boolean to YAML 1.1 readers such as "
                "Compose 1",
                path_of(lint, pair), value->text);
    else if (is_base60(value->text))
        entry = lint_add(lint, &pair->at,
                "%s: unquoted %s is a text here, but a number in base 60 to YAML 1.1 readers "
                "such as Compose 1",
                path_of(lint, pair), value->text);
    else
        return;
    lint_hint(lint, entry, "write it in quotes: \"%s\"", value->text);
}

void rule_yaml11_value(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    (void)file;
    lint_each_pair_of_all(lint, service, check_yaml11);
}

/* `path` names the node, and is left as it was. What is below x-… may be anything. */
static void check_dates(struct lint *lint, const struct node *node, struct strbuf *path)
{
    size_t len = path->len;

    if (node->kind == NODE_TEXT && (node->flags & NODE_DATE)) {
        struct diag_entry *entry = lint_add(lint, &node->at,
                "%s: Docker Compose reads unquoted %s as a date and refuses it", path->data,
                node->text);

        lint_hint(lint, entry, "write it in quotes: \"%s\"", node->text);
    }
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        strbuf_addf(path, "[%u]", i);
        check_dates(lint, node->items[i], path);
        strbuf_truncate(path, len);
    }
    NODE_FOREACH(node, entry) {
        if (string_has_prefix(entry->key, "x-"))
            continue;
        strbuf_addf(path, "%s%s", len ? "." : "", entry->key);
        check_dates(lint, entry->value, path);
        strbuf_truncate(path, len);
    }
}

void rule_unquoted_date(
        struct lint *lint, const struct loaded_file *file, const struct node *document)
{
    auto_(strbuf_release) struct strbuf path = STRBUF_INIT(DATE_PATH_MAX);

    (void)file;
    NODE_FOREACH(document, section) {
        if (string_has_prefix(section->key, "x-"))
            continue;
        lint->section = section->key;
        NODE_FOREACH(section->value, entry) {
            lint->key = entry->key;
            strbuf_addf(&path, "%s.%s", section->key, entry->key);
            check_dates(lint, entry->value, &path);
            strbuf_reset(&path);
        }
    }
    lint->section = lint->key = NULL;
}

void rule_unquoted_port(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    const struct node *ports = node_get(service, "ports");

    (void)file;
    for (uint32_t i = 0; ports && ports->kind == NODE_LIST && i < ports->len; i++) {
        const struct node *item = ports->items[i];

        if (item->kind != NODE_TEXT || !lint_is_plain(item) || !is_base60(item->text))
            continue;
        struct diag_entry *entry = lint_add(lint, &item->at,
                "services.%s.ports: unquoted %s is a number in base 60 to YAML 1.1 readers",
                lint->key, item->text);

        lint_hint(lint, entry, "write it in quotes: \"%s\"", item->text);
    }
}

/* -------------------------------------------------------------------- lists of KEY=value */

static void check_quoted(struct lint *lint, const struct written_pair *pair)
{
    size_t len = pair->text ? strlen(pair->text) : 0;

    if (!pair->item || len < 2 || (pair->text[0] != '"' && pair->text[0] != '\'') ||
            pair->text[len - 1] != pair->text[0])
        return;
    struct diag_entry *entry = lint_add(lint, &pair->at,
            "%s: the quotes become part of the value: no shell takes them away",
            path_of(lint, pair));

    lint_hint(lint, entry, "leave them out, or put quotes around all of it: \"%s=…\"", pair->key);
}

void rule_quoted_list_value(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    (void)file;
    lint_each_pair(lint, service, "environment", check_quoted);
    lint_each_pair(lint, service, "build.args", check_quoted);
}

static void check_spaces(struct lint *lint, const struct written_pair *pair)
{
    size_t len = strlen(pair->key);

    if (!pair->item || !pair->text || !len || (pair->key[len - 1] != ' ' && *pair->text != ' '))
        return;
    bool in_key = pair->key[len - 1] == ' ';
    struct diag_entry *entry = lint_add(lint, &pair->at,
            "%s: the blank %s the \"=\" becomes part of the %s", path_of(lint, pair),
            in_key ? "before" : "behind", in_key ? "name" : "value");

    lint_hint(lint, entry, "write KEY=value without blanks around the \"=\"");
}

void rule_spaced_key(struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    (void)file;
    lint_each_pair(lint, service, "environment", check_spaces);
    lint_each_pair(lint, service, "labels", check_spaces);
    lint_each_pair(lint, service, "build.args", check_spaces);
}

/* ------------------------------------------------------------------------------- dollars */

static bool starts_variable(char c)
{
    return c == '{' || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Number of dollars before a lone one, or -1. */
static int find_lone_dollar(const char *text)
{
    int dollars = 0;

    for (const char *p = text; *p; p++) {
        if (*p != '$')
            continue;
        if (p[1] == '$') {
            p++;
            dollars++;
        } else if (!starts_variable(p[1]) && p[1]) {
            return dollars;
        }
        dollars++;
    }
    return -1;
}

static void check_dollars(
        struct lint *lint, const struct loaded_file *file, const struct node *node)
{
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++)
        check_dollars(lint, file, node->items[i]);
    NODE_FOREACH(node, entry)
        if (strncmp(entry->key, "x-", 2) != 0)
            check_dollars(lint, file, entry->value);
    int before = node->kind == NODE_TEXT ? find_lone_dollar(node->text) : -1;

    if (before < 0)
        return;
    struct source at = yaml_find_dollar(&file->text, &node->at, (size_t)before);
    struct diag_entry *entry = lint_add(lint, &at,
            "services.%s: this \"$\" names no variable and stays; other versions of Compose "
            "refuse it",
            lint->key);

    lint_hint(lint, entry, "write $$ for a dollar");
}

void rule_lone_dollar(struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    if (!lint->options->load->no_interpolate)
        check_dollars(lint, file, service);
}

/* ----------------------------------------------------------------------------- the rest */

static void check_timezone(struct lint *lint, const struct written_pair *pair)
{
    const char *zone = pair->text;

    if (strcmp(pair->key, "TZ") != 0 || !zone ||
            (!string_has_prefix(zone, "UTC") && !string_has_prefix(zone, "GMT")) ||
            (zone[3] != '+' && zone[3] != '-') || !is_digit(zone[4]))
        return;
    struct diag_entry *entry = lint_add(lint, &pair->at,
            "%s: \"%s\" is %s of Greenwich: the sign counts from local time to UTC",
            path_of(lint, pair), zone, zone[3] == '+' ? "west" : "east");

    lint_hint(lint, entry, "name a place, such as Europe/Berlin, or turn the sign around");
}

void rule_timezone_sign(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    (void)file;
    lint_each_pair(lint, service, "environment", check_timezone);
}

/* What of the hidden value is nowhere in the own one: "A, B"; NULL: nothing. */
static const char *lost_parts(struct lint *lint, const struct yaml_hidden *hidden)
{
    const struct node *own = hidden->own, *from = hidden->hidden;
    const char *lost = NULL;

    for (uint32_t i = 0; i < from->len; i++) {
        const char *name = from->kind == NODE_MAP ? from->entries[i].key
                                                  : node_scalar_text(lint->arena, from->items[i]);
        bool kept = from->kind == NODE_MAP && node_get_entry(own, from->entries[i].key);

        for (uint32_t j = 0; from->kind == NODE_LIST && j < own->len && !kept; j++)
            kept = node_is_equal(from->items[i], own->items[j]);
        if (!kept)
            lost = lost   ? arena_printf(lint->arena, "%s, %s", lost, name ? name : "a mapping")
                   : name ? name
                          : "a mapping";
    }
    return lost;
}

void rule_merge_key_hides(
        struct lint *lint, const struct loaded_file *file, const struct node *document)
{
    if (document != file->documents.items[0]) /* the list is the whole file's */
        return;
    ARRAY_FOREACH(&file->documents.hidden, hidden) {
        const char *lost = lost_parts(lint, hidden);

        if (!lost)
            continue;
        struct diag_entry *entry = lint_add(lint, &hidden->at,
                "%s: takes the place of the merged one at line %u as a whole; lost: %s",
                hidden->key, hidden->hidden->at.line, lost);

        lint_hint(lint, entry,
                hidden->own->kind == NODE_MAP
                        ? "\"<<\" merges one level only: merge an anchor inside of it, too"
                        : "\"<<\" does not append lists: repeat the items");
    }
}
