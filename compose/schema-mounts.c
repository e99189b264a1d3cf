/* Rows of what a service mounts, publishes and asks devices for: ports, volumes, secrets, configs, devices. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "compose/project.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types.h"

/* ------------------------------------------------------------------------ small tables */

static const struct attr port_table_rows[] = {
    { "name", FIELD(service_port, name, type_text), ELSEWHERE, .podman = UNITS_DROPPED,
            .podman_note = "only a name", .spec = "05-services.md#ports",
            .help = "Name of the port, for people." },
    { "mode", FIELD(service_port, mode, type_text), ELSEWHERE, .podman = UNITS_DROPPED,
            .podman_note = "Podman has no services of a swarm", .spec = "05-services.md#ports",
            .help = "\"ingress\" or \"host\"; the same without a cluster." },
    { "host_ip", FIELD(service_port, host_ip, type_text), .spec = "05-services.md#ports",
            .help = "Address of the host to listen on; all without it." },
    { "target", FIELD(service_port, target, type_int), .min = 1, .max = 65535,
            .flags = ATTR_REQUIRED, .spec = "05-services.md#ports",
            .help = "Port in the container." },
    { "published", FIELD(service_port, published, type_published), .spec = "05-services.md#ports",
            .help = "Port of the host, or a range to take a free one from." },
    { "protocol", FIELD(service_port, protocol, type_text), .unsupported = protocol_unsupported,
            .spec = "05-services.md#ports", .help = "\"tcp\" or \"udp\"." },
    { "app_protocol", FIELD(service_port, app_protocol, type_text), ELSEWHERE,
            .podman = UNITS_DROPPED, .podman_note = "Podman has no use for it",
            .spec = "05-services.md#ports", .help = "What is spoken on the port, for people." },
};

static void port_defaults(struct schema_context *context, struct node *map)
{
    const struct node *ip = node_get(map, "host_ip");

    if (ip && ip->kind == NODE_TEXT && !*ip->text)
        schema_error(context, &ip->at, "\"host_ip\" is empty; leave it out for all addresses");
    schema_default_text(context, map, "protocol", "tcp");
    schema_default_text(context, map, "mode", "ingress");
}

TABLE(port_table, "port", service_port, "attribute of a port", AT(service_port), NO_GIVEN, NO_KEY,
        .defaults = port_defaults);

static const char *const recursive_names[] = { "enabled", "disabled", "writable", "readonly",
    NULL };
static const char *const selinux_names[] = { "z", "Z", NULL };

static const struct attr mount_bind_table_rows[] = {
    { "selinux", FIELD(mount_bind, selinux, type_word), .names = selinux_names, ELSEWHERE,
            .spec = "05-services.md#volumes", .help = "Relabel for SELinux: shared z, private Z." },
    { "propagation", FIELD(mount_bind, propagation, type_text), .spec = "05-services.md#volumes",
            .help = "Mount propagation: rprivate, rshared, rslave and so on." },
    { "create_host_path", FIELD(mount_bind, create_host_path, type_bool), .podman = UNITS_DROPPED,
            .podman_note = "Podman wants it to be there", .spec = "05-services.md#volumes",
            .help = "Make a missing source directory." },
    { "recursive", FIELD(mount_bind, recursive, type_word), .names = recursive_names,
            .podman = UNITS_DROPPED, .podman_note = "Podman mounts what is below, too",
            .spec = "05-services.md#volumes", .help = "What happens to mounts below the source." },
};
TABLE(mount_bind_table, "mount bind", mount_bind, "attribute of a bind mount", AT(mount_bind),
        GIVEN(mount_bind), NO_KEY);

static const struct attr mount_volume_table_rows[] = {
    { "labels", FIELD(mount_volume, labels, type_pairs),
            .flags = ATTR_DROP_NULL | ATTR_ITEMS_DIFFER, .podman = UNITS_DROPPED,
            .podman_note = "volumes without a name have none", .spec = "05-services.md#volumes",
            .help = "Labels of a volume that is made for this." },
    { "nocopy", FIELD(mount_volume, nocopy, type_bool), .spec = "05-services.md#volumes",
            .help = "Do not fill an empty volume from the image." },
    { "subpath", FIELD(mount_volume, subpath, type_text), .spec = "05-services.md#volumes",
            .help = "Mount only this folder of the volume." },
};
TABLE(mount_volume_table, "mount volume", mount_volume, "attribute of a volume mount",
        AT(mount_volume), GIVEN(mount_volume), NO_KEY);

