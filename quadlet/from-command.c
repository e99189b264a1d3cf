#include "quadlet/from-command.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/str.h"
#include "quadlet/quadlet.h"
#include "units/name.h"
#include "units/quote.h"

/* Short options and other names of long ones. */
static const struct {
    const char *from, *to;
} other_names[] = {
    { "-a", "--attach" },
    { "-c", "--cpu-shares" },
    { "-d", "--detach" },
    { "-e", "--env" },
    { "-h", "--hostname" },
    { "-i", "--interactive" },
    { "-l", "--label" },
    { "-m", "--memory" },
    { "-P", "--publish-all" },
    { "-p", "--publish" },
    { "-q", "--quiet" },
    { "-t", "--tty" },
    { "-u", "--user" },
    { "-v", "--volume" },
    { "-w", "--workdir" },
    { "--dns-opt", "--dns-option" },
    { "--net", "--network" },
    { "--net-alias", "--network-alias" },
    { "--timezone", "--tz" },
};

/* Options without a value, unless it is attached with '='. */
static const char *const flags[] = { "--detach", "--disable-content-trust", "--env-host",
    "--http-proxy", "--init", "--interactive", "--no-healthcheck", "--no-hostname", "--no-hosts",
    "--oom-kill-disable", "--passwd", "--privileged", "--publish-all", "--quiet", "--read-only",
    "--read-only-tmpfs", "--replace", "--rm", "--rmi", "--rootfs", "--sig-proxy", "--tls-verify",
    "--tty", "--unsetenv-all" };

/* Options of `podman run` with a value. */
static const char *const valued[] = { "--add-host", "--annotation", "--arch", "--attach",
    "--authfile", "--blkio-weight", "--blkio-weight-device", "--cap-add", "--cap-drop",
    "--cert-dir", "--cgroup-conf", "--cgroup-parent", "--cgroupns", "--cgroups", "--chrootdirs",
    "--cidfile", "--conmon-pidfile", "--cpu-period", "--cpu-quota", "--cpu-rt-period",
    "--cpu-rt-runtime", "--cpu-shares", "--cpus", "--cpuset-cpus", "--cpuset-mems", "--creds",
    "--decryption-key", "--detach-keys", "--device", "--device-cgroup-rule", "--device-read-bps",
    "--device-read-iops", "--device-write-bps", "--device-write-iops", "--dns", "--dns-option",
    "--dns-search", "--entrypoint", "--env", "--env-file", "--env-merge", "--expose", "--gidmap",
    "--gpus", "--group-add", "--group-entry", "--health-cmd", "--health-interval",
    "--health-log-destination", "--health-max-log-count", "--health-max-log-size",
    "--health-on-failure", "--health-retries", "--health-start-period", "--health-startup-cmd",
    "--health-startup-interval", "--health-startup-retries", "--health-startup-success",
    "--health-startup-timeout", "--health-timeout", "--hostname", "--hosts-file", "--hostuser",
    "--image-volume", "--init-path", "--ip", "--ip6", "--ipc", "--label", "--label-file",
    "--log-driver", "--log-opt", "--mac-address", "--memory", "--memory-reservation",
    "--memory-swap", "--memory-swappiness", "--mount", "--name", "--network", "--network-alias",
    "--oom-score-adj", "--os", "--passwd-entry", "--personality", "--pid", "--pidfile",
    "--pids-limit", "--platform", "--pod", "--pod-id-file", "--preserve-fd", "--preserve-fds",
    "--publish", "--pull", "--rdt-class", "--requires", "--restart", "--retry", "--retry-delay",
    "--sdnotify", "--seccomp-policy", "--secret", "--security-opt", "--shm-size",
    "--shm-size-systemd", "--stop-signal", "--stop-timeout", "--subgidname", "--subuidname",
    "--sysctl", "--systemd", "--timeout", "--tmpfs", "--tz", "--uidmap", "--ulimit", "--umask",
    "--unsetenv", "--user", "--userns", "--uts", "--variant", "--volume", "--volumes-from",
    "--workdir" };

