/* Labels of the Linux security modules: the AppArmor profile and the SELinux label that a process
 * gets when it executes its program. Where the module is absent, a label that was asked for is
 * refused: a container that should be confined must not run unconfined. */
#pragma once

#include <stdbool.h>

struct error;
struct runtime_process;

#define LSM_UNCONFINED "unconfined"

/* Whether the kernel runs with it. */
bool lsm_has_apparmor(void);
bool lsm_has_selinux(void);

/* Refuses what this machine cannot do; in the parent, before anything is made. */
int lsm_check(const struct runtime_process *process, const char *mount_label, struct error **err);

/* Files of the calling process that take its labels; they are in the host's /proc, and what is
 * mounted over a container's /proc plays no part (CVE-2019-16884, CVE-2025-52881). */
struct lsm_files {
    int apparmor_fd, selinux_fd; /* -EBADF: no label */
};

/* Async-signal-safe; 0 or -errno. */
int lsm_open(struct lsm_files *ret, const char *apparmor_profile, const char *selinux_label);
int lsm_apply(
        const struct lsm_files *files, const char *apparmor_profile, const char *selinux_label);
