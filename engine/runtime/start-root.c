/* The container's root file system: overlay or a bound directory, and the change into it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/str.h"
#include "engine/runtime/container.h"
#include "engine/runtime/mount-tree.h"
#include "engine/runtime/overlay.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

#define MOUNTINFO_MAX_BYTES (16u << 20)

void start_mount_root(struct start *start, const struct container_rootfs *rootfs)
{
    int r = overlay_mount(rootfs);

    if (r < 0) {
        errno = -r;
        start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
    }
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
    /* Nothing that is mounted from here on may show in the host's namespace. A root that is to follow the host has to be
     * bound from what follows it. */
    if (mount(NULL, "/", NULL,
                (start->spec->rootfs_propagation & MS_SLAVE ? MS_SLAVE : MS_PRIVATE) | MS_REC,
                NULL) < 0)
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
    start_mount_root(start, rootfs);
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

/* The mount point in a line of mountinfo, blanks in it being octal there; false when the file
 * system is none by which the kernel shows itself. */
static bool parse_kernel_mount(struct str line, char path[static PATH_MAX])
{
    struct str word = { 0 };
    size_t len = 0;

    for (int field = 0; field < 5; field++) {
        if (!str_split_next(&line, ' ', &word))
            return false;
    }
    for (size_t i = 0; i < word.len && len + 1 < PATH_MAX; i++) {
        const char *c = word.data + i;
        bool is_octal = *c == '\\' && i + 3 < word.len;

        path[len++] = (char)(is_octal ? (c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0') : *c);
        i += is_octal ? 3 : 0;
    }
    path[len] = 0;
    while (str_split_next(&line, ' ', &word) && !str_is_equal_z(word, "-"))
        ;
    return str_split_next(&line, ' ', &word) &&
           (str_is_equal_z(word, "proc") || str_is_equal_z(word, "sysfs"));
}

static bool is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);

    return strncmp(path, directory, len) == 0 && (path[len] == '/' || !path[len]);
}

/* As long as a namespace has a whole proc or sysfs, the kernel lets another be mounted in it, which
 * no masked path protects. */
static void hide_kernel_mounts(const struct start *start)
{
    static char text
            [MOUNTINFO_MAX_BYTES]; /* whole before anything changes; this process executes soon */
    struct str rest, line;
    char path[PATH_MAX];
    auto_close int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -errno : fd_read_full(fd, text, sizeof(text));

    if (len < 0 || (size_t)len == sizeof(text)) {
        errno = len < 0 ? (int)-len : EFBIG;
        start_fail(start->process.sync_fd, STAGE_PIVOT, 0);
    }
    rest = (struct str){ text, (size_t)len };
    while (str_split_next(&rest, '\n', &line)) {
        if (!parse_kernel_mount(line, path) || is_below(path, start->options->rootfs.mount_point))
            continue;
        if (umount2(path, MNT_DETACH) == 0)
            continue;
        /* Locked by a user namespace, or gone with the one it was on. */
        if (mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0") < 0 && errno != ENOENT)
            start_fail(start->process.sync_fd, STAGE_PIVOT, 0);
    }
}

/* Without pivot_root the old root stays below ours: what of the host is still mounted there can
 * only be reached by whoever may mount. */
static void move_root(struct start *start, int root_fd)
{
    int sync_fd = start->process.sync_fd;

    hide_kernel_mounts(start);
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
