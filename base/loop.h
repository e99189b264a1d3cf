/* A small event loop: epoll for descriptors, one signalfd, one timerfd for all timers. For the monitor,
 * the name server, attached `up` and `run`. Single-threaded. Allocates when sources are added, never
 * while waiting. */
#pragma once

#include <signal.h>
#include <stdint.h>

struct error;
struct loop;
struct loop_source;

typedef void (*loop_io_fn)(struct loop *loop, int fd, uint32_t epoll_events, void *userdata);
typedef void (*loop_timer_fn)(struct loop *loop, void *userdata);
struct signalfd_siginfo;
typedef void (*loop_signal_fn)(
        struct loop *loop, const struct signalfd_siginfo *info, void *userdata);

int loop_new(struct loop **ret, struct error **err);
void loop_free(struct loop *loop);

/* The descriptor stays the caller's; remove the source before closing it. */
int loop_add_io(struct loop *loop, int fd, uint32_t epoll_events, loop_io_fn fn, void *userdata,
        struct loop_source **ret, struct error **err);
int loop_change_io(struct loop_source *source, uint32_t epoll_events);

/* Blocks the signals in the caller's mask and receives them here. */
int loop_add_signals(struct loop *loop, const sigset_t *set, loop_signal_fn fn, void *userdata,
        struct error **err);

/* A timer that is off until loop_set_timer; it fires once per setting. TIMEOUT_NEVER turns it off. */
int loop_add_timer(struct loop *loop, loop_timer_fn fn, void *userdata, struct loop_source **ret,
        struct error **err);
void loop_set_timer(struct loop_source *timer, int64_t deadline_usec);

void loop_remove(struct loop_source *source); /* NULL is fine; safe from within any callback */

/* Runs until loop_quit; returns the value given there, or -errno. */
int loop_run(struct loop *loop);
void loop_quit(struct loop *loop, int value);
