/* What a project makes beside containers, networks, volumes and images, and how containers mount things. */
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/graph.h"
#include "compose/project.h"
#include "quadlet/from-compose-internal.h"
#include "quadlet/quadlet.h"
#include "quadlet/version.h"

#define MOUNT_MAX_BYTES 16384
#define SECRETS_DIR "/run/secrets"

static struct quadlet *new_document(
        const struct from_compose *f, const char *key, const char *extension)
{
    return quadlet_new(f->set, from_compose_name(f, key, 0, extension), f->project->working_dir);
}

static void add_pairs(struct quadlet *quadlet, const char *key, const struct pairs *pairs)
{
    ARRAY_FOREACH(pairs, pair)
        quadlet_add_pair(quadlet, key, pair->key, pair->value);
}

static void add_text(struct quadlet *quadlet, const char *key, const char *value)
{
    if (!string_is_empty(value))
        quadlet_add(quadlet, key, value);
}

/* ---- Networks ---- */

static void add_ipam(struct quadlet *quadlet, const struct ipam *ipam)
{
    if (!string_is_empty(ipam->driver) && strcmp(ipam->driver, "default") != 0)
        quadlet_add(quadlet, "IPAMDriver", ipam->driver);
    ARRAY_FOREACH(&ipam->config, pool) {
        add_text(quadlet, "Subnet", pool->subnet);
        if (!pool->subnet)
            continue;
        add_text(quadlet, "Gateway", pool->gateway);
        add_text(quadlet, "IPRange", pool->ip_range);
    }
}

void from_compose_add_networks(const struct from_compose *f)
{
    ARRAY_FOREACH(&f->project->networks, network) {
        if (!network->used || network->external == OPTION_TRUE)
            continue;
        struct quadlet *quadlet = new_document(f, network->key, ".network");

        quadlet_add(quadlet, "NetworkName", network->name);
        add_text(quadlet, "Driver", network->driver);
        if (network->internal == OPTION_TRUE)
            quadlet_add(quadlet, "Internal", "true");
        if (network->enable_ipv6 == OPTION_TRUE)
            quadlet_add(quadlet, "IPv6", "true");
        add_ipam(quadlet, &network->ipam);
        add_pairs(quadlet, "Options", &network->driver_opts);
        add_pairs(quadlet, "Label", &network->labels);
    }
}

/* ---- Volumes ---- */

/* Options of Docker's local driver are keys, which systemd orders mounts by. */
static void add_driver_options(
        const struct from_compose *f, struct quadlet *quadlet, const struct project_volume *volume)
{
    static const struct {
        const char *option, *key;
    } keys[] = { { "device", "Device" }, { "type", "Type" }, { "o", "Options" } };
    bool has_device = false;

    ARRAY_FOREACH(&volume->driver_opts, option)
        has_device |= strcmp(option->key, "device") == 0;
    ARRAY_FOREACH(&volume->driver_opts, option) {
        const char *key = NULL;

        for (size_t i = 0; has_device && i < ARRAY_LEN(keys); i++)
            if (strcmp(option->key, keys[i].option) == 0)
                key = keys[i].key;
        if (key)
            add_text(quadlet, key, option->value);
        else
            quadlet_add(quadlet, "PodmanArgs",
                    arena_printf(f->arena, "--opt=%s=%s", option->key,
                            option->value ? option->value : ""));
    }
}

void from_compose_add_volumes(const struct from_compose *f)
{
    ARRAY_FOREACH(&f->project->volumes, volume) {
        if (!volume->used || volume->external == OPTION_TRUE)
            continue;
        struct quadlet *quadlet = new_document(f, volume->key, ".volume");

        quadlet_add(quadlet, "VolumeName", volume->name);
        if (!string_is_empty(volume->driver) && strcmp(volume->driver, "local") != 0)
            quadlet_add(quadlet, "Driver", volume->driver);
        add_driver_options(f, quadlet, volume);
        add_pairs(quadlet, "Label", &volume->labels);
    }
}

/* ---- Images ---- */

/* With the registry that Docker means: Podman would look into those that its own files name. */
static const char *full_image_name(struct arena *arena, const char *image)
{
    size_t first = strcspn(image, "/");

    if (!image[first])
        return arena_printf(arena, "docker.io/library/%s", image);
    bool has_registry = memchr(image, '.', first) || memchr(image, ':', first) ||
                        (first == strlen("localhost") && strncmp(image, "localhost", first) == 0);
    return has_registry ? image : arena_printf(arena, "docker.io/%s", image);
}

static void argument(const struct from_compose *f, struct quadlet *quadlet, const char *option,
        const char *value)
{
    if (!string_is_empty(value))
        quadlet_add(quadlet, "PodmanArgs", arena_printf(f->arena, "%s=%s", option, value));
}