static const struct attr mount_tmpfs_table_rows[] = {
    { "size", FIELD(mount_tmpfs, size, type_size), .min = 0, .max = COUNT_MAX,
            .spec = "05-services.md#volumes", .help = "Limit of the file system in bytes." },
    { "mode", FIELD(mount_tmpfs, mode, type_tmpfs_mode), .spec = "05-services.md#volumes",
            .help = "Permission bits of its root." },
};
TABLE(mount_tmpfs_table, "mount tmpfs", mount_tmpfs, "attribute of a tmpfs mount", AT(mount_tmpfs),
        GIVEN(mount_tmpfs), NO_KEY);

static const struct attr mount_image_table_rows[] = {
    { "subpath", FIELD(mount_image, subpath, type_text), .spec = "05-services.md#volumes",
            .help = "Mount only this folder of the image." },
};
TABLE(mount_image_table, "mount image", mount_image, "attribute of an image mount", AT(mount_image),
        GIVEN(mount_image), NO_KEY);

static const char *const mount_types[] = { "bind", "volume", "tmpfs", "cluster", "npipe", "image",
    NULL };
_Static_assert(ARRAY_LEN(mount_types) == MOUNT_TYPE_MAX_ + 1, "one word for every mount type");

static const struct attr mount_table_rows[] = {
    { "type", FIELD(service_volume, type, type_enum), .names = mount_types, .flags = ATTR_REQUIRED,
            .unsupported = mount_type_unsupported, .spec = "05-services.md#volumes",
            .help = "Kind of mount: bind, volume, tmpfs, …" },
    { "source", FIELD(service_volume, source, type_text), .spec = "05-services.md#volumes",
            .help = "Path of the host, name of a volume, or an image." },
    { "target", FIELD(service_volume, target, type_text), .flags = ATTR_REQUIRED,
            .spec = "05-services.md#volumes", .help = "Path in the container." },
    { "read_only", FIELD(service_volume, read_only, type_bool), .spec = "05-services.md#volumes",
            .help = "Refuse writes." },
    { "consistency", FIELD(service_volume, consistency, type_text), ELSEWHERE,
            .podman = UNITS_DROPPED, .podman_note = "it means nothing on Linux",
            .spec = "05-services.md#volumes", .help = "A hint for other systems; no effect." },
    { "bind", FIELD(service_volume, bind, type_struct), .table = &mount_bind_table,
            .spec = "05-services.md#volumes", .help = "Options of a bind mount." },
    { "volume", FIELD(service_volume, volume, type_struct), .table = &mount_volume_table,
            .spec = "05-services.md#volumes", .help = "Options of a volume." },
    { "tmpfs", FIELD(service_volume, tmpfs, type_struct), .table = &mount_tmpfs_table,
            .spec = "05-services.md#volumes", .help = "Options of a tmpfs." },
    { "image", FIELD(service_volume, image, type_struct), .table = &mount_image_table,
            .spec = "05-services.md#volumes", .help = "Options of an image mount." },
};
TABLE(mount_table, "mount", service_volume, "attribute of a mount", AT(service_volume), NO_GIVEN,
        NO_KEY, .defaults = service_volume_defaults, .resolve = service_volume_resolve);

static const struct attr file_reference_table_rows[] = {
    { "source", FIELD(file_reference, source, type_text), .spec = "05-services.md#secrets",
            .help = "Name of the secret or config at the top level." },
    { "target", FIELD(file_reference, target, type_text), .spec = "05-services.md#secrets",
            .help = "Path in the container." },
    { "uid", FIELD(file_reference, uid, type_text), .unsupported = owner_unsupported,
            .podman = UNITS_APPROXIMATED,
            .podman_note = "for secrets of Podman; a file keeps its owner",
            .spec = "05-services.md#secrets", .help = "Owner of the file." },
    { "gid", FIELD(file_reference, gid, type_text), .unsupported = owner_unsupported,
            .podman = UNITS_APPROXIMATED,
            .podman_note = "for secrets of Podman; a file keeps its group",
            .spec = "05-services.md#secrets", .help = "Group of the file." },
    { "mode", FIELD(file_reference, mode, type_file_mode), .flags = ATTR_KEEP_ZERO,
            .podman = UNITS_APPROXIMATED,
            .podman_note = "for secrets of Podman; a file keeps its mode",
            .spec = "05-services.md#secrets", .help = "Permission bits of the file." },
};
TABLE(file_reference_table, "file reference", file_reference,
        "attribute of a secret or config in a service", AT(file_reference), NO_GIVEN, NO_KEY);

