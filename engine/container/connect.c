/* Networks of a container that was made already, whether it runs or not.
 *
 *   connecting        rows (endpoint, configuration)   kernel
 *   1 rows            there                            nothing
 *   2 network_update  active, with an interface's name bridge, firewall, names
 *   3 the monitor     the same                         the interface
 *
 * Who dies in between leaves a container that has not all of what its rows say: the same command does the
 * rest, and so does the container's next start. Disconnecting goes the other way: the monitor first, the
 * rows last, so that the same command can be given again, too. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/strmap.h"
#include "engine/container/container-internal.h"
#include "engine/monitor/control.h"
#include "engine/monitor/monitor-config.h"
#include "engine/network/network.h"

/* ---- What may be connected ---- */

static int check_mode(const struct container *c, struct error **err)
{
    switch (c->config.network_mode) {
    case CONTAINER_NETWORK_HOST:
    case CONTAINER_NETWORK_CONTAINER:
        return error_set_plain(err, EINVAL, NULL,
                "container sharing network namespace with another container or host cannot be "
                "connected to any other network");
    case CONTAINER_NETWORK_NONE:
        return error_set_plain(err, EINVAL, NULL,
                "container cannot be connected to multiple networks with one of the networks in "
                "private (none) mode");
    default:
        return 0;
    }
}

static int find_network(struct engine *engine, struct arena *arena, const char *ref,
        struct network **ret, struct error **err)
{
    int r = network_lookup(engine, arena, ref, ret, err);

    return r < 0 || *ret ? r : error_set_plain(err, ENOENT, NULL, "network %s not found", ref);
}

/* What stands on a link of the machine is in the container's namespace alone, where nobody finds it again who has not made
 * it just now. */
static int check_driver(const struct network *network, bool running, struct error **err)
{
    if (!running || string_is_equal(network->driver, "bridge"))
        return 0;
    return error_set_plain(err, EOPNOTSUPP, NULL,
            "network %s: containers that run cannot join or leave networks of driver \"%s\": this is "
            "not supported",
            network->name, network->driver);
}

static bool is_connected(const struct container *c, const struct network *network)
{
    for (size_t i = 0; i < c->endpoints.len; i++)
        if (string_is_equal(c->endpoints.items[i].network_id, network->id))
            return true;
    return false;
}

/* The names of other containers as they are; links are among the aliases. */
static int resolve_links(struct engine *engine, struct arena *arena, char *const *aliases,
        char ***ret, struct error **err)
{
    char **resolved = ARENA_NEW_ARRAY(arena, container_vector_len(aliases) + 1, char *);

    for (size_t i = 0; aliases && aliases[i]; i++) {
        const char *colon = strchr(aliases[i], ':');
        struct container *other;

        resolved[i] = aliases[i];
        if (!colon)
            continue;
        const char *name = arena_strndup(arena, aliases[i], (size_t)(colon - aliases[i]));
        int r = container_get(engine, arena, name, &other, err);
        if (r < 0)
            return error_wrap(err, r, "could not get container for %s", name);
        resolved[i] = arena_printf(arena, "%s:%s", other->name, colon[1] ? colon + 1 : other->name);
    }
    *ret = resolved;
    return 0;
}

/* ---- The run ---- */

static int tell_monitor(struct engine *engine, const struct container *c,
        const struct network_start *network, struct error **err)
{
    auto_(control_close_p) struct control *control = NULL;
    auto_close int run_dir_fd = container_open_run_dir(engine, c->id, false, err);
    auto_json json_t *config = NULL;

    if (run_dir_fd < 0)
        return run_dir_fd == -ENOENT ? 0 : run_dir_fd;
    int r = jsonx_read_file(run_dir_fd, MONITOR_CONFIG_FILE, &config, err);
    if (r < 0)
        return r;
    json_object_set_new(config, "sandbox", sandbox_config_to_json(&network->sandbox));
    r = jsonx_write_file(run_dir_fd, MONITOR_CONFIG_FILE, config, 0600, false, err);
    fault_point("container.connect.config");
    if (r >= 0)
        r = container_connect(engine, c->id, &control, err);
    return r < 0 || !control ? r : control_reload_network(control, err);
}

static int write_names(struct engine *engine, struct arena *arena, const struct container *c,
        const struct network_start *network, struct error **err)
{
    auto_close int dir_fd = container_open_dir(engine, c->id, err);
    struct container_links links = { 0 };
    const char *hostname = c->config.hostname;
    int r = dir_fd < 0 ? dir_fd : container_resolve_links(engine, arena, c, &links, err);

    if (string_is_empty(hostname))
        hostname = arena_strndup(arena, c->id, CONTAINER_SHORT_ID);
    return r < 0 ? r
                 : container_write_names(arena, c, hostname, network, &links, true, dir_fd, err);
}

/* Brings what runs in line with the rows. */
static int update_run(struct engine *engine, struct arena *arena, const struct container *c,
        bool with_monitor, struct error **err)
{
    auto_(network_start_release) struct network_start network = NETWORK_START_INIT;
    struct network_start_options options;
    int r = container_network_options(arena, c, &options, err);

    if (r >= 0)
        r = network_update(engine, &options, &network, err);
    if (r < 0 || !with_monitor)
        return r;
    fault_point("container.connect.network");
    r = write_names(engine, arena, c, &network, err);
    return r < 0 ? r : tell_monitor(engine, c, &network, err);
}

/* ---- Connecting ---- */

static int insert(struct engine *engine, struct arena *arena, struct container *c,
        const struct container_network *network, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    struct strmap driver_options;
    struct network_connect_options options = container_connect_options(
            arena, network, &driver_options);
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0)
        r = network_connect(engine, c->id, &options, err);
    if (r < 0)
        return r;
    *ARRAY_APPEND_ARENA(arena, &c->config.networks) = *network;
    r = container_store_config(engine, c, err);
    return r < 0 ? r : db_commit(&transaction, err);
}

