#include "tests/unit/compose/plan-fixture.h"

static const char *const two = "services:\n"
                               "  db:\n"
                               "    image: base\n"
                               "    volumes: ['data:/data']\n"
                               "  web:\n"
                               "    image: app\n"
                               "    environment:\n"
                               "      FOO: a\n"
                               "    depends_on: [db]\n"
                               "volumes: {data: {}}\n";

static void up_makes_everything_and_up_again_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    struct plan *plan = world_up(&w, UP());
    assert_string_equal(verdict(&w, plan), "pull 2 images, create 1 network, create 1 volume, "
                                           "create 2 containers");
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);

    char *log = record_take_log(w.engine);
    assert_true(position(log, "pull-image app") < position(log, "create-container demo-web-1"));
    assert_true(position(log, "create-network demo_default") <
                position(log, "create-container demo-db-1"));
    assert_true(
            position(log, "create-volume demo_data") < position(log, "create-container demo-db-1"));
    assert_true(position(log, "start-container demo-db-1") <
                position(log, "start-container demo-web-1"));
    free(log);

    plan = world_up(&w, UP());
    assert_int_equal(plan->steps.len, 0);
    assert_string_equal(verdict(&w, plan), "nothing to do");
    assert_int_equal(plan->kept.len, 2);
    assert_string_equal(plan->kept.items[0].status, "Running");
    assert_int_equal(w.diag.len, 0);
    plan_free(plan);
    world_release(&w);
}

static void labels_of_a_container_are_composes(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    const struct strmap *labels = &record_container(w.engine, "demo-web-1")->labels;
    assert_string_equal(strmap_get(labels, LABEL_PROJECT), "demo");
    assert_string_equal(strmap_get(labels, LABEL_SERVICE), "web");
    assert_string_equal(strmap_get(labels, LABEL_NUMBER), "1");
    assert_string_equal(strmap_get(labels, LABEL_ONEOFF), "False");
    assert_string_equal(strmap_get(labels, LABEL_DEPENDS_ON), "db:service_started:false");
    assert_string_equal(strmap_get(labels, LABEL_WORKING_DIR), "/");
    assert_int_equal(strlen(strmap_get(labels, LABEL_CONFIG_HASH)), 64);
    world_release(&w);
}

static void a_changed_service_and_only_that_is_recreated_with_its_reason(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    free(record_take_log(w.engine));
    world_load(&w, "services:\n"
                   "  db:\n"
                   "    image: base\n"
                   "    volumes: ['data:/data']\n"
                   "  web:\n"
                   "    image: app\n"
                   "    environment:\n"
                   "      FOO: b\n"
                   "    depends_on: [db]\n"
                   "volumes: {data: {}}\n");
    struct plan *plan = world_up(&w, UP());
    assert_string_equal(verdict(&w, plan), "recreate 1 container");
    assert_contains(plan_text(&w, plan), "recreate  Container demo-web-1\n"
                                         "          services.web.environment.FOO changed: "
                                         "\"a\" -> \"b\" (<stdin>:8:");
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);

    char *log = record_take_log(w.engine);
    assert_lacks(log, "demo-db-1");
    assert_true(strstr(log, "create-container 00000") < strstr(log, "stop-container demo-web-1"));
    assert_true(position(log, "stop-container demo-web-1") <
                position(log, "remove-container demo-web-1"));
    assert_true(position(log, "remove-container demo-web-1") <
                position(log, "start-container demo-web-1"));
    free(log);
    assert_string_equal(verdict(&w, plan = world_up(&w, UP())), "nothing to do");
    plan_free(plan);
    world_release(&w);
}

/* Loads `before`, brings it up, loads `after`, and gives the text of the plan. */
static const char *change_text(struct world *w, const char *before, const char *after)
{
    world_init(w, before);
    do_up(w, UP());
    world_load(w, after);
    return do_up(w, UP());
}

static void reasons_name_what_was_added_removed_and_changed(void **state)
{
    struct world w;
    const char *text = change_text(&w,
            "services:\n"
            "  a:\n"
            "    image: app\n"
            "    environment: {OLD: '1', SAME: x}\n"
            "    command: [run, fast]\n"
            "    ports: ['80:80']\n"
            "    labels: {com.example.key: one}\n",
            "services:\n"
            "  a:\n"
            "    image: app\n"
            "    environment: {NEW: '2', SAME: x}\n"
            "    command: [run, slow]\n"
            "    ports: ['81:80', '90:90']\n"
            "    hostname: h\n"
            "    labels: {com.example.key: two}\n");

    (void)state;
    assert_contains(text, "services.a.environment.OLD removed (was \"1\")");
    assert_contains(text, "services.a.environment.NEW added: \"2\" (<stdin>:4:");
    assert_contains(text,
            "services.a.command changed: [\"run\",\"fast\"] -> [\"run\",\"slow\"] (<stdin>:5:");
    assert_contains(text, "services.a.ports removed (was {");
    assert_contains(text, "services.a.ports[1] added: {");
    assert_contains(text, "services.a.hostname added: \"h\" (<stdin>:7:");
    assert_contains(
            text, "services.a.labels.com.example.key changed: \"one\" -> \"two\" (<stdin>:8:");
    assert_lacks(text, "SAME");
    world_release(&w);
}

