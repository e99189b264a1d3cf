/* The mounts of the configuration, in order. Every target is found by fs_try_open_in_root and
 * mounted on by descriptor, so that links in an image or a volume lead nowhere outside. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/str.h"
#include "engine/runtime/cgroup-internal.h"
#include "engine/runtime/container.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

#ifndef PROC_SUPER_MAGIC
#define PROC_SUPER_MAGIC 0x9fa0
#endif

/* Flags that mount(2) and mount_setattr(2) call differently. */
#define PER_MOUNT_FLAGS                                                                        \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | \
            MS_STRICTATIME)
#define MS_NOSYMFOLLOW_FLAG 256ul
#define MOUNT_ATTR_NOSYMFOLLOW_FLAG UINT64_C(0x200000)

static uint64_t attributes(unsigned long flags)
{
    return (flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0) |
           (flags & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0) | (flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0) |
           (flags & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0) |
           (flags & MS_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0) |
           (flags & MS_NOSYMFOLLOW_FLAG ? MOUNT_ATTR_NOSYMFOLLOW_FLAG : 0);
}

/* The atime modes are one value of several bits: setting one clears all. */
static void add_atime(unsigned long flags, struct mount_attr *attr)
{
    if (!(flags & (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)))
        return;
    attr->attr_clr |= MOUNT_ATTR__ATIME;
    if (flags & MS_NOATIME)
        attr->attr_set |= MOUNT_ATTR_NOATIME;
    else if (flags & MS_STRICTATIME)
        attr->attr_set |= MOUNT_ATTR_STRICTATIME;
}

static int set_attributes(int fd, unsigned at_flags, struct mount_attr *attr)
{
    if (attr->attr_set == 0 && attr->attr_clr == 0)
        return 0;
    return mount_setattr(fd, "", AT_EMPTY_PATH | at_flags, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

/* What the source's mount has already must be repeated in a remount (and may be locked). */
static unsigned long inherited_flags(int fd)
{
    static const struct {
        unsigned long st, ms;
    } pairs[] = {
        { ST_RDONLY, MS_RDONLY },
        { ST_NOSUID, MS_NOSUID },
        { ST_NODEV, MS_NODEV },
        { ST_NOEXEC, MS_NOEXEC },
        { ST_NOATIME, MS_NOATIME },
        { ST_NODIRATIME, MS_NODIRATIME },
        { ST_RELATIME, MS_RELATIME },
    };
    struct statfs fs;
    unsigned long flags = 0;

    if (fstatfs(fd, &fs) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        flags |= (unsigned long)fs.f_flags & pairs[i].st ? pairs[i].ms : 0;
    return flags;
}

static void mount_fail(struct start *start, enum start_stage stage, size_t index, int code)
{
    errno = code < 0 ? -code : code;
    start_fail(start->process.sync_fd, stage, index);
}

/* Files of /proc that others than proc may cover: what lxcfs provides. Everything else in there is
 * how the kernel's own protection works, and an image could have made a link to it. */
static bool may_cover_proc(const char *destination)
{
    static const char *const allowed[] = {
        "/proc/cpuinfo",
        "/proc/diskstats",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/swaps",
        "/proc/uptime",
        "/proc/loadavg",
        "/proc/slabinfo",
    };

    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        if (strcmp(destination, allowed[i]) == 0)
            return true;
    }
    return false;
}

/* Opens the place to mount on; makes it, with its parents, where it is missing. */
static int open_target(struct start *start, int root_fd, size_t index, bool directory)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    bool strict = strcmp(m->type, "proc") == 0 || strcmp(m->type, "sysfs") == 0;
    int flags = O_PATH | (strict ? O_NOFOLLOW : 0);
    int fd = fs_try_open_in_root(root_fd, m->destination, flags, 0);
    struct statfs fs;
    struct stat st;

    if (fd == -ENOENT && directory)
        fd = fs_mkdir_in_root(root_fd, m->destination, 0755, 0, 0, NULL);
    if (fd == -ENOENT) {
        char parent[PATH_MAX];
        const char *slash = strrchr(m->destination, '/');
        size_t len = (size_t)(slash - m->destination);

        if (len >= sizeof(parent))
            mount_fail(start, STAGE_MOUNT_POINT, index, ENAMETOOLONG);
        memcpy(parent, m->destination, len);
        parent[len] = 0;
        auto_close int parent_fd = fs_mkdir_in_root(
                root_fd, len > 0 ? parent : "/", 0755, 0, 0, NULL);
        if (parent_fd < 0)
            mount_fail(start, STAGE_MOUNT_POINT, index, parent_fd);
        fd_close(fs_try_open_in_root(
                root_fd, m->destination, O_CREAT | O_WRONLY | O_NONBLOCK | O_NOCTTY, 0644));
        fd = fs_try_open_in_root(root_fd, m->destination, flags, 0);
    }
    if (fd < 0)
        mount_fail(start, STAGE_MOUNT_POINT, index, fd);
    if (strict && (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)))
        start_fail(start->process.sync_fd, STAGE_MOUNT_LINK, index);
    if (!strict && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
            !may_cover_proc(m->destination))
        mount_fail(start, STAGE_MOUNT_PROC, index, EPERM);
    return fd;
}

