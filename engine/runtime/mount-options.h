/* The table of mount options: what each word means to the kernel. What is not in the table belongs
 * to the file system and goes into its data string. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct mount_option {
    const char *name;
    unsigned long flags; /* MS_… that are set, or cleared when `clear` */
    bool clear;
    unsigned long propagation; /* MS_PRIVATE, … with MS_REC */
    uint64_t recursive_set;    /* MOUNT_ATTR_… for the whole tree */
    uint64_t recursive_clear;
    bool optional;       /* "nofail" */
    bool copy_up;        /* "tmpcopyup" */
    int idmap;           /* enum mount_idmap */
    const char *refused; /* known, but not done: the reason */
};

/* util-linux' option for a part of what is mounted; here of a bind's source. Links in there that others can
 * change lead nowhere else, since the runtime looks it up itself, by descriptor. */
#define MOUNT_OPTION_SUBDIR "X-mount.subdir="

/* The row, or NULL. */
const struct mount_option *mount_option_find(struct str name);
const struct mount_option *mount_option_at(size_t index); /* NULL behind the last */

/* The propagation for "rprivate", "shared", …; 0 for other words. */
unsigned long mount_propagation_parse(const char *name);
