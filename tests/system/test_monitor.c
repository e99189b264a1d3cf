/* The life of a container under its monitor: stopping, restarting, health, logs, exec, and what is
 * left when the monitor is killed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/monitor/control.h"
#include "engine/monitor/exec.h"
#include "engine/monitor/monitor-config.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/seccomp.h"
#include "tests/system/box.h"

/* ---- living ---- */

static void stop_signals_waits_and_kills(void **state)
{
    struct box *box = box_new(ARGS("wait-term", "7"));

    (void)state;
    box_must_start(box);
    box_wait_output(box, "ready");
    assert_int_equal(control_stop(box->control, 0, CONTROL_TIMEOUT_DEFAULT, NULL), 0);
    assert_int_equal(box_wait(box), 7);
    assert_true(box->state->manually_stopped);
    box_free(box);
    box = box_new(ARGS("pause")); /* PID 1 without a handler ignores it */
    box_must_start(box);
    box_wait_output(box, "ready");
    assert_int_equal(control_stop(box->control, 0, 200 * USEC_PER_MSEC, NULL), 0);
    assert_int_equal(box_wait(box), 137);
    box_free(box);
}

static void paused_container_stands_still_and_can_be_stopped(void **state)
{
    struct box *box = box_new(ARGS("wait-term", "3"));

    (void)state;
    box_must_start(box);
    box_wait_output(box, "ready");
    assert_int_equal(control_pause(box->control, NULL), 0);
    assert_int_equal(control_pause(box->control, NULL), -EINVAL);
    assert_int_equal(control_unpause(box->control, NULL), 0);
    assert_int_equal(control_pause(box->control, NULL), 0);
    assert_int_equal(control_stop(box->control, 0, CONTROL_TIMEOUT_DEFAULT, NULL), 0);
    assert_int_equal(box_wait(box), 3);
    box_free(box);
}

static void on_failure_restarts_as_often_as_allowed(void **state)
{
    struct box *box = box_new(ARGS("append", "/count", "x"));

    (void)state;
    box_set_args(box, ARGS("exit", "5"));
    box->config.restart_policy = MONITOR_RESTART_ON_FAILURE;
    box->config.restart_max_retries = 2;
    assert_int_equal(box_run(box), 5);
    assert_int_equal(box->state->restart_count, 2);
    box_free(box);
}

static void always_restarts_until_it_is_stopped(void **state)
{
    struct box *box = box_new(ARGS("echo", "again"));

    (void)state;
    box->config.restart_policy = MONITOR_RESTART_ALWAYS;
    box_must_start(box);
    box_wait_output(box, "again\nagain\nagain\n");
    assert_int_equal(control_stop(box->control, 0, CONTROL_TIMEOUT_DEFAULT, NULL), 0);
    assert_int_equal(box_wait(box), 0);
    assert_true(box->state->restart_count >= 2);
    box_free(box);
}

static void health_goes_to_healthy_and_unhealthy(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    char *argv[] = { (char *)(uintptr_t) "payload", (char *)(uintptr_t) "check",
        (char *)(uintptr_t) "/ok", NULL };

    (void)state;
    box->config.health = (struct monitor_health){
        .argv = argv, .interval_usec = 20 * USEC_PER_MSEC, .retries = 2
    };
    box_must_start(box);
    while (box->state == NULL || box->state->health != MONITOR_HEALTH_UNHEALTHY)
        assert_true(box_take_event(box));
    assert_true(box->state->failing_streak >= 2);
    assert_string_equal(box->state->health_log[0].output, "looked at /ok\n");
    assert_int_equal(box->state->health_log[0].exit_code, 1);
    struct exec *exec = NULL;
    int exit_code;
    char *touch[] = { (char *)(uintptr_t) "payload", (char *)(uintptr_t) "write",
        (char *)(uintptr_t) "/ok", (char *)(uintptr_t) "x", NULL };
    struct exec_options options = {
        .libexec_dir = LIBEXEC_DIR, .container_dir_fd = box->dir_fd, .argv = touch
    };
    assert_int_equal(exec_start(&options, &exec, &exit_code, &box->error), 0);
    assert_int_equal(exec_wait(exec, NULL), 0);
    exec_free(exec);
    while (box->state->health != MONITOR_HEALTH_HEALTHY)
        assert_true(box_take_event(box));
    assert_int_equal(box->state->failing_streak, 0);
    box_free(box);
}

