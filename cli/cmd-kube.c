/* kube play, kube down: Kubernetes YAML as pods, with Podman's words. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/secret.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/kube.h"
#include "cli/report.h"
#include "compose/document.h"
#include "engine/container/secret-store.h"
#include "kube/read.h"

#define SECCOMP_ROOT "/var/lib/kubelet/seccomp"

static const struct kube_play_options play_defaults = {
    .start = true,
    .seccomp_root = SECCOMP_ROOT,
};

static const char *const kube_propagation_words[] = { "all", "any", "none", NULL };

#define AT(member) .offset = offsetof(struct kube_play_options, member)
#define REFUSED(option, type_)                                                     \
    {                                                                              \
        .name = (option), .type = &(type_), .flags = OPT_UNSUPPORTED | OPT_HIDDEN, \
        AT(unsupported), .help = "Not supported"                                   \
    }
static const struct opt play_opts[] = {
    { .name = "annotation",
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(annotations),
            .help = "Annotation of all pods, stronger than the files'" },
    { .name = "configmap",
            .type = &opt_list,
            .arg = "FILE",
            AT(config_maps),
            .help = "Read further config maps from a file" },
    { .name = "down", .type = &opt_flag, .flags = OPT_HIDDEN, AT(down), .help = "As kube down" },
    { .name = "force", .type = &opt_flag, AT(force), .help = "With --down: remove volumes, too" },
    { .name = "ip",
            .type = &opt_list,
            .arg = "ADDRESS",
            AT(ips),
            .help = "Address of the pod; one for each pod" },
    { .name = "log-driver",
            .type = &opt_string,
            .arg = "DRIVER",
            AT(log_driver),
            .help = "json-file, local, journald or none" },
    { .name = "log-opt",
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(log_opts),
            .help = "Option of the log driver" },
    { .name = "mac-address",
            .type = &opt_list,
            .arg = "MAC",
            AT(macs),
            .help = "MAC address of the pod; one for each pod" },
    { .name = "network",
            .type = &opt_list,
            .arg = "NETWORK",
            AT(networks),
            .help = "Connect pods to a network; host, none or container:NAME" },
    { .name = "no-hostname",
            .type = &opt_flag,
            AT(no_hostname),
            .help = "Leave /etc/hostname to the image" },
    { .name = "no-hosts",
            .type = &opt_flag,
            AT(no_hosts),
            .help = "Leave /etc/hosts to the image" },
    { .name = "no-pod-prefix",
            .type = &opt_flag,
            AT(no_pod_prefix),
            .help = "Name containers without the pod's name before theirs" },
    { .name = "publish",
            .type = &opt_list,
            .arg = "[IP:][HOST:]PORT",
            AT(publish),
            .help = "Publish a port" },
    { .name = "publish-all",
            .type = &opt_flag,
            AT(publish_all),
            .help = "Publish each containerPort, not those with a hostPort alone" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            AT(quiet),
            .help = "Pull without progress" },
    { .name = "replace",
            .type = &opt_flag,
            AT(replace),
            .help = "Take the files' pods down first" },
    { .name = "seccomp-profile-root",
            .type = &opt_string,
            .arg = "DIRECTORY",
            AT(seccomp_root),
            .help = "Where localhost profiles of seccomp are (default " SECCOMP_ROOT ")" },
    { .name = "service-container",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(service),
            .help = "Be the main process of a systemd service" },
    { .name = "service-exit-code-propagation",
            .type = &opt_string,
            .arg = "WHEN",
            .flags = OPT_HIDDEN,
            AT(exit_code_propagation),
            .values = kube_propagation_words,
            .help = "Containers whose failure is the service's: none, any or all" },
    { .name = "start", .type = &opt_flag, AT(start), .help = "Start the pods (default true)" },
    { .name = "userns",
            .type = &opt_string,
            .arg = "MODE",
            AT(userns),
            .help = "host: a pod has no user namespace of its own" },
    REGISTRY_FILE_ROWS(struct kube_play_options, registry),
    { .name = "creds",
            .type = &opt_string,
            .arg = "USER[:PASSWORD]",
            AT(registry.creds),
            .help = "Who to be at the registry" },
    { .name = "build",
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(unsupported_flag),
            .help = "Not supported" },
    { .name = "wait",
            .letter = 'w',
            .type = &opt_flag,
            AT(wait),
            .help = "Stay until the pods end or a signal comes, then take everything down" },
    REFUSED("context-dir", opt_list),
    REFUSED("signature-policy", opt_list),
    OPT_END,
};
#undef AT
#undef REFUSED

static const struct command play_command;

/* ---- Reading and planning ---- */

