#include "cli/template-internal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"

/* ------------------------------------------------------------------ parsing */

struct parser {
    struct arena *arena;
    const char *start, *p, *end;
    bool trim_next; /* "-}}" came: skip blanks */
    struct error **err;
    json_t *pool;
    unsigned depth;
};

static int fail(struct parser *parser, const char *what)
{
    return error_set_plain(parser->err, EINVAL, NULL,
            "template parsing error: at character %td: %s", parser->p - parser->start + 1, what);
}

static void skip_blanks(struct parser *parser)
{
    while (parser->p < parser->end && isspace((unsigned char)*parser->p))
        parser->p++;
}

static bool at_close(struct parser *parser)
{
    skip_blanks(parser);
    return (parser->end - parser->p >= 2 && memcmp(parser->p, "}}", 2) == 0) ||
           (parser->end - parser->p >= 3 && memcmp(parser->p, "-}}", 3) == 0);
}

static int expect_close(struct parser *parser)
{
    if (!at_close(parser))
        return fail(parser, "expected \"}}\"");
    parser->trim_next = *parser->p == '-';
    parser->p += parser->trim_next ? 3 : 2;
    return 0;
}

static const char *take_name(struct parser *parser)
{
    const char *from = parser->p;

    while (parser->p < parser->end && (isalnum((unsigned char)*parser->p) || *parser->p == '_'))
        parser->p++;
    return parser->p > from ? arena_strndup(parser->arena, from, (size_t)(parser->p - from)) : NULL;
}

static bool take_word(struct parser *parser, const char *word)
{
    size_t len = strlen(word);

    skip_blanks(parser);
    if ((size_t)(parser->end - parser->p) < len || memcmp(parser->p, word, len) != 0)
        return false;
    const char *after = parser->p + len;
    if (after < parser->end && (isalnum((unsigned char)*after) || *after == '_'))
        return false;
    parser->p = after;
    return true;
}

static json_t *pool_literal(struct parser *parser, json_t *literal)
{
    json_array_append_new(parser->pool, literal);
    return literal;
}

static int parse_quoted(struct parser *parser, struct operand *operand)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_MAX_BYTES);
    char quote = *parser->p++;

    while (parser->p < parser->end && *parser->p != quote) {
        char c = *parser->p++;

        if (c == '\\' && quote == '"' && parser->p < parser->end) {
            c = *parser->p++;
            c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c);
        }
        strbuf_addc(&text, c);
    }
    if (parser->p == parser->end)
        return fail(parser, "unterminated text");
    parser->p++;
    operand->kind = OPERAND_LITERAL;
    operand->literal = pool_literal(parser, jsonx_text(text.data));
    return 0;
}

static int parse_number(struct parser *parser, struct operand *operand)
{
    const char *from = parser->p;
    int64_t integer;
    double real;

    if (*parser->p == '-' || *parser->p == '+')
        parser->p++;
    while (parser->p < parser->end && (isdigit((unsigned char)*parser->p) || *parser->p == '.'))
        parser->p++;
    struct str text = { from, (size_t)(parser->p - from) };
    operand->kind = OPERAND_LITERAL;
    if (parse_int64(text, INT64_MIN, INT64_MAX, &integer) == 0)
        operand->literal = pool_literal(parser, json_integer(integer));
    else if (parse_double(text, &real) == 0)
        operand->literal = pool_literal(parser, json_real(real));
    else
        return fail(parser, "bad number");
    return 0;
}

static int parse_pipeline(struct parser *parser, struct pipeline **ret);

static int parse_fields(struct parser *parser, struct operand *operand)
{
    while (parser->p < parser->end && *parser->p == '.') {
        parser->p++;
        const char *name = take_name(parser);

        if (!name) {
            if (operand->kind == OPERAND_DOT && operand->field_count == 0)
                return 0;
            return fail(parser, "expected a name after \".\"");
        }
        operand->fields = array_grow_arena(parser->arena, operand->fields, operand->field_count,
                &operand->field_cap, sizeof(*operand->fields));
        operand->fields[operand->field_count++] = (char *)name;
    }
    return 0;
}

