/* Shared by template.c (parsing), template-run.c (running), template-values.c and template-functions.c. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/str.h"
#include "cli/template.h"

struct error;
struct shape;
struct strbuf;

#define TEMPLATE_MAX_BYTES 65536
#define TEMPLATE_OUTPUT_MAX (16u << 20)
#define TEMPLATE_DEPTH_MAX 64
#define TEMPLATE_ARGS_MAX 16

enum operand_kind {
    OPERAND_DOT,      /* "." and ".A.B": fields from the current value */
    OPERAND_VARIABLE, /* "$", "$x", "$x.A" */
    OPERAND_LITERAL,
    OPERAND_FUNCTION,
    OPERAND_PIPELINE, /* "( … )", perhaps with fields behind it */
};

struct operand {
    enum operand_kind kind;
    const char *name; /* variable, function */
    char **fields;
    size_t field_count, field_cap;
    json_t *literal; /* in the template's pool */
    struct pipeline *pipeline;
};

struct operands {
    struct operand *items;
    size_t len, cap;
};

struct pipeline {
    const char *variables[2]; /* "$k, $v :=" */
    unsigned variable_count;
    bool declares; /* := and not = */
    struct operands *commands;
    size_t len, cap;
};

enum node_kind {
    NODE_TEXT,
    NODE_ACTION,
    NODE_IF,
    NODE_WITH,
    NODE_RANGE,
    NODE_BREAK,
    NODE_CONTINUE
};

struct tnode {
    enum node_kind kind;
    struct tnode *next, *body, *otherwise;
    struct str text;
    struct pipeline *pipeline;
};

struct template
{
    struct tnode *nodes;
    json_t *pool; /* array that owns the literals */
};

/* ---- running ---- */

struct variable {
    const char *name;
    json_t *value;
};
struct variables {
    struct variable *items;
    size_t len, cap;
};

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

/* A value whose type is known beyond JSON. */
struct typed {
    const json_t *value; /* by its address */
    const struct shape *shape;
    bool is_nil; /* stands for nil: an empty list or object of the run's own */
};
struct typed_values {
    struct typed *items;
    size_t len, cap;
};

/* Values that come into being are kept in `pool` until the end, so that all others are borrowed. */
struct template_run {
    json_t *root;
    json_t *pool;
    struct variables variables;
    struct typed_values typed;
    struct strbuf *out;
    struct error **err;
};

/* Takes a new value into the run's pool; borrowed from there. */
json_t *template_keep(struct template_run *run, json_t *fresh);
void template_print_value(
        struct template_run *run, struct strbuf *out, const json_t *value, bool nested);
bool template_is_truth(const json_t *value);

/* The value as a thing of that type (NULL: JSON without one), which is what stands for nil or zero where
 * `value` is NULL or null. Borrowed from the run or from where `value` is. */
json_t *template_type_value(struct template_run *run, json_t *value, const struct shape *shape);
const struct shape *template_shape_of(const struct template_run *run, const json_t *value);
bool template_is_nil(const struct template_run *run, const json_t *value);
/* Given: free(); ends with NULL. */
const char **template_sorted_keys(const json_t *object);

/* An error; "@" in the format stands for `what`. */
int template_fail(struct template_run *run, const char *format, const char *what);

/* Calls the function of that name. */
int template_call(
        struct template_run *run, const char *name, json_t **args, size_t count, json_t **ret);
