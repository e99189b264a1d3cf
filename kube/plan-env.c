/* Variables: those of envFrom first, then those of env, which are stronger. */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/strmap.h"
#include "kube/plan-internal.h"
#include "kube/read.h"

#define BYTES_PER_UNIT 1000 /* thousandths */

static void set_variable(
        struct kube_planning *p, struct kube_variables *env, const char *name, const char *value)
{
    uintptr_t position = (uintptr_t)strmap_get(&p->variables, name);

    if (position) {
        env->items[position - 1].value = value;
        return;
    }
    if (env->len == LIMIT_CONTAINER_VARIABLES) {
        p->too_many_variables = true;
        return;
    }
    *ARRAY_APPEND_ARENA(p->arena, env) = (struct kube_variable){ name, value };
    strmap_set_borrowed(&p->variables, name, (void *)(uintptr_t)env->len);
}

/* A secret's bytes as the text of a variable; what is behind a NUL would be lost. */
static bool set_bytes(struct kube_planning *p, struct kube_variables *env, const char *name,
        const uint8_t *data, size_t len)
{
    if (memchr(data, 0, len))
        return false;
    set_variable(p, env, name, (const char *)data);
    return true;
}

static void add_config_map(
        struct kube_planning *p, const struct kube_env_from *from, struct kube_variables *env)
{
    const struct kube_key_ref *ref = from->config_map;
    const struct kube_config_map *map = kube_find_config_map(p, ref->name);
    const char *prefix = from->prefix ? from->prefix : "";

    if (!map && ref->optional != KUBE_YES)
        kube_plan_error(p, ref->node, "name", "configmap %s not found", ref->name);
    if (!map)
        return;
    ARRAY_FOREACH(&map->data, pair)
        set_variable(p, env, arena_printf(p->arena, "%s%s", prefix, pair->key), pair->value);
}

static void add_secret(
        struct kube_planning *p, const struct kube_env_from *from, struct kube_variables *env)
{
    const struct kube_key_ref *ref = from->secret;
    const struct kube_secret *secret = kube_find_secret(p, ref->name);
    const char *prefix = from->prefix ? from->prefix : "";

    if (!secret && ref->optional != KUBE_YES)
        kube_plan_error(p, ref->node, "name", "no secret with name \"%s\"", ref->name);
    if (!secret)
        return;
    ARRAY_FOREACH(&secret->data, blob) {
        if (!set_bytes(p, env, arena_printf(p->arena, "%s%s", prefix, blob->key), blob->data,
                    blob->len))
            kube_plan_error(p, ref->node, "name",
                    "the key %s of secret %s cannot be a variable: it has a NUL in it", blob->key,
                    ref->name);
    }
    ARRAY_FOREACH(&secret->string_data, pair)
        set_variable(p, env, arena_printf(p->arena, "%s%s", prefix, pair->key), pair->value);
}

static void set_from_config_map(
        struct kube_planning *p, const struct kube_env *variable, struct kube_variables *env)
{
    const struct kube_key_ref *ref = variable->from->config_map;
    const struct kube_config_map *map = kube_find_config_map(p, ref->name);
    const char *value = map ? kube_pairs_get(&map->data, ref->key) : NULL;

    if (value)
        set_variable(p, env, variable->name, value);
    else if (ref->optional != KUBE_YES && !map)
        kube_plan_error(p, ref->node, "name", "cannot set env %s: configmap %s not found",
                variable->name, ref->name);
    else if (ref->optional != KUBE_YES)
        kube_plan_error(p, ref->node, "key", "cannot set env %s: key %s not found in configmap %s",
                variable->name, ref->key, ref->name);
}

static void set_from_secret(
        struct kube_planning *p, const struct kube_env *variable, struct kube_variables *env)
{
    const struct kube_key_ref *ref = variable->from->secret;
    const struct kube_secret *secret = kube_find_secret(p, ref->name);
    size_t len = 0;
    const uint8_t *value = secret ? kube_secret_get(secret, ref->key, &len) : NULL;

    if (value && !set_bytes(p, env, variable->name, value, len))
        kube_plan_error(p, ref->node, "key",
                "cannot set env %s: the key %s of secret %s has a NUL in it", variable->name,
                ref->key, ref->name);
    if (value || ref->optional == KUBE_YES)
        return;
    if (!secret)
        kube_plan_error(p, ref->node, "name", "cannot set env %s: no secret with name \"%s\"",
                variable->name, ref->name);
    else
        kube_plan_error(p, ref->node, "key", "cannot set env %s: secret %s has not %s key",
                variable->name, ref->name, ref->key);
}

/* The text between "metadata.labels['" and "']". */
static const char *subscript(struct arena *arena, const char *path, const char *prefix)
{
    size_t len = strlen(path), skip = strlen(prefix);

    if (!string_has_prefix(path, prefix) || !string_has_suffix(path, "']") || len < skip + 3)
        return NULL;
    return arena_strndup(arena, path + skip, len - skip - 2);
}

static void set_from_field(
        struct kube_planning *p, const struct kube_env *variable, struct kube_variables *env)
{
    const struct kube_field_ref *ref = variable->from->field;
    const char *label = subscript(p->arena, ref->path, "metadata.labels['");
    const char *annotation = subscript(p->arena, ref->path, "metadata.annotations['");
    const char *value = NULL;

