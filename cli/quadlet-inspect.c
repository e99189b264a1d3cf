#include "cli/quadlet-inspect.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/quadlet-inspect-internal.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "quadlet/quadlet.h"
#include "units/name.h"
#include "units/quote.h"

/* Lists of HostConfig that are keys as they are. */
static const struct {
    const char *member, *key;
} host_lists[] = {
    { "Binds", "Volume" },
    { "CapAdd", "AddCapability" },
    { "CapDrop", "DropCapability" },
    { "Dns", "DNS" },
    { "DnsOptions", "DNSOption" },
    { "DnsSearch", "DNSSearch" },
    { "ExtraHosts", "AddHost" },
    { "GroupAdd", "GroupAdd" },
};

/* Texts of Config that are keys, where the image does not say the same. */
static const struct {
    const char *member, *key;
} config_texts[] = {
    { "StopSignal", "StopSignal" },
    { "WorkingDir", "WorkingDir" },
};

static const json_t *get(const json_t *object, const char *key)
{
    return object ? json_object_get(object, key) : NULL;
}

static bool image_has(const struct source_objects *s, const char *member, const json_t *value)
{
    const json_t *there = get(s->image, member);

    return there && json_equal((json_t *)there, (json_t *)value);
}

static void add_texts(struct source_objects *s)
{
    for (size_t i = 0; i < ARRAY_LEN(config_texts); i++) {
        const json_t *value = get(s->config, config_texts[i].member);
        const char *text = json_string_value(value);

        if (!string_is_empty(text) && !image_has(s, config_texts[i].member, value))
            quadlet_add(s->quadlet, config_texts[i].key, text);
    }
    for (size_t i = 0; i < ARRAY_LEN(host_lists); i++) {
        size_t index;
        json_t *item;

        json_array_foreach(
                (json_t *)get(s->host, host_lists[i].member), index, item) if (json_is_string(item))
                quadlet_add(s->quadlet, host_lists[i].key, json_string_value(item));
    }
}

static void add_user(struct source_objects *s)
{
    const json_t *value = get(s->config, "User");
    const char *user = json_string_value(value), *colon = user ? strchr(user, ':') : NULL;

    if (string_is_empty(user) || image_has(s, "User", value))
        return;
    quadlet_add(s->quadlet, "User",
            arena_strndup(s->arena, user, colon ? (size_t)(colon - user) : strlen(user)));
    if (colon && colon[1])
        quadlet_add(s->quadlet, "Group", colon + 1);
}

static bool array_has(const json_t *array, const char *text)
{
    size_t index;
    json_t *item;

    json_array_foreach((json_t *)array, index,
            item) if (string_is_equal(json_string_value(item), text)) return true;
    return false;
}

static void add_environment(struct source_objects *s)
{
    const json_t *of_image = get(s->image, "Env");
    size_t index;
    json_t *item;

    json_array_foreach((json_t *)get(s->config, "Env"), index, item)
    {
        const char *text = json_string_value(item);

        if (text && !array_has(of_image, text))
            quadlet_add(s->quadlet, "Environment", text);
    }
}

static void add_labels(struct source_objects *s)
{
    const json_t *of_image = get(s->image, "Labels");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)get(s->config, "Labels"), key, value)
    {
        const char *there = json_string_value(get(of_image, key));

        if (!json_is_string(value) || string_is_equal(there, json_string_value(value)))
            continue;
        if (strcmp(key, "io.containers.autoupdate") == 0)
            quadlet_add(s->quadlet, "AutoUpdate", json_string_value(value));
        else
            quadlet_add_pair(s->quadlet, "Label", key, json_string_value(value));
    }
}

static void add_ports(struct source_objects *s)
{
    const char *port;
    json_t *bindings;

    json_object_foreach((json_t *)get(s->host, "PortBindings"), port, bindings)
    {
        size_t index;
        json_t *binding;

        json_array_foreach(bindings, index, binding)
        {
            const char *ip = jsonx_string(binding, "HostIp");
            const char *host = jsonx_string(binding, "HostPort");
            size_t len = string_has_suffix(port, "/tcp") ? strlen(port) - 4 : strlen(port);
            bool has_ip = !string_is_empty(ip) && strcmp(ip, "0.0.0.0") != 0;

            quadlet_add(s->quadlet, "PublishPort",
                    arena_printf(s->arena, "%s%s%s%s%.*s", has_ip ? ip : "", has_ip ? ":" : "",
                            host ? host : "", has_ip || !string_is_empty(host) ? ":" : "", (int)len,
                            port));
        }
    }
}

