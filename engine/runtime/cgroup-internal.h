/* Between the files cgroup*.c. */
#pragma once

#include "engine/runtime/cgroup.h"
#include "engine/runtime/resources.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"

extern const char *const cgroup_controller_names_v1[CGROUP_CONTROLLER_MAX_];
extern const char *const cgroup_controller_names_v2[CGROUP_CONTROLLER_MAX_]; /* NULL: none of v2 */

/* The hierarchies of this machine, without groups. */
int cgroup_read_layout(struct cgroup *ret, struct error **err);

/* The hierarchy that has the controller, or NULL. */
const struct cgroup_hierarchy *cgroup_find(
        const struct cgroup *cgroup, enum cgroup_controller controller);

/* The group's directory that has the controller, or -EBADF. */
int cgroup_controller_fd(const struct cgroup *cgroup, enum cgroup_controller controller);

int cgroup_apply_limits(
        const struct cgroup *cgroup, const struct runtime_resources *resources, struct error **err);

/* Kills all processes in the group and the groups below it and removes them; `path`, from dir_fd,
 * is the group itself. 0 or -errno. */
int cgroup_remove_subtree(int group_fd, int dir_fd, const char *path);

/* Writes a file of the group; names file and value in the error. */
int cgroup_write(int group_fd, const char *file, const char *value, struct error **err);

/* ---- limits: the setters of cgroup-limits.c, and the parts in files of their own ---- */

#define CGROUP_VALUE_MAX 96

/* How a value that was set may come back. */
enum cgroup_rounding {
    CGROUP_EXACT,
    CGROUP_PAGES,  /* down to whole pages */
    CGROUP_UNREAD, /* the file cannot be read, or holds something else */
};

struct cgroup_setting {
    enum cgroup_controller controller;
    const char *what;              /* in errors: "memory limit" */
    const char *file_v1, *file_v2; /* NULL: not in this version */
    enum cgroup_rounding rounding;
    bool max_word; /* v2 says "max" for -1 */
    bool optional; /* kernels are built without it: then it is dropped */
};

/* Nothing when the value is RESOURCE_UNSET. */
int cgroup_set(const struct cgroup *cgroup, const struct cgroup_setting *setting, int64_t value,
        struct error **err);
int cgroup_set_text(const struct cgroup *cgroup, const struct cgroup_setting *setting,
        const char *text, struct error **err);

/* The hierarchy with the controller, or an error that says what needs it. */
int cgroup_need(const struct cgroup *cgroup, enum cgroup_controller controller, const char *what,
        const struct cgroup_hierarchy **ret, struct error **err);

int cgroup_apply_memory(
        const struct cgroup *cgroup, const struct runtime_resources *resources, struct error **err);
int cgroup_apply_cpu(
        const struct cgroup *cgroup, const struct runtime_resources *resources, struct error **err);
int cgroup_apply_io(
        const struct cgroup *cgroup, const struct runtime_resources *resources, struct error **err);