/* The secrets of the store that the files refer to. */
static int read_secrets(struct cli *cli, const struct kube_documents *documents,
        struct kube_plan_options *options, struct error **err)
{
    struct strings names = kube_stored_secrets(&cli->arena, documents);
    struct engine *engine = names.len > 0 ? cli_engine(cli, err) : NULL;

    if (names.len > 0 && !engine)
        return -EPERM;
    ARRAY_FOREACH(&names, name) {
        auto_(secret_release) struct secret data = SECRET_INIT;

        if (secret_read(engine, *name, &data, NULL) < 0)
            continue; /* told where it is used */
        const struct kube_secret *secret = kube_read_secret(&cli->arena, data.data, data.len);
        if (!secret)
            return error_set_plain(err, EINVAL, NULL,
                    "secret %s: only secrets created via the kube yaml file are supported", *name);
        *ARRAY_APPEND_ARENA(
                &cli->arena, &options->secrets) = (struct kube_named_secret){ *name, secret };
    }
    return 0;
}

static void describe_machine(struct cli *cli, struct kube_plan_options *options)
{
    char *hostname = arena_alloc(&cli->arena, LIMIT_HOSTNAME_BYTES + 1);
    struct sysinfo info;

    if (sysinfo(&info) == 0)
        options->memory_bytes = (int64_t)((uint64_t)info.totalram * info.mem_unit);
    options->cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (gethostname(hostname, LIMIT_HOSTNAME_BYTES) < 0)
        *hostname = '\0';
    options->hostname = hostname;
}

static int read_annotations(
        struct cli *cli, const struct strings *texts, struct kube_pairs *ret, struct error **err)
{
    ARRAY_FOREACH(texts, text) {
        const char *equals = strchr(*text, '=');

        if (!equals)
            return error_set_plain(
                    err, EINVAL, NULL, "annotation \"%s\" must include an '=' sign", *text);
        kube_pairs_set(&cli->arena, ret,
                arena_strndup(&cli->arena, *text, (size_t)(equals - *text)), equals + 1);
    }
    return 0;
}

static int read_config_maps(struct cli *cli, const struct strings *paths,
        struct kube_documents *ret, struct diag *diag, struct error **err)
{
    int r = kube_read_files(cli, paths, ret, diag, err);

    ARRAY_FOREACH(ret, document)
        if (r >= 0 && document->kind != KUBE_CONFIG_MAP) {
            diag_add(diag, DIAG_ERROR, NULL, &document->node->at,
                    "invalid YAML kind: ConfigMap is the only kind supported by --configmap");
            r = -EINVAL;
        }
    return r;
}

static int make_plan(struct cli *cli, const struct kube_play_options *o,
        const struct kube_documents *documents, struct kube_plan *ret, struct diag *diag,
        struct error **err)
{
    struct kube_documents config_maps = { 0 };
    struct kube_plan_options options = { .publish_all = o->publish_all,
        .no_pod_prefix = o->no_pod_prefix,
        .seccomp_root = o->seccomp_root,
        .config_maps = &config_maps };
    int r = read_annotations(cli, &o->annotations, &options.annotations, err);

