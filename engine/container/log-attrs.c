#include "engine/container/log-attrs.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/container/container.h"

#define TAG_MAX_BYTES 1024

static bool list_has(const char *list, const char *word, size_t word_len)
{
    struct str rest = str_from(list), item;

    while (list && str_split_next(&rest, ',', &item))
        if (item.len == word_len && memcmp(item.data, word, word_len) == 0)
            return true;
    return false;
}

/* A pattern of Go's syntax in the part that POSIX shares. */
static int compile(const char *pattern, regex_t *ret, struct error **err)
{
    if (regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return error_set_plain(
                err, EINVAL, NULL, "invalid regular expression of a log option: %s", pattern);
    return 0;
}

static void add_text(json_t *attrs, const char *key, size_t key_len, const char *value)
{
    auto_free char *name = mem_strndup(key, key_len);

    json_object_set_new(attrs, name, jsonx_text(value));
}

static int add_labels(const struct container_config *config, json_t *attrs, struct error **err)
{
    const char *list = container_pairs_get(&config->log_options, "labels");
    const char *pattern = container_pairs_get(&config->log_options, "labels-regex");
    regex_t regex;
    int r = pattern ? compile(pattern, &regex, err) : 0;

    if (r < 0)
        return r;
    for (size_t i = 0; i < config->labels.len; i++) {
        const struct container_pair *label = &config->labels.items[i];

        if (list_has(list, label->key, strlen(label->key)) ||
                (pattern && regexec(&regex, label->key, 0, NULL, 0) == 0))
            add_text(attrs, label->key, strlen(label->key), label->value);
    }
    if (pattern)
        regfree(&regex);
    return 0;
}

static int add_env(const struct container_config *config, json_t *attrs, struct error **err)
{
    const char *list = container_pairs_get(&config->log_options, "env");
    const char *pattern = container_pairs_get(&config->log_options, "env-regex");
    regex_t regex;
    int r = pattern ? compile(pattern, &regex, err) : 0;

    if (r < 0)
        return r;
    for (char **entry = config->env; entry && *entry; entry++) {
        size_t len = strcspn(*entry, "=");
        auto_free char *key = mem_strndup(*entry, len);

        if ((*entry)[len] &&
                (list_has(list, *entry, len) || (pattern && regexec(&regex, key, 0, NULL, 0) == 0)))
            add_text(attrs, *entry, len, *entry + len + 1);
    }
    if (pattern)
        regfree(&regex);
    return 0;
}

/* Docker's tag is a template over a handful of fields. */
static int add_tag(const struct container *c, json_t *attrs, struct error **err)
{
    const char *tag = container_pairs_get(&c->config.log_options, "tag");
    const struct {
        const char *field, *value;
        int max_len;
    } fields[] = {
        { "{{.ID}}", c->id, CONTAINER_SHORT_ID },
        { "{{.FullID}}", c->id, CONTAINER_ID_HEX },
        { "{{.Name}}", c->name, 255 },
        { "{{.ImageID}}", c->image_id, 19 },
        { "{{.ImageFullID}}", c->image_id, 255 },
        { "{{.ImageName}}", c->image_name, 1024 },
        { "{{.DaemonName}}", "berth", 255 },
    };
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TAG_MAX_BYTES);

    if (string_is_empty(tag))
        return 0;
    while (*tag) {
        bool found = false;

        for (size_t i = 0; !found && i < ARRAY_LEN(fields); i++) {
            if (!string_has_prefix(tag, fields[i].field))
                continue;
            strbuf_addf(&text, "%.*s", fields[i].max_len, fields[i].value);
            tag += strlen(fields[i].field);
            found = true;
        }
        if (!found && string_has_prefix(tag, "{{"))
            return error_set_plain(
                    err, EOPNOTSUPP, NULL, "log opt tag: \"%s\" is not supported", tag);
        if (!found)
            strbuf_addc(&text, *tag++);
    }
    json_object_set_new(attrs, "tag", jsonx_text(text.data));
    return 0;
}

int log_attrs_build(const struct container *container, json_t **ret, struct error **err)
{
    auto_json json_t *attrs = json_object();
    int r = add_labels(&container->config, attrs, err);

    if (r >= 0)
        r = add_env(&container->config, attrs, err);
    if (r >= 0)
        r = add_tag(container, attrs, err);
    if (r < 0)
        return r;
    *ret = json_object_size(attrs) > 0 ? TAKE(attrs) : NULL;
    return 0;
}
