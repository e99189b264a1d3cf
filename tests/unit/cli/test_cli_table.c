#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/table.h"

static void columns_are_as_wide_as_their_widest_cell_and_the_last_is_not_padded(void **state)
{
    auto_(table_release) struct table table = TABLE_INIT(TABLE_MIN_WIDTH);
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(4096);

    (void)state;
    table_headers(&table, (const char *const[]){ "ID", "NAME", NULL });
    table_row(&table);
    table_cell(&table, "123456789012");
    table_cell(&table, "web");
    table_format(&table, &out);
    assert_string_equal(out.data, "ID             NAME\n123456789012   web\n");
}

static void narrow_columns_keep_the_least_width(void **state)
{
    auto_(table_release) struct table table = TABLE_INIT(TABLE_COMPOSE_MIN_WIDTH);
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(4096);

    (void)state;
    table_headers(&table, (const char *const[]){ "NAME", "STATUS", NULL });
    table_format(&table, &out);
    assert_string_equal(out.data, "NAME                STATUS\n");
}

static void cells_are_measured_in_characters_and_hold_no_control_characters(void **state)
{
    auto_(table_release) struct table table = TABLE_INIT(0);
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(4096);

    (void)state;
    table_row(&table);
    table_cell(&table, "äö");
    table_cell(&table, "a\033b\nc");
    table_row(&table);
    table_cell(&table, "xyz");
    table_cell(&table, NULL);
    table_format(&table, &out);
    assert_string_equal(out.data, "äö    a b c\nxyz   \n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell_and_the_last_is_not_padded),
        cmocka_unit_test(narrow_columns_keep_the_least_width),
        cmocka_unit_test(cells_are_measured_in_characters_and_hold_no_control_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
