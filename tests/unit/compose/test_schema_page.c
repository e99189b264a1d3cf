/* docs/compose-file.md is what the table makes; BERTH_BLESS=1 writes it anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "compose/schema-page.h"
#include "compose/schema.h"

#define PAGE TEST_DATA "/../docs/compose-file.md"
#define PAGE_MAX_BYTES (1u << 20)

static void the_reference_page_is_what_the_table_says(void **state)
{
    auto_(strbuf_release) struct strbuf page = STRBUF_INIT(PAGE_MAX_BYTES);
    auto_free char *kept = NULL;
    size_t len;

    (void)state;
    schema_print_page(PAGE_MARKDOWN, &page);
    if (getenv("BERTH_BLESS"))
        assert_int_equal(
                fs_replace_file(AT_FDCWD, PAGE, page.data, page.len, 0644, FS_NO_SYNC, NULL), 0);
    assert_int_equal(fs_read_file(AT_FDCWD, PAGE, PAGE_MAX_BYTES, &kept, &len, NULL), 0);
    if (len != page.len || memcmp(kept, page.data, len) != 0)
        fail_msg("docs/compose-file.md does not agree with the table; BERTH_BLESS=1 rewrites it");
}

static void every_attribute_is_on_the_manual_page(void **state)
{
    auto_(strbuf_release) struct strbuf page = STRBUF_INIT(PAGE_MAX_BYTES);

    (void)state;
    schema_print_page(PAGE_MAN, &page);
    for (size_t t = 0; schema_tables[t]; t++)
        for (size_t i = 0; i < schema_tables[t]->count; i++) {
            auto_(strbuf_release) struct strbuf line = STRBUF_INIT(256);

            strbuf_addf(&line, "\n.B %s\n", schema_tables[t]->rows[i].name);
            if (!strstr(page.data, line.data))
                fail_msg("%s is not there", schema_tables[t]->rows[i].name);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_page_is_what_the_table_says),
        cmocka_unit_test(every_attribute_is_on_the_manual_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
