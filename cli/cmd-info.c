/* version and info. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/report.h"
#include "cli/version.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "engine/runtime/lsm.h"

#define CGROUP2_MAGIC 0x63677270
#define OS_RELEASE_MAX_BYTES 65536

struct version_options {
    const char *format;
};
static const struct opt version_opts[] = { { .name = "format",
                                                   .letter = 'f',
                                                   .type = &opt_string,
                                                   .arg = "FORMAT",
                                                   .offset = offsetof(
                                                           struct version_options, format),
                                                   .values = values_json,
                                                   .help = "json or a Go template" },
    OPT_END };

static int run_version(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct version_options *options = data;
    auto_error struct error *err = NULL;
    struct utsname system;
    int status = cli_check_arguments(cli, &command_version, argc, 0, 0);

    (void)argv;
    if (status)
        return status;
    if (!options->format) {
        cli_print(cli, "berth version %s\n", BERTH_VERSION);
        return 0;
    }
    uname(&system);
    struct image_platform platform = image_platform_host();
    auto_json json_t *part = json_pack("{s:s,s:s,s:s,s:s}", "Version", BERTH_VERSION, "Os",
            platform.os, "Arch", platform.architecture, "KernelVersion", system.release);
    auto_json json_t *rows = json_pack("[{s:O,s:O}]", "Client", part, "Server", part);
    return list_print_inspect(cli, options->format, rows, NULL, &err) < 0 ? report_error(cli, err)
                                                                          : 0;
}

const struct command command_version = {
    .name = "version",
    .usage = "[OPTIONS]",
    .summary = "Show the version",
    .opts = version_opts,
    .options_bytes = sizeof(struct version_options),
    .run = run_version,
};

static int count_objects(struct cli *cli, struct engine *engine, json_t *info, struct error **err)
{
    struct container_filter filter = { .all = true };
    struct containers containers = { 0 };
    auto_(image_list_release) struct image_list images = { 0 };
    size_t running = 0, paused = 0;
    int r = container_list(engine, &cli->arena, &filter, &containers, err);

    if (r >= 0)
        r = image_list(engine, &(struct image_list_options){ 0 }, &images, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < containers.len; i++) {
        running += containers.items[i]->state.status == CONTAINER_RUNNING;
        paused += containers.items[i]->state.status == CONTAINER_PAUSED;
    }
    json_object_set_new(info, "Containers", json_integer((json_int_t)containers.len));
    json_object_set_new(info, "ContainersRunning", json_integer((json_int_t)running));
    json_object_set_new(info, "ContainersPaused", json_integer((json_int_t)paused));
    json_object_set_new(info, "ContainersStopped",
            json_integer((json_int_t)(containers.len - running - paused)));
    json_object_set_new(info, "Images", json_integer((json_int_t)images.len));
    return 0;
}

/* PRETTY_NAME of /etc/os-release; "Linux" when there is none. */
static const char *operating_system(struct arena *arena)
{
    auto_free char *text = NULL;
    struct str rest, line;
    size_t len;

    if (fs_read_file(AT_FDCWD, "/etc/os-release", OS_RELEASE_MAX_BYTES, &text, &len, NULL) < 0)
        return "Linux";
    rest = (struct str){ text, len };
    while (str_split_next(&rest, '\n', &line)) {
        if (!str_has_prefix(line, "PRETTY_NAME="))
            continue;
        struct str value = { line.data + strlen("PRETTY_NAME="),
            line.len - strlen("PRETTY_NAME=") };

        if (value.len >= 2 && (value.data[0] == '"' || value.data[0] == '\''))
            value = (struct str){ value.data + 1, value.len - 2 };
        return arena_strndup(arena, value.data, value.len);
    }
    return "Linux";
}

