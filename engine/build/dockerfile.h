/* The Dockerfile as data: stages, each with its instructions, every one with its place in the file.
 * Words are not expanded here (that needs the build's variables, see expand.h) and nothing is looked
 * up; what can be judged from the text alone is judged: unknown instructions and flags, missing
 * arguments, malformed JSON forms and heredocs. All findings are collected in one pass.
 *
 * Lives in the arena that is given. Reference: the Dockerfile reference of Docker 28 (BuildKit). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/source.h"

struct arena;
struct diag;
struct error;

enum instruction_kind {
    INSTRUCTION_FROM,
    INSTRUCTION_ADD,
    INSTRUCTION_ARG,
    INSTRUCTION_CMD,
    INSTRUCTION_COPY,
    INSTRUCTION_ENTRYPOINT,
    INSTRUCTION_ENV,
    INSTRUCTION_EXPOSE,
    INSTRUCTION_HEALTHCHECK,
    INSTRUCTION_LABEL,
    INSTRUCTION_MAINTAINER,
    INSTRUCTION_ONBUILD,
    INSTRUCTION_RUN,
    INSTRUCTION_SHELL,
    INSTRUCTION_STOPSIGNAL,
    INSTRUCTION_USER,
    INSTRUCTION_VOLUME,
    INSTRUCTION_WORKDIR,
    INSTRUCTION_KIND_MAX_,
};

struct instruction_flag {
    const char *name;  /* without dashes */
    const char *value; /* NULL when it was given without "=" */
};

struct heredoc {
    const char *name;    /* as written between the quotes */
    const char *content; /* with its last newline; leading tabs removed for "<<-" */
    bool expand;         /* the name was not quoted: variables in the content count */
    struct source at;
};

/* One instruction. What stands in `words` depends on the kind:
 *
 *   RUN CMD ENTRYPOINT, shell form   words[0] is the whole text, is_exec false
 *   … exec form, and SHELL           the elements of the JSON array, is_exec true
 *   COPY ADD VOLUME                  the words, or the elements of the JSON array
 *   ENV LABEL                        key, value, key, value, … still quoted
 *   ARG                              "NAME" or "NAME=value" each, still quoted
 *   HEALTHCHECK                      "NONE", or the command as for CMD (without the word CMD)
 *   FROM                             image [, stage name]
 *   others                           the text in one word, or words at blanks (EXPOSE) */
struct instruction {
    enum instruction_kind kind;
    struct source at;
    const char *text; /* the instruction on one line, as it was written, for progress and history */
    const struct instruction_flag *flags;
    size_t flag_count;
    char **words;
    size_t word_count;
    bool is_exec;
    const struct heredoc *heredocs;
    size_t heredoc_count;
    const char *onbuild; /* ONBUILD: the text of the trigger */
};

struct stage {
    const char *name; /* lower case; NULL when not named */
    const struct instruction *from;
    const struct instruction *items; /* without FROM */
    size_t len;
};

struct dockerfile {
    const char *file;
    char escape;                           /* '\\' or '`' */
    const struct instruction *global_args; /* ARGs before the first FROM */
    size_t global_arg_count;
    const struct stage *stages;
    size_t stage_count;
};

/* Parses `text` (len bytes, at most LIMIT_DOCKERFILE_BYTES). `file` is named in positions. Returns 0, or
 * -EINVAL after putting every finding into diag. */
int dockerfile_parse(struct arena *arena, const char *file, const char *text, size_t len,
        struct dockerfile **ret, struct diag *diag, struct error **err);

/* Parses one instruction, such as an ONBUILD trigger or a --change of import and commit. */
int dockerfile_parse_instruction(struct arena *arena, const char *file, const char *text,
        struct instruction **ret, struct diag *diag, struct error **err);

const char *instruction_name(enum instruction_kind kind); /* "FROM" */

/* The flag's value ("" when given without one), or NULL. */
const char *instruction_flag_value(const struct instruction *instruction, const char *name);
