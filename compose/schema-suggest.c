#include "compose/schema-suggest.h"

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/parse.h"
#include "base/str.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types.h"

#define NAMES_MAX 256

/* --------------------------------------------------------------------------------- names */

static const char *nearest_name(const struct attr_table *table, const char *name)
{
    const char *names[NAMES_MAX];
    size_t count = 0;

    for (; count < table->count && count < ARRAY_LEN(names); count++)
        names[count] = table->rows[count].name;
    return str_nearest(name, names, count);
}

/* "image:x" when "image" is in the table: the name; NULL: it is no such text. */
static const char *name_before_colon(
        struct arena *arena, const struct attr_table *table, const char *text)
{
    const char *colon = strchr(text, ':');
    const char *name = colon ? arena_strndup(arena, text, (size_t)(colon - text)) : NULL;

    return name && schema_find(table, name) ? name : NULL;
}

static void suggest_blank(struct schema_context *context, struct diag_entry *finding,
        const char *name, const char *text)
{
    diag_hint(context->diag, finding, "a blank is missing behind the colon: \"%s: %s\"", name,
            text + strlen(name) + 1);
}

/* The name of the service whose attributes are being read: "services.NAME"; NULL: others are. */
static const char *service_of(const struct schema_context *context)
{
    static const char prefix[] = "services.";
    const char *path = context->path.data;

    return string_has_prefix(path, prefix) && !strchr(path + strlen(prefix), '.') &&
                           !strchr(path + strlen(prefix), '[')
                   ? path + strlen(prefix)
                   : NULL;
}

/* `services: {environment: …}`: the attribute of a service stands where services do. */
static bool suggest_indentation(struct schema_context *context, struct diag_entry *finding)
{
    const char *name = service_of(context);
    bool top, attribute;

    if (!name)
        return false;
    top = schema_find(&compose_table, name) != NULL;
    attribute = schema_find(&service_table, name) != NULL;
    if (!top && !attribute)
        return false;
    diag_hint(context->diag, finding, "\"%s\" is %s%s%s: check its indentation", name,
            attribute ? "an attribute of a service" : "", top && attribute ? " and " : "",
            top ? "an element of the top level" : "");
    return true;
}

/* Where below a service an attribute belongs. */
static const struct {
    const struct attr_table *table;
    const char *name;
} parts_of_service[] = {
    { &deploy_table, "deploy" },
    { &build_table, "build" },
    { &healthcheck_table, "healthcheck" },
    { &resources_table, "deploy.resources" },
};

static void suggest_other_place(struct schema_context *context, const struct attr_table *table,
        const struct node_entry *entry, struct diag_entry *finding)
{
    struct diag *diag = context->diag;
    const char *key = entry->key;

    if (table == &compose_table) {
        const struct node *value = entry->value;

        if (schema_find(&service_table, key))
            diag_hint(diag, finding, "it belongs below a service");
        else if (node_get(value, "image") || node_get(value, "build") || node_get(value, "extends"))
            diag_hint(diag, finding, "a service stands below \"services:\"");
        return;
    }
    if (table != &service_table) {
        bool resource = table == &network_table || table == &volume_table ||
                        table == &secret_table || table == &config_table;

        if (resource && schema_find(&service_table, key))
            diag_hint(diag, finding, "it is an attribute of a service");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(parts_of_service); i++)
        if (schema_find(parts_of_service[i].table, key)) {
            diag_hint(diag, finding, "it belongs below \"%s\"", parts_of_service[i].name);
            return;
        }
    if (schema_find(&compose_table, key))
        diag_hint(diag, finding, "it belongs to the top level: check the indentation");
    else if (schema_find(&network_table, key) || schema_find(&volume_table, key))
        diag_hint(diag, finding, "it is an attribute of a %s",
                schema_find(&volume_table, key) ? "network or volume" : "network");
}