static void add_networks(struct source_objects *s, const json_t *settings)
{
    const char *mode = jsonx_string(s->host, "NetworkMode");
    const char *name;
    json_t *network;

    if (mode && (strcmp(mode, "host") == 0 || strcmp(mode, "none") == 0 ||
                        string_has_prefix(mode, "container:"))) {
        quadlet_add(s->quadlet, "Network", mode);
        return;
    }
    json_object_foreach((json_t *)get(settings, "Networks"), name, network)
    {
        (void)network;
        if (strcmp(name, "bridge") != 0 && strcmp(name, "default") != 0)
            quadlet_add(s->quadlet, "Network", name);
    }
}

static void add_named_mounts(struct source_objects *s, const json_t *mounts, struct diag *diag)
{
    const json_t *binds = get(s->host, "Binds");
    size_t index;
    json_t *mount;

    json_array_foreach((json_t *)mounts, index, mount)
    {
        const char *type = jsonx_string(mount, "Type"), *name = jsonx_string(mount, "Name");
        const char *source = jsonx_string(mount, "Source"),
                   *to = jsonx_string(mount, "Destination");
        const char *from = type && strcmp(type, "volume") == 0 ? name : source;
        bool is_there = false;
        size_t i;
        json_t *bind;

        json_array_foreach((json_t *)binds, i, bind)
        {
            const char *text = json_string_value(bind);
            const char *behind = text && from && string_has_prefix(text, from) ? text + strlen(from)
                                                                               : NULL;

            is_there |= behind && *behind == ':' && to && string_has_prefix(behind + 1, to);
        }
        if (is_there || string_is_empty(from) || string_is_empty(to))
            continue;
        if (type && strcmp(type, "volume") == 0 && strlen(from) == 64)
            diag_add(diag, DIAG_NOTE, "convert", NULL,
                    "%s: the anonymous volume gets a new one; name it to keep its data", to);
        quadlet_add(s->quadlet, "Volume",
                type && strcmp(type, "volume") == 0 && strlen(from) == 64
                        ? to
                        : arena_printf(s->arena, "%s:%s%s", from, to,
                                  json_is_false(get(mount, "RW")) ? ":ro" : ""));
    }
}

static void add_limits(struct source_objects *s)
{
    static const struct {
        const char *member, *key;
        int64_t usual;
    } numbers[] = { { "Memory", "Memory", 0 }, { "PidsLimit", "PidsLimit", 0 },
        { "ShmSize", "ShmSize", 64 << 20 } };
    json_t *value;
    const char *key;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const json_int_t number = json_integer_value(get(s->host, numbers[i].member));

        if (number > 0 && number != numbers[i].usual)
            quadlet_add(
                    s->quadlet, numbers[i].key, arena_printf(s->arena, "%lld", (long long)number));
    }
    if (json_is_true(get(s->host, "ReadonlyRootfs")))
        quadlet_add(s->quadlet, "ReadOnly", "true");
    if (json_is_true(get(s->host, "Init")))
        quadlet_add(s->quadlet, "RunInit", "true");
    if (json_is_true(get(s->host, "Privileged")))
        quadlet_add(s->quadlet, "PodmanArgs", "--privileged");
    json_object_foreach((json_t *)get(s->host, "Sysctls"), key, value) quadlet_add(
            s->quadlet, "Sysctl", arena_printf(s->arena, "%s=%s", key, json_string_value(value)));
    json_object_foreach((json_t *)get(s->host, "Tmpfs"), key, value)
    {
        const char *options = json_string_value(value);

        quadlet_add(s->quadlet, "Tmpfs",
                string_is_empty(options) ? key : arena_printf(s->arena, "%s:%s", key, options));
    }
}

