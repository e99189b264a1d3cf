#include "engine/rootfs/view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "engine/rootfs/mount.h"
#include "engine/rootfs/view-internal.h"

/* The mount options of one call fill one page at most, with the terminator. */
#define MOUNT_OPTIONS_MAX 4095

static int set_string(int fs_fd, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

/* One layer after the other ("lowerdir+", Linux 6.5), so that their number is not bounded by the length
 * of one option. Returns -EINVAL where the kernel does not know that. */
static int configure(int fs_fd, const struct rootfs_view *view)
{
    int r = 0;

    for (size_t i = view->lower_count; i-- > 0 && r >= 0;)
        r = set_string(fs_fd, "lowerdir+", view->lower[i]);
    if (r >= 0 && view->upper)
        r = set_string(fs_fd, "upperdir", view->upper);
    if (r >= 0 && view->upper)
        r = set_string(fs_fd, "workdir", view->work);
    if (r >= 0)
        r = set_string(fs_fd, "source", "overlay");
    return r;
}

int rootfs_view_open_detached(const struct rootfs_view *view)
{
    auto_close int fs_fd = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

    if (fs_fd < 0)
        return -errno;
    int r = configure(fs_fd, view);
    if (r < 0)
        return r;
    if (syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = (int)syscall(
            SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return fd < 0 ? -errno : fd;
}

/* Before Linux 6.5 all layers stand in one option. To keep them short their common directory becomes the
 * working directory of a thread that has a mount namespace of its own. */
struct attached {
    const struct rootfs_view *view;
    const char *directory, *options;
    const struct rootfs_mount *mounts;
    size_t mount_count;
    struct error **err;
    int result;
    int namespace_fd; /* -EBADF: not wanted; the descriptor of the view outlives its namespace */
};

/* Length of the directory part, with its last "/", that all lower directories share. */
static size_t shared_prefix(const struct rootfs_view *view)
{
    size_t len = view->lower_count > 0 ? strlen(view->lower[0]) : 0;

    for (size_t i = 1; i < view->lower_count; i++) {
        size_t same = 0;

        while (same < len && view->lower[i][same] == view->lower[0][same])
            same++;
        len = same;
    }
    while (len > 0 && view->lower[0][len - 1] != '/')
        len--;
    return len;
}

/* Mounts over the thread's root, where "/.." finds it; everything else is still named from below. */
static int attach_root(const struct attached *job)
{
    if (job->view->lower_count == 0) {
        /* lint: allow raw-namespace: in the namespace of the thread below. */
        if (mount(job->view->upper, "/", NULL, MS_BIND, NULL) < 0)
            return -errno;
    } else if (chdir(job->directory) < 0) {
        return -errno;
    } else {
        if (mount("overlay", "/", "overlay", MS_NOSUID | MS_NODEV, job->options) < 0)
            return -errno;
    }
    int fd = open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void *attached_thread(void *argument)
{
    struct attached *job = argument;

    /* lint: allow raw-namespace: this thread shares nothing of the file system with the others, and
     * has no process to come back to; only descriptors leave it. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        job->result = -errno;
        return NULL;
    }
    job->result = attach_root(job);
    if (job->result < 0 || job->mount_count == 0)
        return NULL;
    auto_close int root_fd = job->result;
    int r = 0;
    for (size_t i = 0; r >= 0 && i < job->mount_count; i++)
        r = rootfs_mount_attach(root_fd, &job->mounts[i], job->err);
    if (r >= 0) {
        job->namespace_fd = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
        if (job->namespace_fd < 0)
            r = error_set(job->err, errno, NULL, "cannot open a mount namespace");
    }
    job->result = r < 0 ? r : TAKE_FD(root_fd);
    return NULL;
}

static int open_attached(const struct rootfs_view *view, struct attached *job)
{
    auto_(strbuf_release) struct strbuf options = STRBUF_INIT(MOUNT_OPTIONS_MAX);
    auto_(strbuf_release) struct strbuf directory = STRBUF_INIT(MOUNT_OPTIONS_MAX);
    size_t prefix = shared_prefix(view);
    pthread_t thread;

    strbuf_adds(&options, "lowerdir=");
    for (size_t i = view->lower_count; i-- > 0;)
        strbuf_addf(&options, "%s%s", view->lower[i] + prefix, i > 0 ? ":" : "");
    if (view->upper)
        strbuf_addf(&options, ",upperdir=%s,workdir=%s", view->upper, view->work);
    if (strbuf_is_truncated(&options))
        return -E2BIG;
    strbuf_add(&directory, prefix > 0 ? view->lower[0] : ".", prefix > 0 ? prefix : 1);
    job->view = view;
    job->directory = directory.data;
    job->options = options.data;
    int r = pthread_create(&thread, NULL, attached_thread, job);
    if (r != 0)
        return -r;
    pthread_join(thread, NULL);
    return job->result;
}

int rootfs_view_open_attached(const struct rootfs_view *view)
{
    struct attached job = { .namespace_fd = -EBADF };

    return open_attached(view, &job);
}

/* Nothing to merge: the directory itself is the view. */
static int open_plain(const char *path, struct error **err)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? error_set(err, errno, NULL, "cannot open the layer %s", path) : fd;
}

int rootfs_view_open(const struct rootfs_view *view, struct error **err)
{
    if (view->lower_count == 0 && view->upper)
        return open_plain(view->upper, err);
    if (view->lower_count == 0)
        return error_set_plain(err, EINVAL, NULL, "a root file system needs at least one layer");
    if (view->lower_count == 1 && !view->upper)
        return open_plain(view->lower[0], err);
    int fd = rootfs_view_open_detached(view);
    if (fd == -EINVAL || fd == -ENOSYS)
        fd = rootfs_view_open_attached(view);
    if (fd < 0)
        return error_set(err, fd, NULL, "cannot merge %zu layers", view->lower_count);
    return fd;
}

int rootfs_view_open_mounted(const struct rootfs_view *view, const struct rootfs_mount *mounts,
        size_t mount_count, int *ret_namespace_fd, struct error **err)
{
    auto_error struct error *cause = NULL;
    struct attached job = {
        .mounts = mounts, .mount_count = mount_count, .err = &cause, .namespace_fd = -EBADF
    };

    *ret_namespace_fd = -EBADF;
    if (mount_count == 0)
        return rootfs_view_open(view, err);
    int fd = open_attached(view, &job);
    if (fd < 0 && cause)
        return error_move(err, TAKE(cause));
    if (fd < 0)
        return error_set(err, fd, NULL, "cannot merge %zu layers", view->lower_count);
    *ret_namespace_fd = job.namespace_fd;
    return fd;
}
