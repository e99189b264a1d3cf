/* The rows. What Kubernetes has and one machine has no use for is in them as well: it is told, not unknown. */
#include <stddef.h>

#include "kube/fields.h"

#define AT(type_, member) .offset = offsetof(struct type_, member)
#define TEXT(name_, struct_, member_) .name = (name_), .type = &kube_type_text, AT(struct_, member_)
#define ANSWER(name_, struct_, member_) \
    .name = (name_), .type = &kube_type_answer, AT(struct_, member_)
#define NUMBER(name_, struct_, member_) \
    .name = (name_), .type = &kube_type_number, AT(struct_, member_)
#define TEXTS(name_, struct_, member_) \
    .name = (name_), .type = &kube_type_texts, AT(struct_, member_)
#define OBJECT(name_, struct_, member_, shape_) \
    .name = (name_), .type = &kube_type_object, .shape = &(shape_), AT(struct_, member_)
#define OBJECTS(name_, struct_, member_, shape_) \
    .name = (name_), .type = &kube_type_objects, .shape = &(shape_), AT(struct_, member_)
#define QUANTITY(name_, struct_, member_) \
    .name = (name_), .type = &kube_type_quantity, AT(struct_, member_)
#define ACCEPTED(name_)                           \
    {                                             \
        .name = (name_), .support = KUBE_ACCEPTED \
    }
#define WITHOUT_EFFECT(name_, usual_, note_)                                                \
    {                                                                                       \
        .name = (name_), .support = KUBE_WITHOUT_EFFECT, .usual = (usual_), .note = (note_) \
    }
#define REFUSED(name_, usual_, note_)                                                \
    {                                                                                \
        .name = (name_), .support = KUBE_REFUSED, .usual = (usual_), .note = (note_) \
    }
#define SHAPE(shape_, name_, struct_, fields_) \
    static const struct kube_shape shape_ = { (name_), sizeof(struct struct_), (fields_) }
#define END \
    {       \
        0   \
    }

#define PORT_MAX 65535
#define ID_MAX INT64_C(4294967294)
#define MODE_MAX 0777
#define SECONDS_MAX 1000000000

static const char one_machine[] = "there is one machine";
static const char no_service_account[] = "there are no service accounts";
static const char no_volume[] =
        "a volume is a hostPath, emptyDir, configMap, secret, persistentVolumeClaim or image";

/* ---- Volumes ---- */

static const struct kube_field item_fields[] = {
    { TEXT("key", kube_item, key), .is_required = true },
    { TEXT("path", kube_item, path), .is_required = true },
    { NUMBER("mode", kube_item, mode), .max = MODE_MAX },
    END,
};
SHAPE(item_shape, "item", kube_item, item_fields);

static const char *const host_path_types[] = { "", "DirectoryOrCreate", "Directory", "FileOrCreate",
    "File", "Socket", "CharDevice", "BlockDevice", NULL };
static const struct kube_field host_path_fields[] = {
    { TEXT("path", kube_host_path, path), .is_required = true },
    { TEXT("type", kube_host_path, type), .values = host_path_types },
    END,
};
SHAPE(host_path_shape, "hostPath", kube_host_path, host_path_fields);

static const char *const empty_dir_media[] = { "", "Memory", NULL };
static const struct kube_field empty_dir_fields[] = {
    { TEXT("medium", kube_empty_dir, medium), .values = empty_dir_media },
    { QUANTITY("sizeLimit", kube_empty_dir, size_limit) },
    END,
};
SHAPE(empty_dir_shape, "emptyDir", kube_empty_dir, empty_dir_fields);

static const struct kube_field config_map_volume_fields[] = {
    { TEXT("name", kube_files_source, name), .is_required = true },
    { OBJECTS("items", kube_files_source, items, item_shape) },
    { NUMBER("defaultMode", kube_files_source, default_mode), .max = MODE_MAX },
    { ANSWER("optional", kube_files_source, optional) },
    END,
};
SHAPE(config_map_volume_shape, "configMap", kube_files_source, config_map_volume_fields);

