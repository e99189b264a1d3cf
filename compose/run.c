#include "compose/run.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "compose/plan.h"
#include "compose/run-step.h"

/* Waits hold a thread without work to do; this many at once, further ones queue up. */
#define RUN_WAITS_MAX 256

static const char *const state_names[] = {
    [RUN_WAITING] = "waiting",
    [RUN_RUNNING] = "running",
    [RUN_DONE] = "done",
    [RUN_UNNEEDED] = "unneeded",
    [RUN_FAILED] = "failed",
    [RUN_SKIPPED] = "skipped",
    [RUN_CANCELLED] = "cancelled",
};
_Static_assert(ARRAY_LEN(state_names) == RUN_STATE_MAX_, "name every state");

/* Indexes of steps, first in first out. */
struct queue {
    size_t *items;
    size_t head, len;
};

struct slot {
    size_t pending; /* steps that it needs and that are not over */
    size_t *next;   /* steps that need it */
    size_t next_len;
};

/* All below `lock`, once threads run. */
struct run {
    const struct plan *plan;
    const struct run_options *options;
    struct run_result *result;
    struct slot *slots;
    size_t *next_items;      /* memory of all slots' next */
    struct strmap image_ids; /* reference -> id that this run gave it; borrowed from result->ids */

    pthread_mutex_t lock;
    pthread_cond_t work;  /* for workers: something is ready, or all is over */
    pthread_cond_t spawn; /* for the calling thread: another worker is wanted, or all is over */
    struct queue ready, ready_waits, settling;
    size_t running, running_waits, idle, threads, over;
    size_t parallel;
    bool finished, no_more_threads;
};

struct worker {
    struct run *run;
    struct backend *backend;
    pthread_t thread;
};

const char *run_state_name(enum run_state state)
{
    assert(state < RUN_STATE_MAX_);
    return state_names[state];
}

static void queue_push(struct queue *queue, size_t index)
{
    queue->items[queue->head + queue->len++] = index; /* each step passes once: no wrap */
}

static size_t queue_pop(struct queue *queue)
{
    assert(queue->len > 0);
    queue->len--;
    return queue->items[queue->head++];
}

static bool is_final(enum run_state state)
{
    return state != RUN_WAITING && state != RUN_RUNNING;
}

static bool is_cancelled(const struct run *run)
{
    return run->options->cancel && atomic_load_explicit(run->options->cancel, memory_order_acquire);
}

/* ---------------------------------------------------------------------- events */

static const char *word_of(const struct plan_step *step, enum run_event_kind kind)
{
    switch (kind) {
    case RUN_EVENT_STARTED:
        return plan_step_word_begin(step);
    case RUN_EVENT_DONE:
        return plan_step_word_done(step);
    case RUN_EVENT_UNNEEDED:
        return step->part == PLAN_RECREATE_FIRST ? "Running" : NULL;
    case RUN_EVENT_FAILED:
        return "Error";
    case RUN_EVENT_WARNING:
        return "Warning";
    case RUN_EVENT_SKIPPED:
        return "Skipped";
    case RUN_EVENT_CANCELLED:
        return "Canceled";
    case RUN_EVENT_PROGRESS:
    case RUN_EVENT_MAX_:
        break;
    }
    return NULL;
}

/* Called with the lock held: that is what makes the events of all threads one sequence. */
static void emit(struct run *run, struct run_event event)
{
    if (!run->options->on_event)
        return;
    event.subject = event.step->subject;
    event.word = word_of(event.step, event.kind);
    event.done = run->over;
    event.total = run->plan->steps.len;
    run->options->on_event(run->options->userdata, &event);
}

struct step_progress {
    struct run *run;
    const struct plan_step *step;
};

static void on_backend_progress(void *userdata, const struct backend_progress *progress)
{
    const struct step_progress *p = userdata;

    pthread_mutex_lock(&p->run->lock);
    emit(p->run, (struct run_event){
                         .kind = RUN_EVENT_PROGRESS, .step = p->step, .progress = progress });
    pthread_mutex_unlock(&p->run->lock);
}

/* -------------------------------------------------------------------- deciding what is next */

/* The step that keeps this one from being done, or NULL. */
static const struct plan_step *find_obstacle(const struct run *run, const struct plan_step *step)
{
    ARRAY_FOREACH(&step->needs, need) {
        enum run_state state = run->result->states[need->step->index];

        if (need->success && (state == RUN_FAILED || state == RUN_SKIPPED) && !need->step->optional)
            return need->step;
    }
    return NULL;
}

static bool has_image_changed(const struct run *run, const struct plan_step *step)
{
    ARRAY_FOREACH(&step->checks, check) {
        const char *id = strmap_get(&run->image_ids, check->image);

        if (id && !string_is_equal(id, check->old_id))
            return true;
    }
    return false;
}