/* What people write for it, since other programs and older formats call it so. */
static const char *find_usual_name(const struct attr_table *table, const char *name)
{
    static const struct {
        const struct attr_table *table;
        const char *written, *meant;
    } names[] = {
        { &service_table, "add_host", "extra_hosts" },
        { &service_table, "after", "depends_on" },
        { &service_table, "args", "command" },
        { &service_table, "caps", "cap_add" },
        { &service_table, "cmd", "command" },
        { &service_table, "cpu", "cpus" },
        { &service_table, "cpu_limit", "cpus" },
        { &service_table, "depends", "depends_on" },
        { &service_table, "env", "environment" },
        { &service_table, "envs", "environment" },
        { &service_table, "gpu", "gpus" },
        { &service_table, "health", "healthcheck" },
        { &service_table, "host", "hostname" },
        { &service_table, "hosts", "extra_hosts" },
        { &service_table, "instances", "scale" },
        { &service_table, "interactive", "stdin_open" },
        { &service_table, "limits", "deploy.resources.limits" },
        { &service_table, "log_driver", "logging.driver" },
        { &service_table, "log_opt", "logging.options" },
        { &service_table, "mem", "mem_limit" },
        { &service_table, "memory", "mem_limit" },
        { &service_table, "memory_limit", "mem_limit" },
        { &service_table, "mount", "volumes" },
        { &service_table, "mounts", "volumes" },
        { &service_table, "name", "container_name" },
        { &service_table, "needs", "depends_on" },
        { &service_table, "net", "network_mode" },
        { &service_table, "publish", "ports" },
        { &service_table, "pull", "pull_policy" },
        { &service_table, "requires", "depends_on" },
        { &service_table, "shm", "shm_size" },
        { &service_table, "stdin", "stdin_open" },
        { &service_table, "timeout", "stop_grace_period" },
        { &service_table, "user_id", "user" },
        { &service_table, "vars", "environment" },
        { &service_table, "workdir", "working_dir" },
        { &build_table, "file", "dockerfile" },
        { &build_table, "path", "context" },
        { &build_table, "tag", "tags" },
        { &deploy_table, "cpus", "resources.limits.cpus" },
        { &deploy_table, "limits", "resources.limits" },
        { &deploy_table, "memory", "resources.limits.memory" },
        { &deploy_table, "reservations", "resources.reservations" },
        { &deploy_table, "restart", "restart_policy" },
        { &deploy_table, "scale", "replicas" },
        { &limits_table, "cpu", "cpus" },
        { &limits_table, "mem", "memory" },
        { &limits_table, "mem_limit", "memory" },
        { &healthcheck_table, "cmd", "test" },
        { &healthcheck_table, "command", "test" },
        { &healthcheck_table, "delay", "start_period" },
        { &healthcheck_table, "retry", "retries" },
        { &logging_table, "opt", "options" },
        { &logging_table, "opts", "options" },
        { &logging_table, "type", "driver" },
        { &mount_table, "dest", "target" },
        { &mount_table, "destination", "target" },
        { &mount_table, "dst", "target" },
        { &mount_table, "nocopy", "volume.nocopy" },
        { &mount_table, "propagation", "bind.propagation" },
        { &mount_table, "ro", "read_only" },
        { &mount_table, "src", "source" },
        { &port_table, "container", "target" },
        { &port_table, "container_port", "target" },
        { &port_table, "host", "published" },
        { &port_table, "host_port", "published" },
        { &port_table, "port", "target" },
        { &port_table, "source", "published" },
        { &service_network_table, "address", "ipv4_address" },
        { &service_network_table, "alias", "aliases" },
        { &service_network_table, "ip", "ipv4_address" },
        { &service_network_table, "ip_address", "ipv4_address" },
        { &network_table, "gateway", "ipam.config[].gateway" },
        { &network_table, "ip_range", "ipam.config[].ip_range" },
        { &network_table, "subnet", "ipam.config[].subnet" },
        { &ipam_table, "subnet", "config[].subnet" },
        { &volume_table, "options", "driver_opts" },
        { &volume_table, "opts", "driver_opts" },
        { &dependency_table, "when", "condition" },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].table == table && strcmp(names[i].written, name) == 0)
            return names[i].meant;
    return NULL;
}

