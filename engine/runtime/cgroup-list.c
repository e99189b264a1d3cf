/* Who is in a group, and whether it is held still. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/runtime/cgroup-internal.h"

#define PROCS_MAX_BYTES (64u << 20)
#define SUBTREE_DEPTH_MAX 64

struct pids {
    pid_t *items;
    size_t len, cap;
};

bool cgroup_is_frozen(const struct cgroup *cgroup)
{
    int fd = cgroup_controller_fd(cgroup, CGROUP_FREEZER);
    char text[32];

    if (fd < 0)
        return false;
    if (fs_read_small(fd, cgroup->unified ? "cgroup.freeze" : "freezer.state", text, sizeof(text)) <
            0)
        return false;
    return strcmp(text, cgroup->unified ? "1" : "FROZEN") == 0 || strcmp(text, "FREEZING") == 0;
}

static int add_processes(int group_fd, struct pids *pids)
{
    auto_free char *text = NULL;
    auto_close int fd = openat(group_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    int r = fd < 0 ? -errno : fs_read_fd(fd, PROCS_MAX_BYTES, &text, &len, NULL);
    struct str rest = { text, len }, line;

    /* ENODEV: gone meanwhile; EOPNOTSUPP: a threaded group, its processes show in its domain. */
    if (r < 0)
        return r == -ENODEV || r == -EOPNOTSUPP ? 0 : r;
    while (str_split_next(&rest, '\n', &line)) {
        uint32_t pid = 0;

        if (parse_uint32(line, INT32_MAX, &pid) >= 0 && pid > 0)
            *ARRAY_APPEND(pids) = (pid_t)pid;
    }
    return 0;
}

static int add_subtree(int group_fd, unsigned depth, struct pids *pids)
{
    auto_close int copy = openat(group_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    int r = dir ? add_processes(group_fd, pids) : -errno;

    if (dir)
        copy = -EBADF; /* the stream's now */
    while (r >= 0 && depth > 0 && (entry = readdir(dir))) {
        if (entry->d_type != DT_DIR || !fs_name_is_plain(entry->d_name))
            continue;
        auto_close int child = openat(
                group_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (child >= 0)
            r = add_subtree(child, depth - 1, pids);
    }
    return r;
}

int cgroup_list_processes(const struct cgroup *cgroup, pid_t **ret, struct error **err)
{
    struct pids pids = { 0 };
    int fd = cgroup_controller_fd(cgroup, CGROUP_FREEZER), r;

    for (size_t i = 0; fd < 0 && i < cgroup->count; i++)
        fd = cgroup->hierarchies[i].fd;
    r = fd < 0 ? 0 : add_subtree(fd, SUBTREE_DEPTH_MAX, &pids);
    if (r < 0) {
        ARRAY_RELEASE(&pids);
        return error_set(err, -r, NULL, "cannot read the processes of the control group");
    }
    *ret = pids.items;
    return (int)pids.len;
}
