/* The monitor's decisions and formats, without processes: restarts, health, log lines and
 * rotation, its configuration and its state as text. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "engine/monitor/health.h"
#include "engine/monitor/log-file.h"
#include "engine/monitor/notify.h"
#include "engine/monitor/monitor-config.h"
#include "engine/monitor/restart.h"
#include "engine/monitor/state-file.h"

#define MSEC USEC_PER_MSEC
#define SEC USEC_PER_SEC

/* ---- restart ---- */

static void backoff_doubles_to_a_minute_and_starts_anew_after_a_long_run(void **state)
{
    struct restart restart = { .policy = MONITOR_RESTART_ALWAYS };
    int64_t delay = 0, expected = 100 * MSEC;

    (void)state;
    for (int i = 0; i < 12; i++) {
        assert_true(restart_decide(&restart, 0, 9 * SEC, false, &delay));
        assert_int_equal(delay, expected);
        expected = expected * 2 > 60 * SEC ? 60 * SEC : expected * 2;
    }
    assert_int_equal(restart.count, 12);
    assert_true(restart_decide(&restart, 0, 10 * SEC, false, &delay));
    assert_int_equal(delay, 100 * MSEC);
}

static void policies_decide_as_dockers(void **state)
{
    static const struct {
        enum monitor_restart policy;
        uint32_t max, count;
        int code;
        bool manual, expected;
    } cases[] = {
        { MONITOR_RESTART_NO, 0, 0, 1, false, false },
        { MONITOR_RESTART_ALWAYS, 0, 0, 0, false, true },
        { MONITOR_RESTART_ALWAYS, 0, 0, 0, true, false },
        { MONITOR_RESTART_UNLESS_STOPPED, 0, 0, 0, false, true },
        { MONITOR_RESTART_UNLESS_STOPPED, 0, 0, 0, true, false },
        { MONITOR_RESTART_ON_FAILURE, 0, 99, 1, false, true },
        { MONITOR_RESTART_ON_FAILURE, 0, 0, 0, false, false },
        { MONITOR_RESTART_ON_FAILURE, 2, 1, 1, false, true },
        { MONITOR_RESTART_ON_FAILURE, 2, 2, 1, false, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct restart restart = {
            .policy = cases[i].policy, .max_retries = cases[i].max, .count = cases[i].count
        };
        int64_t delay;

        assert_int_equal(restart_decide(&restart, cases[i].code, 0, cases[i].manual, &delay),
                cases[i].expected);
    }
}

/* ---- health ---- */

static struct health new_health(int64_t start_period)
{
    char *argv[] = { (char *)(uintptr_t) "x", NULL };
    struct monitor_health config = {
        .argv = argv, .interval_usec = 30 * SEC, .retries = 2, .start_period_usec = start_period
    };
    struct health health;

    health_init(&health, &config);
    health_begin(&health, 1000 * SEC);
    return health;
}

static void failures_in_the_start_period_do_not_count(void **state)
{
    struct health health = new_health(60 * SEC);

    (void)state;
    assert_int_equal(health_next_delay(&health, 1000 * SEC), 5 * SEC);
    for (int i = 0; i < 5; i++)
        assert_false(health_take_result(&health, 1, 1010 * SEC));
    assert_int_equal(health.status, MONITOR_HEALTH_STARTING);
    assert_int_equal(health.streak, 0);
    assert_false(health_take_result(&health, 1, 1060 * SEC));
    assert_true(health_take_result(&health, 1, 1070 * SEC));
    assert_int_equal(health.status, MONITOR_HEALTH_UNHEALTHY);
    assert_int_equal(health_next_delay(&health, 1071 * SEC), 30 * SEC);
}

static void one_success_makes_healthy_and_ends_the_start_period(void **state)
{
    struct health health = new_health(60 * SEC);

    (void)state;
    assert_true(health_take_result(&health, 0, 1001 * SEC));
    assert_int_equal(health.status, MONITOR_HEALTH_HEALTHY);
    assert_int_equal(health_next_delay(&health, 1002 * SEC), 30 * SEC);
    /* Now failures count, although the period is not over. */
    assert_false(health_take_result(&health, 1, 1003 * SEC));
    assert_true(health_take_result(&health, 1, 1004 * SEC));
    assert_int_equal(health.status, MONITOR_HEALTH_UNHEALTHY);
    assert_false(health_take_result(&health, 1, 1005 * SEC));
    assert_int_equal(health.streak, 3);
    assert_true(health_take_result(&health, 0, 1006 * SEC));
    assert_int_equal(health.streak, 0);
}

static void without_a_check_health_is_none(void **state)
{
    struct monitor_health config = { 0 };
    struct health health;

    (void)state;
    health_init(&health, &config);
    health_begin(&health, 5);
    assert_int_equal(health.status, MONITOR_HEALTH_NONE);
    assert_int_equal(health.retries, 3);
    assert_int_equal(health.interval_usec, 30 * SEC);
}

/* ---- log ---- */

static void entries_are_written_as_go_writes_them(void **state)
{
    static const struct {
        const char *line;
        size_t len;
        const char *expected;
    } cases[] = {
        { "text\n", 5,
                "{\"log\":\"text\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-21T00:13:42.752802669Z\"}\n" },
        { "<a&b>\t\"\\", 8,
                "{\"log\":\"\\u003ca\\u0026b\\u003e\\t\\\"\\\\\",\"stream\":\"stdout\",\"time\":\"2026-11-21T00:13:42.752802669Z\"}\n" },
        { "\x01\xff\xc3\xa9\xe2\x80\xa8", 7,
                "{\"log\":\"\\u0001\\ufffd\xc3\xa9\\u2028\",\"stream\":\"stdout\",\"time\":\"2026-11-21T00:13:42.752802669Z\"}\n" },
        { "\xed\xa0\x80\xc0\x80", 5,
                "{\"log\":\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\",\"stream\":\"stdout\",\"time\":\"2026-11-21T00:13:42.752802669Z\"}\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(strbuf_release) struct strbuf out = STRBUF_INIT(4096);

        log_format_entry(
                &out, LOG_STDOUT, cases[i].line, cases[i].len, "", INT64_C(1795220022752802669));
        assert_string_equal(out.data, cases[i].expected);
    }
}

struct log_box {
    char dir[64], path[96];
    struct log_file log;
    struct error *error;
};

static void open_box(struct log_box *box, uint64_t max_size, uint32_t max_files)
{
    snprintf(box->dir, sizeof(box->dir), "/tmp/berth-log.XXXXXX");
    assert_non_null(mkdtemp(box->dir));
    snprintf(box->path, sizeof(box->path), "%s/x-json.log", box->dir);
    struct monitor_log config = { .driver = MONITOR_LOG_JSON_FILE,
        .path = box->path,
        .max_size_bytes = max_size,
        .max_files = max_files };
    assert_int_equal(log_file_open(&box->log, &config, NULL), 0);
}

static char *read_text(const char *path)
{
    char *text = NULL;
    size_t len;

    return fs_read_file(AT_FDCWD, path, 1u << 24, &text, &len, NULL) < 0 ? NULL : text;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; text && *text; text++)
        count += *text == '\n';
    return count;
}

static void lines_are_joined_over_pieces_and_cut_at_sixteen_kibibytes(void **state)
{
    struct log_box box;
    auto_free char *long_line = mem_alloc(LIMIT_LOG_LINE_BYTES + 10);

    (void)state;
    open_box(&box, 0, 1);
    log_file_write(&box.log, LOG_STDOUT, "one", 3, 1);
    log_file_write(&box.log, LOG_STDERR, "other\n", 6, 2);
    auto_free char *first = read_text(box.path);
    assert_int_equal(count_lines(first), 1); /* "one" is held back */
    log_file_write(&box.log, LOG_STDOUT, " line\nrest", 10, 3);
    memset(long_line, 'z', LIMIT_LOG_LINE_BYTES + 10);
    long_line[LIMIT_LOG_LINE_BYTES + 9] = '\n';
    log_file_write(&box.log, LOG_STDERR, long_line, LIMIT_LOG_LINE_BYTES + 10, 4);
    log_file_close(&box.log); /* "rest" without newline */
    auto_free char *text = read_text(box.path);
    assert_non_null(strstr(text, "{\"log\":\"one line\\n\","));
    assert_non_null(strstr(text, "{\"log\":\"zzzzzzzzz\\n\",\"stream\":\"stderr\""));
    assert_non_null(strstr(text, "{\"log\":\"rest\",\"stream\":\"stdout\""));
    assert_int_equal(count_lines(text), 5);
    assert_int_equal(fs_remove_tree(AT_FDCWD, box.dir, NULL), 0);
}

static void rotation_keeps_so_many_files_and_every_last_line(void **state)
{
    struct log_box box;
    char line[32], path[128];
    size_t total = 0;

    (void)state;
    open_box(&box, 1000, 3);
    for (int i = 0; i < 100; i++) {
        int len = snprintf(line, sizeof(line), "line %d\n", i);

        log_file_write(&box.log, LOG_STDOUT, line, (size_t)len, 1);
    }
    log_file_close(&box.log);
    for (int n = 0; n < 4; n++) {
        struct stat st;

        snprintf(path, sizeof(path), n ? "%s.%d" : "%s", box.path, n);
        auto_free char *text = read_text(path);
        assert_int_equal(text != NULL, n < 3);
        if (text) {
            assert_int_equal(stat(path, &st), 0);
            assert_true(st.st_size <= 1000 + 100);
            assert_int_equal(st.st_mode & 0777, 0640);
        }
        total += count_lines(text);
    }
    assert_true(total > 20 && total < 100);
    auto_free char *newest = read_text(box.path);
    assert_non_null(strstr(newest, "line 99"));
    assert_int_equal(fs_remove_tree(AT_FDCWD, box.dir, NULL), 0);
}

static void a_single_file_starts_over(void **state)
{
    struct log_box box;
    struct stat st;

    (void)state;
    open_box(&box, 500, 1);
    for (int i = 0; i < 100; i++)
        log_file_write(&box.log, LOG_STDOUT, "some text\n", 10, 1);
    log_file_close(&box.log);
    assert_int_equal(stat(box.path, &st), 0);
    assert_true(st.st_size > 0 && st.st_size < 700);
    assert_int_equal(fs_remove_tree(AT_FDCWD, box.dir, NULL), 0);
}

/* A gzip that waits for a line of the pipe before it begins. */
static int make_slow_gzip(const struct log_box *box)
{
    auto_free char *pipe = mem_printf("%s/go", box->dir);
    auto_free char *program = mem_printf("%s/gzip", box->dir);
    auto_free char *path = mem_printf("%s:/usr/bin:/bin", box->dir);
    auto_free char *script = mem_printf(
            "#!/bin/sh\nread -r go <'%s'\nPATH=/usr/bin:/bin exec gzip \"$@\"\n", pipe);
    auto_close int fd = open(program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, script, strlen(script)), (ssize_t)strlen(script));
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(setenv("PATH", path, 1), 0);
    int pipe_fd = open(pipe, O_RDWR | O_CLOEXEC);
    assert_true(pipe_fd >= 0);
    return pipe_fd;
}

