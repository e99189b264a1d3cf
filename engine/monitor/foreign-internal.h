/* What the files of the foreign runtime share. */
#pragma once

#include "engine/monitor/foreign.h"

#define FOREIGN_DIR "runtime" /* in RUN/containers/ID */
#define FOREIGN_SPEC_FILE "config.json"

/* ---- foreign-spec.c ---- */

/* The bundle's config.json: the run's, with what the embedded runtime decides at the start. `root_fd` is the mounted
 * root at `root_path`, for the user's names. Mounts of a directory within a volume are made in the caller's mount
 * namespace. */
int foreign_write_spec(const struct foreign *foreign, const struct foreign_create *options,
        int root_fd, int *ret_exit_code, struct error **err);

/* The process of an exec, from the container's. Its file in foreign->dir is `name`. */
int foreign_write_process(const struct foreign *foreign, const struct foreign_exec *options,
        const char *name, int *ret_exit_code, struct error **err);

/* ---- foreign-command.c ---- */

struct foreign_streams {
    int stdin_fd, stdout_fd, stderr_fd;
};
#define FOREIGN_STREAMS_NULL                                                   \
    {                                                                          \
        .stdin_fd = PROC_NULL, .stdout_fd = PROC_NULL, .stderr_fd = PROC_NULL, \
    }

/* Runs the program with these words (NULL-terminated) behind its global options, to its end. A failure says what the
 * program has logged. One that takes longer than it may is killed with all of its session: -ETIMEDOUT. */
int foreign_run(const struct foreign *foreign, const char *const *words,
        const struct foreign_streams *streams, struct error **err);

/* Docker's exit code for a program that could not be executed, from what the runtime says; 128 for all else. */
int foreign_exit_code(const struct error *error);
