/* .dockerignore: which paths of a build context stay out of it. Patterns as in Go's filepath.Match with
 * "**", a leading "!" takes paths back in, later lines win; a pattern that matches a directory covers
 * all below it. Lives in an arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct error;

struct ignore_pattern {
    char *text; /* cleaned, without leading "/" */
    bool keep;  /* began with "!" */
    unsigned line;
};

struct ignore_list {
    struct ignore_pattern *items;
    size_t len, cap;
    bool has_keep;
};

/* Reads the text of the file; `file` is named in errors (a malformed pattern). */
int ignore_parse(struct arena *arena, const char *file, const char *text, size_t len,
        struct ignore_list *ret, struct error **err);

/* A file that the user names, wherever it is; or the file that counts for builds of `dockerfile` (NULL: none that has a name) in that context: its own
 * "NAME.dockerignore", else ".dockerignore". An empty list without one. */
int ignore_load_file(
        struct arena *arena, const char *path, struct ignore_list *ret, struct error **err);
int ignore_load(struct arena *arena, int context_fd, const char *dockerfile,
        struct ignore_list *ret, struct error **err);

/* `path` is relative to the context, cleaned, without leading "/". */
bool ignore_covers(const struct ignore_list *list, const char *path);

/* A directory that is covered may be skipped as a whole unless something below it could be kept. */
bool ignore_may_keep_below(const struct ignore_list *list, const char *directory);

/* One Go pattern against one path: '*' and '?' stop at "/", "**" does not, [a-z] classes with ^, and \ escapes.
 * -EINVAL for a malformed pattern. */
int pattern_match(const char *pattern, const char *path);