static void what_makes_no_container_different_recreates_nothing(void **state)
{
    struct world w;
    const char *text = change_text(&w, "services: {a: {image: app}, b: {image: app}}\n",
            "services: {a: {image: app, depends_on: [b], pull_policy: missing, "
            "profiles: []}, b: {image: app, scale: 1}}\n");

    (void)state;
    assert_string_equal(text, "nothing to do\n");
    world_release(&w);
}

static void an_unreadable_stored_model_recreates_instead_of_failing(void **state)
{
    static const char *const broken[] = { "", "{", "[]", "{\"a\":}", "{\"a\":1}x", "\"x\"" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct world w;

        world_init(&w, "services: {a: {image: app}}\n");
        do_up(&w, UP());
        record_container(w.engine, "demo-a-1")->model = broken[i];
        assert_contains(do_up(&w, UP()), "cannot be read");
        world_release(&w);
    }
}

static void a_container_without_stored_model_is_judged_by_its_hash(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app}}\n");
    do_up(&w, UP());
    record_container(w.engine, "demo-a-1")->model = NULL;
    assert_string_equal(do_up(&w, UP()), "nothing to do\n");
    record_container(w.engine, "demo-a-1")->config_hash = "other";
    assert_contains(do_up(&w, UP()), "recreate  Container demo-a-1");
    world_release(&w);
}

static void content_of_a_config_belongs_to_the_container(void **state)
{
    struct world w;
    const char *text = change_text(&w,
            "services: {a: {image: app, configs: [c]}}\nconfigs: {c: {content: one}}\n",
            "services: {a: {image: app, configs: [c]}}\nconfigs: {c: {content: two}}\n");

    (void)state;
    assert_contains(text, "the content of configs.c changed (<stdin>:2:");
    world_release(&w);
}

/* ------------------------------------------------------------------ options of up */

static void force_recreate_takes_the_named_and_leaves_dependencies(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    const char *text = do_up(&w, UP(.force_recreate = true, .services = NAMES("web")));
    assert_contains(text, "recreate  Container demo-web-1\n          --force-recreate was given");
    assert_lacks(text, "demo-db-1");
    text = do_up(&w, UP(.always_recreate_deps = true, .services = NAMES("web")));
    assert_contains(text, "recreate  Container demo-db-1");
    assert_lacks(text, "demo-web-1");
    world_release(&w);
}

static void no_recreate_keeps_what_differs(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app, hostname: x}}\n");
    do_up(&w, UP());
    world_load(&w, "services: {a: {image: app, hostname: y}}\n");
    assert_string_equal(do_up(&w, UP(.no_recreate = true)), "nothing to do\n");
    world_release(&w);
}

static void named_services_bring_what_they_need_unless_no_deps(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    const char *text = do_up(&w, UP(.services = NAMES("web"), .no_deps = true));
    assert_contains(text, "create    Container demo-web-1");
    assert_lacks(text, "demo-db-1");
    text = do_up(&w, UP(.services = NAMES("web")));
    assert_contains(text, "create    Container demo-db-1");
    assert_lacks(text, "demo-web-1");
    world_release(&w);
}

static void no_start_creates_without_starting(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP(.no_start = true, .command = "create"));
    assert_int_equal(record_container(w.engine, "demo-web-1")->status, OBSERVED_CREATED);
    assert_string_equal(do_up(&w, UP(.no_start = true)), "nothing to do\n");
    struct plan *plan = world_up(&w, UP());
    assert_string_equal(verdict(&w, plan), "start 2 containers");
    plan_free(plan);
    world_release(&w);
}

static void set_scale(struct plan_up_options *options, const char *service, unsigned *count)
{
    strmap_set(&options->scale, service, count);
}

static void scaling_keeps_low_numbers_and_fills_gaps(void **state)
{
    struct world w;
    struct plan_up_options options = *UP();
    unsigned count = 3;

    (void)state;
    world_init(&w, "services: {a: {image: app}}\n");
    set_scale(&options, "a", &count);
    const char *text = do_up(&w, &options);
    assert_contains(text, "create    Container demo-a-3");

    struct backend *backend = record_open(w.engine);
    const char *id = record_container(w.engine, "demo-a-2")->id;
    assert_int_equal(backend->ops->container_remove(backend, id, true, false,
                             &(struct backend_call)BACKEND_CALL_INIT, NULL),
            0);
    backend_close(backend);
    text = do_up(&w, &options);
    assert_contains(text, "create    Container demo-a-2");
    assert_lacks(text, "demo-a-4");

    count = 1;
    text = do_up(&w, &options);
    assert_contains(text, "remove    Container demo-a-2");
    assert_contains(text, "remove    Container demo-a-3");
    assert_non_null(record_container(w.engine, "demo-a-1"));
    assert_null(record_container(w.engine, "demo-a-3"));

    count = 0;
    assert_contains(do_up(&w, &options), "remove    Container demo-a-1");
    strmap_release(&options.scale);
    world_release(&w);
}