static int parse_operand(struct parser *parser, struct operand *operand)
{
    char c = *parser->p;

    *operand = (struct operand){ 0 };
    if (c == '.') {
        operand->kind = OPERAND_DOT;
        return parse_fields(parser, operand);
    }
    if (c == '$') {
        parser->p++;
        const char *name = take_name(parser);

        operand->kind = OPERAND_VARIABLE;
        operand->name = name ? name : "";
        return parse_fields(parser, operand);
    }
    if (c == '"' || c == '`')
        return parse_quoted(parser, operand);
    if (isdigit((unsigned char)c) ||
            ((c == '-' || c == '+') && isdigit((unsigned char)parser->p[1])))
        return parse_number(parser, operand);
    if (c == '(') {
        parser->p++;
        if (++parser->depth > TEMPLATE_DEPTH_MAX)
            return fail(parser, "nested too deeply");
        operand->kind = OPERAND_PIPELINE;
        int r = parse_pipeline(parser, &operand->pipeline);
        if (r < 0)
            return r;
        parser->depth--;
        skip_blanks(parser);
        if (parser->p == parser->end || *parser->p != ')')
            return fail(parser, "expected \")\"");
        parser->p++;
        return parse_fields(parser, operand);
    }
    const char *name = take_name(parser);
    if (!name)
        return fail(parser, "unexpected character");
    operand->kind = OPERAND_LITERAL;
    if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0)
        operand->literal = pool_literal(parser, json_boolean(*name == 't'));
    else if (strcmp(name, "nil") == 0)
        operand->literal = pool_literal(parser, json_null());
    else {
        operand->kind = OPERAND_FUNCTION;
        operand->name = name;
    }
    return 0;
}

/* "$k, $v := " at the start of a pipeline; nothing is consumed when it is none. */
static void parse_declaration(struct parser *parser, struct pipeline *pipeline)
{
    const char *from = parser->p;
    const char *names[2];
    unsigned count = 0;

    for (;;) {
        skip_blanks(parser);
        if (parser->p == parser->end || *parser->p != '$' || count == 2)
            break;
        parser->p++;
        names[count] = take_name(parser);
        if (!names[count++])
            break;
        skip_blanks(parser);
        if (parser->p < parser->end && *parser->p == ',') {
            parser->p++;
            continue;
        }
        bool declares = parser->end - parser->p >= 2 && memcmp(parser->p, ":=", 2) == 0;
        if (declares || (parser->p < parser->end && *parser->p == '=')) {
            parser->p += declares ? 2 : 1;
            pipeline->declares = declares;
            pipeline->variable_count = count;
            memcpy(pipeline->variables, names, sizeof(names[0]) * count);
            return;
        }
        break;
    }
    parser->p = from;
}

static int parse_pipeline(struct parser *parser, struct pipeline **ret)
{
    struct pipeline *pipeline = ARENA_NEW(parser->arena, struct pipeline);

    parse_declaration(parser, pipeline);
    for (;;) {
        pipeline->commands = array_grow_arena(parser->arena, pipeline->commands, pipeline->len,
                &pipeline->cap, sizeof(*pipeline->commands));
        struct operands *command = &pipeline->commands[pipeline->len++];
        *command = (struct operands){ 0 };

        while (!at_close(parser) && parser->p < parser->end && *parser->p != '|' &&
                *parser->p != ')') {
            struct operand operand;
            int r = parse_operand(parser, &operand);

            if (r < 0)
                return r;
            if (command->len == TEMPLATE_ARGS_MAX)
                return fail(parser, "too many arguments");
            *ARRAY_APPEND_ARENA(parser->arena, command) = operand;
        }
        if (command->len == 0)
            return fail(parser, "missing value for command");
        if (parser->p < parser->end && *parser->p == '|') {
            parser->p++;
            continue;
        }
        *ret = pipeline;
        return 0;
    }
}

enum list_end { LIST_END_OF_TEXT, LIST_END_END, LIST_END_ELSE };

static int parse_list(struct parser *parser, struct tnode **ret, enum list_end *ret_end);

/* if, with, range up to and including their end. */
static int parse_control(struct parser *parser, struct tnode *node)
{
    enum list_end end;
    int r = parse_pipeline(parser, &node->pipeline);

    if (r >= 0)
        r = expect_close(parser);
    if (++parser->depth > TEMPLATE_DEPTH_MAX)
        return fail(parser, "nested too deeply");
    if (r >= 0)
        r = parse_list(parser, &node->body, &end);
    if (r < 0)
        return r;
    if (end == LIST_END_ELSE) {
        if (take_word(parser, "if") || take_word(parser, "with")) {
            struct tnode *chained = ARENA_NEW(parser->arena, struct tnode);

            chained->kind = node->kind;
            node->otherwise = chained;
            r = parse_control(parser, chained); /* consumes the one "end" for both */
            parser->depth--;
            return r;
        }
        r = expect_close(parser);
        if (r >= 0)
            r = parse_list(parser, &node->otherwise, &end);
        if (r < 0)
            return r;
    }
    parser->depth--;
    return end == LIST_END_END ? 0 : fail(parser, "missing {{end}}");
}