/* Another service's image is built before. */
static void add_build_context(
        const struct from_compose *f, struct quadlet *quadlet, const struct pair *context)
{
    const char *name = graph_service_of_mode(context->value);
    const struct service *service = name ? project_find_service(f->project, name) : NULL;

    if (!service) {
        argument(f, quadlet, "--build-context",
                arena_printf(f->arena, "%s=%s", context->key, context->value));
        return;
    }
    const char *unit = from_compose_name(f, service->name, 0, "-build.service");
    argument(f, quadlet, "--build-context",
            arena_printf(f->arena, "%s=docker-image://%s", context->key,
                    service_image_name(f->arena, f->project, service)));
    unitfile_add(&quadlet->unit, "Unit", "Requires", unit);
    unitfile_add(&quadlet->unit, "Unit", "After", unit);
}

static void add_build_arguments(
        const struct from_compose *f, struct quadlet *quadlet, const struct build *build)
{
    if (build->no_cache == OPTION_TRUE)
        quadlet_add(quadlet, "PodmanArgs", "--no-cache");
    argument(f, quadlet, "--isolation", build->isolation);
    ARRAY_FOREACH(&build->cache_from, from)
        argument(f, quadlet, "--cache-from", *from);
    ARRAY_FOREACH(&build->cache_to, to)
        argument(f, quadlet, "--cache-to", *to);
    ARRAY_FOREACH(&build->platforms, platform)
        argument(f, quadlet, "--platform", *platform);
    ARRAY_FOREACH(&build->additional_contexts, context)
        add_build_context(f, quadlet, context);
    ARRAY_FOREACH(&build->extra_hosts, host)
        argument(f, quadlet, "--add-host", arena_printf(f->arena, "%s:%s", host->key, host->value));
    ARRAY_FOREACH(&build->ssh, key)
        argument(f, quadlet, "--ssh",
                key->value ? arena_printf(f->arena, "%s=%s", key->key, key->value) : key->key);
    ARRAY_FOREACH(&build->ulimits, limit)
        argument(f, quadlet, "--ulimit",
                arena_printf(f->arena, "%s=%lld:%lld", limit->name, (long long)limit->soft,
                        (long long)limit->hard));
    if (build->shm_size.set)
        argument(f, quadlet, "--shm-size",
                arena_printf(f->arena, "%lld", (long long)build->shm_size.bytes));
}

/* Files only: a variable's value would stand in the unit. */
static void add_build_secrets(
        const struct from_compose *f, struct quadlet *quadlet, const struct build *build)
{
    ARRAY_FOREACH(&build->secrets, use) {
        const struct file_object *secret = project_find_secret(f->project, use->source);

        if (secret && secret->file)
            quadlet_add(quadlet, "Secret",
                    arena_printf(f->arena, "id=%s,src=%s", use->target ? use->target : use->source,
                            secret->file));
    }
}

static const char *add_build(const struct from_compose *f, const struct service *service)
{
    const struct build *build = &service->build;
    struct quadlet *quadlet = new_document(f, service->name, ".build");

    quadlet_add(quadlet, "ImageTag", service_image_name(f->arena, f->project, service));
    ARRAY_FOREACH(&build->tags, tag)
        quadlet_add(quadlet, "ImageTag", *tag);
    add_text(quadlet, "SetWorkingDirectory", build->context);
    if (!string_is_empty(build->dockerfile))
        quadlet_add(quadlet, "File",
                *build->dockerfile == '/' || *build->context != '/'
                        ? build->dockerfile
                        : path_join(f->arena, build->context, build->dockerfile));
    add_text(quadlet, "Target", build->target);
    add_text(quadlet, "Network", build->network);
    if (build->pull == OPTION_TRUE)
        quadlet_add(quadlet, "Pull", "always");
    add_pairs(quadlet, "BuildArg", &build->args);
    add_pairs(quadlet, "Label", &build->labels);
    add_build_secrets(f, quadlet, build);
    add_build_arguments(f, quadlet, build);
    unitfile_add(&quadlet->unit, "Service", "TimeoutStartSec", "infinity");
    return quadlet->name;
}

const char *from_compose_add_image(const struct from_compose *f, const struct service *service)
{
    const char *image = service_image_name(f->arena, f->project, service);

    const char *version = f->options->podman_version;
    bool has_build = !version ||
                     quadlet_version_compare(quadlet_types[QUADLET_BUILD].since, version) <= 0;

    if (service->build.given && !service->build.dockerfile_inline && has_build)
        return add_build(f, service);
    if (service->build.given || string_is_empty(service->image))
        return image;
    struct quadlet *quadlet = new_document(f, service->name, ".image");
    quadlet_add(quadlet, "Image", full_image_name(f->arena, image));
    if (service->platform)
        quadlet_add(
                quadlet, "PodmanArgs", arena_printf(f->arena, "--platform=%s", service->platform));
    unitfile_add(&quadlet->unit, "Service", "TimeoutStartSec", "infinity");
    return quadlet->name;
}

/* ---- Mounts ---- */

