#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"
#include "kube/plan-internal.h"

#define NANO_PER_MILLI 1000000
#define SHARES_PER_CPU 1024
#define SHARES_MIN 2
#define MILLI 1000

static char **vector(struct arena *arena, const struct strings *texts)
{
    if (texts->len == 0)
        return NULL;
    char **items = ARENA_NEW_ARRAY(arena, texts->len + 1, char *);
    memcpy(items, texts->items, texts->len * sizeof(*items));
    return items;
}

/* Where nothing is said, an image whose newest version is meant is looked for anew; one of this machine alone is not. */
static const char *pull_policy(const char *said, const char *image)
{
    const char *slash = strchr(image, '/'), *last = strrchr(image, '/');
    const char *tag = strchr(last ? last : image, ':');

    if (!string_is_empty(said)) {
        if (strcmp(said, "IfNotPresent") == 0)
            return "missing";
        return strcmp(said, "Always") == 0 ? "always" : "never";
    }
    bool has_registry = slash && memchr(image, '.', (size_t)(slash - image));
    bool is_newest = !strchr(image, '@') && (!tag || strcmp(tag, ":latest") == 0);
    return has_registry && is_newest ? "newer" : "missing";
}

static void plan_limits(const struct kube_container *from, struct kube_container_plan *to)
{
    static const struct kube_amounts none = { 0 };
    const struct kube_resources *resources = from->resources;
    const struct kube_amounts *limits = resources && resources->limits ? resources->limits : &none;
    const struct kube_amounts *requests = resources && resources->requests ? resources->requests
                                                                           : &none;

    to->memory_bytes = limits->memory.milli / MILLI + (limits->memory.milli % MILLI > 0);
    to->memory_reservation_bytes = requests->memory.milli / MILLI +
                                   (requests->memory.milli % MILLI > 0);
    if (limits->cpu.milli <= INT64_MAX / NANO_PER_MILLI)
        to->nano_cpus = limits->cpu.milli * NANO_PER_MILLI;
    if (requests->cpu.milli > 0 && requests->cpu.milli <= INT64_MAX / SHARES_PER_CPU) {
        int64_t shares = requests->cpu.milli * SHARES_PER_CPU / MILLI;

        to->cpu_shares = shares < SHARES_MIN ? SHARES_MIN : shares;
    }
}

static void check_init(struct kube_planning *p, const struct kube_container *from)
{
    static const char *const fields[] = { "lifecycle", "livenessProbe", "startupProbe" };
    const void *const given[] = { from->lifecycle, from->liveness, from->startup };

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (given[i])
            kube_plan_error(p, from->node, fields[i],
                    "cannot create an init container that has either of lifecycle, livenessProbe, "
                    "readinessProbe, or startupProbe set");
}

static void check_names(struct kube_planning *p, const struct kube_container *from)
{
    ARRAY_FOREACH(&p->pod->containers, other)
        if (strcmp(other->short_name, from->name) == 0)
            kube_plan_error(p, from->node, "name",
                    "the pod \"%s\" is invalid; duplicate container name \"%s\" detected",
                    p->pod->name, from->name);
    if (!kube_name_is_valid(from->name))
        kube_plan_error(
                p, from->node, "name", "\"%s\" cannot be the name of a container", from->name);
    ARRAY_FOREACH(&from->ports, port)
        if (port->protocol && strcasecmp(port->protocol, "SCTP") == 0)
            kube_plan_error(p, port->node, "protocol", "the protocol SCTP is not supported");
}

static void check_signal(struct kube_planning *p, const struct kube_container *from)
{
    int signal;

    if (from->lifecycle && from->lifecycle->stop_signal &&
            parse_signal(str_from(from->lifecycle->stop_signal), &signal) < 0)
        kube_plan_error(p, from->lifecycle->node, "stopSignal", "\"%s\" is no signal",
                from->lifecycle->stop_signal);
}

void kube_plan_container(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to)
{
    const char *name = p->options->no_pod_prefix
                               ? from->name
                               : arena_printf(p->arena, "%s-%s", p->pod->name, from->name);
    enum kube_init init = to->init;

    *to = (struct kube_container_plan){
        .name = name,
        .short_name = from->name,
        .image = from->image,
        .pull_policy = pull_policy(from->pull_policy, from->image),
        .init = init,
        .command = vector(p->arena, &from->command),
        .args = vector(p->arena, &from->args),
        .working_dir = from->working_dir,
        .stop_signal = from->lifecycle ? from->lifecycle->stop_signal : NULL,
        .tty = from->tty == KUBE_YES,
        .open_stdin = from->open_stdin == KUBE_YES,
        .restart = init ? "no" : p->pod->restart,
        .stop_timeout_sec = p->spec->grace_period_sec,
        .labels = { 0 },
        .at = kube_at(from->node, "name"),
    };
    ARRAY_FOREACH(&p->pod->labels, label)
        kube_pairs_set(p->arena, &to->labels, label->key, label->value);
    if (init)
        check_init(p, from);
    check_names(p, from);
    check_signal(p, from);
    plan_limits(from, to);
    kube_plan_env(p, from, to);
    kube_plan_mounts(p, from, to);
    kube_plan_health(p, from, to);
    kube_plan_security(p, from, to);
    kube_plan_annotations(p, to);
}
