#include "cli/shapes.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

static const struct shape text = { SHAPE_TEXT, NULL, NULL };
static const struct shape number = { SHAPE_NUMBER, NULL, NULL };
static const struct shape boolean = { SHAPE_BOOL, NULL, NULL };
static const struct shape moment = { SHAPE_TIME, NULL, NULL };
static const struct shape duration = { SHAPE_DURATION, NULL, NULL };
static const struct shape texts = { SHAPE_LIST, &text, NULL };
static const struct shape text_map = { SHAPE_MAP, &text, NULL };
static const struct shape number_pointer = { SHAPE_POINTER, &number, NULL };
static const struct shape boolean_pointer = { SHAPE_POINTER, &boolean, NULL };
static const struct shape numbers = { SHAPE_LIST, &number, NULL };
static const struct shape nothing = { SHAPE_STRUCT, NULL,
    (const struct shape_field[]){ { NULL, NULL, NULL } } };
static const struct shape set = { SHAPE_MAP, &nothing, NULL };

/* A structure, and what leads to it. */
#define STRUCTURE(variable, ...)                               \
    static const struct shape variable = { SHAPE_STRUCT, NULL, \
        (const struct shape_field[]){ __VA_ARGS__, { NULL, NULL, NULL } } }
#define LIST_OF(variable, of) static const struct shape variable = { SHAPE_LIST, &of, NULL }
#define MAP_OF(variable, of) static const struct shape variable = { SHAPE_MAP, &of, NULL }
#define POINTER_TO(variable, of) static const struct shape variable = { SHAPE_POINTER, &of, NULL }

/* ---- Containers ---- */

STRUCTURE(probe, { "Start", &moment, NULL }, { "End", &moment, NULL },
        { "ExitCode", &number, NULL }, { "Output", &text, NULL });
LIST_OF(probes, probe);
STRUCTURE(health, { "Status", &text, NULL }, { "FailingStreak", &number, NULL },
        { "Log", &probes, NULL });
POINTER_TO(health_pointer, health);

STRUCTURE(state, { "Status", &text, NULL }, { "Running", &boolean, NULL },
        { "Paused", &boolean, NULL }, { "Restarting", &boolean, NULL },
        { "OOMKilled", &boolean, NULL }, { "Dead", &boolean, NULL }, { "Pid", &number, NULL },
        { "ExitCode", &number, NULL }, { "Error", &text, NULL }, { "StartedAt", &text, NULL },
        { "FinishedAt", &text, NULL }, { "Health", &health_pointer, NULL });

STRUCTURE(health_check, { "Test", &texts, NULL }, { "Interval", &duration, NULL },
        { "Timeout", &duration, NULL }, { "StartPeriod", &duration, NULL },
        { "StartInterval", &duration, NULL }, { "Retries", &number, NULL });
POINTER_TO(health_check_pointer, health_check);

STRUCTURE(config, { "Hostname", &text, NULL }, { "Domainname", &text, NULL },
        { "User", &text, NULL }, { "AttachStdin", &boolean, NULL },
        { "AttachStdout", &boolean, NULL }, { "AttachStderr", &boolean, NULL },
        { "ExposedPorts", &set, NULL }, { "Tty", &boolean, NULL }, { "OpenStdin", &boolean, NULL },
        { "StdinOnce", &boolean, NULL }, { "Env", &texts, NULL }, { "Cmd", &texts, NULL },
        { "Healthcheck", &health_check_pointer, NULL }, { "ArgsEscaped", &boolean, NULL },
        { "Image", &text, NULL }, { "Volumes", &set, NULL }, { "WorkingDir", &text, NULL },
        { "Entrypoint", &texts, NULL }, { "NetworkDisabled", &boolean, NULL },
        { "MacAddress", &text, NULL }, { "OnBuild", &texts, NULL }, { "Labels", &text_map, NULL },
        { "StopSignal", &text, NULL }, { "StopTimeout", &number_pointer, NULL },
        { "Shell", &texts, NULL });
POINTER_TO(config_pointer, config);

STRUCTURE(binding, { "HostIp", &text, "HostIP" }, { "HostPort", &text, NULL });
LIST_OF(bindings, binding);
MAP_OF(port_map, bindings);

