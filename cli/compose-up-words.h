/* The options of `up` that say what is to be made, which `create`, `plan` and others take as well: their rows,
 * their checks, and the plan that they come to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/opts.h"

struct cli;
struct compose;
struct diag;
struct error;
struct plan;

struct up_words {
    int64_t timeout_sec, wait_timeout_sec;
    const char *pull;
    struct strings scale;
    bool build, no_build, force_recreate, no_recreate, always_recreate_deps, remove_orphans,
            no_deps, no_start, renew_anon_volumes, quiet_pull, quiet_build, yes, wait;
};
#define UP_WORDS_INIT                        \
    {                                        \
        .timeout_sec = COMPOSE_TIMEOUT_UNSET \
    }

/* Rows for a table whose struct has them as the member `words`. First what `create` takes too. */
#define UP_WORD(owner, option, kind, member, text)                                                 \
    {                                                                                              \
        .name = (option), .type = &(kind), .offset = offsetof(owner, words.member), .help = (text) \
    }
#define UP_WORDS_CREATE_ROWS(owner)                                                            \
    UP_WORD(owner, "build", opt_flag, build, "Build images first"),                            \
            UP_WORD(owner, "force-recreate", opt_flag, force_recreate,                         \
                    "Recreate containers though nothing changed"),                             \
            UP_WORD(owner, "no-build", opt_flag, no_build, "Never build"),                     \
            UP_WORD(owner, "no-recreate", opt_flag, no_recreate,                               \
                    "Keep existing containers as they are"),                                   \
            { .name = "pull",                                                                  \
                .type = &opt_string,                                                           \
                .arg = "POLICY",                                                               \
                .offset = offsetof(owner, words.pull),                                         \
                .help = "always, missing, never or policy" },                                  \
            UP_WORD(owner, "quiet-pull", opt_flag, quiet_pull, "Pull without progress"),       \
            UP_WORD(owner, "remove-orphans", opt_flag, remove_orphans,                         \
                    "Remove containers of services that the files no longer have"),            \
            { .name = "scale",                                                                 \
                .type = &opt_list,                                                             \
                .arg = "SERVICE=N",                                                            \
                .offset = offsetof(owner, words.scale),                                        \
                .help = "Number of containers, stronger than the files" },                     \
    {                                                                                          \
        .name = "yes", .letter = 'y', .type = &opt_flag, .offset = offsetof(owner, words.yes), \
        .help = "Answer yes to every question"                                                 \
    }

#define UP_WORDS_MORE_ROWS(owner)                                                         \
    UP_WORD(owner, "always-recreate-deps", opt_flag, always_recreate_deps,                \
            "Recreate dependencies too"),                                                 \
            UP_WORD(owner, "no-deps", opt_flag, no_deps, "Leave dependencies alone"),     \
            UP_WORD(owner, "no-start", opt_flag, no_start, "Create without starting"),    \
            UP_WORD(owner, "quiet-build", opt_flag, quiet_build, "Hide build output"),    \
            { .name = "renew-anon-volumes",                                               \
                .letter = 'V',                                                            \
                .type = &opt_flag,                                                        \
                .offset = offsetof(owner, words.renew_anon_volumes),                      \
                .help = "New anonymous volumes instead of the old ones" },                \
            { .name = "timeout",                                                          \
                .letter = 't',                                                            \
                .type = &opt_seconds,                                                     \
                .arg = "SECONDS",                                                         \
                .offset = offsetof(owner, words.timeout_sec),                             \
                .help = "Time until a stopping container is killed" },                    \
            UP_WORD(owner, "wait", opt_flag, wait,                                        \
                    "Return once services run or are healthy; implies -d"),               \
    {                                                                                     \
        .name = "wait-timeout", .type = &opt_seconds, .arg = "SECONDS",                   \
        .offset = offsetof(owner, words.wait_timeout_sec), .help = "Longest time to wait" \
    }

/* Refuses a --pull that there is none of (NULL: not given). 0, or the exit status. */
int up_words_check_pull(struct cli *cli, const char *policy);

/* Refuses what does not go together, too. */
int up_words_check(struct cli *cli, const struct up_words *words);

/* plan_up of these words; `command` NULL: "up". -ECANCELED without an error when it was reported here. */
int up_words_plan(struct compose *compose, const struct up_words *words, const char *command,
        bool no_start, int argc, char **argv, struct plan **ret, struct diag *diag,
        struct error **err);
