#include "engine/image/parallel.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"

#define THREADS_MAX 16
#define LOOK_NSEC 100000000 /* the caller's cancel flag has no event to wait for */

struct pool {
    const struct parallel *work;
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t next;
    unsigned running;
    atomic_bool stop;
    struct error *failure; /* the first */
    int code;
};

static void *run_thread(void *userdata)
{
    struct pool *pool = userdata;

    pthread_mutex_lock(&pool->lock);
    while (!atomic_load(&pool->stop) && pool->next < pool->work->count) {
        size_t index = pool->next++;
        struct error *failure = NULL;
        int r;

        pthread_mutex_unlock(&pool->lock);
        r = pool->work->run(pool->work->userdata, index, &pool->stop, &failure);
        pthread_mutex_lock(&pool->lock);
        if (r < 0 && pool->code == 0) {
            pool->code = r;
            pool->failure = TAKE(failure);
            atomic_store(&pool->stop, true);
        }
        error_free(failure);
    }
    pool->running--;
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static bool is_cancelled(const struct parallel *work)
{
    return work->cancel && atomic_load(work->cancel);
}

/* With the lock held. */
static void wait_for_threads(struct pool *pool)
{
    while (pool->running > 0) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_NSEC;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&pool->done, &pool->lock, &until);
        if (is_cancelled(pool->work))
            atomic_store(&pool->stop, true);
    }
}

static unsigned start_threads(struct pool *pool, pthread_t *threads, unsigned count)
{
    sigset_t all, old;
    unsigned started = 0;

    /* Signals are the main thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (; started < count; started++) {
        pool->running++;
        if (pthread_create(&threads[started], NULL, run_thread, pool) != 0) {
            pool->running--;
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

int parallel_run(const struct parallel *work, struct error **err)
{
    struct pool pool = { .work = work, .lock = PTHREAD_MUTEX_INITIALIZER };
    unsigned count = work->threads < THREADS_MAX ? work->threads : THREADS_MAX, started;
    pthread_t threads[THREADS_MAX];
    pthread_condattr_t attributes;

    if (work->count == 0)
        return 0;
    if (count > work->count)
        count = (unsigned)work->count;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool.done, &attributes);
    pthread_condattr_destroy(&attributes);

    pthread_mutex_lock(&pool.lock);
    started = start_threads(&pool, threads, count > 0 ? count : 1);
    wait_for_threads(&pool);
    pthread_mutex_unlock(&pool.lock);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&pool.done);
    pthread_mutex_destroy(&pool.lock);

    if (is_cancelled(work)) {
        error_free(pool.failure);
        return error_set_plain(err, ECANCELED, NULL, "interrupted");
    }
    if (started == 0)
        return error_set_plain(err, EAGAIN, NULL, "cannot start a thread");
    if (pool.code < 0)
        error_move(err, pool.failure);
    return pool.code;
}

static void relay(void *userdata, const struct progress_event *event)
{
    struct progress_relay *relay_to = userdata;

    pthread_mutex_lock(&relay_to->lock);
    progress_report(relay_to->inner, event);
    pthread_mutex_unlock(&relay_to->lock);
}

void progress_relay_init(struct progress_relay *relay_to, const struct progress *inner)
{
    *relay_to = (struct progress_relay){
        .outer = { .fn = relay, .userdata = relay_to },
        .inner = inner,
    };
    pthread_mutex_init(&relay_to->lock, NULL);
}

void progress_relay_release(struct progress_relay *relay_to)
{
    pthread_mutex_destroy(&relay_to->lock);
}
