#include "engine/monitor/sharing.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/str.h"
#include "engine/monitor/monitor-config.h"

#define SHM_OPTIONS_MAX 64

int joined_check(const struct monitor_config *config, struct error **err)
{
    for (char **text = config->joined; text && *text; text++) {
        struct str ticks_text = str_from(*text), pid_text;
        uint64_t ticks = 0;
        uint32_t pid = 0;

        str_split_next(&ticks_text, ':', &pid_text);
        int r = parse_uint32(pid_text, INT32_MAX, &pid);
        if (r >= 0)
            r = parse_uint64(ticks_text, UINT64_MAX, &ticks);
        if (r < 0 || pid == 0)
            return error_set_plain(err, EINVAL, NULL, "\"%s\" is no process to join", *text);
        if (ticks == 0 || proc_start_ticks((pid_t)pid) != ticks)
            return error_set_plain(err, ESRCH, NULL,
                    "the container whose namespaces are joined has ended meanwhile");
    }
    return 0;
}

int shared_memory_make(const struct monitor_config *config, struct error **err)
{
    char options[SHM_OPTIONS_MAX];

    if (!config->shm_path)
        return 0;
    proc_assert_single_thread();
    if (mkdir(config->shm_path, 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, NULL, "cannot make \"%s\"", config->shm_path);
    while (umount2(config->shm_path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        continue;
    snprintf(options, sizeof(options), "mode=1777,size=%llu",
            (unsigned long long)config->shm_size_bytes);
    if (mount("shm", config->shm_path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
        return error_set(
                err, errno, NULL, "cannot mount shared memory on \"%s\"", config->shm_path);
    return 0;
}
