#include "base/error.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"

enum {
    MESSAGE_MAX_BYTES = 64 * 1024, /* longer ones are cut: no reader is helped by more */
    ENCODED_TEXT_MAX_BYTES = 4096, /* of one text; shortened until the whole fits */
};

static int positive_code(int code)
{
    if (code == 0 || code == INT_MIN)
        return EIO; /* a failure without a reason is still one */
    return code < 0 ? -code : code;
}

static __attribute__((format(printf, 1, 0))) char *format_text(const char *format, va_list args)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(MESSAGE_MAX_BYTES);

    strbuf_vaddf(&text, format, args);
    return strbuf_take(&text);
}

static __attribute__((format(printf, 4, 0))) struct error *error_new(
        int code, const struct source *at, bool errno_text, const char *format, va_list args)
{
    struct error *error = NEW(struct error);

    error->code = positive_code(code);
    error->message = format_text(format, args);
    error->errno_text = errno_text;
    if (at && at->file)
        error->at = (struct source){ mem_strdup(at->file), at->line, at->column };
    return error;
}

int error_vset(
        struct error **err, int code, const struct source *at, const char *format, va_list args)
{
    if (err) {
        struct error *error = error_new(code, at, true, format, args);

        error_free(*err); /* after formatting: the arguments may speak of it */
        *err = error;
    }
    return -positive_code(code);
}

int error_set(struct error **err, int code, const struct source *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int r = error_vset(err, code, at, format, args);
    va_end(args);
    return r;
}

int error_set_plain(struct error **err, int code, const struct source *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int r = error_vset(err, code, at, format, args);
    va_end(args);
    if (err)
        (*err)->errno_text = false;
    return r;
}

int error_wrap(struct error **err, int code, const char *format, ...)
{
    if (err) {
        va_list args;

        va_start(args, format);
        struct error *error = error_new(code, NULL, !*err, format, args);
        va_end(args);
        error->cause = *err;
        *err = error;
    }
    return -positive_code(code);
}

void error_hint(struct error **err, const char *format, ...)
{
    va_list args;

    if (!err || !*err || !format)
        return;
    va_start(args, format);
    char *hint = format_text(format, args);
    va_end(args);
    free((*err)->hint);
    (*err)->hint = hint;
}

void error_place(struct error **err, const struct source *at)
{
    if (!err || !*err || (*err)->at.file || !at || !at->file)
        return;
    (*err)->at = *at;
    (*err)->at.file = mem_strdup(at->file);
}

void error_free(struct error *err)
{
    while (err) {
        struct error *cause = err->cause;

        free(err->message);
        free((void *)err->at.file);
        free(err->hint);
        free(err);
        err = cause;
    }
}

int error_move(struct error **err, struct error *from)
{
    if (!from)
        return 0;
    int code = from->code;

    if (err) {
        assert(*err != from);
        error_free(*err);
        *err = from;
    } else {
        error_free(from);
    }
    return -code;
}

void error_format(const struct error *err, struct strbuf *out)
{
    for (const struct error *e = err; e; e = e->cause) {
        if (e != err)
            strbuf_adds(out, ": ");
        strbuf_adds(out, e->message);
        if (!e->errno_text)
            continue;
        const char *text = strerrordesc_np(e->code);
        if (text)
            strbuf_addf(out, ": %s", text);
        else
            strbuf_addf(out, ": error %d", e->code);
    }
}

bool error_has_errno_text(const struct error *err)
{
    return err && err->errno_text;
}

/* The encoding has a writer and a reader of its own: the monitor and what else links this library
 * shall not need jansson, and the subset is tiny: objects, strings, integers and booleans. */

static void encode_text(struct strbuf *out, const char *key, const char *text, size_t max_bytes)
{
    struct str left = str_from(text);
    const char *end = text + (left.len < max_bytes ? left.len : max_bytes);

    strbuf_addf(out, "\"%s\":\"", key);
    while (left.data < end) {
        const char *at = left.data;
        size_t len = str_utf8_len(left);

        if (len == 0) {
            strbuf_adds(out, UTF8_REPLACEMENT);
            len = 1;
        } else if (at + len > end) {
            break; /* not half a character */
        } else if (*at == '"' || *at == '\\') {
            strbuf_addc(out, '\\');
            strbuf_addc(out, *at);
        } else if ((uint8_t)*at < 0x20 || *at == 0x7f) {
            strbuf_addf(out, "\\u%04x", (unsigned)*at);
        } else {
            strbuf_add(out, at, len);
        }
        left.data += len;
        left.len -= len;
    }
    strbuf_addc(out, '"');
}

