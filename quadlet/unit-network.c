/* [Network]: `network create`; and Network= of the types that join one. */
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "quadlet/depend.h"
#include "quadlet/resource-internal.h"
#include "quadlet/translate-internal.h"

/* What --network gets for one line; NULL when it cannot be. */
static const char *resolve_network(struct translation *t, const struct unit_line *line)
{
    const char *value = line->value, *colon = strchr(value, ':');
    const char *name = colon ? arena_strndup(t->arena, value, (size_t)(colon - value)) : value;
    bool is_container = string_has_suffix(name, ".container");

    if (!is_container && !string_has_suffix(name, ".network"))
        return value;
    const struct quadlet *joined = depend_require(t, line, "unit", name);
    if (!joined)
        return NULL;
    if (!*joined->resource) {
        translation_error(t, line, "cannot get the resource name of %s", name);
        return NULL;
    }
    if (colon && is_container) {
        translation_error(t, line,
                "extra options are not supported when joining another container's network");
        return NULL;
    }
    if (colon)
        return arena_printf(t->arena, "%s:%s", joined->resource, colon + 1);
    return is_container ? arena_printf(t->arena, "container:%s", joined->resource)
                        : joined->resource;
}

void special_network(struct translation *t)
{
    struct unit_lines networks = own_lines(t, "Network");

    ARRAY_FOREACH(&networks, line) {
        const char *network = resolve_network(t, line);

        if (network)
            command_add_option(t, "--network", network);
    }
}

/* The n-th gateway and range belong to the n-th subnet. */
void special_subnets(struct translation *t)
{
    struct unit_lines subnets = own_lines(t, "Subnet"), gateways = own_lines(t, "Gateway"),
                      ranges = own_lines(t, "IPRange");

    if (!subnets.len && (gateways.len || ranges.len)) {
        translation_error(t, gateways.len ? &gateways.items[0] : &ranges.items[0],
                "cannot set gateway or range without subnet");
        return;
    }
    if (gateways.len > subnets.len)
        translation_error(t, &gateways.items[subnets.len], "cannot set more gateways than subnets");
    if (ranges.len > subnets.len)
        translation_error(t, &ranges.items[subnets.len], "cannot set more ranges than subnets");
    for (size_t i = 0; i < subnets.len; i++) {
        command_add_option(t, "--subnet", subnets.items[i].value);
        if (i < gateways.len)
            command_add_option(t, "--gateway", gateways.items[i].value);
        if (i < ranges.len)
            command_add_option(t, "--ip-range", ranges.items[i].value);
    }
}

void translate_network(struct translation *t)
{
    const char *name = resource_name(t, "NetworkName");
    struct strings remove;

    if (own_is_true(t, "NetworkDeleteOnStop", false)) {
        command_begin(t, &remove);
        COMMAND_ADD_ALL(t, "network", "rm");
        command_add(t, name);
        command_end(t, "ExecStopPost", "");
    }
    command_begin(t, &t->main_command);
    COMMAND_ADD_ALL(t, "network", "create", "--ignore");
    translate_rows(t);
    command_add(t, name);
    command_end(t, "ExecStart", "");
    service_finish_oneshot(t, true);
    t->quadlet->resource = name;
}
