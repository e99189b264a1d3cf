#include "engine/image/registries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/image/ref.h"

#define CONF_MAX_BYTES (1u << 20)
#define SYSTEM_CONF "/etc/containers/registries.conf"
#define SYSTEM_CONF_DIR "/etc/containers/registries.conf.d"
#define DAEMON_JSON "/etc/docker/daemon.json"
#define HUB_HOST "registry-1." IMAGE_REF_DEFAULT_DOMAIN

struct mirror {
    const char *location;
    bool insecure, digest_only, tag_only;
};

struct rule {
    const char *prefix, *location; /* NULL: not said */
    bool insecure, blocked, digest_only;
    struct {
        struct mirror *items;
        size_t len, cap;
    } mirrors;
};

struct rules {
    struct arena *arena;
    struct rule *items;
    size_t len, cap;
};

/* ---- the part of TOML that registries.conf uses ---- */

enum section { SECTION_OTHER, SECTION_REGISTRY, SECTION_MIRROR };

static bool parse_flag(struct str value)
{
    return str_is_equal_z(value, "true");
}

/* "text" or 'text' without escapes: host names and paths have none. NULL for anything else. */
static const char *parse_text(struct arena *arena, struct str value)
{
    char quote;

    if (value.len < 2)
        return NULL;
    quote = value.data[0];
    if ((quote != '"' && quote != '\'') || value.data[value.len - 1] != quote)
        return NULL;
    return arena_strndup(arena, value.data + 1, value.len - 2);
}

static void set_mirror_key(
        struct arena *arena, struct mirror *mirror, struct str key, struct str value)
{
    if (str_is_equal_z(key, "location")) {
        mirror->location = parse_text(arena, value);
    } else if (str_is_equal_z(key, "insecure")) {
        mirror->insecure = parse_flag(value);
    } else if (str_is_equal_z(key, "pull-from-mirror")) {
        const char *text = parse_text(arena, value);

        mirror->digest_only = string_is_equal(text, "digest-only");
        mirror->tag_only = string_is_equal(text, "tag-only");
    }
}

static void set_registry_key(
        struct arena *arena, struct rule *rule, struct str key, struct str value)
{
    if (str_is_equal_z(key, "prefix"))
        rule->prefix = parse_text(arena, value);
    else if (str_is_equal_z(key, "location"))
        rule->location = parse_text(arena, value);
    else if (str_is_equal_z(key, "insecure"))
        rule->insecure = parse_flag(value);
    else if (str_is_equal_z(key, "blocked"))
        rule->blocked = parse_flag(value);
    else if (str_is_equal_z(key, "mirror-by-digest-only"))
        rule->digest_only = parse_flag(value);
}

/* A comment ends a line, but not within quotes. */
static struct str strip_comment(struct str line)
{
    char quote = 0;

    for (size_t i = 0; i < line.len; i++) {
        char c = line.data[i];

        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '#')
            line.len = i;
    }
    return str_trim(line);
}

static enum section parse_header(struct rules *rules, struct str line)
{
    if (str_is_equal_z(line, "[[registry]]")) {
        *ARRAY_APPEND_ARENA(rules->arena, rules) = (struct rule){ 0 };
        return SECTION_REGISTRY;
    }
    if (str_is_equal_z(line, "[[registry.mirror]]") && rules->len > 0) {
        struct rule *rule = &rules->items[rules->len - 1];

        *ARRAY_APPEND_ARENA(rules->arena, &rule->mirrors) = (struct mirror){ 0 };
        return SECTION_MIRROR;
    }
    return SECTION_OTHER;
}

static void parse_conf(struct rules *rules, struct str text)
{
    enum section section = SECTION_OTHER;
    struct str line;

    while (str_split_next(&text, '\n', &line)) {
        ptrdiff_t equals;
        struct str key, value;

        line = strip_comment(line);
        if (line.len > 0 && line.data[0] == '[') {
            section = parse_header(rules, line);
            continue;
        }
        equals = str_find(line, '=');
        if (equals <= 0 || section == SECTION_OTHER)
            continue; /* other keys, and lists that run over several lines */
        key = str_trim((struct str){ line.data, (size_t)equals });
        value = str_trim((struct str){ line.data + equals + 1, line.len - (size_t)equals - 1 });

        struct rule *rule = &rules->items[rules->len - 1];

        if (section == SECTION_REGISTRY)
            set_registry_key(rules->arena, rule, key, value);
        else
            set_mirror_key(rules->arena, &rule->mirrors.items[rule->mirrors.len - 1], key, value);
    }
}

/* ---- files ---- */

static int read_conf(struct rules *rules, const char *path, struct error **err)
{
    auto_free char *text = NULL;
    size_t len;
    int r;

    if (access(path, F_OK) < 0)
        return 0;
    r = fs_read_file(AT_FDCWD, path, CONF_MAX_BYTES, &text, &len, err);
    if (r >= 0)
        parse_conf(rules, (struct str){ text, len });
    return r;
}

static int conf_filter(const struct dirent *entry)
{
    return string_has_suffix(entry->d_name, ".conf");
}

static int read_conf_dir(struct rules *rules, const char *dir, struct error **err)
{
    struct dirent **names = NULL;
    int count = scandir(dir, &names, conf_filter, alphasort), r = 0;

    for (int i = 0; i < count; i++) {
        auto_free char *path = mem_printf("%s/%s", dir, names[i]->d_name);

        if (r >= 0)
            r = read_conf(rules, path, err);
        free(names[i]);
    }
    free(names);
    return r;
}

