#include "units/quote.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "units/text.h"

/* A quoted word is at most four times its length (\xHH), and quotes. */
#define QUOTED_MAX_BYTES (LIMIT_UNIT_FILE_BYTES * 4 + 2)

static const char *const error_texts[] = {
    [QUOTE_FINE] = "nothing is wrong",
    [QUOTE_OPEN_QUOTE] = "unbalanced quotes",
    [QUOTE_BAD_ESCAPE] = "unsupported escape char",
};

/* Letters after a backslash and what they mean, in the same order. */
static const char escape_letters[] = "abfnrtv\\\"'s", escape_meanings[] = "\a\b\f\n\r\t\v\\\"' ";

const char *quote_error_text(enum quote_error error)
{
    return error_texts[error];
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int digit_value(char c, unsigned base)
{
    int value = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : 99;

    return value < (int)base ? value : -1;
}

/* Reads `count` digits; false when they are not all there. */
static bool read_digits(const char *p, unsigned count, unsigned base, uint32_t *ret)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < count; i++) {
        int digit = digit_value(p[i], base); /* the end of the text is no digit */

        if (digit < 0)
            return false;
        value = value * base + (uint32_t)digit;
    }
    *ret = value;
    return true;
}

/* What stands behind a backslash: the character, and how many bytes it took; 0 for no known escape. */
static size_t read_escape(const char *p, uint32_t *ret)
{
    static const struct {
        char letter;
        unsigned digits;
        uint32_t max;
    } numeric[] = { { 'x', 2, 0xff }, { 'u', 4, 0xffff }, { 'U', 8, 0x10ffff } };
    const char *known = *p ? memchr(escape_letters, *p, sizeof(escape_letters) - 1) : NULL;

    if (known) {
        *ret = (unsigned char)escape_meanings[known - escape_letters];
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(numeric); i++)
        if (*p == numeric[i].letter)
            return read_digits(p + 1, numeric[i].digits, 16, ret) && *ret && *ret <= numeric[i].max
                           ? 1 + numeric[i].digits
                           : 0;
    return read_digits(p, 3, 8, ret) && *ret && *ret <= 0xff ? 3 : 0;
}

/* Reads one word from *rest on. 1 and the word in `word`; 0 at the end (or at an empty word, which
 * ends the list); -EINVAL. */
static int next_word(const char *start, const char **rest, enum quote_split how,
        struct strbuf *word, struct quote_problem *problem)
{
    const char *p = *rest, *quote_at = NULL;

    strbuf_reset(word);
    while (is_separator(*p))
        p++;
    for (; *p && (quote_at || !is_separator(*p)); p++) {
        if (how == QUOTE_COMMAND && *p == '\\') {
            uint32_t character;

            if (!p[1])
                continue;
            size_t len = read_escape(p + 1, &character);
            if (!len) {
                *problem = (struct quote_problem){ QUOTE_BAD_ESCAPE, (size_t)(p - start) };
                return -EINVAL;
            }
            text_add(word, character);
            p += len;
        } else if (quote_at && *p == *quote_at) {
            quote_at = NULL;
        } else if (!quote_at && (*p == '"' || *p == '\'')) {
            quote_at = p;
        } else {
            strbuf_addc(word, *p);
        }
    }
    if (quote_at && how == QUOTE_WORDS) {
        *problem = (struct quote_problem){ QUOTE_OPEN_QUOTE, (size_t)(quote_at - start) };
        return -EINVAL;
    }
    *rest = p;
    return word->len > 0;
}

int quote_split(struct arena *arena, const char *value, enum quote_split how, struct strings *words,
        struct quote_problem *ret_problem)
{
    auto_(strbuf_release) struct strbuf word = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    struct quote_problem problem = { QUOTE_FINE, 0 };
    size_t len_before = words->len;
    const char *rest = value;
    int r;

    while ((r = next_word(value, &rest, how, &word, &problem)) > 0)
        *ARRAY_APPEND_ARENA(arena, words) = arena_strndup(arena, word.data, word.len);
    if (r < 0)
        words->len = len_before;
    if (ret_problem)
        *ret_problem = problem;
    return r;
}

