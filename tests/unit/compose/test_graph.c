#include "base/limits.h"
#include "tests/unit/compose/plan-fixture.h"

static size_t rank_of(const struct world *w, enum graph_kind kind, const char *name)
{
    const struct graph_node *node = graph_find(w->graph, kind, name);

    assert_non_null(node);
    return node->rank;
}

static void what_is_needed_comes_first_in_the_order(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services:\n"
                   "  a: {image: app, depends_on: [b], networks: [n], volumes: ['vol:/v']}\n"
                   "  b: {image: app, depends_on: {c: {condition: service_healthy}}}\n"
                   "  c: {image: base}\n"
                   "networks: {n: {}}\n"
                   "volumes: {vol: {}}\n");
    assert_true(rank_of(&w, GRAPH_SERVICE, "c") < rank_of(&w, GRAPH_SERVICE, "b"));
    assert_true(rank_of(&w, GRAPH_SERVICE, "b") < rank_of(&w, GRAPH_SERVICE, "a"));
    assert_true(rank_of(&w, GRAPH_NETWORK, "n") < rank_of(&w, GRAPH_SERVICE, "a"));
    assert_true(rank_of(&w, GRAPH_VOLUME, "vol") < rank_of(&w, GRAPH_SERVICE, "a"));
    assert_true(rank_of(&w, GRAPH_IMAGE, "base") < rank_of(&w, GRAPH_SERVICE, "c"));
    for (size_t i = 0; i < w.graph->nodes.len; i++)
        ARRAY_FOREACH(&w.graph->order[i]->needs, edge) {
            assert_true((*edge)->to->rank < w.graph->order[i]->rank);
        }
    world_release(&w);
}

/* By hand: the loader refuses cycles of its own accord. */
static void a_cycle_is_an_error_with_its_path_and_places(void **state)
{
    struct world w;
    struct dependency needs_b = { .service = "b", .at = { "f.yaml", 3, 7 } };
    struct dependency needs_c = { .service = "c", .at = { "f.yaml", 5, 7 } };
    struct dependency needs_b_too = { .service = "b", .at = { "f.yaml", 7, 7 } };
    struct service services[] = {
        { .name = "a", .image = "x", .depends_on = { &needs_b, 1, 1 } },
        { .name = "b", .image = "x", .depends_on = { &needs_c, 1, 1 } },
        { .name = "c", .image = "x", .depends_on = { &needs_b_too, 1, 1 } },
    };
    struct project project = { .name = "demo", .services = { services, 3, 3 } };
    struct graph *graph = NULL;

    (void)state;
    world_init(&w, NULL);
    assert_int_equal(graph_build(&w.arena, &project, &graph, &w.error), -ELOOP);
    assert_null(graph);
    assert_string_equal(w.error->message, "dependency cycle detected: b -> c -> b");
    assert_int_equal(w.error->at.line, 5);
    assert_string_equal(w.error->cause->message, "service \"b\" needs service \"c\" (depends_on)");
    assert_int_equal(w.error->cause->at.line, 5);
    assert_int_equal(w.error->cause->cause->at.line, 7);
    world_release(&w);
}

static void a_service_that_needs_itself_is_a_cycle(void **state)
{
    struct world w;
    struct dependency needs_a = { .service = "a", .at = { "f.yaml", 3, 7 } };
    struct service service = { .name = "a", .image = "x", .depends_on = { &needs_a, 1, 1 } };
    struct project project = { .name = "demo", .services = { &service, 1, 1 } };
    struct graph *graph = NULL;

    (void)state;
    world_init(&w, NULL);
    assert_int_equal(graph_build(&w.arena, &project, &graph, &w.error), -ELOOP);
    assert_string_equal(w.error->message, "dependency cycle detected: a -> a");
    world_release(&w);
}