/* ---- binds ---- */

/* Without open_tree or mount_setattr (refused by a seccomp filter around us, or before Linux
 * 5.12): the classic two steps, where only the topmost mount becomes read-only. */
static int bind_classic(int root_fd, const struct runtime_mount *m, int source_fd, int target_fd)
{
    char source_path[FS_FD_PATH_MAX], target_path[FS_FD_PATH_MAX];
    unsigned long flags = m->flags & (PER_MOUNT_FLAGS | MS_NOSYMFOLLOW_FLAG);

    fs_fd_path(source_fd, source_path);
    fs_fd_path(target_fd, target_path);
    if (mount(source_path, target_path, NULL, MS_BIND | (m->flags & MS_REC), NULL) < 0)
        return -errno;
    if (m->recursive_set & MOUNT_ATTR_RDONLY)
        flags |= MS_RDONLY;
    if (flags == 0)
        return 0;
    auto_close int covered = fs_try_open_in_root(root_fd, m->destination, O_PATH, 0);
    if (covered < 0)
        return covered;
    flags |= inherited_flags(covered) & ~m->flags_cleared;
    fs_fd_path(covered, target_path);
    return mount(NULL, target_path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 ? -errno : 0;
}

/* "ro" on a recursive bind makes the whole tree read-only: a submount that stays writable is a
 * hole that nobody expects. Docker does the same since 25. */
static int bind_tree(const struct runtime_mount *m, int tree_fd, int target_fd)
{
    unsigned recursive = m->flags & MS_REC ? AT_RECURSIVE : 0;
    struct mount_attr top = {
        .attr_set = attributes(m->flags),
        .attr_clr = attributes(m->flags_cleared),
    };
    struct mount_attr all = { .attr_set = m->recursive_set, .attr_clr = m->recursive_cleared };
    int r;

    add_atime(m->flags, &top);
    if (recursive && (m->flags & MS_RDONLY))
        all.attr_set |= MOUNT_ATTR_RDONLY;
    if (all.attr_set & MOUNT_ATTR_STRICTATIME || all.attr_set & MOUNT_ATTR_NOATIME)
        all.attr_clr |= MOUNT_ATTR__ATIME;
    r = set_attributes(tree_fd, 0, &top);
    if (r >= 0)
        r = set_attributes(tree_fd, AT_RECURSIVE, &all);
    if (r >= 0 && move_mount(tree_fd, "", target_fd, "",
                          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        r = -errno;
    return r;
}

static bool is_missing_call(int r)
{
    return r == -ENOSYS || r == -EPERM;
}

static int open_tree_of(const struct runtime_mount *m)
{
    int fd = open_tree(AT_FDCWD, m->source,
            OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (m->flags & MS_REC ? AT_RECURSIVE : 0));

    return fd < 0 ? -errno : fd;
}

/* Binds with shared or slave propagation must be taken while their sources still have peers. */
void start_take_binds(struct start *start)
{
    for (size_t i = 0; i < start->spec->mount_count; i++) {
        const struct runtime_mount *m = &start->spec->mounts[i];

        if ((m->flags & MS_BIND) && (m->propagation & (MS_SHARED | MS_SLAVE))) {
            start->bind_fds[i] = open_tree_of(m);
            if (start->bind_fds[i] < 0 && !m->optional)
                mount_fail(start, STAGE_BIND_SOURCE, i, start->bind_fds[i]);
        }
    }
}

static void do_bind(struct start *start, int root_fd, size_t index)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    auto_close int source_fd = -EBADF;
    auto_close int tree_fd = start->bind_fds[index] >= 0 ? start->bind_fds[index] : open_tree_of(m);
    struct stat st;
    int r;

    if (tree_fd < 0 && is_missing_call(tree_fd)) {
        source_fd = open(m->source, O_PATH | O_CLOEXEC);
        if (source_fd < 0)
            tree_fd = -errno;
    }
    if (tree_fd < 0 && source_fd < 0) {
        if (m->optional)
            return;
        mount_fail(start, STAGE_BIND_SOURCE, index, tree_fd);
    }
    if (fstat(tree_fd >= 0 ? tree_fd : source_fd, &st) < 0)
        mount_fail(start, STAGE_BIND_SOURCE, index, errno);
    auto_close int target_fd = open_target(start, root_fd, index, S_ISDIR(st.st_mode));
    r = tree_fd >= 0 ? bind_tree(m, tree_fd, target_fd) : -ENOSYS;
    if (is_missing_call(r)) {
        if (source_fd < 0)
            source_fd = open(m->source, O_PATH | O_CLOEXEC);
        r = source_fd < 0 ? -errno : bind_classic(root_fd, m, source_fd, target_fd);
    }
    if (r < 0)
        mount_fail(start, STAGE_MOUNT, index, r);
}

/* ---- control groups ---- */

/* For a hierarchy of v1, in a directory of our own tmpfs. */
static int bind_group_classic(const char *path, unsigned long flags, int dir_fd, const char *name)
{
    int open_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
    auto_close int target = openat(dir_fd, name, open_flags | O_CLOEXEC);
    char target_path[FS_FD_PATH_MAX];

    if (target < 0 || mount(path, fs_fd_path(target, target_path), NULL, MS_BIND, NULL) < 0)
        return -1;
    auto_close int covered = openat(dir_fd, name, open_flags | O_CLOEXEC);
    if (covered < 0)
        return -1;
    return mount(NULL, fs_fd_path(covered, target_path), NULL,
            MS_REMOUNT | MS_BIND | (flags & PER_MOUNT_FLAGS), NULL);
}

/* By path: the descriptors in struct cgroup belong to the host's mount namespace, of which nothing
 * can be bound from here. */
static void bind_group(struct start *start, size_t index, const struct cgroup_hierarchy *h,
        int dir_fd, const char *name)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    struct mount_attr attr = { .attr_set = attributes(m->flags) };
    char path[sizeof(CGROUP_MOUNT) + CGROUP_DIRECTORY_MAX + CGROUP_PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s%s", CGROUP_MOUNT, h->directory,
            start->options->cgroup->path);
    auto_close int tree_fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree_fd < 0 && is_missing_call(-errno) && *name) {
        if (bind_group_classic(path, m->flags, dir_fd, name) < 0)
            mount_fail(start, STAGE_MOUNT, index, errno);
        return;
    }
    if (tree_fd < 0 || set_attributes(tree_fd, 0, &attr) < 0 ||
            move_mount(tree_fd, "", dir_fd, name,
                    MOVE_MOUNT_F_EMPTY_PATH | (*name ? 0 : MOVE_MOUNT_T_EMPTY_PATH)) < 0)
        mount_fail(start, STAGE_MOUNT, index, errno);
}

