#include "base/strbuf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { FIRST_CAP = 256 };

/* Never written to: every function that writes makes room first. Not const, since data is not. */
char strbuf_empty[1] = "";

/* Makes room for `len` more bytes and the terminator, as far as the maximum allows. Returns how many
 * of the bytes may be added. */
static size_t make_room(struct strbuf *sb, size_t len)
{
    assert(sb->len <= sb->max_len);

    if (len > sb->max_len - sb->len) {
        sb->truncated = true;
        len = sb->max_len - sb->len;
    }
    if (sb->cap > sb->len + len)
        return len;

    size_t cap = sb->cap ? sb->cap : FIRST_CAP;
    while (cap <= sb->len + len) {
        if (__builtin_mul_overflow(cap, (size_t)2, &cap))
            mem_exhausted();
    }
    sb->data = mem_realloc_array(sb->cap ? sb->data : NULL, cap, 1);
    if (!sb->cap)
        sb->data[0] = '\0';
    sb->cap = cap;
    return len;
}

void strbuf_init(struct strbuf *sb, size_t max_len)
{
    *sb = (struct strbuf)STRBUF_INIT(max_len);
}

void strbuf_release(struct strbuf *sb)
{
    if (!sb)
        return;
    if (sb->cap)
        free(sb->data);
    strbuf_init(sb, sb->max_len);
}

void strbuf_reset(struct strbuf *sb)
{
    sb->len = 0;
    sb->truncated = false;
    if (sb->cap)
        sb->data[0] = '\0';
}

void strbuf_add_slow(struct strbuf *sb, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    len = make_room(sb, len);
    memcpy(sb->data + sb->len, bytes, len);
    sb->len += len;
    sb->data[sb->len] = '\0';
}

void strbuf_add_str(struct strbuf *sb, struct str s)
{
    strbuf_add(sb, s.data, s.len);
}

void strbuf_addf(struct strbuf *sb, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    strbuf_vaddf(sb, format, args);
    va_end(args);
}

void strbuf_vaddf(struct strbuf *sb, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    size_t room = sb->cap ? sb->cap - sb->len : 0; /* with the terminator */
    int len = vsnprintf(room ? sb->data + sb->len : NULL, room, format, args);
    assert(len >= 0);
    if ((size_t)len < room && (size_t)len <= sb->max_len - sb->len) {
        sb->len += (size_t)len;
    } else {
        size_t fits = make_room(sb, (size_t)len);

        vsnprintf(sb->data + sb->len, fits + 1, format, again);
        sb->len += fits;
    }
    va_end(again);
}

void strbuf_add_shell_word(struct strbuf *sb, const char *text)
{
    static const char plain[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

    if (*text && text[strspn(text, plain)] == '\0') {
        strbuf_adds(sb, text);
        return;
    }
    strbuf_addc(sb, '\'');
    for (; *text; text++)
        if (*text == '\'')
            strbuf_adds(sb, "'\\''");
        else
            strbuf_addc(sb, *text);
    strbuf_addc(sb, '\'');
}

void strbuf_truncate(struct strbuf *sb, size_t len)
{
    if (len >= sb->len)
        return;
    sb->len = len;
    sb->data[len] = '\0';
}

char *strbuf_take(struct strbuf *sb)
{
    char *text = sb->cap ? sb->data : mem_strdup("");

    strbuf_init(sb, sb->max_len);
    return text;
}
