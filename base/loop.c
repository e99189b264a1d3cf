/* Invariants:
 *  1. Every source is in loop->sources until it is freed; freeing happens only between dispatches, so a
 *     callback may remove any source, its own included, and events already fetched stay harmless.
 *  2. A removed source is in no epoll set and its function is not called again.
 *  3. The timerfd is armed for the earliest deadline whenever the loop waits. */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/timefmt.h"

enum { EVENTS_AT_ONCE = 32 };

enum source_kind { SOURCE_IO, SOURCE_SIGNALS, SOURCE_TIMER };

struct loop_source {
    struct list node;
    struct loop *loop;
    enum source_kind kind;
    bool removed;
    void *userdata;
    union {
        struct {
            loop_io_fn fn;
            int fd;
            uint32_t events;
            bool always_ready; /* regular files and /dev/null, which epoll refuses */
        } io;
        struct {
            loop_signal_fn fn;
            sigset_t set;
        } signals;
        struct {
            loop_timer_fn fn;
            int64_t deadline_usec;
            uint64_t fired_pass; /* fires once per pass, also when set anew to the past */
        } timer;
    };
};

struct loop {
    struct list sources;
    int epoll_fd, signal_fd, timer_fd;
    sigset_t signals;
    uint64_t pass;
    int64_t armed_usec;   /* what the timerfd is set to; TIMEOUT_NEVER: off */
    unsigned ready_count; /* sources that are always ready and wanted */
    bool has_removed, quit;
    int value;
};

static struct loop_source *source_new(struct loop *loop, enum source_kind kind, void *userdata)
{
    struct loop_source *source = NEW(struct loop_source);

    source->loop = loop;
    source->kind = kind;
    source->userdata = userdata;
    list_append(&loop->sources, &source->node);
    return source;
}

static void source_free(struct loop_source *source)
{
    list_remove(&source->node);
    free(source);
}

static int watch(struct loop *loop, int fd, uint32_t events, void *data)
{
    struct epoll_event event = { .events = events, .data.ptr = data };

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int loop_new(struct loop **ret, struct error **err)
{
    struct loop *loop = NEW(struct loop);
    int r = 0;

    list_init(&loop->sources);
    sigemptyset(&loop->signals);
    loop->armed_usec = TIMEOUT_NEVER;
    loop->signal_fd = loop->timer_fd = -EBADF;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        r = -errno;
    if (r == 0) {
        loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        r = loop->timer_fd < 0 ? -errno : watch(loop, loop->timer_fd, EPOLLIN, &loop->timer_fd);
    }
    if (r < 0) {
        loop_free(loop);
        return error_set(err, r, NULL, "cannot set up waiting for events");
    }
    *ret = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    while (!list_is_empty(&loop->sources))
        source_free(LIST_ITEM(loop->sources.next, struct loop_source, node));
    fd_close(loop->signal_fd);
    fd_close(loop->timer_fd);
    fd_close(loop->epoll_fd);
    free(loop);
}

int loop_add_io(struct loop *loop, int fd, uint32_t epoll_events, loop_io_fn fn, void *userdata,
        struct loop_source **ret, struct error **err)
{
    struct loop_source *source = source_new(loop, SOURCE_IO, userdata);

    source->io.fn = fn;
    source->io.fd = fd;
    source->io.events = epoll_events;
    int r = watch(loop, fd, epoll_events, source);
    if (r == -EPERM) {
        source->io.always_ready = true;
        loop->ready_count += epoll_events != 0;
    } else if (r < 0) {
        source_free(source);
        return error_set(err, r, NULL, "cannot wait for descriptor %d", fd);
    }
    if (ret)
        *ret = source;
    return 0;
}

int loop_change_io(struct loop_source *source, uint32_t epoll_events)
{
    struct epoll_event event = { .events = epoll_events, .data.ptr = source };

    assert(source->kind == SOURCE_IO && !source->removed);
    if (source->io.always_ready) {
        source->loop->ready_count += (epoll_events != 0) - (source->io.events != 0);
    } else if (epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->io.fd, &event) < 0) {
        return -errno;
    }
    source->io.events = epoll_events;
    return 0;
}

int loop_add_signals(struct loop *loop, const sigset_t *set, loop_signal_fn fn, void *userdata,
        struct error **err)
{
    sigset_t all;
    bool first = loop->signal_fd < 0;

    sigorset(&all, &loop->signals, set);
    int fd = signalfd(first ? -1 : loop->signal_fd, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot receive signals");
    loop->signal_fd = fd;
    int r = first ? watch(loop, fd, EPOLLIN, &loop->signal_fd) : 0;
    if (r < 0) {
        loop->signal_fd = fd_close(fd);
        return error_set(err, r, NULL, "cannot receive signals");
    }
    loop->signals = all;
    pthread_sigmask(SIG_BLOCK, set, NULL);

    struct loop_source *source = source_new(loop, SOURCE_SIGNALS, userdata);
    source->signals.fn = fn;
    source->signals.set = *set;
    return 0;
}

int loop_add_timer(struct loop *loop, loop_timer_fn fn, void *userdata, struct loop_source **ret,
        struct error **err)
{
    struct loop_source *source = source_new(loop, SOURCE_TIMER, userdata);

