/* container_export and container_commit: the container's root as an archive, its own layer as an image's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/archive/tar-write.h"
#include "engine/container/container-internal.h"
#include "engine/container/files.h"
#include "engine/container/root-internal.h"
#include "engine/image/image.h"
#include "engine/monitor/control.h"

#define COMMAND_TEXT_MAX (1u << 20)

int container_export(struct engine *engine, const char *reference, int fd, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    const struct fd_sink to = { fd, engine->options.cancel };
    struct byte_sink sink = byte_sink_to_fd(&to);
    struct container *c = NULL;
    int r = container_begin(engine, &arena, reference, &c, &lock, err);

    if (r < 0)
        return r;
    auto_close int view_fd = container_layers_open(engine, c, err);
    if (view_fd < 0)
        return view_fd;
    lock = fd_close(lock); /* the layers stay as they are while they are held */
    container_event(engine, c->id, "export", NULL, NULL);
    return tar_write_tree(&sink, view_fd, NULL, &(struct tar_tree_options){ 0 }, err);
}

/* ---- Commit ---- */

int container_image_config(
        struct engine *engine, const char *reference, json_t **ret, struct error **err)
{
    static const char *const keys[] = { "User", "ExposedPorts", "Env", "Entrypoint", "Cmd",
        "Volumes", "WorkingDir", "Labels", "StopSignal", "Healthcheck", "Shell", "OnBuild" };
    auto_json json_t *object = NULL;
    json_t *config = json_object();
    int r = container_inspect(engine, reference, &object, err);

    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(json_object_get(object, "Config"), keys[i]);

        if (value && !json_is_null(value))
            json_object_set(config, keys[i], value);
    }
    if (r < 0) {
        json_decref(config);
        return r;
    }
    *ret = config;
    return 0;
}

/* The container's changes as a tar archive in a file without a name. Descriptor, at its start. */
static int write_changes(struct engine *engine, const struct container *c, struct error **err)
{
    auto_close int image_fd = -EBADF, fd = -EBADF;
    struct fd_sink to = { -EBADF, engine->options.cancel };
    struct byte_sink sink = byte_sink_to_fd(&to);
    struct tar_tree_options options = { .is_layer = true,
        .is_excluded = container_is_own_mount_point };
    auto_close int upper_fd = container_upper_open(engine, c, &image_fd, err);

    if (upper_fd < 0)
        return upper_fd;
    fd = openat(engine->root_fd, "tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot make a temporary file");
    to.fd = fd;
    int r = tar_write_tree(&sink, upper_fd, NULL, &options, err);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_set(err, errno, NULL, "cannot read the temporary file");
    return TAKE_FD(fd);
}

/* The same while nothing of the container runs. */
static int write_changes_paused(
        struct engine *engine, const struct container *c, bool pause, struct error **err)
{
    auto_(control_close_p) struct control *control = NULL;
    int r = 0;

    pause = pause && c->state.status == CONTAINER_RUNNING;
    if (pause)
        r = container_connect(engine, c->id, &control, err);
    if (r >= 0 && control)
        r = control_pause(control, err);
    if (r < 0)
        return error_wrap(err, r, "cannot pause container %s", c->name);
    int fd = write_changes(engine, c, err);
    if (control) {
        auto_error struct error *ignored = NULL; /* it may have ended: nothing is paused then */

        (void)control_unpause(control, &ignored);
    }
    return fd;
}

static const char *command_text(struct arena *arena, const struct container *c)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(COMMAND_TEXT_MAX);

    for (char **word = c->config.entrypoint; word && *word; word++)
        strbuf_addf(&text, "%s%s", text.len ? " " : "", *word);
    for (char **word = c->config.cmd; word && *word; word++)
        strbuf_addf(&text, "%s%s", text.len ? " " : "", *word);
    return arena_strdup(arena, text.data);
}

/* The image's configuration with a further line of history. New reference. */
static int build_config(struct engine *engine, struct arena *arena, const struct container *c,
        const struct container_commit_options *options, const struct image *image, json_t **ret,
        struct error **err)
{
    auto_json json_t *whole = NULL;
    json_t *config = json_incref(options->config);
    char created[TIME_RFC3339_MAX];
    int r = jsonx_parse(
            image->config_json, strlen(image->config_json), "image configuration", &whole, err);

    if (r >= 0 && !config)
        r = container_image_config(engine, c->id, &config, err);
    if (r < 0) {
        json_decref(config);
        return r;
    }
    time_format_rfc3339(time_realtime_nsec(), created);
    json_object_set_new(whole, "config", config);
    json_object_set_new(whole, "created", json_string(created));
    json_object_del(whole, "author");
    if (!string_is_empty(options->author))
        json_object_set_new(whole, "author", jsonx_text(options->author));
    json_t *history = json_object_get(whole, "history");
    if (!json_is_array(history)) {
        history = json_array();
        json_object_set_new(whole, "history", history);
    }
    json_t *line = json_pack(
            "{s:s, s:o}", "created", created, "created_by", jsonx_text(command_text(arena, c)));
    if (!string_is_empty(options->author))
        json_object_set_new(line, "author", jsonx_text(options->author));
    if (!string_is_empty(options->message))
        json_object_set_new(line, "comment", jsonx_text(options->message));
    json_array_append_new(history, line);
    *ret = TAKE(whole);
    return 0;
}

static int create_image(struct engine *engine, struct arena *arena, const struct container *c,
        const struct container_commit_options *options, const char *diff_id, char **ret_image_id,
        struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    auto_json json_t *config = NULL;
    struct strings diff_ids = { 0 };
    if (c->config.rootfs)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cannot commit container %s: it has no image to build on", c->name);
    int r = image_require(engine, c->image_id, &image, err);

    if (r >= 0)
        r = build_config(engine, arena, c, options, image, &config, err);
    if (r < 0)
        return r;
    ARRAY_FOREACH(&image->diff_ids, it)
        *ARRAY_APPEND_ARENA(arena, &diff_ids) = *it;
    *ARRAY_APPEND_ARENA(arena, &diff_ids) = arena_strdup(arena, diff_id);
    struct image_create_options create = {
        .config = config,
        .diff_ids = (const char *const *)diff_ids.items,
        .diff_id_count = diff_ids.len,
        .parent_id = image->id,
        .names = &options->name,
        .name_count = options->name ? 1 : 0,
    };
    return image_create(engine, &create, ret_image_id, err);
}

int container_commit(struct engine *engine, const char *reference,
        const struct container_commit_options *options, char **ret_image_id, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    char diff_id[IMAGE_DIFF_ID_MAX];
    struct container *c = NULL;
    int r = container_begin(engine, &arena, reference, &c, &lock, err);

    if (r < 0)
        return r;
    auto_close int fd = write_changes_paused(engine, c, options->pause, err);
    if (fd < 0)
        return fd;
    lock = fd_close(lock);
    r = layer_commit_tar(engine, fd, diff_id, NULL, err);
    if (r >= 0)
        r = create_image(engine, &arena, c, options, diff_id, ret_image_id, err);
    if (r >= 0)
        container_event(engine, c->id, "commit", "comment", options->message);
    return r;
}
