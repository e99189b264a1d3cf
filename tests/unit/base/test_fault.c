#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"

/* Passes the point `passes` times under the setting; the signal that ended it, or 0. */
static int pass(const char *spec, int passes)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (!fault_set(spec))
            _exit(1);
        for (int i = 0; i < passes; i++) {
            fault_point("other");
            fault_point("state.commit");
        }
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void the_process_ends_at_the_named_point_and_pass_only(void **state)
{
    (void)state;
    assert_int_equal(pass("state.commit:kill", 1), SIGKILL);
    assert_int_equal(pass("state.commit:kill:3", 2), 0);
    assert_int_equal(pass("state.commit:kill:3", 3), SIGKILL);
    assert_int_equal(pass("state.comm:kill", 3), 0);
    assert_int_equal(pass(NULL, 3), 0);
}

static void settings_of_another_form_are_refused(void **state)
{
    static const char *const invalid[] = { "", "x", ":kill", "x:", "x:jump", "x:kill:y" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        assert_false(fault_set(invalid[i]));
    assert_true(fault_set(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_ends_at_the_named_point_and_pass_only),
        cmocka_unit_test(settings_of_another_form_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
