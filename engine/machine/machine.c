#include "engine/machine/machine.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/machine/machine-internal.h"

#define DEFAULT_SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const char *const machine_use_names[] = {
    [MACHINE_USE_ROOT] = "root",
    [MACHINE_USE_ROOTLESS] = "rootless",
    [MACHINE_USE_BOOT] = "boot",
};
_Static_assert(ARRAY_LEN(machine_use_names) == MACHINE_USE_MAX_, "name every use");

const char *const machine_status_names[] = {
    [MACHINE_OK] = "ok",
    [MACHINE_NOTE] = "note",
    [MACHINE_UNKNOWN] = "unknown",
    [MACHINE_WARNING] = "warning",
    [MACHINE_FAILURE] = "failure",
};
_Static_assert(ARRAY_LEN(machine_status_names) == MACHINE_STATUS_MAX_, "name every status");

void machine_answer(struct machine *machine, enum machine_status status, const char *remedy,
        const char *found, ...)
{
    va_list args;

    va_start(args, found);
    machine->finding->status = status;
    machine->finding->remedy = remedy;
    machine->finding->found = arena_vprintf(machine->arena, found, args);
    va_end(args);
}

/* Links below the root directory lead to places below it, also when it stands for "/" in a test. */
static int open_below(struct machine *machine, const char *path, int flags)
{
    return fs_try_open_in_root(machine->options->root_fd, path, flags | O_CLOEXEC | O_NOCTTY, 0);
}

const char *machine_read(struct machine *machine, const char *path)
{
    auto_close int fd = open_below(machine, path, O_RDONLY | O_NONBLOCK);
    auto_free char *data = NULL;
    size_t len;

    if (fd < 0 || fs_read_fd(fd, MACHINE_FILE_MAX, &data, &len, NULL) < 0)
        return NULL;
    return arena_strndup(machine->arena, data, len);
}

bool machine_exists(struct machine *machine, const char *path)
{
    auto_close int fd = open_below(machine, path, O_PATH);

    return fd >= 0;
}

long machine_read_number(struct machine *machine, const char *path, long missing)
{
    const char *text = machine_read(machine, path);
    int64_t number;

    if (!text || parse_int64(str_trim(str_from(text)), INT32_MIN, INT32_MAX, &number) < 0)
        return missing;
    return (long)number;
}

/* Extended attributes cannot be read through an O_PATH descriptor, but by its name below /proc. */
static bool has_file_capabilities(struct machine *machine, int fd)
{
    return getxattr(arena_printf(machine->arena, "/proc/self/fd/%d", fd), "security.capability",
                   NULL, 0) > 0;
}

bool machine_find_program(struct machine *machine, const char *name, bool *ret_privileged)
{
    const char *search = machine->options->search_path;
    struct str rest = str_from(search ? search : DEFAULT_SEARCH_PATH), dir;

    while (str_split_next(&rest, ':', &dir)) {
        struct stat st;
        auto_close int fd = open_below(
                machine, arena_printf(machine->arena, "%.*s/%s", STR_FMT(dir), name), O_PATH);

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
            continue;
        *ret_privileged = (st.st_mode & S_ISUID) || has_file_capabilities(machine, fd);
        return true;
    }
    return false;
}

bool machine_has_word(const char *text, const char *word)
{
    size_t len = strlen(word);

    for (const char *p = text; p && (p = strstr(p, word)); p += len)
        if ((p == text || strchr(" \t\n", p[-1])) && (!p[len] || strchr(" \t\n", p[len])))
            return true;
    return false;
}

static void run_checks(struct machine *machine, const struct machine_check *checks,
        enum machine_use use, struct machine_report *report)
{
    for (const struct machine_check *check = checks; check->name; check++) {
        if (check->use != use)
            continue;
        machine->finding = ARRAY_APPEND_ARENA(machine->arena, report);
        machine->finding->name = check->name;
        machine->finding->use = use;
        check->run(machine);
    }
}

void machine_check(
        struct arena *arena, const struct machine_options *options, struct machine_report *ret)
{
    struct machine machine = { .arena = arena, .options = options };
    struct machine_report report = { 0 };

    for (int use = 0; use < MACHINE_USE_MAX_; use++) {
        run_checks(&machine, machine_kernel_checks, use, &report);
        run_checks(&machine, machine_rootless_checks, use, &report);
        run_checks(&machine, machine_boot_checks, use, &report);
    }
    *ret = report;
}

enum machine_status machine_worst(const struct machine_report *report, enum machine_use use)
{
    enum machine_status worst = MACHINE_OK;

    ARRAY_FOREACH(report, finding)
        if (finding->use == use && finding->status > worst)
            worst = finding->status;
    return worst;
}
