#include "engine/runtime/cgroup-oom.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "engine/runtime/cgroup-internal.h"

#define CONTROL_MAX 64
#define EVENTS_MAX 512

/* v1: an eventfd that is named to the kernel together with the file that it is about. */
static int watch_v1(int group_fd, struct error **err)
{
    auto_close int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    auto_close int oom_fd = openat(group_fd, "memory.oom_control", O_RDONLY | O_CLOEXEC);
    char text[CONTROL_MAX];

    if (event_fd < 0 || oom_fd < 0)
        return error_set(err, errno, NULL, "cannot open memory.oom_control");
    snprintf(text, sizeof(text), "%d %d", event_fd, oom_fd);
    int r = cgroup_write(group_fd, "cgroup.event_control", text, err);
    return r < 0 ? r : TAKE_FD(event_fd);
}

int cgroup_watch_oom(const struct cgroup *cgroup, short *ret_events, struct error **err)
{
    int group_fd = cgroup_controller_fd(cgroup, CGROUP_MEMORY);

    if (group_fd < 0)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "the kernel's memory controller is not available here");
    *ret_events = cgroup->unified ? POLLPRI : POLLIN;
    if (!cgroup->unified)
        return watch_v1(group_fd, err);
    auto_close int fd = openat(group_fd, "memory.events", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open memory.events");
    cgroup_watch_again(fd);
    return TAKE_FD(fd);
}

void cgroup_watch_again(int watch_fd)
{
    char text[EVENTS_MAX];

    /* An eventfd is emptied; a file of kernfs wakes only whoever has read it since. */
    if (read(watch_fd, text, sizeof(uint64_t)) < 0 && errno == EINVAL)
        return;
    (void)!pread(watch_fd, text, sizeof(text), 0);
}
