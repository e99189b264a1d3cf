/* What a container has because of other things than its options and its image's configuration: the mounts of other
 * containers (--volumes-from), and what systemd as its program needs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/container/root-internal.h"
#include "engine/image/image.h"
#include "engine/rootfs/view.h"

static bool is_mounted(const struct container_config *config, const char *target)
{
    for (size_t i = 0; i < config->mounts.len; i++)
        if (strcmp(config->mounts.items[i].target, target) == 0)
            return true;
    return false;
}

/* ---- Other containers' mounts ---- */

static int adopt_from(struct engine *engine, struct arena *arena, const char *text,
        struct container_config *config, struct error **err)
{
    struct str rest = str_from(text), name;
    struct container *other = NULL;
    bool read_only = false;

    str_split_next(&rest, ':', &name);
    if (str_is_equal_z(rest, "ro"))
        read_only = true;
    else if (rest.len > 0 && !str_is_equal_z(rest, "rw") && !str_is_equal_z(rest, "z") &&
             !str_is_equal_z(rest, "Z"))
        return error_set_plain(
                err, EINVAL, NULL, "invalid mode for volumes-from: %.*s", STR_FMT(rest));
    int r = container_get(engine, arena, arena_strndup(arena, name.data, name.len), &other, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < other->config.mounts.len; i++) {
        struct container_mount mount = other->config.mounts.items[i];

        if (mount.type == CONTAINER_MOUNT_TMPFS || is_mounted(config, mount.target))
            continue;
        mount.read_only |= read_only;
        mount.anonymous = mount.from_image = mount.create_host_path = false;
        mount.no_copy = true;
        mount.from_short_form = false;
        *ARRAY_APPEND_ARENA(arena, &config->mounts) = mount;
    }
    return 0;
}

int container_adopt_volumes(struct engine *engine, struct arena *arena,
        struct container_config *config, struct error **err)
{
    struct container_mounts own = config->mounts;
    int r = 0;

    if (!config->volumes_from)
        return 0;
    config->mounts = (struct container_mounts){ 0 };
    for (size_t i = 0; i < own.len; i++)
        *ARRAY_APPEND_ARENA(arena, &config->mounts) = own.items[i];
    for (char **from = config->volumes_from; r >= 0 && *from; from++)
        r = adopt_from(engine, arena, *from, config, err);
    return r;
}

/* ---- systemd ---- */

/* Whether a path of the image is systemd, through however many links. */
static bool leads_to_systemd(struct engine *engine, const char *image_id,
        const struct container_config *config, const char *path)
{
    char target[LIMIT_PATH_BYTES + 1], link[FS_FD_PATH_MAX];
    auto_close int root_fd = container_base_open(engine, image_id, config, NULL);
    auto_close int fd = root_fd < 0 ? -EBADF : fs_try_open_in_root(root_fd, path, O_PATH, 0);

    if (fd < 0)
        return false;
    ssize_t len = readlink(fs_fd_path(fd, link), target, sizeof(target) - 1);
    if (len < 0)
        return false;
    target[len] = '\0';
    return strcmp(path_last(target), "systemd") == 0;
}

static bool runs_systemd(
        struct engine *engine, const char *image_id, const struct container_config *config)
{
    char **words = container_vector_len(config->entrypoint) ? config->entrypoint : config->cmd;
    const char *program = words && words[0] ? words[0] : "", *name = path_last(program);

    return *program == '/' && (strcmp(name, "init") == 0 || strcmp(name, "systemd") == 0) &&
           leads_to_systemd(engine, image_id, config, program);
}

static void add_env(struct arena *arena, struct container_config *config, const char *entry)
{
    size_t count = container_vector_len(config->env), key = strcspn(entry, "=") + 1;
    char **env = ARENA_NEW_ARRAY(arena, count + 2, char *);

    for (size_t i = 0; i < count; i++) {
        if (strncmp(config->env[i], entry, key) == 0)
            return;
        env[i] = config->env[i];
    }
    env[count] = arena_strdup(arena, entry);
    config->env = env;
}

/* As Podman does it: what systemd wants to find empty and writable, its stop signal, and that it is told where it
 * runs. */
int container_adopt_systemd(struct engine *engine, struct arena *arena, const char *image_id,
        struct container_config *config, struct error **err)
{
    static const struct {
        const char *target, *options;
    } mounts[] = {
        { "/run", "rw,exec,mode=755" },
        { "/run/lock", "rw,mode=755" },
        { "/tmp", "rw,exec,mode=1777" },
        { "/var/log/journal", "rw,mode=755" },
    };
    bool always = config->systemd && strcmp(config->systemd, "always") == 0;
    bool never = config->systemd && strcmp(config->systemd, "false") == 0;

    if (config->systemd && !always && !never && strcmp(config->systemd, "true") != 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid value \"%s\" for --systemd: expected true, false or always",
                config->systemd);
    config->systemd = NULL;
    if (never || (!always && !runs_systemd(engine, image_id, config)))
        return 0;
    config->systemd = "always";
    for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
        if (!is_mounted(config, mounts[i].target))
            *ARRAY_APPEND_ARENA(arena, &config->mounts) = (struct container_mount){
                .type = CONTAINER_MOUNT_TMPFS,
                .from_short_form = true,
                .target = mounts[i].target,
                .tmpfs_options = mounts[i].options,
                .tmpfs_mode = -1,
            };
    if (string_is_empty(config->stop_signal))
        config->stop_signal = "SIGRTMIN+3";
    add_env(arena, config, "container=berth");
    return 0;
}
