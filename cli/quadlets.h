/* What the commands of `berth quadlet` share: where quadlets are, those that are there, files that are to be
 * installed, and lines that differ. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "quadlet/emit.h"
#include "quadlet/quadlet.h"
#include "quadlet/read.h"
#include "units/search.h"

struct cli;
struct diag;
struct error;
struct strbuf;

/* A file as it is to be installed. In the arena. */
struct quadlet_file {
    const char *name; /* "web.container", or that of an asset */
    const char *from; /* where it was read */
    const char *text;
    size_t len;
    unsigned line;   /* of `from`, where the text begins, less one */
    bool is_quadlet; /* no asset */
};
struct quadlet_files {
    struct quadlet_file *items;
    size_t len, cap;
    const char *
            list_name; /* ".web.app" or ".web.container.asset": names what belongs together; NULL: none */
    bool is_application;
};

/* For the calling user: root's are the system's unless `is_user`. */
struct quadlet_places quadlets_places(const struct cli *cli, bool is_user);

/* Where `install` puts files. NULL with *err. */
const char *quadlets_install_dir(struct cli *cli, bool is_user, struct error **err);

/* The directories and all quadlets in them, in cli's arena; what cannot be used becomes findings. */
void quadlets_read(struct cli *cli, bool is_user, struct search *search, struct quadlet_set *set,
        struct diag *diag);

/* Translates all documents of the set for the engine; the number of those that have errors. */
size_t quadlets_check(struct quadlet_set *set, const char *engine, bool is_user, struct diag *diag,
        struct error **err);

/* Reads what `install` was given: a directory, NAME.quadlets, or a unit with its assets. */
int quadlets_collect(struct cli *cli, int argc, char **argv, struct quadlet_files *ret,
        struct diag *diag, struct error **err);

/* Puts a file into the set as if it lay in `directory`. */
void quadlets_add_file(struct quadlet_set *set, const struct quadlet_file *file,
        const char *directory, struct diag *diag);

/* The names in a ".NAME.app" or ".NAME.asset" file. */
struct strings quadlets_read_list(struct cli *cli, const char *directory, const char *list_name);

/* Lines that differ, as `diff -u` shows them without its first two lines. */
void quadlets_add_diff(struct strbuf *out, const char *old_text, const char *new_text);
