/* A plan in a file (`compose plan -o`), to be carried out later as it is or not at all (`compose apply`): what it
 * was made from (files, options, digests of what they came to and of what existed) and the plan itself.
 * Nothing in it is trusted: `apply` plans anew from the same files and options, and runs that only if both
 * digests and every step are the same. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/arena.h"
#include "base/array.h"

struct compose;
struct error;

#define PLAN_FILE_VERSION 1
/* Of each list in it. */
#define PLAN_FILE_WORDS_MAX 1024

struct plan_file {
    struct arena arena;
    const char *project, *directory; /* absolute */
    struct strings files, env_files; /* absolute */
    struct strings profiles;
    struct strings arguments; /* of `compose plan`: options and services */
    bool compatibility;
    int64_t time_nsec;           /* when it was planned: pull policies look at ages */
    const char *sources, *state; /* digests */
    json_t *plan;                /* as plan_print_json has it; owned */
};

/* Reads the text of such a file. 0, or -EINVAL and the like with the reason; release in either case. */
int plan_file_parse(const char *text, size_t len, struct plan_file *ret, struct error **err);
void plan_file_release(struct plan_file *file);

/* The text. Given: free(). */
char *plan_file_format(const struct plan_file *file);
