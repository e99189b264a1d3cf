#include "cli/follow.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/log-view.h"
#include "engine/container/container.h"
#include "engine/engine.h"
#include "engine/events.h"

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

/* What the threads write: smaller than PIPE_BUF, so whole or not at all. */
struct waiter_report {
    struct waiter *waiter; /* NULL: a container started */
    int exit_code;
    bool again;                    /* it runs again, and is waited for */
    char id[CONTAINER_ID_HEX + 1]; /* of one that started */
};
_Static_assert(sizeof(struct waiter_report) <= PIPE_BUF, "a report is written whole");

/* Of the thread that reads the project's events; never freed, since that thread ends with the process. */
struct starts {
    const struct engine_options *options;
    char *label;
    int64_t since_nsec;
    int report_fd;
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
    bool has_starts;
    int slots[FOLLOW_SLOT_MAX_];
    struct follow_footer footer;
    char started_id[CONTAINER_ID_HEX + 1];
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
    for (size_t i = 0; i < ARRAY_LEN(follow->slots); i++)
        follow->slots[i] = -EBADF;
    *ret = follow;
    return 0;
}

void follow_free(struct follow *follow)
{
    if (!follow)
        return;
    for (size_t i = 0; i < follow->waiters.len; i++)
        waiter_unref(follow->waiters.items[i]);
    if (follow->alive == 0 && !follow->has_starts) {
        fd_close(follow->read_fd);
        fd_close(follow->write_fd);
    } /* else threads write to them yet, until the process ends, which is next */
    ARRAY_RELEASE(&follow->waiters);
    free(follow);
}

/* True when whoever ended it has started it again at once: container_wait returns when that one is done. */
static bool runs_again(struct engine *engine, const char *id)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *container = NULL;

    return container_lookup(engine, &arena, id, &container, NULL) >= 0 && container &&
           container_is_running(container);
}

static void *wait_for_end(void *data)
{
    struct waiter *waiter = data;
    auto_(engine_close_p) struct engine *engine = NULL;
    struct waiter_report report = { .waiter = waiter };

    if (engine_open(waiter->options, &engine, NULL) < 0)
        engine = NULL;
    do {
        int r = -ENOENT;

        report.exit_code = EXIT_CODE_GONE;
        if (engine)
            r = container_wait(engine, waiter->id, CONTAINER_WAIT_NOT_RUNNING, TIMEOUT_NEVER,
                    &report.exit_code, NULL); /* one that is gone keeps EXIT_CODE_GONE */
        report.again = r >= 0 && runs_again(engine, waiter->id);
        (void)fd_write_all(waiter->report_fd, &report, sizeof(report));
    } while (report.again);
    waiter_unref(waiter);
    return NULL;
}

static int start_thread(void *(*run)(void *), void *data, struct error **err)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int code = pthread_create(&thread, &attributes, run, data);
    pthread_attr_destroy(&attributes);
    return code ? error_set(err, code, NULL, "cannot start a thread") : 0;
}

/* A thread of its own gets options without the cancel flag: an interrupt stops the containers, and
 * their end is what this thread is there to see. */
static const struct engine_options *thread_options(struct cli *cli)
{
    struct engine_options *options = (struct engine_options *)cli_engine_options(cli);

    options->cancel = NULL;
    options->cancel_fd = -EBADF;
    return options;
}

static struct waiter *find_waiter(const struct follow *follow, const char *id)
{
    ARRAY_FOREACH(&follow->waiters, waiter)
        if (strcmp((*waiter)->id, id) == 0 && !(*waiter)->reported)
            return *waiter;
    return NULL;
}

int follow_add(struct follow *follow, const char *container_id, struct error **err)
{
    struct waiter *waiter;

    if (find_waiter(follow, container_id))
        return 0;
    waiter = NEW(struct waiter);
    atomic_init(&waiter->holders, 2);
    memcpy(waiter->id, container_id, strnlen(container_id, CONTAINER_ID_HEX));
    waiter->options = thread_options(follow->cli);
    waiter->report_fd = follow->write_fd;
    int r = start_thread(wait_for_end, waiter, err);
    if (r < 0) {
        free(waiter);
        return r;
    }
    *ARRAY_APPEND(&follow->waiters) = waiter;
    follow->alive++;
    return 0;
}

static int tell_start(void *userdata, const json_t *event, struct error **err)
{
    const struct starts *starts = userdata;
    struct waiter_report report = { 0 };
    const char *id = jsonx_string(json_object_get(event, "Actor"), "ID");

    (void)err;
    if (!id)
        return 1;
    memcpy(report.id, id, strnlen(id, CONTAINER_ID_HEX));
    return fd_write_all(starts->report_fd, &report, sizeof(report)) >= 0;
}

