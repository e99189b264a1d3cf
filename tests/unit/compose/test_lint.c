/* The table of lint's rules, and for each rule two projects in tests/golden/lint/RULE: `fires`, whose
 * findings of that rule are in `fires/expected`, and `silent`, which has none. `args` holds one argument
 * per line. BERTH_BLESS=1 writes what came out. */
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
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/lint-page.h"
#include "compose/lint.h"
#include "compose/load.h"

#define FOLDER TEST_DATA "/golden/lint"
#define PAGE TEST_DATA "/../docs/compose-lint.md"
#define TEXT_MAX (4u << 20)
#define PATH_BYTES 4096

/* One run over the folder of a case. */
struct run {
    struct arena arena;
    struct diag diag;
    const char *folder;
};

static void run_release(struct run *run)
{
    diag_release(&run->diag);
    arena_release(&run->arena);
}

static struct strings read_lines(struct arena *arena, const char *path)
{
    auto_free char *data = NULL;
    struct strings lines = { 0 };
    struct str rest, line;
    size_t len;

    if (fs_read_file(AT_FDCWD, path, TEXT_MAX, &data, &len, NULL) < 0)
        return lines;
    rest = (struct str){ data, len };
    while (str_split_next(&rest, '\n', &line))
        if (line.len)
            *ARRAY_APPEND_ARENA(arena, &lines) = arena_strndup(arena, line.data, line.len);
    return lines;
}

static void run_lint(struct run *run, const char *rule, const char *kind, const char *ignored)
{
    struct arena *arena = &run->arena;
    char *env[] = { NULL }, *names[] = { (char *)(uintptr_t)ignored };

    run->folder = arena_printf(arena, "%s/%s/%s", FOLDER, rule, kind);
    struct load_options load = { .working_dir = run->folder, .env = env, .stdin_fd = -1 };
    struct lint_options options = { .load = &load,
        .ignore = { .items = names, .len = ignored ? 1 : 0 } };
    struct strings args = read_lines(arena, arena_printf(arena, "%s/args", run->folder));

    for (size_t i = 0; i < args.len; i++) {
        char *value = i + 1 < args.len ? args.items[i + 1] : NULL;

        if (strcmp(args.items[i], "--strict") == 0) {
            options.strict = true;
            continue;
        }
        assert_non_null(value);
        if (strcmp(args.items[i], "--profile") == 0)
            *ARRAY_APPEND_ARENA(arena, &load.profiles) = value;
        else if (strcmp(args.items[i], "-p") == 0)
            load.project_name = value;
        else if (strcmp(args.items[i], "--unprivileged-ports") == 0)
            assert_int_equal(
                    parse_uint32(str_from(value), 65535, &options.unprivileged_port_start), 0);
        else
            fail_msg("%s: unknown argument %s", run->folder, args.items[i]);
        i++;
    }
    assert_int_equal(lint_project(arena, &options, &run->diag, NULL), 0);
}

static size_t count_findings(const struct diag *diag, const char *rule)
{
    size_t count = 0;

    ARRAY_FOREACH(diag, entry)
        count += string_is_equal(entry->id, rule);
    return count;
}

/* ------------------------------------------------------------------------- the table */

static void the_rules_are_sorted_and_have_all_their_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < lint_rules_len; i++) {
        const struct lint_rule *rule = &lint_rules[i];
        const char *const texts[] = { rule->help, rule->why, rule->fix };

        if (i > 0 && strcmp(lint_rules[i - 1].name, rule->name) >= 0)
            fail_msg("%s stands behind %s", rule->name, lint_rules[i - 1].name);
        assert_int_equal(
                strspn(rule->name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(rule->name));
        for (size_t j = 0; j < ARRAY_LEN(texts); j++)
            if (!texts[j] || strlen(texts[j]) < 10 || strchr(texts[j], '\n') ||
                    !strchr(".`", texts[j][strlen(texts[j]) - 1]))
                fail_msg("%s: text %zu is missing or no sentence", rule->name, j);
        assert_true(strlen(rule->help) <= 80);
        assert_ptr_equal(lint_find_rule(rule->name), rule);
    }
    assert_null(lint_find_rule("no-such-rule"));
    assert_string_equal(lint_nearest_rule("privilged"), "privileged");
}

static void every_folder_of_cases_belongs_to_a_rule(void **state)
{
    DIR *folder = opendir(FOLDER);

    (void)state;
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && !lint_find_rule(entry->d_name))
            fail_msg("no rule is called %s", entry->d_name);
    closedir(folder);
}

static void the_page_of_rules_is_what_the_table_says(void **state)
{
    auto_(strbuf_release) struct strbuf page = STRBUF_INIT(TEXT_MAX);
    auto_free char *kept = NULL;
    size_t len;

    (void)state;
    lint_print_page(&page);
    if (getenv("BERTH_BLESS"))
        assert_int_equal(
                fs_replace_file(AT_FDCWD, PAGE, page.data, page.len, 0644, FS_NO_SYNC, NULL), 0);
    assert_int_equal(fs_read_file(AT_FDCWD, PAGE, TEXT_MAX, &kept, &len, NULL), 0);
    if (len != page.len || memcmp(kept, page.data, len) != 0)
        fail_msg("docs/compose-lint.md does not agree with the table; BERTH_BLESS=1 rewrites it");
}

