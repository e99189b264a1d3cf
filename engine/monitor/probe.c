/* Running health checks: one at a time, as a process in the container, in a process group of its
 * own (it leads a session), with bounded output and time. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "engine/monitor/monitor-internal.h"
#include "engine/runtime/join.h"
#include "engine/runtime/seccomp-filter.h"
#include "engine/runtime/spec.h"

#define EXIT_CODE_NONE (-1)
/* What is taken of the output each time: a check that prints without end must not keep the monitor from its timeout. */
#define READS_AT_ONCE 64

static void release(struct probe *probe)
{
    loop_remove(TAKE(probe->pidfd_source));
    loop_remove(TAKE(probe->output_source));
    probe->pidfd = fd_close(probe->pidfd);
    probe->output_fd = fd_close(probe->output_fd);
    probe->pid = 0;
    strbuf_release(&probe->output);
}

/* True when this made the container unhealthy. */
static bool record(struct monitor *m, int exit_code, const char *output, size_t len)
{
    struct monitor_state *state = &m->state;

    size_t max = m->config->health_log_count ? m->config->health_log_count : HEALTH_LOG_DEFAULT;

    if (state->health_log_len == max) {
        free(state->health_log[0].output);
        memmove(&state->health_log[0], &state->health_log[1],
                (max - 1) * sizeof(state->health_log[0]));
        state->health_log_len--;
    }
    if (m->config->health_log_bytes && len > m->config->health_log_bytes)
        len = m->config->health_log_bytes;
    state->health_log[state->health_log_len++] = (struct health_result){
        .start_nsec = m->probe.start_nsec,
        .end_nsec = time_realtime_nsec(),
        .exit_code = exit_code,
        .output = mem_strndup(output, len),
    };
    bool changed = health_take_result(&m->health, exit_code, m->probe.start_usec);
    state->health = m->health.status;
    state->failing_streak = m->health.streak;
    if (changed)
        monitor_event(m,
                state->health == MONITOR_HEALTH_HEALTHY ? "health_status: healthy"
                                                        : "health_status: unhealthy",
                NULL, NULL);
    return changed && state->health == MONITOR_HEALTH_UNHEALTHY;
}

/* Takes what the probe has printed. The group is gone or killed, so this does not wait for
 * anybody. */
static void read_output(struct probe *probe)
{
    char buffer[1024];
    ssize_t len;

    for (int reads = 0; probe->output_fd >= 0 && reads < READS_AT_ONCE; reads++) {
        len = read(probe->output_fd, buffer, sizeof(buffer));
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return;
        if (len <= 0) {
            loop_remove(TAKE(probe->output_source));
            probe->output_fd = fd_close(probe->output_fd);
            return;
        }
        strbuf_add(&probe->output, buffer, (size_t)len); /* beyond its maximum it is dropped */
    }
}

/* A check that fails because the container is ending says nothing about its health; the end is
 * told next. */
static bool container_is_ending(const struct monitor *m)
{
    return proc_wait_pidfd(m->process.pidfd, 0) != 0;
}

/* The check that comes first: nothing is recorded, until it has passed the container is still starting. */
static void take_startup_result(struct monitor *m, int exit_code)
{
    const struct monitor_config *config = m->config;

    if (exit_code == 0) {
        m->startup.streak = 0;
        m->startup_successes++;
        m->in_startup = m->startup_successes <
                        (config->startup_success ? config->startup_success : 1);
    } else {
        m->startup_successes = 0;
        m->startup.streak++;
    }
    probe_schedule(m);
    if (m->in_startup && config->startup.retries && m->startup.streak >= config->startup.retries)
        monitor_start_again(m);
}

static const struct health *active_health(const struct monitor *m)
{
    return m->in_startup ? &m->startup : &m->health;
}

static void take_result(struct monitor *m, int exit_code, const struct strbuf *output)
{
    if (m->in_startup) {
        take_startup_result(m, exit_code);
        return;
    }
    bool unhealthy = record(m, exit_code, output->data, output->len);

    idle_memory_expect(m);

    monitor_publish(m);
    probe_schedule(m);
    if (unhealthy)
        monitor_take_unhealthy(m);
}

static void finish(struct monitor *m, int exit_code)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_HEALTH_OUTPUT_BYTES);
    struct probe *probe = &m->probe;
    char timeout[TIME_GO_DURATION_MAX];

    read_output(probe);
    if (probe->timed_out) {
        exit_code = EXIT_CODE_NONE;
        strbuf_addf(&text, "Health check exceeded timeout (%s)",
                time_format_go_duration(active_health(m)->timeout_usec, timeout));
        if (probe->output.len > 0)
            strbuf_addf(&text, ": %s", probe->output.data);
    } else {
        strbuf_add(&text, probe->output.data, probe->output.len);
    }
    release(probe);
    if (container_is_ending(m))
        return;
    take_result(m, exit_code, &text);
}

