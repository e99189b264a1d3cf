/* Whole projects: each folder of tests/golden/compose is one. `compose.yaml` (and whatever else the files
 * need) is loaded as `args` says, one argument per line, with the variables of `env`, one per line.
 *
 *     expected.err          findings, one per line with its hint; absent: none
 *     expected/config.yaml  what `config` prints; absent: loading failed
 *     expected/unsupported  what the engine cannot carry out yet; absent: nothing
 *
 * BERTH_BLESS=1 writes what came out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
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
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/load.h"
#include "compose/print.h"
#include "compose/project.h"

#define FOLDER TEST_DATA "/golden/compose"
#define TEXT_MAX (16u << 20)

static bool bless;

struct outcome {
    struct strbuf findings, config, unsupported;
};

/* Puts /PROJECT where the folder's own path stands. */
static void add_neutral(struct strbuf *out, const char *text, const char *folder)
{
    size_t len = strlen(folder);

    for (const char *p; (p = strstr(text, folder)); text = p + len) {
        strbuf_add(out, text, (size_t)(p - text));
        strbuf_adds(out, "/PROJECT");
    }
    strbuf_adds(out, text);
}

/* By which files the finding's file came in. */
static void add_ways(struct strbuf *out, const struct diag *diag, const struct diag_entry *entry)
{
    for (struct diag_route r = diag_first_route(diag, entry); r.way;
            r = diag_next_route(diag, &r)) {
        strbuf_addf(out, "    through: %s %s", diag_way_name(r.way), r.from.file);
        if (r.from.line)
            strbuf_addf(out, ":%u:%u", r.from.line, r.from.column);
        strbuf_addc(out, '\n');
    }
}

static void add_findings(struct strbuf *out, const struct diag *diag, const char *folder)
{
    static const char *const words[] = { "", "warning: ", "note: " };

    for (size_t i = 0; i < diag->len; i++) {
        auto_(strbuf_release) struct strbuf line = STRBUF_INIT(TEXT_MAX);
        const struct diag_entry *entry = &diag->items[i];

        if (entry->at.file)
            strbuf_addf(&line, "%s:%u:%u: ", entry->at.file, entry->at.line, entry->at.column);
        strbuf_addf(&line, "%s%s\n", words[entry->severity], entry->message);
        if (entry->hint)
            strbuf_addf(&line, "    hint: %s\n", entry->hint);
        add_ways(&line, diag, entry);
        add_neutral(out, line.data, folder);
    }
}

/* The lines of a file of the case; none when it is not there. */
static struct strings read_lines(struct arena *arena, const char *folder, const char *name)
{
    auto_free char *data = NULL;
    struct strings lines = { 0 };
    struct str rest, line;
    size_t len;

    if (fs_read_file(AT_FDCWD, arena_printf(arena, "%s/%s", folder, name), TEXT_MAX, &data, &len,
                NULL) < 0)
        return lines;
    rest = (struct str){ data, len };
    while (str_split_next(&rest, '\n', &line))
        if (line.len)
            *ARRAY_APPEND_ARENA(arena, &lines) = arena_strndup(arena, line.data, line.len);
    return lines;
}

static void parse_args(
        struct arena *arena, const struct strings *args, struct load_options *options)
{
    for (size_t i = 0; i < args->len; i++) {
        char *arg = args->items[i];
        char *value = i + 1 < args->len ? args->items[i + 1] : NULL;
        struct strings *list = strcmp(arg, "-f") == 0           ? &options->files
                               : strcmp(arg, "--profile") == 0  ? &options->profiles
                               : strcmp(arg, "--env-file") == 0 ? &options->env_files
                                                                : NULL;

        if (list) {
            assert_non_null(value);
            *ARRAY_APPEND_ARENA(arena, list) = value;
            i++;
        } else if (strcmp(arg, "-p") == 0) {
            options->project_name = value;
            i++;
        } else if (strcmp(arg, "--no-interpolate") == 0) {
            options->no_interpolate = options->as_written = true;
        } else {
            *ARRAY_APPEND_ARENA(arena, &options->services) = arg;
            options->select_services = true;
        }
    }
}

static void run(const char *folder, struct outcome *outcome)
{
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT, unsupported = DIAG_INIT;
    struct error *error = NULL;
    struct strings args = read_lines(&arena, folder, "args");
    struct strings env = read_lines(&arena, folder, "env");
    struct load_options options = { .working_dir = folder, .stdin_fd = -1 };
    struct project *project;

    *ARRAY_APPEND_ARENA(&arena, &env) = NULL;
    options.env = env.items;
    parse_args(&arena, &args, &options);
    int r = project_load(&arena, &options, &project, &diag, &error);

    assert_int_equal(r < 0, diag_has_errors(&diag));
    add_findings(&outcome->findings, &diag, folder);
    if (r == 0) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEXT_MAX);

        project_print(project,
                &(struct print_options){
                        .format = PRINT_YAML, .no_interpolate = options.no_interpolate },
                &text);
        add_neutral(&outcome->config, text.data, folder);
        (void)project_check_supported(project, &unsupported);
        add_findings(&outcome->unsupported, &unsupported, folder);
    }
    error_free(error);
    diag_release(&diag);
    diag_release(&unsupported);
    arena_release(&arena);
}

