#include "cli/excerpt.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/format.h"

#define TAB_COLUMNS 4
#define PIECE_MAX 16       /* one character as it is shown */
#define COLUMNS_BEFORE 100 /* of a line that is too long, before the caret */

/* A character and how it is shown. */
struct piece {
    char text[PIECE_MAX];
    unsigned width;
    size_t len_bytes; /* in the line */
};

static uint32_t decode(const unsigned char *p, size_t len)
{
    uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);

    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

/* What a reader takes for a blank or for nothing, and what turns the order of others around. */
static bool is_unseen(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = { { 0x00, 0x1f }, { 0x7f, 0xa0 }, { 0xad, 0xad }, { 0x200b, 0x200b },
        { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
        { 0xe0000, 0xe0fff } };

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

static struct piece next_piece(struct str rest)
{
    const unsigned char *p = (const unsigned char *)rest.data;
    size_t len = str_utf8_len(rest);
    struct piece piece = { .len_bytes = len ? len : 1 };
    uint32_t c = len ? decode(p, len) : 0;

    if (!len || (c < 0x80 && c != '\t' && is_unseen(c)))
        snprintf(piece.text, sizeof(piece.text), "\\x%02x", *p);
    else if (c == '\t')
        snprintf(piece.text, sizeof(piece.text), "%*s", TAB_COLUMNS, "");
    else if (is_unseen(c))
        snprintf(piece.text, sizeof(piece.text), "\\u%04x", c);
    else
        snprintf(piece.text, sizeof(piece.text), "%.*s", (int)len, rest.data);
    piece.width = format_text_width(piece.text);
    return piece;
}

static void advance(struct str *rest, size_t len_bytes)
{
    rest->data += len_bytes;
    rest->len -= len_bytes;
}

/* Moves *rest to where the excerpt begins; the column of the character there. */
static unsigned skip_to_window(struct str *rest, unsigned column)
{
    unsigned at = 1;

    if (column <= EXCERPT_COLUMNS_MAX)
        return at;
    while (rest->len && at + COLUMNS_BEFORE < column) {
        size_t len = str_utf8_len(*rest);

        advance(rest, len ? len : 1);
        at += !rest->len || ((unsigned char)*rest->data & 0xc0) != 0x80;
    }
    return at;
}

unsigned excerpt_add_line(struct strbuf *out, struct str line, unsigned column)
{
    struct str rest = line;
    unsigned at = skip_to_window(&rest, column), shown = 0, caret = 0;
    bool is_found = column == 0;

    if (rest.data != line.data) {
        strbuf_adds(out, "…");
        shown = 1;
    }
    while (rest.len && shown < EXCERPT_COLUMNS_MAX) {
        struct piece piece = next_piece(rest);

        if (!is_found && at >= column) {
            caret = shown;
            is_found = true;
        }
        strbuf_adds(out, piece.text);
        shown += piece.width;
        advance(&rest, piece.len_bytes);
        /* Columns count the bytes that begin a character, also of what is none. */
        at += !rest.len || ((unsigned char)*rest.data & 0xc0) != 0x80;
    }
    if (rest.len)
        strbuf_adds(out, "…");
    return is_found ? caret : shown;
}
