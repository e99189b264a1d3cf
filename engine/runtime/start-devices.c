/* /dev of a container: nodes, links, and its terminal. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "engine/runtime/container.h"
#include "engine/runtime/mount-tree.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

/* What every container has (OCI config-linux, "Default Devices"). */
static const struct {
    const char *name;
    unsigned major, minor;
} default_devices[] = {
    { "null", 1, 3 },
    { "zero", 1, 5 },
    { "full", 1, 7 },
    { "random", 1, 8 },
    { "urandom", 1, 9 },
    { "tty", 5, 0 },
};

static const struct {
    const char *name, *target;
} default_links[] = {
    { "fd", "/proc/self/fd" },
    { "stdin", "/proc/self/fd/0" },
    { "stdout", "/proc/self/fd/1" },
    { "stderr", "/proc/self/fd/2" },
    { "ptmx", "pts/ptmx" },
};

/* In a user namespace nobody makes nodes: the host's are bound. The node is checked after it was
 * opened, so that it does not matter what the path is by then. */
static int bind_node(int dir_fd, const char *name, const char *host_path, mode_t type, dev_t number)
{
    char path[64];
    struct stat st;

    auto_close int tree = mount_tree_take(host_path, false);
    if (tree < 0 || fstat(tree, &st) < 0 || (st.st_mode & S_IFMT) != type || st.st_rdev != number) {
        snprintf(path, sizeof(path), "/dev/%s/%u:%u", type == S_IFCHR ? "char" : "block",
                major(number), minor(number));
        tree = fd_close(tree);
        tree = mount_tree_take(path, false);
        errno = tree < 0 ? -tree : ENODEV;
        if (tree < 0 || fstat(tree, &st) < 0 || st.st_rdev != number)
            return -1;
    }
    /* What is bound has the flags of the host's /dev; a node needs neither of these. */
    (void)mount_tree_set(tree, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0);
    fd_close(openat(dir_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0666));
    auto_close int target = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0)
        return -1;
    int r = mount_tree_attach(tree, target, "");
    if (r < 0)
        errno = -r;
    return r < 0 ? -1 : 0;
}

/* Makes a node, or takes the one that is there when it is the same. Nothing is followed. */
static int make_node(
        int dir_fd, const char *name, mode_t type, mode_t mode, dev_t number, uid_t uid, gid_t gid)
{
    struct stat st;

    if (mknodat(dir_fd, name, type | mode, number) == 0)
        return uid || gid ? fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) : 0;
    if (errno != EEXIST)
        return -1;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if ((st.st_mode & S_IFMT) == type && (type == S_IFIFO || st.st_rdev == number))
        return 0;
    if (unlinkat(dir_fd, name, 0) < 0)
        return -1;
    return mknodat(dir_fd, name, type | mode, number) < 0 ||
                           ((uid || gid) &&
                                   fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
                   ? -1
                   : 0;
}

