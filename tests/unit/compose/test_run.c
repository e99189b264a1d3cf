#include <stdio.h>

#include "tests/unit/compose/plan-fixture.h"

/* ------------------------------------------------------------------ what happened */

struct seen {
    struct world *w;
    struct strbuf text; /* "Container demo-a-1  Started" per event with a word, and errors */
    enum run_event_kind last[256];
    size_t events, warnings, skipped;
    int inside;
    atomic_bool cancel;
    const char *wake_after; /* subject whose start ends the hanging of `hanging` */
    const char *hanging;
    bool cancel_on_wait;
};

static void on_event(void *userdata, const struct run_event *event)
{
    struct seen *seen = userdata;
    size_t index = event->step->index;

    /* Plain variables: a thread sanitizer sees it when two callbacks overlap. */
    assert_int_equal(seen->inside++, 0);
    seen->events++;
    seen->warnings += event->kind == RUN_EVENT_WARNING;
    seen->skipped += event->kind == RUN_EVENT_SKIPPED;
    assert_true(event->done <= event->total);
    if (event->kind == RUN_EVENT_STARTED)
        assert_int_equal(seen->last[index], RUN_EVENT_MAX_);
    if (event->kind == RUN_EVENT_DONE || event->kind == RUN_EVENT_FAILED)
        assert_int_equal(seen->last[index], RUN_EVENT_STARTED);
    if (event->kind == RUN_EVENT_UNNEEDED || event->kind == RUN_EVENT_SKIPPED)
        assert_int_equal(seen->last[index], RUN_EVENT_MAX_);
    if (event->kind != RUN_EVENT_WARNING && event->kind != RUN_EVENT_PROGRESS)
        seen->last[index] = event->kind;
    if (event->word)
        strbuf_addf(&seen->text, "%s  %s\n", event->subject, event->word);
    if (event->kind == RUN_EVENT_FAILED) {
        error_format(event->error, &seen->text);
        strbuf_addc(&seen->text, '\n');
    }
    if (seen->wake_after && event->kind == RUN_EVENT_DONE &&
            event->step->action == PLAN_START_CONTAINER &&
            strcmp(event->subject, seen->wake_after) == 0)
        record_set_behaviour(seen->w->engine, seen->hanging,
                &(struct record_behaviour){ .health = OBSERVED_HEALTH_HEALTHY });
    if (seen->cancel_on_wait && event->kind == RUN_EVENT_STARTED &&
            event->step->action == PLAN_WAIT_CONTAINER) {
        atomic_store(&seen->cancel, true);
        record_wake(seen->w->engine);
    }
    seen->inside--;
}

static void seen_init(struct seen *seen, struct world *w)
{
    *seen = (struct seen){ .w = w };
    strbuf_init(&seen->text, 1u << 20);
    for (size_t i = 0; i < ARRAY_LEN(seen->last); i++)
        seen->last[i] = RUN_EVENT_MAX_;
}

static void seen_release(struct seen *seen)
{
    strbuf_release(&seen->text);
}

static int run_seen(struct world *w, struct seen *seen, const struct plan_up_options *options,
        int parallel, struct run_result *result)
{
    struct plan *plan = world_up(w, options);
    struct backend *backend = record_open(w->engine);
    struct run_result own;
    struct run_options run_options = {
        .parallel = parallel,
        .cancel = &seen->cancel,
        .cancel_fd = -EBADF,
        .on_event = on_event,
        .userdata = seen,
    };

    if (!plan)
        fail_msg("cannot plan: %s", error_text(w));
    int r = run_plan(backend, plan, &run_options, result ? result : &own, &w->error);
    if (!result)
        run_result_release(&own);
    backend_close(backend);
    plan_free(plan);
    return r;
}

static enum observed_status status_of(struct world *w, const char *name)
{
    const struct observed_container *c = record_container(w->engine, name);

    return c ? c->status : OBSERVED_STATUS_INVALID;
}

