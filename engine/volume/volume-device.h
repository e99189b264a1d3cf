/* What a volume with driver options (type, device, o) is to the kernel. The only thing that is looked up is the address
 * of a server, which the kernel does not do by itself. */
#pragma once

struct arena;
struct container_pairs;
struct error;

struct mount_device; /* engine/rootfs/device.h */

/* The address of a host as text in the arena; -ENOENT with the reason. */
typedef int volume_resolve_fn(
        struct arena *arena, const char *host, const char **ret, struct error **err);
volume_resolve_fn volume_resolve_host;

/* `name` is for errors. */
int volume_device_source(struct arena *arena, const char *name,
        const struct container_pairs *options, volume_resolve_fn *resolve, struct mount_device *ret,
        struct error **err);
