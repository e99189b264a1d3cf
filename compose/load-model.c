/* From files to one tree. For each document of each file: variables are filled in, the schema reads it,
 * paths become absolute, extends and include are carried out, and it is merged onto what lay below. */
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "compose/document.h"
#include "compose/interpolate.h"
#include "compose/load-internal.h"
#include "compose/merge.h"

#define EXPANDED_BYTES_MAX ((size_t)64 << 20) /* of all values together */
#define EXTENDS_DEPTH_MAX 1000

/* ------------------------------------------------------------------------ interpolation */

struct filling {
    struct loader *loader;
    const struct strmap *environment;
    const struct node *node; /* whose value is being filled in */
    bool lacks_value;        /* it has a variable that may be set in a file that has a mistake */
};

static const char *lookup(void *userdata, const char *name)
{
    struct filling *filling = userdata;
    const char *value = strmap_get(filling->environment, name);

    filling->lacks_value |= !value && filling->loader->lacks_variables;
    return value;
}

static struct source dollar_place(const struct filling *filling, size_t dollar)
{
    STRMAP_FOREACH(&filling->loader->files, entry) {
        const struct loaded_file *file = entry->value;

        if (file->text.file == filling->node->at.file)
            return yaml_find_dollar(&file->text, &filling->node->at, dollar);
    }
    return filling->node->at;
}

/* The variable that was probably meant; NULL: none. */
static const char *nearest_variable(const struct filling *filling, const char *name)
{
    const struct strmap *variables = filling->environment;
    auto_free const char **names = mem_realloc_array(NULL, variables->len + 1, sizeof(*names));

    for (size_t i = 0; i < variables->len; i++)
        names[i] = variables->entries[i].key;
    return str_nearest(name, names, variables->len);
}

static void hint_at_unset(const struct filling *filling, const char *name, struct diag_entry *entry)
{
    static const char *const for_shells[] = { ".command", ".entrypoint", ".healthcheck.test" };
    struct diag *diag = filling->loader->diag;
    const char *path = filling->loader->context.path.data;

    for (size_t i = 0; i < ARRAY_LEN(for_shells); i++)
        if (strstr(path, for_shells[i])) {
            diag_hint(diag, entry, "$$%s is for a shell in the container", name);
            return;
        }
    const char *nearest = diag_may_search(diag, entry, filling->environment->len)
                                  ? nearest_variable(filling, name)
                                  : NULL;

    if (nearest)
        diag_hint(diag, entry, "did you mean \"%s\"?", nearest);
    else
        diag_hint(diag, entry, "${%s:-…} gives a default, ${%s:?…} makes it an error", name, name);
}

static void unset(void *userdata, const char *name, size_t dollar)
{
    const struct filling *filling = userdata;
    struct loader *loader = filling->loader;
    struct source at;

    if (filling->lacks_value || strmap_has(&loader->warned, name))
        return; /* once for each variable: more of the same hides the rest */
    (void)strmap_set(&loader->warned, name, NULL);
    at = dollar_place(filling, dollar);
    hint_at_unset(filling, name,
            diag_add(loader->diag, DIAG_WARNING, "unset-variable", &at,
                    "variable \"%s\" is not set; it is taken as empty", name));
}

static void collect_use(void *userdata, const char *name)
{
    const struct filling *filling = userdata;
    struct loader *loader = filling->loader;

    if (!strmap_has(loader->variables, name))
        (void)strmap_set(loader->variables, name, NULL);
}

static struct node *fill_text(
        struct loader *loader, const struct node *node, const struct strmap *environment)
{
    struct filling filling = { .loader = loader, .environment = environment, .node = node };
    const struct interpolate_ops ops = {
        .lookup = lookup,
        .unset = unset,
        .use = loader->variables ? collect_use : NULL,
        .userdata = &filling,
    };
    struct interpolate_problem problem;
    struct node *filled;
    const char *text;