/* ------------------------------------------------------------------------ failures */

static void a_failed_step_stops_only_what_needs_it(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w, "services:\n"
                   "  bad: {image: app}\n"
                   "  needs_bad: {image: app, depends_on: [bad]}\n"
                   "  needs_that: {image: app, depends_on: [needs_bad]}\n"
                   "  good: {image: app}\n"
                   "  needs_good: {image: app, depends_on: [good]}\n");
    seen_init(&seen, &w);
    record_fail(w.engine, "start-container", "demo-bad-1", EADDRINUSE);
    assert_int_equal(run_seen(&w, &seen, UP(), 4, NULL), -EADDRINUSE);
    assert_contains(error_text(&w), "start-container demo-bad-1 does not work");
    assert_int_equal(status_of(&w, "demo-good-1"), OBSERVED_RUNNING);
    assert_int_equal(status_of(&w, "demo-needs_good-1"), OBSERVED_RUNNING);
    assert_int_equal(status_of(&w, "demo-needs_bad-1"), OBSERVED_CREATED);
    assert_int_equal(status_of(&w, "demo-needs_that-1"), OBSERVED_CREATED);
    assert_int_equal(seen.skipped, 2);
    assert_contains(seen.text.data, "Container demo-bad-1  Error\n");
    assert_contains(seen.text.data, "Container demo-needs_bad-1  Skipped\n");

    record_fail(w.engine, "start-container", "demo-bad-1", 0);
    assert_contains(do_up(&w, UP()), "start 3 containers");
    seen_release(&seen);
    world_release(&w);
}

static void an_image_that_cannot_be_had_leaves_everything_untouched(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w, "services: {a: {image: app, volumes: ['v:/v']}, b: {image: nowhere}}\n"
                   "volumes: {v: {}}\n");
    seen_init(&seen, &w);
    record_fail(w.engine, "pull-image", "nowhere", ENOENT);
    assert_int_equal(run_seen(&w, &seen, UP(), 4, NULL), -ENOENT);
    assert_null(strstr(seen.text.data, "Creating"));
    seen_release(&seen);
    world_release(&w);
}

static void every_failure_is_kept(void **state)
{
    struct world w;
    struct seen seen;
    struct run_result result;

    (void)state;
    world_init(&w, "services: {a: {image: app}, b: {image: app}, c: {image: app}}\n");
    seen_init(&seen, &w);
    record_fail(w.engine, "start-container", "demo-a-1", EIO);
    record_fail(w.engine, "start-container", "demo-c-1", EIO);
    assert_int_equal(run_seen(&w, &seen, UP(), 1, &result), -EIO);
    assert_int_equal(result.failures_len, 2);
    assert_int_equal(result.counts[RUN_FAILED], 2);
    assert_contains(error_text(&w), "2 steps failed; the first: cannot start container demo-");
    run_result_release(&result);
    seen_release(&seen);
    world_release(&w);
}

static void a_creation_that_fails_leaves_the_old_container_running(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w,
            "services: {a: {image: app, hostname: x}, "
            "b: {image: app, depends_on: {a: {condition: service_started, restart: true}}}}\n");
    do_up(&w, UP());
    world_load(&w,
            "services: {a: {image: app, hostname: y}, "
            "b: {image: app, depends_on: {a: {condition: service_started, restart: true}}}}\n");
    seen_init(&seen, &w);
    char *name = mem_printf("%.12s_demo-a-1", record_container(w.engine, "demo-a-1")->id);
    record_fail(w.engine, "create-container", name, ENOSPC);
    assert_int_equal(run_seen(&w, &seen, UP(), 0, NULL), -ENOSPC);
    assert_non_null(strstr(seen.text.data, "cannot create container demo-a-1"));
    assert_int_equal(status_of(&w, "demo-a-1"), OBSERVED_RUNNING);
    assert_int_equal(status_of(&w, "demo-b-1"), OBSERVED_RUNNING);
    free(name);
    seen_release(&seen);
    world_release(&w);
}

