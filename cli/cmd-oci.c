/* `berth oci`: executes the program berth-oci (oci.h), from a read-only mount where that can be had,
 * so that it need not do that itself. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "engine/runtime/protect.h"

int oci_execute(const char *libexec_dir, int argc, char **argv)
{
    struct arena arena = ARENA_INIT;
    char **words = ARENA_NEW_ARRAY(&arena, (size_t)argc + 2, char *);
    char *path = arena_printf(&arena, "%s/berth-oci", libexec_dir);
    auto_close int fd = protect_open_readonly(path);
    char fd_path[FS_FD_PATH_MAX];

    words[0] = path;
    for (int i = 0; i < argc; i++)
        words[i + 1] = argv[i];
    signal(SIGPIPE, SIG_DFL);
    if (fd >= 0)
        execve(fs_fd_path(fd, fd_path), words, environ);
    execve(path, words, environ);
    int r = -errno;
    arena_release(&arena);
    return r;
}

static int run_oci(struct cli *cli, const void *options, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    int r = oci_execute(cli->libexec_dir, argc, argv);

    (void)options;
    error_set(&err, r, NULL, "cannot execute %s/berth-oci", cli->libexec_dir);
    return report_error(cli, err);
}

const struct command command_oci = {
    .name = "oci",
    .usage = "[OPTIONS] COMMAND",
    .summary = "Run containers by the OCI runtime specification, for other engines",
    .run = run_oci,
    .details = "berth oci --help lists the commands and the options before them.",
    .stop_at_first_argument = true,
};
