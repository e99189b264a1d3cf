#include "engine/monitor/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "engine/monitor/exec-protocol.h"
#include "engine/monitor/program-internal.h"
#include "engine/monitor/program.h"
#include "engine/runtime/protect.h"

struct exec {
    int socket_fd;
    pid_t helper; /* `berth-monitor exec`; 0: reaped */
    pid_t pid;
    int stdin_fd, stdout_fd, stderr_fd; /* with a terminal all the master */
    bool tty;
    int status; /* once known; -1 before */
};

void exec_free(struct exec *exec)
{
    if (!exec)
        return;
    if (exec->tty) {
        fd_close(exec->stdout_fd);
    } else {
        fd_close(exec->stdin_fd);
        fd_close(exec->stdout_fd);
        fd_close(exec->stderr_fd);
    }
    fd_close(exec->socket_fd);
    free(exec);
}

static json_t *vector_to_json(char *const *vector)
{
    json_t *array = vector ? json_array() : NULL;

    for (; vector && *vector; vector++)
        json_array_append_new(array, jsonx_text(*vector));
    return array;
}

static int write_request(const struct exec_options *options, struct error **err)
{
    auto_json json_t *json = json_object();
    auto_close int fd = memfd_create("exec-request", MFD_CLOEXEC);

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot make a file in memory");
    json_object_set_new(json, "argv", vector_to_json(options->argv));
    if (options->env)
        json_object_set_new(json, "env", vector_to_json(options->env));
    if (options->user)
        json_object_set_new(json, "user", jsonx_text(options->user));
    if (options->cwd)
        json_object_set_new(json, "cwd", jsonx_text(options->cwd));
    json_object_set_new(json, "tty", json_boolean(options->tty));
    json_object_set_new(json, "privileged", json_boolean(options->privileged));
    json_object_set_new(json, "height", json_integer(options->console_height));
    json_object_set_new(json, "width", json_integer(options->console_width));
    auto_free char *text = jsonx_dump(json);
    int r = fd_write_all(fd, text, strlen(text));
    if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return error_set(err, r < 0 ? -r : errno, NULL, "cannot write the request");
    return TAKE_FD(fd);
}

/* The child's ends of the standard streams; ours go into *exec. */
static int open_streams(
        struct exec *exec, const struct exec_options *options, int *ends, struct error **err)
{
    int r = 0;

    if (options->discard_output || options->tty)
        return 0;
    if (options->stdin_open)
        r = fd_pipe(&ends[0], &exec->stdin_fd);
    if (r >= 0)
        r = fd_pipe(&exec->stdout_fd, &ends[1]);
    if (r >= 0)
        r = fd_pipe(&exec->stderr_fd, &ends[2]);
    return r < 0 ? error_set(err, -r, NULL, "cannot make the standard streams") : 0;
}

static int await_start(struct exec *exec, int *ret_exit_code, struct error **err)
{
    char buffer[sizeof(struct exec_message) + ERROR_ENCODED_MAX_BYTES];
    struct exec_message message;
    int fds[FD_PASS_MAX];
    size_t fd_count = ARRAY_LEN(fds);
    ssize_t len = fd_receive(exec->socket_fd, buffer, sizeof(buffer), fds, &fd_count);

    *ret_exit_code = 125;
    if (len < (ssize_t)sizeof(message))
        return error_set_plain(
                err, ECHILD, NULL, "berth-monitor exec has ended before the process was started");
    for (size_t i = 0; i < fd_count; i++) {
        if (i == 0 && exec->tty)
            exec->stdin_fd = exec->stdout_fd = exec->stderr_fd = fds[0];
        else
            fd_close(fds[i]);
    }
    memcpy(&message, buffer, sizeof(message));
    if (message.kind == EXEC_STARTED) {
        exec->pid = message.value;
        return 0;
    }
    *ret_exit_code = message.value;
    return error_move(err, error_decode(buffer + sizeof(message), (size_t)len - sizeof(message)));
}

