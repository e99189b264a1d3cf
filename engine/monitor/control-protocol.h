/* What goes over RUN/containers/ID/control.sock, a SOCK_SEQPACKET socket: a message is one byte of
 * kind and its bytes. Requests are structs of this machine's layout, since both ends run on it; a
 * monitor can be older or newer than the command, so structs only grow at their end and missing
 * members are zero. Every request but standard input is answered by one REPLY, in order, except
 * STOP, which is answered when the container has ended. */
#pragma once

#include <stdint.h>

#include "base/limits.h"

/* One byte of kind, then at most this many of data. */
#define CONTROL_DATA_MAX 32768

enum control_request_kind {
    CONTROL_STDIN = 'i',      /* data for standard input; none: end of input. Not answered */
    CONTROL_STOP = 's',       /* answered at the end of the container */
    CONTROL_BEGIN_STOP = 'b', /* the same, answered at once */
    CONTROL_KILL = 'k',
    CONTROL_PAUSE = 'p',
    CONTROL_UNPAUSE = 'u',
    CONTROL_RESIZE = 'w',
    CONTROL_STATUS = 't', /* the reply's text is the state */
    CONTROL_ATTACH = 'a',
    CONTROL_SUBSCRIBE = 'n',
    CONTROL_OWN_TEARDOWN = 'o',
    CONTROL_FINISH = 'f',
    CONTROL_RELOAD = 'r',         /* limits and restart policy, from the run's directory */
    CONTROL_RELOAD_NETWORK = 'e', /* networks and published ports, likewise */
};

struct control_request {
    uint8_t kind;
    uint8_t attach; /* enum control_attach */
    uint16_t height, width;
    int32_t signo;
    int64_t timeout_usec;
};

enum control_message_kind {
    CONTROL_MESSAGE_STDOUT = 'O',
    CONTROL_MESSAGE_STDERR = 'E',
    CONTROL_MESSAGE_STATE = 'S', /* the state as JSON */
    CONTROL_MESSAGE_REPLY = 'R', /* struct control_reply, then text */
    CONTROL_MESSAGE_START = 'B', /* struct control_start, then text: the first message of a start */
};

/* code 0 and text as the request says, or a negative errno and an encoded error. */
struct control_reply {
    uint8_t kind;
    uint8_t request; /* enum control_request_kind that is answered */
    int32_t code;
};

struct control_start {
    uint8_t kind;
    int32_t code; /* 0, or a negative errno with an encoded error as text */
    int32_t exit_code;
    int32_t pid, monitor_pid;
};