    if (r >= 0)
        r = read_config_maps(cli, &o->config_maps, &config_maps, diag, err);
    if (r >= 0)
        r = read_secrets(cli, documents, &options, err);
    if (r < 0)
        return r;
    describe_machine(cli, &options);
    return kube_plan_make(&cli->arena, documents, &options, ret, diag);
}

/* What was found is told; an error of its own comes last. Exit status. */
static int finish_reading(struct cli *cli, int r, struct diag *diag, struct error *err)
{
    unsigned errors = report_diag(cli, diag);

    if (r < 0 && err)
        return report_error(cli, err);
    return errors ? cli->failure_status : 0;
}

static struct strings words(struct cli *cli, int argc, char **argv)
{
    struct strings list = { 0 };

    for (int i = 0; i < argc; i++)
        *ARRAY_APPEND_ARENA(&cli->arena, &list) = argv[i];
    return list;
}

/* ---- down ---- */

static int read_and_take_down(struct cli *cli, int argc, char **argv, bool force)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    struct kube_down_plan plan = { 0 };
    struct strings paths = words(cli, argc, argv);
    int r = kube_read_down_files(cli, &paths, &plan, &diag, &err);
    int status = finish_reading(cli, r, &diag, err);

    return status ? status : kube_take_down(cli, &plan, force);
}

/* ---- play ---- */

static void print_texts(struct cli *cli, const char *heading, const struct strings *texts)
{
    if (texts->len > 0)
        cli_print(cli, "%s\n", heading);
    ARRAY_FOREACH(texts, text)
        cli_print(cli, "%s\n", *text);
}

static void print_made(struct cli *cli, const struct kube_made *made)
{
    print_texts(cli, "Volumes:", &made->volumes);
    print_texts(cli, "Secrets:", &made->secrets);
    ARRAY_FOREACH(&made->pods, pod) {
        cli_print(cli, "Pod:\n%s\n", pod->id);
        print_texts(cli, pod->containers.len == 1 ? "Container:" : "Containers:", &pod->containers);
        cli_print(cli, "\n");
    }
}

static enum kube_propagation propagation_of(const struct kube_play_options *o)
{
    if (string_is_empty(o->exit_code_propagation))
        return KUBE_PROPAGATE_NONE;
    return (enum kube_propagation)parse_name(
            str_from(o->exit_code_propagation), kube_propagation_names, KUBE_PROPAGATE_MAX_);
}

static int check_play(struct cli *cli, const struct kube_play_options *o)
{
    if (o->force && !o->down)
        return report_failure(cli, "--force may be specified only with --down");
    if (o->service && !o->start)
        return report_failure(cli, "--service-container does not work with --start=false");
    if ((int)propagation_of(o) < 0)
        return report_failure(
                cli, "unsupported exit-code propagation \"%s\"", o->exit_code_propagation);
    return 0;
}

/* Afterwards everything goes, volumes too, as with Podman. */
static int wait_and_take_down(
        struct cli *cli, const struct kube_made *made, const struct kube_down_plan *down)
{
    auto_error struct error *err = NULL;
    int r = atomic_load(&cli->interrupted) ? 0 : kube_wait(cli, made, &err);

    if (r < 0 && !atomic_load(&cli->interrupted))
        return report_error(cli, err);
    cli_interrupt_reset(cli);
    cli_print(cli, "Cleaning up containers, pods, and volumes...\n");
    return kube_take_down(cli, down, true);
}

/* What comes after the start, or after a signal that came before its end. */
static int stay(struct cli *cli, const struct kube_play_options *o, const struct kube_made *made,
        const struct kube_plan *plan, const struct kube_down_plan *down)
{
    (void)fflush(stdout); /* what was made is told before the wait for it */
    if (o->wait)
        return wait_and_take_down(cli, made, down);
    if (atomic_load(&cli->interrupted))
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    return o->service && cli_env(cli, "NOTIFY_SOCKET")
                   ? kube_stay(cli, made, plan, propagation_of(o))
                   : 0;
}

