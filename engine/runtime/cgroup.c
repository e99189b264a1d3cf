#include "engine/runtime/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/str.h"
#include "engine/runtime/cgroup-internal.h"

#define PROC_CGROUP_MAX 8192
#define CONTROLLERS_MAX 512

const char *const cgroup_controller_names_v1[CGROUP_CONTROLLER_MAX_] = {
    [CGROUP_CPU] = "cpu",
    [CGROUP_CPUACCT] = "cpuacct",
    [CGROUP_CPUSET] = "cpuset",
    [CGROUP_MEMORY] = "memory",
    [CGROUP_DEVICES] = "devices",
    [CGROUP_FREEZER] = "freezer",
    [CGROUP_BLKIO] = "blkio",
    [CGROUP_PIDS] = "pids",
    [CGROUP_HUGETLB] = "hugetlb",
    [CGROUP_RDMA] = "rdma",
    [CGROUP_NET_CLS] = "net_cls",
    [CGROUP_NET_PRIO] = "net_prio",
};
const char *const cgroup_controller_names_v2[CGROUP_CONTROLLER_MAX_] = {
    [CGROUP_CPU] = "cpu",
    [CGROUP_CPUSET] = "cpuset",
    [CGROUP_MEMORY] = "memory",
    [CGROUP_BLKIO] = "io",
    [CGROUP_PIDS] = "pids",
    [CGROUP_HUGETLB] = "hugetlb",
    [CGROUP_RDMA] = "rdma",
};

void cgroup_release(struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++)
        cgroup->hierarchies[i].fd = fd_close(cgroup->hierarchies[i].fd);
    cgroup->count = 0;
}

const struct cgroup_hierarchy *cgroup_find(
        const struct cgroup *cgroup, enum cgroup_controller controller)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->hierarchies[i].controllers & (1u << controller))
            return &cgroup->hierarchies[i];
    }
    return NULL;
}

int cgroup_controller_fd(const struct cgroup *cgroup, enum cgroup_controller controller)
{
    const struct cgroup_hierarchy *hierarchy = cgroup_find(cgroup, controller);

    return hierarchy ? hierarchy->fd : -EBADF;
}

/* ---- What the machine has ---- */

static unsigned parse_controllers(struct str list, char separator, const char *const *names)
{
    unsigned controllers = 0;
    struct str piece;

    while (str_split_next(&list, separator, &piece)) {
        for (int c = 0; c < CGROUP_CONTROLLER_MAX_; c++) {
            if (names[c] && str_is_equal_z(piece, names[c]))
                controllers |= 1u << c;
        }
    }
    return controllers;
}

static unsigned read_controllers_v2(int dir_fd, const char *file)
{
    char text[CONTROLLERS_MAX];
    ssize_t len = fs_read_small(dir_fd, file, text, sizeof(text));

    if (len < 0)
        return 0;
    return parse_controllers((struct str){ text, (size_t)len }, ' ', cgroup_controller_names_v2);
}

