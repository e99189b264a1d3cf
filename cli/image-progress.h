/* Pulling, loading and building with their progress on the terminal: layers that move on a terminal,
 * one line per phase on a pipe. */
#pragma once

#include <stdbool.h>

#include "engine/image/image.h"

struct cli;
struct engine;
struct error;
struct progress;

/* Makes `ref` present by the policy; prints Docker's "Unable to find image 'x' locally" where that is
 * so. Progress goes to standard error, nothing is printed when `quiet`. */
int image_progress_pull(struct cli *cli, struct engine *engine, const char *ref,
        enum image_pull_policy policy, const char *platform, bool quiet, struct error **err);

/* A display of progress events of the engine on standard error. */
struct image_progress;
struct image_progress *image_progress_new(struct cli *cli, bool quiet);
const struct progress *image_progress_callback(struct image_progress *display);
void image_progress_free(struct image_progress *display); /* leaves the last state on the screen */
