/* Files, folders, variables and names: what decides which project is loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "compose/load.h"
#include "compose/project.h"

#define SMALL "services: {web: {image: x}}\n"

struct fixture {
    char dir[64]; /* holds "project" and "project/below" */
    int dir_fd;
    char working_dir[96];
    struct arena arena;
    struct diag diag;
    struct load_options options;
    struct project *project;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/berth-load-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->dir_fd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->dir_fd >= 0);
    assert_int_equal(mkdirat(f->dir_fd, "project", 0755), 0);
    assert_int_equal(mkdirat(f->dir_fd, "project/below", 0755), 0);
    (void)snprintf(f->working_dir, sizeof(f->working_dir), "%s/project", f->dir);
    f->options.working_dir = f->working_dir;
    f->options.stdin_fd = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    close(f->dir_fd);
    diag_release(&f->diag);
    arena_release(&f->arena);
    (void)fs_remove_tree(AT_FDCWD, f->dir, NULL);
    free(f);
    return 0;
}

static void put(struct fixture *f, const char *path, const char *text)
{
    assert_int_equal(
            fs_replace_file(f->dir_fd, path, text, strlen(text), 0644, FS_NO_SYNC, NULL), 0);
}

static int load(struct fixture *f)
{
    diag_release(&f->diag);
    f->diag = (struct diag)DIAG_INIT;
    return project_load(&f->arena, &f->options, &f->project, &f->diag, NULL);
}

static void use_file(struct fixture *f, const char *name)
{
    *ARRAY_APPEND_ARENA(&f->arena, &f->options.files) = arena_strdup(&f->arena, name);
}

static void the_first_known_name_is_found_here_or_above(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(load(f), -ENOENT);
    put(f, "project/docker-compose.yml", SMALL);
    assert_int_equal(load(f), 0);
    assert_string_equal(f->project->files.items[0], "docker-compose.yml");
    put(f, "project/compose.yaml", SMALL);
    assert_int_equal(load(f), 0);
    assert_string_equal(f->project->files.items[0], "compose.yaml");
    assert_int_equal(f->diag.warnings, 1); /* there are two */
    (void)snprintf(f->working_dir, sizeof(f->working_dir), "%s/project/below", f->dir);
    assert_int_equal(load(f), 0);
    assert_string_equal(f->project->name, "project");
}

static void an_override_file_counts_unless_files_are_named(void **state)
{
    struct fixture *f = *state;

    put(f, "project/compose.yaml", SMALL);
    put(f, "project/compose.override.yaml", "services: {web: {image: y}}\n");
    assert_int_equal(load(f), 0);
    assert_string_equal(project_find_service(f->project, "web")->image, "y");
    use_file(f, "compose.yaml");
    assert_int_equal(load(f), 0);
    assert_string_equal(project_find_service(f->project, "web")->image, "x");
}

static void variables_come_from_the_process_before_the_files(void **state)
{
    struct fixture *f = *state;
    static char *const env[] = { "A=process", "EMPTY=", NULL };

    put(f, "project/.env", "A=file\nB=file\nEMPTY=file\n");
    put(f, "project/compose.yaml", "services: {web: {image: \"${A}-${B}-${EMPTY}\"}}\n");
    f->options.env = env;
    assert_int_equal(load(f), 0);
    assert_string_equal(project_find_service(f->project, "web")->image, "process-file-");
    put(f, "project/other.env", "B=other\n");
    *ARRAY_APPEND_ARENA(&f->arena, &f->options.env_files) = arena_strdup(&f->arena, "other.env");
    assert_int_equal(load(f), 0);
    assert_string_equal(project_find_service(f->project, "web")->image, "process-other-");
}

