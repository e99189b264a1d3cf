#include "base/base64.h"

#include <string.h>

#include "base/arena.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* What was read of a text that is none may be most of a secret. */
static uint8_t *forget(uint8_t *out, size_t len)
{
    explicit_bzero(out, len);
    return NULL;
}

uint8_t *base64_decode(struct arena *arena, const char *text, size_t *ret_len)
{
    uint8_t *out = arena_alloc(arena, strlen(text) / 4 * 3 + 4);
    size_t len = 0, characters = 0, padding = 0;
    uint32_t group = 0;

    for (const char *c = text; *c; c++) {
        const char *place = strchr(alphabet, *c);

        if (*c == '\n' || *c == '\r' || *c == ' ' || *c == '\t')
            continue;
        if (*c == '=') {
            padding++;
            continue;
        }
        if (!place || padding > 0)
            return forget(out, len);
        group = group << 6 | (uint32_t)(place - alphabet);
        if (++characters % 4 == 0) {
            out[len++] = (uint8_t)(group >> 16);
            out[len++] = (uint8_t)(group >> 8);
            out[len++] = (uint8_t)group;
        }
    }
    size_t rest = characters % 4;
    if (rest == 1 || padding != (rest ? 4 - rest : 0))
        return forget(out, len);
    if (rest == 3)
        group <<= 6;
    if (rest == 2)
        group <<= 12;
    if (rest >= 2)
        out[len++] = (uint8_t)(group >> 16);
    if (rest == 3)
        out[len++] = (uint8_t)(group >> 8);
    out[len] = 0;
    *ret_len = len;
    return out;
}

char *base64_encode(struct arena *arena, const uint8_t *data, size_t len)
{
    char *out = arena_alloc(arena, (len + 2) / 3 * 4 + 1), *end = out;

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                         (left > 2 ? data[i + 2] : 0);

        *end++ = alphabet[group >> 18];
        *end++ = alphabet[group >> 12 & 63];
        *end++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *end++ = left > 2 ? alphabet[group & 63] : '=';
    }
    return out;
}
