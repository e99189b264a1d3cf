/* What a hook prints, however much: its beginning and its end, read while it runs so that it never waits for us. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define HOOK_OUTPUT_PART 32768u /* bytes of the beginning, and of the end */

struct hook_output {
    int read_fd, write_fd; /* write_fd is the hook's standard output and error */
    pthread_t reader;
    bool reading;
    char head[HOOK_OUTPUT_PART];
    char tail[HOOK_OUTPUT_PART]; /* a ring of tail_len bytes that begins at tail_at */
    size_t head_len, tail_len, tail_at;
    uint64_t dropped_bytes; /* between the two */
};
#define HOOK_OUTPUT_INIT                      \
    {                                         \
        .read_fd = -EBADF, .write_fd = -EBADF \
    }

int hook_output_begin(struct hook_output *output, struct error **err);

/* Once the hook has ended: what it printed is complete afterwards. */
void hook_output_end(struct hook_output *output);
void hook_output_release(struct hook_output *output);
