/* clone3 for containers: new namespaces, a pidfd, birth in a cgroup, and birth in another pid
 * namespace. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct clone_request {
    uint64_t flags;       /* CLONE_NEW… */
    int cgroup_fd;        /* v2 directory to be born in; -EBADF: the parent's */
    int cgroup_below_fd;  /* in its place where that one is busy; -EBADF: none */
    int pid_namespace_fd; /* to be born in; -EBADF: the parent's, or a new one by flags */
    bool as_sibling;      /* child of our parent; without an exit signal of its own */
    bool in_cgroup;       /* result, in the child: born there; false: it has to enter by itself */
};

/* Like fork: 0 in the child, its pid in the parent, -errno. The memory is copied, so that the
 * child may allocate; the caller must have one thread. *ret_pidfd is given, close-on-exec. */
pid_t clone_process(struct clone_request *request, int *ret_pidfd);
