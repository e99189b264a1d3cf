/* [Network]: `network create`; and Network= of the types that join one. */
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "quadlet/depend.h"
#include "quadlet/resource-internal.h"
#include "quadlet/translate-internal.h"

/* Podman's "NAME:KEY=VALUE,…" in the form that berth and Docker have: "name=NAME,KEY=VALUE,…". */
static const char *berth_network(
        struct translation *t, const struct unit_line *line, const char *name, const char *options)
{
    static const struct {
        const char *podman, *berth;
    } keys[] = { { "alias=", "alias" }, { "ip=", "ip" }, { "ip6=", "ip6" },
        { "mac=", "mac-address" }, { "interface_name=", "interface-name" } };
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    struct str rest = str_from(options), option;

    strbuf_addf(&text, "name=%s", name);
    while (str_split_next(&rest, ',', &option)) {
        size_t known = 0;

        while (known < ARRAY_LEN(keys) && !str_has_prefix(option, keys[known].podman))
            known++;
        if (known < ARRAY_LEN(keys)) {
            size_t skip = strlen(keys[known].podman);

            strbuf_addf(&text, ",%s=%.*s", keys[known].berth, (int)(option.len - skip),
                    option.data + skip);
        } else if (str_has_prefix(option, "com.docker.network.endpoint.")) {
            strbuf_addf(&text, ",driver-opt=%.*s", STR_FMT(option));
        } else {
            translation_error(t, line,
                    "network option \"%.*s\" is not supported by berth: alias, ip, ip6, mac or "
                    "interface_name",
                    STR_FMT(option));
        }
    }
    return arena_strndup(t->arena, text.data, text.len);
}

/* Without options any word is a network, as in Podman; its special ones mean nothing to berth. */
static const char *check_mode(struct translation *t, const struct unit_line *line)
{
    static const char *const refused[] = { "pasta", "slirp4netns", "private", "ns:" };

    for (size_t i = 0; t->options->engine == QUADLET_ENGINE_BERTH && i < ARRAY_LEN(refused); i++)
        if (string_has_prefix(line->value, refused[i]))
            translation_error(
                    t, line, "network mode \"%s\" is not supported by berth", line->value);
    return line->value;
}

/* What --network gets for one line; NULL when it cannot be. */
static const char *resolve_network(struct translation *t, const struct unit_line *line)
{
    const char *value = line->value, *colon = strchr(value, ':');
    const char *name = colon ? arena_strndup(t->arena, value, (size_t)(colon - value)) : value;
    bool is_container = string_has_suffix(name, ".container");

    bool is_berth = t->options->engine == QUADLET_ENGINE_BERTH;

    if (!is_container && !string_has_suffix(name, ".network")) {
        if (is_berth && colon && strcmp(name, "container") != 0 && strcmp(name, "ns") != 0)
            return berth_network(t, line, name, colon + 1);
        return check_mode(t, line);
    }
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
    if (colon && is_berth)
        return berth_network(t, line, joined->resource, colon + 1);
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

/* One subnet of each family; as with Podman that of IPv6 switches IPv6 on, and IPv4 is there for a subnet of its own, or
 * when there is none at all. */
static void check_berth_subnets(struct translation *t, const struct unit_lines *subnets)
{
    size_t count[2] = { 0 };

    if (t->options->engine != QUADLET_ENGINE_BERTH)
        return;
    ARRAY_FOREACH(subnets, line)
        if (count[strchr(line->value, ':') != NULL]++ > 0)
            translation_error(t, line, "a second subnet of one family is not supported by berth");
    if (count[1] > 0 && !own_is_true(t, "IPv6", false))
        command_add(t, "--ipv6");
    if (count[1] > 0 && count[0] == 0)
        command_add(t, "--ipv4=false");
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
    check_berth_subnets(t, &subnets);
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