static bool is_needed(const struct run *run, const struct plan_step *step)
{
    switch (step->when) {
    case PLAN_ALWAYS:
    case PLAN_WHEN_MAX_:
        return true;
    case PLAN_WHEN_CHANGED:
        return has_image_changed(run, step);
    case PLAN_WHEN_SAME:
        return !has_image_changed(run, step);
    case PLAN_WHEN_FAILED:
        return run->result->states[step->fallback_of->index] == RUN_FAILED;
    }
    return true;
}

/* Puts the step into a final state; what waited only for it is settled next. */
static void set_final(struct run *run, const struct plan_step *step, enum run_state state)
{
    const struct slot *slot = &run->slots[step->index];

    assert(is_final(state) && !is_final(run->result->states[step->index]));
    run->result->states[step->index] = state;
    run->over++;
    for (size_t i = 0; i < slot->next_len; i++) {
        assert(run->slots[slot->next[i]].pending > 0);
        if (--run->slots[slot->next[i]].pending == 0)
            queue_push(&run->settling, slot->next[i]);
    }
}

/* Everything that it needs is over: it is left out, or it is ready. */
static void settle_step(struct run *run, const struct plan_step *step)
{
    const struct plan_step *obstacle;

    if (is_cancelled(run)) {
        set_final(run, step, RUN_CANCELLED);
        emit(run, (struct run_event){ .kind = RUN_EVENT_CANCELLED, .step = step });
    } else if ((obstacle = find_obstacle(run, step))) {
        set_final(run, step, RUN_SKIPPED);
        emit(run, (struct run_event){ .kind = RUN_EVENT_SKIPPED, .step = step, .cause = obstacle });
    } else if (!is_needed(run, step)) {
        set_final(run, step, RUN_UNNEEDED);
        emit(run, (struct run_event){ .kind = RUN_EVENT_UNNEEDED, .step = step });
    } else {
        queue_push(
                step->action == PLAN_WAIT_CONTAINER ? &run->ready_waits : &run->ready, step->index);
    }
}

static void settle_all(struct run *run)
{
    while (run->settling.len > 0)
        settle_step(run, run->plan->steps.items[queue_pop(&run->settling)]);
}

/* What was ready when the run was cancelled is not begun. */
static void cancel_ready(struct run *run)
{
    struct queue *queues[] = { &run->ready, &run->ready_waits };

    if (!is_cancelled(run))
        return;
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        while (queues[i]->len > 0) {
            const struct plan_step *step = run->plan->steps.items[queue_pop(queues[i])];

            set_final(run, step, RUN_CANCELLED);
            emit(run, (struct run_event){ .kind = RUN_EVENT_CANCELLED, .step = step });
        }
    }
    settle_all(run);
}

/* Steps that a worker could begin now. */
static size_t count_startable(const struct run *run)
{
    size_t free_workers = run->parallel - run->running;
    size_t free_waits = RUN_WAITS_MAX - run->running_waits;

    return (run->ready.len < free_workers ? run->ready.len : free_workers) +
           (run->ready_waits.len < free_waits ? run->ready_waits.len : free_waits);
}

static const struct plan_step *take_step(struct run *run)
{
    size_t index;

    if (run->ready.len > 0 && run->running < run->parallel) {
        index = queue_pop(&run->ready);
        run->running++;
    } else if (run->ready_waits.len > 0 && run->running_waits < RUN_WAITS_MAX) {
        index = queue_pop(&run->ready_waits);
        run->running_waits++;
    } else {
        return NULL;
    }
    run->result->states[index] = RUN_RUNNING;
    return run->plan->steps.items[index];
}

/* ------------------------------------------------------------------------- doing */

/* The container that the step works on; the result of an earlier step is final and may be read. */
static const char *target_of(const struct run *run, const struct plan_step *step)
{
    if (step->created_by && run->result->states[step->created_by->index] == RUN_DONE)
        return run->result->ids[step->created_by->index];
    return step->container_id;
}

static void keep_failure(struct run *run, const struct plan_step *step, struct error *error)
{
    struct run_result *result = run->result;

    result->failures = mem_realloc_array(
            result->failures, result->failures_len + 1, sizeof(*result->failures));
    result->failures[result->failures_len++] = (struct run_failure){ step, error };
}

/* Takes id and error. */
static void finish_step(
        struct run *run, const struct plan_step *step, int r, char *id, struct error *error)
{
    if (step->action == PLAN_WAIT_CONTAINER)
        run->running_waits--;
    else
        run->running--;
    run->result->ids[step->index] = id;
    if (id && (step->action == PLAN_PULL_IMAGE || step->action == PLAN_BUILD_IMAGE))
        strmap_set(&run->image_ids, step->name, id);