/* ------------------------------------------------------------------------- the cases */

static void add_finding(struct strbuf *out, const struct run *run, const struct diag_entry *entry)
{
    static const char *const words[] = { "error: ", "warning: ", "note: " };
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(TEXT_MAX);
    const char *text;

    if (entry->at.file)
        strbuf_addf(&line, "%s:%u:%u: ", entry->at.file, entry->at.line, entry->at.column);
    strbuf_addf(&line, "%s%s\n", words[entry->severity], entry->message);
    if (entry->hint)
        strbuf_addf(&line, "    hint: %s\n", entry->hint);
    for (struct diag_route r = diag_first_route(&run->diag, entry); r.way;
            r = diag_next_route(&run->diag, &r))
        strbuf_addf(&line, "    through: %s %s:%u:%u\n", diag_way_name(r.way), r.from.file,
                r.from.line, r.from.column);
    text = line.data;
    for (const char *p; (p = strstr(text, run->folder)); text = p + strlen(run->folder)) {
        strbuf_add(out, text, (size_t)(p - text));
        strbuf_adds(out, "/PROJECT");
    }
    strbuf_adds(out, text);
}

static bool compare_expected(const struct run *run, const char *rule)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEXT_MAX);
    auto_free char *wanted = NULL;
    char path[PATH_BYTES];
    size_t len = 0;

    ARRAY_FOREACH(&run->diag, entry)
        if (string_is_equal(entry->id, rule))
            add_finding(&text, run, entry);
    (void)snprintf(path, sizeof(path), "%s/expected", run->folder);
    if (getenv("BERTH_BLESS"))
        return fs_replace_file(AT_FDCWD, path, text.data, text.len, 0644, FS_NO_SYNC, NULL) == 0;
    if (fs_read_file(AT_FDCWD, path, TEXT_MAX, &wanted, &len, NULL) >= 0 && len == text.len &&
            memcmp(wanted, text.data, len) == 0)
        return true;
    print_error("%s differs (BERTH_BLESS=1 rewrites it)\n--- wanted\n%s--- got\n%s", path,
            wanted ? wanted : "(no such file)\n", text.data);
    return false;
}

static void each_rule_finds_what_it_is_for(void **state)
{
    size_t failed = 0;

    (void)state;
    for (size_t i = 0; i < lint_rules_len; i++) {
        auto_(run_release) struct run run = { 0 };

        run_lint(&run, lint_rules[i].name, "fires", NULL);
        if (!count_findings(&run.diag, lint_rules[i].name)) {
            print_error("%s finds nothing in %s\n", lint_rules[i].name, run.folder);
            failed++;
        }
        failed += !compare_expected(&run, lint_rules[i].name);
        ARRAY_FOREACH(&run.diag, entry)
            if (!entry->id || !lint_find_rule(entry->id))
                fail_msg("%s: no rule for: %s", run.folder, entry->message);
    }
    assert_int_equal(failed, 0);
}

static void no_rule_finds_fault_with_what_is_right(void **state)
{
    size_t failed = 0;

    (void)state;
    for (size_t i = 0; i < lint_rules_len; i++) {
        auto_(run_release) struct run run = { 0 };

        run_lint(&run, lint_rules[i].name, "silent", NULL);
        ARRAY_FOREACH(&run.diag, entry) {
            bool own = string_is_equal(entry->id, lint_rules[i].name);

            /* The case must be one that loads. */
            if (!own && entry->severity != DIAG_ERROR)
                continue;
            print_error("%s: [%s] %s\n", run.folder, entry->id, entry->message);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

static void what_is_ignored_is_not_reported_and_mistakes_cannot_be_ignored(void **state)
{
    (void)state;
    for (size_t i = 0; i < lint_rules_len; i++) {
        const struct lint_rule *rule = &lint_rules[i];
        auto_(run_release) struct run one = { 0 }, all = { 0 };

        run_lint(&one, rule->name, "fires", rule->name);
        run_lint(&all, rule->name, "fires", "all");
        if (lint_rule_is_fatal(rule)) {
            assert_true(count_findings(&one.diag, rule->name) > 0);
            assert_true(all.diag.errors > 0);
        } else {
            assert_int_equal(count_findings(&one.diag, rule->name), 0);
            assert_int_equal(count_findings(&all.diag, rule->name), 0);
        }
        assert_int_equal(all.diag.warnings, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_are_sorted_and_have_all_their_texts),
        cmocka_unit_test(every_folder_of_cases_belongs_to_a_rule),
        cmocka_unit_test(the_page_of_rules_is_what_the_table_says),
        cmocka_unit_test(each_rule_finds_what_it_is_for),
        cmocka_unit_test(no_rule_finds_fault_with_what_is_right),
        cmocka_unit_test(what_is_ignored_is_not_reported_and_mistakes_cannot_be_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
