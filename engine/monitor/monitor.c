/* The life of one container under its monitor.
 *
 * Invariants:
 *  1. While this process lives and holds the lock (MONITOR_LOCK_FD), nobody else starts, stops or
 * cleans up the
 *     container. When it is gone, the container's first process is killed: by PR_SET_PDEATHSIG, and where the kernel has
 * forgotten that, by the guard (guard.h), which may take a moment.
 *  2. At most one first process exists, and it exists exactly in PHASE_RUNNING (m->process.pid > 0
 * there).
 *  3. The file state.json says what m->state says, from the first start on; it is written before
 * anybody
 *     is told.
 *  4. Output is read only while every attached client can take it; what was read is in the log
 * first.
 *  5. A run is over when its process was reaped and its output was taken to the end; only then are
 * its cgroup removed
 *     and the next run considered.
 *  6. PHASE_OVER is left by exec of the teardown, or by the end of the process.
 *
 *  phase     what holds                    leaves by                     what remains if we die
 *  SETUP     nothing promised yet          monitor_start_container       a cgroup, a netns pin
 *  RUNNING   process, cgroup, watched      on_process_end (pidfd)        dead process; cgroup, pin
 *  DRAINING  reaped, output not all taken  monitor_check_drained         cgroup, pin, lines of log
 *  WAITING   nothing but pin and ports     on_restart_due, monitor_stop  pin
 *  OVER      final state in state.json     monitor_check_over            pin
 *
 * What remains is found by the next command, which sees the lock free: it removes the cgroup by
 * its path, the pin and the ports by the container's row, and takes the exit code from state.json
 * if that is final, else 137. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/monitor/control.h"
#include "engine/monitor/event-log.h"
#include "engine/monitor/monitor-internal.h"
#include "engine/monitor/sharing.h"
#include "engine/network/sandbox.h"
#include "engine/runtime/hooks.h"
#include "engine/runtime/seccomp-filter.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/user-namespace.h"

#define STATE_TEXT_MAX 65536
#define RUN_DIR "../.." /* from RUN/containers/ID */
#define EXIT_TEXT_MAX 16

void monitor_publish(struct monitor *m)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(STATE_TEXT_MAX);

    monitor_state_format(&m->state, &text);
    /* /run may be full; then whoever is connected still hears. */
    (void)fs_replace_file(
            m->dir_fd, MONITOR_STATE_FILE, text.data, text.len, 0600, FS_NO_SYNC, NULL);
    /* The service manager first: once the command that starts us hears that the container runs, it ends, and was the
     * service's main process until the manager has our pid. */
    service_tell_state(m);
    control_server_publish(m, text.data, text.len);
}

void monitor_event(struct monitor *m, const char *action, const char *key, const char *value)
{
    struct event event = { .type = "container",
        .action = action,
        .id = m->config->id,
        .attributes = m->config->event_attributes,
        .key = key,
        .value = value };

    if (m->config->event_attributes)
        event_log_append(m->dir_fd, RUN_DIR, &event);
}

static void set_error(struct monitor *m, const struct error *error)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);

    if (error)
        error_format(error, &text);
    free(m->error);
    m->error = strbuf_take(&text);
    m->state.error = m->error;
}

/* ---- starting ---- */

/* A network namespace belongs to the user namespace that it was made in. So that one is made first,
 * and found again by the pin after a restart. */
static int open_user_namespace(struct monitor *m, int dir_fd, const char *name, struct error **err)
{
    auto_close int netns_fd = -EBADF;

    m->userns_fd = fd_close(m->userns_fd);
    if (m->spec->namespaces[NAMESPACE_USER].mode != NAMESPACE_PRIVATE)
        return 0;
    int pinned = sandbox_open(dir_fd, name);
    if (pinned >= 0) {
        netns_fd = pinned;
        m->userns_fd = user_namespace_of(netns_fd);
        return m->userns_fd < 0 ? error_set(err, -m->userns_fd, NULL,
                                          "cannot find the user namespace of the container")
                                : 0;
    }
    int r = user_namespace_create(
            &m->spec->uid_mappings, &m->spec->gid_mappings, &m->userns_fd, err);
    if (r >= 0)
        r = user_namespace_create_network(m->userns_fd, &netns_fd, err);
    return r < 0 ? r : sandbox_pin(dir_fd, name, netns_fd, err);
}

