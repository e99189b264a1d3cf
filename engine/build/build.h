/* Building an image from a Dockerfile and a context directory. Each instruction that changes files makes
 * one layer; RUN runs a real container of the engine. What was done before with the same parent, the same
 * instruction and the same files comes out of the cache.
 *
 * A build that fails or is killed leaves every existing image as it was; its containers are of the build
 * (label BUILD_CONTAINER_LABEL) and are swept by the next build, its layers by the store's own clean-up.
 *
 * Reference: the Dockerfile reference of Docker 28 (BuildKit's behaviour). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct diag;
struct engine;
struct error;
struct progress;

/* On the containers of a build and the unnamed images that they run. */
#define BUILD_CONTAINER_LABEL "io.berth.build"

struct build_pair {
    const char *name, *value; /* value NULL: not set (an ARG without value) */
};

struct build_options {
    const char *context;     /* directory; absolute */
    const char *dockerfile;  /* path, relative to the context or absolute; NULL: "Dockerfile" */
    const char *inline_text; /* the Dockerfile itself; NULL: read the file */
    const char *inline_name; /* what positions in inline_text name as the file */
    const char *target;      /* stage to build; NULL: the last */
    const char *platform;    /* NULL: the host's */
    const char *network; /* for RUN: "default", "none", "host" or a network's name; NULL: default */
    const struct build_pair *args, *labels;
    size_t arg_count, label_count;
    const char *const *tags;
    size_t tag_count;
    /* Further contexts for FROM and COPY --from: name to directory or "docker-image://ref". */
    const struct build_pair *contexts;
    size_t context_count;
    bool no_cache;                   /* run everything again */
    bool pull;                       /* look for newer base images even when they are there */
    bool check;                      /* only look for mistakes; *ret_image_id stays as it is */
    const struct progress *progress; /* NULL: none */
    struct diag *diag;               /* findings in the Dockerfile; may be NULL */
};

/* Builds, tags, and gives the image's id ("sha256:…", free()). Findings in the Dockerfile go to diag, all
 * in one run; everything else to err. -ECANCELED when the engine's cancel flag is set. */
int build_image(struct engine *engine, const struct build_options *options, char **ret_image_id,
        struct error **err);