static void a_fixed_name_cannot_be_scaled(void **state)
{
    struct world w;
    struct plan_up_options options = *UP();
    unsigned count = 2;

    (void)state;
    world_init(&w, "services: {a: {image: app, container_name: fixed}}\n");
    set_scale(&options, "a", &count);
    assert_null(world_up(&w, &options));
    assert_contains(error_text(&w), "can't set container_name \"fixed\" and scale 2");
    count = 1;
    do_up(&w, &options);
    assert_non_null(record_container(w.engine, "fixed"));
    strmap_release(&options.scale);
    world_release(&w);
}

static void an_unknown_service_is_refused(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    assert_null(world_up(&w, UP(.services = NAMES("wbe"))));
    assert_string_equal(error_text(&w), "no such service: wbe");
    world_release(&w);
}

static void orphans_are_listed_and_removed_on_request_only(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app}, gone: {image: app}}\n");
    do_up(&w, UP());
    world_load(&w, "services: {a: {image: app}}\n");
    struct plan *plan = world_up(&w, UP());
    assert_int_equal(plan->steps.len, 0);
    assert_int_equal(plan->orphans.len, 1);
    assert_string_equal(plan->orphans.items[0].name, "demo-gone-1");
    assert_int_equal(w.diag.warnings, 1);
    plan_free(plan);
    const char *text = do_up(&w, UP(.remove_orphans = true));
    assert_contains(text, "remove    Container demo-gone-1\n"
                          "          no service \"gone\" in the compose file");
    assert_null(record_container(w.engine, "demo-gone-1"));
    world_release(&w);
}

/* --------------------------------------------------------------------- images */

static void an_image_that_is_not_here_and_must_not_be_pulled_is_an_error_with_its_place(
        void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services:\n  a:\n    image: nowhere\n    pull_policy: never\n");
    assert_null(world_up(&w, UP()));
    assert_contains(error_text(&w), "services.a: image \"nowhere\" is not here");
    assert_int_equal(w.error->at.line, 3);
    world_release(&w);
}

static void one_image_of_several_services_is_pulled_once(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app}, b: {image: app}, c: {image: app}}\n");
    struct plan *plan = world_up(&w, UP());
    assert_string_equal(verdict(&w, plan), "pull 1 image, create 1 network, create 3 containers");
    plan_free(plan);
    world_release(&w);
}

static const char *const built = "services:\n"
                                 "  a: {build: /ctx, volumes: ['/anon']}\n"
                                 "  b: {image: base, depends_on: {a: {condition: service_started, "
                                 "restart: true}}}\n";

static void a_build_that_gives_the_same_image_recreates_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, built);
    do_up(&w, UP());
    free(record_take_log(w.engine));
    struct plan *plan = world_up(&w, UP(.build = true));
    assert_string_equal(verdict(&w, plan),
            "build 1 image, recreate 1 container if the image changes, "
            "restart 1 container");
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    char *log = record_take_log(w.engine);
    assert_string_equal(log, "build-image demo-a\n");
    free(log);
    world_release(&w);
}

static void a_build_that_gives_another_image_recreates_and_restarts_what_follows(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, built);
    do_up(&w, UP());
    free(record_take_log(w.engine));
    record_offer_image(w.engine, "demo-a", "sha256:new");
    do_up(&w, UP(.build = true));
    assert_string_equal(record_container(w.engine, "demo-a-1")->image_id, "sha256:new");
    char *log = record_take_log(w.engine);
    assert_true(
            position(log, "stop-container demo-b-1") < position(log, "stop-container demo-a-1"));
    assert_true(
            position(log, "start-container demo-a-1") < position(log, "start-container demo-b-1"));
    assert_lacks(log, "remove-container demo-b-1");
    free(log);
    world_release(&w);
}

static void an_image_that_changed_behind_our_back_recreates(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app}}\n");
    do_up(&w, UP());
    record_container(w.engine, "demo-a-1")->image_id = "sha256:before";
    assert_contains(do_up(&w, UP()), "image \"app\" changed: before -> app1");
    world_release(&w);
}

static void what_can_be_built_is_built_when_it_cannot_be_pulled(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: mine, build: /ctx}}\n");
    do_up(&w, UP());
    char *log = record_take_log(w.engine);
    assert_true(position(log, "pull-image mine") < position(log, "build-image mine"));
    free(log);

    struct world other;
    world_init(&other, "services: {a: {image: mine, build: /ctx}}\n");
    record_offer_image(other.engine, "mine", "sha256:m");
    do_up(&other, UP());
    log = record_take_log(other.engine);
    position(log, "pull-image mine");
    assert_lacks(log, "build-image");
    free(log);
    world_release(&other);
    world_release(&w);
}

static void no_build_of_what_must_be_built_is_an_error(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, built);
    assert_null(world_up(&w, UP(.no_build = true)));
    assert_contains(error_text(&w), "image \"demo-a\" is not here, and would have to be built");
    world_release(&w);
}