static void on_probe_end(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct monitor *m = userdata;

    (void)loop;
    (void)fd;
    (void)events;
    /* What it left behind belongs to the check and would hold its output open. */
    (void)kill(-m->probe.pid, SIGKILL);
    finish(m, proc_wait(m->probe.pid));
}

static void on_probe_output(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    (void)loop;
    (void)fd;
    (void)events;
    read_output(&((struct monitor *)userdata)->probe);
}

static int start_foreign(struct monitor *m, const struct join_options *options,
        struct container_process *ret, struct error **err)
{
    const struct foreign_exec how = {
        .config = m->config,
        .argv = options->argv,
        .pid = options->pid,
        .stdin_fd = options->stdin_fd,
        .stdout_fd = options->stdout_fd,
        .stderr_fd = options->stderr_fd,
    };

    return foreign_exec(&m->foreign, &how, ret, err);
}

static int start(struct monitor *m, struct error **err)
{
    auto_(seccomp_filter_release) struct seccomp_filter filter = SECCOMP_FILTER_INIT;
    auto_(container_process_release) struct container_process process = CONTAINER_PROCESS_INIT;
    auto_close int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    auto_close int write_fd = -EBADF;
    struct probe *probe = &m->probe;
    struct join_options options = {
        .spec = m->spec,
        .cgroup = &m->cgroup,
        .pid = m->process.pid,
        .pidfd = m->process.pidfd,
        .argv = m->in_startup ? m->config->startup.argv : m->config->health.argv,
        .user = m->config->user,
        .group_add = m->config->group_add,
    };
    int r = null_fd < 0 ? -errno : fd_pipe(&probe->output_fd, &write_fd);

    if (r < 0)
        return error_set(err, -r, NULL, "cannot make the standard streams");
    fd_set_nonblock(probe->output_fd, true);
    if (m->config->seccomp_path) {
        r = seccomp_filter_read(&filter, m->config->seccomp_path, err);
        if (r < 0)
            return r;
        options.seccomp = &filter.program;
        options.seccomp_flags = filter.flags;
    }
    options.stdin_fd = null_fd;
    options.stdout_fd = options.stderr_fd = write_fd;
    r = m->foreign.program ? start_foreign(m, &options, &process, err)
                           : join_start_process(&options, &process, err);
    if (r < 0)
        return r;
    probe->pid = process.pid;
    probe->pidfd = TAKE_FD(process.pidfd);
    r = loop_add_io(m->loop, probe->pidfd, EPOLLIN, on_probe_end, m, &probe->pidfd_source, err);
    return r < 0 ? r
                 : loop_add_io(m->loop, probe->output_fd, EPOLLIN, on_probe_output, m,
                           &probe->output_source, err);
}

static void on_probe_due(struct loop *loop, void *userdata)
{
    struct monitor *m = userdata;
    struct probe *probe = &m->probe;

    (void)loop;
    if (probe->pid > 0) { /* it runs: this is its timeout */
        probe->timed_out = true;
        (void)kill(-probe->pid, SIGKILL);
        (void)proc_kill_pidfd(probe->pidfd, SIGKILL);
        return;
    }
    *probe = (struct probe){
        .pidfd = -EBADF,
        .output_fd = -EBADF,
        .start_usec = time_monotonic_usec(),
        .start_nsec = time_realtime_nsec(),
    };
    strbuf_init(&probe->output, LIMIT_HEALTH_OUTPUT_BYTES);
    struct error *error = NULL;
    if (start(m, &error) < 0) {
        /* It could not even be started (no such program): that is a failure like another. */
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_HEALTH_OUTPUT_BYTES);

        error_format(error, &text);
        release(probe);
        if (!container_is_ending(m)) {
            take_result(m, EXIT_CODE_NONE, &text);
        }
    } else {
        loop_set_timer(m->probe_timer, time_monotonic_usec() + active_health(m)->timeout_usec);
    }
    error_free(error);
}

void probe_schedule(struct monitor *m)
{
    int64_t now = time_monotonic_usec();

    if (m->health.status == MONITOR_HEALTH_NONE || m->phase != PHASE_RUNNING ||
            m->state.status != MONITOR_RUNNING)
        return;
    if (!m->probe_timer && loop_add_timer(m->loop, on_probe_due, m, &m->probe_timer, NULL) < 0)
        return;
    loop_set_timer(m->probe_timer, now + health_next_delay(active_health(m), now));
}

void probe_cancel(struct monitor *m)
{
    if (m->probe_timer)
        loop_set_timer(m->probe_timer, TIMEOUT_NEVER);
    if (m->probe.pid > 0) {
        (void)kill(-m->probe.pid, SIGKILL);
        (void)proc_kill_pidfd(m->probe.pidfd, SIGKILL);
        (void)proc_wait(m->probe.pid);
        release(&m->probe);
    }
}
