/* ${…} in values: all the operators of the Compose specification, nested to any sensible depth.
 *
 *     $N ${N}            value, empty with a warning when unset
 *     ${N:-d} ${N-d}     d when unset or empty / when unset
 *     ${N:+r} ${N+r}     r when set and not empty / when set
 *     ${N:?m} ${N?m}     an error with m when unset or empty / when unset
 *     $$                 one dollar; a dollar before anything else stays as it is
 *
 * The braces of one variable stand in one line, as Docker Compose has it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct interpolate_ops {
    /* The value, borrowed, or NULL when unset. */
    const char *(*lookup)(void *userdata, const char *name);
    /* A variable without a value became empty; may be NULL. `dollar` counts the dollars before it. */
    void (*unset)(void *userdata, const char *name, size_t dollar);
    /* Each use of a variable, also in parts that are not used; may be NULL. */
    void (*use)(void *userdata, const char *name);
    void *userdata;
};

struct interpolate_problem {
    size_t dollar;       /* how many dollars stand before the offending one */
    const char *message; /* lives in the arena */
    const char *hint;    /* NULL for none */
    bool is_unset;       /* a required variable has no value; the text itself is right */
};

#define INTERPOLATE_MAX_BYTES (4u << 20) /* one value after expansion */
#define INTERPOLATE_MAX_DEPTH 64

/* 0 and *ret (the text itself when it holds no dollar), or -EINVAL and *ret_problem. */
int interpolate_text(struct arena *arena, const char *text, const struct interpolate_ops *ops,
        const char **ret, struct interpolate_problem *ret_problem);

/* A variable as a text has it, before anything is filled in. */
struct interpolate_use {
    const char *name;
    bool required;
    const char *default_value, *alternate_value; /* as written; NULL: none */
};

/* Calls `use` for every variable of the text, in order, then for those within its default or alternate
 * value. What is no variable is passed over. The texts live in the arena. */
typedef void interpolate_use_fn(void *userdata, const struct interpolate_use *use);
void interpolate_list(
        struct arena *arena, const char *text, interpolate_use_fn *use, void *userdata);
