#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "quadlet/keys.h"

static void every_row_is_complete_and_unique(void **state)
{
    (void)state;
    for (int type = 0; type < QUADLET_TYPE_MAX_; type++) {
        const struct quadlet_keys *keys = &quadlet_types[type].keys;

        for (size_t i = 0; i < keys->len; i++) {
            const struct quadlet_key *row = &keys->rows[i];

            assert_non_null(row->since);
            assert_non_null(row->help);
            assert_int_equal(quadlet_keys_find(keys, row->name), i);
            assert_int_equal(row->adds == ADDS_SPECIAL, row->special != NULL);
            if (row->adds == ADDS_OPTION || row->adds == ADDS_JOINED || row->adds == ADDS_IF_TRUE)
                assert_memory_equal(row->option, "--", 2);
            assert_int_equal(row->berth != SUPPORTED, row->note != NULL);
        }
    }
}

static void every_section_has_the_common_keys(void **state)
{
    static const char *const common[] = { "ContainersConfModule", "GlobalArgs", "PodmanArgs",
        "ServiceName" };

    (void)state;
    for (int type = 0; type < QUADLET_TYPE_MAX_; type++)
        for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
            assert_true(quadlet_keys_find(&quadlet_types[type].keys, common[i]) >= 0);
}

static void types_are_known_by_extension_and_by_section(void **state)
{
    (void)state;
    assert_int_equal(quadlet_type_of("a.b.container"), QUADLET_CONTAINER);
    assert_int_equal(quadlet_type_of(".volume"), QUADLET_VOLUME);
    assert_int_equal(quadlet_type_of("a.service"), QUADLET_TYPE_INVALID);
    assert_int_equal(quadlet_type_of("container"), QUADLET_TYPE_INVALID);
    assert_int_equal(quadlet_type_of_section("Pod"), QUADLET_POD);
    assert_int_equal(quadlet_type_of_section("pod"), QUADLET_TYPE_INVALID);
}

static void a_misspelt_key_is_near_to_the_right_one(void **state)
{
    const struct quadlet_keys *keys = &quadlet_types[QUADLET_CONTAINER].keys;

    (void)state;
    assert_string_equal(quadlet_keys_nearest(keys, "PublishPorts")->name, "PublishPort");
    assert_string_equal(quadlet_keys_nearest(keys, "image")->name, "Image");
    assert_null(quadlet_keys_nearest(keys, "Nonsense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete_and_unique),
        cmocka_unit_test(every_section_has_the_common_keys),
        cmocka_unit_test(types_are_known_by_extension_and_by_section),
        cmocka_unit_test(a_misspelt_key_is_near_to_the_right_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