static void health_check_that_hangs_is_killed(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    char *argv[] = { (char *)(uintptr_t) "payload", (char *)(uintptr_t) "pause", NULL };

    (void)state;
    box->config.health = (struct monitor_health){ .argv = argv,
        .interval_usec = 20 * USEC_PER_MSEC,
        .timeout_usec = 300 * USEC_PER_MSEC,
        .retries = 1 };
    box_must_start(box);
    while (box->state == NULL || box->state->health != MONITOR_HEALTH_UNHEALTHY)
        assert_true(box_take_event(box));
    assert_int_equal(box->state->health_log[0].exit_code, -1);
    assert_string_equal(
            box->state->health_log[0].output, "Health check exceeded timeout (300ms): ready\n");
    box_free(box);
}

static void health_check_that_prints_without_end_is_killed_all_the_same(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    char *argv[] = { (char *)(uintptr_t) "payload", (char *)(uintptr_t) "flood", NULL };

    (void)state;
    box->config.health = (struct monitor_health){ .argv = argv,
        .interval_usec = 20 * USEC_PER_MSEC,
        .timeout_usec = 100 * USEC_PER_MSEC,
        .retries = 2 };
    box_must_start(box);
    while (box->state == NULL || box->state->health != MONITOR_HEALTH_UNHEALTHY)
        assert_true(box_take_event(box));
    assert_int_equal(box->state->health_log[0].exit_code, -1);
    box_free(box);
}

static void container_ends_although_somebody_else_writes_to_its_output_without_end(void **state)
{
    struct box *box = box_new(ARGS("wait-term", "4"));
    static char text[65536] = "x";
    char path[64];

    (void)state;
    box_must_start(box);
    box_wait_output(box, "ready");
    /* As a process does that was handed the descriptor over a socket in a shared volume. */
    snprintf(path, sizeof(path), "/proc/%d/fd/1", (int)box->start.pid);
    pid_t writer = fork();
    if (writer == 0) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (write(fd, text, sizeof(text)) > 0)
            continue;
        _exit(0);
    }
    int pidfd = proc_open_pidfd(box->start.pid);
    assert_true(pidfd >= 0);
    assert_int_equal(control_begin_stop(box->control, 0, CONTROL_TIMEOUT_DEFAULT, NULL), 0);
    assert_int_equal(proc_wait_pidfd(pidfd, time_monotonic_usec() + PATIENCE_USEC), 1);
    close(pidfd);
    /* From here on a pipe and the buffers on the way, however slowly we read. */
    strbuf_reset(&box->out);
    while (!box->state || box->state->status != MONITOR_EXITED) {
        assert_true(box_take_event(box));
        assert_true(box->out.len < OUTPUT_MAX / 2);
    }
    assert_int_equal(box->state->exit_code, 4);
    (void)proc_wait(writer);
    box_free(box);
}

static void log_has_dockers_lines(void **state)
{
    struct box *box = box_new(ARGS("long-line", "20000"));

    (void)state;
    assert_int_equal(box_run(box), 0);
    char *log = box_read_file(box, box_path_in(box, "c/json.log"));
    assert_int_equal(strncmp(log, "{\"log\":\"xxxx", 12), 0);
    char *second = strchr(log, '\n');
    assert_non_null(second);
    assert_non_null(strstr(second, "x\\n\",\"stream\":\"stdout\",\"time\":\"20"));
    assert_int_equal(second - log > 16384 && second - log < 16384 + 100, 1);
    box_free(box);
}

static void log_is_rotated(void **state)
{
    struct box *box = box_new(ARGS("lines", "2000"));
    struct stat st;

    (void)state;
    box->config.log.max_size_bytes = 20000;
    box->config.log.max_files = 3;
    assert_int_equal(box_run(box), 0);
    assert_int_equal(stat(box_path_in(box, "c/json.log.1"), &st), 0);
    assert_int_equal(stat(box_path_in(box, "c/json.log.2"), &st), 0);
    assert_int_equal(stat(box_path_in(box, "c/json.log.3"), &st), -1);
    assert_non_null(strstr(box_read_file(box, box_path_in(box, "c/json.log")), "line 1999"));
    box_free(box);
}

