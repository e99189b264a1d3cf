/* pod create: a pod and its infra container; and the pod that `run --pod new:NAME` makes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/cmd-pod-internal.h"
#include "cli/pods.h"
#include "cli/report.h"
#include "cli/run-config.h"
#include "cli/run-options.h"
#include "cli/specs.h"
#include "engine/container/pod.h"

#define ID_FILE_MAX_BYTES 4096

/* What the infra container is to be is said with the options of run that a pod has, too. */
struct create_options {
    struct run_options run;
    struct strings labels, label_files;
    bool infra, replace, share_parent;
    const char *name, *infra_name, *exit_policy, *share, *pod_id_file, *infra_pidfile, *hostname,
            *restart;
    struct strings unsupported;
};

static const struct create_options create_defaults = {
    .run = { .stop_timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET,
            .pull = "missing",
            .read_only_tmpfs = -1 },
    .infra = true,
    .share_parent = true,
    .exit_policy = "continue",
};

#define AT(member) .offset = offsetof(struct create_options, member)
#define REFUSED(option)                                                             \
    {                                                                               \
        .name = (option), .type = &opt_list, .flags = OPT_UNSUPPORTED | OPT_HIDDEN, \
        AT(unsupported), .help = "Not supported"                                    \
    }
static const struct opt create_opts[] = { { .name = "add-host",
                                                  .type = &opt_list,
                                                  .arg = "NAME:IP",
                                                  AT(run.add_hosts),
                                                  .help = "Add a line to /etc/hosts" },
    { .name = "cgroup-parent",
            .type = &opt_string,
            .arg = "PATH",
            AT(run.cgroup_parent),
            .help = "Cgroup above its containers'" },
    { .name = "device",
            .type = &opt_list,
            .arg = "HOST[:PATH[:rwm]]",
            AT(run.devices),
            .help = "Give its containers access to a device" },
    { .name = "dns", .type = &opt_list, .arg = "IP", AT(run.dns), .help = "Name server" },
    { .name = "dns-option",
            .type = &opt_list,
            .arg = "OPTION",
            AT(run.dns_options),
            .help = "Option of resolv.conf" },
    { .name = "dns-search",
            .type = &opt_list,
            .arg = "DOMAIN",
            AT(run.dns_search),
            .help = "Search domain" },
    { .name = "exit-policy",
            .type = &opt_string,
            .arg = "POLICY",
            AT(exit_policy),
            .help = "When the last container exits: continue (the default) or stop" },
    { .name = "gpus",
            .type = &opt_list,
            .arg = "all|N|device=ID,ID",
            AT(run.gpus),
            .help = "Give its containers GPUs of nvidia.com/gpu by CDI" },
    { .name = "hostname",
            .letter = 'h',
            .type = &opt_string,
            .arg = "NAME",
            AT(hostname),
            .help = "Host name in the pod (default its name)" },
    { .name = "infra",
            .type = &opt_flag,
            AT(infra),
            .help = "Have a container that keeps the namespaces (default true)" },
    { .name = "infra-conmon-pidfile",
            .type = &opt_string,
            .arg = "FILE",
            AT(infra_pidfile),
            .help = "Write the process id of its monitor to a file at each start" },
    { .name = "infra-name",
            .type = &opt_string,
            .arg = "NAME",
            AT(infra_name),
            .help = "Name of that container" },
    { .name = "ip",
            .type = &opt_string,
            .arg = "ADDRESS",
            AT(run.ip),
            .help = "IPv4 address in the (one) network" },
    { .name = "ip6",
            .type = &opt_string,
            .arg = "ADDRESS",
            AT(run.ip6),
            .help = "IPv6 address in the (one) network" },
    { .name = "label",
            .letter = 'l',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(labels),
            .help = "Add a label" },
    { .name = "label-file",
            .type = &opt_list,
            .arg = "FILE",
            AT(label_files),
            .help = "Read labels from a file" },
    { .name = "mac-address",
            .type = &opt_string,
            .arg = "MAC",
            AT(run.mac_address),
            .help = "MAC address in the (one) network" },
    { .name = "name",
            .letter = 'n',
            .type = &opt_string,
            .arg = "NAME",
            AT(name),
            .help = "Name of the pod" },
    { .name = "network",
            .type = &opt_list,
            .arg = "NETWORK",
            AT(run.networks),
            .help = "Connect to a network; host, none or container:NAME" },
    { .name = "network-alias",
            .type = &opt_list,
            .arg = "NAME",
            AT(run.network_aliases),
            .help = "Further name in the network" },
    { .name = "no-hostname",
            .type = &opt_flag,
            AT(run.no_hostname),
            .help = "Leave /etc/hostname to the image" },
    { .name = "no-hosts",
            .type = &opt_flag,
            AT(run.no_hosts),
            .help = "Leave /etc/hosts to the image" },
    { .name = "pid", .type = &opt_string, .arg = "MODE", AT(run.pid), .help = "PID namespace" },
    { .name = "pod-id-file",
            .type = &opt_string,
            .arg = "FILE",
            AT(pod_id_file),
            .help = "Write the pod's id to a file" },
    { .name = "publish",
            .letter = 'p',
            .type = &opt_list,
            .arg = "[IP:][HOST:]PORT",
            AT(run.publish),
            .help = "Publish a port" },
    { .name = "replace",
            .type = &opt_flag,
            AT(replace),
            .help = "Remove a pod of the same name first" },
    { .name = "restart",
            .type = &opt_string,
            .arg = "POLICY",
            AT(restart),
            .values = values_restart,
            .help = "Of containers without a policy of their own" },
    { .name = "security-opt",
            .type = &opt_list,
            .arg = "OPTION",
            AT(run.security_opt),
            .help = "Option of security of all of its containers" },
    { .name = "share",
            .type = &opt_string,
            .arg = "LIST",
            AT(share),
            .help = "Namespaces to share: ipc,net,uts (the default), pid, cgroup, none; with \"+\" added to these" },
    { .name = "shm-size",
            .type = &opt_size,
            .arg = "SIZE",
            AT(run.shm_size_bytes),
            .help = "Size of /dev/shm" },
    { .name = "sysctl",
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(run.sysctls),
            .help = "Set a sysctl of the shared namespaces" },
    { .name = "uts", .type = &opt_string, .arg = "MODE", AT(run.uts), .help = "UTS namespace" },
    { .name = "volume",
            .letter = 'v',
            .type = &opt_list,
            .arg = "[SOURCE:]PATH[:OPTIONS]",
            AT(run.volumes),
            .help = "Mount a volume or a host path in all of its containers" },
    { .name = "volumes-from",
            .type = &opt_list,
            .arg = "CONTAINER[:ro]",
            AT(run.volumes_from),
            .help = "Mount what another container has mounted, likewise" },
    REFUSED("blkio-weight"), REFUSED("blkio-weight-device"),
    { .name = "cpu-shares",
            .letter = 'c',
            .type = &opt_list,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(unsupported),
            .help = "Not supported" },
    REFUSED("cpus"), REFUSED("cpuset-cpus"), REFUSED("cpuset-mems"), REFUSED("device-read-bps"),
    REFUSED("device-write-bps"), REFUSED("gidmap"), REFUSED("hosts-file"), REFUSED("infra-command"),
    REFUSED("infra-image"),
    { .name = "memory",
            .letter = 'm',
            .type = &opt_list,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(unsupported),
            .help = "Not supported" },
    REFUSED("memory-swap"),
    { .name = "share-parent",
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(share_parent),
            .help = "Not supported" },
    REFUSED("shm-size-systemd"), REFUSED("subgidname"), REFUSED("subuidname"), REFUSED("uidmap"),
    { .name = "userns",
            .type = &opt_string,
            .arg = "MODE",
            AT(run.userns),
            .help = "host: a pod has no user namespace of its own" },
    OPT_END };
