#include "engine/runtime/user-namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/runtime/clone.h"

#define MAP_TEXT_MAX (ID_MAPPING_MAX * 36)
#define PROC_PATH_MAX 64

/* Lives for as long as it takes to map its ids and to open its namespace. */
static _Noreturn void hold(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (;;)
        pause();
}

static int map_by_program(
        const char *program, pid_t pid, const struct id_mappings *mappings, struct error **err)
{
    auto_free char *output = NULL;
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    char numbers[3 * ID_MAPPING_MAX + 1][12];
    char *argv[3 * ID_MAPPING_MAX + 3];
    size_t argc = 0, len;

    argv[argc++] = (char *)(uintptr_t)program;
    snprintf(numbers[0], sizeof(numbers[0]), "%d", (int)pid);
    argv[argc++] = numbers[0];
    for (size_t i = 0; i < mappings->count; i++) {
        const uint32_t values[] = { mappings->items[i].container_id, mappings->items[i].host_id,
            mappings->items[i].size };

        for (size_t n = 0; n < ARRAY_LEN(values); n++) {
            char *number = numbers[argc - 1];

            snprintf(number, sizeof(numbers[0]), "%u", values[n]);
            argv[argc++] = number;
        }
    }
    argv[argc] = NULL;
    spawn.path = program;
    spawn.argv = argv;
    int r = proc_run(&spawn, NULL, 0, 4096, &output, &len, err);
    if (r < 0)
        return error_wrap(err, r, "cannot run %s", program);
    if (r > 0)
        return error_set_plain(err, EPERM, NULL,
                "%s refused the mapping of ids: is the range in /etc/%s?", program,
                strcmp(program, "newuidmap") == 0 ? "subuid" : "subgid");
    return 0;
}

/* By ourselves where we may: with CAP_SETUID (or CAP_SETGID) outside, or for our own id alone. */
static int map_ids(pid_t pid, const char *file, const char *program,
        const struct id_mappings *mappings, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(MAP_TEXT_MAX);
    char path[PROC_PATH_MAX];

    for (size_t i = 0; i < mappings->count; i++)
        strbuf_addf(&text, "%u %u %u\n", mappings->items[i].container_id,
                mappings->items[i].host_id, mappings->items[i].size);
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int r = fs_write_small(AT_FDCWD, path, text.data);
    if (r >= 0)
        return 0;
    if (r == -EPERM && geteuid() != 0)
        return map_by_program(program, pid, mappings, err);
    return error_set(err, -r, NULL, "cannot map the ids of a user namespace (%s)", file);
}

/* Without CAP_SETGID outside, one's own group may be mapped only by giving up setgroups(2). */
static bool maps_own_group_alone(const struct id_mappings *mappings)
{
    return geteuid() != 0 && mappings->count == 1 && mappings->items[0].size == 1 &&
           mappings->items[0].host_id == getegid();
}

static int map_and_open(pid_t pid, const struct id_mappings *uid_mappings,
        const struct id_mappings *gid_mappings, int *ret_fd, struct error **err)
{
    char path[PROC_PATH_MAX];
    int r = map_ids(pid, "uid_map", "newuidmap", uid_mappings, err);

    if (r >= 0 && maps_own_group_alone(gid_mappings)) {
        snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
        (void)fs_write_small(AT_FDCWD, path, "deny");
    }
    if (r >= 0)
        r = map_ids(pid, "gid_map", "newgidmap", gid_mappings, err);
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open a user namespace");
    *ret_fd = fd;
    return 0;
}

int user_namespace_create(const struct id_mappings *uid_mappings,
        const struct id_mappings *gid_mappings, int *ret_fd, struct error **err)
{
    struct clone_request request = {
        .flags = CLONE_NEWUSER, .cgroup_fd = -EBADF, .pid_namespace_fd = -EBADF
    };
    auto_close int pidfd = -EBADF;
    pid_t pid = clone_process(&request, &pidfd);

    if (pid == 0)
        hold();
    if (pid < 0) {
        int r = error_set(err, (int)-pid, NULL, "cannot make a user namespace");

        if (pid == -ENOSPC || pid == -EUSERS)
            error_hint(err, "see /proc/sys/user/max_user_namespaces");
        return r;
    }
    int r = map_and_open(pid, uid_mappings, gid_mappings, ret_fd, err);
    (void)proc_kill_pidfd(pidfd, SIGKILL);
    (void)proc_wait(pid);
    return r;
}

