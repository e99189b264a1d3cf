/* Volumes: what a mount's name stands for, and the files of config maps and secrets. */
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "kube/plan-internal.h"

#define FILE_MODE_DEFAULT 0644
#define MEGABYTE_MILLI 1000

static const struct kube_volume *find_volume(const struct kube_planning *p, const char *name)
{
    ARRAY_FOREACH(&p->spec->volumes, volume)
        if (string_is_equal(volume->name, name))
            return volume;
    return NULL;
}

/* ---- Files ---- */

static unsigned mode_of(const struct kube_files_source *source, const struct kube_item *item)
{
    if (item && item->mode.is_set)
        return (unsigned)item->mode.value;
    return source->default_mode.is_set ? (unsigned)source->default_mode.value : FILE_MODE_DEFAULT;
}

/* Relative, and never up. */
static bool path_is_inside(const char *path)
{
    struct str rest = str_from(path), part;

    if (*path == '/' || !*path)
        return false;
    while (str_split_next(&rest, '/', &part))
        if (str_is_equal_z(part, ".."))
            return false;
    return true;
}

static void add_file(struct kube_planning *p, struct kube_files_plan *plan, const char *path,
        const uint8_t *data, size_t len, unsigned mode)
{
    *ARRAY_APPEND_ARENA(p->arena, &plan->files) = (struct kube_file_plan){ path, data, len, mode };
}

/* Every key under its own name, or those that items names. */
static void select_files(struct kube_planning *p, const struct kube_files_source *source,
        const struct kube_pairs *texts, const struct kube_blobs *blobs,
        struct kube_files_plan *plan)
{
    if (source->items.len == 0) {
        ARRAY_FOREACH(blobs, blob)
            if (!kube_pairs_get(texts, blob->key))
                add_file(p, plan, blob->key, blob->data, blob->len, mode_of(source, NULL));
        ARRAY_FOREACH(texts, text)
            add_file(p, plan, text->key, (const uint8_t *)text->value, strlen(text->value),
                    mode_of(source, NULL));
        return;
    }
    ARRAY_FOREACH(&source->items, item) {
        const char *text = kube_pairs_get(texts, item->key);
        size_t before = plan->files.len;

        if (!path_is_inside(item->path)) {
            kube_plan_error(
                    p, item->node, "path", "the path \"%s\" leads out of the volume", item->path);
            continue;
        }
        if (text)
            add_file(p, plan, item->path, (const uint8_t *)text, strlen(text),
                    mode_of(source, item));
        ARRAY_FOREACH(blobs, blob)
            if (!text && strcmp(blob->key, item->key) == 0)
                add_file(p, plan, item->path, blob->data, blob->len, mode_of(source, item));
        if (plan->files.len == before && source->optional != KUBE_YES)
            kube_plan_error(p, item->node, "key", "%s has no key \"%s\"", source->name, item->key);
    }
}

static bool check_keys(struct kube_planning *p, const struct kube_files_source *source,
        const struct kube_config_map *map)
{
    bool good = true;

    ARRAY_FOREACH(&map->binary_data, blob) {
        if (!kube_pairs_get(&map->data, blob->key))
            continue;
        kube_plan_error(p, source->node, "name",
                "the ConfigMap \"%s\" is invalid: duplicate key \"%s\" present in data and binaryData",
                source->name, blob->key);
        good = false;
    }
    return good;
}

static void plan_config_map(struct kube_planning *p, const struct kube_files_source *source)
{
    const struct kube_config_map *map = kube_find_config_map(p, source->name);

    if (!map && source->optional != KUBE_YES)
        kube_plan_error(p, source->node, "name", "no such ConfigMap \"%s\"", source->name);
    if (!map || !check_keys(p, source, map))
        return;
    struct kube_files_plan *plan = ARRAY_APPEND_ARENA(p->arena, &p->pod->files);
    plan->volume = source->name;
    select_files(p, source, &map->data, &map->binary_data, plan);
}

static void plan_secret(struct kube_planning *p, const struct kube_files_source *source)
{
    const struct kube_secret *secret = kube_find_secret(p, source->name);

    if (!secret && source->optional != KUBE_YES)
        kube_plan_error(p, source->node, "secretName", "no secret with name \"%s\"", source->name);
    if (!secret)
        return;
    struct kube_files_plan *plan = ARRAY_APPEND_ARENA(p->arena, &p->pod->files);
    plan->volume = source->name;
    select_files(p, source, &secret->string_data, &secret->data, plan);
}

