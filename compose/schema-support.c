/* Which values of supported attributes berth's engine cannot carry out yet. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/parse.h"
#include "base/str.h"
#include "compose/project.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types.h"

/* ------------------------------------------------------- what the engine cannot do yet */

static bool is_one_of(const struct node *node, const char *const *words)
{
    for (; node->kind == NODE_TEXT && *words; words++)
        if (strcmp(node->text, *words) == 0)
            return true;
    return false;
}

bool network_mode_unsupported(const struct node *node)
{
    static const char *const known[] = { "bridge", "default", "host", "none", NULL };

    return node->kind == NODE_TEXT && !is_one_of(node, known) &&
           !string_has_prefix(node->text, "service:") &&
           !string_has_prefix(node->text, "container:");
}

bool mount_type_unsupported(const struct node *node)
{
    static const char *const known[] = { "bind", "volume", "tmpfs", "image", NULL };

    return !is_one_of(node, known);
}

bool protocol_unsupported(const struct node *node)
{
    static const char *const known[] = { "tcp", "udp", NULL };

    return !is_one_of(node, known);
}

bool network_driver_unsupported(const struct node *node)
{
    static const char *const known[] = { "", "bridge", "macvlan", "ipvlan", NULL };

    return !is_one_of(node, known);
}

bool volume_driver_unsupported(const struct node *node)
{
    static const char *const known[] = { "", "local", NULL };

    return !is_one_of(node, known);
}

bool is_true_unsupported(const struct node *node)
{
    return node->kind == NODE_BOOL && node->boolean;
}

bool log_driver_unsupported(const struct node *node)
{
    static const char *const known[] = { "json-file", "local", "journald", "none", NULL };

    return !is_one_of(node, known);
}

bool deploy_mode_unsupported(const struct node *node)
{
    /* On one machine, as many replicas as asked for, or as Swarm's global has it there: one. */
    static const char *const known[] = { "replicated", "global", NULL };

    return !is_one_of(node, known);
}

bool pull_policy_unsupported(const struct node *node)
{
    static const char *const known[] = { "always", "never", "missing", "if_not_present", "build",
        "daily", "weekly", "refresh", NULL };
    static const char prefix[] = "every_";
    int64_t usec;

    return !is_one_of(node, known) &&
           !(node->kind == NODE_TEXT && string_has_prefix(node->text, prefix) &&
                   parse_duration_usec(str_from(node->text + strlen(prefix)), &usec) == 0 &&
                   usec >= 0);
}

bool restart_unsupported(const struct node *node)
{
    static const char *const known[] = { "", "no", "always", "unless-stopped", "on-failure", NULL };
    static const char prefix[] = "on-failure:";
    size_t len = strlen(prefix);

    return !is_one_of(node, known) &&
           !(node->kind == NODE_TEXT && string_has_prefix(node->text, prefix) && node->text[len] &&
                   strspn(node->text + len, "0123456789") == strlen(node->text + len));
}

bool restart_exact(const struct node *node)
{
    static const char *const never[] = { "", "no", NULL };

    return is_one_of(node, never);
}

bool is_any_value(const struct node *node)
{
    (void)node;
    return true;
}

bool owner_unsupported(const struct node *node)
{
    return node->kind == NODE_TEXT && strspn(node->text, "0123456789") != strlen(node->text);
}

/* Attestations that are switched off are no loss. */
bool switch_unsupported(const struct node *node)
{
    static const char *const known[] = { "false", NULL };

    return !is_one_of(node, known);
}

bool several_unsupported(const struct node *node)
{
    return node->kind == NODE_LIST && node->len > 1;
}

/* A bridge has one subnet of each family. */
bool pools_unsupported(const struct node *node)
{
    size_t count[2] = { 0 };

    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        const char *subnet = node_get_text(node->items[i], "subnet");

        if (count[subnet && strchr(subnet, ':')]++ > 0)
            return true;
    }
    return false;
}

bool context_unsupported(const struct node *node)
{
    return node->kind == NODE_TEXT && !string_has_prefix(node->text, "/");
}

bool contexts_unsupported(const struct node *node)
{
    NODE_FOREACH(node, entry) {
        if (context_unsupported(entry->value) &&
                !string_has_prefix(entry->value->text, "docker-image://") &&
                !string_has_prefix(entry->value->text, "service:"))
            return true;
    }
    return false;
}

static bool has_other_keys(const struct node *map, const char *const *known, const char *prefix)
{
    NODE_FOREACH(map, entry) {
        bool found = prefix && string_has_prefix(entry->key, prefix);

        for (size_t i = 0; known[i]; i++)
            found = found || strcmp(entry->key, known[i]) == 0;
        if (!found)
            return true;
    }
    return false;
}

bool network_options_unsupported(const struct node *node)
{
    static const char *const known[] = { "parent", "macvlan_mode", "ipvlan_mode", "ipvlan_flag",
        NULL };
    static const char *const modes[] = { "nat", "nat-unprotected", "routed", NULL };

    NODE_FOREACH(node, entry) {
        if (string_has_prefix(entry->key, "com.docker.network.bridge.gateway_mode_ipv") &&
                !is_one_of(entry->value, modes))
            return true;
    }
    return has_other_keys(node, known, "com.docker.network.");
}

bool endpoint_options_unsupported(const struct node *node)
{
    static const char *const known[] = { "com.docker.network.endpoint.ifname",
        "com.docker.network.endpoint.sysctls", NULL };

    return has_other_keys(node, known, NULL);
}

bool volume_options_unsupported(const struct node *node)
{
    static const char *const known[] = { "type", "device", "o", NULL };

    return has_other_keys(node, known, NULL);
}

bool security_opt_unsupported(const struct node *node)
{
    static const char *const known[] = { "no-new-privileges", "seccomp", "systempaths",
        "apparmor=unconfined", "apparmor:unconfined", "label=disable", "label:disable",
        "writable-cgroups" };

    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        bool found = false;

        for (size_t j = 0; j < ARRAY_LEN(known); j++)
            found = found || string_has_prefix(node->items[i]->text, known[j]);
        if (!found)
            return true;
    }
    return false;
}
