/* Rules on files: what is mounted, built from or read as variables. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "compose/env.h"
#include "compose/lint-internal.h"

#define NEIGHBOURS_MAX 1000

static bool is_missing(const char *path)
{
    return access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* -------------------------------------------------------------------------------- mounts */

static bool looks_like_file(const char *path)
{
    static const char *const ends[] = { ".bash", ".cfg", ".cnf", ".conf", ".config", ".crt", ".css",
        ".csv", ".db", ".env", ".hcl", ".html", ".ini", ".js", ".json", ".key", ".list", ".lua",
        ".pem", ".php", ".properties", ".py", ".rb", ".rules", ".sh", ".sock", ".sql", ".sqlite",
        ".toml", ".ts", ".txt", ".vcl", ".xml", ".yaml", ".yml" };
    static const char *const names[] = { "Caddyfile", "Dockerfile", "Makefile", "Gemfile",
        "htpasswd", ".htpasswd", "acme.json", "hosts" };
    const char *name = path_last(path);

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (string_has_suffix(name, ends[i]) && strlen(name) > strlen(ends[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The name in the same folder that is nearest to the missing one; NULL: none. Lives in the arena. */
static const char *find_neighbour(struct lint *lint, const char *path)
{
    DIR *folder = opendir(path_parent(lint->arena, path));
    const char *names[NEIGHBOURS_MAX];
    size_t count = 0;

    if (!folder)
        return NULL;
    for (struct dirent *entry; count < NEIGHBOURS_MAX && (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            names[count++] = arena_strdup(lint->arena, entry->d_name);
    closedir(folder);
    return str_nearest(path_last(path), names, count);
}

/* Files of the project and beside it. Others are the machine's, and lint may run on another one. */
static bool is_of_project(struct lint *lint, const char *path)
{
    const char *dir = lint->project->working_dir, *above = path_parent(lint->arena, dir);

    return path_is_below(path, strcmp(path_parent(lint->arena, above), "/") == 0 ? dir : above);
}

void rule_missing_bind_source(struct lint *lint, const struct service *service)
{
    for (size_t i = 0; i < service->volumes.len; i++) {
        const struct service_volume *mount = &service->volumes.items[i];

        if (mount->type != MOUNT_BIND || !mount->source || !path_is_absolute(mount->source) ||
                !is_of_project(lint, mount->source) || !is_missing(mount->source))
            continue;
        bool is_created = mount->bind.create_host_path == OPTION_TRUE;

        if (is_created && !looks_like_file(mount->source) &&
                !(mount->target && looks_like_file(mount->target)))
            continue;
        const char *neighbour = find_neighbour(lint, mount->source);
        struct diag_entry *entry = lint_add_field(lint, service,
                arena_printf(lint->arena, "volumes[%zu]", i),
                is_created ? "\"%s\" is not there: Docker makes an empty directory of that name"
                           : "\"%s\" is not there: the container cannot start",
                loader_display_name(lint->loader, mount->source));

        if (neighbour)
            lint_hint(lint, entry, "did you mean \"%s\"?", neighbour);
        else
            lint_hint(lint, entry, "create it first%s",
                    is_created ? ", or use the long form with `create_host_path: false`" : "");
    }
}

void rule_volume_hides_bind(struct lint *lint, const struct service *service)
{
    for (size_t i = 0; i < service->volumes.len; i++) {
        const struct service_volume *mount = &service->volumes.items[i];

        if (mount->type != MOUNT_VOLUME || mount->source || !mount->target)
            continue;
        ARRAY_FOREACH(&service->volumes, below) {
            if (below->type != MOUNT_BIND || !below->target ||
                    !path_is_below(mount->target, below->target))
                continue;
            struct diag_entry *entry = lint_add_field(lint, service,
                    arena_printf(lint->arena, "volumes[%zu]", i),
                    "this volume hides a part of what is mounted at \"%s\", and keeps what the "
                    "first image had there",
                    below->target);

            lint_hint(lint, entry, "`up --renew-anon-volumes` fills it anew after a build");
        }
    }
}

static const char *written_source(struct lint *lint, const struct node *volume)
{
    const char *source = volume->kind == NODE_TEXT ? volume->text : node_get_text(volume, "source");
    const char *colon = source && volume->kind == NODE_TEXT ? strchr(source, ':') : NULL;

    if (volume->kind == NODE_TEXT && !colon)
        return NULL;
    return colon ? arena_strndup(lint->arena, source, (size_t)(colon - source)) : source;
}

void rule_home_path(struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    const struct node *volumes = node_get(service, "volumes");

    (void)file;
    for (uint32_t i = 0; volumes && volumes->kind == NODE_LIST && i < volumes->len; i++) {
        const char *source = written_source(lint, volumes->items[i]);

        if (!source ||
                (!string_has_prefix(source, "/home/") && !string_has_prefix(source, "/Users/")))
            continue;
        struct diag_entry *entry = lint_add(lint, &volumes->items[i]->at,
                "services.%s.volumes[%u]: \"%s\" is there for one user only", lint->key, i, source);

        lint_hint(lint, entry, "use a path relative to this file, \"~\", or a variable");
    }
}

/* --------------------------------------------------------------------------------- build */

void rule_missing_dockerignore(struct lint *lint, const struct service *service)
{
    static const char *const heavy[] = { ".git", "node_modules", ".venv", "target" };
    const char *context = service->build.context;
    struct arena *arena = lint->arena;

    if (!service->build.given || !context || !path_is_absolute(context) || is_missing(context) ||
            !is_missing(path_join(arena, context, ".dockerignore")))
        return;
    const char *dockerfile = service->build.dockerfile ? service->build.dockerfile : "Dockerfile";

    if (!is_missing(path_join(arena, context, arena_printf(arena, "%s.dockerignore", dockerfile))))
        return;
    for (size_t i = 0; i < ARRAY_LEN(heavy); i++) {
        if (is_missing(path_join(arena, context, heavy[i])))
            continue;
        struct diag_entry *entry = lint_add_field(lint, service, "build",
                "every build sends \"%s\" along: \"%s\" has no .dockerignore", heavy[i],
                loader_display_name(lint->loader, context));

        lint_hint(lint, entry, "list in .dockerignore what the image does not need");
        return;
    }
}

/* ----------------------------------------------------------------------------- variables */

/* The path that an item of env_file names; NULL: none, or with variables in it. */
static const char *env_file_path(const struct node *item)
{
    const char *path = item->kind == NODE_TEXT ? item->text : node_get_text(item, "path");

    return path && *path && !strchr(path, '$') ? path : NULL;
}

static const char *absolute_path(
        struct lint *lint, const struct loaded_file *file, const char *path)
{
    return path_join(lint->arena, file->dir ? file->dir : lint->loader->project_dir, path);
}

void rule_missing_env_file(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    const struct node *list = node_get(service, "env_file");

    for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->len; i++) {
        const struct node *item = list->items[i], *required = node_get(item, "required");
        const char *path = env_file_path(item);

        if (!path || !required || required->kind != NODE_BOOL || required->boolean ||
                !is_missing(absolute_path(lint, file, path)))
            continue;
        lint_add(lint, &item->at,
                "services.%s.env_file[%u]: \"%s\" is not there; `required: false` passes over it",
                lint->key, i, path);
    }
}

static bool is_quoted(const char *value)
{
    size_t len = strlen(value);

    return len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value;
}

void rule_raw_env_file_quotes(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    const struct node *list = node_get(service, "env_file");

    for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->len; i++) {
        const char *path = env_file_path(list->items[i]);
        const char *format = node_get_text(list->items[i], "format");
        struct env_entries entries = { 0 };

        if (!path || !string_is_equal(format, "raw"))
            continue;
        const struct loaded_file *text = strmap_get(&lint->loader->files,
                arena_printf(lint->arena, "%s\n", absolute_path(lint, file, path)));

        if (!text)
            continue;
        (void)env_parse(lint->arena,
                &(struct env_text){ .file = text->text.file,
                        .data = text->text.data,
                        .len = text->text.len,
                        .raw = true },
                &entries, NULL);
        ARRAY_FOREACH(&entries, variable) {
            if (!is_quoted(variable->value))
                continue;
            struct diag_entry *entry = lint_add(lint, &variable->at,
                    "%s: with `format: raw` the quotes are a part of the value", variable->key);

            lint_hint(lint, entry, "leave them out, or the format");
        }
    }
}

/* Names that the files mention without a dollar: variables that are passed on, secrets, configs. */
static void collect_passed(struct lint *lint, const struct project *project, struct strmap *used)
{
    const struct services *const lists[] = { &project->services, &project->disabled };
    const struct file_objects *const objects[] = { &project->secrets, &project->configs };

    STRMAP_FOREACH(lint->loader->variables, variable)
        (void)strmap_set(used, variable->key, lint);
    LINT_FOREACH_FILE(lint, file) {
        for (size_t i = 0; i < file->documents.len; i++) {
            const struct node *services = node_get(file->documents.items[i], "services");

            if (!services)
                continue;
            NODE_FOREACH(services, service) {
                const struct node *environment = node_get(service->value, "environment");

                for (uint32_t j = 0;
                        environment && environment->kind == NODE_LIST && j < environment->len; j++)
                    if (environment->items[j]->kind == NODE_TEXT)
                        (void)strmap_set(used, environment->items[j]->text, lint);
                if (environment)
                    NODE_FOREACH(environment, entry)
                        (void)strmap_set(used, entry->key, lint);
            }
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        ARRAY_FOREACH(lists[i], service)
            ARRAY_FOREACH(&service->build.args, arg)
                (void)strmap_set(used, arg->key, lint);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        ARRAY_FOREACH(objects[i], object)
            if (object->environment)
                (void)strmap_set(used, object->environment, lint);
}

/* Variables that speak to a program and not to the files. */
static bool is_known_to_programs(const char *name)
{
    static const char *const prefixes[] = { "COMPOSE_", "DOCKER_", "BUILDKIT_", "BUILDX_",
        "BERTH_" };

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (string_has_prefix(name, prefixes[i]))
            return true;
    return false;
}

/* Files of variables use each other's: ${NAME}, and NAME alone on a line. */
static bool is_used_inside(struct lint *lint, const struct loaded_file *own, const char *name)
{
    const char *plain = arena_printf(lint->arena, "$%s", name);
    const char *braced = arena_printf(lint->arena, "${%s", name);

    STRMAP_FOREACH(&lint->loader->files, entry) {
        const struct loaded_file *text = entry->value;
        bool other = text && text != own && string_has_suffix(entry->key, "\n");

        if ((other && strstr(text->text.data, name)) ||
                (text == own && (strstr(own->text.data, plain) || strstr(own->text.data, braced))))
            return true;
    }
    return false;
}

static bool is_env_file_of_service(struct lint *lint, const char *path)
{
    LINT_FOREACH_FILE(lint, file) {
        for (size_t i = 0; i < file->documents.len; i++) {
            const struct node *services = node_get(file->documents.items[i], "services");

            if (!services)
                continue;
            NODE_FOREACH(services, service) {
                const struct node *list = node_get(service->value, "env_file");

                if (list && list->kind == NODE_TEXT &&
                        strcmp(absolute_path(lint, file, list->text), path) == 0)
                    return true;
                for (uint32_t j = 0; list && list->kind == NODE_LIST && j < list->len; j++) {
                    const char *name = env_file_path(list->items[j]);

                    if (name && strcmp(absolute_path(lint, file, name), path) == 0)
                        return true;
                }
            }
        }
    }
    return false;
}

/* Only of a .env that is there for this project alone: not what --env-file names, and not what a
 * service reads as well. */
void rule_unused_variable(struct lint *lint, const struct project *project)
{
    const char *path = path_join(lint->arena, project->working_dir, ".env");
    struct env_entries entries = { 0 };
    struct strmap used;
    bool was_read = false;

    ARRAY_FOREACH(&project->env_file_paths, read)
        was_read |= strcmp(*read, path) == 0;
    if (!was_read || lint->options->load->env_files.len || is_env_file_of_service(lint, path))
        return;
    const struct loaded_file *text = loader_read_text(lint->loader, path, NULL, ".env", false);

    if (!text)
        return;
    strmap_init_arena(&used, lint->arena);
    collect_passed(lint, project, &used);
    (void)env_parse(lint->arena,
            &(struct env_text){
                    .file = text->text.file, .data = text->text.data, .len = text->text.len },
            &entries, NULL);
    ARRAY_FOREACH(&entries, variable) {
        if (strmap_has(&used, variable->key) || is_known_to_programs(variable->key) ||
                is_used_inside(lint, text, variable->key))
            continue;
        struct diag_entry *entry = lint_add(
                lint, &variable->at, "%s: no file of the project uses it", variable->key);

        lint_hint(lint, entry,
                ".env fills in ${…} only; `env_file` or `environment` bring variables into a "
                "container");
    }
}
