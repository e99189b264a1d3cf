/* The container's root file system: overlay or a bound directory, and the change into it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"
#include "engine/runtime/container.h"
#include "engine/runtime/mount-tree.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

/* mount(2) copies at most a page of options, of which the last byte ends the text. */
#define MOUNT_DATA_MAX 4096
#define LOWER_DIRS_MAX 500 /* the kernel's OVL_MAX_STACK */

struct mount_data {
    char text[MOUNT_DATA_MAX];
    size_t len;
    bool too_long;
};

static void add(struct mount_data *data, const char *text, size_t len)
{
    if (data->len + len >= sizeof(data->text)) {
        data->too_long = true;
        return;
    }
    memcpy(data->text + data->len, text, len);
    data->len += len;
    data->text[data->len] = 0;
}

/* Overlay splits its options at commas and its lower directories at colons, and has a backslash
 * for both. */
static void add_escaped(struct mount_data *data, const char *path, bool is_lower)
{
    for (; *path; path++) {
        if (*path == ',' || *path == '\\' || (*path == ':' && is_lower))
            add(data, "\\", 1);
        add(data, path, 1);
    }
}

static void add_tail(struct mount_data *data, const struct container_rootfs *rootfs)
{
    add(data, ",upperdir=", strlen(",upperdir="));
    add_escaped(data, rootfs->upper_dir, false);
    add(data, ",workdir=", strlen(",workdir="));
    add_escaped(data, rootfs->work_dir, false);
    add(data, ",index=off", strlen(",index=off"));
    if (rootfs->ephemeral)
        add(data, ",volatile", strlen(",volatile"));
}

/* Length of the directory that all layers lie in, with its slash. */
static size_t common_prefix(const struct container_rootfs *rootfs)
{
    const char *first = rootfs->lower_dirs[0];
    size_t len = strlen(first);

    for (size_t i = 1; i < rootfs->lower_count; i++) {
        size_t n = 0;

        while (n < len && first[n] == rootfs->lower_dirs[i][n])
            n++;
        len = n;
    }
    if (rootfs->lower_count == 1 && len > 0)
        len--; /* at least one name must be left */
    while (len > 0 && first[len - 1] != '/')
        len--;
    return len;
}

/* Layers by their short names, from within the directory that they share. */
static bool build_by_name(struct mount_data *data, const struct container_rootfs *rootfs)
{
    size_t prefix = common_prefix(rootfs);
    char directory[PATH_MAX];

    if (prefix == 0 || prefix >= sizeof(directory))
        return false;
    memcpy(directory, rootfs->lower_dirs[0], prefix);
    directory[prefix] = 0;
    add(data, "lowerdir=", strlen("lowerdir="));
    for (size_t i = 0; i < rootfs->lower_count; i++) {
        if (i > 0)
            add(data, ":", 1);
        add_escaped(data, rootfs->lower_dirs[i] + prefix, true);
    }
    add_tail(data, rootfs);
    return !data->too_long && chdir(directory) == 0;
}

