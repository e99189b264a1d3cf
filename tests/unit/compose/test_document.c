#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "compose/document.h"

static void a_map_finds_its_keys_at_every_size(void **state)
{
    struct arena arena = ARENA_INIT;
    struct node *map = node_new(&arena, NODE_MAP, NULL);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        node_set(
                &arena, map, arena_printf(&arena, "key%d", i), NULL, node_new_int(&arena, i, NULL));
        assert_int_equal(node_get(map, arena_printf(&arena, "key%d", i / 2))->integer, i / 2);
        assert_null(node_get(map, arena_printf(&arena, "key%d", i + 1)));
    }
    assert_int_equal(map->len, 1000);
    for (int i = 0; i < 1000; i += 2)
        node_remove(map, arena_printf(&arena, "key%d", i));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(node_get(map, arena_printf(&arena, "key%d", i)) != NULL, i % 2);
    arena_release(&arena);
}

static void setting_a_key_again_keeps_its_position(void **state)
{
    struct arena arena = ARENA_INIT;
    struct node *map = node_new(&arena, NODE_MAP, NULL);

    (void)state;
    node_set(&arena, map, "a", NULL, node_new_int(&arena, 1, NULL));
    node_set(&arena, map, "b", NULL, node_new_int(&arena, 2, NULL));
    node_set(&arena, map, "a", NULL, node_new_int(&arena, 3, NULL));
    assert_int_equal(map->len, 2);
    assert_string_equal(map->entries[0].key, "a");
    assert_int_equal(map->entries[0].value->integer, 3);
    arena_release(&arena);
}

static void copies_do_not_change_what_they_were_made_from(void **state)
{
    struct arena arena = ARENA_INIT;
    struct node *map = node_new(&arena, NODE_MAP, NULL), *copy;

    (void)state;
    for (int i = 0; i < 40; i++)
        node_set(&arena, map, arena_printf(&arena, "k%d", i), NULL, node_new_int(&arena, i, NULL));
    copy = node_copy(&arena, map);
    assert_true(node_is_equal(map, copy));
    node_set(&arena, copy, "k0", NULL, node_new_int(&arena, 99, NULL));
    node_set(&arena, copy, "new", NULL, node_new_int(&arena, 1, NULL));
    assert_int_equal(node_get(map, "k0")->integer, 0);
    assert_null(node_get(map, "new"));
    assert_int_equal(node_get(copy, "k39")->integer, 39);
    assert_false(node_is_equal(map, copy));
    arena_release(&arena);
}

static void a_large_copy_that_is_changed_is_not_searched_in_order(void **state)
{
    struct arena arena = ARENA_INIT;
    struct node *map = node_new(&arena, NODE_MAP, NULL), *copy;

    (void)state;
    for (int i = 0; i < 100; i++)
        node_set(
                &arena, map, arena_printf(&arena, "key%d", i), NULL, node_new_int(&arena, i, NULL));
    copy = node_copy(&arena, map);
    node_set(&arena, copy, "key7", NULL, node_new_int(&arena, -7, NULL));
    assert_non_null(copy->index);
    for (int i = 0; i < 100; i++)
        assert_int_equal(
                node_get(copy, arena_printf(&arena, "key%d", i))->integer, i == 7 ? -7 : i);
    node_set(&arena, copy, "more", NULL, node_new_int(&arena, 1, NULL));
    assert_int_equal(node_get(copy, "more")->integer, 1);
    assert_int_equal(copy->len, 101);
    assert_int_equal(node_get(map, "key7")->integer, 7);
    arena_release(&arena);
}

static void numbers_have_their_shortest_text(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 1, "1" },
        { -1.5, "-1.5" },
        { 0.1, "0.1" },
        { 1.10, "1.1" },
        { 100, "100" },
        { 123456, "123456" },
        { 1234567, "1.234567e+06" },
        { 1e20, "1e+20" },
        { 1e21, "1e+21" },
        { 1.2345678901234568e+29, "1.2345678901234568e+29" },
        { 0.0001, "0.0001" },
        { 0.00001, "1e-05" },
        { 1234.5, "1234.5" },
        { INFINITY, "+Inf" },
    };
    char buffer[NUMBER_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(number_format(cases[i].value, buffer), cases[i].text);
    assert_string_equal(number_format_json(1e20, buffer), "100000000000000000000");
    assert_string_equal(number_format_json(1e21, buffer), "1e+21");
    assert_string_equal(number_format_json(1e-7, buffer), "1e-7");
    assert_string_equal(number_format_short(0.3f, buffer), "0.3");
    assert_string_equal(number_format_short(1.5f, buffer), "1.5");
}

static void long_texts_are_cut_between_characters_in_messages(void **state)
{
    struct arena arena = ARENA_INIT;
    struct node *text;
    const char *shown;

    (void)state;
    text = node_new_text(&arena,
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9x\xc3\xa9\xc3\xa9",
            NULL);
    shown = node_describe(&arena, text);
    assert_non_null(strstr(shown, "…\""));
    assert_non_null(strstr(shown, "x…\""));
    arena_release(&arena);
}

static void keys_are_sorted_naturally_as_compose_prints_them(void **state)
{
    /* In this order Docker Compose prints them. */
    static const char *const keys[] = { "#x", "_s", "9", "9a", "9-", "10", "A.1", "A_1", "A1",
        "A01", "A2", "A10", "A100", "A101", "B", "a1", "a1b", "a1_", "net", "net-x", "net.a", "x",
        "x.b", "x1", "xa" };
    struct arena arena = ARENA_INIT;
    struct node *map = node_new(&arena, NODE_MAP, &SOURCE_NONE);

    (void)state;
    for (size_t i = ARRAY_LEN(keys); i-- > 0;)
        node_set(&arena, map, keys[i], NULL, node_new_int(&arena, (int64_t)i, &SOURCE_NONE));
    node_sort_keys_naturally(map);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_string_equal(map->entries[i].key, keys[i]);
    assert_int_equal(node_get(map, "net")->integer, 18);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_sorted_naturally_as_compose_prints_them),
        cmocka_unit_test(a_map_finds_its_keys_at_every_size),
        cmocka_unit_test(setting_a_key_again_keeps_its_position),
        cmocka_unit_test(copies_do_not_change_what_they_were_made_from),
        cmocka_unit_test(a_large_copy_that_is_changed_is_not_searched_in_order),
        cmocka_unit_test(numbers_have_their_shortest_text),
        cmocka_unit_test(long_texts_are_cut_between_characters_in_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
