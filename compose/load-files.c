/* Which files make the project, which variables hold, and what it is called. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/env.h"
#include "compose/interpolate.h"
#include "compose/load-internal.h"

static const char *const file_names[] = { "compose.yaml", "compose.yml", "docker-compose.yml",
    "docker-compose.yaml" };
static const char *const override_names[] = { "compose.override.yml", "compose.override.yaml",
    "docker-compose.override.yml", "docker-compose.override.yaml" };

/* Terminated, and whole even when there are NUL bytes in it. */
static const char *copy_bytes(struct arena *arena, const char *data, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);

    if (len)
        memcpy(copy, data, len);
    return copy;
}

/* Its bytes, in the arena; "-" is standard input. 1: it can be read again; 0: it cannot. What nobody writes is waited
 * for once in a run. */
static int read_whole(struct loader *loader, const char *path, size_t max_bytes,
        struct yaml_text *ret, struct error **err)
{
    const struct fs_input input = {
        .path = path, .max_bytes = max_bytes, .writer_wait_usec = loader->writer_wait_usec
    };
    auto_free char *data = NULL;
    size_t len;
    int r = strcmp(path, "-") == 0
                    ? fs_read_fd(loader->options->stdin_fd, max_bytes, &data, &len, err)
                    : fs_read_input(&input, &data, &len, err);

    if (r == -ETIMEDOUT)
        loader->writer_wait_usec = 0;
    if (r < 0)
        return r;
    ret->data = copy_bytes(loader->arena, data, len);
    ret->len = len;
    return r;
}

const char *loader_file_name(const char *name)
{
    return strcmp(name, "-") == 0 ? "<stdin>" : name;
}

const char *loader_display_name(const struct loader *loader, const char *path)
{
    const char *dir = path_clean(loader->arena, loader->options->working_dir);

    if (strcmp(dir, "/") == 0 || !path_is_below(path, dir) || strlen(path) <= strlen(dir) + 1)
        return path;
    return path + strlen(dir) + 1;
}

static const char *variable(const struct loader *loader, const char *name)
{
    return strmap_get(&loader->environment, name);
}

bool loader_flag(const struct loader *loader, const char *name)
{
    const char *value = variable(loader, name);
    bool flag = false;

    return value && parse_bool(str_from(value), &flag) == 0 && flag;
}

static bool is_regular(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static void set_default(struct strmap *map, const char *key, const char *value)
{
    if (!strmap_has(map, key))
        (void)strmap_set(map, key, (void *)(uintptr_t)value);
}

static void read_process_environment(struct loader *loader)
{
    for (char *const *entry = loader->options->env; entry && *entry; entry++) {
        const char *equal = strchr(*entry, '=');

        if (equal && equal != *entry)
            set_default(&loader->environment,
                    arena_strndup(loader->arena, *entry, (size_t)(equal - *entry)),
                    arena_strdup(loader->arena, equal + 1));
    }
    set_default(&loader->environment, "PWD", loader->options->working_dir);
}

/* ------------------------------------------------------------------- files of variables */

/* "what: cannot read X: reason", from an error object; `what` may be NULL. */
static void report_error(
        struct loader *loader, const struct source *at, const char *what, const struct error *error)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_PATH_BYTES * 2);

    error_format(error, &text);
    diag_add(loader->diag, DIAG_ERROR, "file", at, "%s%s%s", what ? what : "", what ? ": " : "",
            text.data);
}

void loader_read_env_file(struct loader *loader, const char *path, const struct strmap *outer,
        struct strmap *into, const struct source *at)
{
    const struct loaded_file *file = loader_read_text(loader, path, at, NULL, true);
    struct env_entries entries = { 0 };

    if (!file) {
        loader->lacks_variables = true;
        return;
    }
    const struct env_text text = {
        .file = file->text.file,
        .data = file->text.data,
        .len = file->text.len,
        .outer = outer,
        .known = into,
    };

    if (env_parse(loader->arena, &text, &entries, loader->diag) < 0)
        loader->lacks_variables = true;
    *ARRAY_APPEND_ARENA(loader->arena, &loader->variable_files) = arena_strdup(loader->arena, path);
}

static struct strings split_list(struct loader *loader, const char *text, const char *separator)
{
    struct strings list = { 0 };
    size_t len = strlen(separator);