    if (!strchr(node->text, '$'))
        return (struct node *)(uintptr_t)node;
    filled = node_copy(loader->arena, node);
    int r = interpolate_text(loader->arena, node->text, &ops, &text, &problem);

    if (filling.lacks_value && (r == 0 || problem.is_unset)) {
        filled->flags |= NODE_BAD; /* whatever it is: that is no further mistake */
        return filled;
    }
    if (r == 0) {
        filled->text = text;
        loader->expanded_bytes += strlen(text);
        if (loader->expanded_bytes <= EXPANDED_BYTES_MAX)
            return filled;
        problem = (struct interpolate_problem){ .message = "variables expand to too much text" };
        loader->expanded_bytes = 0;
    }
    struct source at = dollar_place(&filling, problem.dollar);
    struct diag_entry *entry = diag_add(loader->diag, DIAG_ERROR, "interpolation", &at, "%s%s%s",
            loader->context.path.data, loader->context.path.len ? ": " : "", problem.message);

    if (problem.hint)
        diag_hint(loader->diag, entry, "%s", problem.hint);
    filled->flags |= NODE_BAD;
    return filled;
}

/* Shares what holds no variables with `node`. */
struct node *loader_interpolate(
        struct loader *loader, const struct node *node, const struct strmap *environment)
{
    struct node *copy = NULL;

    if (node->kind == NODE_TEXT)
        return fill_text(loader, node, environment);
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        size_t mark = schema_push_index(&loader->context, i);
        struct node *item = loader_interpolate(loader, node->items[i], environment);

        schema_pop(&loader->context, mark);
        if (item == node->items[i])
            continue;
        if (!copy)
            copy = node_copy(loader->arena, node);
        copy->items[i] = item;
    }
    for (uint32_t i = 0; node->kind == NODE_MAP && i < node->len; i++) {
        size_t mark = schema_push(&loader->context, node->entries[i].key);
        struct node *value = loader_interpolate(loader, node->entries[i].value, environment);

        schema_pop(&loader->context, mark);
        if (value == node->entries[i].value)
            continue;
        if (!copy)
            copy = node_copy(loader->arena, node);
        copy->entries[i].value = value;
    }
    return copy ? copy : (struct node *)(uintptr_t)node;
}

/* ------------------------------------------------------------------------------ extends */

/* Where a service stands that is being extended. */
struct extends_frame {
    const struct loaded_file *file;
    const char *service;
    const struct extends_frame *below;
    unsigned depth;
};

struct extending {
    struct loader *loader;
    const struct model_source *source;
    struct strmap resolved; /* "path\nservice" -> struct node */
    struct strmap circled;  /* services whose circle was reported */
};

static struct node *extend_service(struct extending *extending, struct node *service,
        struct node *services, const struct extends_frame *frame);

static bool is_on_stack(
        const struct extends_frame *frame, const struct loaded_file *file, const char *service)
{
    for (; frame; frame = frame->below)
        if (frame->file == file && strcmp(frame->service, service) == 0)
            return true;
    return false;
}

static void report_extends_cycle(struct extending *extending, const struct source *at,
        const struct extends_frame *frame, const struct loaded_file *file, const char *service)
{
    struct arena *arena = extending->loader->arena;
    const char *path = arena_printf(arena, "%s (%s)", service, file->text.file);

    if (strmap_has(&extending->circled, path))
        return;
    for (; frame; frame = frame->below) {
        (void)strmap_set(&extending->circled,
                arena_printf(arena, "%s (%s)", frame->service, frame->file->text.file), NULL);
        path = arena_printf(arena, "%s (%s) -> %s", frame->service, frame->file->text.file, path);
    }
    diag_add(extending->loader->diag, DIAG_ERROR, "extends-cycle", at,
            "extends goes in a circle: %s", path);
}

/* What paths of a file are relative to that the project's own files name. With no_path_resolution they come
 * to be relative to the project's directory, as those of its own files are. */