static void terminal_is_the_containers_own(void **state)
{
    struct box *box = box_new(ARGS("tty"));

    (void)state;
    json_object_set_new(box_member(box, "process", NULL), "terminal", json_true());
    json_object_set_new(
            box_member(box, "process", NULL), "consoleSize", box_parse("{'height':24,'width':80}"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "1 /dev/pts/0 24x80\r\n");
    box_free(box);
}

static void init_reaps_and_passes_the_code_on(void **state)
{
    struct box *box = box_new(ARGS("orphan"));

    (void)state;
    box->config.init = true;
    assert_int_equal(box_run(box), 0);
    assert_string_not_equal(box->out.data, "1\n");
    box_free(box);
    box = box_new(ARGS("wait-term", "9"));
    box->config.init = true;
    box_must_start(box);
    box_wait_output(box, "ready");
    assert_int_equal(control_stop(box->control, 0, CONTROL_TIMEOUT_DEFAULT, NULL), 0);
    assert_int_equal(box_wait(box), 9);
    box_free(box);
}

/* ---- exec ---- */

static int run_exec(
        struct box *box, const char *const *argv, struct exec_options options, struct strbuf *out)
{
    struct exec *exec = NULL;
    char buffer[4096];
    int exit_code = 0;
    ssize_t len;

    options.libexec_dir = LIBEXEC_DIR;
    options.container_dir_fd = box->dir_fd;
    options.argv = (char *const *)(uintptr_t)argv;
    error_free(TAKE(box->error));
    if (exec_start(&options, &exec, &exit_code, &box->error) < 0)
        return exit_code;
    while ((len = read(exec_stdout_fd(exec), buffer, sizeof(buffer))) > 0)
        strbuf_add(out, buffer, (size_t)len);
    int status = exec_wait(exec, NULL);
    exec_free(exec);
    return status;
}

static void exec_joins_the_container(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    struct strbuf out = STRBUF_INIT(65536);
    char *env[] = { (char *)(uintptr_t) "NAME=other", (char *)(uintptr_t) "MORE=1", NULL };

    (void)state;
    box_use_default_seccomp(box);
    box_must_start(box);
    box_wait_output(box, "ready");
    assert_int_equal(run_exec(box, ARGS("cat", "/proc/sys/kernel/hostname"),
                             (struct exec_options){ 0 }, &out),
            0);
    assert_string_equal(out.data, "box\n");
    strbuf_reset(&out);
    assert_int_equal(
            run_exec(box, ARGS("cat", "/proc/self/status"), (struct exec_options){ 0 }, &out), 0);
    assert_non_null(strstr(out.data, "CapEff:\t00000000a80425fb\n"));
    assert_non_null(strstr(out.data, "Seccomp:\t2\n"));
    strbuf_reset(&out);
    assert_int_equal(
            run_exec(box, ARGS("cat", "/proc/self/cgroup"), (struct exec_options){ 0 }, &out), 0);
    assert_non_null(strstr(out.data, box->config.cgroup_path));
    strbuf_reset(&out);
    assert_int_equal(
            run_exec(box, ARGS("env"),
                    (struct exec_options){ .env = env, .user = "app", .cwd = "/etc" }, &out),
            0);
    assert_string_equal(out.data, "PATH=/usr/bin:/bin\nNAME=other\nMORE=1\nHOME=/home/app\n");
    strbuf_reset(&out);
    assert_int_equal(run_exec(box, ARGS("fds"), (struct exec_options){ 0 }, &out), 0);
    assert_string_equal(out.data, "0 1 2 \n");
    strbuf_reset(&out);
    assert_int_equal(
            run_exec(box, ARGS("tty"),
                    (struct exec_options){ .tty = true, .console_height = 10, .console_width = 20 },
                    &out),
            0);
    assert_string_equal(out.data, "1 /dev/pts/0 10x20\r\n");
    strbuf_reset(&out);
    assert_int_equal(run_exec(box, ARGS("exit", "33"), (struct exec_options){ 0 }, &out), 33);
    assert_int_equal(
            run_exec(box, (const char *const[]){ "none", NULL }, (struct exec_options){ 0 }, &out),
            127);
    assert_int_equal(
            run_exec(box, ARGS("env"), (struct exec_options){ .user = "ghost" }, &out), 128);
    strbuf_release(&out);
    box_free(box);
}

static void exec_needs_a_container_that_runs(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    struct strbuf out = STRBUF_INIT(65536);

    (void)state;
    box_must_start(box);
    box_wait_output(box, "ready");
    assert_int_equal(control_pause(box->control, NULL), 0);
    assert_int_equal(run_exec(box, ARGS("env"), (struct exec_options){ 0 }, &out), 125);
    assert_string_equal(
            box_error_text(box), "container box is paused, unpause the container before exec");
    assert_int_equal(control_kill(box->control, SIGKILL, NULL), 0);
    assert_int_equal(box_wait(box), 137);
    assert_int_equal(run_exec(box, ARGS("env"), (struct exec_options){ 0 }, &out), 125);
    assert_string_equal(box_error_text(box), "container box is not running");
    strbuf_release(&out);
    box_free(box);
}

/* ---- dying ---- */

static void killed_monitor_takes_the_container_along(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    struct control *other = NULL;

    (void)state;
    box_must_start(box);
    box_wait_output(box, "ready");
    int pidfd = proc_open_pidfd(box->start.pid);
    assert_true(pidfd >= 0);
    assert_int_equal(kill(box->start.monitor_pid, SIGKILL), 0);
    assert_int_equal(proc_wait_pidfd(pidfd, time_monotonic_usec() + PATIENCE_USEC), 1);
    close(pidfd);
    while (box_take_event(box))
        ;
    assert_int_equal(
            control_wait_gone(box->control, time_monotonic_usec() + PATIENCE_USEC, NULL), 1);
    control_close(TAKE(box->control));
    assert_int_equal(control_open(box->dir_fd, &other, NULL), 0);
    assert_null(other);
    /* The next start is not troubled by what was left. */
    strbuf_reset(&box->out);
    box_set_args(box, ARGS("echo", "back"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "back\n");
    box_free(box);
}

static void killed_monitor_takes_a_container_along_that_became_another_user(void **state)
{
    struct box *box = box_new(ARGS("pause-as", "1000"));

    (void)state;
    box_must_start(box);
    box_wait_output(box, "ready");
    int pidfd = proc_open_pidfd(box->start.pid);
    assert_true(pidfd >= 0);
    assert_int_equal(kill(box->start.monitor_pid, SIGKILL), 0);
    assert_int_equal(proc_wait_pidfd(pidfd, time_monotonic_usec() + PATIENCE_USEC), 1);
    close(pidfd);
    /* Whoever finds the lock free removes what is left. */
    assert_int_equal(control_wait_gone(box->control, TIMEOUT_NEVER, NULL), 1);
    control_close(TAKE(box->control));
    box_set_args(box, ARGS("exit", "0"));
    assert_int_equal(box_run(box), 0);
    box_free(box);
}

static void monitor_that_is_told_to_end_stops_its_container(void **state)
{
    struct box *box = box_new(ARGS("wait-term", "4"));

    (void)state;
    box->config.restart_policy = MONITOR_RESTART_ALWAYS;
    box_must_start(box);
    box_wait_output(box, "ready");
    assert_int_equal(kill(box->start.monitor_pid, SIGTERM), 0);
    assert_int_equal(box_wait(box), 4);
    assert_false(box->state->manually_stopped);
    box_free(box);
}

static void teardown_is_executed_with_the_lock_held(void **state)
{
    struct box *box = box_new(ARGS("exit", "0"));
    char *argv[] = { (char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
        arena_printf(&box->arena, "[ -e /proc/self/fd/4 ] && echo torn down > %s/torn", box->dir),
        NULL };

    (void)state;
    box->config.teardown_argv = argv;
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box_read_file(box, box_path_in(box, "torn")), "torn down\n");
    box_free(box);
}

static long private_kilobytes(struct box *box, pid_t pid)
{
    char *rollup = box_read_file(box, arena_printf(&box->arena, "/proc/%d/smaps_rollup", (int)pid));
    long private_kb = 0;

    for (const char *line = rollup; (line = strstr(line, "Private_")); line++) {
        const char *digits = line + strcspn(line, "0123456789");
        long kb = 0;

        if (strncmp(line, "Private_Hugetlb", 15) == 0)
            continue;
        for (; *digits >= '0' && *digits <= '9'; digits++)
            kb = kb * 10 + (*digits - '0');
        private_kb += kb;
    }
    return private_kb;
}

static void idle_monitor_needs_little_memory(void **state)
{
    const struct timespec moment = { .tv_nsec = 50 * 1000 * 1000 };
    struct box *box = box_new(ARGS("pause"));
    long private_kb = 0;

    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    box_free(box);
    skip();
#endif
    box_must_start(box);
    box_wait_output(box, "ready");
    /* What the start took is given back a while after it; a build with debug information keeps more. */
    for (int tries = 0; tries < 600; tries++) {
        private_kb = private_kilobytes(box, box->start.monitor_pid);
        if (private_kb <= 400)
            break;
        nanosleep(&moment, NULL);
    }
    print_message("idle monitor: %ld KiB private\n", private_kb);
    assert_true(private_kb > 0 && private_kb <= 400);
    box_free(box);
}

/* ---- at any moment ---- */

/* Starts a container from a process of its own, so that this one is free to kill the monitor
 * meanwhile. */
static pid_t start_aside(struct box *box)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)box_start(box);
        _exit(0);
    }
    return pid;
}