/* Those that only `docker run` has. */
static const char *const docker_valued[] = { "--cpu-count", "--cpu-percent", "--domainname",
    "--health-start-interval", "--io-maxbandwidth", "--io-maxiops", "--isolation",
    "--kernel-memory", "--link", "--link-local-ip", "--runtime", "--storage-opt",
    "--volume-driver" };

/* What the unit decides; a note says so where it may surprise. */
static const struct {
    const char *option, *note;
} dropped[] = {
    { "--attach", NULL },
    { "--cgroups", NULL },
    { "--cidfile", "the unit knows its container by its name" },
    { "--detach", NULL },
    { "--detach-keys", NULL },
    { "--interactive", "a service has no terminal" },
    { "--quiet", NULL },
    { "--replace", NULL },
    { "--rm", NULL },
    { "--sdnotify", NULL },
    { "--sig-proxy", NULL },
    { "--tty", "a service has no terminal" },
};

/* Keys whose rows name no option of their own. */
static const struct {
    const char *option, *key;
} special_keys[] = {
    { "--device", "AddDevice" },
    { "--expose", "ExposeHostPort" },
    { "--gidmap", "GIDMap" },
    { "--mount", "Mount" },
    { "--name", "ContainerName" },
    { "--network", "Network" },
    { "--subgidname", "SubGIDMap" },
    { "--subuidname", "SubUIDMap" },
    { "--uidmap", "UIDMap" },
    { "--userns", "UserNS" },
    { "--volume", "Volume" },
};

static const struct {
    const char *policy, *restart;
} restart_policies[] = {
    { "no", "no" },
    { "always", "always" },
    { "unless-stopped", "always" },
    { "on-failure", "on-failure" },
};

struct conversion {
    struct quadlet *quadlet;
    struct arena *arena;
    const struct strings *words;
    size_t next; /* word */
    struct diag *diag;
    struct error **err;
    bool is_rootfs; /* what stands in the image's place is a directory */
};

static void note(struct conversion *c, const char *option, const char *text)
{
    diag_add(c->diag, DIAG_NOTE, "convert", NULL, "%s: %s", option, text);
}

static void note_relative(struct conversion *c, const char *option)
{
    note(c, option, "a relative path starts at the directory of the unit's file");
}

static const char *long_name(const char *option)
{
    for (size_t i = 0; i < ARRAY_LEN(other_names); i++)
        if (strcmp(other_names[i].from, option) == 0)
            return other_names[i].to;
    return option;
}

static bool is_among(const char *option, const char *const *table, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strcmp(table[i], option) == 0)
            return true;
    return false;
}

static bool is_flag(const char *option)
{
    return is_among(option, flags, ARRAY_LEN(flags));
}

/* Options that nobody knows: whether they have a value cannot be told, nor what then is the image. */
static int check_option(struct conversion *c, const char *option)
{
    if (is_flag(option) || is_among(option, valued, ARRAY_LEN(valued)))
        return 0;
    if (is_among(option, docker_valued, ARRAY_LEN(docker_valued))) {
        note(c, option, "podman has no such option; it is kept for berth");
        return 0;
    }
    int r = error_set_plain(c->err, EINVAL, NULL, "unknown option \"%s\" of run", option);
    const char *nearest = str_nearest(option, valued, ARRAY_LEN(valued));

    if (!nearest)
        nearest = str_nearest(option, flags, ARRAY_LEN(flags));
    if (nearest && option[1] == '-')
        error_hint(c->err, "did you mean \"%s\"?", nearest);
    return r;
}

static void keep_as_argument(struct conversion *c, const char *option, const char *value)
{
    quadlet_add(c->quadlet, "PodmanArgs",
            value ? arena_printf(c->arena, "%s=%s", option, value) : option);
}

