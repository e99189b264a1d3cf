/* The small languages of Docker's options: -p, -v, --mount, --network, --env-file, --ulimit, --device.
 * Text in, engine's structs out; errors name the text. Results live in the arena. */
#pragma once

#include "engine/container/config.h"

struct arena;
struct error;

/* [hostIP:][hostPort[-last]:]containerPort[-last][/protocol]; one entry per container port. */
int spec_parse_publish(
        struct arena *arena, const char *text, struct container_ports *ret, struct error **err);

/* [source:]target[:options]; source is a name, an absolute path or one from `cwd` ("./x"). Without
 * source: an anonymous volume. */
int spec_parse_volume(struct arena *arena, const char *cwd, const char *text,
        struct container_mount *ret, struct error **err);

/* type=bind,source=…,target=…,readonly …: one mount, or one for each path that a glob fits. */
int spec_parse_mount(struct arena *arena, const char *cwd, const char *text,
        struct container_mounts *ret, struct error **err);

/* /path[:options] */
int spec_parse_tmpfs(
        struct arena *arena, const char *text, struct container_mount *ret, struct error **err);

/* Appends KEY=VALUE for each line ("#" comments; "KEY" alone takes the caller's value or nothing). */
struct strings;
int spec_read_env_file(
        struct arena *arena, const char *path, struct strings *env, struct error **err);
/* -e, each: KEY=VALUE, or KEY for the caller's value (left out when unset). -EINVAL without a KEY. */
int spec_add_env(
        struct arena *arena, const struct strings *texts, struct strings *env, struct error **err);

/* A path of the command line for what has another working directory later; NULL stays NULL. */
int spec_absolute_path(struct arena *arena, const char *path, const char **ret, struct error **err);

/* KEY=VALUE or KEY (empty value) into pairs. */
int spec_parse_pair(struct arena *arena, const char *what, const char *text,
        struct container_pairs *ret, struct error **err);

/* "key=value,key=value". */
const char *spec_join_pairs(struct arena *arena, const struct container_pairs *pairs);

/* NAME[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]: a file or a variable of the container. */
int spec_parse_secret(
        struct arena *arena, const char *text, struct container_config *config, struct error **err);

int spec_parse_ulimit(
        struct arena *arena, const char *text, struct container_ulimit *ret, struct error **err);
int spec_parse_device(
        struct arena *arena, const char *text, struct container_device *ret, struct error **err);

/* --memory-swap ("-1": unlimited) and --cpus; NULL gives 0. */
int spec_parse_memory_swap(const char *text, int64_t *ret, struct error **err);
int spec_parse_cpus(const char *text, int64_t *ret_nano_cpus, struct error **err);

/* no | always | unless-stopped | on-failure[:N] */
int spec_parse_restart(
        const char *text, enum container_restart *ret, int64_t *ret_retries, struct error **err);

/* Parts of a container's connection to a network: the priority of its gateway, and "KEY=VALUE" for the driver. */
#define SPEC_INTERFACE_NAME "com.docker.network.endpoint.ifname"
int spec_set_gw_priority(int64_t priority, struct container_network *network, struct error **err);
int spec_add_driver_option(struct arena *arena, const char *text, struct container_network *network,
        struct error **err);

/* A network: NAME or name=NAME,alias=…,ip=…,mac-address=…,gw-priority=…,driver-opt=…,interface-name=…; host,
 * none and container:X are modes. */
int spec_parse_network(
        struct arena *arena, const char *text, struct container_config *config, struct error **err);

/* Copies a list to a NULL-terminated vector in the arena; NULL when it is empty. */
char **spec_vector(struct arena *arena, const struct strings *list);
