#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/loop.h"
#include "base/timefmt.h"

struct trace {
    char text[64];
    struct loop_source *source, *other;
    int count;
};

static void note(struct trace *trace, char c)
{
    size_t len = strlen(trace->text);

    assert_true(len + 1 < sizeof(trace->text));
    trace->text[len] = c;
}

static void quit_on_timer(struct loop *loop, void *userdata)
{
    note(userdata, 'q');
    loop_quit(loop, 42);
}

static void note_a(struct loop *loop, void *userdata)
{
    (void)loop;
    note(userdata, 'a');
}

static void note_b(struct loop *loop, void *userdata)
{
    (void)loop;
    note(userdata, 'b');
}

static void timers_fire_once_each_in_order_of_their_deadlines(void **state)
{
    struct loop *loop = NULL;
    struct loop_source *a, *b, *off, *q;
    struct trace trace = { 0 };
    int64_t now = time_monotonic_usec();

    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    loop_add_timer(loop, quit_on_timer, &trace, &q, NULL);
    loop_add_timer(loop, note_b, &trace, &b, NULL);
    loop_add_timer(loop, note_a, &trace, &a, NULL);
    loop_add_timer(loop, note_a, &trace, &off, NULL);
    loop_set_timer(q, now + 3000);
    loop_set_timer(b, now + 2000);
    loop_set_timer(a, now + 1000);
    loop_set_timer(off, now);
    loop_set_timer(off, TIMEOUT_NEVER);
    assert_int_equal(loop_run(loop), 42);
    assert_string_equal(trace.text, "abq");
    loop_free(loop);
}

static void set_again_in_the_past(struct loop *loop, void *userdata)
{
    struct trace *trace = userdata;

    if (++trace->count == 100)
        loop_quit(loop, 1);
    loop_set_timer(trace->source, 0);
}

static void count_and_drain(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    char byte;

    (void)loop;
    (void)events;
    assert_int_equal(read(fd, &byte, 1), 1);
    note(userdata, 'i');
}

static void a_timer_in_the_past_does_not_starve_descriptors(void **state)
{
    struct loop *loop = NULL;
    struct trace timer = { 0 }, io = { 0 };
    int in, out;

    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    assert_int_equal(fd_pipe(&in, &out), 0);
    assert_int_equal(loop_add_io(loop, in, EPOLLIN, count_and_drain, &io, NULL, NULL), 0);
    loop_add_timer(loop, set_again_in_the_past, &timer, &timer.source, NULL);
    loop_set_timer(timer.source, 0);
    assert_int_equal(fd_write_all(out, "xyz", 3), 0);
    assert_int_equal(loop_run(loop), 1);
    assert_string_equal(io.text, "iii");
    loop_free(loop);
    close(in);
    close(out);
}

static void note_signal(struct loop *loop, const struct signalfd_siginfo *info, void *userdata)
{
    note(userdata, info->ssi_signo == SIGUSR1 ? '1' : '2');
    if (info->ssi_signo == SIGUSR2)
        loop_quit(loop, 0);
}

static void signals_reach_those_who_asked_for_them(void **state)
{
    struct loop *loop = NULL;
    struct trace first = { 0 }, both = { 0 };
    sigset_t one, two, before;

    (void)state;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    two = one;
    sigaddset(&two, SIGUSR2);
    assert_int_equal(loop_new(&loop, NULL), 0);
    assert_int_equal(loop_add_signals(loop, &one, note_signal, &first, NULL), 0);
    assert_int_equal(loop_add_signals(loop, &two, note_signal, &both, NULL), 0);
    raise(SIGUSR1);
    raise(SIGUSR2);
    assert_int_equal(loop_run(loop), 0);
    assert_string_equal(first.text, "1");
    assert_string_equal(both.text, "12");
    loop_free(loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void remove_both(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct trace *trace = userdata;

    (void)fd;
    (void)events;
    note(trace, 'x');
    loop_remove(trace->source);
    loop_remove(trace->other);
    loop_remove(trace->other);
    loop_quit(loop, 7);
}

static void do_nothing(struct loop *loop, void *userdata)
{
    note(userdata, 'n');
    loop_quit(loop, 8);
}

static void a_callback_may_remove_itself_and_others_with_pending_events(void **state)
{
    struct loop *loop = NULL;
    struct loop_source *timer;
    struct trace trace = { 0 };
    int in, out, in_too, out_too;

    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    assert_int_equal(fd_pipe(&in, &out), 0);
    assert_int_equal(fd_pipe(&in_too, &out_too), 0);
    assert_int_equal(fd_write_all(out, "x", 1), 0);
    assert_int_equal(fd_write_all(out_too, "x", 1), 0);
    assert_int_equal(loop_add_io(loop, in, EPOLLIN, remove_both, &trace, &trace.source, NULL), 0);
    assert_int_equal(
            loop_add_io(loop, in_too, EPOLLIN, remove_both, &trace, &trace.other, NULL), 0);
    assert_int_equal(loop_run(loop), 7);
    assert_string_equal(trace.text, "x");
    loop_add_timer(loop, do_nothing, &trace, &timer, NULL);
    loop_set_timer(timer, 0);
    assert_int_equal(loop_run(loop), 8); /* both pipes are still readable, nobody hears of it */
    assert_string_equal(trace.text, "xn");
    loop_remove(NULL);
    loop_free(loop);
    close(in), close(out), close(in_too), close(out_too);
}

static void read_file(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    char chunk[4096];

    assert_int_equal(events, EPOLLIN);
    ssize_t n = read(fd, chunk, sizeof(chunk));
    assert_true(n >= 0);
    if (n > 0) {
        note(userdata, 'r');
        return;
    }
    assert_int_equal(loop_change_io(((struct trace *)userdata)->source, 0), 0);
    loop_quit(loop, 3);
}

static void files_that_epoll_refuses_are_always_ready(void **state)
{
    struct loop *loop = NULL;
    struct trace trace = { 0 };
    FILE *file = tmpfile();
    char data[4096] = { 0 };

    (void)state;
    assert_non_null(file);
    int fd = fileno(file);
    assert_int_equal(fd_write_all(fd, data, sizeof(data)), 0);
    assert_int_equal(fd_write_all(fd, data, sizeof(data)), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(loop_new(&loop, NULL), 0);
    assert_int_equal(loop_add_io(loop, fd, EPOLLIN, read_file, &trace, &trace.source, NULL), 0);
    assert_int_equal(loop_run(loop), 3);
    assert_string_equal(trace.text, "rr");
    loop_remove(trace.source);
    loop_free(loop);
    fclose(file);
}

static void a_closed_descriptor_is_refused(void **state)
{
    struct loop *loop = NULL;
    struct loop_source *source = NULL;

    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    assert_int_equal(loop_add_io(loop, 10000, EPOLLIN, read_file, NULL, &source, NULL), -EBADF);
    assert_null(source);
    loop_free(loop);
    loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_once_each_in_order_of_their_deadlines),
        cmocka_unit_test(a_timer_in_the_past_does_not_starve_descriptors),
        cmocka_unit_test(signals_reach_those_who_asked_for_them),
        cmocka_unit_test(a_callback_may_remove_itself_and_others_with_pending_events),
        cmocka_unit_test(files_that_epoll_refuses_are_always_ready),
        cmocka_unit_test(a_closed_descriptor_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
