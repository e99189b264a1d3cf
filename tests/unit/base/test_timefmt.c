#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/timefmt.h"

#define AT_2024 INT64_C(1709208000000000000) /* 2024-02-29T12:00:00Z */

static void rfc3339_is_written_as_docker_does(void **state)
{
    static const struct {
        int64_t nsec;
        const char *text;
    } cases[] = {
        { 0, "0001-01-01T00:00:00Z" },
        { 1, "1970-01-01T00:00:00.000000001Z" },
        { -1, "1969-12-31T23:59:59.999999999Z" },
        { AT_2024, "2024-02-29T12:00:00Z" },
        { AT_2024 + 120000000, "2024-02-29T12:00:00.12Z" },
        { INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
    };
    char buffer[TIME_RFC3339_MAX];
    int64_t nsec;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(time_format_rfc3339(cases[i].nsec, buffer), cases[i].text);
        assert_int_equal(time_parse_rfc3339(cases[i].text, &nsec), 0);
        assert_int_equal(nsec, cases[i].nsec);
    }
}

static void rfc3339_needs_time_and_zone(void **state)
{
    static const char *const invalid[] = {
        NULL,
        "",
        "2024-02-29",
        "2024-02-29T12:00:00",
        "2024-02-30T12:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T12:00:00.Z",
        "2024-02-29T12:00:00Zx",
        "2024-02-29T12:00:00+5:30",
        "2024-02-29T12:00Z",
        "3000-01-01T00:00:00Z",
        "24-02-29T12:00:00Z",
    };
    int64_t nsec;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        assert_int_equal(time_parse_rfc3339(invalid[i], &nsec), -EINVAL);
    assert_int_equal(time_parse_rfc3339("2024-02-29T17:30:00+05:30", &nsec), 0);
    assert_int_equal(nsec, AT_2024);
    assert_int_equal(time_parse_rfc3339("2024-02-29T12:00:00.0000000019Z", &nsec), 0);
    assert_int_equal(nsec, AT_2024 + 1);
}

static void since_takes_times_numbers_and_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t nsec;
    } cases[] = {
        { "2024-02-29T12:00:00Z", AT_2024 },
        { "2024-02-29T12:00:00", AT_2024 - 3600 * NSEC_PER_SEC },
        { "2024-02-29T12:00", AT_2024 - 3600 * NSEC_PER_SEC },
        { "2024-02-29T12", AT_2024 - 3600 * NSEC_PER_SEC },
        { "2024-02-29", AT_2024 - 13 * 3600 * NSEC_PER_SEC },
        { "2024-02-29Z", AT_2024 - 12 * 3600 * NSEC_PER_SEC },
        { "1709208000", AT_2024 },
        { "1709208000.5", AT_2024 + NSEC_PER_SEC / 2 },
        { "0", 0 },
        { "10m", AT_2024 - 600 * NSEC_PER_SEC },
        { "1h30m", AT_2024 - 5400 * NSEC_PER_SEC },
    };
    static const char *const invalid[] = { "", "yesterday", "12:00", "-5", "1.", "2024-02-29T" };
    int64_t nsec;

    (void)state;
    setenv("TZ", "TEST-1", 1); /* one hour east of Greenwich */
    tzset();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(time_parse_since(cases[i].text, AT_2024, &nsec), 0);
        assert_int_equal(nsec, cases[i].nsec);
    }
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        assert_int_equal(time_parse_since(invalid[i], AT_2024, &nsec), -EINVAL);
}

static void human_durations_are_dockers_words(void **state)
{
    static const struct {
        int64_t sec;
        const char *text;
    } cases[] = {
        { 0, "Less than a second" },
        { 1, "1 second" },
        { 59, "59 seconds" },
        { 60, "About a minute" },
        { 119, "About a minute" },
        { 120, "2 minutes" },
        { 3599, "59 minutes" },
        { 3600, "About an hour" },
        { 5399, "About an hour" },
        { 5400, "2 hours" },
        { 47 * 3600, "47 hours" },
        { 48 * 3600, "2 days" },
        { 13 * 86400, "13 days" },
        { 14 * 86400, "2 weeks" },
        { 59 * 86400, "8 weeks" },
        { 60 * 86400, "2 months" },
        { INT64_C(729) * 86400, "24 months" },
        { INT64_C(730) * 86400, "2 years" },
    };
    char buffer[TIME_HUMAN_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(time_format_human(cases[i].sec * USEC_PER_SEC, buffer), cases[i].text);
    assert_string_equal(time_format_human(-5, buffer), "Less than a second");
}

static void go_durations_are_those_of_its_string_method(void **state)
{
    static const struct {
        int64_t usec;
        const char *text;
    } cases[] = {
        { 0, "0s" },
        { 1, "1\xc2\xb5s" },
        { 999, "999\xc2\xb5s" },
        { 1500, "1.5ms" },
        { 100000, "100ms" },
        { 1000000, "1s" },
        { 1500000, "1.5s" },
        { 90000000, "1m30s" },
        { 3600000000, "1h0m0s" },
        { -5400000000, "-1h30m0s" },
        { 3600000001, "1h0m0.000001s" },
        { INT64_MIN, "-2562047788h0m54.775808s" },
    };
    char buffer[TIME_GO_DURATION_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(time_format_go_duration(cases[i].usec, buffer), cases[i].text);
}

static void clocks_do_not_run_backwards(void **state)
{
    int64_t before = time_monotonic_usec();

    (void)state;
    assert_true(time_monotonic_usec() >= before);
    assert_true(time_realtime_nsec() > AT_2024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_is_written_as_docker_does),
        cmocka_unit_test(rfc3339_needs_time_and_zone),
        cmocka_unit_test(since_takes_times_numbers_and_durations),
        cmocka_unit_test(human_durations_are_dockers_words),
        cmocka_unit_test(go_durations_are_those_of_its_string_method),
        cmocka_unit_test(clocks_do_not_run_backwards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
