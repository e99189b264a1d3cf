/* quadlet convert: a quadlet of a `docker run` or `podman run` command line, or of a container that there is. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/cmd-quadlet-internal.h"
#include "cli/quadlet-inspect.h"
#include "cli/report.h"
#include "quadlet/from-command.h"
#include "quadlet/quadlet.h"

struct convert_options {
    const char *name, *output, *container;
    struct strings wanted_by;
};
#define AT(member) .offset = offsetof(struct convert_options, member)
static const struct opt convert_opts[] = {
    { .name = "container",
            .letter = 'c',
            .type = &opt_string,
            .arg = "CONTAINER",
            AT(container),
            .help = "From this container of berth" },
    { .name = "name",
            .letter = 'n',
            .type = &opt_string,
            .arg = "NAME",
            AT(name),
            .help = "Name of the unit" },
    { .name = "output",
            .letter = 'o',
            .type = &opt_string,
            .arg = "DIR",
            AT(output),
            .help = "Write DIR/NAME.container instead of printing it" },
    { .name = "wanted-by",
            .type = &opt_list,
            .arg = "UNIT",
            AT(wanted_by),
            .help = "Start with this unit, such as multi-user.target" },
    OPT_END,
};
#undef AT

static int make(struct cli *cli, const struct convert_options *options, int argc, char **argv,
        struct quadlet_set *set, struct quadlet **ret, struct diag *diag, struct error **err)
{
    struct strings words = { argv, (size_t)argc, (size_t)argc };

    if (options->container)
        return quadlet_from_container(cli, set, options->container, options->name, ret, diag, err);
    return quadlet_from_command(set, &words, options->name, ret, diag, err);
}

static int run_convert(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct convert_options *options = data;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    struct quadlet_set set;
    struct quadlet *quadlet;

    if (options->container ? argc > 0 : argc == 0)
        return report_failure(cli, "\"%s\" requires a command line, or --container", cli->command);
    quadlet_set_init(&set, &cli->arena);
    if (make(cli, options, argc, argv, &set, &quadlet, &diag, &err) < 0)
        return report_error(cli, err);
    ARRAY_FOREACH(&options->wanted_by, unit)
        unitfile_add(&quadlet->unit, "Install", "WantedBy", *unit);
    unitfile_write(&quadlet->unit, &text);
    (void)report_diag(cli, &diag);
    if (!options->output) {
        cli_print_text(cli, text.data, text.len);
        return 0;
    }
    const char *path = arena_printf(&cli->arena, "%s/%s", options->output, quadlet->name);
    if (fs_replace_file(AT_FDCWD, path, text.data, text.len, 0644, FS_SYNC, &err) < 0)
        return report_error(cli, err);
    cli_print(cli, "%s\n", path);
    return 0;
}

const struct command command_quadlet_convert = {
    .name = "convert",
    .usage = "[OPTIONS] docker|podman run ARG...",
    .summary = "Make a quadlet of a command line or a container",
    .details =
            "Options that no key stands for are kept in PodmanArgs=; what a unit decides, such as --rm and "
            "-d, is left out.",
    .opts = convert_opts,
    .options_bytes = sizeof(struct convert_options),
    .run = run_convert,
    .stop_at_first_argument = true,
};