    for (const char *p = text;;) {
        const char *end = len ? strstr(p, separator) : NULL;

        *ARRAY_APPEND_ARENA(loader->arena, &list) = arena_strndup(
                loader->arena, p, end ? (size_t)(end - p) : strlen(p));
        if (!end)
            return list;
        p = end + len;
    }
}

/* The files of variables that the user named. What a file of variables says of itself does not count. */
static struct strings named_env_files(struct loader *loader)
{
    const char *listed = variable(loader, "COMPOSE_ENV_FILES");
    struct strings files = { 0 };
    struct str rest = str_from(listed), file;

    if (loader->options->env_files.len)
        return loader->options->env_files;
    while (str_split_next(&rest, ',', &file))
        if (file.len)
            *ARRAY_APPEND_ARENA(loader->arena, &files) = arena_strndup(
                    loader->arena, file.data, file.len);
    return files;
}

static bool dot_env_is_disabled(struct loader *loader)
{
    static const char name[] = "COMPOSE_DISABLE_ENV_FILE";
    const char *value = variable(loader, name);
    bool disabled = false;

    if (value && parse_bool(str_from(value), &disabled) < 0)
        diag_add(loader->diag, DIAG_ERROR, "variable", NULL,
                "%s: expected true or false, got \"%s\"", name, value);
    return disabled;
}

static void take_variables(
        struct loader *loader, const struct strmap *variables, const char *prefix)
{
    STRMAP_FOREACH(variables, entry)
        if (string_has_prefix(entry->key, prefix))
            set_default(&loader->environment, entry->key, entry->value);
}

/* One of the project itself, which may be looked at twice. */
static void read_project_env_file(struct loader *loader, const char *path, struct strmap *into)
{
    bool known = false;

    loader_read_env_file(loader, path, &loader->environment, into, NULL);
    ARRAY_FOREACH(&loader->env_file_paths, other)
        known |= strcmp(*other, path) == 0;
    if (!known)
        *ARRAY_APPEND_ARENA(loader->arena, &loader->env_file_paths) = arena_strdup(
                loader->arena, path);
}

/* The named files, or .env in `dir`. What is set already stays. */
static void read_env_files(struct loader *loader, const struct strings *named, const char *dir)
{
    const char *path = path_join(loader->arena, dir, ".env");
    struct strmap variables;

    strmap_init_arena(&variables, loader->arena);
    ARRAY_FOREACH(named, file)
        read_project_env_file(
                loader, path_join(loader->arena, loader->options->working_dir, *file), &variables);
    if (!named->len && !dot_env_is_disabled(loader) && is_regular(path)) {
        read_project_env_file(loader, path, &variables);
        take_variables(loader, &variables, "COMPOSE_");
        if (dot_env_is_disabled(loader)) /* it says so itself: these count, and no others */
            return;
    }
    take_variables(loader, &variables, "");
}

/* -------------------------------------------------------------------------- which files */

bool loader_is_elsewhere(struct loader *loader, const char *text, const struct source *at)
{
    if (!strstr(text, "://") && !string_has_prefix(text, "git@") &&
            !string_has_prefix(text, "github.com/"))
        return false;
    diag_add(loader->diag, DIAG_ERROR, "not-supported", at,
            "\"%s\": files that are not on this machine are not supported yet", text);
    return true;
}

static void add_file(struct loader *loader, const char *name)
{
    const char *path = strcmp(name, "-") == 0
                               ? name
                               : path_join(loader->arena, loader->options->working_dir, name);

    *ARRAY_APPEND_ARENA(loader->arena, &loader->names) = arena_strdup(loader->arena, name);
    *ARRAY_APPEND_ARENA(loader->arena, &loader->paths) = arena_strdup(loader->arena, path);
}

/* The first of the names that is a file in `dir`; a warning when there are several. NULL: none. */
static const char *find_one(
        struct loader *loader, const char *dir, const char *const *names, size_t count)
{
    const char *found = NULL;

    for (size_t i = 0; i < count; i++) {
        const char *path = path_join(loader->arena, dir, names[i]);

        if (!is_regular(path))
            continue;
        if (found) {
            diag_add(loader->diag, DIAG_WARNING, "several-files", NULL,
                    "there are %s and %s; using %s", path_last(found), names[i], path_last(found));
            break;
        }
        found = path;
    }
    return found;
}

