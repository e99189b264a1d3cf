/* The order of things: load, silence, then every rule over what it asks for. */
#include "compose/lint.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "compose/lint-internal.h"

static int compare_rule(const void *name, const void *rule)
{
    return strcmp(name, ((const struct lint_rule *)rule)->name);
}

const struct lint_rule *lint_find_rule(const char *name)
{
    return bsearch(name, lint_rules, lint_rules_len, sizeof(*lint_rules), compare_rule);
}

const char *lint_nearest_rule(const char *name)
{
    auto_free const char **names = mem_realloc_array(NULL, lint_rules_len + 1, sizeof(*names));

    for (size_t i = 0; i < lint_rules_len; i++)
        names[i] = lint_rules[i].name;
    names[lint_rules_len] = "all";
    return str_nearest(name, names, lint_rules_len + 1);
}

bool lint_rule_is_fatal(const struct lint_rule *rule)
{
    return rule->severity == DIAG_ERROR && !rule->check_document && !rule->check_written &&
           !rule->check_service && !rule->check_project;
}

/* ---------------------------------------------------------------------------- reporting */

static bool is_reported(struct lint *lint, const struct source *at)
{
    const char *key = arena_printf(lint->arena, "%s %s:%u:%u", lint->rule->name,
            at->file ? at->file : "", at->line, at->column);

    if (strmap_has(&lint->reported, key))
        return true;
    (void)strmap_set(&lint->reported, key, NULL);
    return false;
}

static struct diag_entry *add(struct lint *lint, const struct source *at, const char *message)
{
    if (lint_is_ignored(lint, lint->rule->name, at, lint->section, lint->key) ||
            is_reported(lint, at))
        return NULL;
    return diag_add(lint->diag, lint->rule->severity, lint->rule->name, at, "%s", message);
}

struct diag_entry *lint_add(struct lint *lint, const struct source *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const char *message = arena_vprintf(lint->arena, format, args);
    va_end(args);
    return add(lint, at, message);
}

void lint_hint(struct lint *lint, struct diag_entry *entry, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const char *hint = arena_vprintf(lint->arena, format, args);
    va_end(args);
    diag_hint(lint->diag, entry, "%s", hint);
}

struct diag_entry *lint_add_field(struct lint *lint, const struct service *service,
        const char *field, const char *format, ...)
{
    struct source at = service->at;
    va_list args;

    if (*field)
        (void)service_field_source(service, field, &at);
    va_start(args, format);
    const char *message = arena_vprintf(lint->arena, format, args);
    va_end(args);
    return add(lint, &at,
            arena_printf(lint->arena, "services.%s%s%s: %s", service->name, *field ? "." : "",
                    field, message));
}

void lint_use_rule(struct lint *lint, const char *name)
{
    lint->rule = lint_find_rule(name);
    assert(lint->rule);
}

const struct service *lint_find_service(const struct lint *lint, const char *name)
{
    return strmap_get(&lint->project->service_index, name);
}

const struct loaded_file *lint_compose_file(const struct strmap_entry *entry)
{
    /* Other texts have a newline behind the path. */
    return string_has_suffix(entry->key, "\n") ? NULL : entry->value;
}

/* ---------------------------------------------------------------------- what was written */

bool lint_is_plain(const struct node *node)
{
    return !(node->flags & (NODE_QUOTED | NODE_BLOCK | NODE_RESET));
}

static const struct node *get_path(const struct node *map, const char *path)
{
    struct str rest = str_from(path), step;
    char name[64];

    while (map && str_split_next(&rest, '.', &step)) {
        assert(step.len < sizeof(name));
        memcpy(name, step.data, step.len);
        name[step.len] = '\0';
        map = node_get(map, name);
    }
    return map;
}

void lint_each_pair(
        struct lint *lint, const struct node *service, const char *attr, written_pair_fn check)
{
    const struct node *pairs = get_path(service, attr);

    if (!pairs || (pairs->flags & NODE_RESET))
        return;
    NODE_FOREACH(pairs, entry) {
        const struct node *value = entry->value;
        bool is_scalar = value->kind != NODE_LIST && value->kind != NODE_MAP;

        if (is_scalar && !(value->flags & NODE_RESET))
            check(lint, &(struct written_pair){ .attr = attr,
                                .key = entry->key,
                                .value = value,
                                .text = value->kind == NODE_NULL ? NULL : value->text,
                                .at = value->at });
    }
    for (uint32_t i = 0; pairs->kind == NODE_LIST && i < pairs->len; i++) {
        const struct node *item = pairs->items[i];
        const char *equal = item->kind == NODE_TEXT ? strchr(item->text, '=') : NULL;

        if (item->kind != NODE_TEXT || (item->flags & NODE_RESET))
            continue;
        check(lint, &(struct written_pair){ .attr = attr,
                            .key = equal ? arena_strndup(lint->arena, item->text,
                                                   (size_t)(equal - item->text))
                                         : item->text,
                            .item = item,
                            .text = equal ? equal + 1 : NULL,
                            .at = item->at });
    }
}

