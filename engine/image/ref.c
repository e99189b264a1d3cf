#include "engine/image/ref.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#define DEFAULT_DOMAIN IMAGE_REF_DEFAULT_DOMAIN
#define LEGACY_DOMAIN "index." IMAGE_REF_DEFAULT_DOMAIN
#define OFFICIAL_PREFIX "library/"

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || is_upper(c);
}

/* [a-z0-9]+ (("." | "_" | "__" | "-"+) [a-z0-9]+)* */
static bool component_is_valid(struct str s)
{
    size_t i = 0;

    for (;;) {
        size_t start = i;

        while (i < s.len && is_lower_alnum(s.data[i]))
            i++;
        if (i == start)
            return false;
        if (i == s.len)
            return true;
        if (s.data[i] == '.') {
            i++;
        } else if (s.data[i] == '_') {
            i++;
            if (i < s.len && s.data[i] == '_')
                i++;
        } else if (s.data[i] == '-') {
            while (i < s.len && s.data[i] == '-')
                i++;
        } else {
            return false;
        }
    }
}

static bool path_is_valid(struct str path)
{
    struct str component;
    bool any = false;

    while (str_split_next(&path, '/', &component)) {
        if (!component_is_valid(component))
            return false;
        any = true;
    }
    return any;
}

static bool tag_is_valid(struct str tag)
{
    if (tag.len == 0 || tag.len > IMAGE_REF_TAG_MAX || tag.data[0] == '.' || tag.data[0] == '-')
        return false;
    for (size_t i = 0; i < tag.len; i++)
        if (!is_alnum(tag.data[i]) && !strchr("_.-", tag.data[i]))
            return false;
    return true;
}

static bool port_is_valid(struct str port)
{
    if (port.len == 0 || port.len > 5)
        return false;
    for (size_t i = 0; i < port.len; i++)
        if (port.data[i] < '0' || port.data[i] > '9')
            return false;
    return true;
}

/* Host names of letters, digits and inner hyphens between dots, or an IPv6 address in brackets. */
static bool host_is_valid(struct str host)
{
    struct str label;

    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        for (size_t i = 1; i + 1 < host.len; i++)
            if (!strchr("0123456789abcdefABCDEF:", host.data[i]))
                return false;
        return true;
    }
    if (host.len == 0 || host.data[host.len - 1] == '.')
        return false;
    while (str_split_next(&host, '.', &label)) {
        if (label.len == 0 || !is_alnum(label.data[0]) || !is_alnum(label.data[label.len - 1]))
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!is_alnum(label.data[i]) && label.data[i] != '-')
                return false;
    }
    return true;
}

static bool domain_is_valid(struct str domain)
{
    ptrdiff_t colon = str_find_last(domain, ':');

    if (colon >= 0 && domain.data[domain.len - 1] != ']') {
        struct str port = { domain.data + colon + 1, domain.len - (size_t)colon - 1 };

        if (!port_is_valid(port))
            return false;
        domain.len = (size_t)colon;
    }
    return host_is_valid(domain);
}

/* The first component is a registry when it cannot be a path: with a dot, a colon, capitals, or named
 * localhost. */
static bool looks_like_domain(struct str first)
{
    if (str_is_equal_z(first, "localhost"))
        return true;
    for (size_t i = 0; i < first.len; i++)
        if (first.data[i] == '.' || first.data[i] == ':' || is_upper(first.data[i]))
            return true;
    return false;
}

bool image_ref_is_id(const char *text)
{
    size_t len;

    if (string_has_prefix(text, "sha256:"))
        text += strlen("sha256:");
    len = strspn(text, "0123456789abcdef");
    return len == DIGEST_SHA256_HEX && !text[len];
}

static int refuse(struct error **err, const char *text)
{
    return error_set_plain(err, EINVAL, NULL, "invalid reference format: \"%s\"", text);
}

