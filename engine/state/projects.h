/* What is kept of a Compose project beside its containers: the directory that it belongs to, and what was
 * last applied to it (compose's text, opaque here). The row comes before the project's first container and goes
 * with the last that it has. */
#pragma once

#include <stdbool.h>

struct arena;
struct engine;
struct error;

struct project_row {
    const char *directory; /* absolute */
    const char *applied;   /* NULL: nothing yet */
};

/* *ret NULL: there is none. Lives in the arena. */
int project_row_read(struct engine *engine, struct arena *arena, const char *project,
        struct project_row **ret, struct error **err);

/* Makes or replaces it. `applied` NULL keeps what is there. */
int project_row_write(struct engine *engine, const char *project, const struct project_row *row,
        struct error **err);

/* One that is not there is fine. */
int project_row_remove(struct engine *engine, const char *project, struct error **err);

/* The lock of those that bring a project up, so that two at once come out as one after the other. A descriptor
 * that holds it until closed; -EWOULDBLOCK without an error object when `wait` is false and it is taken. */
int project_lock(struct engine *engine, const char *project, bool wait, struct error **err);

/* The lock of the one that watches a project's files: two would each copy and build what the other does. As above,
 * without waiting. */
int project_lock_watch(struct engine *engine, const char *project, struct error **err);
