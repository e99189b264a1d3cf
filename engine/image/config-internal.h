/* The image configuration (OCI image-spec config.md, Docker's healthcheck and friends) as text and as
 * struct, and platforms. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/json/json.h"
#include "engine/image/image.h"

struct config_summary {
    const char *architecture, *os, *variant, *created; /* borrowed from the json; NULL: missing */
    const char *author;
    struct strings diff_ids; /* in the arena */
};

/* Checks what the store relies on: an object, with "rootfs" of type "layers" and valid sha256 diff_ids,
 * at most LIMIT_IMAGE_LAYERS of them. In `arena`, borrowing from `config`. */
int image_config_summary(struct arena *arena, const json_t *config, const char *what,
        struct config_summary *ret, struct error **err);

/* The "config" member, in `arena`. Members of a wrong type are errors. */
int image_config_read(
        struct arena *arena, const json_t *config, struct image_config *ret, struct error **err);

/* "os/arch[/variant]" or "arch" alone; normalised as containerd does (x86_64, aarch64, armhf …). The texts lie
 * in `arena`. NULL text: the host's. */
int image_platform_parse(
        struct arena *arena, const char *text, struct image_platform *ret, struct error **err);

/* How well an image for `have` runs on `want`: 0 not at all, more is better. */
unsigned image_platform_rank(const struct image_platform *want, const struct image_platform *have);

void image_platform_format(const struct image_platform *platform, char *buffer, size_t size);