/* A name comes before the beginning of an id, which may be another network's. */
static bool names_network(struct engine *engine, struct arena *arena,
        const struct container_network *item, const struct network *network)
{
    struct network *found = NULL;

    return network_lookup(engine, arena, item->network, &found, NULL) >= 0 && found &&
           string_is_equal(found->id, network->id);
}

static int delete (struct engine *engine, struct container *c, const struct network *network,
        struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(db_rollback_p) struct db *transaction = NULL;
    struct container_networks *networks = &c->config.networks;
    size_t kept = 0;
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0)
        r = network_disconnect(engine, c->id, network->id, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < networks->len; i++)
        if (!names_network(engine, &arena, &networks->items[i], network))
            networks->items[kept++] = networks->items[i];
    networks->len = kept;
    r = container_store_config(engine, c, err);
    return r < 0 ? r : db_commit(&transaction, err);
}

int container_connect_network(struct engine *engine, const char *reference,
        const struct container_network *how, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container_network own = *how;
    auto_close int lock = -EBADF;
    struct container *c = NULL;
    struct network *network;
    int r;

    if (string_is_equal(how->network, "host"))
        return error_set_plain(err, EINVAL, NULL,
                "cannot connect container to host network - container must be created in host "
                "network mode");
    if (string_is_equal(how->network, "none"))
        return error_set_plain(err, EINVAL, NULL,
                "container cannot be connected to multiple networks with one of the networks in "
                "private (none) mode");
    r = find_network(engine, &arena, how->network, &network, err);
    if (r >= 0)
        r = container_begin(engine, &arena, reference, &c, &lock, err);
    if (r >= 0)
        r = check_mode(c, err);
    if (r >= 0)
        r = resolve_links(engine, &arena, how->aliases, &own.aliases, err);
    if (r < 0)
        return r;
    if (container_vector_len(own.aliases) > 0 &&
            string_is_equal(network->name, NETWORK_DEFAULT_NAME))
        return error_set_plain(err, EINVAL, NULL,
                "network-scoped alias is supported only for containers in user defined networks");
    own.network = network->name;

    bool running = container_row_is_running(engine, c->id);
    r = check_driver(network, running, err);
    if (r < 0)
        return r;
    bool unfinished = running && is_connected(c, network);
    if (unfinished) {
        r = network_is_attached(engine, c->id, network->id, err);
        unfinished = r == 0;
    }
    if (r >= 0 && !unfinished)
        r = insert(engine, &arena, c, &own, err);
    fault_point("container.connect.rows");
    if (r >= 0 && running) {
        r = update_run(engine, &arena, c, true, err);
        if (r < 0 && delete (engine, c, network, NULL) >= 0)
            (void)update_run(engine, &arena, c, true, NULL);
    }
    if (r >= 0)
        engine_event(engine, "network", "connect", network->id, "container", c->id);
    return r < 0 ? r : 0;
}

/* ---- Disconnecting ---- */

/* "none" is no network that one can be disconnected from, but a container that has left it can join others. */
static int leave_none(struct engine *engine, struct container *c, struct error **err)
{
    if (c->config.network_mode != CONTAINER_NETWORK_NONE)
        return error_set_plain(
                err, ENOENT, NULL, "container %s is not connected to network none", c->id);
    c->config.network_mode = CONTAINER_NETWORK_PRIVATE;
    return container_store_config(engine, c, err);
}

static int detach(struct engine *engine, struct arena *arena, const struct container *c,
        const struct network *network, struct error **err)
{
    auto_(network_start_release) struct network_start without = NETWORK_START_INIT;
    struct network_start_options options;
    int r = container_network_options(arena, c, &options, err);

    if (r >= 0)
        r = network_plan_without(engine, &options, network->id, &without, err);
    if (r >= 0)
        r = write_names(engine, arena, c, &without, err);
    return r < 0 ? r : tell_monitor(engine, c, &without, err);
}

int container_disconnect_network(struct engine *engine, const char *reference, const char *from,
        bool force, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    struct container *c = NULL;
    struct network *network = NULL;
    int r = 0;

    if (!string_is_equal(from, "host") && !string_is_equal(from, "none"))
        r = find_network(engine, &arena, from, &network, err);
    if (r >= 0)
        r = container_begin(engine, &arena, reference, &c, &lock, err);
    if (r < 0)
        return r;
    if (string_is_equal(from, "host") || c->config.network_mode == CONTAINER_NETWORK_HOST)
        return error_set_plain(err, EINVAL, NULL,
                "container cannot be disconnected from host network or connected to host network");
    if (!network)
        return leave_none(engine, c, err);
    bool running = container_row_is_running(engine, c->id);
    if (!is_connected(c, network)) {
        /* Names and rules that an attempt which was killed has left. */
        if (running)
            (void)update_run(engine, &arena, c, false, NULL);
        return error_set_plain(err, ENOENT, NULL, "container %s is not connected to network %s",
                c->id, network->name);
    }
    r = check_driver(network, running, err);
    if (r < 0)
        return r;
    if (running) {
        r = detach(engine, &arena, c, network, force ? NULL : err);
        if (r < 0 && !force) {
            (void)update_run(engine, &arena, c, true, NULL);
            return r;
        }
    }
    fault_point("container.disconnect.detached");
    r = delete (engine, c, network, err);
    fault_point("container.disconnect.rows");
    if (r >= 0 && running)
        r = update_run(engine, &arena, c, false, err);
    if (r >= 0)
        engine_event(engine, "network", "disconnect", network->id, "container", c->id);
    return r < 0 ? r : 0;
}
