#include "cli/follow.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/log-view.h"
#include "engine/container/container.h"
#include "engine/engine.h"

#define EXIT_CODE_GONE 137
#define THREAD_STACK_BYTES (256u << 10)

/* Held by the follow and by its thread, of which either may end first. */
struct waiter {
    atomic_uint holders;
    char id[CONTAINER_ID_HEX + 1];
    const struct engine_options *options;
    int report_fd;
    bool reported;
};

/* What a waiter writes: smaller than PIPE_BUF, so whole or not at all. */
struct waiter_report {
    struct waiter *waiter;
    int exit_code;
};

static void waiter_unref(struct waiter *waiter)
{
    if (atomic_fetch_sub(&waiter->holders, 1) == 1)
        free(waiter);
}

struct follow {
    struct cli *cli;
    int read_fd, write_fd;
    struct {
        struct waiter **items;
        size_t len, cap;
    } waiters;
    size_t alive;
};

int follow_new(struct cli *cli, struct follow **ret, struct error **err)
{
    struct follow *follow = NEW(struct follow);
    int r = fd_pipe(&follow->read_fd, &follow->write_fd);

    if (r < 0) {
        free(follow);
        return error_set(err, r, NULL, "cannot make a pipe");
    }
    follow->cli = cli;
    *ret = follow;
    return 0;
}

void follow_free(struct follow *follow)
{
    if (!follow)
        return;
    for (size_t i = 0; i < follow->waiters.len; i++)
        waiter_unref(follow->waiters.items[i]);
    if (follow->alive == 0) {
        fd_close(follow->read_fd);
        fd_close(follow->write_fd);
    } /* else threads write to them yet, until the process ends, which is next */
    ARRAY_RELEASE(&follow->waiters);
    free(follow);
}

static void *wait_for_end(void *data)
{
    struct waiter *waiter = data;
    auto_(engine_close_p) struct engine *engine = NULL;
    struct waiter_report report = { .waiter = waiter, .exit_code = EXIT_CODE_GONE };

    if (engine_open(waiter->options, &engine, NULL) >= 0)
        (void)container_wait(engine, waiter->id, CONTAINER_WAIT_NOT_RUNNING, TIMEOUT_NEVER,
                &report.exit_code, NULL); /* one that is gone keeps EXIT_CODE_GONE */
    (void)fd_write_all(waiter->report_fd, &report, sizeof(report));
    waiter_unref(waiter);
    return NULL;
}

int follow_add(struct follow *follow, const char *container_id, struct error **err)
{
    pthread_attr_t attributes;
    pthread_t thread;
    struct waiter *waiter;

    for (size_t i = 0; i < follow->waiters.len; i++)
        if (strcmp(follow->waiters.items[i]->id, container_id) == 0 &&
                !follow->waiters.items[i]->reported)
            return 0;
    waiter = NEW(struct waiter);
    atomic_init(&waiter->holders, 2);
    memcpy(waiter->id, container_id, strnlen(container_id, CONTAINER_ID_HEX));
    /* A thread of its own gets options without the cancel flag: an interrupt stops the containers, and
     * their end is what this thread is there to see. */
    struct engine_options *options = (struct engine_options *)cli_engine_options(follow->cli);
    options->cancel = NULL;
    waiter->options = options;
    waiter->report_fd = follow->write_fd;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int code = pthread_create(&thread, &attributes, wait_for_end, waiter);
    pthread_attr_destroy(&attributes);
    if (code) {
        free(waiter);
        return error_set(err, code, NULL, "cannot start a thread");
    }
    *ARRAY_APPEND(&follow->waiters) = waiter;
    follow->alive++;
    return 0;
}

size_t follow_alive(const struct follow *follow)
{
    return follow->alive;
}

int follow_next(struct follow *follow, struct log_view *view, const char **ret_id, int *ret_code,
        struct error **err)
{
    struct pollfd polls[3] = {
        { .fd = cli_interrupt_fd(), .events = POLLIN },
        { .fd = follow->read_fd, .events = POLLIN },
        { .fd = view ? log_view_fd(view) : -1, .events = POLLIN },
    };

    for (;;) {
        int r = view ? log_view_drain(view, err) : 0;

        if (r < 0)
            return r;
        if (atomic_load(&follow->cli->interrupted))
            return FOLLOW_INTERRUPTED;
        if (cli_output_is_lost(follow->cli))
            return FOLLOW_OUTPUT_LOST;
        if (poll(polls, ARRAY_LEN(polls), -1) < 0 && errno != EINTR)
            return error_set(err, errno, NULL, "cannot wait for containers");
        if (!(polls[1].revents & POLLIN))
            continue;
        struct waiter_report report;
        if (fd_read_full(follow->read_fd, &report, sizeof(report)) != (ssize_t)sizeof(report))
            return error_set_plain(err, EIO, NULL, "a waiting thread reported nothing");
        report.waiter->reported = true;
        follow->alive--;
        if (view && (r = log_view_drain(view, err)) < 0)
            return r;
        *ret_id = report.waiter->id;
        *ret_code = report.exit_code;
        return FOLLOW_ENDED;
    }
}

int follow_until_ended(struct cli *cli, struct engine *engine, struct log_view *view,
        const char *const *ids, size_t count, struct error **err)
{
    auto_(follow_free_p) struct follow *follow = NULL;
    const char *id;
    int code, r = follow_new(cli, &follow, err);

    (void)engine;
    for (size_t i = 0; i < count && r >= 0; i++)
        r = follow_add(follow, ids[i], err);
    cli_interrupt_begin(cli);
    while (r >= 0 && follow_alive(follow) > 0) {
        r = follow_next(follow, view, &id, &code, err);
        if (r == FOLLOW_INTERRUPTED || r == FOLLOW_OUTPUT_LOST)
            break;
    }
    cli_interrupt_end(cli);
    return r < 0 ? r : 0;
}
