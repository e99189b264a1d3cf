/* Devices by the Container Device Interface (CNCF CDI 0.8): "vendor/class=name", described by JSON files in
 * /etc/cdi and /run/cdi, which say what a container's configuration gets for it. What a file asks for and cannot be
 * done is refused, never left out. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct error;

/* True for the form of a device's name. */
bool cdi_is_device(const char *text);

/* Applies the edits of each device (NULL-terminated, may be NULL), and once those of all devices of its file, to an
 * OCI configuration. A file in /run/cdi wins over one in /etc/cdi. */
int cdi_apply(char *const *devices, json_t *spec, struct error **err);

/* The same with other directories, the later ones first in rank. For tests. */
int cdi_apply_from(const char *const *dirs, size_t dir_count, char *const *devices, json_t *spec,
        struct error **err);
