#include "engine/container/inspect-mounts.h"

#include "base/arena.h"
#include "base/json/json.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/container/container-internal.h"

static json_t *text_or_empty(const char *text)
{
    return jsonx_text(text ? text : "");
}

static const char *propagation_of(const struct container_mount *m)
{
    return string_is_empty(m->propagation) ? "rprivate" : m->propagation;
}

static bool has_propagation(const struct container_mount *m)
{
    return m->type == CONTAINER_MOUNT_BIND || m->type == CONTAINER_MOUNT_IMAGE;
}

/* Docker's: a volume with a name would be labelled for all containers, if there were labels. */
static const char *mode_of(const struct container_mount *m)
{
    if (m->read_only && m->from_short_form)
        return "ro";
    return m->type == CONTAINER_MOUNT_VOLUME && !m->anonymous ? "z" : "";
}

json_t *inspect_binds(struct arena *arena, const struct container_config *f)
{
    json_t *binds = json_array();

    for (size_t i = 0; i < f->mounts.len; i++) {
        const struct container_mount *m = &f->mounts.items[i];

        if (m->type == CONTAINER_MOUNT_TMPFS || m->anonymous || !m->from_short_form)
            continue;
        json_array_append_new(binds, jsonx_text(arena_printf(arena, "%s:%s:%s", m->source,
                                             m->target, m->read_only ? "ro" : "rw")));
    }
    if (json_array_size(binds) == 0) {
        json_decref(binds);
        return json_null();
    }
    return binds;
}

json_t *inspect_tmpfs(const struct container_config *f)
{
    json_t *tmpfs = json_object();

    for (size_t i = 0; i < f->mounts.len; i++)
        if (f->mounts.items[i].type == CONTAINER_MOUNT_TMPFS && f->mounts.items[i].from_short_form)
            json_object_set_new(tmpfs, f->mounts.items[i].target,
                    text_or_empty(f->mounts.items[i].tmpfs_options));
    return tmpfs;
}

/* ---- HostConfig.Mounts ---- */

static void set_text(json_t *object, const char *key, const char *value)
{
    if (!string_is_empty(value))
        json_object_set_new(object, key, jsonx_text(value));
}

static void set_true(json_t *object, const char *key, bool value)
{
    if (value)
        json_object_set_new(object, key, json_true());
}

static void set_options(json_t *mount, const char *key, json_t *options)
{
    if (json_object_size(options) > 0)
        json_object_set(mount, key, options);
    json_decref(options);
}

static json_t *bind_options(const struct container_mount *m)
{
    json_t *options = json_object();

    set_text(options, "Propagation", m->propagation);
    set_true(options, "NonRecursive", m->non_recursive);
    set_true(options, "CreateMountpoint", m->create_host_path);
    set_true(options, "ReadOnlyNonRecursive", m->writable_below);
    return options;
}

static json_t *volume_options(const struct container_mount *m)
{
    json_t *options = json_object(), *driver = json_object();

    set_true(options, "NoCopy", m->no_copy);
    if (m->volume_labels.len)
        json_object_set_new(options, "Labels", container_pairs_to_json(&m->volume_labels));
    set_text(options, "Subpath", m->subpath);
    set_text(driver, "Name", m->volume_driver);
    if (m->volume_options.len)
        json_object_set_new(driver, "Options", container_pairs_to_json(&m->volume_options));
    set_options(options, "DriverConfig", driver);
    return options;
}

static json_t *tmpfs_options(const struct container_mount *m)
{
    json_t *options = json_object();

    if (m->tmpfs_size_bytes)
        json_object_set_new(options, "SizeBytes", json_integer((json_int_t)m->tmpfs_size_bytes));
    if (m->tmpfs_mode >= 0)
        json_object_set_new(options, "Mode", json_integer(m->tmpfs_mode));
    return options;
}

/* Neither Docker nor Podman has a field for what is below a bind's source. */
static const char *source_of(struct arena *arena, const struct container_mount *m)
{
    return m->type == CONTAINER_MOUNT_BIND && !string_is_empty(m->subpath)
                   ? path_join(arena, m->source, m->subpath)
                   : m->source;
}

static json_t *mount_spec(struct arena *arena, const struct container_mount *m)
{
    json_t *mount = json_pack("{s:s}", "Type", container_mount_type_names[m->type]);

    set_text(mount, "Source", source_of(arena, m));
    set_text(mount, "Target", m->target);
    set_true(mount, "ReadOnly", m->read_only && m->type != CONTAINER_MOUNT_IMAGE);
    if (m->type == CONTAINER_MOUNT_BIND)
        set_options(mount, "BindOptions", bind_options(m));
    else if (m->type == CONTAINER_MOUNT_VOLUME)
        set_options(mount, "VolumeOptions", volume_options(m));
    else if (m->type == CONTAINER_MOUNT_TMPFS)
        set_options(mount, "TmpfsOptions", tmpfs_options(m));
    else if (m->type == CONTAINER_MOUNT_IMAGE && m->subpath)
        json_object_set_new(
                mount, "ImageOptions", json_pack("{s:o}", "Subpath", jsonx_text(m->subpath)));
    return mount;
}

json_t *inspect_mount_specs(struct arena *arena, const struct container_config *config)
{
    json_t *mounts = NULL;

    for (size_t i = 0; i < config->mounts.len; i++) {
        const struct container_mount *m = &config->mounts.items[i];

        if (m->from_short_form || m->anonymous)
            continue;
        mounts = mounts ? mounts : json_array();
        json_array_append_new(mounts, mount_spec(arena, m));
    }
    return mounts;
}

/* ---- Mounts ---- */

json_t *inspect_mounts(struct engine *engine, struct arena *arena, const struct container *c)
{
    json_t *mounts = json_array();

    for (size_t i = 0; i < c->config.mounts.len; i++) {
        const struct container_mount *m = &c->config.mounts.items[i];
        json_t *mount = json_pack("{s:s}", "Type", container_mount_type_names[m->type]);
        const char *source = m->source ? source_of(arena, m) : "";

        if (m->type == CONTAINER_MOUNT_TMPFS && m->from_short_form) {
            json_decref(mount);
            continue;
        }
        if (m->type == CONTAINER_MOUNT_IMAGE)
            json_object_set_new(mount, "Name", jsonx_text(source));
        if (m->type == CONTAINER_MOUNT_VOLUME) {
            json_object_set_new(mount, "Name", jsonx_text(source));
            source = arena_printf(arena, "%s/volumes/%s/_data", engine->options.root_dir, source);
        }
        json_object_set_new(mount, "Source", jsonx_text(source));
        json_object_set_new(mount, "Destination", jsonx_text(m->target));
        if (m->type == CONTAINER_MOUNT_VOLUME)
            json_object_set_new(mount, "Driver", json_string("local"));
        json_object_set_new(mount, "Mode", json_string(mode_of(m)));
        json_object_set_new(mount, "RW", json_boolean(!m->read_only));
        json_object_set_new(
                mount, "Propagation", json_string(has_propagation(m) ? propagation_of(m) : ""));
        json_array_append_new(mounts, mount);
    }
    return mounts;
}
