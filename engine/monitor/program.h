/* Where berth-monitor is executed from; see program-internal.h for why. */
#pragma once

#include <sys/types.h>

struct error;

/* Starts the program in a session of its own with descriptors 0 to 7 (negative: /dev/null), from
 * its read-only mount if fds has one at PROGRAM_BINARY_FD, else by its path. It is born in the
 * control group of the monitors where that is possible; otherwise it goes there by itself. */
#define PROGRAM_FDS 8
int program_spawn(const char *program, char *const *argv, const int fds[static PROGRAM_FDS],
        pid_t *ret_pid, int *ret_pidfd, struct error **err);