static void add_properties(struct cli *cli, json_t *info)
{
    json_t *security = json_pack("[s]", "name=seccomp,profile=builtin");

    if (lsm_has_apparmor())
        json_array_insert_new(security, 0, json_string("name=apparmor"));
    if (geteuid() != 0)
        json_array_append_new(security, json_string("name=rootless"));
    json_object_set_new(info, "SecurityOptions", security);
    json_object_set_new(info, "OperatingSystem", jsonx_text(operating_system(&cli->arena)));
    json_object_set_new(info, "DefaultRuntime", json_string("berth"));
    json_object_set_new(info, "Swarm", json_pack("{s:s}", "LocalNodeState", "inactive"));
}

static int run_info(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct version_options *options = data;
    auto_error struct error *err = NULL;
    auto_json json_t *info = json_object();
    struct utsname system;
    struct sysinfo memory;
    struct statfs cgroups;
    int status = cli_check_arguments(cli, &command_info, argc, 0, 0);

    (void)argv;
    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || count_objects(cli, engine, info, &err) < 0)
        return report_error(cli, err);
    uname(&system);
    sysinfo(&memory);
    bool v2 = statfs("/sys/fs/cgroup", &cgroups) == 0 && cgroups.f_type == CGROUP2_MAGIC;
    uint64_t bytes = (uint64_t)memory.totalram * memory.mem_unit;
    json_object_set_new(info, "ServerVersion", json_string(BERTH_VERSION));
    json_object_set_new(info, "Driver", json_string("overlayfs"));
    json_object_set_new(info, "LoggingDriver", json_string("json-file"));
    json_object_set_new(info, "CgroupVersion", json_string(v2 ? "2" : "1"));
    json_object_set_new(info, "CgroupDriver", json_string("cgroupfs"));
    json_object_set_new(info, "KernelVersion", json_string(system.release));
    json_object_set_new(info, "OSType", json_string("linux"));
    json_object_set_new(info, "Architecture", json_string(system.machine));
    json_object_set_new(info, "NCPU", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    json_object_set_new(info, "MemTotal", json_integer((json_int_t)bytes));
    json_object_set_new(info, "Name", json_string(system.nodename));
    json_object_set_new(info, "DockerRootDir", json_string(cli->root_dir));
    add_properties(cli, info);
    json_object_set_new(info, "RunDir", json_string(cli->run_dir));
    json_object_set_new(info, "LibexecDir", json_string(cli->libexec_dir));
    if (options->format) {
        auto_json json_t *rows = json_pack("[O]", info);

        return list_print_inspect(cli, options->format, rows, NULL, &err) < 0
                       ? report_error(cli, err)
                       : 0;
    }
    cli_print(cli,
            "Containers: %lld\n Running: %lld\n Paused: %lld\n Stopped: %lld\nImages: %lld\n",
            (long long)jsonx_int(info, "Containers", 0),
            (long long)jsonx_int(info, "ContainersRunning", 0),
            (long long)jsonx_int(info, "ContainersPaused", 0),
            (long long)jsonx_int(info, "ContainersStopped", 0),
            (long long)jsonx_int(info, "Images", 0));
    cli_print(cli,
            "Version: %s\nStorage Driver: overlayfs\nLogging Driver: json-file\nCgroup Version: %s\n"
            "Kernel Version: %s\nArchitecture: %s\nCPUs: %lld\nTotal Memory: %s\nName: %s\n"
            "Root Dir: %s\nRun Dir: %s\nLibexec Dir: %s\n",
            BERTH_VERSION, v2 ? "2" : "1", system.release, system.machine,
            (long long)jsonx_int(info, "NCPU", 0), format_size_binary(&cli->arena, bytes),
            system.nodename, cli->root_dir, cli->run_dir, cli->libexec_dir);
    return 0;
}

const struct command command_info = {
    .name = "info",
    .usage = "[OPTIONS]",
    .summary = "Show where things are and how many there are",
    .opts = version_opts,
    .options_bytes = sizeof(struct version_options),
    .run = run_info,
};
