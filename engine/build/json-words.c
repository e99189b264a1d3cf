#include "engine/build/json-words.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

struct text {
    char *items;
    size_t len, cap;
};

static struct str advance(struct str s, size_t count)
{
    return (struct str){ s.data + count, s.len - count };
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool json_hex4(struct str s, unsigned *ret)
{
    unsigned value = 0;

    if (s.len < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(s.data[i]);

        if (digit < 0)
            return false;
        value = value << 4 | (unsigned)digit;
    }
    *ret = value;
    return true;
}

static void add_utf8(struct arena *arena, struct text *out, unsigned c)
{
    char bytes[4];
    size_t len;

    if (c < 0x80) {
        bytes[0] = (char)c;
        len = 1;
    } else if (c < 0x800) {
        bytes[0] = (char)(0xc0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 0x3f));
        len = 2;
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xe0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (c & 0x3f));
        len = 3;
    } else {
        bytes[0] = (char)(0xf0 | c >> 18);
        bytes[1] = (char)(0x80 | (c >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (c & 0x3f));
        len = 4;
    }
    for (size_t i = 0; i < len; i++)
        *ARRAY_APPEND_ARENA(arena, out) = bytes[i];
}

/* One escape behind a backslash in a JSON text; the number of bytes it takes, or 0 when malformed. */
static size_t json_escape(struct arena *arena, struct text *out, struct str s)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *name = s.len > 0 && *s.data ? strchr(names, *s.data) : NULL;
    unsigned high, low;

    if (name) {
        *ARRAY_APPEND_ARENA(arena, out) = values[name - names];
        return 1;
    }
    if (s.len < 5 || *s.data != 'u' || !json_hex4(advance(s, 1), &high) || high == 0)
        return 0;
    if (high >= 0xd800 && high < 0xdc00 && s.len >= 11 && s.data[5] == '\\' && s.data[6] == 'u' &&
            json_hex4(advance(s, 7), &low) && low >= 0xdc00 && low < 0xe000) {
        add_utf8(arena, out, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        return 11;
    }
    add_utf8(arena, out, high >= 0xd800 && high < 0xe000 ? 0xfffd : high);
    return 5;
}

/* The text behind an opening quote; *s ends up behind the closing one. */
static bool parse_text(struct arena *arena, struct str *s, char **ret)
{
    struct text word = { 0 };

    while (s->len > 0 && *s->data != '"') {
        size_t used = 1;

        if (*s->data == '\\') {
            used = json_escape(arena, &word, advance(*s, 1));
            if (used == 0)
                return false;
            used++;
        } else {
            *ARRAY_APPEND_ARENA(arena, &word) = *s->data;
        }
        *s = advance(*s, used);
    }
    if (s->len == 0)
        return false;
    *s = advance(*s, 1);
    *ret = arena_strndup(arena, word.items, word.len);
    return true;
}

bool json_words_parse(struct arena *arena, struct str s, struct strings *ret)
{
    struct strings words = { 0 };

    s = str_trim(s);
    if (s.len < 2 || *s.data != '[')
        return false;
    s = str_trim(advance(s, 1));
    if (s.len == 1 && *s.data == ']') {
        *ret = words;
        return true;
    }
    for (;;) {
        char *word;

        if (s.len == 0 || *s.data != '"')
            return false;
        s = advance(s, 1);
        if (!parse_text(arena, &s, &word))
            return false;
        *ARRAY_APPEND_ARENA(arena, &words) = word;
        s = str_trim(s);
        if (s.len == 1 && *s.data == ']')
            break;
        if (s.len == 0 || *s.data != ',')
            return false;
        s = str_trim(advance(s, 1));
    }
    *ret = words;
    return true;
}
