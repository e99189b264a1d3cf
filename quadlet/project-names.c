#include "quadlet/project-names.h"

#include "base/arena.h"
#include "compose/project.h"
#include "units/name.h"

static const char *joined(struct arena *arena, const struct project *project, const char *key)
{
    return arena_printf(
            arena, "%s-%s", unit_name_escape(arena, project->name), unit_name_escape(arena, key));
}

const char *project_target_name(struct arena *arena, const struct project *project)
{
    return arena_printf(arena, "%s.target", unit_name_escape(arena, project->name));
}

const char *project_profile_target_name(
        struct arena *arena, const struct project *project, const char *profile)
{
    return arena_printf(arena, "%s-profile-%s.target", unit_name_escape(arena, project->name),
            unit_name_escape(arena, profile));
}

const char *project_container_unit_name(struct arena *arena, const struct project *project,
        const struct service *service, unsigned number)
{
    const char *base = joined(arena, project, service->name);

    return service_replicas(service) == 1 ? arena_printf(arena, "%s.service", base)
                                          : arena_printf(arena, "%s@%u.service", base, number);
}

const char *project_container_file_name(
        struct arena *arena, const struct project *project, const struct service *service)
{
    const char *base = joined(arena, project, service->name);

    return arena_printf(arena, service_replicas(service) == 1 ? "%s.service" : "%s@.service", base);
}

const char *project_timer_name(
        struct arena *arena, const struct project *project, const struct service *service)
{
    return arena_printf(arena, "%s.timer", joined(arena, project, service->name));
}

const char *project_part_unit_name(
        struct arena *arena, const struct project *project, const char *key, const char *kind)
{
    return arena_printf(arena, "%s-%s.service", joined(arena, project, key), kind);
}