static void pull_policies_with_an_age_pull_when_it_is_over(void **state)
{
    struct world w;
    struct plan *plan = NULL;

    (void)state;
    world_init(&w, "services: {a: {image: app, pull_policy: every_12h}}\n");
    do_up(&w, UP());
    struct plan_input input = world_input(&w);
    ((struct observed_state *)input.state)->images.items[0].updated_nsec = 1;
    input.now_nsec = INT64_C(11) * 3600 * 1000000000;
    assert_int_equal(plan_up(&input, UP(), &plan, NULL, &w.error), 0);
    assert_string_equal(verdict(&w, plan), "nothing to do");
    plan_free(plan);
    input.now_nsec = INT64_C(13) * 3600 * 1000000000;
    assert_int_equal(plan_up(&input, UP(), &plan, NULL, &w.error), 0);
    assert_string_equal(
            verdict(&w, plan), "pull 1 image, recreate 1 container if the image changes");
    plan_free(plan);
    world_release(&w);
}

/* ----------------------------------------------------------- networks and volumes */

static void anonymous_volumes_go_over_to_the_new_container(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app, volumes: ['/cache']}}\n");
    do_up(&w, UP());
    const char *before = record_container(w.engine, "demo-a-1")->mounts.items[0].volume;
    do_up(&w, UP(.force_recreate = true));
    assert_string_equal(record_container(w.engine, "demo-a-1")->mounts.items[0].volume, before);
    do_up(&w, UP(.force_recreate = true, .renew_anon_volumes = true));
    assert_string_not_equal(record_container(w.engine, "demo-a-1")->mounts.items[0].volume, before);
    world_release(&w);
}

static void a_fixed_address_is_given_up_before_it_is_taken_again(void **state)
{
    struct world w;

    (void)state;
    world_init(&w,
            "services: {a: {image: app, hostname: x, networks: {n: {ipv4_address: 10.9.0.7}}}}\n"
            "networks: {n: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}\n");
    do_up(&w, UP());
    world_load(&w,
            "services: {a: {image: app, hostname: y, networks: {n: {ipv4_address: 10.9.0.7}}}}\n"
            "networks: {n: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}\n");
    free(record_take_log(w.engine));
    const char *text = do_up(&w, UP());
    assert_contains(text, "recreate  Container demo-a-1\n          services.a.hostname changed");
    assert_contains(text, "\nrecreate 1 container\n");
    char *log = record_take_log(w.engine);
    assert_string_equal(log, "store-project demo\n"
                             "stop-container demo-a-1\nremove-container demo-a-1\n"
                             "create-container demo-a-1\nstart-container demo-a-1\n");
    free(log);
    world_release(&w);
}

static void a_changed_network_is_made_anew_with_all_its_containers(void **state)
{
    struct world w;
    const char *text = change_text(&w,
            "services: {a: {image: app, depends_on: [b]}, b: {image: app}, "
            "c: {image: app, networks: [own]}}\nnetworks: {own: {}}\n",
            "services: {a: {image: app, depends_on: [b]}, b: {image: app}, "
            "c: {image: app, networks: [own]}}\n"
            "networks: {own: {}, default: {internal: true}}\n");

    (void)state;
    assert_contains(text, "remove    Network demo_default");
    assert_contains(text, "recreate  Container demo-a-1");
    assert_contains(text, "recreate  Container demo-b-1");
    assert_lacks(text, "demo-c-1");
    char *end = record_describe(w.engine);
    assert_lacks(end, "(gone)");
    free(end);
    world_release(&w);
}

static void a_changed_network_that_others_are_on_is_used_as_it_is(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app}, gone: {image: app}}\n");
    do_up(&w, UP());
    world_load(&w, "services: {a: {image: app}}\nnetworks: {default: {internal: true}}\n");
    struct plan *plan = world_up(&w, UP());
    assert_string_equal(verdict(&w, plan), "nothing to do");
    assert_int_equal(w.diag.warnings, 2);
    plan_free(plan);
    const char *text = do_up(&w, UP(.remove_orphans = true));
    assert_contains(text, "remove    Network demo_default");
    assert_contains(text, "remove    Container demo-gone-1");
    world_release(&w);
}

static void no_recreate_leaves_networks_alone_too(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app}}\n");
    do_up(&w, UP());
    world_load(&w, "services: {a: {image: app}}\nnetworks: {default: {internal: true}}\n");
    assert_string_equal(do_up(&w, UP(.no_recreate = true)), "nothing to do\n");
    world_release(&w);
}

static void a_changed_volume_is_kept_unless_the_user_agrees(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app, volumes: ['vol:/v']}}\nvolumes: {vol: {}}\n");
    do_up(&w, UP());
    world_load(&w, "services: {a: {image: app, volumes: ['vol:/v']}}\n"
                   "volumes: {vol: {driver_opts: {type: tmpfs}}}\n");
    struct plan *plan = world_up(&w, UP());
    assert_string_equal(verdict(&w, plan), "nothing to do");
    assert_string_equal(plan->changed_volumes.items[0], "demo_vol");
    assert_int_equal(w.diag.warnings, 1);
    plan_free(plan);
    free(record_take_log(w.engine));
    do_up(&w, UP(.recreate_volumes = true));
    char *log = record_take_log(w.engine);
    assert_true(
            position(log, "remove-container demo-a-1") < position(log, "remove-volume demo_vol"));
    assert_true(position(log, "remove-volume demo_vol") < position(log, "create-volume demo_vol"));
    assert_true(
            position(log, "create-volume demo_vol") < position(log, "create-container demo-a-1"));
    free(log);
    world_release(&w);
}

