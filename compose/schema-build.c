/* Rows of build, develop, hooks, blkio_config and deploy. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "compose/project.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types.h"

/* -------------------------------------------------------------------------------- build */

static const struct attr build_table_rows[] = {
    { "context", FIELD(build, context, type_text), .path = PATH_CONTEXT,
            .unsupported = context_unsupported, .spec = "build.md#context",
            .help = "Folder or address whose files the build may use." },
    { "dockerfile", FIELD(build, dockerfile, type_text),
            .flags = ATTR_KEEP_ZERO | ATTR_JSON_NO_EMPTY, .spec = "build.md#dockerfile",
            .help = "Path of the Dockerfile, relative to the context." },
    { "dockerfile_inline", FIELD(build, dockerfile_inline, type_text), .podman = UNITS_APPROXIMATED,
            .podman_note = "the image has to be built by hand: a .build needs a file",
            .spec = "build.md#dockerfile_inline", .help = "The Dockerfile itself." },
    { "entitlements", FIELD(build, entitlements, type_texts), REFUSED, .podman = UNITS_DROPPED,
            .podman_note = "podman build has no such option", .spec = "build.md#entitlements",
            .help = "Further rights of the build." },
    { "args", FIELD(build, args, type_pairs), .merge = MERGE_KEYS, .spec = "build.md#args",
            .help = "Values for ARG; without a value, from the environment." },
    { "provenance", FIELD(build, provenance, type_text_or_bool), .unsupported = switch_unsupported,
            .podman = UNITS_DROPPED, .podman_note = "podman build has no such option",
            .spec = "build.md#provenance", .help = "Attach a provenance statement." },
    { "sbom", FIELD(build, sbom, type_text_or_bool), .unsupported = switch_unsupported,
            .podman = UNITS_DROPPED, .podman_note = "podman build has no such option",
            .spec = "build.md#sbom", .help = "Attach a list of the software inside." },
    { "ssh", FIELD(build, ssh, type_ssh), .spec = "build.md#ssh",
            .help = "SSH agents or keys that the build may use." },
    { "labels", FIELD(build, labels, type_pairs), .flags = ATTR_DROP_NULL,
            .spec = "build.md#labels", .help = "Labels of the image." },
    { "cache_from", FIELD(build, cache_from, type_texts), REFUSED, .spec = "build.md#cache_from",
            .help = "Where to look for build results." },
    { "cache_to", FIELD(build, cache_to, type_texts), REFUSED, .spec = "build.md#cache_to",
            .help = "Where to store build results." },
    { "no_cache", FIELD(build, no_cache, type_bool), .spec = "build.md#no_cache",
            .help = "Run every step again." },
    { "additional_contexts", FIELD(build, additional_contexts, type_pairs), .path = PATH_CONTEXT,
            .flags = ATTR_DROP_NULL | ATTR_NEEDS_VALUES | ATTR_TEXT_VALUES,
            .unsupported = contexts_unsupported, .spec = "build.md#additional_contexts",
            .help = "Further contexts by name, for FROM and COPY --from." },
    { "pull", FIELD(build, pull, type_bool), .spec = "build.md#pull",
            .help = "Look for newer base images." },
    { "extra_hosts", FIELD(build, extra_hosts, type_hosts), .merge = MERGE_APPEND_NEW,
            .spec = "build.md#extra_hosts", .help = "Names and addresses for /etc/hosts." },
    { "isolation", FIELD(build, isolation, type_text), REFUSED, .spec = "build.md#isolation",
            .help = "Isolation technology." },
    { "network", FIELD(build, network, type_text), .spec = "build.md#network",
            .help = "Network of RUN: none, host or the name of one." },
    { "target", FIELD(build, target, type_text), .spec = "build.md#target",
            .help = "Stage to build." },
    { "secrets", FIELD(build, secrets, type_list), .items = &file_reference_attr,
            .podman = UNITS_APPROXIMATED,
            .podman_note = "files only: the value of a variable would stand in the unit",
            .spec = "build.md#secrets", .help = "Secrets that the build may read." },
    { "shm_size", FIELD(build, shm_size, type_size), WHOLE_BYTES, .spec = "build.md#shm_size",
            .help = "Size of /dev/shm of RUN." },
    { "tags", FIELD(build, tags, type_texts), .merge = MERGE_UNIQUE, .spec = "build.md#tags",
            .help = "Further names of the image." },
    { "ulimits", FIELD(build, ulimits, type_ulimits), .flags = ATTR_BARE_NUMBERS,
            .spec = "build.md#ulimits", .help = "Limits of RUN." },
    { "platforms", FIELD(build, platforms, type_texts), .unsupported = several_unsupported,
            .spec = "build.md#platforms", .help = "Platforms to build for." },
    { "privileged", FIELD(build, privileged, type_bool), REFUSED, .podman = UNITS_DROPPED,
            .podman_note = "podman build has no such option", .spec = "build.md#privileged",
            .help = "Give RUN all rights." },
};

