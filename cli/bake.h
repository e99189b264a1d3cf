/* What `build` would build, as a file for `docker buildx bake`: one target for each service, and the group "default" of
 * those that were asked for. As Docker Compose 2.40 prints it. */
#pragma once

#include <stdbool.h>

struct plan;
struct strbuf;
struct strings;

/* `plan` is of plan_build; `services` are those asked for, none for all; `push`: what has an image's name is to be sent. */
void bake_print(
        const struct plan *plan, const struct strings *services, bool push, struct strbuf *out);
