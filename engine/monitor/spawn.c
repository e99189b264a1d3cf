#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/monitor/control-internal.h"
#include "engine/monitor/control.h"
#include "engine/monitor/program-internal.h"
#include "engine/monitor/program.h"
#include "engine/runtime/protect.h"

#define NUMBER_TEXT_MAX 12

int monitor_spawn(const struct monitor_spawn_options *options, struct control **ret_control,
        struct monitor_start *ret, struct error **err)
{
    auto_(control_close_p) struct control *control = NULL;
    auto_free char *program = mem_printf("%s/%s", options->libexec_dir, PROGRAM_NAME);
    auto_close int binary_fd = protect_open_readonly(program);
    char attach[NUMBER_TEXT_MAX], height[NUMBER_TEXT_MAX], width[NUMBER_TEXT_MAX],
            flags[NUMBER_TEXT_MAX];
    char name[] = PROGRAM_NAME, mode[] = "start";
    char *argv[] = { name, mode, (char *)(uintptr_t)options->id, attach, height, width, flags,
        NULL };
    int sockets[2], pidfd = -EBADF, r;
    pid_t pid;

    *ret = (struct monitor_start){ .exit_code = 125 };
    snprintf(attach, sizeof(attach), "%u", options->attach);
    snprintf(height, sizeof(height), "%u", options->console_height);
    snprintf(width, sizeof(width), "%u", options->console_width);
    snprintf(flags, sizeof(flags), "%d",
            (options->subscribe ? PROGRAM_SUBSCRIBE : 0) |
                    (options->own_teardown ? PROGRAM_OWN_TEARDOWN : 0));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return error_set(err, errno, NULL, "cannot make a pair of sockets");
    auto_close int ours = sockets[0];
    auto_close int theirs = sockets[1];
    const int fds[PROGRAM_FDS] = {
        -EBADF,
        -EBADF,
        -EBADF,
        [PROGRAM_CONTROL_FD] = theirs,
        [PROGRAM_LOCK_FD] = options->lock_fd,
        [PROGRAM_BINARY_FD] = binary_fd,
        [PROGRAM_DIR_FD] = options->container_dir_fd,
        [PROGRAM_START_LOCK_FD] = options->start_lock_fd,
    };
    r = program_spawn(program, argv, fds, &pid, &pidfd, err);
    if (r < 0)
        return error_wrap(err, r, "cannot start the container's monitor \"%s\"", program);
    control = control_new(TAKE_FD(ours), pidfd, pid);
    theirs = fd_close(theirs);
    r = control_await_start(control, ret, err);
    if (r < 0) {
        (void)control_wait_gone(control, INT64_MAX, NULL);
        return r;
    }
    *ret_control = TAKE(control);
    return 0;
}