/* "ro,z" of a mount; "" for none. */
static const char *volume_options(const struct from_compose *f, const struct service_volume *mount)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(MOUNT_MAX_BYTES);
    const char *const words[] = {
        mount->read_only == OPTION_TRUE ? "ro" : NULL,
        mount->bind.selinux,
        mount->bind.propagation,
        mount->volume.nocopy == OPTION_TRUE ? "nocopy" : NULL,
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!string_is_empty(words[i]))
            strbuf_addf(&out, "%s%s", out.len ? "," : "", words[i]);
    return arena_strndup(f->arena, out.data ? out.data : "", out.len);
}

static const char *volume_source(const struct from_compose *f, const struct service_volume *mount)
{
    const struct project_volume *volume = mount->type == MOUNT_VOLUME && mount->source
                                                  ? project_find_volume(f->project, mount->source)
                                                  : NULL;
    if (!volume)
        return mount->source;
    return volume->external == OPTION_TRUE ? volume->name
                                           : from_compose_name(f, volume->key, 0, ".volume");
}

/* What "source:target:options" cannot say. */
static void add_long_mount(
        const struct from_compose *f, struct quadlet *quadlet, const struct service_volume *mount)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(MOUNT_MAX_BYTES);
    const char *source = volume_source(f, mount), *options = volume_options(f, mount);

    strbuf_addf(&out, "type=%s", mount_type_names[mount->type]);
    if (source)
        strbuf_addf(&out, ",source=%s", source);
    strbuf_addf(&out, ",destination=%s", mount->target);
    if (mount->tmpfs.size.set)
        strbuf_addf(&out, ",tmpfs-size=%lld", (long long)mount->tmpfs.size.bytes);
    if (mount->tmpfs.mode.set)
        strbuf_addf(&out, ",tmpfs-mode=%llo", (unsigned long long)mount->tmpfs.mode.value);
    if (mount->volume.subpath || mount->image.subpath)
        strbuf_addf(&out, ",subpath=%s",
                mount->volume.subpath ? mount->volume.subpath : mount->image.subpath);
    if (*options)
        strbuf_addf(&out, ",%s", options);
    quadlet_add(quadlet, "Mount", arena_strndup(f->arena, out.data, out.len));
}

static void add_mount(
        const struct from_compose *f, struct quadlet *quadlet, const struct service_volume *mount)
{
    const char *source = volume_source(f, mount), *options = volume_options(f, mount);
    /* Without a source there is no other form. */
    bool is_short = (mount->type == MOUNT_BIND || mount->type == MOUNT_VOLUME) &&
                    (!source || (!mount->volume.subpath && !strchr(source, ':') &&
                                        !strchr(mount->target, ':')));

    if (!is_short)
        add_long_mount(f, quadlet, mount);
    else if (!source)
        quadlet_add(quadlet, "Volume", mount->target);
    else
        quadlet_add(quadlet, "Volume",
                arena_printf(f->arena, "%s:%s%s%s", source, mount->target, *options ? ":" : "",
                        options));
}

/* One of Podman's own, which has to be there. */
static void add_secret(const struct from_compose *f, struct quadlet *quadlet,
        const struct file_reference *use, const struct file_object *object, const char *target)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(MOUNT_MAX_BYTES);

    strbuf_addf(&out, "%s,type=mount,target=%s", object->name, target);
    if (use->uid)
        strbuf_addf(&out, ",uid=%s", use->uid);
    if (use->gid)
        strbuf_addf(&out, ",gid=%s", use->gid);
    if (use->mode.set)
        strbuf_addf(&out, ",mode=%llo", (unsigned long long)use->mode.value);
    quadlet_add(quadlet, "Secret", arena_strndup(f->arena, out.data, out.len));
}

/* A file is mounted; what is external is Podman's own secret of that name. */
static void add_files(const struct from_compose *f, struct quadlet *quadlet,
        const struct file_references *uses, bool secrets)
{
    ARRAY_FOREACH(uses, use) {
        const struct file_object *object = secrets ? project_find_secret(f->project, use->source)
                                                   : project_find_config(f->project, use->source);
        const char *target = use->target ? use->target : use->source;

        if (*target != '/')
            target = arena_printf(f->arena, "%s/%s", secrets ? SECRETS_DIR : "", target);
        if (object && object->file)
            quadlet_add(
                    quadlet, "Volume", arena_printf(f->arena, "%s:%s:ro", object->file, target));
        else if (object && secrets)
            add_secret(f, quadlet, use, object, target);
    }
}

void from_compose_add_mounts(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    ARRAY_FOREACH(&service->volumes, mount)
        add_mount(f, quadlet, mount);
    ARRAY_FOREACH(&service->volumes_from, from) {
        size_t len = strcspn(*from, ":");
        const struct service *other = project_find_service(
                f->project, arena_strndup(f->arena, *from, len));

        quadlet_add(quadlet, "PodmanArgs",
                arena_printf(f->arena, "--volumes-from=%s%s",
                        other ? from_compose_container_name(f, other, 1)
                              : arena_strndup(f->arena, *from, len),
                        *from + len));
    }
    add_files(f, quadlet, &service->secrets, true);
    add_files(f, quadlet, &service->configs, false);
}
