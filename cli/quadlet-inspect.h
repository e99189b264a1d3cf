/* A quadlet of a container that there is, by what `inspect` says of it. */
#pragma once

struct cli;
struct diag;
struct error;
struct quadlet;
struct quadlet_set;

/* `name` of the document without its extension; NULL: the container's. What the image itself says (its variables,
 * labels, command …) is left out where it can be told apart. */
int quadlet_from_container(struct cli *cli, struct quadlet_set *set, const char *container,
        const char *name, struct quadlet **ret, struct diag *diag, struct error **err);
