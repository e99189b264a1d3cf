/* Docker's view of an image as JSON: the elements of `image inspect` and of `history`. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"
#include "engine/image/store-internal.h"

#define LOWER_MAX_BYTES (1u << 20)

static json_t *text_or_empty(const json_t *object, const char *key)
{
    const char *text = jsonx_string(object, key);

    return json_string(text ? text : "");
}

static json_t *familiar_names(const struct strings *names)
{
    json_t *list = json_array();

    ARRAY_FOREACH(names, it)
        json_array_append_new(list, json_string(image_ref_familiar(*it)));
    return list;
}

static void copy_member(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    json_object_set(to, key, value ? value : json_null());
}

static void copy_if_there(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    if (value && !json_is_null(value))
        json_object_set(to, key, value);
}

/* Members in the order and with the defaults of Docker's container.Config. */
static json_t *config_object(const json_t *config)
{
    static const char *const flags[] = { "AttachStdin", "AttachStdout", "AttachStderr" };
    static const char *const more_flags[] = { "Tty", "OpenStdin", "StdinOnce" };
    json_t *out = json_object();

    json_object_set_new(out, "Hostname", text_or_empty(config, "Hostname"));
    json_object_set_new(out, "Domainname", text_or_empty(config, "Domainname"));
    json_object_set_new(out, "User", text_or_empty(config, "User"));
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        json_object_set_new(out, flags[i], json_boolean(jsonx_bool(config, flags[i], false)));
    copy_if_there(out, config, "ExposedPorts");
    for (size_t i = 0; i < ARRAY_LEN(more_flags); i++)
        json_object_set_new(
                out, more_flags[i], json_boolean(jsonx_bool(config, more_flags[i], false)));
    copy_member(out, config, "Env");
    copy_member(out, config, "Cmd");
    copy_if_there(out, config, "Healthcheck");
    copy_if_there(out, config, "ArgsEscaped");
    json_object_set_new(out, "Image", text_or_empty(config, "Image"));
    copy_member(out, config, "Volumes");
    json_object_set_new(out, "WorkingDir", text_or_empty(config, "WorkingDir"));
    copy_member(out, config, "Entrypoint");
    copy_member(out, config, "OnBuild");
    copy_member(out, config, "Labels");
    copy_if_there(out, config, "StopSignal");
    copy_if_there(out, config, "Shell");
    return out;
}

/* Docker takes the comment of the last step when the image has none. */
static const char *comment_of(const json_t *config)
{
    const char *comment = jsonx_string(config, "comment");
    const json_t *history = json_object_get(config, "history");

    if (string_is_empty(comment) && json_array_size(history) > 0)
        comment = jsonx_string(json_array_get(history, json_array_size(history) - 1), "comment");
    return comment ? comment : "";
}

static int graph_driver(
        struct engine *engine, const struct image *image, json_t **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(strbuf_release) struct strbuf lower = STRBUF_INIT(LOWER_MAX_BYTES);
    auto_json json_t *data = json_object();
    struct strings dirs;
    int r = image_layer_dirs(engine, image->id, &arena, &dirs, err);

    if (r < 0)
        return r;
    for (size_t i = dirs.len; i-- > 1;)
        strbuf_addf(&lower, "%s%s", lower.len ? ":" : "", dirs.items[i - 1]);
    if (lower.len > 0)
        json_object_set_new(data, "LowerDir", json_string(lower.data));
    if (dirs.len > 0)
        json_object_set_new(data, "UpperDir", json_string(dirs.items[dirs.len - 1]));
    *ret = json_pack("{s:O, s:s}", "Data", data, "Name", "overlay2");
    return 0;
}