static void missing_external_resources_are_errors_with_their_place(void **state)
{
    struct world w;

    (void)state;
    world_init(
            &w, "services: {a: {image: app, networks: [n]}}\nnetworks:\n  n: {external: true}\n");
    assert_null(world_up(&w, UP()));
    assert_string_equal(error_text(&w), "network n declared as external, but could not be found");
    assert_int_equal(w.error->at.line, 3);
    world_load(&w,
            "services: {a: {image: app, volumes: ['vol:/v']}}\nvolumes:\n  vol: {external: true}\n");
    assert_null(world_up(&w, UP()));
    assert_string_equal(error_text(&w), "external volume \"vol\" not found");
    world_release(&w);
}

static void a_service_that_joins_a_network_is_recreated(void **state)
{
    struct world w;
    const char *text = change_text(&w, "services: {a: {image: app}}\nnetworks: {n: {}}\n",
            "services: {a: {image: app, networks: [default, n]}}\nnetworks: {n: {}}\n");

    (void)state;
    assert_contains(text, "create    Network demo_n");
    assert_contains(text, "services.a.networks");
    world_release(&w);
}

/* ---------------------------------------------------------- what hangs on what */

static void users_of_a_network_namespace_follow_its_owner(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {vpn: {image: app, hostname: x}, "
                   "user: {image: app, network_mode: 'service:vpn'}, free: {image: app}}\n");
    do_up(&w, UP());
    free(record_take_log(w.engine));
    world_load(&w, "services: {vpn: {image: app, hostname: y}, "
                   "user: {image: app, network_mode: 'service:vpn'}, free: {image: app}}\n");
    const char *text = do_up(&w, UP(.services = NAMES("vpn")));
    assert_contains(text, "recreate  Container demo-user-1\n          services.user.network_mode: "
                          "the container of \"vpn\" is replaced");
    assert_lacks(text, "demo-free-1");
    char *log = record_take_log(w.engine);
    assert_true(position(log, "stop-container demo-user-1") <
                position(log, "stop-container demo-vpn-1"));
    assert_true(position(log, "start-container demo-vpn-1") <
                position(log, "start-container demo-user-1"));
    free(log);
    char *end = record_describe(w.engine);
    assert_contains(end, "join:demo-vpn-1");
    free(end);
    assert_string_equal(do_up(&w, UP()), "nothing to do\n");
    world_release(&w);
}

static void a_stopped_namespace_owner_takes_its_users_through_a_restart(void **state)
{
    struct world w;

    (void)state;
    world_init(
            &w, "services: {vpn: {image: app}, user: {image: app, network_mode: 'service:vpn'}}\n");
    do_up(&w, UP());
    record_container(w.engine, "demo-vpn-1")->status = OBSERVED_EXITED;
    const char *text = do_up(&w, UP());
    assert_contains(text, "stop      Container demo-user-1");
    assert_contains(text, "start     Container demo-vpn-1\n          it has exited (0)");
    assert_contains(text, "start     Container demo-user-1");
    world_release(&w);
}

static void only_dependents_that_ask_for_it_are_restarted(void **state)
{
    struct world w;

    (void)state;
    world_init(&w,
            "services: {db: {image: app, hostname: x}, "
            "a: {image: app, depends_on: {db: {condition: service_started, restart: true}}}, "
            "b: {image: app, depends_on: [db]}}\n");
    do_up(&w, UP());
    world_load(&w,
            "services: {db: {image: app, hostname: y}, "
            "a: {image: app, depends_on: {db: {condition: service_started, restart: true}}}, "
            "b: {image: app, depends_on: [db]}}\n");
    struct plan *plan = world_up(&w, UP());
    assert_string_equal(verdict(&w, plan), "recreate 1 container, restart 1 container");
    assert_lacks(plan_text(&w, plan), "demo-b-1");
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    assert_string_equal(do_up(&w, UP()), "nothing to do\n");
    world_release(&w);
}

static void what_is_stopped_paused_or_dead_is_made_to_run(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app}}\n");
    do_up(&w, UP());
    record_container(w.engine, "demo-a-1")->status = OBSERVED_EXITED;
    record_container(w.engine, "demo-a-1")->exit_code = 3;
    assert_string_equal(do_up(&w, UP()), "start     Container demo-a-1\n"
                                         "          it has exited (3)\nstart 1 container\n");
    record_container(w.engine, "demo-a-1")->status = OBSERVED_PAUSED;
    assert_string_equal(do_up(&w, UP()), "unpause   Container demo-a-1\n"
                                         "          it is paused\nunpause 1 container\n");
    record_container(w.engine, "demo-a-1")->status = OBSERVED_DEAD;
    assert_contains(do_up(&w, UP()), "recreate  Container demo-a-1\n          it is dead");
    assert_int_equal(record_container(w.engine, "demo-a-1")->status, OBSERVED_RUNNING);
    world_release(&w);
}

