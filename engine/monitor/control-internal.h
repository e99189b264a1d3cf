/* Between control.c and spawn.c. */
#pragma once

#include <sys/types.h>

struct control;
struct error;
struct monitor_start;

/* fd and pidfd are taken; child 0: not ours to reap. */
struct control *control_new(int fd, int pidfd, pid_t child);

/* Waits for the first message of a monitor that is starting. */
int control_await_start(struct control *control, struct monitor_start *ret, struct error **err);
