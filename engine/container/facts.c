#include "engine/container/facts.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/runtime/cgroup-stats.h"
#include "engine/runtime/cgroup.h"

#define MOUNTINFO_MAX (4u << 20)

/* The kernel writes blanks, tabs, newlines and backslashes in octal. */
static const char *unescape(struct arena *arena, struct str raw)
{
    char *text = arena_alloc(arena, raw.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        if (raw.data[i] == '\\' && i + 3 < raw.len) {
            text[len++] = (char)(((raw.data[i + 1] & 3) << 6) | ((raw.data[i + 2] & 7) << 3) |
                                 (raw.data[i + 3] & 7));
            i += 3;
        } else {
            text[len++] = raw.data[i];
        }
    }
    return text;
}

/* Field 5 of each line; none when the process has just ended. */
static void read_mounts(struct arena *arena, int pid, struct strings *ret)
{
    char path[sizeof("/proc//mountinfo") + 12];
    auto_free char *text = NULL;
    struct str rest, line;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
    if (fs_read_file(AT_FDCWD, path, MOUNTINFO_MAX, &text, &len, NULL) < 0)
        return;
    rest = (struct str){ text, len };
    while (str_split_next(&rest, '\n', &line)) {
        struct str field = { 0 };

        for (int i = 0; i < 5 && str_split_next(&line, ' ', &field); i++)
            continue;
        if (field.len > 0)
            *ARRAY_APPEND_ARENA(arena, ret) = (char *)(uintptr_t)unescape(arena, field);
    }
}

static int64_t limit_of(uint64_t value)
{
    return value >= (uint64_t)INT64_MAX / 2 ? 0 : (int64_t)value; /* v1 rounds "none" to a page */
}

int container_read_facts(struct arena *arena, const struct container *c,
        struct container_facts *ret, struct error **err)
{
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;
    struct cgroup_stats now;

    *ret = (struct container_facts){
        .runs = c->state.pid > 0,
        .memory_bytes = c->config.memory_bytes,
        .nano_cpus = c->config.nano_cpus,
        .pids = c->config.pids_limit,
    };
    if (!ret->runs)
        return 0;
    read_mounts(arena, c->state.pid, &ret->mount_points);
    int r = cgroup_open(&cgroup, container_cgroup_path(arena, c->config.cgroup_parent, c->id), err);
    if (r <= 0)
        return r;
    cgroup_read_stats(&cgroup, &now);
    ret->memory_bytes = limit_of(now.memory_limit_bytes);
    ret->pids = limit_of(now.pids_limit);
    return 0;
}