static void a_build_that_fails_touches_no_container(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w, "services: {a: {build: /ctx}, n: {image: app, network_mode: 'service:a'}}\n");
    do_up(&w, UP());
    free(record_take_log(w.engine));
    seen_init(&seen, &w);
    record_fail(w.engine, "build-image", "demo-a", EIO);
    assert_int_equal(run_seen(&w, &seen, UP(.build = true), 0, NULL), -EIO);
    char *log = record_take_log(w.engine);
    assert_string_equal(log, "build-image demo-a\n");
    free(log);
    seen_release(&seen);
    world_release(&w);
}

/* ---------------------------------------------------------------------- conditions */

static const char *const gated = "services:\n"
                                 "  db: {image: app}\n"
                                 "  job: {image: app}\n"
                                 "  web:\n"
                                 "    image: app\n"
                                 "    depends_on:\n"
                                 "      db: {condition: service_healthy}\n"
                                 "      job: {condition: service_completed_successfully}\n";

static void behave(struct world *w, enum observed_health db, int job_code)
{
    record_set_behaviour(w->engine, "db", &(struct record_behaviour){ .health = db });
    record_set_behaviour(
            w->engine, "job", &(struct record_behaviour){ .exits = true, .exit_code = job_code });
}

static void a_service_starts_once_its_conditions_are_met(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, gated);
    behave(&w, OBSERVED_HEALTH_HEALTHY, 0);
    do_up(&w, UP());
    char *log = record_take_log(w.engine);
    assert_true(position(log, "wait-container demo-db-1") <
                position(log, "start-container demo-web-1"));
    assert_true(position(log, "wait-container demo-job-1") <
                position(log, "start-container demo-web-1"));
    free(log);
    /* As Compose does, a job that has ended is started again, and nobody waits for it now. */
    struct plan *plan = world_up(&w, UP());
    assert_string_equal(verdict(&w, plan), "start 1 container");
    assert_int_equal(plan->steps.len, 1);
    plan_free(plan);
    world_release(&w);
}

static void expect_failure(enum observed_health db, int job_code, const char *message)
{
    struct world w;
    struct seen seen;

    world_init(&w, gated);
    seen_init(&seen, &w);
    behave(&w, db, job_code);
    assert_true(run_seen(&w, &seen, UP(), 0, NULL) < 0);
    assert_contains(error_text(&w), message);
    assert_int_equal(status_of(&w, "demo-web-1"), OBSERVED_CREATED);
    seen_release(&seen);
    world_release(&w);
}

static void a_condition_that_fails_names_the_gate(void **state)
{
    (void)state;
    expect_failure(OBSERVED_HEALTH_UNHEALTHY, 0,
            "dependency \"db\" of \"web\" is unhealthy: its last probe said: connection refused");
    expect_failure(
            OBSERVED_HEALTH_NONE, 0, "dependency \"db\" of \"web\" has no healthcheck configured");
    expect_failure(OBSERVED_HEALTH_HEALTHY, 3,
            "dependency \"job\" of \"web\" didn't complete successfully: exit 3");
}

static void a_dependency_that_is_not_required_fails_with_a_warning(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w, "services:\n"
                   "  db: {image: app}\n"
                   "  web:\n"
                   "    image: app\n"
                   "    depends_on: {db: {condition: service_healthy, required: false}}\n");
    record_set_behaviour(
            w.engine, "db", &(struct record_behaviour){ .health = OBSERVED_HEALTH_UNHEALTHY });
    seen_init(&seen, &w);
    assert_int_equal(run_seen(&w, &seen, UP(), 0, NULL), 0);
    assert_int_equal(seen.warnings, 1);
    assert_int_equal(status_of(&w, "demo-web-1"), OBSERVED_RUNNING);
    seen_release(&seen);
    world_release(&w);
}

