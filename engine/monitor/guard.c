#include "engine/monitor/guard.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "engine/monitor/program-internal.h"

int guard_begin(struct guard *guard, const char *libexec_dir, const char *id, int container_pidfd,
        struct error **err)
{
    auto_free char *program = mem_printf("%s/%s", libexec_dir, PROGRAM_INIT_NAME);
    char name[] = PROGRAM_GUARD_NAME;
    char *argv[] = { name, (char *)(uintptr_t)id, NULL }, *no_environment[] = { NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    auto_close int theirs = -EBADF;
    auto_close int ours = -EBADF;

    assert(guard->pipe_fd < 0);
    int r = fd_pipe(&theirs, &ours);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot make a pipe");
    spawn.path = program;
    spawn.argv = argv;
    spawn.envp = no_environment;
    spawn.stdin_fd = theirs;
    spawn.stdout_fd = container_pidfd;
    spawn.stderr_fd = PROC_NULL;
    spawn.cwd = "/";
    spawn.new_session = true; /* who kills the monitor's session does not mean this one */
    r = proc_spawn(&spawn, &guard->pid, NULL, err);
    if (r < 0)
        return error_wrap(err, r, "cannot start the guard of the container");
    guard->pipe_fd = TAKE_FD(ours);
    return 0;
}

void guard_end(struct guard *guard)
{
    if (guard->pipe_fd < 0)
        return;
    guard->pipe_fd = fd_close(guard->pipe_fd);
    (void)proc_wait(guard->pid);
    guard->pid = 0;
}
