/* A quadlet made of a `docker run` or `podman run` command line. Options that are keys become keys, by the table
 * of keys read backwards; --restart becomes a line of [Service]; what there is no key for is kept in PodmanArgs.
 * Options that a unit decides (-d, --rm, -it, --replace …) are dropped. */
#pragma once

struct diag;
struct error;
struct quadlet;
struct quadlet_set;
struct strings;

/* `words` begins with "docker", "podman" or "berth", or with "run" or "create", or with the first option. `name` is that of
 * the document without its extension; NULL: that of --name, or of the image. What is noteworthy (dropped,
 * approximated) goes to `diag`. -EINVAL when there is no image, or a value is missing. */
int quadlet_from_command(struct quadlet_set *set, const struct strings *words, const char *name,
        struct quadlet **ret, struct diag *diag, struct error **err);

/* One option of `podman run` ("--env") with its value (NULL: a flag) as lines of the document, a .container. */
void quadlet_add_option(
        struct quadlet *quadlet, const char *option, const char *value, struct diag *diag);

/* A name for a document: the last part of an image's name without tag and digest, made a unit's name. In the
 * set's arena. */
const char *quadlet_name_of_image(struct quadlet_set *set, const char *image);
