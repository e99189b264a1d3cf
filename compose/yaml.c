#include "compose/yaml.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strmap.h"
#include "compose/document.h"
#include "compose/yaml-internal.h"

#define YAML_TAG_PREFIX "tag:yaml.org,2002:"
#define YAML_BINARY_TAG YAML_TAG_PREFIX "binary"

/* One collection that is being read. */
struct frame {
    struct node *node;
    const char *anchor; /* NULL: none */
    const char *key;    /* mapping: the key whose value comes next; NULL: a key comes next */
    struct source key_at;
    struct node *merges;     /* value of the "<<" key; NULL: none */
    struct source merges_at; /* of that key */
    bool is_merge;           /* the key is "<<", not in quotes */
    bool skip_value;         /* the key was refused: read the value, forget it */
};

struct reader {
    struct arena *arena;
    const struct yaml_text *text;
    struct diag *diag;
    struct strmap anchors; /* name -> struct node, or &open_anchor while it is being read */
    struct strmap alias_paths, alias_parents; /* "anchor path": see check_alias_path */
    struct frame *items;                      /* stack */
    size_t len, cap;
    uint32_t nodes, alias_nodes;
    struct yaml_hidden_list hidden;
    bool failed;
};

static struct node open_anchor; /* marks an anchor whose value is not complete; never changed */

static struct source place(const struct reader *reader, yaml_mark_t mark)
{
    return (struct source){
        .file = reader->text->file,
        .line = (unsigned)mark.line + 1,
        .column = (unsigned)mark.column + 1,
    };
}

/* "services.web.environment": where the reader stands, for messages. */
static const char *path_text(const struct reader *reader)
{
    char *path = arena_strdup(reader->arena, "");

    for (size_t i = 0; i < reader->len; i++) {
        const struct frame *frame = &reader->items[i];

        if (frame->node->kind == NODE_LIST)
            path = arena_printf(reader->arena, "%s[%u]", path, frame->node->len);
        else if (frame->key)
            path = arena_printf(reader->arena, "%s%s%s", path, *path ? "." : "", frame->key);
    }
    return *path ? path : "top level";
}

/* ------------------------------------------------------------------------ scalars */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (**words == *text && strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool parse_digits(const char *text, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned digit;

        if (*text >= '0' && *text <= '9')
            digit = (unsigned)(*text - '0');
        else if ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'f')
            digit = (unsigned)((*text | 0x20) - 'a') + 10;
        else
            return false;
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
                __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret = value;
    return true;
}

/* Integers: decimal, 0x, 0o, 0b and C's leading zero; underscores were taken out. */
static bool parse_integer(const char *text, int64_t *ret)
{
    bool negative = *text == '-';
    unsigned base = 10;
    uint64_t value;

    if (*text == '-' || *text == '+')
        text++;
    if (text[0] == '0' && text[1]) {
        char form = text[1] | 0x20;

        base = form == 'x' ? 16 : form == 'b' ? 2 : 8;
        text += form == 'x' || form == 'b' || form == 'o' ? 2 : 1;
    }
    if (!parse_digits(text, base, &value))
        return false;
    if (negative ? value > (uint64_t)INT64_MAX + 1 : value > INT64_MAX)
        return false;
    *ret = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool looks_like_number(const char *text)
{
    size_t before = 0, after = 0;

    if (*text == '-' || *text == '+')
        text++;
    for (; *text >= '0' && *text <= '9'; text++)
        before++;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++)
            after++;
    if (before + after == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '-' || *text == '+')
            text++;
        if (*text < '0' || *text > '9')
            return false;
        while (*text >= '0' && *text <= '9')
            text++;
    }
    return *text == '\0';
}

static bool two_digits(const char *text, unsigned min, unsigned max, size_t *ret_len)
{
    unsigned value = 0;
    size_t len = 0;

    for (; len < 2 && text[len] >= '0' && text[len] <= '9'; len++)
        value = value * 10 + (unsigned)(text[len] - '0');
    *ret_len = len;
    return len > 0 && value >= min && value <= max;
}

