/* Artifacts of OCI: files in a registry that are no image, under a manifest of their own type. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct engine;
struct error;
struct progress;

struct artifact_part {
    const char *media_type;
    const char *data;
    size_t len;
    const char *annotations[3][2]; /* keys and values; ends with a NULL key */
};

struct artifact {
    const char *type; /* artifactType, or (oci_1_0) the media type of its empty configuration */
    const char *type_1_0;
    bool oci_1_0;        /* for registries that know no artifactType */
    const char *created; /* RFC 3339 */
    const struct artifact_part *parts;
    size_t part_count;
};

/* Sends it under that name ("latest" without a tag). *ret_digest (given) is the manifest's. */
int artifact_push(struct engine *engine, const char *name, const struct artifact *artifact,
        const struct progress *progress, char **ret_digest, struct error **err);
