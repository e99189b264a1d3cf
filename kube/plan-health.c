/* Probes as health checks. As Podman has it, HTTP and TCP are asked from inside, by the image's curl and nc. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "kube/plan-internal.h"

#define COMMAND_TEXT_MAX 65536
#define PERIOD_DEFAULT_SEC 10
#define TIMEOUT_DEFAULT_SEC 1
#define RETRIES_DEFAULT 3

static char **vector_of(struct arena *arena, const char *first, const struct strings *rest)
{
    char **vector = ARENA_NEW_ARRAY(arena, rest->len + 2, char *);

    vector[0] = arena_strdup(arena, first);
    for (size_t i = 0; i < rest->len; i++)
        vector[i + 1] = rest->items[i];
    return vector;
}

static char **shell_test(struct arena *arena, char *text)
{
    return vector_of(arena, "CMD-SHELL", &(struct strings){ &text, 1, 1 });
}

/* A number, or the name of one of the container's ports. 0 after an error. */
static unsigned find_port(struct kube_planning *p, const struct kube_container *container,
        const struct node *node, const char *text)
{
    uint32_t number;

    if (parse_uint32(str_from(text), 65535, &number) >= 0 && number > 0)
        return number;
    ARRAY_FOREACH(&container->ports, port)
        if (string_is_equal(port->name, text))
            return (unsigned)port->container_port.value;
    kube_plan_error(p, node, "port", "unknown port: %s", text);
    return 0;
}

static const char *shell_word(struct arena *arena, const char *text)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(COMMAND_TEXT_MAX);

    strbuf_add_shell_word(&out, text);
    return arena_strndup(arena, out.data, out.len);
}

static char **http_test(struct kube_planning *p, const struct kube_container *container,
        const struct kube_http_get *http)
{
    const char *path = http->path ? http->path : "";
    char *url = arena_printf(p->arena, "%s://%s:%u%s%s",
            string_is_equal(http->scheme, "HTTPS") ? "https" : "http",
            string_is_empty(http->host) ? "localhost" : http->host,
            find_port(p, container, http->node, http->port), *path == '/' ? "" : "/", path);

    return shell_test(
            p->arena, arena_printf(p->arena, "curl -f %s || exit 1", shell_word(p->arena, url)));
}

static char **tcp_test(
        struct kube_planning *p, const struct kube_container *container, const struct kube_tcp *tcp)
{
    const char *host = string_is_empty(tcp->host) ? "localhost" : tcp->host;

    return shell_test(
            p->arena, arena_printf(p->arena, "nc -z -v %s %u || exit 1", shell_word(p->arena, host),
                              find_port(p, container, tcp->node, tcp->port)));
}

static int64_t number_or(struct kube_number number, int64_t otherwise)
{
    return number.is_set && number.value >= 1 ? number.value : otherwise;
}

static struct kube_health_plan plan_probe(struct kube_planning *p,
        const struct kube_container *container, const struct kube_probe *probe)
{
    struct kube_health_plan plan = {
        .period_sec = number_or(probe->period_sec, PERIOD_DEFAULT_SEC),
        .timeout_sec = number_or(probe->timeout_sec, TIMEOUT_DEFAULT_SEC),
        .retries = number_or(probe->failure_threshold, RETRIES_DEFAULT),
        .start_period_sec = number_or(probe->initial_delay_sec, 0),
        .successes = number_or(probe->success_threshold, 0),
    };

    if (probe->exec)
        plan.test = vector_of(p->arena, "CMD", &probe->exec->command);
    else if (probe->http)
        plan.test = http_test(p, container, probe->http);
    else if (probe->tcp)
        plan.test = tcp_test(p, container, probe->tcp);
    else
        kube_plan_error(p, probe->node, "", "a probe needs exec, httpGet or tcpSocket");
    return plan;
}

void kube_plan_health(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to)
{
    if (from->liveness)
        to->health = plan_probe(p, from, from->liveness);
    if (from->startup)
        to->startup = plan_probe(p, from, from->startup);
    /* Without one that goes on, the check of the start has nothing to hand over to. */
    if (to->startup.test && !to->health.test) {
        to->health = to->startup;
        to->health.test = shell_test(p->arena, arena_strdup(p->arena, "exit 0"));
    }
    to->restart_unhealthy = to->health.test && strcmp(to->restart, "no") != 0;
}