/* Appends what `number`, compressed, says in clear. */
static void add_compressed(struct strbuf *text, const struct log_box *box, int number)
{
    auto_free char *path = mem_printf("%s.%d.gz", box->path, number);
    auto_free char *plain = mem_printf("%s.%d", box->path, number);
    char *argv[] = { (char[]){ "gzip" }, (char[]){ "-dc" }, path, NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    auto_free char *output = NULL;
    size_t len = 0;

    spawn.path = "gzip";
    spawn.argv = argv;
    assert_int_equal(access(plain, F_OK), -1);
    assert_int_equal(proc_run(&spawn, NULL, 0, 1u << 20, &output, &len, NULL), 0);
    strbuf_add(text, output, len);
}

static void rotation_does_not_wait_for_gzip_which_catches_up(void **state)
{
    auto_free char *search_path = mem_strdup(getenv("PATH"));
    struct strbuf text = STRBUF_INIT(1u << 20);
    struct log_box box;
    char line[32];

    (void)state;
    open_box(&box, 1000, 4);
    log_file_close(&box.log);
    int pipe_fd = make_slow_gzip(&box);
    struct monitor_log config = { .driver = MONITOR_LOG_JSON_FILE,
        .path = box.path,
        .max_size_bytes = 1000,
        .max_files = 4,
        .compress = true };
    assert_int_equal(log_file_open(&box.log, &config, NULL), 0);
    for (int i = 0; i < 100; i++) {
        int len = snprintf(line, sizeof(line), "line %d\n", i);

        log_file_write(&box.log, LOG_STDOUT, line, (size_t)len, 1);
    }
    assert_true(box.log.compressor > 0);
    assert_int_equal(write(pipe_fd, "1\n2\n3\n4\n5\n", 10), 10);
    while (box.log.compressor > 0) {
        siginfo_t info;

        assert_int_equal(waitid(P_PID, (id_t)box.log.compressor, &info, WEXITED | WNOWAIT), 0);
        log_file_reap(&box.log);
    }
    assert_int_equal(setenv("PATH", search_path, 1), 0);
    log_file_close(&box.log);
    close(pipe_fd);

    for (int number = 3; number > 0; number--)
        add_compressed(&text, &box, number);
    auto_free char *newest = read_text(box.path);
    strbuf_adds(&text, newest);
    int first = 100 - (int)count_lines(text.data);
    const char *at = text.data;
    for (int i = first; i < 100; i++) {
        snprintf(line, sizeof(line), "\"line %d\\n\"", i);
        at = strstr(at, line);
        assert_non_null(at);
    }
    strbuf_release(&text);
    auto_free char *rest = mem_printf("%s.gz.new", box.path);
    assert_int_equal(access(rest, F_OK), -1);
    assert_int_equal(fs_remove_tree(AT_FDCWD, box.dir, NULL), 0);
}

static char *make_ballast(const struct log_box *box, const char *name, off_t bytes)
{
    char *path = mem_printf("%s/%s", box->dir, name);
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fallocate(fd, 0, 0, bytes), 0);
    return path;
}