static void add_docker_mirror(struct rules *rules, const char *url)
{
    struct rule *rule = ARRAY_APPEND_ARENA(rules->arena, rules);
    bool plain = string_has_prefix(url, "http://");
    char *host = arena_strdup(
            rules->arena, plain ? url + 7 : (string_has_prefix(url, "https://") ? url + 8 : url));
    size_t len = strlen(host);

    while (len > 0 && host[len - 1] == '/')
        host[--len] = 0;
    rule->prefix = IMAGE_REF_DEFAULT_DOMAIN;
    *ARRAY_APPEND_ARENA(
            rules->arena, &rule->mirrors) = (struct mirror){ .location = host, .insecure = plain };
}

static int read_daemon_json(struct rules *rules, struct error **err)
{
    auto_json json_t *json = NULL;
    json_t *item;
    size_t i;
    int r;

    if (access(DAEMON_JSON, F_OK) < 0)
        return 0;
    r = jsonx_read_file(AT_FDCWD, DAEMON_JSON, &json, err);
    if (r < 0)
        return r;
    json_array_foreach(json_object_get(json, "insecure-registries"), i, item)
    {
        const char *host = json_string_value(item);

        if (host && !strchr(host, '/')) /* networks are for daemons that resolve names first */
            *ARRAY_APPEND_ARENA(rules->arena, rules) = (struct rule){
                .prefix = arena_strdup(rules->arena, host), .insecure = true
            };
    }
    json_array_foreach(json_object_get(json, "registry-mirrors"), i, item) if (json_is_string(item))
            add_docker_mirror(rules, json_string_value(item));
    return 0;
}

static int read_rules(struct rules *rules, const struct engine_options *options, struct error **err)
{
    auto_free char *user = options->home_dir ? mem_printf("%s/.config/containers/registries.conf",
                                                       options->home_dir)
                                             : NULL;
    auto_free char *user_dir = user ? mem_printf("%s.d", user) : NULL;
    int r = read_daemon_json(rules, err);

    /* Later ones win; the user's file takes the place of the system's. */
    if (r >= 0)
        r = read_conf(rules, user && access(user, F_OK) == 0 ? user : SYSTEM_CONF, err);
    if (r >= 0)
        r = read_conf_dir(rules, SYSTEM_CONF_DIR, err);
    if (r >= 0 && user_dir)
        r = read_conf_dir(rules, user_dir, err);
    return r;
}

/* ---- choosing ---- */

/* Length of the match of `prefix` with "domain/path", 0 for none. "*.example.org" matches any host there. */
static size_t match_prefix(const char *prefix, const char *name)
{
    size_t len = strlen(prefix);
    const char *end = name + strcspn(name, "/");

    if (string_has_prefix(prefix, "*.")) {
        size_t suffix_len = len - 1;

        return (size_t)(end - name) > suffix_len &&
                               strncmp(end - suffix_len, prefix + 1, suffix_len) == 0
                       ? (size_t)(end - name)
                       : 0;
    }
    if (strncmp(name, prefix, len) != 0)
        return 0;
    return !name[len] || name[len] == '/' || (name[len] == ':' && name + len < end) ? len : 0;
}

static const struct rule *choose_rule(const struct rules *rules, const char *name, size_t *ret_len)
{
    const struct rule *best = NULL;

    *ret_len = 0;
    ARRAY_FOREACH(rules, rule) {
        const char *prefix = rule->prefix ? rule->prefix : rule->location;
        size_t len = prefix ? match_prefix(prefix, name) : 0;

        if (len > 0 && len >= *ret_len) {
            best = rule;
            *ret_len = len;
        }
    }
    return best;
}

/* `location` is "host[:port][/path]"; `rest` is what follows the prefix in the name. */
static void add_endpoint(struct arena *arena, const char *location, const char *rest, bool insecure,
        bool is_mirror, struct registry_endpoints *out)
{
    char *whole = arena_printf(arena, "%s%s", location, rest);
    char *slash = strchr(whole, '/');

    if (!slash || !slash[1])
        return;
    *slash = 0;
    *ARRAY_APPEND_ARENA(arena, out) = (struct registry_endpoint){
        .host = strcmp(whole, IMAGE_REF_DEFAULT_DOMAIN) == 0 ? HUB_HOST : whole,
        .path = slash + 1,
        .insecure = insecure,
        .is_mirror = is_mirror,
    };
}

int registries_resolve(struct arena *arena, const struct engine_options *options,
        const struct image_ref *ref, struct registry_endpoints *ret, struct error **err)
{
    struct rules rules = { .arena = arena };
    struct registry_endpoints out = { 0 };
    const char *name = arena_printf(arena, "%s/%s", ref->domain, ref->path);
    const struct rule *rule;
    size_t len;
    int r = read_rules(&rules, options, err);

    if (r < 0)
        return error_wrap(err, r, "cannot read the configuration of registries");
    rule = choose_rule(&rules, name, &len);
    if (!rule) {
        add_endpoint(arena, name, "", false, false, &out);
        *ret = out;
        return 0;
    }
    if (rule->blocked)
        return error_set_plain(
                err, EPERM, NULL, "registry \"%s\" is blocked in registries.conf", ref->domain);
    ARRAY_FOREACH(&rule->mirrors, mirror) {
        bool by_digest = ref->digest != NULL;

        if (!mirror->location || ((mirror->digest_only || rule->digest_only) && !by_digest) ||
                (mirror->tag_only && by_digest))
            continue;
        add_endpoint(arena, mirror->location, name + len, mirror->insecure, true, &out);
    }
    if (rule->location && !string_has_prefix(rule->prefix ? rule->prefix : "", "*."))
        add_endpoint(arena, rule->location, name + len, rule->insecure, false, &out);
    else
        add_endpoint(arena, name, "", rule->insecure, false, &out);
    *ret = out;
    return 0;
}