STRUCTURE(log_config, { "Type", &text, NULL }, { "Config", &text_map, NULL });
STRUCTURE(restart_policy, { "Name", &text, NULL }, { "MaximumRetryCount", &number, NULL });
STRUCTURE(device, { "PathOnHost", &text, NULL }, { "PathInContainer", &text, NULL },
        { "CgroupPermissions", &text, NULL });
LIST_OF(devices, device);
LIST_OF(text_lists, texts);
STRUCTURE(device_request, { "Driver", &text, NULL }, { "Count", &number, NULL },
        { "DeviceIDs", &texts, NULL }, { "Capabilities", &text_lists, NULL },
        { "Options", &text_map, NULL });
LIST_OF(device_requests, device_request);
STRUCTURE(weight, { "Path", &text, NULL }, { "Weight", &number, NULL });
LIST_OF(weights, weight);
STRUCTURE(rate, { "Path", &text, NULL }, { "Rate", &number, NULL });
LIST_OF(rates, rate);
STRUCTURE(ulimit, { "Name", &text, NULL }, { "Hard", &number, NULL }, { "Soft", &number, NULL });
LIST_OF(ulimits, ulimit);
STRUCTURE(mount, { "Type", &text, NULL }, { "Source", &text, NULL }, { "Target", &text, NULL },
        { "ReadOnly", &boolean, NULL }, { "Consistency", &text, NULL });
LIST_OF(mounts, mount);

STRUCTURE(host_config, { "Binds", &texts, NULL }, { "ContainerIDFile", &text, NULL },
        { "LogConfig", &log_config, NULL }, { "NetworkMode", &text, NULL },
        { "PortBindings", &port_map, NULL }, { "RestartPolicy", &restart_policy, NULL },
        { "AutoRemove", &boolean, NULL }, { "VolumeDriver", &text, NULL },
        { "VolumesFrom", &texts, NULL }, { "ConsoleSize", &numbers, NULL },
        { "Annotations", &text_map, NULL }, { "CapAdd", &texts, NULL }, { "CapDrop", &texts, NULL },
        { "CgroupnsMode", &text, NULL }, { "Dns", &texts, "DNS" },
        { "DnsOptions", &texts, "DNSOptions" }, { "DnsSearch", &texts, "DNSSearch" },
        { "ExtraHosts", &texts, NULL }, { "GroupAdd", &texts, NULL }, { "IpcMode", &text, NULL },
        { "Cgroup", &text, NULL }, { "Links", &texts, NULL }, { "OomScoreAdj", &number, NULL },
        { "PidMode", &text, NULL }, { "Privileged", &boolean, NULL },
        { "PublishAllPorts", &boolean, NULL }, { "ReadonlyRootfs", &boolean, NULL },
        { "SecurityOpt", &texts, NULL }, { "StorageOpt", &text_map, NULL },
        { "Tmpfs", &text_map, NULL }, { "UTSMode", &text, NULL }, { "UsernsMode", &text, NULL },
        { "ShmSize", &number, NULL }, { "Sysctls", &text_map, NULL }, { "Runtime", &text, NULL },
        { "Isolation", &text, NULL }, { "CpuShares", &number, "CPUShares" },
        { "Memory", &number, NULL }, { "NanoCpus", &number, "NanoCPUs" },
        { "CgroupParent", &text, NULL }, { "BlkioWeight", &number, NULL },
        { "BlkioWeightDevice", &weights, NULL }, { "BlkioDeviceReadBps", &rates, NULL },
        { "BlkioDeviceWriteBps", &rates, NULL }, { "BlkioDeviceReadIOps", &rates, NULL },
        { "BlkioDeviceWriteIOps", &rates, NULL }, { "CpuPeriod", &number, "CPUPeriod" },
        { "CpuQuota", &number, "CPUQuota" }, { "CpuRealtimePeriod", &number, "CPURealtimePeriod" },
        { "CpuRealtimeRuntime", &number, "CPURealtimeRuntime" }, { "CpusetCpus", &text, NULL },
        { "CpusetMems", &text, NULL }, { "Devices", &devices, NULL },
        { "DeviceCgroupRules", &texts, NULL }, { "DeviceRequests", &device_requests, NULL },
        { "MemoryReservation", &number, NULL }, { "MemorySwap", &number, NULL },
        { "MemorySwappiness", &number_pointer, NULL }, { "OomKillDisable", &boolean_pointer, NULL },
        { "PidsLimit", &number_pointer, NULL }, { "Ulimits", &ulimits, NULL },
        { "CpuCount", &number, "CPUCount" }, { "CpuPercent", &number, "CPUPercent" },
        { "IOMaximumIOps", &number, NULL }, { "IOMaximumBandwidth", &number, NULL },
        { "Mounts", &mounts, NULL }, { "MaskedPaths", &texts, NULL },
        { "ReadonlyPaths", &texts, NULL }, { "Init", &boolean_pointer, NULL });

