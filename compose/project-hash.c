/* What tells whether something was made from the project as it is now: hashes of what was written, digests of files.
 * Apart from the rest, which the generator links without libcrypto. */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/fdio.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/print.h"
#include "compose/project.h"

/* Loading refuses what is larger; Docker Compose's form has some attributes more that say nothing. */
#define MODEL_JSON_MAX_BYTES (LIMIT_MODEL_BYTES + LIMIT_MODEL_BYTES / 4)

const char *service_model_json(struct arena *arena, const struct service *service)
{
    static const char *const left_out[] = { "build", "depends_on", "scale", "pull_policy",
        "pull_refresh_after", "profiles", "develop", "attach" };
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(MODEL_JSON_MAX_BYTES);
    struct node *model = node_copy(arena, service->model);
    struct node *deploy = node_get(model, "deploy");

    for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
        node_remove(model, left_out[i]);
    if (deploy && deploy->kind == NODE_MAP) {
        deploy = node_copy(arena, deploy);
        node_remove(deploy, "replicas");
        if (deploy->len)
            node_set(arena, model, "deploy", NULL, deploy);
        else
            node_remove(model, "deploy");
    }
    node_print_canonical(model, &out);
    assert(!strbuf_is_truncated(&out));
    return arena_strndup(arena, out.data, out.len);
}

static const char *hash_text(struct arena *arena, const struct strbuf *text)
{
    char digest[DIGEST_TEXT_MAX];

    assert(!strbuf_is_truncated(text));
    digest_sha256(text->data, text->len, digest);
    return arena_strdup(arena, digest_hex(digest));
}

/* Over what somebody wrote: other defaults of a newer berth make no other network or volume, and nor does writing
 * out what `config` prints. The name tells two of them apart by itself. */
static const char *hash_written(struct arena *arena, const struct node *node)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(MODEL_JSON_MAX_BYTES);
    struct node *written = node_new(arena, NODE_MAP, &node->at);

    NODE_FOREACH(node, entry) {
        const struct node *value = entry->value;
        bool is_empty = (value->kind == NODE_MAP || value->kind == NODE_LIST) && value->len == 0;

        if (!(value->flags & NODE_IMPLIED) && !is_empty && strcmp(entry->key, "name") != 0)
            node_set(arena, written, entry->key, NULL, entry->value);
    }
    node_print_canonical(written, &out);
    return hash_text(arena, &out);
}

const char *service_config_hash(struct arena *arena, const struct service *service)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(MODEL_JSON_MAX_BYTES);

    service_print_marshalled(service, &out);
    return hash_text(arena, &out);
}

const char *network_config_hash(struct arena *arena, const struct project_network *network)
{
    return hash_written(arena, network->model);
}

const char *volume_config_hash(struct arena *arena, const struct project_volume *volume)
{
    return hash_written(arena, volume->model);
}

static void digest_file(struct arena *arena, struct file_object *object)
{
    char text[DIGEST_TEXT_MAX], buffer[65536];
    auto_close int fd = open(object->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    auto_(digest_free_p) struct digest *digest = NULL;
    struct stat status;
    ssize_t len;

    object->content_digest = NULL;
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
            digest_new("sha256", &digest, NULL) < 0)
        return;
    while ((len = fd_read_full(fd, buffer, sizeof(buffer))) > 0)
        digest_update(digest, buffer, (size_t)len);
    explicit_bzero(buffer, sizeof(buffer));
    if (len < 0)
        return;
    digest_finish(digest, text);
    object->content_digest = arena_strdup(arena, text);
}

void project_digest_files(struct project *project)
{
    struct file_objects *lists[] = { &project->secrets, &project->configs };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        ARRAY_FOREACH(lists[i], object) {
            if (object->used && object->file)
                digest_file(project->arena, object);
        }
}
