/* How systemd quotes: values split into words, words joined into command lines, and text protected
 * from the expansions that systemd does later (`%` specifiers everywhere, `$` variables in commands).
 * Splitting is as Podman's generator does it, with its one quirk: an empty word ends the list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/str.h"

struct arena;
struct strbuf;

enum quote_split {
    QUOTE_WORDS,   /* quotes group and vanish, a backslash is an ordinary character; a quote that is
                      not closed is an error */
    QUOTE_COMMAND, /* as ExecStart: also C escapes; an unknown one is an error, an open quote ends
                      with the line, a lone backslash at the end is dropped */
};

enum quote_error { QUOTE_FINE, QUOTE_OPEN_QUOTE, QUOTE_BAD_ESCAPE };

struct quote_problem {
    enum quote_error error;
    size_t offset; /* of the quote or backslash, in bytes */
};

/* Appends the words of `value` to `words` (text in the arena). 0, or -EINVAL: then nothing was
 * appended and *ret_problem (may be NULL) says what is wrong where. */
int quote_split(struct arena *arena, const char *value, enum quote_split how, struct strings *words,
        struct quote_problem *ret_problem);
const char *quote_error_text(enum quote_error error);

/* True when the word has to stand in quotes. An empty word need not by this measure: Podman writes
 * nothing at all for it. */
bool quote_is_needed(const char *word);

/* Appends the word in quotes if it needs them, so that systemd reads it back as it is. With
 * `keep_empty` an empty word becomes "" and is kept; without it vanishes. */
void quote_add_word(struct strbuf *out, const char *word, bool keep_empty);
void quote_add_words(struct strbuf *out, const struct strings *words, bool keep_empty);

/* `%` and, for command lines, `$` doubled, so that the text stays what it is; lives in the arena and is
 * `text` itself when nothing had to change. */
const char *quote_literal(struct arena *arena, const char *text, bool in_command);

/* The other way round: "%%" and, for command lines, "$$" as one character. NULL when the text
 * has an expansion that only systemd can do. */
const char *quote_unliteral(struct arena *arena, const char *text, bool in_command);

/* One word as it stands in a value that is split with `QUOTE_COMMAND`, in the arena. Never empty. The readable form
 * keeps blanks as they are, for files that people edit. */
const char *quote_word(struct arena *arena, const char *word);
const char *quote_readable(struct arena *arena, const char *word);