static const struct kube_field secret_volume_fields[] = {
    { TEXT("secretName", kube_files_source, name), .is_required = true },
    { OBJECTS("items", kube_files_source, items, item_shape) },
    { NUMBER("defaultMode", kube_files_source, default_mode), .max = MODE_MAX },
    { ANSWER("optional", kube_files_source, optional) },
    END,
};
SHAPE(secret_volume_shape, "secret", kube_files_source, secret_volume_fields);

static const struct kube_field claim_volume_fields[] = {
    { TEXT("claimName", kube_claim_source, claim_name), .is_required = true },
    { ANSWER("readOnly", kube_claim_source, read_only) },
    END,
};
SHAPE(claim_volume_shape, "persistentVolumeClaim", kube_claim_source, claim_volume_fields);

static const char *const pull_policies[] = { "", "Always", "IfNotPresent", "Never", NULL };
static const struct kube_field image_volume_fields[] = {
    { TEXT("reference", kube_image_source, reference), .is_required = true },
    { TEXT("pullPolicy", kube_image_source, pull_policy), .values = pull_policies },
    END,
};
SHAPE(image_volume_shape, "image", kube_image_source, image_volume_fields);

static const struct kube_field volume_fields[] = {
    { TEXT("name", kube_volume, name), .is_required = true },
    { OBJECT("hostPath", kube_volume, host_path, host_path_shape) },
    { OBJECT("emptyDir", kube_volume, empty_dir, empty_dir_shape) },
    { OBJECT("configMap", kube_volume, config_map, config_map_volume_shape) },
    { OBJECT("secret", kube_volume, secret, secret_volume_shape) },
    { OBJECT("persistentVolumeClaim", kube_volume, claim, claim_volume_shape) },
    { OBJECT("image", kube_volume, image, image_volume_shape) },
    REFUSED("awsElasticBlockStore", NULL, no_volume),
    REFUSED("azureDisk", NULL, no_volume),
    REFUSED("azureFile", NULL, no_volume),
    REFUSED("cephfs", NULL, no_volume),
    REFUSED("cinder", NULL, no_volume),
    REFUSED("csi", NULL, no_volume),
    REFUSED("downwardAPI", NULL, no_volume),
    REFUSED("ephemeral", NULL, no_volume),
    REFUSED("fc", NULL, no_volume),
    REFUSED("flexVolume", NULL, no_volume),
    REFUSED("flocker", NULL, no_volume),
    REFUSED("gcePersistentDisk", NULL, no_volume),
    REFUSED("gitRepo", NULL, no_volume),
    REFUSED("glusterfs", NULL, no_volume),
    REFUSED("iscsi", NULL, no_volume),
    REFUSED("nfs", NULL, no_volume),
    REFUSED("photonPersistentDisk", NULL, no_volume),
    REFUSED("portworxVolume", NULL, no_volume),
    REFUSED("projected", NULL, no_volume),
    REFUSED("quobyte", NULL, no_volume),
    REFUSED("rbd", NULL, no_volume),
    REFUSED("scaleIO", NULL, no_volume),
    REFUSED("storageos", NULL, no_volume),
    REFUSED("vsphereVolume", NULL, no_volume),
    END,
};
SHAPE(volume_shape, "volume", kube_volume, volume_fields);

static const char *const propagations[] = { "", "None", "HostToContainer", "Bidirectional", NULL };
static const struct kube_field mount_fields[] = {
    { TEXT("name", kube_volume_mount, name), .is_required = true },
    { TEXT("mountPath", kube_volume_mount, mount_path), .is_required = true },
    { TEXT("subPath", kube_volume_mount, sub_path) },
    { ANSWER("readOnly", kube_volume_mount, read_only) },
    { TEXT("mountPropagation", kube_volume_mount, propagation), .values = propagations },
    WITHOUT_EFFECT("recursiveReadOnly", "Disabled", "what is mounted below is read-only anyway"),
    REFUSED("subPathExpr", NULL, "write the path as subPath"),
    END,
};
SHAPE(mount_shape, "volume mount", kube_volume_mount, mount_fields);