static const char *directory_of_paths(const struct loader *loader, const char *dir)
{
    return loader->options->no_path_resolution
                   ? path_relative(loader->arena, loader->project_dir, dir)
                   : dir;
}

/* One service of a file that is not read as a whole: only what is used needs to be right. */
static struct node *read_foreign_service(
        struct extending *extending, const struct loaded_file *file, const char *name)
{
    struct loader *loader = extending->loader;
    struct schema_context *context = &loader->context;
    struct node *merged = NULL;

    for (size_t i = 0; i < file->documents.len; i++) {
        const struct node *services = node_get(file->documents.items[i], "services");
        const struct node *raw = node_get(services, name);
        const char *base_dir = context->base_dir;
        struct strbuf path = context->path;

        if (!raw)
            continue;
        context->path = (struct strbuf)STRBUF_INIT(SCHEMA_PATH_MAX);
        (void)schema_push(context, "services");
        (void)schema_push(context, name);
        if (!loader->options->no_interpolate)
            raw = loader_interpolate(loader, raw, extending->source->environment);
        struct node *service = raw->kind == NODE_NULL ? node_copy(loader->arena, raw)
                                                      : schema_read(context, &service_attr, raw);

        if (service && service->kind != NODE_NULL) {
            context->base_dir = directory_of_paths(loader, file->dir);
            schema_resolve(context, &service_attr, service);
            context->base_dir = base_dir;
        }
        merged = merge_values(loader->arena, &service_attr, merged, service);
        strbuf_release(&context->path);
        context->path = path;
        if (!service) { /* reported: extend from nothing */
            service = node_new(loader->arena, NODE_MAP, &raw->at);
            service->flags |= NODE_BAD;
            merged = merge_values(loader->arena, &service_attr, merged, service);
        }
    }
    return merged;
}

/* Names of the services in a file, for "did you mean". */
static const char *nearest_in(const struct node *services, const char *name)
{
    const char *names[64];
    size_t count = 0;

    if (!services || services->kind != NODE_MAP)
        return NULL;
    for (uint32_t i = 0; i < services->len && count < ARRAY_LEN(names); i++)
        names[count++] = services->entries[i].key;
    return str_nearest(name, names, count);
}

static void report_missing(struct extending *extending, const struct node *extends,
        const char *service, const char *wanted, const struct loaded_file *file,
        const struct node *services)
{
    const struct node *name = node_get(extends, "service");
    struct diag_entry *entry = diag_add(extending->loader->diag, DIAG_ERROR, "extends",
            name ? &name->at : &extends->at, "services.%s.extends: cannot extend from \"%s\": %s%s",
            service, wanted, services ? "no such service in " : "no services in ", file->text.file);
    const char *nearest = nearest_in(services, wanted);

    if (nearest)
        diag_hint(extending->loader->diag, entry, "did you mean \"%s\"?", nearest);
}

/* The service that `extends` names, itself extended. NULL after reporting. */
static struct node *find_base(struct extending *extending, const struct node *extends,
        struct node *services, const struct extends_frame *frame)
{
    struct loader *loader = extending->loader;
    const char *wanted = node_get_text(extends, "service");
    const struct node *file_node = node_get(extends, "file");
    const struct loaded_file *file = frame->file;
    struct node *base;