static void compose_file_may_stand_in_dot_env(void **state)
{
    struct fixture *f = *state;

    put(f, "project/.env", "COMPOSE_FILE=a.yaml:below/b.yaml\n");
    put(f, "project/a.yaml", SMALL);
    put(f, "project/below/b.yaml", "services: {web: {image: b, volumes: [\"./d:/d\"]}}\n");
    assert_int_equal(load(f), 0);
    assert_int_equal(f->project->files.len, 2);
    assert_string_equal(project_find_service(f->project, "web")->image, "b");
    /* paths start at the folder of the first file */
    assert_string_equal(project_find_service(f->project, "web")->volumes.items[0].source,
            arena_printf(&f->arena, "%s/project/d", f->dir));
}

static void the_name_is_taken_from_the_strongest_source(void **state)
{
    struct fixture *f = *state;
    static char *const env[] = { "COMPOSE_PROJECT_NAME=from-env", NULL };

    put(f, "project/compose.yaml", "name: From_File\nservices: {web: {image: x}}\n");
    assert_int_equal(load(f), 0);
    assert_string_equal(f->project->name, "from_file");
    f->options.env = env;
    assert_int_equal(load(f), 0);
    assert_string_equal(f->project->name, "from-env");
    f->options.project_name = "flag";
    assert_int_equal(load(f), 0);
    assert_string_equal(f->project->name, "flag");
    f->options.project_name = "Not Valid";
    assert_int_equal(load(f), -EINVAL);
    assert_non_null(strstr(f->diag.items[0].message, "Not Valid"));
}

static void a_file_is_refused_above_its_limit(void **state)
{
    struct fixture *f = *state;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_COMPOSE_FILE_BYTES + 16);

    strbuf_adds(&text, SMALL "#");
    while (text.len < LIMIT_COMPOSE_FILE_BYTES)
        strbuf_addc(&text, 'x');
    put(f, "project/compose.yaml", text.data);
    assert_int_equal(load(f), 0);
    strbuf_addc(&text, 'x');
    put(f, "project/compose.yaml", text.data);
    assert_int_equal(load(f), -EINVAL);
    assert_true(f->diag.errors == 1);
}

/* An anchor of a mebibyte, and a service that uses it so many times. */
static int load_aliases(struct fixture *f, unsigned count)
{
    enum { LENGTH = 1 << 20 };
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(2 * LENGTH);

    strbuf_adds(&text, "x-a: &a ");
    for (size_t i = 0; i < LENGTH; i++)
        strbuf_addc(&text, 'x');
    strbuf_adds(&text, "\nservices:\n  web:\n    image: x\n    labels:\n");
    for (unsigned i = 0; i < count; i++)
        strbuf_addf(&text, "      l%u: *a\n", i);
    put(f, "project/compose.yaml", text.data);
    return load(f);
}

static void a_service_is_refused_above_its_limit(void **state)
{
    struct fixture *f = *state;
    const unsigned limit = LIMIT_MODEL_BYTES >> 20;

    assert_int_equal(load_aliases(f, limit - 1), 0);
    assert_int_equal(
            strlen(service_config_hash(&f->arena, project_find_service(f->project, "web"))), 64);
    assert_int_equal(load_aliases(f, limit), -EINVAL);
    assert_int_equal(f->diag.errors, 1);
    assert_string_equal(
            f->diag.items[0].message, "services.web: more than 16 MiB of text, which is the limit");
    assert_int_equal(f->diag.items[0].at.line, 3);
}

static void variables_of_services_are_refused_above_their_number(void **state)
{
    enum { LINES = 100000, FITTING = LIMIT_ENV_VARIABLES / LINES };
    struct fixture *f = *state;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1 << 20);

    for (size_t i = 0; i < LINES; i++)
        strbuf_adds(&text, "A=\n");
    put(f, "project/many.env", text.data);
    strbuf_reset(&text);
    strbuf_adds(&text, "services:\n");
    for (unsigned i = 0; i < FITTING; i++)
        strbuf_addf(&text, "  a%u: {image: x, env_file: many.env}\n", i);
    put(f, "project/compose.yaml", text.data);
    assert_int_equal(load(f), 0);
    strbuf_adds(
            &text, "  b: {image: x, label_file: many.env}\n  c: {image: x, env_file: many.env}\n");
    put(f, "project/compose.yaml", text.data);
    assert_int_equal(load(f), -EINVAL);
    assert_int_equal(f->diag.errors, 1);
    assert_non_null(strstr(f->diag.items[0].message, "more than 128 MiB or 1000000 variables"));
    assert_int_equal(f->diag.items[0].at.line, 1 + FITTING + 1);
}

