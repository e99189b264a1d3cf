/* x-schedule: cron's five fields as systemd's calendar expressions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "quadlet/schedule.h"

static void assert_schedule(const char *text, const char *first, const char *second)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_error struct error *err = NULL;
    struct strings calendars = { 0 };

    if (schedule_parse(&arena, text, &calendars, NULL, &err) < 0)
        fail_msg("%s: %s", text, err->message);
    assert_int_equal(calendars.len, second ? 2 : 1);
    assert_string_equal(calendars.items[0], first);
    if (second)
        assert_string_equal(calendars.items[1], second);
}

static void five_fields_become_a_calendar_expression(void **state)
{
    (void)state;
    assert_schedule("* * * * *", "*-*-* *:*:00", NULL);
    assert_schedule("15 3 * * *", "*-*-* 03:15:00", NULL);
    assert_schedule("*/5 * * * *", "*-*-* *:00..59/5:00", NULL);
    assert_schedule("10-40/15 0,12 1 jan,7 *", "*-01,07-01 00,12:10..40/15:00", NULL);
    assert_schedule("5/20 * * * *", "*-*-* *:05..59/20:00", NULL);
    assert_schedule("  0\t4  *  *  mon-fri ", "Mon,Tue,Wed,Thu,Fri *-*-* 04:00:00", NULL);
    assert_schedule("0 4 * * 7", "Sun *-*-* 04:00:00", NULL);
    assert_schedule("0 4 * * 0", "Sun *-*-* 04:00:00", NULL);
    assert_schedule("0 0 * * */2", "Sun,Tue,Thu,Sat *-*-* 00:00:00", NULL);
}

static void days_of_the_month_and_of_the_week_count_each_for_itself(void **state)
{
    (void)state;
    assert_schedule("30 4 1,15 * 5", "*-*-01,15 04:30:00", "Fri *-*-* 04:30:00");
}

static void names_and_expressions_of_systemd_pass(void **state)
{
    (void)state;
    assert_schedule("@daily", "daily", NULL);
    assert_schedule("@weekly", "Sun *-*-* 00:00:00", NULL);
    assert_schedule("Mon..Fri 09:00", "Mon..Fri 09:00", NULL);
    assert_schedule("hourly", "hourly", NULL);
    assert_schedule("*-*-* 04:00:00 UTC", "*-*-* 04:00:00 UTC", NULL);
}

static void a_cron_line_that_is_none_says_which_field(void **state)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        { "60 * * * *", "minute" },
        { "* 24 * * *", "hour" },
        { "* * 0 * *", "day of the month" },
        { "* * * 13 *", "month" },
        { "* * * * 8", "day of the week" },
        { "*/0 * * * *", "minute" },
        { "5-1 * * * *", "minute" },
        { "1,,2 * * * *", "minute" },
        { "1- * * * *", "minute" },
        { "@fortnightly", "schedule" },
        { "", "schedule" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        auto_error struct error *err = NULL;
        struct strings calendars = { 0 };

        assert_true(schedule_parse(&arena, cases[i].text, &calendars, NULL, &err) < 0);
        assert_non_null(strstr(err->message, cases[i].field));
        assert_int_equal(calendars.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_fields_become_a_calendar_expression),
        cmocka_unit_test(days_of_the_month_and_of_the_week_count_each_for_itself),
        cmocka_unit_test(names_and_expressions_of_systemd_pass),
        cmocka_unit_test(a_cron_line_that_is_none_says_which_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
