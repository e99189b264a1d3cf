/* Which project a container belongs to, what is noted of it, and what of it no file accounts for. */
#include "tests/unit/compose/plan-fixture.h"

static const char *const two = "services: {a: {image: app, scale: 2}, b: {image: app}}\n"
                               "volumes: {data: {}}\n";

/* As if the same name were used in that directory. */
static struct plan *up_from(struct world *w, const char *directory, bool adopt)
{
    struct plan_input input = world_input(w);
    struct plan *plan = NULL;

    input.directory = directory;
    input.adopt = adopt;
    return plan_up(&input, UP(), &plan, &w->diag, &w->error) < 0 ? NULL : plan;
}

static void the_same_name_from_another_directory_is_refused_with_both_paths(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    w.project->working_dir = "/one";
    do_up(&w, UP());
    w.project->working_dir = "/other";
    assert_null(up_from(&w, "/other", false));
    assert_contains(error_text(&w),
            "project \"demo\" belongs to the directory \"/one\", not to \"/other\"");
    assert_contains(w.error->hint, "--adopt");
    assert_null(world_down(&w, &(struct plan_down_options){ 0 }));
    for (enum plan_verb verb = 0; verb < PLAN_VERB_MAX_; verb++)
        assert_null(world_verb(&w, verb, &(struct plan_verb_options){ 0 }));
    struct plan *plan = up_from(&w, "/one", false); /* by another way to the same place */
    assert_non_null(plan);
    plan_free(plan);
    world_release(&w);
}

static void an_adopted_project_belongs_to_its_new_directory_and_keeps_running(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    struct plan *plan = up_from(&w, "/other", true);
    assert_int_equal(plan->steps.len, 0);
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    plan = up_from(&w, "/other", false);
    assert_non_null(plan);
    plan_free(plan);
    assert_null(up_from(&w, "/third", false));
    world_release(&w);
}

static void without_a_note_the_containers_labels_tell_the_directory(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    struct plan_input input = world_input(&w);
    ((struct observed_state *)(uintptr_t)input.state)->project = (struct observed_project){ 0 };
    input.directory = "/other";
    w.project->working_dir = "/other";
    assert_int_equal(plan_check_identity(&input, &w.error), -EEXIST);
    world_release(&w);
}

static void a_project_without_files_is_known_by_its_name_alone(void **state)
{
    struct world w;
    struct plan *plan = NULL;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    struct plan_input input = world_input(&w);
    input.project = NULL;
    input.graph = NULL;
    input.project_name = "demo";
    assert_int_equal(
            plan_down(&input, &(struct plan_down_options){ 0 }, &plan, &w.diag, &w.error), 0);
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    world_release(&w);
}

static void what_is_applied_is_noted_before_and_forgotten_with_the_last_of_it(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    char *log = record_take_log(w.engine);
    assert_int_equal(strncmp(log, "store-project demo\n", strlen("store-project demo\n")), 0);
    free(log);
    const struct observed_state *seen = world_observe(&w);
    assert_string_equal(seen->project.directory, "/");
    assert_contains(seen->project.applied, "\"a\":{\"count\":2,\"image\":\"app\",\"limits\":{");
    assert_contains(seen->project.applied, "\"default\":{\"hash\":");

    struct plan *plan = world_down(&w, &(struct plan_down_options){ .services = NAMES("a") });
    assert_false(plan->forgets_project);
    plan_free(plan);
    plan = world_down(&w, &(struct plan_down_options){ 0 });
    assert_true(plan->forgets_project);
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    seen = world_observe(&w);
    assert_null(seen->project.directory);
    world_release(&w);
}

static void a_project_with_a_volume_left_is_remembered(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app, volumes: ['data:/d']}}\nvolumes: {data: {}}\n");
    do_up(&w, UP());
    struct plan *plan = world_down(&w, &(struct plan_down_options){ 0 });
    assert_false(plan->forgets_project);
    plan_free(plan);
    plan = world_down(&w, &(struct plan_down_options){ .volumes = true });
    assert_true(plan->forgets_project);
    plan_free(plan);
    world_release(&w);
}

