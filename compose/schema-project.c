/* Rows of the top level: networks, volumes, secrets, configs, models; and the list of all tables. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "compose/project.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types.h"

/* ---------------------------------------------------------------- top-level resources */

/* external: {name: x} is the old form of external: true with name: x. */
static void resource_after_read(
        struct schema_context *context, struct node *map, const struct node *from)
{
    struct node *external = node_get(map, "external");
    struct node *old_name = node_get(external, "name");
    const char *name = node_get_text(map, "name");
    struct node *value;

    (void)from;
    if (!external || external->kind != NODE_MAP)
        return;
    value = node_new_bool(context->arena, true, &external->at);
    node_set(context->arena, map, "external", NULL, value);
    if (!old_name || old_name->kind != NODE_TEXT)
        return;
    diag_add(context->diag, DIAG_WARNING, "external-name", &old_name->at,
            "%s: external.name is deprecated; write \"name\" and \"external: true\"",
            context->path.data);
    if (name && strcmp(name, old_name->text) != 0)
        schema_error(context, &old_name->at, "\"name\" and \"external.name\" differ");
    else if (!name)
        node_set(context->arena, map, "name", &old_name->at, node_copy(context->arena, old_name));
}

static const struct attr ipam_pool_table_rows[] = {
    { "subnet", FIELD(ipam_pool, subnet, type_text), .spec = "06-networks.md#ipam",
            .help = "Addresses of the network." },
    { "gateway", FIELD(ipam_pool, gateway, type_text), .spec = "06-networks.md#ipam",
            .help = "Address of the gateway." },
    { "ip_range", FIELD(ipam_pool, ip_range, type_text), .spec = "06-networks.md#ipam",
            .help = "Part of the subnet to give out." },
    { "aux_addresses", FIELD(ipam_pool, aux_addresses, type_options),
            .flags = ATTR_DROP_NULL | ATTR_TEXT_VALUES, .podman = UNITS_DROPPED,
            .podman_note = "Podman keeps no addresses free", .spec = "06-networks.md#ipam",
            .help = "Addresses that are taken." },
};
TABLE(ipam_pool_table, "ipam pool", ipam_pool, "attribute of an address pool", AT(ipam_pool),
        NO_GIVEN, NO_KEY);
static const struct attr ipam_pool_attr = { "item", NO_FIELD(type_struct),
    .table = &ipam_pool_table };

static const struct attr ipam_table_rows[] = {
    { "driver", FIELD(ipam, driver, type_text), REFUSED, .spec = "06-networks.md#ipam",
            .help = "Driver that gives addresses out." },
    { "config", FIELD(ipam, config, type_list), .items = &ipam_pool_attr, .merge = MERGE_BY_SUBNET,
            .unsupported = pools_unsupported, .spec = "06-networks.md#ipam",
            .help = "Address pools, one of each family." },
    { "options", FIELD(ipam, options, type_options),
            .flags = ATTR_DROP_NULL | ATTR_TEXT_VALUES | ATTR_NO_EFFECT,
            .spec = "06-networks.md#ipam", .help = "Options for the driver." },
};
TABLE(ipam_table, "ipam", ipam, "attribute of ipam", AT(ipam), GIVEN(ipam), NO_KEY);

static const struct attr network_table_rows[] = {
    { "name", FIELD(project_network, name, type_text), .spec = "06-networks.md#name",
            .help = "In place of project_key." },
    { "driver", FIELD(project_network, driver, type_text),
            .unsupported = network_driver_unsupported, .spec = "06-networks.md#driver",
            .help = "Kind of network." },
    { "driver_opts", FIELD(project_network, driver_opts, type_options),
            .flags = ATTR_NO_NULL_VALUES | ATTR_NO_BOOL_VALUES,
            .unsupported = network_options_unsupported, .spec = "06-networks.md#driver_opts",
            .help = "Options for the driver." },
    { "ipam", FIELD(project_network, ipam, type_struct), .table = &ipam_table,
            .flags = ATTR_JSON_EMPTY, .spec = "06-networks.md#ipam", .help = "Its addresses." },
    { "external", FIELD(project_network, external, type_external),
            .spec = "06-networks.md#external", .help = "It exists already." },
    { "internal", FIELD(project_network, internal, type_bool), .spec = "06-networks.md#internal",
            .help = "No way out." },
    { "attachable", FIELD(project_network, attachable, type_bool), ELSEWHERE,
            .podman = UNITS_DROPPED, .podman_note = "all networks of Podman are",
            .spec = "06-networks.md#attachable", .help = "Others may join; always so here." },
    { "labels", FIELD(project_network, labels, type_pairs), .flags = ATTR_DROP_NULL,
            .spec = "06-networks.md#labels", .help = "Labels of the network." },
    { "enable_ipv4", FIELD(project_network, enable_ipv4, type_bool), .flags = ATTR_KEEP_ZERO,
            .podman = UNITS_DROPPED, .podman_note = "networks of Podman always have IPv4",
            .spec = "06-networks.md#enable_ipv4", .help = "Give IPv4 addresses out." },
    { "enable_ipv6", FIELD(project_network, enable_ipv6, type_bool), .flags = ATTR_KEEP_ZERO,
            .spec = "06-networks.md#enable_ipv6", .help = "Give IPv6 addresses out." },
};
TABLE(network_table, "network", project_network, "attribute of a network", AT(project_network),
        NO_GIVEN, KEY(project_network, key), .after_read = resource_after_read);

