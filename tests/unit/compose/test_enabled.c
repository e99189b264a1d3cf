/* Enabled projects: what is kept of a project is the project, and where it came from. */
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
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "compose/enabled.h"
#include "compose/load.h"
#include "compose/print.h"
#include "compose/project.h"

#define TEXT_MAX (1u << 20)

struct fixture {
    char dir[40], project_dir[64], file[64];
    int dir_fd, project_fd;
    struct arena arena;
    struct diag diag;
};

static void put(int dir_fd, const char *name, const char *text)
{
    assert_int_equal(fs_replace_file(dir_fd, name, text, strlen(text), 0600, FS_NO_SYNC, NULL), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/berth-enabled.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->project_dir, sizeof(f->project_dir), "%s/a$HOME ${b", f->dir);
    (void)snprintf(f->file, sizeof(f->file), "%s/shop.yaml", f->dir);
    assert_int_equal(mkdir(f->project_dir, 0755), 0);
    f->dir_fd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    f->project_fd = open(f->project_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->dir_fd >= 0 && f->project_fd >= 0);
    put(f->project_fd, "compose.yaml",
            "name: shop\n"
            "services:\n"
            "  web: { image: 'web:${TAG:-1}', command: [echo, $$PRICE], env_file: web.env, volumes: ['./data:/data'] }\n"
            "  tool: { image: tool, profiles: [debug] }\n"
            "  other: { image: tool, profiles: [extra] }\n"
            "include: [more.yaml]\n");
    put(f->project_fd, "more.yaml", "services: { db: { image: db } }\n");
    put(f->project_fd, "web.env", "SECRET=pa$$word\n");
    put(f->project_fd, ".env", "TAG=7\n");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    close(f->project_fd);
    close(f->dir_fd);
    assert_int_equal(fs_remove_tree(AT_FDCWD, f->dir, NULL), 0);
    diag_release(&f->diag);
    arena_release(&f->arena);
    free(f);
    return 0;
}

static struct project *load(struct fixture *f, const char *profile)
{
    struct load_options options = { .working_dir = f->project_dir, .stdin_fd = -1 };
    struct project *project = NULL;
    auto_error struct error *err = NULL;

    if (profile)
        *ARRAY_APPEND_ARENA(&f->arena, &options.profiles) = arena_strdup(&f->arena, profile);
    assert_int_equal(project_load(&f->arena, &options, &project, &f->diag, &err), 0);
    return project;
}

static const char *digest_of(struct arena *arena, const char *path)
{
    auto_free char *data = NULL;
    size_t len;

    if (fs_read_file(AT_FDCWD, path, TEXT_MAX, &data, &len, NULL) < 0)
        return NULL;
    return arena_printf(arena, "%zu:%.20s", len, data); /* good enough for a test */
}

/* Enables the project with `profile` active and reads it back. */
static struct enabled *enable(struct fixture *f, const char *profile)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEXT_MAX);
    struct project *active = load(f, profile), *all = load(f, "*");
    struct enabled_sources sources = { 0 };
    struct enabled *enabled = NULL;
    auto_error struct error *err = NULL;

    ARRAY_FOREACH(&all->sources, path)
        *ARRAY_APPEND_ARENA(&f->arena, &sources) = (struct enabled_source){ *path,
            digest_of(&f->arena, *path) };
    enabled_format(all, &active->profiles, &sources, &text);
    put(f->dir_fd, "shop.yaml", text.data);
    if (enabled_load(&f->arena, f->file, ENABLED_ACTIVE, &enabled, &f->diag, &err) < 0)
        fail_msg("%s\n%s", err->message, text.data);
    return enabled;
}

static void assert_same_text(const struct project *a, const struct project *b)
{
    auto_(strbuf_release) struct strbuf first = STRBUF_INIT(TEXT_MAX),
                                        second = STRBUF_INIT(TEXT_MAX);
    const struct print_options options = { .format = PRINT_YAML, .all_resources = true };

    project_print(a, &options, &first);
    project_print(b, &options, &second);
    const char *rest = strstr(second.data, "x-berth-enabled:"); /* extensions come last */
    assert_non_null(rest);
    second.data[rest - second.data] = '\0';
    assert_string_equal(first.data, second.data);
}

static void what_is_read_back_is_the_project(void **state)
{
    struct fixture *f = *state;
    struct enabled *enabled = enable(f, "debug");

    assert_string_equal(enabled->project->name, "shop");
    assert_string_equal(enabled->directory, f->project_dir);
    assert_string_equal(enabled->project->working_dir, f->project_dir);
    assert_same_text(load(f, "debug"), enabled->project);
}

static void only_the_profiles_that_were_active_are(void **state)
{
    struct fixture *f = *state;
    const struct project *project = enable(f, "debug")->project;

    assert_non_null(project_find_service(project, "web"));
    assert_non_null(project_find_service(project, "tool"));
    assert_null(project_find_service(project, "other"));
    assert_non_null(project_find_disabled_service(project, "other"));
    assert_non_null(project_find_disabled_service(enable(f, NULL)->project, "tool"));
}

static void it_needs_none_of_its_sources(void **state)
{
    struct fixture *f = *state;
    struct enabled *enabled = NULL;
    auto_error struct error *err = NULL;

    (void)enable(f, NULL);
    assert_int_equal(fs_remove_tree(f->dir_fd, strrchr(f->project_dir, '/') + 1, NULL), 0);
    assert_int_equal(enabled_load(&f->arena, f->file, ENABLED_ACTIVE, &enabled, &f->diag, &err), 0);
    assert_non_null(project_find_service(enabled->project, "db"));
}

static void each_source_that_changes_is_told(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = { "compose.yaml", "more.yaml", "web.env", ".env" };
    struct enabled *enabled = enable(f, NULL);
    struct enabled_sources changes;

    assert_int_equal(enabled->sources.len, ARRAY_LEN(files));
    enabled_find_changes(&f->arena, enabled, digest_of, &changes);
    assert_int_equal(changes.len, 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        put(f->project_fd, files[i], "# changed\n");
        enabled_find_changes(&f->arena, enabled, digest_of, &changes);
        assert_int_equal(changes.len, i + 1);
    }
    assert_int_equal(unlinkat(f->project_fd, "more.yaml", 0), 0);
    enabled_find_changes(&f->arena, enabled, digest_of, &changes);
    assert_int_equal(changes.len, ARRAY_LEN(files));
}

static void a_file_of_another_kind_or_of_a_newer_berth_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "services: { web: { image: x } }\n",
        "x-berth-enabled: { version: 1 }\nservices: { web: { image: x } }\n",
        "x-berth-enabled: { version: 2, directory: /srv }\nservices: { web: { image: x } }\n",
        "x-berth-enabled: [1]\n",
        "{",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct enabled *enabled = NULL;
        auto_error struct error *err = NULL;

        put(f->dir_fd, "shop.yaml", texts[i]);
        assert_true(enabled_load(&f->arena, f->file, ENABLED_ACTIVE, &enabled, &f->diag, &err) < 0);
        assert_non_null(err);
        assert_null(enabled);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_read_back_is_the_project),
        TEST(only_the_profiles_that_were_active_are),
        TEST(it_needs_none_of_its_sources),
        TEST(each_source_that_changes_is_told),
        TEST(a_file_of_another_kind_or_of_a_newer_berth_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
