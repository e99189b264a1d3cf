/* What happens in the engine, as Docker's API tells it: objects with Type, Action, Actor{ID,Attributes}, time,
 * timeNano, and for containers also status, id and from. Reading only; who does something tells it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct engine;
struct error;

/* NULL-terminated vectors or NULL; values of one are alternatives, different ones restrict each other. All labels
 * must hold. */
struct events_options {
    char **types, **actions, **containers, **images, **networks, **volumes, **pods;
    char **labels; /* "key" or "key=value" */
    int64_t since_nsec,
            until_nsec; /* 0: from now; for ever. With until alone: from the oldest that is kept */
    /* 1 goes on, 0 ends it, negative fails. `event` is borrowed. */
    int (*take)(void *userdata, const json_t *event, struct error **err);
    void *userdata;
};

/* Gives every event that matches, the past ones first, until `until`, or until the engine's cancel flag is set. */
int events_follow(struct engine *engine, const struct events_options *options, struct error **err);
