/* What attach and exec share of a user's terminal: signals that are passed on, the window's size, input
 * with detach keys. It decides when to read and what was typed; where it goes is the caller's. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/container/container.h"

struct error;

#define RELAY_CHUNK_BYTES 16384
#define RELAY_DETACH_KEYS_MAX 16

struct relay {
    const struct container_attach_options *options;
    bool tty;
    int signal_fd; /* -EBADF: none is watched */
    sigset_t old_mask;
    bool mask_changed;
    bool stdin_done;
    char pending[RELAY_CHUNK_BYTES + RELAY_DETACH_KEYS_MAX]; /* typed, not yet taken */
    size_t pending_len;
    unsigned char keys[RELAY_DETACH_KEYS_MAX];
    size_t key_count, keys_matched;
    bool detached;
    unsigned end_signals; /* SIGINT and SIGTERM so far */
};

/* Blocks the signals that are passed on in this thread until relay_end. -EINVAL for detach keys of an unknown
 * form. With `keys_count` false nothing typed means detaching. */
int relay_begin(struct relay *relay, const struct container_attach_options *options, bool tty,
        bool keys_count, struct error **err);
void relay_end(struct relay *relay);

/* True when there is room for input and the user's may come. */
bool relay_wants_input(const struct relay *relay);

/* Reads what there is; end of file sets stdin_done, the detach keys set `detached`. */
int relay_read_input(struct relay *relay, struct error **err);
void relay_consume(struct relay *relay, size_t len); /* the first bytes of `pending` were taken */

/* The next signal, or 0. */
int relay_next_signal(struct relay *relay);

/* The size of the user's window; false when there is none. */
bool relay_window(const struct relay *relay, uint16_t *ret_height, uint16_t *ret_width);

/* Whether the user has asked by a signal, which was passed on, that all ends. */
static inline bool relay_is_to_end(const struct relay *relay)
{
    return relay->end_signals > 0;
}

/* The third of SIGINT and SIGTERM is for the command itself, as Docker has it: -EINTR. */
int relay_check_patience(const struct relay *relay, struct error **err);
