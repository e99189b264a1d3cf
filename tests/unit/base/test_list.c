#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"

struct item {
    int value;
    struct list node;
};

static void elements_come_in_order_of_appending_and_may_go_while_walking(void **state)
{
    struct list head = LIST_INIT(head);
    struct item items[4];
    int seen = 0;

    (void)state;
    assert_true(list_is_empty(&head));
    for (int i = 0; i < 4; i++) {
        items[i].value = i;
        list_append(&head, &items[i].node);
    }
    LIST_FOREACH(&head, node) {
        struct item *item = LIST_ITEM(node, struct item, node);

        assert_int_equal(item->value, seen++);
        if (item->value % 2 == 0)
            list_remove(node);
    }
    assert_int_equal(seen, 4);
    assert_ptr_equal(head.next, &items[1].node);
    assert_ptr_equal(head.prev, &items[3].node);
    assert_true(list_is_empty(&items[0].node));
    list_remove(&items[0].node); /* in no list: harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_in_order_of_appending_and_may_go_while_walking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
