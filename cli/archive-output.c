#include "cli/archive-output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "cli/cli.h"

const struct opt archive_output_opts[] = {
    ARCHIVE_OUTPUT_ROW(archive_output_options),
    OPT_END,
};

static int open_temporary(struct archive_output *output, const char *path, struct error **err)
{
    const char *temporary = arena_printf(
            &output->cli->arena, "%s.berth-%d", output->path, (int)getpid());

    output->owned_fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (output->owned_fd < 0)
        return error_set(err, errno, NULL, "cannot create \"%s\"", path);
    output->temporary = temporary;
    return 0;
}

static int open_in_place(struct archive_output *output, const char *path, struct error **err)
{
    output->owned_fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return output->owned_fd < 0 ? error_set(err, errno, NULL, "cannot open \"%s\"", path) : 0;
}

int archive_output_open(
        struct archive_output *output, struct cli *cli, const char *path, struct error **err)
{
    struct stat status;
    int r = 0;

    if (!path && isatty(STDOUT_FILENO))
        return error_set_plain(err, ENOTTY, NULL,
                "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    output->cli = cli;
    cli_interrupt_begin(cli);
    if (!path) {
        output->fd = STDOUT_FILENO;
        return 0;
    }
    bool exists = stat(path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) {
        r = open_in_place(output, path, err);
    } else {
        output->path = exists ? realpath(path, NULL) : mem_strdup(path);
        r = output->path ? open_temporary(output, path, err)
                         : error_set(err, errno, NULL, "cannot find \"%s\"", path);
    }
    output->fd = output->owned_fd;
    return r;
}

int archive_output_finish(struct archive_output *output, struct error **err)
{
    if (!output->temporary)
        return 0;
    if (rename(output->temporary, output->path) < 0)
        return error_set(err, errno, NULL, "cannot create \"%s\"", output->path);
    output->temporary = NULL;
    return 0;
}

void archive_output_release(struct archive_output *output)
{
    if (output->temporary)
        (void)unlink(output->temporary);
    free(output->path);
    fd_close(output->owned_fd);
    if (output->cli)
        cli_interrupt_end(output->cli);
    *output = (struct archive_output)ARCHIVE_OUTPUT_INIT;
}
