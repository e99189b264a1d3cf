/* network connect, disconnect. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/cmd-network-internal.h"
#include "cli/report.h"
#include "cli/specs.h"
#include "engine/container/container.h"

const struct opt network_connect_opts[] = { { .name = "alias",
                                                    .type = &opt_list,
                                                    .arg = "NAME",
                                                    .offset = offsetof(
                                                            struct network_connect_words, aliases),
                                                    .help = "Further name in this network" },
    { .name = "driver-opt",
            .type = &opt_list,
            .arg = "KEY=VALUE",
            .offset = offsetof(struct network_connect_words, driver_options),
            .help = "Option of the driver for this container" },
    { .name = "gw-priority",
            .type = &opt_int,
            .arg = "NUMBER",
            .offset = offsetof(struct network_connect_words, gw_priority),
            .help = "The network with the highest has the default route" },
    { .name = "ip",
            .type = &opt_string,
            .arg = "ADDRESS",
            .offset = offsetof(struct network_connect_words, ip),
            .help = "IPv4 address" },
    { .name = "ip6",
            .type = &opt_string,
            .arg = "ADDRESS",
            .offset = offsetof(struct network_connect_words, ip6),
            .help = "IPv6 address" },
    { .name = "link",
            .type = &opt_list,
            .arg = "CONTAINER[:NAME]",
            .offset = offsetof(struct network_connect_words, links),
            .help = "A name for another container, for this one alone" },
    { .name = "link-local-ip",
            .type = &opt_list,
            .arg = "ADDRESS",
            .offset = offsetof(struct network_connect_words, link_local_ips),
            .help = "Link-local address" },
    OPT_END };

const struct opt network_disconnect_opts[] = {
    { .name = "force",
            .letter = 'f',
            .type = &opt_flag,
            .offset = offsetof(struct network_disconnect_words, force),
            .help = "Also when the container does not answer" },
    OPT_END
};

static int fill_names(struct arena *arena, const struct network_connect_words *words,
        struct container_network *network, struct error **err)
{
    struct strings names = { 0 };

    ARRAY_FOREACH(&words->aliases, alias) {
        struct str rest = str_from(*alias), name;

        while (str_split_next(&rest, ',', &name)) {
            if (name.len == 0 || str_find(name, ':') >= 0)
                return error_set_plain(err, EINVAL, NULL, "invalid alias \"%s\"", *alias);
            *ARRAY_APPEND_ARENA(arena, &names) = arena_strndup(arena, name.data, name.len);
        }
    }
    ARRAY_FOREACH(&words->links, link) {
        const char *colon = strchr(*link, ':');

        if (!**link || colon == *link || (colon && strchr(colon + 1, ':')))
            return error_set_plain(err, EINVAL, NULL, "bad format for links: %s", *link);
        *ARRAY_APPEND_ARENA(arena, &names) = arena_printf(arena, "%s%s", *link, colon ? "" : ":");
    }
    network->aliases = spec_vector(arena, &names);
    return 0;
}

int network_run_connect(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct network_connect_words *words = data;
    auto_error struct error *err = NULL;

    if (argc != 2)
        return cli_check_arguments(cli, cli->running, argc, 2, 2);
    struct container_network network = { .network = argv[0],
        .ipv4 = words->ip,
        .ipv6 = words->ip6,
        .link_local = spec_vector(&cli->arena, &words->link_local_ips) };
    int r = spec_set_gw_priority(words->gw_priority, &network, &err);
    if (r >= 0)
        r = fill_names(&cli->arena, words, &network, &err);
    ARRAY_FOREACH(&words->driver_options, option)
        if (r >= 0)
            r = spec_add_driver_option(&cli->arena, *option, &network, &err);
    struct engine *engine = r >= 0 ? cli_engine(cli, &err) : NULL;
    if (!engine || container_connect_network(engine, argv[1], &network, &err) < 0)
        return report_error(cli, err);
    return 0;
}

int network_run_disconnect(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct network_disconnect_words *words = data;
    auto_error struct error *err = NULL;

    if (argc != 2)
        return cli_check_arguments(cli, cli->running, argc, 2, 2);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || container_disconnect_network(engine, argv[1], argv[0], words->force, &err) < 0)
        return report_error(cli, err);
    return 0;
}