static void *read_starts(void *data)
{
    struct starts *starts = data;
    auto_(engine_close_p) struct engine *engine = NULL;
    char container[] = "container", start[] = "start";
    char *types[] = { container, NULL }, *actions[] = { start, NULL };
    char *labels[] = { starts->label, NULL };
    struct events_options how = { .types = types,
        .actions = actions,
        .labels = labels,
        .since_nsec = starts->since_nsec,
        .take = tell_start,
        .userdata = starts };

    if (engine_open(starts->options, &engine, NULL) >= 0)
        (void)events_follow(engine, &how, NULL);
    return NULL;
}

int follow_project(
        struct follow *follow, const char *project, int64_t since_nsec, struct error **err)
{
    struct starts *starts = NEW(struct starts);

    *starts = (struct starts){ .options = thread_options(follow->cli),
        .label = mem_printf("com.docker.compose.project=%s", project),
        .since_nsec = since_nsec,
        .report_fd = follow->write_fd };
    int r = start_thread(read_starts, starts, err);
    if (r < 0) {
        free(starts->label);
        free(starts);
        return r;
    }
    follow->has_starts = true;
    return 0;
}

void follow_listen(struct follow *follow, enum follow_slot slot, int fd)
{
    follow->slots[slot] = fd;
}

void follow_set_footer(struct follow *follow, const struct follow_footer *footer)
{
    follow->footer = *footer;
}

size_t follow_alive(const struct follow *follow)
{
    return follow->alive;
}

static int wait_for_any(struct follow *follow, struct pollfd *polls, size_t count)
{
    if (follow->footer.show)
        follow->footer.show(follow->footer.userdata);
    int n = poll(polls, count, -1);
    int code = errno;
    if (follow->footer.hide)
        follow->footer.hide(follow->footer.userdata);
    return n < 0 ? -code : n;
}

/* An event, or FOLLOW_EVENT_NONE when it is about what nobody waits for any more. */
#define FOLLOW_EVENT_NONE 1000
static int take_report(
        struct follow *follow, const char **ret_id, int *ret_code, struct error **err)
{
    struct waiter_report report;

    if (fd_read_full(follow->read_fd, &report, sizeof(report)) != (ssize_t)sizeof(report))
        return error_set_plain(err, EIO, NULL, "a waiting thread reported nothing");
    if (!report.waiter) {
        memcpy(follow->started_id, report.id, sizeof(report.id));
        *ret_id = follow->started_id;
        return find_waiter(follow, report.id) ? FOLLOW_EVENT_NONE : FOLLOW_STARTED;
    }
    *ret_id = report.waiter->id;
    *ret_code = report.exit_code;
    if (report.again)
        return FOLLOW_RESTARTED;
    report.waiter->reported = true;
    follow->alive--;
    return FOLLOW_ENDED;
}

int follow_next(struct follow *follow, struct log_view *view, const char **ret_id, int *ret_code,
        struct error **err)
{
    struct pollfd polls[3 + FOLLOW_SLOT_MAX_] = {
        { .fd = cli_interrupt_fd(), .events = POLLIN },
        { .fd = follow->read_fd, .events = POLLIN },
        { .fd = view ? log_view_fd(view) : -1, .events = POLLIN },
    };

    for (size_t i = 0; i < FOLLOW_SLOT_MAX_; i++)
        polls[3 + i] = (struct pollfd){ .fd = follow->slots[i], .events = POLLIN };
    for (;;) {
        int r = view ? log_view_drain(view, err) : 0;

        if (r < 0)
            return r;
        if (atomic_load(&follow->cli->interrupted))
            return FOLLOW_INTERRUPTED;
        if (cli_output_is_lost(follow->cli))
            return FOLLOW_OUTPUT_LOST;
        r = wait_for_any(follow, polls, ARRAY_LEN(polls));
        if (r < 0 && r != -EINTR)
            return error_set(err, r, NULL, "cannot wait for containers");
        for (size_t i = 0; i < FOLLOW_SLOT_MAX_ && r > 0; i++) {
            if (polls[3 + i].revents) {
                *ret_code = (int)i;
                return FOLLOW_READABLE;
            }
        }
        if (r <= 0 || !(polls[1].revents & POLLIN))
            continue;
        int event = take_report(follow, ret_id, ret_code, err);
        if (view && event >= 0 && (r = log_view_drain(view, err)) < 0)
            return r;
        if (event != FOLLOW_EVENT_NONE)
            return event;
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