static pid_t first_child(pid_t pid)
{
    char path[64], text[64];
    uint32_t child = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    if (fs_read_small(AT_FDCWD, path, text, sizeof(text)) > 0)
        (void)parse_uint32((struct str){ text, strcspn(text, " ") }, INT32_MAX, &child);
    return (pid_t)child;
}

static void monitor_killed_while_it_starts_leaves_nothing_that_the_next_trips_over(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct box *box = box_new(ARGS("echo", "next"));
        struct timespec delay = {
            .tv_nsec = round * 200000
        }; /* not to be right: to be somewhere else each time */
        pid_t command = start_aside(box), monitor;

        while ((monitor = first_child(command)) == 0 && waitpid(command, NULL, WNOHANG) == 0)
            ;
        nanosleep(&delay, NULL);
        if (monitor > 0)
            (void)kill(monitor, SIGKILL);
        (void)waitpid(command, NULL, 0);
        /* As a command does: the lock says when the monitor is gone. Its container may be dying
         * still; the start removes what is left of it. */
        int lock = fs_lock(box->dir_fd, MONITOR_LOCK_FILE, true, true);
        assert_true(lock >= 0);
        close(lock);
        assert_int_equal(box_run(box), 0);
        assert_string_equal(box->out.data, "next\n");
        box_free(box);
    }
}

