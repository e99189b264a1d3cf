/* compose run and exec: a further container beside a service's own, a further process in one. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/random.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose-up-words.h"
#include "cli/compose.h"
#include "cli/foreground.h"
#include "cli/report.h"
#include "cli/specs.h"
#include "compose/backend.h"
#include "compose/project.h"
#include "compose/run.h"
#include "engine/container/container.h"

#define SLUG_HEX 12

struct oneoff_options {
    const char *name, *entrypoint, *user, *workdir, *pull;
    struct strings env, env_files, labels, publish, volumes, cap_add, cap_drop;
    bool build, detach, interactive, no_tty, no_deps, quiet, quiet_build, quiet_pull,
            remove_orphans, auto_remove, service_ports, tty, use_aliases;
};
static const struct oneoff_options run_defaults = { .interactive = true, .tty = true };

#define AT(member) .offset = offsetof(struct oneoff_options, member)
static const struct opt run_opts[] = {
    { .name = "build", .type = &opt_flag, AT(build), .help = "Build images first" },
    { .name = "cap-add",
            .type = &opt_list,
            .arg = "CAP",
            AT(cap_add),
            .help = "Grant a capability" },
    { .name = "cap-drop",
            .type = &opt_list,
            .arg = "CAP",
            AT(cap_drop),
            .help = "Remove a capability" },
    { .name = "detach",
            .letter = 'd',
            .type = &opt_flag,
            AT(detach),
            .help = "Run in the background and print the container's id" },
    { .name = "entrypoint",
            .type = &opt_string,
            .arg = "COMMAND",
            AT(entrypoint),
            .help = "Replace the image's entrypoint" },
    { .name = "env",
            .letter = 'e',
            .type = &opt_list,
            .arg = "KEY[=VALUE]",
            AT(env),
            .help = "Set an environment variable" },
    { .name = "env-from-file",
            .type = &opt_list,
            .arg = "FILE",
            AT(env_files),
            .help = "Read environment variables from a file" },
    { .name = "interactive",
            .letter = 'i',
            .type = &opt_flag,
            AT(interactive),
            .help = "Keep standard input open (default true)" },
    { .name = "label",
            .letter = 'l',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(labels),
            .help = "Add or replace a label" },
    { .name = "name",
            .type = &opt_string,
            .arg = "NAME",
            AT(name),
            .help = "Name of the container" },
    { .name = "no-TTY",
            .letter = 'T',
            .type = &opt_flag,
            AT(no_tty),
            .help = "Do not allocate a terminal" },
    { .name = "no-deps", .type = &opt_flag, AT(no_deps), .help = "Leave dependencies alone" },
    { .name = "publish",
            .letter = 'p',
            .type = &opt_list,
            .arg = "[IP:][HOST:]PORT",
            AT(publish),
            .help = "Publish a port" },
    { .name = "pull",
            .type = &opt_string,
            .arg = "POLICY",
            AT(pull),
            .values = values_pull,
            .help = "always, missing or never" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            AT(quiet),
            .help = "Print nothing of its own" },
    { .name = "quiet-build", .type = &opt_flag, AT(quiet_build), .help = "Hide build output" },
    { .name = "quiet-pull", .type = &opt_flag, AT(quiet_pull), .help = "Pull without progress" },
    { .name = "remove-orphans",
            .type = &opt_flag,
            AT(remove_orphans),
            .help = "Remove containers of services that the files no longer have" },
    { .name = "rm",
            .type = &opt_flag,
            AT(auto_remove),
            .help = "Remove the container when it ends" },
    { .name = "service-ports",
            .letter = 'P',
            .type = &opt_flag,
            AT(service_ports),
            .help = "Publish the service's ports" },
    { .name = "tty",
            .letter = 't',
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(tty),
            .help = "Allocate a terminal (default true)" },
    { .name = "use-aliases",
            .type = &opt_flag,
            AT(use_aliases),
            .help = "Give it the service's names in the networks" },
    { .name = "user",
            .letter = 'u',
            .type = &opt_string,
            .arg = "USER[:GROUP]",
            AT(user),
            .help = "User name or uid" },
    { .name = "volume",
            .letter = 'v',
            .type = &opt_list,
            .arg = "[SOURCE:]PATH[:OPTIONS]",
            AT(volumes),
            .help = "Mount a volume or a host path" },
    { .name = "workdir",
            .letter = 'w',
            .type = &opt_string,
            .arg = "PATH",
            AT(workdir),
            .help = "Working directory" },
    OPT_END
};
#undef AT

/* Sets a variable in a copy of the environment (pairs are replaced whole: the service's own stay). */
static void set_pair(struct arena *arena, struct pairs *pairs, const char *key, const char *value)
{
    ARRAY_FOREACH(pairs, pair) {
        if (strcmp(pair->key, key) == 0) {
            pair->value = value;
            return;
        }
    }
    *ARRAY_APPEND_ARENA(arena, pairs) = (struct pair){ .key = key, .value = value };
}