/* ---- Containers ---- */

static const char *const protocols[] = { "", "TCP", "UDP", "SCTP", "tcp", "udp", "sctp", NULL };
static const struct kube_field port_fields[] = {
    { TEXT("name", kube_port, name) },
    { NUMBER("containerPort", kube_port, container_port), .max = PORT_MAX },
    { NUMBER("hostPort", kube_port, host_port), .max = PORT_MAX },
    { TEXT("hostIP", kube_port, host_ip) },
    { TEXT("protocol", kube_port, protocol), .values = protocols },
    END,
};
SHAPE(port_shape, "port", kube_port, port_fields);

static const struct kube_field key_ref_fields[] = {
    { TEXT("name", kube_key_ref, name), .is_required = true },
    { TEXT("key", kube_key_ref, key), .is_required = true },
    { ANSWER("optional", kube_key_ref, optional) },
    END,
};
SHAPE(key_ref_shape, "reference to a key", kube_key_ref, key_ref_fields);

static const struct kube_field field_ref_fields[] = {
    { TEXT("fieldPath", kube_field_ref, path), .is_required = true },
    ACCEPTED("apiVersion"),
    END,
};
SHAPE(field_ref_shape, "fieldRef", kube_field_ref, field_ref_fields);

static const struct kube_field resource_ref_fields[] = {
    { TEXT("resource", kube_resource_ref, resource), .is_required = true },
    { QUANTITY("divisor", kube_resource_ref, divisor) },
    WITHOUT_EFFECT("containerName", NULL, "it is the container's own resources"),
    END,
};
SHAPE(resource_ref_shape, "resourceFieldRef", kube_resource_ref, resource_ref_fields);

static const struct kube_field value_from_fields[] = {
    { OBJECT("configMapKeyRef", kube_value_from, config_map, key_ref_shape) },
    { OBJECT("secretKeyRef", kube_value_from, secret, key_ref_shape) },
    { OBJECT("fieldRef", kube_value_from, field, field_ref_shape) },
    { OBJECT("resourceFieldRef", kube_value_from, resource, resource_ref_shape) },
    REFUSED("fileKeyRef", NULL, NULL),
    END,
};
SHAPE(value_from_shape, "valueFrom", kube_value_from, value_from_fields);

static const struct kube_field env_fields[] = {
    { TEXT("name", kube_env, name), .is_required = true },
    { TEXT("value", kube_env, value) },
    { OBJECT("valueFrom", kube_env, from, value_from_shape) },
    END,
};
SHAPE(env_shape, "variable", kube_env, env_fields);

static const struct kube_field object_ref_fields[] = {
    { TEXT("name", kube_key_ref, name), .is_required = true },
    { ANSWER("optional", kube_key_ref, optional) },
    END,
};
SHAPE(object_ref_shape, "reference", kube_key_ref, object_ref_fields);

static const struct kube_field env_from_fields[] = {
    { TEXT("prefix", kube_env_from, prefix) },
    { OBJECT("configMapRef", kube_env_from, config_map, object_ref_shape) },
    { OBJECT("secretRef", kube_env_from, secret, object_ref_shape) },
    END,
};
SHAPE(env_from_shape, "source of variables", kube_env_from, env_from_fields);

static const struct kube_field amounts_fields[] = {
    { QUANTITY("cpu", kube_amounts, cpu) },
    { QUANTITY("memory", kube_amounts, memory) },
    WITHOUT_EFFECT("ephemeral-storage", NULL, "containers have no limit of their size"),
    END,
};
SHAPE(amounts_shape, "list of resources", kube_amounts, amounts_fields);

static const struct kube_field resources_fields[] = {
    { OBJECT("limits", kube_resources, limits, amounts_shape) },
    { OBJECT("requests", kube_resources, requests, amounts_shape) },
    REFUSED("claims", NULL, "there are no resource claims"),
    END,
};
SHAPE(resources_shape, "list of resources", kube_resources, resources_fields);