/* YYYY-M-D that exists, alone or followed by T, t or a blank and a time. */
static bool looks_like_date(const char *text)
{
    static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    size_t month_len, day_len, len;

    if (strspn(text, "0123456789") != 4 || text[4] != '-')
        return false;
    unsigned year = (unsigned)(text[0] - '0') * 1000 + (unsigned)(text[1] - '0') * 100 +
                    (unsigned)(text[2] - '0') * 10 + (unsigned)(text[3] - '0');
    const char *month = text + 5;

    if (!two_digits(month, 1, 12, &month_len) || month[month_len] != '-')
        return false;
    unsigned month_number = month_len == 1
                                    ? (unsigned)(month[0] - '0')
                                    : (unsigned)(month[0] - '0') * 10 + (unsigned)(month[1] - '0');
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    unsigned last = days[month_number - 1] + (month_number == 2 && leap);
    const char *day = month + month_len + 1;

    if (!two_digits(day, 1, last, &day_len))
        return false;
    const char *rest = day + day_len;

    if (!*rest)
        return true;
    if (*rest != 'T' && *rest != 't' && *rest != ' ')
        return false;
    return two_digits(rest + 1, 0, 23, &len) && rest[1 + len] == ':' &&
           strspn(rest + 1, "0123456789:.+-Zz ") == strlen(rest + 1);
}

/* Takes underscores out of what could be a number; NULL when there are none or it is too long. */
static const char *without_underscores(struct arena *arena, const char *text)
{
    if (!strchr(text, '_') || strlen(text) > 128)
        return text;
    char *plain = arena_strdup(arena, text), *to = plain;

    for (const char *from = text; *from; from++)
        if (*from != '_')
            *to++ = *from;
    *to = '\0';
    return plain;
}

static void resolve_plain(struct reader *reader, struct node *node)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const trues[] = { "true", "True", "TRUE", NULL };
    static const char *const falses[] = { "false", "False", "FALSE", NULL };
    static const char *const infinities[] = { ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF",
        NULL };
    static const char *const negative_infinities[] = { "-.inf", "-.Inf", "-.INF", NULL };
    static const char *const nans[] = { ".nan", ".NaN", ".NAN", NULL };
    const char *text = node->text;
    uint64_t large;

    if (is_one_of(text, nulls)) {
        node->kind = NODE_NULL;
    } else if (is_one_of(text, trues) || is_one_of(text, falses)) {
        node->kind = NODE_BOOL;
        node->boolean = is_one_of(text, trues);
    } else if (is_one_of(text, infinities) || is_one_of(text, negative_infinities)) {
        node->kind = NODE_FLOAT;
        node->number = *text == '-' ? -INFINITY : INFINITY;
    } else if (is_one_of(text, nans)) {
        node->kind = NODE_FLOAT;
        node->number = NAN;
    } else if (*text && strchr("+-.0123456789", *text)) {
        const char *plain = without_underscores(reader->arena, text);

        if (looks_like_date(text)) {
            node->flags |= NODE_DATE;
        } else if (*text != '.' && parse_integer(plain, &node->integer)) {
            node->kind = NODE_INT;
        } else if (parse_digits(plain, 10, &large)) { /* beyond int64_t: kept to the digit */
            node->kind = NODE_FLOAT;
            node->number = (double)large;
            node->text = arena_printf(reader->arena, "%llu", (unsigned long long)large);
            node->flags |= NODE_EXACT;
        } else if (looks_like_number(plain)) {
            node->number = strtod(plain, NULL);
            node->kind = isfinite(node->number) ? NODE_FLOAT : NODE_TEXT;
        }
    }
}

