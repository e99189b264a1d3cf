#include "engine/runtime/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/str.h"
#include "engine/runtime/container.h"

/* mount(2) copies at most a page of options, of which the last byte ends the text. */
#define MOUNT_DATA_MAX 4096
#define LOWER_DIRS_MAX 500 /* the kernel's OVL_MAX_STACK */

struct mount_data {
    char text[MOUNT_DATA_MAX];
    size_t len;
    bool too_long;
    int fds[LOWER_DIRS_MAX]; /* of layers that are told by number */
    size_t fd_count;
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
    data->len = 0;
    data->too_long = false;
    add(data, "lowerdir=", strlen("lowerdir="));
    for (size_t i = 0; i < rootfs->lower_count; i++) {
        char number[16];
        int fd = open(rootfs->lower_dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
            return false;
        data->fds[data->fd_count++] = fd;
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

static int mount_overlay(const struct container_rootfs *rootfs, struct mount_data *data)
{
    if (rootfs->ephemeral)
        forget_volatile(rootfs);
    if (!build_by_name(data, rootfs) && !build_by_number(data, rootfs))
        return -errno;
    return mount("overlay", rootfs->mount_point, "overlay", 0, data->text) < 0 ? -errno : 0;
}

int overlay_mount(const struct container_rootfs *rootfs)
{
    struct mount_data data = { .len = 0 };
    int r;

    if (rootfs->lower_count == 0)
        return mount(rootfs->directory, rootfs->mount_point, NULL, MS_BIND | MS_REC, NULL) < 0
                       ? -errno
                       : 0;
    r = mount_overlay(rootfs, &data);
    for (size_t i = 0; i < data.fd_count; i++)
        close(data.fds[i]);
    return chdir("/") < 0 && r >= 0 ? -errno : r;
}