static void add_found(struct loader *loader, const char *dir, const char *path)
{
    /* In the user's own directory the plain name says all. */
    add_file(loader, strcmp(dir, loader->options->working_dir) == 0 ? path_last(path) : path);
}

static void discover(struct loader *loader)
{
    const char *dir = loader->options->project_dir
                              ? path_join(loader->arena, loader->options->working_dir,
                                        loader->options->project_dir)
                              : path_clean(loader->arena, loader->options->working_dir);

    for (;;) {
        const char *file = find_one(loader, dir, file_names, ARRAY_LEN(file_names));
        const char *override = file ? find_one(loader, dir, override_names,
                                              ARRAY_LEN(override_names))
                                    : NULL;

        if (file) {
            add_found(loader, dir, file);
            if (override)
                add_found(loader, dir, override);
            return;
        }
        if (strcmp(dir, "/") == 0)
            return;
        dir = path_parent(loader->arena, dir);
    }
}

/* For messages: the second file and all further ones are merged onto the first. */
static void note_files(struct loader *loader)
{
    for (size_t i = 0; i < loader->names.len; i++) {
        struct source first = { .file = loader_file_name(loader->names.items[0]) };

        diag_add_file(loader->diag, loader_file_name(loader->names.items[i]),
                i ? DIAG_WAY_MERGED : DIAG_WAY_NAMED, i ? &first : NULL);
    }
}

static const char *directory_of_files(struct loader *loader)
{
    if (loader->options->project_dir)
        return path_join(loader->arena, loader->options->working_dir, loader->options->project_dir);
    ARRAY_FOREACH(&loader->paths, path)
        if (strcmp(*path, "-") != 0)
            return path_parent(loader->arena, *path);
    return path_clean(loader->arena, loader->options->working_dir);
}

bool loader_find_files(struct loader *loader)
{
    const char *listed, *separator;

    strmap_init_arena(&loader->environment, loader->arena);
    read_process_environment(loader);
    struct strings env_files = named_env_files(loader);

    ARRAY_FOREACH(&loader->options->files, file)
        add_file(loader, *file);
    /* .env may name the files, and the files' directory may hold another .env. */
    const char *first_dir = directory_of_files(loader);

    read_env_files(loader, &env_files, first_dir);
    listed = variable(loader, "COMPOSE_FILE");
    separator = variable(loader, "COMPOSE_PATH_SEPARATOR");
    if (!loader->paths.len && listed && *listed) {
        struct strings files = split_list(
                loader, listed, separator && *separator ? separator : ":");

        ARRAY_FOREACH(&files, file)
            add_file(loader, *file);
    }
    if (!loader->paths.len)
        discover(loader);
    note_files(loader);
    loader->project_dir = directory_of_files(loader);
    if (strcmp(loader->project_dir, first_dir) != 0 && !env_files.len)
        read_env_files(loader, &env_files, loader->project_dir);
    loader->context.home = variable(loader, "HOME");
    loader->context.base_dir = loader->project_dir;
    return loader->paths.len > 0;
}

struct loaded_file *loader_read_file(
        struct loader *loader, const char *path, const char *name, const struct source *at)
{
    struct loaded_file *file = strmap_get(&loader->files, path);
    auto_(error_free_p) struct error *error = NULL;
    struct yaml_text text = { .file = loader_file_name(name) };

    if (file || strmap_has(&loader->files, path)) /* a missing file is reported once */
        return file;
    int r = read_whole(loader, path, LIMIT_COMPOSE_FILE_BYTES, &text, &error);
    if (r < 0) {
        report_error(loader, at, NULL, error);
        (void)strmap_set(&loader->files, path, NULL);
        return NULL;
    }
    file = ARENA_NEW(loader->arena, struct loaded_file);
    file->path = path;
    file->dir = strcmp(path, "-") == 0 ? loader->project_dir : path_parent(loader->arena, path);
    file->text = text;
    yaml_index_lines(loader->arena, &file->text);
    if (r == 0)
        diag_keep_text(loader->diag, file->text.file, text.data, text.len);
    (void)yaml_parse(loader->arena, &file->text, &file->documents, loader->diag);
    (void)strmap_set(&loader->files, path, file);
    return file;
}

