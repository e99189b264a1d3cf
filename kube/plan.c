#include "kube/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/parse.h"
#include "base/str.h"
#include "compose/document.h"
#include "kube/plan-internal.h"
#include "kube/read.h"

#define VOLUME_ANNOTATION "volume.podman.io/"
#define ID_MAX UINT32_MAX

/* ---- Findings ---- */

static struct diag_entry *add_finding(struct kube_planning *p, enum diag_severity severity,
        const struct source *at, const char *format, va_list args)
{
    return diag_add(p->diag, severity, NULL, at, "%s", arena_vprintf(p->arena, format, args));
}

struct diag_entry *kube_plan_error(struct kube_planning *p, const struct node *node,
        const char *field, const char *format, ...)
{
    struct source at = kube_at(node, field);
    va_list args;

    va_start(args, format);
    struct diag_entry *finding = add_finding(p, DIAG_ERROR, &at, format, args);
    va_end(args);
    return finding;
}

struct diag_entry *kube_plan_warning(struct kube_planning *p, const struct node *node,
        const char *field, const char *format, ...)
{
    struct source at = kube_at(node, field);
    va_list args;

    va_start(args, format);
    struct diag_entry *finding = add_finding(p, DIAG_WARNING, &at, format, args);
    va_end(args);
    return finding;
}

/* ---- Names ---- */

bool kube_name_is_valid(const char *name)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

    return *name && name[strspn(name, good)] == '\0' && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static const struct kube_config_map *find_config_map_in(
        const struct kube_documents *documents, const char *name)
{
    for (size_t i = 0; documents && i < documents->len; i++) {
        const struct kube_config_map *map = documents->items[i].object;

        if (documents->items[i].kind == KUBE_CONFIG_MAP && string_is_equal(map->meta->name, name))
            return map;
    }
    return NULL;
}

const struct kube_config_map *kube_find_config_map(const struct kube_planning *p, const char *name)
{
    const struct kube_config_map *map = find_config_map_in(p->documents, name);

    return map ? map : find_config_map_in(p->options->config_maps, name);
}

static const struct kube_secret *find_secret_in(
        const struct kube_documents *documents, const char *name)
{
    for (size_t i = documents->len; i-- > 0;) { /* the last one replaces the others in the store */
        const struct kube_secret *secret = documents->items[i].object;

        if (documents->items[i].kind == KUBE_SECRET && string_is_equal(secret->meta->name, name))
            return secret;
    }
    return NULL;
}

const struct kube_secret *kube_find_secret(const struct kube_planning *p, const char *name)
{
    const struct kube_secret *secret = find_secret_in(p->documents, name);

    ARRAY_FOREACH(&p->options->secrets, named)
        if (!secret && strcmp(named->name, name) == 0)
            secret = named->secret;
    return secret;
}

/* ---- Pods ---- */

static void plan_ports(struct kube_planning *p)
{
    ARRAY_FOREACH(&p->spec->containers, container)
        ARRAY_FOREACH(&container->ports, port) {
            int64_t inside = port->container_port.value, outside = port->host_port.value;
            bool is_udp = port->protocol && strcasecmp(port->protocol, "udp") == 0;

            if (outside && !inside)
                inside = outside;
            if (!outside && p->options->publish_all)
                outside = inside;
            if (outside)
                *ARRAY_APPEND_ARENA(p->arena, &p->pod->ports) = (struct kube_port_plan){
                    .host_ip = string_is_empty(port->host_ip) ? NULL : port->host_ip,
                    .protocol = is_udp ? "udp" : "tcp",
                    .host_port = (uint16_t)outside,
                    .container_port = (uint16_t)inside,
                };
        }
}

static void plan_names(struct kube_planning *p)
{
    struct kube_pod_plan *pod = p->pod;

    ARRAY_FOREACH(&p->spec->host_aliases, alias)
        ARRAY_FOREACH(&alias->hostnames, name)
            *ARRAY_APPEND_ARENA(p->arena, &pod->extra_hosts) = arena_printf(
                    p->arena, "%s:%s", *name, alias->ip);
    if (p->spec->dns) {
        pod->dns = p->spec->dns->nameservers;
        pod->dns_search = p->spec->dns->searches;
        ARRAY_FOREACH(&p->spec->dns->options, option)
            *ARRAY_APPEND_ARENA(p->arena, &pod->dns_options) = arena_printf(p->arena, "%s%s%s",
                    option->name, option->value ? ":" : "", option->value ? option->value : "");
    }
    if (p->spec->security)
        ARRAY_FOREACH(&p->spec->security->sysctls, sysctl)
            kube_pairs_set(p->arena, &pod->sysctls, sysctl->name, sysctl->value);
    ARRAY_FOREACH(&p->spec->containers, container)
        *ARRAY_APPEND_ARENA(p->arena, &pod->aliases) = arena_strdup(p->arena, container->name);
}

