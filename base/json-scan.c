#include "base/json-scan.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"

/* ---- Bytes ---- */

static bool fail(struct json_scan *scan)
{
    scan->broken = true;
    return false;
}

/* 0 at the end, which is a byte that begins and continues nothing. */
static char peek(const struct json_scan *scan)
{
    return scan->at < scan->end ? *scan->at : '\0';
}

static void skip_blanks(struct json_scan *scan)
{
    while (scan->at < scan->end &&
            (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
        scan->at++;
}

static bool take_word(struct json_scan *scan, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
        return fail(scan);
    scan->at += len;
    scan->after_value = true;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- Texts ---- */

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits after \u; -1 when they are none. */
static int32_t take_hex(struct json_scan *scan)
{
    int32_t value = 0;

    for (int i = 0; i < 4; i++) {
        int digit = hex_value(peek(scan));

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
        scan->at++;
    }
    return value;
}

/* A character beyond ASCII or above the first plane is written as two halves. NUL cannot be in our texts. */
static int32_t take_unicode(struct json_scan *scan)
{
    int32_t value = take_hex(scan);

    if (value <= 0 || (value >= 0xdc00 && value <= 0xdfff))
        return -1;
    if (value < 0xd800 || value > 0xdbff)
        return value;
    if (scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u')
        return -1;
    scan->at += 2;
    int32_t low = take_hex(scan);
    if (low < 0xdc00 || low > 0xdfff)
        return -1;
    return 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
}

static size_t put_utf8(char *to, int32_t value)
{
    if (value < 0x80) {
        to[0] = (char)value;
        return 1;
    }
    if (value < 0x800) {
        to[0] = (char)(0xc0 | value >> 6);
        to[1] = (char)(0x80 | (value & 0x3f));
        return 2;
    }
    if (value < 0x10000) {
        to[0] = (char)(0xe0 | value >> 12);
        to[1] = (char)(0x80 | (value >> 6 & 0x3f));
        to[2] = (char)(0x80 | (value & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | value >> 18);
    to[1] = (char)(0x80 | (value >> 12 & 0x3f));
    to[2] = (char)(0x80 | (value >> 6 & 0x3f));
    to[3] = (char)(0x80 | (value & 0x3f));
    return 4;
}

/* After the backslash; `to` has room for what it stands for, which is never longer. 0: broken. */
static size_t take_escape(struct json_scan *scan, char *to)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char c = peek(scan);
    const char *found = c ? strchr(escapes, c) : NULL;

    scan->at += scan->at < scan->end;
    if (found) {
        *to = meanings[found - escapes];
        return 1;
    }
    int32_t value = c == 'u' ? take_unicode(scan) : -1;
    return value < 0 ? 0 : put_utf8(to, value);
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Up to the quote at its end, the backslash of an escape or what is not allowed. */
static void skip_plain(struct json_scan *scan)
{
    const char *p = scan->at, *end = scan->end;

    for (;;) {
        while (p < end && is_plain((unsigned char)*p))
            p++;
        size_t len = p < end && (unsigned char)*p >= 0x80
                             ? str_utf8_len((struct str){ p, (size_t)(end - p) })
                             : 0;
        if (len == 0)
            break;
        p += len;
    }
    scan->at = p;
}

/* `to` has room for the text as it is written. */
static bool take_escaped(struct json_scan *scan, char *to, size_t *ret_len)
{
    size_t len = 0;

    for (;;) {
        const char *from = scan->at;

        skip_plain(scan);
        memcpy(to + len, from, (size_t)(scan->at - from));
        len += (size_t)(scan->at - from);
        if (peek(scan) != '\\')
            break;
        scan->at++;
        size_t added = take_escape(scan, to + len);
        if (added == 0)
            return fail(scan);
        len += added;
    }
    *ret_len = len;
    return peek(scan) == '"' || fail(scan);
}

/* Where the text ends that has begun at scan->at, escapes unlooked at. */
static const char *find_quote(const struct json_scan *scan)
{
    for (const char *p = scan->at; p < scan->end; p++) {
        if (*p == '"')
            return p;
        if (*p == '\\')
            p++;
    }
    return NULL;
}

/* One without escapes is where it was written. */
static bool take_text(struct json_scan *scan, struct str *ret)
{
    if (peek(scan) != '"')
        return fail(scan);
    const char *from = ++scan->at;
    skip_plain(scan);
    if (peek(scan) == '"') {
        *ret = (struct str){ from, (size_t)(scan->at - from) };
    } else {
        scan->at = from;
        const char *quote = find_quote(scan);
        if (!quote)
            return fail(scan);
        size_t room = (size_t)(quote - from) + 1;
        auto_free char *scratch = scan->arena ? NULL : mem_alloc(room);
        char *to = scan->arena ? arena_alloc(scan->arena, room) : scratch;
        size_t len;
        if (!take_escaped(scan, to, &len))
            return false;
        *ret = scan->arena ? (struct str){ to, len } : (struct str){ from, 0 };
    }
    scan->at++;
    scan->after_value = true;
    return true;
}

/* ---- Values ---- */

void json_scan_begin(struct json_scan *scan, struct arena *arena, const char *text, size_t len)
{
    *scan = (struct json_scan){ .start = text,
        .at = text,
        .end = text + len,
        .arena = arena,
        .broken = len > LIMIT_JSON_BYTES };
}

enum json_scan_type json_scan_type(struct json_scan *scan)
{
    skip_blanks(scan);
    switch (scan->broken ? '\0' : peek(scan)) {
    case '{':
        return JSON_SCAN_OBJECT;
    case '[':
        return JSON_SCAN_ARRAY;
    case '"':
        return JSON_SCAN_TEXT;
    case 't':
    case 'f':
        return JSON_SCAN_BOOLEAN;
    case 'n':
        return JSON_SCAN_NULL;
    case '-':
    case '0' ... '9':
        return JSON_SCAN_NUMBER;
    default:
        fail(scan);
        return JSON_SCAN_NONE;
    }
}

bool json_scan_enter(struct json_scan *scan)
{
    assert(scan->broken || peek(scan) == '{' || peek(scan) == '[');
    if (scan->broken || ++scan->depth > LIMIT_JSON_DEPTH)
        return fail(scan);
    scan->at++;
    scan->after_value = false;
    return true;
}

/* To the next member or item; false at `closing`, which is passed. */
static bool advance(struct json_scan *scan, char closing)
{
    if (scan->broken)
        return false;
    skip_blanks(scan);
    if (peek(scan) == closing) {
        scan->at++;
        scan->depth--;
        scan->after_value = true;
        return false;
    }
    if (scan->after_value) {
        if (peek(scan) != ',')
            return fail(scan);
        scan->at++;
        skip_blanks(scan);
    }
    return true;
}

bool json_scan_member(struct json_scan *scan, struct str *ret_key)
{
    if (!advance(scan, '}') || !take_text(scan, ret_key))
        return false;
    scan->after_value = false;
    skip_blanks(scan);
    if (peek(scan) != ':')
        return fail(scan);
    scan->at++;
    skip_blanks(scan);
    return true;
}

bool json_scan_item(struct json_scan *scan)
{
    return advance(scan, ']');
}

size_t json_scan_count(const struct json_scan *scan)
{
    struct json_scan ahead = *scan;
    size_t count = 0;

    ahead.arena = NULL;
    if (json_scan_enter(&ahead))
        for (; json_scan_item(&ahead); count++)
            json_scan_skip(&ahead);
    return count;
}

const char *json_scan_text(struct json_scan *scan)
{
    struct str text;

    if (!take_text(scan, &text))
        return NULL;
    bool is_copy = text.data < scan->start || text.data >= scan->end;
    return is_copy ? text.data : arena_strndup(scan->arena, text.data, text.len);
}

/* The number as it is written; whole ones have neither fraction nor exponent. */
static bool take_number(struct json_scan *scan, struct str *ret, bool *ret_whole)
{
    const char *from = scan->at;

    scan->at += peek(scan) == '-';
    if (!is_digit(peek(scan)))
        return fail(scan);
    if (*scan->at++ != '0')
        while (is_digit(peek(scan)))
            scan->at++;
    else if (is_digit(peek(scan)))
        return fail(scan);
    const char *whole_end = scan->at;
    if (peek(scan) == '.') {
        scan->at++;
        if (!is_digit(peek(scan)))
            return fail(scan);
        while (is_digit(peek(scan)))
            scan->at++;
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        scan->at++;
        scan->at += peek(scan) == '+' || peek(scan) == '-';
        if (!is_digit(peek(scan)))
            return fail(scan);
        while (is_digit(peek(scan)))
            scan->at++;
    }
    *ret = (struct str){ from, (size_t)(scan->at - from) };
    *ret_whole = scan->at == whole_end;
    scan->after_value = true;
    return true;
}

static bool whole_value(struct str text, int64_t *ret)
{
    bool negative = text.data[0] == '-';
    int64_t value = 0;

    for (size_t i = negative; i < text.len; i++) {
        int digit = text.data[i] - '0';

        if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *ret = value;
    return true;
}

static bool is_finite(struct str text)
{
    auto_free char *copy = mem_strndup(text.data, text.len);

    return isfinite(strtod(copy, NULL));
}

bool json_scan_integer(struct json_scan *scan, int64_t *ret)
{
    struct str text;
    bool whole;

    if (!take_number(scan, &text, &whole))
        return false;
    if (whole ? !whole_value(text, ret) : !is_finite(text))
        return fail(scan);
    return whole;
}

bool json_scan_boolean(struct json_scan *scan, bool *ret)
{
    bool value = peek(scan) == 't';

    if (!take_word(scan, value ? "true" : "false"))
        return false;
    *ret = value;
    return true;
}

void json_scan_skip(struct json_scan *scan)
{
    struct str text;
    int64_t number;
    bool boolean;

    switch (json_scan_type(scan)) {
    case JSON_SCAN_OBJECT:
        if (json_scan_enter(scan))
            while (json_scan_member(scan, &text))
                json_scan_skip(scan);
        break;
    case JSON_SCAN_ARRAY:
        if (json_scan_enter(scan))
            while (json_scan_item(scan))
                json_scan_skip(scan);
        break;
    case JSON_SCAN_TEXT:
        (void)take_text(scan, &text);
        break;
    case JSON_SCAN_NUMBER:
        (void)json_scan_integer(scan, &number);
        break;
    case JSON_SCAN_BOOLEAN:
        (void)json_scan_boolean(scan, &boolean);
        break;
    case JSON_SCAN_NULL:
        (void)take_word(scan, "null");
        break;
    case JSON_SCAN_NONE:
        break;
    }
}

int json_scan_end(struct json_scan *scan, const char *what, struct error **err)
{
    if (!scan->broken)
        skip_blanks(scan);
    if (!scan->broken && scan->at == scan->end)
        return 0;
    return error_set_plain(err, EINVAL, NULL, "%s is not valid JSON at byte %zu", what,
            (size_t)(scan->at - scan->start));
}
