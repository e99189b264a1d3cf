/* command and entrypoint: null, one line as a shell would split it, or a list of texts. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/strbuf.h"
#include "compose/schema-types.h"

struct splitter {
    struct strbuf word;
    bool in_word, escaped, single, twin, dollar, back; /* dollar: inside of $( ) */
};

static bool is_quoted(const struct splitter *s)
{
    return s->single || s->twin || s->dollar || s->back;
}

static void end_word(struct arena *arena, struct splitter *s, struct node *list)
{
    if (s->in_word)
        node_list_append(arena, list, node_new_text(arena, s->word.data, &list->at));
    strbuf_reset(&s->word);
    s->in_word = false;
}

static void add_char(struct splitter *s, char c)
{
    strbuf_addc(&s->word, c);
    s->in_word = true;
}

/* Parentheses are only known as $( ), which stays as it is. False: out of place. */
static bool take_parenthesis(struct splitter *s)
{
    if (s->single || s->twin || s->back)
        return true;
    if (s->dollar || !s->word.len || s->word.data[s->word.len - 1] != '$')
        return false;
    s->dollar = true;
    return true;
}

struct node *command_split(struct arena *arena, const char *text, const struct source *at)
{
    struct splitter s = { .word = STRBUF_INIT(strlen(text) + 1) };
    struct node *list = node_new(arena, NODE_LIST, at);
    bool valid = true;

    for (const char *p = text; *p && valid; p++) {
        if (s.escaped) {
            add_char(&s, *p); /* also \n and \t: an "n" and a "t" */
            s.escaped = false;
        } else if (*p == '\\' && !s.single) {
            s.escaped = true;
        } else if (strchr(" \t\r\n", *p) && !is_quoted(&s)) {
            end_word(arena, &s, list);
        } else if (*p == '"' && !s.single && !s.dollar) {
            s.twin = !s.twin;
            s.in_word = true;
        } else if (*p == '\'' && !s.twin && !s.dollar) {
            s.single = !s.single;
            s.in_word = true;
        } else if (strchr(";&|<>", *p) && !is_quoted(&s)) {
            if (*p == '>' && s.word.len && s.word.data[0] >= '0' && s.word.data[0] <= '9')
                s.in_word = false; /* "2>x": the number belongs to the redirection */
            break;                 /* Docker Compose takes what stands before a shell operator */
        } else {
            valid = *p != '(' || take_parenthesis(&s);
            if (*p == ')' && s.dollar)
                s.dollar = false;
            if (*p == '`' && !s.single && !s.twin && !s.dollar)
                s.back = !s.back; /* holds words together and stays */
            add_char(&s, *p);
        }
    }
    valid = valid && !s.escaped && !is_quoted(&s);
    if (valid)
        end_word(arena, &s, list);
    strbuf_release(&s.word);
    return valid ? list : NULL;
}

/* The first shell operator outside of quotes, or NUL: what is after it gets lost. */
static char find_operator(const char *text)
{
    bool single = false, twin = false, back = false;

    for (const char *p = text; *p; p++) {
        if (*p == '\\' && !single && p[1])
            p++;
        else if (*p == '"' && !single)
            twin = !twin;
        else if (*p == '\'' && !twin)
            single = !single;
        else if (*p == '`' && !single && !twin)
            back = !back;
        else if (!single && !twin && !back && strchr(";&|<>", *p))
            return *p;
    }
    return '\0';
}

static struct node *read_items(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    return type_texts.read(context, attr, node);
}

struct node *command_read(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *list;

    if (node->kind == NODE_NULL)
        return node_copy(context->arena, node);
    if (node->kind == NODE_LIST)
        return read_items(context, attr, node);
    if (node->kind != NODE_TEXT)
        return schema_refuse(context, node, attr->type->expected);
    list = command_split(context->arena, node->text, &node->at);
    if (!list) {
        struct diag_entry *entry = schema_error(context, &node->at,
                "cannot be split into words: a quote or parenthesis is open in %s",
                node_describe(context->arena, node));

        diag_hint(context->diag, entry, "write a list of texts instead");
        return NULL;
    }
    char operator= find_operator(node->text);

    if (operator) {
        struct diag_entry *entry = diag_add(context->diag, DIAG_WARNING, "shell-operator",
                &node->at, "%s: no shell reads this: everything from the \"%c\" on is left out",
                context->path.data, operator);

        diag_hint(context->diag, entry, "write [\"sh\", \"-c\", \"…\"]");
    }
    list->flags |= NODE_SHORT;
    return list;
}
