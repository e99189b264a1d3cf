/* What runs against what was last applied, and the graph's pictures. */
#include "compose/drift.h"
#include "compose/graph-print.h"
#include "tests/unit/compose/plan-fixture.h"

static const char *const yaml =
        "services:\n"
        "  web:\n"
        "    image: app\n"
        "    scale: 2\n"
        "    mem_limit: 64m\n"
        "    pids_limit: 50\n"
        "    volumes: ['data:/data']\n"
        "    depends_on: {db: {condition: service_healthy, restart: true}}\n"
        "  db: {image: base, restart: always, healthcheck: {test: [CMD, x]}}\n"
        "  job: {image: base}\n"
        "volumes: {data: {}}\n";

static const char *drift_of(struct world *w)
{
    struct drifts drifts = { 0 };
    struct strbuf text = STRBUF_INIT(65536);

    if (drift_find(&w->arena, "demo", world_observe(w), &drifts, &w->error) < 0)
        return error_text(w);
    drift_print_text(&drifts, &text);
    const char *copy = arena_strdup(&w->arena, text.data);
    strbuf_release(&text);
    return copy;
}

static void begin(struct world *w)
{
    world_init(w, yaml);
    record_set_behaviour(
            w->engine, "db", &(struct record_behaviour){ .health = OBSERVED_HEALTH_HEALTHY });
    do_up(w, UP());
}

static void right_after_up_there_is_no_drift(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_string_equal(drift_of(&w), "no drift\n");
    world_load(&w, "services: {web: {image: other}}\n"); /* the files do not count */
    assert_string_equal(drift_of(&w), "no drift\n");
    world_release(&w);
}

static void without_an_up_there_is_nothing_to_compare_with(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, yaml);
    assert_string_equal(drift_of(&w), "nothing is known to have been applied to project \"demo\"");
    world_release(&w);
}

static void what_is_gone_stopped_or_too_many_is_told(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    record_container(w.engine, "demo-web-2")->service = "stranger";
    record_container(w.engine, "demo-db-1")->status = OBSERVED_EXITED;
    record_container(w.engine, "demo-job-1")->status = OBSERVED_EXITED;
    const char *text = drift_of(&w);
    assert_contains(text, "missing   Service web\n          1 of its 2 containers is gone\n");
    assert_contains(
            text, "extra     Container demo-web-2\n          its service was not applied\n");
    assert_contains(text, "stopped   Container demo-db-1\n          it has exited (0)\n");
    assert_lacks(text, "job"); /* done, and not to be started again */
    record_container(w.engine, "demo-job-1")->exit_code = 3;
    assert_contains(drift_of(&w), "stopped   Container demo-job-1\n          it has exited (3)\n");
    world_release(&w);
}

static void another_image_model_or_network_is_told(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    record_container(w.engine, "demo-web-1")->image_id = "sha256:other";
    record_container(w.engine, "demo-web-2")->networks.len = 0;
    struct observed_container *db = record_container(w.engine, "demo-db-1");
    db->model = arena_printf(&w.arena, "{\"hostname\":\"x\",%s", db->model + 1);
    record_network(w.engine, "demo_default")->config_hash = "other";
    const char *text = drift_of(&w);
    assert_contains(text, "it runs sha256:other, and \"app\" is sha256:app1\n");
    assert_contains(text, "network   Container demo-web-2\n"
                          "          it is not connected to network \"demo_default\"\n");
    assert_contains(
            text, "model     Container demo-db-1\n          services.db.hostname added: \"x\"");
    assert_contains(text, "model     Network demo_default\n");
    assert_contains(text, "4 differences\n");
    world_release(&w);
}

