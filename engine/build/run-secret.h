/* The files of RUN --mount=type=secret while the command runs: below RUN, which is in memory, and never below ROOT. A
 * note (sweep.h) names their directory first, so that the next command removes what a build that died leaves.
 *
 *     struct run_secrets secrets = RUN_SECRETS_INIT;
 *     r = run_secrets_add(&secrets, engine, arena, &file, err);
 *     … the container runs …
 *     run_secrets_release(&secrets); */
#pragma once

#include "base/random.h"
#include "engine/state/sweep.h"

struct arena;
struct container_file;

struct run_secrets {
    struct sweep sweep;
    char name[RANDOM_ID_HEX + 1]; /* of the directory, once sweep is begun */
    unsigned count;
};
#define RUN_SECRETS_INIT    \
    {                       \
        .sweep = SWEEP_INIT \
    }

/* Writes the content to a file with its owner and mode, and puts the file's path (in the arena) in its place. */
int run_secrets_add(struct run_secrets *secrets, struct engine *engine, struct arena *arena,
        struct container_file *file, struct error **err);

/* Removes the files. */
void run_secrets_release(struct run_secrets *secrets);
