/* What several commands print in the same way. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct cli;
struct container;
struct engine;
struct error;

/* What `ps` knows of a container, with Docker's keys (ID Image Command …). New reference. */
json_t *container_row(
        struct arena *arena, const struct container *container, bool no_trunc, int64_t now_nsec);

/* `inspect` of objects of one type ("image", NULL: any) through the format; exit status. */
int inspect_objects(struct cli *cli, const char *type, const char *format, int argc, char **argv);

/* The processes of a container as a table. */
int top_print(struct cli *cli, struct engine *engine, const char *container, unsigned min_width,
        struct error **err);
