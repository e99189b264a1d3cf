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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_folder_is_planned_as_it_was_and_each_finding_has_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