/* ------------------------------------------------------------------ down, verbs */

static void down_stops_in_reverse_and_leaves_volumes(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    free(record_take_log(w.engine));
    struct plan *plan = world_down(&w, &(struct plan_down_options){ 0 });
    assert_string_equal(verdict(&w, plan), "remove 2 containers, remove 1 network");
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    char *log = record_take_log(w.engine);
    assert_true(
            position(log, "stop-container demo-web-1") < position(log, "stop-container demo-db-1"));
    assert_true(position(log, "remove-container demo-db-1") <
                position(log, "remove-network demo_default"));
    free(log);
    char *end = record_describe(w.engine);
    assert_string_equal(end, "volume demo_data\n");
    free(end);

    assert_string_equal(
            verdict(&w, plan = world_down(&w, &(struct plan_down_options){ .volumes = true })),
            "remove 1 volume");
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    assert_string_equal(
            verdict(&w, plan = world_down(&w, &(struct plan_down_options){ .volumes = true })),
            "nothing to do");
    plan_free(plan);
    world_release(&w);
}

static void down_without_files_goes_by_the_labels(void **state)
{
    struct world w;
    struct plan *plan = NULL;

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    free(record_take_log(w.engine));
    struct plan_input input = world_input(&w);
    input.project_name = "demo";
    input.project = NULL;
    input.graph = NULL;
    assert_int_equal(plan_down(&input, &(struct plan_down_options){ .volumes = true }, &plan,
                             &w.diag, &w.error),
            0);
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    char *log = record_take_log(w.engine);
    assert_true(
            position(log, "stop-container demo-web-1") < position(log, "stop-container demo-db-1"));
    free(log);
    char *end = record_describe(w.engine);
    assert_string_equal(end, "");
    free(end);
    world_release(&w);
}

static void down_takes_the_network_of_a_container_that_is_just_ending(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app}, b: {image: app}}\n");
    do_up(&w, UP());
    record_end_lingering(w.engine, "demo-a-1");
    struct plan *plan = world_down(&w, &(struct plan_down_options){ 0 });
    assert_string_equal(verdict(&w, plan), "remove 2 containers, remove 1 network");
    assert_int_equal(w.diag.warnings, 0);
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    char *end = record_describe(w.engine);
    assert_string_equal(end, "");
    free(end);
    world_release(&w);
}

static void down_leaves_orphans_and_the_network_they_are_on(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {a: {image: app}, gone: {image: app}}\n");
    do_up(&w, UP());
    world_load(&w, "services: {a: {image: app}}\n");
    struct plan *plan = world_down(&w, &(struct plan_down_options){ 0 });
    assert_string_equal(verdict(&w, plan), "remove 1 container");
    assert_int_equal(w.diag.warnings, 2);
    plan_free(plan);
    plan = world_down(&w, &(struct plan_down_options){ .remove_orphans = true });
    assert_string_equal(verdict(&w, plan), "remove 2 containers, remove 1 network");
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    world_release(&w);
}

static void down_of_a_service_takes_what_needs_it(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, "services: {db: {image: app}, web: {image: app, depends_on: [db]}, "
                   "other: {image: app}}\n");
    do_up(&w, UP());
    struct plan *plan = world_down(&w, &(struct plan_down_options){ .services = NAMES("db") });
    const char *text = plan_text(&w, plan);
    assert_contains(text, "demo-web-1");
    assert_contains(text, "demo-db-1");
    assert_lacks(text, "demo-other-1");
    assert_lacks(text, "Network");
    plan_free(plan);
    world_release(&w);
}

static void down_removes_images_on_request(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, built);
    do_up(&w, UP());
    struct plan *plan = world_down(&w, &(struct plan_down_options){ .rmi = PLAN_RMI_LOCAL });
    assert_contains(plan_text(&w, plan), "remove    Image demo-a");
    assert_lacks(plan_text(&w, plan), "Image base");
    plan_free(plan);
    plan = world_down(&w, &(struct plan_down_options){ .rmi = PLAN_RMI_ALL });
    assert_contains(plan_text(&w, plan), "remove    Image base");
    plan_free(plan);
    world_release(&w);
}

static void do_verb(struct world *w, enum plan_verb verb, const struct plan_verb_options *options,
        const char *expected_verdict)
{
    struct plan *plan = world_verb(w, verb, options);

    assert_string_equal(verdict(w, plan), expected_verdict);
    assert_int_equal(world_run(w, plan), 0);
    plan_free(plan);
}

