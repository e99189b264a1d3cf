/* `berth-monitor exec`: starts a process in a running container and stays its parent. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "engine/monitor/exec-protocol.h"
#include "engine/monitor/foreign.h"
#include "engine/monitor/monitor-config.h"
#include "engine/monitor/program-internal.h"
#include "engine/monitor/state-file.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/join.h"
#include "engine/runtime/seccomp-filter.h"
#include "engine/runtime/spec.h"

struct exec_session {
    struct arena arena;
    struct monitor_config *config;
    struct runtime_spec *spec;
    struct monitor_state *state;
    struct cgroup cgroup;
    struct seccomp_filter filter;
    struct foreign foreign;
    int pidfd; /* of the container's first process */
};

static int read_request(struct exec_session *s, struct join_options *options, struct error **err)
{
    auto_free char *text = NULL;
    auto_json json_t *json = NULL;
    char **argv = NULL, **env = NULL;
    const char *user = NULL, *cwd = NULL;
    int64_t height = 0, width = 0;
    size_t argc = 0, ignored, len;
    int r = fs_read_fd(EXEC_REQUEST_FD, EXEC_REQUEST_MAX_BYTES, &text, &len, err);

    if (r >= 0)
        r = jsonx_parse(text, len, "request", &json, err);
    if (r >= 0)
        r = jsonx_get_strings(&s->arena, json, "argv", &argv, &argc, err);
    if (r >= 0)
        r = jsonx_get_strings(&s->arena, json, "env", &env, &ignored, err);
    if (r >= 0)
        r = jsonx_get_string(json, "user", &user, err);
    if (r >= 0)
        r = jsonx_get_string(json, "cwd", &cwd, err);
    if (r >= 0)
        r = jsonx_get_bool(json, "tty", &options->terminal, err);
    if (r >= 0)
        r = jsonx_get_bool(json, "privileged", &options->privileged, err);
    if (r >= 0)
        r = jsonx_get_int(json, "height", &height, err);
    if (r >= 0)
        r = jsonx_get_int(json, "width", &width, err);
    if (r < 0)
        return r;
    if (argc == 0)
        return error_set_plain(err, EINVAL, NULL, "no command specified");
    options->argv = argv;
    options->env = env;
    options->cwd = arena_strdup(&s->arena, cwd);
    options->console_height = (uint16_t)height;
    options->console_width = (uint16_t)width;
    /* The user of the exec stands alone; otherwise it is the container's, with its added groups. */
    options->user = user ? arena_strdup(&s->arena, user) : s->config->user;
    options->group_add = s->config->group_add;
    return 0;
}

static int start_foreign(struct exec_session *s, const struct join_options *options,
        struct container_process *process, struct error **err)
{
    const struct foreign_exec how = {
        .config = s->config,
        .argv = options->argv,
        .env = options->env,
        .cwd = options->cwd,
        .user = options->user == s->config->user ? NULL : options->user,
        .pid = s->state->pid,
        .privileged = options->privileged,
        .terminal = options->terminal,
        .console_height = options->console_height,
        .console_width = options->console_width,
        .stdin_fd = options->stdin_fd,
        .stdout_fd = options->stdout_fd,
        .stderr_fd = options->stderr_fd,
    };
    int r = foreign_open(&s->foreign, &s->arena, s->config, EXEC_DIR_FD, err);

    process->exit_code = 125;
    return r < 0 ? r : foreign_exec(&s->foreign, &how, process, err);
}

static int find_container(struct exec_session *s, struct error **err)
{
    auto_json json_t *json = NULL;
    int r = monitor_config_read(&s->arena, EXEC_DIR_FD, &s->config, err);

    if (r >= 0)
        r = jsonx_read_file(EXEC_DIR_FD, MONITOR_SPEC_FILE, &json, err);
    if (r >= 0)
        r = runtime_spec_parse(&s->arena, json, &s->spec, err);
    if (r >= 0)
        r = monitor_state_read(&s->arena, EXEC_DIR_FD, &s->state, err);
    if (r < 0)
        return r;
    s->spec->seccomp = NULL;
    const char *name = s->config->name ? s->config->name : s->config->id;
    if (s->state && s->state->status == MONITOR_PAUSED)
        return error_set_plain(err, EBUSY, NULL,
                "container %s is paused, unpause the container before exec", name);
    if (!s->state || s->state->pid <= 0)
        return error_set_plain(err, ESRCH, NULL, "container %s is not running", name);
    s->pidfd = proc_open_pidfd(s->state->pid);
    /* The number alone could be somebody else's by now. */
    if (s->pidfd < 0 || proc_start_ticks(s->state->pid) != s->state->pid_start_ticks)
        return error_set_plain(err, ESRCH, NULL, "container %s is not running", name);
    return 0;
}

