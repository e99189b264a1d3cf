/* A slice: pointer and length into text that someone else owns, not terminated. For parsing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *data;
    size_t len;
};

#define STR_LITERAL(text) ((struct str){ (text), sizeof(text) - 1 })

/* For printf's "%.*s"; slices beyond INT_MAX do not occur, the inputs are bounded. */
#define STR_FMT(s) (int)(s).len, (s).data

static inline struct str str_from(const char *text)
{
    return (struct str){ text, text ? strlen(text) : 0 };
}

/* Comparisons; the _z forms take a terminated text. NULL never equals anything in string_is_equal. */
bool str_is_equal(struct str a, struct str b);
bool str_is_equal_z(struct str a, const char *b);
bool str_has_prefix(struct str s, const char *prefix);
bool str_has_suffix(struct str s, const char *suffix);
bool string_is_equal(const char *a, const char *b);
bool string_has_prefix(const char *text, const char *prefix);
bool string_has_suffix(const char *text, const char *suffix);

/* NULL and "" are both empty. */
static inline bool string_is_empty(const char *text)
{
    return !text || !*text;
}

struct str str_trim(struct str s); /* white space at both ends */

/* Cuts the text before the first `separator` out of *rest and moves *rest behind it. Returns false at
 * the end; an empty rest gives one empty piece only when it follows a separator. */
bool str_split_next(struct str *rest, char separator, struct str *ret_piece);

/* Position of the character, or -1. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_find_last(struct str s, char c);

/* The candidate nearest to `word` by edit distance with at most a third of its length changed (at
 * least one edit is allowed), or NULL. For "did you mean". Borrowed from the candidates. */
const char *str_nearest(const char *word, const char *const *candidates, size_t count);

/* True for well-formed UTF-8 (no surrogates, no overlong forms). */
bool str_is_utf8(struct str s);

/* Length of the well-formed UTF-8 sequence (1 to 4 bytes) that s begins with; 0 when it begins with
 * none: broken, overlong, a surrogate, or s is empty. */
size_t str_utf8_len(struct str s);

/* What takes the place of broken bytes where text must be UTF-8: U+FFFD. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"