static void build_defaults(struct schema_context *context, struct node *map)
{
    struct node *inline_text = node_get(map, "dockerfile_inline"),
                *path = node_get(map, "dockerfile");

    if (inline_text && path && (path->kind != NODE_TEXT || *path->text))
        schema_error(
                context, &path->at, "\"dockerfile\" and \"dockerfile_inline\" exclude each other");
}

/* The paths of keys stand behind the "=". */
static void build_resolve(struct schema_context *context, struct node *map)
{
    const struct node *ssh = node_get(map, "ssh");

    for (uint32_t i = 0; ssh && ssh->kind == NODE_LIST && i < ssh->len; i++) {
        struct node *item = ssh->items[i];
        const char *equal = strchr(item->text, '=');

        if (equal && !schema_is_raw(context, item))
            item->text = arena_printf(context->arena, "%.*s=%s", (int)(equal - item->text),
                    item->text, schema_resolve_path(context, PATH_ANY_OS, equal + 1));
    }
}
TABLE(build_table, "build", build, "attribute of a build", AT(build), GIVEN(build), NO_KEY,
        .defaults = build_defaults, .resolve = build_resolve);

/* ---------------------------------------------------------------------- hooks, develop */

static const struct attr hook_table_rows[] = {
    { "command", FIELD(hook, command, type_command), .merge = MERGE_REPLACE,
            .flags = ATTR_REQUIRED | ATTR_KEEP_ZERO | ATTR_JSON_NULL,
            .spec = "05-services.md#post_start", .help = "What to run in the container." },
    { "user", FIELD(hook, user, type_text), .spec = "05-services.md#post_start",
            .help = "As whom; the service's user without it." },
    { "privileged", FIELD(hook, privileged, type_bool), .spec = "05-services.md#post_start",
            .help = "With all rights." },
    { "working_dir", FIELD(hook, working_dir, type_text), .spec = "05-services.md#post_start",
            .help = "Where." },
    { "environment", FIELD(hook, environment, type_pairs), .flags = ATTR_ITEMS_DIFFER,
            .spec = "05-services.md#post_start", .help = "Further variables." },
};
TABLE(hook_table, "hook", hook, "attribute of a hook", AT(hook), NO_GIVEN, NO_KEY);
const struct attr hook_attr = { "item", NO_FIELD(type_struct), .table = &hook_table };

static const char *const watch_actions[] = { "rebuild", "sync", "restart", "sync+restart",
    "sync+exec", NULL };
_Static_assert(ARRAY_LEN(watch_actions) == WATCH_ACTION_MAX_ + 1, "one word for every action");

