/* [Kube]: `kube play` and `kube down`; and SetWorkingDirectory, which [Build] has too. berth's `kube play` stays: it is the
 * service's main process and ends with the pods. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/path.h"
#include "base/str.h"
#include "quadlet/translate-internal.h"

/* "VALUE" for all, or "CONTAINER/VALUE" for one. */
void special_auto_update(struct translation *t)
{
    struct strings updates = own_words(t, "AutoUpdate");

    ARRAY_FOREACH(&updates, update) {
        const char *slash = strchr(*update, '/');

        if (slash)
            command_addf(t, "--annotation=io.containers.autoupdate/%.*s=%s", (int)(slash - *update),
                    *update, slash + 1);
        else
            command_addf(t, "--annotation=io.containers.autoupdate=%s", *update);
    }
}

/* berth is told what is Podman's default where it runs as a service: the journal, with each container's name. */
void special_kube_log_driver(struct translation *t)
{
    const char *driver = own_value(t, "LogDriver");
    bool is_berth = t->options->engine == QUADLET_ENGINE_BERTH;

    if (is_berth && string_is_empty(driver))
        driver = "journald";
    if (!driver)
        return;
    if (is_berth && strcmp(driver, "journald") != 0 && strcmp(driver, "json-file") != 0 &&
            strcmp(driver, "none") != 0)
        translation_error(t, own_line(t, "LogDriver"),
                "LogDriver=%s is not supported by berth: journald, json-file or none", driver);
    command_add_option(t, "--log-driver", driver);
    if (is_berth && strcmp(driver, "journald") == 0)
        command_add_option(t, "--log-opt", "tag={{.Name}}");
}

bool is_address(const char *text)
{
    const char *github = strstr(text, "github.com/");
    const char *behind = github ? github + strlen("github.com/") : NULL;

    return string_has_prefix(text, "http") || string_has_prefix(text, "git://") ||
           (behind && *behind && !strchr(behind, '\n'));
}

/* The file whose directory becomes the working directory; "" for none, NULL with an error. */
static const char *directory_of(
        struct translation *t, const struct unit_line *line, const char *how, const char **context)
{
    bool is_build = t->quadlet->type == QUADLET_BUILD;
    const char *unit = arena_printf(t->arena, "%s/%s", t->quadlet->directory, t->quadlet->name);

    if (strcasecmp(how, "unit") == 0)
        return unit;
    if (strcasecmp(how, "yaml") == 0) {
        struct strings files = own_words(t, "Yaml");

        if (is_build)
            translation_error(
                    t, line, "SetWorkingDirectory=%s is only supported in .kube files", how);
        else if (files.len > 1)
            translation_error(t, line,
                    "SetWorkingDirectory=yaml is only supported when a single "
                    "Yaml key is provided");
        /* None at all was refused before. */
        return !is_build && files.len == 1 ? files.items[0] : NULL;
    }
    if (strcasecmp(how, "file") == 0) {
        const char *file = is_build ? own_value(t, "File") : NULL;

        if (!is_build)
            translation_error(
                    t, line, "SetWorkingDirectory=%s is only supported in .build files", how);
        else if (!file)
            translation_error(t, line, "no File key specified");
        return file;
    }
    if (!is_build) {
        translation_error(t, line, "unsupported value for WorkingDirectory: %s", how);
        return NULL;
    }
    *context = how;
    return *how == '/' ? "" : unit;
}

bool set_working_directory(struct translation *t, const char **ret_context)
{
    const char *how = own_value_set(t, "SetWorkingDirectory"), *context = "";

    *ret_context = "";
    if (!how)
        return true;
    const char *file = directory_of(t, own_line(t, "SetWorkingDirectory"), how, &context);
    if (!file)
        return false;
    if (*file && !is_address(context)) {
        const char *given = unitfile_get(&t->quadlet->unit, "Service", "WorkingDirectory");

        /* The service's own wins, and then there is no context either. */
        if (!string_is_empty(given))
            return true;
        unitfile_add(&t->service, "Service", "WorkingDirectory",
                path_clean(t->arena, path_parent(t->arena, unit_path(t, file))));
    }
    *ret_context = context;
    return true;
}

void translate_kube(struct translation *t)
{
    struct strings files = own_words(t, "Yaml"), down;
    const char *context;

    if (!files.len)
        translation_error(t, own_line(t, "Yaml"), "no Yaml key specified");
    ARRAY_FOREACH(&files, file)
        *file = (char *)unit_path(t, *file);
    service_check_kill_mode(t);
    unitfile_add(&t->service, "Service", "Environment", "PODMAN_SYSTEMD_UNIT=%n");
    if (!service_is_oneshot(t)) {
        unitfile_set(&t->service, "Service", "Type", "notify");
        unitfile_set(&t->service, "Service", "NotifyAccess", "all");
    }
    service_default(t, "SyslogIdentifier", "%N");
    if (t->options->engine == QUADLET_ENGINE_BERTH) /* its containers are in the service's group */
        unitfile_add(&t->service, "Service", "Delegate", "yes");

    command_begin(t, &t->main_command);
    COMMAND_ADD_ALL(t, "kube", "play", "--replace", "--service-container=true");
    translate_rows(t);
    ARRAY_FOREACH(&files, file)
        command_add(t, *file);
    command_end(t, "ExecStart", "");

    command_begin(t, &down);
    COMMAND_ADD_ALL(t, "kube", "down");
    if (own_line(t, "KubeDownForce"))
        command_add(t, own_is_true(t, "KubeDownForce", false) ? "--force" : "--force=false");
    ARRAY_FOREACH(&files, file)
        command_add(t, *file);
    command_end(t, "ExecStopPost", "");
    (void)set_working_directory(t, &context);
}