static const struct kube_field exec_fields[] = {
    { TEXTS("command", kube_exec, command), .is_required = true },
    END,
};
SHAPE(exec_shape, "command", kube_exec, exec_fields);

static const char *const schemes[] = { "", "HTTP", "HTTPS", NULL };
static const struct kube_field http_get_fields[] = {
    { TEXT("path", kube_http_get, path) },
    { .name = "port", .type = &kube_type_port, AT(kube_http_get, port), .is_required = true },
    { TEXT("host", kube_http_get, host) },
    { TEXT("scheme", kube_http_get, scheme), .values = schemes },
    REFUSED("httpHeaders", NULL, "use exec"),
    END,
};
SHAPE(http_get_shape, "httpGet", kube_http_get, http_get_fields);

static const struct kube_field tcp_fields[] = {
    { .name = "port", .type = &kube_type_port, AT(kube_tcp, port), .is_required = true },
    { TEXT("host", kube_tcp, host) },
    END,
};
SHAPE(tcp_shape, "tcpSocket", kube_tcp, tcp_fields);

static const struct kube_field probe_fields[] = {
    { OBJECT("exec", kube_probe, exec, exec_shape) },
    { OBJECT("httpGet", kube_probe, http, http_get_shape) },
    { OBJECT("tcpSocket", kube_probe, tcp, tcp_shape) },
    { NUMBER("initialDelaySeconds", kube_probe, initial_delay_sec), .max = SECONDS_MAX },
    { NUMBER("timeoutSeconds", kube_probe, timeout_sec), .max = SECONDS_MAX },
    { NUMBER("periodSeconds", kube_probe, period_sec), .max = SECONDS_MAX },
    { NUMBER("successThreshold", kube_probe, success_threshold), .max = SECONDS_MAX },
    { NUMBER("failureThreshold", kube_probe, failure_threshold), .max = SECONDS_MAX },
    REFUSED("grpc", NULL, "use exec, httpGet or tcpSocket"),
    WITHOUT_EFFECT("terminationGracePeriodSeconds", NULL, "it is the pod's"),
    END,
};
SHAPE(probe_shape, "probe", kube_probe, probe_fields);

static const struct kube_field lifecycle_fields[] = {
    { TEXT("stopSignal", kube_lifecycle, stop_signal) },
    WITHOUT_EFFECT("postStart", NULL, "nothing is run after the start"),
    WITHOUT_EFFECT("preStop", NULL, "nothing is run before the stop signal"),
    END,
};
SHAPE(lifecycle_shape, "lifecycle", kube_lifecycle, lifecycle_fields);

static const struct kube_field capabilities_fields[] = {
    { TEXTS("add", kube_capabilities, add) },
    { TEXTS("drop", kube_capabilities, drop) },
    END,
};
SHAPE(capabilities_shape, "list of capabilities", kube_capabilities, capabilities_fields);

static const char *const profile_types[] = { "RuntimeDefault", "Unconfined", "Localhost", NULL };
static const struct kube_field profile_fields[] = {
    { TEXT("type", kube_profile, type), .values = profile_types, .is_required = true },
    { TEXT("localhostProfile", kube_profile, localhost_profile) },
    END,
};
SHAPE(profile_shape, "profile", kube_profile, profile_fields);

static const char *const proc_mounts[] = { "", "Default", "Unmasked", NULL };
static const char not_checked[] = "the user is not looked at: give runAsUser";
static const char no_selinux[] = "berth sets no SELinux labels";
static const char no_windows[] = "this is not Windows";
static const struct kube_field security_fields[] = {
    { ANSWER("privileged", kube_security, privileged) },
    { ANSWER("readOnlyRootFilesystem", kube_security, read_only_root) },
    { ANSWER("allowPrivilegeEscalation", kube_security, privilege_escalation) },
    { NUMBER("runAsUser", kube_security, user), .max = ID_MAX },
    { NUMBER("runAsGroup", kube_security, group), .max = ID_MAX },
    { TEXT("procMount", kube_security, proc_mount), .values = proc_mounts },
    WITHOUT_EFFECT("seLinuxOptions", NULL, no_selinux),
    { OBJECT("capabilities", kube_security, capabilities, capabilities_shape) },
    { OBJECT("seccompProfile", kube_security, seccomp, profile_shape) },
    { OBJECT("appArmorProfile", kube_security, apparmor, profile_shape) },
    WITHOUT_EFFECT("runAsNonRoot", "false", not_checked),
    WITHOUT_EFFECT("windowsOptions", NULL, no_windows),
    END,
};
SHAPE(security_shape, "securityContext", kube_security, security_fields);