static const struct attr watch_table_rows[] = {
    { "path", FIELD(watch_rule, path, type_text), .path = PATH_PLAIN, ELSEWHERE,
            .flags = ATTR_REQUIRED, .spec = "develop.md#path", .help = "What to watch." },
    { "action", FIELD(watch_rule, action, type_enum), .names = watch_actions, ELSEWHERE,
            .flags = ATTR_REQUIRED, .spec = "develop.md#action", .help = "What a change does." },
    { "target", FIELD(watch_rule, target, type_text), ELSEWHERE, .spec = "develop.md#target",
            .help = "Path in the container that files are copied to." },
    { "exec", FIELD(watch_rule, exec, type_struct), .table = &hook_table, .flags = ATTR_JSON_EMPTY,
            ELSEWHERE, .spec = "develop.md#exec", .help = "What sync+exec runs." },
    { "include", FIELD(watch_rule, include, type_text_or_texts), ELSEWHERE,
            .flags = ATTR_ITEMS_DIFFER, .spec = "develop.md#include",
            .help = "Only files that match these patterns." },
    { "ignore", FIELD(watch_rule, ignore, type_text_or_texts), ELSEWHERE,
            .flags = ATTR_ITEMS_DIFFER, .spec = "develop.md#ignore",
            .help = "Not files that match these patterns." },
    { "initial_sync", FIELD(watch_rule, initial_sync, type_plain_bool), ELSEWHERE,
            .spec = "develop.md#initial_sync", .help = "Copy everything at the start." },
};

static void watch_defaults(struct schema_context *context, struct node *map)
{
    const struct node *path = node_get(map, "path");

    if (path && path->kind == NODE_TEXT && !*path->text)
        schema_error(context, &path->at, "there is nothing to watch: \"path\" is empty");
}
TABLE(watch_table, "watch rule", watch_rule, "attribute of a watch rule", AT(watch_rule), NO_GIVEN,
        NO_KEY, .defaults = watch_defaults);
static const struct attr watch_attr = { "item", NO_FIELD(type_struct), .table = &watch_table };

static const struct attr develop_table_rows[] = {
    { "watch", FIELD(develop, watch, type_list), .items = &watch_attr, ELSEWHERE,
            .spec = "develop.md#watch", .help = "Rules for `watch`." },
};
TABLE(develop_table, "develop", develop, "attribute of develop", AT(develop), GIVEN(develop),
        NO_KEY);

/* -------------------------------------------------------------------------------- blkio */

