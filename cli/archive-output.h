/* Where an archive goes (`export`, `save`, `volume export`): standard output, or the FILE of --output. A regular
 * file takes its name once it is whole, so that a failure or an interrupt leaves what was there before; a pipe or a
 * device is written to as it is, and a symbolic link is followed.
 *
 *     auto_(archive_output_release) struct archive_output output = ARCHIVE_OUTPUT_INIT;
 *     int r = archive_output_open(&output, cli, options->output, &err);
 *     if (r >= 0)
 *         r = volume_export(engine, name, output.fd, &err);
 *     if (r >= 0)
 *         r = archive_output_finish(&output, &err);
 */
#pragma once

#include <errno.h>

#include "base/opts.h"

struct cli;
struct error;

struct archive_output {
    struct cli *cli; /* NULL: not open */
    int fd;
    int owned_fd;          /* -EBADF: standard output */
    char *path;            /* the file that is to be, or NULL */
    const char *temporary; /* its name until then; lives in cli's arena */
};

#define ARCHIVE_OUTPUT_INIT              \
    {                                    \
        .fd = -EBADF, .owned_fd = -EBADF \
    }

/* The option alone, for commands that have no other. */
struct archive_output_options {
    const char *output;
};
extern const struct opt archive_output_opts[];

/* Its row in a table of options. */
#define ARCHIVE_OUTPUT_ROW(options)                                          \
    {                                                                        \
        .name = "output", .letter = 'o', .type = &opt_string, .arg = "FILE", \
        .offset = offsetof(struct options, output),                          \
        .help = "Write to a file instead of standard output"                 \
    }

/* `path` NULL: standard output, unless that is a terminal. From here to the release an interrupt ends the work of
 * the engine instead of the process. */
int archive_output_open(
        struct archive_output *output, struct cli *cli, const char *path, struct error **err);

/* The archive is whole: gives it its name. */
int archive_output_finish(struct archive_output *output, struct error **err);

void archive_output_release(struct archive_output *output);
