/* Rows of a service and of its smaller parts. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "compose/project.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types.h"

/* -------------------------------------------------------------------- parts of a service */

static const char *const conditions[] = { "service_started", "service_healthy",
    "service_completed_successfully", NULL };
_Static_assert(ARRAY_LEN(conditions) == SERVICE_CONDITION_MAX_ + 1, "one word for every condition");

static const struct attr dependency_table_rows[] = {
    { "condition", FIELD(dependency, condition, type_enum), .names = conditions,
            .flags = ATTR_REQUIRED, .podman = UNITS_APPROXIMATED,
            .podman_note = "Requires= where it is required: stopping the other stops it, too",
            .spec = "05-services.md#depends_on", .help = "How far the other service must be." },
    { "restart", FIELD(dependency, restart, type_bool), .units = UNITS_APPROXIMATED,
            .units_note = "PartOf=: stopping the other stops it, too", .podman = UNITS_APPROXIMATED,
            .podman_note = "PartOf=: stopping the other stops it, too",
            .spec = "05-services.md#depends_on",
            .help = "Restart this one when the other was changed." },
    { "required", FIELD(dependency, required, type_plain_bool), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#depends_on",
            .help = "false: do without it if it is not there." },
};

static void dependency_defaults(struct schema_context *context, struct node *map)
{
    if (!node_get(map, "required"))
        node_set(context->arena, map, "required", &map->at,
                node_new_bool(context->arena, true, &map->at));
}
TABLE(dependency_table, "dependency", dependency, "attribute of a dependency", AT(dependency),
        NO_GIVEN, KEY(dependency, service), .defaults = dependency_defaults);
static const struct attr dependency_attr = { "item", NO_FIELD(type_struct),
    .table = &dependency_table, .expand = schema_expand_dependency };

static const struct attr credential_spec_table_rows[] = {
    { "config", FIELD(credential_spec, config, type_text), REFUSED,
            .spec = "05-services.md#credential_spec", .help = "Name of a config that holds it." },
    { "file", FIELD(credential_spec, file, type_text), REFUSED,
            .spec = "05-services.md#credential_spec", .help = "File that holds it." },
    { "registry", FIELD(credential_spec, registry, type_text), REFUSED,
            .spec = "05-services.md#credential_spec", .help = "Value of the Windows registry." },
};
TABLE(credential_spec_table, "credential_spec", credential_spec, "attribute of credential_spec",
        AT(credential_spec), GIVEN(credential_spec), NO_KEY);

static const struct attr device_table_rows[] = {
    { "source", FIELD(device_mapping, source, type_text), .flags = ATTR_REQUIRED,
            .spec = "05-services.md#devices", .help = "Device of the host." },
    { "target", FIELD(device_mapping, target, type_text), .flags = ATTR_REQUIRED,
            .spec = "05-services.md#devices", .help = "Path in the container." },
    { "permissions", FIELD(device_mapping, permissions, type_text),
            .spec = "05-services.md#devices", .help = "r, w and m." },
};
TABLE(device_table, "device", device_mapping, "attribute of a device", AT(device_mapping), NO_GIVEN,
        NO_KEY);
static const struct attr device_attr = { "item", NO_FIELD(type_struct), .table = &device_table,
    .expand = schema_expand_device };

static const struct attr provider_table_rows[] = {
    { "type", FIELD(provider, type, type_text), REFUSED, .flags = ATTR_REQUIRED,
            .spec = "05-services.md#provider", .help = "Program that provides the service." },
    { "options", FIELD(provider, options, type_provider_options), .merge = MERGE_LISTS, REFUSED,
            .spec = "05-services.md#provider", .help = "Options for it." },
};
TABLE(provider_table, "provider", provider, "attribute of a provider", AT(provider),
        GIVEN(provider), NO_KEY);