static const struct attr device_weight_table_rows[] = {
    { "path", FIELD(device_weight, path, type_text), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#blkio_config", .help = "The device." },
    { "weight", FIELD(device_weight, weight, type_int), .min = 0, .max = 1000,
            .flags = ATTR_BARE_NUMBERS | ATTR_KEEP_ZERO, .spec = "05-services.md#blkio_config",
            .help = "Share of the bandwidth, 10 to 1000." },
};

static void device_weight_defaults(struct schema_context *context, struct node *map)
{
    schema_default_text(context, map, "path", "");
    if (!node_get(map, "weight"))
        node_set(
                context->arena, map, "weight", &map->at, node_new_int(context->arena, 0, &map->at));
}
TABLE(device_weight_table, "device weight", device_weight, "attribute of a device weight",
        AT(device_weight), NO_GIVEN, NO_KEY, .no_extensions = true,
        .defaults = device_weight_defaults);
static const struct attr device_weight_attr = { "item", NO_FIELD(type_struct),
    .table = &device_weight_table };

static const struct attr device_rate_table_rows[] = {
    { "path", FIELD(device_rate, path, type_text), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#blkio_config", .help = "The device." },
    { "rate", FIELD(device_rate, rate, type_size), WHOLE_BYTES, .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#blkio_config", .help = "Bytes or operations in a second." },
};

static void device_rate_defaults(struct schema_context *context, struct node *map)
{
    schema_default_text(context, map, "path", "");
    schema_default_text(context, map, "rate", "0");
}
TABLE(device_rate_table, "device rate", device_rate, "attribute of a device rate", AT(device_rate),
        NO_GIVEN, NO_KEY, .no_extensions = true, .defaults = device_rate_defaults);
static const struct attr device_rate_attr = { "item", NO_FIELD(type_struct),
    .table = &device_rate_table };

static const struct attr blkio_config_table_rows[] = {
    { "weight", FIELD(blkio_config, weight, type_int), .min = 0, .max = 1000,
            .flags = ATTR_BARE_NUMBERS, .spec = "05-services.md#blkio_config",
            .help = "Share of the bandwidth, 10 to 1000." },
    { "weight_device", FIELD(blkio_config, weight_device, type_list), .items = &device_weight_attr,
            .spec = "05-services.md#blkio_config", .help = "Share by device." },
    { "device_read_bps", FIELD(blkio_config, device_read_bps, type_list),
            .items = &device_rate_attr, .spec = "05-services.md#blkio_config",
            .help = "Bytes read in a second." },
    { "device_read_iops", FIELD(blkio_config, device_read_iops, type_list),
            .items = &device_rate_attr, .spec = "05-services.md#blkio_config",
            .help = "Reads in a second." },
    { "device_write_bps", FIELD(blkio_config, device_write_bps, type_list),
            .items = &device_rate_attr, .spec = "05-services.md#blkio_config",
            .help = "Bytes written in a second." },
    { "device_write_iops", FIELD(blkio_config, device_write_iops, type_list),
            .items = &device_rate_attr, .spec = "05-services.md#blkio_config",
            .help = "Writes in a second." },
};
TABLE(blkio_config_table, "blkio_config", blkio_config, "attribute of blkio_config",
        AT(blkio_config), GIVEN(blkio_config), NO_KEY, .no_extensions = true);

/* ------------------------------------------------------------------------------- deploy */

static const char *const update_orders[] = { "start-first", "stop-first", NULL };

static const struct attr update_config_table_rows[] = {
    { "parallelism", FIELD(update_config, parallelism, type_int), .min = 0, .max = COUNT_MAX,
            FOREIGN, .flags = ATTR_KEEP_ZERO, .spec = "deploy.md#update_config",
            .help = "How many containers at a time." },
    { "delay", FIELD(update_config, delay, type_duration), FOREIGN,
            .spec = "deploy.md#update_config", .help = "Time between groups." },
    { "failure_action", FIELD(update_config, failure_action, type_text), FOREIGN,
            .spec = "deploy.md#update_config", .help = "What a failed update does." },
    { "monitor", FIELD(update_config, monitor, type_duration), FOREIGN,
            .spec = "deploy.md#update_config", .help = "How long a new container is watched." },
    { "max_failure_ratio", FIELD(update_config, max_failure_ratio, type_number), FOREIGN,
            .flags = ATTR_SHORT_FLOAT, .spec = "deploy.md#update_config",
            .help = "Share of failures that is put up with." },
    { "order", FIELD(update_config, order, type_word), .names = update_orders, FOREIGN,
            .spec = "deploy.md#update_config", .help = "start-first or stop-first." },
};
TABLE(update_config_table, "update_config", update_config, "attribute of an update configuration",
        AT(update_config), GIVEN(update_config), NO_KEY);

static const struct attr discrete_resource_table_rows[] = {
    { "kind", FIELD(generic_resource, kind, type_text), FOREIGN, .flags = ATTR_KEEP_ZERO,
            .spec = "deploy.md#resources", .help = "Kind of resource." },
    { "value", FIELD(generic_resource, value, type_int), FOREIGN, .flags = ATTR_KEEP_ZERO,
            .spec = "deploy.md#resources", .help = "How many." },
};

static void discrete_resource_defaults(struct schema_context *context, struct node *map)
{
    schema_default_text(context, map, "kind", "");
    if (!node_get(map, "value"))
        node_set(context->arena, map, "value", &map->at, node_new_int(context->arena, 0, &map->at));
}
TABLE(discrete_resource_table, "discrete resource", generic_resource,
        "attribute of a discrete resource", AT(generic_resource), GIVEN(generic_resource), NO_KEY,
        .defaults = discrete_resource_defaults);

static const struct attr generic_resource_table_rows[] = {
    { "discrete_resource_spec", FIELD(generic_resource_item, discrete_resource_spec, type_struct),
            .table = &discrete_resource_table, FOREIGN, .spec = "deploy.md#resources",
            .help = "A resource that is counted." },
};
TABLE(generic_resource_table, "generic resource", generic_resource_item,
        "attribute of a generic resource", AT(generic_resource_item), NO_GIVEN, NO_KEY);
static const struct attr generic_resource_attr = { "item", NO_FIELD(type_struct),
    .table = &generic_resource_table };

static const struct attr limits_table_rows[] = {
    { "cpus", FIELD(resource, cpus, type_number), .flags = ATTR_SHORT_FLOAT,
            .spec = "deploy.md#cpus", .help = "Processor time, 1 is one processor." },
    { "memory", FIELD(resource, memory, type_text_size), .spec = "deploy.md#memory",
            .help = "Memory." },
    { "pids", FIELD(resource, pids, type_int), .spec = "deploy.md#pids", .help = "Processes." },
};
TABLE(limits_table, "limits", resource, "attribute of resource limits", AT(resource),
        GIVEN(resource), NO_KEY);

static const struct attr reservations_table_rows[] = {
    { "cpus", FIELD(resource, cpus, type_number), FOREIGN, .flags = ATTR_SHORT_FLOAT,
            .podman = UNITS_DROPPED, .podman_note = "Podman cannot reserve processors",
            .spec = "deploy.md#cpus", .help = "Processor time, 1 is one processor." },
    { "memory", FIELD(resource, memory, type_text_size), .spec = "deploy.md#memory",
            .help = "Memory." },
    { "devices", FIELD(resource, devices, type_list), .items = &device_request_attr,
            .podman = UNITS_APPROXIMATED,
            .podman_note = "by the names of the container device interface",
            .spec = "deploy.md#devices", .help = "Devices such as GPUs." },
    { "generic_resources", FIELD(resource, generic_resources, type_list),
            .items = &generic_resource_attr, FOREIGN, .podman = UNITS_DROPPED,
            .podman_note = "Podman has no services of a swarm", .spec = "deploy.md#resources",
            .help = "Resources that the platform counts." },
};
TABLE(reservations_table, "reservations", resource, "attribute of resource reservations",
        AT(resource), GIVEN(resource), NO_KEY);

static const struct attr resources_table_rows[] = {
    { "limits", FIELD(resources, limits, type_struct), .table = &limits_table,
            .spec = "deploy.md#resources", .help = "What a container may use at most." },
    { "reservations", FIELD(resources, reservations, type_struct), .table = &reservations_table,
            .spec = "deploy.md#resources", .help = "What is kept free for a container." },
};
TABLE(resources_table, "resources", resources, "attribute of resources", AT(resources),
        GIVEN(resources), NO_KEY);

static const struct attr restart_policy_table_rows[] = {
    { "condition", FIELD(deploy_restart_policy, condition, type_text),
            .spec = "deploy.md#restart_policy", .help = "none, on-failure or any." },
    { "delay", FIELD(deploy_restart_policy, delay, type_duration), FOREIGN, .flags = ATTR_KEEP_ZERO,
            .units_exact = is_any_value, .spec = "deploy.md#restart_policy",
            .help = "Time between attempts." },
    { "max_attempts", FIELD(deploy_restart_policy, max_attempts, type_int), .min = 0,
            .max = COUNT_MAX, .flags = ATTR_KEEP_ZERO, .units = UNITS_APPROXIMATED,
            .units_note = "StartLimitBurst= counts all starts, however long the runs between them",
            .podman = UNITS_APPROXIMATED, .podman_note = "StartLimitBurst= counts all starts",
            .spec = "deploy.md#restart_policy", .help = "How often." },
    { "window", FIELD(deploy_restart_policy, window, type_duration), FOREIGN,
            .flags = ATTR_KEEP_ZERO, .units = UNITS_DROPPED,
            .units_note = "systemd counts starts, not how long they last", .podman = UNITS_DROPPED,
            .podman_note = "systemd counts starts, not how long they last",
            .spec = "deploy.md#restart_policy",
            .help = "How long it takes to tell whether a restart worked." },
};
TABLE(restart_policy_table, "restart_policy", deploy_restart_policy,
        "attribute of a restart policy", AT(deploy_restart_policy), GIVEN(deploy_restart_policy),
        NO_KEY);

static const struct attr preference_table_rows[] = {
    { "spread", FIELD(placement_preference, spread, type_text), FOREIGN,
            .spec = "deploy.md#placement", .help = "Spread over the values of this label." },
};
TABLE(preference_table, "preference", placement_preference, "attribute of a placement preference",
        AT(placement_preference), NO_GIVEN, NO_KEY);
static const struct attr preference_attr = { "item", NO_FIELD(type_struct),
    .table = &preference_table };

static const struct attr placement_table_rows[] = {
    { "constraints", FIELD(placement, constraints, type_texts), FOREIGN,
            .spec = "deploy.md#placement", .help = "Conditions that a node must meet." },
    { "preferences", FIELD(placement, preferences, type_list), .items = &preference_attr, FOREIGN,
            .spec = "deploy.md#placement", .help = "What is wished of nodes." },
    { "max_replicas_per_node", FIELD(placement, max_replicas_per_node, type_int), .min = 0,
            .max = COUNT_MAX, FOREIGN, .spec = "deploy.md#placement",
            .help = "How many containers a node runs at most." },
};
TABLE(placement_table, "placement", placement, "attribute of placement", AT(placement),
        GIVEN(placement), NO_KEY);

static const struct attr deploy_table_rows[] = {
    { "mode", FIELD(deploy, mode, type_text), .unsupported = deploy_mode_unsupported,
            .podman = UNITS_DROPPED, .podman_note = "Podman has no services of a swarm",
            .spec = "deploy.md#mode", .help = "replicated, global, or a job form of them." },
    { "replicas", FIELD(deploy, replicas, type_int), .flags = ATTR_KEEP_ZERO,
            .spec = "deploy.md#replicas", .help = "How many containers." },
    { "labels", FIELD(deploy, labels, type_pairs), .flags = ATTR_DROP_NULL, FOREIGN,
            .podman = UNITS_DROPPED, .podman_note = "labels of a service, not of its containers",
            .spec = "deploy.md#labels", .help = "Labels of the service, not of its containers." },
    { "update_config", FIELD(deploy, update_config, type_struct), .table = &update_config_table,
            FOREIGN, .podman = UNITS_DROPPED, .podman_note = "Podman has no services of a swarm",
            .spec = "deploy.md#update_config", .help = "How updates are rolled out." },
    { "rollback_config", FIELD(deploy, rollback_config, type_struct), .table = &update_config_table,
            FOREIGN, .podman = UNITS_DROPPED, .podman_note = "Podman has no services of a swarm",
            .spec = "deploy.md#rollback_config", .help = "How updates are taken back." },
    { "resources", FIELD(deploy, resources, type_struct), .table = &resources_table,
            .flags = ATTR_JSON_EMPTY, .spec = "deploy.md#resources",
            .help = "Limits and reservations." },
    { "restart_policy", FIELD(deploy, restart_policy, type_struct), .table = &restart_policy_table,
            .spec = "deploy.md#restart_policy", .help = "When containers are restarted." },
    { "placement", FIELD(deploy, placement, type_struct), .table = &placement_table, FOREIGN,
            .flags = ATTR_JSON_EMPTY, .podman = UNITS_DROPPED,
            .podman_note = "Podman has no services of a swarm", .spec = "deploy.md#placement",
            .help = "Where containers may run." },
    { "endpoint_mode", FIELD(deploy, endpoint_mode, type_text), FOREIGN, .podman = UNITS_DROPPED,
            .podman_note = "Podman has no services of a swarm", .spec = "deploy.md#endpoint_mode",
            .help = "vip or dnsrr." },
};
TABLE(deploy_table, "deploy", deploy, "attribute of deploy", AT(deploy), GIVEN(deploy), NO_KEY);
