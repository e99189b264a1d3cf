/* Dockerfile instructions on a configuration alone, as `import --change` takes them. */
#pragma once

#include <jansson.h>
#include <stddef.h>

struct error;

/* Applies CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD SHELL STOPSIGNAL USER VOLUME and WORKDIR, one per
 * text, to an image configuration's "config" object, as a build of one stage would. Other instructions
 * and what cannot be read are -EINVAL; the config may have been changed by the texts before then. */
int build_apply_changes(
        json_t *config, const char *const *changes, size_t count, struct error **err);