/* Writes enough to fill the disk; the size of the log then. */
static off_t flood(struct log_box *box)
{
    struct stat st;

    for (int i = 0; i < 30000; i++)
        log_file_write(&box->log, LOG_STDOUT, "words\nwords\nwords\n", 18, 1);
    assert_int_equal(stat(box->path, &st), 0);
    auto_free char *text = read_text(box->path);
    assert_true(st.st_size > 0);
    assert_int_equal(strlen(text), st.st_size);
    assert_string_equal(text + st.st_size - 3, "\"}\n");
    return st.st_size;
}

static void full_disk_costs_whole_lines_and_its_first_room_is_left_to_others(void **state)
{
    struct log_box box = { 0 };
    struct monitor_log config = { .driver = MONITOR_LOG_JSON_FILE, .path = box.path };

    (void)state;
    snprintf(box.dir, sizeof(box.dir), "/tmp/berth-log.XXXXXX");
    assert_non_null(mkdtemp(box.dir));
    snprintf(box.path, sizeof(box.path), "%s/x-json.log", box.dir);
    if (mount("tmpfs", box.dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=4m") < 0) {
        assert_int_equal(rmdir(box.dir), 0);
        print_message("a file system cannot be mounted here\n");
        skip();
    }
    auto_free char *small = make_ballast(&box, "small", 256 << 10);
    auto_free char *large = make_ballast(&box, "large", 2 << 20);
    assert_int_equal(log_file_open(&box.log, &config, NULL), 0);
    off_t full = flood(&box);
    assert_int_equal(unlink(small), 0);
    assert_int_equal(flood(&box), full);
    assert_int_equal(unlink(large), 0);
    assert_true(flood(&box) > full);
    log_file_close(&box.log);
    assert_int_equal(umount(box.dir), 0);
    assert_int_equal(rmdir(box.dir), 0);
}

/* ---- texts ---- */

static void configuration_survives_writing_and_reading(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    char *texts[] = { (char *)(uintptr_t) "/a", (char *)(uintptr_t) "/b", NULL };
    auto_json json_t *attrs = json_pack("{s:s}", "label", "value");
    struct monitor_config config = {
        .id = "abc",
        .name = "name",
        .rootfs = { .lower_dirs = texts, .upper_dir = "/u", .work_dir = "/w", .ephemeral = true },
        .log = { .driver = MONITOR_LOG_JSON_FILE,
                .path = "/l",
                .max_size_bytes = UINT64_C(5000000000),
                .max_files = 3,
                .attrs = attrs },
        .restart_policy = MONITOR_RESTART_ON_FAILURE,
        .restart_max_retries = 7,
        .health = { .argv = texts, .timeout_usec = 5, .retries = 9 },
        .stop_signal = 3,
        .stop_timeout_usec = TIMEOUT_NEVER,
        .open_stdin = true,
        .user = "u:g",
        .group_add = texts,
        .network = MONITOR_NETWORK_JOIN,
        .netns_path = "/n",
        .seccomp_path = "/s",
        .init = true,
        .libexec_dir = "/x",
        .teardown_argv = texts,
    };
    auto_json json_t *json = monitor_config_to_json(&config);
    struct monitor_config *read = NULL;

    (void)state;
    assert_int_equal(monitor_config_parse(&arena, json, &read, NULL), 0);
    auto_json json_t *again = monitor_config_to_json(read);
    assert_true(json_equal(json, again));
    assert_int_equal(read->rootfs.lower_count, 2);
    assert_true(read->stop_timeout_usec == TIMEOUT_NEVER);
    monitor_config_release(read);
}

static void configuration_with_a_hole_is_refused(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"id\":\"x\"}",
        "{\"id\":\"x\",\"rootfs_dir\":\"/r\"}", /* the log's path */
        "{\"id\":\"x\",\"rootfs_dir\":\"/r\",\"log_driver\":\"none\",\"network\":\"join\"}",
        "{\"id\":\"x\",\"rootfs_dir\":\"/r\",\"log_driver\":\"none\",\"network\":\"private\"}",
        "{\"id\":\"x\",\"rootfs_dir\":\"/r\",\"log_driver\":\"paper\",\"network\":\"none\"}",
        "{\"id\":\"x\",\"lower_dirs\":[\"/l\"],\"log_driver\":\"none\",\"network\":\"none\"}",
        "{\"id\":5}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        auto_json json_t *json = json_loads(texts[i], 0, NULL);
        auto_error struct error *error = NULL;
        struct monitor_config *config;

        assert_true(monitor_config_parse(&arena, json, &config, &error) < 0);
        assert_non_null(error);
    }
}

