/* What this machine has and lacks for containers: run by root, run by an ordinary user, started at boot.
 * A table of checks; each looks at files (below a root directory that tests choose) and changes
 * nothing. What a check cannot tell from there is "unknown", never "ok".
 *
 *     struct machine_report report = { 0 };
 *     machine_check(&arena, &(struct machine_options){ .root_fd = root_fd, … }, &report);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct arena;

enum machine_use {
    MACHINE_USE_ROOT,     /* containers run by root */
    MACHINE_USE_ROOTLESS, /* containers run by an ordinary user */
    MACHINE_USE_BOOT,     /* containers that systemd starts */
    MACHINE_USE_MAX_,
    MACHINE_USE_INVALID = -22,
};
extern const char *const machine_use_names[MACHINE_USE_MAX_];

enum machine_status {
    MACHINE_OK,
    MACHINE_NOTE,    /* works; worth knowing */
    MACHINE_UNKNOWN, /* cannot be told from here */
    MACHINE_WARNING, /* works with a restriction that `found` names */
    MACHINE_FAILURE, /* does not work */
    MACHINE_STATUS_MAX_,
};
extern const char *const machine_status_names[MACHINE_STATUS_MAX_];

struct machine_options {
    int root_fd;             /* of "/", or of a directory that stands for it (tests) */
    uid_t uid;               /* whose rootless use is looked at */
    const char *user;        /* that one's name; NULL: unknown */
    const char *search_path; /* $PATH */
    const char *runtime_dir; /* $XDG_RUNTIME_DIR; NULL: unset */
    const char *state_dir;   /* the engine's root directory, for the room on its disk */
    bool (*has_library)(const char *name); /* "libnftables.so.1"; NULL: no check of libraries */
};

struct machine_finding {
    const char *name; /* stable, "cgroup-version" */
    enum machine_use use;
    enum machine_status status;
    const char *found;  /* one line */
    const char *remedy; /* a command, or what to do; NULL when nothing is to be done */
};

struct machine_report {
    struct machine_finding *items;
    size_t len, cap;
};

/* Fills the report, in the order of the uses; texts and array live in the arena. A check always has a finding,
 * so this cannot fail. Thread-safe per arena. */
void machine_check(
        struct arena *arena, const struct machine_options *options, struct machine_report *ret);

/* The gravest status among the findings of a use; MACHINE_OK without any. */
enum machine_status machine_worst(const struct machine_report *report, enum machine_use use);