static const struct kube_field container_fields[] = {
    { TEXT("name", kube_container, name), .is_required = true },
    { TEXT("image", kube_container, image), .is_required = true },
    { TEXT("imagePullPolicy", kube_container, pull_policy), .values = pull_policies },
    { TEXTS("command", kube_container, command) },
    { TEXTS("args", kube_container, args) },
    { TEXT("workingDir", kube_container, working_dir) },
    { OBJECTS("env", kube_container, env, env_shape) },
    { OBJECTS("envFrom", kube_container, env_from, env_from_shape) },
    { OBJECTS("ports", kube_container, ports, port_shape) },
    { OBJECTS("volumeMounts", kube_container, mounts, mount_shape) },
    { OBJECT("resources", kube_container, resources, resources_shape) },
    { OBJECT("livenessProbe", kube_container, liveness, probe_shape) },
    { OBJECT("startupProbe", kube_container, startup, probe_shape) },
    WITHOUT_EFFECT("readinessProbe", NULL, "nothing asks whether a container is ready"),
    { OBJECT("lifecycle", kube_container, lifecycle, lifecycle_shape) },
    { OBJECT("securityContext", kube_container, security, security_shape) },
    { ANSWER("tty", kube_container, tty) },
    { ANSWER("stdin", kube_container, open_stdin) },
    WITHOUT_EFFECT("stdinOnce", "false", NULL),
    WITHOUT_EFFECT("terminationMessagePath", "/dev/termination-log", NULL),
    WITHOUT_EFFECT("terminationMessagePolicy", "File", NULL),
    WITHOUT_EFFECT("resizePolicy", NULL, NULL),
    WITHOUT_EFFECT("restartPolicyRules", NULL, NULL),
    REFUSED("restartPolicy", NULL, "it is the pod's; there are no sidecar containers"),
    REFUSED("volumeDevices", NULL, "use a hostPath of type BlockDevice"),
    END,
};
SHAPE(container_shape, "container", kube_container, container_fields);

/* ---- Pods ---- */

static const struct kube_field meta_fields[] = {
    { TEXT("name", kube_meta, name) },
    { .name = "labels", .type = &kube_type_pairs, AT(kube_meta, labels) },
    { .name = "annotations", .type = &kube_type_pairs, AT(kube_meta, annotations) },
    ACCEPTED("namespace"),
    ACCEPTED("creationTimestamp"),
    ACCEPTED("deletionGracePeriodSeconds"),
    ACCEPTED("deletionTimestamp"),
    ACCEPTED("generation"),
    ACCEPTED("managedFields"),
    ACCEPTED("ownerReferences"),
    ACCEPTED("resourceVersion"),
    ACCEPTED("selfLink"),
    ACCEPTED("uid"),
    WITHOUT_EFFECT("finalizers", NULL, NULL),
    WITHOUT_EFFECT("generateName", NULL, "names are not made up"),
    END,
};
SHAPE(meta_shape, "metadata", kube_meta, meta_fields);

static const struct kube_field host_alias_fields[] = {
    { TEXT("ip", kube_host_alias, ip), .is_required = true },
    { TEXTS("hostnames", kube_host_alias, hostnames) },
    END,
};
SHAPE(host_alias_shape, "host alias", kube_host_alias, host_alias_fields);

static const struct kube_field dns_option_fields[] = {
    { TEXT("name", kube_dns_option, name), .is_required = true },
    { TEXT("value", kube_dns_option, value) },
    END,
};
SHAPE(dns_option_shape, "option", kube_dns_option, dns_option_fields);