static void make_defaults(struct start *start, int root_fd)
{
    int sync_fd = start->process.sync_fd;
    auto_close int dev = fs_mkdir_in_root(root_fd, "/dev", 0755, 0, 0, NULL);

    if (dev < 0) {
        errno = -dev;
        start_fail(sync_fd, STAGE_DEV, 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(default_devices); i++) {
        dev_t number = makedev(default_devices[i].major, default_devices[i].minor);
        char path[32];

        snprintf(path, sizeof(path), "/dev/%s", default_devices[i].name);
        if ((start->binds_devices ? bind_node(dev, default_devices[i].name, path, S_IFCHR, number)
                                  : make_node(dev, default_devices[i].name, S_IFCHR, 0666, number,
                                            0, 0)) < 0)
            start_fail(sync_fd, STAGE_DEV, 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(default_links); i++) {
        if (symlinkat(default_links[i].target, dev, default_links[i].name) < 0 && errno != EEXIST)
            start_fail(sync_fd, STAGE_DEV, 0);
    }
    if (access("/proc/kcore", F_OK) == 0 && symlinkat("/proc/kcore", dev, "core") < 0 &&
            errno != EEXIST)
        start_fail(sync_fd, STAGE_DEV, 0);
}

static void make_device(struct start *start, int root_fd, size_t index)
{
    const struct runtime_device *device = &start->spec->devices[index];
    const char *slash = strrchr(device->path, '/');
    mode_t type = device->type == 'p' ? S_IFIFO : device->type == 'b' ? S_IFBLK : S_IFCHR;
    char parent[PATH_MAX];
    size_t len = (size_t)(slash - device->path);

    errno = ENAMETOOLONG;
    if (len >= sizeof(parent) || !fs_name_is_plain(slash + 1))
        start_fail(start->process.sync_fd, STAGE_DEVICE, index);
    memcpy(parent, device->path, len);
    parent[len] = 0;
    auto_close int dir = fs_mkdir_in_root(root_fd, len > 0 ? parent : "/", 0755, 0, 0, NULL);
    if (dir < 0) {
        errno = -dir;
        start_fail(start->process.sync_fd, STAGE_DEVICE, index);
    }
    if (start->binds_devices && type != S_IFIFO) {
        if (bind_node(dir, slash + 1, device->path, type, makedev(device->major, device->minor)) <
                0)
            start_fail(start->process.sync_fd, STAGE_DEVICE, index);
        return;
    }
    if (make_node(dir, slash + 1, type, device->mode, makedev(device->major, device->minor),
                device->uid, device->gid) < 0)
        start_fail(start->process.sync_fd, STAGE_DEVICE, index);
}

void start_make_devices(struct start *start, int root_fd)
{
    mode_t old = umask(0);

    /* The host's own /dev, bound into the container, is none of ours to change. */
    if (start->makes_devices) {
        make_defaults(start, root_fd);
        for (size_t i = 0; i < start->spec->device_count; i++)
            make_device(start, root_fd, i);
    }
    umask(old);
}

/* The slave is opened through the master (TIOCGPTPEER): no path of the container is trusted for
 * it, nor is the master anything but what devpts made. */
int start_open_terminal(int sync_fd, int root_fd, uint16_t height, uint16_t width, int *ret_slave)
{
    struct winsize size = { .ws_row = height, .ws_col = width };
    struct statfs fs;
    int unlock = 0;
    int master = fs_try_open_in_root(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);

    if (master < 0)
        errno = -master;
    if (master < 0 || fstatfs(master, &fs) < 0)
        start_fail(sync_fd, STAGE_CONSOLE, 0);
    errno = ENOTTY;
    if (fs.f_type != DEVPTS_SUPER_MAGIC || ioctl(master, TIOCSPTLCK, &unlock) < 0)
        start_fail(sync_fd, STAGE_CONSOLE, 0);
    *ret_slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*ret_slave < 0)
        start_fail(sync_fd, STAGE_CONSOLE, 0);
    if ((height || width) && ioctl(*ret_slave, TIOCSWINSZ, &size) < 0)
        start_fail(sync_fd, STAGE_CONSOLE, 0);
    return master;
}

void start_make_terminal_plain(int sync_fd, int slave_fd)
{
    struct termios mode;

    if (tcgetattr(slave_fd, &mode) < 0)
        start_fail(sync_fd, STAGE_CONSOLE, 0);
    mode.c_oflag &= ~(tcflag_t)ONLCR;
    if (tcsetattr(slave_fd, TCSANOW, &mode) < 0)
        start_fail(sync_fd, STAGE_CONSOLE, 0);
}

void start_bind_console(struct start *start, int root_fd, int slave_fd)
{
    int sync_fd = start->process.sync_fd;
    char from[FS_FD_PATH_MAX], to[FS_FD_PATH_MAX];

    fd_close(fs_try_open_in_root(root_fd, "/dev/console",
            O_CREAT | O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW, 0666));
    auto_close int target = fs_try_open_in_root(root_fd, "/dev/console", O_PATH | O_NOFOLLOW, 0);
    if (target < 0) {
        errno = -target;
        start_fail(sync_fd, STAGE_CONSOLE, 0);
    }
    if (mount(fs_fd_path(slave_fd, from), fs_fd_path(target, to), NULL, MS_BIND, NULL) < 0)
        start_fail(sync_fd, STAGE_CONSOLE, 0);
}
