/* Rules on what gives a container more of the host than it should have. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "compose/lint-internal.h"

static const char *mount_field(struct lint *lint, size_t index)
{
    return arena_printf(lint->arena, "volumes[%zu]", index);
}

void rule_privileged(struct lint *lint, const struct service *service)
{
    if (service->privileged != OPTION_TRUE)
        return;
    struct diag_entry *entry = lint_add_field(lint, service, "privileged",
            "the container has every capability and every device: it can do what root of the host "
            "can");

    lint_hint(lint, entry, "name what it needs in `cap_add` and `devices`");
}

void rule_docker_socket(struct lint *lint, const struct service *service)
{
    static const char *const sockets[] = { "/var/run/docker.sock", "/run/docker.sock",
        "/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock",
        "/run/podman/podman.sock", "/var/run/podman/podman.sock" };
    struct diag_entry *entry;

    for (size_t i = 0; i < service->volumes.len; i++) {
        const struct service_volume *mount = &service->volumes.items[i];

        for (size_t j = 0; j < ARRAY_LEN(sockets); j++) {
            if (mount->type != MOUNT_BIND || !string_is_equal(mount->source, sockets[j]))
                continue;
            entry = lint_add_field(lint, service, mount_field(lint, i),
                    "whoever controls this container controls the engine, and so the host%s",
                    mount->read_only == OPTION_TRUE ? "; \"ro\" does not change that" : "");
            lint_hint(lint, entry, "put a filtering proxy for the API in between");
        }
    }
    if (service->use_api_socket == OPTION_TRUE) {
        entry = lint_add_field(lint, service, "use_api_socket",
                "whoever controls this container controls the engine, and so the host");
        lint_hint(lint, entry, "put a filtering proxy for the API in between");
    }
}

void rule_broad_capability(struct lint *lint, const struct service *service)
{
    static const struct {
        const char *name, *power;
    } broad[] = {
        { "ALL", "every capability there is" },
        { "SYS_ADMIN", "mounting and much else that root can do" },
        { "SYS_MODULE", "loading code into the kernel" },
        { "SYS_RAWIO", "access to the memory of the machine" },
        { "DAC_READ_SEARCH", "reading any file of the host" },
    };

    for (size_t i = 0; i < service->cap_add.len; i++) {
        const char *name = service->cap_add.items[i];

        if (strncasecmp(name, "CAP_", 4) == 0)
            name += 4;
        for (size_t j = 0; j < ARRAY_LEN(broad); j++) {
            if (strcasecmp(name, broad[j].name) != 0)
                continue;
            struct diag_entry *entry = lint_add_field(lint, service,
                    arena_printf(lint->arena, "cap_add[%zu]", i), "%s gives %s", broad[j].name,
                    broad[j].power);

            lint_hint(lint, entry, "a narrower capability, a device or a mount does in most cases");
        }
    }
}

void rule_root_user(struct lint *lint, const struct service *service)
{
    const char *user = service->user;

    if (!user || (strcmp(user, "root") != 0 && strcmp(user, "0") != 0 &&
                         !string_has_prefix(user, "root:") && !string_has_prefix(user, "0:")))
        return;
    struct diag_entry *entry = lint_add_field(
            lint, service, "user", "\"%s\" is chosen on purpose: the program runs as root", user);

    lint_hint(lint, entry, "a user of the image's own keeps a break-in smaller");
}

void rule_host_namespace(struct lint *lint, const struct service *service)
{
    const struct {
        const char *field, *value, *power;
    } shared[] = {
        { "pid", service->pid, "sees and can signal every process of the host" },
        { "ipc", service->ipc, "shares memory segments with the host" },
        { "userns_mode", service->userns_mode, "has the user ids of the host" },
        { "cgroup", service->cgroup, "sees the control groups of the host" },
    };

    for (size_t i = 0; i < ARRAY_LEN(shared); i++)
        if (string_is_equal(shared[i].value, "host"))
            lint_add_field(lint, service, shared[i].field, "the container %s", shared[i].power);
}

void rule_confinement_off(struct lint *lint, const struct service *service)
{
    for (size_t i = 0; i < service->security_opt.len; i++) {
        const char *option = service->security_opt.items[i];
        const char *value = option + strcspn(option, ":=");
        bool off = *value && strcmp(value + 1, "unconfined") == 0;

        if (!off && strcmp(option, "label:disable") != 0 && strcmp(option, "label=disable") != 0)
            continue;
        struct diag_entry *entry = lint_add_field(lint, service,
                arena_printf(lint->arena, "security_opt[%zu]", i),
                "takes away a wall around the container");

        lint_hint(lint, entry, "give the path of a profile that allows what is missing");
    }
}

void rule_sensitive_mount(struct lint *lint, const struct service *service)
{
    static const char *const folders[] = { "/", "/etc", "/proc", "/sys", "/dev", "/boot", "/root",
        "/usr", "/lib", "/bin", "/sbin", "/run", "/var/run", "/var/lib/docker" };

    for (size_t i = 0; i < service->volumes.len; i++) {
        const struct service_volume *mount = &service->volumes.items[i];

        if (mount->type != MOUNT_BIND || mount->read_only == OPTION_TRUE || !mount->source)
            continue;
        for (size_t j = 0; j < ARRAY_LEN(folders); j++) {
            if (strcmp(mount->source, folders[j]) != 0)
                continue;
            struct diag_entry *entry = lint_add_field(lint, service, mount_field(lint, i),
                    "the container can change \"%s\" of the host", mount->source);

            lint_hint(lint, entry, "mount it read-only (\":ro\"), or only the part that is needed");
        }
    }
}