static enum kube_init init_type(struct kube_planning *p)
{
    static const char name[] = "io.podman.annotations.init.container.type";
    const char *type = kube_pairs_get(&p->annotations, name);

    if (!type || strcmp(type, "once") == 0)
        return KUBE_INIT_ONCE;
    if (strcmp(type, "always") != 0)
        kube_plan_error(p, node_get(p->meta, "annotations"), name,
                "annotation %s: \"%s\" is not once or always", name, type);
    return KUBE_INIT_ALWAYS;
}

static void plan_containers(struct kube_planning *p)
{
    enum kube_init init = init_type(p);

    ARRAY_FOREACH(&p->spec->init_containers, container) {
        struct kube_container_plan plan = { .init = init };

        kube_plan_container(p, container, &plan);
        *ARRAY_APPEND_ARENA(p->arena, &p->pod->containers) = plan;
    }
    ARRAY_FOREACH(&p->spec->containers, container) {
        struct kube_container_plan plan = { .init = KUBE_INIT_NO };

        kube_plan_container(p, container, &plan);
        *ARRAY_APPEND_ARENA(p->arena, &p->pod->containers) = plan;
    }
    if (p->spec->containers.len == 0)
        kube_plan_error(
                p, p->spec->node, "containers", "the pod \"%s\" has no containers", p->pod->name);
}

static const char *restart_of(const struct kube_pod_spec *spec)
{
    if (string_is_equal(spec->restart_policy, "OnFailure"))
        return "on-failure";
    return string_is_equal(spec->restart_policy, "Never") ? "no" : "always";
}

static void add_annotations(struct kube_planning *p, const struct kube_meta *meta)
{
    if (!meta)
        return;
    ARRAY_FOREACH(&meta->annotations, pair)
        kube_pairs_set(p->arena, &p->annotations, pair->key, pair->value);
    p->meta = meta->node;
}

/* `owner` is what the pod comes from, or NULL. */
static void plan_pod(struct kube_planning *p, const char *name, const struct kube_meta *owner,
        const struct kube_pod *from)
{
    struct kube_pod_plan pod = { .name = name,
        .restart = restart_of(from->spec),
        .host_network = from->spec->host_network == KUBE_YES,
        .host_pid = from->spec->host_pid == KUBE_YES,
        .host_ipc = from->spec->host_ipc == KUBE_YES,
        .share_pid = from->spec->share_processes == KUBE_YES,
        .at = from->node->at };

    pod.hostname = pod.host_network                         ? p->options->hostname
                   : !string_is_empty(from->spec->hostname) ? from->spec->hostname
                                                            : name;
    p->spec = from->spec;
    p->pod = &pod;
    p->annotations = (struct kube_pairs){ 0 };
    p->meta = NULL;
    add_annotations(p, owner);
    add_annotations(p, from->meta);
    ARRAY_FOREACH(&p->options->annotations, pair)
        kube_pairs_set(p->arena, &p->annotations, pair->key, pair->value);
    if (from->meta)
        pod.labels = from->meta->labels;
    if (from->spec->host_users == KUBE_NO)
        pod.userns = "auto";
    kube_plan_pod_annotations(p);
    plan_ports(p);
    plan_names(p);
    kube_plan_files(p);
    plan_containers(p);
    ARRAY_FOREACH(&p->plan->pods, other)
        if (strcmp(other->name, name) == 0)
            kube_plan_error(p, from->node, "", "there are several pods \"%s\"", name);
    *ARRAY_APPEND_ARENA(p->arena, &p->plan->pods) = pod;
}

static const char *name_of(
        struct kube_planning *p, const struct kube_document *document, const struct kube_meta *meta)
{
    static const char *const words[KUBE_KIND_MAX_] = {
        [KUBE_CONFIG_MAP] = "config map",
        [KUBE_DAEMON_SET] = "daemonSet",
        [KUBE_DEPLOYMENT] = "deployment",
        [KUBE_JOB] = "job",
        [KUBE_CLAIM] = "persistent volume claim",
        [KUBE_POD] = "pod",
        [KUBE_SECRET] = "secret",
    };
    const char *name = meta ? meta->name : NULL;

