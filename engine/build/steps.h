/* The instructions that make layers: COPY, ADD, RUN and WORKDIR (which makes the directory). Each is asked
 * for its part of the cache key first, and is executed only when the cache has nothing under it. */
#pragma once

#include "engine/build/source.h"
#include "engine/build/stage.h"
#include "engine/image/image.h"

struct arena;
struct build_options;
struct engine;
struct error;
struct instruction;

/* What a step needs beside its stage. */
struct step_context {
    struct engine *engine;
    struct arena *arena;
    const struct build_options *options;
    const char *progress_id;          /* of the step, for events */
    const struct source_tree *source; /* COPY and ADD: where from */
    bool source_is_image;             /* --from: owners are kept */

    /* RUN --mount: the build context, and what a name of a stage, a context or an image stands for. */
    const struct source_tree *context;
    int (*find_source)(
            void *userdata, const char *name, const struct source_tree **ret, struct error **err);
    void *userdata;
};

struct step_plan;

/* Reads the instruction: words expanded, sources found, contents hashed. *ret_text is the canonical text
 * and *ret_digest the content's digest (NULL: none), both for stage_extend_key. In the arena. */
int step_prepare(const struct step_context *context, const struct stage_state *stage,
        const struct instruction *instruction, struct step_plan **ret, const char **ret_text,
        const char **ret_digest, struct error **err);

/* Executes it over the stage's layers. ret_diff_id is "" when no file changed. */
int step_execute(const struct step_context *context, const struct stage_state *stage,
        const struct step_plan *plan, char ret_diff_id[static IMAGE_DIFF_ID_MAX],
        struct error **err);