/* v1: a small tmpfs with a directory per hierarchy, in which the container's own group is the
 * root. */
static void mount_hierarchies(struct start *start, int root_fd, size_t index)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    const struct cgroup *cgroup = start->options->cgroup;
    char path[FS_FD_PATH_MAX];
    auto_close int target = open_target(start, root_fd, index, true);

    if (mount("tmpfs", fs_fd_path(target, path), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                "mode=755") < 0)
        mount_fail(start, STAGE_MOUNT, index, errno);
    auto_close int dir = fs_try_open_in_root(root_fd, m->destination, O_PATH | O_DIRECTORY, 0);
    if (dir < 0)
        mount_fail(start, STAGE_MOUNT, index, dir);
    for (size_t i = 0; i < cgroup->count; i++) {
        const struct cgroup_hierarchy *h = &cgroup->hierarchies[i];
        struct str rest = str_from(h->directory), name;

        if (h->fd < 0)
            continue;
        if (mkdirat(dir, h->directory, 0755) < 0)
            mount_fail(start, STAGE_MOUNT, index, errno);
        bind_group(start, index, h, dir, h->directory);
        /* "cpu,cpuacct" is known by each of its names. */
        while (strchr(h->directory, ',') && str_split_next(&rest, ',', &name)) {
            char link[CGROUP_DIRECTORY_MAX];

            snprintf(link, sizeof(link), "%.*s", STR_FMT(name));
            if (symlinkat(h->directory, dir, link) < 0)
                mount_fail(start, STAGE_MOUNT, index, errno);
        }
    }
}