void schema_suggest_name(struct schema_context *context, const struct attr_table *table,
        const struct node_entry *entry, struct diag_entry *finding)
{
    const char *usual = find_usual_name(table, entry->key);
    const char *nearest = usual ? usual : nearest_name(table, entry->key);
    const char *before = name_before_colon(context->arena, table, entry->key);

    if (table == &service_table && suggest_indentation(context, finding))
        return;
    if (table == &mount_table && strchr("./~", *entry->key) && entry->value->kind == NODE_TEXT)
        diag_hint(context->diag, finding, "leave the blank out: \"%s:%s\"", entry->key,
                entry->value->text);
    else if (before)
        suggest_blank(context, finding, before, entry->key);
    else if (nearest)
        diag_hint(context->diag, finding, "did you mean \"%s\"?", nearest);
    else
        suggest_other_place(context, table, entry, finding);
}

/* -------------------------------------------------------------------------------- values */

static bool holds_mappings_only(const struct node *list)
{
    for (uint32_t i = 0; i < list->len; i++)
        if (list->items[i]->kind != NODE_MAP)
            return false;
    return list->len > 0;
}

static bool is_scalar(const struct node *node)
{
    return node->kind != NODE_LIST && node->kind != NODE_MAP && node->kind != NODE_NULL;
}

/* A service that is no mapping. */
static bool suggest_service(
        struct schema_context *context, const struct node *node, struct diag_entry *finding)
{
    const char *name = service_of(context);

    if (!name)
        return false;
    if (suggest_indentation(context, finding))
        return true;
    if (node->kind == NODE_NULL)
        diag_hint(context->diag, finding,
                "nothing is indented deeper than \"%s\"; write \"image: …\" below it", name);
    else if (node->kind == NODE_TEXT)
        diag_hint(context->diag, finding, "write \"image: %s\" below \"%s:\"", node->text, name);
    return node->kind == NODE_NULL || node->kind == NODE_TEXT;
}

static void suggest_shape(struct schema_context *context, const struct attr *attr,
        const struct node *node, struct diag_entry *finding)
{
    bool is_map = attr->type->shape == SHAPE_STRUCT || attr->type->shape == SHAPE_MAP;
    struct diag *diag = context->diag;

    if (is_map && node->kind == NODE_LIST && holds_mappings_only(node))
        diag_hint(diag, finding, "leave the \"-\" out: keys of a mapping have none");
    else if (attr->type->shape == SHAPE_LIST && node->kind == NODE_MAP)
        diag_hint(diag, finding, "a list has a \"-\" in front of each item");
    else if ((attr->type->shape == SHAPE_MAP && node->kind == NODE_TEXT &&
                     strchr(node->text, '=')) ||
             (node->kind == NODE_TEXT && attr->type->shape == SHAPE_LIST &&
                     attr->type != &type_gpus) ||
             (is_scalar(node) &&
                     (attr->type == &type_texts_or_numbers || attr->type == &type_ports)) ||
             (node->kind == NODE_TEXT && attr->type == &type_map_or_names))
        diag_hint(diag, finding, "a list of one is written [%s]",
                node_describe(context->arena, node));
}

/* "ture", and the numbers and letters that other programs take. */
static void suggest_boolean(
        struct schema_context *context, const struct node *node, struct diag_entry *finding)
{
    static const char *const words[] = { "true", "false" };
    const char *text = node->kind == NODE_TEXT || node->kind == NODE_INT
                               ? node_scalar_text(context->arena, node)
                               : NULL;
    const char *meant = text ? str_nearest(text, words, ARRAY_LEN(words)) : NULL;
    bool value;

    if (text && parse_bool(str_from(text), &value) == 0)
        diag_hint(context->diag, finding, "write %s", words[!value]);
    else if (meant)
        diag_hint(context->diag, finding, "did you mean \"%s\"?", meant);
}