    if (!wanted) {
        if (!(extends->flags & NODE_BAD))
            diag_add(loader->diag, DIAG_ERROR, "extends", &extends->at,
                    "services.%s.extends: missing \"service\"", frame->service);
        return NULL;
    }
    if (file_node && file_node->kind == NODE_TEXT && !*file_node->text) {
        diag_add(loader->diag, DIAG_ERROR, "extends", &file_node->at,
                "services.%s.extends.file: the name of a file is due, got \"\"", frame->service);
        return NULL;
    }
    if (file_node && file_node->kind == NODE_TEXT) {
        const char *path = path_join(loader->arena, loader->project_dir, file_node->text);
        const char *name = loader_display_name(loader, path);

        diag_add_file(loader->diag, name, DIAG_WAY_EXTENDED, &extends->at);
        file = loader_read_file(loader, path, name, &file_node->at);
        if (!file)
            return NULL;
    }
    if (is_on_stack(frame, file, wanted)) {
        report_extends_cycle(extending, &extends->at, frame, file, wanted);
        return NULL;
    }
    if (frame->depth >= EXTENDS_DEPTH_MAX) {
        diag_add(loader->diag, DIAG_ERROR, "extends-depth", &extends->at,
                "services.%s.extends: more than %u services extend one another", frame->service,
                EXTENDS_DEPTH_MAX);
        return NULL;
    }
    const char *key = arena_printf(loader->arena, "%s\n%s", file->path, wanted);

    if (strmap_has(&extending->resolved, key))
        return strmap_get(&extending->resolved, key);
    if (file == frame->file && services) {
        base = node_get(services, wanted);
        if (!base)
            report_missing(extending, extends, frame->service, wanted, file, services);
    } else {
        const struct node *foreign = file->documents.len
                                             ? node_get(file->documents.items[0], "services")
                                             : NULL;

        services = NULL; /* of a file that is read service by service */
        struct diag_route scope = loader->diag->scope;

        loader->diag->scope = (struct diag_route){ file->text.file, DIAG_WAY_EXTENDED,
            extends->at };
        base = read_foreign_service(extending, file, wanted);
        loader->diag->scope = scope;
        if (!base)
            report_missing(extending, extends, frame->service, wanted, file, foreign);
    }
    if (!base)
        return NULL;
    struct extends_frame next = {
        .file = file,
        .service = wanted,
        .below = frame,
        .depth = frame->depth + 1,
    };

    base = extend_service(extending, base, services, &next);
    (void)strmap_set(&extending->resolved, key, base);
    return base;
}

/* The service merged onto what it extends; itself when it extends nothing. */
static struct node *extend_service(struct extending *extending, struct node *service,
        struct node *services, const struct extends_frame *frame)
{
    struct arena *arena = extending->loader->arena;
    const struct node *extends = node_get(service, "extends");
    struct node *base, *merged;

    if (!extends || (extends->flags & NODE_RESET) || extends->kind != NODE_MAP)
        return service;
    base = find_base(extending, extends, services, frame);
    merged = node_copy(arena, service);
    node_remove(merged, "extends");
    if (!base) {
        merged->flags |= NODE_BAD;
        return merged;
    }
    if (base->kind == NODE_NULL) /* an empty service adds nothing, and Docker Compose shows that */
        return service;
    merged = merge_values(arena, &service_attr, base, merged);
    merged->flags = service->flags | (base->flags & NODE_BAD);
    return merged;
}

static void apply_extends(struct loader *loader, const struct model_source *source,
        const struct loaded_file *file, struct node *document)
{
    struct extending extending = { .loader = loader, .source = source };
    struct node *services = node_get(document, "services");
    struct node *before;

    if (!services || services->kind != NODE_MAP)
        return;
    strmap_init_arena(&extending.resolved, loader->arena);
    strmap_init_arena(&extending.circled, loader->arena);
    before = node_copy(loader->arena, services); /* each is extended from the others as written */
    NODE_FOREACH(services, entry) {
        struct extends_frame frame = { .file = file, .service = entry->key };

        if (entry->value->kind == NODE_MAP)
            entry->value = extend_service(&extending, entry->value, before, &frame);
    }
}

/* ------------------------------------------------------------------------------ include */

static const char *const resource_kinds[] = { "services", "volumes", "networks", "secrets",
    "configs", "models" };

static void import_kind(
        struct loader *loader, struct node *document, const struct node *imported, const char *kind)
{
    const struct node *from = node_get(imported, kind);
    struct node *to = node_get(document, kind);

