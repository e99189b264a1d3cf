#include "quadlet/schedule.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"

#define FIELD_COUNT 5
#define CALENDAR_MAX 1024

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep",
    "oct", "nov", "dec" };
static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

static const struct field {
    const char *what;
    uint32_t min, max;
    const char *const *names; /* of min, min + 1 …; NULL: numbers only */
    unsigned name_count;
} fields[FIELD_COUNT] = {
    { "minute", 0, 59, NULL, 0 },
    { "hour", 0, 23, NULL, 0 },
    { "day of the month", 1, 31, NULL, 0 },
    { "month", 1, 12, months, 12 },
    { "day of the week", 0, 7, days, 8 },
};
enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY };

static int parse_value(const struct field *field, struct str text, uint32_t *ret)
{
    for (unsigned i = 0; i < field->name_count; i++) {
        if (text.len == 3 && strncasecmp(text.data, field->names[i], 3) == 0) {
            *ret = field->min + i;
            return 0;
        }
    }
    return parse_uint32(text, field->max, ret) < 0 || *ret < field->min ? -EINVAL : 0;
}

static void add_value(const struct field *field, uint32_t value, struct strbuf *out)
{
    if (field == &fields[WEEKDAY])
        strbuf_addf(out, "%s", days[value]);
    else
        strbuf_addf(out, "%02u", value);
}

/* A step has a list of its own for weekdays, since systemd knows no steps there. */
static void add_weekdays(uint32_t first, uint32_t last, uint32_t step, struct strbuf *out)
{
    for (uint32_t day = first; day <= last; day += step)
        strbuf_addf(out, "%s%s", day == first ? "" : ",", days[day]);
}

/* "*", "5", "1-5", each with "/2" perhaps. */
static int add_item(const struct field *field, struct str item, struct strbuf *out)
{
    struct str rest = item, range, first_text;
    uint32_t first = field->min, last = field->max, step = 1;
    bool is_star, has_range, has_step;

    if (!str_split_next(&rest, '/', &range))
        return -EINVAL;
    has_step = range.len < item.len;
    if (has_step && (parse_uint32(rest, field->max, &step) < 0 || step == 0))
        return -EINVAL;
    is_star = str_is_equal_z(range, "*");
    has_range = !is_star && str_find(range, '-') >= 0;
    if (!is_star) {
        struct str ends = range;

        if (!str_split_next(&ends, '-', &first_text) || parse_value(field, first_text, &first) < 0)
            return -EINVAL;
        last = first;
        if (has_range && (parse_value(field, ends, &last) < 0 || last < first))
            return -EINVAL;
        if (has_step && !has_range) /* "5/15": from there to the end */
            last = field->max;
    }
    if (field == &fields[WEEKDAY]) {
        /* 7 is Sunday as well; a whole week has it once. */
        if (is_star)
            last = 6;
        add_weekdays(first, last, step, out);
    } else if (is_star && !has_step) {
        strbuf_addc(out, '*');
    } else {
        add_value(field, first, out);
        if (last > first) {
            strbuf_addf(out, "..");
            add_value(field, last, out);
        }
        if (has_step)
            strbuf_addf(out, "/%u", step);
    }
    return 0;
}

static int add_field(struct arena *arena, const struct field *field, struct str text,
        const char **ret, const struct source *at, struct error **err)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(CALENDAR_MAX);
    struct str rest = text, item;

    while (str_split_next(&rest, ',', &item)) {
        if (out.len)
            strbuf_addc(&out, ',');
        if (add_item(field, item, &out) < 0)
            return error_set_plain(err, EINVAL, at,
                    "x-schedule: \"%.*s\" is no %s: expected %u to %u, *, a list, a range or a step",
                    STR_FMT(item), field->what, field->min, field->max);
    }
    if (strbuf_is_truncated(&out))
        return error_set_plain(err, E2BIG, at,
                "x-schedule: the list of the field \"%s\" is too long", field->what);
    *ret = arena_strndup(arena, out.data, out.len);
    return 0;
}

/* Five words, of which the first begins as a minute does. */
static bool is_cron(const char *text, struct str words[FIELD_COUNT])
{
    size_t count = 0;

    for (const char *p = text; *p;) {
        size_t blank = strspn(p, " \t"), len = strcspn(p + blank, " \t");

        if (len && count == FIELD_COUNT)
            return false;
        if (len)
            words[count++] = (struct str){ p + blank, len };
        p += blank + len;
    }
    return count == FIELD_COUNT &&
           (isdigit((unsigned char)*words[0].data) || *words[0].data == '*');
}

static void add_calendar(struct arena *arena, const char *const *parts, bool with_day,
        bool with_weekday, struct strings *calendars)
{
    *ARRAY_APPEND_ARENA(arena, calendars) = arena_printf(arena, "%s%s*-%s-%s %s:%s:00",
            with_weekday ? parts[WEEKDAY] : "", with_weekday ? " " : "", parts[MONTH],
            with_day ? parts[DAY] : "*", parts[HOUR], parts[MINUTE]);
}

static int parse_cron(struct arena *arena, const struct str *words, struct strings *calendars,
        const struct source *at, struct error **err)
{
    const char *parts[FIELD_COUNT];

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        int r = add_field(arena, &fields[i], words[i], &parts[i], at, err);
        if (r < 0)
            return r;
    }
    bool any_day = words[DAY].data[0] == '*', any_weekday = words[WEEKDAY].data[0] == '*';
    bool every_weekday = str_is_equal_z(words[WEEKDAY], "*");
    if (!any_day && !any_weekday) {
        add_calendar(arena, parts, true, false, calendars);
        add_calendar(arena, parts, false, true, calendars);
    } else {
        add_calendar(arena, parts, true, !every_weekday, calendars);
    }
    return 0;
}

int schedule_parse(struct arena *arena, const char *text, struct strings *calendars,
        const struct source *at, struct error **err)
{
    static const char *const names[][2] = { { "@hourly", "hourly" }, { "@daily", "daily" },
        { "@midnight", "daily" }, { "@weekly", "Sun *-*-* 00:00:00" }, { "@monthly", "monthly" },
        { "@yearly", "yearly" }, { "@annually", "yearly" } };
    struct str words[FIELD_COUNT];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(text, names[i][0]) == 0) {
            *ARRAY_APPEND_ARENA(arena, calendars) = arena_strdup(arena, names[i][1]);
            return 0;
        }
    }
    if (*text == '@' || *text == '\0')
        return error_set_plain(err, EINVAL, at,
                "x-schedule: \"%s\" is no schedule: expected a calendar expression or five fields of cron",
                text);
    if (is_cron(text, words))
        return parse_cron(arena, words, calendars, at, err);
    *ARRAY_APPEND_ARENA(arena, calendars) = arena_strdup(arena, text);
    return 0;
}
