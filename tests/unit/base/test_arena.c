#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

static void memory_is_zeroed_and_aligned_at_any_size(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t size = 0; size < 3000; size += 7) {
        char *p = arena_alloc(&arena, size);

        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    arena_release(&arena);
    assert_null(arena.head);
}

static void larger_than_a_block_gets_a_block_of_its_own(void **state)
{
    struct arena arena = ARENA_INIT;
    char *small = arena_strdup(&arena, "small");
    char *large = arena_alloc(&arena, 3 << 20);

    (void)state;
    memset(large, 1, 3 << 20);
    assert_string_equal(small, "small");
    arena_release(&arena);
}

static void rewind_frees_what_came_after_the_mark_and_nothing_else(void **state)
{
    struct arena arena = ARENA_INIT;
    char *kept = arena_strdup(&arena, "kept");
    struct arena_mark mark = arena_mark(&arena);

    (void)state;
    for (int i = 0; i < 1000; i++)
        memset(arena_alloc(&arena, 100), 0xff, 100);
    arena_rewind(&arena, mark);
    assert_string_equal(kept, "kept");
    assert_int_equal(arena.used_bytes, mark.used_bytes);
    char *again = arena_alloc(&arena, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(again[i], 0);
    arena_release(&arena);
}

static void rewind_to_the_empty_arena_frees_everything(void **state)
{
    struct arena arena = ARENA_INIT;
    struct arena_mark mark = arena_mark(&arena);

    (void)state;
    arena_alloc(&arena, 10);
    arena_rewind(&arena, mark);
    assert_null(arena.head);
}

static void copies_stop_at_the_length_or_the_end(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(arena_strndup(&arena, "compose", 4), "comp");
    assert_string_equal(arena_strndup(&arena, "up", 40), "up");
    assert_null(arena_strdup(&arena, NULL));
    assert_null(arena_strndup(&arena, NULL, 3));
    assert_string_equal(arena_printf(&arena, "%s-%d", "web", 1), "web-1");
    assert_memory_equal(arena_dup(&arena, "a\0b", 3), "a\0b", 3);
    arena_release(&arena);
}

static void heap_texts_are_copied_and_formatted(void **state)
{
    char *copy = mem_strndup("abc", 2), *text = mem_printf("%s%d", copy, 7);

    (void)state;
    assert_string_equal(copy, "ab");
    assert_string_equal(text, "ab7");
    assert_null(mem_strdup(NULL));
    free(copy);
    free(text);
    free(mem_alloc(0));
}

/* Whether a text fits into what is left of a block is found out by writing it there. */
static void texts_are_formatted_and_joined_whole_wherever_a_block_ends(void **state)
{
    struct arena arena = ARENA_INIT;
    char *kept[1000];

    (void)state;
    for (int i = 0; i < 1000; i++)
        kept[i] = i % 2 ? arena_printf(&arena, "%d:%*d", i, i % 77, 7)
                        : arena_join(&arena, "a", i % 4 ? "" : "bc", "d", NULL);
    for (int i = 0; i < 1000; i++) {
        char expected[128];

        if (i % 2)
            snprintf(expected, sizeof(expected), "%d:%*d", i, i % 77, 7);
        else
            snprintf(expected, sizeof(expected), "a%sd", i % 4 ? "" : "bc");
        assert_string_equal(kept[i], expected);
    }
    assert_string_equal(arena_join(&arena, "", NULL), "");
    arena_release(&arena);
}

static void the_newest_allocation_gives_back_its_end(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    char *first = arena_alloc(&arena, 64);
    arena_shrink(&arena, first, 64, 16);
    assert_int_equal(arena.used_bytes, 16);
    char *second = arena_alloc(&arena, 32);
    assert_ptr_equal(second, first + 16);

    arena_shrink(&arena, first, 16, 0);
    assert_int_equal(arena.used_bytes, 48);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned_at_any_size),
        cmocka_unit_test(larger_than_a_block_gets_a_block_of_its_own),
        cmocka_unit_test(rewind_frees_what_came_after_the_mark_and_nothing_else),
        cmocka_unit_test(rewind_to_the_empty_arena_frees_everything),
        cmocka_unit_test(texts_are_formatted_and_joined_whole_wherever_a_block_ends),
        cmocka_unit_test(the_newest_allocation_gives_back_its_end),
        cmocka_unit_test(copies_stop_at_the_length_or_the_end),
        cmocka_unit_test(heap_texts_are_copied_and_formatted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