/* ["CMD-SHELL", TEXT], ["CMD", WORD…] or ["NONE"]; times are nanoseconds. */
static void add_health(struct source_objects *s)
{
    static const struct {
        const char *member, *key;
    } times[] = { { "Interval", "HealthInterval" }, { "StartPeriod", "HealthStartPeriod" },
        { "Timeout", "HealthTimeout" } };
    const json_t *health = get(s->config, "Healthcheck"), *test = get(health, "Test");
    const char *kind = json_string_value(json_array_get(test, 0));
    const json_int_t retries = json_integer_value(get(health, "Retries"));
    auto_(strbuf_release) struct strbuf command = STRBUF_INIT(CLI_TEXT_MAX);

    if (!kind || image_has(s, "Healthcheck", health))
        return;
    for (size_t i = 1; i < json_array_size(test); i++)
        strbuf_addf(&command, "%s%s", i > 1 ? " " : "",
                strcmp(kind, "CMD") == 0
                        ? quote_readable(s->arena, json_string_value(json_array_get(test, i)))
                        : json_string_value(json_array_get(test, i)));
    quadlet_add(s->quadlet, "HealthCmd", command.len ? command.data : "none");
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        const json_int_t nsec = json_integer_value(get(health, times[i].member));

        if (nsec > 0)
            quadlet_add(s->quadlet, times[i].key,
                    arena_printf(s->arena, "%lldms", (long long)(nsec / 1000000)));
    }
    if (retries > 0)
        quadlet_add(
                s->quadlet, "HealthRetries", arena_printf(s->arena, "%lld", (long long)retries));
}

static void add_restart(struct source_objects *s)
{
    const char *policy = jsonx_string(get(s->host, "RestartPolicy"), "Name");

    if (string_is_empty(policy) || strcmp(policy, "no") == 0)
        return;
    unitfile_set(&s->quadlet->unit, "Service", "Restart",
            strcmp(policy, "on-failure") == 0 ? "on-failure" : "always");
}

static void add_command(struct source_objects *s)
{
    const json_t *entrypoint = get(s->config, "Entrypoint"), *command = get(s->config, "Cmd");
    struct strings words = { 0 };
    size_t index;
    json_t *item;

    /* The key takes one word; what follows it in the list begins the command. */
    if (json_array_size(entrypoint) && !image_has(s, "Entrypoint", entrypoint)) {
        quadlet_add(s->quadlet, "Entrypoint", json_string_value(json_array_get(entrypoint, 0)));
        json_array_foreach((json_t *)entrypoint, index, item) if (index) *
                ARRAY_APPEND_ARENA(s->arena, &words) = arena_strdup(
                s->arena, json_string_value(item));
    }
    if (json_array_size(command) && (words.len || !image_has(s, "Cmd", command)))
        json_array_foreach((json_t *)command, index, item) *
                ARRAY_APPEND_ARENA(s->arena, &words) = arena_strdup(
                s->arena, json_string_value(item));
    if (words.len)
        quadlet_add_command(s->quadlet, "Exec", &words);
}

int quadlet_from_container(struct cli *cli, struct quadlet_set *set, const char *container,
        const char *name, struct quadlet **ret, struct diag *diag, struct error **err)
{
    auto_json json_t *object = NULL;
    auto_json json_t *image = NULL;
    struct engine *engine = cli_engine(cli, err);

    if (!engine)
        return -EIO;
    struct container *there = NULL;
    int r = container_get(engine, set->arena, container, &there, err);
    if (r >= 0)
        r = container_inspect(engine, container, &object, err);
    if (r < 0)
        return r;
    const json_t *config = get(object, "Config");
    const char *reference = jsonx_string(config, "Image");
    const char *own_name = jsonx_string(object, "Name");

    (void)image_inspect(engine, jsonx_string(object, "Image"), &image, NULL);
    own_name = own_name && *own_name == '/' ? own_name + 1 : own_name;
    if (!name)
        name = own_name;
    if (!name || !unit_name_is_valid(name))
        return error_set_plain(
                err, EINVAL, NULL, "\"%s\" cannot be the name of a unit", name ? name : "");
    struct quadlet *quadlet = quadlet_new(set, arena_printf(set->arena, "%s.container", name), "/");
    struct source_objects s = { .quadlet = quadlet,
        .arena = set->arena,
        .config = config,
        .host = get(object, "HostConfig"),
        .image = get(image, "Config") };

    quadlet_add(quadlet, "Image", reference ? reference : "");
    quadlet_add(quadlet, "ContainerName", own_name ? own_name : name);
    add_texts(&s);
    add_user(&s);
    add_environment(&s);
    add_labels(&s);
    add_ports(&s);
    add_networks(&s, get(object, "NetworkSettings"));
    add_named_mounts(&s, get(object, "Mounts"), diag);
    add_limits(&s);
    quadlet_inspect_host(&s, object, &there->config, diag);
    add_health(&s);
    add_restart(&s);
    add_command(&s);
    /* What is in the object goes with it; the unit's texts must not. */
    *ret = quadlet;
    return 0;
}
