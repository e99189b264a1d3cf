/* Lexical work on paths: no system call, no look at the file system. */
#pragma once

#include <stdbool.h>

struct arena;

/* Cleans "a//b/./c/.." to "a/b"; keeps a leading "/"; ".." above the top of a relative path stays,
 * above "/" it goes. Empty gives ".". Lives in the arena. */
char *path_clean(struct arena *arena, const char *path);

/* `path` when it is absolute, else base "/" path; cleaned. */
char *path_join(struct arena *arena, const char *base, const char *path);

/* What stands before and behind the last "/" ("." and the whole when there is none; "/" for "/x"). */
char *path_parent(struct arena *arena, const char *path);
const char *path_last(const char *path); /* borrowed from path */

/* What leads from the directory `from` to `path`, both cleaned and absolute: "a/b", "../c", ".". */
char *path_relative(struct arena *arena, const char *from, const char *path);

/* "~" and "~/x" with `home` in place of the tilde; others as they are. */
char *path_expand_home(struct arena *arena, const char *path, const char *home);

bool path_is_absolute(const char *path);

/* True when `path` is `parent` or lies below it; both cleaned and absolute. */
bool path_is_below(const char *path, const char *parent);