    if (r >= 0) {
        set_final(run, step, RUN_DONE);
        emit(run, (struct run_event){ .kind = RUN_EVENT_DONE, .step = step });
    } else if (r == -ECANCELED && is_cancelled(run)) {
        set_final(run, step, RUN_CANCELLED);
        emit(run, (struct run_event){ .kind = RUN_EVENT_CANCELLED, .step = step });
        error_free(error);
    } else {
        if (!error)
            error_set(&error, r, NULL, "%s failed", plan_action_name(step->action));
        set_final(run, step, RUN_FAILED);
        emit(run, (struct run_event){
                          .kind = step->optional ? RUN_EVENT_WARNING : RUN_EVENT_FAILED,
                          .step = step,
                          .error = error,
                  });
        if (step->optional)
            error_free(error);
        else
            keep_failure(run, step, error);
    }
    settle_all(run);
    cancel_ready(run);
}

static void do_step(struct run *run, struct backend *backend, const struct plan_step *step)
{
    struct step_progress progress = { .run = run, .step = step };
    struct backend_call call = {
        .cancel = run->options->cancel,
        .cancel_fd = run->options->cancel_fd,
        .progress = on_backend_progress,
        .userdata = &progress,
    };
    struct run_step this_one = { .step = step, .id = target_of(run, step), .call = &call };
    struct error *error = NULL;

    emit(run, (struct run_event){ .kind = RUN_EVENT_STARTED, .step = step });
    pthread_mutex_unlock(&run->lock);
    int r = run_step(backend, &this_one, &error);
    pthread_mutex_lock(&run->lock);
    if (this_one.ret_warning)
        emit(run, (struct run_event){
                          .kind = RUN_EVENT_WARNING, .step = step, .error = this_one.ret_warning });
    error_free(this_one.ret_warning);
    finish_step(run, step, r, this_one.ret_id, error);
}

static void *worker_main(void *userdata)
{
    struct worker *worker = userdata;
    struct run *run = worker->run;

    pthread_mutex_lock(&run->lock);
    while (!run->finished) {
        const struct plan_step *step = take_step(run);

        if (!step) {
            pthread_cond_wait(&run->work, &run->lock);
            continue;
        }
        run->idle--;
        do_step(run, worker->backend, step);
        run->idle++;
        pthread_cond_broadcast(&run->work);
        pthread_cond_signal(&run->spawn);
    }
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* Signals are the caller's business: a worker takes none. */
static int start_thread(struct worker *worker)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

/* Opens the handle on the calling thread, which owns the one that it is made from. Lock held; let go
 * meanwhile. */
static int add_worker(
        struct run *run, struct backend *backend, struct worker *worker, struct error **err)
{
    int r;

    *worker = (struct worker){ .run = run };
    run->idle++; /* counts as a worker without a step until it takes one */
    run->threads++;
    pthread_mutex_unlock(&run->lock);
    r = backend_open_worker(backend, &worker->backend, err);
    if (r >= 0) {
        r = start_thread(worker);
        if (r < 0) {
            backend_close(worker->backend);
            error_set(err, r, NULL, "cannot start a thread");
        }
    }
    pthread_mutex_lock(&run->lock);
    if (r < 0) {
        run->idle--;
        run->threads--;
    }
    return r;
}

/* Without any worker nothing can be done: whatever is left is cancelled. */
static void give_up(struct run *run)
{
    for (size_t i = 0; i < run->plan->steps.len; i++) {
        if (is_final(run->result->states[i]))
            continue;
        run->result->states[i] = RUN_CANCELLED;
        run->over++;
        emit(run, (struct run_event){
                          .kind = RUN_EVENT_CANCELLED, .step = run->plan->steps.items[i] });
    }
}

static int dispatch(
        struct run *run, struct backend *backend, struct worker *workers, struct error **err)
{
    int r = 0;

    pthread_mutex_lock(&run->lock);
    settle_all(run);
    cancel_ready(run);
    while (run->over < run->plan->steps.len) {
        if (run->no_more_threads || count_startable(run) <= run->idle) {
            pthread_cond_wait(&run->spawn, &run->lock);
            continue;
        }
        auto_error struct error *failure = NULL;
        int opened = add_worker(run, backend, &workers[run->threads], &failure);
        if (opened >= 0)
            continue;
        run->no_more_threads = true; /* those that are there carry on */
        if (run->threads == 0) {
            r = error_move(err, TAKE(failure));
            give_up(run);
        }
    }
    run->finished = true;
    pthread_cond_broadcast(&run->work);
    pthread_mutex_unlock(&run->lock);
    return r;
}

/* ----------------------------------------------------------------------- set-up, end */

static void build_slots(struct run *run)
{
    size_t len = run->plan->steps.len, edges = 0;

    run->slots = mem_realloc_array(NULL, len + 1, sizeof(*run->slots));
    memset(run->slots, 0, (len + 1) * sizeof(*run->slots));
    ARRAY_FOREACH(&run->plan->steps, step) {
        run->slots[(*step)->index].pending = (*step)->needs.len;
        edges += (*step)->needs.len;
        ARRAY_FOREACH(&(*step)->needs, need) {
            run->slots[need->step->index].next_len++;
        }
    }
    run->next_items = mem_realloc_array(NULL, edges + 1, sizeof(*run->next_items));
    size_t *at = run->next_items;
    for (size_t i = 0; i < len; i++) {
        run->slots[i].next = at;
        at += run->slots[i].next_len;
        run->slots[i].next_len = 0;
    }
    ARRAY_FOREACH(&run->plan->steps, step) {
        ARRAY_FOREACH(&(*step)->needs, need) {
            struct slot *slot = &run->slots[need->step->index];

            slot->next[slot->next_len++] = (*step)->index;
        }
    }
}

static void run_init(struct run *run)
{
    size_t len = run->plan->steps.len;
    struct queue *queues[] = { &run->ready, &run->ready_waits, &run->settling };

    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->work, NULL);
    pthread_cond_init(&run->spawn, NULL);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        queues[i]->items = mem_realloc_array(NULL, len + 1, sizeof(size_t));
    build_slots(run);
    for (size_t i = 0; i < len; i++)
        if (run->slots[i].pending == 0)
            queue_push(&run->settling, i);
}