static void wait_is_for_all_that_run_and_jobs_that_end(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w, gated);
    seen_init(&seen, &w);
    behave(&w, OBSERVED_HEALTH_HEALTHY, 0);
    assert_int_equal(run_seen(&w, &seen, UP(.wait = true), 0, NULL), 0);
    assert_contains(seen.text.data, "Container demo-db-1  Healthy\n");
    assert_contains(seen.text.data, "Container demo-web-1  Healthy\n");
    assert_contains(seen.text.data, "Container demo-job-1  Exited\n");
    seen_release(&seen);

    record_set_behaviour(
            w.engine, "web", &(struct record_behaviour){ .exits = true, .exit_code = 1 });
    record_container(w.engine, "demo-web-1")->status = OBSERVED_EXITED;
    seen_init(&seen, &w);
    assert_true(run_seen(&w, &seen, UP(.wait = true), 0, NULL) < 0);
    assert_contains(error_text(&w), "container demo-web-1 exited (1)");
    seen_release(&seen);
    world_release(&w);
}

/* ------------------------------------------------------------- threads, cancelling */

static void waits_take_no_worker_from_other_steps(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w, "services:\n"
                   "  adb: {image: app}\n"
                   "  bweb: {image: app, depends_on: {adb: {condition: service_healthy}}}\n"
                   "  other: {image: app}\n");
    seen_init(&seen, &w);
    record_set_behaviour(w.engine, "adb", &(struct record_behaviour){ .hangs = true });
    seen.wake_after = "Container demo-other-1";
    seen.hanging = "adb";
    /* adb was started with no health; it becomes healthy when other has started. */
    assert_int_equal(run_seen(&w, &seen, UP(), 1, NULL), -EINVAL);
    assert_contains(error_text(&w), "has no healthcheck configured");
    assert_int_equal(status_of(&w, "demo-other-1"), OBSERVED_RUNNING);
    seen_release(&seen);
    world_release(&w);
}

static void a_cancelled_run_begins_nothing_more(void **state)
{
    struct world w;
    struct seen seen;
    struct run_result result;

    (void)state;
    world_init(&w, "services:\n"
                   "  db: {image: app}\n"
                   "  web: {image: app, depends_on: {db: {condition: service_healthy}}}\n"
                   "  late: {image: app, depends_on: [web]}\n");
    seen_init(&seen, &w);
    record_set_behaviour(w.engine, "db", &(struct record_behaviour){ .hangs = true });
    seen.cancel_on_wait = true;
    assert_int_equal(run_seen(&w, &seen, UP(), 0, &result), -ECANCELED);
    assert_int_equal(result.failures_len, 0);
    assert_int_equal(result.counts[RUN_CANCELLED], 3);
    assert_int_equal(result.counts[RUN_WAITING] + result.counts[RUN_RUNNING], 0);
    assert_int_equal(status_of(&w, "demo-web-1"), OBSERVED_CREATED);
    run_result_release(&result);
    seen_release(&seen);
    world_release(&w);
}

static void a_run_that_is_cancelled_before_it_begins_does_nothing(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w, gated);
    seen_init(&seen, &w);
    atomic_store(&seen.cancel, true);
    assert_int_equal(run_seen(&w, &seen, UP(), 0, NULL), -ECANCELED);
    char *log = record_take_log(w.engine);
    assert_string_equal(log, "");
    free(log);
    seen_release(&seen);
    world_release(&w);
}

static int no_worker(struct backend *backend, struct backend **ret, struct error **err)
{
    (void)backend;
    (void)ret;
    return error_set(err, EMFILE, NULL, "cannot open the engine");
}

static void a_run_without_any_worker_ends_with_the_reason(void **state)
{
    struct world w;
    struct backend *backend;
    struct run_result result;

    (void)state;
    world_init(&w, gated);
    struct plan *plan = world_up(&w, UP());
    backend = record_open(w.engine);
    struct backend_ops ops = *backend->ops;
    ops.open_worker = no_worker;
    backend->ops = &ops;
    struct run_options options = RUN_OPTIONS_INIT;
    assert_int_equal(run_plan(backend, plan, &options, &result, &w.error), -EMFILE);
    assert_int_equal(result.counts[RUN_CANCELLED], plan->steps.len);
    run_result_release(&result);
    plan_free(plan);
    backend_close(backend);
    world_release(&w);
}