/* Twelve levels of two files that both include both of the next level: 8190 ways. */
static void includes_are_refused_above_their_number(void **state)
{
    struct fixture *f = *state;
    char name[32], text[96];

    for (int level = 0; level < 12; level++) {
        for (int side = 0; side < 2; side++) {
            (void)snprintf(name, sizeof(name), "project/%c%d.yaml", 'a' + side, level);
            (void)snprintf(
                    text, sizeof(text), "include: [a%d.yaml, b%d.yaml]\n", level + 1, level + 1);
            put(f, name, level < 11 ? text : SMALL);
        }
    }
    put(f, "project/compose.yaml", "include: [a0.yaml, b0.yaml]\n");
    assert_int_equal(load(f), -EINVAL);
    assert_true(f->diag.errors == 1);
    assert_non_null(strstr(f->diag.items[0].message, "more than 2000 includes"));
}

static void includes_are_refused_above_their_depth(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i <= LIMIT_INCLUDE_DEPTH + 1; i++) {
        char name[64], text[128];

        (void)snprintf(name, sizeof(name), "project/i%u.yaml", i);
        (void)snprintf(
                text, sizeof(text), "include: [i%u.yaml]\nservices: {s%u: {image: x}}\n", i + 1, i);
        put(f, name, i > LIMIT_INCLUDE_DEPTH ? SMALL : text);
    }
    use_file(f, "i1.yaml");
    assert_int_equal(load(f), 0);
    assert_int_equal(f->project->services.len, LIMIT_INCLUDE_DEPTH + 1);
    f->options.files.len = 0;
    use_file(f, "i0.yaml");
    assert_int_equal(load(f), -EINVAL);
}

static void places_of_fields_are_found_also_with_dots_in_keys(void **state)
{
    struct fixture *f = *state;
    struct source at;

    put(f, "project/compose.yaml",
            "services:\n  web:\n    image: x\n    ports:\n      - 80\n      - \"81:81\"\n"
            "    labels:\n      a.b: c\n    environment:\n      - A=1\n");
    assert_int_equal(load(f), 0);
    const struct service *web = project_find_service(f->project, "web");

    assert_true(service_field_source(web, "ports[1]", &at));
    assert_int_equal(at.line, 6);
    assert_true(service_field_source(web, "labels.a.b", &at));
    assert_int_equal(at.line, 8);
    assert_true(service_field_source(web, "environment.A", &at));
    assert_int_equal(at.line, 10);
    assert_false(service_field_source(web, "environment.B", &at));
    assert_int_equal(at.line, 9);
    assert_false(service_field_source(web, "nothing.here[3]", &at));
    assert_int_equal(at.line, 2);
}

static const char *model_of(struct fixture *f, const char *service)
{
    put(f, "project/compose.yaml",
            arena_printf(&f->arena, "services:\n  web: {%s}\n  b: {image: b}\n", service));
    assert_int_equal(load(f), 0);
    return service_model_json(&f->arena, project_find_service(f->project, "web"));
}

