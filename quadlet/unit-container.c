/* [Container]: `run`, and what stops, reloads and removes the container. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "quadlet/depend.h"
#include "quadlet/translate-internal.h"
#include "units/quote.h"
#include "units/text.h"

static bool is_berth(const struct translation *t)
{
    return t->options->engine == QUADLET_ENGINE_BERTH;
}

/* Whether berth's command stays with the container and hands its output to the service as it is. */
static bool follows_output(const struct translation *t)
{
    const char *driver = own_value_set(t, "LogDriver");

    return is_berth(t) && driver && strcmp(driver, "passthrough") == 0;
}

/* The journal is Podman's default where it runs as a service; berth is told. A oneshot's command stays with the
 * container anyway, and what that prints is the service's. */
static void add_journal(struct translation *t)
{
    if (service_is_oneshot(t))
        return;
    COMMAND_ADD_ALL(t, "--log-driver", "journald", "--log-opt", "tag=%N");
}

void special_log_driver(struct translation *t)
{
    const char *driver = own_value(t, "LogDriver");

    if (is_berth(t) && (!driver || !*driver || strcmp(driver, "journald") == 0)) {
        add_journal(t);
        return;
    }
    if (!driver || follows_output(t))
        return;
    if (is_berth(t) && strcmp(driver, "json-file") != 0 && strcmp(driver, "none") != 0)
        translation_error(t, own_line(t, "LogDriver"),
                "LogDriver=%s is not supported by berth: journald, json-file, passthrough or none",
                driver);
    command_add_option(t, "--log-driver", driver);
}

void special_cgroups(struct translation *t)
{
    const char *mode = own_value_set(t, "CgroupsMode");

    if (mode && t->options->engine == QUADLET_ENGINE_BERTH && strcmp(mode, "split") != 0 &&
            strcmp(mode, "enabled") != 0)
        translation_error(t, own_line(t, "CgroupsMode"),
                "CgroupsMode=%s is not supported by berth: split or enabled", mode);
    if (mode)
        command_add_option(t, "--cgroups", mode);
    else
        command_add(t, "--cgroups=split");
}

/* Who tells systemd that the service is up. A oneshot is done when its command is. */
void special_notify(struct translation *t)
{
    const char *notify = own_value(t, "Notify");

    if (!service_is_oneshot(t)) {
        if (notify && strcasecmp(notify, "healthy") == 0)
            command_add(t, "--sdnotify=healthy");
        else if (notify && unit_value_is_true(notify))
            command_add(t, "--sdnotify=container");
        else
            command_add(t, "--sdnotify=conmon");
        unitfile_set(&t->service, "Service", "Type", "notify");
        unitfile_set(&t->service, "Service", "NotifyAccess", "all");
        if (!follows_output(t))
            command_add(t, "-d");
    }
    service_default(t, "SyslogIdentifier", "%N");
}

static bool has_device(const struct translation *t, const char *path)
{
    if (t->options->has_device)
        return t->options->has_device(t->options->userdata, path);
    return access(path, F_OK) == 0 || errno != ENOENT;
}

void special_device(struct translation *t)
{
    struct strings devices = own_words(t, "AddDevice");

    ARRAY_FOREACH(&devices, word) {
        const char *device = *word;

        if (*device == '-') {
            device++;
            if (!has_device(t, arena_strndup(t->arena, device, strcspn(device, ":"))))
                continue;
        }
        command_add_option(t, "--device", device);
    }
}

void special_volatile_tmp(struct translation *t)
{
    if (own_is_true(t, "VolatileTmp", false) && !own_is_true(t, "ReadOnly", false))
        command_add_option(t, "--tmpfs", "/tmp:rw,size=512M,mode=1777");
}

void special_user(struct translation *t)
{
    const char *user = own_value_set(t, "User"), *group = own_value_set(t, "Group");

    if (!user && group)
        translation_error(t, own_line(t, "Group"), "invalid Group set without User");
    else if (user)
        command_add_option(
                t, "--user", group ? arena_printf(t->arena, "%s:%s", user, group) : user);
}

/* Digits, optionally "-" and digits, optionally "/tcp" or "/udp", at the end of the text: what is
 * before them is not looked at, as in Podman. */
static bool ends_in_port(struct str text)
{
    if (str_has_suffix(text, "/tcp") || str_has_suffix(text, "/udp"))
        text.len -= strlen("/tcp");
    return text.len && isdigit((unsigned char)text.data[text.len - 1]);
}

void special_expose(struct translation *t)
{
    struct unit_lines ports = own_lines(t, "ExposeHostPort");

    ARRAY_FOREACH(&ports, line) {
        struct str port = text_trim(str_from(line->value));

        if (ends_in_port(port))
            command_add_option(t, "--expose", arena_strndup(t->arena, port.data, port.len));
        else
            translation_error(t, line, "invalid port format '%.*s'", STR_FMT(port));
    }
}

