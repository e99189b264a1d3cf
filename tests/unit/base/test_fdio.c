#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/timefmt.h"

enum { LARGE = 1 << 20 };

static bool is_cloexec(int fd)
{
    return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static void *write_large(void *fd)
{
    static char data[LARGE];

    memset(data, 'x', sizeof(data));
    assert_int_equal(fd_write_all(*(int *)fd, data, sizeof(data)), 0);
    close(*(int *)fd);
    return NULL;
}

static void a_full_non_blocking_pipe_is_waited_for(void **state)
{
    static char data[LARGE + 1];
    pthread_t thread;
    int in, out;

    (void)state;
    assert_int_equal(fd_pipe(&in, &out), 0);
    assert_int_equal(fd_set_nonblock(in, true), 0);
    assert_int_equal(fd_set_nonblock(out, true), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_large, &out), 0);
    assert_int_equal(fd_read_full(in, data, sizeof(data)), LARGE);
    pthread_join(thread, NULL);
    close(in);
}

static void descriptors_are_close_on_exec_and_above_standard_ones(void **state)
{
    int in, out;

    (void)state;
    assert_int_equal(fd_pipe(&in, &out), 0);
    assert_true(is_cloexec(in) && is_cloexec(out));
    assert_int_equal(fd_set_cloexec(in, false), 0);
    assert_false(is_cloexec(in));
    int copy = fd_dup(in);
    assert_true(copy >= 3 && is_cloexec(copy));
    close(copy);
    close(in);
    close(out);
    assert_int_equal(fd_dup(-1), -EBADF);
    assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

static void descriptors_travel_with_a_message_and_arrive_close_on_exec(void **state)
{
    int sockets[2], sent[2], received[FD_PASS_MAX];
    size_t count = FD_PASS_MAX;
    char text[16] = "";

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(fd_pipe(&sent[0], &sent[1]), 0);
    assert_int_equal(fd_send(sockets[0], "hello", 5, sent, 2), 5);
    assert_int_equal(fd_receive(sockets[1], text, sizeof(text), received, &count), 5);
    assert_int_equal(count, 2);
    assert_string_equal(text, "hello");
    assert_true(is_cloexec(received[0]) && is_cloexec(received[1]));
    assert_int_equal(fd_write_all(received[1], "x", 1), 0);
    assert_int_equal(fd_read_full(sent[0], text, 1), 1);
    for (int i = 0; i < 2; i++) {
        close(sent[i]);
        close(received[i]);
    }
    assert_int_equal(fd_send(sockets[0], "longer than that", 16, sockets, 1), 16);
    count = FD_PASS_MAX;
    assert_int_equal(fd_receive(sockets[1], text, 15, received, &count), -EMSGSIZE);
    close(sockets[0]);
    count = FD_PASS_MAX;
    assert_int_equal(fd_receive(sockets[1], text, sizeof(text), received, &count), 0);
    assert_int_equal(count, 0);
    close(sockets[1]);
}

static void descriptors_that_were_not_asked_for_are_closed(void **state)
{
    int sockets[2], sent[3], received[1], before, after;
    size_t count = 1;
    char byte;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    for (int i = 0; i < 3; i++)
        sent[i] = sockets[0];
    before = fd_dup(0);
    close(before);
    assert_int_equal(fd_send(sockets[0], "x", 1, sent, 3), 1);
    assert_int_equal(fd_receive(sockets[1], &byte, 1, received, &count), 1);
    assert_int_equal(count, 1);
    close(received[0]);
    assert_int_equal(fd_send(sockets[0], "x", 1, sent, 3), 1);
    assert_int_equal(fd_receive(sockets[1], &byte, 1, NULL, NULL), 1);
    after = fd_dup(0);
    assert_int_equal(after, before);
    close(after);
    close(sockets[0]);
    close(sockets[1]);
}

static void a_peer_that_went_away_is_an_error_and_not_a_signal(void **state)
{
    int sockets[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    close(sockets[1]);
    assert_int_equal(fd_send(sockets[0], "x", 1, NULL, 0), -EPIPE);
    close(sockets[0]);
}

static void waiting_ends_with_an_event_or_at_the_deadline(void **state)
{
    int in, out;

    (void)state;
    assert_int_equal(fd_pipe(&in, &out), 0);
    assert_int_equal(fd_wait(in, POLLIN, 0), 0);
    assert_int_equal(fd_wait(in, POLLIN, time_monotonic_usec() + 1000), 0);
    assert_int_equal(fd_write_all(out, "x", 1), 0);
    assert_int_equal(fd_wait(in, POLLIN, TIMEOUT_NEVER), POLLIN);
    assert_int_equal(fd_wait(10000, POLLIN, TIMEOUT_NEVER), -EBADF);
    close(in);
    close(out);
}

static void closed_standard_descriptors_are_opened_again(void **state)
{
    int saved = fd_dup(STDIN_FILENO);

    (void)state;
    close(STDIN_FILENO);
    fd_secure_stdio();
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    assert_false(is_cloexec(STDIN_FILENO));
    close(STDIN_FILENO);
    if (saved >= 0) {
        assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
        close(saved);
    }
    fd_secure_stdio();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_non_blocking_pipe_is_waited_for),
        cmocka_unit_test(descriptors_are_close_on_exec_and_above_standard_ones),
        cmocka_unit_test(descriptors_travel_with_a_message_and_arrive_close_on_exec),
        cmocka_unit_test(descriptors_that_were_not_asked_for_are_closed),
        cmocka_unit_test(a_peer_that_went_away_is_an_error_and_not_a_signal),
        cmocka_unit_test(waiting_ends_with_an_event_or_at_the_deadline),
        cmocka_unit_test(closed_standard_descriptors_are_opened_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
