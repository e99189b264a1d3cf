/* `kube play` and `kube down`: Kubernetes YAML as pods. The files are read and planned by kube/; what is here makes the
 * plan's things with the engine's calls. */
#pragma once

#include <stdbool.h>

#include "base/array.h"
#include "base/strmap.h"
#include "cli/registry-words.h"
#include "engine/container/container.h"
#include "kube/down.h"
#include "kube/plan.h"

struct cli;
struct diag;
struct engine;
struct error;
struct pod_config;

/* As they were given. */
struct kube_play_options {
    struct strings annotations, config_maps, networks, publish, log_opts, ips, macs;
    const char *log_driver, *userns, *seccomp_root, *exit_code_propagation;
    bool publish_all, no_pod_prefix, no_hosts, no_hostname, quiet, replace, start, down, force,
            wait, service;
    struct registry_words registry;
    struct strings unsupported;
    bool unsupported_flag;
};

/* ---- Reading ---- */

/* The documents of files ("-": standard input); findings go to the collector. -EINVAL when there were errors; others, with
 * *err, when a file cannot be read. */
int kube_read_files(struct cli *cli, const struct strings *paths, struct kube_documents *ret,
        struct diag *diag, struct error **err);

/* What is to be taken down according to the files; likewise. */
int kube_read_down_files(struct cli *cli, const struct strings *paths, struct kube_down_plan *ret,
        struct diag *diag, struct error **err);

/* ---- As the engine has it ---- */

/* What a container's configuration is filled in with. */
struct kube_filling {
    struct cli *cli;
    struct engine *engine;
    const struct kube_play_options *options;
    const struct kube_pod_plan *pod;
    size_t pod_index;         /* of all that are played: whose --ip it is */
    const char *pod_id;       /* once it is there */
    const char *cgroup;       /* the group of the service that this is; NULL: it is none */
    struct strmap empty_dirs; /* name in the pod to that of the volume */
};

/* Both live in the arena of the command. */
int kube_fill_pod(const struct kube_filling *filling, struct pod_config *config,
        struct container_config *infra, struct error **err);
int kube_fill_container(const struct kube_filling *filling, const struct kube_container_plan *plan,
        struct container_config *config, struct error **err);

/* When it tells that it is ready (config.notify); NULL: never. */
const char *kube_notify_moment(const struct kube_container_plan *plan);

/* ---- Doing ---- */

/* What was made, for the report. */
struct kube_made_pod {
    const char *id, *infra_id;
    struct strings containers;
};
struct kube_made {
    struct strings volumes, secrets;
    struct {
        struct kube_made_pod *items;
        size_t len, cap;
    } pods;
};

int kube_play(struct cli *cli, const struct kube_play_options *options,
        const struct kube_plan *plan, struct kube_made *ret, struct error **err);

/* ---- Staying ---- */

/* When the service that pods are fails, because containers have. */
enum kube_propagation {
    KUBE_PROPAGATE_NONE,
    KUBE_PROPAGATE_ANY,
    KUBE_PROPAGATE_ALL,
    KUBE_PROPAGATE_MAX_,
    KUBE_PROPAGATE_INVALID = -22,
};
extern const char *const kube_propagation_names[KUBE_PROPAGATE_MAX_];

/* A message to the service manager that started this command, if any. */
void kube_tell_manager(struct cli *cli, const char *text);

/* Until all pods have ended; -ECANCELED when a signal comes before. */
int kube_wait(struct cli *cli, const struct kube_made *made, struct error **err);

/* As a service: tells that it is ready, waits for the end of its pods, and stops them when a signal comes. Exit status. */
int kube_stay(struct cli *cli, const struct kube_made *made, const struct kube_plan *plan,
        enum kube_propagation propagation);

/* ---- Down ---- */

/* Takes the plan's things away and prints which, as Podman does. With `force` the volumes too. Exit status. */
int kube_take_down(struct cli *cli, const struct kube_down_plan *plan, bool force);