static int last_tag_time(
        struct engine *engine, const struct image *image, json_t **ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    char text[TIME_RFC3339_MAX];
    int r = db_query(engine->db, &stmt, err,
            "SELECT max(updated_nsec) FROM image_tags WHERE image_id = ?", "t", image->id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    *ret = json_pack("{s:s}", "LastTagTime", time_format_rfc3339(stmt_int(stmt, 0), text));
    return 0;
}

int image_inspect(struct engine *engine, const char *ref, json_t **ret, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    auto_json json_t *config = NULL, *out = json_object(), *driver = NULL, *metadata = NULL;
    int r = image_require(engine, ref, &image, err);

    if (r >= 0)
        r = jsonx_parse(image->config_json, strlen(image->config_json), "image configuration",
                &config, err);
    if (r >= 0)
        r = graph_driver(engine, image, &driver, err);
    if (r >= 0)
        r = last_tag_time(engine, image, &metadata, err);
    if (r < 0)
        return r;
    json_object_set_new(out, "Id", json_string(image->id));
    json_object_set_new(out, "RepoTags", familiar_names(&image->tags));
    json_object_set_new(out, "RepoDigests", familiar_names(&image->digests));
    json_object_set_new(out, "Parent", json_string(image->parent_id ? image->parent_id : ""));
    json_object_set_new(out, "Comment", json_string(comment_of(config)));
    json_object_set_new(out, "Created", text_or_empty(config, "created"));
    json_object_set_new(out, "DockerVersion", text_or_empty(config, "docker_version"));
    json_object_set_new(out, "Author", text_or_empty(config, "author"));
    json_object_set_new(out, "Config", config_object(json_object_get(config, "config")));
    json_object_set_new(out, "Architecture", json_string(image->architecture));
    if (!string_is_empty(image->variant))
        json_object_set_new(out, "Variant", json_string(image->variant));
    json_object_set_new(out, "Os", json_string(image->os));
    json_object_set_new(out, "Size", json_integer((json_int_t)image->size_bytes));
    json_object_set(out, "GraphDriver", driver);
    json_object_set_new(out, "RootFS",
            json_pack("{s:s, s:o}", "Type", "layers", "Layers",
                    jsonx_strings(
                            (const char *const *)image->diff_ids.items, image->diff_ids.len)));
    json_object_set(out, "Metadata", metadata);
    *ret = TAKE(out);
    return 0;
}

/* ---- history ---- */

static int layer_size(struct engine *engine, const char *diff_id, int64_t *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err, "SELECT size_bytes FROM layers WHERE diff_id = ?", "t",
            diff_id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r > 0)
        *ret = stmt_int(stmt, 0);
    return r < 0 ? r : 0;
}

static int history_entry(struct engine *engine, const struct image *image, const json_t *step,
        size_t *layer, json_t *list, struct error **err)
{
    const char *created = jsonx_string(step, "created");
    const char *by = jsonx_string(step, "created_by"), *comment = jsonx_string(step, "comment");
    int64_t size = 0, created_nsec = 0;
    int r = 0;

    if (!jsonx_bool(step, "empty_layer", false) && *layer < image->diff_ids.len)
        r = layer_size(engine, image->diff_ids.items[(*layer)++], &size, err);
    if (r < 0)
        return r;
    if (!created || time_parse_rfc3339(created, &created_nsec) < 0)
        created_nsec = 0;
    json_array_insert_new(list, 0,
            json_pack("{s:s, s:I, s:s, s:n, s:I, s:s}", "Id", "<missing>", "Created",
                    (json_int_t)(created_nsec / NSEC_PER_SEC), "CreatedBy", by ? by : "", "Tags",
                    "Size", (json_int_t)size, "Comment", comment ? comment : ""));
    return 0;
}

int image_history(struct engine *engine, const char *ref, json_t **ret, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    auto_json json_t *config = NULL, *list = json_array();
    size_t i, layer = 0;
    json_t *step;
    int r = image_require(engine, ref, &image, err);

    if (r >= 0)
        r = jsonx_parse(image->config_json, strlen(image->config_json), "image configuration",
                &config, err);
    if (r < 0)
        return r;
    json_array_foreach(json_object_get(config, "history"), i, step)
    {
        r = history_entry(engine, image, step, &layer, list, err);
        if (r < 0)
            return r;
    }
    /* Layers that no step speaks of: an image whose maker kept no history. */
    while (layer < image->diff_ids.len) {
        r = history_entry(engine, image, NULL, &layer, list, err);
        if (r < 0)
            return r;
    }
    if (json_array_size(list) > 0) {
        json_t *top = json_array_get(list, 0);

        json_object_set_new(top, "Id", json_string(image->id));
        if (image->tags.len > 0)
            json_object_set_new(top, "Tags", familiar_names(&image->tags));
    }
    *ret = TAKE(list);
    return 0;
}
