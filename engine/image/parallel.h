/* Independent pieces of work in a few threads: download, digest, unpack. The pieces share a stop flag
 * and nothing else; each has its own error, and the first failure is the one that is told. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "engine/progress.h"

struct error;

struct parallel {
    size_t count;
    unsigned threads;
    /* Does piece `index`; gives up soon when *stop is set. */
    int (*run)(void *userdata, size_t index, const atomic_bool *stop, struct error **err);
    void *userdata;
    const atomic_bool *cancel; /* of the caller; NULL: none */
};

/* 0 when all went well, else the first failure (the others are stopped). -ECANCELED when the caller cancelled. */
int parallel_run(const struct parallel *work, struct error **err);

/* Lets threads report to one listener, one at a time. */
struct progress_relay {
    struct progress outer; /* give this to the threads */
    const struct progress *inner;
    pthread_mutex_t lock;
};
void progress_relay_init(struct progress_relay *relay, const struct progress *inner);
void progress_relay_release(struct progress_relay *relay);
