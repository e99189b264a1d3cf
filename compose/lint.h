/* What a senior colleague would say about a project's files: the mistakes that loading finds, and beyond
 * them what is allowed and yet hurts. Each finding has the place where it was written and the name of its
 * rule; the rules are one table (lint-table.c).
 *
 *     struct diag diag = DIAG_INIT;
 *     int r = lint_project(&arena, &(struct lint_options){ .load = &load }, &diag, &err);
 *
 * A finding that is no mistake of loading is silenced by its rule's name (or `all`) in `x-lint-ignore`: at
 * the top level for the whole file, in a service, network, volume and so on for what belongs to it
 * wherever it is written, and in any other mapping for what is written in that mapping. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/diag.h"

struct arena;
struct error;
struct lint;
struct load_options;
struct loaded_file;
struct node;
struct project;
struct service;

/* A row of the table. Rules without a function name what loading itself reports. */
struct lint_rule {
    const char *name; /* stable */
    enum diag_severity severity;
    const char *help; /* one line */
    const char *why;  /* what happens when it is left as it is */
    const char *fix;  /* what to do */
    /* Each file of the project as it was written, before variables are filled in. */
    void (*check_document)(
            struct lint *lint, const struct loaded_file *file, const struct node *document);
    /* Each service of such a file. */
    void (*check_written)(
            struct lint *lint, const struct loaded_file *file, const struct node *service);
    /* Each service of the project that has no mistakes, also those whose profiles are not active. */
    void (*check_service)(struct lint *lint, const struct service *service);
    /* The project, when loading found no mistake at all. */
    void (*check_project)(struct lint *lint, const struct project *project);
};

extern const struct lint_rule lint_rules[]; /* sorted by name */
extern const size_t lint_rules_len;

/* NULL: there is no such rule; lint_nearest_rule then is the nearest name, or NULL. */
const struct lint_rule *lint_find_rule(const char *name);
const char *lint_nearest_rule(const char *name);

/* True for a rule whose findings cannot be silenced: mistakes that stop every other command, too. */
bool lint_rule_is_fatal(const struct lint_rule *rule);

struct lint_options {
    const struct load_options *load;
    struct strings ignore; /* names of rules, or "all" */
    bool strict;           /* also report what is ignored without need */
    /* The lowest port that the user may publish: lower ones are findings; 0: any. */
    unsigned unprivileged_port_start;
};

/* Adds the findings to `diag` (not NULL), in the order of the files; each has the name of a rule as its
 * id. 0 when the files could be looked at, whatever was found; else what kept from it, in *err
 * (-ENOENT: no compose file at all). */
int lint_project(struct arena *arena, const struct lint_options *options, struct diag *diag,
        struct error **err);
