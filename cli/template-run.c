#include "cli/template-internal.h"

#include <errno.h>
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
#include "cli/shapes.h"

int template_fail(struct template_run *run, const char *format, const char *what)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(4096);

    strbuf_adds(&text, "template: ");
    for (const char *p = format; *p; p++) {
        if (*p == '@')
            strbuf_adds(&text, what);
        else
            strbuf_addc(&text, *p);
    }
    return error_set_plain(run->err, EINVAL, NULL, "%s", text.data);
}

/* Members whose own keys the user chose: a missing one is no mistake. */
static bool is_map(const char *member)
{
    static const char *const maps[] = { "Labels", "Attributes", "Options", "Networks", "Ports",
        "Annotations", "Sysctls" };

    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        if (strcmp(maps[i], member) == 0)
            return true;
    return false;
}

/* The member of that name, of what Docker's types or else the JSON itself says; NULL: there is none. */
static json_t *take_field(
        struct template_run *run, json_t *value, const char *parent, const char *name)
{
    const struct shape *shape = template_shape_of(run, value);
    json_t *member = json_object_get(value, name);

    if (shape && shape->kind == SHAPE_POINTER)
        shape = shape->element;
    if (shape && shape->kind == SHAPE_STRUCT) {
        const struct shape_field *field = shape_find_field(shape, name);

        if (field)
            return template_type_value(run, json_object_get(value, field->name), field->shape);
    }
    bool is_open = shape ? shape->kind == SHAPE_MAP : parent && is_map(parent);
    if (!member)
        return is_open ? template_keep(run, json_null()) : NULL;
    return template_type_value(run, member, is_open && shape ? shape->element : NULL);
}

static int take_fields(
        struct template_run *run, json_t *value, char **fields, size_t count, json_t **ret)
{
    for (size_t i = 0; i < count; i++) {
        const struct shape *shape = template_shape_of(run, value);

        if (json_is_null(value) ||
                (shape && shape->kind == SHAPE_POINTER && template_is_nil(run, value)))
            return template_fail(run, "nil value has no field @", fields[i]);
        if (!json_is_object(value))
            return template_fail(
                    run, "can't evaluate field @: the value is not an object", fields[i]);
        value = take_field(run, value, i > 0 ? fields[i - 1] : NULL, fields[i]);
        if (!value)
            return template_fail(
                    run, "can't evaluate field @: map has no entry for key \"@\"", fields[i]);
    }
    *ret = value;
    return 0;
}

/* .Label "key" of the rows of `ps`, whose Labels is "a=b,c=d". */
static json_t *find_label(struct template_run *run, json_t *row, const char *name)
{
    struct str rest = str_from(json_string_value(json_object_get(row, "Labels"))), piece;
    size_t len = strlen(name);

    if (!rest.data)
        rest = STR_LITERAL("");
    while (str_split_next(&rest, ',', &piece))
        if (piece.len > len && memcmp(piece.data, name, len) == 0 && piece.data[len] == '=')
            return template_keep(
                    run, json_stringn_nocheck(piece.data + len + 1, piece.len - len - 1));
    return template_keep(run, json_string(""));
}

static json_t *get_variable(struct template_run *run, const char *name)
{
    for (size_t i = run->variables.len; i-- > 0;)
        if (strcmp(run->variables.items[i].name, name) == 0)
            return run->variables.items[i].value;
    return NULL;
}

static int eval_pipeline(
        struct template_run *run, const struct pipeline *pipeline, json_t *dot, json_t **ret);

static int eval_operand(
        struct template_run *run, const struct operand *operand, json_t *dot, json_t **ret)
{
    json_t *value = NULL;
    int r;

    switch (operand->kind) {
    case OPERAND_DOT:
        value = dot;
        break;
    case OPERAND_VARIABLE:
        value = *operand->name ? get_variable(run, operand->name) : run->root;
        if (!value)
            return template_fail(run, "undefined variable \"$@\"", operand->name);
        break;
    case OPERAND_LITERAL:
        value = operand->literal;
        break;
    case OPERAND_PIPELINE:
        r = eval_pipeline(run, operand->pipeline, dot, &value);
        if (r < 0)
            return r;
        break;
    case OPERAND_FUNCTION:
        return template_fail(run, "function \"@\" as an argument needs parentheses", operand->name);
    }
    return take_fields(run, value, operand->fields, operand->field_count, ret);
}