static struct pairs copy_pairs(struct arena *arena, const struct pairs *from)
{
    struct pairs copy = { 0 };

    ARRAY_FOREACH(from, pair)
        *ARRAY_APPEND_ARENA(arena, &copy) = *pair;
    return copy;
}

static int change_environment(struct arena *arena, const struct oneoff_options *o,
        struct service *service, struct error **err)
{
    struct strings env = { 0 };
    int r = 0;

    for (size_t i = 0; i < o->env_files.len && r >= 0; i++)
        r = spec_read_env_file(arena, o->env_files.items[i], &env, err);
    if (r >= 0)
        r = spec_add_env(arena, &o->env, &env, err);
    service->environment = copy_pairs(arena, &service->environment);
    for (size_t i = 0; i < env.len && r >= 0; i++) {
        const char *eq = strchr(env.items[i], '=');

        set_pair(arena, &service->environment,
                arena_strndup(arena, env.items[i], (size_t)(eq - env.items[i])), eq + 1);
    }
    return r;
}

static int change_ports(struct arena *arena, const struct oneoff_options *o,
        struct service *service, struct error **err)
{
    struct service_ports ports = { 0 };
    int r = 0;

    if (o->service_ports)
        ARRAY_FOREACH(&service->ports, port)
            *ARRAY_APPEND_ARENA(arena, &ports) = *port;
    for (size_t i = 0; i < o->publish.len && r >= 0; i++) {
        struct container_ports given = { 0 };

        r = spec_parse_publish(arena, o->publish.items[i], &given, err);
        ARRAY_FOREACH(&given, port) {
            const char *published = port->host_port_last
                                            ? arena_printf(arena, "%u-%u", port->host_port,
                                                      port->host_port_last)
                                    : port->host_port ? arena_printf(arena, "%u", port->host_port)
                                                      : NULL;

            *ARRAY_APPEND_ARENA(arena, &ports) = (struct service_port){ .mode = "ingress",
                .host_ip = port->host_ip,
                .target = { true, port->container_port },
                .published = published,
                .protocol = port->protocol };
        }
    }
    service->ports = ports;
    return r;
}

static int change_volumes(struct arena *arena, const struct oneoff_options *o,
        struct service *service, struct error **err)
{
    struct service_volumes volumes = { 0 };
    char cwd[PATH_MAX];
    int r = 0;

    if (!getcwd(cwd, sizeof(cwd)))
        return error_set(err, errno, NULL, "cannot tell the current directory");
    ARRAY_FOREACH(&service->volumes, volume)
        *ARRAY_APPEND_ARENA(arena, &volumes) = *volume;
    for (size_t i = 0; i < o->volumes.len && r >= 0; i++) {
        struct container_mount mount;
        struct service_volume *volume = NULL;

        r = spec_parse_volume(arena, cwd, o->volumes.items[i], &mount, err);
        if (r >= 0 && (mount.overlay || mount.chown || mount.options || mount.non_recursive))
            r = error_set_plain(err, EOPNOTSUPP, NULL,
                    "an option of volume \"%s\" is not supported for a service",
                    o->volumes.items[i]);
        if (r < 0)
            break;
        for (size_t k = 0; k < volumes.len; k++) /* one at the same place is replaced */
            if (strcmp(volumes.items[k].target, mount.target) == 0)
                volume = &volumes.items[k];
        if (!volume)
            volume = ARRAY_APPEND_ARENA(arena, &volumes);
        *volume = (struct service_volume){
            .type = mount.type == CONTAINER_MOUNT_BIND ? MOUNT_BIND : MOUNT_VOLUME,
            .source = mount.source,
            .target = mount.target,
            .read_only = mount.read_only ? OPTION_TRUE : OPTION_UNSET
        };
        volume->bind.propagation = mount.propagation;
        volume->volume.nocopy = mount.no_copy ? OPTION_TRUE : OPTION_UNSET;
    }
    service->volumes = volumes;
    return r;
}

static struct strings join_lists(
        struct arena *arena, const struct strings *a, const struct strings *b)
{
    struct strings all = { 0 };

    for (size_t i = 0; i < a->len; i++)
        *ARRAY_APPEND_ARENA(arena, &all) = a->items[i];
    for (size_t i = 0; i < b->len; i++)
        *ARRAY_APPEND_ARENA(arena, &all) = b->items[i];
    return all;
}

/* The service as this one container shall be: a changed copy. */
static int change_service(struct compose *compose, const struct oneoff_options *o,
        struct service *service, bool tty, int argc, char **argv, struct error **err)
{
    struct arena *arena = &compose->arena;

