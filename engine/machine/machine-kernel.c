/* The kernel, cgroups, networks and the firewall: what containers of root need. */
#include <sys/statvfs.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "engine/machine/machine-internal.h"

/* clone3 with CLONE_INTO_CGROUP, pidfd_getfd and openat2 are all there from 5.7 on. */
#define KERNEL_MAJOR_MIN 5
#define KERNEL_MINOR_MIN 7
#define DISK_FREE_MIN_BYTES (1ull << 30)
#define MIB (1ull << 20)

void machine_kernel_version(struct machine *machine, unsigned *ret_major, unsigned *ret_minor)
{
    const char *text = machine_read(machine, "proc/sys/kernel/osrelease");
    struct str rest = str_from(text ? text : ""), major, minor;
    uint32_t a = 0, b = 0;

    *ret_major = *ret_minor = 0;
    if (!str_split_next(&rest, '.', &major) || !str_split_next(&rest, '.', &minor))
        return;
    for (size_t i = 0; i < minor.len; i++) /* "19-rc1" */
        if (minor.data[i] < '0' || minor.data[i] > '9')
            minor.len = i;
    if (parse_uint32(major, UINT16_MAX, &a) < 0 || parse_uint32(minor, UINT16_MAX, &b) < 0)
        return;
    *ret_major = a;
    *ret_minor = b;
}

static void check_kernel(struct machine *machine)
{
    const char *release = machine_read(machine, "proc/sys/kernel/osrelease");
    unsigned major, minor;

    machine_kernel_version(machine, &major, &minor);
    if (!major) {
        machine_answer(machine, MACHINE_UNKNOWN, "mount -t proc proc /proc",
                "the kernel's version cannot be read from /proc");
        return;
    }
    struct str name = str_trim(str_from(release));
    bool old = major < KERNEL_MAJOR_MIN || (major == KERNEL_MAJOR_MIN && minor < KERNEL_MINOR_MIN);
    machine_answer(machine, old ? MACHINE_FAILURE : MACHINE_OK,
            old ? "apt-get install linux-image-amd64, then reboot" : NULL,
            old ? "Linux %.*s; 5.7 or later is needed" : "Linux %.*s", STR_FMT(name));
}

/* File system type of a mount point, from /proc/self/mounts; empty when nothing is mounted there. */
static struct str mounted_type(struct machine *machine, const char *mount_point)
{
    const char *mounts = machine_read(machine, "proc/self/mounts");
    struct str rest = str_from(mounts ? mounts : ""), line, type = { 0 };

    while (str_split_next(&rest, '\n', &line)) {
        struct str device, at, kind;

        if (str_split_next(&line, ' ', &device) && str_split_next(&line, ' ', &at) &&
                str_split_next(&line, ' ', &kind) && str_is_equal_z(at, mount_point))
            type = kind; /* the last one covers the others */
    }
    return type;
}

enum machine_cgroups machine_cgroup_layout(struct machine *machine)
{
    struct str top = mounted_type(machine, "/sys/fs/cgroup");

    if (str_is_equal_z(top, "cgroup2"))
        return MACHINE_CGROUPS_V2;
    if (str_is_equal_z(mounted_type(machine, "/sys/fs/cgroup/unified"), "cgroup2"))
        return MACHINE_CGROUPS_HYBRID;
    return top.len ? MACHINE_CGROUPS_V1 : MACHINE_CGROUPS_NONE;
}

static void check_cgroup_version(struct machine *machine)
{
    static const char to_v2[] = "add systemd.unified_cgroup_hierarchy=1 to GRUB_CMDLINE_LINUX in "
                                "/etc/default/grub, run update-grub, reboot";

    switch (machine_cgroup_layout(machine)) {
    case MACHINE_CGROUPS_V2:
        machine_answer(machine, MACHINE_OK, NULL, "version 2");
        return;
    case MACHINE_CGROUPS_HYBRID:
        machine_answer(machine, MACHINE_WARNING, to_v2,
                "hybrid: limits through version 1; no limits for rootless containers");
        return;
    case MACHINE_CGROUPS_V1:
        machine_answer(machine, MACHINE_WARNING, to_v2,
                "version 1 only: no limits for rootless containers");
        return;
    case MACHINE_CGROUPS_NONE:
        machine_answer(machine, MACHINE_FAILURE, "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
                "nothing is mounted at /sys/fs/cgroup");
        return;
    }
}