static void encode_chain(const struct error *err, size_t max_text, struct strbuf *out)
{
    unsigned depth = 0;

    for (const struct error *e = err; e; e = e->cause) {
        if (depth + 1 == ERROR_CHAIN_MAX) {
            while (e->cause)
                e = e->cause;
        }
        if (depth++ > 0)
            strbuf_adds(out, ",\"cause\":");
        strbuf_addf(
                out, "{\"code\":%d,\"errno_text\":%s,", e->code, e->errno_text ? "true" : "false");
        encode_text(out, "message", e->message, max_text);
        if (e->at.file) {
            strbuf_addc(out, ',');
            encode_text(out, "file", e->at.file, max_text);
            strbuf_addf(out, ",\"line\":%u,\"column\":%u", e->at.line, e->at.column);
        }
        if (e->hint) {
            strbuf_addc(out, ',');
            encode_text(out, "hint", e->hint, max_text);
        }
    }
    while (depth-- > 0)
        strbuf_addc(out, '}');
}

void error_encode(const struct error *err, struct strbuf *out)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);

    if (!err)
        return;
    /* Sixteen errors of three texts of 16 bytes, each byte escaped, stay below the maximum. */
    for (size_t max_text = ENCODED_TEXT_MAX_BYTES; max_text >= 16; max_text /= 2) {
        strbuf_reset(&text);
        encode_chain(err, max_text, &text);
        if (!strbuf_is_truncated(&text))
            break;
    }
    assert(!strbuf_is_truncated(&text));
    strbuf_add_str(out, strbuf_str(&text));
}

struct reader {
    const char *at, *end;
};

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