static int try_lock(struct box *box, bool wait)
{
    return fs_lock(box->dir_fd, "start-lock", true, wait);
}

static void start_stays_locked_when_the_command_dies_until_its_outcome_is_known(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    const char *fifo = box_path_in(box, "fifo");
    pid_t command;

    (void)state;
    /* The start stands still until somebody opens the other end, and fails then. */
    assert_int_equal(mkfifo(fifo, 0600), 0);
    box->config.network = MONITOR_NETWORK_JOIN;
    box->config.netns_path = (char *)(uintptr_t)fifo;
    box->start_lock_fd = try_lock(box, true);
    assert_true(box->start_lock_fd >= 0);
    command = start_aside(box);
    while (first_child(command) == 0)
        assert_int_equal(waitpid(command, NULL, WNOHANG), 0);
    close(box->start_lock_fd);
    assert_int_equal(kill(command, SIGKILL), 0);
    assert_int_equal(waitpid(command, NULL, 0), command);
    assert_int_equal(try_lock(box, false), -EWOULDBLOCK);

    int other_end = open(fifo, O_WRONLY | O_CLOEXEC);
    assert_true(other_end >= 0);
    int lock = try_lock(box, true);
    assert_true(lock >= 0);
    close(other_end);
    close(lock);

    /* One that runs does not hold it. */
    box->config.network = MONITOR_NETWORK_NONE;
    box->config.netns_path = NULL;
    box->start_lock_fd = try_lock(box, true);
    box_must_start(box);
    close(box->start_lock_fd);
    box_wait_output(box, "ready");
    lock = try_lock(box, false);
    assert_true(lock >= 0);
    close(lock);
    box_free(box);
}

