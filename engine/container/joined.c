#include "engine/container/joined.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/monitor/state-file.h"

#define CONTAINER_PREFIX "container:"
#define SHM_DIR "shm" /* in RUN, one directory per container */
#define IPC_SHAREABLE "shareable"
#define IPC_NONE "none"

/* What is said of a namespace, in Docker's spelling, and which modes there are besides "host". */
static const struct {
    const char *what, *name;
    size_t offset;
    bool shareable;
} kinds[OCI_JOINED_MAX_] = {
    [OCI_JOINED_IPC] = { "IPC", "ipc", offsetof(struct container_config, ipc_mode), true },
    [OCI_JOINED_PID] = { "PID", "pid", offsetof(struct container_config, pid_mode), false },
    [OCI_JOINED_UTS] = { "UTS", "uts", offsetof(struct container_config, uts_mode), false },
    [OCI_JOINED_CGROUP] = { "cgroup namespace", "cgroup",
            offsetof(struct container_config, cgroupns_mode), false },
};

static const char **mode_of(struct container_config *config, int kind)
{
    return (const char **)((char *)config + kinds[kind].offset);
}

static const char *joined_reference(const struct container_config *config, int kind)
{
    const char *mode = *(const char *const *)((const char *)config + kinds[kind].offset);

    return mode && string_has_prefix(mode, CONTAINER_PREFIX) ? mode + strlen(CONTAINER_PREFIX)
                                                             : NULL;
}

int container_resolve_joined(struct engine *engine, struct arena *arena,
        struct container_config *config, struct error **err)
{
    for (int kind = 0; kind < OCI_JOINED_MAX_; kind++) {
        const char **mode = mode_of(config, kind), *reference = joined_reference(config, kind);
        const char *id = NULL;

        if (!reference) {
            if (string_is_empty(*mode) || strcmp(*mode, "host") == 0 ||
                    strcmp(*mode, "private") == 0 ||
                    (kinds[kind].shareable &&
                            (strcmp(*mode, IPC_SHAREABLE) == 0 || strcmp(*mode, IPC_NONE) == 0)))
                continue;
            return error_set_plain(
                    err, EINVAL, NULL, "invalid %s mode: %s", kinds[kind].what, *mode);
        }
        int r = container_resolve(engine, arena, reference, &id, err);
        if (r < 0)
            return r;
        if (!id)
            return container_not_found(reference, err);
        *mode = arena_printf(arena, CONTAINER_PREFIX "%s", id);
    }
    return 0;
}

static const char *shm_path(struct engine *engine, struct arena *arena, const char *id)
{
    return arena_printf(arena, "%s/" SHM_DIR "/%s", engine->options.run_dir, id);
}

/* The process that holds the namespaces of a container which runs; with its start it is that one and no later one of
 * the same number. */
static int find_process(struct engine *engine, struct arena *arena, const char *id,
        struct monitor_state **ret, struct error **err)
{
    auto_close int dir_fd = container_open_run_dir(engine, id, false, err);

    *ret = NULL;
    if (dir_fd == -ENOENT)
        return 0;
    int r = dir_fd < 0 ? dir_fd : monitor_state_read(arena, dir_fd, ret, err);
    if (r >= 0 && *ret &&
            ((*ret)->pid == 0 ||
                    ((*ret)->status != MONITOR_RUNNING && (*ret)->status != MONITOR_PAUSED)))
        *ret = NULL;
    return r < 0 ? r : 0;
}

static int join_one(struct engine *engine, struct arena *arena, int kind, const char *id,
        struct container_joined *ret, struct strings *processes, struct error **err)
{
    struct monitor_state *state = NULL;
    struct container *other = NULL;
    int r = container_load(engine, arena, id, &other, err);

    if (r >= 0 && !other)
        return container_not_found(id, err);
    if (r >= 0)
        r = find_process(engine, arena, id, &state, err);
    if (r < 0)
        return r;
    if (!state)
        return error_set_plain(err, EINVAL, NULL, "cannot join %s of a non running container: %s",
                kinds[kind].what, id);
    if (kind == OCI_JOINED_IPC &&
            (!other->config.ipc_mode ||
                    (strcmp(other->config.ipc_mode, "host") != 0 &&
                            strcmp(other->config.ipc_mode, IPC_SHAREABLE) != 0)))
        return error_set_plain(err, EINVAL, NULL,
                "cannot join IPC of container %s: non-shareable IPC (hint: use IpcMode:shareable "
                "for the donor container)",
                id);
    if (kind == OCI_JOINED_IPC && strcmp(other->config.ipc_mode, IPC_SHAREABLE) == 0)
        ret->shm_dir = shm_path(engine, arena, id);
    ret->paths[kind] = arena_printf(arena, "/proc/%d/ns/%s", state->pid, kinds[kind].name);
    *ARRAY_APPEND_ARENA(arena, processes) = arena_printf(
            arena, "%d:%llu", state->pid, (unsigned long long)state->pid_start_ticks);
    return 0;
}

/* Made by the monitor; only the directory of all of them is ours to make. */
static int prepare_own_memory(struct engine *engine, struct arena *arena, const char *id,
        struct container_joined *ret, struct error **err)
{
    if (mkdirat(engine->run_fd, SHM_DIR, 0700) < 0 && errno != EEXIST)
        return error_set(
                err, errno, NULL, "cannot make \"%s/" SHM_DIR "\"", engine->options.run_dir);
    ret->shm_dir = shm_path(engine, arena, id);
    return 0;
}

int container_find_joined(struct engine *engine, struct arena *arena, const struct container *c,
        struct container_joined *ret, struct error **err)
{
    struct strings processes = { 0 };
    int r = 0;

    *ret = (struct container_joined){ 0 };
    if (c->config.ipc_mode && strcmp(c->config.ipc_mode, IPC_SHAREABLE) == 0)
        r = prepare_own_memory(engine, arena, c->id, ret, err);
    for (int kind = 0; r >= 0 && kind < OCI_JOINED_MAX_; kind++) {
        const char *id = joined_reference(&c->config, kind);

        if (id)
            r = join_one(engine, arena, kind, id, ret, &processes, err);
    }
    if (r >= 0 && processes.len > 0) {
        *ARRAY_APPEND_ARENA(arena, &processes) = NULL;
        ret->processes = processes.items;
    }
    return r;
}

int container_remove_shared(struct engine *engine, const char *id, struct error **err)
{
    char path[sizeof(SHM_DIR "/") + CONTAINER_ID_HEX], fd_path[FS_FD_PATH_MAX];

    snprintf(path, sizeof(path), SHM_DIR "/%s", id);
    for (;;) {
        auto_close int fd = openat(
                engine->run_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
            return errno == ENOENT ? 0 : error_set(err, errno, NULL, "cannot open \"%s\"", path);
        /* lint: allow raw-namespace: unmounts by descriptor; threads do not matter */
        if (umount2(fs_fd_path(fd, fd_path), MNT_DETACH) < 0)
            break;
    }
    if (unlinkat(engine->run_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return error_set(
                err, errno, NULL, "cannot remove \"%s/%s\"", engine->options.run_dir, path);
    return 0;
}
