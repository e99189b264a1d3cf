#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/timefmt.h"

enum { DOUBLE_MAX_LEN = 64, SIGNAL_NAME_MAX = 24 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool str_is_equal_nocase(struct str s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || strncasecmp(s.data, text, s.len) == 0);
}

static struct str str_skip(struct str s, size_t count)
{
    return (struct str){ s.data + count, s.len - count };
}

/* Digits at the start of *text, in `base`; moves *text behind them. -EINVAL without a digit. */
static int take_digits(struct str *text, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;
    bool overflow = false;

    for (; i < text->len && text->data[i] >= '0' && text->data[i] < (char)('0' + base); i++) {
        overflow |= __builtin_mul_overflow(value, (uint64_t)base, &value);
        overflow |= __builtin_add_overflow(value, (uint64_t)(text->data[i] - '0'), &value);
    }
    if (i == 0)
        return -EINVAL;
    *text = str_skip(*text, i);
    *ret = value;
    return overflow ? -ERANGE : 0;
}

int parse_uint64(struct str text, uint64_t max, uint64_t *ret)
{
    uint64_t value;
    int r = take_digits(&text, 10, &value);

    if (text.len > 0)
        return -EINVAL;
    if (r < 0)
        return r;
    if (value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

int parse_int64(struct str text, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t magnitude;

    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        text = str_skip(text, 1);
    int r = parse_uint64(text, (uint64_t)INT64_MAX + negative, &magnitude);
    if (r < 0)
        return r;
    int64_t value = (int64_t)(negative ? 0 - magnitude : magnitude);
    if (value < min || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

int parse_uint32(struct str text, uint32_t max, uint32_t *ret)
{
    uint64_t value;
    int r = parse_uint64(text, max, &value);

    if (r < 0)
        return r;
    *ret = (uint32_t)value;
    return 0;
}

int parse_octal(struct str text, uint32_t max, uint32_t *ret)
{
    uint64_t value;

    if (str_has_prefix(text, "0o") || str_has_prefix(text, "0O"))
        text = str_skip(text, 2);
    int r = take_digits(&text, 8, &value);
    if (text.len > 0)
        return -EINVAL;
    if (r < 0)
        return r;
    if (value > max)
        return -ERANGE;
    *ret = (uint32_t)value;
    return 0;
}

/* "0x" or "0X", behind a sign. */
static bool is_hexadecimal(struct str text)
{
    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        text = str_skip(text, 1);
    return text.len > 1 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x';
}

/* Whether an underscore may stand beside it: a digit, or what says that hexadecimal ones follow. */
static bool is_digit_like(char c, bool hexadecimal)
{
    return is_digit(c) || (hexadecimal && (isxdigit((unsigned char)c) || (c | 0x20) == 'x'));
}

int parse_double(struct str text, double *ret)
{
    char copy[DOUBLE_MAX_LEN + 1];
    bool hexadecimal = is_hexadecimal(text);
    const char *others = hexadecimal ? "+-.xXpP" : "+-.eE"; /* no blanks, inf or nan */
    size_t len = 0;
    char *end;

    if (text.len == 0 || text.len > DOUBLE_MAX_LEN)
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '_') {
            if (i == 0 || !is_digit_like(text.data[i - 1], hexadecimal) || i + 1 == text.len ||
                    !is_digit_like(text.data[i + 1], hexadecimal))
                return -EINVAL;
            continue;
        }
        if (text.data[i] == '\0' ||
                (!is_digit_like(text.data[i], hexadecimal) && !strchr(others, text.data[i])))
            return -EINVAL;
        copy[len++] = text.data[i];
    }
    copy[len] = '\0';
    /* Without its exponent it would be an integer, which Go does not take for a float. */
    if (hexadecimal && !strpbrk(copy, "pP"))
        return -EINVAL;
    double value = strtod(copy, &end);
    if (*end || end == copy)
        return -EINVAL;
    if (!isfinite(value))
        return -ERANGE;
    *ret = value;
    return 0;
}

int parse_bool(struct str text, bool *ret)
{
    static const char *const names[][2] = {
        { "false", "true" },
        { "no", "yes" },
        { "n", "y" },
        { "off", "on" },
        { "0", "1" },
        { "f", "t" },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (int value = 0; value < 2; value++) {
            if (str_is_equal_nocase(text, names[i][value])) {
                *ret = value;
                return 0;
            }
        }
    }
    return -EINVAL;
}

/* A decimal number with an optional fraction, times `scale`, cut to a whole. *text is then what follows. */
static int take_scaled(struct str *text, uint64_t scale, uint64_t *ret)
{
    uint64_t whole = 0, scaled, part = 0, part_scale = 1;
    bool whole_given = text->len > 0 && is_digit(text->data[0]);
    int r = 0;

    if (whole_given)
        r = take_digits(text, 10, &whole);
    if (text->len > 0 && text->data[0] == '.') {
        size_t digits = 0;

        *text = str_skip(*text, 1);
        for (; text->len > 0 && is_digit(text->data[0]); *text = str_skip(*text, 1), digits++) {
            if (part_scale < UINT64_C(1000000000000000000)) {
                part = part * 10 + (uint64_t)(text->data[0] - '0');
                part_scale *= 10;
            }
        }
        if (digits == 0 && !whole_given)
            return -EINVAL;
    } else if (!whole_given) {
        return -EINVAL;
    }
    if (r < 0)
        return r;
    part = (uint64_t)((unsigned __int128)part * scale / part_scale);
    if (__builtin_mul_overflow(whole, scale, &scaled) ||
            __builtin_add_overflow(scaled, part, &scaled))
        return -ERANGE;
    *ret = scaled;
    return 0;
}

/* What Go's ParseFloat takes besides: a sign, underscores, an exponent, hexadecimal. Rounded as it does. */
static int parse_scaled_double(struct str number, uint64_t scale, uint64_t *ret)
{
    double value;
    int r = parse_double(number, &value);

    if (r < 0)
        return r;
    if (value < 0)
        return -EINVAL;
    value *= (double)scale;
    if (value >= 0x1p63)
        return -ERANGE;
    *ret = (uint64_t)value;
    return 0;
}

/* As Docker splits it: the number goes to the last digit or dot, one blank may stand behind it, the rest is
 * the unit. */
static struct str take_size_number(struct str *text)
{
    struct str number = *text;

    while (number.len > 0 && !is_digit(number.data[number.len - 1]) &&
            number.data[number.len - 1] != '.')
        number.len--;
    *text = str_skip(*text, number.len);
    if (text->len > 0 && text->data[0] == ' ')
        *text = str_skip(*text, 1);
    return number;
}

static int parse_size(struct str text, uint64_t step, uint64_t *ret)
{
    static const char letters[] = "kmgtp";
    struct str unit = text, number = take_size_number(&unit);
    uint64_t scale = 1, size;

    if (unit.len > 0) {
        const char *letter = strchr(letters, tolower((unsigned char)unit.data[0]));

        if (letter && *letter) {
            for (const char *l = letters; l <= letter; l++)
                scale *= step;
            unit = str_skip(unit, 1);
            if (unit.len == 2 && (unit.data[0] == 'i' || unit.data[0] == 'I'))
                unit = str_skip(unit, 1);
        }
        if (unit.len == 1 && (unit.data[0] == 'b' || unit.data[0] == 'B'))
            unit = str_skip(unit, 1);
        if (unit.len > 0)
            return -EINVAL;
    }
    struct str rest = number;
    int r = take_scaled(&rest, scale, &size);
    if (rest.len > 0 || (r == -EINVAL && number.len > 0))
        r = parse_scaled_double(number, scale, &size);
    if (r < 0)
        return r;
    *ret = size;
    return 0;
}

int parse_size_bytes(struct str text, uint64_t *ret)
{
    return parse_size(text, 1024, ret);
}

int parse_size_bytes_decimal(struct str text, uint64_t *ret)
{
    return parse_size(text, 1000, ret);
}

struct duration_unit {
    const char *name;
    uint64_t nsec;
};

/* Longer names first where one begins with another. */
static const struct duration_unit duration_units[] = {
    { "ns", 1 },
    { "us", 1000 },
    { "\xc2\xb5s", 1000 }, /* micro sign */
    { "\xce\xbcs", 1000 }, /* Greek mu */
    { "ms", UINT64_C(1000000) },
    { "s", UINT64_C(1000000000) },
    { "m", UINT64_C(60000000000) },
    { "h", UINT64_C(3600000000000) },
    { "d", UINT64_C(86400000000000) },
    { "w", UINT64_C(604800000000000) },
};

static const struct duration_unit *take_duration_unit(struct str *text)
{
    for (size_t i = 0; i < ARRAY_LEN(duration_units); i++) {
        const struct duration_unit *unit = &duration_units[i];

        if (str_has_prefix(*text, unit->name)) {
            *text = str_skip(*text, strlen(unit->name));
            return unit;
        }
    }
    return NULL;
}

int parse_duration_usec(struct str text, int64_t *ret)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    bool overflow = false;
    uint64_t total_nsec = 0;

    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        text = str_skip(text, 1);
    if (text.len == 0)
        return -EINVAL;
    if (str_is_equal(text, STR_LITERAL("0"))) {
        *ret = 0;
        return 0;
    }
    while (text.len > 0) {
        struct str number = text;
        uint64_t nsec;
        int r = take_scaled(&text, 1, &nsec);

        if (r == -EINVAL)
            return r;
        const struct duration_unit *unit = take_duration_unit(&text);
        if (!unit)
            return -EINVAL;
        r = take_scaled(&number, unit->nsec, &nsec);
        overflow |= r < 0 || __builtin_add_overflow(total_nsec, nsec, &total_nsec);
    }
    /* Go's limit, 2^63 nanoseconds or 292 years: what Compose refuses is refused here too. */
    if (overflow || total_nsec > (uint64_t)INT64_MAX)
        return -ERANGE;
    int64_t usec = (int64_t)(total_nsec / (uint64_t)NSEC_PER_USEC);
    *ret = negative ? -usec : usec;
    return 0;
}

int parse_seconds(struct str text, int64_t *ret_sec)
{
    return parse_int64(text, -1, INT32_MAX, ret_sec);
}

int parse_port_range(struct str text, bool allow_zero, uint16_t *ret_first, uint16_t *ret_last)
{
    ptrdiff_t dash = str_find(text, '-');
    struct str low = text, high = text;
    uint32_t first, last;

    if (dash >= 0) {
        low.len = (size_t)dash;
        high = str_skip(text, (size_t)dash + 1);
    }
    int r = parse_uint32(low, UINT16_MAX, &first);
    if (r == 0)
        r = parse_uint32(high, UINT16_MAX, &last);
    if (r < 0)
        return r;
    if ((first == 0 && !allow_zero) || last < first)
        return -ERANGE;
    *ret_first = (uint16_t)first;
    *ret_last = (uint16_t)last;
    return 0;
}

static const char *const signal_names[] = {
    [SIGHUP] = "SIGHUP",
    [SIGINT] = "SIGINT",
    [SIGQUIT] = "SIGQUIT",
    [SIGILL] = "SIGILL",
    [SIGTRAP] = "SIGTRAP",
    [SIGABRT] = "SIGABRT",
    [SIGBUS] = "SIGBUS",
    [SIGFPE] = "SIGFPE",
    [SIGKILL] = "SIGKILL",
    [SIGUSR1] = "SIGUSR1",
    [SIGSEGV] = "SIGSEGV",
    [SIGUSR2] = "SIGUSR2",
    [SIGPIPE] = "SIGPIPE",
    [SIGALRM] = "SIGALRM",
    [SIGTERM] = "SIGTERM",
    [SIGSTKFLT] = "SIGSTKFLT",
    [SIGCHLD] = "SIGCHLD",
    [SIGCONT] = "SIGCONT",
    [SIGSTOP] = "SIGSTOP",
    [SIGTSTP] = "SIGTSTP",
    [SIGTTIN] = "SIGTTIN",
    [SIGTTOU] = "SIGTTOU",
    [SIGURG] = "SIGURG",
    [SIGXCPU] = "SIGXCPU",
    [SIGXFSZ] = "SIGXFSZ",
    [SIGVTALRM] = "SIGVTALRM",
    [SIGPROF] = "SIGPROF",
    [SIGWINCH] = "SIGWINCH",
    [SIGIO] = "SIGIO",
    [SIGPWR] = "SIGPWR",
    [SIGSYS] = "SIGSYS",
};
_Static_assert(ARRAY_LEN(signal_names) == 32, "name every signal");

static const struct {
    const char *name;
    int signo;
} signal_aliases[] = {
    { "IOT", SIGABRT },
    { "CLD", SIGCHLD },
    { "POLL", SIGIO },
};

static int parse_realtime_signal(struct str text, int *ret)
{
    int signo;
    uint32_t offset = 0;

    if (text.len >= 5 && strncasecmp(text.data, "RTMIN", 5) == 0)
        signo = SIGRTMIN;
    else if (text.len >= 5 && strncasecmp(text.data, "RTMAX", 5) == 0)
        signo = SIGRTMAX;
    else
        return -EINVAL;
    text = str_skip(text, 5);
    if (text.len > 0) {
        char sign = signo == SIGRTMIN ? '+' : '-';

        if (text.data[0] != sign)
            return -EINVAL;
        int r = parse_uint32(str_skip(text, 1), (uint32_t)(SIGRTMAX - SIGRTMIN), &offset);
        if (r < 0)
            return r;
    }
    *ret = signo == SIGRTMIN ? signo + (int)offset : signo - (int)offset;
    return 0;
}

int parse_signal(struct str text, int *ret)
{
    uint32_t number;

    if (text.len > 0 && is_digit(text.data[0])) {
        int r = parse_uint32(text, (uint32_t)SIGRTMAX, &number);

        if (r < 0)
            return r;
        if (number == 0)
            return -ERANGE;
        *ret = (int)number;
        return 0;
    }
    if (text.len > 3 && strncasecmp(text.data, "SIG", 3) == 0)
        text = str_skip(text, 3);
    for (int signo = 1; signo < (int)ARRAY_LEN(signal_names); signo++) {
        if (str_is_equal_nocase(text, signal_names[signo] + 3)) {
            *ret = signo;
            return 0;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(signal_aliases); i++) {
        if (str_is_equal_nocase(text, signal_aliases[i].name)) {
            *ret = signal_aliases[i].signo;
            return 0;
        }
    }
    return parse_realtime_signal(text, ret);
}

const char *signal_name(int signo)
{
    static _Thread_local char text[SIGNAL_NAME_MAX];

    if (signo > 0 && signo < (int)ARRAY_LEN(signal_names))
        return signal_names[signo];
    if (signo == SIGRTMIN)
        return "SIGRTMIN";
    if (signo == SIGRTMAX)
        return "SIGRTMAX";
    if (signo > SIGRTMIN && signo < SIGRTMAX)
        snprintf(text, sizeof(text), "SIGRTMIN+%d", signo - SIGRTMIN);
    else
        snprintf(text, sizeof(text), "signal %d", signo);
    return text;
}

int parse_name(struct str text, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is_equal_z(text, names[i]))
            return (int)i;
    }
    return -EINVAL;
}