static void many_services_run_on_many_threads(void **state)
{
    struct world w;
    struct seen seen;
    struct strbuf yaml;

    (void)state;
    strbuf_init(&yaml, 1u << 20);
    strbuf_adds(&yaml, "services:\n");
    for (int i = 0; i < 40; i++) {
        strbuf_addf(&yaml, "  s%02d: {image: app", i);
        if (i >= 5)
            strbuf_addf(&yaml, ", depends_on: [s%02d, s%02d]", i - 5, i - 1 - i % 3);
        strbuf_adds(&yaml, "}\n");
    }
    world_init(&w, yaml.data);
    seen_init(&seen, &w);
    assert_int_equal(run_seen(&w, &seen, UP(), 32, NULL), 0);
    assert_string_equal(do_up(&w, UP()), "nothing to do\n");
    seen_release(&seen);
    strbuf_release(&yaml);
    world_release(&w);
}

static void progress_speaks_composes_words(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w,
            "services: {a: {image: app, volumes: ['vol:/v'], hostname: x}}\nvolumes: {vol: {}}\n");
    seen_init(&seen, &w);
    assert_int_equal(run_seen(&w, &seen, UP(), 1, NULL), 0);
    assert_contains(seen.text.data, "Image app  Pulling\n");
    assert_contains(seen.text.data, "Image app  Pulled\n");
    assert_contains(seen.text.data, "Network demo_default  Created\n");
    assert_contains(seen.text.data, "Volume demo_vol  Created\n");
    assert_contains(seen.text.data, "Container demo-a-1  Creating\nContainer demo-a-1  Created\n"
                                    "Container demo-a-1  Starting\nContainer demo-a-1  Started\n");
    seen_release(&seen);
    world_load(&w,
            "services: {a: {image: app, volumes: ['vol:/v'], hostname: y}}\nvolumes: {vol: {}}\n");
    seen_init(&seen, &w);
    assert_int_equal(run_seen(&w, &seen, UP(), 1, NULL), 0);
    assert_string_equal(seen.text.data, "Container demo-a-1  Recreate\n"
                                        "Container demo-a-1  Recreated\n"
                                        "Container demo-a-1  Starting\n"
                                        "Container demo-a-1  Started\n");
    seen_release(&seen);
    world_release(&w);
}

static void hooks_run_after_the_start_and_before_the_stop(void **state)
{
    struct world w;
    struct seen seen;

    (void)state;
    world_init(&w, "services: {a: {image: app, post_start: [{command: [x]}], "
                   "pre_stop: [{command: [y]}]}}\n");
    do_up(&w, UP());
    char *log = record_take_log(w.engine);
    assert_true(
            position(log, "start-container demo-a-1") < position(log, "exec-container demo-a-1"));
    free(log);
    record_fail(w.engine, "exec-container", "demo-a-1", EIO);
    seen_init(&seen, &w);
    struct plan *plan = world_down(&w, &(struct plan_down_options){ 0 });
    struct run_options options = { .cancel_fd = -EBADF, .on_event = on_event, .userdata = &seen };
    assert_int_equal(world_run_with(&w, plan, &options), 0);
    assert_int_equal(seen.warnings, 1);
    plan_free(plan);
    log = record_take_log(w.engine);
    assert_true(
            position(log, "exec-container demo-a-1") < position(log, "stop-container demo-a-1"));
    free(log);
    seen_release(&seen);
    world_release(&w);
}

/* ------------------------------------------------------------ killed at every step */

struct scenario {
    const char *before; /* brought up first; NULL: nothing */
    const char *after;
    struct plan_up_options options;
    bool down;
    const char *new_image; /* what "app" is after the first up */
};