static void verbs_act_on_the_containers_in_the_right_state(void **state)
{
    struct world w;
    const struct plan_verb_options all = { .timeout_usec = BACKEND_TIMEOUT_DEFAULT };

    (void)state;
    world_init(&w, two);
    do_up(&w, UP());
    do_verb(&w, PLAN_VERB_START, &all, "nothing to do");
    do_verb(&w, PLAN_VERB_PAUSE, &all, "pause 2 containers");
    do_verb(&w, PLAN_VERB_PAUSE, &all, "nothing to do");
    do_verb(&w, PLAN_VERB_UNPAUSE, &all, "unpause 2 containers");
    do_verb(&w, PLAN_VERB_RM, &all, "nothing to do");
    free(record_take_log(w.engine));
    do_verb(&w, PLAN_VERB_STOP, &all, "stop 2 containers");
    char *log = record_take_log(w.engine);
    assert_string_equal(log, "stop-container demo-web-1\nstop-container demo-db-1\n");
    free(log);
    do_verb(&w, PLAN_VERB_STOP, &all, "nothing to do");
    do_verb(&w, PLAN_VERB_START, &all, "start 2 containers");
    log = record_take_log(w.engine);
    assert_string_equal(log, "start-container demo-db-1\nstart-container demo-web-1\n");
    free(log);
    do_verb(&w, PLAN_VERB_RESTART, &all, "restart 2 containers");
    do_verb(&w, PLAN_VERB_KILL, &(struct plan_verb_options){ .services = NAMES("web") },
            "kill 1 container");
    do_verb(&w, PLAN_VERB_RM, &all, "remove 1 container");
    do_verb(&w, PLAN_VERB_RM, &(struct plan_verb_options){ .stop = true }, "remove 1 container");
    world_release(&w);
}

static void starting_what_was_never_created_is_an_error(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, two);
    assert_null(world_verb(
            &w, PLAN_VERB_START, &(struct plan_verb_options){ .services = NAMES("web") }));
    assert_string_equal(error_text(&w), "service \"db\" has no container to start");
    world_release(&w);
}

static void restart_takes_dependents_that_ask_for_it(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, built);
    do_up(&w, UP());
    do_verb(&w, PLAN_VERB_RESTART, &(struct plan_verb_options){ .services = NAMES("a") },
            "restart 2 containers");
    do_verb(&w, PLAN_VERB_RESTART,
            &(struct plan_verb_options){ .services = NAMES("a"), .no_deps = true },
            "restart 1 container");
    world_release(&w);
}

/* ---------------------------------------------------------------- run, pull, build */

static void run_makes_one_more_container_after_what_it_needs(void **state)
{
    struct world w;
    struct plan *plan = NULL;

    (void)state;
    world_init(&w, two);
    struct plan_input input = world_input(&w);
    struct service changed = *project_find_service(w.project, "web");
    struct plan_run_options options = {
        .up = *UP(),
        .service = &changed,
        .slug = "0123456789ab",
        .auto_remove = true,
        .start = true,
    };
    assert_int_equal(plan_run(&input, &options, &plan, &w.diag, &w.error), 0);
    assert_string_equal(plan->oneoff->name, "demo-web-run-0123456789ab");
    assert_int_equal(world_run(&w, plan), 0);
    plan_free(plan);
    char *log = record_take_log(w.engine);
    assert_true(position(log, "start-container demo-db-1") <
                position(log, "create-container demo-web-run-0123456789ab"));
    assert_lacks(log, "demo-web-1");
    free(log);
    const struct observed_container *c = record_container(w.engine, "demo-web-run-0123456789ab");
    assert_true(c->oneoff && c->auto_remove);
    assert_null(strmap_get(&c->labels, LABEL_NUMBER));
    assert_string_equal(strmap_get(&c->labels, LABEL_SLUG), "0123456789ab");

    /* It does not count as a container of the service, and is no orphan while it runs. */
    plan = world_up(&w, UP());
    assert_string_equal(verdict(&w, plan), "create 1 container");
    assert_int_equal(plan->orphans.len, 0);
    plan_free(plan);
    world_release(&w);
}

static void run_without_deps_touches_nothing_else(void **state)
{
    struct world w;
    struct plan *plan = NULL;

    (void)state;
    world_init(&w, two);
    struct plan_input input = world_input(&w);
    struct plan_run_options options = {
        .up = *UP(.no_deps = true),
        .service = project_find_service(w.project, "web"),
        .slug = "0123456789ab",
    };
    assert_int_equal(plan_run(&input, &options, &plan, &w.diag, &w.error), 0);
    assert_string_equal(verdict(&w, plan), "pull 1 image, create 1 network, create 1 container");
    plan_free(plan);
    world_release(&w);
}

static void pull_and_build_deal_with_images_only(void **state)
{
    struct world w;
    struct plan *plan = NULL;

    (void)state;
    world_init(&w, "services:\n"
                   "  a: {build: {context: /ctx, additional_contexts: {x: 'service:c'}}}\n"
                   "  b: {image: base}\n"
                   "  c: {build: /c, image: mine}\n");
    struct plan_input input = world_input(&w);
    assert_int_equal(
            plan_pull(&input, &(struct plan_images_options){ 0 }, &plan, &w.diag, &w.error), 0);
    assert_string_equal(verdict(&w, plan), "pull 2 images");
    plan_free(plan);
    assert_int_equal(plan_build(&input, &(struct plan_images_options){ .no_cache = true }, &plan,
                             &w.diag, &w.error),
            0);
    assert_string_equal(verdict(&w, plan), "build 2 images");
    assert_true(plan->steps.items[0]->build->no_cache);
    assert_string_equal(plan->steps.items[0]->name, "mine");
    plan_free(plan);
    world_release(&w);
}