    if (!from || from->kind != NODE_MAP || !from->len)
        return;
    if (!to || to->kind != NODE_MAP) {
        to = node_new(loader->arena, NODE_MAP, &from->at);
        node_set(loader->arena, document, kind, &from->at, to);
    }
    NODE_FOREACH(from, entry) {
        struct node_entry *own = node_get_entry(to, entry->key);

        if (own && !node_is_equal(own->value, entry->value)) {
            struct diag_entry *finding = diag_add(loader->diag, DIAG_ERROR, "include-conflict",
                    &own->key_at, "%s.%s conflicts with the one that is included from %s:%u:%u",
                    kind, entry->key, entry->key_at.file, entry->key_at.line, entry->key_at.column);

            diag_hint(loader->diag, finding, "an override file may change what is included");
        } else if (!own) {
            node_set(loader->arena, to, entry->key, &entry->key_at, entry->value);
        }
    }
}

static bool is_included_already(const struct model_source *source, const char *path)
{
    for (; source; source = source->parent)
        ARRAY_FOREACH(&source->paths, other)
            if (strcmp(*other, path) == 0)
                return true;
    return false;
}

static void report_include_cycle(struct loader *loader, const struct model_source *source,
        const struct node *at, const char *path)
{
    const char *chain = path;

    for (; source; source = source->parent)
        if (source->names.len)
            chain = arena_printf(loader->arena, "%s -> %s", source->names.items[0], chain);
    diag_add(loader->diag, DIAG_ERROR, "include-cycle", &at->at, "include goes in a circle: %s",
            chain);
}

/* Variables of an include: its own files, weaker than what holds outside. */
static const struct strmap *include_environment(struct loader *loader,
        const struct model_source *source, const struct node *include, const char *dir)
{
    const struct node *files = node_get(include, "env_file");
    struct strmap *environment = ARENA_NEW(loader->arena, struct strmap);
    struct strmap from_files;

    strmap_init_arena(environment, loader->arena);
    strmap_init_arena(&from_files, loader->arena);
    STRMAP_FOREACH(source->environment, entry)
        (void)strmap_set(environment, entry->key, entry->value);
    if (files && files->kind == NODE_LIST && files->len) {
        for (uint32_t i = 0; i < files->len; i++)
            loader_read_env_file(loader,
                    path_join(loader->arena, source->dir, files->items[i]->text), environment,
                    &from_files, &files->items[i]->at);
    } else {
        const char *path = path_join(loader->arena, dir, ".env");
        struct stat st;

        if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
            loader_read_env_file(loader, path, environment, &from_files, &include->at);
    }
    STRMAP_FOREACH(&from_files, entry)
        if (!strmap_has(environment, entry->key))
            (void)strmap_set(environment, entry->key, entry->value);
    return environment;
}