    if (strcmp(ref->path, "metadata.name") == 0)
        set_variable(p, env, variable->name, p->pod->name);
    else if (strcmp(ref->path, "metadata.uid") == 0)
        set_variable(p, env, variable->name, NULL);
    else if (label || annotation) {
        value = label ? kube_pairs_get(&p->pod->labels, label)
                      : kube_pairs_get(&p->annotations, annotation);
        set_variable(p, env, variable->name, value ? value : "");
    } else
        kube_plan_error(p, ref->node, "fieldPath",
                "cannot set env %s: fieldPath %s is either not valid or not supported",
                variable->name, ref->path);
}

/* A limit that is not there is the machine; a request is the limit. In thousandths. */
static bool find_amount(struct kube_planning *p, const struct kube_container *container,
        const char *resource, int64_t *ret)
{
    static const struct kube_amounts none = { 0 };
    const struct kube_resources *resources = container->resources;
    const struct kube_amounts *limits = resources && resources->limits ? resources->limits : &none;
    const struct kube_amounts *requests = resources && resources->requests ? resources->requests
                                                                           : &none;
    int64_t memory = limits->memory.milli ? limits->memory.milli
                                          : p->options->memory_bytes * BYTES_PER_UNIT;
    int64_t cpu = limits->cpu.milli ? limits->cpu.milli : p->options->cpus * BYTES_PER_UNIT;

    if (strcmp(resource, "limits.memory") == 0)
        *ret = memory;
    else if (strcmp(resource, "limits.cpu") == 0)
        *ret = cpu;
    else if (strcmp(resource, "requests.memory") == 0)
        *ret = requests->memory.milli ? requests->memory.milli : memory;
    else if (strcmp(resource, "requests.cpu") == 0)
        *ret = requests->cpu.milli ? requests->cpu.milli : cpu;
    else
        return false;
    return true;
}

static bool is_divisor(const char *resource, const char *divisor)
{
    static const char *const memory[] = { "0", "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki",
        "1Mi", "1Gi", "1Ti", "1Pi", "1Ei" };
    static const char *const cpu[] = { "0", "1", "1m" };
    bool is_memory = string_has_suffix(resource, ".memory");

    for (size_t i = 0; i < (is_memory ? ARRAY_LEN(memory) : ARRAY_LEN(cpu)); i++)
        if (strcmp(divisor, is_memory ? memory[i] : cpu[i]) == 0)
            return true;
    return false;
}

static void set_from_resource(struct kube_planning *p, const struct kube_env *variable,
        const struct kube_container *container, struct kube_variables *env)
{
    const struct kube_resource_ref *ref = variable->from->resource;
    int64_t amount = 0, divisor = ref->divisor.milli ? ref->divisor.milli : BYTES_PER_UNIT;

    if (!find_amount(p, container, ref->resource, &amount)) {
        kube_plan_error(p, ref->node, "resource",
                "cannot set env %s: resource %s is either not valid or not supported",
                variable->name, ref->resource);
        return;
    }
    if (ref->divisor.is_set && !is_divisor(ref->resource, ref->divisor.text)) {
        kube_plan_error(p, ref->node, "divisor", "cannot set env %s: divisor value %s is not valid",
                variable->name, ref->divisor.text);
        return;
    }
    int64_t value = amount / divisor + (amount % divisor > 0);
    set_variable(p, env, variable->name, arena_printf(p->arena, "%" PRId64, value));
}

static void set_from(struct kube_planning *p, const struct kube_env *variable,
        const struct kube_container *container, struct kube_variables *env)
{
    const struct kube_value_from *from = variable->from;

    if (from->config_map)
        set_from_config_map(p, variable, env);
    else if (from->secret)
        set_from_secret(p, variable, env);
    else if (from->field)
        set_from_field(p, variable, env);
    else if (from->resource)
        set_from_resource(p, variable, container, env);
    else
        kube_plan_error(p, from->node, "", "env %s: valueFrom names no source", variable->name);
}

/* One finding for them all: what would follow is not looked at. */
static bool is_full(struct kube_planning *p, const struct node *node)
{
    if (p->too_many_variables)
        kube_plan_error(
                p, node, "", "a container has at most %d variables", LIMIT_CONTAINER_VARIABLES);
    return p->too_many_variables;
}

static void add_variable(struct kube_planning *p, const struct kube_env *variable,
        const struct kube_container *from, struct kube_variables *env)
{
    if (strchr(variable->name, '='))
        kube_plan_error(p, variable->node, "name", "the name of a variable cannot have a \"=\"");
    else if (variable->from && variable->value)
        kube_plan_error(p, variable->node, "valueFrom",
                "env %s: value and valueFrom exclude each other", variable->name);
    else if (variable->from)
        set_from(p, variable, from, env);
    else
        set_variable(p, env, variable->name, variable->value ? variable->value : "");
}

void kube_plan_env(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to)
{
    strmap_init_arena(&p->variables, p->arena);
    p->too_many_variables = false;
    ARRAY_FOREACH(&from->env_from, source) {
        if (source->config_map)
            add_config_map(p, source, &to->env);
        if (source->secret)
            add_secret(p, source, &to->env);
        if (is_full(p, source->node))
            return;
    }
    ARRAY_FOREACH(&from->env, variable) {
        add_variable(p, variable, from, &to->env);
        if (is_full(p, variable->node))
            return;
    }
}