/* Brings the scenario about up to where the run may be killed. */
static void set_scene(struct world *w, const struct scenario *s)
{
    world_init(w, s->before ? s->before : s->after);
    if (s->before)
        do_up(w, UP());
    if (s->new_image)
        record_offer_image(w->engine, "app", s->new_image);
    world_load(w, s->after);
}

static struct plan *scenario_plan(struct world *w, const struct scenario *s)
{
    struct plan *plan = s->down ? world_down(w, &(struct plan_down_options){ .volumes = true })
                                : world_up(w, &s->options);

    if (!plan)
        fail_msg("cannot plan: %s", error_text(w));
    return plan;
}

/* Where it ends when nobody interferes; and that planning again finds nothing to do then. Given. */
static char *undisturbed_end(const struct scenario *s, size_t *ret_calls)
{
    struct world w;

    set_scene(&w, s);
    free(record_take_log(w.engine));
    struct plan *plan = scenario_plan(&w, s);
    if (world_run(&w, plan) < 0)
        fail_msg("cannot run: %s\n%s", error_text(&w), plan_text(&w, plan));
    plan_free(plan);
    char *log = record_take_log(w.engine);
    *ret_calls = 0;
    for (const char *p = log; *p; p++)
        *ret_calls += *p == '\n';
    free(log);
    char *end = record_describe(w.engine);
    world_release(&w);
    return end;
}

/* Piece by piece: cmocka cuts long messages. */
static void fail_with(const struct scenario *s, const char *a, const char *b, size_t calls)
{
    const char *const pieces[] = { s->before ? s->before : "", s->after, a, b };

    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        fprintf(stderr, "%s\n---\n", pieces[i]);
    fail_msg("killed after %zu calls, it does not end as it should", calls);
}

static void kill_after(const struct scenario *s, size_t calls, const char *expected)
{
    struct world w;

    set_scene(&w, s);
    struct plan *plan = scenario_plan(&w, s);
    record_stop_after(w.engine, calls);
    (void)world_run(&w, plan);
    plan_free(plan);
    record_stop_after(w.engine, SIZE_MAX);

    plan = scenario_plan(&w, s);
    if (world_run(&w, plan) < 0)
        fail_with(s, plan_text(&w, plan), error_text(&w), calls);
    plan_free(plan);
    char *end = record_describe(w.engine);
    if (strcmp(end, expected) != 0)
        fail_with(s, end, expected, calls);
    free(end);

    struct plan_up_options again = s->options;
    again.pull_policy = NULL; /* what is asked for anew is not a difference */
    plan = s->down ? scenario_plan(&w, s) : world_up(&w, &again);
    assert_int_equal(plan->steps.len, 0);
    plan_free(plan);
    world_release(&w);
}

static void kill_everywhere(const struct scenario *s)
{
    size_t calls = 0;
    char *expected = undisturbed_end(s, &calls);

    for (size_t i = 0; i <= calls; i++)
        kill_after(s, i, expected);
    free(expected);
}

#define STACK(host, extra)                                                                 \
    "services:\n"                                                                          \
    "  vpn: {image: app, hostname: " host ", volumes: ['/anon']}\n"                        \
    "  user: {image: app, network_mode: 'service:vpn', scale: 2}\n"                        \
    "  db: {image: base, hostname: " host ", volumes: ['vol:/v']}\n"                       \
    "  web: {image: app, depends_on: {db: {condition: service_started, restart: true}}}\n" \
    "  top: {image: app, depends_on: [web, user]}\n"                                       \
    "volumes: {vol: {}}\n" extra

static void killing_the_first_up_anywhere_leaves_what_up_completes(void **state)
{
    (void)state;
    kill_everywhere(&(struct scenario){ .after = STACK("x", "") });
}

static void killing_a_recreating_up_anywhere_leaves_what_up_completes(void **state)
{
    (void)state;
    kill_everywhere(&(struct scenario){ .before = STACK("x", ""), .after = STACK("y", "") });
}