static void the_model_changes_with_the_container_only(void **state)
{
    struct fixture *f = *state;
    const char *plain = model_of(f, "image: x, environment: {A: 1, B: 2}");

    assert_string_equal(plain, model_of(f, "environment: [B=2, \"A=1\"], image: x"));
    assert_string_equal(plain, model_of(f, "image: x, environment: {A: 1, B: 2}, scale: 3"));
    assert_string_equal(
            plain, model_of(f, "image: x, environment: {A: 1, B: 2}, deploy: {replicas: 2}"));
    assert_string_equal(plain, model_of(f, "image: x, environment: {A: 1, B: 2}, depends_on: [b]"));
    assert_string_not_equal(plain, model_of(f, "image: x, environment: {A: 1, B: 3}"));
    assert_string_not_equal(plain, model_of(f, "image: x, environment: {A: 1, B: 2}, init: true"));
    assert_int_equal(
            strlen(service_config_hash(&f->arena, project_find_service(f->project, "web"))), 64);
}

static void values_reach_the_structs(void **state)
{
    struct fixture *f = *state;

    put(f, "project/compose.yaml",
            "services:\n  web:\n    image: x\n    command: a 'b c'\n    entrypoint: []\n"
            "    mem_limit: 1m\n    cpus: 0.5\n    stop_grace_period: 1m30s\n    init: false\n"
            "    ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}\n"
            "    secrets: [{source: s, mode: 0400}]\n"
            "    depends_on: {db: {condition: service_healthy, restart: true}}\n"
            "    networks: {front: {aliases: [www]}}\n"
            "    healthcheck: {test: t, retries: 0}\n"
            "    volumes: [\"data:/d:ro\"]\n"
            "  db: {image: y}\nnetworks: {front: {internal: true}}\nvolumes: {data: {}}\n"
            "secrets: {s: {file: ./s}}\n");
    assert_int_equal(load(f), 0);
    const struct service *web = project_find_service(f->project, "web");

    assert_int_equal(web->command.len, 2);
    assert_string_equal(web->command.items[1], "b c");
    assert_true(web->entrypoint.given && web->entrypoint.len == 0);
    assert_int_equal(web->mem_limit.bytes, 1 << 20);
    assert_true(web->cpus.value == 0.5);
    assert_int_equal(web->stop_grace_period.usec, 90 * 1000000);
    assert_int_equal(web->init, OPTION_FALSE);
    assert_int_equal(web->tty, OPTION_UNSET);
    assert_int_equal(web->ulimits.items[0].hard, 2);
    assert_true(web->ulimits.items[1].single && web->ulimits.items[1].soft == 3);
    assert_int_equal(web->secrets.items[0].mode.value, 0400);
    assert_string_equal(web->secrets.items[0].target, "/run/secrets/s");
    assert_int_equal(web->depends_on.items[0].condition, SERVICE_HEALTHY);
    assert_int_equal(web->depends_on.items[0].restart, OPTION_TRUE);
    assert_int_equal(web->depends_on.items[0].required, OPTION_TRUE);
    assert_string_equal(web->networks.items[0].aliases.items[0], "www");
    assert_true(web->healthcheck.retries.set && web->healthcheck.retries.value == 0);
    assert_int_equal(web->volumes.items[0].type, MOUNT_VOLUME);
    assert_int_equal(web->volumes.items[0].read_only, OPTION_TRUE);
    assert_true(project_find_volume(f->project, "data")->used);
    assert_int_equal(project_find_network(f->project, "front")->internal, OPTION_TRUE);
    assert_string_equal(project_find_network(f->project, "front")->name, "project_front");
    assert_int_equal(service_replicas(web), 1);
    assert_true(project_find_network(f->project, "default")->implied); /* db's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
                the_first_known_name_is_found_here_or_above, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                an_override_file_counts_unless_files_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                variables_come_from_the_process_before_the_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(compose_file_may_stand_in_dot_env, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                the_name_is_taken_from_the_strongest_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_refused_above_its_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_service_is_refused_above_its_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                variables_of_services_are_refused_above_their_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(includes_are_refused_above_their_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(includes_are_refused_above_their_depth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                places_of_fields_are_found_also_with_dots_in_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                the_model_changes_with_the_container_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_reach_the_structs, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
