/* Reading json-file logs: order, tail, bounds of time, growth and rotation. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strbuf.h"
#include "engine/container/logs.h"
#include "engine/engine-internal.h"

struct fixture {
    char dir[64], root[96], run[96];
    struct engine *engine;
};

static const char id_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char id_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static int set_up(void **state)
{
    static struct fixture f;
    struct engine_options options;

    snprintf(f.dir, sizeof(f.dir), "/tmp/berth-test-logs.XXXXXX");
    if (!mkdtemp(f.dir))
        return -1;
    snprintf(f.root, sizeof(f.root), "%s/root", f.dir);
    snprintf(f.run, sizeof(f.run), "%s/run", f.dir);
    options = (struct engine_options){ .root_dir = f.root, .run_dir = f.run };
    *state = &f;
    if (engine_open(&options, &f.engine, NULL) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        const char *id = i ? id_b : id_a;
        char path[128];

        snprintf(path, sizeof(path), "containers/%s", id);
        mkdirat(f.engine->root_fd, path, 0700);
        if (db_exec(f.engine->db, NULL,
                    "INSERT INTO containers (id, name, image_id, image_name, created_nsec, config,"
                    " status) VALUES (?1, ?1, 'x', 'x', 1, '{}', 'created')",
                    "t", id) < 0)
            return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    engine_close(f->engine);
    return fs_remove_tree(AT_FDCWD, f->dir, NULL);
}

static void append(
        struct fixture *f, const char *id, const char *suffix, int second, const char *text)
{
    char path[256], line[256];
    auto_close int fd = -EBADF;

    snprintf(path, sizeof(path), "containers/%s/%s-json.log%s", id, id, suffix);
    fd = openat(f->engine->root_fd, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    int n = snprintf(line, sizeof(line),
            "{\"log\":\"%s\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:%02d.5Z\"}\n",
            text, second);
    assert_int_equal(write(fd, line, (size_t)n), n);
}

static void rotate(struct fixture *f, const char *from, const char *to)
{
    char a[256], b[256];

    snprintf(a, sizeof(a), "containers/%s/%s-json.log%s", id_a, id_a, from);
    snprintf(b, sizeof(b), "containers/%s/%s-json.log%s", id_a, id_a, to);
    assert_int_equal(renameat(f->engine->root_fd, a, f->engine->root_fd, b), 0);
}

/* All that there is now, as "a|b|c|". */
static char *read_all(struct log_reader *reader)
{
    static char text[4096];
    struct log_entry entry;
    size_t len = 0;
    int r;

    while ((r = log_reader_next(reader, &entry, NULL)) > 0)
        len += (size_t)snprintf(
                text + len, sizeof(text) - len, "%.*s|", (int)entry.len - 1, entry.text);
    assert_int_equal(r, 0);
    text[len] = '\0';
    return text;
}

static struct log_reader *reader_of(struct fixture *f, const struct log_options *options, bool both)
{
    struct log_reader *reader = NULL;

    assert_int_equal(log_reader_new(options, &reader, NULL), 0);
    assert_int_equal(log_reader_add(reader, f->engine, id_a, NULL, NULL), 0);
    if (both)
        assert_int_equal(log_reader_add(reader, f->engine, id_b, NULL, NULL), 0);
    return reader;
}

static void lines_of_several_containers_come_in_order_of_time(void **state)
{
    struct fixture *f = *state;
    struct log_options options = LOG_OPTIONS_INIT;

    append(f, id_a, "", 1, "one");
    append(f, id_b, "", 2, "two");
    append(f, id_a, "", 3, "three");
    append(f, id_b, "", 4, "four");
    auto_(log_reader_free_p) struct log_reader *reader = reader_of(f, &options, true);
    assert_string_equal(read_all(reader), "one|two|three|four|");
}