static int spawn_helper(
        struct exec *exec, const struct exec_options *options, const int *ends, struct error **err)
{
    auto_free char *program = mem_printf("%s/%s", options->libexec_dir, PROGRAM_NAME);
    auto_close int binary_fd = protect_open_readonly(program);
    auto_close int request_fd = write_request(options, err);
    char name[] = PROGRAM_NAME, mode[] = "exec";
    char *argv[] = { name, mode, NULL };
    int sockets[2], pidfd = -EBADF;

    if (request_fd < 0)
        return request_fd;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return error_set(err, errno, NULL, "cannot make a pair of sockets");
    exec->socket_fd = sockets[0];
    auto_close int theirs = sockets[1];
    const int fds[PROGRAM_FDS] = {
        ends[0],
        ends[1],
        ends[2],
        [EXEC_CONTROL_FD] = theirs,
        [EXEC_DIR_FD] = options->container_dir_fd,
        [EXEC_BINARY_FD] = binary_fd,
        [EXEC_REQUEST_FD] = request_fd,
        [PROGRAM_START_LOCK_FD] = -EBADF,
    };
    int r = program_spawn(program, argv, fds, &exec->helper, &pidfd, err);
    fd_close(pidfd);
    return r;
}

int exec_start(const struct exec_options *options, struct exec **ret, int *ret_exit_code,
        struct error **err)
{
    auto_(exec_free_p) struct exec *exec = NEW(struct exec);
    int ends[3] = { -EBADF, -EBADF, -EBADF };
    int r;

    *ret_exit_code = 125;
    *exec = (struct exec){
        .socket_fd = -EBADF,
        .stdin_fd = -EBADF,
        .stdout_fd = -EBADF,
        .stderr_fd = -EBADF,
        .tty = options->tty && !options->discard_output,
        .status = -1,
    };
    r = open_streams(exec, options, ends, err);
    if (r >= 0)
        r = spawn_helper(exec, options, ends, err);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        fd_close(ends[i]);
    if (r < 0)
        return r;
    r = await_start(exec, ret_exit_code, err);
    if (r < 0) {
        (void)proc_wait(exec->helper);
        return r;
    }
    *ret = TAKE(exec);
    return 0;
}

int exec_stdin_fd(const struct exec *exec)
{
    return exec->stdin_fd;
}

int exec_stdout_fd(const struct exec *exec)
{
    return exec->stdout_fd;
}

int exec_stderr_fd(const struct exec *exec)
{
    return exec->tty ? -EBADF : exec->stderr_fd;
}

void exec_close_stdin(struct exec *exec)
{
    if (!exec->tty)
        exec->stdin_fd = fd_close(exec->stdin_fd);
}

pid_t exec_pid(const struct exec *exec)
{
    return exec->pid;
}

int exec_kill(struct exec *exec, int signo)
{
    struct exec_message message = { .kind = EXEC_KILL, .value = signo };

    return send(exec->socket_fd, &message, sizeof(message), MSG_NOSIGNAL) < 0 ? -ESRCH : 0;
}

int exec_resize(struct exec *exec, uint16_t height, uint16_t width)
{
    struct winsize size = { .ws_row = height, .ws_col = width };

    if (!exec->tty)
        return 0;
    return ioctl(exec->stdout_fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int exec_status_fd(const struct exec *exec)
{
    return exec->socket_fd;
}

int exec_wait(struct exec *exec, struct error **err)
{
    struct exec_message message = { 0 };
    ssize_t len;

    if (exec->status >= 0)
        return exec->status;
    do
        len = recv(exec->socket_fd, &message, sizeof(message), 0);
    while (len < 0 && errno == EINTR);
    if (exec->helper > 0)
        (void)proc_wait(exec->helper);
    exec->helper = 0;
    if (len != sizeof(message) || message.kind != EXEC_ENDED)
        return error_set_plain(err, ECHILD, NULL, "berth-monitor exec was killed");
    exec->status = message.value;
    return exec->status;
}
