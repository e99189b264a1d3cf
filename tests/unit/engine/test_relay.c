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
#include "engine/container/relay-output.h"
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
    struct relay_output output;
    int in, out;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(fd_pipe(&in, &out), 0);
    relay_output_init(&output, out);
    close(in);
    relay_output_write(&output, "x", 1);
    assert_true(output.fd < 0);
    relay_output_write(&output, "x", 1);
    assert_false(relay_output_is_blocked(&output));
    relay_output_release(&output);
    close(out);
}

/* Whatever the way: a descriptor of its own, or one step at a time. */
static void check_pipe(bool has_own_fd)
{
    static char sent[300000], got[sizeof(sent)];
    struct relay_output output;
    size_t done = 0;
    int in, out;

    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 7 + i / 256);
    assert_int_equal(fd_pipe(&in, &out), 0);
    relay_output_init(&output, out);
    assert_true(output.own_fd >= 0);
    if (!has_own_fd)
        output.own_fd = fd_close(output.own_fd);
    relay_output_write(&output, sent, sizeof(sent) - 10);
    assert_true(relay_output_is_blocked(&output));
    assert_int_equal(relay_output_poll_fd(&output), out);
    relay_output_write(&output, sent + sizeof(sent) - 10, 10);
    while (done < sizeof(sent)) {
        ssize_t n = read(in, got + done, sizeof(got) - done);

        assert_true(n > 0);
        done += (size_t)n;
        relay_output_flush(&output);
    }
    assert_memory_equal(sent, got, sizeof(sent));
    assert_false(relay_output_is_blocked(&output));
    assert_int_equal(relay_output_poll_fd(&output), -1);
    relay_output_release(&output);
    close(in);
    close(out);
}

static void output_that_nobody_takes_is_kept_and_written_later(void **state)
{
    (void)state;
    check_pipe(true);
    check_pipe(false);
}

static void the_third_signal_to_end_is_for_the_command(void **state)
{
    const struct container_attach_options options = { .stdin_fd = -EBADF, .forward_signals = true };
    struct relay relay;

    (void)state;
    assert_int_equal(relay_begin(&relay, &options, false, false, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(relay_check_patience(&relay, NULL), 0);
        assert_int_equal(relay_is_to_end(&relay), i > 0);
        raise(i == 1 ? SIGINT : SIGTERM);
        assert_true(relay_next_signal(&relay) > 0);
    }
    assert_int_equal(relay_check_patience(&relay, NULL), -EINTR);
    relay_end(&relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_detach_keys_are_held_back_until_it_is_clear_what_they_are),
        cmocka_unit_test(keys_of_another_form_are_refused),
        cmocka_unit_test(signals_are_taken_only_while_relaying),
        cmocka_unit_test(output_to_a_reader_that_is_gone_is_dropped),
        cmocka_unit_test(output_that_nobody_takes_is_kept_and_written_later),
        cmocka_unit_test(the_third_signal_to_end_is_for_the_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
