#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/arena.h"
#include "base/array.h"

struct numbers {
    int *items;
    size_t len, cap;
};

static void appended_elements_are_zeroed_and_keep_their_order(void **state)
{
    struct numbers numbers = { 0 };
    int expected = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int *item = ARRAY_APPEND(&numbers);

        assert_int_equal(*item, 0);
        *item = i;
    }
    ARRAY_FOREACH(&numbers, it)
        assert_int_equal(*it, expected++);
    assert_int_equal(expected, 1000);
    ARRAY_RELEASE(&numbers);
    assert_null(numbers.items);
    assert_int_equal(numbers.len, 0);
}

static void a_slot_that_was_removed_is_zeroed_when_it_is_used_again(void **state)
{
    struct numbers numbers = { 0 };

    (void)state;
    *ARRAY_APPEND(&numbers) = 7;
    numbers.len--;
    assert_int_equal(*ARRAY_APPEND(&numbers), 0);
    ARRAY_RELEASE(&numbers);
}

static void arrays_in_an_arena_go_with_it(void **state)
{
    struct arena arena = ARENA_INIT;
    struct numbers numbers = { 0 };

    (void)state;
    for (int i = 0; i < 100; i++)
        *ARRAY_APPEND_ARENA(&arena, &numbers) = i;
    for (int i = 0; i < 100; i++)
        assert_int_equal(numbers.items[i], i);
    arena_release(&arena);
}

static void the_empty_array_has_no_elements_to_walk(void **state)
{
    const struct numbers numbers = { 0 };
    int count = 0;

    (void)state;
    ARRAY_FOREACH(&numbers, it)
        count += *it + 1;
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_elements_are_zeroed_and_keep_their_order),
        cmocka_unit_test(a_slot_that_was_removed_is_zeroed_when_it_is_used_again),
        cmocka_unit_test(arrays_in_an_arena_go_with_it),
        cmocka_unit_test(the_empty_array_has_no_elements_to_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