#undef AT
#undef REFUSED

/* "ipc,net", "+pid", "none". */
static int parse_share(const char *text, unsigned *ret, struct error **err)
{
    struct str rest = str_from(text ? text : ""), word;

    *ret = text ? 0 : POD_SHARE_DEFAULT;
    if (text && *text == '+') {
        *ret = POD_SHARE_DEFAULT;
        rest = str_from(text + 1);
    }
    while (rest.len > 0 && str_split_next(&rest, ',', &word)) {
        int bit = parse_name(word, pod_share_names, POD_SHARE_KINDS);

        if (str_is_equal_z(word, "none")) {
            *ret = 0;
            return 0;
        }
        if (bit < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "invalid kernel namespace to share: %.*s. Options are: cgroup, ipc, net, pid, "
                    "uts or none",
                    STR_FMT(word));
        *ret |= 1u << bit;
    }
    return 0;
}

/* Publishing needs a network of the pod's own. */
static int check_network(const struct container_config *infra, size_t published, struct error **err)
{
    if (published == 0 || infra->network_mode == CONTAINER_NETWORK_PRIVATE ||
            infra->network_mode == CONTAINER_NETWORK_HOST)
        return 0;
    return error_set_plain(err, EINVAL, NULL,
            "published ports need a network: --network none and container have none");
}