static int play(struct cli *cli, const struct kube_play_options *o, int argc, char **argv)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    struct kube_documents documents = { 0 };
    struct kube_made made = { 0 };
    struct kube_down_plan down = { 0 };
    struct kube_plan plan;
    struct strings paths = words(cli, argc, argv);
    int r = kube_read_files(cli, &paths, &documents, &diag, &err);

    if (r >= 0)
        r = make_plan(cli, o, &documents, &plan, &diag, &err);
    int status = finish_reading(cli, r, &diag, err);
    if (status)
        return status;
    kube_plan_down(&cli->arena, &documents, &down);
    if (o->replace)
        status = kube_take_down(cli, &down, false);
    if (status)
        return status;
    if (o->wait)
        cli_print(cli, "Use ctrl+c to clean up or wait for pods to exit\n");
    cli_interrupt_begin(cli);
    r = kube_play(cli, o, &plan, &made, &err);
    print_made(cli, &made);
    status = r < 0 && !atomic_load(&cli->interrupted) ? report_error(cli, err)
                                                      : stay(cli, o, &made, &plan, &down);
    cli_interrupt_end(cli);
    return status;
}

static int run_play(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct kube_play_options *o = data;
    int status = cli_check_arguments(cli, &play_command, argc, 1, -1);

    if (status == 0)
        status = check_play(cli, o);
    if (status)
        return status;
    return o->down ? read_and_take_down(cli, argc, argv, o->force) : play(cli, o, argc, argv);
}

static const struct command play_command = {
    .name = "play",
    .usage = "[OPTIONS] FILE [FILE...]|-",
    .summary = "Make and start what Kubernetes YAML describes",
    .details =
            "Pods, Deployments, DaemonSets and Jobs become pods; PersistentVolumeClaims volumes, "
            "Secrets secrets; ConfigMaps variables and files. What of the YAML has no effect is "
            "told with its place.",
    .opts = play_opts,
    .options_bytes = sizeof(struct kube_play_options),
    .defaults = &play_defaults,
    .run = run_play,
};

/* ---- The group ---- */

struct down_options {
    bool force;
};
static const struct opt down_opts[] = { { .name = "force",
                                                .type = &opt_flag,
                                                .offset = offsetof(struct down_options, force),
                                                .help = "Remove volumes, too" },
    OPT_END };
static const struct command down_command;

static int run_down(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct down_options *o = data;
    int status = cli_check_arguments(cli, &down_command, argc, 1, -1);

    return status ? status : read_and_take_down(cli, argc, argv, o->force);
}

static const struct command down_command = {
    .name = "down",
    .usage = "[OPTIONS] FILE [FILE...]|-",
    .summary = "Stop and remove the pods that Kubernetes YAML describes",
    .details = "Secrets go with them, volumes only with --force.",
    .opts = down_opts,
    .options_bytes = sizeof(struct down_options),
    .run = run_down,
};

static int run_kube(struct cli *cli, const void *data, int argc, char **argv)
{
    struct command table[] = { down_command, play_command, { 0 } };
    struct command group = command_kube;

    (void)data;
    cli->failure_status = EXIT_STATUS_ENGINE;
    group.subcommands = table;
    return cli_run_subcommand(cli, &group, argc, argv);
}

const struct command command_kube = {
    .name = "kube",
    .usage = "COMMAND",
    .summary = "Play Kubernetes YAML",
    .run = run_kube,
    .stop_at_first_argument = true,
};

/* ---- Podman's older name ---- */

static int run_old(struct cli *cli, const void *data, int argc, char **argv)
{
    struct command table[] = { play_command, { 0 } };
    struct command group = command_play;

    (void)data;
    table[0].name = "kube";
    cli->failure_status = EXIT_STATUS_ENGINE;
    group.subcommands = table;
    return cli_run_subcommand(cli, &group, argc, argv);
}

const struct command command_play = {
    .name = "play",
    .usage = "COMMAND",
    .summary = "play kube: older name of kube play",
    .run = run_old,
    .stop_at_first_argument = true,
    .hidden = true,
};