void schema_suggest_value(struct schema_context *context, const struct attr *attr,
        const struct node *node, struct diag_entry *finding)
{
    struct arena *arena = context->arena;
    const char *before;
    double number;

    /* It may be about something inside of the value. */
    if (!finding || finding->hint || finding->at.line != node->at.line ||
            finding->at.column != node->at.column)
        return;
    if (attr->type->shape == SHAPE_STRUCT && node->kind == NODE_TEXT && attr->table) {
        before = name_before_colon(arena, attr->table, node->text);
        if (before) {
            suggest_blank(context, finding, before, node->text);
            return;
        }
    }
    if (attr->table == &service_table && suggest_service(context, node, finding))
        return;
    if (attr->type == &type_bool || attr->type == &type_plain_bool) {
        suggest_boolean(context, node, finding);
        return;
    }
    if (attr->type == &type_number && node->kind == NODE_TEXT && strchr(node->text, ',')) {
        char *dotted = arena_strdup(arena, node->text);

        *strchr(dotted, ',') = '.';
        if (parse_double(str_from(dotted), &number) == 0)
            diag_hint(context->diag, finding, "fractions have a dot: %s", dotted);
        return;
    }
    suggest_shape(context, attr, node, finding);
}

/* --------------------------------------------------------------------------------- units */

struct unit_word {
    const char *word, *unit;
};

/* A number with a dot, and the word behind it in lower case. False: it is no such text. */
static bool cut_number(
        struct arena *arena, const char *text, const char **ret_number, const char **ret_word)
{
    size_t len = strspn(text, "0123456789.,");
    char *number = arena_strndup(arena, text, len), *word;
    double value;

    for (char *p = number; *p; p++)
        if (*p == ',')
            *p = '.';
    if (!len || parse_double(str_from(number), &value) < 0)
        return false;
    word = arena_strdup(arena, text + len + strspn(text + len, " "));
    for (char *p = word; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p |= 0x20;
    *ret_number = number;
    *ret_word = word;
    return true;
}

static const char *find_unit(const struct unit_word *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].unit;
    return NULL;
}

const char *schema_suggest_duration(struct arena *arena, const char *text)
{
    static const struct unit_word words[] = {
        { "", "s" },
        { "s", "s" },
        { "sec", "s" },
        { "secs", "s" },
        { "second", "s" },
        { "seconds", "s" },
        { "m", "m" },
        { "min", "m" },
        { "mins", "m" },
        { "minute", "m" },
        { "minutes", "m" },
        { "h", "h" },
        { "hr", "h" },
        { "hrs", "h" },
        { "hour", "h" },
        { "hours", "h" },
        { "d", "d" },
        { "day", "d" },
        { "days", "d" },
        { "w", "w" },
        { "week", "w" },
        { "weeks", "w" },
        { "ms", "ms" },
        { "msec", "ms" },
        { "msecs", "ms" },
        { "millis", "ms" },
        { "millisecond", "ms" },
        { "milliseconds", "ms" },
        { "us", "us" },
        { "usec", "us" },
        { "microseconds", "us" },
    };
    const char *number, *word, *unit;

    if (!cut_number(arena, text, &number, &word))
        return NULL;
    unit = find_unit(words, ARRAY_LEN(words), word);
    return unit ? arena_printf(arena, "%s%s", number, unit) : NULL;
}

const char *schema_suggest_size(struct arena *arena, const char *text)
{
    static const struct unit_word words[] = {
        { "", "b" },
        { "b", "b" },
        { "byte", "b" },
        { "bytes", "b" },
        { "k", "k" },
        { "kb", "k" },
        { "ki", "k" },
        { "kib", "k" },
        { "kilobyte", "k" },
        { "kilobytes", "k" },
        { "m", "m" },
        { "mb", "m" },
        { "mi", "m" },
        { "mib", "m" },
        { "mo", "m" },
        { "meg", "m" },
        { "megs", "m" },
        { "megabyte", "m" },
        { "megabytes", "m" },
        { "g", "g" },
        { "gb", "g" },
        { "gi", "g" },
        { "gib", "g" },
        { "go", "g" },
        { "gig", "g" },
        { "gigs", "g" },
        { "gigabyte", "g" },
        { "gigabytes", "g" },
        { "t", "t" },
        { "tb", "t" },
        { "ti", "t" },
        { "tib", "t" },
        { "terabytes", "t" },
    };
    const char *number, *word, *unit;

    if (!cut_number(arena, text, &number, &word))
        return NULL;
    unit = find_unit(words, ARRAY_LEN(words), word);
    return unit ? arena_printf(arena, "%s%s", number, unit) : NULL;
}