static int eval_argument(
        struct template_run *run, const struct operand *operand, json_t *dot, json_t **ret)
{
    return operand->kind == OPERAND_FUNCTION ? template_call(run, operand->name, NULL, 0, ret)
                                             : eval_operand(run, operand, dot, ret);
}

/* `and` and `or` look no further than they must: {{if and .A (eq .A.B 1)}} asks whether there is an A. */
static bool decides(const struct operand *function, const json_t *value)
{
    return function->kind == OPERAND_FUNCTION &&
           ((strcmp(function->name, "and") == 0 && !template_is_truth(value)) ||
                   (strcmp(function->name, "or") == 0 && template_is_truth(value)));
}

static int eval_command(struct template_run *run, const struct operands *command, json_t *dot,
        json_t *piped, json_t **ret)
{
    const struct operand *first = &command->items[0];
    json_t *args[TEMPLATE_ARGS_MAX + 1];
    size_t count = 0;

    for (size_t i = 1; i < command->len; i++) {
        const struct operand *operand = &command->items[i];
        int r = eval_argument(run, operand, dot, &args[count]);
        if (r < 0)
            return r;
        if (decides(first, args[count])) {
            *ret = args[count];
            return 0;
        }
        count++;
    }
    if (piped)
        args[count++] = piped;
    if (first->kind == OPERAND_FUNCTION)
        return template_call(run, first->name, args, count, ret);
    if (count == 1 && first->kind == OPERAND_DOT && first->field_count == 1 &&
            strcmp(first->fields[0], "Label") == 0 && json_is_string(args[0])) {
        *ret = find_label(run, dot, json_string_value(args[0]));
        return 0;
    }
    if (count > 0)
        return template_fail(run, "can't give argument to non-function", "");
    return eval_operand(run, first, dot, ret);
}

static void set_variable(struct template_run *run, const char *name, json_t *value, bool declares)
{
    if (!declares) {
        for (size_t i = run->variables.len; i-- > 0;) {
            if (strcmp(run->variables.items[i].name, name) == 0) {
                run->variables.items[i].value = value;
                return;
            }
        }
    }
    *ARRAY_APPEND(&run->variables) = (struct variable){ name, value };
}

static int eval_pipeline(
        struct template_run *run, const struct pipeline *pipeline, json_t *dot, json_t **ret)
{
    json_t *value = NULL;

    for (size_t i = 0; i < pipeline->len; i++) {
        int r = eval_command(run, &pipeline->commands[i], dot, value, &value);
        if (r < 0)
            return r;
    }
    if (pipeline->variable_count == 1)
        set_variable(run, pipeline->variables[0], value, pipeline->declares);
    *ret = value;
    return 0;
}

static int run_nodes(
        struct template_run *run, const struct tnode *nodes, json_t *dot, enum flow *flow);

static int run_item(struct template_run *run, const struct tnode *node, json_t *key, json_t *value,
        enum flow *flow)
{
    size_t mark = run->variables.len;
    const struct pipeline *pipeline = node->pipeline;

    if (pipeline->variable_count == 2) {
        set_variable(run, pipeline->variables[0], key, true);
        set_variable(run, pipeline->variables[1], value, true);
    } else if (pipeline->variable_count == 1) {
        set_variable(run, pipeline->variables[0], value, true);
    }
    int r = run_nodes(run, node->body, value, flow);
    run->variables.len = mark;
    return r;
}

static int run_range(
        struct template_run *run, const struct tnode *node, json_t *dot, enum flow *flow)
{
    json_t *list = NULL;
    struct pipeline plain = *node->pipeline;

