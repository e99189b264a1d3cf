#include "engine/runtime/mount-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define OPTION_MAX 4096

int mount_tree_take(const char *path, bool recursive)
{
    int fd = open_tree(
            AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));

    return fd < 0 ? -errno : fd;
}

int mount_tree_take_fd(int fd, bool recursive)
{
    int tree = open_tree(fd, "",
            AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));

    return tree < 0 ? -errno : tree;
}

static int set_attr(int tree_fd, bool recursive, struct mount_attr *attr)
{
    unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

    return mount_setattr(tree_fd, "", flags, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

int mount_tree_set(int tree_fd, bool recursive, uint64_t set, uint64_t clear)
{
    struct mount_attr attr = { .attr_set = set, .attr_clr = clear };

    /* The atime modes are one value of several bits: setting one clears all. */
    if (set & MOUNT_ATTR__ATIME)
        attr.attr_clr |= MOUNT_ATTR__ATIME;
    return set || clear ? set_attr(tree_fd, recursive, &attr) : 0;
}

int mount_tree_map_ids(int tree_fd, int user_namespace_fd, bool recursive)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
        .userns_fd = (uint64_t)user_namespace_fd };

    return set_attr(tree_fd, recursive, &attr);
}

int mount_tree_attach(int tree_fd, int dir_fd, const char *path)
{
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*path ? 0 : MOVE_MOUNT_T_EMPTY_PATH);

    return move_mount(tree_fd, "", dir_fd, path, flags) < 0 ? -errno : 0;
}

static int set_option(int fs_fd, struct str option)
{
    char text[OPTION_MAX];

    if (option.len >= sizeof(text))
        return -E2BIG;
    memcpy(text, option.data, option.len);
    text[option.len] = 0;
    char *equals = strchr(text, '=');
    if (!equals)
        return fsconfig(fs_fd, FSCONFIG_SET_FLAG, text, NULL, 0) < 0 ? -errno : 0;
    *equals = 0;
    return fsconfig(fs_fd, FSCONFIG_SET_STRING, text, equals + 1, 0) < 0 ? -errno : 0;
}

int mount_tree_new(const char *type, const char *source, const char *options, uint64_t attributes)
{
    auto_close int fs_fd = fsopen(type, FSOPEN_CLOEXEC);
    struct str rest = str_from(options ? options : ""), option;

    if (fs_fd < 0)
        return -errno;
    if (source && fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", source, 0) < 0)
        return -errno;
    while (str_split_next(&rest, ',', &option)) {
        int r = option.len > 0 ? set_option(fs_fd, option) : 0;

        if (r < 0)
            return r;
    }
    if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attributes);
    return fd < 0 ? -errno : fd;
}