/* "UID:GID" are two keys. */
static void add_user(struct conversion *c, const char *value)
{
    const char *colon = strchr(value, ':');

    quadlet_add(c->quadlet, "User",
            arena_strndup(c->arena, value, colon ? (size_t)(colon - value) : strlen(value)));
    if (colon && colon[1])
        quadlet_add(c->quadlet, "Group", colon + 1);
}

static void add_restart(struct conversion *c, const char *value)
{
    const size_t len = strcspn(value, ":");

    for (size_t i = 0; i < ARRAY_LEN(restart_policies); i++) {
        if (!str_is_equal_z((struct str){ value, len }, restart_policies[i].policy))
            continue;
        unitfile_set(&c->quadlet->unit, "Service", "Restart", restart_policies[i].restart);
        if (value[len])
            note(c, "--restart",
                    "systemd limits restarts with StartLimitBurst=, not with a number");
        return;
    }
    note(c, "--restart", "this policy is not known; it is left out");
}

/* The row whose option and prefix the words are; the longest prefix wins. *ret_value is what is left. */
static const struct quadlet_key *find_row(
        const char *option, const char *value, const char **ret_value)
{
    const struct quadlet_keys *keys = &quadlet_types[QUADLET_CONTAINER].keys;
    const struct quadlet_key *found = NULL;
    size_t found_len = 0;

    for (size_t i = 0; i < keys->len; i++) {
        const struct quadlet_key *row = &keys->rows[i];
        const size_t len = row->prefix ? strlen(row->prefix) : 0;

        if (!row->option || strcmp(row->option, option) != 0 || (found && len < found_len))
            continue;
        if (len && (!value || strncmp(value, row->prefix, len) != 0))
            continue;
        /* One that is there or not needs the whole value, such as label=disable. */
        if (row->adds == ADDS_IF_TRUE && value && value[len])
            continue;
        found = row;
        found_len = len;
    }
    *ret_value = value ? value + found_len : NULL;
    return found;
}

static void add_row(struct conversion *c, const struct quadlet_key *row, const char *value)
{
    if (row->kind == KIND_BOOLEAN)
        quadlet_add(c->quadlet, row->name,
                row->adds == ADDS_IF_TRUE || !value || unit_value_is_true(value) ? "true"
                                                                                 : "false");
    else
        quadlet_add(c->quadlet, row->name, value ? value : "");
}

static void add_option(struct conversion *c, const char *option, const char *value)
{
    const char *rest;

    for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
        if (strcmp(dropped[i].option, option) == 0) {
            if (dropped[i].note)
                note(c, option, dropped[i].note);
            return;
        }
    if (strcmp(option, "--security-opt") == 0 && value &&
            (strcmp(value, "no-new-privileges") == 0 ||
                    strcmp(value, "no-new-privileges=true") == 0 ||
                    strcmp(value, "no-new-privileges:true") == 0)) {
        quadlet_add(c->quadlet, "NoNewPrivileges", "true");
        return;
    }
    if (strcmp(option, "--rootfs") == 0) {
        c->is_rootfs = true;
        return;
    }
    if (strcmp(option, "--restart") == 0) {
        add_restart(c, value);
        return;
    }
    if (strcmp(option, "--user") == 0) {
        add_user(c, value);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(special_keys); i++)
        if (strcmp(special_keys[i].option, option) == 0) {
            quadlet_add(c->quadlet, special_keys[i].key, value);
            if (value[0] == '.' && strcmp(option, "--volume") == 0)
                note_relative(c, option);
            return;
        }
    const struct quadlet_key *row = find_row(option, value, &rest);
    if (strcmp(option, "--env-file") == 0 && value[0] != '/')
        note_relative(c, option);
    if (row)
        add_row(c, row, rest);
    else
        keep_as_argument(c, option, value);
}

