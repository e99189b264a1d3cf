#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/diag.h"

static void findings_are_counted_by_severity(void **state)
{
    struct diag diag = DIAG_INIT;

    (void)state;
    assert_false(diag_has_errors(&diag));
    diag_add(&diag, DIAG_WARNING, "obsolete-version", NULL, "w");
    diag_add(&diag, DIAG_NOTE, NULL, NULL, "n");
    assert_false(diag_has_errors(&diag));
    diag_add(&diag, DIAG_ERROR, NULL, NULL, "e%d", 1);
    assert_true(diag_has_errors(&diag));
    assert_int_equal(diag.warnings, 1);
    assert_int_equal(diag.errors, 1);
    assert_string_equal(diag.items[0].id, "obsolete-version");
    assert_string_equal(diag.items[2].message, "e1");
    diag_release(&diag);
}

static void findings_beyond_the_maximum_are_counted_but_not_kept(void **state)
{
    struct diag diag = { .max = 2 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct diag_entry *entry = diag_add(&diag, DIAG_ERROR, NULL, NULL, "e");

        assert_true((entry != NULL) == (i < 2));
        diag_hint(&diag, entry, "h");
    }
    assert_int_equal(diag.len, 2);
    assert_int_equal(diag.errors, 3);
    diag_release(&diag);
}

static void what_is_said_again_takes_no_memory(void **state)
{
    const struct source at = { "a.yaml", 3, 5 };
    struct diag diag = DIAG_INIT;

    (void)state;
    diag_add(&diag, DIAG_ERROR, NULL, &at, "services.a0.ports: bad");
    size_t used_bytes = diag.arena.used_bytes;
    for (int i = 1; i < 1000; i++)
        assert_null(diag_add(&diag, DIAG_ERROR, NULL, &at, "services.a%d.ports: bad", i));
    assert_int_equal(diag.arena.used_bytes, used_bytes);
    assert_int_equal(diag.len, 1);
    assert_int_equal(diag.errors, 1);
    assert_string_equal(diag.items[0].message, "services.a0.ports: bad");
    diag_release(&diag);
}

static void sorting_keeps_files_in_order_of_appearance_and_is_stable(void **state)
{
    struct diag diag = DIAG_INIT;
    const struct {
        const char *file;
        unsigned line, column;
        const char *text;
    } added[] = {
        { "z.yaml", 9, 1, "5" },
        { "a.yaml", 1, 1, "7" },
        { "z.yaml", 2, 5, "2" },
        { "z.yaml", 2, 5, "3" },
        { NULL, 0, 0, "8" },
        { "z.yaml", 2, 1, "1" },
        { "z.yaml", 2, 9, "4" },
        { "z.yaml", 9, 2, "6" },
    };
    char order[16] = "";

    (void)state;
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        struct source at = { added[i].file, added[i].line, added[i].column };

        diag_add(&diag, DIAG_NOTE, NULL, &at, "%s", added[i].text);
    }
    diag_sort(&diag);
    for (size_t i = 0; i < diag.len; i++)
        order[i] = diag.items[i].message[0];
    assert_string_equal(order, "12345678");
    diag_release(&diag);
}

static void entries_outlive_the_texts_they_were_made_of(void **state)
{
    struct diag diag = DIAG_INIT;
    char file[] = "compose.yaml";
    struct source at = { file, 3, 4 };
    struct diag_entry *entry = diag_add(&diag, DIAG_ERROR, NULL, &at, "m");

    (void)state;
    diag_hint(&diag, entry, "did you mean \"%s\"?", file);
    memset(file, 'x', sizeof(file) - 1);
    assert_string_equal(diag.items[0].at.file, "compose.yaml");
    assert_string_equal(diag.items[0].hint, "did you mean \"compose.yaml\"?");
    diag_release(&diag);
    assert_null(diag_add(NULL, DIAG_ERROR, NULL, NULL, "nobody listens"));
}

