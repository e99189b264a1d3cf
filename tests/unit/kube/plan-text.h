/* A plan as text, one line for each thing that is said: for goldens. */
#pragma once

#include <inttypes.h>

#include "base/strbuf.h"
#include "kube/plan.h"

static void add_texts(struct strbuf *out, const char *name, const struct strings *texts)
{
    if (texts->len > 0)
        strbuf_addf(out, "    %s:", name);
    for (size_t i = 0; i < texts->len; i++)
        strbuf_addf(out, " [%s]", texts->items[i]);
    if (texts->len > 0)
        strbuf_addc(out, '\n');
}

static void add_vector(struct strbuf *out, const char *name, char *const *texts)
{
    if (!texts)
        return;
    strbuf_addf(out, "    %s:", name);
    for (; *texts; texts++)
        strbuf_addf(out, " [%s]", *texts);
    strbuf_addc(out, '\n');
}

static void add_pairs(struct strbuf *out, const char *name, const struct kube_pairs *pairs)
{
    for (size_t i = 0; i < pairs->len; i++)
        strbuf_addf(out, "    %s: %s=%s\n", name, pairs->items[i].key, pairs->items[i].value);
}

static void add_word(struct strbuf *out, const char *name, const char *text)
{
    if (text)
        strbuf_addf(out, "    %s: %s\n", name, text);
}

static void add_number(struct strbuf *out, const char *name, int64_t number)
{
    if (number)
        strbuf_addf(out, "    %s: %" PRId64 "\n", name, number);
}

static void add_mount(struct strbuf *out, const struct kube_mount_plan *mount)
{
    static const char *const kinds[] = { "host", "volume", "empty", "memory", "image", "device" };

    strbuf_addf(out, "    mount: %s %s on %s", kinds[mount->kind], mount->source, mount->target);
    if (mount->host_type && *mount->host_type)
        strbuf_addf(out, " type=%s", mount->host_type);
    if (mount->sub_path)
        strbuf_addf(out, " below=%s", mount->sub_path);
    if (mount->propagation)
        strbuf_addf(out, " %s", mount->propagation);
    if (mount->size_bytes)
        strbuf_addf(out, " size=%" PRId64, mount->size_bytes);
    strbuf_adds(out, mount->read_only ? " ro\n" : "\n");
}

static void add_health(struct strbuf *out, const char *name, const struct kube_health_plan *health)
{
    if (!health->test)
        return;
    add_vector(out, name, health->test);
    strbuf_addf(out,
            "      every %" PRId64 "s, timeout %" PRId64 "s, start %" PRId64 "s, retries %" PRId64
            ", successes %" PRId64 "\n",
            health->period_sec, health->timeout_sec, health->start_period_sec, health->retries,
            health->successes);
}