static const struct kube_field dns_fields[] = {
    { TEXTS("nameservers", kube_dns_config, nameservers) },
    { TEXTS("searches", kube_dns_config, searches) },
    { OBJECTS("options", kube_dns_config, options, dns_option_shape) },
    END,
};
SHAPE(dns_shape, "dnsConfig", kube_dns_config, dns_fields);

static const struct kube_field sysctl_fields[] = {
    { TEXT("name", kube_sysctl, name), .is_required = true },
    { TEXT("value", kube_sysctl, value), .is_required = true },
    END,
};
SHAPE(sysctl_shape, "sysctl", kube_sysctl, sysctl_fields);

static const struct kube_field pod_security_fields[] = {
    { NUMBER("runAsUser", kube_security, user), .max = ID_MAX },
    { NUMBER("runAsGroup", kube_security, group), .max = ID_MAX },
    { .name = "supplementalGroups",
            .type = &kube_type_numbers,
            AT(kube_security, groups),
            .max = ID_MAX },
    WITHOUT_EFFECT("seLinuxOptions", NULL, no_selinux),
    { OBJECT("seccompProfile", kube_security, seccomp, profile_shape) },
    { OBJECT("appArmorProfile", kube_security, apparmor, profile_shape) },
    { OBJECTS("sysctls", kube_security, sysctls, sysctl_shape) },
    WITHOUT_EFFECT("fsGroup", NULL, "volumes keep their owners"),
    WITHOUT_EFFECT("fsGroupChangePolicy", NULL, "volumes keep their owners"),
    WITHOUT_EFFECT("runAsNonRoot", "false", not_checked),
    WITHOUT_EFFECT("seLinuxChangePolicy", NULL, NULL),
    WITHOUT_EFFECT("supplementalGroupsPolicy", "Merge", NULL),
    WITHOUT_EFFECT("windowsOptions", NULL, no_windows),
    END,
};
SHAPE(pod_security_shape, "securityContext", kube_security, pod_security_fields);

static const char *const restart_policies[] = { "", "Always", "OnFailure", "Never", NULL };
static const struct kube_field pod_spec_fields[] = {
    { OBJECTS("containers", kube_pod_spec, containers, container_shape), .is_required = true },
    { OBJECTS("initContainers", kube_pod_spec, init_containers, container_shape) },
    { OBJECTS("volumes", kube_pod_spec, volumes, volume_shape) },
    { TEXT("restartPolicy", kube_pod_spec, restart_policy), .values = restart_policies },
    { NUMBER("terminationGracePeriodSeconds", kube_pod_spec, grace_period_sec),
            .max = SECONDS_MAX },
    { TEXT("hostname", kube_pod_spec, hostname) },
    { ANSWER("hostNetwork", kube_pod_spec, host_network) },
    { ANSWER("hostPID", kube_pod_spec, host_pid) },
    { ANSWER("hostIPC", kube_pod_spec, host_ipc) },
    { ANSWER("hostUsers", kube_pod_spec, host_users) },
    { ANSWER("shareProcessNamespace", kube_pod_spec, share_processes) },
    { OBJECTS("hostAliases", kube_pod_spec, host_aliases, host_alias_shape) },
    { OBJECT("dnsConfig", kube_pod_spec, dns, dns_shape) },
    { OBJECT("securityContext", kube_pod_spec, security, pod_security_shape) },
    WITHOUT_EFFECT("dnsPolicy", "ClusterFirst", "names of the pod's networks come first"),
    WITHOUT_EFFECT("activeDeadlineSeconds", NULL, NULL),
    WITHOUT_EFFECT("affinity", NULL, one_machine),
    WITHOUT_EFFECT("automountServiceAccountToken", "false", no_service_account),
    WITHOUT_EFFECT("enableServiceLinks", "true", "there are no services"),
    REFUSED("ephemeralContainers", NULL, NULL),
    WITHOUT_EFFECT("hostnameOverride", NULL, "give hostname"),
    WITHOUT_EFFECT("imagePullSecrets", NULL, "log in with \"berth login\""),
    WITHOUT_EFFECT("nodeName", NULL, one_machine),
    WITHOUT_EFFECT("nodeSelector", NULL, one_machine),
    WITHOUT_EFFECT("os", NULL, NULL),
    WITHOUT_EFFECT("overhead", NULL, one_machine),
    WITHOUT_EFFECT("preemptionPolicy", "PreemptLowerPriority", one_machine),
    WITHOUT_EFFECT("priority", "0", one_machine),
    WITHOUT_EFFECT("priorityClassName", NULL, one_machine),
    WITHOUT_EFFECT("readinessGates", NULL, "nothing asks whether a pod is ready"),
    REFUSED("resourceClaims", NULL, "there are no resource claims"),
    WITHOUT_EFFECT("resources", NULL, "limits are those of its containers"),
    WITHOUT_EFFECT("runtimeClassName", NULL, "the runtime is berth's own"),
    WITHOUT_EFFECT("schedulerName", "default-scheduler", one_machine),
    WITHOUT_EFFECT("schedulingGates", NULL, one_machine),
    WITHOUT_EFFECT("schedulingGroup", NULL, one_machine),
    WITHOUT_EFFECT("serviceAccount", "default", no_service_account),
    WITHOUT_EFFECT("serviceAccountName", "default", no_service_account),
    WITHOUT_EFFECT("setHostnameAsFQDN", "false", "give hostname"),
    WITHOUT_EFFECT("subdomain", NULL, "there are no services"),
    WITHOUT_EFFECT("tolerations", NULL, one_machine),
    WITHOUT_EFFECT("topologySpreadConstraints", NULL, one_machine),
    END,
};
SHAPE(pod_spec_shape, "pod", kube_pod_spec, pod_spec_fields);

