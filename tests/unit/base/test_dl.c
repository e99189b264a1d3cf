#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/dl.h"
#include "base/error.h"

static struct {
    double (*cos)(double);
    void *(*missing)(void);
} m;

static const struct dl_symbol present[] = { DL_SYMBOL(m.cos, "cos") };
static const struct dl_symbol missing[] = {
    DL_SYMBOL(m.cos, "cos"),
    DL_SYMBOL(m.missing, "no_such_function"),
};

static void a_library_is_opened_once_and_its_functions_work(void **state)
{
    static struct dl_library library = DL_LIBRARY("libm.so.6", present);

    (void)state;
    assert_int_equal(dl_open(&library, NULL), 0);
    void *handle = library.handle;
    assert_int_equal(dl_open(&library, NULL), 0);
    assert_ptr_equal(library.handle, handle);
    assert_true(m.cos(0) == 1.0);
}

static void a_missing_library_is_named_with_a_hint(void **state)
{
    static struct dl_library library = DL_LIBRARY("libnot-there.so.9", present);
    auto_error struct error *err = NULL;

    (void)state;
    assert_int_equal(dl_open(&library, &err), -ENOENT);
    assert_non_null(strstr(err->message, "libnot-there.so.9"));
    assert_non_null(err->hint);
}

static void a_missing_function_is_named_and_the_library_is_not_kept(void **state)
{
    static struct dl_library library = DL_LIBRARY("libm.so.6", missing);
    auto_error struct error *err = NULL;

    (void)state;
    assert_int_equal(dl_open(&library, &err), -ENOENT);
    assert_non_null(strstr(err->message, "no_such_function"));
    assert_null(library.handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_library_is_opened_once_and_its_functions_work),
        cmocka_unit_test(a_missing_library_is_named_with_a_hint),
        cmocka_unit_test(a_missing_function_is_named_and_the_library_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
