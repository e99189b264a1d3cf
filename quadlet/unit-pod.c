/* [Pod]: `pod create` before, `pod start` and `pod stop`, `pod rm` after. With Podman the service's main process is told by
 * a file; with berth the monitor of the infra container, which lives in the service's control group, tells it itself. */
#include <stddef.h>

#include "base/arena.h"
#include "quadlet/translate-internal.h"

void special_exit_policy(struct translation *t)
{
    const char *policy = own_value(t, "ExitPolicy");

    command_add_option(t, "--exit-policy", policy ? policy : "stop");
}

/* Names stand behind all other options. */
void special_pod_name(struct translation *t)
{
    const char *name = t->quadlet->resource;

    command_add_option(t, "--infra-name", arena_printf(t->arena, "%s-infra", name));
    command_add_option(t, "--name", name);
}

static void add_pod_command(struct translation *t, const char *key, const char *verb,
        const char *first_option, const char *second_option)
{
    struct strings command;

    command_begin(t, &command);
    command_add_option(t, "pod", verb);
    if (first_option)
        command_add_option(t, first_option, second_option);
    command_add(t, t->quadlet->resource);
    command_end(t, key, "");
}

void translate_pod(struct translation *t)
{
    const char *timeout = own_value(t, "StopTimeout");
    bool has_restart = unitfile_find(&t->service, "Service", "Restart");

    ARRAY_FOREACH(&t->quadlet->members, member) {
        unitfile_add(&t->service, "Unit", "Wants", *member);
        unitfile_add(&t->service, "Unit", "Before", *member);
    }
    service_default(t, "SyslogIdentifier", "%N");
    add_pod_command(t, "ExecStart", "start", NULL, NULL);
    add_pod_command(t, "ExecStop", "stop", "--ignore",
            arena_printf(t->arena, "--time=%s", timeout ? timeout : "10"));
    add_pod_command(t, "ExecStopPost", "rm", "--ignore", "--force");

    bool has_pid_file = t->options->engine == QUADLET_ENGINE_PODMAN;
    command_begin(t, &t->main_command);
    COMMAND_ADD_ALL(t, "pod", "create");
    if (has_pid_file)
        command_add(t, "--infra-conmon-pidfile=%t/%N.pid");
    command_add(t, "--replace");
    translate_rows(t);
    command_end(t, "ExecStartPre", "");

    unitfile_add(&t->service, "Service", "Environment", "PODMAN_SYSTEMD_UNIT=%n");
    unitfile_set(&t->service, "Service", "Type", has_pid_file ? "forking" : "notify");
    /* Podman up to version 5 puts its own in place of what the file asks for. */
    if (!has_restart || quadlet_keeps_quirks(t->options))
        unitfile_set(&t->service, "Service", "Restart", "on-failure");
    if (has_pid_file) {
        unitfile_set(&t->service, "Service", "PIDFile", "%t/%N.pid");
        return;
    }
    unitfile_set(&t->service, "Service", "NotifyAccess", "all");
    service_default(t, "KillMode", "mixed");
    unitfile_add(&t->service, "Service", "Delegate", "yes");
}