static bool read_char(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool read_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

static bool read_hex4(struct reader *r, uint32_t *ret)
{
    uint32_t value = 0;

    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *r->at++;

        value <<= 4;
        if (c >= '0' && c <= '9')
            value |= (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value |= (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            value |= (uint32_t)(c - 'A' + 10);
        else
            return false;
    }
    *ret = value;
    return true;
}

static void add_code_point(struct strbuf *out, uint32_t c)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        strbuf_adds(out, UTF8_REPLACEMENT);
    } else if (c < 0x80) {
        strbuf_addc(out, (char)c);
    } else if (c < 0x800) {
        strbuf_addc(out, (char)(0xc0 | (c >> 6)));
        strbuf_addc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        strbuf_addc(out, (char)(0xe0 | (c >> 12)));
        strbuf_addc(out, (char)(0x80 | ((c >> 6) & 0x3f)));
        strbuf_addc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        strbuf_addc(out, (char)(0xf0 | (c >> 18)));
        strbuf_addc(out, (char)(0x80 | ((c >> 12) & 0x3f)));
        strbuf_addc(out, (char)(0x80 | ((c >> 6) & 0x3f)));
        strbuf_addc(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* Adds what stands at r, one character or one broken byte, as well-formed UTF-8 without NUL. */
static void add_clean_character(struct reader *r, struct strbuf *out)
{
    size_t len = str_utf8_len((struct str){ r->at, (size_t)(r->end - r->at) });

    if (len == 0 || *r->at == '\0') {
        strbuf_adds(out, UTF8_REPLACEMENT);
        len = 1;
    } else {
        strbuf_add(out, r->at, len);
    }
    r->at += len;
}

static bool read_escape(struct reader *r, struct strbuf *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint32_t c, low;

    if (r->at == r->end)
        return false;
    char name = *r->at++;
    if (name != 'u') {
        const char *found = name ? strchr(names, name) : NULL;

        if (found)
            strbuf_addc(out, values[found - names]);
        return found;
    }
    if (!read_hex4(r, &c))
        return false;
    if (c >= 0xd800 && c <= 0xdbff && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
        struct reader ahead = { r->at + 2, r->end };

        if (!read_hex4(&ahead, &low))
            return false;
        if (low >= 0xdc00 && low <= 0xdfff) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            r->at = ahead.at;
        }
    }
    add_code_point(out, c);
    return true;
}

static bool read_string(struct reader *r, struct strbuf *out)
{
    strbuf_reset(out);
    if (!read_char(r, '"'))
        return false;
    while (r->at < r->end) {
        if (*r->at == '"') {
            r->at++;
            return true;
        }
        if ((uint8_t)*r->at < 0x20)
            return false;
        if (*r->at != '\\') {
            add_clean_character(r, out);
            continue;
        }
        r->at++;
        if (!read_escape(r, out))
            return false;
    }
    return false;
}

static bool read_number(struct reader *r, uint32_t *ret)
{
    uint32_t value = 0;

    skip_blanks(r);
    const char *start = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        if (__builtin_mul_overflow(value, 10u, &value) ||
                __builtin_add_overflow(value, (uint32_t)(*r->at - '0'), &value))
            return false;
        r->at++;
    }
    *ret = value;
    return r->at > start;
}

static bool read_bool(struct reader *r, bool *ret)
{
    skip_blanks(r);
    *ret = r->at < r->end && *r->at == 't';
    return read_word(r, *ret ? "true" : "false");
}

static bool read_text_member(struct reader *r, struct strbuf *text, char **member)
{
    if (*member || !read_string(r, text))
        return false;
    *member = mem_strdup(text->data);
    return true;
}

/* Members of a later version's errors, as far as they are plain values. */
static bool skip_value(struct reader *r, struct strbuf *text)
{
    uint32_t number;
    bool flag;

    skip_blanks(r);
    if (r->at == r->end)
        return false;
    if (*r->at == '"')
        return read_string(r, text);
    if (*r->at == 't' || *r->at == 'f')
        return read_bool(r, &flag);
    if (*r->at == 'n')
        return read_word(r, "null");
    return read_number(r, &number);
}

/* Reads the members of one object up to the member "cause", which must be the last (*ret_more), or to
 * its closing brace. */
static bool read_error(struct reader *r, struct error *error, bool *ret_more)
{
    auto_(strbuf_release) struct strbuf key = STRBUF_INIT(64);
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    char *file = NULL;
    bool ok = read_char(r, '{');

    *ret_more = false;
    while (ok) {
        uint32_t code = 0;

        ok = read_string(r, &key) && read_char(r, ':');
        if (!ok)
            break;
        if (str_is_equal_z(strbuf_str(&key), "cause")) {
            *ret_more = true;
            break;
        }
        if (str_is_equal_z(strbuf_str(&key), "code")) {
            ok = read_number(r, &code) && code > 0 && code <= INT_MAX;
            error->code = ok ? (int)code : EIO;
        } else if (str_is_equal_z(strbuf_str(&key), "errno_text")) {
            ok = read_bool(r, &error->errno_text);
        } else if (str_is_equal_z(strbuf_str(&key), "message")) {
            ok = read_text_member(r, &text, &error->message);
        } else if (str_is_equal_z(strbuf_str(&key), "hint")) {
            ok = read_text_member(r, &text, &error->hint);
        } else if (str_is_equal_z(strbuf_str(&key), "file")) {
            ok = read_text_member(r, &text, &file);
        } else if (str_is_equal_z(strbuf_str(&key), "line")) {
            ok = read_number(r, &error->at.line);
        } else if (str_is_equal_z(strbuf_str(&key), "column")) {
            ok = read_number(r, &error->at.column);
        } else {
            ok = skip_value(r, &text);
        }
        if (ok && read_char(r, '}'))
            break;
        ok = ok && read_char(r, ',');
    }
    error->at.file = file;
    return ok && error->code > 0 && error->message;
}

static struct error *decode_chain(struct reader *r)
{
    struct error *first = NULL, **next = &first;
    unsigned depth = 0;
    bool more = true, ok = true;

    while (ok && more) {
        *next = NEW(struct error);
        ok = depth < ERROR_CHAIN_MAX && read_error(r, *next, &more);
        next = &(*next)->cause;
        depth++;
    }
    /* The innermost object's brace is already read; those around it close here. */
    while (ok && depth-- > 1)
        ok = read_char(r, '}');
    skip_blanks(r);
    if (ok && r->at == r->end)
        return first;
    error_free(first);
    return NULL;
}

struct error *error_decode(const char *text, size_t len)
{
    auto_(strbuf_release) struct strbuf message = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    struct str bytes = str_trim((struct str){ text, len });
    struct reader r = { bytes.data, bytes.data + bytes.len };
    struct error *error = NULL;

    if (bytes.len > 0 && bytes.len <= ERROR_ENCODED_MAX_BYTES)
        error = decode_chain(&r);
    if (error)
        return error;

    r.at = bytes.data;
    while (r.at < r.end && !strbuf_is_truncated(&message))
        add_clean_character(&r, &message);
    if (message.len == 0)
        strbuf_adds(&message, "no reason was given");
    error_set_plain(&error, EIO, NULL, "%s", message.data);
    return error;
}