static void include_one(struct loader *loader, const struct model_source *source,
        const struct node *include, struct node *document)
{
    const struct node *paths = node_get(include, "path");
    const char *dir = node_get_text(include, "project_directory");
    struct model_source inner = {
        .parent = source,
        .included_at = include,
        .depth = source->depth + 1,
    };

    if (!paths || paths->kind != NODE_LIST || !paths->len) {
        if (!(include->flags & NODE_BAD))
            diag_add(
                    loader->diag, DIAG_ERROR, "include", &include->at, "include: missing \"path\"");
        return;
    }
    /* Each way to a file is an include of its own, and the ways double with each level of files that include two. */
    if (loader->includes > LIMIT_INCLUDES)
        return;
    if (++loader->includes > LIMIT_INCLUDES) {
        diag_add(loader->diag, DIAG_ERROR, "include", &include->at,
                "include: there are more than %d includes in all", LIMIT_INCLUDES);
        return;
    }
    for (uint32_t i = 0; i < paths->len; i++) {
        const char *text = paths->items[i]->text;
        const char *path = path_join(loader->arena, source->dir, text);

        if (loader_is_elsewhere(loader, text, &paths->items[i]->at))
            return;
        if (is_included_already(source, path) || inner.depth > LIMIT_INCLUDE_DEPTH) {
            report_include_cycle(loader, source, paths->items[i], text);
            return;
        }
        const char *name = loader_display_name(loader, path);

        diag_add_file(loader->diag, name, DIAG_WAY_INCLUDED, &include->at);
        if (!loader_read_file(loader, path, name, &paths->items[i]->at))
            return;
        *ARRAY_APPEND_ARENA(loader->arena, &inner.paths) = arena_strdup(loader->arena, path);
        *ARRAY_APPEND_ARENA(loader->arena, &inner.names) = arena_strdup(loader->arena, text);
    }
    inner.dir = dir && *dir ? path_join(loader->arena, source->dir, dir)
                            : path_parent(loader->arena, inner.paths.items[0]);
    inner.environment = include_environment(loader, source, include, inner.dir);
    struct node *imported = loader_load_model(loader, &inner);

    for (size_t i = 0; imported && i < ARRAY_LEN(resource_kinds); i++)
        import_kind(loader, document, imported, resource_kinds[i]);
}

static void apply_includes(
        struct loader *loader, const struct model_source *source, struct node *document)
{
    struct node *includes = node_get(document, "include");

    for (uint32_t i = 0; includes && includes->kind == NODE_LIST && i < includes->len; i++)
        if (includes->items[i]->kind == NODE_MAP)
            include_one(loader, source, includes->items[i], document);
}

/* -------------------------------------------------------------------------- one document */

static void warn_obsolete_version(struct loader *loader, const struct node *document)
{
    const struct node_entry *version = node_get_entry(document, "version");

    if (version)
        diag_add(loader->diag, DIAG_WARNING, "obsolete-version", &version->key_at,
                "\"version\" is obsolete and has no effect; remove it");
}

static struct node *read_document(struct loader *loader, const struct model_source *source,
        const struct loaded_file *file, const struct node *raw)
{
    struct schema_context *context = &loader->context;
    struct node *document;

    if (raw->kind != NODE_MAP) {
        if (raw->kind == NODE_NULL && file->documents.len == 1)
            diag_add(loader->diag, DIAG_ERROR, "empty",
                    &(struct source){ .file = file->text.file, .line = 1, .column = 1 },
                    "the compose file is empty");
        else
            diag_add(loader->diag, DIAG_ERROR, "top-level", &raw->at,
                    "the top level must be a mapping, not %s", node_kind_name(raw->kind));
        return NULL;
    }
    if (!loader->options->no_interpolate)
        raw = loader_interpolate(loader, raw, source->environment);
    document = schema_read(context, &compose_attr, raw);
    if (!document || (document->flags & NODE_RESET))
        return NULL;
    document->flags &= ~(
            unsigned)NODE_OVERRIDE; /* the whole file overrides nothing but its parts */
    warn_obsolete_version(loader, document);
    context->base_dir = source->parent ? directory_of_paths(loader, source->dir) : source->dir;
    if (source->parent || !loader->options->no_path_resolution)
        schema_resolve(context, &compose_attr, document);
    apply_extends(loader, source, file, document);
    apply_includes(loader, source, document);
    node_remove(document, "include");
    return document;
}

static bool fills_variables(const struct loader *loader, const struct node *environment)
{
    const struct load_options *options = loader->options;

    return environment && environment->kind == NODE_MAP && !options->as_written &&
           (!options->no_normalize || !options->as_hashed || (environment->flags & NODE_SHORT));
}

