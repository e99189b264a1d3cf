#include "cli/compose-build.h"

#include <errno.h>
#include <inttypes.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/build-words.h"
#include "cli/cli.h"
#include "cli/specs.h"
#include "compose/backend.h"
#include "compose/graph.h"
#include "compose/project.h"
#include "engine/build/build.h"

static struct build_pair *build_pairs(
        struct arena *arena, const struct pairs *from, const struct strmap *more, size_t *ret_count)
{
    struct build_pair *pairs = ARENA_NEW_ARRAY(
            arena, from->len + (more ? more->len : 0) + 1, struct build_pair);
    size_t count = 0;

    ARRAY_FOREACH(from, pair)
        if (!more || !strmap_has(more, pair->key))
            pairs[count++] = (struct build_pair){ pair->key, pair->value };
    if (more)
        STRMAP_FOREACH(more, entry)
            pairs[count++] = (struct build_pair){ entry->key, entry->value };
    *ret_count = count;
    return pairs;
}

/* What a service builds is a context as its image; the plan has built that one before. */
static void name_service_images(
        struct arena *arena, const struct project *project, struct build_pair *contexts, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char *name = graph_service_of_mode(contexts[i].value);
        const struct service *service = name ? project_find_service(project, name) : NULL;

        if (service)
            contexts[i].value = arena_printf(
                    arena, "docker-image://%s", service_image_name(arena, project, service));
    }
}

static int build_secret_of(const struct backend_build_spec *spec,
        const struct file_reference *reference, struct build_secret *ret, struct error **err)
{
    const struct file_object *secret = project_find_secret(spec->project, reference->source);
    const char *what = !secret || secret->external == OPTION_TRUE ? "one of the engine's" : NULL;
    uint32_t uid = 0, gid = 0;

    if (!what && secret->environment && !secret->value)
        return error_set_plain(err, ENOENT, &reference->at,
                "secret \"%s\": the variable %s is not set", reference->source,
                secret->environment);
    if (!what && !secret->file && !secret->environment)
        what = "no file and no variable";
    if (what)
        return error_set_plain(err, EOPNOTSUPP, &reference->at,
                "build.secrets: the secret \"%s\" is %s, which is not supported", reference->source,
                what);
    if ((reference->uid && parse_uint32(str_from(reference->uid), INT32_MAX, &uid) < 0) ||
            (reference->gid && parse_uint32(str_from(reference->gid), INT32_MAX, &gid) < 0))
        return error_set_plain(err, EINVAL, &reference->at,
                "build.secrets: uid and gid of \"%s\" have to be numbers", reference->source);
    *ret = (struct build_secret){
        .id = reference->target ? reference->target : reference->source,
        .path = secret->environment ? NULL : secret->file,
        .value = secret->environment ? secret->value : NULL,
        .mode = reference->mode.set ? (int32_t)reference->mode.value : -1,
        .uid = uid,
        .gid = gid,
    };
    return 0;
}

/* What RUN --mount=type=secret and type=ssh find. */
static int add_secrets(struct arena *arena, const struct backend_build_spec *spec,
        struct build_options *options, struct error **err)
{
    const struct build *from = &spec->service->build;
    struct build_secret *secrets = ARENA_NEW_ARRAY(
            arena, from->secrets.len + 1, struct build_secret);
    struct build_pair *ssh = build_pairs(arena, &from->ssh, spec->ssh, &options->ssh_count);
    int r = 0;

    for (size_t i = 0; i < from->secrets.len && r >= 0; i++)
        r = build_secret_of(spec, &from->secrets.items[i], &secrets[i], err);
    for (size_t i = 0; i < options->ssh_count && r >= 0; i++) {
        r = build_choose_agent(ssh[i].name, ssh[i].value, &ssh[i].value, err);
        if (r < 0)
            error_place(err, &from->at);
    }
    options->secrets = secrets;
    options->secret_count = from->secrets.len;
    options->ssh = ssh;
    return r;
}

/* What the containers of RUN have beyond their image. */
static int add_sandbox(struct arena *arena, const struct backend_build_spec *spec,
        struct build_options *options, struct error **err)
{
    const struct build *from = &spec->service->build;
    struct container_config *sandbox = ARENA_NEW(arena, struct container_config);
    struct strings hosts = { 0 };

    *sandbox = (struct container_config)CONTAINER_CONFIG_INIT;
    if (from->shm_size.set && from->shm_size.bytes < 0)
        return error_set_plain(err, EINVAL, &from->at,
                "build.shm_size: a size cannot be below 0, got %" PRId64, from->shm_size.bytes);
    ARRAY_FOREACH(&from->extra_hosts, host)
        *ARRAY_APPEND_ARENA(arena, &hosts) = arena_printf(arena, "%s:%s", host->key, host->value);
    ARRAY_FOREACH(&from->ulimits, limit)
        *ARRAY_APPEND_ARENA(arena, &sandbox->ulimits) = (struct container_ulimit){ limit->name,
            limit->soft, limit->hard };
    sandbox->extra_hosts = spec_vector(arena, &hosts);
    sandbox->shm_size_bytes = from->shm_size.set ? (uint64_t)from->shm_size.bytes : 0;
    sandbox->memory_bytes = spec->memory_bytes;
    options->sandbox = sandbox;
    return 0;
}

int compose_build_options(struct arena *arena, const struct backend_build_spec *spec,
        struct build_options *ret, struct error **err)
{
    const struct build *from = &spec->service->build;
    struct strings tags = { 0 };
    struct build_options options = {
        .context = from->context,
        .dockerfile = string_is_empty(from->dockerfile) ? NULL : from->dockerfile,
        .inline_text = from->dockerfile_inline,
        .inline_name = from->at.file ? from->at.file : "dockerfile_inline",
        .target = from->target,
        .platform = from->platforms.len ? from->platforms.items[0] : spec->service->platform,
        .network = from->network,
        .no_cache = spec->no_cache || from->no_cache == OPTION_TRUE,
        .pull = spec->pull || from->pull == OPTION_TRUE ? BUILD_PULL_ALWAYS : BUILD_PULL_MISSING,
        .check = spec->check,
    };

    if (from->dockerfile_inline)
        options.dockerfile = NULL;
    *ARRAY_APPEND_ARENA(arena, &tags) = (char *)spec->image;
    for (size_t i = 0; i < from->tags.len; i++)
        *ARRAY_APPEND_ARENA(arena, &tags) = from->tags.items[i];
    options.tags = (const char *const *)tags.items;
    options.tag_count = tags.len;
    options.args = build_pairs(arena, &from->args, spec->args, &options.arg_count);
    options.labels = build_pairs(arena, &from->labels, spec->labels, &options.label_count);
    struct build_pair *contexts = build_pairs(
            arena, &from->additional_contexts, NULL, &options.context_count);
    name_service_images(arena, spec->project, contexts, options.context_count);
    options.contexts = contexts;
    int r = add_secrets(arena, spec, &options, err);
    if (r >= 0)
        r = add_sandbox(arena, spec, &options, err);
    if (r >= 0)
        *ret = options;
    return r;
}
