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
 * working directory of a thread that has a mount namespace of its own; the descriptor outlives both. */
struct attached {
    const struct rootfs_view *view;
    const char *directory, *options;
    int result;
};

static void *open_attached_thread(void *argument)
{
    struct attached *job = argument;
    int fd = -EBADF;

    /* lint: allow raw-namespace: this thread shares nothing of the file system with the others, and
     * has no process to come back to; only the descriptor leaves it. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            chdir(job->directory) < 0 ||
            mount("overlay", "/", "overlay", MS_NOSUID | MS_NODEV, job->options) < 0)
        job->result = -errno;
    else if ((fd = open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        job->result = -errno;
    else
        job->result = fd;
    return NULL;
}

/* Length of the directory part, with its last "/", that all lower directories share. */
static size_t shared_prefix(const struct rootfs_view *view)
{
    size_t len = strlen(view->lower[0]);

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

int rootfs_view_open_attached(const struct rootfs_view *view)
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

    struct attached job = { view, directory.data, options.data, -EIO };
    int r = pthread_create(&thread, NULL, open_attached_thread, &job);
    if (r != 0)
        return -r;
    pthread_join(thread, NULL);
    return job.result;
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