/* The directory of the pin, and the pin's name in it. */
static int open_netns_dir(
        const struct monitor_config *config, const char **ret_name, struct error **err)
{
    const char *slash = strrchr(config->netns_path, '/');
    auto_free char *dir = slash ? mem_strndup(config->netns_path,
                                          (size_t)(slash - config->netns_path) + 1)
                                : mem_strdup(".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *ret_name = slash ? slash + 1 : config->netns_path;
    return fd < 0 ? error_set(err, errno, NULL, "cannot open the directory \"%s\"", dir) : fd;
}

static int open_network(struct monitor *m, struct error **err)
{
    const struct monitor_config *config = m->config;
    struct sandbox_config empty = SANDBOX_CONFIG_INIT;
    const struct sandbox_config *sandbox = config->network == MONITOR_NETWORK_PRIVATE
                                                   ? config->sandbox
                                                   : &empty;

    m->netns_fd = fd_close(m->netns_fd);
    if (config->network == MONITOR_NETWORK_JOIN) {
        m->netns_fd = open(config->netns_path, O_RDONLY | O_CLOEXEC);
        return m->netns_fd < 0
                       ? error_set(err, errno, NULL, "cannot open the network namespace \"%s\"",
                                 config->netns_path)
                       : 0;
    }
    /* Without a pin "none" is a namespace of the first process alone, made by clone. */
    if (config->network == MONITOR_NETWORK_HOST || !config->netns_path)
        return 0;
    const char *name;
    auto_close int dir_fd = open_netns_dir(config, &name, err);
    int r = dir_fd < 0 ? dir_fd : open_user_namespace(m, dir_fd, name, err);
    return r < 0 ? r : sandbox_create(sandbox, dir_fd, name, &m->netns_fd, err);
}

static const char *cgroup_path(struct monitor *m)
{
    if (m->config->cgroup_path)
        return m->config->cgroup_path;
    if (m->spec->cgroups_path)
        return m->spec->cgroups_path;
    m->config->cgroup_path = arena_printf(&m->arena, "/berth/%s", m->config->id);
    return m->config->cgroup_path;
}

/* Takes down what one run had. */
static void end_run(struct monitor *m)
{
    struct hook_state state = { .id = m->config->id, .bundle = m->bundle, .status = "stopped" };

    loop_remove(TAKE(m->pidfd_source));
    streams_end(m);
    guard_end(&m->guard);
    container_process_release(&m->process);
    foreign_delete(&m->foreign);
    (void)cgroup_remove_open(&m->cgroup, NULL);
    /* "MUST log a warning, but the remaining hooks and lifecycle continue": there is nobody left
     * to tell. */
    bool has_hooks = m->bundle && !m->foreign.program;
    for (size_t i = 0; has_hooks && i < m->spec->hooks[HOOK_POSTSTOP].count; i++)
        (void)hooks_run_one(m->spec, HOOK_POSTSTOP, i, &state, NULL);
    m->netns_fd = fd_close(m->netns_fd);
    m->userns_fd = fd_close(m->userns_fd);
}

static void on_process_end(struct loop *loop, int fd, uint32_t events, void *userdata);

static int create_foreign(
        struct monitor *m, const struct container_process_options *options, struct error **err)
{
    struct container_rootfs rootfs = options->rootfs;
    const struct foreign_create how = {
        .config = m->config,
        .rootfs = &rootfs,
        .terminal = m->spec->process.terminal,
        .console_height = m->spec->process.console_height,
        .console_width = m->spec->process.console_width,
        .stdin_fd = options->stdin_fd,
        .stdout_fd = options->stdout_fd,
        .stderr_fd = options->stderr_fd,
    };
    int r = cgroup_remove(cgroup_path(m), err);

    if (r >= 0)
        r = foreign_create(&m->foreign, &how, &m->process, err);
    /* The program has made them; what is read from there, and how the rest is killed, is the same. That holds for
     * what it has left behind when it failed, too. */
    int opened = cgroup_open(&m->cgroup, cgroup_path(m), r < 0 ? NULL : err);
    if (r >= 0)
        r = opened;
    return r < 0 ? r : 0;
}

static int start_process(
        struct monitor *m, const struct container_process_options *options, struct error **err)
{
    struct hook_state state = { .id = options->id, .bundle = options->bundle, .status = "running" };

    if (m->foreign.program)
        return foreign_start(&m->foreign, &m->process.exit_code, err);
    int r = container_start_process(&m->process, err);
    state.pid = m->process.pid;
    return r < 0 ? r : hooks_run(m->spec, HOOK_POSTSTART, &state, err);
}

static int create_process(struct monitor *m, struct stream_ends *ends, struct error **err)
{
    auto_(seccomp_filter_release) struct seccomp_filter filter = SECCOMP_FILTER_INIT;
    auto_free char *mount_point = NULL;
    char path[FS_FD_PATH_MAX], dir[LIMIT_PATH_BYTES];
    const struct monitor_rootfs *rootfs = &m->config->rootfs;
    struct container_process_options options = {
        .spec = m->spec,
        .cgroup = &m->cgroup,
        .netns_fd = m->netns_fd,
        .userns_fd = m->userns_fd,
        .user = m->config->user,
        .group_add = m->config->group_add,
        .stdin_fd = ends->stdin_fd,
        .stdout_fd = ends->stdout_fd,
        .stderr_fd = ends->stderr_fd,
    };
    int r;

    if (m->config->seccomp_path) {
        r = seccomp_filter_read(&filter, m->config->seccomp_path, err);
        if (r < 0)
            return r;
        options.seccomp = &filter.program;
        options.seccomp_flags = filter.flags;
    }
    ssize_t len = readlink(fs_fd_path(m->dir_fd, path), dir, sizeof(dir) - 1);
    if (len < 0)
        return error_set(err, errno, NULL, "cannot find the container's directory");
    dir[len] = 0;
    mount_point = mem_printf("%s/%s", dir, MONITOR_ROOTFS_DIR);
    if (!m->bundle)
        m->bundle = arena_strdup(&m->arena, dir);
    options.id = m->config->id;
    options.bundle = m->bundle;
    options.rootfs = (struct container_rootfs){
        .mount_point = mount_point,
        .lower_dirs = rootfs->lower_dirs,
        .lower_count = rootfs->lower_count,
        .upper_dir = rootfs->upper_dir,
        .work_dir = rootfs->work_dir,
        .ephemeral = rootfs->ephemeral,
        .directory = rootfs->rootfs_dir,
    };
    r = m->foreign.program ? create_foreign(m, &options, err)
                           : container_create_process(&options, &m->process, err);
    if (r < 0)
        return r;
    stream_ends_release(ends);
    r = joined_check(m->config, err);
    if (r >= 0)
        r = guard_begin(&m->guard, m->config->libexec_dir, m->config->id, m->process.pidfd, err);
    if (r >= 0)
        r = streams_begin(m, TAKE_FD(m->process.console_fd), err);
    if (r >= 0)
        r = loop_add_io(
                m->loop, m->process.pidfd, EPOLLIN, on_process_end, m, &m->pidfd_source, err);
    if (r >= 0)
        r = start_process(m, &options, err);
    if (r < 0) {
        /* Whether it failed by itself or by us: it must go, and be reaped. */
        (void)proc_kill_pidfd(m->process.pidfd, SIGKILL);
        (void)proc_wait(m->process.pid);
        m->process.pid = 0;
    }
    m->process.options = NULL; /* on this stack */
    return r;
}

static void on_kill_due(struct loop *loop, void *userdata);

static void begin_run(struct monitor *m)
{
    m->phase = PHASE_RUNNING;
    m->started_usec = time_monotonic_usec();
    m->state.status = MONITOR_RUNNING;
    m->state.pid = m->process.pid;
    m->state.pid_start_ticks = proc_start_ticks(m->process.pid);
    m->state.started_nsec = time_realtime_nsec();
    m->state.finished_nsec = 0;
    m->state.exit_code = 0;
    m->state.oom_killed = false;
    m->state.restart_count = m->restart.count;
    set_error(m, NULL);
    health_begin(&m->health, m->started_usec);
    health_begin(&m->startup, m->started_usec);
    m->in_startup = m->startup.status != MONITOR_HEALTH_NONE;
    m->startup_successes = 0;
    if (m->config->run_timeout_usec > 0 &&
            (m->run_timer || loop_add_timer(m->loop, on_kill_due, m, &m->run_timer, NULL) >= 0))
        loop_set_timer(m->run_timer, m->started_usec + m->config->run_timeout_usec);
    m->state.health = m->health.status;
    m->state.failing_streak = 0;
    probe_schedule(m);
}

int monitor_start_container(struct monitor *m, int *ret_exit_code, struct error **err)
{
    auto_(stream_ends_release) struct stream_ends ends = STREAM_ENDS_INIT;
    int r;

    assert(m->phase == PHASE_SETUP || m->phase == PHASE_WAITING);
    *ret_exit_code = 128;
    r = open_network(m, err);
    if (r >= 0)
        r = shared_memory_make(m->config, err);
    if (r >= 0 && !m->foreign.program)
        r = cgroup_create(&m->cgroup, cgroup_path(m), &m->spec->resources, err);
    if (r >= 0)
        r = streams_open(m, &ends, err);
    if (r >= 0) {
        r = create_process(m, &ends, err);
        *ret_exit_code = m->process.exit_code ? m->process.exit_code : 128;
    }
    if (r < 0) {
        end_run(m);
        return r;
    }
    begin_run(m);
    monitor_publish(m);
    monitor_event(m, "start", NULL, NULL);
    return 0;
}

/* ---- ending ---- */

static void finish_for_good(struct monitor *m)
{
    m->phase = PHASE_OVER;
    m->state.status = MONITOR_EXITED;
    m->state.pid = 0;
    m->state.pid_start_ticks = 0;
    if (m->restart_timer)
        loop_set_timer(m->restart_timer, TIMEOUT_NEVER);
    if (m->run_timer)
        loop_set_timer(m->run_timer, TIMEOUT_NEVER);
    if (m->kill_timer)
        loop_set_timer(m->kill_timer, TIMEOUT_NEVER);
    monitor_publish(m);
    control_server_answer_stops(m);
    control_server_hurry(m);
    monitor_check_over(m);
}

void monitor_check_over(struct monitor *m)
{
    if (m->phase == PHASE_OVER && !control_server_has_teardown_owner(m))
        loop_quit(m->loop, 0);
}

static void on_restart_due(struct loop *loop, void *userdata)
{
    struct monitor *m = userdata;
    struct error *error = NULL;
    int exit_code;

    (void)loop;
    monitor_renew_volumes(m);
    if (monitor_start_container(m, &exit_code, &error) < 0) {
        m->state.exit_code = exit_code;
        m->state.finished_nsec = time_realtime_nsec();
        set_error(m, error);
        finish_for_good(m);
    } else {
        monitor_tell_followers(m);
    }
    error_free(error);
}

static void tell_end(struct monitor *m)
{
    char text[EXIT_TEXT_MAX];

    snprintf(text, sizeof(text), "%d", m->state.exit_code);
    if (m->state.oom_killed)
        monitor_event(m, "oom", NULL, NULL);
    monitor_event(m, "die", "exitCode", text);
}

/* Whether there is another run, and after which pause. */
static bool decide_restart(struct monitor *m, int64_t *ret_delay_usec)
{
    bool again = m->starts_again && !m->state.manually_stopped;

    m->starts_again = false;
    if (m->ending)
        return false;
    if (again) {
        m->restart.count++;
        *ret_delay_usec = 0;
        return true;
    }
    return restart_decide(&m->restart, m->state.exit_code, time_monotonic_usec() - m->started_usec,
            m->state.manually_stopped, ret_delay_usec);
}

static void finish_run(struct monitor *m)
{
    int64_t delay;

    end_run(m);
    tell_end(m);
    if (decide_restart(m, &delay)) {
        m->phase = PHASE_WAITING;
        m->state.status = MONITOR_RESTARTING;
        m->state.restart_count = m->restart.count;
        monitor_publish(m);
        if (!m->restart_timer)
            (void)loop_add_timer(m->loop, on_restart_due, m, &m->restart_timer, NULL);
        loop_set_timer(m->restart_timer, time_monotonic_usec() + delay);
        /* Nothing of the run is needed in between. */
        idle_memory_expect(m);
        return;
    }
    finish_for_good(m);
}

void monitor_check_drained(struct monitor *m)
{
    if (m->phase != PHASE_DRAINING)
        return;
    streams_drain(m);
    if (m->phase == PHASE_DRAINING && streams_are_drained(m))
        finish_run(m);
}

static void on_process_end(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct monitor *m = userdata;

    (void)loop;
    (void)fd;
    (void)events;
    assert(m->phase == PHASE_RUNNING);
    probe_cancel(m);
    m->state.exit_code = proc_wait(m->process.pid);
    m->process.pid = 0;
    m->state.pid = 0;
    m->state.pid_start_ticks = 0;
    m->state.finished_nsec = time_realtime_nsec();
    m->state.oom_killed = cgroup_read_oom_kills(&m->cgroup) > 0;
    if (m->kill_timer)
        loop_set_timer(m->kill_timer, TIMEOUT_NEVER);
    loop_remove(TAKE(m->pidfd_source));
    /* In a pid namespace of its own all are dead by now; in a shared one the rest of the container
     * is not. */
    if (m->spec->namespaces[NAMESPACE_PID].mode != NAMESPACE_PRIVATE)
        (void)cgroup_kill(&m->cgroup, SIGKILL, NULL);
    m->phase = PHASE_DRAINING;
    streams_begin_drain(m);
    monitor_check_drained(m);
}

static bool is_awaited(const struct monitor *m, pid_t pid)
{
    return pid == m->process.pid || pid == m->guard.pid || pid == m->probe.pid ||
           pid == m->followers_pid || pid == m->log.compressor;
}

void monitor_reap_orphans(struct monitor *m)
{
    siginfo_t info = { 0 };

    /* The first that is awaited ends this: the signal of its reaping's successor goes on. */
    while (m->foreign.program && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid > 0 && !is_awaited(m, info.si_pid))
        (void)proc_wait(info.si_pid);
}

/* ---- requests ---- */

static int need_process(const struct monitor *m, struct error **err)
{
    if (m->phase == PHASE_RUNNING)
        return 0;
    return error_set_plain(err, ESRCH, NULL, "container %s is not running",
            m->config->name ? m->config->name : m->config->id);
}

static int stop_signal_of(const struct monitor *m)
{
    return m->config->stop_signal > 0 ? m->config->stop_signal : SIGTERM;
}

static int send_signal(struct monitor *m, int signo, struct error **err)
{
    char text[EXIT_TEXT_MAX];

    snprintf(text, sizeof(text), "%d", signo);
    monitor_event(m, "kill", "signal", text);
    /* What does not live as a process of this kernel (a sandbox) takes signals through its runtime alone. */
    int r = m->foreign.program ? foreign_kill(&m->foreign, signo, NULL) : -ENOSYS;
    if (r < 0)
        r = proc_kill_pidfd(m->process.pidfd, signo);
    if (r < 0 && r != -ESRCH)
        return error_set(err, -r, NULL, "cannot send signal %d to the container", signo);
    /* A frozen process takes no signal, not even the last. Those that do not end it wait until it
     * is continued. */
    if (m->state.status == MONITOR_PAUSED && (signo == SIGKILL || signo == stop_signal_of(m)))
        return monitor_set_paused(m, false, err);
    return 0;
}

static void on_kill_due(struct loop *loop, void *userdata)
{
    struct monitor *m = userdata;

    (void)loop;
    if (m->phase == PHASE_RUNNING)
        (void)send_signal(m, SIGKILL, NULL);
}

/* Without the mark of a manual stop the container starts again with the machine. */
static int stop(struct monitor *m, int signo, int64_t timeout_usec, struct error **err)
{
    if (m->phase == PHASE_WAITING) {
        finish_for_good(m);
        return 0;
    }
    if (m->phase != PHASE_RUNNING)
        return 0; /* it is ending already; the answer comes when it has */
    if (!m->kill_timer) {
        int r = loop_add_timer(m->loop, on_kill_due, m, &m->kill_timer, err);
        if (r < 0)
            return r;
    }
    service_tell_stopping(m, timeout_usec);
    if (timeout_usec <= 0)
        return send_signal(m, SIGKILL, err);
    int r = send_signal(m, signo, err);
    if (r >= 0 && timeout_usec != TIMEOUT_NEVER)
        loop_set_timer(m->kill_timer, time_monotonic_usec() + timeout_usec);
    return r;
}

int monitor_stop(struct monitor *m, int signo, int64_t timeout_usec, struct error **err)
{
    m->state.manually_stopped = true;
    return stop(m, signo > 0 ? signo : stop_signal_of(m),
            timeout_usec == CONTROL_TIMEOUT_DEFAULT ? m->config->stop_timeout_usec : timeout_usec,
            err);
}

void monitor_shut_down(struct monitor *m)
{
    m->ending = true;
    (void)stop(m, stop_signal_of(m), m->config->stop_timeout_usec, NULL);
}

void monitor_start_again(struct monitor *m)
{
    m->starts_again = true;
    (void)stop(m, stop_signal_of(m), m->config->stop_timeout_usec, NULL);
}

void monitor_take_unhealthy(struct monitor *m)
{
    switch (m->config->unhealthy) {
    case MONITOR_UNHEALTHY_KILL:
        (void)send_signal(m, SIGKILL, NULL);
        return;
    case MONITOR_UNHEALTHY_RESTART:
        monitor_start_again(m);
        return;
    case MONITOR_UNHEALTHY_STOP:
        (void)monitor_stop(m, 0, CONTROL_TIMEOUT_DEFAULT, NULL);
        return;
    default:
        return;
    }
}

int monitor_kill(struct monitor *m, int signo, struct error **err)
{
    int stop_signal = stop_signal_of(m);
    int r;

    if (signo <= 0 || signo >= NSIG)
        return error_set_plain(err, EINVAL, NULL, "invalid signal: %d", signo);
    if (m->phase == PHASE_WAITING && (signo == SIGKILL || signo == stop_signal)) {
        m->state.manually_stopped = true;
        finish_for_good(m);
        return 0;
    }
    r = need_process(m, err);
    if (r < 0)
        return r;
    /* Docker: what ends the container by the user's will is not answered by a restart. */
    if (signo == SIGKILL || signo == stop_signal)
        m->state.manually_stopped = true;
    return send_signal(m, signo, err);
}

int monitor_set_paused(struct monitor *m, bool paused, struct error **err)
{
    int r = need_process(m, err);

    if (r < 0)
        return r;
    if ((m->state.status == MONITOR_PAUSED) == paused)
        return error_set_plain(err, EINVAL, NULL, "container %s is %s",
                m->config->name ? m->config->name : m->config->id,
                paused ? "already paused" : "not paused");
    if (paused)
        probe_cancel(m);
    r = m->foreign.program ? foreign_pause(&m->foreign, paused, err)
                           : cgroup_freeze(&m->cgroup, paused, err);
    if (r >= 0) {
        m->state.status = paused ? MONITOR_PAUSED : MONITOR_RUNNING;
        monitor_publish(m);
        monitor_event(m, paused ? "pause" : "unpause", NULL, NULL);
    }
    if (m->state.status == MONITOR_RUNNING)
        probe_schedule(m);
    return r;
}

/* What was read before stays in the arena: updates are few. */
int monitor_reload(struct monitor *m, struct error **err)
{
    auto_(monitor_config_release_p) struct monitor_config *config = NULL;
    auto_json json_t *json = NULL;
    struct runtime_spec *spec = NULL;
    int r = jsonx_read_file(m->dir_fd, MONITOR_SPEC_FILE, &json, err);

    if (r >= 0)
        r = runtime_spec_parse(&m->arena, json, &spec, err);
    if (r >= 0)
        r = monitor_config_read(&m->arena, m->dir_fd, &config, err);
    if (r < 0)
        return r;
    if (monitor_has_process(m)) {
        struct runtime_resources limits = spec->resources;

        /* Rules for devices do not change, and setting them anew would close all for a moment. */
        limits.device_count = 0;
        r = cgroup_update(&m->cgroup, &limits, err);
        if (r < 0)
            return r;
    }
    m->spec->resources = spec->resources;
    m->restart.policy = config->restart_policy;
    m->restart.max_retries = config->restart_max_retries;
    return 0;
}

/* Ports first: they may be refused, and then nothing has changed yet. */
int monitor_reload_network(struct monitor *m, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(monitor_config_release_p) struct monitor_config *config = NULL;
    const char *name;
    int r = monitor_config_read(&arena, m->dir_fd, &config, err);

    if (r < 0)
        return r;
    if (m->config->network != MONITOR_NETWORK_PRIVATE || config->network != MONITOR_NETWORK_PRIVATE)
        return error_set_plain(err, EINVAL, NULL, "the container has no network of its own");
    if (m->phase != PHASE_RUNNING && m->phase != PHASE_DRAINING && m->phase != PHASE_WAITING)
        return error_set_plain(err, ESRCH, NULL, "the container does not run");
    auto_close int dir_fd = open_netns_dir(m->config, &name, err);
    if (dir_fd < 0)
        return dir_fd;
    auto_free int *port_fds = mem_alloc((config->sandbox->ports.len + 1) * sizeof(*port_fds));
    r = sandbox_move_ports(m->config->sandbox, m->port_fds, config->sandbox, port_fds, err);
    if (r < 0)
        return r;
    free(m->port_fds);
    m->port_fds = TAKE(port_fds);
    m->port_count = config->sandbox->ports.len;
    r = sandbox_update(m->config->sandbox, config->sandbox, dir_fd, name, err);

    /* Also of a failure: what there may be by now is what the way back has to take away. */
    struct sandbox_config old = *m->config->sandbox;
    *m->config->sandbox = *config->sandbox;
    *config->sandbox = old;
    return r;
}