STRUCTURE(graph_driver, { "Data", &text_map, NULL }, { "Name", &text, NULL });
STRUCTURE(mount_point, { "Type", &text, NULL }, { "Name", &text, NULL }, { "Source", &text, NULL },
        { "Destination", &text, NULL }, { "Driver", &text, NULL }, { "Mode", &text, NULL },
        { "RW", &boolean, NULL }, { "Propagation", &text, NULL });
LIST_OF(mount_points, mount_point);

STRUCTURE(endpoint_ipam, { "IPv4Address", &text, NULL }, { "IPv6Address", &text, NULL },
        { "LinkLocalIPs", &texts, NULL });
POINTER_TO(endpoint_ipam_pointer, endpoint_ipam);
STRUCTURE(endpoint, { "IPAMConfig", &endpoint_ipam_pointer, NULL }, { "Links", &texts, NULL },
        { "Aliases", &texts, NULL }, { "MacAddress", &text, NULL },
        { "DriverOpts", &text_map, NULL }, { "GwPriority", &number, NULL },
        { "NetworkID", &text, NULL }, { "EndpointID", &text, NULL }, { "Gateway", &text, NULL },
        { "IPAddress", &text, NULL }, { "IPPrefixLen", &number, NULL },
        { "IPv6Gateway", &text, NULL }, { "GlobalIPv6Address", &text, NULL },
        { "GlobalIPv6PrefixLen", &number, NULL }, { "DNSNames", &texts, NULL });
POINTER_TO(endpoint_pointer, endpoint);
MAP_OF(endpoints, endpoint_pointer);
STRUCTURE(address, { "Addr", &text, NULL }, { "PrefixLen", &number, NULL });
LIST_OF(addresses, address);

STRUCTURE(network_settings, { "Bridge", &text, NULL }, { "SandboxID", &text, NULL },
        { "SandboxKey", &text, NULL }, { "Ports", &port_map, NULL },
        { "HairpinMode", &boolean, NULL }, { "LinkLocalIPv6Address", &text, NULL },
        { "LinkLocalIPv6PrefixLen", &number, NULL }, { "SecondaryIPAddresses", &addresses, NULL },
        { "SecondaryIPv6Addresses", &addresses, NULL }, { "EndpointID", &text, NULL },
        { "Gateway", &text, NULL }, { "GlobalIPv6Address", &text, NULL },
        { "GlobalIPv6PrefixLen", &number, NULL }, { "IPAddress", &text, NULL },
        { "IPPrefixLen", &number, NULL }, { "IPv6Gateway", &text, NULL },
        { "MacAddress", &text, NULL }, { "Networks", &endpoints, NULL });

STRUCTURE(descriptor, { "mediaType", &text, "MediaType" }, { "digest", &text, "Digest" },
        { "size", &number, "Size" });
POINTER_TO(descriptor_pointer, descriptor);

STRUCTURE(container, { "Id", &text, "ID" }, { "Created", &text, NULL }, { "Path", &text, NULL },
        { "Args", &texts, NULL }, { "State", &state, NULL }, { "Image", &text, NULL },
        { "ResolvConfPath", &text, NULL }, { "HostnamePath", &text, NULL },
        { "HostsPath", &text, NULL }, { "LogPath", &text, NULL }, { "Name", &text, NULL },
        { "RestartCount", &number, NULL }, { "Driver", &text, NULL }, { "Platform", &text, NULL },
        { "MountLabel", &text, NULL }, { "ProcessLabel", &text, NULL },
        { "AppArmorProfile", &text, NULL }, { "ExecIDs", &texts, NULL },
        { "HostConfig", &host_config, NULL }, { "GraphDriver", &graph_driver, NULL },
        { "SizeRw", &number_pointer, NULL }, { "SizeRootFs", &number_pointer, NULL },
        { "Mounts", &mount_points, NULL }, { "Config", &config_pointer, NULL },
        { "NetworkSettings", &network_settings, NULL },
        { "ImageManifestDescriptor", &descriptor_pointer, NULL });

/* ---- Images, networks, volumes ---- */

