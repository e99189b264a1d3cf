/* Text under construction: grows, is always terminated, and never beyond the maximum that it was given
 * at birth. Going beyond marks it as truncated and drops the surplus; check strbuf_is_truncated once
 * at the end where that matters.
 *
 *     auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LABEL_MAX_BYTES);
 *     strbuf_addf(&text, "%s-%u", name, number);
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/str.h"

struct strbuf {
    char *data;     /* terminated; "" while nothing was added */
    size_t len;     /* without the terminator */
    size_t cap;     /* allocated bytes, 0 while data is the static empty text */
    size_t max_len; /* bytes that len may reach */
    bool truncated;
};

extern char strbuf_empty[1];

#define STRBUF_INIT(max)                       \
    {                                          \
        .data = strbuf_empty, .max_len = (max) \
    }

void strbuf_init(struct strbuf *sb, size_t max_len);
void strbuf_release(struct strbuf *sb);
void strbuf_reset(struct strbuf *sb); /* empties, keeps the memory */

/* What strbuf_add does when the buffer has to grow, or is full. */
void strbuf_add_slow(struct strbuf *sb, const void *bytes, size_t len);

static inline void strbuf_add(struct strbuf *sb, const void *bytes, size_t len)
{
    if (sb->cap <= sb->len + len || len > sb->max_len - sb->len) {
        strbuf_add_slow(sb, bytes, len);
        return;
    }
    memcpy(sb->data + sb->len, bytes, len);
    sb->len += len;
    sb->data[sb->len] = '\0';
}

static inline void strbuf_addc(struct strbuf *sb, char c)
{
    strbuf_add(sb, &c, 1);
}

static inline void strbuf_adds(struct strbuf *sb, const char *text)
{
    if (text)
        strbuf_add(sb, text, strlen(text));
}

void strbuf_add_str(struct strbuf *sb, struct str s);
void strbuf_addf(struct strbuf *sb, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *sb, const char *format, va_list args)
        __attribute__((format(printf, 2, 0)));
void strbuf_truncate(struct strbuf *sb, size_t len); /* to at most len */

/* Adds the text as one word of a shell's command line, quoted where it has to be: for commands that are shown to be
 * copied. */
void strbuf_add_shell_word(struct strbuf *sb, const char *text);

static inline bool strbuf_is_truncated(const struct strbuf *sb)
{
    return sb->truncated;
}
static inline struct str strbuf_str(const struct strbuf *sb)
{
    return (struct str){ sb->data, sb->len };
}

/* Given: the text, to be freed with free(); the buffer is empty afterwards. */
char *strbuf_take(struct strbuf *sb);
