/* Files that a user names may be anything: what would hang, or do something when it is opened, is told apart before. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/timefmt.h"

/* Character devices that are read: /dev/null and terminals (the kernel's Documentation/admin-guide/devices.txt).
 * Opening others may do things: a watchdog reboots, a tape rewinds. */
static bool is_harmless_device(dev_t device)
{
    static const struct {
        unsigned first_major, last_major;
        int minor; /* -1: each */
    } known[] = { { 1, 1, 3 }, { 4, 5, -1 }, { 136, 143, -1 } };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (major(device) >= known[i].first_major && major(device) <= known[i].last_major &&
                (known[i].minor < 0 || (unsigned)known[i].minor == minor(device)))
            return true;
    return false;
}

static const char *refused_kind(const struct stat *status)
{
    if (S_ISSOCK(status->st_mode))
        return "a socket";
    if (S_ISBLK(status->st_mode) ||
            (S_ISCHR(status->st_mode) && !is_harmless_device(status->st_rdev)))
        return "a device";
    return NULL;
}

/* The file is looked at before it is opened, and what is opened then is that file. */
static int open_input(const char *path, struct stat *ret_status, struct error **err)
{
    char name[FS_FD_PATH_MAX];

    auto_close int look = open(path, O_PATH | O_CLOEXEC);
    if (look < 0 || fstat(look, ret_status) < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", path);
    if (S_ISDIR(ret_status->st_mode))
        return error_set(err, EISDIR, NULL, "cannot read \"%s\"", path);
    const char *kind = refused_kind(ret_status);

    if (kind)
        return error_set_plain(err, EINVAL, NULL,
                "cannot read \"%s\": it is %s, where a file or a pipe is due", path, kind);
    const int how = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    int fd = open(fs_fd_path(look, name), how | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) /* without /proc */
        fd = open(path, how | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", path);
    return fd;
}

/* A FIFO reads as empty until somebody has it open for writing. After that reading waits, as long as the writer
 * takes. False: nobody came. */
static bool wait_for_writer(int fd, int64_t wait_usec)
{
    return fd_wait(fd, POLLIN, time_monotonic_usec() + wait_usec) != 0;
}

int fs_read_input(
        const struct fs_input *input, char **ret_data, size_t *ret_len, struct error **err)
{
    auto_free char *data = NULL;
    struct stat status;
    size_t len = 0;

    auto_close int fd = open_input(input->path, &status, err);
    if (fd < 0)
        return fd;
    int r = fs_read_fd(fd, input->max_bytes, &data, &len, err);

    if (r == 0 && len == 0 && S_ISFIFO(status.st_mode)) {
        bool came = wait_for_writer(fd, input->writer_wait_usec);

        free(TAKE(data));
        r = fs_read_fd(fd, input->max_bytes, &data, &len, err);
        if (r == 0 && len == 0 && !came)
            return error_set_plain(err, ETIMEDOUT, NULL,
                    "cannot read \"%s\": it is a FIFO, and no program writes to it", input->path);
    }
    if (r < 0)
        return error_wrap(err, r, "cannot read \"%s\"", input->path);
    *ret_data = TAKE(data);
    *ret_len = len;
    return S_ISREG(status.st_mode);
}
