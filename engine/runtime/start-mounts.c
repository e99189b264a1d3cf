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
#include "base/parse.h"
#include "base/str.h"
#include "engine/runtime/cgroup-internal.h"
#include "engine/runtime/container.h"
#include "engine/runtime/copy-up.h"
#include "engine/runtime/mount-tree.h"
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

/* Those that a bind with any of them loses unless it names them; the times stay as they are unless
 * one of theirs is named. So does mount(2)'s remount, and with it other runtimes. */
#define REPLACED_ATTRIBUTES                                                         \
    (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | \
            MOUNT_ATTR_NOSYMFOLLOW_FLAG)
#define LOCKED_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define TIME_FLAGS (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)

static bool names_attributes(const struct runtime_mount *m)
{
    return (m->flags & (PER_MOUNT_FLAGS | MS_NOSYMFOLLOW_FLAG)) || m->flags_cleared;
}

/* The atime modes are one value of several bits. */
static uint64_t atime(unsigned long flags)
{
    return flags & MS_NOATIME       ? MOUNT_ATTR_NOATIME
           : flags & MS_STRICTATIME ? MOUNT_ATTR_STRICTATIME
                                    : 0;
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

/* In place of proc there can only be proc (source_fd: of a bind, or -EBADF): labels and sysctls are
 * written there, and what reads "pretend" files in it would believe them. */
static void check_over_proc(struct start *start, size_t index, int source_fd)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    struct statfs fs;

    if (strcmp(m->destination, "/proc") != 0 ||
            (!(m->flags & MS_BIND) && strcmp(m->type, "proc") == 0))
        return;
    if (source_fd < 0 || fstatfs(source_fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        mount_fail(start, STAGE_MOUNT_NOT_PROC, index, EPERM);
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
        int r = fs_make_file_in_root(root_fd, m->destination, 0644);

        if (r < 0)
            mount_fail(start, STAGE_MOUNT_POINT, index, r);
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
    if (!names_attributes(m) && flags == 0)
        return 0;
    auto_close int covered = fs_try_open_in_root(root_fd, m->destination, O_PATH, 0);
    if (covered < 0)
        return covered;
    fs_fd_path(covered, target_path);
    if (mount(NULL, target_path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) == 0)
        return 0;
    /* Some are locked: they stay. */
    flags |= inherited_flags(covered) & ~m->flags_cleared;
    return mount(NULL, target_path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 ? -errno : 0;
}

/* What a user namespace must not take off a mount of the host's: the kernel locks it there, but not
 * in a tree that was taken before. */
static bool is_locked(const struct runtime_mount *m, unsigned long inherited)
{
    unsigned long times = m->flags & TIME_FLAGS;

    if (m->flags_cleared & inherited & LOCKED_FLAGS)
        return true;
    if (!(times & (MS_NOATIME | MS_STRICTATIME)))
        times |= MS_RELATIME;
    return (m->flags & TIME_FLAGS) && ((times ^ inherited) & (TIME_FLAGS & ~MS_STRICTATIME));
}

static int set_own_attributes(const struct runtime_mount *m, int tree_fd, bool keep_locked)
{
    unsigned long inherited = keep_locked ? inherited_flags(tree_fd) : 0;
    uint64_t set = attributes(m->flags | (inherited & LOCKED_FLAGS)) | atime(m->flags);
    /* MOUNT_ATTR_RELATIME is 0: it is set by clearing the others. */
    uint64_t times = m->flags & TIME_FLAGS ? MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME : 0;

    if (!names_attributes(m))
        return 0;
    if (keep_locked && is_locked(m, inherited))
        return -EACCES;
    return mount_tree_set(tree_fd, false, set, (REPLACED_ATTRIBUTES | times) & ~set);
}

/* "ro" is of the topmost mount, as in other runtimes; who wants the whole tree read-only says "rro", too. */
static int bind_tree(const struct runtime_mount *m, int tree_fd, int target_fd, bool keep_locked)
{
    int r = set_own_attributes(m, tree_fd, keep_locked);

    if (r >= 0)
        r = mount_tree_set(tree_fd, true, m->recursive_set, m->recursive_cleared);
    return r < 0 ? r : mount_tree_attach(tree_fd, target_fd, "");
}

static bool is_missing_call(int r)
{
    return r == -ENOSYS || r == -EPERM;
}

static int open_source(const struct runtime_mount *m)
{
    auto_close int fd = open(m->source, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return m->subdir ? fs_try_open_in_root(fd, m->subdir, O_PATH, 0) : TAKE_FD(fd);
}

static int open_tree_of(const struct runtime_mount *m)
{
    auto_close int source = open_source(m);

    return source < 0 ? source : mount_tree_take_fd(source, m->flags & MS_REC);
}

/* The source of a bind, its ids mapped if that is asked for: which is for the host's rights. */
static int take_bind(struct start *start, size_t index)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    auto_close int fd = open_tree_of(m);

    if (fd < 0 || m->idmap == MOUNT_IDMAP_NONE)
        return TAKE_FD(fd);
    int r = mount_tree_map_ids(fd,
            start->idmap_fds[index] >= 0 ? start->idmap_fds[index]
                                         : start->namespace_fds[NAMESPACE_USER],
            m->idmap == MOUNT_IDMAP_RECURSIVE);
    if (r < 0)
        mount_fail(start, STAGE_IDMAP, index, r);
    return TAKE_FD(fd);
}

/* The part below the container's own root directory of a source that is there; NULL for others. What is mounted before
 * counts for it, so it is looked for when its turn comes. */
static const char *source_in_root(const struct start *start, const struct runtime_mount *m)
{
    const char *root = start->options->rootfs.directory;
    size_t len = root ? strlen(root) : 0;

    if (len <= 1 || m->subdir || m->idmap != MOUNT_IDMAP_NONE || !m->source ||
            strncmp(m->source, root, len) != 0 || m->source[len] != '/')
        return NULL;
    return m->source + len + 1;
}

static int take_bind_in_root(const struct runtime_mount *m, int root_fd, const char *path)
{
    auto_close int source = fs_try_open_in_root(root_fd, *path ? path : ".", O_PATH, 0);

    return source < 0 ? source : mount_tree_take_fd(source, m->flags & MS_REC);
}

void start_take_binds(struct start *start, bool all)
{
    for (size_t i = 0; i < start->spec->mount_count; i++) {
        const struct runtime_mount *m = &start->spec->mounts[i];

        if (!(m->flags & MS_BIND) || start->bind_fds[i] >= 0 ||
                !(all || (m->propagation & (MS_SHARED | MS_SLAVE))))
            continue;
        start->bind_fds[i] = take_bind(start, i);
        if (start->bind_fds[i] < 0 && !m->optional && !source_in_root(start, m))
            mount_fail(start, STAGE_BIND_SOURCE, i, start->bind_fds[i]);
    }
}

static void do_bind(struct start *start, int root_fd, size_t index)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    const char *in_root = start->uid_mappings.count > 0 ? source_in_root(start, m) : NULL;
    auto_close int source_fd = -EBADF;
    /* What only the host's rights can reach was taken before. */
    auto_close int inner_fd = in_root ? take_bind_in_root(m, root_fd, in_root) : -EBADF;
    auto_close int tree_fd = inner_fd >= 0                 ? TAKE_FD(inner_fd)
                             : start->bind_fds[index] >= 0 ? start->bind_fds[index]
                                                           : take_bind(start, index);
    struct stat st;
    int r;

    if (tree_fd < 0 && is_missing_call(tree_fd)) {
        source_fd = open_source(m);
        if (source_fd < 0)
            tree_fd = source_fd;
    }
    if (tree_fd < 0 && source_fd < 0) {
        if (m->optional)
            return;
        mount_fail(start, STAGE_BIND_SOURCE, index, tree_fd);
    }
    if (fstat(tree_fd >= 0 ? tree_fd : source_fd, &st) < 0)
        mount_fail(start, STAGE_BIND_SOURCE, index, errno);
    check_over_proc(start, index, tree_fd >= 0 ? tree_fd : source_fd);
    auto_close int target_fd = open_target(start, root_fd, index, S_ISDIR(st.st_mode));
    r = tree_fd >= 0 ? bind_tree(m, tree_fd, target_fd, start->uid_mappings.count > 0) : -ENOSYS;
    if (is_missing_call(r)) {
        if (source_fd < 0)
            source_fd = open_source(m);
        r = source_fd < 0 ? source_fd : bind_classic(root_fd, m, source_fd, target_fd);
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
    char path[sizeof(CGROUP_MOUNT) + CGROUP_DIRECTORY_MAX + CGROUP_PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s%s", CGROUP_MOUNT, h->directory,
            start->options->cgroup->path);
    auto_close int tree_fd = mount_tree_take(path, false);
    if (tree_fd < 0 && is_missing_call(tree_fd) && *name) {
        if (bind_group_classic(path, m->flags, dir_fd, name) < 0)
            mount_fail(start, STAGE_MOUNT, index, errno);
        return;
    }
    int r = tree_fd < 0 ? tree_fd : mount_tree_set(tree_fd, false, attributes(m->flags), 0);
    if (r >= 0)
        r = mount_tree_attach(tree_fd, dir_fd, name);
    if (r < 0)
        mount_fail(start, STAGE_MOUNT, index, r);
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

/* Groups and users of options are numbers of the container's; those that its user namespace does
 * not have are left out (devpts' gid=5). */
static const char *drop_unmapped(
        const struct start *start, const char *data, char *buffer, size_t size)
{
    struct str rest = str_from(data ? data : ""), option;
    size_t len = 0;

    buffer[0] = 0;
    while (str_split_next(&rest, ',', &option)) {
        bool is_gid = str_has_prefix(option, "gid="), is_uid = str_has_prefix(option, "uid=");
        struct str number = { option.data + 4, option.len - 4 };
        uint32_t id;

        if ((is_gid || is_uid) && parse_uint32(number, UINT32_MAX - 1, &id) >= 0 &&
                id_mappings_to_host(is_gid ? &start->gid_mappings : &start->uid_mappings, id) ==
                        ID_UNMAPPED)
            continue;
        if (len + option.len + 2 > size)
            return data;
        len += (size_t)snprintf(
                buffer + len, size - len, "%s%.*s", len > 0 ? "," : "", STR_FMT(option));
    }
    return buffer;
}

/* Needs the network namespace to belong to the container's user namespace; a joined or the host's
 * one does not. Then what the host sees is bound, read-only in all its parts. */
static int bind_sysfs(struct start *start, size_t index, int target_fd)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    auto_close int tree = mount_tree_take("/sys", true);
    int r = tree < 0 ? tree
                     : mount_tree_set(tree, true, attributes(m->flags) | MOUNT_ATTR_RDONLY, 0);

    return r < 0 ? r : mount_tree_attach(tree, target_fd, "");
}

/* The copy is made in a tmpfs that nobody sees yet; then the tmpfs covers what it was copied
 * from. */
static int mount_copied_up(struct start *start, size_t index, int target_fd, const char *data)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    auto_close int from = openat(target_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int tree = mount_tree_new("tmpfs", m->source, data, 0);

    if (from < 0 || tree < 0)
        return from < 0 ? -errno : tree;
    int r = copy_up_tree(from, tree);
    if (r >= 0)
        r = mount_tree_set(tree, false, attributes(m->flags) | atime(m->flags), 0);
    (void)start;
    return r < 0 ? r : mount_tree_attach(tree, target_fd, "");
}

/* It gets devices first. */
static bool is_sealed_late(const struct runtime_mount *m)
{
    return !(m->flags & MS_BIND) && (m->flags & MS_RDONLY) && strcmp(m->destination, "/dev") == 0;
}

void start_seal_dev(struct start *start, int root_fd)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

    for (size_t i = 0; i < start->spec->mount_count; i++) {
        if (!is_sealed_late(&start->spec->mounts[i]))
            continue;
        auto_close int fd = fs_try_open_in_root(root_fd, "/dev", O_PATH | O_DIRECTORY, 0);
        if (fd < 0)
            mount_fail(start, STAGE_MOUNT, i, fd);
        if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
            mount_fail(start, STAGE_MOUNT, i, errno);
    }
}

/* SELinux labels all files of a file system of the container's own at once. What the kernel makes
 * up takes none. lsm_check has seen to it that there is SELinux. */
static const char *add_label(
        const struct start *start, const char *type, const char *data, char *buffer, size_t size)
{
    static const char *const without[] = { "proc", "sysfs", "mqueue" };
    const char *label = start->spec->mount_label;

    for (size_t i = 0; i < ARRAY_LEN(without); i++) {
        if (strcmp(type, without[i]) == 0)
            return data;
    }
    if (!label || (data && strstr(data, "context=")))
        return data;
    int len = snprintf(
            buffer, size, "%s%scontext=\"%s\"", data ? data : "", data && *data ? "," : "", label);
    return len > 0 && (size_t)len < size ? buffer : data;
}

static void mount_filesystem(struct start *start, int root_fd, size_t index)
{
    const struct runtime_mount *m = &start->spec->mounts[index];
    bool is_tmpfs = strcmp(m->type, "tmpfs") == 0;
    auto_close int present = is_tmpfs ? fs_try_open_in_root(
                                                root_fd, m->destination, O_PATH | O_DIRECTORY, 0)
                                      : -EBADF;
    auto_close int target = open_target(start, root_fd, index, true);
    char path[FS_FD_PATH_MAX], buffer[4096], mapped[4096], labelled[4096];
    const char *data = m->data;

    /* One that was made for this mount has no mode to keep: the kernel's default, 1777, it is then. */
    if (present >= 0)
        data = tmpfs_data(m, target, buffer, sizeof(buffer));
    if (start->uid_mappings.count > 0 && data)
        data = drop_unmapped(start, data, mapped, sizeof(mapped));
    data = add_label(start, m->type, data, labelled, sizeof(labelled));
    int r = 0;
    if (m->copy_up && present >= 0)
        r = mount_copied_up(start, index, target, data);
    else if (mount(m->source, fs_fd_path(target, path), m->type,
                     is_sealed_late(m) ? m->flags & ~MS_RDONLY : m->flags, data) < 0)
        r = -errno;
    if (r == -EPERM && start->binds_devices && strcmp(m->type, "sysfs") == 0)
        r = bind_sysfs(start, index, target);
    if (r < 0)
        mount_fail(start, STAGE_MOUNT, index, r);
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

        if (!(m->flags & MS_BIND))
            check_over_proc(start, i, -EBADF);
        if (m->flags & MS_BIND)
            do_bind(start, root_fd, i);
        else if (strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0)
            mount_cgroup(start, root_fd, i);
        else
            mount_filesystem(start, root_fd, i);
        set_propagation(start, root_fd, i);
    }
}