    if (string_is_empty(name)) {
        kube_plan_error(
                p, document->node, "metadata", "%s does not have a name", words[document->kind]);
        return NULL;
    }
    if (kube_name_is_valid(name))
        return name;
    kube_plan_error(p, meta->node, "name", "\"%s\" cannot be the name of a %s", name,
            words[document->kind]);
    return NULL;
}

static void plan_workload(struct kube_planning *p, const struct kube_document *document)
{
    const struct kube_workload *workload = document->object;
    const char *name = name_of(p, document, workload->meta);

    if (workload->spec->replicas.value > 1)
        kube_plan_warning(p, workload->spec->node, "replicas",
                "limiting replica count to 1: more than one replica is not supported");
    if (name)
        plan_pod(p, arena_printf(p->arena, "%s-pod", name), workload->meta,
                workload->spec->template);
}

/* ---- Volumes and secrets ---- */

static void plan_owner(struct kube_planning *p, const struct kube_claim *claim,
        const struct kube_pair *pair, struct kube_claim_plan *plan)
{
    const char *name = pair->key + strlen(VOLUME_ANNOTATION);
    uint32_t id;

    if (parse_uint32(str_from(pair->value), ID_MAX, &id) < 0)
        kube_plan_error(p, node_get(claim->meta->node, "annotations"), pair->key,
                "cannot convert %s %s to integer", name, pair->value);
    const char *before = kube_pairs_get(&plan->options, "o");
    kube_pairs_set(p->arena, &plan->options, "o",
            arena_printf(p->arena, "%s%s%s=%s", before ? before : "", before ? "," : "", name,
                    pair->value));
}

/* Podman's options of volumes are annotations of claims. */
static void plan_claim(struct kube_planning *p, const struct kube_document *document)
{
    const struct kube_claim *claim = document->object;
    struct kube_claim_plan plan = { .name = name_of(p, document, claim->meta),
        .labels = claim->meta->labels };

    ARRAY_FOREACH(&claim->meta->annotations, pair) {
        const char *option = pair->key + strlen(VOLUME_ANNOTATION);

        if (!string_has_prefix(pair->key, VOLUME_ANNOTATION))
            continue;
        if (strcmp(option, "driver") == 0)
            plan.driver = pair->value;
        else if (strcmp(option, "device") == 0 || strcmp(option, "type") == 0)
            kube_pairs_set(p->arena, &plan.options, option, pair->value);
        else if (strcmp(option, "mount-options") == 0) {
            const char *before = kube_pairs_get(&plan.options, "o");

            kube_pairs_set(p->arena, &plan.options, "o",
                    before ? arena_printf(p->arena, "%s,%s", before, pair->value) : pair->value);
        } else if (strcmp(option, "uid") == 0 || strcmp(option, "gid") == 0)
            plan_owner(p, claim, pair, &plan);
        else
            kube_plan_error(p, node_get(claim->meta->node, "annotations"), pair->key,
                    "annotation %s is not supported", pair->key);
    }
    if (plan.name)
        *ARRAY_APPEND_ARENA(p->arena, &p->plan->claims) = plan;
}

static bool check_key(
        struct kube_planning *p, const struct node *node, const char *field, const char *key)
{
    if (kube_name_is_valid(key))
        return true;
    kube_plan_error(p, node_get(node, field), key,
            "%s: the key \"%s\" has other characters than letters, digits, \"-\", \"_\" and \".\"",
            field, key);
    return false;
}

static void plan_secret(struct kube_planning *p, const struct kube_document *document)
{
    const struct kube_secret *secret = document->object;
    struct kube_secret_plan plan = { .name = name_of(p, document, secret->meta),
        .at = document->node->at };
    bool good = plan.name;

    ARRAY_FOREACH(&secret->data, blob)
        good = check_key(p, secret->node, "data", blob->key) && good;
    ARRAY_FOREACH(&secret->string_data, pair)
        good = check_key(p, secret->node, "stringData", pair->key) && good;
    if (!good)
        return;
    plan.text = kube_format_secret(p->arena, secret);
    if (!plan.text)
        kube_plan_error(p, secret->node, "data", "secret %s is too large", plan.name);
    *ARRAY_APPEND_ARENA(p->arena, &p->plan->secrets) = plan;
}

