/* What a container was made from against what the files ask for now: what counts as a change, and what does not. */
#include <fcntl.h>
#include <stdio.h>

#include "tests/unit/compose/plan-fixture.h"

static const char *const plain = "services:\n"
                                 "  a:\n"
                                 "    image: app\n"
                                 "    ports: ['80:80']\n"
                                 "    volumes: ['/srv:/srv']\n";

/* The stored model with one piece of its text in place of another. */
static void edit_model(struct world *w, const char *old_part, const char *new_part)
{
    struct observed_container *container = record_container(w->engine, "demo-a-1");
    const char *at = strstr(container->model, old_part);

    if (!at)
        fail_msg("\"%s\" is not in %s", old_part, container->model);
    container->model = arena_printf(&w->arena, "%.*s%s%s", (int)(at - container->model),
            container->model, new_part, at + strlen(old_part));
}

static void up_with(struct world *w, const char *yaml)
{
    world_init(w, yaml);
    do_up(w, UP());
}

static void an_older_berths_model_without_new_attributes_recreates_nothing(void **state)
{
    static const char *const lacking[] = { ",\"protocol\":\"tcp\"", "\"mode\":\"ingress\",",
        "\"bind\":{\"create_host_path\":true},", ",\"networks\":{\"default\":null}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lacking); i++) {
        struct world w;

        up_with(&w, plain);
        edit_model(&w, lacking[i], "");
        assert_string_equal(do_up(&w, UP()), "nothing to do\n");
        world_release(&w);
    }
}

static void an_older_berths_other_defaults_recreate_nothing(void **state)
{
    struct world w;

    (void)state;
    up_with(&w, plain);
    edit_model(&w, "\"mode\":\"ingress\"", "\"mode\":\"host\"");
    edit_model(&w, "\"create_host_path\":true", "\"create_host_path\":false");
    assert_string_equal(do_up(&w, UP()), "nothing to do\n");
    world_release(&w);
}

static void defaults_that_are_no_more_recreate_nothing(void **state)
{
    struct world w;

    (void)state;
    up_with(&w, plain);
    edit_model(&w, "\"image\":", "\"gone\":true,\"image\":");
    edit_model(&w, "\"x-implied\":[", "\"x-implied\":[\"gone\",");
    assert_string_equal(do_up(&w, UP()), "nothing to do\n");
    world_release(&w);
}

static void what_was_written_and_differs_counts_though_there_is_a_default(void **state)
{
    struct world w;

    (void)state;
    up_with(&w, "services: {a: {image: app, ports: [{target: 80, protocol: udp}]}}\n");
    world_load(&w, "services: {a: {image: app, ports: [{target: 80}]}}\n");
    assert_contains(do_up(&w, UP()),
            "services.a.ports[0].protocol changed: \"udp\" -> \"tcp\" (<stdin>:1:");
    world_release(&w);
}

static void writing_a_default_out_changes_nothing(void **state)
{
    struct world w;

    (void)state;
    up_with(&w, "services: {a: {image: app, ports: [{target: 80}]}}\n");
    world_load(&w, "services: {a: {image: app, networks: [default], "
                   "ports: [{target: 80, protocol: tcp, mode: ingress}]}}\n");
    assert_string_equal(do_up(&w, UP()), "nothing to do\n");
    world_release(&w);
}

static void a_network_of_an_older_berth_is_not_made_anew_for_a_default(void **state)
{
    struct world w;

    (void)state;
    up_with(&w, "services: {a: {image: app}}\n");
    /* Written out, the name is the one that it has anyway. */
    world_load(&w, "services: {a: {image: app}}\nnetworks: {default: {internal: true}}\n");
    assert_contains(do_up(&w, UP()), "networks.default: its configuration changed");
    world_release(&w);
}

static bool has_alias(const struct plan *plan, const char *container, const char *alias)
{
    ARRAY_FOREACH(&plan->steps, it) {
        const struct plan_step *step = *it;

        if (step->action != PLAN_CREATE_CONTAINER || strcmp(step->name, container) != 0)
            continue;
        ARRAY_FOREACH(&step->container->networks->items[0].aliases, name)
            if (strcmp(*name, alias) == 0)
                return true;
    }
    return false;
}

static bool has_link(const struct plan *plan, const char *container, const char *link)
{
    ARRAY_FOREACH(&plan->steps, it) {
        const struct plan_step *step = *it;

        if (step->action != PLAN_CREATE_CONTAINER || strcmp(step->name, container) != 0)
            continue;
        ARRAY_FOREACH(&step->container->networks->items[0].links, name)
            if (strcmp(*name, link) == 0)
                return true;
    }
    return false;
}

static void a_link_is_what_the_linking_service_alone_calls_another(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app, links: ['db:store', db]}, db: {image: app}}\n");
    struct plan *plan = world_up(&w, UP());
    assert_false(has_alias(plan, "demo-db-1", "store"));
    assert_true(has_link(plan, "demo-a-1", "db:store"));
    assert_true(has_link(plan, "demo-a-1", "demo-db-1:db-1"));
    assert_false(has_link(plan, "demo-db-1", "db:store"));
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    assert_string_equal(do_up(&w, UP()), "nothing to do\n");
    world_load(&w, "services: {a: {image: app, links: ['db:other']}, db: {image: app}}\n");
    const char *text = do_up(&w, UP());
    assert_contains(text, "services.a.links");
    assert_null(strstr(text, "services.db"));
    world_release(&w);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void content_of_a_files_secret_or_config_belongs_to_the_container(void **state)
{
    static const char *const kinds[] = { "secrets", "configs" };
    char path[] = "/tmp/test-plan-model-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct world w;

        world_init(&w, NULL);
        const char *yaml = arena_printf(&w.arena,
                "services: {a: {image: app, %s: [c]}}\n%s: {c: {file: %s}}\n", kinds[i], kinds[i],
                path);
        write_file(path, "one");
        world_load(&w, yaml);
        project_digest_files(w.project);
        do_up(&w, UP());
        assert_null(strstr(record_container(w.engine, "demo-a-1")->model, "one"));

        world_load(&w, yaml);
        project_digest_files(w.project);
        assert_string_equal(do_up(&w, UP()), "nothing to do\n");

        write_file(path, "two");
        world_load(&w, yaml);
        project_digest_files(w.project);
        const char *text = do_up(&w, UP());
        assert_contains(
                text, arena_printf(&w.arena, "the content of %s.c changed (<stdin>:2:", kinds[i]));
        assert_contains(text, "recreate  Container demo-a-1");

        /* An older berth stored no digest of it. */
        edit_model(&w, "\"c\":\"sha256:", "\"other\":\"sha256:");
        assert_string_equal(do_up(&w, UP()), "nothing to do\n");
        world_release(&w);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_berths_model_without_new_attributes_recreates_nothing),
        cmocka_unit_test(an_older_berths_other_defaults_recreate_nothing),
        cmocka_unit_test(defaults_that_are_no_more_recreate_nothing),
        cmocka_unit_test(what_was_written_and_differs_counts_though_there_is_a_default),
        cmocka_unit_test(writing_a_default_out_changes_nothing),
        cmocka_unit_test(a_network_of_an_older_berth_is_not_made_anew_for_a_default),
        cmocka_unit_test(a_link_is_what_the_linking_service_alone_calls_another),
        cmocka_unit_test(content_of_a_files_secret_or_config_belongs_to_the_container),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