static int read_map(struct arena *arena, pid_t pid, const char *file, struct id_mappings *ret,
        struct error **err)
{
    char path[PROC_PATH_MAX], text[MAP_TEXT_MAX];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    ssize_t len = fs_read_small(AT_FDCWD, path, text, sizeof(text));
    if (len < 0)
        return error_set(err, (int)-len, NULL, "cannot read the mappings of a user namespace");
    struct str rest = { text, (size_t)len }, line, word;
    *ret = (struct id_mappings){ .items = ARENA_NEW_ARRAY(
                                         arena, ID_MAPPING_MAX, struct id_mapping) };
    while (ret->count < ID_MAPPING_MAX && str_split_next(&rest, '\n', &line)) {
        uint32_t numbers[3];
        size_t n = 0;

        while (n < ARRAY_LEN(numbers) && str_split_next(&line, ' ', &word)) {
            if (word.len > 0 && parse_uint32(word, UINT32_MAX, &numbers[n++]) < 0)
                return error_set(err, EPROTO, NULL, "cannot read the mappings of a user namespace");
        }
        if (n == ARRAY_LEN(numbers))
            ret->items[ret->count++] = (struct id_mapping){ numbers[0], numbers[1], numbers[2] };
    }
    return 0;
}

/* Something that only a process in the namespace shows: one goes in, makes what `flags` say, and is
 * looked at from here. Its pid, or -errno with an error; *ret_pidfd is given. */
static pid_t send_in(int fd, int flags, int *ret_pidfd, struct error **err)
{
    struct clone_request request = { .cgroup_fd = -EBADF, .pid_namespace_fd = -EBADF };
    int ready[2];
    char byte = 0;

    if (pipe2(ready, O_CLOEXEC) < 0)
        return error_set(err, errno, NULL, "cannot make a pipe");
    auto_close int read_end = ready[0];
    auto_close int write_end = ready[1];
    pid_t pid = clone_process(&request, ret_pidfd);
    if (pid == 0) {
        if (setns(fd, CLONE_NEWUSER) < 0 || (flags && unshare(flags) < 0) ||
                write(write_end, &byte, 1) != 1)
            _exit(1);
        hold();
    }
    if (pid < 0)
        return error_set(err, (int)-pid, NULL, "cannot start a process");
    write_end = fd_close(write_end);
    if (read(read_end, &byte, 1) == 1)
        return pid;
    (void)proc_wait(pid);
    *ret_pidfd = fd_close(*ret_pidfd);
    return error_set_plain(err, EPERM, NULL, "the user namespace cannot be entered");
}

static void call_back(pid_t pid, int pidfd)
{
    (void)proc_kill_pidfd(pidfd, SIGKILL);
    (void)proc_wait(pid);
}

int user_namespace_read_mappings(struct arena *arena, int fd, struct id_mappings *ret_uids,
        struct id_mappings *ret_gids, struct error **err)
{
    auto_close int pidfd = -EBADF;
    pid_t pid = send_in(fd, 0, &pidfd, err);

    if (pid < 0)
        return (int)pid;
    int r = read_map(arena, pid, "uid_map", ret_uids, err);
    if (r >= 0)
        r = read_map(arena, pid, "gid_map", ret_gids, err);
    call_back(pid, pidfd);
    return r;
}

int user_namespace_create_network(int fd, int *ret_netns_fd, struct error **err)
{
    char path[PROC_PATH_MAX];
    auto_close int pidfd = -EBADF;
    pid_t pid = send_in(fd, CLONE_NEWNET, &pidfd, err);

    if (pid < 0)
        return (int)pid;
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    int netns_fd = open(path, O_RDONLY | O_CLOEXEC);
    int code = errno;
    call_back(pid, pidfd);
    if (netns_fd < 0)
        return error_set(err, code, NULL, "cannot open a network namespace");
    *ret_netns_fd = netns_fd;
    return 0;
}

int user_namespace_of(int namespace_fd)
{
    int fd = ioctl(namespace_fd, NS_GET_USERNS);

    if (fd < 0)
        return -errno;
    (void)fd_set_cloexec(fd, true);
    return fd;
}

int user_namespace_become_root(uid_t first_uid, gid_t first_gid)
{
    /* EPERM: setgroups is denied there for good. The raw calls, since this process is a copy. */
    if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
        return -errno;
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 &&
            syscall(SYS_setresgid, first_gid, first_gid, first_gid) < 0)
        return -errno;
    if (syscall(SYS_setresuid, 0, 0, 0) < 0 &&
            syscall(SYS_setresuid, first_uid, first_uid, first_uid) < 0)
        return -errno;
    return 0;
}

int user_namespace_enter(int fd, uid_t first_uid, gid_t first_gid)
{
    if (setns(fd, CLONE_NEWUSER) < 0)
        return -errno;
    return user_namespace_become_root(first_uid, first_gid);
}