static void up_of_one_service_keeps_what_is_noted_of_the_others(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    world_load(&w, "services: {a: {image: app, hostname: x}, b: {image: app, hostname: y}}\n");
    do_up(&w, UP(.services = NAMES("a")));
    const char *applied = world_observe(&w)->project.applied;
    assert_contains(applied, "\"hostname\":\"x\"");
    assert_lacks(applied, "\"hostname\":\"y\"");
    assert_contains(applied, "\"b\":{\"count\":1");

    world_load(&w, "services: {a: {image: app, hostname: x}}\n");
    do_up(&w, UP());
    assert_lacks(world_observe(&w)->project.applied, "\"b\":");
    world_release(&w);
}

static void orphans_are_listed_with_where_they_came_from(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    world_load(&w, "services: {a: {image: app, scale: 2}}\n");
    struct plan *plan = world_up(&w, UP());
    assert_int_equal(plan->steps.len, 0);
    assert_contains(plan_text(&w, plan), "orphan    Container demo-b-1\n"
                                         "          made for services.b of -\n");
    assert_contains(w.diag.items[0].message, "(demo-b-1: services.b of -)");
    plan_free(plan);
    plan = world_up(&w, UP(.remove_orphans = true));
    assert_lacks(plan_text(&w, plan), "orphan ");
    plan_free(plan);
    world_release(&w);
}

static void the_digest_of_a_state_moves_with_it_and_not_with_its_order(void **state)
{
    char before[DIGEST_TEXT_MAX], after[DIGEST_TEXT_MAX];
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    struct observed_state *seen = world_observe(&w);
    observed_state_digest(seen, before);
    struct observed_container first = seen->containers.items[0];
    seen->containers.items[0] = seen->containers.items[1];
    seen->containers.items[1] = first;
    seen->containers.items[0].health = OBSERVED_HEALTH_STARTING;
    observed_state_digest(seen, after);
    assert_string_equal(before, after);

    seen->containers.items[0].status = OBSERVED_EXITED;
    observed_state_digest(seen, after);
    assert_string_not_equal(before, after);
    seen = world_observe(&w);
    seen->images.items[0].id = "sha256:other";
    observed_state_digest(seen, after);
    assert_string_not_equal(before, after);
    seen = world_observe(&w);
    seen->networks.len = 0;
    observed_state_digest(seen, after);
    assert_string_not_equal(before, after);
    world_release(&w);
}

/* Everything that plans, over a project with something of each kind to do. */
static void planning_calls_nothing_that_changes_anything(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    world_load(&w, "services: {a: {image: app, hostname: x, healthcheck: {test: [CMD, x]}},"
                   " c: {build: /ctx, depends_on: {a: {condition: service_healthy}}}}\n");
    record_offer_image(w.engine, "app", "sha256:app2");
    char *before = record_describe(w.engine);
    free(record_take_log(w.engine));
    struct plan *plans[] = {
        world_up(&w,
                UP(.build = true, .remove_orphans = true, .wait = true, .pull_policy = "always")),
        world_down(&w,
                &(struct plan_down_options){
                        .volumes = true, .remove_orphans = true, .rmi = PLAN_RMI_ALL }),
        world_verb(&w, PLAN_VERB_RESTART, &(struct plan_verb_options){ 0 }),
        world_verb(&w, PLAN_VERB_RM, &(struct plan_verb_options){ .stop = true }),
        world_verb(&w, PLAN_VERB_KILL, &(struct plan_verb_options){ .remove_orphans = true }),
    };
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        assert_non_null(plans[i]);
        assert_true(plans[i]->steps.len > 0);
        assert_true(strlen(plan_text(&w, plans[i])) > 0);
        plan_free(plans[i]);
    }
    char *log = record_log(w.engine), *after = record_describe(w.engine);
    assert_string_equal(log, "");
    assert_string_equal(before, after);
    free(log);
    free(before);
    free(after);
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_from_another_directory_is_refused_with_both_paths),
        cmocka_unit_test(an_adopted_project_belongs_to_its_new_directory_and_keeps_running),
        cmocka_unit_test(without_a_note_the_containers_labels_tell_the_directory),
        cmocka_unit_test(a_project_without_files_is_known_by_its_name_alone),
        cmocka_unit_test(what_is_applied_is_noted_before_and_forgotten_with_the_last_of_it),
        cmocka_unit_test(a_project_with_a_volume_left_is_remembered),
        cmocka_unit_test(up_of_one_service_keeps_what_is_noted_of_the_others),
        cmocka_unit_test(orphans_are_listed_with_where_they_came_from),
        cmocka_unit_test(the_digest_of_a_state_moves_with_it_and_not_with_its_order),
        cmocka_unit_test(planning_calls_nothing_that_changes_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
