/* Variables in Dockerfile words: $NAME, ${NAME}, ${NAME:-word}, ${NAME-word}, ${NAME:+word}, ${NAME+word},
 * ${NAME:?word}, ${NAME?word}, ${NAME#pattern}, ${NAME##pattern}, ${NAME%pattern}, ${NAME%%pattern},
 * ${NAME/pattern/text} and ${NAME//pattern/text}, with words nested to any depth; quotes removed and
 * the escape character honoured as a shell does. Nothing is executed. */
#pragma once

#include <stdbool.h>

#include "base/array.h"
#include "base/source.h"

struct arena;
struct error;
struct strmap;

struct expand_options {
    char escape;                 /* of the Dockerfile */
    const struct strmap *values; /* NAME to char * */
    bool keep_quotes;            /* heredoc contents: quotes are text */
    struct source at;            /* for errors */
};

/* The expanded word; lives in the arena. */
int expand_word(struct arena *arena, const struct expand_options *options, const char *word,
        char **ret, struct error **err);

/* Expands, and splits unquoted blanks that come out of it into several words (EXPOSE, VOLUME). */
int expand_words(struct arena *arena, const struct expand_options *options, const char *word,
        struct strings *words, struct error **err);
