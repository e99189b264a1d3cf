#include "kube/quantity.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define EXPONENT_MAX 18
#define MILLI 1000

/* Suffixes as what they multiply thousandths with: numerator, and 1 over the divisor for those below 1. */
static const struct {
    const char *suffix;
    int64_t factor, divisor;
} suffixes[] = {
    { "", 1, 1 },
    { "n", 1, 1000000000 },
    { "u", 1, 1000000 },
    { "m", 1, 1000 },
    { "k", INT64_C(1000), 1 },
    { "M", INT64_C(1000000), 1 },
    { "G", INT64_C(1000000000), 1 },
    { "T", INT64_C(1000000000000), 1 },
    { "P", INT64_C(1000000000000000), 1 },
    { "E", INT64_C(1000000000000000000), 1 },
    { "Ki", INT64_C(1) << 10, 1 },
    { "Mi", INT64_C(1) << 20, 1 },
    { "Gi", INT64_C(1) << 30, 1 },
    { "Ti", INT64_C(1) << 40, 1 },
    { "Pi", INT64_C(1) << 50, 1 },
    { "Ei", INT64_C(1) << 60, 1 },
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "e3", "E-2" as a power of ten, in the place of a suffix. */
static int parse_exponent(struct str text, int64_t *ret_factor, int64_t *ret_divisor)
{
    int64_t exponent;

    if (text.len < 2 || (text.data[0] != 'e' && text.data[0] != 'E'))
        return -EINVAL;
    int r = parse_int64(
            (struct str){ text.data + 1, text.len - 1 }, -EXPONENT_MAX, EXPONENT_MAX, &exponent);
    if (r < 0)
        return r;
    *ret_factor = *ret_divisor = 1;
    for (; exponent > 0; exponent--)
        *ret_factor *= 10;
    for (; exponent < 0; exponent++)
        *ret_divisor *= 10;
    return 0;
}

static int parse_suffix(struct str text, int64_t *ret_factor, int64_t *ret_divisor)
{
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (str_is_equal_z(text, suffixes[i].suffix)) {
            *ret_factor = suffixes[i].factor;
            *ret_divisor = suffixes[i].divisor;
            return 0;
        }
    return parse_exponent(text, ret_factor, ret_divisor);
}

int kube_parse_quantity(struct str text, int64_t *ret_milli)
{
    __extension__ typedef unsigned __int128 wide;
    static const wide most = (wide)INT64_MAX * 1000000000u * 1000000000u;
    wide digits = 0, scale = 1;
    int64_t factor, divisor;
    size_t i = 0, count = 0;
    bool is_negative = text.len > 0 && text.data[0] == '-', fraction = false;

    if (is_negative || (text.len > 0 && text.data[0] == '+'))
        i++;
    for (; i < text.len && (is_digit(text.data[i]) || (text.data[i] == '.' && !fraction)); i++) {
        if (text.data[i] == '.') {
            fraction = true;
            continue;
        }
        count++;
        if (digits > (wide)INT64_MAX || scale > 1000000000u)
            return -ERANGE;
        digits = digits * 10 + (wide)(text.data[i] - '0');
        scale *= fraction ? 10 : 1;
    }
    if (count == 0)
        return -EINVAL;
    int r = parse_suffix((struct str){ text.data + i, text.len - i }, &factor, &divisor);
    if (r < 0)
        return r;
    if (is_negative && digits > 0)
        return -ERANGE;
    if (digits > 0 && (wide)factor > most / (digits * MILLI))
        return -ERANGE;
    wide under = scale * (wide)divisor, value = digits * MILLI * (wide)factor;
    value = (value + under - 1) / under;
    if (value > (wide)INT64_MAX)
        return -ERANGE;
    *ret_milli = (int64_t)value;
    return 0;
}
