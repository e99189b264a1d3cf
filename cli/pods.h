/* Pods as `run` and `create` know them. */
#pragma once

struct cli;
struct engine;
struct error;
struct run_options;

/* --pod and --pod-id-file: *ret is the pod that the container is to join, or NULL. "new:NAME" makes one, with what of the
 * options belongs to a pod, which is then taken out of `options`. */
int pods_for_run(struct cli *cli, struct engine *engine, struct run_options *options,
        const char **ret, struct error **err);

/* A pod's id from a file of --pod-id-file. In the arena of cli. */
int pods_read_id_file(struct cli *cli, const char *path, const char **ret, struct error **err);
