/* Which project a container belongs to: the name and the directory, and what of it no file accounts for. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "compose/plan-internal.h"

const char *plan_directory(const struct plan_input *input)
{
    return input->directory ? input->directory
           : input->project ? input->project->working_dir
                            : NULL;
}

/* The directory that the engine knows the name from: as noted, else as the containers' labels have it. */
static const char *known_directory(const struct plan_input *input)
{
    if (input->state->project.directory)
        return input->state->project.directory;
    ARRAY_FOREACH(&input->state->containers, c) {
        const char *directory = strmap_get(&c->labels, LABEL_WORKING_DIR);

        if (string_is_equal(c->project, input->project->name) && !string_is_empty(directory))
            return directory;
    }
    return NULL;
}

int plan_check_identity(const struct plan_input *input, struct error **err)
{
    const char *ours = input->project ? plan_directory(input) : NULL;
    const char *known = ours ? known_directory(input) : NULL;

    if (!known || input->adopt || strcmp(known, ours) == 0 ||
            string_is_equal(known, input->project->working_dir))
        return 0;
    int r = error_set_plain(err, EEXIST, NULL,
            "project \"%s\" belongs to the directory \"%s\", not to \"%s\"", input->project->name,
            known, ours);
    error_hint(err,
            "--project-name gives this one another name; --adopt makes all that exists of \"%s\" "
            "this directory's",
            input->project->name);
    return r;
}

/* ---------------------------------------------------------------------- orphans */

bool plan_is_orphan(const struct project *project, const struct observed_container *container)
{
    if (container->oneoff)
        return container->status == OBSERVED_EXITED || container->status == OBSERVED_DEAD;
    return !project_find_service(project, container->service) &&
           !project_find_disabled_service(project, container->service);
}

void plan_add_orphan(struct plan *plan, const struct observed_container *container, bool removed)
{
    struct arena *arena = &plan->arena;

    *ARRAY_APPEND_ARENA(arena, &plan->orphans) = (struct plan_orphan){
        .name = arena_strdup(arena, container->name),
        .service = arena_strdup(arena, container->service),
        .files = arena_strdup(arena, strmap_get(&container->labels, LABEL_CONFIG_FILES)),
        .directory = arena_strdup(arena, strmap_get(&container->labels, LABEL_WORKING_DIR)),
        .oneoff = container->oneoff,
        .removed = removed,
    };
}

const char *plan_orphan_origin(struct plan *plan, const struct plan_orphan *orphan)
{
    const char *from = orphan->files ? orphan->files : orphan->directory;
    const char *what = orphan->oneoff ? "a run of services." : "services.";

    return from ? arena_printf(&plan->arena, "%s%s of %s", what, orphan->service, from)
                : arena_printf(&plan->arena, "%s%s", what, orphan->service);
}
