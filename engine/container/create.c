#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/container/joined.h"
#include "engine/container/pod-internal.h"
#include "engine/container/runtimes.h"
#include "engine/container/user-namespace.h"
#include "engine/image/image.h"
#include "engine/network/network.h"
#include "engine/state/sweep.h"
#include "engine/volume/volume-internal.h"

#define NAME_ATTEMPTS 100

/* ---- Names ---- */

/* Containers and pods have their names together. */
static int find_name(struct engine *engine, const char *name,
        char ret_id[static CONTAINER_ID_HEX + 1], bool *ret_is_pod, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT id, 0 FROM containers WHERE name = ?1"
            " UNION ALL SELECT id, 1 FROM pods WHERE name = ?1",
            "t", name);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r > 0) {
        snprintf(ret_id, CONTAINER_ID_HEX + 1, "%s", stmt_text(stmt, 0));
        *ret_is_pod = stmt_int(stmt, 1) != 0;
    }
    return r;
}

int container_check_name(struct engine *engine, const char *name, struct error **err)
{
    char id[CONTAINER_ID_HEX + 1];
    bool is_pod;

    if (!container_name_is_valid(name))
        return error_set_plain(err, EINVAL, NULL,
                "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
    int r = find_name(engine, name, id, &is_pod, err);
    if (r <= 0)
        return r;
    const char *what = is_pod ? "pod" : "container";
    return error_set_plain(err, EEXIST, NULL,
            "Conflict. The container name \"/%s\" is already in use by %s \"%s\". "
            "You have to remove (or rename) that %s to be able to reuse that name.",
            name, what, id, what);
}

int container_choose_name(struct engine *engine, struct arena *arena, const char *wanted,
        const char **ret, struct error **err)
{
    char id[CONTAINER_ID_HEX + 1];
    bool is_pod;

    if (!string_is_empty(wanted)) {
        *ret = wanted[0] == '/' ? wanted + 1 : wanted;
        return container_check_name(engine, *ret, err);
    }
    for (unsigned i = 0; i < NAME_ATTEMPTS; i++) {
        char *name = container_generate_name(arena);
        int r = find_name(engine, name, id, &is_pod, err);

        if (r > 0)
            continue;
        *ret = name;
        return r;
    }
    random_id(id);
    *ret = arena_printf(arena, "%s_%.12s", container_generate_name(arena), id);
    return 0;
}

/* ---- Rows ---- */

static int insert_container(struct engine *engine, const char *id, const struct image *image,
        const struct container_config *config, struct error **err)
{
    auto_json json_t *json = container_config_to_json(config);
    auto_free char *text = jsonx_dump(json);

    int r = db_exec(engine->db, err,
            "INSERT INTO containers (id, name, image_id, image_name, created_nsec, config, model,"
            " project, service, number, oneoff, pod_id, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'created')",
            "ttttitttt"
            "iit",
            id, config->name, image->id, config->image, time_realtime_nsec(), text, config->model,
            config->project, config->service, config->number, (int64_t)config->oneoff, config->pod);
    return r < 0 ? r : 0;
}

/* That of the configuration; one of nothing for a container with a root file system of its own. */
static int find_image(struct engine *engine, const struct container_config *config, bool is_infra,
        struct image **ret, struct error **err)
{
    if (is_infra) {
        *ret = image_new_empty();
        return 0;
    }
    if (!config->rootfs)
        return image_require(engine, config->image, ret, err);
    if (config->rootfs[0] != '/' || config->rootfs[1] == '\0')
        return error_set_plain(
                err, EINVAL, NULL, "\"%s\" cannot be a root file system", config->rootfs);
    *ret = image_new_empty();
    return 0;
}

/* The image may have been removed since it was looked up. */
static int check_image(
        struct engine *engine, const struct image *image, const char *name, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;

    if (!*image->id)
        return 0;
    int r = db_query(engine->db, &stmt, err, "SELECT 1 FROM images WHERE id = ?", "t", image->id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r == 0)
        return error_set_plain(err, ENOENT, NULL, "No such image: %s", name);
    return r < 0 ? r : 0;
}

static int insert_volumes(struct engine *engine, const char *id,
        const struct container_config *config, struct error **err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < config->mounts.len; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        struct volume_create_options options = {
            .name = mount->source, .labels = mount->volume_labels, .container_id = id
        };

        if (mount->type != CONTAINER_MOUNT_VOLUME)
            continue;
        /* One that was handed on from another container has its row already. */
        if (mount->anonymous)
            r = volume_insert_if_missing(engine, &options, err);
        if (r >= 0)
            r = db_exec(engine->db, err,
                    "INSERT OR IGNORE INTO container_volumes (container_id, volume)"
                    " SELECT ?1, name FROM volumes WHERE name = ?2",
                    "tt", id, mount->source);
        if (r == 0)
            r = volume_check_linked(engine, id, mount->source, err);
    }
    return r;
}

