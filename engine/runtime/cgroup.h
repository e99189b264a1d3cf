/* The control groups of one container, in whatever layout the machine has: one v2 tree, v1
 * hierarchies, or both (hybrid). berth drives them itself; a container's groups are /berth/ID in
 * each hierarchy. They are made before its first process, which enters them by itself (v1) or is
 * born there (v2), and are gone after the last. Warnings about what a machine does not have are
 * the business of whoever makes the configuration (cgroup_probe); here a limit that cannot be set
 * is an error.
 *
 * Paths are below the mount points, absolute and cleaned. Not thread-safe per object. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct error;
struct runtime_resources;

enum cgroup_controller {
    CGROUP_CPU,
    CGROUP_CPUACCT,
    CGROUP_CPUSET,
    CGROUP_MEMORY,
    CGROUP_DEVICES, /* v2: BPF, always there */
    CGROUP_FREEZER, /* v2: always there */
    CGROUP_BLKIO,   /* v2: "io" */
    CGROUP_PIDS,
    CGROUP_HUGETLB,
    CGROUP_RDMA,
    CGROUP_NET_CLS,  /* v1 alone */
    CGROUP_NET_PRIO, /* v1 alone */
    CGROUP_CONTROLLER_MAX_,
};

#define CGROUP_HIERARCHIES_MAX 16
#define CGROUP_DIRECTORY_MAX 64
#define CGROUP_PATH_MAX 512

struct cgroup_hierarchy {
    char directory[CGROUP_DIRECTORY_MAX]; /* below /sys/fs/cgroup; "" in a pure v2 layout */
    unsigned controllers;                 /* bits 1 << enum cgroup_controller */
    bool v2;
    int fd; /* of the container's group there; -EBADF */
};

struct cgroup {
    bool unified; /* pure v2 */
    char path[CGROUP_PATH_MAX];
    struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHIES_MAX];
    size_t count;
};

#define CGROUP_INIT \
    {               \
        0           \
    }

/* Closes descriptors; the groups stay. */
void cgroup_release(struct cgroup *cgroup);

/* Makes the groups (and their parents) and sets the limits. What a crashed predecessor left there
 * is killed and removed first, so that counters start at zero. On failure nothing is left. */
int cgroup_create(struct cgroup *cgroup, const char *path,
        const struct runtime_resources *resources, struct error **err);

/* The same in groups that systemd has made: what is there stays, what is missing is made. */
int cgroup_adopt(struct cgroup *cgroup, const char *path, const struct runtime_resources *resources,
        struct error **err);

/* Changes limits of groups with processes: what is unset stays as it is. The rules for devices are
 * replaced when there are some. Every limit is read back; one that the kernel has rounded away or
 * clamped is an error. */
int cgroup_update(
        const struct cgroup *cgroup, const struct runtime_resources *resources, struct error **err);

/* Sets the rules for devices. After the container's /dev was filled, since they may forbid just
 * that. */
int cgroup_restrict_devices(
        const struct cgroup *cgroup, const struct runtime_resources *resources, struct error **err);

/* Opens groups that exist. Returns 1, or 0 when there are none in any hierarchy. */
int cgroup_open(struct cgroup *cgroup, const char *path, struct error **err);

/* For clone3 with CLONE_INTO_CGROUP: the group's directory in the v2 hierarchy (also of a hybrid
 * layout), or -EBADF where there is none. Borrowed. */
int cgroup_clone_fd(const struct cgroup *cgroup);

/* The v2 group of the process `pid`, as a directory, where that is below the container's own: given, -EBADF
 * otherwise. A group that passes controllers on takes no process itself (EBUSY); once systemd, or another engine,
 * inside has done so, what is started in the container later belongs where its first process is. */
int cgroup_open_below(const struct cgroup *cgroup, pid_t pid);

/* Moves the calling process, which must have one thread, into the groups, of v2 only unless it was
 * born there; into below_fd (-EBADF: none) where the group of v2 is busy. In v1 through "tasks" and "0", which spares the kernel's global lock that moving a
 * process takes; v2 has nothing like it, and waits for an RCU grace period (some ten
 * milliseconds). Async-signal-safe; 0 or -errno. */
int cgroup_enter(const struct cgroup *cgroup, bool born_in_v2, int below_fd);

/* All processes of the groups. SIGKILL reaches those that fork meanwhile, too. */
int cgroup_kill(const struct cgroup *cgroup, int signo, struct error **err);

/* Stops or continues all processes; returns when that is so. -EOPNOTSUPP without a freezer. */
int cgroup_freeze(const struct cgroup *cgroup, bool freeze, struct error **err);

bool cgroup_is_frozen(const struct cgroup *cgroup);

/* The processes of the group and of those below it, as our pid namespace numbers them: array on the
 * heap (given: free()), their number. */
int cgroup_list_processes(const struct cgroup *cgroup, pid_t **ret, struct error **err);

/* How often the kernel has killed a process of the group for want of memory. */
uint64_t cgroup_read_oom_kills(const struct cgroup *cgroup);

/* Kills what is in there and removes the groups. Missing ones are fine. */
int cgroup_remove(const char *path, struct error **err);
int cgroup_remove_open(struct cgroup *cgroup, struct error **err); /* and releases it */

/* Moves the caller into `path`, which is made when missing, in every hierarchy where it is not in
 * the root already. For the monitor, which must not live and die with the session that started
 * it. */
int cgroup_enter_path(const char *path, struct error **err);

/* Path of the caller's group in the hierarchy that the service manager keeps (v2, or v1's "name=systemd"). 0, or
 * -ENAMETOOLONG. */
int cgroup_read_own_path(char *buffer, size_t size, struct error **err);

/* What this machine can limit. */
struct cgroup_support {
    bool unified;
    unsigned controllers; /* bits 1 << enum cgroup_controller */
    bool swap;            /* memory.memsw or memory.swap.max */
    bool blkio_weight;
    bool oom_kill_disable, swappiness; /* v1 only */
};
int cgroup_probe(struct cgroup_support *ret, struct error **err);

/* Conversions between the units of v1, which configurations use, and v2. */
uint64_t cgroup_weight_from_shares(uint64_t shares);
uint64_t cgroup_io_weight_from_blkio(uint64_t weight);