/* One line of /proc/self/cgroup, "4:memory:/path". The own path goes into *ret_path. */
static int add_hierarchy(struct cgroup *layout, struct str line, struct str *ret_path)
{
    struct str number, list;
    struct statfs fs;

    if (!str_split_next(&line, ':', &number) || !str_split_next(&line, ':', &list))
        return 0;
    *ret_path = line;
    if (list.len == 0 && layout->unified)
        return 0; /* the tree itself, added already */
    struct cgroup_hierarchy *h = &layout->hierarchies[layout->count];
    *h = (struct cgroup_hierarchy){ .fd = -EBADF };
    if (list.len == 0) {
        h->v2 = true;
        snprintf(h->directory, sizeof(h->directory), "unified");
    } else {
        h->controllers = parse_controllers(list, ',', cgroup_controller_names_v1);
        if (str_has_prefix(list, "name=")) {
            list.data += strlen("name=");
            list.len -= strlen("name=");
        }
        if (list.len >= sizeof(h->directory))
            return 0;
        snprintf(h->directory, sizeof(h->directory), "%.*s", STR_FMT(list));
    }
    /* A hierarchy that is not mounted at its usual place is none that we could use. */
    char path[sizeof(CGROUP_MOUNT) + CGROUP_DIRECTORY_MAX + 1];
    snprintf(path, sizeof(path), "%s/%s", CGROUP_MOUNT, h->directory);
    if (statfs(path, &fs) < 0 || fs.f_type != (h->v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
        return 0;
    layout->count++;
    return 1;
}

typedef int (*hierarchy_fn)(
        struct cgroup *layout, struct str own_path, void *userdata, struct error **err);

/* Reads the layout; fn (may be NULL) is called after each hierarchy with the caller's own path
 * there. */
static int walk_layout(struct cgroup *layout, hierarchy_fn fn, void *userdata, struct error **err)
{
    char text[PROC_CGROUP_MAX];
    struct statfs fs;
    struct str rest, line, own = { 0 };
    ssize_t len;
    int r = 0;

    *layout = (struct cgroup)CGROUP_INIT;
    if (statfs(CGROUP_MOUNT, &fs) < 0)
        return error_set(err, errno, NULL, "no control groups are mounted at %s", CGROUP_MOUNT);
    layout->unified = fs.f_type == CGROUP2_SUPER_MAGIC;
    len = fs_read_small(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));
    if (len < 0)
        return error_set(err, (int)-len, NULL, "cannot read /proc/self/cgroup");
    rest = (struct str){ text, (size_t)len };
    if (layout->unified) {
        layout->count = 1;
        layout->hierarchies[0] = (struct cgroup_hierarchy){
            .v2 = true,
            .fd = -EBADF,
            .controllers = 1u << CGROUP_DEVICES | 1u << CGROUP_FREEZER |
                           read_controllers_v2(AT_FDCWD, CGROUP_MOUNT "/cgroup.controllers"),
        };
        while (str_split_next(&rest, '\n', &line)) {
            if (str_has_prefix(line, "0::"))
                own = (struct str){ line.data + 3, line.len - 3 };
        }
        return fn ? fn(layout, own, userdata, err) : 0;
    }
    while (r >= 0 && layout->count < CGROUP_HIERARCHIES_MAX && str_split_next(&rest, '\n', &line)) {
        if (add_hierarchy(layout, line, &own) > 0 && fn)
            r = fn(layout, own, userdata, err);
    }
    if (r >= 0 && layout->count == 0)
        r = error_set_plain(
                err, ENOENT, NULL, "no control groups are mounted below %s", CGROUP_MOUNT);
    return r;
}

int cgroup_read_layout(struct cgroup *ret, struct error **err)
{
    return walk_layout(ret, NULL, NULL, err);
}

/* ---- Making ---- */

int cgroup_write(int group_fd, const char *file, const char *value, struct error **err)
{
    int r = fs_write_small(group_fd, file, value);

    if (r < 0)
        return error_set(
                err, -r, NULL, "cannot write \"%s\" to %s of the control group", value, file);
    return 0;
}

static int open_mount(const struct cgroup_hierarchy *h, struct error **err)
{
    char path[sizeof(CGROUP_MOUNT) + CGROUP_DIRECTORY_MAX + 1];

    snprintf(path, sizeof(path), "%s/%s", CGROUP_MOUNT, h->directory);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open %s", path);
    return fd;
}

/* A new cpuset of v1 has neither processors nor memory nodes and takes no process until it has. */
static int inherit_cpuset(int parent_fd, int fd, struct error **err)
{
    static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char value[CONTROLLERS_MAX];
        ssize_t len = fs_read_small(fd, files[i], value, sizeof(value));

        if (len != 0)
            continue; /* set already, or another layout of the controller */
        len = fs_read_small(parent_fd, files[i], value, sizeof(value));
        if (len <= 0)
            continue;
        int r = cgroup_write(fd, files[i], value, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Lets children of the group have the controllers that its parent gave it. A controller that
 * cannot be passed on is missed by the limit that needs it, not here. */
static void enable_controllers(int fd)
{
    unsigned wanted = read_controllers_v2(fd, "cgroup.controllers");
    char text[CONTROLLERS_MAX] = "";
    size_t len = 0;

    wanted &= ~read_controllers_v2(fd, "cgroup.subtree_control");
    for (int c = 0; c < CGROUP_CONTROLLER_MAX_; c++) {
        if (wanted & (1u << c))
            len += (size_t)snprintf(
                    text + len, sizeof(text) - len, "+%s ", cgroup_controller_names_v2[c]);
    }
    /* A group with processes in it (EBUSY) may still pass on the controllers that know threads. That would make it a
     * threaded domain, whose children take no process: not even ours, which is about to move into one of them. */
    int r = wanted ? fs_write_small(fd, "cgroup.subtree_control", text) : 0;
    if (r >= 0 || r == -EBUSY)
        return;
    for (int c = 0; c < CGROUP_CONTROLLER_MAX_; c++) {
        if (wanted & (1u << c)) {
            snprintf(text, sizeof(text), "+%s", cgroup_controller_names_v2[c]);
            (void)fs_write_small(fd, "cgroup.subtree_control", text);
        }
    }
}

#define FULL_PATH_MAX (sizeof(CGROUP_MOUNT) + CGROUP_DIRECTORY_MAX + CGROUP_PATH_MAX)

static int group_path(const struct cgroup_hierarchy *h, const char *path, char *buffer, size_t size)
{
    int len = snprintf(buffer, size, "%s/%s%s", CGROUP_MOUNT, h->directory, path);

    return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

/* A group that is there already has the processes, counters and limits of a container whose monitor
 * was killed: away with them. */
static int make_fresh(int parent_fd, const char *name)
{
    if (mkdirat(parent_fd, name, 0755) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    auto_close int old = openat(parent_fd, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int r = old < 0 ? -errno : cgroup_remove_subtree(old, parent_fd, name);
    if (r < 0)
        return r;
    return mkdirat(parent_fd, name, 0755) < 0 ? -errno : 0;
}

/* What almost every start meets in v1, in two calls: the parents are there, the group is not. 1
 * when done, 0 when that is not the case or the levels have to be prepared one by one. */
static int make_group_at_once(struct cgroup_hierarchy *h, const char *path)
{
    char full[FULL_PATH_MAX];

    if (h->v2 || (h->controllers & (1u << CGROUP_CPUSET)) || strstr(path, "..") ||
            group_path(h, path, full, sizeof(full)) < 0 || mkdir(full, 0755) < 0)
        return 0;
    h->fd = open(full, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return h->fd >= 0;
}

/* Makes `path` below the hierarchy, level by level, and opens it. */
static int make_group(struct cgroup_hierarchy *h, const char *path, bool fresh, struct error **err)
{
    struct str rest = str_from(path), piece;
    auto_close int fd = -EBADF;

    if (make_group_at_once(h, path))
        return 0;
    fd = open_mount(h, err);
    if (fd < 0)
        return fd;
    while (str_split_next(&rest, '/', &piece)) {
        char name[NAME_MAX + 1];

        if (piece.len == 0)
            continue;
        if (piece.len >= sizeof(name) || str_is_equal_z(piece, ".."))
            return error_set_plain(
                    err, EINVAL, NULL, "\"%s\" is not the path of a control group", path);
        snprintf(name, sizeof(name), "%.*s", STR_FMT(piece));
        if (h->v2)
            enable_controllers(fd);
        int made = fresh && rest.len == 0        ? make_fresh(fd, name)
                   : mkdirat(fd, name, 0755) < 0 ? -errno
                                                 : 0;
        if (made < 0 && made != -EEXIST)
            return error_set(err, -made, NULL, "cannot make control group %s in %s/%s", path,
                    CGROUP_MOUNT, h->directory);
        auto_close int child = openat(fd, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (child < 0)
            return error_set(err, errno, NULL, "cannot open control group %s", path);
        if (!h->v2 && (h->controllers & (1u << CGROUP_CPUSET))) {
            int r = inherit_cpuset(fd, child, err);
            if (r < 0)
                return r;
        }
        fd_close(fd);
        fd = TAKE_FD(child);
    }
    h->fd = TAKE_FD(fd);
    if (h->v2)
        h->controllers = (h->directory[0] == 0 ? 1u << CGROUP_DEVICES | 1u << CGROUP_FREEZER : 0) |
                         read_controllers_v2(h->fd, "cgroup.controllers");
    return 0;
}

/* In the root of all live the processes of the machine, which must not end with a container. */
static int check_path(const char *path, struct error **err)
{
    if (path[0] == '/' && path[strspn(path, "/")] != 0)
        return 0;
    return error_set_plain(err, EINVAL, NULL, "\"%s\" is not the path of a control group", path);
}

int cgroup_open(struct cgroup *cgroup, const char *path, struct error **err)
{
    bool found = false;
    int r = check_path(path, err);

    if (r >= 0)
        r = cgroup_read_layout(cgroup, err);
    if (r < 0)
        return r;
    snprintf(cgroup->path, sizeof(cgroup->path), "%s", path);
    for (size_t i = 0; i < cgroup->count; i++) {
        struct cgroup_hierarchy *h = &cgroup->hierarchies[i];
        char full[FULL_PATH_MAX];

        if (group_path(h, path, full, sizeof(full)) < 0)
            return error_set_plain(
                    err, ENAMETOOLONG, NULL, "the path of a control group is too long");
        h->fd = open(full, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        found |= h->fd >= 0;
        if (h->fd >= 0 && h->v2)
            h->controllers |= read_controllers_v2(h->fd, "cgroup.controllers");
    }
    return found;
}

int cgroup_remove_open(struct cgroup *cgroup, struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < cgroup->count; i++) {
        struct cgroup_hierarchy *h = &cgroup->hierarchies[i];
        char full[FULL_PATH_MAX];

        if (h->fd < 0 || group_path(h, cgroup->path, full, sizeof(full)) < 0)
            continue;
        if (rmdir(full) == 0 || errno == ENOENT)
            continue;
        /* Groups that a container made for itself below its own, or processes that are left. */
        int e = cgroup_remove_subtree(h->fd, AT_FDCWD, full);
        if (e < 0)
            r = error_set(err, -e, NULL, "cannot remove control group %s", full);
    }
    cgroup_release(cgroup);
    return r;
}

int cgroup_remove(const char *path, struct error **err)
{
    struct cgroup cgroup = CGROUP_INIT;
    int r = cgroup_open(&cgroup, path, err);

    if (r > 0)
        return cgroup_remove_open(&cgroup, err);
    cgroup_release(&cgroup);
    return r;
}

/* An ordinary user has groups only where some were given to him. Without he stays in his own, and
 * a limit that was asked for is missed by whoever sets it. */
static int make_group_if_allowed(
        struct cgroup_hierarchy *h, const char *path, bool fresh, struct error **err)
{
    auto_error struct error *error = NULL;
    int r = make_group(h, path, fresh, &error);

    if (geteuid() != 0 && (r == -EACCES || r == -EPERM || r == -EROFS)) {
        h->fd = fd_close(h->fd);
        return 0;
    }
    return r < 0 ? error_move(err, TAKE(error)) : 0;
}

static int create(struct cgroup *cgroup, const char *path, bool fresh,
        const struct runtime_resources *resources, struct error **err)
{
    int r = check_path(path, err);

    if (r >= 0)
        r = cgroup_read_layout(cgroup, err);

    if (r < 0)
        return r;
    if (snprintf(cgroup->path, sizeof(cgroup->path), "%s", path) >= (int)sizeof(cgroup->path))
        return error_set_plain(err, ENAMETOOLONG, NULL, "the path of a control group is too long");
    for (size_t i = 0; r >= 0 && i < cgroup->count; i++)
        r = make_group_if_allowed(&cgroup->hierarchies[i], path, fresh, err);
    if (r >= 0)
        r = cgroup_apply_limits(cgroup, resources, err);
    if (r < 0) {
        (void)cgroup_remove_open(cgroup, NULL);
    }
    return r;
}

int cgroup_create(struct cgroup *cgroup, const char *path,
        const struct runtime_resources *resources, struct error **err)
{
    return create(cgroup, path, true, resources, err);
}

int cgroup_adopt(struct cgroup *cgroup, const char *path, const struct runtime_resources *resources,
        struct error **err)
{
    return create(cgroup, path, false, resources, err);
}

int cgroup_clone_fd(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->hierarchies[i].v2)
            return cgroup->hierarchies[i].fd;
    }
    return -EBADF;
}

int cgroup_open_below(const struct cgroup *cgroup, pid_t pid)
{
    char text[PROC_CGROUP_MAX], name[64];
    struct str rest, line;
    int group_fd = cgroup_clone_fd(cgroup);

    if (group_fd < 0)
        return -EBADF;
    snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
    ssize_t len = fs_read_small(AT_FDCWD, name, text, sizeof(text) - 1);
    rest = (struct str){ text, len > 0 ? (size_t)len : 0 };
    while (str_split_next(&rest, '\n', &line)) {
        size_t own_len = strlen(cgroup->path);

        if (!str_has_prefix(line, "0::"))
            continue;
        line = (struct str){ line.data + 3, line.len - 3 };
        if (!str_has_prefix(line, cgroup->path) || line.len <= own_len + 1 ||
                line.data[own_len] != '/')
            break;
        text[line.data - text + (ssize_t)line.len] = 0;
        int fd = fs_try_open_in_root(
                group_fd, line.data + own_len + 1, O_DIRECTORY | O_RDONLY | O_NOFOLLOW, 0);
        return fd < 0 ? -EBADF : fd;
    }
    return -EBADF;
}

int cgroup_enter(const struct cgroup *cgroup, bool born_in_v2, int below_fd)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        const struct cgroup_hierarchy *h = &cgroup->hierarchies[i];

        if (h->fd < 0 || (h->v2 && born_in_v2))
            continue;
        int r = fs_write_small(h->fd, h->v2 ? "cgroup.procs" : "tasks", "0");
        if (r == -EBUSY && h->v2 && below_fd >= 0)
            r = fs_write_small(below_fd, "cgroup.procs", "0");
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- The monitor's own ---- */

static int leave_hierarchy(
        struct cgroup *layout, struct str own, void *userdata, struct error **err)
{
    struct cgroup_hierarchy *h = &layout->hierarchies[layout->count - 1];
    const char *path = userdata;

    /* Root is where nobody's session ends; there is no need to go anywhere else from there. */
    if (str_is_equal_z(own, "/") || str_is_equal_z(own, path))
        return 0;
    int r = make_group(h, path, false, err);
    if (r < 0)
        return r;
    r = fs_write_small(h->fd, h->v2 ? "cgroup.procs" : "tasks", "0");
    h->fd = fd_close(h->fd);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot enter control group %s", path);
    return 0;
}

int cgroup_enter_path(const char *path, struct error **err)
{
    struct cgroup layout = CGROUP_INIT;

    return walk_layout(&layout, leave_hierarchy, (void *)(uintptr_t)path, err);
}

struct own_path {
    char *buffer;
    size_t size;
    bool too_long;
};

static int note_own_path(struct cgroup *layout, struct str own, void *userdata, struct error **err)
{
    const struct cgroup_hierarchy *h = &layout->hierarchies[layout->count - 1];
    struct own_path *note = userdata;

    (void)err;
    /* In a hybrid layout one of the two may be without services. */
    if ((h->v2 || strcmp(h->directory, "systemd") == 0) && !str_is_equal_z(own, "/")) {
        int len = snprintf(note->buffer, note->size, "%.*s", STR_FMT(own));
        note->too_long = len < 0 || (size_t)len >= note->size;
    }
    return 0;
}

int cgroup_read_own_path(char *buffer, size_t size, struct error **err)
{
    struct cgroup layout = CGROUP_INIT;
    struct own_path note = { buffer, size, false };

    snprintf(buffer, size, "/");
    int r = walk_layout(&layout, note_own_path, &note, err);
    if (r >= 0 && note.too_long)
        r = error_set_plain(
                err, ENAMETOOLONG, NULL, "the path of this process's control group is too long");
    return r;
}

/* ---- Asking ---- */

static uint64_t read_key(int fd, const char *file, const char *key)
{
    char text[4096];
    ssize_t len = fd >= 0 ? fs_read_small(fd, file, text, sizeof(text)) : -EBADF;
    struct str rest = { text, len > 0 ? (size_t)len : 0 }, line;
    uint64_t value = 0;

    while (str_split_next(&rest, '\n', &line)) {
        size_t key_len = strlen(key);

        if (!str_has_prefix(line, key) || line.len <= key_len || line.data[key_len] != ' ')
            continue;
        for (size_t i = key_len + 1; i < line.len && line.data[i] >= '0' && line.data[i] <= '9';
                i++)
            value = value * 10 + (uint64_t)(line.data[i] - '0');
        break;
    }
    return value;
}

uint64_t cgroup_read_oom_kills(const struct cgroup *cgroup)
{
    int fd = cgroup_controller_fd(cgroup, CGROUP_MEMORY);

    return read_key(fd, cgroup->unified ? "memory.events" : "memory.oom_control", "oom_kill");
}

int cgroup_probe(struct cgroup_support *ret, struct error **err)
{
    struct cgroup layout = CGROUP_INIT;
    int r = cgroup_read_layout(&layout, err);

    if (r < 0)
        return r;
    *ret = (struct cgroup_support){ .unified = layout.unified };
    for (size_t i = 0; i < layout.count; i++)
        ret->controllers |= layout.hierarchies[i].controllers;
    if (layout.unified) {
        /* The root group has no limits, so their files are not there to be looked for. */
        ret->swap = access("/proc/swaps", F_OK) == 0;
        ret->blkio_weight = true;
        return 0;
    }
    ret->swap = access(CGROUP_MOUNT "/memory/memory.memsw.limit_in_bytes", F_OK) == 0;
    ret->blkio_weight = access(CGROUP_MOUNT "/blkio/blkio.weight", F_OK) == 0 ||
                        access(CGROUP_MOUNT "/blkio/blkio.bfq.weight", F_OK) == 0;
    ret->oom_kill_disable = ret->swappiness = (ret->controllers & (1u << CGROUP_MEMORY)) != 0;
    return 0;
}