STRUCTURE(root_fs, { "Type", &text, NULL }, { "Layers", &texts, NULL });
STRUCTURE(metadata, { "LastTagTime", &moment, NULL });
STRUCTURE(image, { "Id", &text, "ID" }, { "RepoTags", &texts, NULL },
        { "RepoDigests", &texts, NULL }, { "Parent", &text, NULL }, { "Comment", &text, NULL },
        { "Created", &text, NULL }, { "Container", &text, NULL },
        { "ContainerConfig", &config_pointer, NULL }, { "DockerVersion", &text, NULL },
        { "Author", &text, NULL }, { "Config", &config_pointer, NULL },
        { "Architecture", &text, NULL }, { "Variant", &text, NULL }, { "Os", &text, NULL },
        { "OsVersion", &text, NULL }, { "Size", &number, NULL }, { "VirtualSize", &number, NULL },
        { "GraphDriver", &graph_driver, NULL }, { "RootFS", &root_fs, NULL },
        { "Metadata", &metadata, NULL }, { "Descriptor", &descriptor_pointer, NULL });

STRUCTURE(ipam_pool, { "Subnet", &text, NULL }, { "IPRange", &text, NULL },
        { "Gateway", &text, NULL }, { "AuxiliaryAddresses", &text_map, "AuxAddress" });
LIST_OF(ipam_pools, ipam_pool);
STRUCTURE(ipam, { "Driver", &text, NULL }, { "Options", &text_map, NULL },
        { "Config", &ipam_pools, NULL });
STRUCTURE(config_from, { "Network", &text, NULL });
STRUCTURE(network_member, { "Name", &text, NULL }, { "EndpointID", &text, NULL },
        { "MacAddress", &text, NULL }, { "IPv4Address", &text, NULL },
        { "IPv6Address", &text, NULL });
MAP_OF(network_members, network_member);
STRUCTURE(network, { "Name", &text, NULL }, { "Id", &text, "ID" }, { "Created", &moment, NULL },
        { "Scope", &text, NULL }, { "Driver", &text, NULL }, { "EnableIPv4", &boolean, NULL },
        { "EnableIPv6", &boolean, NULL }, { "IPAM", &ipam, NULL }, { "Internal", &boolean, NULL },
        { "Attachable", &boolean, NULL }, { "Ingress", &boolean, NULL },
        { "ConfigFrom", &config_from, NULL }, { "ConfigOnly", &boolean, NULL },
        { "Containers", &network_members, NULL }, { "Options", &text_map, NULL },
        { "Labels", &text_map, NULL }, { "Peers", &texts, NULL }, { "Services", &text_map, NULL });

/* The names that templates have for members of events; in JSON some begin with a small letter. */
STRUCTURE(actor, { "ID", &text, NULL }, { "Attributes", &text_map, NULL });
STRUCTURE(event, { "status", &text, "Status" }, { "id", &text, "ID" }, { "from", &text, "From" },
        { "Type", &text, NULL }, { "Action", &text, NULL }, { "Actor", &actor, NULL },
        { "scope", &text, "Scope" }, { "time", &number, "Time" },
        { "timeNano", &number, "TimeNano" });

STRUCTURE(usage, { "RefCount", &number, NULL }, { "Size", &number, NULL });
POINTER_TO(usage_pointer, usage);
STRUCTURE(volume, { "ClusterVolume", &usage_pointer, NULL }, { "CreatedAt", &text, NULL },
        { "Driver", &text, NULL }, { "Labels", &text_map, NULL }, { "Mountpoint", &text, NULL },
        { "Name", &text, NULL }, { "Options", &text_map, NULL }, { "Scope", &text, NULL },
        { "Status", &text_map, NULL }, { "UsageData", &usage_pointer, NULL });

const struct shape_field *shape_find_field(const struct shape *shape, const char *name)
{
    for (const struct shape_field *f = shape->fields; f && f->name; f++)
        if (strcmp(f->name, name) == 0 || (f->go_name && strcmp(f->go_name, name) == 0))
            return f;
    return NULL;
}

const struct shape *shape_of_type(const char *type)
{
    static const struct {
        const char *type;
        const struct shape *shape;
    } types[] = {
        { "container", &container },
        { "event", &event },
        { "image", &image },
        { "network", &network },
        { "volume", &volume },
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].type, type) == 0)
            return types[i].shape;
    return NULL;
}