static void second_monitor_of_a_container_is_refused(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    struct control *first;

    (void)state;
    box_must_start(box);
    box_wait_output(box, "ready");
    first = box->control;
    box->control = NULL;
    assert_true(box_start(box) < 0);
    assert_int_equal(box->start.exit_code, 125);
    assert_non_null(strstr(box_error_text(box), "another monitor has this container"));
    /* The first one can still be reached. */
    struct control *other = NULL;
    assert_int_equal(control_open(box->dir_fd, &other, NULL), 0);
    assert_non_null(other);
    control_close(other);
    box->control = first;
    box_free(box);
}

static void client_that_goes_away_leaves_the_container_running(void **state)
{
    struct box *box = box_new(ARGS("wait-term", "6"));
    struct control *other = NULL;
    char *text = NULL;

    (void)state;
    box_must_start(box);
    box_wait_output(box, "ready");
    assert_int_equal(control_open(box->dir_fd, &other, NULL), 0);
    assert_non_null(other);
    control_close(box->control);
    box->control = other;
    assert_int_equal(control_status(box->control, &text, NULL), 0);
    assert_non_null(strstr(text, "\"status\":\"running\""));
    free(text);
    assert_int_equal(control_subscribe(box->control, NULL), 0);
    assert_int_equal(control_stop(box->control, 0, CONTROL_TIMEOUT_DEFAULT, NULL), 0);
    assert_int_equal(box_wait(box), 6);
    box_free(box);
}

static void reader_that_does_not_read_gets_everything_later(void **state)
{
    struct box *box = box_new(
            ARGS("lines", "60000", "some more text to fill all the buffers on the way"));
    struct stat st;

    (void)state;
    box_must_start(box);
    /* Wait for the log to stand still for lack of a reader: as long as it grows, the monitor
     * reads. */
    off_t before = -1;
    do {
        struct timespec moment = { .tv_nsec = 100 * 1000 * 1000 };

        before = stat(box_path_in(box, "c/json.log"), &st) == 0 ? st.st_size : 0;
        nanosleep(&moment, NULL);
    } while (stat(box_path_in(box, "c/json.log"), &st) < 0 || st.st_size != before);
    assert_int_equal(box_wait(box), 0);
    assert_non_null(strstr(box->out.data, "line 0 "));
    assert_non_null(strstr(box->out.data, "line 59999 "));
    box_free(box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_signals_waits_and_kills),
        cmocka_unit_test(paused_container_stands_still_and_can_be_stopped),
        cmocka_unit_test(on_failure_restarts_as_often_as_allowed),
        cmocka_unit_test(always_restarts_until_it_is_stopped),
        cmocka_unit_test(health_goes_to_healthy_and_unhealthy),
        cmocka_unit_test(health_check_that_hangs_is_killed),
        cmocka_unit_test(health_check_that_prints_without_end_is_killed_all_the_same),
        cmocka_unit_test(container_ends_although_somebody_else_writes_to_its_output_without_end),
        cmocka_unit_test(log_has_dockers_lines),
        cmocka_unit_test(log_is_rotated),
        cmocka_unit_test(terminal_is_the_containers_own),
        cmocka_unit_test(init_reaps_and_passes_the_code_on),
        cmocka_unit_test(exec_joins_the_container),
        cmocka_unit_test(exec_needs_a_container_that_runs),
        cmocka_unit_test(killed_monitor_takes_the_container_along),
        cmocka_unit_test(killed_monitor_takes_a_container_along_that_became_another_user),
        cmocka_unit_test(monitor_that_is_told_to_end_stops_its_container),
        cmocka_unit_test(teardown_is_executed_with_the_lock_held),
        cmocka_unit_test(monitor_killed_while_it_starts_leaves_nothing_that_the_next_trips_over),
        cmocka_unit_test(start_stays_locked_when_the_command_dies_until_its_outcome_is_known),
        cmocka_unit_test(second_monitor_of_a_container_is_refused),
        cmocka_unit_test(client_that_goes_away_leaves_the_container_running),
        cmocka_unit_test(reader_that_does_not_read_gets_everything_later),
        cmocka_unit_test(idle_monitor_needs_little_memory),
    };

    return box_main("monitor", tests, ARRAY_LEN(tests));
}
