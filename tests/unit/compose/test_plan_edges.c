/* Edges between services mean the same whatever command starts, restarts or stops them. */
#include "tests/unit/compose/plan-fixture.h"

static const char *const chain = "services:\n"
                                 "  db: {image: base, healthcheck: {test: [CMD, x]}}\n"
                                 "  job: {image: base}\n"
                                 "  web:\n"
                                 "    image: app\n"
                                 "    depends_on:\n"
                                 "      db: {condition: service_healthy, restart: true}\n"
                                 "      job: {condition: service_completed_successfully}\n";

static void begin(struct world *w)
{
    world_init(w, chain);
    record_set_behaviour(
            w->engine, "db", &(struct record_behaviour){ .health = OBSERVED_HEALTH_HEALTHY });
    record_set_behaviour(w->engine, "job", &(struct record_behaviour){ .exits = true });
    do_up(w, UP());
}

static const char *verb_text(
        struct world *w, enum plan_verb verb, const struct plan_verb_options *options)
{
    struct plan *plan = world_verb(w, verb, options);
    const char *text = plan_text(w, plan);

    plan_free(plan);
    return text;
}

static void set_status(struct world *w, const char *name, enum observed_status status)
{
    record_container(w->engine, name)->status = status;
    record_container(w->engine, name)->health = OBSERVED_HEALTH_NONE;
}

static void start_waits_for_conditions_as_up_does(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    set_status(&w, "demo-db-1", OBSERVED_EXITED);
    set_status(&w, "demo-web-1", OBSERVED_EXITED);
    const char *text = verb_text(&w, PLAN_VERB_START, &(struct plan_verb_options){ 0 });
    assert_contains(text, "start     Container demo-db-1\n");
    assert_contains(text, "wait      Container demo-db-1 until it is healthy\n");
    assert_contains(text, "wait      Container demo-job-1 until it has completed\n");
    assert_true(
            strstr(text, "until it is healthy") < strstr(text, "start     Container demo-web-1"));
    world_release(&w);
}

static void start_of_one_waits_for_a_dependency_that_runs_and_is_not_healthy(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    set_status(&w, "demo-web-1", OBSERVED_EXITED);
    record_container(w.engine, "demo-db-1")->health = OBSERVED_HEALTH_STARTING;
    assert_string_equal(
            verb_text(&w, PLAN_VERB_START, &(struct plan_verb_options){ .services = NAMES("web") }),
            "wait      Container demo-db-1 until it is healthy\n"
            "start     Container demo-web-1\nstart 1 container\n");
    world_release(&w);
}

static void start_of_a_dependency_restarts_what_asked_for_it(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    set_status(&w, "demo-db-1", OBSERVED_EXITED);
    const struct plan_verb_options db = { .services = NAMES("db") };
    assert_string_equal(verb_text(&w, PLAN_VERB_START, &db),
            "start     Container demo-db-1\n"
            "wait      Container demo-db-1 until it is healthy\n"
            "restart   Container demo-web-1\n"
            "          services.web.depends_on.db.restart: the container of \"db\" is started anew"
            " (<stdin>:7:7)\n"
            "restart 1 container, start 1 container\n");
    set_status(&w, "demo-web-1", OBSERVED_EXITED); /* nobody wants that one */
    assert_lacks(verb_text(&w, PLAN_VERB_START, &db), "demo-web-1");
    world_release(&w);
}

static void start_without_dependencies_takes_nothing_along(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    set_status(&w, "demo-web-1", OBSERVED_EXITED);
    set_status(&w, "demo-db-1", OBSERVED_EXITED);
    const struct plan_verb_options web = { .services = NAMES("web"), .no_deps = true };
    assert_lacks(verb_text(&w, PLAN_VERB_START, &web), "start     Container demo-db-1");
    set_status(&w, "demo-web-1", OBSERVED_RUNNING);
    const struct plan_verb_options db = { .services = NAMES("db"), .no_deps = true };
    assert_lacks(verb_text(&w, PLAN_VERB_START, &db), "demo-web-1");
    world_release(&w);
}

static void up_restarts_what_asked_for_it_when_a_dependency_has_crashed(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    set_status(&w, "demo-db-1", OBSERVED_EXITED);
    const char *text = do_up(&w, UP());
    assert_contains(
            text, "stop      Container demo-web-1\n          services.web.depends_on.db.restart");
    assert_contains(text, "start     Container demo-web-1\n");
    assert_lacks(
            do_up(&w, UP()), "demo-web-1"); /* a job that is done is started, and is no crash */
    world_release(&w);
}

static void restart_waits_until_a_dependency_is_healthy_again(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    const char *text = verb_text(
            &w, PLAN_VERB_RESTART, &(struct plan_verb_options){ .services = NAMES("db") });
    assert_string_equal(text, "restart   Container demo-db-1\n"
                              "wait      Container demo-db-1 until it is healthy\n"
                              "restart   Container demo-web-1\n"
                              "restart 2 containers\n");
    world_release(&w);
}

static void start_with_wait_waits_for_those_that_run_too(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    const struct plan_verb_options db = {
        .services = NAMES("db"), .wait = true, .wait_timeout_usec = 5
    };
    struct plan *plan = world_verb(&w, PLAN_VERB_START, &db);
    assert_int_equal(plan->steps.len, 1);
    assert_int_equal(plan->steps.items[0]->action, PLAN_WAIT_CONTAINER);
    assert_int_equal(plan->steps.items[0]->wait.timeout_usec, 5);
    assert_false(plan->steps.items[0]->optional);
    plan_free(plan);
    world_release(&w);
}

static void stop_goes_the_other_way(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    const char *text = verb_text(&w, PLAN_VERB_STOP, &(struct plan_verb_options){ 0 });
    assert_string_equal(text, "stop      Container demo-web-1\n"
                              "stop      Container demo-db-1\n"
                              "stop 2 containers\n");
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_waits_for_conditions_as_up_does),
        cmocka_unit_test(start_of_one_waits_for_a_dependency_that_runs_and_is_not_healthy),
        cmocka_unit_test(start_of_a_dependency_restarts_what_asked_for_it),
        cmocka_unit_test(start_without_dependencies_takes_nothing_along),
        cmocka_unit_test(up_restarts_what_asked_for_it_when_a_dependency_has_crashed),
        cmocka_unit_test(restart_waits_until_a_dependency_is_healthy_again),
        cmocka_unit_test(start_with_wait_waits_for_those_that_run_too),
        cmocka_unit_test(stop_goes_the_other_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