/* Compares with a file of the case, or writes it; an empty text stands for no file. */
static bool compare(const char *folder, const char *name, const struct strbuf *text)
{
    auto_free char *wanted = NULL;
    char path[4096];
    size_t len = 0;

    assert_true(snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path));
    if (bless) {
        if (!text->len)
            return unlink(path) == 0 || errno == ENOENT;
        return fs_replace_file(AT_FDCWD, path, text->data, text->len, 0644, FS_NO_SYNC, NULL) == 0;
    }
    if (fs_read_file(AT_FDCWD, path, TEXT_MAX, &wanted, &len, NULL) < 0 && !text->len)
        return true;
    if (wanted && len == text->len && memcmp(wanted, text->data, len) == 0)
        return true;
    print_error("%s differs (BERTH_BLESS=1 rewrites it)\n--- wanted\n%s--- got\n%s", path,
            wanted ? wanted : "(no such file)\n", text->data);
    return false;
}

static bool check_case(const char *folder)
{
    struct outcome outcome = {
        .findings = STRBUF_INIT(TEXT_MAX),
        .config = STRBUF_INIT(TEXT_MAX),
        .unsupported = STRBUF_INIT(TEXT_MAX),
    };
    char path[4096];
    bool same;

    run(folder, &outcome);
    if (bless && (outcome.config.len || outcome.unsupported.len)) {
        assert_true(snprintf(path, sizeof(path), "%s/expected", folder) < (int)sizeof(path));
        (void)mkdir(path, 0755);
    }
    same = compare(folder, "expected.err", &outcome.findings);
    same = compare(folder, "expected/config.yaml", &outcome.config) && same;
    same = compare(folder, "expected/unsupported", &outcome.unsupported) && same;
    strbuf_release(&outcome.findings);
    strbuf_release(&outcome.config);
    strbuf_release(&outcome.unsupported);
    return same;
}

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void each_project_gives_its_findings_and_its_model(void **state)
{
    struct dirent **entries;
    int count = scandir(FOLDER, &entries, is_case, alphasort), failed = 0;

    (void)state;
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        char folder[4096];

        assert_true(snprintf(folder, sizeof(folder), "%s/%s", FOLDER, entries[i]->d_name) <
                    (int)sizeof(folder));
        failed += !check_case(folder);
        free(entries[i]);
    }
    free(entries);
    assert_int_equal(failed, 0);
}

/* Reads what was printed and prints it again in the same form. */
static void print_again(
        const char *folder, char *file, enum print_format format, struct strbuf *out)
{
    char *files[] = { file }, *profiles[] = { (char[]){ "*" } };
    const struct load_options options = {
        .working_dir = folder,
        .files = { .items = files, .len = 1 },
        .profiles = { .items = profiles, .len = 1 },
    };
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct project *project;

    if (project_load(&arena, &options, &project, &diag, NULL) < 0)
        fail_msg("%s: %s", file, diag.len ? diag.items[0].message : "not loaded");
    strbuf_reset(out);
    project_print(project, &(struct print_options){ .format = format }, out);
    diag_release(&diag);
    arena_release(&arena);
}

/* JSON leaves these out, as Docker Compose does. */
static bool is_cut_short(const char *printed)
{
    return strstr(printed, "\nmodels:") || strstr(printed, "content: \"\"") ||
           strstr(printed, "dockerfile: \"\"");
}

/* What `config` prints is a compose file of the same project, in both of its forms. */
static void printed_projects_read_back_as_themselves(void **state)
{
    struct dirent **entries;
    int count = scandir(FOLDER, &entries, is_case, alphasort);

    (void)state;
    for (int i = 0; i < count; i++) {
        auto_(strbuf_release) struct strbuf again = STRBUF_INIT(TEXT_MAX),
                                            json = STRBUF_INIT(TEXT_MAX);
        char folder[4096], scratch[] = "/tmp/test-golden-XXXXXX";
        auto_free char *printed = NULL;
        struct arena arena = ARENA_INIT;
        size_t len;

        (void)snprintf(folder, sizeof(folder), "%s/%s", FOLDER, entries[i]->d_name);
        free(entries[i]);
        char *file = arena_printf(&arena, "%s/expected/config.yaml", folder);
        struct strings args = read_lines(&arena, folder, "args");
        bool raw = args.len && strcmp(args.items[args.len - 1], "--no-interpolate") == 0;

        if (!raw && fs_read_file(AT_FDCWD, file, TEXT_MAX, &printed, &len, NULL) == 0) {
            print_again(folder, file, PRINT_YAML, &again);
            assert_string_equal(again.data, printed);
        }
        if (printed && !is_cut_short(printed)) {
            auto_close int fd = mkostemp(scratch, O_CLOEXEC);

            print_again(folder, file, PRINT_JSON, &json);
            assert_int_equal(write(fd, json.data, json.len), (ssize_t)json.len);
            print_again(folder, scratch, PRINT_JSON, &again);
            (void)unlink(scratch);
            assert_string_equal(again.data, json.data);
        }
        arena_release(&arena);
    }
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_project_gives_its_findings_and_its_model),
        cmocka_unit_test(printed_projects_read_back_as_themselves),
    };

    bless = getenv("BERTH_BLESS") != NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