static void mount_cgroup(struct start *start, int root_fd, size_t index)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    const struct cgroup *cgroup = start->options->cgroup;
    char path[FS_FD_PATH_MAX];

    if (!cgroup->unified) {
        mount_hierarchies(start, root_fd, index);
        return;
    }
    auto_close int target = open_target(start, root_fd, index, true);
    if (mount("cgroup", fs_fd_path(target, path), "cgroup2", m->flags & PER_MOUNT_FLAGS, NULL) == 0)
        return;
    bind_group(start, index, &cgroup->hierarchies[0], target, "");
}

/* ---- the rest ---- */

/* A tmpfs over a directory of the image keeps that directory's mode unless one was asked for. */
static const char *tmpfs_data(
        const struct runtime_mount *m, int target_fd, char *buffer, size_t size)
{
    struct stat st;

    if (m->data && strstr(m->data, "mode="))
        return m->data;
    if (fstat(target_fd, &st) < 0)
        return m->data;
    int len = snprintf(buffer, size, "mode=%04o%s%s", (unsigned)st.st_mode & 07777,
            m->data ? "," : "", m->data ? m->data : "");
    return len > 0 && (size_t)len < size ? buffer : m->data;
}

static void mount_filesystem(struct start *start, int root_fd, size_t index)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    bool is_tmpfs = strcmp(m->type, "tmpfs") == 0;
    auto_close int present = is_tmpfs ? fs_try_open_in_root(
                                                root_fd, m->destination, O_PATH | O_DIRECTORY, 0)
                                      : -EBADF;
    auto_close int target = open_target(start, root_fd, index, true);
    char path[FS_FD_PATH_MAX], buffer[4096];
    const char *data = m->data;

    /* One that was made for this mount has no mode to keep: the kernel's default, 1777, it is then. */
    if (present >= 0)
        data = tmpfs_data(m, target, buffer, sizeof(buffer));
    if (mount(m->source, fs_fd_path(target, path), m->type, m->flags, data) < 0)
        mount_fail(start, STAGE_MOUNT, index, errno);
}

static void set_propagation(struct start *start, int root_fd, size_t index)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    char path[FS_FD_PATH_MAX];

    /* Private is what everything is anyway. */
    if (!m->propagation || (m->propagation & MS_PRIVATE))
        return;
    auto_close int fd = fs_try_open_in_root(root_fd, m->destination, O_PATH, 0);
    if (fd < 0 || mount(NULL, fs_fd_path(fd, path), NULL, m->propagation, NULL) < 0)
        mount_fail(start, STAGE_MOUNT, index, fd < 0 ? fd : errno);
}

void start_mount_all(struct start *start, int root_fd)
{
    for (size_t i = 0; i < start->spec->mount_count; i++) {
        const struct runtime_mount *m = &start->spec->mounts[i];

        if (m->flags & MS_BIND)
            do_bind(start, root_fd, i);
        else if (strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0)
            mount_cgroup(start, root_fd, i);
        else
            mount_filesystem(start, root_fd, i);
        set_propagation(start, root_fd, i);
    }
}
