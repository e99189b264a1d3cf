#include "engine/build/ignore.h"

#include <fcntl.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"

/* Steps that one match may take: patterns with many stars would otherwise be a way to burn time. */
#define MATCH_STEPS_MAX 200000

/* A class "[…]" at *pattern against c: 1, 0, or -EINVAL. *pattern is moved behind it. */
static int match_class(const char **pattern, char c)
{
    const char *p = *pattern + 1;
    bool negated = *p == '^', hit = false, any = false;

    p += negated ? 1 : 0;
    while (*p && (*p != ']' || !any)) {
        if (*p == ']' || *p == '-')
            return -EINVAL; /* as Go: these need a backslash at the front */
        if (*p == '\\' && !*++p)
            return -EINVAL;
        char low = *p++, high = low;

        if (*p == '-' && p[1] != ']') {
            p++;
            if (*p == '\\')
                p++;
            if (!*p)
                return -EINVAL;
            high = *p++;
        }
        hit = hit || (low <= c && c <= high);
        any = true;
    }
    if (*p != ']' || !any)
        return -EINVAL;
    *pattern = p + 1;
    return hit != negated && c != '/';
}

static int match_here(const char *pattern, const char *path, unsigned *steps)
{
    for (;;) {
        if (++*steps > MATCH_STEPS_MAX)
            return -EINVAL;
        if (!*pattern)
            return !*path;
        if (*pattern == '*') {
            bool deep = pattern[1] == '*';
            const char *rest = pattern + (deep ? 2 : 1);

            /* "**" followed by "/" also matches no directory at all. */
            if (deep && *rest == '/') {
                int r = match_here(rest + 1, path, steps);
                if (r != 0)
                    return r;
            }
            for (const char *p = path;; p++) {
                int r = match_here(rest, p, steps);
                if (r != 0)
                    return r;
                if (!*p || (*p == '/' && !deep))
                    return 0;
            }
        }
        if (*pattern == '[') {
            int r = *path ? match_class(&pattern, *path) : match_class(&pattern, '/');
            if (r <= 0 || !*path)
                return r < 0 ? r : 0;
            path++;
            continue;
        }
        bool literal = *pattern == '\\';
        if (literal && !*++pattern)
            return -EINVAL;
        if (!literal && *pattern == '?') {
            if (!*path || *path == '/')
                return 0;
        } else if (*pattern != *path) {
            return 0;
        }
        pattern++;
        path++;
    }
}

int pattern_match(const char *pattern, const char *path)
{
    unsigned steps = 0;

    return match_here(pattern, path, &steps);
}

static int add_line(struct arena *arena, const char *file, unsigned number, struct str line,
        struct ignore_list *list, struct error **err)
{
    struct ignore_pattern pattern = { .line = number };

    line = str_trim(line);
    if (line.len == 0 || *line.data == '#')
        return 0;
    if (*line.data == '!') {
        pattern.keep = true;
        line = str_trim((struct str){ line.data + 1, line.len - 1 });
    }
    struct source at = { file, number, 1 };
    if (line.len == 0)
        return error_set_plain(err, EINVAL, &at, "expected a pattern behind \"!\"");
    char *text = path_clean(arena, arena_strndup(arena, line.data, line.len));
    while (*text == '/')
        text++;
    if (!*text)
        return 0;
    if (pattern_match(text, "x") < 0)
        return error_set_plain(err, EINVAL, &at, "malformed pattern \"%.*s\"", STR_FMT(line));
    pattern.text = text;
    list->has_keep = list->has_keep || pattern.keep;
    *ARRAY_APPEND_ARENA(arena, list) = pattern;
    return 0;
}

int ignore_parse(struct arena *arena, const char *file, const char *text, size_t len,
        struct ignore_list *ret, struct error **err)
{
    struct ignore_list list = { 0 };
    struct str rest = { text, len }, line;
    unsigned number = 0;

    if (str_has_prefix(rest, "\xef\xbb\xbf"))
        rest = (struct str){ rest.data + 3, rest.len - 3 };
    while (str_split_next(&rest, '\n', &line)) {
        int r = add_line(arena, file, ++number, line, &list, err);
        if (r < 0)
            return r;
    }
    *ret = list;
    return 0;
}

static int read_file(struct arena *arena, int context_fd, const char *path, bool *ret_found,
        struct ignore_list *ret, struct error **err)
{
    auto_free char *text = NULL;
    size_t len = 0;
    auto_close int fd = fs_try_open_in_root(context_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

    *ret_found = fd >= 0;
    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    if (fd < 0)
        return error_set(err, fd, NULL, "cannot open %s", path);
    int r = fs_read_fd(fd, LIMIT_DOCKERFILE_BYTES, &text, &len, err);
    if (r < 0)
        return error_wrap(err, r, "cannot read %s", path);
    return ignore_parse(arena, path, text, len, ret, err);
}

int ignore_load(struct arena *arena, int context_fd, const char *dockerfile,
        struct ignore_list *ret, struct error **err)
{
    bool found = false;
    int r = 0;

    *ret = (struct ignore_list){ 0 };
    if (dockerfile && !path_is_absolute(dockerfile))
        r = read_file(arena, context_fd, arena_printf(arena, "%s.dockerignore", dockerfile), &found,
                ret, err);
    if (r >= 0 && !found)
        r = read_file(arena, context_fd, ".dockerignore", &found, ret, err);
    return r;
}

int ignore_load_file(
        struct arena *arena, const char *path, struct ignore_list *ret, struct error **err)
{
    auto_free char *text = NULL;
    size_t len = 0;
    int r = fs_read_input(&(struct fs_input){ path, LIMIT_DOCKERFILE_BYTES, FS_WRITER_WAIT_USEC },
            &text, &len, err);

    if (r < 0)
        return error_wrap(err, r, "cannot read the file of ignored paths");
    return ignore_parse(arena, path, text, len, ret, err);
}

/* The pattern matches the path itself or a directory above it. */
static bool matches_or_above(const char *pattern, const char *path)
{
    char prefix[4096];
    size_t len = strlen(path);

    if (pattern_match(pattern, path) == 1)
        return true;
    if (len >= sizeof(prefix))
        return false;
    memcpy(prefix, path, len + 1);
    for (size_t i = len; i-- > 0;) {
        if (prefix[i] != '/')
            continue;
        prefix[i] = '\0';
        if (pattern_match(pattern, prefix) == 1)
            return true;
    }
    return false;
}

bool ignore_covers(const struct ignore_list *list, const char *path)
{
    bool covered = false;

    for (size_t i = 0; i < list->len; i++) {
        const struct ignore_pattern *pattern = &list->items[i];

        if (covered == pattern->keep && matches_or_above(pattern->text, path))
            covered = !pattern->keep;
    }
    return covered;
}

bool ignore_may_keep_below(const struct ignore_list *list, const char *directory)
{
    /* Any "!" pattern could name something below; only a plain prefix comparison rules it out. */
    size_t len = strlen(directory);

    if (!list->has_keep)
        return false;
    for (size_t i = 0; i < list->len; i++) {
        const char *text = list->items[i].text;
        size_t plain = strcspn(text, "*?[\\");

        if (!list->items[i].keep)
            continue;
        size_t shared = plain < len ? plain : len;
        if (strncmp(text, directory, shared) == 0 && (plain < strlen(text) || text[shared] == '/' ||
                                                             text[shared] == '\0' || plain < len))
            return true;
    }
    return false;
}
