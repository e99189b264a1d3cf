/* The planning of one pod; shared by the files that do a part of it each. */
#pragma once

#include "base/strmap.h"
#include "kube/plan.h"

struct kube_planning {
    struct arena *arena;
    struct diag *diag;
    const struct kube_documents *documents;
    const struct kube_plan_options *options;
    struct kube_plan *plan;
    /* The pod in the making. */
    const struct kube_pod_spec *spec;
    struct kube_pod_plan *pod;
    struct kube_pairs annotations; /* of the workload, of the pod, and those of the command */
    const struct node *meta;       /* where they were written */
    /* The container in the making: its variables' positions + 1 by name, and whether there was one too many. */
    struct strmap variables;
    bool too_many_variables;
};

struct diag_entry *kube_plan_error(struct kube_planning *p, const struct node *node,
        const char *field, const char *format, ...) __attribute__((format(printf, 4, 5)));
struct diag_entry *kube_plan_warning(struct kube_planning *p, const struct node *node,
        const char *field, const char *format, ...) __attribute__((format(printf, 4, 5)));

const struct kube_config_map *kube_find_config_map(const struct kube_planning *p, const char *name);
const struct kube_secret *kube_find_secret(const struct kube_planning *p, const char *name);

/* May be the name of an object, a file, a key: letters, digits, '-', '_' and '.', but not "." or "..". */
bool kube_name_is_valid(const char *name);

/* The parts of a container. */
void kube_plan_env(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to);
void kube_plan_mounts(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to);
void kube_plan_health(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to);
void kube_plan_security(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to);
void kube_plan_container(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to);
void kube_plan_annotations(struct kube_planning *p, struct kube_container_plan *to);

/* The volumes of config maps and secrets. */
void kube_plan_files(struct kube_planning *p);

/* Annotations of the pod itself; and those that nothing reads. */
void kube_plan_pod_annotations(struct kube_planning *p);

/* "io.podman.annotations.x/CONTAINER" before "io.podman.annotations.x"; NULL: neither. */
const char *kube_annotation(const struct kube_planning *p, const char *name, const char *container);