/* A chain of `count` services, each needing the next. */
static int build_chain(struct world *w, size_t count)
{
    struct service *services = ARENA_NEW_ARRAY(&w->arena, count, struct service);
    struct dependency *needs = ARENA_NEW_ARRAY(&w->arena, count, struct dependency);
    struct project project = { .name = "demo", .services = { services, count, count } };
    struct graph *graph;

    for (size_t i = 0; i < count; i++) {
        services[i].name = arena_printf(&w->arena, "s%zu", i);
        services[i].image = "x";
        if (i + 1 == count)
            break;
        needs[i].service = arena_printf(&w->arena, "s%zu", i + 1);
        services[i].depends_on.items = &needs[i];
        services[i].depends_on.len = 1;
    }
    return graph_build(&w->arena, &project, &graph, &w->error);
}

static void chains_are_refused_beyond_the_limit(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, NULL);
    assert_int_equal(build_chain(&w, LIMIT_DEPENDENCY_DEPTH), 0);
    assert_int_equal(build_chain(&w, LIMIT_DEPENDENCY_DEPTH + 1), -E2BIG);
    world_release(&w);
}

static const char *const layers = "services:\n"
                                  "  db: {image: base}\n"
                                  "  web: {image: app, depends_on: [db]}\n"
                                  "  proxy: {image: app, depends_on: [web]}\n"
                                  "  other: {image: app}\n";

static bool selected(const struct world *w, const struct graph_selection *s, const char *name)
{
    return graph_is_selected(s, graph_find(w->graph, GRAPH_SERVICE, name));
}

static void services_are_selected_with_what_they_need(void **state)
{
    struct world w;
    struct graph_selection s;
    struct strings names = NAMES("web");

    (void)state;
    world_init(&w, layers);
    assert_int_equal(graph_select(&w.arena, w.graph, &names, GRAPH_WITH_NEEDS, &s, NULL), 0);
    assert_true(selected(&w, &s, "web") && selected(&w, &s, "db"));
    assert_false(selected(&w, &s, "proxy") || selected(&w, &s, "other"));
    assert_int_equal(graph_select(&w.arena, w.graph, &names, GRAPH_WITH_NEEDED_BY, &s, NULL), 0);
    assert_true(selected(&w, &s, "web") && selected(&w, &s, "proxy"));
    assert_false(selected(&w, &s, "db"));
    assert_int_equal(graph_select(&w.arena, w.graph, &names, 0, &s, NULL), 0);
    assert_true(selected(&w, &s, "web"));
    assert_false(selected(&w, &s, "db") || selected(&w, &s, "proxy"));
    world_release(&w);
}

static void no_names_select_all_services(void **state)
{
    struct world w;
    struct graph_selection s;
    struct strings names = { 0 };

    (void)state;
    world_init(&w, layers);
    assert_int_equal(graph_select(&w.arena, w.graph, &names, GRAPH_WITH_NEEDS, &s, NULL), 0);
    assert_true(selected(&w, &s, "db") && selected(&w, &s, "other") && selected(&w, &s, "web"));
    world_release(&w);
}

static void an_unknown_name_is_refused_with_the_nearest_one(void **state)
{
    struct world w;
    struct graph_selection s;
    struct strings names = NAMES("wbe");

    (void)state;
    world_init(&w, layers);
    assert_int_equal(graph_select(&w.arena, w.graph, &names, 0, &s, &w.error), -EINVAL);
    assert_string_equal(w.error->message, "no such service: wbe");
    assert_non_null(w.error->hint);
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_needed_comes_first_in_the_order),
        cmocka_unit_test(a_cycle_is_an_error_with_its_path_and_places),
        cmocka_unit_test(a_service_that_needs_itself_is_a_cycle),
        cmocka_unit_test(chains_are_refused_beyond_the_limit),
        cmocka_unit_test(services_are_selected_with_what_they_need),
        cmocka_unit_test(no_names_select_all_services),
        cmocka_unit_test(an_unknown_name_is_refused_with_the_nearest_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
