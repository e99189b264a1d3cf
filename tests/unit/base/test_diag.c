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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_are_counted_by_severity),
        cmocka_unit_test(findings_beyond_the_maximum_are_counted_but_not_kept),
        cmocka_unit_test(sorting_keeps_files_in_order_of_appearance_and_is_stable),
        cmocka_unit_test(entries_outlive_the_texts_they_were_made_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
