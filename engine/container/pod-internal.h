/* What pods do in the life of a container. */
#pragma once

#include "engine/container/pod.h"

/* Tells that this happened to the pod. */
void pod_event(struct engine *engine, const struct pod *pod, const char *action);

/* In the transaction that makes its infra container. infra_id NULL: it has none. */
int pod_insert(
        struct engine *engine, const struct pod *pod, const char *infra_id, struct error **err);

/* In the transaction that makes a member: the pod is still there. pod_id NULL is fine. */
int pod_check_member(struct engine *engine, const char *pod_id, struct error **err);

/* What a member has from its pod: config->pod becomes an id; the namespaces that are shared, the mounts of the infra
 * container, the restart policy. Refuses, in Podman's words, what belongs to the pod. Nothing without config->pod. */
int pod_adopt(struct engine *engine, struct arena *arena, struct container_config *config,
        struct error **err);

/* Before a member runs: its infra container does. The member's lock is held by the caller; the infra container's is
 * taken after it, never before. */
int pod_ensure_infra(struct engine *engine, const struct container *c, struct error **err);

/* A container of the pod (NULL: of none) has ended or is gone: with the exit policy "stop" the infra container is told to
 * end when it was the last. Takes no lock and waits for nothing. */
void pod_container_ended(struct engine *engine, const char *pod_id, const char *id);