static void state_survives_writing_and_reading(void **state_)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(strbuf_release) struct strbuf first = STRBUF_INIT(65536);
    auto_(strbuf_release) struct strbuf second = STRBUF_INIT(65536);
    struct monitor_state state = {
        .status = MONITOR_RUNNING,
        .pid = 5,
        .pid_start_ticks = 77,
        .monitor_pid = 6,
        .started_nsec = 1,
        .exit_code = 137,
        .oom_killed = true,
        .restart_count = 3,
        .error = "a \"text\"\n",
        .health = MONITOR_HEALTH_UNHEALTHY,
        .failing_streak = 4,
        .health_log = { { 1, 2, -1, (char *)(uintptr_t) "out<put>" } },
        .health_log_len = 1,
    };
    struct monitor_state *read = NULL;

    (void)state_;
    monitor_state_format(&state, &first);
    assert_int_equal(monitor_state_parse(&arena, first.data, first.len, &read, NULL), 0);
    monitor_state_format(read, &second);
    assert_string_equal(first.data, second.data);
    assert_string_equal(read->health_log[0].output, "out<put>");
}

static void assert_passes(const char *message, size_t len, const char *expected)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(NOTIFY_MESSAGE_MAX);

    notify_filter(message, len, &out);
    assert_string_equal(out.data ? out.data : "", expected);
}