static const struct kube_field pod_fields[] = {
    ACCEPTED("apiVersion"),
    ACCEPTED("kind"),
    { OBJECT("metadata", kube_pod, meta, meta_shape) },
    { OBJECT("spec", kube_pod, spec, pod_spec_shape), .is_required = true },
    ACCEPTED("status"),
    END,
};
SHAPE(pod_shape, "pod", kube_pod, pod_fields);

/* ---- What makes pods ---- */

static const char one_pod[] = "there is one pod, and it is replaced as a whole";

static const struct kube_field deployment_spec_fields[] = {
    { NUMBER("replicas", kube_workload_spec, replicas) },
    { OBJECT("template", kube_workload_spec, template, pod_shape), .is_required = true },
    ACCEPTED("selector"),
    WITHOUT_EFFECT("minReadySeconds", "0", one_pod),
    WITHOUT_EFFECT("paused", "false", one_pod),
    WITHOUT_EFFECT("progressDeadlineSeconds", "600", one_pod),
    WITHOUT_EFFECT("revisionHistoryLimit", "10", one_pod),
    WITHOUT_EFFECT("strategy", NULL, one_pod),
    END,
};
SHAPE(deployment_spec_shape, "deployment", kube_workload_spec, deployment_spec_fields);

static const struct kube_field daemon_set_spec_fields[] = {
    { OBJECT("template", kube_workload_spec, template, pod_shape), .is_required = true },
    ACCEPTED("selector"),
    WITHOUT_EFFECT("minReadySeconds", "0", one_pod),
    WITHOUT_EFFECT("revisionHistoryLimit", "10", one_pod),
    WITHOUT_EFFECT("updateStrategy", NULL, one_pod),
    END,
};
SHAPE(daemon_set_spec_shape, "daemon set", kube_workload_spec, daemon_set_spec_fields);

static const char one_run[] = "the pod is run once";