static void tail_counts_lines_across_rotated_files(void **state)
{
    static const char *const expected[] = { "", "four|", "three|four|", "two|three|four|",
        "one|two|three|four|", "one|two|three|four|" };
    struct fixture *f = *state;

    append(f, id_a, ".1", 1, "one");
    append(f, id_a, ".1", 2, "two");
    append(f, id_a, "", 3, "three");
    append(f, id_a, "", 4, "four");
    for (int i = 0; i < 6; i++) {
        struct log_options options = { .tail = i };
        auto_(log_reader_free_p) struct log_reader *reader = reader_of(f, &options, false);

        assert_string_equal(read_all(reader), expected[i]);
    }
}

static void bounds_of_time_are_kept(void **state)
{
    struct fixture *f = *state;
    struct log_options options = LOG_OPTIONS_INIT;

    for (int i = 1; i < 6; i++)
        append(f, id_a, "", i, (const char *[]){ "", "a", "b", "c", "d", "e" }[i]);
    options.since_nsec = INT64_C(1767225602) * 1000000000;
    options.until_nsec = INT64_C(1767225604) * 1000000000 + 600000000;
    auto_(log_reader_free_p) struct log_reader *reader = reader_of(f, &options, false);
    assert_string_equal(read_all(reader), "b|c|d|");
}

static void what_is_written_later_follows_through_rotations(void **state)
{
    struct fixture *f = *state;
    struct log_options options = { .follow = true, .tail = -1 };
    auto_(log_reader_free_p) struct log_reader *reader = reader_of(f, &options, false);

    assert_string_equal(read_all(reader), "");
    append(f, id_a, "", 1, "one");
    assert_string_equal(read_all(reader), "one|");
    append(f, id_a, "", 2, "two");
    rotate(f, "", ".1");
    append(f, id_a, "", 3, "three");
    rotate(f, ".1", ".2");
    rotate(f, "", ".1");
    append(f, id_a, "", 4, "four");
    assert_string_equal(read_all(reader), "two|three|four|");
    append(f, id_a, "", 5, "five");
    assert_string_equal(read_all(reader), "five|");
}

static void a_file_that_was_emptied_is_read_from_its_start(void **state)
{
    struct fixture *f = *state;
    struct log_options options = { .follow = true, .tail = -1 };
    auto_(log_reader_free_p) struct log_reader *reader = reader_of(f, &options, false);
    char path[256];

    append(f, id_a, "", 1, "one");
    append(f, id_a, "", 2, "two");
    assert_string_equal(read_all(reader), "one|two|");
    snprintf(path, sizeof(path), "%s/containers/%s/%s-json.log", f->root, id_a, id_a);
    assert_int_equal(truncate(path, 0), 0);
    append(f, id_a, "", 3, "three");
    assert_string_equal(read_all(reader), "three|");
}

static void a_line_that_is_not_finished_waits(void **state)
{
    struct fixture *f = *state;
    struct log_options options = { .follow = true, .tail = -1 };
    auto_(log_reader_free_p) struct log_reader *reader = reader_of(f, &options, false);
    static const char half[] = "{\"log\":\"half\\n\",\"stream\":\"stderr\",";
    static const char rest[] = "\"time\":\"2026-01-01T00:00:01Z\"}\nnot json\n";
    struct log_entry entry;
    char path[256];

    snprintf(path, sizeof(path), "containers/%s/%s-json.log", id_a, id_a);
    auto_close int fd = openat(f->engine->root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    assert_int_equal(write(fd, half, strlen(half)), (ssize_t)strlen(half));
    assert_int_equal(log_reader_next(reader, &entry, NULL), 0);
    assert_int_equal(write(fd, rest, strlen(rest)), (ssize_t)strlen(rest));
    assert_int_equal(log_reader_next(reader, &entry, NULL), 1);
    assert_true(entry.is_stderr);
    assert_string_equal(entry.text, "half\n");
    assert_int_equal(log_reader_next(reader, &entry, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_of_several_containers_come_in_order_of_time),
        TEST(tail_counts_lines_across_rotated_files),
        TEST(bounds_of_time_are_kept),
        TEST(what_is_written_later_follows_through_rotations),
        TEST(a_file_that_was_emptied_is_read_from_its_start),
        TEST(a_line_that_is_not_finished_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
