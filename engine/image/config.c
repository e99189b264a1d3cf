#include "engine/image/config-internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timefmt.h"

int image_config_summary(struct arena *arena, const json_t *config, const char *what,
        struct config_summary *ret, struct error **err)
{
    struct config_summary out = { 0 };
    json_t *rootfs = NULL;
    char **diff_ids = NULL;
    const char *type = NULL;
    int r;

    if (!json_is_object(config))
        return error_set_plain(err, EBADMSG, NULL, "%s is not a JSON object", what);
    r = jsonx_get_string(config, "architecture", &out.architecture, err);
    if (r >= 0)
        r = jsonx_get_string(config, "os", &out.os, err);
    if (r >= 0)
        r = jsonx_get_string(config, "variant", &out.variant, err);
    if (r >= 0)
        r = jsonx_get_string(config, "created", &out.created, err);
    if (r >= 0)
        r = jsonx_get_string(config, "author", &out.author, err);
    if (r >= 0)
        r = jsonx_get_object(config, "rootfs", &rootfs, err);
    if (r >= 0 && rootfs)
        r = jsonx_get_string(rootfs, "type", &type, err);
    if (r >= 0 && rootfs)
        r = jsonx_get_strings(arena, rootfs, "diff_ids", &diff_ids, &out.diff_ids.len, err);
    if (r < 0)
        return error_wrap(err, r, "%s", what);
    if (!rootfs || !type || strcmp(type, "layers") != 0)
        return error_set_plain(err, EBADMSG, NULL, "%s has no list of layers", what);
    if (out.diff_ids.len > LIMIT_IMAGE_LAYERS)
        return error_set_plain(
                err, E2BIG, NULL, "%s has more than %d layers", what, LIMIT_IMAGE_LAYERS);
    for (size_t i = 0; i < out.diff_ids.len; i++)
        if (!digest_is_valid(diff_ids[i]) || !string_has_prefix(diff_ids[i], "sha256:"))
            return error_set_plain(err, EBADMSG, NULL, "%s: diff_id %zu is no digest", what, i);
    out.diff_ids.items = diff_ids;
    *ret = out;
    return 0;
}

/* The keys of an object whose values do not matter (ExposedPorts, Volumes). */
static int read_keys(
        struct arena *arena, const json_t *object, const char *key, char ***ret, struct error **err)
{
    json_t *set = NULL, *value;
    const char *name;
    size_t i = 0;
    int r = jsonx_get_object(object, key, &set, err);

    if (r < 0 || !set)
        return r;
    *ret = ARENA_NEW_ARRAY(arena, json_object_size(set) + 1, char *);
    json_object_foreach(set, name, value)(*ret)[i++] = arena_strdup(arena, name);
    return 0;
}

static int read_labels(
        struct arena *arena, const json_t *object, struct strmap *labels, struct error **err)
{
    json_t *set = NULL, *value;
    const char *name;
    int r = jsonx_get_object(object, "Labels", &set, err);

    strmap_init_arena(labels, arena);
    if (r < 0 || !set)
        return r;
    json_object_foreach(set, name, value)
    {
        if (!json_is_string(value))
            return error_set_plain(err, EINVAL, NULL, "label \"%s\" is no text", name);
        strmap_set(labels, name, arena_strdup(arena, json_string_value(value)));
    }
    return 0;
}

static int read_duration(
        const json_t *object, const char *key, int64_t *ret_usec, struct error **err)
{
    int64_t nsec = 0;
    int r = jsonx_get_int(object, key, &nsec, err);

    *ret_usec = nsec > 0 && nsec < NSEC_PER_USEC ? 1 : nsec / NSEC_PER_USEC;
    return r;
}

static int read_healthcheck(struct arena *arena, const json_t *config,
        struct image_healthcheck **ret, struct error **err)
{
    json_t *object = NULL;
    struct image_healthcheck *out;
    size_t len;
    int r = jsonx_get_object(config, "Healthcheck", &object, err);

    if (r < 0 || !object)
        return r;
    out = ARENA_NEW(arena, struct image_healthcheck);
    r = jsonx_get_strings(arena, object, "Test", &out->test, &len, err);
    if (r >= 0)
        r = read_duration(object, "Interval", &out->interval_usec, err);
    if (r >= 0)
        r = read_duration(object, "Timeout", &out->timeout_usec, err);
    if (r >= 0)
        r = read_duration(object, "StartPeriod", &out->start_period_usec, err);
    if (r >= 0)
        r = read_duration(object, "StartInterval", &out->start_interval_usec, err);
    if (r >= 0)
        r = jsonx_get_int(object, "Retries", &out->retries, err);
    if (r >= 0)
        *ret = out;
    return r;
}

static int read_text(struct arena *arena, const json_t *object, const char *key, const char **ret,
        struct error **err)
{
    const char *text = NULL;
    int r = jsonx_get_string(object, key, &text, err);

    if (r >= 0 && !string_is_empty(text))
        *ret = arena_strdup(arena, text);
    return r;
}

int image_config_read(
        struct arena *arena, const json_t *config, struct image_config *ret, struct error **err)
{
    struct image_config out = { 0 };
    json_t *object = NULL;
    size_t len;
    int r = jsonx_get_object(config, "config", &object, err);

