/* Inside of the plans that only deal with what exists (plan-down.c, plan-verb.c): which services there are, by the
 * files or by the labels of their containers, and in which order they start and stop. */
#pragma once

#include "compose/plan-internal.h"

/* A service as the containers and, if they are there, the files know it. */
struct known_service {
    const char *name;
    const struct service *service; /* NULL: not in the files */
    bool selected;
    struct {
        struct known_service **items;
        size_t len, cap;
    } needs, needed_by;
    struct {
        struct plan_step **items;
        size_t len, cap;
    } steps; /* what is done to its containers, as far as others have to wait for it */
    bool visited;
};

struct existing {
    struct plan *plan;
    const struct plan_input *input;
    struct strmap services;       /* name -> known_service */
    struct known_service **order; /* what is needed first */
    size_t order_len;
};

void existing_init(struct existing *all, struct plan *plan, const struct plan_input *input);

/* Selects services: the named ones, and with `dependents` those that need them. Without names: all
 * enabled services of the files, or all that have containers where there are no files. */
int existing_select(
        struct existing *all, const struct strings *names, bool dependents, struct error **err);

bool existing_is_ours(const struct existing *all, const struct observed_container *container);
struct known_service *existing_service_of(
        struct existing *all, const struct observed_container *container);

/* `step` comes after all that is remembered of the services that `known` needs. */
void existing_order_after_needs(
        struct existing *all, const struct known_service *known, struct plan_step *step);
/* Others may come after `step`. */
void existing_remember(struct existing *all, struct known_service *known, struct plan_step *step);

/* Stops in the reverse of the order in which things start: after all that needs the service. */
struct plan_step *existing_add_stop(struct existing *all, struct known_service *known,
        const struct observed_container *container, int64_t timeout_usec);
struct plan_step *existing_add_remove(struct existing *all,
        const struct observed_container *container, struct plan_step *stop, bool force,
        bool volumes);