static void run_release(struct run *run)
{
    free(run->ready.items);
    free(run->ready_waits.items);
    free(run->settling.items);
    free(run->slots);
    free(run->next_items);
    strmap_release(&run->image_ids);
    pthread_cond_destroy(&run->spawn);
    pthread_cond_destroy(&run->work);
    pthread_mutex_destroy(&run->lock);
}

static int first_failure(const struct run_result *result, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    int r = -result->failures[0].error->code;

    error_encode(result->failures[0].error, &text);
    error_move(err, error_decode(text.data, text.len));
    if (result->failures_len > 1)
        error_wrap(err, r, "%zu steps failed; the first", result->failures_len);
    return r;
}

static int run_steps(struct backend *backend, const struct plan *plan,
        const struct run_options *options, struct run_result *result, struct error **err)
{
    size_t len = plan->steps.len;
    struct run run = {
        .plan = plan,
        .options = options,
        .result = result,
        .parallel = (size_t)(options->parallel > 0 ? options->parallel : RUN_PARALLEL_DEFAULT),
    };

    if (len == 0)
        return 0;
    run_init(&run);
    auto_free struct worker *workers = mem_zalloc(
            (run.parallel + RUN_WAITS_MAX) * sizeof(*workers));
    int r = dispatch(&run, backend, workers, err);
    for (size_t i = 0; i < run.threads; i++) {
        pthread_join(workers[i].thread, NULL);
        backend_close(workers[i].backend);
    }
    run_release(&run);
    for (size_t i = 0; i < len; i++)
        result->counts[result->states[i]]++;
    if (r < 0)
        return r;
    if (result->failures_len > 0)
        return first_failure(result, err);
    if (result->counts[RUN_CANCELLED] > 0)
        return error_set_plain(err, ECANCELED, NULL, "cancelled");
    return 0;
}

int run_plan(struct backend *backend, const struct plan *plan, const struct run_options *options,
        struct run_result *result, struct error **err)
{
    size_t len = plan->steps.len;
    int r = 0;

    *result = (struct run_result){
        .states = mem_zalloc((len + 1) * sizeof(*result->states)),
        .ids = mem_zalloc((len + 1) * sizeof(*result->ids)),
        .steps = len,
    };
    /* First, so that whatever is left of a run that dies has its project noted. */
    if (plan->record.directory && !(options->cancel && atomic_load(options->cancel)))
        r = backend->ops->project_store(backend, plan->project, &plan->record, err);
    if (r >= 0)
        r = run_steps(backend, plan, options, result, err);
    if (r >= 0 && plan->forgets_project)
        r = backend->ops->project_forget(backend, plan->project, err);
    return r;
}

void run_result_release(struct run_result *result)
{
    for (size_t i = 0; i < result->failures_len; i++)
        error_free(result->failures[i].error);
    for (size_t i = 0; result->ids && i < result->steps; i++)
        free(result->ids[i]);
    free(result->failures);
    free(result->ids);
    free(result->states);
    *result = (struct run_result){ 0 };
}
