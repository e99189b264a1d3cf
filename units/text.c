#include "units/text.h"

#include <assert.h>

#include "base/strbuf.h"

enum { UTF8_MAX_BYTES = 4, LAST_ASCII = 0x7f };

uint32_t text_next(struct str *rest)
{
    assert(rest->len > 0);
    const unsigned char *bytes = (const unsigned char *)rest->data;
    size_t len = bytes[0] <= LAST_ASCII ? 1 : str_utf8_len(*rest);
    uint32_t character;

    switch (len) {
    case 1:
        character = bytes[0];
        break;
    case 2:
        character = (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu);
        break;
    case 3:
        character = (bytes[0] & 0x0fu) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
        break;
    case 4:
        character = (bytes[0] & 0x07u) << 18 | (bytes[1] & 0x3fu) << 12 | (bytes[2] & 0x3fu) << 6 |
                    (bytes[3] & 0x3fu);
        break;
    default:
        character = TEXT_REPLACEMENT;
        len = 1;
    }
    rest->data += len;
    rest->len -= len;
    return character;
}

void text_add(struct strbuf *out, uint32_t character)
{
    if (character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
        character = TEXT_REPLACEMENT;
    if (character <= LAST_ASCII) {
        strbuf_addc(out, (char)character);
    } else if (character < 0x800) {
        strbuf_addc(out, (char)(0xc0 | character >> 6));
        strbuf_addc(out, (char)(0x80 | (character & 0x3f)));
    } else if (character < 0x10000) {
        strbuf_addc(out, (char)(0xe0 | character >> 12));
        strbuf_addc(out, (char)(0x80 | (character >> 6 & 0x3f)));
        strbuf_addc(out, (char)(0x80 | (character & 0x3f)));
    } else {
        strbuf_addc(out, (char)(0xf0 | character >> 18));
        strbuf_addc(out, (char)(0x80 | (character >> 12 & 0x3f)));
        strbuf_addc(out, (char)(0x80 | (character >> 6 & 0x3f)));
        strbuf_addc(out, (char)(0x80 | (character & 0x3f)));
    }
}

bool text_is_space(uint32_t c)
{
    if (c <= LAST_ASCII)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool text_is_control(uint32_t c)
{
    return c < ' ' || (c >= 0x7f && c < 0xa0);
}

struct str text_trim_right(struct str text)
{
    while (text.len) {
        unsigned char last = (unsigned char)text.data[text.len - 1];

        if (last <= LAST_ASCII) {
            if (!text_is_space(last))
                break;
            text.len--;
            continue;
        }
        /* Back to the start of the character that ends here. */
        size_t start = text.len - 1;
        while (start > 0 && text.len - start < UTF8_MAX_BYTES &&
                ((unsigned char)text.data[start] & 0xc0) == 0x80)
            start--;
        struct str character = { text.data + start, text.len - start };

        if (str_utf8_len(character) != character.len || !text_is_space(text_next(&character)))
            break;
        text.len = start;
    }
    return text;
}

/* A letter, a digit or a sign of ASCII. */
static bool is_plain(char c)
{
    return c > ' ' && c < 0x7f;
}

struct str text_trim(struct str text)
{
    if (text.len && is_plain(text.data[0]) && is_plain(text.data[text.len - 1]))
        return text;
    while (text.len) {
        struct str rest = text;

        if (!text_is_space(text_next(&rest)))
            break;
        text = rest;
    }
    return text_trim_right(text);
}

unsigned text_count(struct str text)
{
    unsigned count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}
