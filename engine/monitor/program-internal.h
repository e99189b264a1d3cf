/* The two modes of the program berth-monitor, and what both do first. */
#pragma once

/* The command starts the program from a read-only mount (engine/runtime/protect.h); when somebody
 * else did not, this executes it again. */
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
#define PROGRAM_INIT_TARGET "/sbin/docker-init" /* where it is in a container with `init: true` */
#define PROGRAM_GUARD_NAME "berth-guard"        /* berth-init when it is called so */
