#include "base/timefmt.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "base/str.h"

static int64_t clock_nsec(clockid_t clock)
{
    struct timespec now;
    int r = clock_gettime(clock, &now);

    assert(r == 0);
    (void)r;
    return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

int64_t time_monotonic_usec(void)
{
    return clock_nsec(CLOCK_MONOTONIC) / NSEC_PER_USEC;
}

int64_t time_realtime_nsec(void)
{
    return clock_nsec(CLOCK_REALTIME);
}

/* Drops trailing zeros of a fraction and the point when nothing is left. Returns the new length. */
static int drop_zeros(char *text, int len)
{
    while (len > 0 && text[len - 1] == '0')
        len--;
    if (len > 0 && text[len - 1] == '.')
        len--;
    text[len] = '\0';
    return len;
}

const char *time_format_rfc3339(int64_t realtime_nsec, char buffer[static TIME_RFC3339_MAX])
{
    struct tm tm = { 0 };
    int64_t nsec = realtime_nsec % NSEC_PER_SEC;
    time_t sec = realtime_nsec / NSEC_PER_SEC;

    if (nsec < 0) {
        nsec += NSEC_PER_SEC;
        sec--;
    }
    if (realtime_nsec == 0) {
        snprintf(buffer, TIME_RFC3339_MAX, "0001-01-01T00:00:00Z");
        return buffer;
    }
    gmtime_r(&sec, &tm);
    int len = snprintf(buffer, TIME_RFC3339_MAX - 1, "%04d-%02d-%02dT%02d:%02d:%02d.%09d",
            (tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100, tm.tm_mday % 100, tm.tm_hour % 100,
            tm.tm_min % 100, tm.tm_sec % 100, (int)nsec);
    len = drop_zeros(buffer, len);
    buffer[len] = 'Z';
    buffer[len + 1] = '\0';
    return buffer;
}

enum zone { ZONE_NONE, ZONE_OFFSET };

struct moment {
    struct tm tm;
    int64_t nsec;
    enum zone zone;
    int offset_sec;
    bool has_time;
};

/* Exactly `count` digits at the start of *rest. */
static bool take_number(struct str *rest, size_t count, int min, int max, int *ret)
{
    int value = 0;

    if (rest->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = rest->data[i];

        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    rest->data += count;
    rest->len -= count;
    *ret = value;
    return value >= min && value <= max;
}

static bool take_char(struct str *rest, const char *set, char *ret)
{
    if (rest->len == 0 || !rest->data[0] || !strchr(set, rest->data[0]))
        return false;
    *ret = rest->data[0];
    rest->data++;
    rest->len--;
    return true;
}

/* Digits after the point; those beyond the ninth are cut. */
static bool take_fraction(struct str *rest, int64_t *ret_nsec)
{
    int64_t nsec = 0, unit = NSEC_PER_SEC / 10;
    size_t digits = 0;

    for (; digits < rest->len && rest->data[digits] >= '0' && rest->data[digits] <= '9'; digits++) {
        nsec += (rest->data[digits] - '0') * unit;
        unit /= 10;
    }
    rest->data += digits;
    rest->len -= digits;
    *ret_nsec = nsec;
    return digits > 0;
}

static bool take_zone(struct str *rest, struct moment *m)
{
    char c;
    int hours, minutes;

    if (rest->len == 0)
        return true;
    if (!take_char(rest, "Zz+-", &c))
        return false;
    m->zone = ZONE_OFFSET;
    if (c == 'Z' || c == 'z')
        return true;
    char colon;
    if (!take_number(rest, 2, 0, 23, &hours) || !take_char(rest, ":", &colon) ||
            !take_number(rest, 2, 0, 59, &minutes))
        return false;
    m->offset_sec = (hours * 3600 + minutes * 60) * (c == '-' ? -1 : 1);
    return true;
}

/* Date, then optionally "T" and hours, ":" minutes, ":" seconds, "." fraction, and optionally a zone. */
static bool take_moment(struct str rest, struct moment *m)
{
    char c;

    if (!take_number(&rest, 4, 1, 9999, &m->tm.tm_year) || !take_char(&rest, "-", &c) ||
            !take_number(&rest, 2, 1, 12, &m->tm.tm_mon) || !take_char(&rest, "-", &c) ||
            !take_number(&rest, 2, 1, 31, &m->tm.tm_mday))
        return false;
    m->tm.tm_year -= 1900;
    m->tm.tm_mon -= 1;
    m->tm.tm_isdst = -1;
    if (take_char(&rest, "Tt ", &c)) {
        if (!take_number(&rest, 2, 0, 23, &m->tm.tm_hour))
            return false;
        if (take_char(&rest, ":", &c) && !take_number(&rest, 2, 0, 59, &m->tm.tm_min))
            return false;
        if (c == ':' && take_char(&rest, ":", &c)) {
            if (!take_number(&rest, 2, 0, 60, &m->tm.tm_sec))
                return false;
            m->has_time = true;
            if (take_char(&rest, ".", &c) && !take_fraction(&rest, &m->nsec))
                return false;
        }
    }
    return take_zone(&rest, m) && rest.len == 0;
}

static int moment_to_nsec(struct moment *m, int64_t *ret)
{
    struct tm tm = m->tm;
    time_t sec = m->zone == ZONE_OFFSET ? timegm(&tm) : mktime(&tm);
    int64_t nsec;

    /* The calendar functions carry the 31st of February over; here it is a mistake. */
    if (tm.tm_mday != m->tm.tm_mday && m->tm.tm_sec < 60)
        return -EINVAL;
    sec -= m->offset_sec;
    if (__builtin_mul_overflow((int64_t)sec, NSEC_PER_SEC, &nsec) ||
            __builtin_add_overflow(nsec, m->nsec, &nsec))
        return -EINVAL;
    *ret = nsec;
    return 0;
}

int time_parse_rfc3339(const char *text, int64_t *ret_realtime_nsec)
{
    struct moment m = { 0 };

    if (string_is_equal(text, "0001-01-01T00:00:00Z")) {
        *ret_realtime_nsec = 0;
        return 0;
    }
    if (!text || !take_moment(str_from(text), &m) || !m.has_time || m.zone == ZONE_NONE)
        return -EINVAL;
    return moment_to_nsec(&m, ret_realtime_nsec);
}

/* Seconds since 1970 with up to nine digits of fraction. */
static int parse_unix_time(struct str text, int64_t *ret)
{
    ptrdiff_t point = str_find(text, '.');
    int64_t sec, nsec = 0;

    if (point >= 0) {
        struct str fraction = { text.data + point + 1, text.len - (size_t)point - 1 };

        text.len = (size_t)point;
        if (!take_fraction(&fraction, &nsec) || fraction.len > 0)
            return -EINVAL;
    }
    if (parse_int64(text, 0, INT64_MAX / NSEC_PER_SEC - 1, &sec) < 0)
        return -EINVAL;
    *ret = sec * NSEC_PER_SEC + nsec;
    return 0;
}

int time_parse_since(const char *text, int64_t now_nsec, int64_t *ret_realtime_nsec)
{
    struct moment m = { 0 };
    int64_t usec, nsec;

    if (string_is_empty(text))
        return -EINVAL;
    if (parse_unix_time(str_from(text), ret_realtime_nsec) == 0)
        return 0;
    if (parse_duration_usec(str_from(text), &usec) == 0) {
        if (__builtin_mul_overflow(usec, NSEC_PER_USEC, &nsec) ||
                __builtin_sub_overflow(now_nsec, nsec, &nsec))
            return -EINVAL;
        *ret_realtime_nsec = nsec;
        return 0;
    }
    if (!take_moment(str_from(text), &m))
        return -EINVAL;
    return moment_to_nsec(&m, ret_realtime_nsec);
}

const char *time_format_human(int64_t duration_usec, char buffer[static TIME_HUMAN_MAX])
{
    int64_t seconds = duration_usec / USEC_PER_SEC;
    int64_t minutes = seconds / 60;
    int64_t hours = (seconds + 1800) / 3600; /* rounded, as Docker does */

    if (seconds < 1)
        snprintf(buffer, TIME_HUMAN_MAX, "Less than a second");
    else if (seconds == 1)
        snprintf(buffer, TIME_HUMAN_MAX, "1 second");
    else if (seconds < 60)
        snprintf(buffer, TIME_HUMAN_MAX, "%d seconds", (int)seconds);
    else if (minutes == 1)
        snprintf(buffer, TIME_HUMAN_MAX, "About a minute");
    else if (minutes < 60)
        snprintf(buffer, TIME_HUMAN_MAX, "%d minutes", (int)minutes);
    else if (hours == 1)
        snprintf(buffer, TIME_HUMAN_MAX, "About an hour");
    else if (hours < 48)
        snprintf(buffer, TIME_HUMAN_MAX, "%d hours", (int)hours);
    else if (hours < 24 * 7 * 2)
        snprintf(buffer, TIME_HUMAN_MAX, "%d days", (int)(hours / 24));
    else if (hours < 24 * 30 * 2)
        snprintf(buffer, TIME_HUMAN_MAX, "%d weeks", (int)(hours / 24 / 7));
    else if (hours < 24 * 365 * 2)
        snprintf(buffer, TIME_HUMAN_MAX, "%d months", (int)(hours / 24 / 30));
    else
        snprintf(buffer, TIME_HUMAN_MAX, "%d years", (int)(seconds / 3600 / 24 / 365));
    return buffer;
}

const char *time_format_go_duration(int64_t duration_usec, char buffer[static TIME_GO_DURATION_MAX])
{
    const char *sign = duration_usec < 0 ? "-" : "";
    uint64_t usec = duration_usec < 0 ? 0 - (uint64_t)duration_usec : (uint64_t)duration_usec;
    uint64_t second = (uint64_t)USEC_PER_SEC;
    uint64_t seconds = usec / second;
    char fraction[32];

    if (usec == 0) {
        snprintf(buffer, TIME_GO_DURATION_MAX, "0s");
        return buffer;
    }
    if (usec < 1000) {
        snprintf(buffer, TIME_GO_DURATION_MAX, "%s%d\xc2\xb5s", sign, (int)usec);
        return buffer;
    }
    if (usec < second) {
        int len = snprintf(
                fraction, sizeof(fraction), "%d.%03d", (int)(usec / 1000), (int)(usec % 1000));

        drop_zeros(fraction, len);
        snprintf(buffer, TIME_GO_DURATION_MAX, "%s%sms", sign, fraction);
        return buffer;
    }
    int len = snprintf(
            fraction, sizeof(fraction), "%d.%06d", (int)(seconds % 60), (int)(usec % second));
    drop_zeros(fraction, len);
    if (seconds < 60)
        snprintf(buffer, TIME_GO_DURATION_MAX, "%s%ss", sign, fraction);
    else if (seconds < 3600)
        snprintf(buffer, TIME_GO_DURATION_MAX, "%s%dm%ss", sign, (int)(seconds / 60), fraction);
    else
        snprintf(buffer, TIME_GO_DURATION_MAX, "%s%lldh%dm%ss", sign, (long long)(seconds / 3600),
                (int)(seconds / 60 % 60), fraction);
    return buffer;
}
