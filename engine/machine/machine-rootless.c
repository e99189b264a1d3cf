/* What containers of an ordinary user need beside the kernel. */
#include <sys/stat.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "engine/machine/machine-internal.h"

/* The users of most images fit in as many; Debian's adduser gives as many. */
#define SUBORDINATE_IDS_MIN 65536u
/* Overlay mounts inside a user namespace. */
#define OVERLAY_KERNEL_MAJOR 5
#define OVERLAY_KERNEL_MINOR 11
#define LOW_PORTS 1024

static void check_user_namespaces(struct machine *machine)
{
    if (!machine_exists(machine, "proc/self/uid_map") ||
            machine_read_number(machine, "proc/sys/user/max_user_namespaces", 1) == 0)
        machine_answer(machine, MACHINE_FAILURE, "sysctl -w user.max_user_namespaces=65536",
                "the kernel allows no user namespaces");
    else if (machine_read_number(machine, "proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
        machine_answer(machine, MACHINE_FAILURE, "sysctl -w kernel.unprivileged_userns_clone=1",
                "only root may make user namespaces");
    else if (machine_read_number(
                     machine, "proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
        machine_answer(machine, MACHINE_FAILURE,
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile "
                "for berth that allows userns",
                "AppArmor takes all rights from user namespaces of programs without a profile");
    else
        machine_answer(machine, MACHINE_OK, NULL, "users may make them");
}

static void check_overlay(struct machine *machine)
{
    unsigned major, minor;

    machine_kernel_version(machine, &major, &minor);
    bool old = major < OVERLAY_KERNEL_MAJOR ||
               (major == OVERLAY_KERNEL_MAJOR && minor < OVERLAY_KERNEL_MINOR);
    if (!major)
        machine_answer(machine, MACHINE_UNKNOWN, NULL, "the kernel's version is unknown");
    else
        machine_answer(machine, old ? MACHINE_FAILURE : MACHINE_OK,
                old ? "use Linux 5.11 or later" : NULL,
                old ? "this kernel allows overlay mounts to root alone"
                    : "in user namespaces since Linux 5.11");
}

/* The largest range that `file` (/etc/subuid or /etc/subgid) gives to the user, by name or number. */
static uint64_t subordinate_ids(struct machine *machine, const char *file)
{
    const char *text = machine_read(machine, file);
    struct str rest = str_from(text ? text : ""), line;
    const char *number = arena_printf(machine->arena, "%u", machine->options->uid);
    uint64_t largest = 0;

    while (str_split_next(&rest, '\n', &line)) {
        struct str name, start, count;
        uint64_t ids;

        if (!str_split_next(&line, ':', &name) || !str_split_next(&line, ':', &start) ||
                !str_split_next(&line, ':', &count))
            continue;
        bool own = str_is_equal_z(name, number) ||
                   (machine->options->user && str_is_equal_z(name, machine->options->user));
        if (own && parse_uint64(count, UINT32_MAX, &ids) == 0 && ids > largest)
            largest = ids;
    }
    return largest;
}

/* Root was not asked about anybody. */
static bool nobody_is_asked_about(struct machine *machine)
{
    if (machine->options->uid != 0)
        return false;
    machine_answer(machine, MACHINE_UNKNOWN, "berth doctor --user NAME",
            "depends on the user, and root is none of those");
    return true;
}

static void check_subordinate_ids(struct machine *machine)
{
    const char *user = machine->options->user ? machine->options->user : "USER";

    if (nobody_is_asked_about(machine))
        return;
    uint64_t uids = subordinate_ids(machine, "etc/subuid"),
             gids = subordinate_ids(machine, "etc/subgid");
    uint64_t least = uids < gids ? uids : gids;
    const char *remedy = arena_printf(machine->arena,
            "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", user);

    if (least >= SUBORDINATE_IDS_MIN)
        machine_answer(machine, MACHINE_OK, NULL, "%llu for %s", (unsigned long long)least, user);
    else if (least > 0)
        machine_answer(machine, MACHINE_WARNING, remedy,
                "only %llu for %s: images with higher users cannot be unpacked",
                (unsigned long long)least, user);
    else
        machine_answer(machine, MACHINE_FAILURE, remedy, "/etc/sub%cid has no range for %s",
                uids ? 'g' : 'u', user);
}

static void check_id_programs(struct machine *machine)
{
    static const char *const names[] = { "newuidmap", "newgidmap" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bool privileged = false;

        if (!machine_find_program(machine, names[i], &privileged)) {
            machine_answer(machine, MACHINE_FAILURE, "apt-get install uidmap",
                    "%s is not installed", names[i]);
            return;
        }
        if (!privileged) {
            machine_answer(machine, MACHINE_FAILURE, "apt-get install --reinstall uidmap",
                    "%s is neither set-uid nor has file capabilities", names[i]);
            return;
        }
    }
    machine_answer(machine, MACHINE_OK, NULL, "newuidmap, newgidmap");
}

static void check_pasta(struct machine *machine)
{
    bool privileged;

    if (machine_find_program(machine, "pasta", &privileged))
        machine_answer(machine, MACHINE_OK, NULL, "pasta");
    else
        machine_answer(machine, MACHINE_WARNING, "apt-get install passt",
                "pasta is not installed: no way out of a rootless network");
}

static void check_delegation(struct machine *machine)
{
    static const char remedy[] =
            "mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset "
            "io memory pids\\n' >/etc/systemd/system/user@.service.d/delegate.conf && systemctl "
            "daemon-reload";
    static const char *const wanted[] = { "cpu", "memory", "pids" };
    const char *missing = "";

    if (nobody_is_asked_about(machine))
        return;
    if (machine_cgroup_layout(machine) != MACHINE_CGROUPS_V2) {
        machine_answer(machine, MACHINE_WARNING, "see cgroup-version",
                "no limits: they need cgroups of version 2");
        return;
    }
    const char *have = machine_read(machine,
            arena_printf(machine->arena,
                    "sys/fs/cgroup/user.slice/user-%u.slice/user@%u.service/cgroup.controllers",
                    machine->options->uid, machine->options->uid));
    if (!have) {
        machine_answer(machine, MACHINE_UNKNOWN, NULL,
                "the user's service manager does not run, so nothing is delegated now");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!machine_has_word(have, wanted[i]))
            missing = arena_printf(machine->arena, "%s %s", missing, wanted[i]);
    if (*missing)
        machine_answer(machine, MACHINE_WARNING, remedy, "not delegated to the user:%s", missing);
    else
        machine_answer(machine, MACHINE_OK, NULL, "cpu, memory and pids are the user's");
}

static void check_runtime_directory(struct machine *machine)
{
    const char *dir = machine->options->runtime_dir;

    if (nobody_is_asked_about(machine))
        return;
    if (!dir)
        machine_answer(machine, MACHINE_WARNING,
                "log in by a session (ssh, machinectl shell USER@), not by su",
                "XDG_RUNTIME_DIR is not set");
    else if (!machine_exists(machine, dir))
        machine_answer(machine, MACHINE_FAILURE,
                "log in by a session (ssh, machinectl shell USER@), not by su", "%s does not exist",
                dir);
    else
        machine_answer(machine, MACHINE_OK, NULL, "%s", dir);
}

static void check_low_ports(struct machine *machine)
{
    long first = machine_read_number(
            machine, "proc/sys/net/ipv4/ip_unprivileged_port_start", LOW_PORTS);

    if (first <= 80)
        machine_answer(machine, MACHINE_OK, NULL, "users may publish ports from %ld on", first);
    else
        machine_answer(machine, MACHINE_NOTE, "sysctl -w net.ipv4.ip_unprivileged_port_start=80",
                "users may publish ports from %ld on", first);
}

const struct machine_check machine_rootless_checks[] = {
    { "user-namespaces", MACHINE_USE_ROOTLESS, check_user_namespaces },
    { "rootless-overlay", MACHINE_USE_ROOTLESS, check_overlay },
    { "subordinate-ids", MACHINE_USE_ROOTLESS, check_subordinate_ids },
    { "id-programs", MACHINE_USE_ROOTLESS, check_id_programs },
    { "pasta", MACHINE_USE_ROOTLESS, check_pasta },
    { "cgroup-delegation", MACHINE_USE_ROOTLESS, check_delegation },
    { "runtime-directory", MACHINE_USE_ROOTLESS, check_runtime_directory },
    { "low-ports", MACHINE_USE_ROOTLESS, check_low_ports },
    { 0 },
};