static void json_of_a_plan_holds_steps_and_reasons(void **state)
{
    struct world w;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1u << 20);

    (void)state;
    world_init(&w, "services: {a: {image: app}}\n");
    struct plan *plan = world_up(&w, UP());
    plan_print_json(plan, &text);
    assert_contains(text.data, "{\"project\":\"demo\",\"command\":\"up\",\"steps\":[{\"id\":0,"
                               "\"action\":\"pull-image\",\"subject\":\"Image app\"");
    assert_contains(text.data, "\"text\":\"image \\\"app\\\" is not here\",\"file\":\"<stdin>\","
                               "\"line\":1,\"column\":");
    assert_contains(
            text.data, "\"verdict\":\"pull 1 image, create 1 network, create 1 container\"}");
    plan_free(plan);
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_makes_everything_and_up_again_nothing),
        cmocka_unit_test(labels_of_a_container_are_composes),
        cmocka_unit_test(a_changed_service_and_only_that_is_recreated_with_its_reason),
        cmocka_unit_test(reasons_name_what_was_added_removed_and_changed),
        cmocka_unit_test(what_makes_no_container_different_recreates_nothing),
        cmocka_unit_test(an_unreadable_stored_model_recreates_instead_of_failing),
        cmocka_unit_test(a_container_without_stored_model_is_judged_by_its_hash),
        cmocka_unit_test(content_of_a_config_belongs_to_the_container),
        cmocka_unit_test(force_recreate_takes_the_named_and_leaves_dependencies),
        cmocka_unit_test(no_recreate_keeps_what_differs),
        cmocka_unit_test(named_services_bring_what_they_need_unless_no_deps),
        cmocka_unit_test(no_start_creates_without_starting),
        cmocka_unit_test(scaling_keeps_low_numbers_and_fills_gaps),
        cmocka_unit_test(a_fixed_name_cannot_be_scaled),
        cmocka_unit_test(an_unknown_service_is_refused),
        cmocka_unit_test(orphans_are_listed_and_removed_on_request_only),
        cmocka_unit_test(
                an_image_that_is_not_here_and_must_not_be_pulled_is_an_error_with_its_place),
        cmocka_unit_test(one_image_of_several_services_is_pulled_once),
        cmocka_unit_test(a_build_that_gives_the_same_image_recreates_nothing),
        cmocka_unit_test(a_build_that_gives_another_image_recreates_and_restarts_what_follows),
        cmocka_unit_test(an_image_that_changed_behind_our_back_recreates),
        cmocka_unit_test(what_can_be_built_is_built_when_it_cannot_be_pulled),
        cmocka_unit_test(no_build_of_what_must_be_built_is_an_error),
        cmocka_unit_test(pull_policies_with_an_age_pull_when_it_is_over),
        cmocka_unit_test(anonymous_volumes_go_over_to_the_new_container),
        cmocka_unit_test(a_fixed_address_is_given_up_before_it_is_taken_again),
        cmocka_unit_test(a_changed_network_is_made_anew_with_all_its_containers),
        cmocka_unit_test(a_changed_network_that_others_are_on_is_used_as_it_is),
        cmocka_unit_test(no_recreate_leaves_networks_alone_too),
        cmocka_unit_test(a_changed_volume_is_kept_unless_the_user_agrees),
        cmocka_unit_test(missing_external_resources_are_errors_with_their_place),
        cmocka_unit_test(a_service_that_joins_a_network_is_recreated),
        cmocka_unit_test(users_of_a_network_namespace_follow_its_owner),
        cmocka_unit_test(a_stopped_namespace_owner_takes_its_users_through_a_restart),
        cmocka_unit_test(only_dependents_that_ask_for_it_are_restarted),
        cmocka_unit_test(what_is_stopped_paused_or_dead_is_made_to_run),
        cmocka_unit_test(down_stops_in_reverse_and_leaves_volumes),
        cmocka_unit_test(down_without_files_goes_by_the_labels),
        cmocka_unit_test(down_takes_the_network_of_a_container_that_is_just_ending),
        cmocka_unit_test(down_leaves_orphans_and_the_network_they_are_on),
        cmocka_unit_test(down_of_a_service_takes_what_needs_it),
        cmocka_unit_test(down_removes_images_on_request),
        cmocka_unit_test(verbs_act_on_the_containers_in_the_right_state),
        cmocka_unit_test(starting_what_was_never_created_is_an_error),
        cmocka_unit_test(restart_takes_dependents_that_ask_for_it),
        cmocka_unit_test(run_makes_one_more_container_after_what_it_needs),
        cmocka_unit_test(run_without_deps_touches_nothing_else),
        cmocka_unit_test(pull_and_build_deal_with_images_only),
        cmocka_unit_test(json_of_a_plan_holds_steps_and_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
