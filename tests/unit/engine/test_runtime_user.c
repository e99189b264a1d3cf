/* Users and groups of an image: forms, numbers before names, what malformed files do. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "engine/runtime/user.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "# comment\n"
                             "broken line\n"
                             "toobig:x:99999999999:1::/:\n"
                             "123:x:500:500::/numeric:/bin/sh\n"
                             "app:x:1000:1001:app:/home/app:/bin/sh\n"
                             "last:x:7:8::/last:/bin/sh";
static const char group[] =
        "root:x:0:\nwheel:x:10:root,app\naudio:x:63:app, last\n456:x:900:\napp:x:1001:";

static int file_of(const char *text)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static enum user_failure resolve(
        const char *text, char *const *group_add, struct user_identity *ret)
{
    auto_close int passwd_fd = file_of(passwd);
    auto_close int group_fd = file_of(group);
    size_t index = 0;

    return user_resolve_files(passwd_fd, group_fd, text, group_add, ret, &index);
}

static void forms_are_resolved_as_docker_does(void **state)
{
    static const struct {
        const char *text;
        uid_t uid;
        gid_t gid;
        size_t groups;
        const char *home;
    } cases[] = {
        { NULL, 0, 0, 2, "/root" },
        { "", 0, 0, 2, "/root" },
        { "root", 0, 0, 2, "/root" },
        { "app", 1000, 1001, 3, "/home/app" },
        { "1000", 1000, 1001, 3, "/home/app" },
        { "app:wheel", 1000, 10, 1, "/home/app" },
        { "app:63", 1000, 63, 1, "/home/app" },
        { ":audio", 0, 63, 1, "/root" },
        { "4242", 4242, 0, 1, "/" },
        { "4242:4243", 4242, 4243, 1, "/" },
        { "last", 7, 8, 2, "/last" },
        /* a number is never a name: CVE-2016-3697 */
        { "123", 123, 0, 1, "/" },
        { "app:456", 1000, 456, 1, "/home/app" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct user_identity identity;

        if (resolve(cases[i].text, NULL, &identity) != USER_OK)
            fail_msg("%s was refused", cases[i].text);
        assert_int_equal(identity.uid, cases[i].uid);
        assert_int_equal(identity.gid, cases[i].gid);
        assert_int_equal(identity.group_count, cases[i].groups);
        assert_string_equal(identity.home, cases[i].home);
    }
}

static void unknown_names_and_numbers_out_of_range_are_told_apart(void **state)
{
    struct user_identity identity;
    char *groups[] = { (char *)(uintptr_t) "audio", (char *)(uintptr_t) "nogroup", NULL };

    (void)state;
    assert_int_equal(resolve("ghost", NULL, &identity), USER_UNKNOWN);
    assert_int_equal(resolve("app:ghosts", NULL, &identity), USER_GROUP_UNKNOWN);
    assert_int_equal(resolve("app", groups, &identity), USER_ADDED_UNKNOWN);
    assert_int_equal(resolve("2147483648", NULL, &identity), USER_RANGE);
    assert_int_equal(resolve("2147483647:2147483647", NULL, &identity), USER_OK);
    assert_int_equal(resolve("toobig", NULL, &identity), USER_UNKNOWN);
}

static void added_groups_follow_without_repetition(void **state)
{
    struct user_identity identity;
    char *groups[] = { (char *)(uintptr_t) "audio", (char *)(uintptr_t) "77", NULL };

    (void)state;
    assert_int_equal(resolve("app", groups, &identity), USER_OK);
    assert_int_equal(identity.group_count, 4);
    assert_int_equal(identity.groups[0], 1001);
    assert_int_equal(identity.groups[3], 77);
}

static void missing_files_leave_numbers_usable(void **state)
{
    struct user_identity identity;
    size_t index;

    (void)state;
    assert_int_equal(user_resolve_files(-EBADF, -EBADF, "5:6", NULL, &identity, &index), USER_OK);
    assert_int_equal(identity.uid, 5);
    assert_int_equal(identity.gid, 6);
    assert_int_equal(
            user_resolve_files(-EBADF, -EBADF, "app", NULL, &identity, &index), USER_UNKNOWN);
}

static void a_line_too_long_is_passed_over(void **state)
{
    size_t len = 40000;
    auto_free char *text = malloc(len + 100);
    struct user_identity identity;
    size_t index;

    (void)state;
    memset(text, 'x', len);
    memcpy(text + len, "\napp:x:9:9::/nine:\n", sizeof("\napp:x:9:9::/nine:\n"));
    auto_close int fd = file_of(text);
    assert_int_equal(user_resolve_files(fd, -EBADF, "app", NULL, &identity, &index), USER_OK);
    assert_int_equal(identity.uid, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_resolved_as_docker_does),
        cmocka_unit_test(unknown_names_and_numbers_out_of_range_are_told_apart),
        cmocka_unit_test(added_groups_follow_without_repetition),
        cmocka_unit_test(missing_files_leave_numbers_usable),
        cmocka_unit_test(a_line_too_long_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
