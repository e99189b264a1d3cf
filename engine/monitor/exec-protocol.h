/* Between exec.c in the command and `berth-monitor exec`: the request as JSON in a memory file,
 * the rest over a SOCK_SEQPACKET pair. */
#pragma once

#include <stdint.h>

enum exec_message_kind {
    EXEC_STARTED = 1, /* value: pid; with the terminal's master attached, if there is one */
    EXEC_FAILED,      /* value: exit code; code: errno; text: encoded error */
    EXEC_ENDED,       /* value: exit status */
    EXEC_KILL,        /* from the command; value: signal */
};

struct exec_message {
    uint32_t kind;
    int32_t value, code;
};

enum { EXEC_CONTROL_FD = 3, EXEC_DIR_FD = 4, EXEC_BINARY_FD = 5, EXEC_REQUEST_FD = 6 };
#define EXEC_REQUEST_MAX_BYTES \
    (8u << 20) /* arguments and environment are at most 6 MiB in the kernel */