/* What an include's own directory and variables decide, before it goes into another project. */
static void settle(struct loader *loader, const struct model_source *source, struct node *model)
{
    struct node *services = node_get(model, "services");

    if (!services || services->kind != NODE_MAP)
        return;
    NODE_FOREACH(services, entry) {
        struct node *service = entry->value, *build = node_get(service, "build");
        struct node *environment = node_get(service, "environment");

        if (build && build->kind == NODE_MAP && !node_get(build, "context")) {
            struct node *context = node_new_text(
                    loader->arena, directory_of_paths(loader, source->dir), &build->at);

            context->flags |= NODE_IMPLIED;
            build = node_copy(loader->arena, build);
            node_set(loader->arena, build, "context", NULL, context);
            node_set(loader->arena, service, "build", NULL, build);
        }
        if (!fills_variables(loader, environment))
            continue;
        environment = node_copy(loader->arena, environment);
        NODE_FOREACH(environment, variable) {
            const char *value = variable->value->kind == NODE_NULL &&
                                                !(variable->value->flags & NODE_RESET)
                                        ? strmap_get(source->environment, variable->key)
                                        : NULL;

            if (value)
                variable->value = node_new_text(loader->arena, value, &variable->value->at);
        }
        node_set(loader->arena, service, "environment", NULL, environment);
    }
}

/* What a later file says of an extension has to be of the same kind, as Docker Compose asks; for attributes
 * the schema sees to that. */
static void check_extension(struct loader *loader, const struct node *base, const struct node *over)
{
    if (!base || over->kind == NODE_NULL || (over->flags & (NODE_RESET | NODE_OVERRIDE)) ||
            (base->kind != NODE_MAP && base->kind != NODE_LIST))
        return;
    if (base->kind != over->kind) {
        schema_error(&loader->context, &over->at, "cannot override %s with %s",
                node_kind_name(base->kind), node_kind_name(over->kind));
        return;
    }
    NODE_FOREACH(over, entry) {
        size_t mark = schema_push(&loader->context, entry->key);

        check_extension(loader, node_get(base, entry->key), entry->value);
        schema_pop(&loader->context, mark);
    }
}

static void check_extensions(struct loader *loader, const struct attr *attr,
        const struct node *base, const struct node *over)
{
    if (!base || base->kind != NODE_MAP || (over->flags & NODE_OVERRIDE))
        return;
    NODE_FOREACH(over, entry) {
        bool is_struct = attr->type->shape == SHAPE_STRUCT;
        const struct attr *child = is_struct ? schema_find(attr->table, entry->key) : attr->items;
        size_t mark = schema_push(&loader->context, entry->key);

        if (child)
            check_extensions(loader, child, node_get(base, entry->key), entry->value);
        else if (is_struct)
            check_extension(loader, node_get(base, entry->key), entry->value);
        schema_pop(&loader->context, mark);
    }
}

struct node *loader_load_model(struct loader *loader, const struct model_source *source)
{
    const char *base_dir = loader->context.base_dir;
    struct strbuf path = loader->context.path;
    const struct loaded_file *first = NULL;
    struct node *model = NULL;

    loader->context.path = (struct strbuf)STRBUF_INIT(SCHEMA_PATH_MAX);
    for (size_t i = 0; i < source->paths.len; i++) {
        const struct loaded_file *file = loader_read_file(
                loader, source->paths.items[i], source->names.items[i], NULL);

        first = first ? first : file;
        for (size_t j = 0; file && j < file->documents.len; j++) {
            struct node *document = read_document(loader, source, file, file->documents.items[j]);

            if (document && model)
                check_extensions(loader, &compose_attr, model, document);
            if (document)
                model = merge_values(loader->arena, &compose_attr, model, document);
        }
    }
    if (model)
        settle(loader, source, model);
    else if (first && !source->parent && !diag_has_errors(loader->diag))
        diag_add(loader->diag, DIAG_ERROR, "empty",
                &(struct source){ .file = first->text.file, .line = 1, .column = 1 },
                "the compose file is empty");
    strbuf_release(&loader->context.path);
    loader->context.path = path;
    loader->context.base_dir = base_dir;
    return model;
}