/* Names of the controllers, separated by blanks. On version 1 those that are enabled in /proc/cgroups. */
static const char *controllers_of(struct machine *machine)
{
    if (machine_cgroup_layout(machine) == MACHINE_CGROUPS_V2)
        return machine_read(machine, "sys/fs/cgroup/cgroup.controllers");
    const char *table = machine_read(machine, "proc/cgroups");
    struct str rest = str_from(table ? table : ""), line;
    const char *names = "";

    while (str_split_next(&rest, '\n', &line)) {
        struct str name;

        if (!str_has_prefix(line, "#") && str_has_suffix(line, "\t1") &&
                str_split_next(&line, '\t', &name))
            names = arena_printf(machine->arena, "%s %.*s", names, STR_FMT(name));
    }
    return names;
}

static void check_cgroup_controllers(struct machine *machine)
{
    static const char *const wanted[] = { "cpu", "memory", "pids", "cpuset" };
    const char *have = controllers_of(machine), *missing = "";

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!machine_has_word(have, wanted[i]))
            missing = arena_printf(machine->arena, "%s %s", missing, wanted[i]);
    if (!*missing)
        machine_answer(machine, MACHINE_OK, NULL, "cpu, memory, pids, cpuset");
    else
        machine_answer(machine, MACHINE_WARNING,
                strstr(missing, "memory")
                        ? "add cgroup_enable=memory to the kernel's command line, reboot"
                        : "use a kernel that has these controllers",
                "missing:%s; limits of these kinds are refused", missing);
}

static bool has_file_system(struct machine *machine, const char *name)
{
    return machine_has_word(machine_read(machine, "proc/filesystems"), name);
}

/* A module of the running kernel's: loaded, built in or at hand. */
static bool has_module(struct machine *machine, const char *name)
{
    const char *release = machine_read(machine, "proc/sys/kernel/osrelease");
    struct str version = str_trim(str_from(release ? release : ""));

    if (machine_exists(machine, arena_printf(machine->arena, "sys/module/%s", name)))
        return true;
    static const char *const lists[] = { "modules.builtin", "modules.dep" };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const char *list = machine_read(machine,
                arena_printf(machine->arena, "lib/modules/%.*s/%s", STR_FMT(version), lists[i]));
        if (list && strstr(list, arena_printf(machine->arena, "/%s.ko", name)))
            return true;
    }
    return false;
}

static void check_overlay(struct machine *machine)
{
    if (has_file_system(machine, "overlay"))
        machine_answer(machine, MACHINE_OK, NULL, "the kernel has it");
    else if (has_module(machine, "overlay"))
        machine_answer(machine, MACHINE_FAILURE,
                "modprobe overlay && echo overlay >/etc/modules-load.d/overlay.conf",
                "the module is not loaded");
    else
        machine_answer(machine, MACHINE_FAILURE, "use a kernel with CONFIG_OVERLAY_FS",
                "the kernel does not have it");
}

static void check_network_devices(struct machine *machine)
{
    const char *release = machine_read(machine, "proc/sys/kernel/osrelease");
    struct str version = str_trim(str_from(release ? release : ""));
    bool bridge = has_module(machine, "bridge"), veth = has_module(machine, "veth");

    if (bridge && veth)
        machine_answer(machine, MACHINE_OK, NULL, "bridge, veth");
    else if (machine_exists(
                     machine, arena_printf(machine->arena, "lib/modules/%.*s", STR_FMT(version))))
        machine_answer(machine, MACHINE_FAILURE, "use a kernel with CONFIG_BRIDGE and CONFIG_VETH",
                "no module for %s",
                bridge ? "veth"
                : veth ? "bridge"
                       : "bridge and veth");
    else
        machine_answer(machine, MACHINE_UNKNOWN, NULL,
                "this kernel has no list of modules below /lib/modules");
}

static void check_nftables(struct machine *machine)
{
    if (machine->options->has_library && !machine->options->has_library("libnftables.so.1"))
        machine_answer(machine, MACHINE_FAILURE, "apt-get install libnftables1",
                "the library libnftables.so.1 is missing; networks of containers need it");
    else if (!machine_exists(machine, "proc/net/netfilter") && !has_module(machine, "nf_tables"))
        machine_answer(
                machine, MACHINE_FAILURE, "modprobe nf_tables", "the kernel has no packet filter");
    else
        machine_answer(machine, MACHINE_OK, NULL, "library and kernel have it");
}

