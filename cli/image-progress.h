/* Pulling, loading and building with their progress on the terminal: layers that move on a terminal,
 * one line per phase on a pipe. */
#pragma once

#include <stdbool.h>

#include "engine/image/image.h"

struct cli;
struct engine;
struct error;
struct progress;
struct registry_access;

struct image_wish {
    const char *ref,
            *platform;  /* platform NULL: any that is here, this machine's from a registry */
    const char *policy; /* always, missing, never, or Podman's newer; NULL: always */
    const struct registry_access *access; /* as in image_pull_options */
    bool quiet;
};

/* Makes an image present by the policy ("newer": what the registry has now, else what is here); prints Docker's "Unable
 * to find image 'x' locally" where that is so. Progress goes to standard error, nothing is printed when `quiet`. */
int image_progress_pull(
        struct cli *cli, struct engine *engine, const struct image_wish *wish, struct error **err);

/* Pushes wish->ref as wish->access says; platform and policy are not looked at. */
int image_progress_push(
        struct cli *cli, struct engine *engine, const struct image_wish *wish, struct error **err);

/* Whether what was typed has a tag or a digest. */
bool image_names_tag_or_digest(const char *name);

/* A display of progress events of the engine on standard error. */
struct image_progress;
struct image_progress *image_progress_new(struct cli *cli, bool quiet);
const struct progress *image_progress_callback(struct image_progress *display);
void image_progress_free(struct image_progress *display); /* leaves the last state on the screen */