static const struct attr volume_table_rows[] = {
    { "name", FIELD(project_volume, name, type_text), .spec = "07-volumes.md#name",
            .help = "In place of project_key." },
    { "driver", FIELD(project_volume, driver, type_text), .unsupported = volume_driver_unsupported,
            .spec = "07-volumes.md#driver", .help = "Kind of volume." },
    { "driver_opts", FIELD(project_volume, driver_opts, type_options),
            .flags = ATTR_NO_NULL_VALUES | ATTR_NO_BOOL_VALUES,
            .unsupported = volume_options_unsupported, .spec = "07-volumes.md#driver_opts",
            .help = "Options for the driver." },
    { "external", FIELD(project_volume, external, type_external), .spec = "07-volumes.md#external",
            .help = "It exists already." },
    { "labels", FIELD(project_volume, labels, type_pairs),
            .flags = ATTR_DROP_NULL | ATTR_ITEMS_DIFFER, .spec = "07-volumes.md#labels",
            .help = "Labels of the volume." },
};

static void volume_resolve(struct schema_context *context, struct node *map)
{
    const char *driver = node_get_text(map, "driver");
    struct node *options = node_get(map, "driver_opts"), *device = node_get(options, "device");
    const char *kind = node_get_text(options, "o");

    if (driver && strcmp(driver, "local") == 0 && kind && strcmp(kind, "bind") == 0 && device &&
            device->kind == NODE_TEXT)
        device->text = schema_resolve_path(context, PATH_ANY_OS, device->text);
}

static void volume_defaults(struct schema_context *context, struct node *map)
{
    const struct node *external = node_get(map, "external");

    if (!external || external->kind != NODE_BOOL || !external->boolean)
        return;
    NODE_FOREACH(map, entry)
        if (strcmp(entry->key, "name") != 0 && strcmp(entry->key, "external") != 0 &&
                strncmp(entry->key, "x-", 2) != 0)
            schema_error(context, &entry->key_at,
                    "\"external\" and \"%s\" exclude each other: what exists already keeps its own",
                    entry->key);
}
TABLE(volume_table, "volume", project_volume, "attribute of a volume", AT(project_volume), NO_GIVEN,
        KEY(project_volume, key), .after_read = resource_after_read, .defaults = volume_defaults,
        .resolve = volume_resolve);

static const struct attr secret_table_rows[] = {
    { "name", FIELD(file_object, name, type_text), .spec = "09-secrets.md#name",
            .help = "In place of project_key." },
    { "file", FIELD(file_object, file, type_text), .path = PATH_ANY_OS,
            .spec = "09-secrets.md#file", .help = "File that holds it." },
    { "environment", FIELD(file_object, environment, type_text), .podman = UNITS_APPROXIMATED,
            .podman_note = "a secret of Podman, which has to be made: podman secret create",
            .spec = "09-secrets.md#environment", .help = "Variable that holds it." },
    { "external", FIELD(file_object, external, type_external), .unsupported = is_true_unsupported,
            .spec = "09-secrets.md#external", .help = "It exists already." },
    { "labels", FIELD(file_object, labels, type_pairs), REFUSED,
            .flags = ATTR_DROP_NULL | ATTR_ITEMS_DIFFER, .podman = UNITS_DROPPED,
            .podman_note = "the unit makes no secret", .spec = "09-secrets.md#labels",
            .help = "Labels of the secret." },
    { "driver", FIELD(file_object, driver, type_text), REFUSED, .podman = UNITS_DROPPED,
            .podman_note = "the unit makes no secret", .spec = "09-secrets.md#driver",
            .help = "Where it is kept." },
    { "driver_opts", FIELD(file_object, driver_opts, type_options), REFUSED,
            .flags = ATTR_NO_NULL_VALUES | ATTR_NO_BOOL_VALUES, .podman = UNITS_DROPPED,
            .podman_note = "the unit makes no secret", .spec = "09-secrets.md#driver_opts",
            .help = "Options for the driver." },
    { "template_driver", FIELD(file_object, template_driver, type_text), REFUSED,
            .podman = UNITS_DROPPED, .podman_note = "Podman has no services of a swarm",
            .spec = "09-secrets.md#template_driver", .help = "How its text is filled in." },
};

