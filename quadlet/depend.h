/* References between quadlets: which services and resources they stand for, and the lines that make
 * systemd start them in order. */
#pragma once

#include <stdbool.h>

struct quadlet;
struct quadlet_set;
struct translation;
struct unit_line;

/* The service's and, where it does not need a translation, the resource's name of a document; they live in the set's
 * arena. `name_all` names those that have no names yet. */
void depend_name(const struct quadlet_set *set, struct quadlet *quadlet);
void depend_name_all(struct quadlet_set *set);

/* Dependencies in [Unit] that name quadlets become dependencies on their services. */
void depend_translate_unit(struct translation *t);

/* Looks up what `name` refers to, and adds Requires= and After= for its service. NULL, with an error
 * that begins with `what` ("requested Quadlet unit"), when there is none. */
struct quadlet *depend_require(
        struct translation *t, const struct unit_line *line, const char *what, const char *name);

/* A source of a volume or mount: a path gets RequiresMountsFor=, a quadlet becomes the name of what it
 * makes. NULL on errors. */
const char *depend_resolve_source(
        struct translation *t, const struct unit_line *line, const char *source, bool images_too);

/* An image's name, or what the .image or .build makes that it names. NULL on errors. */
const char *depend_resolve_image(
        struct translation *t, const struct unit_line *line, const char *image);