/* The bytes of base64 text; NULL when it is none or holds NUL. Only ends of lines may stand in it. */
static const char *decode_base64(struct arena *arena, const char *text)
{
    static const char alphabet[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *bytes = arena_alloc(arena, strlen(text) + 1), *out = bytes;
    unsigned collected = 0, bits = 0, digits = 0, padding = 0;

    for (const char *p = text; *p; p++) {
        const char *digit = strchr(alphabet, *p);

        if (*p == '\r' || *p == '\n')
            continue;
        digits++;
        padding += *p == '=';
        if (*p == '=')
            continue;
        if (!digit || padding)
            return NULL;
        collected = (collected << 6 | (unsigned)(digit - alphabet)) & 0xffffff;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        *out = (char)(collected >> bits & 0xff);
        if (!*out++)
            return NULL;
    }
    *out = '\0';
    return digits % 4 || padding > 2 ? NULL : bytes;
}

/* Tags of YAML that say what a text has to be. */
static const struct value_tag {
    const char *tag;
    enum node_kind kind;
    unsigned flag; /* that the value has as well */
} value_tags[] = {
    { YAML_INT_TAG, NODE_INT, 0 },
    { YAML_FLOAT_TAG, NODE_FLOAT, 0 },
    { YAML_BOOL_TAG, NODE_BOOL, 0 },
    { YAML_NULL_TAG, NODE_NULL, 0 },
    { YAML_TIMESTAMP_TAG, NODE_TEXT, NODE_DATE },
};

static void refuse_tag(struct reader *reader, struct node *node, const char *tag)
{
    struct diag_entry *entry = diag_add(reader->diag, DIAG_ERROR, "schema", &node->at,
            "%s: the tag !!%s does not fit \"%s\"", path_text(reader),
            tag + strlen(YAML_TAG_PREFIX), node->text);

    diag_hint(reader->diag, entry, "leave the tag out, or mend the value");
    node->flags |= NODE_BAD;
    reader->failed = true;
}

static void apply_value_tag(
        struct reader *reader, struct node *node, const struct value_tag *value_tag)
{
    resolve_plain(reader, node);
    if (value_tag->kind == NODE_FLOAT && node->kind == NODE_INT) {
        node->number = (double)node->integer;
        node->kind = NODE_FLOAT;
    }
    if (node->kind != value_tag->kind || (node->flags & value_tag->flag) != value_tag->flag)
        refuse_tag(reader, node, value_tag->tag);
}

static void apply_tag(struct reader *reader, struct node *node, const char *tag, bool plain)
{
    if (!tag || strcmp(tag, "!reset") == 0) {
        if (plain)
            resolve_plain(reader, node);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(value_tags); i++)
        if (strcmp(tag, value_tags[i].tag) == 0) {
            apply_value_tag(reader, node, &value_tags[i]);
            return;
        }
    if (strcmp(tag, YAML_BINARY_TAG) == 0) {
        const char *bytes = decode_base64(reader->arena, node->text);

        if (bytes)
            node->text = bytes;
        else
            refuse_tag(reader, node, tag);
    }
    /* Other tags, !override among them, say nothing about the value: it stays a text. */
}

static unsigned tag_flags(const char *tag)
{
    if (!tag)
        return 0;
    return strcmp(tag, "!reset") == 0      ? NODE_RESET
           : strcmp(tag, "!override") == 0 ? NODE_OVERRIDE
                                           : 0;
}

/* ------------------------------------------------------------------------ the tree */

static void note_hidden(
        struct reader *reader, const struct node_entry *own, const struct node *hidden)
{
    bool collection = hidden->kind == NODE_MAP || hidden->kind == NODE_LIST;

    if (collection && own->value->kind == hidden->kind && own->value != hidden)
        *ARRAY_APPEND_ARENA(reader->arena, &reader->hidden) = (struct yaml_hidden){
            .key = own->key, .at = own->key_at, .own = own->value, .hidden = hidden
        };
}

/* The first `own_len` entries of the map are its own. */
static void merge_one(
        struct reader *reader, struct node *map, uint32_t own_len, const struct node *from)
{
    if (from->kind != NODE_MAP) {
        map->flags |= NODE_BAD; /* what it lacks is no further mistake */
        reader->failed = true;
        if (from->flags & NODE_BAD)
            return;
        struct diag_entry *entry = diag_add(reader->diag, DIAG_ERROR, "merge-key", &from->at,
                "the merge key \"<<\" takes a mapping or a list of mappings, not %s",
                node_kind_name(from->kind));

        if (from->kind == NODE_TEXT && strmap_has(&reader->anchors, from->text))
            diag_hint(reader->diag, entry, "did you mean \"*%s\"?", from->text);
        return;
    }
    NODE_FOREACH(from, entry) {
        const struct node_entry *known = node_get_entry(map, entry->key);

        if (!known)
            node_set(reader->arena, map, entry->key, &entry->key_at, entry->value);
        else if (known < map->entries + own_len)
            note_hidden(reader, known, entry->value);
    }
}

/* Own keys win wherever "<<" stands; of several sources the earlier one wins. */
static void apply_merges(struct reader *reader, struct frame *frame)
{
    uint32_t own_len = frame->node->len;
    const struct node *source = frame->merges;

    if (source && source->kind != NODE_LIST)
        merge_one(reader, frame->node, own_len, source);
    for (uint32_t i = 0; source && source->kind == NODE_LIST && i < source->len; i++)
        merge_one(reader, frame->node, own_len, source->items[i]);
}

static bool count_nodes(
        struct reader *reader, uint32_t count, bool by_alias, const struct source *at)
{
    uint32_t *total = by_alias ? &reader->alias_nodes : &reader->nodes;
    uint32_t limit = by_alias ? LIMIT_YAML_ALIAS_NODES : LIMIT_YAML_NODES;

    if (!__builtin_add_overflow(*total, count, total) && *total <= limit)
        return true;
    diag_add(reader->diag, DIAG_ERROR, "too-large", at,
            by_alias ? "aliases stand for more than %u values" : "more than %u values in one file",
            limit);
    reader->failed = true;
    return false;
}

static void refuse_key(
        struct reader *reader, struct frame *frame, const struct source *at, const char *message)
{
    diag_add(reader->diag, DIAG_ERROR, "key", at, "%s: %s", path_text(reader), message);
    reader->failed = true;
    frame->node->flags |= NODE_BAD; /* what it lacks now is no further mistake */
    frame->key = "";
    frame->key_at = *at;
    frame->skip_value = true;
}

static void take_key(struct reader *reader, struct frame *frame, const struct node *node)
{
    const struct node_entry *earlier;
    const struct source *first = NULL;

    if (node->kind == NODE_LIST || node->kind == NODE_MAP) {
        refuse_key(reader, frame, &node->at, "a key must be a text, not a list or a mapping");
        return;
    }
    if (node->kind != NODE_TEXT) {
        refuse_key(reader, frame, &node->at,
                arena_printf(reader->arena, "key %s is not a text; write it in quotes: \"%s\"",
                        node_describe(reader->arena, node), node->text));
        return;
    }
    frame->is_merge = !(node->flags & NODE_QUOTED) && strcmp(node->text, "<<") == 0;
    earlier = node_get_entry(frame->node, node->text);
    if (earlier)
        first = &earlier->key_at;
    else if (frame->is_merge && frame->merges)
        first = &frame->merges_at;
    if (first) {
        struct diag_entry *entry = diag_add(reader->diag, DIAG_ERROR, "duplicate-key", &node->at,
                "%s: key \"%s\" is already defined at line %u", path_text(reader), node->text,
                first->line);

        diag_hint(reader->diag, entry, "the first \"%s\" is at %s:%u:%u", node->text, first->file,
                first->line, first->column);
        reader->failed = true;
        frame->skip_value = true;
    }
    frame->key = node->text;
    frame->key_at = node->at;
}

/* Puts a finished value where the reader stands; at the top it is the document. */
static void put(struct reader *reader, struct node *node, struct node **document)
{
    if (reader->len == 0) {
        *document = node;
        return;
    }
    struct frame *frame = &reader->items[reader->len - 1];

    if (node->flags & (NODE_RESET | NODE_HAS_RESET))
        frame->node->flags |= NODE_HAS_RESET;
    if (frame->node->kind == NODE_LIST) {
        node_list_append(reader->arena, frame->node, node);
    } else if (!frame->key) {
        take_key(reader, frame, node);
    } else {
        if (frame->is_merge && !frame->skip_value) {
            frame->merges = node;
            frame->merges_at = frame->key_at;
        } else if (!frame->skip_value) {
            node_set(reader->arena, frame->node, frame->key, &frame->key_at, node);
        }
        frame->key = NULL;
        frame->skip_value = false;
    }
}

static void set_anchor(struct reader *reader, const yaml_char_t *anchor, struct node *node)
{
    if (anchor)
        (void)strmap_set(&reader->anchors, (const char *)anchor, node);
}

static bool read_scalar(struct reader *reader, const yaml_event_t *event, struct node **document)
{
    struct source at = place(reader, event->start_mark);
    const char *value = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    yaml_scalar_style_t style = event->data.scalar.style;
    struct node *node;

    if (!count_nodes(reader, 1, false, &at))
        return false;
    if (memchr(value, '\0', event->data.scalar.length)) {
        diag_add(reader->diag, DIAG_ERROR, "nul", &at, "%s: a NUL character is not allowed here",
                path_text(reader));
        reader->failed = true;
    }
    node = node_new_text(reader->arena, value, &at);
    node->flags |= tag_flags(tag);
    if (style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
        node->flags |= NODE_QUOTED;
    else if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
        node->flags |= NODE_BLOCK;
    apply_tag(reader, node, tag, style == YAML_PLAIN_SCALAR_STYLE);
    set_anchor(reader, event->data.scalar.anchor, node);
    put(reader, node, document);
    return true;
}

/* Docker Compose takes it for a circle when one anchor stands for a service "a" and for another "a.b": its
 * paths cannot tell that apart from "b" inside of "a". A file that it refuses is no portable file. */
static void check_alias_path(struct reader *reader, const char *anchor, const struct source *at)
{
    const char *path = path_text(reader), *rival = NULL;
    const char *key = arena_printf(reader->arena, "%s %s", anchor, path);
    bool dotted = false;

    for (size_t i = 0; i < reader->len; i++)
        dotted |= reader->items[i].key && strchr(reader->items[i].key, '.');
    if (strmap_has(&reader->alias_parents, key))
        rival = path;
    for (const char *dot = strchr(path, '.'); dotted && dot; dot = strchr(dot + 1, '.')) {
        const char *parent = arena_printf(
                reader->arena, "%s %.*s", anchor, (int)(dot - path), path);

        if (strmap_has(&reader->alias_paths, parent))
            rival = parent + strlen(anchor) + 1;
        (void)strmap_set(&reader->alias_parents, parent, NULL);
    }
    (void)strmap_set(&reader->alias_paths, key, NULL);
    if (!rival)
        return;
    struct diag_entry *entry = diag_add(reader->diag, DIAG_ERROR, "alias-path", at,
            "%s: cycle: alias *%s is used at \"%s\" and at a name that goes on from it with a dot",
            path, anchor, rival);

    diag_hint(reader->diag, entry, "write one of them out; Docker Compose refuses this as well");
    reader->failed = true;
}

/* The anchor that was probably meant; NULL: none. */
static const char *nearest_anchor(const struct reader *reader, const char *name)
{
    auto_free const char **names = mem_realloc_array(NULL, reader->anchors.len + 1, sizeof(*names));

    for (size_t i = 0; i < reader->anchors.len; i++)
        names[i] = reader->anchors.entries[i].key;
    return str_nearest(name, names, reader->anchors.len);
}

static bool read_alias(struct reader *reader, const yaml_event_t *event, struct node **document)
{
    struct source at = place(reader, event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    struct node *node = strmap_get(&reader->anchors, name);

    if (!node || node == &open_anchor) {
        struct diag_entry *entry = diag_add(reader->diag, DIAG_ERROR, "alias", &at,
                node ? "%s: cycle: alias *%s stands inside of the value that it names"
                     : "%s: unknown anchor \"%s\"",
                path_text(reader), name);
        const char *nearest = !node && diag_may_search(reader->diag, entry, reader->anchors.len)
                                      ? nearest_anchor(reader, name)
                                      : NULL;

        if (nearest)
            diag_hint(reader->diag, entry, "did you mean \"*%s\"?", nearest);
        else if (!node)
            diag_hint(reader->diag, entry,
                    "an anchor is written &%s in front of a value, earlier in the same file", name);
        reader->failed = true;
        node = node_new(reader->arena, NODE_NULL, &at);
        node->flags |= NODE_BAD;
        node->text = "";
    }
    if (!count_nodes(reader, node->count, true, &at))
        return false;
    check_alias_path(reader, arena_strdup(reader->arena, name), &at);
    /* !reset counts where it is written, not where an alias brings it, as Docker Compose has it. */
    put(reader, node_without_resets(reader->arena, node), document);
    return true;
}

static bool open_collection(struct reader *reader, const yaml_event_t *event)
{
    struct source at = place(reader, event->start_mark);
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *anchor = is_map ? event->data.mapping_start.anchor
                                       : event->data.sequence_start.anchor;
    const yaml_char_t *tag = is_map ? event->data.mapping_start.tag
                                    : event->data.sequence_start.tag;

    if (reader->len >= LIMIT_YAML_DEPTH) {
        diag_add(reader->diag, DIAG_ERROR, "too-deep", &at, "nested deeper than %u levels",
                LIMIT_YAML_DEPTH);
        reader->failed = true;
        return false;
    }
    if (!count_nodes(reader, 1, false, &at))
        return false;
    struct node *node = node_new(reader->arena, is_map ? NODE_MAP : NODE_LIST, &at);

    node->flags |= tag_flags((const char *)tag);
    *ARRAY_APPEND(reader) = (struct frame){
        .node = node,
        .anchor = anchor ? arena_strdup(reader->arena, (const char *)anchor) : NULL,
    };
    set_anchor(reader, anchor, &open_anchor);
    return true;
}

static void close_collection(struct reader *reader, struct node **document)
{
    assert(reader->len > 0);
    struct frame frame = reader->items[reader->len - 1];

    apply_merges(reader, &frame);
    reader->len--;
    if (frame.anchor)
        (void)strmap_set(&reader->anchors, frame.anchor, frame.node);
    put(reader, frame.node, document);
}

/* --------------------------------------------------------------------------- public */

static bool handle_event(
        struct reader *reader, const yaml_event_t *event, struct yaml_documents *documents)
{
    struct node **document = documents->len ? &documents->items[documents->len - 1] : NULL;

    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        *ARRAY_APPEND_ARENA(
                reader->arena, documents) = NULL; /* anchors last, as in Docker Compose */
        strmap_release(&reader->alias_paths);
        strmap_release(&reader->alias_parents);
        return true;
    case YAML_ALIAS_EVENT:
        return read_alias(reader, event, document);
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event, document);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return open_collection(reader, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_collection(reader, document);
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return true;
}

int yaml_parse(struct arena *arena, const struct yaml_text *text, struct yaml_documents *ret,
        struct diag *diag)
{
    struct reader reader = { .arena = arena, .text = text, .diag = diag };
    struct yaml_documents documents = { 0 };
    bool done = false;
    yaml_parser_t parser;

    if (text->len > LIMIT_COMPOSE_FILE_BYTES) {
        diag_add(diag, DIAG_ERROR, "too-large", &(struct source){ .file = text->file },
                "the file is larger than %u MiB", LIMIT_COMPOSE_FILE_BYTES >> 20);
        *ret = documents;
        return -EINVAL;
    }
    if (!yaml_parser_initialize(&parser))
        abort(); /* only for want of memory */
    yaml_parser_set_input_string(&parser, (const unsigned char *)text->data, text->len);
    while (!done) {
        yaml_event_t event;

        if (!yaml_parser_parse(&parser, &event)) {
            yaml_report_syntax(arena, text, &parser, diag);
            reader.failed = true;
            break;
        }
        done = event.type == YAML_STREAM_END_EVENT || !handle_event(&reader, &event, &documents);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    strmap_release(&reader.anchors);
    strmap_release(&reader.alias_paths);
    strmap_release(&reader.alias_parents);
    ARRAY_RELEASE(&reader);
    if (documents.len && !documents.items[documents.len - 1])
        documents.len--; /* cut off by an error: nothing of it is whole */
    documents.hidden = reader.hidden;
    *ret = documents;
    return reader.failed ? -EINVAL : 0;
}

void yaml_index_lines(struct arena *arena, struct yaml_text *text)
{
    const char *end = text->data + text->len;
    size_t count = 1;
    size_t *lines;

    for (const char *p = text->data; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        count++;
    lines = ARENA_NEW_ARRAY(arena, count, size_t);
    text->line_count = 1;
    for (const char *p = text->data; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines[text->line_count++] = (size_t)(p + 1 - text->data);
    text->lines = lines;
}

struct source yaml_find_dollar(const struct yaml_text *text, const struct source *at, size_t nth)
{
    const char *p = text->data, *end = text->data + text->len;
    struct source found = { .file = at->file, .line = 1, .column = 1 };

    if (text->lines && at->line > 0 && at->line <= text->line_count) {
        p += text->lines[at->line - 1];
        found.line = at->line;
    }
    for (bool begun = false; p < end; p++) {
        bool inside = found.line > at->line ||
                      (found.line == at->line && found.column >= at->column);

        /* The line of "|" or ">" may end in a comment, which is no part of the value. */
        if (inside && !begun && (*p == '|' || *p == '>')) {
            const char *newline = memchr(p, '\n', (size_t)(end - p));

            p = newline ? newline : end - 1;
        }
        begun = begun || inside;

        if (inside && *p == '$' && nth-- == 0)
            return found;
        if (*p == '\n') {
            found.line++;
            found.column = 1;
        } else if (((unsigned char)*p & 0xc0) != 0x80) {
            found.column++;
        }
    }
    return *at;
}