void special_pod(struct translation *t)
{
    const char *name = own_value_set(t, "Pod");
    const struct unit_line *line = own_line(t, "Pod");

    if (!name)
        return;
    if (!string_has_suffix(name, ".pod")) {
        translation_error(t, line, "pod %s is not Quadlet based", name);
        return;
    }
    struct quadlet *pod = quadlet_find(t->set, name);
    if (!pod) {
        struct diag_entry *entry = translation_error(
                t, line, "quadlet pod unit %s does not exist", name);
        const char *nearest = quadlet_nearest(t->set, name);

        if (nearest)
            diag_hint(t->diag, entry, "did you mean \"%s\"?", nearest);
        return;
    }
    command_add_option(t, "--pod", pod->resource);
    unitfile_add(&t->service, "Unit", "BindsTo", pod->service);
    unitfile_add(&t->service, "Unit", "After", pod->service);
    if (own_is_true(t, "StartWithPod", true) && !t->failed)
        *ARRAY_APPEND_ARENA(t->set->arena, &pod->members) = (char *)t->quadlet->service;
}

/* The words of a key that holds a command; false when it is absent or cannot be split. */
static bool command_words(struct translation *t, const char *key, struct strings *ret)
{
    const struct unit_line *line = own_line(t, key);
    struct quote_problem problem;

    *ret = (struct strings){ 0 };
    if (!line)
        return false;
    if (quote_split(t->arena, line->value, QUOTE_COMMAND, ret, &problem) == 0)
        return true;
    struct unit_line at = *line;
    at.value_column = line->value_column + (unsigned)problem.offset;
    if (quadlet_keeps_quirks(t->options))
        translation_warning(t, &at, "%s, %s= is left out", quote_error_text(problem.error), key);
    else
        translation_error(t, &at, "%s in %s=", quote_error_text(problem.error), key);
    return false;
}

static void add_reload(struct translation *t, const char *name)
{
    const char *signal = own_value_set(t, "ReloadSignal");
    struct strings words, command;
    bool has_command = command_words(t, "ReloadCmd", &words) && words.len;

    if (!signal && !has_command)
        return;
    if (signal && has_command) {
        translation_error(t, own_line(t, "ReloadSignal"),
                "ReloadCmd and ReloadSignal are mutually exclusive but both are set");
        return;
    }
    command_begin(t, &command);
    if (has_command) {
        command_add_option(t, "exec", name);
        ARRAY_FOREACH(&words, word)
            command_add(t, *word);
    } else {
        command_add(t, "kill");
        command_add_option(t, "--signal", signal);
        command_add(t, name);
    }
    command_end(t, "ExecReload", "");
}

/* The image's name or the directory in its place; NULL with an error. */
static const char *find_root(struct translation *t, bool *ret_is_image)
{
    const char *image = own_value_set(t, "Image"), *rootfs = own_value_set(t, "Rootfs");

    *ret_is_image = image != NULL;
    if (!image && !rootfs) {
        translation_error(t, own_line(t, "Image"), "no Image or Rootfs key specified");
        return NULL;
    }
    if (image && rootfs) {
        translation_error(t, own_line(t, "Rootfs"),
                "the Image And Rootfs keys conflict can not be specified together");
        return NULL;
    }
    return image ? depend_resolve_image(t, own_line(t, "Image"), image) : rootfs;
}

static const char *container_name(const struct translation *t)
{
    const char *name = own_value_set(t, "ContainerName");

    if (name)
        return name;
    return strchr(t->quadlet->name, '@') ? "systemd-%p_%i" : "systemd-%N";
}

void translate_container(struct translation *t)
{
    const char *name = container_name(t);
    struct strings remove, exec;
    bool is_image;
    const char *root = find_root(t, &is_image);

    unitfile_add(&t->service, "Service", "Environment", "PODMAN_SYSTEMD_UNIT=%n");
    service_check_kill_mode(t);
    if (is_berth(t)) { /* whose `rm -f` kills, as Docker's does; Podman's stops */
        command_begin(t, &remove);
        COMMAND_ADD_ALL(t, "stop", "-i");
        command_add(t, name);
        command_end(t, "ExecStop", "");
    }
    command_begin(t, &remove);
    COMMAND_ADD_ALL(t, "rm", "-v", "-f", "-i");
    command_add(t, name);
    if (!is_berth(t))
        command_end(t, "ExecStop", "");
    command_end(t, "ExecStopPost", "-");
    add_reload(t, name);

    command_begin(t, &t->main_command);
    command_add(t, "run");
    command_add_option(t, "--name", name);
    COMMAND_ADD_ALL(t, "--replace", "--rm");
    unitfile_add(&t->service, "Service", "Delegate", "yes");
    translate_rows(t);
    /* An image whose own unit failed has no name, which Podman takes for none. */
    if (!is_image || (root && !*root))
        command_add(t, "--rootfs");
    command_add(t, root ? root : "");
    if (command_words(t, "Exec", &exec)) {
        ARRAY_FOREACH(&exec, word)
            command_add(t, *word);
    }
    command_end(t, "ExecStart", "");
}
