/* From quadlet documents to systemd units. One translation for files and for documents that a program
 * made; no system call but a look whether an optional device exists, which the options can replace. */
#pragma once

#include <stdbool.h>

#include "units/unitfile.h"

struct arena;
struct diag;
struct quadlet;
struct quadlet_set;

enum quadlet_engine { QUADLET_ENGINE_PODMAN, QUADLET_ENGINE_BERTH, QUADLET_ENGINE_MAX_ };
extern const char *const quadlet_engine_names[QUADLET_ENGINE_MAX_];

struct quadlet_options {
    enum quadlet_engine engine;
    const char *program; /* of the engine: "/usr/bin/podman" */
    bool is_user;        /* for a user's manager */
    /* Whether an optional device ("-/dev/x") is there; NULL: ask the file system. */
    bool (*has_device)(void *userdata, const char *path);
    void *userdata;
};

/* Podman's oddities are kept with its engine and mended with berth's. */
static inline bool quadlet_keeps_quirks(const struct quadlet_options *options)
{
    return options->engine == QUADLET_ENGINE_PODMAN;
}

struct quadlet_unit {
    const struct quadlet *source;
    const char *name; /* "web.service" */
    struct unitfile unit;
};

/* Puts the documents into the order of translation and finds out their names. Call it once, when all
 * are in the set. */
void quadlet_emit_prepare(struct quadlet_set *set);

/* Translates one document; those that others refer to have to come first, as quadlet_emit_prepare
 * orders them. What is made lives in `arena`. 0, or -EINVAL with the findings: then there is no
 * unit. */
int quadlet_emit(const struct quadlet_set *set, struct quadlet *quadlet,
        const struct quadlet_options *options, struct arena *arena, struct quadlet_unit *ret,
        struct diag *diag);

/* A command line that prints the errors and fails, for the ExecStart= of what cannot be made; cut at max_bytes. In the arena. */
const char *quadlet_failing_command(
        struct arena *arena, const struct strings *errors, size_t max_bytes);

/* A unit that takes the place of one that could not be made: starting it fails and says why. */
void quadlet_emit_placeholder(
        const struct quadlet *quadlet, struct arena *arena, struct quadlet_unit *ret);

/* The links that [Install] asks for. */
struct quadlet_link {
    const char *path; /* relative to the output directory: "multi-user.target.wants/web.service" */
    const char *target; /* "../web.service"; NULL: the link cannot be made */
};
struct quadlet_links {
    struct quadlet_link *items;
    size_t len, cap;
};
struct quadlet_links quadlet_emit_links(const struct quadlet_unit *unit, struct arena *arena);
