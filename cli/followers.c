#include "cli/followers.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "compose/state.h"
#include "engine/container/container.h"

struct following {
    struct engine *engine;
    struct arena arena;
    struct strmap seen; /* ids */
};

/* "db:service_healthy:true" in the label: restart, and whether it must be healthy first. */
static bool find_edge(const struct container *follower, const char *service, bool *ret_needs_health)
{
    const char *label = NULL;
    struct str rest, edge;

    ARRAY_FOREACH(&follower->config.labels, pair)
        if (strcmp(pair->key, LABEL_DEPENDS_ON) == 0)
            label = pair->value;
    rest = str_from(label ? label : "");
    while (str_split_next(&rest, ',', &edge)) {
        struct str name, condition = { 0 }, restart = { 0 };

        if (!str_split_next(&edge, ':', &name) || !str_is_equal_z(name, service))
            continue;
        str_split_next(&edge, ':', &condition);
        str_split_next(&edge, ':', &restart);
        *ret_needs_health = str_is_equal_z(condition, "service_healthy");
        return str_is_equal_z(restart, "true") &&
               !str_is_equal_z(condition, "service_completed_successfully");
    }
    return false;
}

static bool becomes_healthy(struct following *f, const char *id)
{
    int r = container_wait_healthy(f->engine, id, TIMEOUT_NEVER, NULL);

    return r == CONTAINER_HEALTH_HEALTHY || r == CONTAINER_HEALTH_NO_CHECK;
}

static int restart_followers_of(struct following *f, const char *id, struct error **err)
{
    struct container *leader = NULL;
    struct containers running = { 0 };
    int first = 0, r = container_lookup(f->engine, &f->arena, id, &leader, err);

    if (r < 0 || !leader || !leader->config.project || !leader->config.service)
        return r;
    strmap_set(&f->seen, leader->id, NULL);
    struct container_filter filter = { .project = leader->config.project,
        .oneoff = CONTAINER_ONEOFF_EXCLUDE };
    r = container_list(f->engine, &f->arena, &filter, &running, err);
    if (r < 0)
        return r;
    ARRAY_FOREACH(&running, item) {
        const struct container *follower = *item;
        auto_error struct error *failure = NULL;
        bool needs_health = false;

        if (strmap_has(&f->seen, follower->id) ||
                !find_edge(follower, leader->config.service, &needs_health))
            continue;
        if (needs_health && !becomes_healthy(f, leader->id))
            return first; /* it ended again: whoever starts it again comes here, too */
        r = container_restart(
                f->engine, follower->id, CONTAINER_STOP_TIMEOUT_UNSET, NULL, &failure);
        if (r >= 0)
            r = restart_followers_of(f, follower->id, &failure);
        if (r < 0 && r != -ENOENT && first == 0)
            first = error_move(err, TAKE(failure));
    }
    return first;
}

int followers_restart(struct engine *engine, const char *container_id, struct error **err)
{
    struct following f = { .engine = engine };

    strmap_init_arena(&f.seen, &f.arena);
    int r = restart_followers_of(&f, container_id, err);
    arena_release(&f.arena);
    return r;
}
