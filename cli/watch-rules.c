#include "cli/watch-rules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strmap.h"
#include "compose/project.h"

/* What editors and tools make for themselves and take away again; and what is nobody's source. */
static const char *const passing_patterns[] = {
    "*___jb_old___",
    "*___jb_tmp___",
    ".idea",
    ".#*",
    "#*#",
    "4913",
    "*~",
    ".*.swp",
    ".*.swx",
    ".*.swo",
    ".*.swn",
    ".*.kate-swp",
    "*-go-tmp-umask",
    ".git",
};

static bool is_sync(enum watch_action action)
{
    return action == WATCH_SYNC || action == WATCH_SYNC_RESTART || action == WATCH_SYNC_EXEC;
}

/* ------------------------------------------------------------------ building the list */

static int add_patterns(struct arena *arena, const struct strings *patterns,
        const struct watch_rule *rule, struct ignore_list *ret, struct error **err)
{
    for (size_t i = 0; i < patterns->len; i++) {
        struct ignore_list one = { 0 };
        int r = ignore_parse(
                arena, rule->at.file, patterns->items[i], strlen(patterns->items[i]), &one, NULL);

        if (r < 0)
            return error_set_plain(err, EINVAL, &rule->at,
                    "develop.watch: malformed pattern \"%s\"", patterns->items[i]);
        ARRAY_FOREACH(&one, pattern)
            *ARRAY_APPEND_ARENA(arena, ret) = *pattern;
        ret->has_keep = ret->has_keep || one.has_keep;
    }
    return 0;
}

/* As Docker Compose: a lone "*", which leaves everything out of a build but what is named, hides nothing here. */
static void drop_catch_all(struct ignore_list *list)
{
    bool has = false;

    ARRAY_FOREACH(list, pattern)
        has = has || (!pattern->keep && strcmp(pattern->text, "*") == 0);
    if (has)
        *list = (struct ignore_list){ 0 };
}

static int load_context_ignore(
        struct arena *arena, const struct service *service, struct watched *w, struct error **err)
{
    const struct build *build = &service->build;
    const char *dockerfile = build->dockerfile ? build->dockerfile : "Dockerfile";

    if (!build->given || !build->context || !path_is_absolute(build->context))
        return 0;
    auto_close int fd = open(build->context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0; /* what needs it will say so */
    w->context = path_clean(arena, build->context);
    int r = ignore_load(
            arena, fd, build->dockerfile_inline ? NULL : dockerfile, &w->context_ignore, err);
    drop_catch_all(&w->context_ignore);
    return r < 0 ? error_wrap(err, r, "service \"%s\"", service->name) : 0;
}

static bool is_bind_mounted(const struct service *service, const char *path)
{
    ARRAY_FOREACH(&service->volumes, volume)
        if (volume->type == MOUNT_BIND && volume->source && path_is_below(path, volume->source))
            return true;
    return false;
}

static int check_rule(
        const struct service *service, const struct watch_rule *rule, struct error **err)
{
    if (rule->action == WATCH_REBUILD && !service->build.given)
        return error_set_plain(err, EINVAL, &rule->at,
                "can't watch service \"%s\" with action rebuild without a build context",
                service->name);
    if (is_sync(rule->action) && (!rule->target || !path_is_absolute(rule->target)))
        return error_set_plain(err, EINVAL, &rule->at,
                "services.%s.develop.watch: an absolute target is needed to sync to",
                service->name);
    if (rule->action == WATCH_SYNC_EXEC && rule->exec.command.len == 0)
        return error_set_plain(err, EINVAL, &rule->at,
                "can't watch with action \"sync+exec\" on service %s without a command",
                service->name);
    return 0;
}

static int add_rule(struct arena *arena, const struct service *service,
        const struct watch_rule *rule, struct watch_list *ret, struct diag *diag,
        struct error **err)
{
    struct watched w = { .service = service, .rule = rule };
    int r = check_rule(service, rule, err);