static void add_text(struct parser *parser, struct tnode ***tail, const char *from, const char *to)
{
    if (from >= to)
        return;
    struct tnode *node = ARENA_NEW(parser->arena, struct tnode);

    node->kind = NODE_TEXT;
    node->text = (struct str){ from, (size_t)(to - from) };
    **tail = node;
    *tail = &node->next;
}

static int parse_list(struct parser *parser, struct tnode **ret, enum list_end *ret_end)
{
    struct tnode **tail = ret;

    *ret = NULL;
    for (;;) {
        if (parser->trim_next)
            skip_blanks(parser);
        parser->trim_next = false;

        const char *from = parser->p;
        const char *open = memmem(from, (size_t)(parser->end - from), "{{", 2);
        if (!open) {
            add_text(parser, &tail, from, parser->end);
            parser->p = parser->end;
            *ret_end = LIST_END_OF_TEXT;
            return 0;
        }
        const char *text_end = open;
        parser->p = open + 2;
        if (parser->end - parser->p >= 2 && *parser->p == '-' &&
                isspace((unsigned char)parser->p[1])) {
            while (text_end > from && isspace((unsigned char)text_end[-1]))
                text_end--;
            parser->p++;
        }
        add_text(parser, &tail, from, text_end);
        skip_blanks(parser);
        if (parser->end - parser->p >= 2 && memcmp(parser->p, "/*", 2) == 0) {
            const char *close = memmem(parser->p, (size_t)(parser->end - parser->p), "*/", 2);

            if (!close)
                return fail(parser, "unclosed comment");
            parser->p = close + 2;
            int r = expect_close(parser);
            if (r < 0)
                return r;
            continue;
        }
        if (take_word(parser, "end")) {
            *ret_end = LIST_END_END;
            return expect_close(parser);
        }
        if (take_word(parser, "else")) {
            *ret_end = LIST_END_ELSE; /* "if" or the closing braces are parse_control's */
            return 0;
        }
        struct tnode *node = ARENA_NEW(parser->arena, struct tnode);
        int r;

        node->kind = NODE_ACTION;
        if (take_word(parser, "break") || take_word(parser, "continue")) {
            node->kind = parser->p[-1] == 'k' ? NODE_BREAK : NODE_CONTINUE;
            r = expect_close(parser);
        } else if (take_word(parser, "if")) {
            node->kind = NODE_IF;
            r = parse_control(parser, node);
        } else if (take_word(parser, "with")) {
            node->kind = NODE_WITH;
            r = parse_control(parser, node);
        } else if (take_word(parser, "range")) {
            node->kind = NODE_RANGE;
            r = parse_control(parser, node);
        } else {
            r = parse_pipeline(parser, &node->pipeline);
            if (r >= 0)
                r = expect_close(parser);
        }
        if (r < 0)
            return r;
        *tail = node;
        tail = &node->next;
    }
}

int template_parse(struct arena *arena, const char *text, struct template **ret, struct error **err)
{
    size_t len = strnlen(text, TEMPLATE_MAX_BYTES + 1);
    struct template *template = ARENA_NEW(arena, struct template);
    enum list_end end;

    if (len > TEMPLATE_MAX_BYTES)
        return error_set_plain(err, EINVAL, NULL, "template parsing error: longer than %d bytes",
                TEMPLATE_MAX_BYTES);
    template->pool = json_array();
    const char *copy = arena_strndup(arena, text, len);
    struct parser parser = { .arena = arena,
        .start = copy,
        .p = copy,
        .end = copy + len,
        .err = err,
        .pool = template->pool };
    int r = parse_list(&parser, &template->nodes, &end);
    if (r >= 0 && end != LIST_END_OF_TEXT)
        r = fail(&parser, end == LIST_END_END ? "unexpected {{end}}" : "unexpected {{else}}");
    if (r < 0) {
        json_decref(template->pool);
        return r;
    }
    *ret = template;
    return 0;
}

void template_release(struct template *template)
{
    if (template)
        json_decref(template->pool);
}