    if (argc > 0) {
        service->command = (struct argv){ .given = true };
        for (int i = 0; i < argc; i++)
            *ARRAY_APPEND_ARENA(arena, &service->command) = argv[i];
    }
    if (o->entrypoint) {
        struct str rest = str_from(o->entrypoint), piece;

        service->entrypoint = (struct argv){ .given = true };
        while (str_split_next(&rest, ' ', &piece))
            if (piece.len)
                *ARRAY_APPEND_ARENA(arena, &service->entrypoint) = arena_strndup(
                        arena, piece.data, piece.len);
        if (argc == 0) /* the service's command belongs to its entrypoint */
            service->command = (struct argv){ .given = true };
    }
    if (o->user)
        service->user = o->user;
    if (o->workdir)
        service->working_dir = o->workdir;
    service->container_name = NULL;
    service->tty = tty ? OPTION_TRUE : OPTION_FALSE;
    service->stdin_open = o->interactive ? OPTION_TRUE : OPTION_FALSE;
    service->cap_add = join_lists(arena, &service->cap_add, &o->cap_add);
    service->cap_drop = join_lists(arena, &service->cap_drop, &o->cap_drop);
    int r = change_environment(arena, o, service, err);
    if (r >= 0)
        r = change_ports(arena, o, service, err);
    if (r >= 0)
        r = change_volumes(arena, o, service, err);
    return r;
}

static int plan_oneoff(struct compose *compose, const struct oneoff_options *o,
        struct service *service, struct plan **ret, struct diag *diag, struct error **err)
{
    struct plan_input input = compose_plan_input(compose);
    char slug[RANDOM_ID_HEX + 1];
    struct plan_run_options how = {
        .up = { .command = "run",
                .build = o->build,
                .no_deps = o->no_deps,
                .remove_orphans = o->remove_orphans,
                .quiet_pull = o->quiet_pull || o->quiet,
                .quiet_build = o->quiet_build || o->quiet,
                .pull_policy = o->pull,
                .timeout_usec = BACKEND_TIMEOUT_DEFAULT },
        .service = service,
        .name = o->name,
        .auto_remove = o->auto_remove,
        .service_ports = service->ports.len > 0,
        .use_aliases = o->use_aliases,
        .start = o->detach,
    };
    struct container_pairs labels = { 0 };
    int r = 0;

    random_id(slug);
    slug[SLUG_HEX] = '\0';
    how.slug = arena_strdup(&compose->arena, slug);
    strmap_init_arena(&how.up.scale, &compose->arena);
    strmap_init_arena(&how.labels, &compose->arena);
    for (size_t i = 0; i < o->labels.len && r >= 0; i++)
        if (!strchr(o->labels.items[i], '='))
            r = error_set_plain(
                    err, EINVAL, NULL, "label \"%s\" must be set as KEY=VALUE", o->labels.items[i]);
    for (size_t i = 0; i < o->labels.len && r >= 0; i++)
        r = spec_parse_pair(&compose->arena, "label", o->labels.items[i], &labels, err);
    ARRAY_FOREACH(&labels, label)
        strmap_set(&how.labels, label->key, (void *)label->value);
    return r < 0 ? r : plan_run(&input, &how, ret, diag, err);
}

/* Dependencies and the container are there; now it runs in the foreground, or ran in the background. */
static int run_oneoff(struct compose *compose, const struct oneoff_options *o, struct plan *plan)
{
    struct cli *cli = compose->cli;
    struct run_result result = { 0 };
    int status = compose_run_plan(
            compose, plan, &(struct compose_run_options){ .quiet = o->quiet }, &result);
    const char *id = plan->oneoff && result.ids ? result.ids[plan->oneoff->index] : NULL;

    id = id ? arena_strdup(&compose->arena, id) : NULL;
    run_result_release(&result);
    if (status || !id) {
        if (id && o->auto_remove)
            container_remove(cli->engine, id,
                    &(struct container_remove_options){ .force = true, .volumes = true }, NULL);
        return status ? status : EXIT_STATUS_FAILURE;
    }
    if (o->detach) {
        cli_print(cli, "%s\n", id);
        return 0;
    }
    return foreground_start(cli, id,
            &(struct foreground_options){ .interactive = o->interactive, .signal_proxy = true });
}

