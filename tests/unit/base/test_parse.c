#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

static void integers_are_whole_texts_in_range(void **state)
{
    static const struct {
        const char *text;
        int code;
        int64_t value;
    } cases[] = {
        { "0", 0, 0 },
        { "-0", 0, 0 },
        { "+7", 0, 7 },
        { "007", 0, 7 },
        { "-100", 0, -100 },
        { "100", 0, 100 },
        { "101", -ERANGE, 0 },
        { "-101", -ERANGE, 0 },
        { "", -EINVAL, 0 },
        { "-", -EINVAL, 0 },
        { " 1", -EINVAL, 0 },
        { "1 ", -EINVAL, 0 },
        { "0x1", -EINVAL, 0 },
        { "1.0", -EINVAL, 0 },
        { "--1", -EINVAL, 0 },
        { "99999999999999999999", -ERANGE, 0 },
        { "99999999999999999999x", -EINVAL, 0 },
    };
    int64_t value;
    uint64_t u64;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        value = 0;
        assert_int_equal(parse_int64(str_from(cases[i].text), -100, 100, &value), cases[i].code);
        assert_int_equal(value, cases[i].value);
    }
    assert_int_equal(
            parse_int64(STR_LITERAL("-9223372036854775808"), INT64_MIN, INT64_MAX, &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(
            parse_int64(STR_LITERAL("9223372036854775808"), INT64_MIN, INT64_MAX, &value), -ERANGE);
    assert_int_equal(parse_uint64(STR_LITERAL("18446744073709551615"), UINT64_MAX, &u64), 0);
    assert_true(u64 == UINT64_MAX);
    assert_int_equal(parse_uint64(STR_LITERAL("18446744073709551616"), UINT64_MAX, &u64), -ERANGE);
    assert_int_equal(parse_uint64(STR_LITERAL("-1"), UINT64_MAX, &u64), -EINVAL);
}

static void modes_are_octal_with_or_without_a_prefix(void **state)
{
    static const struct {
        const char *text;
        int code;
        uint32_t value;
    } cases[] = {
        { "0644", 0, 0644 },
        { "644", 0, 0644 },
        { "0o644", 0, 0644 },
        { "7777", 0, 07777 },
        { "10000", -ERANGE, 1 },
        { "8", -EINVAL, 1 },
        { "", -EINVAL, 1 },
        { "0o", -EINVAL, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t value = 1;

        assert_int_equal(parse_octal(str_from(cases[i].text), 07777, &value), cases[i].code);
        assert_int_equal(value, cases[i].value);
    }
}

static void sizes_are_powers_of_1024(void **state)
{
    static const struct {
        const char *text;
        int code;
        uint64_t value;
    } cases[] = {
        { "0", 0, 0 },
        { "512", 0, 512 },
        { "512b", 0, 512 },
        { "1k", 0, 1024 },
        { "1K", 0, 1024 },
        { "1kb", 0, 1024 },
        { "1KiB", 0, 1024 },
        { "1.5g", 0, UINT64_C(1610612736) },
        { "2 GB", 0, UINT64_C(2147483648) },
        { "1t", 0, UINT64_C(1) << 40 },
        { "1p", 0, UINT64_C(1) << 50 },
        { ".5m", 0, 524288 },
        { "1.m", 0, 1048576 },
        { "16383p", 0, UINT64_C(16383) << 50 },
        { "16384p", -ERANGE, 7 },
        { "-1", -EINVAL, 7 },
        { "-0", 0, 0 },
        { "", -EINVAL, 7 },
        { "k", -EINVAL, 7 },
        { ".", -EINVAL, 7 },
        { "1kk", -EINVAL, 7 },
        { "1ki", -EINVAL, 7 },
        { "1x", -EINVAL, 7 },
        { "1 ", 0, 1 },
        { "1  k", -EINVAL, 7 },
        { "1m ", -EINVAL, 7 },
        { " 1", -EINVAL, 7 },
        { "1.2.3", -EINVAL, 7 },
        { "+5m", 0, 5242880 },
        { "+-5", -EINVAL, 7 },
        { "1_000.5k", 0, 1024512 },
        { "1__0", -EINVAL, 7 },
        { "_1", -EINVAL, 7 },
        { "1_", -EINVAL, 7 },
        { "1_.5", -EINVAL, 7 },
        { "1e3", 0, 1000 },
        { "1E+3 kb", 0, 1024000 },
        { "1e-1", 0, 0 },
        { "1e", -EINVAL, 7 },
        { "1e19", -ERANGE, 7 },
        { "1e400", -ERANGE, 7 },
        { "0x10", -EINVAL, 7 },
        { "0x1p4", 0, 16 },
        { "0x1.8p4 m", 0, UINT64_C(24) << 20 },
        { "0x1p", -EINVAL, 7 },
        { "-0x1p4", -EINVAL, 7 },
        { "99999999999999999999", -ERANGE, 7 },
        { "0.0000000000000000000000001k", 0, 0 },
    };
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        value = 7;
        assert_int_equal(parse_size_bytes(str_from(cases[i].text), &value), cases[i].code);
        assert_int_equal(value, cases[i].value);
    }
    assert_int_equal(parse_size_bytes_decimal(STR_LITERAL("10m"), &value), 0);
    assert_int_equal(value, 10000000);
}

static void durations_are_those_of_go_and_compose(void **state)
{
    static const struct {
        const char *text;
        int code;
        int64_t value;
    } cases[] = {
        { "0", 0, 0 },
        { "0s", 0, 0 },
        { "1s", 0, 1000000 },
        { "1h2m3.5s", 0, 3723500000 },
        { "300ms", 0, 300000 },
        { "-1.5h", 0, -5400000000 },
        { "+1m", 0, 60000000 },
        { "1us", 0, 1 },
        { "1\xc2\xb5s", 0, 1 },
        { "1\xce\xbcs", 0, 1 },
        { "1500ns", 0, 1 },
        { "1d", 0, 86400000000 },
        { "1w", 0, 604800000000 },
        { ".5s", 0, 500000 },
        { "1.s", 0, 1000000 },
        { "1m1m", 0, 120000000 },
        { "292y", -EINVAL, 7 },
        { "2562047h", 0, 9223369200000000 },
        { "2562048h", -ERANGE, 7 },
        { "", -EINVAL, 7 },
        { "1", -EINVAL, 7 },
        { "s", -EINVAL, 7 },
        { ".s", -EINVAL, 7 },
        { "-", -EINVAL, 7 },
        { "1 s", -EINVAL, 7 },
        { "1s ", -EINVAL, 7 },
        { "1h-2m", -EINVAL, 7 },
        { "99999999999999999999h", -ERANGE, 7 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t value = 7;

        assert_int_equal(parse_duration_usec(str_from(cases[i].text), &value), cases[i].code);
        assert_int_equal(value, cases[i].value);
    }
}

static void flags_have_several_words(void **state)
{
    static const char *const yes[] = { "true", "YES", "y", "On", "1", "t", "T" };
    static const char *const no[] = { "false", "No", "n", "OFF", "0", "f" };
    static const char *const neither[] = { "", "2", "truee", "tru", " true" };
    bool value = false;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(parse_bool(str_from(yes[i]), &value) == 0 && value);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_true(parse_bool(str_from(no[i]), &value) == 0 && !value);
    for (size_t i = 0; i < ARRAY_LEN(neither); i++)
        assert_int_equal(parse_bool(str_from(neither[i]), &value), -EINVAL);
}

static void doubles_are_finite_and_written_as_in_go(void **state)
{
    static const char *const invalid[] = { "", "nan", "inf", " 1", "1 ", "1,5", "e5", "--1", "_1",
        "1_", "1__0", "1_.5", "1_e3", "0x1", "0x.p1", "0xp1", "0x1e2", "0x1_p4", "0x__1p4",
        "_0x1p4", "0_x1p4", "1p4", "0x1p4x", "0xx1p4", "1x1p4" };
    double value = 0;

    (void)state;
    assert_int_equal(parse_double(STR_LITERAL("0.5"), &value), 0);
    assert_true(value == 0.5);
    assert_int_equal(parse_double(STR_LITERAL("-1e3"), &value), 0);
    assert_true(value == -1000);
    assert_int_equal(parse_double(STR_LITERAL("1_0.5"), &value), 0);
    assert_true(value == 10.5);
    assert_int_equal(parse_double(STR_LITERAL("0X_1.8p+1_0"), &value), 0);
    assert_true(value == 1536);
    assert_int_equal(parse_double(STR_LITERAL("-0x.8P-1"), &value), 0);
    assert_true(value == -0.25);
    assert_int_equal(parse_double(STR_LITERAL("0x1p-2000"), &value), 0);
    assert_true(value == 0);
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        assert_int_equal(parse_double(str_from(invalid[i]), &value), -EINVAL);
    assert_int_equal(parse_double((struct str){ "1\0002", 3 }, &value), -EINVAL);
    assert_int_equal(parse_double(STR_LITERAL("1e999"), &value), -ERANGE);
}

static void port_ranges_run_upwards_within_sixteen_bits(void **state)
{
    static const struct {
        const char *text;
        int code;
        bool zero;
        unsigned first, last;
    } cases[] = {
        { "80", 0, false, 80, 80 },
        { "8000-8010", 0, false, 8000, 8010 },
        { "65535", 0, false, 65535, 65535 },
        { "65536", -ERANGE, false, 0, 0 },
        { "0", -ERANGE, false, 0, 0 },
        { "0", 0, true, 0, 0 },
        { "9-8", -ERANGE, false, 0, 0 },
        { "80-", -EINVAL, false, 0, 0 },
        { "-80", -EINVAL, false, 0, 0 },
        { "80-81-82", -EINVAL, false, 0, 0 },
        { "", -EINVAL, false, 0, 0 },
        { "http", -EINVAL, false, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint16_t first = 0, last = 0;

        assert_int_equal(parse_port_range(str_from(cases[i].text), cases[i].zero, &first, &last),
                cases[i].code);
        assert_int_equal(first, cases[i].first);
        assert_int_equal(last, cases[i].last);
    }
}

static void signals_have_names_numbers_and_real_time_offsets(void **state)
{
    static const struct {
        const char *text;
        int signo;
    } cases[] = {
        { "TERM", SIGTERM },
        { "SIGTERM", SIGTERM },
        { "sigterm", SIGTERM },
        { "15", 15 },
        { "IO", SIGIO },
        { "POLL", SIGIO },
        { "CLD", SIGCHLD },
        { "IOT", SIGABRT },
    };
    static const char *const invalid[] = {
        "",
        "SIG",
        "0",
        "65",
        "-1",
        "TERMS",
        "RTMIN-1",
        "RTMIN+",
        "RTMIN+31",
        "RTMAX+1",
        "SIGSIGTERM",
    };
    int signo;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse_signal(str_from(cases[i].text), &signo), 0);
        assert_int_equal(signo, cases[i].signo);
    }
    assert_int_equal(parse_signal(STR_LITERAL("SIGRTMIN+3"), &signo), 0);
    assert_int_equal(signo, SIGRTMIN + 3);
    assert_string_equal(signal_name(signo), "SIGRTMIN+3");
    assert_int_equal(parse_signal(STR_LITERAL("RTMAX-1"), &signo), 0);
    assert_int_equal(signo, SIGRTMAX - 1);
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        assert_true(parse_signal(str_from(invalid[i]), &signo) < 0);
    for (int i = 1; i <= SIGRTMAX; i++) {
        if (i == 32 || i == 33)
            continue; /* glibc's own */
        assert_int_equal(parse_signal(str_from(signal_name(i)), &signo), 0);
        assert_int_equal(signo, i);
    }
}

static void names_of_a_table_give_their_position(void **state)
{
    static const char *const names[] = { "no", NULL, "always" };

    (void)state;
    assert_int_equal(parse_name(STR_LITERAL("always"), names, ARRAY_LEN(names)), 2);
    assert_int_equal(parse_name(STR_LITERAL("alway"), names, ARRAY_LEN(names)), -EINVAL);
    assert_int_equal(parse_name(STR_LITERAL(""), names, ARRAY_LEN(names)), -EINVAL);
}

static void seconds_may_be_for_ever(void **state)
{
    int64_t value;

    (void)state;
    assert_int_equal(parse_seconds(STR_LITERAL("-1"), &value), 0);
    assert_int_equal(value, -1);
    assert_int_equal(parse_seconds(STR_LITERAL("10"), &value), 0);
    assert_int_equal(value, 10);
    assert_int_equal(parse_seconds(STR_LITERAL("-2"), &value), -ERANGE);
    assert_int_equal(parse_seconds(STR_LITERAL("1.5"), &value), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_whole_texts_in_range),
        cmocka_unit_test(modes_are_octal_with_or_without_a_prefix),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(durations_are_those_of_go_and_compose),
        cmocka_unit_test(flags_have_several_words),
        cmocka_unit_test(doubles_are_finite_and_written_as_in_go),
        cmocka_unit_test(port_ranges_run_upwards_within_sixteen_bits),
        cmocka_unit_test(signals_have_names_numbers_and_real_time_offsets),
        cmocka_unit_test(names_of_a_table_give_their_position),
        cmocka_unit_test(seconds_may_be_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