static int connect_networks(struct engine *engine, struct arena *arena, const char *id,
        const struct container_config *config, struct error **err)
{
    for (size_t i = 0; i < config->networks.len; i++) {
        const struct container_network *network = &config->networks.items[i];
        struct strmap driver_options;
        struct network_connect_options options = container_connect_options(
                arena, network, &driver_options);

        options.position = (int)i;
        int r = network_connect(engine, id, &options, err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int insert_rows(struct engine *engine, struct arena *arena, const char *id,
        const struct image *image, struct container_config *config, const struct pod *pod,
        struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0 && pod)
        r = pod_insert(engine, pod, id, err);
    if (r >= 0 && !pod)
        r = pod_check_member(engine, config->pod, err);
    if (r >= 0)
        r = container_check_name(engine, config->name, err);
    if (r >= 0)
        r = check_image(engine, image, config->image, err);
    if (r >= 0)
        r = container_allocate_ids(engine, arena, config, err);
    if (r >= 0)
        r = insert_container(engine, id, image, config, err);
    if (r >= 0)
        r = insert_volumes(engine, id, config, err);
    if (r >= 0)
        r = connect_networks(engine, arena, id, config, err);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}

/* ---- Directories ---- */

/* The file by which programs see that they run in a container. */
static int make_marker(int dir_fd)
{
    auto_close int fd = openat(
            dir_fd, "upper/.dockerenv", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0755);

    return fd < 0 ? -1 : fchmod(fd, 0755);
}

static int make_directory(struct engine *engine, const char *id, struct error **err)
{
    char path[sizeof("containers/") + CONTAINER_ID_HEX];

    snprintf(path, sizeof(path), "containers/%s", id);
    if (mkdirat(engine->root_fd, path, 0710) < 0)
        return error_set(err, errno, NULL, "cannot make \"%s/%s\"", engine->options.root_dir, path);
    auto_close int fd = container_open_dir(engine, id, err);
    if (fd < 0)
        return fd;
    /* `upper` becomes the container's root directory: every user in there must get through, whatever the umask is. */
    if (mkdirat(fd, "upper", 0755) < 0 || fchmodat(fd, "upper", 0755, 0) < 0 ||
            mkdirat(fd, "work", 0700) < 0 || make_marker(fd) < 0)
        return error_set(err, errno, NULL, "cannot fill \"%s/%s\"", engine->options.root_dir, path);
    return 0;
}

/* network_mode container:X means the container that X is now. */
static int resolve_network_container(struct engine *engine, struct arena *arena,
        struct container_config *config, struct error **err)
{
    const char *id = NULL;

    if (config->network_mode != CONTAINER_NETWORK_CONTAINER)
        return 0;
    int r = container_resolve(engine, arena, config->network_container, &id, err);
    if (r < 0)
        return r;
    if (!id)
        return container_not_found(config->network_container, err);
    config->network_container = id;
    return 0;
}

int container_create(struct engine *engine, const struct container_config *config,
        char ret_id[static CONTAINER_ID_HEX + 1], struct diag *diag, struct error **err)
{
    return container_create_in(engine, config, NULL, ret_id, diag, err);
}

int container_create_in(struct engine *engine, const struct container_config *config,
        const struct pod *pod, char ret_id[static CONTAINER_ID_HEX + 1], struct diag *diag,
        struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(sweep_release) struct sweep sweep = SWEEP_INIT;
    struct container_config given = *config, merged;
    const char *runtime; /* looked up again at each start */
    char id[CONTAINER_ID_HEX + 1];
    int r = find_image(engine, config, pod != NULL, &image, err);

    if (r >= 0 && !pod)
        r = pod_adopt(engine, &arena, &given, err);
    if (r >= 0)
        r = container_resolve_joined(engine, &arena, &given, err);
    if (r >= 0)
        r = container_adopt_user_namespace(&arena, &given, err);
    if (r >= 0)
        r = container_adopt_links(engine, &arena, &given, err);
    if (r >= 0)
        r = container_adopt_volumes(engine, &arena, &given, err);
    if (r >= 0)
        r = container_merge_config(&arena, &given, image, &merged, diag, err);
    if (r >= 0)
        r = container_adopt_systemd(engine, &arena, image->id, &merged, err);
    if (r >= 0)
        r = container_size_ids(engine, image->id, &merged, err);
    if (r >= 0)
        r = runtime_find(&arena, &engine->options, &merged, &runtime, err);
    if (r >= 0)
        r = container_choose_name(engine, &arena, config->name, &merged.name, err);
    if (r >= 0)
        r = resolve_network_container(engine, &arena, &merged, err);
    if (r < 0)
        return r;

    random_id(id);
    r = sweep_begin(&sweep, engine, err);
    if (r >= 0)
        r = sweep_add(&sweep, SWEEP_CONTAINER, id, err);
    if (r < 0)
        return r;
    fault_point("container.create.noted");
    r = make_directory(engine, id, err);
    if (r < 0)
        return r;
    fault_point("container.create.directory");
    r = container_prepare_mounts(engine, &arena, id, image->id, &merged, &sweep, err);
    if (r < 0)
        return r;
    fault_point("container.create.prepared");
    r = insert_rows(engine, &arena, id, image, &merged, pod, err);
    if (r < 0)
        return r;
    fault_point("container.create.rows");
    sweep_done(&sweep);
    container_event(engine, id, "create", NULL, NULL);
    memcpy(ret_id, id, sizeof(id));
    return 0;
}