static int run_run(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct oneoff_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct service changed;
    bool tty = !o->no_tty && o->tty && !o->detach && isatty(STDIN_FILENO) && cli->out_is_terminal;
    int status = cli_check_arguments(cli, &command_compose_run, argc, 1, -1);

    if (status == 0)
        status = up_words_check_pull(cli, o->pull);
    if (status == 0 && o->service_ports && o->publish.len)
        status = report_failure(cli, "--service-ports and --publish are incompatible");
    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_PROJECT, 1, argv, &compose);
    if (status == 0)
        status = compose_check_supported(compose);
    if (status == 0)
        status = compose_lock(compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    struct service *service = project_find_service(compose->project, argv[0]);
    if (!service) {
        const char *nearest = project_nearest_service(compose->project, argv[0]);

        error_set_plain(&err, ENOENT, NULL, "no such service: %s", argv[0]);
        if (nearest)
            error_hint(&err, "did you mean \"%s\"?", nearest);
        return report_error(cli, err);
    }
    changed = *service;
    int r = change_service(compose, o, &changed, tty, argc - 1, argv + 1, &err);
    if (r >= 0)
        r = plan_oneoff(compose, o, &changed, &plan, &diag, &err);
    if (r < 0 || compose->options->dry_run)
        return compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
    report_diag(cli, &diag);
    return run_oneoff(compose, o, plan);
}

const struct command command_compose_run = {
    .name = "run",
    .usage = "[OPTIONS] SERVICE [COMMAND] [ARG...]",
    .summary = "Run a one-off container of a service",
    .details =
            "The exit status is that of the process; 126 when the command cannot be executed, 127 when it is "
            "not found, 128+N when signal N killed it.",
    .opts = run_opts,
    .options_bytes = sizeof(struct oneoff_options),
    .defaults = &run_defaults,
    .run = run_run,
    .stop_at_first_argument = true,
};

/* ------------------------------------------------------------------ exec */

struct exec_options {
    int64_t index;
    const char *user, *workdir;
    struct strings env;
    bool detach, interactive, no_tty, privileged, tty;
};
static const struct exec_options exec_defaults = { .interactive = true, .tty = true };
#define AT(member) .offset = offsetof(struct exec_options, member)
static const struct opt exec_opts[] = { { .name = "detach",
                                                .letter = 'd',
                                                .type = &opt_flag,
                                                AT(detach),
                                                .help = "Run in the background" },
    { .name = "env",
            .letter = 'e',
            .type = &opt_list,
            .arg = "KEY[=VALUE]",
            AT(env),
            .help = "Set an environment variable" },
    { .name = "index",
            .type = &opt_int,
            .arg = "N",
            AT(index),
            .help = "Which container of the service, from 1" },
    { .name = "interactive",
            .letter = 'i',
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(interactive),
            .help = "Keep standard input open (default true)" },
    { .name = "no-tty",
            .letter = 'T',
            .type = &opt_flag,
            AT(no_tty),
            .help = "Do not allocate a terminal" },
    { .name = "privileged",
            .type = &opt_flag,
            AT(privileged),
            .help = "Give the process all rights of berth" },
    { .name = "tty",
            .letter = 't',
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(tty),
            .help = "Allocate a terminal (default true)" },
    { .name = "user",
            .letter = 'u',
            .type = &opt_string,
            .arg = "USER[:GROUP]",
            AT(user),
            .help = "User name or uid" },
    { .name = "workdir",
            .letter = 'w',
            .type = &opt_string,
            .arg = "PATH",
            AT(workdir),
            .help = "Working directory" },
    OPT_END };
#undef AT

static int run_exec(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct exec_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_error struct error *err = NULL;
    const struct observed_container *container;
    struct strings env = { 0 };
    int status = cli_check_arguments(cli, &command_compose_exec, argc, 2, -1);

    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_NAME, 1, argv, &compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        status = compose_container(compose, argv[0], o->index, &container);
    if (status)
        return status;
    if (!observed_container_is_active(container))
        return report_failure(cli, "service \"%s\" is not running", argv[0]);
    if (compose->options->dry_run) {
        cli_print(cli, "exec      Container %s\nrun %s in 1 container\n", container->name, argv[1]);
        return 0;
    }
    if (spec_add_env(&compose->arena, &o->env, &env, &err) < 0)
        return report_error(cli, err);
    bool tty = !o->no_tty && o->tty && !o->detach && isatty(STDIN_FILENO) && cli->out_is_terminal;
    struct container_exec_options exec = {
        .argv = argv + 1,
        .env = spec_vector(&compose->arena, &env),
        .user = o->user,
        .working_dir = o->workdir,
        .tty = tty,
        .interactive = o->interactive,
        .privileged = o->privileged,
        .detach = o->detach,
        .attach = { .forward_signals = !tty },
    };
    return foreground_exec(cli, container->id, &exec);
}

const struct command command_compose_exec = {
    .name = "exec",
    .usage = "[OPTIONS] SERVICE COMMAND [ARG...]",
    .summary = "Run a further process in a running container",
    .details =
            "The exit status is that of the process; 126 when the command cannot be executed, 127 when it is "
            "not found, 128+N when signal N killed it.",
    .opts = exec_opts,
    .options_bytes = sizeof(struct exec_options),
    .defaults = &exec_defaults,
    .run = run_exec,
    .stop_at_first_argument = true,
};
