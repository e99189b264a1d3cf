#include "cli/plan-file.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json/json.h"

static int get_text(struct plan_file *file, const json_t *root, const char *key, const char **ret,
        struct error **err)
{
    const char *text = NULL;
    int r = jsonx_get_string(root, key, &text, err);

    if (r < 0)
        return r;
    if (!text || !*text)
        return error_set_plain(err, EINVAL, NULL, "\"%s\" is missing", key);
    *ret = arena_strdup(&file->arena, text);
    return 0;
}

static int get_path(struct plan_file *file, const json_t *root, const char *key, const char **ret,
        struct error **err)
{
    int r = get_text(file, root, key, ret, err);

    if (r >= 0 && **ret != '/')
        r = error_set_plain(err, EINVAL, NULL, "\"%s\" is no absolute path", key);
    return r;
}

static int get_digest(struct plan_file *file, const json_t *root, const char *key, const char **ret,
        struct error **err)
{
    int r = get_text(file, root, key, ret, err);

    if (r >= 0 && !digest_is_valid(*ret))
        r = error_set_plain(err, EINVAL, NULL, "\"%s\" is no digest", key);
    return r;
}

static int get_list(struct plan_file *file, const json_t *root, const char *key, bool paths,
        struct strings *ret, struct error **err)
{
    const json_t *list = json_object_get(root, key);

    if (!json_is_array(list) || json_array_size(list) > PLAN_FILE_WORDS_MAX)
        return error_set_plain(
                err, EINVAL, NULL, "\"%s\" is no list of up to %d texts", key, PLAN_FILE_WORDS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *text = json_string_value(item);

        if (!text || strlen(text) != json_string_length(item) || (paths && *text != '/'))
            return error_set_plain(err, EINVAL, NULL, "\"%s\" holds what is no %s", key,
                    paths ? "absolute path" : "text");
        *ARRAY_APPEND_ARENA(&file->arena, ret) = arena_strdup(&file->arena, text);
    }
    return 0;
}

static int read_members(struct plan_file *file, const json_t *root, struct error **err)
{
    int64_t version = jsonx_int(root, "berth-plan", 0);
    int r;

    if (version != PLAN_FILE_VERSION) {
        if (version > PLAN_FILE_VERSION)
            return error_set_plain(err, ENOTSUP, NULL, "it was written by a newer berth");
        return error_set_plain(err, EINVAL, NULL, "it is no file of \"compose plan --output\"");
    }
    if ((r = get_text(file, root, "project", &file->project, err)) < 0 ||
            (r = get_path(file, root, "directory", &file->directory, err)) < 0 ||
            (r = get_list(file, root, "files", true, &file->files, err)) < 0 ||
            (r = get_list(file, root, "env-files", true, &file->env_files, err)) < 0 ||
            (r = get_list(file, root, "profiles", false, &file->profiles, err)) < 0 ||
            (r = get_list(file, root, "arguments", false, &file->arguments, err)) < 0 ||
            (r = get_digest(file, root, "sources", &file->sources, err)) < 0 ||
            (r = get_digest(file, root, "state", &file->state, err)) < 0 ||
            (r = jsonx_get_int(root, "time", &file->time_nsec, err)) < 0 ||
            (r = jsonx_get_bool(root, "compatibility", &file->compatibility, err)) < 0)
        return r;
    if (file->files.len == 0)
        return error_set_plain(err, EINVAL, NULL, "it names no compose file");
    json_t *plan = json_object_get(root, "plan");
    if (!json_is_object(plan))
        return error_set_plain(err, EINVAL, NULL, "it holds no plan");
    file->plan = json_incref(plan);
    return 0;
}

int plan_file_parse(const char *text, size_t len, struct plan_file *ret, struct error **err)
{
    auto_json json_t *root = NULL;

    *ret = (struct plan_file){ 0 };
    int r = jsonx_parse(text, len, "plan file", &root, err);
    if (r >= 0 && !json_is_object(root))
        r = error_set_plain(err, EINVAL, NULL, "it is no JSON object");
    return r < 0 ? r : read_members(ret, root, err);
}

void plan_file_release(struct plan_file *file)
{
    json_decref(file->plan);
    arena_release(&file->arena);
    *file = (struct plan_file){ 0 };
}

static json_t *list_of(const struct strings *texts)
{
    return jsonx_strings((const char *const *)texts->items, texts->len);
}

char *plan_file_format(const struct plan_file *file)
{
    auto_json json_t *root = json_object();

    json_object_set_new(root, "berth-plan", json_integer(PLAN_FILE_VERSION));
    json_object_set_new(root, "project", jsonx_text(file->project));
    json_object_set_new(root, "directory", jsonx_text(file->directory));
    json_object_set_new(root, "files", list_of(&file->files));
    json_object_set_new(root, "env-files", list_of(&file->env_files));
    json_object_set_new(root, "profiles", list_of(&file->profiles));
    json_object_set_new(root, "arguments", list_of(&file->arguments));
    json_object_set_new(root, "compatibility", json_boolean(file->compatibility));
    json_object_set_new(root, "time", json_integer(file->time_nsec));
    json_object_set_new(root, "sources", json_string(file->sources));
    json_object_set_new(root, "state", json_string(file->state));
    json_object_set(root, "plan", file->plan);
    return jsonx_dump(root);
}
