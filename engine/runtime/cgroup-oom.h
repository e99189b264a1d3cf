/* Hearing of it when the kernel kills for want of memory. */
#pragma once

struct cgroup;
struct error;

/* A descriptor (given) that has *ret_events of poll(2) each time something happened; what it was is
 * seen from cgroup_read_oom_kills. It may also wake for nothing. */
int cgroup_watch_oom(const struct cgroup *cgroup, short *ret_events, struct error **err);

/* Makes it ready for the next time. */
void cgroup_watch_again(int watch_fd);
