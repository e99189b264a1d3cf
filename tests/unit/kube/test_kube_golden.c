/* Kubernetes YAML and what is planned from it: each folder of tests/golden/kube has `play.yaml`, and `expected.plan` and
 * `expected.err`, which BERTH_BLESS=1 writes anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/fs.h"
#include "base/limits.h"
#include "compose/yaml.h"
#include "kube/read.h"
#include "tests/unit/kube/plan-text.h"

#define FOLDER TEST_DATA "/golden/kube"
#define TEXT_MAX (1u << 20)

static void write_findings(struct diag *diag, struct strbuf *out)
{
    static const char *const severities[] = { "error", "warning", "note" };

    diag_sort(diag);
    for (size_t i = 0; i < diag->len; i++) {
        const struct diag_entry *entry = &diag->items[i];

        strbuf_addf(out, "%s:%u:%u: %s: %s\n", entry->at.file ? entry->at.file : "", entry->at.line,
                entry->at.column, severities[entry->severity], entry->message);
        if (entry->hint)
            strbuf_addf(out, "  hint: %s\n", entry->hint);
    }
}

static void compare(const char *folder, const char *name, const struct strbuf *text)
{
    auto_free char *kept = NULL;
    char path[4096];
    size_t len = 0;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (getenv("BERTH_BLESS"))
        assert_int_equal(
                fs_replace_file(AT_FDCWD, path, text->data, text->len, 0644, FS_NO_SYNC, NULL), 0);
    assert_int_equal(fs_read_file(AT_FDCWD, path, TEXT_MAX, &kept, &len, NULL), 0);
    if (len != text->len || memcmp(kept, text->data, len) != 0)
        fail_msg("%s differs; it is now:\n%s", path, text->data);
}

static void run_case(const char *name)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEXT_MAX),
                                        findings = STRBUF_INIT(TEXT_MAX);
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_free char *bytes = NULL;
    struct kube_documents documents = { 0 };
    struct kube_plan_options options = {
        .seccomp_root = "/profiles", .memory_bytes = 1 << 30, .cpus = 4, .hostname = "machine"
    };
    struct kube_plan plan = { 0 };
    struct yaml_text input = { .file = "play.yaml" };
    char folder[4096], path[4352];

    snprintf(folder, sizeof(folder), FOLDER "/%s", name);
    snprintf(path, sizeof(path), "%s/play.yaml", folder);
    assert_int_equal(fs_read_file(AT_FDCWD, path, TEXT_MAX, &bytes, &input.len, NULL), 0);
    input.data = bytes;
    int r = kube_read(&arena, &input, &documents, &diag);
    if (r >= 0)
        r = kube_plan_make(&arena, &documents, &options, &plan, &diag);
    assert_int_equal(r < 0, diag_has_errors(&diag));
    if (r >= 0)
        plan_to_text(&plan, &text);
    write_findings(&diag, &findings);
    compare(folder, "expected.plan", &text);
    compare(folder, "expected.err", &findings);
}

static void every_folder_is_planned_as_it_was_and_each_finding_has_its_place(void **state)
{
    DIR *dir = opendir(FOLDER);
    struct dirent *entry;
    size_t count = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.') {
            run_case(entry->d_name);
            count++;
        }
    closedir(dir);
    assert_true(count > 0);
}

/* How many variables a container with that many distinct ones gets, or the place of what is said of them. */
static size_t plan_variables(size_t count, struct source *ret_at)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(16u << 20);
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct kube_documents documents = { 0 };
    struct kube_plan_options options = {
        .memory_bytes = 1 << 30, .cpus = 4, .hostname = "machine"
    };
    struct kube_plan plan = { 0 };

    strbuf_addf(&text, "kind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
                       "  - name: c\n    image: i\n    env:\n    - {name: V0, value: first}\n");
    for (size_t i = 0; i < count; i++)
        strbuf_addf(&text, "    - {name: V%zu, value: \"%zu\"}\n", i, i);
    struct yaml_text input = { .file = "play.yaml", .data = text.data, .len = text.len };
    assert_int_equal(kube_read(&arena, &input, &documents, &diag), 0);
    if (kube_plan_make(&arena, &documents, &options, &plan, &diag) < 0) {
        assert_int_equal(diag.len, 1);
        assert_string_equal(diag.items[0].message, "a container has at most 65536 variables");
        ret_at->line = diag.items[0].at.line;
        return 0;
    }
    const struct kube_variables *env = &plan.pods.items[0].containers.items[0].env;
    for (size_t i = 0; i < env->len; i++) {
        char value[24];

        snprintf(value, sizeof(value), "%zu", i);
        assert_string_equal(env->items[i].name + 1, value);
        assert_string_equal(env->items[i].value, value); /* of two, the last */
    }
    return env->len;
}

static void variables_keep_their_order_and_one_too_many_is_refused_with_its_place(void **state)
{
    struct source at = { 0 };

    (void)state;
    assert_int_equal(plan_variables(LIMIT_CONTAINER_VARIABLES, &at), LIMIT_CONTAINER_VARIABLES);
    assert_int_equal(plan_variables(LIMIT_CONTAINER_VARIABLES + 1, &at), 0);
    assert_int_equal(at.line, 9 + LIMIT_CONTAINER_VARIABLES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_folder_is_planned_as_it_was_and_each_finding_has_its_place),
        cmocka_unit_test(variables_keep_their_order_and_one_too_many_is_refused_with_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
