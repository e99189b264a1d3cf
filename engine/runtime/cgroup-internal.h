/* Between the files cgroup*.c. */
#pragma once

#include "engine/runtime/cgroup.h"
#include "engine/runtime/resources.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"

extern const char *const cgroup_controller_names_v1[CGROUP_CONTROLLER_MAX_];
extern const char *const cgroup_controller_names_v2[CGROUP_CONTROLLER_MAX_]; /* NULL: none of v2 */

/* The hierarchies of this machine, without groups. */
int cgroup_read_layout(struct cgroup *ret, struct error **err);

/* The group's directory that has the controller, or -EBADF. */
int cgroup_controller_fd(const struct cgroup *cgroup, enum cgroup_controller controller);

int cgroup_apply_limits(
        const struct cgroup *cgroup, const struct runtime_resources *resources, struct error **err);

/* Kills all processes in the group and the groups below it and removes them; `path`, from dir_fd,
 * is the group itself. 0 or -errno. */
int cgroup_remove_subtree(int group_fd, int dir_fd, const char *path);

/* Writes a file of the group; names file and value in the error. */
int cgroup_write(int group_fd, const char *file, const char *value, struct error **err);