static int fill(struct cli *cli, const struct create_options *o, struct pod_config *pod,
        struct container_config *infra, struct error **err)
{
    struct run_options labels = o->run;
    char *image[] = { (char[]){ "" }, NULL };
    char cwd[PATH_MAX];
    int policy = parse_name(str_from(o->exit_policy), pod_exit_policy_names, POD_EXIT_POLICY_MAX_);

    if (policy < 0)
        return error_set_plain(err, EINVAL, NULL,
                "running pod create option: invalid pod exit policy: \"%s\"", o->exit_policy);
    *pod = (struct pod_config){ .name = o->name,
        .has_infra = o->infra,
        .exit_policy = (enum pod_exit_policy)policy,
        .hostname = o->hostname };
    if (o->run.userns && strcmp(o->run.userns, "host") != 0)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "--userns %s is not supported by pods", o->run.userns);
    int r = o->infra || o->share ? parse_share(o->share, &pod->share, err) : 0;
    if (r >= 0 && o->restart)
        r = spec_parse_restart(o->restart, &pod->restart, &pod->restart_max_retries, err);
    labels.labels = o->labels; /* of the pod, read as a container's are */
    labels.label_files = o->label_files;
    if (r >= 0)
        r = run_config_fill(cli, &labels, 1, image, infra, err);
    if (r >= 0)
        r = check_network(infra, o->run.publish.len, err);
    if (r < 0)
        return r;
    pod->labels = infra->labels;
    pod->security_opt = infra->security_opt;
    infra->labels = (struct container_pairs){ 0 };
    infra->name = o->infra_name;
    infra->userns_mode = NULL;
    if (o->infra_pidfile && !getcwd(cwd, sizeof(cwd)))
        return error_set(err, errno, NULL, "cannot tell the current directory");
    if (o->infra_pidfile)
        infra->monitor_pid_file = path_join(&cli->arena, cwd, o->infra_pidfile);
    return 0;
}

static int write_id_file(const char *path, const char *id, struct error **err)
{
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot create the pod id file \"%s\"", path);
    if (write(fd, id, strlen(id)) != (ssize_t)strlen(id))
        return error_set(err, errno, NULL, "cannot write the pod id file \"%s\"", path);
    return 0;
}

/* --replace */
static int replace(struct cli *cli, struct engine *engine, const char *name, struct error **err)
{
    struct pod *old = NULL;

    if (!name)
        return error_set_plain(err, EINVAL, NULL, "cannot replace pod without --name being set");
    int r = pod_lookup(engine, &cli->arena, name, &old, err);
    if (r < 0 || !old || strcmp(old->name, name) != 0)
        return r;
    auto_error struct error *failure = NULL;
    r = pod_remove(engine, old->id,
            &(struct pod_remove_options){
                    .force = true, .timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET },
            &failure);
    if (r == -ENOENT) /* another command was faster */
        return 0;
    return r < 0 ? error_move(err, TAKE(failure)) : 0;
}