static void check_firewall(struct machine *machine)
{
    const char *ufw = machine_read(machine, "etc/ufw/ufw.conf");

    if (ufw && strstr(ufw, "ENABLED=yes"))
        machine_answer(machine, MACHINE_NOTE, "ufw route allow proto tcp to any port PORT",
                "ufw is on: a published port is reachable from outside once it is allowed");
    else if (machine_exists(machine, "run/firewalld.pid") ||
             machine_exists(machine, "run/firewalld"))
        machine_answer(machine, MACHINE_NOTE, "firewall-cmd --permanent --add-port=PORT/tcp",
                "firewalld is on: a published port is reachable from outside once it is allowed");
    else if (machine_exists(machine, "sys/class/net/docker0"))
        machine_answer(machine, MACHINE_NOTE, NULL,
                "Docker's rules are loaded; berth adds its own beside them");
    else
        machine_answer(machine, MACHINE_OK, NULL, "neither ufw nor firewalld is on");
}

static void check_dns(struct machine *machine)
{
    const char *text = machine_read(machine, "etc/resolv.conf");
    struct str rest = str_from(text ? text : ""), line;
    unsigned servers = 0, loopback = 0;

    while (str_split_next(&rest, '\n', &line)) {
        if (!str_has_prefix(line, "nameserver "))
            continue;
        servers++;
        loopback += str_has_prefix(line, "nameserver 127.") ||
                    str_is_equal_z(line, "nameserver ::1");
    }
    if (!servers)
        machine_answer(machine, MACHINE_WARNING, "write the name servers into /etc/resolv.conf",
                "/etc/resolv.conf names no server: names outside of the project are not found");
    else if (servers == loopback && machine_exists(machine, "run/systemd/resolve/resolv.conf"))
        machine_answer(machine, MACHINE_OK, NULL, "through systemd-resolved");
    else if (servers == loopback)
        machine_answer(machine, MACHINE_OK, NULL,
                "a server on loopback; berth's name server asks it for containers");
    else
        machine_answer(machine, MACHINE_OK, NULL, "%u server%s", servers, servers == 1 ? "" : "s");
}

static void check_seccomp(struct machine *machine)
{
    if (!machine_exists(machine, "proc/sys/kernel/seccomp/actions_avail"))
        machine_answer(machine, MACHINE_FAILURE, "use a kernel with CONFIG_SECCOMP_FILTER",
                "the kernel has no system call filters");
    else if (machine->options->has_library && !machine->options->has_library("libseccomp.so.2"))
        machine_answer(machine, MACHINE_FAILURE, "apt-get install libseccomp2",
                "the library libseccomp.so.2 is missing");
    else
        machine_answer(machine, MACHINE_OK, NULL, "the kernel has it");
}

static void check_disk(struct machine *machine)
{
    const char *dir = machine->options->state_dir;
    struct statvfs st;

    if (!dir || statvfs(dir, &st) < 0) {
        machine_answer(machine, MACHINE_OK, NULL, "nothing is stored yet");
        return;
    }
    uint64_t free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    bool low = free_bytes < DISK_FREE_MIN_BYTES;
    machine_answer(machine, low ? MACHINE_WARNING : MACHINE_OK, low ? "berth image prune -a" : NULL,
            "%llu MiB free at %s", (unsigned long long)(free_bytes / MIB), dir);
}

const struct machine_check machine_kernel_checks[] = {
    { "kernel", MACHINE_USE_ROOT, check_kernel },
    { "cgroup-version", MACHINE_USE_ROOT, check_cgroup_version },
    { "cgroup-controllers", MACHINE_USE_ROOT, check_cgroup_controllers },
    { "overlay", MACHINE_USE_ROOT, check_overlay },
    { "seccomp", MACHINE_USE_ROOT, check_seccomp },
    { "network-devices", MACHINE_USE_ROOT, check_network_devices },
    { "nftables", MACHINE_USE_ROOT, check_nftables },
    { "firewall", MACHINE_USE_ROOT, check_firewall },
    { "dns", MACHINE_USE_ROOT, check_dns },
    { "disk", MACHINE_USE_ROOT, check_disk },
    { 0 },
};
