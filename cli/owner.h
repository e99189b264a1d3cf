/* Who starts and stops a project's containers: systemd, when the project is enabled (cli/enabled.h) and systemd runs,
 * else berth by itself. Plans are the same either way: for an owned project the backend that carries them out
 * (owner-backend.c) asks systemd where a container is a service of it, and the engine for everything else. So
 * there is one owner for each container, whichever command is given. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct backend;
struct compose;
struct container;
struct plan;
struct project;
struct service;
struct strings;

struct owner {
    const struct project *project;  /* as it is enabled, with every profile */
    const struct strings *profiles; /* that were active then */
    bool starts_alone;              /* what a service depends on is left as it is (--no-deps) */
};

/* Sets compose->owner when systemd owns the project. */
void owner_find(struct compose *compose);

/* Before a plan is carried out. One that makes containers is for the files as they are now: these become what is
 * enabled. Refuses what would get into the way of a project that is enabled for another directory. 0, or the exit
 * status. */
int owner_prepare(struct compose *compose, const struct plan *plan);

/* Keeps in mind, over the next boot too, that the user has stopped (or started) these services; empty: all. Nothing
 * without an owner. 0, or the exit status. */
int owner_mark(struct compose *compose, const struct strings *services, bool stopped);

/* Services that a plan is about. In the compose's arena. */
struct strings owner_services_of_plan(struct compose *compose, const struct plan *plan);

/* The project as a whole: up, with what is no container (schedules, networks), or down. Nothing without an owner. 0, or
 * the exit status. */
int owner_start_target(struct compose *compose);
int owner_stop_target(struct compose *compose);

/* The service of which the container is the one of a unit's, and that unit's name; NULL: it is berth's own to start. */
const struct service *owner_service_of(
        const struct owner *owner, const struct container *container);

/* Who starts and stops the container: the name of a unit, or "berth". One that systemd is to start is its already,
 * unless it runs without. `owner` may be NULL. In the arena. */
const char *owner_name(
        struct arena *arena, const struct owner *owner, const struct container *container);

/* When the timer of a scheduled service runs next (realtime); 0: never, or nobody can tell. */
uint64_t owner_next_run_usec(struct compose *compose, const struct service *service);

/* Wraps the engine's handle (taken). */
struct backend *owner_backend_new(const struct owner *owner, struct backend *engine);
