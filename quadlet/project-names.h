/* What the units of a Compose project are called:
 *
 *     shop.target                 the project
 *     shop-web.service            the only container of service web
 *     shop-web@2.service          container 2 of a service with several, of the template shop-web@.service
 *     shop-web-image.service      pulls its image;  shop-web-build.service builds it
 *     shop-net-network.service    makes network net;  shop-data-volume.service makes volume data
 *     shop-backup.timer           starts service backup when its schedule says
 *     shop-profile-debug.target   what profile debug adds
 *
 * A key with characters that no unit name has is escaped as systemd does it. Names live in the arena. */
#pragma once

struct arena;
struct project;
struct service;

const char *project_target_name(struct arena *arena, const struct project *project);
const char *project_profile_target_name(
        struct arena *arena, const struct project *project, const char *profile);

/* Of a container; `number` counts from 1. */
const char *project_container_unit_name(struct arena *arena, const struct project *project,
        const struct service *service, unsigned number);
/* The file that makes it: the same, or the template. */
const char *project_container_file_name(
        struct arena *arena, const struct project *project, const struct service *service);

/* Of a service with a schedule. */
const char *project_timer_name(
        struct arena *arena, const struct project *project, const struct service *service);

/* `kind` is "image", "build", "network" or "volume". */
const char *project_part_unit_name(
        struct arena *arena, const struct project *project, const char *key, const char *kind);