static void check_one_source(struct schema_context *context, struct node *map, bool with_content)
{
    static const char *const names[] = { "file", "environment", "content" };
    const struct node *external = node_get(map, "external");
    const struct node_entry *first = NULL;

    if (map->flags & NODE_BAD)
        return;
    for (size_t i = 0; i < (with_content ? 3u : 2u); i++) {
        const struct node_entry *entry = node_get_entry(map, names[i]);

        if (entry && first)
            schema_error(context, &entry->key_at, "\"%s\" and \"%s\" exclude each other",
                    first->key, entry->key);
        if (entry)
            first = entry;
    }
    /* external: false and an empty name are as good as nothing; Docker Compose minds in secrets only */
    if (!with_content && external && external->kind == NODE_BOOL && !external->boolean)
        external = NULL;
    if (!with_content && first && first->value->kind == NODE_TEXT && !*first->value->text)
        first = NULL;
    if (!first && !external)
        schema_error(context, &map->at,
                "one of \"file\", \"environment\"%s and \"external\" is needed",
                with_content ? ", \"content\"" : "");
}

static void secret_check(struct schema_context *context, struct node *map)
{
    check_one_source(context, map, false);
}

static void config_check(struct schema_context *context, struct node *map)
{
    check_one_source(context, map, true);
}
TABLE(secret_table, "secret", file_object, "attribute of a secret", AT(file_object), NO_GIVEN,
        KEY(file_object, key), .after_read = resource_after_read, .defaults = secret_check);

static const struct attr config_table_rows[] = {
    { "name", FIELD(file_object, name, type_text), .podman = UNITS_DROPPED,
            .podman_note = "Podman has no configs", .spec = "08-configs.md#name",
            .help = "In place of project_key." },
    { "file", FIELD(file_object, file, type_text), .path = PATH_ANY_OS,
            .spec = "08-configs.md#file", .help = "File that holds it." },
    { "environment", FIELD(file_object, environment, type_text), .podman = UNITS_DROPPED,
            .podman_note = "only files can be mounted", .spec = "08-configs.md#environment",
            .help = "Variable that holds it." },
    { "content", FIELD(file_object, content, type_text),
            .flags = ATTR_KEEP_ZERO | ATTR_JSON_NO_EMPTY, .podman = UNITS_DROPPED,
            .podman_note = "only files can be mounted", .spec = "08-configs.md#content",
            .help = "The text itself." },
    { "external", FIELD(file_object, external, type_external), .unsupported = is_true_unsupported,
            .podman = UNITS_DROPPED, .podman_note = "Podman has no configs",
            .spec = "08-configs.md#external", .help = "It exists already." },
    { "labels", FIELD(file_object, labels, type_pairs), REFUSED,
            .flags = ATTR_DROP_NULL | ATTR_ITEMS_DIFFER, .podman = UNITS_DROPPED,
            .podman_note = "the unit makes no config", .spec = "08-configs.md#labels",
            .help = "Labels of the config." },
    { "template_driver", FIELD(file_object, template_driver, type_text), REFUSED,
            .podman = UNITS_DROPPED, .podman_note = "Podman has no services of a swarm",
            .spec = "08-configs.md#template_driver", .help = "How its text is filled in." },
};
TABLE(config_table, "config", file_object, "attribute of a config", AT(file_object), NO_GIVEN,
        KEY(file_object, key), .after_read = resource_after_read, .defaults = config_check);

static const struct attr model_table_rows[] = {
    { "name", FIELD(project_model, name, type_text), REFUSED, .spec = "models.md#name",
            .help = "Name of the model for the engine." },
    { "model", FIELD(project_model, model, type_text), REFUSED, .flags = ATTR_REQUIRED,
            .spec = "models.md#model", .help = "Where it comes from." },
    { "context_size", FIELD(project_model, context_size, type_int), REFUSED,
            .flags = ATTR_BARE_NUMBERS, .spec = "models.md#context_size",
            .help = "Size of its context in tokens." },
    { "runtime_flags", FIELD(project_model, runtime_flags, type_texts), REFUSED,
            .spec = "models.md#runtime_flags", .help = "Flags of the program that runs it." },
};
TABLE(model_table, "model", project_model, "attribute of a model", AT(project_model), NO_GIVEN,
        KEY(project_model, key));

/* ---------------------------------------------------------------------------- top level */

