#include "engine/monitor/json-text.h"

#include <stdint.h>

#include "base/strbuf.h"

/* Length of the well-formed UTF-8 sequence at the start, 0 for none (RFC 3629, table 3-7 of
 * Unicode). */
static size_t sequence_len(const uint8_t *s, size_t len)
{
    uint8_t low = 0x80, high = 0xbf;
    size_t need;

    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        need = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        need = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        need = 4;
    else
        return 0;
    if (need > len)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0; /* overlong */
    else if (s[0] == 0xed)
        high = 0x9f; /* surrogates */
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++) {
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    }
    return need;
}

static void append_ascii(struct strbuf *out, uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
        strbuf_addc(out, '\\');
        strbuf_addc(out, (char)c);
        return;
    case '\n':
        strbuf_adds(out, "\\n");
        return;
    case '\r':
        strbuf_adds(out, "\\r");
        return;
    case '\t':
        strbuf_adds(out, "\\t");
        return;
    default:
        if (c < 0x20 || c == '<' || c == '>' || c == '&')
            strbuf_addf(out, "\\u%04x", c);
        else
            strbuf_addc(out, (char)c);
    }
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

void json_text_append(struct strbuf *out, const char *bytes, size_t len)
{
    const uint8_t *s = (const uint8_t *)bytes;
    size_t i = 0;

    strbuf_addc(out, '"');
    while (i < len) {
        size_t run = i;

        while (run < len && is_plain(s[run]))
            run++;
        if (run > i) {
            strbuf_add(out, bytes + i, run - i);
            i = run;
            continue;
        }
        if (s[i] < 0x80) {
            append_ascii(out, s[i++]);
            continue;
        }
        size_t n = sequence_len(s + i, len - i);
        if (n == 0) {
            strbuf_adds(out, "\\ufffd");
            i++;
        } else if (n == 3 && s[i] == 0xe2 && s[i + 1] == 0x80 &&
                   (s[i + 2] == 0xa8 || s[i + 2] == 0xa9)) {
            strbuf_adds(out, s[i + 2] == 0xa8 ? "\\u2028" : "\\u2029");
            i += n;
        } else {
            strbuf_add(out, bytes + i, n);
            i += n;
        }
    }
    strbuf_addc(out, '"');
}
