/* Limits of a service as properties of its unit, so that systemd-cgtop and systemctl show and keep them. The
 * container's own group below the unit's has them as well; where that would hit the monitor, which lives in the
 * unit, there is room for it. */
#pragma once

struct arena;
struct service;
struct unitfile;

void project_add_limits(struct arena *arena, const struct service *service, struct unitfile *unit);