/* One word that begins with '-', which may be several short options, with its value. */
static int read_option(struct conversion *c, const char *word)
{
    const char *equals = strchr(word, '=');
    const char *option, *value = NULL;

    if (word[1] == '-') {
        option = long_name(equals ? arena_strndup(c->arena, word, (size_t)(equals - word)) : word);
        value = equals ? equals + 1 : NULL;
    } else {
        for (word++;; word++) {
            option = long_name(arena_printf(c->arena, "-%c", *word));
            if (!is_flag(option) || !word[1])
                break;
            add_option(c, option, NULL);
        }
        if (word[1])
            value = word[1] == '=' ? word + 2 : word + 1;
    }
    int r = check_option(c, option);
    if (r < 0)
        return r;
    if (!value && !is_flag(option)) {
        if (c->next >= c->words->len)
            return error_set_plain(c->err, EINVAL, NULL, "%s needs a value", option);
        value = c->words->items[c->next++];
    }
    add_option(c, option, value);
    return 0;
}

void quadlet_add_option(
        struct quadlet *quadlet, const char *option, const char *value, struct diag *diag)
{
    struct conversion c = { .quadlet = quadlet, .arena = quadlet->unit.arena, .diag = diag };

    add_option(&c, option, value);
}

const char *quadlet_name_of_image(struct quadlet_set *set, const char *image)
{
    const char *slash = strrchr(image, '/'), *last = slash ? slash + 1 : image;
    const char *name = arena_strndup(set->arena, last, strcspn(last, ":@"));

    return unit_name_is_valid(name) ? name : "container";
}

/* Position of the first word behind "docker container run" and the like. */
static int skip_program(const struct strings *words, size_t *ret, struct error **err)
{
    static const char *const programs[] = { "sudo", "docker", "podman", "berth", "nerdctl",
        "container" };
    size_t i = 0;

    for (size_t j = 0; i < words->len && j < ARRAY_LEN(programs); j++) {
        const char *slash = strrchr(words->items[i], '/');

        if (strcmp(slash ? slash + 1 : words->items[i], programs[j]) == 0)
            i++;
    }
    /* An image may be called like a verb: one is skipped, and nothing behind it. */
    if (i < words->len &&
            (strcmp(words->items[i], "run") == 0 || strcmp(words->items[i], "create") == 0))
        i++;
    else if (i > 0 && i < words->len)
        return error_set_plain(err, EINVAL, NULL, "\"%s\" stands where run or create is expected",
                words->items[i]);
    *ret = i;
    return 0;
}

int quadlet_from_command(struct quadlet_set *set, const struct strings *words, const char *name,
        struct quadlet **ret, struct diag *diag, struct error **err)
{
    struct quadlet *quadlet = quadlet_new(set, "-.container", "/");
    struct conversion c = {
        .quadlet = quadlet, .arena = set->arena, .words = words, .diag = diag, .err = err
    };
    struct strings command = { 0 };
    int r = skip_program(words, &c.next, err);

    if (r < 0)
        return r;
    while (c.next < words->len && words->items[c.next][0] == '-') {
        const char *word = words->items[c.next++];

        if (strcmp(word, "--") == 0)
            break;
        r = word[1] ? read_option(&c, word) : 0;
        if (r < 0)
            return r;
    }
    if (c.next >= words->len)
        return error_set_plain(err, EINVAL, NULL, "the command line names no image");
    const char *image = words->items[c.next++];
    unitfile_prepend(&quadlet->unit, "Container", c.is_rootfs ? "Rootfs" : "Image",
            quote_literal(set->arena, image, true));
    for (; c.next < words->len; c.next++)
        *ARRAY_APPEND_ARENA(set->arena, &command) = words->items[c.next];
    if (command.len)
        quadlet_add_command(quadlet, "Exec", &command);
    if (!name)
        name = unitfile_get(&quadlet->unit, "Container", "ContainerName");
    if (!name)
        name = quadlet_name_of_image(set, image);
    if (!unit_name_is_valid(name))
        return error_set_plain(err, EINVAL, NULL, "\"%s\" cannot be the name of a unit", name);
    quadlet->name = arena_printf(set->arena, "%s.container", name);
    *ret = quadlet;
    return 0;
}