static const struct attr include_table_rows[] = {
    { "path", NO_FIELD(type_text_or_texts), ELSEWHERE, .flags = ATTR_REQUIRED,
            .spec = "14-include.md#path", .help = "Files of the other project." },
    { "env_file", NO_FIELD(type_text_or_texts), ELSEWHERE, .spec = "14-include.md#env_file",
            .help = "Its files of variables; .env without it." },
    { "project_directory", NO_FIELD(type_text), ELSEWHERE,
            .spec = "14-include.md#project_directory", .help = "Its directory." },
};
TABLE(include_table, "include", env_file, "attribute of an include", .at_offset = ATTR_NO_OFFSET,
        NO_GIVEN, NO_KEY);

static const struct attr include_attr = { "item", NO_FIELD(type_struct), .table = &include_table,
    .flags = ATTR_NULL, .expand = schema_expand_include };
static const struct attr network_attr = { "item", NO_FIELD(type_struct), .table = &network_table,
    .flags = ATTR_NULL };
static const struct attr volume_attr = { "item", NO_FIELD(type_struct), .table = &volume_table,
    .flags = ATTR_NULL };
static const struct attr secret_attr = { "item", NO_FIELD(type_struct), .table = &secret_table };
static const struct attr config_attr = { "item", NO_FIELD(type_struct), .table = &config_table };
static const struct attr model_attr = { "item", NO_FIELD(type_struct), .table = &model_table };
const struct attr service_attr = { "service", NO_FIELD(type_struct), .table = &service_table };

static const struct attr compose_table_rows[] = {
    { "version", NO_FIELD(type_text), ELSEWHERE, .flags = ATTR_CONSUMED,
            .spec = "04-version-and-name.md#version-top-level-element-obsolete",
            .help = "Obsolete: has no meaning." },
    { "name", NO_FIELD(type_text), ELSEWHERE,
            .spec = "04-version-and-name.md#name-top-level-element",
            .help = "Name of the project." },
    { "include", NO_FIELD(type_list), .items = &include_attr, ELSEWHERE, .flags = ATTR_CONSUMED,
            .spec = "14-include.md", .help = "Other projects to take in." },
    { "services", NO_FIELD(type_map), .items = &service_attr,
            .flags = ATTR_KEEP_ZERO | ATTR_NEVER_NULL | ATTR_PLAIN_NAMES, .spec = "05-services.md",
            .help = "The services." },
    { "networks", NO_FIELD(type_map), .items = &network_attr, .spec = "06-networks.md",
            .help = "Networks between services." },
    { "volumes", NO_FIELD(type_map), .items = &volume_attr, .flags = ATTR_PLAIN_NAMES,
            .spec = "07-volumes.md", .help = "Data that stays." },
    { "secrets", NO_FIELD(type_map), .items = &secret_attr, .flags = ATTR_PLAIN_NAMES,
            .spec = "09-secrets.md", .help = "Confidential files." },
    { "configs", NO_FIELD(type_map), .items = &config_attr, .flags = ATTR_PLAIN_NAMES,
            .spec = "08-configs.md", .help = "Files that configure services." },
    { "models", NO_FIELD(type_map), .items = &model_attr, REFUSED, .flags = ATTR_NOT_IN_JSON,
            .spec = "models.md", .help = "Language models." },
};
TABLE(compose_table, "compose", project, "element of a compose file", .at_offset = ATTR_NO_OFFSET,
        NO_GIVEN, NO_KEY);
const struct attr compose_attr = { "compose", NO_FIELD(type_struct), .table = &compose_table };

const struct attr_table *const schema_tables[] = {
    &compose_table,
    &include_table,
    &service_table,
    &build_table,
    &hook_table,
    &develop_table,
    &watch_table,
    &blkio_config_table,
    &device_weight_table,
    &device_rate_table,
    &deploy_table,
    &update_config_table,
    &resources_table,
    &limits_table,
    &reservations_table,
    &device_request_table,
    &gpu_table,
    &generic_resource_table,
    &discrete_resource_table,
    &restart_policy_table,
    &placement_table,
    &preference_table,
    &dependency_table,
    &credential_spec_table,
    &device_table,
    &provider_table,
    &env_file_table,
    &extends_table,
    &healthcheck_table,
    &logging_table,
    &service_model_table,
    &service_network_table,
    &port_table,
    &mount_table,
    &mount_bind_table,
    &mount_volume_table,
    &mount_tmpfs_table,
    &mount_image_table,
    &file_reference_table,
    &secret_reference_table,
    &network_table,
    &ipam_table,
    &ipam_pool_table,
    &volume_table,
    &secret_table,
    &config_table,
    &model_table,
    NULL,
};