    (void)err; /* cannot fail as it is; callers are written for timers that can */
    source->timer.fn = fn;
    source->timer.deadline_usec = TIMEOUT_NEVER;
    *ret = source;
    return 0;
}

void loop_set_timer(struct loop_source *timer, int64_t deadline_usec)
{
    assert(timer->kind == SOURCE_TIMER && !timer->removed);
    timer->timer.deadline_usec = deadline_usec;
}

void loop_remove(struct loop_source *source)
{
    if (!source || source->removed)
        return;
    struct loop *loop = source->loop;

    if (source->kind == SOURCE_IO && source->io.always_ready)
        loop->ready_count -= source->io.events != 0;
    else if (source->kind == SOURCE_IO)
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->io.fd, NULL);
    source->removed = true;
    loop->has_removed = true;
}

static void free_removed(struct loop *loop)
{
    if (!loop->has_removed)
        return;
    LIST_FOREACH(&loop->sources, node) {
        struct loop_source *source = LIST_ITEM(node, struct loop_source, node);

        if (source->removed)
            source_free(source);
    }
    loop->has_removed = false;
}

/* The timer that is due first among those that did not fire in this pass. */
static struct loop_source *earliest_timer(struct loop *loop, uint64_t not_in_pass)
{
    struct loop_source *earliest = NULL;

    LIST_FOREACH(&loop->sources, node) {
        struct loop_source *source = LIST_ITEM(node, struct loop_source, node);

        if (source->kind != SOURCE_TIMER || source->removed ||
                source->timer.deadline_usec == TIMEOUT_NEVER ||
                source->timer.fired_pass == not_in_pass)
            continue;
        if (!earliest || source->timer.deadline_usec < earliest->timer.deadline_usec)
            earliest = source;
    }
    return earliest;
}

static int arm_timer(struct loop *loop)
{
    struct loop_source *earliest = earliest_timer(loop, UINT64_MAX);
    int64_t usec = earliest ? earliest->timer.deadline_usec : TIMEOUT_NEVER;
    struct itimerspec spec = { 0 };

    if (usec == loop->armed_usec)
        return 0;
    if (usec != TIMEOUT_NEVER) {
        int64_t at = usec > 0 ? usec : 1; /* zero would turn it off */

        spec.it_value.tv_sec = at / USEC_PER_SEC;
        spec.it_value.tv_nsec = at % USEC_PER_SEC * NSEC_PER_USEC;
    }
    if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
        return -errno;
    loop->armed_usec = usec;
    return 0;
}

static void dispatch_timers(struct loop *loop)
{
    uint64_t expirations;
    int64_t now = time_monotonic_usec();
    struct loop_source *timer;

    (void)!read(loop->timer_fd, &expirations, sizeof(expirations));
    loop->armed_usec = TIMEOUT_NEVER; /* it fired: whatever is next must be set */
    loop->pass++;
    while (!loop->quit && (timer = earliest_timer(loop, loop->pass)) &&
            timer->timer.deadline_usec <= now) {
        timer->timer.deadline_usec = TIMEOUT_NEVER;
        timer->timer.fired_pass = loop->pass;
        timer->timer.fn(loop, timer->userdata);
    }
}

static void dispatch_signal(struct loop *loop)
{
    struct signalfd_siginfo info;

    if (read(loop->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    LIST_FOREACH(&loop->sources, node) {
        struct loop_source *source = LIST_ITEM(node, struct loop_source, node);

        if (source->kind == SOURCE_SIGNALS && !source->removed &&
                sigismember(&source->signals.set, (int)info.ssi_signo))
            source->signals.fn(loop, &info, source->userdata);
    }
}

static void dispatch_event(struct loop *loop, const struct epoll_event *event)
{
    if (event->data.ptr == &loop->timer_fd) {
        dispatch_timers(loop);
    } else if (event->data.ptr == &loop->signal_fd) {
        dispatch_signal(loop);
    } else {
        struct loop_source *source = event->data.ptr;

        if (!source->removed)
            source->io.fn(loop, source->io.fd, event->events, source->userdata);
    }
}

static void dispatch_always_ready(struct loop *loop)
{
    LIST_FOREACH(&loop->sources, node) {
        struct loop_source *source = LIST_ITEM(node, struct loop_source, node);

        if (loop->quit)
            return;
        if (source->kind != SOURCE_IO || source->removed || !source->io.always_ready)
            continue;
        uint32_t events = source->io.events & (EPOLLIN | EPOLLOUT);
        if (events)
            source->io.fn(loop, source->io.fd, events, source->userdata);
    }
}

int loop_run(struct loop *loop)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    loop->quit = false;
    while (!loop->quit) {
        int r = arm_timer(loop);
        if (r < 0)
            return r;
        int count = epoll_wait(
                loop->epoll_fd, events, EVENTS_AT_ONCE, loop->ready_count > 0 ? 0 : -1);
        if (count < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < count && !loop->quit; i++)
            dispatch_event(loop, &events[i]);
        if (loop->ready_count > 0 && !loop->quit)
            dispatch_always_ready(loop);
        free_removed(loop);
    }
    return loop->value;
}

void loop_quit(struct loop *loop, int value)
{
    loop->quit = true;
    loop->value = value;
}
