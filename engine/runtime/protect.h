/* Keeping a program that starts containers out of their reach. A process in a container can reach
 * the program that starts it there, by /proc/PID/exe, as long as it has not executed anything
 * else; "#!/proc/self/exe" in an image makes the kernel run it (CVE-2019-5736). Opened that way it
 * must not be writable: so the program runs from a read-only mount of its own, which is attached
 * nowhere and therefore cannot be remounted, or, where that cannot be had, from a sealed copy in
 * memory. The mount is cheaper, and its pages stay shared. */
#pragma once

#include <stdbool.h>

/* `path` on such a mount; O_PATH descriptor (given) or -errno. */
int protect_open_readonly(const char *path);

/* The same for the running program, or else its copy. */
int protect_open_self(void);

/* Executes the running program again from protect_open_self, with `environment`, which has to hold
 * the mark (protect_mark) that keeps this from going on for ever. Returns 0 when it is protected
 * already, and the negative errno when it cannot be. */
int protect_execute_again(char *const *argv, char *const *environment, bool again);

#define PROTECT_MARK "BERTH_EXECUTED_AGAIN=1"