static int open_cgroup(struct exec_session *s, struct error **err)
{
    const char *path = s->config->cgroup_path ? s->config->cgroup_path
                       : s->spec->cgroups_path
                               ? s->spec->cgroups_path
                               : arena_printf(&s->arena, "/berth/%s", s->config->id);
    int r = cgroup_open(&s->cgroup, path, err);

    if (r == 0)
        return error_set_plain(err, ESRCH, NULL, "the control group of the container is gone");
    return r;
}

static int start(struct exec_session *s, struct container_process *process, struct error **err)
{
    struct join_options options = { .stdin_fd = 0, .stdout_fd = 1, .stderr_fd = 2 };
    int r = find_container(s, err);

    if (r >= 0)
        r = read_request(s, &options, err);
    if (r >= 0)
        r = cgroup_enter_path(
                s->config->monitor_cgroup_path ? s->config->monitor_cgroup_path : MONITOR_CGROUP,
                err);
    if (r >= 0 && s->config->runtime)
        return start_foreign(s, &options, process, err);
    if (r >= 0)
        r = open_cgroup(s, err);
    if (r >= 0 && s->config->seccomp_path)
        r = seccomp_filter_read(&s->filter, s->config->seccomp_path, err);
    if (r < 0) {
        process->exit_code = 125;
        return r;
    }
    options.spec = s->spec;
    options.cgroup = &s->cgroup;
    options.pid = s->state->pid;
    options.pidfd = s->pidfd;
    if (s->config->seccomp_path) {
        options.seccomp = &s->filter.program;
        options.seccomp_flags = s->filter.flags;
    }
    return join_start_process(&options, process, err);
}

static void send_failure(int exit_code, const struct error *error)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    struct exec_message message = { .kind = EXEC_FAILED, .value = exit_code, .code = error->code };
    struct iovec parts[2];

    error_encode(error, &text);
    parts[0] = (struct iovec){ &message, sizeof(message) };
    parts[1] = (struct iovec){ text.data, text.len };
    struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };
    (void)sendmsg(EXEC_CONTROL_FD, &header, MSG_NOSIGNAL);
}

/* Until the process has ended: signals from the command, which may go away before. */
static int serve(const struct container_process *process)
{
    struct pollfd fds[] = {
        { .fd = process->pidfd, .events = POLLIN },
        { .fd = EXEC_CONTROL_FD, .events = POLLIN },
    };

    for (;;) {
        struct exec_message message = { 0 };

        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
            return 255;
        if (fds[0].revents)
            return proc_wait(process->pid);
        if (!fds[1].revents)
            continue;
        ssize_t len = recv(EXEC_CONTROL_FD, &message, sizeof(message), MSG_DONTWAIT);
        if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
            fds[1].fd = -1;
        else if (len == sizeof(message) && message.kind == EXEC_KILL)
            (void)proc_kill_pidfd(process->pidfd, message.value);
    }
}

int exec_main(void)
{
    static struct exec_session session;
    struct container_process process = CONTAINER_PROCESS_INIT;
    struct exec_message message = { .kind = EXEC_STARTED };
    struct error *error = NULL;

    session.pidfd = -EBADF;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, PROGRAM_NAME, 0, 0, 0);
    for (int fd = EXEC_CONTROL_FD; fd <= EXEC_REQUEST_FD; fd++)
        (void)fd_set_cloexec(fd, true);
    if (start(&session, &process, &error) < 0) {
        send_failure(process.exit_code ? process.exit_code : 125, error);
        error_free(error);
        return 125;
    }
    /* The streams are the process's now: that it closes them must be seen at the other end. */
    for (int fd = 0; fd <= 2; fd++)
        close(fd);
    fd_secure_stdio();
    message.value = process.pid;
    (void)fd_send(EXEC_CONTROL_FD, &message, sizeof(message), &process.console_fd,
            process.console_fd >= 0);
    process.console_fd = fd_close(process.console_fd);
    seccomp_filter_release(&session.filter);
    message = (struct exec_message){ .kind = EXEC_ENDED };
    message.value = serve(&process);
    (void)send(EXEC_CONTROL_FD, &message, sizeof(message), MSG_NOSIGNAL);
    return 0;
}