static void killing_a_change_of_networks_anywhere_leaves_what_up_completes(void **state)
{
    (void)state;
    kill_everywhere(&(struct scenario){
            .before = STACK("x", ""),
            .after = STACK("x", "networks: {default: {internal: true}}\n"),
    });
}

static void killing_an_exchange_of_volumes_anywhere_leaves_what_up_completes(void **state)
{
    (void)state;
    kill_everywhere(&(struct scenario){
            .before =
                    "services: {a: {image: app, volumes: ['vol:/v', '/anon']}, "
                    "b: {image: app, volumes: ['vol:/w'], depends_on: [a]}}\nvolumes: {vol: {}}\n",
            .after = "services: {a: {image: app, volumes: ['vol:/v', '/anon']}, "
                     "b: {image: app, volumes: ['vol:/w'], depends_on: [a]}}\n"
                     "volumes: {vol: {driver_opts: {type: tmpfs}}}\n",
            .options = { .recreate_volumes = true },
    });
}

static void killing_a_new_image_anywhere_leaves_what_up_completes(void **state)
{
    (void)state;
    kill_everywhere(&(struct scenario){
            .before = STACK("x", ""),
            .after = STACK("x", ""),
            .new_image = "sha256:app2",
            .options = { .pull_policy = "always" },
    });
}

static void killing_a_change_of_scale_anywhere_leaves_what_up_completes(void **state)
{
    (void)state;
    kill_everywhere(&(struct scenario){
            .before = "services: {a: {image: app, scale: 3}, gone: {image: app}}\n",
            .after =
                    "services: {a: {image: app, scale: 2, hostname: h}, b: {image: app, scale: 3}}\n",
            .options = { .remove_orphans = true },
    });
}

static void killing_down_anywhere_leaves_what_down_completes(void **state)
{
    (void)state;
    kill_everywhere(
            &(struct scenario){ .before = STACK("x", ""), .after = STACK("x", ""), .down = true });
}

/* ------------------------------------------------------------------- any project */

struct dice {
    uint64_t value;
};

static unsigned roll(struct dice *dice, unsigned sides)
{
    dice->value = dice->value * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(dice->value >> 33) % sides;
}

static void add_dependencies(struct strbuf *yaml, unsigned first, unsigned second, unsigned kind)
{
    strbuf_addf(yaml, "    depends_on: {s%u: {condition: service_started, restart: %s}", first,
            kind & 1 ? "true" : "false");
    if (second != first)
        strbuf_addf(yaml, ", s%u: {condition: service_started, restart: %s}", second,
                kind & 2 ? "true" : "false");
    strbuf_adds(yaml, "}\n");
}

/* Up to seven services that need earlier ones in all ways there are. The shape is the same for both
 * halves of a pair but for what `change` rolls. */
static const char *random_project(struct arena *arena, struct dice *shape, struct dice *change)
{
    struct strbuf yaml = STRBUF_INIT(65536);
    unsigned count = 2 + roll(shape, 6);

    strbuf_adds(&yaml, "services:\n");
    for (unsigned i = 0; i < count; i++) {
        unsigned kind = roll(shape, 8), other = i ? roll(shape, i) : 0;

        strbuf_addf(&yaml, "  s%u:\n    image: %s\n    hostname: h%u\n", i,
                roll(shape, 2) ? "app" : "base", roll(change, 2));
        if (i > 0 && kind == 0) {
            strbuf_addf(&yaml, "    network_mode: service:s%u\n", other);
        } else {
            bool own = roll(change, 3) == 0;

            strbuf_addf(&yaml, "    networks: [%s%s]\n", roll(change, 4) ? "default" : "n1",
                    own ? ", n2" : "");
            strbuf_addf(&yaml, "    scale: %u\n", 1 + roll(change, 3));
        }
        if (i > 0 && kind == 1)
            strbuf_addf(&yaml, "    ipc: service:s%u\n", other);
        if (i > 0 && kind >= 2 && kind < 6)
            add_dependencies(&yaml, other, i - 1, kind);
        if (roll(shape, 2))
            strbuf_addf(&yaml, "    volumes: ['vol%u:/data', '/anon']\n", roll(shape, 2));
    }
    strbuf_addf(&yaml,
            "networks: {default: {internal: %s}, n1: {internal: %s}, n2: {}}\n"
            "volumes: {vol0: {driver_opts: {a: '%u'}}, vol1: {}}\n",
            roll(change, 4) ? "true" : "false", roll(change, 4) ? "true" : "false",
            roll(change, 2));
    const char *text = arena_strdup(arena, yaml.data);
    strbuf_release(&yaml);
    return text;
}