static void check_config_map(struct kube_planning *p, const struct kube_document *document)
{
    const struct kube_config_map *map = document->object;
    const char *name = name_of(p, document, map->meta);

    ARRAY_FOREACH(&map->data, pair)
        check_key(p, map->node, "data", pair->key);
    ARRAY_FOREACH(&map->binary_data, blob)
        check_key(p, map->node, "binaryData", blob->key);
    if (name && find_config_map_in(p->options->config_maps, name))
        kube_plan_error(p, map->meta->node, "name",
                "ambiguous configuration: the same config map %s is present in YAML and in "
                "--configmap",
                name);
}

/* ---- All of it ---- */

static void plan_document(struct kube_planning *p, const struct kube_document *document)
{
    const struct kube_pod *pod = document->object;

    switch (document->kind) {
    case KUBE_POD: {
        const char *name = name_of(p, document, pod->meta);

        if (name)
            plan_pod(p, name, NULL, pod);
        return;
    }
    case KUBE_DAEMON_SET:
    case KUBE_DEPLOYMENT:
    case KUBE_JOB:
        plan_workload(p, document);
        return;
    case KUBE_CLAIM:
        plan_claim(p, document);
        return;
    case KUBE_SECRET:
        plan_secret(p, document);
        return;
    case KUBE_CONFIG_MAP:
        check_config_map(p, document);
        return;
    case KUBE_KIND_MAX_:
        break;
    }
}

static bool is_pod(enum kube_kind kind)
{
    return kind == KUBE_POD || kind == KUBE_DEPLOYMENT || kind == KUBE_DAEMON_SET ||
           kind == KUBE_JOB;
}

int kube_plan_make(struct arena *arena, const struct kube_documents *documents,
        const struct kube_plan_options *options, struct kube_plan *ret, struct diag *diag)
{
    struct kube_planning p = {
        .arena = arena, .diag = diag, .documents = documents, .options = options, .plan = ret
    };
    size_t before = diag->errors, config_maps = 0;

    *ret = (struct kube_plan){ 0 };
    ARRAY_FOREACH(documents, document) {
        plan_document(&p, document);
        config_maps += document->kind == KUBE_CONFIG_MAP;
    }
    if (config_maps == documents->len)
        diag_add(diag, DIAG_ERROR, NULL, documents->len ? &documents->items[0].node->at : NULL,
                documents->len
                        ? "ConfigMaps are not a standalone object and must be used in a container"
                        : "YAML document does not contain any supported kube kind");
    return diag->errors > before ? -EINVAL : 0;
}

/* ---- Secrets of the store ---- */

static void add_name(struct arena *arena, const struct kube_documents *documents,
        struct strings *names, const char *name)
{
    if (find_secret_in(documents, name))
        return;
    ARRAY_FOREACH(names, known)
        if (strcmp(*known, name) == 0)
            return;
    *ARRAY_APPEND_ARENA(arena, names) = arena_strdup(arena, name);
}

static void add_names_of(struct arena *arena, const struct kube_documents *documents,
        struct strings *names, const struct kube_containers *containers)
{
    ARRAY_FOREACH(containers, container) {
        ARRAY_FOREACH(&container->env, variable)
            if (variable->from && variable->from->secret)
                add_name(arena, documents, names, variable->from->secret->name);
        ARRAY_FOREACH(&container->env_from, source)
            if (source->secret)
                add_name(arena, documents, names, source->secret->name);
    }
}

static const struct kube_pod_spec *spec_of(const struct kube_document *document)
{
    if (document->kind == KUBE_POD)
        return ((const struct kube_pod *)document->object)->spec;
    return ((const struct kube_workload *)document->object)->spec->template->spec;
}

struct strings kube_stored_secrets(struct arena *arena, const struct kube_documents *documents)
{
    struct strings names = { 0 };

    ARRAY_FOREACH(documents, document) {
        if (!is_pod(document->kind))
            continue;
        const struct kube_pod_spec *spec = spec_of(document);

        add_names_of(arena, documents, &names, &spec->init_containers);
        add_names_of(arena, documents, &names, &spec->containers);
        ARRAY_FOREACH(&spec->volumes, volume)
            if (volume->secret)
                add_name(arena, documents, &names, volume->secret->name);
    }
    return names;
}
