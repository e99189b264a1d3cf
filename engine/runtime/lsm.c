#include "engine/runtime/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "engine/runtime/procfs.h"
#include "engine/runtime/spec.h"

#define LABEL_MAX 4096

bool lsm_has_apparmor(void)
{
    char text[8];

    return fs_read_small(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", text, sizeof(text)) >
                   0 &&
           text[0] == 'Y';
}

bool lsm_has_selinux(void)
{
    struct statfs fs;

    return statfs("/sys/fs/selinux", &fs) == 0 && fs.f_type == SELINUX_MAGIC;
}

static bool wants_apparmor(const char *profile)
{
    return profile && strcmp(profile, LSM_UNCONFINED) != 0;
}

int lsm_check(const struct runtime_process *process, const char *mount_label, struct error **err)
{
    const char *label = process->selinux_label ? process->selinux_label : mount_label;

    if (wants_apparmor(process->apparmor_profile) && !lsm_has_apparmor())
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "the AppArmor profile \"%s\" cannot be applied: AppArmor is not enabled here",
                process->apparmor_profile);
    if (label && !lsm_has_selinux())
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "the SELinux label \"%s\" cannot be applied: SELinux is not enabled here", label);
    return 0;
}

int lsm_open(struct lsm_files *ret, const char *apparmor_profile, const char *selinux_label)
{
    *ret = (struct lsm_files){ -EBADF, -EBADF };
    if (apparmor_profile && (wants_apparmor(apparmor_profile) || lsm_has_apparmor())) {
        ret->apparmor_fd = procfs_open("self/attr/apparmor/exec", O_WRONLY);
        /* Before Linux 5.1 all modules share one file. */
        if (ret->apparmor_fd == -ENOENT)
            ret->apparmor_fd = procfs_open("self/attr/exec", O_WRONLY);
        if (ret->apparmor_fd < 0)
            return ret->apparmor_fd;
    }
    if (selinux_label) {
        ret->selinux_fd = procfs_open("self/attr/exec", O_WRONLY);
        if (ret->selinux_fd < 0)
            return ret->selinux_fd;
    }
    return 0;
}

static int write_label(int fd, const char *prefix, const char *label)
{
    char text[LABEL_MAX];
    int len = snprintf(text, sizeof(text), "%s%s", prefix, label);

    if (len < 0 || (size_t)len >= sizeof(text))
        return -ENAMETOOLONG;
    return write(fd, text, (size_t)len) == len ? 0 : errno ? -errno : -EIO;
}

int lsm_apply(
        const struct lsm_files *files, const char *apparmor_profile, const char *selinux_label)
{
    int r = 0;

    if (files->apparmor_fd >= 0)
        r = write_label(files->apparmor_fd, "exec ", apparmor_profile);
    if (r >= 0 && files->selinux_fd >= 0)
        r = write_label(files->selinux_fd, "", selinux_label);
    return r;
}
