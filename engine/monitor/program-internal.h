/* The two modes of the program berth-monitor, and what both do first. */
#pragma once

/* A process in a container can reach the program that starts it there, by /proc/PID/exe, as long
 * as it has not executed anything else; "#!/proc/self/exe" in an image makes the kernel run it
 * (CVE-2019-5736). Opened that way it must not be writable: so the program runs from a read-only
 * mount of its own, which is attached nowhere and therefore cannot be remounted. The command
 * starts it like that (program.h); when somebody else did not, this executes it again. Cheaper
 * than a sealed copy in a memfd, and the pages stay shared among monitors. */
void program_protect_binary(char **argv);

int start_main(int argc, char **argv);
int exec_main(void);

/* Numbers of the descriptors that the command passes. */
enum {
    PROGRAM_CONTROL_FD = 3,
    PROGRAM_LOCK_FD = 4,
    PROGRAM_BINARY_FD = 5,
    PROGRAM_DIR_FD = 6,
    PROGRAM_START_LOCK_FD = 7, /* start only; closed when the start is through */
};

enum program_flags { PROGRAM_SUBSCRIBE = 1, PROGRAM_OWN_TEARDOWN = 2 };

/* Control group of all monitors, unless the configuration says otherwise. */
#define MONITOR_CGROUP "/berth/monitors"

#define PROGRAM_NAME "berth-monitor"
#define PROGRAM_INIT_NAME "berth-init"
#define PROGRAM_GUARD_NAME "berth-guard" /* berth-init when it is called so */
