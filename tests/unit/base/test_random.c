#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/random.h"
#include "base/secret.h"

static void an_id_is_hex_and_its_short_form_is_never_a_number(void **state)
{
    char before[RANDOM_ID_HEX + 1] = "", id[RANDOM_ID_HEX + 1];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        random_id(id);
        assert_int_equal(strspn(id, "0123456789abcdef"), RANDOM_ID_HEX);
        assert_int_equal(id[RANDOM_ID_HEX], '\0');
        assert_true(strspn(id, "0123456789") < 12);
        assert_string_not_equal(id, before);
        memcpy(before, id, sizeof(id));
    }
}

static void random_bytes_fill_all_of_a_large_buffer(void **state)
{
    static unsigned char data[100000];
    size_t zeros = 0;

    (void)state;
    random_bytes(data, sizeof(data));
    for (size_t i = 0; i < sizeof(data); i++)
        zeros += data[i] == 0;
    assert_true(zeros < 1000); /* 390 expected */
}

static void a_secret_is_a_terminated_copy_and_can_be_set_from_itself(void **state)
{
    struct secret secret = SECRET_INIT;

    (void)state;
    secret_set(&secret, "hunter2", 7);
    assert_string_equal(secret.data, "hunter2");
    secret_set(&secret, secret.data + 3, 4);
    assert_string_equal(secret.data, "ter2");
    assert_int_equal(secret.len, 4);
    secret_set(&secret, NULL, 0);
    assert_string_equal(secret.data, "");
    secret_release(&secret);
    assert_null(secret.data);
    secret_release(&secret);
    secret_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_hex_and_its_short_form_is_never_a_number),
        cmocka_unit_test(random_bytes_fill_all_of_a_large_buffer),
        cmocka_unit_test(a_secret_is_a_terminated_copy_and_can_be_set_from_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
