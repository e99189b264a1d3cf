/* A stage while it is being built: the image configuration as it grows, the layers so far, the variables
 * in sight, and the key that stands for all that was done. Applies the instructions that only change the
 * configuration; what makes layers is in steps.h. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/digest.h"
#include "base/strmap.h"
#include "engine/build/dockerfile.h"
#include "engine/build/expand.h"

struct arena;
struct error;
struct image;

struct stage_state {
    struct arena *arena;
    json_t *image_config;  /* owned: architecture, os, config, history, … */
    json_t *config;        /* borrowed from image_config: Env, Cmd, … */
    struct strings layers; /* diff ids, bottom first */
    struct strmap args;    /* ARG: name to char *, declared in this stage and set */
    struct strmap values;  /* what words are expanded with: args, then ENV over them */
    char key[DIGEST_TEXT_MAX];
    char escape;
    int64_t created_nsec; /* of the newest step */
    bool cmd_is_own;      /* CMD was set in this stage, not inherited */
};

/* Begins with nothing (FROM scratch) on this platform, or with an image. */
void stage_begin_scratch(struct stage_state *stage, struct arena *arena, const char *os,
        const char *architecture, const char *variant);
int stage_begin_image(struct stage_state *stage, struct arena *arena, const struct image *image,
        struct error **err);
/* Goes on from where another stage ended; that one's ARGs are not taken over. */
void stage_begin_copy(
        struct stage_state *stage, struct arena *arena, const struct stage_state *base);
/* On a configuration alone: `config` is the "config" object, changed in place (borrowed: its reference is
 * counted). */
void stage_begin_config(struct stage_state *stage, struct arena *arena, json_t *config);
void stage_release(struct stage_state *stage);

/* The stage's words, expanded with what it has in sight. Lives in the arena. */
int stage_expand(const struct stage_state *stage, const struct instruction *instruction,
        const char *word, char **ret, struct error **err);

/* Applies CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL MAINTAINER ONBUILD SHELL STOPSIGNAL USER VOLUME and the
 * path of WORKDIR. Errors carry the instruction's place. */
int stage_apply(
        struct stage_state *stage, const struct instruction *instruction, struct error **err);

/* The ENV that the pairs of a build's --env stand for, or NULL without any. Values are expanded as in double quotes. In
 * the arena. */
struct build_pair;
const struct instruction *stage_make_env(
        struct arena *arena, const struct build_pair *pairs, size_t count, char escape);

/* At the end: what the options of the build say about the labels and variables of the image. */
struct build_options;
void stage_finish(struct stage_state *stage, const struct build_options *options);

/* Declares a build argument with its value (NULL: declared, not set). */
void stage_set_arg(struct stage_state *stage, const char *name, const char *value);

/* The command of a shell-form text: SHELL's words and the text. NULL-terminated, in the arena. */
char **stage_shell_command(const struct stage_state *stage, const char *text);

/* The working directory, "/" when none is set. Borrowed. */
const char *stage_working_dir(const struct stage_state *stage);

/* Makes the key that stands for the state after a step from the one before it and what the step does. */
void stage_extend_key(struct stage_state *stage, const char *what, const char *content_digest);

/* Notes a step in the history. */
void stage_add_history(struct stage_state *stage, const char *created_by, bool empty_layer);