static int split_name(struct str name, const char *text, struct image_ref *out, struct error **err)
{
    ptrdiff_t slash = str_find(name, '/');
    struct str domain = STR_LITERAL(DEFAULT_DOMAIN), path = name;

    if (slash >= 0 && looks_like_domain((struct str){ name.data, (size_t)slash })) {
        domain = (struct str){ name.data, (size_t)slash };
        path = (struct str){ name.data + slash + 1, name.len - (size_t)slash - 1 };
    }
    if (str_is_equal_z(domain, LEGACY_DOMAIN))
        domain = STR_LITERAL(DEFAULT_DOMAIN);
    if (!domain_is_valid(domain))
        return refuse(err, text);

    bool official = str_is_equal_z(domain, DEFAULT_DOMAIN) && str_find(path, '/') < 0;
    const char *prefix = official ? OFFICIAL_PREFIX : "";

    if (!path_is_valid(path)) {
        for (size_t i = 0; i < path.len; i++)
            if (is_upper(path.data[i]))
                return error_set_plain(err, EINVAL, NULL,
                        "invalid reference format: repository name (%s%.*s) must be lowercase",
                        prefix, STR_FMT(path));
        return refuse(err, text);
    }
    out->domain = mem_strndup(domain.data, domain.len);
    out->path = mem_printf("%s%.*s", prefix, STR_FMT(path));
    if (strlen(out->domain) + 1 + strlen(out->path) > IMAGE_REF_NAME_MAX)
        return error_set_plain(err, EINVAL, NULL,
                "invalid reference format: repository name must not be more than %d characters",
                IMAGE_REF_NAME_MAX);
    return 0;
}

int image_ref_parse(const char *text, struct image_ref *ret, struct error **err)
{
    auto_(image_ref_release) struct image_ref out = IMAGE_REF_INIT;
    struct str name = str_from(text);
    ptrdiff_t at, colon, slash;

    if (name.len == 0)
        return error_set_plain(err, EINVAL, NULL, "invalid reference format: empty name");
    if (name.len > IMAGE_REF_MAX)
        return error_set_plain(err, EINVAL, NULL, "invalid reference format: too long");
    if (image_ref_is_id(text))
        return error_set_plain(err, EINVAL, NULL,
                "invalid repository name (%s), cannot specify 64-byte hexadecimal strings", text);

    at = str_find(name, '@');
    if (at >= 0) {
        if (!digest_is_valid(text + at + 1))
            return refuse(err, text);
        out.digest = mem_strdup(text + at + 1);
        name.len = (size_t)at;
    }
    colon = str_find_last(name, ':');
    slash = str_find_last(name, '/');
    if (colon > slash) {
        struct str tag = { name.data + colon + 1, name.len - (size_t)colon - 1 };

        if (!tag_is_valid(tag))
            return refuse(err, text);
        out.tag = mem_strndup(tag.data, tag.len);
        name.len = (size_t)colon;
    } else if (!out.digest) {
        out.tag = mem_strdup("latest");
    }

    int r = split_name(name, text, &out, err);

    if (r < 0)
        return r;
    *ret = out;
    out = (struct image_ref)IMAGE_REF_INIT;
    return 0;
}

void image_ref_release(struct image_ref *ref)
{
    if (!ref)
        return;
    free(ref->domain);
    free(ref->path);
    free(ref->tag);
    free(ref->digest);
    *ref = (struct image_ref)IMAGE_REF_INIT;
}

char *image_ref_repository(const struct image_ref *ref)
{
    return mem_printf("%s/%s", ref->domain, ref->path);
}

char *image_ref_tagged(const struct image_ref *ref)
{
    return mem_printf(
            "%s/%s%s%s", ref->domain, ref->path, ref->tag ? ":" : "", ref->tag ? ref->tag : "");
}

char *image_ref_canonical(const struct image_ref *ref)
{
    return mem_printf("%s/%s%s%s%s%s", ref->domain, ref->path, ref->tag ? ":" : "",
            ref->tag ? ref->tag : "", ref->digest ? "@" : "", ref->digest ? ref->digest : "");
}

const char *image_ref_familiar(const char *canonical)
{
    const char *rest = canonical;

    if (!string_has_prefix(rest, DEFAULT_DOMAIN "/"))
        return canonical;
    rest += strlen(DEFAULT_DOMAIN "/");
    if (string_has_prefix(rest, OFFICIAL_PREFIX) && !strchr(rest + strlen(OFFICIAL_PREFIX), '/'))
        return rest + strlen(OFFICIAL_PREFIX);
    /* "docker.io/localhost/x" is not "localhost/x". */
    return looks_like_domain((struct str){ rest, strcspn(rest, "/") }) ? canonical : rest;
}
