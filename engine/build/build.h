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
#include <stdint.h>

struct container_config;
struct diag;
struct engine;
struct error;
struct progress;
struct registry_access;

/* On the containers of a build and the unnamed images that they run. */
#define BUILD_CONTAINER_LABEL "io.berth.build"

struct build_pair {
    const char *name, *value; /* value NULL: not set (an ARG without value) */
};

/* For RUN --mount=type=secret: a file, read when it is wanted, or a text. */
struct build_secret {
    const char *id;
    const char *path; /* absolute; NULL: the text */
    const char *value;
    int32_t mode; /* where the Dockerfile does not say it; -1: 0400 */
    uint32_t uid, gid;
};
#define BUILD_SECRET_INIT \
    {                     \
        .mode = -1        \
    }

enum build_pull {
    BUILD_PULL_MISSING, /* base images that are not here */
    BUILD_PULL_ALWAYS,  /* newer ones, too; those that no registry can have are taken from here */
    BUILD_PULL_NEWER,   /* the same, and what is here when the registry cannot be asked */
    BUILD_PULL_NEVER,
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
    /* Variables of the image, as if ENV stood behind each FROM; names of variables and labels that it loses. */
    const struct build_pair *env;
    size_t env_count;
    const char *const *unset_env, *const *unset_labels; /* NULL-terminated, or NULL */
    const struct build_secret *secrets;
    size_t secret_count;
    const struct build_pair *ssh; /* id to the socket of an agent, for RUN --mount=type=ssh */
    size_t ssh_count;
    const char *ignore_file; /* in place of .dockerignore; absolute; NULL: none */
    /* What the containers of RUN have beyond their image: hosts, name servers, mounts, limits, rights. Process, image,
     * networks and life do not count. NULL: nothing. */
    const struct container_config *sandbox;
    const struct registry_access *access; /* as in image_pull_options */
    enum build_pull pull;
    const char *const
            *no_cache_stages; /* run these again, by name or number; NULL-terminated, or NULL */
    bool no_cache;            /* run everything again */
    bool check;               /* only look for mistakes; *ret_image_id stays as it is */
    const struct progress *progress; /* NULL: none */
    struct diag *diag;               /* findings in the Dockerfile; may be NULL */
};

/* Builds, tags, and gives the image's id ("sha256:…", free()). Findings in the Dockerfile go to diag, all
 * in one run; everything else to err. -ECANCELED when the engine's cancel flag is set. */
int build_image(struct engine *engine, const struct build_options *options, char **ret_image_id,
        struct error **err);