static void check_sources(struct kube_planning *p, const struct kube_volume *volume)
{
    int count = !!volume->host_path + !!volume->empty_dir + !!volume->config_map +
                !!volume->secret + !!volume->claim + !!volume->image;

    if (count != 1)
        kube_plan_error(p, volume->node, "",
                count ? "volume %s: one source is possible, not several"
                      : "volume %s needs a hostPath, emptyDir, configMap, secret, "
                        "persistentVolumeClaim or image",
                volume->name);
    if (volume->host_path && *volume->host_path->path != '/')
        kube_plan_error(p, volume->host_path->node, "path",
                "volume %s: the path \"%s\" is not absolute", volume->name,
                volume->host_path->path);
    if (volume->empty_dir && volume->empty_dir->size_limit.is_set &&
            !string_is_equal(volume->empty_dir->medium, "Memory"))
        kube_plan_warning(p, volume->empty_dir->node, "sizeLimit",
                "volume %s: sizeLimit has no effect without medium: Memory", volume->name);
}

void kube_plan_files(struct kube_planning *p)
{
    ARRAY_FOREACH(&p->spec->volumes, volume) {
        if (find_volume(p, volume->name) != volume)
            kube_plan_error(
                    p, volume->node, "name", "the pod has several volumes \"%s\"", volume->name);
        check_sources(p, volume);
        if (volume->config_map)
            plan_config_map(p, volume->config_map);
        if (volume->secret)
            plan_secret(p, volume->secret);
    }
}

/* ---- Mounts ---- */

/* False when there is nothing to mount: something optional that is not there. */
static bool fill_source(
        struct kube_planning *p, const struct kube_volume *volume, struct kube_mount_plan *to)
{
    if (volume->host_path) {
        const char *type = volume->host_path->type ? volume->host_path->type : "";

        to->kind = string_has_suffix(type, "Device") ? KUBE_MOUNT_DEVICE : KUBE_MOUNT_HOST;
        to->source = volume->host_path->path;
        to->host_type = type;
    } else if (volume->empty_dir) {
        bool in_memory = string_is_equal(volume->empty_dir->medium, "Memory");

        to->kind = in_memory ? KUBE_MOUNT_MEMORY : KUBE_MOUNT_EMPTY;
        to->source = volume->name;
        to->size_bytes = (volume->empty_dir->size_limit.milli + MEGABYTE_MILLI - 1) /
                         MEGABYTE_MILLI;
    } else if (volume->config_map) {
        to->source = volume->config_map->name;
        return kube_find_config_map(p, to->source);
    } else if (volume->secret) {
        to->source = volume->secret->name;
        return kube_find_secret(p, to->source);
    } else if (volume->claim) {
        to->source = volume->claim->claim_name;
        to->read_only |= volume->claim->read_only == KUBE_YES;
    } else if (volume->image) {
        to->kind = KUBE_MOUNT_IMAGE;
        to->source = volume->image->reference;
        to->pull_policy = volume->image->pull_policy;
        to->read_only = true;
    } else
        return false; /* was refused before */
    return true;
}

static const char *propagation_of(const struct kube_volume_mount *mount)
{
    if (string_is_empty(mount->propagation))
        return NULL;
    if (strcmp(mount->propagation, "None") == 0)
        return "private";
    return strcmp(mount->propagation, "Bidirectional") == 0 ? "rshared" : "rslave";
}

static void check_mount(struct kube_planning *p, const struct kube_volume_mount *mount,
        const struct kube_mount_plan *plan)
{
    if (*mount->mount_path != '/' || strchr(mount->mount_path, ':'))
        kube_plan_error(p, mount->node, "mountPath",
                "\"%s\" is no absolute path in the container without a \":\"", mount->mount_path);
    if (!string_is_empty(mount->sub_path) && !path_is_inside(mount->sub_path))
        kube_plan_error(p, mount->node, "subPath", "the path \"%s\" leads out of the volume",
                mount->sub_path);
    if (!string_is_empty(mount->sub_path) &&
            (plan->kind == KUBE_MOUNT_MEMORY || plan->kind == KUBE_MOUNT_DEVICE))
        kube_plan_error(p, mount->node, "subPath", "volume %s has nothing below it", mount->name);
    if (plan->propagation && plan->kind != KUBE_MOUNT_HOST)
        kube_plan_warning(p, mount->node, "mountPropagation",
                "mountPropagation has no effect: volume %s is no hostPath", mount->name);
}

void kube_plan_mounts(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to)
{
    ARRAY_FOREACH(&from->mounts, mount) {
        const struct kube_volume *volume = find_volume(p, mount->name);
        struct kube_mount_plan plan = { .kind = KUBE_MOUNT_VOLUME,
            .target = mount->mount_path,
            .sub_path = string_is_empty(mount->sub_path) ? NULL : mount->sub_path,
            .propagation = propagation_of(mount),
            .read_only = mount->read_only == KUBE_YES };

        if (!volume) {
            kube_plan_error(p, mount->node, "name",
                    "volume mount %s specified for container but not configured in volumes",
                    mount->name);
            continue;
        }
        plan.at = kube_at(volume->node, "name");
        if (!fill_source(p, volume, &plan))
            continue;
        check_mount(p, mount, &plan);
        *ARRAY_APPEND_ARENA(p->arena, &to->mounts) = plan;
    }
}
