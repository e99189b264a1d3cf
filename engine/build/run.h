/* RUN: one command in a container over the stage's layers; what it wrote becomes a layer. */
#pragma once

#include "engine/build/run-mount.h"
#include "engine/image/image.h"

struct error;
struct instruction;
struct stage_state;
struct step_context;

struct run_command {
    const struct instruction *instruction;
    char **argv;         /* NULL-terminated */
    char **env;          /* build arguments, "NAME=value", NULL-terminated */
    const char *network; /* NULL: the build's */
    struct run_mounts mounts;
};

/* Everything lives in the stage's arena; *ret_text is the canonical text for the cache's key. */
int run_prepare(const struct step_context *context, const struct stage_state *stage,
        const struct instruction *instruction, struct run_command *ret, const char **ret_text,
        struct error **err);

/* -ENOEXEC with the command, its exit status and its last lines when it fails. */
int run_execute(const struct step_context *context, const struct stage_state *stage,
        const struct run_command *command, char ret_diff_id[static IMAGE_DIFF_ID_MAX],
        struct error **err);

/* The lock "build", shared, as a descriptor that holds it. Who gets it first removes what is left of builds that
 * died: their containers, and the images made for them. */
int run_lock_builds(struct engine *engine, int *ret_fd, struct error **err);
