/* Rows of options that cp and commit have for a container and for a service of a project alike. The struct has members
 * of these names. */
#pragma once

#include <stddef.h>

#include "base/opts.h"

#define COPY_ROWS(options)                                       \
    { .name = "archive",                                         \
        .letter = 'a',                                           \
        .type = &opt_flag,                                       \
        .offset = offsetof(struct options, archive),             \
        .help = "Keep owners" },                                 \
    {                                                            \
        .name = "follow-link", .letter = 'L', .type = &opt_flag, \
        .offset = offsetof(struct options, follow_link),         \
        .help = "Copy what a link given as source leads to"      \
    }

#define COMMIT_AUTHOR_ROW(options)                                               \
    {                                                                            \
        .name = "author", .letter = 'a', .type = &opt_string, .arg = "NAME",     \
        .offset = offsetof(struct options, author), .help = "Who made the image" \
    }
#define COMMIT_CHANGE_ROW(options)                                                \
    {                                                                             \
        .name = "change", .letter = 'c', .type = &opt_list, .arg = "INSTRUCTION", \
        .offset = offsetof(struct options, changes),                              \
        .help = "Apply an instruction of a Dockerfile"                            \
    }
#define COMMIT_MESSAGE_ROW(options)                                                           \
    {                                                                                         \
        .name = "message", .letter = 'm', .type = &opt_string, .arg = "TEXT",                 \
        .offset = offsetof(struct options, message), .help = "Comment in the image's history" \
    }
#define COMMIT_PAUSE_ROW(options)                              \
    {                                                          \
        .name = "pause", .letter = 'p', .type = &opt_flag,     \
        .offset = offsetof(struct options, pause),             \
        .help = "Pause the container meanwhile (default true)" \
    }
