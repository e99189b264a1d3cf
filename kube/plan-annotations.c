/* What Podman lets annotations say, since Kubernetes has no field for it. A name may end in "/CONTAINER". */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"
#include "compose/document.h"
#include "kube/plan-internal.h"

#define PODMAN "io.podman.annotations."

struct annotation {
    const char *name;
    /* Takes the value for a container; NULL: it is read elsewhere. -EINVAL when it means nothing. */
    int (*take)(struct kube_planning *p, const char *value, struct kube_container_plan *to);
    const char *expected;
    bool has_no_effect;
};

static int take_auto_remove(
        struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    (void)p;
    return parse_bool(str_from(value), &to->auto_remove);
}

static int take_init(struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    (void)p;
    return parse_bool(str_from(value), &to->run_init);
}

static int take_pids_limit(
        struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    (void)p;
    return parse_int64(str_from(value), -1, INT64_MAX, &to->pids_limit);
}

static int take_ulimits(struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    struct str rest = str_from(value), limit;

    while (str_split_next(&rest, ',', &limit))
        *ARRAY_APPEND_ARENA(p->arena, &to->ulimits) = arena_strndup(
                p->arena, limit.data, limit.len);
    return 0;
}

static int take_cpuset(struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    (void)p;
    to->cpuset_cpus = value;
    return 0;
}

static int take_memory_nodes(
        struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    (void)p;
    to->cpuset_mems = value;
    return 0;
}

static int take_seccomp(struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    *ARRAY_APPEND_ARENA(p->arena, &to->security_opt) = arena_printf(p->arena, "seccomp=%s", value);
    return 0;
}

static int take_apparmor(struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    *ARRAY_APPEND_ARENA(p->arena, &to->security_opt) = arena_printf(p->arena, "apparmor=%s", value);
    return 0;
}

static int take_label(struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    *ARRAY_APPEND_ARENA(p->arena, &to->security_opt) = arena_printf(p->arena, "label=%s", value);
    return strcmp(value, "disable") == 0 ? 0 : -EINVAL;
}

/* "unconfined", "runtime/default", "localhost/PROFILE". */
static int take_kubernetes_seccomp(
        struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    static const char localhost[] = "localhost/";

    if (strcmp(value, "runtime/default") == 0 || strcmp(value, "docker/default") == 0)
        return 0;
    if (strcmp(value, "unconfined") == 0)
        return take_seccomp(p, value, to);
    if (!string_has_prefix(value, localhost))
        return -EINVAL;
    return take_seccomp(p,
            arena_printf(p->arena, "%s/%s", p->options->seccomp_root, value + strlen(localhost)),
            to);
}

static int take_auto_update(
        struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    kube_pairs_set(p->arena, &to->labels, "io.containers.autoupdate", value);
    return 0;
}

static int take_auto_update_file(
        struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    kube_pairs_set(p->arena, &to->labels, "io.containers.autoupdate.authfile", value);
    return 0;
}

static int take_notify(struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    static const char *const modes[] = { "conmon", "container", "healthy", "ignore" };

    (void)p;
    to->notify = value;
    return parse_name(str_from(value), modes, ARRAY_LEN(modes)) < 0 ? -EINVAL : 0;
}

static bool is_container_of(const struct kube_pod_plan *pod, struct str name, const char **ret)
{
    ARRAY_FOREACH(&pod->containers, container)
        if (str_is_equal_z(name, container->short_name)) {
            *ret = container->name;
            return true;
        }
    return false;
}

/* "NAME[:OPTIONS];…": a container of the pod that comes before this one, or any other. */
static int take_volumes_from(
        struct kube_planning *p, const char *value, struct kube_container_plan *to)
{
    struct str rest = str_from(value), entry;

    while (str_split_next(&rest, ';', &entry)) {
        ptrdiff_t colon = str_find(entry, ':');
        struct str name = { entry.data, colon < 0 ? entry.len : (size_t)colon };
        const char *full;

        if (name.len == 0 || str_is_equal_z(name, to->short_name))
            return -EINVAL;
        if (!is_container_of(p->pod, name, &full))
            full = arena_strndup(p->arena, name.data, name.len);
        *ARRAY_APPEND_ARENA(p->arena, &to->volumes_from) = arena_printf(
                p->arena, "%s%.*s", full, (int)(entry.len - name.len), entry.data + name.len);
    }
    return 0;
}

static const struct annotation annotations[] = {
    { "io.containers.autoupdate", take_auto_update, NULL },
    { "io.containers.autoupdate.authfile", take_auto_update_file, NULL },
    { "io.containers.sdnotify", take_notify, "conmon, container, healthy or ignore" },
    { "container.seccomp.security.alpha.kubernetes.io", take_kubernetes_seccomp,
            "unconfined, runtime/default or localhost/PROFILE" },
    { "seccomp.security.alpha.kubernetes.io/pod", NULL, NULL },
    { PODMAN "apparmor", take_apparmor, NULL },
    { PODMAN "autoremove", take_auto_remove, "true or false" },
    { PODMAN "cpuset", take_cpuset, NULL },
    { PODMAN "infra.name", NULL, NULL },
    { PODMAN "init", take_init, "true or false" },
    { PODMAN "init.container.type", NULL, NULL },
    { PODMAN "label", take_label, "disable" },
    { PODMAN "memory-nodes", take_memory_nodes, NULL },
    { PODMAN "pids-limit", take_pids_limit, "a number" },
    { PODMAN "seccomp", take_seccomp, NULL },
    { PODMAN "ulimit", take_ulimits, NULL },
    { PODMAN "userns", NULL, NULL },
    { PODMAN "volumes-from", take_volumes_from, "NAME[:OPTIONS], other containers" },
};

const char *kube_annotation(const struct kube_planning *p, const char *name, const char *container)
{
    const char *own = kube_pairs_get(
            &p->annotations, arena_printf(p->arena, "%s/%s", name, container));

    return own ? own : kube_pairs_get(&p->annotations, name);
}

void kube_plan_annotations(struct kube_planning *p, struct kube_container_plan *to)
{
    const char *seccomp = kube_pairs_get(
            &p->annotations, "seccomp.security.alpha.kubernetes.io/pod");

    for (size_t i = 0; i < ARRAY_LEN(annotations); i++) {
        const struct annotation *row = &annotations[i];
        const char *value = row->take ? kube_annotation(p, row->name, to->short_name) : NULL;

        if (row->take == take_kubernetes_seccomp && !value)
            value = seccomp;
        if (value && row->take(p, value, to) < 0)
            kube_plan_error(p, node_get(p->meta, "annotations"), row->name,
                    "annotation %s of container %s: \"%s\" is not %s", row->name, to->short_name,
                    value, row->expected);
    }
    to->annotations = p->annotations;
}

static bool is_known(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(annotations); i++) {
        size_t len = strlen(annotations[i].name);

        if (strncmp(key, annotations[i].name, len) == 0 && (key[len] == '/' || !key[len]))
            return true;
    }
    return false;
}

/* Others' annotations are kept and mean nothing; Podman's would mean something. */
void kube_plan_pod_annotations(struct kube_planning *p)
{
    p->pod->userns = kube_pairs_get(&p->annotations, PODMAN "userns");
    p->pod->infra_name = kube_pairs_get(&p->annotations, PODMAN "infra.name");
    ARRAY_FOREACH(&p->annotations, pair)
        if (string_has_prefix(pair->key, PODMAN) && !is_known(pair->key))
            kube_plan_warning(p, node_get(p->meta, "annotations"), pair->key,
                    "annotation %s has no effect", pair->key);
}
