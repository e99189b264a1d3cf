#include "engine/monitor/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/str.h"
#include "engine/monitor/foreign-internal.h"
#include "engine/monitor/monitor-config.h"
#include "engine/runtime/container.h"
#include "engine/runtime/overlay.h"

#define FILE_NAME_BYTES 32
#define EXIT_ENGINE 125
#define EXIT_DEFAULT 128
#define EXIT_NOT_EXECUTED 126

int foreign_open(struct foreign *foreign, struct arena *arena, const struct monitor_config *config,
        int run_dir_fd, struct error **err)
{
    char link[FS_FD_PATH_MAX], dir[LIMIT_PATH_BYTES];

    *foreign = (struct foreign)FOREIGN_INIT;
    if (!config->runtime)
        return 0;
    foreign->timeout_usec = config->runtime_timeout_usec > 0 ? config->runtime_timeout_usec
                                                             : FOREIGN_TIMEOUT_USEC;
    foreign->id = config->id;
    foreign->run_fd = run_dir_fd;
    if (mkdirat(run_dir_fd, FOREIGN_DIR, 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, NULL, "cannot make the directory of the runtime");
    foreign->dir_fd = openat(run_dir_fd, FOREIGN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (foreign->dir_fd < 0)
        return error_set(err, errno, NULL, "cannot open the directory of the runtime");
    ssize_t len = readlink(fs_fd_path(foreign->dir_fd, link), dir, sizeof(dir) - 1);
    if (len < 0)
        return error_set(err, errno, NULL, "cannot find the directory of the runtime");
    foreign->dir = arena_strndup(arena, dir, (size_t)len);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return error_set(err, errno, NULL, "cannot become the parent of the container");
    foreign->program = config->runtime;
    return 0;
}

void foreign_close(struct foreign *foreign)
{
    foreign->dir_fd = fd_close(foreign->dir_fd);
    foreign->mounts_fd = fd_close(foreign->mounts_fd);
}

/* ---- What the program makes ---- */

/* The socket on which the program hands over the terminal; its address through /proc, since the path of a state
 * directory may be longer than one. */
struct console {
    int fd;
    char name[FILE_NAME_BYTES];
    char address[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static int console_open(
        struct console *console, const struct foreign *foreign, bool wanted, struct error **err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    *console = (struct console){ .fd = -EBADF };
    if (!wanted)
        return 0;
    snprintf(console->name, sizeof(console->name), "console.%d", (int)getpid());
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/%d/fd/%d/%s", (int)getpid(),
            foreign->dir_fd, console->name);
    memcpy(console->address, address.sun_path, sizeof(console->address));
    (void)unlinkat(foreign->dir_fd, console->name, 0);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        return error_set(err, errno, NULL, "cannot make the socket of the terminal");
    console->fd = TAKE_FD(fd);
    return 0;
}

/* The program has ended by now: what it sent is here, or never will be. */
static int console_take(const struct console *console, int *ret_fd, struct error **err)
{
    int fds[FD_PASS_MAX];
    size_t count = ARRAY_LEN(fds);
    char name[LIMIT_PATH_BYTES];

    if (console->fd < 0)
        return 0;
    auto_close int connection = accept4(console->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0 || fd_receive(connection, name, sizeof(name), fds, &count) < 0 || count == 0)
        return error_set_plain(err, EPROTO, NULL, "the runtime has made no terminal");
    for (size_t i = 1; i < count; i++)
        fd_close(fds[i]);
    *ret_fd = fds[0];
    return 0;
}

static void console_close(struct console *console, const struct foreign *foreign)
{
    if (console->fd >= 0)
        (void)unlinkat(foreign->dir_fd, console->name, 0);
    console->fd = fd_close(console->fd);
}

/* It is ours to reap, so that the number is its own even when it has ended. */
static int take_process(const struct foreign *foreign, const char *pid_file,
        struct container_process *ret, struct error **err)
{
    char text[FILE_NAME_BYTES];
    int64_t pid = 0;
    ssize_t len = fs_read_small(foreign->dir_fd, pid_file, text, sizeof(text));

    (void)unlinkat(foreign->dir_fd, pid_file, 0);
    if (len <= 0 || parse_int64(str_from(text), 1, INT32_MAX, &pid) < 0)
        return error_set_plain(err, EPROTO, NULL, "the runtime told no process");
    int pidfd = proc_open_pidfd((pid_t)pid);
    if (pidfd < 0)
        return error_set(err, -pidfd, NULL, "cannot watch the process that the runtime told");
    ret->pid = (pid_t)pid;
    ret->pidfd = pidfd;
    return 0;
}

/* A process that was started and cannot be used must not stay. */
static void end_process(struct container_process *process)
{
    if (process->pid <= 0)
        return;
    (void)proc_kill_pidfd(process->pidfd, SIGKILL);
    (void)proc_wait(process->pid);
    process->pid = 0;
    process->pidfd = fd_close(process->pidfd);
}

/* ---- Create ---- */

/* From here on the caller is in the namespace that has the root. What the machine mounts later still appears there,
 * and nothing of it on the machine. */
static int enter_new_namespace(
        struct foreign *foreign, const struct container_rootfs *rootfs, struct error **err)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return error_set(err, errno, NULL, "cannot make a mount namespace");
    int r = overlay_mount(rootfs);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot mount the container's root file system");
    foreign->mounts_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    return foreign->mounts_fd < 0 ? error_set(err, errno, NULL, "cannot keep the mount namespace")
                                  : 0;
}

static int create_there(struct foreign *foreign, const struct foreign_create *options,
        struct container_process *ret, struct error **err)
{
    static const char pid_file[] = "pid";
    auto_free char *pid_path = mem_printf("%s/%s", foreign->dir, pid_file);
    struct foreign_streams streams = FOREIGN_STREAMS_NULL;
    struct console console;
    const char *words[] = { "create", "--bundle", foreign->dir, "--pid-file", pid_path, NULL, NULL,
        NULL, NULL };
    size_t count = 5;
    int r = enter_new_namespace(foreign, options->rootfs, err);

    if (r < 0)
        return r;
    auto_close int root_fd = open(options->rootfs->mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return error_set(err, errno, NULL, "cannot open the container's root directory");
    r = foreign_write_spec(foreign, options, root_fd, &ret->exit_code, err);
    if (r >= 0)
        r = console_open(&console, foreign, options->terminal, err);
    if (r < 0)
        return r;
    if (options->terminal) {
        words[count++] = "--console-socket";
        words[count++] = console.address;
    } else {
        streams = (struct foreign_streams){ options->stdin_fd, options->stdout_fd,
            options->stderr_fd };
    }
    words[count] = foreign->id;
    r = foreign_run(foreign, words, &streams, err);
    if (r < 0)
        ret->exit_code = foreign_exit_code(err ? *err : NULL);
    if (r >= 0)
        r = take_process(foreign, pid_file, ret, err);
    if (r >= 0)
        r = console_take(&console, &ret->console_fd, err);
    console_close(&console, foreign);
    return r;
}

int foreign_create(struct foreign *foreign, const struct foreign_create *options,
        struct container_process *ret, struct error **err)
{
    auto_close int home_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

    proc_assert_single_thread();
    *ret = (struct container_process)CONTAINER_PROCESS_INIT;
    ret->exit_code = EXIT_DEFAULT;
    if (home_fd < 0)
        return error_set(err, errno, NULL, "cannot keep the mount namespace");
    foreign_delete(foreign); /* of an earlier run */
    int r = create_there(foreign, options, ret, err);
    /* Everything else of the monitor, its end above all, happens where the machine is. */
    if (setns(home_fd, CLONE_NEWNS) < 0 || chdir("/") < 0)
        r = error_set(err, errno, NULL, "cannot come back from the container's mount namespace");
    if (r >= 0)
        return 0;
    end_process(ret);
    return r;
}

int foreign_start(struct foreign *foreign, int *ret_exit_code, struct error **err)
{
    const struct foreign_streams streams = FOREIGN_STREAMS_NULL;
    const char *const words[] = { "start", foreign->id, NULL };
    int r = foreign_run(foreign, words, &streams, err);

    if (r < 0)
        *ret_exit_code = foreign_exit_code(err ? *err : NULL);
    return r;
}

/* ---- Afterwards ---- */

int foreign_kill(const struct foreign *foreign, int signo, struct error **err)
{
    const struct foreign_streams streams = FOREIGN_STREAMS_NULL;
    char number[16];
    const char *const words[] = { "kill", foreign->id, number, NULL };

    snprintf(number, sizeof(number), "%d", signo);
    return foreign_run(foreign, words, &streams, err);
}

int foreign_pause(const struct foreign *foreign, bool paused, struct error **err)
{
    const struct foreign_streams streams = FOREIGN_STREAMS_NULL;
    const char *const words[] = { paused ? "pause" : "resume", foreign->id, NULL };

    return foreign_run(foreign, words, &streams, err);
}

void foreign_delete(struct foreign *foreign)
{
    const struct foreign_streams streams = FOREIGN_STREAMS_NULL;
    const char *const words[] = { "delete", "--force", foreign->id, NULL };

    if (!foreign->program)
        return;
    if (faccessat(foreign->dir_fd, "state", F_OK, 0) == 0)
        (void)foreign_run(foreign, words, &streams, NULL);
    foreign->mounts_fd = fd_close(foreign->mounts_fd);
}

/* ---- Exec ---- */

static int execute(const struct foreign *foreign, const struct foreign_exec *options,
        const char *process_path, const struct console *console, const char *pid_path,
        struct error **err)
{
    struct foreign_streams streams = FOREIGN_STREAMS_NULL;
    const char *words[] = { "exec", "--detach", "--process", process_path, "--pid-file", pid_path,
        NULL, NULL, NULL, NULL };
    size_t count = 6;

    if (options->terminal) {
        words[count++] = "--console-socket";
        words[count++] = console->address;
    } else {
        streams = (struct foreign_streams){ options->stdin_fd, options->stdout_fd,
            options->stderr_fd };
    }
    words[count] = foreign->id;
    return foreign_run(foreign, words, &streams, err);
}

int foreign_exec(const struct foreign *foreign, const struct foreign_exec *options,
        struct container_process *ret, struct error **err)
{
    char process_name[FILE_NAME_BYTES], pid_name[FILE_NAME_BYTES];
    struct console console;

    snprintf(process_name, sizeof(process_name), "process.%d", (int)getpid());
    snprintf(pid_name, sizeof(pid_name), "pid.%d", (int)getpid());
    auto_free char *process_path = mem_printf("%s/%s", foreign->dir, process_name);
    auto_free char *pid_path = mem_printf("%s/%s", foreign->dir, pid_name);
    *ret = (struct container_process)CONTAINER_PROCESS_INIT;
    ret->exit_code = EXIT_ENGINE;
    int r = foreign_write_process(foreign, options, process_name, &ret->exit_code, err);
    if (r >= 0)
        r = console_open(&console, foreign, options->terminal, err);
    if (r < 0)
        return r;
    r = execute(foreign, options, process_path, &console, pid_path, err);
    if (r < 0) {
        int exit_code = foreign_exit_code(err ? *err : NULL);

        ret->exit_code = exit_code == EXIT_DEFAULT ? EXIT_NOT_EXECUTED : exit_code;
    }
    if (r >= 0)
        r = take_process(foreign, pid_name, ret, err);
    else /* it may have got as far as that */
        (void)take_process(foreign, pid_name, ret, NULL);
    if (r >= 0)
        r = console_take(&console, &ret->console_fd, err);
    console_close(&console, foreign);
    (void)unlinkat(foreign->dir_fd, process_name, 0);
    if (r < 0)
        end_process(ret);
    return r;
}
