/* berth doctor: what this machine lacks for containers of root, of ordinary users, and at boot. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/list.h"
#include "cli/report.h"
#include "engine/machine/machine.h"

#define NAME_WIDTH 19
#define STATUS_WIDTH 8

struct doctor_options {
    struct strings uses;
    const char *user;
    const char *format;
};
static const struct opt doctor_opts[] = {
    { .name = "for",
            .type = &opt_list,
            .arg = "USE",
            .offset = offsetof(struct doctor_options, uses),
            .help = "Only what this use needs: root, rootless or boot" },
    { .name = "user",
            .letter = 'u',
            .type = &opt_string,
            .arg = "NAME",
            .offset = offsetof(struct doctor_options, user),
            .help = "Whose rootless use to look at (default: the caller's, or who called sudo)" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            .offset = offsetof(struct doctor_options, format),
            .help = "table, json or a Go template" },
    OPT_END,
};

static const struct list_column columns[] = {
    { "CHECK", "Name" },
    { "USE", "Use" },
    { "STATUS", "Status" },
    { "FOUND", "Found" },
    { "REMEDY", "Remedy" },
    { NULL, NULL },
};

static bool has_library(const char *name)
{
    void *handle = dlopen(name, RTLD_LAZY | RTLD_LOCAL);

    if (!handle)
        return false;
    dlclose(handle);
    return true;
}

/* Which uses were asked for; all without --for. */
static int choose_uses(const struct doctor_options *options, bool *uses, struct error **err)
{
    for (int use = 0; use < MACHINE_USE_MAX_; use++)
        uses[use] = options->uses.len == 0;
    for (size_t i = 0; i < options->uses.len; i++) {
        int use = parse_name(str_from(options->uses.items[i]), machine_use_names, MACHINE_USE_MAX_);

        if (use < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "invalid value \"%s\" for --for: expected root, rootless or boot",
                    options->uses.items[i]);
        uses[use] = true;
    }
    return 0;
}

static int find_user(struct cli *cli, const struct doctor_options *options,
        struct machine_options *machine, struct error **err)
{
    const char *name = options->user   ? options->user
                       : getuid() == 0 ? cli_env(cli, "SUDO_USER")
                                       : NULL;
    const struct passwd *entry = name ? getpwnam(name) : getpwuid(getuid());

    if (options->user && !entry)
        return error_set_plain(err, ENOENT, NULL, "no user \"%s\"", options->user);
    machine->uid = entry ? entry->pw_uid : getuid();
    machine->user = entry ? arena_strdup(&cli->arena, entry->pw_name) : NULL;
    machine->runtime_dir = machine->uid == getuid()
                                   ? cli_env(cli, "XDG_RUNTIME_DIR")
                                   : arena_printf(&cli->arena, "/run/user/%u", machine->uid);
    return 0;
}

static void print_text(struct cli *cli, const struct machine_report *report, const bool *uses)
{
    static const char *const titles[MACHINE_USE_MAX_] = {
        [MACHINE_USE_ROOT] = "Containers of root",
        [MACHINE_USE_ROOTLESS] = "Containers of an ordinary user",
        [MACHINE_USE_BOOT] = "Containers that start at boot",
    };
    static const char *const colours[MACHINE_STATUS_MAX_] = {
        [MACHINE_OK] = "\033[32m",
        [MACHINE_NOTE] = "\033[36m",
        [MACHINE_UNKNOWN] = "\033[36m",
        [MACHINE_WARNING] = "\033[33m",
        [MACHINE_FAILURE] = "\033[31m",
    };
    int last = -1;

    ARRAY_FOREACH(report, finding) {
        if (!uses[finding->use])
            continue;
        if ((int)finding->use != last)
            cli_print(cli, "%s%s\n", last < 0 ? "" : "\n", titles[finding->use]);
        last = (int)finding->use;
        cli_print(cli, "  %s%-*s%s%-*s%s\n", cli->colour_out ? colours[finding->status] : "",
                STATUS_WIDTH + 1, machine_status_names[finding->status],
                cli->colour_out ? "\033[0m" : "", NAME_WIDTH, finding->name, finding->found);
        if (finding->remedy)
            cli_print(cli, "  %*s%*sfix: %s\n", STATUS_WIDTH + 1, "", NAME_WIDTH, "",
                    finding->remedy);
    }
}

static json_t *rows_of(const struct machine_report *report, const bool *uses)
{
    json_t *rows = json_array();

    ARRAY_FOREACH(report, finding)
        if (uses[finding->use])
            json_array_append_new(
                    rows, json_pack("{s:s,s:s,s:s,s:o,s:o}", "Name", finding->name, "Use",
                                  machine_use_names[finding->use], "Status",
                                  machine_status_names[finding->status], "Found",
                                  jsonx_text(finding->found), "Remedy",
                                  jsonx_text(finding->remedy ? finding->remedy : "")));
    return rows;
}

static int run_doctor(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct doctor_options *options = data;
    auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_error struct error *err = NULL;
    struct machine_options machine = {
        .root_fd = root,
        .search_path = cli_env(cli, "PATH"),
        .state_dir = cli->root_dir,
        .has_library = has_library,
    };
    struct machine_report report;
    bool uses[MACHINE_USE_MAX_];
    int status = cli_check_arguments(cli, &command_doctor, argc, 0, 0);

    (void)argv;
    if (status)
        return status;
    if (choose_uses(options, uses, &err) < 0 || find_user(cli, options, &machine, &err) < 0)
        return report_error(cli, err);
    machine_check(&cli->arena, &machine, &report);

    if (string_is_empty(options->format)) {
        print_text(cli, &report, uses);
    } else {
        auto_json json_t *rows = rows_of(&report, uses);
        struct list_format format = { .format = options->format,
            .columns = columns,
            .default_columns = ARRAY_LEN(columns) - 1,
            .json_array = true };

        if (list_print(cli, &format, rows, &err) < 0)
            return report_error(cli, err);
    }
    /* Without --for the caller's own use of the engine is what counts. */
    bool asked = options->uses.len > 0;
    enum machine_use own = getuid() == 0 ? MACHINE_USE_ROOT : MACHINE_USE_ROOTLESS;
    for (int use = 0; use < MACHINE_USE_MAX_; use++)
        if ((asked ? uses[use] : use == (int)own) && machine_worst(&report, use) == MACHINE_FAILURE)
            return EXIT_STATUS_FAILURE;
    return 0;
}

const struct command command_doctor = {
    .name = "doctor",
    .usage = "[OPTIONS]",
    .summary = "Show what this machine lacks, and what mends it",
    .details =
            "Exit status 1 when a check of a use named by --for fails; without --for, when one fails "
            "that the caller's own containers need. Nothing is changed.",
    .opts = doctor_opts,
    .options_bytes = sizeof(struct doctor_options),
    .run = run_doctor,
};