static int run_create(struct cli *cli, const void *data, int argc, char **argv)
{
    struct create_options o = *(const struct create_options *)data;
    auto_error struct error *err = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct container_config infra;
    struct pod_config config;
    char id[CONTAINER_ID_HEX + 1];
    struct engine *engine = NULL;
    int status = cli_check_arguments(cli, &pod_create_command, argc, 0, 1);

    if (status)
        return status;
    if (argc == 1 && o.name)
        return report_failure(cli, "cannot set both --name and a name as argument");
    if (argc == 1)
        o.name = argv[0];
    int r = fill(cli, &o, &config, &infra, &err);
    if (r >= 0 && !(engine = cli_engine(cli, &err)))
        r = -EPERM;
    if (r >= 0 && o.replace)
        r = replace(cli, engine, o.name, &err);
    if (r >= 0)
        r = pod_create(engine, &config, &infra, id, &diag, &err);
    if (r >= 0 && o.pod_id_file)
        r = write_id_file(o.pod_id_file, id, &err);
    report_diag(cli, &diag);
    if (r < 0)
        return report_error(cli, err);
    cli_print(cli, "%s\n", id);
    return 0;
}

const struct command pod_create_command = {
    .name = "create",
    .usage = "[OPTIONS] [NAME]",
    .summary = "Create a pod",
    .opts = create_opts,
    .options_bytes = sizeof(struct create_options),
    .defaults = &create_defaults,
    .run = run_create,
};

/* ---- For run and create ---- */

int pods_read_id_file(struct cli *cli, const char *path, const char **ret, struct error **err)
{
    auto_free char *text = NULL;
    size_t len;
    int r = fs_read_file(AT_FDCWD, path, ID_FILE_MAX_BYTES, &text, &len, err);

    if (r < 0)
        return r;
    struct str id = str_trim((struct str){ text, len });
    *ret = arena_strndup(&cli->arena, id.data, id.len);
    return 0;
}

/* What belongs to the pod goes from the container's options to its. */
static int make_for_run(struct cli *cli, struct engine *engine, struct run_options *from,
        const char *name, const char **ret, struct error **err)
{
    static const struct strings none = { 0 };
    struct create_options o = create_defaults;
    struct container_config infra;
    struct pod_config config;
    char id[CONTAINER_ID_HEX + 1];

    o.name = name;
    o.hostname = from->hostname;
    o.run.networks = from->networks;
    o.run.network_aliases = from->network_aliases;
    o.run.publish = from->publish;
    o.run.add_hosts = from->add_hosts;
    o.run.dns = from->dns;
    o.run.dns_search = from->dns_search;
    o.run.dns_options = from->dns_options;
    o.run.ip = from->ip;
    o.run.ip6 = from->ip6;
    o.run.mac_address = from->mac_address;
    int r = fill(cli, &o, &config, &infra, err);
    if (r >= 0)
        r = pod_create(engine, &config, &infra, id, NULL, err);
    if (r < 0)
        return r;
    from->hostname = from->ip = from->ip6 = from->mac_address = NULL;
    from->networks = from->network_aliases = from->publish = from->add_hosts = from->dns =
            from->dns_search = from->dns_options = none;
    *ret = arena_strdup(&cli->arena, id);
    return 0;
}

int pods_for_run(struct cli *cli, struct engine *engine, struct run_options *options,
        const char **ret, struct error **err)
{
    static const char prefix[] = "new:";

    *ret = options->pod;
    if (options->pod && options->pod_id_file)
        return error_set_plain(err, EINVAL, NULL, "cannot specify both --pod and --pod-id-file");
    if (options->pod_id_file)
        return pods_read_id_file(cli, options->pod_id_file, ret, err);
    if (!options->pod || !string_has_prefix(options->pod, prefix))
        return 0;
    return make_for_run(cli, engine, options, options->pod + strlen(prefix), ret, err);
}
