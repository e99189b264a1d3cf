/* Shared by the checks: what they look at and how they answer. */
#pragma once

#include "engine/machine/machine.h"

#include "base/str.h"

/* Files of /proc, /sys and /etc that are read whole; what is longer counts as missing. */
#define MACHINE_FILE_MAX (1u << 20)

struct machine {
    struct arena *arena;
    const struct machine_options *options;
    struct machine_finding *finding; /* of the running check; its status begins as MACHINE_OK */
};

/* The answer of a check. `remedy` is borrowed or lives in the arena; NULL: nothing to do. */
void machine_answer(struct machine *machine, enum machine_status status, const char *remedy,
        const char *found, ...) __attribute__((format(printf, 4, 5)));

/* `path` is relative to the root directory. NULL when it is missing or cannot be read; in the arena. */
const char *machine_read(struct machine *machine, const char *path);
bool machine_exists(struct machine *machine, const char *path);
/* The number that a file holds; `missing` when there is none. */
long machine_read_number(struct machine *machine, const char *path, long missing);
/* A program of the search path, and whether it may change its user (set-uid, or file capabilities). */
bool machine_find_program(struct machine *machine, const char *name, bool *ret_privileged);

/* True when `word` stands in the blank-separated `text`. */
bool machine_has_word(const char *text, const char *word);

enum machine_cgroups {
    MACHINE_CGROUPS_NONE,
    MACHINE_CGROUPS_V1,
    MACHINE_CGROUPS_HYBRID,
    MACHINE_CGROUPS_V2
};
enum machine_cgroups machine_cgroup_layout(struct machine *machine);

/* Major and minor number of the kernel; 0 when unknown. */
void machine_kernel_version(struct machine *machine, unsigned *ret_major, unsigned *ret_minor);

struct machine_check {
    const char *name;
    enum machine_use use;
    void (*run)(struct machine *machine);
};
/* Each ends with a row without name. */
extern const struct machine_check machine_kernel_checks[], machine_rootless_checks[],
        machine_boot_checks[];
