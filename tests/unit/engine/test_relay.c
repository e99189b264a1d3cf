/* What a user types into an attached container: bytes through, detach keys held back. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdio.h"
#include "engine/container/relay.h"

/* Types each piece in one write, reading in between; what goes on to the container. */
static const char *typed(const char *keys, const char *const *pieces, bool *ret_detached)
{
    static char passed[256];
    struct container_attach_options options = {
        .stdout_fd = -EBADF, .stderr_fd = -EBADF, .detach_keys = keys
    };
    struct relay relay;
    size_t len = 0;
    int in = -EBADF, out = -EBADF;

    assert_int_equal(fd_pipe(&in, &out), 0);
    options.stdin_fd = in;
    assert_int_equal(relay_begin(&relay, &options, true, true, NULL), 0);
    for (; *pieces; pieces++) {
        assert_int_equal(write(out, *pieces, strlen(*pieces)), (ssize_t)strlen(*pieces));
        assert_true(relay_wants_input(&relay));
        assert_int_equal(relay_read_input(&relay, NULL), 0);
        memcpy(passed + len, relay.pending, relay.pending_len);
        len += relay.pending_len;
        relay_consume(&relay, relay.pending_len);
    }
    passed[len] = '\0';
    *ret_detached = relay.detached;
    relay_end(&relay);
    close(in);
    close(out);
    return passed;
}

static void the_detach_keys_are_held_back_until_it_is_clear_what_they_are(void **state)
{
    static const struct {
        const char *keys, *pieces[4], *passed;
        bool detached;
    } cases[] = {
        { NULL, { "plain" }, "plain", false },
        { NULL, { "a\x10", "\x11" }, "a", true },
        { NULL, { "\x10\x11" }, "", true },
        { NULL, { "\x10", "x" }, "\x10x", false },
        { NULL, { "\x10\x10", "\x11" }, "\x10", true },
        { NULL, { "\x11\x10" }, "\x11", false },
        { "", { "\x10\x11" }, "\x10\x11", false },
        { "q", { "abcq", NULL }, "abc", true },
        { "ctrl-@,x", { "a", "b" }, "ab", false },
        { "a,b,c", { "ab", "ac", "abc" }, "abac", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool detached;
        const char *passed = typed(cases[i].keys, cases[i].pieces, &detached);

        assert_string_equal(passed, cases[i].passed);
        assert_int_equal(detached, cases[i].detached);
    }
}

static void keys_of_another_form_are_refused(void **state)
{
    static const char *const bad[] = { "ctrl-", "ctrl-1", "shift-a", "ab", "a,,b",
        "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a" };
    struct container_attach_options options = { .stdin_fd = -EBADF };
    struct relay relay;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        options.detach_keys = bad[i];
        assert_int_equal(relay_begin(&relay, &options, true, true, NULL), -EINVAL);
    }
}

static void signals_are_taken_only_while_relaying(void **state)
{
    struct container_attach_options options = { .stdin_fd = -EBADF, .forward_signals = true };
    struct relay relay;
    sigset_t mask;

    (void)state;
    assert_int_equal(relay_begin(&relay, &options, false, false, NULL), 0);
    assert_int_equal(relay_next_signal(&relay), 0);
    raise(SIGTERM);
    assert_int_equal(relay_next_signal(&relay), SIGTERM);
    assert_int_equal(relay_next_signal(&relay), 0);
    relay_end(&relay);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
}

static void output_to_a_reader_that_is_gone_is_dropped(void **state)
{
    int in, out;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(fd_pipe(&in, &out), 0);
    close(in);
    int fd = out;
    relay_write(&fd, "x", 1);
    assert_true(fd < 0);
    relay_write(&fd, "x", 1);
    close(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_detach_keys_are_held_back_until_it_is_clear_what_they_are),
        cmocka_unit_test(keys_of_another_form_are_refused),
        cmocka_unit_test(signals_are_taken_only_while_relaying),
        cmocka_unit_test(output_to_a_reader_that_is_gone_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