struct loaded_file *loader_read_text(struct loader *loader, const char *path,
        const struct source *at, const char *what, bool required)
{
    const char *key = arena_printf(loader->arena, "%s\n", path); /* apart from compose files */
    struct loaded_file *file = strmap_get(&loader->files, key);
    auto_(error_free_p) struct error *error = NULL;
    struct yaml_text text = { 0 };

    if (file || strmap_has(&loader->files, key)) /* a missing file is reported once */
        return file;
    int r = read_whole(loader, path, LIMIT_ENV_FILE_BYTES, &text, &error);

    if (r == -ENOENT && !required && access(path, F_OK) < 0)
        return NULL;
    if (r < 0) {
        report_error(loader, at, what, error);
        (void)strmap_set(&loader->files, key, NULL);
        return NULL;
    }
    file = ARENA_NEW(loader->arena, struct loaded_file);
    file->path = arena_strdup(loader->arena, path);
    text.file = loader_display_name(loader, file->path);
    file->text = text;
    diag_add_file(loader->diag, file->text.file, DIAG_WAY_READ, at);
    if (r == 0)
        diag_keep_text(loader->diag, file->text.file, text.data, text.len);
    (void)strmap_set(&loader->files, key, file);
    return file;
}

/* --------------------------------------------------------------------------------- name */

/* Lower case, only letters, digits, "-" and "_", no "-" or "_" in front. */
static const char *repair_name(struct arena *arena, const char *text)
{
    char *name = arena_strdup(arena, text), *out = name;

    for (const char *p = text; *p; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                ((c == '-' || c == '_') && out != name))
            *out++ = c;
    }
    *out = '\0';
    return name;
}

static bool take_strict_name(struct loader *loader, const char *name, const char *from)
{
    const char *repaired = repair_name(loader->arena, name);

    loader->project_name = repaired;
    if (strcmp(repaired, name) == 0)
        return true;
    struct diag_entry *entry = diag_add(loader->diag, DIAG_ERROR, "project-name", NULL,
            "invalid project name \"%s\" (%s): only lower-case letters, digits, \"-\" and \"_\" are "
            "allowed, with a letter or digit in front",
            name, from);

    if (*repaired)
        diag_hint(loader->diag, entry, "\"%s\" would do", repaired);
    return false;
}

/* The last `name` of the files, filled in and, where anything is normalised, repaired; NULL: none. */
static const char *name_in_files(struct loader *loader)
{
    const struct node *found = NULL;
    struct node *filled;

    for (size_t i = 0; i < loader->paths.len; i++) {
        struct loaded_file *file = loader_read_file(
                loader, loader->paths.items[i], loader->names.items[i], NULL);

        for (size_t j = 0; file && j < file->documents.len; j++) {
            const struct node *name = node_get(file->documents.items[j], "name");

            if (name && name->kind == NODE_TEXT && *name->text)
                found = name;
        }
    }
    if (!found)
        return NULL;
    filled = loader->options->no_interpolate
                     ? node_copy(loader->arena, found)
                     : loader_interpolate(loader, found, &loader->environment);
    if (filled->flags & NODE_BAD)
        return NULL;
    return loader->options->no_normalize ? filled->text : repair_name(loader->arena, filled->text);
}

bool loader_find_name(struct loader *loader)
{
    const char *from_env = variable(loader, "COMPOSE_PROJECT_NAME");
    const char *from_user = loader->options->project_name;
    bool is_good = true;

    if (!string_is_empty(from_user)) {
        is_good = take_strict_name(loader, from_user, "-p");
    } else if (!string_is_empty(from_env)) {
        is_good = take_strict_name(loader, from_env, "COMPOSE_PROJECT_NAME");
    } else {
        size_t errors = loader->diag->errors;

        loader->project_name = name_in_files(loader);
        if (!loader->project_name)
            loader->project_name = repair_name(loader->arena, path_last(loader->project_dir));
        is_good = *loader->project_name != '\0';
        if (!is_good && loader->diag->errors == errors)
            diag_add(loader->diag, DIAG_ERROR, "project-name", NULL,
                    "the project name must not be empty; give one with -p or `name`");
    }
    (void)strmap_set(
            &loader->environment, "COMPOSE_PROJECT_NAME", (void *)(uintptr_t)loader->project_name);
    return is_good;
}
