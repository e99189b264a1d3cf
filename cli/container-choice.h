/* Which containers a command is for: those that are named, or Podman's --all, --latest, --filter and --cidfile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/opts.h"

struct cli;
struct container;
struct container_filter;
struct engine;
struct error;

struct container_choice {
    struct strings cidfiles, filters;
    bool all, latest;
};

/* Their rows, for a member `choice` of an options struct; letters are 0 for those that the command needs for something else. */
#define CONTAINER_CHOICE_ROWS(owner, choice, all_letter, filter_letter, latest_letter) \
    { .name = "all",                                                                   \
        .letter = (all_letter),                                                        \
        .type = &opt_flag,                                                             \
        .offset = offsetof(owner, choice.all),                                         \
        .help = "All containers that it can be done with" },                           \
            { .name = "cidfile",                                                       \
                .type = &opt_list,                                                     \
                .arg = "FILE",                                                         \
                .offset = offsetof(owner, choice.cidfiles),                            \
                .help = "Also the container whose id is in the file" },                \
            { .name = "filter",                                                        \
                .letter = (filter_letter),                                             \
                .type = &opt_list,                                                     \
                .arg = "KEY=VALUE",                                                    \
                .offset = offsetof(owner, choice.filters),                             \
                .help = "Those that ps shows with this filter" },                      \
            CONTAINER_LATEST_ROW(owner, choice, latest_letter)
#define CONTAINER_LATEST_ROW(owner, choice, latest_letter)                       \
    {                                                                            \
        .name = "latest", .letter = (latest_letter), .type = &opt_flag,          \
        .offset = offsetof(owner, choice.latest), .help = "The newest container" \
    }

struct container_choice_rules {
    const struct command *command;
    bool (*fits)(const struct container *c); /* of --all and --filter; NULL: every one */
    bool ignore;                             /* a file that is missing names none */
    const char *all_option;                  /* which one stands for `all`; NULL: --all */
};

/* The names as they were given, and the ids of what was chosen otherwise: in cli's arena. Exit status, after the error was
 * reported. That a filter fits none is fine, that there is no newest container is not. */
int container_choose(struct cli *cli, const struct container_choice *choice,
        const struct container_choice_rules *rules, const struct strings *names,
        struct strings *ret);

/* For commands for one container, whose first argument it is unless --latest stands in its place: NULL after the error was
 * reported, with the exit status. */
const char *container_choose_one(struct cli *cli, const struct command *command, bool latest,
        const struct strings *words, int *ret_status);

/* "key=value" words of ps and its like into the engine's filter. */
struct arena;
int container_read_filters(struct arena *arena, const struct strings *words,
        struct container_filter *filter, struct error **err);