static void add_container(struct strbuf *out, const struct kube_container_plan *c)
{
    static const char *const inits[] = { "", " (first, once)", " (first, always)" };

    strbuf_addf(out, "  container %s%s: %s, pull %s, restart %s\n", c->name, inits[c->init],
            c->image, c->pull_policy, c->restart);
    add_vector(out, "command", c->command);
    add_vector(out, "args", c->args);
    for (size_t i = 0; i < c->env.len; i++)
        strbuf_addf(out, "    env: %s=%s\n", c->env.items[i].name,
                c->env.items[i].value ? c->env.items[i].value : "(the pod's id)");
    add_word(out, "working directory", c->working_dir);
    add_word(out, "user", c->user);
    add_vector(out, "groups", c->groups);
    add_word(out, "stop signal", c->stop_signal);
    if (c->stop_timeout_sec.is_set)
        strbuf_addf(out, "    stop timeout: %" PRId64 "\n", c->stop_timeout_sec.value);
    strbuf_addf(out, "%s%s%s%s%s%s", c->tty ? "    tty\n" : "", c->open_stdin ? "    stdin\n" : "",
            c->run_init ? "    init\n" : "", c->auto_remove ? "    auto-remove\n" : "",
            c->privileged ? "    privileged\n" : "", c->read_only ? "    read-only\n" : "");
    for (size_t i = 0; i < c->mounts.len; i++)
        add_mount(out, &c->mounts.items[i]);
    add_texts(out, "volumes from", &c->volumes_from);
    add_number(out, "memory", c->memory_bytes);
    add_number(out, "memory reservation", c->memory_reservation_bytes);
    add_number(out, "nano cpus", c->nano_cpus);
    add_number(out, "cpu shares", c->cpu_shares);
    add_number(out, "pids", c->pids_limit);
    add_word(out, "cpus", c->cpuset_cpus);
    add_word(out, "memory nodes", c->cpuset_mems);
    add_texts(out, "ulimits", &c->ulimits);
    add_texts(out, "cap add", &c->cap_add);
    add_texts(out, "cap drop", &c->cap_drop);
    add_texts(out, "security", &c->security_opt);
    add_health(out, "health", &c->health);
    add_health(out, "startup", &c->startup);
    if (c->restart_unhealthy)
        strbuf_adds(out, "    unhealthy: restart\n");
    add_word(out, "notify", c->notify);
    add_pairs(out, "label", &c->labels);
    add_pairs(out, "annotation", &c->annotations);
}

static void add_files(struct strbuf *out, const struct kube_files_plan *plan)
{
    for (size_t i = 0; i < plan->files.len; i++)
        strbuf_addf(out, "    file: %s/%s mode %o, %zu bytes\n", plan->volume,
                plan->files.items[i].path, plan->files.items[i].mode, plan->files.items[i].len);
}

static void add_pod(struct strbuf *out, const struct kube_pod_plan *pod)
{
    strbuf_addf(out, "pod %s: hostname %s, restart %s%s%s%s%s\n", pod->name, pod->hostname,
            pod->restart, pod->host_network ? ", host network" : "",
            pod->host_pid ? ", host pid" : "", pod->host_ipc ? ", host ipc" : "",
            pod->share_pid ? ", one pid namespace" : "");
    add_word(out, "infra", pod->infra_name);
    add_word(out, "userns", pod->userns);
    add_texts(out, "hosts", &pod->extra_hosts);
    add_texts(out, "dns", &pod->dns);
    add_texts(out, "dns search", &pod->dns_search);
    add_texts(out, "dns options", &pod->dns_options);
    add_pairs(out, "sysctl", &pod->sysctls);
    add_pairs(out, "label", &pod->labels);
    for (size_t i = 0; i < pod->ports.len; i++)
        strbuf_addf(out, "    port: %s:%u to %u/%s\n",
                pod->ports.items[i].host_ip ? pod->ports.items[i].host_ip : "",
                pod->ports.items[i].host_port, pod->ports.items[i].container_port,
                pod->ports.items[i].protocol);
    add_texts(out, "aliases", &pod->aliases);
    for (size_t i = 0; i < pod->files.len; i++)
        add_files(out, &pod->files.items[i]);
    for (size_t i = 0; i < pod->containers.len; i++)
        add_container(out, &pod->containers.items[i]);
}

static void plan_to_text(const struct kube_plan *plan, struct strbuf *out)
{
    for (size_t i = 0; i < plan->claims.len; i++) {
        strbuf_addf(out, "volume %s: driver %s\n", plan->claims.items[i].name,
                plan->claims.items[i].driver ? plan->claims.items[i].driver : "local");
        add_pairs(out, "option", &plan->claims.items[i].options);
        add_pairs(out, "label", &plan->claims.items[i].labels);
    }
    for (size_t i = 0; i < plan->secrets.len; i++)
        strbuf_addf(out, "secret %s: %s", plan->secrets.items[i].name, plan->secrets.items[i].text);
    for (size_t i = 0; i < plan->pods.len; i++)
        add_pod(out, &plan->pods.items[i]);
}
