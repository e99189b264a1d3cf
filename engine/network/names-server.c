#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/network/dns-server.h"
#include "engine/network/names-internal.h"

#define PROGRAM "berth-dns"
#define ANSWER_TIMEOUT_SEC 10

/* A connection to the server, or -errno: -ECONNREFUSED and -ENOENT mean that there is none. */
static int connect_server(int dns_dir_fd)
{
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char dir[FS_FD_PATH_MAX];

    if (fd < 0)
        return -errno;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fs_fd_path(dns_dir_fd, dir),
            DNS_CONTROL_SOCKET);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

bool names_server_is_there(int dns_dir_fd)
{
    auto_close int fd = connect_server(dns_dir_fd);

    return fd >= 0;
}

/* Of the process behind the connection; -errno. */
static int peer_pidfd(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -errno;
    return proc_open_pidfd(peer.pid);
}

/* The answer to a sync or to a start: "ok" or an encoded error. */
static int take_answer(const char *text, size_t len, struct error **err)
{
    if (str_is_equal_z((struct str){ text, len }, DNS_SYNC_OK))
        return 0;
    return error_wrap(err, error_move(err, error_decode(text, len)), "the name server failed");
}

/* It has seen by itself that its files went, and is about to end, or has ended. Without a process to wait for its lock is
 * waited for, which it lets go last. */
static void wait_for_end(int dns_dir_fd, int pidfd, int64_t deadline)
{
    auto_close int lock = -EBADF;

    if (pidfd >= 0)
        (void)proc_wait_pidfd(pidfd, deadline);
    else
        lock = fs_lock(dns_dir_fd, DNS_LOCK_FILE, true, true);
}

int names_server_sync(int dns_dir_fd, bool expect_end, enum names_server *ret, struct error **err)
{
    int64_t deadline = time_monotonic_usec() + ANSWER_TIMEOUT_SEC * USEC_PER_SEC;
    auto_free char *answer = mem_alloc(ERROR_ENCODED_MAX_BYTES);
    auto_close int fd = connect_server(dns_dir_fd);
    auto_close int pidfd = fd >= 0 && expect_end ? peer_pidfd(fd) : -EBADF;
    ssize_t got;
    int r;

    *ret = NAMES_SERVER_ABSENT;
    if (fd < 0 && fd != -ECONNREFUSED && fd != -ENOENT)
        return error_set(err, fd, NULL, "cannot reach the name server");
    if (fd < 0 || send(fd, DNS_SYNC_MESSAGE, sizeof(DNS_SYNC_MESSAGE) - 1, MSG_NOSIGNAL) < 0) {
        if (expect_end)
            wait_for_end(dns_dir_fd, pidfd, deadline);
        return 0;
    }
    r = fd_wait(fd, POLLIN, deadline);
    if (r <= 0)
        return error_set(err, r < 0 ? r : -ETIMEDOUT, NULL, "the name server does not answer");
    got = recv(fd, answer, ERROR_ENCODED_MAX_BYTES, 0);
    if (got <= 0) {
        if (expect_end)
            wait_for_end(dns_dir_fd, pidfd, deadline);
        return 0;
    }
    *ret = NAMES_SERVER_SYNCED;
    r = take_answer(answer, (size_t)got, err);
    if (r >= 0 && pidfd >= 0)
        (void)proc_wait_pidfd(pidfd, deadline);
    return r;
}

/* Everything from the pipe until its end. */
static int read_ready(int fd, struct error **err)
{
    int64_t deadline = time_monotonic_usec() + ANSWER_TIMEOUT_SEC * USEC_PER_SEC;
    auto_free char *text = mem_alloc(ERROR_ENCODED_MAX_BYTES);
    size_t len = 0;

    while (len < ERROR_ENCODED_MAX_BYTES) {
        int r = fd_wait(fd, POLLIN, deadline);
        if (r <= 0)
            return error_set(err, r < 0 ? r : -ETIMEDOUT, NULL, "the name server does not answer");
        ssize_t got = read(fd, text + len, ERROR_ENCODED_MAX_BYTES - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    if (len == 0)
        return error_set_plain(err, EIO, NULL, "the name server ended at once");
    return take_answer(text, len, err);
}

int names_server_start(struct engine *engine, struct error **err)
{
    auto_close int ready_read = -EBADF, ready_write = -EBADF;
    auto_free char *program = mem_printf("%s/%s", engine->options.libexec_dir, PROGRAM);
    auto_free char *dir = mem_printf("%s/dns", engine->options.run_dir);
    static char *const no_environment[] = { NULL };
    char *argv[] = { program, dir, NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    pid_t pid;
    int r = fd_pipe(&ready_read, &ready_write);

    if (r < 0)
        return error_set(err, r, NULL, "cannot open a pipe");
    spawn.path = program;
    spawn.argv = argv;
    spawn.envp = no_environment;
    spawn.stderr_fd = PROC_NULL;
    spawn.cwd = "/";
    spawn.new_session = true;
    spawn.fds = &ready_write;
    spawn.fd_count = 1;
    r = proc_spawn(&spawn, &pid, NULL, err);
    if (r < 0)
        return error_wrap(err, r, "cannot start the name server");
    ready_write = fd_close(ready_write);
    return read_ready(ready_read, err);
}