static bool loads(const char *yaml)
{
    struct world w;

    world_init(&w, NULL);
    bool good = world_try_load(&w, yaml) == 0;
    world_release(&w);
    return good;
}

static void any_change_of_any_project_converges_from_any_kill(void **state)
{
    struct arena arena = ARENA_INIT;
    size_t tried = 0;

    (void)state;
    for (uint64_t seed = 1; tried < 150; seed++) {
        struct dice shape = { seed }, same_shape = { seed };
        struct dice before = { seed * 31 }, after = { seed * 77 };
        struct scenario s = {
            .before = random_project(&arena, &shape, &before),
            .after = random_project(&arena, &same_shape, &after),
            .options = { .recreate_volumes = true, .remove_orphans = true },
        };
        size_t calls = 0;

        if (!loads(s.before) || !loads(s.after)) /* a rolled clash, say an address twice */
            continue;
        tried++;
        if (roll(&after, 3) == 0) {
            s.new_image = "sha256:app2";
            s.options.pull_policy = "always";
        }
        char *expected = undisturbed_end(&s, &calls);
        for (unsigned i = 0; i < 4; i++)
            kill_after(&s, roll(&shape, (unsigned)calls + 1), expected);
        free(expected);
        arena_release(&arena);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_step_stops_only_what_needs_it),
        cmocka_unit_test(an_image_that_cannot_be_had_leaves_everything_untouched),
        cmocka_unit_test(every_failure_is_kept),
        cmocka_unit_test(a_creation_that_fails_leaves_the_old_container_running),
        cmocka_unit_test(a_build_that_fails_touches_no_container),
        cmocka_unit_test(a_service_starts_once_its_conditions_are_met),
        cmocka_unit_test(a_condition_that_fails_names_the_gate),
        cmocka_unit_test(a_dependency_that_is_not_required_fails_with_a_warning),
        cmocka_unit_test(wait_is_for_all_that_run_and_jobs_that_end),
        cmocka_unit_test(waits_take_no_worker_from_other_steps),
        cmocka_unit_test(a_cancelled_run_begins_nothing_more),
        cmocka_unit_test(a_run_that_is_cancelled_before_it_begins_does_nothing),
        cmocka_unit_test(a_run_without_any_worker_ends_with_the_reason),
        cmocka_unit_test(many_services_run_on_many_threads),
        cmocka_unit_test(progress_speaks_composes_words),
        cmocka_unit_test(hooks_run_after_the_start_and_before_the_stop),
        cmocka_unit_test(killing_the_first_up_anywhere_leaves_what_up_completes),
        cmocka_unit_test(killing_a_recreating_up_anywhere_leaves_what_up_completes),
        cmocka_unit_test(killing_a_change_of_networks_anywhere_leaves_what_up_completes),
        cmocka_unit_test(killing_an_exchange_of_volumes_anywhere_leaves_what_up_completes),
        cmocka_unit_test(killing_a_new_image_anywhere_leaves_what_up_completes),
        cmocka_unit_test(killing_a_change_of_scale_anywhere_leaves_what_up_completes),
        cmocka_unit_test(killing_down_anywhere_leaves_what_down_completes),
        cmocka_unit_test(any_change_of_any_project_converges_from_any_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