static void secret_defaults(struct schema_context *context, struct node *map)
{
    const char *source = node_get_text(map, "source");

    if (source)
        schema_default_text(
                context, map, "target", arena_printf(context->arena, "/run/secrets/%s", source));
}
const struct attr_table secret_reference_table = {
    .name = "secret reference",
    .what = "attribute of a secret in a service",
    .rows = file_reference_table_rows,
    .count = ARRAY_LEN(file_reference_table_rows),
    .struct_size = sizeof(struct file_reference),
    AT(file_reference),
    NO_GIVEN,
    NO_KEY,
    .defaults = secret_defaults,
};

const struct attr file_reference_attr = { "item", NO_FIELD(type_struct),
    .table = &file_reference_table, .expand = schema_expand_source };
const struct attr secret_reference_attr = { "item", NO_FIELD(type_struct),
    .table = &secret_reference_table, .expand = schema_expand_source };
const struct attr port_attr = { "item", NO_FIELD(type_struct), .table = &port_table };
const struct attr mount_attr = { "item", NO_FIELD(type_struct), .table = &mount_table,
    .expand = service_volume_expand };

static const struct attr device_request_table_rows[] = {
    { "capabilities", FIELD(device_request, capabilities, type_texts),
            .flags = ATTR_REQUIRED | ATTR_ITEMS_DIFFER, .podman = UNITS_DROPPED,
            .podman_note = "devices have names in the container device interface",
            .spec = "deploy.md#devices", .help = "What it must be able to do." },
    { "driver", FIELD(device_request, driver, type_text), .spec = "deploy.md#devices",
            .help = "Driver of the device." },
    { "count", FIELD(device_request, count, type_count), .flags = ATTR_KEEP_ZERO,
            .spec = "deploy.md#devices", .help = "How many; \"all\" for every one." },
    { "device_ids", FIELD(device_request, device_ids, type_texts), .flags = ATTR_ITEMS_DIFFER,
            .spec = "deploy.md#devices", .help = "Which ones." },
    { "options", FIELD(device_request, options, type_pairs), REFUSED,
            .flags = ATTR_DROP_NULL | ATTR_ITEMS_DIFFER, .podman = UNITS_DROPPED,
            .podman_note = "devices have names in the container device interface",
            .spec = "deploy.md#devices", .help = "Options for the driver." },
};

static void device_request_defaults(struct schema_context *context, struct node *map)
{
    struct node *count = node_get(map, "count");

    if (count && node_get(map, "device_ids"))
        schema_error(context, &count->at, "\"count\" and \"device_ids\" exclude each other");
    if (!count && !node_get(map, "device_ids"))
        node_set(
                context->arena, map, "count", &map->at, node_new_int(context->arena, -1, &map->at));
}
TABLE(device_request_table, "device request", device_request, "attribute of a device request",
        AT(device_request), NO_GIVEN, NO_KEY, .defaults = device_request_defaults);
const struct attr device_request_attr = { "item", NO_FIELD(type_struct),
    .table = &device_request_table };

/* gpus have the same attributes, but need no capabilities. */
static const struct attr gpu_table_rows[] = {
    { "capabilities", FIELD(device_request, capabilities, type_texts), .flags = ATTR_ITEMS_DIFFER,
            .podman = UNITS_DROPPED,
            .podman_note = "devices have names in the container device interface",
            .spec = "05-services.md#gpus", .help = "What it must be able to do." },
    { "driver", FIELD(device_request, driver, type_text), .spec = "05-services.md#gpus",
            .help = "Driver of the device." },
    { "count", FIELD(device_request, count, type_count), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#gpus", .help = "How many; \"all\" for every one." },
    { "device_ids", FIELD(device_request, device_ids, type_texts), .flags = ATTR_ITEMS_DIFFER,
            .spec = "05-services.md#gpus", .help = "Which ones." },
    { "options", FIELD(device_request, options, type_pairs), REFUSED,
            .flags = ATTR_DROP_NULL | ATTR_ITEMS_DIFFER, .podman = UNITS_DROPPED,
            .podman_note = "devices have names in the container device interface",
            .spec = "05-services.md#gpus", .help = "Options for the driver." },
};
TABLE(gpu_table, "gpu", device_request, "attribute of a gpu", AT(device_request), NO_GIVEN, NO_KEY,
        .defaults = device_request_defaults);
const struct attr gpu_attr = { "item", NO_FIELD(type_struct), .table = &gpu_table };