    if (r < 0)
        return r;
    /* With sync+exec the command is still wanted. */
    if (is_sync(rule->action) && rule->action != WATCH_SYNC_EXEC &&
            is_bind_mounted(service, rule->path)) {
        diag_add(diag, DIAG_WARNING, NULL, &rule->at,
                "path '%s' also declared by a bind mount volume, this path won't be monitored!",
                rule->path);
        return 0;
    }
    r = load_context_ignore(arena, service, &w, err);
    if (r >= 0)
        r = add_patterns(arena, &rule->ignore, rule, &w.ignore, err);
    if (r >= 0)
        r = add_patterns(arena, &rule->include, rule, &w.include, err);
    if (r >= 0)
        *ARRAY_APPEND_ARENA(arena, ret) = w;
    return r;
}

static bool is_named(const struct strings *services, const char *name)
{
    for (size_t i = 0; i < services->len; i++)
        if (strcmp(services->items[i], name) == 0)
            return true;
    return services->len == 0;
}

int watch_list_build(struct arena *arena, const struct project *project,
        const struct strings *services, struct watch_list *ret, struct diag *diag,
        struct error **err)
{
    *ret = (struct watch_list){ 0 };
    ARRAY_FOREACH(&project->services, service) {
        if (!is_named(services, service->name))
            continue;
        ARRAY_FOREACH(&service->develop.watch, rule) {
            int r = add_rule(arena, service, rule, ret, diag, err);

            if (r < 0)
                return r;
        }
    }
    if (ret->len == 0)
        return error_set_plain(err, ENOENT, NULL,
                "none of the selected services is configured for watch, consider setting a "
                "'develop' section");
    return 0;
}

/* ------------------------------------------------------------------ asking it */

static bool is_passing(const char *path)
{
    while (*path == '/')
        path++;
    for (; *path; path = strchr(path, '/') ? strchr(path, '/') + 1 : "") {
        char component[NAME_MAX + 1];
        size_t len = strcspn(path, "/");

        if (len >= sizeof(component))
            continue;
        memcpy(component, path, len);
        component[len] = '\0';
        for (size_t i = 0; i < ARRAY_LEN(passing_patterns); i++)
            if (pattern_match(passing_patterns[i], component) == 1)
                return true;
    }
    return false;
}

/* `path` relative to `base`, "" for itself; NULL when it is not below. */
static const char *relative(const char *path, const char *base)
{
    size_t len = strlen(base);

    if (!path_is_below(path, base))
        return NULL;
    path += strcmp(base, "/") == 0 ? 0 : len;
    return *path == '/' ? path + 1 : path;
}

static bool is_ignored(const struct watched *w, const char *path, const char *below)
{
    const char *in_context = w->context ? relative(path, w->context) : NULL;

    return is_passing(below) || (*below && ignore_covers(&w->ignore, below)) ||
           (in_context && *in_context && ignore_covers(&w->context_ignore, in_context));
}

bool watched_meets(const struct watched *w, const char *path)
{
    const char *below = relative(path, w->rule->path);

    if (!below || is_ignored(w, path, below))
        return false;
    /* A file that a rule names by itself is what it wants. */
    return w->include.len == 0 || !*below || ignore_covers(&w->include, below);
}

bool watch_list_skips(const struct watch_list *list, const char *directory)
{
    ARRAY_FOREACH(list, w) {
        const char *below = relative(directory, w->rule->path);
        const char *in_context = w->context ? relative(directory, w->context) : NULL;

        if (!below && !path_is_below(w->rule->path, directory))
            continue; /* none of its business */
        if (!below || !*below || !is_ignored(w, directory, below))
            return false;
        if (is_passing(below))
            continue;
        if (ignore_may_keep_below(&w->ignore, below) ||
                (in_context && ignore_may_keep_below(&w->context_ignore, in_context)))
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------ what to do */

static void add_name(struct arena *arena, struct strings *names, const char *name)
{
    for (size_t i = 0; i < names->len; i++)
        if (strcmp(names->items[i], name) == 0)
            return;
    *ARRAY_APPEND_ARENA(arena, names) = (char *)(uintptr_t)name;
}

static void add_sync(struct arena *arena, struct watch_actions *actions, const struct watched *w,
        const char *path)
{
    const char *below = relative(path, w->rule->path), *target = w->rule->target;
    struct watch_sync *sync = NULL;

    ARRAY_FOREACH(&actions->syncs, item)
        if (item->service == w->service)
            sync = item;
    if (!sync) {
        sync = ARRAY_APPEND_ARENA(arena, &actions->syncs);
        *sync = (struct watch_sync){ .service = w->service };
    }
    if (*below)
        target = path_join(arena, target, below);
    else if (string_has_suffix(target, "/")) /* one file, into a directory */
        target = path_join(arena, target, path_last(path));
    /* What other rules made of the same path is at the end: there may be many others. */
    for (size_t i = sync->len; i-- > 0 && strcmp(sync->items[i].source, path) == 0;)
        if (strcmp(sync->items[i].target, target) == 0)
            return;
    *ARRAY_APPEND_ARENA(
            arena, sync) = (struct container_sync_item){ .source = path, .target = target };
}

static void add_exec(struct arena *arena, struct watch_actions *actions, const struct watched *w)
{
    ARRAY_FOREACH(&actions->execs, item)
        if (item->hook == &w->rule->exec)
            return;
    *ARRAY_APPEND_ARENA(arena, &actions->execs) = (struct watch_exec){ .service = w->service,
        .hook = &w->rule->exec };
}

void watch_actions_plan(struct arena *arena, const struct watch_list *list,
        const struct strmap *changed, struct watch_actions *ret)
{
    *ret = (struct watch_actions){ 0 };
    STRMAP_FOREACH(changed, path) {
        ARRAY_FOREACH(list, w) {
            enum watch_action action = w->rule->action;

            if (!watched_meets(w, path->key))
                continue;
            if (is_sync(action))
                add_sync(arena, ret, w, path->key);
            if (action == WATCH_SYNC_EXEC)
                add_exec(arena, ret, w);
            if (action == WATCH_REBUILD)
                add_name(arena, &ret->rebuild, w->service->name);
            if (action == WATCH_RESTART || action == WATCH_SYNC_RESTART)
                add_name(arena, &ret->restart, w->service->name);
        }
    }
}

static int walk(struct arena *arena, struct watch_actions *actions, const struct watched *w,
        int dir_fd, const char *directory, struct error **err)
{
    auto_closedir DIR *dir = fdopendir(dir_fd);
    const struct dirent *entry;

    if (!dir) {
        close(dir_fd);
        return error_set(err, errno, NULL, "cannot read \"%s\"", directory);
    }
    while ((entry = readdir(dir))) {
        const char *path;
        struct stat st;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        path = path_join(arena, directory, entry->d_name);
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* gone again */
        if (!S_ISDIR(st.st_mode)) {
            if (watched_meets(w, path) && !is_bind_mounted(w->service, path))
                add_sync(arena, actions, w, path);
            continue;
        }
        struct watch_list alone = { .items = (struct watched *)(uintptr_t)w, .len = 1 };
        if (watch_list_skips(&alone, path))
            continue;
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r = fd < 0 ? 0 : walk(arena, actions, w, fd, path, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int watch_actions_initial(struct arena *arena, const struct watch_list *list,
        struct watch_actions *ret, struct error **err)
{
    *ret = (struct watch_actions){ 0 };
    ARRAY_FOREACH(list, w) {
        struct stat st;

        if (w->rule->initial_sync != OPTION_TRUE || !is_sync(w->rule->action))
            continue;
        int fd = open(w->rule->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
            int code = errno;

            if (fd >= 0)
                close(fd);
            return error_set(err, code, &w->rule->at, "cannot open \"%s\"", w->rule->path);
        }
        if (S_ISDIR(st.st_mode)) {
            int r = walk(arena, ret, w, fd, w->rule->path, err);

            if (r < 0)
                return r;
            continue;
        }
        close(fd);
        if (watched_meets(w, w->rule->path))
            add_sync(arena, ret, w, w->rule->path);
    }
    return 0;
}