static void a_container_tells_how_it_is_and_nothing_that_concerns_other_processes(void **state)
{
    static const char cut[] = "READY=1\0STATUS=x";

    (void)state;
    assert_passes("READY=1\nSTATUS=warm\n", 20, "READY=1\nSTATUS=warm\n");
    assert_passes("MAINPID=1\nFDSTORE=1\nFDNAME=x\nBARRIER=1\nNOTIFYACCESS=all", 53, "");
    assert_passes("EXTEND_TIMEOUT_USEC=5\nMAINPID=1\nWATCHDOG=1", 42,
            "EXTEND_TIMEOUT_USEC=5\nWATCHDOG=1\n");
    assert_passes("STATUS=\033[2J", 11, "");
    assert_passes(cut, sizeof(cut) - 1, "");
    assert_passes("", 0, "");
}

static void a_socket_that_cannot_be_is_refused(void **state)
{
    char longest[200];

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(notify_send("", "READY=1", 7), -EINVAL);
    assert_int_equal(notify_send("/", "READY=1", 7), -EINVAL);
    assert_int_equal(notify_send("vsock:2:1", "READY=1", 7), -EINVAL);
    assert_int_equal(notify_send(longest, "READY=1", 7), -EINVAL);
    assert_int_equal(notify_send("/nowhere/notify", "READY=1", 7), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_tells_how_it_is_and_nothing_that_concerns_other_processes),
        cmocka_unit_test(a_socket_that_cannot_be_is_refused),
        cmocka_unit_test(backoff_doubles_to_a_minute_and_starts_anew_after_a_long_run),
        cmocka_unit_test(policies_decide_as_dockers),
        cmocka_unit_test(failures_in_the_start_period_do_not_count),
        cmocka_unit_test(one_success_makes_healthy_and_ends_the_start_period),
        cmocka_unit_test(without_a_check_health_is_none),
        cmocka_unit_test(entries_are_written_as_go_writes_them),
        cmocka_unit_test(lines_are_joined_over_pieces_and_cut_at_sixteen_kibibytes),
        cmocka_unit_test(rotation_keeps_so_many_files_and_every_last_line),
        cmocka_unit_test(a_single_file_starts_over),
        cmocka_unit_test(rotation_does_not_wait_for_gzip_which_catches_up),
        cmocka_unit_test(full_disk_costs_whole_lines_and_its_first_room_is_left_to_others),
        cmocka_unit_test(configuration_survives_writing_and_reading),
        cmocka_unit_test(configuration_with_a_hole_is_refused),
        cmocka_unit_test(state_survives_writing_and_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