    strmap_init_arena(&out.labels, arena);
    if (r >= 0 && object) {
        const struct {
            const char *key;
            char ***list;
        } lists[] = {
            { "Env", &out.env },
            { "Cmd", &out.cmd },
            { "Entrypoint", &out.entrypoint },
            { "Shell", &out.shell },
            { "OnBuild", &out.onbuild },
        };

        for (size_t i = 0; r >= 0 && i < ARRAY_LEN(lists); i++)
            r = jsonx_get_strings(arena, object, lists[i].key, lists[i].list, &len, err);
        if (r >= 0)
            r = read_keys(arena, object, "ExposedPorts", &out.exposed_ports, err);
        if (r >= 0)
            r = read_keys(arena, object, "Volumes", &out.volumes, err);
        if (r >= 0)
            r = read_labels(arena, object, &out.labels, err);
        if (r >= 0)
            r = read_text(arena, object, "User", &out.user, err);
        if (r >= 0)
            r = read_text(arena, object, "WorkingDir", &out.working_dir, err);
        if (r >= 0)
            r = read_text(arena, object, "StopSignal", &out.stop_signal, err);
        if (r >= 0)
            r = read_healthcheck(arena, object, &out.healthcheck, err);
    }
    if (r < 0)
        return error_wrap(err, r, "the image's configuration is invalid");
    *ret = out;
    return 0;
}

/* ---- platforms ---- */

/* As containerd's platforms package normalises them. */
static const struct {
    const char *name, *architecture, *variant;
} architectures[] = {
    { "x86_64", "amd64", NULL },
    { "x86-64", "amd64", NULL },
    { "amd64", "amd64", NULL },
    { "i386", "386", NULL },
    { "i686", "386", NULL },
    { "386", "386", NULL },
    { "aarch64", "arm64", NULL },
    { "arm64", "arm64", NULL },
    { "armhf", "arm", "v7" },
    { "armel", "arm", "v6" },
    { "armv8l", "arm", "v7" },
    { "armv7l", "arm", "v7" },
    { "armv6l", "arm", "v6" },
    { "arm", "arm", "v7" },
    { "ppc64le", "ppc64le", NULL },
    { "s390x", "s390x", NULL },
    { "riscv64", "riscv64", NULL },
    { "loong64", "loong64", NULL },
    { "loongarch64", "loong64", NULL },
    { "mips64", "mips64", NULL },
    { "mips64le", "mips64le", NULL },
};

static bool set_architecture(const char *name, struct image_platform *platform)
{
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++)
        if (strcmp(name, architectures[i].name) == 0) {
            platform->architecture = architectures[i].architecture;
            platform->variant = architectures[i].variant;
            return true;
        }
    return false;
}

struct image_platform image_platform_host(void)
{
    struct image_platform platform = { .os = "linux", .architecture = "unknown" };
    struct utsname uts;

    if (uname(&uts) == 0)
        (void)set_architecture(uts.machine, &platform);
    return platform;
}

/* "8" and "V8" are "v8"; arm64's only common variant is the one that is not said. */
static const char *normalise_variant(
        struct arena *arena, const char *architecture, const char *variant)
{
    if (string_is_empty(variant))
        return NULL;
    if (*variant >= '0' && *variant <= '9')
        variant = arena_printf(arena, "v%s", variant);
    if (strcmp(architecture, "arm64") == 0 && strcmp(variant, "v8") == 0)
        return NULL;
    if (strcmp(architecture, "amd64") == 0 && strcmp(variant, "v1") == 0)
        return NULL;
    return variant;
}

int image_platform_parse(
        struct arena *arena, const char *text, struct image_platform *ret, struct error **err)
{
    struct image_platform out = image_platform_host();
    struct str rest = str_from(text), piece;
    char *parts[3] = { 0 };
    size_t count = 0;

    if (string_is_empty(text)) {
        *ret = out;
        return 0;
    }
    while (str_split_next(&rest, '/', &piece)) {
        if (count == ARRAY_LEN(parts) || piece.len == 0)
            return error_set_plain(
                    err, EINVAL, NULL, "platform \"%s\": expected os/architecture[/variant]", text);
        parts[count] = arena_strndup(arena, piece.data, piece.len);
        for (char *p = parts[count++]; *p; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p - 'A' + 'a');
    }
    if (count == 1 && set_architecture(parts[0], &out)) {
        *ret = out;
        return 0;
    }
    out.os = parts[0];
    if (count > 1 && !set_architecture(parts[1], &out)) {
        out.architecture = parts[1];
        out.variant = NULL;
    }
    if (count > 2)
        out.variant = normalise_variant(arena, out.architecture, parts[2]);
    *ret = out;
    return 0;
}

static int variant_number(const char *architecture, const char *variant)
{
    if (variant && variant[0] == 'v' && variant[1] >= '0' && variant[1] <= '9' && !variant[2])
        return variant[1] - '0';
    if (variant)
        return -1;
    if (strcmp(architecture, "arm64") == 0)
        return 8;
    return strcmp(architecture, "arm") == 0 ? 7 : 1;
}

unsigned image_platform_rank(const struct image_platform *want, const struct image_platform *have)
{
    int wanted, had;

    if (!have->os || !have->architecture || strcmp(want->os, have->os) != 0)
        return 0;
    if (strcmp(want->architecture, have->architecture) != 0)
        /* arm64 machines run arm images; anything else would need an emulator */
        return 0;
    wanted = variant_number(want->architecture, want->variant);
    had = variant_number(have->architecture, have->variant);
    if (wanted < 0 || had < 0)
        return string_is_equal(want->variant, have->variant) ? 100 : 0;
    /* The newest that the machine has; older ones work too. */
    return had <= wanted ? 100 - (unsigned)(wanted - had) : 0;
}

void image_platform_format(const struct image_platform *platform, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s/%s%s%s", platform->os, platform->architecture,
            platform->variant ? "/" : "", platform->variant ? platform->variant : "");
}