static const struct attr env_file_table_rows[] = {
    { "path", FIELD(env_file, path, type_text), .path = PATH_PLAIN, .flags = ATTR_REQUIRED,
            .spec = "05-services.md#env_file", .help = "The file." },
    { "required", FIELD(env_file, required, type_bool), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#env_file", .help = "false: a missing file is no mistake." },
    { "format", FIELD(env_file, format, type_text), .spec = "05-services.md#env_file",
            .help = "raw: values are taken as they are." },
};

static void env_file_defaults(struct schema_context *context, struct node *map)
{
    if (!node_get(map, "required"))
        node_set(context->arena, map, "required", &map->at,
                node_new_bool(context->arena, true, &map->at));
}
TABLE(env_file_table, "env_file", env_file, "attribute of an env_file", AT(env_file), NO_GIVEN,
        NO_KEY, .no_extensions = true, .defaults = env_file_defaults);
static const struct attr env_file_attr = { "item", NO_FIELD(type_struct), .table = &env_file_table,
    .expand = schema_expand_path };

static const struct attr extends_table_rows[] = {
    { "file", NO_FIELD(type_text), ELSEWHERE, .path = PATH_PLAIN, .spec = "05-services.md#extends",
            .help = "File of the other service; this one without it." },
    { "service", NO_FIELD(type_text), ELSEWHERE, .flags = ATTR_REQUIRED,
            .spec = "05-services.md#extends", .help = "The other service." },
};
/* There is no struct of it: extends is carried out while loading. */
TABLE(extends_table, "extends", env_file, "attribute of extends", .at_offset = ATTR_NO_OFFSET,
        NO_GIVEN, NO_KEY);

static const struct attr healthcheck_table_rows[] = {
    { "test", FIELD(healthcheck, test, type_health_test), .merge = MERGE_REPLACE,
            .spec = "05-services.md#healthcheck", .help = "What to run in the container." },
    { "timeout", FIELD(healthcheck, timeout, type_duration), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#healthcheck", .help = "How long one run may take." },
    { "interval", FIELD(healthcheck, interval, type_duration), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#healthcheck", .help = "Time between runs." },
    { "retries", FIELD(healthcheck, retries, type_int), .min = 0, .max = COUNT_MAX,
            .flags = ATTR_KEEP_ZERO, .spec = "05-services.md#healthcheck",
            .help = "Failures in a row that make it unhealthy." },
    { "start_period", FIELD(healthcheck, start_period, type_duration), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#healthcheck",
            .help = "Time after the start in which failures do not count." },
    { "start_interval", FIELD(healthcheck, start_interval, type_duration), .flags = ATTR_KEEP_ZERO,
            .podman = UNITS_DROPPED, .podman_note = "Podman has one interval for all",
            .spec = "05-services.md#healthcheck", .help = "Time between runs while it starts." },
    { "disable", FIELD(healthcheck, disable, type_bool), .spec = "05-services.md#healthcheck",
            .help = "No health check, also not the image's." },
};
TABLE(healthcheck_table, "healthcheck", healthcheck, "attribute of a health check", AT(healthcheck),
        GIVEN(healthcheck), NO_KEY);

static const struct attr logging_table_rows[] = {
    { "driver", FIELD(logging, driver, type_text), .unsupported = log_driver_unsupported,
            .podman = UNITS_APPROXIMATED, .podman_note = "json-file and local are k8s-file",
            .spec = "05-services.md#logging", .help = "Where the output goes." },
    { "options", FIELD(logging, options, type_options),
            .flags = ATTR_DROP_NULL | ATTR_NO_BOOL_VALUES, .spec = "05-services.md#logging",
            .help = "Options for the driver." },
};
TABLE(logging_table, "logging", logging, "attribute of logging", AT(logging), GIVEN(logging),
        NO_KEY);

static const struct attr service_model_table_rows[] = {
    { "endpoint_var", FIELD(service_model, endpoint_var, type_text), REFUSED,
            .spec = "05-services.md#models", .help = "Variable for the model's address." },
    { "model_var", FIELD(service_model, model_var, type_text), REFUSED,
            .spec = "05-services.md#models", .help = "Variable for the model's name." },
};
TABLE(service_model_table, "service model", service_model, "attribute of a model in a service",
        AT(service_model), NO_GIVEN, KEY(service_model, model));
static const struct attr service_model_attr = { "item", NO_FIELD(type_struct), .flags = ATTR_NULL,
    .table = &service_model_table };

static const struct attr service_network_table_rows[] = {
    { "aliases", FIELD(service_network, aliases, type_texts), .merge = MERGE_UNIQUE,
            .spec = "05-services.md#aliases", .help = "Further names in this network." },
    { "driver_opts", FIELD(service_network, driver_opts, type_options),
            .flags = ATTR_NO_NULL_VALUES | ATTR_NO_BOOL_VALUES,
            .unsupported = endpoint_options_unsupported, .spec = "05-services.md#driver_opts",
            .help = "Options for the network's driver." },
    { "gw_priority", FIELD(service_network, gw_priority, type_int), .flags = ATTR_BARE_NUMBERS,
            .podman = UNITS_DROPPED, .podman_note = "Podman has no such order",
            .spec = "05-services.md#gw_priority", .help = "The highest gives the default route." },
    { "interface_name", FIELD(service_network, interface_name, type_text),
            .spec = "05-services.md#interface_name", .help = "Name of the interface." },
    { "ipv4_address", FIELD(service_network, ipv4_address, type_text),
            .spec = "05-services.md#ipv4_address-ipv6_address", .help = "Fixed address." },
    { "ipv6_address", FIELD(service_network, ipv6_address, type_text),
            .spec = "05-services.md#ipv4_address-ipv6_address", .help = "Fixed address." },
    { "link_local_ips", FIELD(service_network, link_local_ips, type_texts), .merge = MERGE_UNIQUE,
            .podman = UNITS_DROPPED, .podman_note = "Podman gives none out",
            .spec = "05-services.md#link_local_ips", .help = "Link-local addresses." },
    { "mac_address", FIELD(service_network, mac_address, type_text),
            .spec = "05-services.md#mac_address", .help = "Hardware address." },
    { "priority", FIELD(service_network, priority, type_int), .flags = ATTR_BARE_NUMBERS,
            .podman = UNITS_DROPPED, .podman_note = "Podman has no such order",
            .spec = "05-services.md#priority", .help = "Networks with higher ones come first." },
};
TABLE(service_network_table, "service network", service_network,
        "attribute of a network in a service", AT(service_network), NO_GIVEN,
        KEY(service_network, network));
static const struct attr service_network_attr = { "item", NO_FIELD(type_struct), .flags = ATTR_NULL,
    .table = &service_network_table };

/* ------------------------------------------------------------------------------ service */

static const char *const cgroup_names[] = { "host", "private", NULL };

static const struct attr service_table_rows[] = {
    { "profiles", FIELD(service, profiles, type_texts), .merge = MERGE_UNIQUE, ELSEWHERE,
            .spec = "05-services.md#profiles", .help = "The service is used when one is active." },
    { "annotations", FIELD(service, annotations, type_pairs), .flags = ATTR_DROP_NULL,
            .spec = "05-services.md#annotations", .help = "Annotations of the container." },
    { "attach", FIELD(service, attach, type_bool), .flags = ATTR_KEEP_ZERO, .podman = UNITS_DROPPED,
            .podman_note = "units are not followed", .spec = "05-services.md#attach",
            .help = "false: up does not show its output." },
    { "build", FIELD(service, build, type_struct), .table = &build_table,
            .expand = schema_expand_context, .spec = "05-services.md#build",
            .help = "How to build the image." },
    { "develop", FIELD(service, develop, type_struct), .table = &develop_table, .flags = ATTR_NULL,
            ELSEWHERE, .podman = UNITS_DROPPED, .podman_note = "for compose watch alone",
            .spec = "05-services.md#develop", .help = "Rules for `watch`." },
    { "blkio_config", FIELD(service, blkio_config, type_struct), .table = &blkio_config_table,
            .spec = "05-services.md#blkio_config", .help = "Limits of disk use." },
    { "cap_add", FIELD(service, cap_add, type_texts), .merge = MERGE_UNIQUE,
            .spec = "05-services.md#cap_add", .help = "Capabilities in addition." },
    { "cap_drop", FIELD(service, cap_drop, type_texts), .merge = MERGE_UNIQUE,
            .spec = "05-services.md#cap_drop", .help = "Capabilities to take away." },
    { "cgroup_parent", FIELD(service, cgroup_parent, type_text), .units = UNITS_DROPPED,
            .units_note =
                    "the container lives in its unit's control group; Slice= by x-systemd moves "
                    "that",
            .spec = "05-services.md#cgroup_parent",
            .help = "Control group above the container's." },
    { "cgroup", FIELD(service, cgroup, type_word), .names = cgroup_names,
            .spec = "05-services.md#cgroup",
            .help = "Namespace of control groups: host, private." },
    { "cpu_count", FIELD(service, cpu_count, type_int), .min = 0, .max = COUNT_MAX, FOREIGN,
            .podman = UNITS_DROPPED, .podman_note = "of Windows",
            .spec = "05-services.md#cpu_count", .help = "Usable processors." },
    { "cpu_percent", FIELD(service, cpu_percent, type_int), .min = 0, .max = 100, FOREIGN,
            .podman = UNITS_DROPPED, .podman_note = "of Windows",
            .spec = "05-services.md#cpu_percent", .help = "Usable part of the processors." },
    { "cpu_period", FIELD(service, cpu_period, type_int), .spec = "05-services.md#cpu_period",
            .help = "Period of the scheduler, microseconds." },
    { "cpu_quota", FIELD(service, cpu_quota, type_int), .spec = "05-services.md#cpu_quota",
            .help = "Processor time in each period." },
    { "cpu_rt_period", FIELD(service, cpu_rt_period, type_int),
            .spec = "05-services.md#cpu_rt_period", .help = "Period of real-time scheduling." },
    { "cpu_rt_runtime", FIELD(service, cpu_rt_runtime, type_int),
            .spec = "05-services.md#cpu_rt_runtime", .help = "Real-time runtime in each period." },
    { "cpus", FIELD(service, cpus, type_number), .flags = ATTR_SHORT_FLOAT,
            .spec = "05-services.md#cpus", .help = "Processor time, 1 is one processor." },
    { "cpuset", FIELD(service, cpuset, type_text), .spec = "05-services.md#cpuset",
            .help = "Processors to run on: 0-3 or 0,1." },
    { "cpu_shares", FIELD(service, cpu_shares, type_int), .spec = "05-services.md#cpu_shares",
            .help = "Weight against other containers." },
    { "command", FIELD(service, command, type_command), .merge = MERGE_REPLACE,
            .flags = ATTR_KEEP_ZERO | ATTR_JSON_NULL, .spec = "05-services.md#command",
            .help = "In place of the image's command." },
    { "configs", FIELD(service, configs, type_list), .items = &file_reference_attr,
            .merge = MERGE_UNIQUE, .item_key = schema_key_config, .spec = "05-services.md#configs",
            .help = "Configs to put into the container." },
    { "container_name", FIELD(service, container_name, type_text), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#container_name", .help = "In place of project-service-1." },
    { "credential_spec", FIELD(service, credential_spec, type_struct),
            .table = &credential_spec_table, REFUSED, .podman = UNITS_DROPPED,
            .podman_note = "of Windows", .spec = "05-services.md#credential_spec",
            .help = "Credentials of a managed account." },
    { "depends_on", FIELD(service, depends_on, type_map_or_names), .items = &dependency_attr,
            .spec = "05-services.md#depends_on", .help = "Services that come first." },
    { "deploy", FIELD(service, deploy, type_struct), .table = &deploy_table, .flags = ATTR_NULL,
            .spec = "05-services.md#deploy", .help = "How many containers, with which resources." },
    { "device_cgroup_rules", FIELD(service, device_cgroup_rules, type_texts),
            .flags = ATTR_ITEMS_DIFFER, .spec = "05-services.md#device_cgroup_rules",
            .help = "Rules on devices: \"c 1:3 mr\"." },
    { "devices", FIELD(service, devices, type_list), .items = &device_attr, .merge = MERGE_UNIQUE,
            .item_key = schema_key_target, .spec = "05-services.md#devices",
            .help = "Devices of the host." },
    { "dns", FIELD(service, dns, type_text_or_texts), .flags = ATTR_DROP_EMPTY,
            .merge = MERGE_UNIQUE, .spec = "05-services.md#dns", .help = "Name servers." },
    { "dns_opt", FIELD(service, dns_opt, type_texts), .merge = MERGE_UNIQUE,
            .spec = "05-services.md#dns_opt", .help = "Options of the resolver." },
    { "dns_search", FIELD(service, dns_search, type_text_or_texts), .merge = MERGE_UNIQUE,
            .spec = "05-services.md#dns_search", .help = "Search domains." },
    { "domainname", FIELD(service, domainname, type_text), .podman = UNITS_DROPPED,
            .podman_note = "podman run has no such option", .spec = "05-services.md#domainname",
            .help = "Domain of the container." },
    { "entrypoint", FIELD(service, entrypoint, type_command), .merge = MERGE_REPLACE,
            .flags = ATTR_KEEP_ZERO | ATTR_JSON_NULL, .spec = "05-services.md#entrypoint",
            .help = "In place of the image's entrypoint." },
    { "provider", FIELD(service, provider, type_struct), .table = &provider_table, REFUSED,
            .podman = UNITS_DROPPED, .podman_note = "only containers become quadlets",
            .spec = "05-services.md#provider", .help = "A program that provides the service." },
    { "environment", FIELD(service, environment, type_pairs), .merge = MERGE_KEYS,
            .spec = "05-services.md#environment", .help = "Variables of the container." },
    { "env_file", FIELD(service, env_file, type_one_or_list), .items = &env_file_attr,
            .merge = MERGE_UNIQUE, .item_key = schema_key_path, .flags = ATTR_CONSUMED,
            .spec = "05-services.md#env_file", .help = "Files of variables." },
    { "expose", FIELD(service, expose, type_texts_or_numbers), .merge = MERGE_UNIQUE,
            .item_key = schema_key_whole, .spec = "05-services.md#expose",
            .help = "Ports that other services use." },
    { "extends", NO_FIELD(type_struct), .table = &extends_table, .expand = schema_expand_extends,
            ELSEWHERE, .flags = ATTR_CONSUMED, .spec = "05-services.md#extends",
            .help = "Another service to start from." },
    { "external_links", FIELD(service, external_links, type_texts), .flags = ATTR_ITEMS_DIFFER,
            .podman = UNITS_DROPPED, .podman_note = "Podman has no links: use a network",
            .spec = "05-services.md#external_links",
            .help = "Names of containers of other projects." },
    { "extra_hosts", FIELD(service, extra_hosts, type_hosts), .merge = MERGE_APPEND_NEW,
            .spec = "05-services.md#extra_hosts", .help = "Names and addresses for /etc/hosts." },
    { "group_add", FIELD(service, group_add, type_texts_or_numbers), .flags = ATTR_ITEMS_DIFFER,
            .spec = "05-services.md#group_add", .help = "Further groups of the user." },
    { "gpus", FIELD(service, gpus, type_gpus), .items = &gpu_attr, .podman = UNITS_APPROXIMATED,
            .podman_note = "by the names of the container device interface",
            .spec = "05-services.md#gpus", .help = "GPUs: all or a list." },
    { "hostname", FIELD(service, hostname, type_text), .spec = "05-services.md#hostname",
            .help = "Host name of the container." },
    { "healthcheck", FIELD(service, healthcheck, type_struct), .table = &healthcheck_table,
            .spec = "05-services.md#healthcheck", .help = "How to tell that it works." },
    { "image", FIELD(service, image, type_text), .spec = "05-services.md#image",
            .help = "Image to run." },
    { "init", FIELD(service, init, type_bool), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#init", .help = "Run a small init that reaps processes." },
    { "ipc", FIELD(service, ipc, type_text), .spec = "05-services.md#ipc",
            .help = "Namespace of shared memory: shareable, service:NAME, …" },
    { "isolation", FIELD(service, isolation, type_text), REFUSED, .podman = UNITS_DROPPED,
            .podman_note = "of Windows", .spec = "05-services.md#isolation",
            .help = "Isolation technology." },
    { "labels", FIELD(service, labels, type_pairs), .flags = ATTR_DROP_NULL,
            .spec = "05-services.md#labels", .help = "Labels of the container." },
    { "label_file", FIELD(service, label_file, type_text_or_texts), .path = PATH_PLAIN,
            .flags = ATTR_CONSUMED, .spec = "05-services.md#label_file",
            .help = "Files of labels." },
    { "links", FIELD(service, links, type_texts), .merge = MERGE_UNIQUE,
            .podman = UNITS_APPROXIMATED,
            .podman_note = "only the order of starts: use the name of the service",
            .spec = "05-services.md#links", .help = "Services to reach under another name." },
    { "logging", FIELD(service, logging, type_struct), .table = &logging_table,
            .merge = MERGE_SAME_DRIVER, .spec = "05-services.md#logging",
            .help = "Where the output goes." },
    { "mem_limit", FIELD(service, mem_limit, type_size), .spec = "05-services.md#mem_limit",
            .help = "Memory at most." },
    { "mem_reservation", FIELD(service, mem_reservation, type_size), WHOLE_BYTES,
            .spec = "05-services.md#mem_reservation", .help = "Memory that is protected." },
    { "memswap_limit", FIELD(service, memswap_limit, type_size),
            .spec = "05-services.md#memswap_limit",
            .help = "Memory and swap at most; -1: no limit." },
    { "mem_swappiness", FIELD(service, mem_swappiness, type_size), WHOLE_BYTES,
            .spec = "05-services.md#mem_swappiness", .help = "Tendency to swap, 0 to 100." },
    { "mac_address", FIELD(service, mac_address, type_text), .spec = "05-services.md#mac_address",
            .help = "Hardware address." },
    { "models", FIELD(service, models, type_map_or_names), .items = &service_model_attr, REFUSED,
            .podman = UNITS_DROPPED, .podman_note = "Podman runs no models",
            .spec = "05-services.md#models", .help = "Models that the service uses." },
    { "network_mode", FIELD(service, network_mode, type_text),
            .unsupported = network_mode_unsupported, .spec = "05-services.md#network_mode",
            .help = "host, none, service:NAME or container:NAME." },
    { "networks", FIELD(service, networks, type_map_or_names), .items = &service_network_attr,
            .spec = "05-services.md#networks", .help = "Networks that the container is in." },
    { "oom_kill_disable", FIELD(service, oom_kill_disable, type_bool),
            .spec = "05-services.md#oom_kill_disable",
            .help = "Do not kill when memory is short." },
    { "oom_score_adj", FIELD(service, oom_score_adj, type_int), .min = -1000, .max = 1000,
            .spec = "05-services.md#oom_score_adj", .help = "Who is killed first." },
    { "pid", FIELD(service, pid, type_text), .flags = ATTR_NULL, .spec = "05-services.md#pid",
            .help = "Namespace of processes: host, service:NAME." },
    { "pids_limit", FIELD(service, pids_limit, type_int), .spec = "05-services.md#pids_limit",
            .help = "Processes at most; -1: no limit." },
    { "platform", FIELD(service, platform, type_text), .spec = "05-services.md#platform",
            .help = "Platform of the image: linux/amd64." },
    { "ports", FIELD(service, ports, type_ports), .items = &port_attr, .merge = MERGE_UNIQUE,
            .item_key = service_port_key, .spec = "05-services.md#ports",
            .help = "Ports to publish on the host." },
    { "privileged", FIELD(service, privileged, type_bool), .spec = "05-services.md#privileged",
            .help = "All rights." },
    { "pull_policy", FIELD(service, pull_policy, type_text), .flags = ATTR_KEEP_ZERO,
            .unsupported = pull_policy_unsupported, .podman = UNITS_APPROXIMATED,
            .podman_note = "what has an age is pulled when it is newer",
            .spec = "05-services.md#pull_policy",
            .help = "always, never, missing, build, daily, weekly, every_…" },
    { "pull_refresh_after", FIELD(service, pull_refresh_after, type_text), .podman = UNITS_DROPPED,
            .podman_note = "images are pulled when they are newer",
            .spec = "05-services.md#pull_policy", .help = "Age from which an image is looked up." },
    { "read_only", FIELD(service, read_only, type_bool), .spec = "05-services.md#read_only",
            .help = "No writes to the root file system." },
    { "restart", FIELD(service, restart, type_text), .unsupported = restart_unsupported,
            .units = UNITS_APPROXIMATED, .units_exact = restart_exact,
            .units_note =
                    "Restart=: always a second from one start to the next, and :N counts all of "
                    "them",
            .spec = "05-services.md#restart",
            .help = "no, always, on-failure[:N], unless-stopped." },
    { "runtime", FIELD(service, runtime, type_text), .spec = "05-services.md#runtime",
            .help = "OCI runtime to use." },
    { "scale", FIELD(service, scale, type_int), .flags = ATTR_KEEP_ZERO,
            .spec = "05-services.md#scale", .help = "How many containers." },
    { "secrets", FIELD(service, secrets, type_list), .items = &secret_reference_attr,
            .merge = MERGE_UNIQUE, .item_key = schema_key_secret, .spec = "05-services.md#secrets",
            .help = "Secrets to put into the container." },
    { "security_opt", FIELD(service, security_opt, type_texts), .flags = ATTR_ITEMS_DIFFER,
            .unsupported = security_opt_unsupported, .spec = "05-services.md#security_opt",
            .help = "seccomp, apparmor, no-new-privileges …" },
    { "shm_size", FIELD(service, shm_size, type_size), .spec = "05-services.md#shm_size",
            .help = "Size of /dev/shm." },
    { "stdin_open", FIELD(service, stdin_open, type_bool), .spec = "05-services.md#stdin_open",
            .help = "Keep standard input open." },
    { "stop_grace_period", FIELD(service, stop_grace_period, type_duration),
            .flags = ATTR_KEEP_ZERO, .spec = "05-services.md#stop_grace_period",
            .help = "Time between the stop signal and SIGKILL." },
    { "stop_signal", FIELD(service, stop_signal, type_text), .spec = "05-services.md#stop_signal",
            .help = "Signal that asks the container to end." },
    { "storage_opt", FIELD(service, storage_opt, type_options), REFUSED,
            .flags = ATTR_DROP_NULL | ATTR_NO_BOOL_VALUES, .spec = "05-services.md#storage_opt",
            .help = "Options of the storage driver." },
    { "sysctls", FIELD(service, sysctls, type_pairs), .flags = ATTR_DROP_NULL,
            .spec = "05-services.md#sysctls", .help = "Kernel parameters." },
    { "tmpfs", FIELD(service, tmpfs, type_text_or_texts), .merge = MERGE_UNIQUE,
            .spec = "05-services.md#tmpfs", .help = "Places to mount a tmpfs at." },
    { "tty", FIELD(service, tty, type_bool), .spec = "05-services.md#tty",
            .help = "Give it a terminal." },
    { "ulimits", FIELD(service, ulimits, type_ulimits), .spec = "05-services.md#ulimits",
            .help = "Limits of its processes." },
    { "use_api_socket", FIELD(service, use_api_socket, type_plain_bool), REFUSED,
            .podman = UNITS_DROPPED, .podman_note = "no engine listens",
            .spec = "05-services.md#use_api_socket", .help = "Access to the engine's socket." },
    { "user", FIELD(service, user, type_text), .spec = "05-services.md#user",
            .help = "As whom: name or number, with :group." },
    { "userns_mode", FIELD(service, userns_mode, type_text), .spec = "05-services.md#userns_mode",
            .help = "Namespace of users." },
    { "uts", FIELD(service, uts, type_text), .spec = "05-services.md#uts",
            .help = "Namespace of host names: host." },
    { "volumes", FIELD(service, volumes, type_list), .items = &mount_attr, .merge = MERGE_UNIQUE,
            .item_key = schema_key_target, .spec = "05-services.md#volumes",
            .help = "Volumes, folders of the host and other mounts." },
    { "volumes_from", FIELD(service, volumes_from, type_texts), .flags = ATTR_ITEMS_DIFFER,
            .spec = "05-services.md#volumes_from", .help = "Mounts of another service." },
    { "working_dir", FIELD(service, working_dir, type_text), .spec = "05-services.md#working_dir",
            .help = "Where the command starts." },
    { "post_start", FIELD(service, post_start, type_list), .items = &hook_attr,
            .podman = UNITS_DROPPED, .podman_note = "Podman runs no hooks",
            .spec = "05-services.md#post_start", .help = "Commands to run after the start." },
    { "pre_stop", FIELD(service, pre_stop, type_list), .items = &hook_attr, .podman = UNITS_DROPPED,
            .podman_note = "Podman runs no hooks", .spec = "05-services.md#pre_stop",
            .help = "Commands to run before the stop." },
};
TABLE(service_table, "service", service, "attribute of a service", AT(service), NO_GIVEN,
        KEY(service, name));
