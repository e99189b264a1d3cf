#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/strmap.h"

static void *number(int n)
{
    return (void *)(intptr_t)n;
}

static void keys_keep_the_order_of_insertion_through_replacement_and_removal(void **state)
{
    struct strmap map = STRMAP_INIT;
    char order[8] = "";

    (void)state;
    assert_null(strmap_set(&map, "c", number(1)));
    strmap_set(&map, "a", number(2));
    strmap_set(&map, "b", number(3));
    strmap_set(&map, "d", number(4));
    assert_ptr_equal(strmap_set(&map, "c", number(9)), number(1));
    assert_ptr_equal(strmap_remove(&map, "a"), number(2));
    assert_null(strmap_remove(&map, "a"));
    STRMAP_FOREACH(&map, it)
        order[strlen(order)] = it->key[0];
    assert_string_equal(order, "cbd");
    assert_ptr_equal(strmap_get(&map, "d"), number(4));
    assert_ptr_equal(strmap_get(&map, "c"), number(9));
    strmap_sort(&map);
    assert_string_equal(map.entries[0].key, "b");
    assert_ptr_equal(strmap_get(&map, "d"), number(4));
    strmap_release(&map);
    assert_int_equal(map.len, 0);
}

static void fill_and_check(struct strmap *map)
{
    char key[32];

    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        strmap_set(map, key, number(i + 1));
    }
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        assert_ptr_equal(strmap_get(map, key), number(i + 1));
        assert_string_equal(map->entries[i].key, key);
    }
    assert_null(strmap_get(map, "key-20000"));
}

static void many_keys_are_found_on_the_heap_and_in_an_arena(void **state)
{
    struct strmap heap = STRMAP_INIT, lives_in_arena;
    struct arena arena = ARENA_INIT;

    (void)state;
    fill_and_check(&heap);
    strmap_release(&heap);
    strmap_init_arena(&lives_in_arena, &arena);
    fill_and_check(&lives_in_arena);
    strmap_release(&lives_in_arena);
    arena_release(&arena);
}

static void the_empty_map_can_be_asked(void **state)
{
    struct strmap map = STRMAP_INIT;

    (void)state;
    assert_null(strmap_get(&map, "x"));
    assert_false(strmap_has(&map, "x"));
    assert_null(strmap_remove(&map, "x"));
    strmap_sort(&map);
    strmap_release(&map);
}

static void a_stored_null_and_keys_by_length_are_told_apart(void **state)
{
    struct strmap map = STRMAP_INIT;

    (void)state;
    strmap_set(&map, "null", NULL);
    strmap_set(&map, "", number(1));
    strmap_set(&map, "web", number(2));
    assert_true(strmap_has(&map, "null"));
    assert_false(strmap_has(&map, "nul"));
    assert_ptr_equal(strmap_get_len(&map, "website", 3), number(2));
    assert_ptr_equal(strmap_get_len(&map, "website", 0), number(1));
    assert_null(strmap_get_len(&map, "website", 4));
    assert_null(strmap_get_len(&map, "we", 2));
    strmap_release(&map);
}

static void a_borrowed_key_is_not_copied(void **state)
{
    static const char key[] = "key";
    struct arena arena = ARENA_INIT;
    struct strmap map;

    (void)state;
    strmap_init_arena(&map, &arena);
    assert_null(strmap_set_borrowed(&map, key, number(1)));
    assert_ptr_equal(map.entries[0].key, key);
    assert_ptr_equal(strmap_set_borrowed(&map, "key", number(2)), number(1));
    assert_ptr_equal(map.entries[0].key, key);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_keep_the_order_of_insertion_through_replacement_and_removal),
        cmocka_unit_test(many_keys_are_found_on_the_heap_and_in_an_arena),
        cmocka_unit_test(the_empty_map_can_be_asked),
        cmocka_unit_test(a_borrowed_key_is_not_copied),
        cmocka_unit_test(a_stored_null_and_keys_by_length_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