static void limits_and_mounts_of_those_that_were_looked_at_are_told(void **state)
{
    struct world w;
    struct observed_facts facts = {
        .runs = true, .memory_bytes = 32 << 20, .nano_cpus = 0, .pids = 50
    };

    (void)state;
    begin(&w);
    record_container(w.engine, "demo-web-1")->facts = &facts;
    const char *text = drift_of(&w);
    assert_contains(text, "limits    Container demo-web-1\n"
                          "          its memory limit is 33554432, 67108864 was applied\n");
    assert_contains(
            text, "mount     Container demo-web-1\n          nothing is mounted at /data\n");
    assert_contains(text, "2 differences\n");
    facts.runs = false;
    facts.memory_bytes = 64 << 20;
    facts.pids = 0;
    text = drift_of(&w);
    assert_contains(text, "its process limit is none, 50 was applied\n");
    assert_contains(text, "1 difference\n");
    world_release(&w);
}

static void json_of_drift_names_field_by_field(void **state)
{
    struct world w;
    struct drifts drifts = { 0 };
    struct strbuf text = STRBUF_INIT(65536);

    (void)state;
    begin(&w);
    record_container(w.engine, "demo-db-1")->status = OBSERVED_PAUSED;
    assert_int_equal(drift_find(&w.arena, "demo", world_observe(&w), &drifts, NULL), 0);
    drift_print_json("demo", &drifts, &text);
    assert_string_equal(text.data,
            "{\"project\":\"demo\",\"drift\":[{\"kind\":\"stopped\",\"subject\":\"Container demo-db-1\","
            "\"service\":\"db\",\"text\":\"it is paused\",\"applied\":\"running\","
            "\"actual\":\"paused\"}]}\n");
    strbuf_release(&text);
    world_release(&w);
}

static const char *picture(struct world *w, void (*print)(const struct graph *, struct strbuf *))
{
    struct strbuf text = STRBUF_INIT(65536);

    print(w->graph, &text);
    const char *copy = arena_strdup(&w->arena, text.data);
    strbuf_release(&text);
    return copy;
}

static void a_graph_is_a_tree_from_what_nothing_needs(void **state)
{
    struct world w;

    (void)state;
    world_init(&w,
            "services:\n"
            "  a: {image: app, depends_on: [b, c]}\n"
            "  b: {image: app, depends_on: {c: {condition: service_healthy, required: false}}}\n"
            "  c: {image: base, networks: [n]}\n"
            "networks: {n: {}}\n");
    assert_string_equal(picture(&w, graph_print_tree), "demo\n"
                                                       "a\n"
                                                       "├─ b (depends_on, started)\n"
                                                       "│  ├─ c (depends_on, healthy, optional)\n"
                                                       "│  │  ├─ network n\n"
                                                       "│  │  └─ image base\n"
                                                       "│  ├─ network default\n"
                                                       "│  └─ image app\n"
                                                       "├─ c (depends_on, started) …\n"
                                                       "├─ network default\n"
                                                       "└─ image app\n");
    world_release(&w);
}

static void names_in_pictures_are_quoted(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app, volumes: ['v:/v']}}\nvolumes: {v: {}}\n");
    w.graph->nodes.items[0]->name = "a\"]; x";
    assert_contains(picture(&w, graph_print_dot), "n0 [label=\"a\\\"]; x\", shape=box");
    assert_contains(picture(&w, graph_print_mermaid), "n0[\"a#34;#93;; x\"]\n");
    assert_contains(
            picture(&w, graph_print_json), "{\"id\":\"service:a\\\"]; x\",\"kind\":\"service\"");
    assert_contains(picture(&w, graph_print_dot), " -> ");
    assert_contains(picture(&w, graph_print_json), "\"via\":\"uses\"");
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_after_up_there_is_no_drift),
        cmocka_unit_test(without_an_up_there_is_nothing_to_compare_with),
        cmocka_unit_test(what_is_gone_stopped_or_too_many_is_told),
        cmocka_unit_test(another_image_model_or_network_is_told),
        cmocka_unit_test(limits_and_mounts_of_those_that_were_looked_at_are_told),
        cmocka_unit_test(json_of_drift_names_field_by_field),
        cmocka_unit_test(a_graph_is_a_tree_from_what_nothing_needs),
        cmocka_unit_test(names_in_pictures_are_quoted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