/* Too many or too long for a page: by descriptor numbers, from within /proc/self/fd. */
static bool build_by_number(struct mount_data *data, const struct container_rootfs *rootfs)
{
    if (rootfs->lower_count > LOWER_DIRS_MAX) {
        errno = E2BIG;
        return false;
    }
    *data = (struct mount_data){ .len = 0 };
    add(data, "lowerdir=", strlen("lowerdir="));
    for (size_t i = 0; i < rootfs->lower_count; i++) {
        char number[16];
        int fd = open(rootfs->lower_dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
            return false;
        int len = snprintf(number, sizeof(number), "%s%d", i > 0 ? ":" : "", fd);
        add(data, number, (size_t)len);
    }
    add_tail(data, rootfs);
    if (data->too_long)
        errno = E2BIG;
    return !data->too_long && chdir("/proc/self/fd") == 0;
}

/* A volatile overlay leaves a mark that forbids to mount it again, since what a crash left may be
 * torn. The layer of an ephemeral container goes away with it, so that does not matter. */
static void forget_volatile(const struct container_rootfs *rootfs)
{
    static const char *const marks[] = { "work/incompat/volatile/dirty", "work/incompat/volatile" };
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (snprintf(path, sizeof(path), "%s/%s", rootfs->work_dir, marks[i]) < (int)sizeof(path))
            (void)remove(path);
}

void start_mount_overlay(struct start *start, const struct container_rootfs *rootfs)
{
    struct mount_data data = { .len = 0 };

    if (rootfs->ephemeral)
        forget_volatile(rootfs);
    if (!build_by_name(&data, rootfs) && !build_by_number(&data, rootfs))
        start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
    if (mount("overlay", rootfs->mount_point, "overlay", 0, data.text) < 0)
        start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
    if (chdir("/") < 0)
        start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
}

int start_make_root(struct start *start)
{
    const struct container_rootfs *rootfs = &start->options->rootfs;

    if (start->spec->namespaces[NAMESPACE_MOUNT].mode == NAMESPACE_HOST) {
        int fd = open(rootfs->mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
            start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
        return fd;
    }
    /* Nothing that is mounted from here on may show in the host's namespace. */
    if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
        start_fail(start->process.sync_fd, STAGE_PROPAGATION, 0);
    /* Over "/" itself: the engine's directories are not to be reached from a user namespace. */
    if (start->root_tree_fd >= 0) {
        int r = mount_tree_attach(start->root_tree_fd, AT_FDCWD, "/");

        if (r < 0) {
            errno = -r;
            start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
        }
        return start->root_tree_fd;
    }
    if (rootfs->lower_count > 0)
        start_mount_overlay(start, rootfs);
    else if (mount(rootfs->directory, rootfs->mount_point, NULL, MS_BIND | MS_REC, NULL) < 0)
        start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
    int fd = open(rootfs->mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
    return fd;
}

/* Other flags of the mount may be locked: they must stay as they are. */
static int make_root_readonly(void)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

    if (mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof(attr)) == 0)
        return 0;
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
}

/* Without pivot_root the old root stays below ours: what of the host is still mounted there is
 * taken away as far as it can be, and the rest can only be reached by whoever may mount. */
static void move_root(struct start *start, int root_fd)
{
    static const char *const shown[] = { "/proc", "/sys" };
    int sync_fd = start->process.sync_fd;

    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        (void)umount2(shown[i], MNT_DETACH);
    if (fchdir(root_fd) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
            chdir("/") < 0)
        start_fail(sync_fd, STAGE_PIVOT, 0);
}

static void finish_root(struct start *start)
{
    int sync_fd = start->process.sync_fd;

    if (start->spec->rootfs_propagation != (MS_PRIVATE | MS_REC) &&
            mount(NULL, "/", NULL, start->spec->rootfs_propagation, NULL) < 0)
        start_fail(sync_fd, STAGE_ROOT_FLAGS, 0);
    if (start->spec->root_readonly && make_root_readonly() < 0)
        start_fail(sync_fd, STAGE_ROOT_FLAGS, 0);
}

void start_change_root(struct start *start, int root_fd)
{
    int sync_fd = start->process.sync_fd;

    /* The namespace's root is the host's. What keeps the process in is that it has no right to
     * chroot and no descriptor outside; whoever asks for this knows. */
    if (start->spec->namespaces[NAMESPACE_MOUNT].mode == NAMESPACE_HOST) {
        if (fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
            start_fail(sync_fd, STAGE_PIVOT, 0);
        if (start->spec->root_readonly && make_root_readonly() < 0)
            start_fail(sync_fd, STAGE_ROOT_FLAGS, 0);
        return;
    }
    if (start->options->no_pivot) {
        move_root(start, root_fd);
        finish_root(start);
        return;
    }
    /* The old root lands on top of the new one at "." and goes from there: no directory is needed
     * for it. */
    if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
            umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        start_fail(sync_fd, STAGE_PIVOT, 0);
    finish_root(start);
}
