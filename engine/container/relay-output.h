/* The user's end of an output, written without ever waiting in write(2): whoever waits there hears neither signals nor
 * the container's end, and nobody may ever read a pipe. What is not taken at once is kept; the caller brings no more
 * until it is gone:
 *
 *     if (!relay_output_is_blocked(&output))
 *         relay_output_write(&output, data, len);
 *     …poll for POLLOUT on relay_output_poll_fd(&output), then relay_output_flush(&output)
 *
 * The descriptor itself is shared with others and keeps its flags. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct relay_output {
    int fd;      /* borrowed; -EBADF: dropped from now on */
    int own_fd;  /* the same pipe or terminal, opened once more so as not to wait; -EBADF: none */
    bool waits;  /* a file: it takes everything */
    bool socket; /* takes MSG_DONTWAIT */
    char *kept;
    size_t kept_len;
};

void relay_output_init(struct relay_output *output, int fd);
void relay_output_release(struct relay_output *output);

/* A reader that has gone away is not an error: its output is dropped from then on. */
void relay_output_write(struct relay_output *output, const void *data, size_t len);
void relay_output_flush(struct relay_output *output);

/* Nobody will read what is kept and what comes. */
void relay_output_drop(struct relay_output *output);

static inline bool relay_output_is_blocked(const struct relay_output *output)
{
    return output->kept_len > 0;
}

/* To wait for, when it is blocked; else -1. */
static inline int relay_output_poll_fd(const struct relay_output *output)
{
    return output->kept_len > 0 ? output->fd : -1;
}
