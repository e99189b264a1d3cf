#include "compose/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"

static const char *const status_names[] = {
    [OBSERVED_CREATED] = "created",
    [OBSERVED_RUNNING] = "running",
    [OBSERVED_PAUSED] = "paused",
    [OBSERVED_RESTARTING] = "restarting",
    [OBSERVED_REMOVING] = "removing",
    [OBSERVED_EXITED] = "exited",
    [OBSERVED_DEAD] = "dead",
};
_Static_assert(ARRAY_LEN(status_names) == OBSERVED_STATUS_MAX_, "name every status");

static const char *const health_names[] = {
    [OBSERVED_HEALTH_NONE] = "none",
    [OBSERVED_HEALTH_STARTING] = "starting",
    [OBSERVED_HEALTH_HEALTHY] = "healthy",
    [OBSERVED_HEALTH_UNHEALTHY] = "unhealthy",
};
_Static_assert(ARRAY_LEN(health_names) == OBSERVED_HEALTH_MAX_, "name every health");

const char *observed_status_name(enum observed_status status)
{
    return status >= 0 && status < OBSERVED_STATUS_MAX_ ? status_names[status] : "unknown";
}

enum observed_status observed_status_from_name(const char *name)
{
    int i = parse_name(str_from(name), status_names, OBSERVED_STATUS_MAX_);

    return i < 0 ? OBSERVED_STATUS_INVALID : (enum observed_status)i;
}

const char *observed_health_name(enum observed_health health)
{
    return health >= 0 && health < OBSERVED_HEALTH_MAX_ ? health_names[health] : "unknown";
}

enum observed_health observed_health_from_name(const char *name)
{
    int i = parse_name(str_from(name), health_names, OBSERVED_HEALTH_MAX_);

    return i < 0 ? OBSERVED_HEALTH_INVALID : (enum observed_health)i;
}

const struct observed_container *observed_find_container(
        const struct observed_state *state, const char *id)
{
    ARRAY_FOREACH(&state->containers, c) {
        if (string_is_equal(c->id, id))
            return c;
    }
    return NULL;
}

const struct observed_container *observed_find_container_name(
        const struct observed_state *state, const char *name)
{
    ARRAY_FOREACH(&state->containers, c) {
        if (string_is_equal(c->name, name))
            return c;
    }
    return NULL;
}

const struct observed_network *observed_find_network(
        const struct observed_state *state, const char *name)
{
    ARRAY_FOREACH(&state->networks, n) {
        if (string_is_equal(n->name, name))
            return n;
    }
    return NULL;
}

const struct observed_volume *observed_find_volume(
        const struct observed_state *state, const char *name)
{
    ARRAY_FOREACH(&state->volumes, v) {
        if (string_is_equal(v->name, name))
            return v;
    }
    return NULL;
}

const struct observed_image *observed_find_image(
        const struct observed_state *state, const char *reference)
{
    ARRAY_FOREACH(&state->images, i) {
        if (string_is_equal(i->reference, reference))
            return i;
    }
    return NULL;
}

bool observed_container_is_active(const struct observed_container *container)
{
    return container->status == OBSERVED_RUNNING || container->status == OBSERVED_PAUSED ||
           container->status == OBSERVED_RESTARTING;
}

bool observed_container_is_on_network(
        const struct observed_container *container, const struct observed_network *network)
{
    ARRAY_FOREACH(&container->networks, endpoint) {
        if (string_is_equal(endpoint->network_id, network->id))
            return true;
    }
    return false;
}

bool observed_container_mounts(const struct observed_container *container, const char *volume)
{
    ARRAY_FOREACH(&container->mounts, mount) {
        if (string_is_equal(mount->volume, volume))
            return true;
    }
    return false;
}

void observed_container_read_labels(struct observed_container *container)
{
    const struct strmap *labels = &container->labels;
    const char *service = strmap_get(labels, LABEL_SERVICE);
    const char *number = strmap_get(labels, LABEL_NUMBER);
    const char *oneoff = strmap_get(labels, LABEL_ONEOFF);
    uint32_t n = 0;

    container->project = strmap_get(labels, LABEL_PROJECT);
    container->service = service ? service : "";
    container->config_hash = strmap_get(labels, LABEL_CONFIG_HASH);
    container->replaces = strmap_get(labels, LABEL_REPLACE);
    if (number && parse_uint32(str_from(number), UINT32_MAX, &n) < 0)
        n = 0;
    container->number = n;
    /* "True" and "False" are Python's words, from Compose's first life. */
    container->oneoff = oneoff && strcasecmp(oneoff, "true") == 0;
}

/* ------------------------------------------------------------------------ digest */

#define DIGEST_LINES_MAX_BYTES (64u << 20)

/* Fields end in a byte that no text holds. */
static void add_field(struct strbuf *out, const char *text)
{
    strbuf_adds(out, text ? text : "\1");
    strbuf_addc(out, '\0');
}

static void add_container(struct strbuf *out, const struct observed_container *c)
{
    add_field(out, "container");
    add_field(out, c->id);
    add_field(out, c->name);
    add_field(out, c->replaces);
    add_field(out, c->model ? c->model : c->config_hash);
    add_field(out, c->image_id);
    add_field(out, observed_status_name(c->status));
    strbuf_addf(
            out, "%u %d %d", c->number, c->oneoff, c->status == OBSERVED_EXITED ? c->exit_code : 0);
    ARRAY_FOREACH(&c->networks, endpoint) {
        add_field(out, endpoint->network_id);
    }
    ARRAY_FOREACH(&c->mounts, mount) {
        add_field(out, mount->volume);
        add_field(out, mount->target);
    }
}

static void add_network(struct strbuf *out, const struct observed_network *n)
{
    add_field(out, "network");
    add_field(out, n->id);
    add_field(out, n->name);
    add_field(out, n->project);
    add_field(out, n->config_hash);
}

static void add_volume(struct strbuf *out, const struct observed_volume *v)
{
    add_field(out, "volume");
    add_field(out, v->name);
    add_field(out, v->project);
    add_field(out, v->config_hash);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST_TEXT_MAX);
}

void observed_state_digest(const struct observed_state *state, char text[static DIGEST_TEXT_MAX])
{
    size_t len = state->containers.len + state->networks.len + state->volumes.len +
                 state->images.len + 1;
    auto_free char(*each)[DIGEST_TEXT_MAX] = mem_zalloc(len * sizeof(*each));
    auto_(strbuf_release) struct strbuf row = STRBUF_INIT(DIGEST_LINES_MAX_BYTES);
    size_t count = 0;

#define ADD_ROWS(list, add)                              \
    ARRAY_FOREACH(list, it_) {                           \
        strbuf_reset(&row);                              \
        add(&row, it_);                                  \
        digest_sha256(row.data, row.len, each[count++]); \
    }
    ADD_ROWS(&state->containers, add_container);
    ADD_ROWS(&state->networks, add_network);
    ADD_ROWS(&state->volumes, add_volume);
#undef ADD_ROWS
    ARRAY_FOREACH(&state->images, image) {
        strbuf_reset(&row);
        add_field(&row, image->reference);
        add_field(&row, image->id);
        digest_sha256(row.data, row.len, each[count++]);
    }
    strbuf_reset(&row);
    add_field(&row, state->project.directory);
    add_field(&row, state->project.applied);
    digest_sha256(row.data, row.len, each[count++]);
    assert(count == len);
    qsort(each, len, sizeof(*each), compare_digests);
    digest_sha256(each, len * sizeof(*each), text);
}
