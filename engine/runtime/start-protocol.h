/* What the monitor and a process that it is setting up (the container's first, or one of exec) say
 * to each other over a SOCK_SEQPACKET pair, until the process is somebody else's program:
 *
 *     1. child: CLONED, with the pidfd of its sibling, which goes on as "child" (only with a user or
 *        time namespace; that process ends)
 *     2. child: HOOKS    (only when the parent has some to run)
 *        parent: GO      (they have run)
 *     3. child: READY, with the terminal's master attached if there is one   (set-up is done)
 *     4. parent: GO      (everything is wired up)
 *     5. child: LISTENER, with a descriptor   (only when seccomp is to notify somebody)
 *        parent: GO      (that one has it)
 *     6. child: nothing more; the socket closes by execve   (it runs)
 *
 * Where creating and starting are two commands (gate.h), the child answers GO with HELD instead,
 * forgets its parent, and waits at the gate: steps 4 to 6 follow on the connection that the
 * second command makes there.
 *
 * At any point the child may send FAILED and exit; either end sees the other's death as the end of
 * the stream, and the child is killed with its parent (PR_SET_PDEATHSIG). Messages are smaller
 * than the socket's buffer: sending never blocks. */
#pragma once

#include <stdint.h>

#define START_DETAIL_MAX 512

enum start_message_kind {
    START_READY = 1,
    START_GO,
    START_FAILED,
    START_HOOKS,
    START_CLONED,
    START_LISTENER,
    START_HELD,
};

/* Where it failed. The row in the table of start-report.c words it; `index` tells which item of the
 * configuration it was. */
enum start_stage {
    STAGE_PARENT_DIED,
    STAGE_CGROUP,
    STAGE_NAMESPACE,   /* index: enum namespace_type */
    STAGE_TIME_OFFSET, /* index: enum time_clock */
    STAGE_CLONE,
    STAGE_HOSTNAME,
    STAGE_LOOPBACK,
    STAGE_PROPAGATION,
    STAGE_BIND_SOURCE, /* index: mount */
    STAGE_ROOTFS,
    STAGE_MOUNT_POINT,    /* index: mount */
    STAGE_MOUNT,          /* index: mount */
    STAGE_IDMAP,          /* index: mount */
    STAGE_MOUNT_PROC,     /* index: mount: inside /proc */
    STAGE_MOUNT_NOT_PROC, /* index: mount: on /proc, but not of proc */
    STAGE_MOUNT_LINK,     /* index: mount: /proc or /sys is not a plain directory */
    STAGE_DEV,
    STAGE_DEVICE, /* index: device */
    STAGE_NULL_DEVICE,
    STAGE_CONSOLE,
    STAGE_SYSCTL,   /* index: sysctl */
    STAGE_MASK,     /* index: path */
    STAGE_READONLY, /* index: path */
    STAGE_PIVOT,
    STAGE_ROOT_FLAGS,
    STAGE_CWD_MAKE,
    STAGE_CWD,
    STAGE_CWD_OUTSIDE,
    STAGE_RLIMIT, /* index: rlimit */
    STAGE_SCHEDULER,
    STAGE_IO_PRIORITY,
    STAGE_AFFINITY,
    STAGE_MEMORY_POLICY,
    STAGE_PERSONALITY,
    STAGE_LABEL,
    STAGE_HOOK, /* index: enum hook_point; `detail` says it */
    STAGE_OOM_SCORE,
    STAGE_USER,      /* no such user */
    STAGE_GROUP,     /* no such group */
    STAGE_GROUP_ADD, /* index: group_add */
    STAGE_USER_RANGE,
    STAGE_USER_FILE,
    STAGE_STDIO,
    STAGE_KEYRING,
    STAGE_CREDENTIALS,
    STAGE_CAPABILITIES,
    STAGE_SECCOMP,
    STAGE_EXEC_LOOKUP, /* not found in $PATH */
    STAGE_EXEC_DIRECTORY,
    STAGE_EXEC,
    STAGE_MAX_,
};

struct start_message {
    uint32_t kind;
    uint32_t stage;
    int32_t code; /* errno; of CLONED the pid */
    uint32_t index;
    char detail[START_DETAIL_MAX]; /* words of the child's own; "" for all but hooks */
};