/* Of the characters up to and including U+0080; those above never need it. */
static bool character_needs_quotes(uint32_t c)
{
    return c <= 0x80 && (c == ' ' || c == '"' || c == '\'' || c == '\\' || text_is_control(c));
}

/* The bytes at which a word has to be looked at: its end, what needs quotes, and the first of U+0080. */
static const bool stops[UCHAR_MAX + 1] = {
    [0 ... ' '] = true,
    ['"'] = true,
    ['\''] = true,
    ['\\'] = true,
    [0x7f] = true,
    [0xc2] = true,
};

/* How long the word is when it needs no quotes; -1: it does. */
static ptrdiff_t plain_len(const char *word)
{
    const unsigned char *p = (const unsigned char *)word;

    for (;; p++) {
        while (!stops[*p])
            p++;
        if (!*p)
            return (const char *)p - word;
        if (*p != 0xc2 || p[1] == 0x80) /* of what is no ASCII only U+0080 */
            return -1;
    }
}

bool quote_is_needed(const char *word)
{
    return plain_len(word) < 0;
}

static void add_quoted(struct strbuf *out, const char *word, bool keeps_blanks)
{
    struct str rest = str_from(word);

    strbuf_addc(out, '"');
    while (rest.len) {
        uint32_t c = text_next(&rest);
        /* The apostrophe stays: it means nothing between double quotes. The blank of \s is written
         * as a number, as Podman does. */
        const char *known = c < 0x80 && c != '\'' && c != ' '
                                    ? memchr(escape_meanings, (int)c, sizeof(escape_meanings) - 1)
                                    : NULL;

        if (known) {
            strbuf_addc(out, '\\');
            strbuf_addc(out, escape_letters[known - escape_meanings]);
        } else if (c != '\'' && !(keeps_blanks && c == ' ') && character_needs_quotes(c)) {
            strbuf_addf(out, "\\x%02x", c);
        } else {
            text_add(out, c);
        }
    }
    strbuf_addc(out, '"');
}

void quote_add_word(struct strbuf *out, const char *word, bool keep_empty)
{
    ptrdiff_t len = plain_len(word);

    if (len < 0 || (keep_empty && !len))
        add_quoted(out, word, false);
    else
        strbuf_add(out, word, (size_t)len);
}

void quote_add_words(struct strbuf *out, const struct strings *words, bool keep_empty)
{
    for (size_t i = 0; i < words->len; i++) {
        if (i)
            strbuf_addc(out, ' ');
        quote_add_word(out, words->items[i], keep_empty);
    }
}

const char *quote_literal(struct arena *arena, const char *text, bool in_command)
{
    const char *set = in_command ? "%$" : "%";

    if (!strpbrk(text, set))
        return text;
    char *result = arena_alloc(arena, strlen(text) * 2 + 1), *out = result;
    for (const char *p = text; *p; p++) {
        if (strchr(set, *p))
            *out++ = *p;
        *out++ = *p;
    }
    return result;
}

const char *quote_unliteral(struct arena *arena, const char *text, bool in_command)
{
    const char *set = in_command ? "%$" : "%";
    char *result = arena_strdup(arena, text), *out = result;

    for (const char *p = text; *p; p++) {
        if (strchr(set, *p)) {
            if (p[1] != p[0])
                return NULL;
            p++;
        }
        *out++ = *p;
    }
    *out = '\0';
    return result;
}

static const char *quote_in_arena(struct arena *arena, const char *word, bool keeps_blanks)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(QUOTED_MAX_BYTES);

    if (!*word || quote_is_needed(word))
        add_quoted(&text, word, keeps_blanks);
    else
        strbuf_adds(&text, word);
    return arena_strndup(arena, text.data, text.len);
}

const char *quote_word(struct arena *arena, const char *word)
{
    return quote_in_arena(arena, word, false);
}

const char *quote_readable(struct arena *arena, const char *word)
{
    return quote_in_arena(arena, word, true);
}