static const struct kube_field job_spec_fields[] = {
    { OBJECT("template", kube_workload_spec, template, pod_shape), .is_required = true },
    ACCEPTED("selector"),
    ACCEPTED("manualSelector"),
    WITHOUT_EFFECT("activeDeadlineSeconds", NULL, one_run),
    WITHOUT_EFFECT("backoffLimit", "6", one_run),
    WITHOUT_EFFECT("backoffLimitPerIndex", NULL, one_run),
    WITHOUT_EFFECT("completionMode", "NonIndexed", one_run),
    WITHOUT_EFFECT("completions", "1", one_run),
    WITHOUT_EFFECT("managedBy", NULL, one_run),
    WITHOUT_EFFECT("maxFailedIndexes", NULL, one_run),
    WITHOUT_EFFECT("parallelism", "1", one_run),
    WITHOUT_EFFECT("podFailurePolicy", NULL, one_run),
    WITHOUT_EFFECT("podReplacementPolicy", NULL, one_run),
    WITHOUT_EFFECT("successPolicy", NULL, one_run),
    WITHOUT_EFFECT("suspend", "false", one_run),
    WITHOUT_EFFECT("ttlSecondsAfterFinished", NULL, one_run),
    END,
};
SHAPE(job_spec_shape, "job", kube_workload_spec, job_spec_fields);

#define WORKLOAD(shape_, name_, fields_, spec_)                                       \
    static const struct kube_field fields_[] = {                                      \
        ACCEPTED("apiVersion"),                                                       \
        ACCEPTED("kind"),                                                             \
        { OBJECT("metadata", kube_workload, meta, meta_shape), .is_required = true }, \
        { OBJECT("spec", kube_workload, spec, spec_), .is_required = true },          \
        ACCEPTED("status"),                                                           \
        END,                                                                          \
    };                                                                                \
    SHAPE(shape_, name_, kube_workload, fields_)

WORKLOAD(deployment_shape, "deployment", deployment_fields, deployment_spec_shape);
WORKLOAD(daemon_set_shape, "daemon set", daemon_set_fields, daemon_set_spec_shape);
WORKLOAD(job_shape, "job", job_fields, job_spec_shape);

/* ---- Data ---- */

static const struct kube_field config_map_fields[] = {
    ACCEPTED("apiVersion"),
    ACCEPTED("kind"),
    { OBJECT("metadata", kube_config_map, meta, meta_shape), .is_required = true },
    { .name = "data", .type = &kube_type_pairs, AT(kube_config_map, data) },
    { .name = "binaryData", .type = &kube_type_blobs, AT(kube_config_map, binary_data) },
    ACCEPTED("immutable"),
    END,
};
SHAPE(config_map_shape, "config map", kube_config_map, config_map_fields);

static const struct kube_field secret_fields[] = {
    ACCEPTED("apiVersion"),
    ACCEPTED("kind"),
    { OBJECT("metadata", kube_secret, meta, meta_shape), .is_required = true },
    { .name = "data", .type = &kube_type_blobs, AT(kube_secret, data) },
    { .name = "stringData", .type = &kube_type_pairs, AT(kube_secret, string_data) },
    { TEXT("type", kube_secret, type) },
    { ANSWER("immutable", kube_secret, immutable) },
    END,
};
SHAPE(secret_shape, "secret", kube_secret, secret_fields);

static const struct kube_field claim_fields[] = {
    ACCEPTED("apiVersion"),
    ACCEPTED("kind"),
    { OBJECT("metadata", kube_claim, meta, meta_shape), .is_required = true },
    ACCEPTED("spec"), /* a volume of one machine has neither class nor size */
    ACCEPTED("status"),
    END,
};
SHAPE(claim_shape, "claim", kube_claim, claim_fields);

const struct kube_kind_info kube_kinds[KUBE_KIND_MAX_] = {
    [KUBE_CONFIG_MAP] = { "ConfigMap", &config_map_shape },
    [KUBE_DAEMON_SET] = { "DaemonSet", &daemon_set_shape },
    [KUBE_DEPLOYMENT] = { "Deployment", &deployment_shape },
    [KUBE_JOB] = { "Job", &job_shape },
    [KUBE_CLAIM] = { "PersistentVolumeClaim", &claim_shape },
    [KUBE_POD] = { "Pod", &pod_shape },
    [KUBE_SECRET] = { "Secret", &secret_shape },
};