    plain.variable_count = 0;
    int r = eval_pipeline(run, &plain, dot, &list);
    if (r < 0)
        return r;
    if (!json_is_array(list) && !json_is_object(list) && !json_is_null(list))
        return template_fail(run, "range can't iterate over that value", "");
    if (!template_is_truth(list))
        return run_nodes(run, node->otherwise, dot, flow);
    const struct shape *shape = template_shape_of(run, list);
    const struct shape *element = shape ? shape->element : NULL;
    if (json_is_array(list)) {
        for (size_t i = 0; i < json_array_size(list) && r >= 0; i++) {
            r = run_item(run, node, template_keep(run, json_integer((json_int_t)i)),
                    template_type_value(run, json_array_get(list, i), element), flow);
            if (*flow == FLOW_BREAK)
                break;
            *flow = FLOW_ON;
        }
    } else {
        /* Go walks a map in the order of its keys. */
        const char **keys = template_sorted_keys(list);

        for (size_t i = 0; keys[i] && r >= 0; i++) {
            r = run_item(run, node, template_keep(run, json_string_nocheck(keys[i])),
                    template_type_value(run, json_object_get(list, keys[i]), element), flow);
            if (*flow == FLOW_BREAK)
                break;
            *flow = FLOW_ON;
        }
        free(keys);
    }
    *flow = FLOW_ON;
    return r;
}

static int run_nodes(
        struct template_run *run, const struct tnode *nodes, json_t *dot, enum flow *flow)
{
    int r = 0;

    for (const struct tnode *node = nodes; node && r >= 0 && *flow == FLOW_ON; node = node->next) {
        json_t *value = NULL;

        switch (node->kind) {
        case NODE_TEXT:
            strbuf_add_str(run->out, node->text);
            break;
        case NODE_ACTION:
            r = eval_pipeline(run, node->pipeline, dot, &value);
            if (r >= 0 && node->pipeline->variable_count == 0)
                template_print_value(run, run->out, value, false);
            break;
        case NODE_IF:
        case NODE_WITH:
            r = eval_pipeline(run, node->pipeline, dot, &value);
            if (r < 0)
                break;
            size_t mark = run->variables.len;
            if (template_is_truth(value))
                r = run_nodes(run, node->body, node->kind == NODE_WITH ? value : dot, flow);
            else
                r = run_nodes(run, node->otherwise, dot, flow);
            run->variables.len = mark;
            break;
        case NODE_RANGE:
            r = run_range(run, node, dot, flow);
            break;
        case NODE_BREAK:
            *flow = FLOW_BREAK;
            break;
        case NODE_CONTINUE:
            *flow = FLOW_CONTINUE;
            break;
        }
    }
    return r;
}

int template_execute(const struct template *template, const json_t *root, const struct shape *shape,
        struct strbuf *out, struct error **err)
{
    struct template_run run = { .pool = json_array(), .out = out, .err = err };
    enum flow flow = FLOW_ON;

    run.root = template_type_value(&run, (json_t *)root, shape);
    int r = run_nodes(&run, template->nodes, run.root, &flow);

    ARRAY_RELEASE(&run.variables);
    ARRAY_RELEASE(&run.typed);
    json_decref(run.pool);
    return r;
}

void template_heading(const struct template *template, const char *(*heading)(void *, const char *),
        void *userdata, struct strbuf *out)
{
    for (const struct tnode *node = template->nodes; node; node = node->next) {
        if (node->kind == NODE_TEXT) {
            strbuf_add_str(out, node->text);
            continue;
        }
        if (node->kind != NODE_ACTION)
            continue;
        /* The last field named in the action: {{.Names}}, {{json .Names}}, {{.Label "x"}}. */
        const char *name = NULL, *label = NULL;
        for (size_t c = 0; c < node->pipeline->len; c++) {
            const struct operands *command = &node->pipeline->commands[c];

            for (size_t i = 0; i < command->len; i++) {
                if (command->items[i].field_count > 0)
                    name = command->items[i].fields[command->items[i].field_count - 1];
                else if (name && json_is_string(command->items[i].literal))
                    label = json_string_value(command->items[i].literal);
            }
        }
        if (name && strcmp(name, "Label") == 0 && label)
            name = label;
        const char *text = name ? heading(userdata, name) : NULL;
        strbuf_adds(out, text ? text : name ? name : "");
    }
}