static void files_know_by_which_way_they_came_in_and_the_first_way_counts(void **state)
{
    struct diag diag = DIAG_INIT;
    const struct source include = { "compose.yaml", 2, 5 }, extends = { "compose.yaml", 9, 5 };

    (void)state;
    diag_add_file(&diag, "compose.yaml", DIAG_WAY_NAMED, NULL);
    diag_add_file(&diag, "more.yaml", DIAG_WAY_INCLUDED, &include);
    diag_add_file(&diag, "more.yaml", DIAG_WAY_EXTENDED, &extends);
    diag_add_file(&diag, "compose.yaml", DIAG_WAY_INCLUDED, &include);

    const struct diag_file *file = diag_find_file(&diag, "more.yaml");

    assert_int_equal(file->route.way, DIAG_WAY_INCLUDED);
    assert_string_equal(diag_way_name(file->route.way), "included from");
    assert_string_equal(file->route.from.file, "compose.yaml");
    assert_int_equal(file->route.from.line, 2);
    assert_int_equal(diag_find_file(&diag, "compose.yaml")->route.way, DIAG_WAY_NAMED);
    assert_null(diag_find_file(&diag, "other.yaml"));
    assert_null(diag_find_file(&diag, NULL));
    diag_release(&diag);
}

static void a_finding_can_know_its_own_way_and_the_ways_lead_up_to_the_users_file(void **state)
{
    struct diag diag = DIAG_INIT;
    const struct source include = { "compose.yaml", 2, 5 }, extends = { "more.yaml", 9, 5 };
    const struct source again = { "more.yaml", 30, 5 }, at = { "base.yaml", 1, 1 };

    (void)state;
    diag_add_file(&diag, "compose.yaml", DIAG_WAY_NAMED, NULL);
    diag_add_file(&diag, "more.yaml", DIAG_WAY_INCLUDED, &include);
    diag_add_file(&diag, "base.yaml", DIAG_WAY_EXTENDED, &extends);
    diag.scope = (struct diag_route){ "base.yaml", DIAG_WAY_EXTENDED, again };

    struct diag_entry *entry = diag_add(&diag, DIAG_ERROR, NULL, &at, "m");
    struct diag_route route = diag_first_route(&diag, entry);

    assert_int_equal(route.from.line, 30);
    route = diag_next_route(&diag, &route);
    assert_int_equal(route.way, DIAG_WAY_INCLUDED);
    assert_string_equal(route.from.file, "compose.yaml");
    assert_int_equal(diag_next_route(&diag, &route).way, DIAG_WAY_NAMED);
    diag.scope = (struct diag_route){ 0 };
    entry = diag_add(&diag, DIAG_ERROR, NULL, &at, "m");
    assert_int_equal(diag_first_route(&diag, entry).from.line, 9);
    diag_release(&diag);
}

static void the_text_of_a_file_that_is_gone_can_be_kept(void **state)
{
    struct diag diag = DIAG_INIT;
    char text[] = "a\0b";

    (void)state;
    diag_keep_text(&diag, "<stdin>", text, 3);
    memset(text, 'x', sizeof(text));
    diag_add_file(&diag, "<stdin>", DIAG_WAY_NAMED, NULL);
    assert_int_equal(diag_find_file(&diag, "<stdin>")->text_len_bytes, 3);
    assert_memory_equal(diag_find_file(&diag, "<stdin>")->text, "a\0b", 3);
    diag_release(&diag);
}

static bool is_no_warning(void *userdata, const struct diag_entry *entry)
{
    ++*(unsigned *)userdata;
    return entry->severity != DIAG_WARNING;
}

static void filtered_findings_no_longer_count(void **state)
{
    struct diag diag = DIAG_INIT;
    unsigned asked = 0;

    (void)state;
    diag_add(&diag, DIAG_WARNING, NULL, NULL, "a");
    diag_add(&diag, DIAG_ERROR, NULL, NULL, "b");
    diag_add(&diag, DIAG_WARNING, NULL, NULL, "c");
    diag_filter(&diag, is_no_warning, &asked);
    assert_int_equal(asked, 3);
    assert_int_equal(diag.len, 1);
    assert_int_equal(diag.errors, 1);
    assert_int_equal(diag.warnings, 0);
    assert_string_equal(diag.items[0].message, "b");
    diag_release(&diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_are_counted_by_severity),
        cmocka_unit_test(findings_beyond_the_maximum_are_counted_but_not_kept),
        cmocka_unit_test(what_is_said_again_takes_no_memory),
        cmocka_unit_test(sorting_keeps_files_in_order_of_appearance_and_is_stable),
        cmocka_unit_test(entries_outlive_the_texts_they_were_made_of),
        cmocka_unit_test(files_know_by_which_way_they_came_in_and_the_first_way_counts),
        cmocka_unit_test(a_finding_can_know_its_own_way_and_the_ways_lead_up_to_the_users_file),
        cmocka_unit_test(the_text_of_a_file_that_is_gone_can_be_kept),
        cmocka_unit_test(filtered_findings_no_longer_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
