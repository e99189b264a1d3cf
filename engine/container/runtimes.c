#include "engine/container/runtimes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "engine/container/config.h"
#include "engine/engine.h"

/* Before PATH, which at boot is another than in a shell: the same name is the same program. */
#define STANDARD_PATH \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin"

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static const char *search(struct arena *arena, const char *directories, const char *name)
{
    struct str rest = str_from(directories), directory;

    while (str_split_next(&rest, ':', &directory)) {
        const char *path = arena_printf(arena, "%.*s/%s", STR_FMT(directory), name);

        if (directory.len > 0 && directory.data[0] == '/' && is_program(path))
            return path;
    }
    return NULL;
}

/* The namespace of users and that of the network are made before the runtime comes; and its mounts are made where
 * the machine does not see them. */
static int check(const struct container_config *config, struct error **err)
{
    if (container_vector_len(config->uid_maps) > 0 || config->auto_ids)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "user namespaces with the runtime \"%s\" are not supported yet", config->runtime);
    for (size_t i = 0; i < config->mounts.len; i++) {
        const struct container_mount *mount = &config->mounts.items[i];

        if (mount->propagation && strstr(mount->propagation, "shared"))
            return error_set_plain(err, EOPNOTSUPP, NULL,
                    "propagation \"%s\" of \"%s\" with the runtime \"%s\" is not supported yet",
                    mount->propagation, mount->target, config->runtime);
    }
    return 0;
}

int runtime_find(struct arena *arena, const struct engine_options *options,
        const struct container_config *config, const char **ret, struct error **err)
{
    const char *name = config->runtime, *path = NULL;

    *ret = NULL;
    if (string_is_empty(name) || strcmp(name, RUNTIME_EMBEDDED) == 0)
        return 0;
    if (name[0] == '/') {
        path = is_program(name) ? arena_strdup(arena, name) : NULL;
    } else if (!strchr(name, '/')) {
        path = search(arena, STANDARD_PATH, name);
        if (!path && options->search_path)
            path = search(arena, options->search_path, name);
    }
    if (!path)
        return error_set_plain(err, ENOENT, NULL, "unknown or invalid runtime name: %s", name);
    *ret = path;
    return check(config, err);
}
