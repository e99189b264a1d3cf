/* What projects that systemd starts need. */
#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "engine/machine/machine-internal.h"

static void check_systemd(struct machine *machine)
{
    if (machine_exists(machine, "run/systemd/system"))
        machine_answer(machine, MACHINE_OK, NULL, "is this machine's service manager");
    else
        machine_answer(machine, MACHINE_FAILURE, "boot with systemd (apt-get install systemd-sysv)",
                "is not this machine's service manager");
}

/* In the order in which systemd looks, see systemd.generator(7). */
static bool find_generator(struct machine *machine, const char *kind, const char **ret_path)
{
    static const char *const roots[] = { "run/systemd", "etc/systemd", "usr/local/lib/systemd",
        "usr/lib/systemd", "lib/systemd" };

    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        *ret_path = arena_printf(machine->arena, "%s/%s/berth-generator", roots[i], kind);
        if (machine_exists(machine, *ret_path))
            return true;
    }
    return false;
}

static void check_generator_of(struct machine *machine, const char *kind)
{
    const char *path;

    if (find_generator(machine, kind, &path))
        machine_answer(machine, MACHINE_OK, NULL, "/%s", path);
    else
        machine_answer(machine, MACHINE_FAILURE,
                "install berth for the whole machine: cmake --install build/release --prefix /usr",
                "there is no berth-generator in /usr/lib/systemd/%s", kind);
}

static void check_generator(struct machine *machine)
{
    check_generator_of(machine, "system-generators");
}

static void check_user_generator(struct machine *machine)
{
    check_generator_of(machine, "user-generators");
}

static void check_lingering(struct machine *machine)
{
    const char *user = machine->options->user;

    if (machine->options->uid == 0)
        machine_answer(machine, MACHINE_OK, NULL, "root needs none");
    else if (!user)
        machine_answer(machine, MACHINE_UNKNOWN, NULL, "the user has no name");
    else if (machine_exists(
                     machine, arena_printf(machine->arena, "var/lib/systemd/linger/%s", user)))
        machine_answer(machine, MACHINE_OK, NULL, "the services of %s start at boot", user);
    else
        machine_answer(machine, MACHINE_WARNING,
                arena_printf(machine->arena, "loginctl enable-linger %s", user),
                "the services of %s start at the first login and end with the last", user);
}

static void check_journal(struct machine *machine)
{
    if (machine_exists(machine, "var/log/journal"))
        machine_answer(machine, MACHINE_OK, NULL, "is kept over reboots");
    else
        machine_answer(machine, MACHINE_NOTE, "mkdir /var/log/journal && journalctl --flush",
                "is forgotten at a reboot, and with it what containers logged there");
}

const struct machine_check machine_boot_checks[] = {
    { "systemd", MACHINE_USE_BOOT, check_systemd },
    { "generator", MACHINE_USE_BOOT, check_generator },
    { "user-generator", MACHINE_USE_BOOT, check_user_generator },
    { "lingering", MACHINE_USE_BOOT, check_lingering },
    { "journal", MACHINE_USE_BOOT, check_journal },
    { 0 },
};
