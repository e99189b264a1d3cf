#include "base/str.h"

#include <stdint.h>

/* What rest points to when an empty last piece is still due: "a," has two pieces, "" has none. */
static const char empty_piece_due[1] = "";

enum { NEAREST_MAX_LEN = 64 };

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool bytes_are_equal(const char *a, const char *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

bool str_is_equal(struct str a, struct str b)
{
    return a.len == b.len && bytes_are_equal(a.data, b.data, a.len);
}

bool str_is_equal_z(struct str a, const char *b)
{
    return b && str_is_equal(a, str_from(b));
}

bool str_has_prefix(struct str s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && bytes_are_equal(s.data, prefix, len);
}

bool str_has_suffix(struct str s, const char *suffix)
{
    size_t len = strlen(suffix);

    return s.len >= len && bytes_are_equal(s.data + (s.len - len), suffix, len);
}

bool string_is_equal(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

bool string_has_prefix(const char *text, const char *prefix)
{
    return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool string_has_suffix(const char *text, const char *suffix)
{
    return text && str_has_suffix(str_from(text), suffix);
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.data[s.len - 1]))
        s.len--;
    return s;
}

bool str_split_next(struct str *rest, char separator, struct str *ret_piece)
{
    if (rest->data == empty_piece_due) {
        *ret_piece = (struct str){ empty_piece_due, 0 };
        *rest = (struct str){ 0 };
        return true;
    }
    if (rest->len == 0)
        return false;

    ptrdiff_t at = str_find(*rest, separator);
    if (at < 0) {
        *ret_piece = *rest;
        *rest = (struct str){ 0 };
        return true;
    }
    *ret_piece = (struct str){ rest->data, (size_t)at };
    rest->data += at + 1;
    rest->len -= (size_t)at + 1;
    if (rest->len == 0)
        rest->data = empty_piece_due;
    return true;
}

ptrdiff_t str_find(struct str s, char c)
{
    const char *at = s.len ? memchr(s.data, c, s.len) : NULL;

    return at ? at - s.data : -1;
}

ptrdiff_t str_find_last(struct str s, char c)
{
    const char *at = s.len ? memrchr(s.data, c, s.len) : NULL;

    return at ? at - s.data : -1;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* Edits that make b of a: insert, remove, replace, or swap two neighbours. Both at most
 * NEAREST_MAX_LEN long. Anything above `limit` when there are more. */
static unsigned edit_distance(struct str a, struct str b, unsigned limit)
{
    unsigned rows[3][NEAREST_MAX_LEN + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b.len; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned least = row[0] = (unsigned)i;

        for (size_t j = 1; j <= b.len; j++) {
            unsigned differs = a.data[i - 1] != b.data[j - 1];

            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + differs);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                    a.data[i - 2] == b.data[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
            least = row[j] < least ? row[j] : least;
        }
        if (least > limit + 1) /* a swap reaches two rows back */
            return least;
        unsigned *recycled = before;
        before = above;
        above = row;
        row = recycled;
    }
    return above[b.len];
}

const char *str_nearest(const char *word, const char *const *candidates, size_t count)
{
    struct str wanted = str_from(word);
    const char *nearest = NULL;

    if (wanted.len == 0 || wanted.len > NEAREST_MAX_LEN)
        return NULL;
    unsigned limit = wanted.len < 6 ? 1 : (unsigned)(wanted.len / 3);
    for (size_t i = 0; i < count; i++) {
        struct str candidate = str_from(candidates[i]);

        if (candidate.len == 0 || candidate.len > NEAREST_MAX_LEN ||
                candidate.len > wanted.len + limit || wanted.len > candidate.len + limit)
            continue;
        unsigned distance = edit_distance(wanted, candidate, limit);
        if (distance > limit || (nearest && distance == limit))
            continue;
        nearest = candidates[i];
        limit = distance;
    }
    return nearest;
}

size_t str_utf8_len(struct str s)
{
    const uint8_t *text = (const uint8_t *)s.data;
    uint8_t low = 0x80, high = 0xbf; /* of the second byte */
    size_t need;

    if (s.len == 0)
        return 0;
    uint8_t lead = text[0];
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf) {
        need = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        need = 3;
        low = lead == 0xe0 ? 0xa0 : 0x80;
        high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        need = 4;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (s.len < need || text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return need;
}

bool str_is_utf8(struct str s)
{
    while (s.len > 0) {
        size_t len = str_utf8_len(s);

        if (len == 0)
            return false;
        s.data += len;
        s.len -= len;
    }
    return true;
}
