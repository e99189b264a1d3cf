#include "engine/container/pod.h"

#include <string.h>

#include "base/json/json.h"
#include "base/str.h"
#include "base/timefmt.h"

static json_t *texts(char *const *vector)
{
    return vector ? jsonx_strings((const char *const *)vector, container_vector_len(vector))
                  : json_null();
}

static json_t *port_bindings(struct arena *arena, const struct container_config *c)
{
    json_t *bindings = json_object();

    ARRAY_FOREACH(&c->ports, port) {
        const char *key = arena_printf(
                arena, "%u/%s", port->container_port, port->protocol ? port->protocol : "tcp");
        json_t *list = json_object_get(bindings, key);

        if (!list) {
            list = json_array();
            json_object_set_new(bindings, key, list);
        }
        json_array_append_new(
                list, json_pack("{s:s, s:s}", "HostIp", port->host_ip ? port->host_ip : "0.0.0.0",
                              "HostPort", arena_printf(arena, "%u", port->host_port)));
    }
    return bindings;
}

static const char *mode(const char *given)
{
    return string_is_empty(given) ? "private" : given;
}

static json_t *infra_config(struct arena *arena, const struct container *infra)
{
    const struct container_config *c = &infra->config;
    json_t *networks = json_array();
    const char *ip = "", *mac = "";

    ARRAY_FOREACH(&c->networks, network) {
        json_array_append_new(networks, jsonx_text(network->network));
        ip = network->ipv4 ? network->ipv4 : ip;
        mac = network->mac ? network->mac : mac;
    }
    return json_pack("{s:o, s:b, s:s, s:s, s:b, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:s, s:s, s:s}",
            "PortBindings", port_bindings(arena, c), "HostNetwork",
            c->network_mode == CONTAINER_NETWORK_HOST, "StaticIP", ip, "StaticMAC", mac,
            "NoManageResolvConf", 0, "DNSServer", texts(c->dns), "DNSSearch", texts(c->dns_search),
            "DNSOption", texts(c->dns_options), "NoManageHostname", c->no_hostname, "NoManageHosts",
            c->no_hosts, "HostAdd", texts(c->extra_hosts), "Networks", networks, "pid_ns",
            mode(c->pid_mode), "userns", "host", "uts_ns", mode(c->uts_mode));
}

static json_t *containers(const struct pod *pod)
{
    json_t *list = json_array();

    ARRAY_FOREACH(&pod->containers, item)
        json_array_append_new(
                list, json_pack("{s:s, s:s, s:s}", "Id", (*item)->id, "Name", (*item)->name,
                              "State", container_status_names[(*item)->state.status]));
    return list;
}

json_t *pod_inspect(struct arena *arena, const struct pod *pod)
{
    const struct container *infra = pod_infra(pod);
    char created[TIME_RFC3339_MAX];
    json_t *share = json_array();

    for (unsigned i = 0; i < POD_SHARE_KINDS; i++)
        if (pod->config.share & 1u << i)
            json_array_append_new(share, json_string(pod_share_names[i]));
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "Id", pod->id, "Name",
            pod->name, "Created", time_format_rfc3339(pod->created_nsec, created), "ExitPolicy",
            pod_exit_policy_names[pod->config.exit_policy], "State", pod_status_names[pod->status],
            "Hostname", pod->config.hostname ? pod->config.hostname : "", "CreateInfra",
            infra != NULL, "InfraContainerID", infra ? infra->id : "");
    if (infra && infra->config.cgroup_parent)
        json_object_set_new(object, "CgroupParent", jsonx_text(infra->config.cgroup_parent));
    if (pod->config.labels.len > 0)
        json_object_set_new(object, "Labels", container_pairs_to_json(&pod->config.labels));
    if (pod->config.restart != CONTAINER_RESTART_NO)
        json_object_set_new(
                object, "RestartPolicy", json_string(container_restart_names[pod->config.restart]));
    if (infra)
        json_object_set_new(object, "InfraConfig", infra_config(arena, infra));
    json_object_set_new(object, "SharedNamespaces", share);
    json_object_set_new(object, "NumContainers", json_integer((json_int_t)pod->containers.len));
    json_object_set_new(object, "Containers", containers(pod));
    return object;
}