void lint_each_pair_of_all(struct lint *lint, const struct node *service, written_pair_fn check)
{
    static const char *const attrs[] = { "environment", "labels", "annotations", "sysctls",
        "storage_opt", "logging.options", "build.args", "build.labels", "deploy.labels" };

    for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
        lint_each_pair(lint, service, attrs[i], check);
}

/* --------------------------------------------------------------------------- the rules */

static void check_written_services(
        struct lint *lint, const struct loaded_file *file, const struct node *document)
{
    const struct node *services = node_get(document, "services");

    if (!services || services->kind != NODE_MAP)
        return;
    lint->section = "services";
    NODE_FOREACH(services, entry) {
        lint->key = entry->key;
        if (entry->value->kind == NODE_MAP && !(entry->value->flags & NODE_RESET))
            lint->rule->check_written(lint, file, entry->value);
    }
    lint->section = lint->key = NULL;
}

static void check_documents(struct lint *lint)
{
    LINT_FOREACH_FILE(lint, file) {
        for (size_t i = 0; i < file->documents.len; i++) {
            const struct node *document = file->documents.items[i];

            if (document->kind != NODE_MAP)
                continue;
            if (lint->rule->check_document)
                lint->rule->check_document(lint, file, document);
            if (lint->rule->check_written)
                check_written_services(lint, file, document);
        }
    }
}

static void check_services(struct lint *lint, const struct services *services)
{
    lint->section = "services";
    ARRAY_FOREACH(services, service) {
        lint->key = service->name;
        if (service->model->kind == NODE_MAP && !(service->model->flags & NODE_BAD))
            lint->rule->check_service(lint, service);
    }
    lint->section = lint->key = NULL;
}

static void run_rule(struct lint *lint, const struct lint_rule *rule)
{
    lint->rule = rule;
    if (rule->check_document || rule->check_written)
        check_documents(lint);
    if (rule->check_service && lint->project) {
        check_services(lint, &lint->project->services);
        check_services(lint, &lint->project->disabled);
    }
    if (rule->check_project && lint->project && lint->is_known)
        rule->check_project(lint, lint->project);
}

/* For what loading reported: all but its errors can be silenced. */
static bool keep(void *userdata, const struct diag_entry *entry)
{
    struct lint *lint = userdata;

    return entry->severity == DIAG_ERROR || !entry->id ||
           !lint_is_ignored(lint, entry->id, &entry->at, NULL, NULL);
}

/* False when a file, or what it takes in, was not read to its end: what nobody seems to use may be used there. */
static bool is_known(const struct diag *diag)
{
    static const char *const ids[] = { "alias", "duplicate-key", "empty", "extends",
        "extends-cycle", "extends-depth", "file", "include", "include-cycle", "key", "merge-key",
        "nul", "syntax", "too-deep", "too-large", "top-level" };

    if (diag->errors + diag->warnings > diag->len)
        return false; /* the rest is not kept */
    ARRAY_FOREACH(diag, entry)
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
            if (entry->severity == DIAG_ERROR && string_is_equal(entry->id, ids[i]))
                return false;
    return true;
}

int lint_project(struct arena *arena, const struct lint_options *options, struct diag *diag,
        struct error **err)
{
    auto_(loader_release) struct loader loader;
    auto_error struct error *error = NULL;
    struct strmap variables;
    struct project *project = NULL;

    assert(diag);
    loader_init(&loader, arena, options->load, diag);
    strmap_init_arena(&variables, arena);
    loader.variables = &variables;
    int r = loader_load(&loader, &project, &error);

    if (r < 0 && !diag_has_errors(diag))
        return error_move(err, TAKE(error));
    struct lint lint = {
        .arena = arena,
        .options = options,
        .loader = &loader,
        .project = project,
        .is_whole = r == 0,
        .is_known = is_known(diag),
        .diag = diag,
    };

    strmap_init_arena(&lint.used_ignores, arena);
    strmap_init_arena(&lint.reported, arena);
    lint_collect_ignores(&lint);
    diag_filter(diag, keep, &lint);
    for (size_t i = 0; i < lint_rules_len; i++)
        run_rule(&lint, &lint_rules[i]);
    if (options->strict && lint.is_whole)
        lint_report_unused_ignores(&lint);
    diag_sort(diag);
    return 0;
}
