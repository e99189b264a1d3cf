/* Images: stored, looked up, pulled, loaded, saved, imported, tagged and removed. An image is a row of
 * the state database (its configuration and its list of layers) over unpacked layers in ROOT/layers and
 * blobs in ROOT/images, an OCI layout. What an image becomes when it runs is not decided here.
 *
 * Names that go in are what a user types ("alpine", "localhost:5000/x:1", an id or a unique prefix of
 * one); names that come out of structs are canonical ("docker.io/library/alpine:latest"):
 * image_ref_familiar (image/ref.h) shortens them for people.
 *
 * All functions work with the caller's engine handle in the caller's thread; pull and load unpack layers
 * in threads of their own that never touch the handle. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/json/json.h"
#include "base/strmap.h"

struct engine;
struct engine_options;
struct error;
struct progress;
struct registry_access;

#define IMAGE_ID_MAX (sizeof("sha256:") + 64)
#define IMAGE_DIFF_ID_MAX (sizeof("sha256:") + 64)

struct image_healthcheck {
    char **test; /* as in the file: {"CMD", …}, {"CMD-SHELL", "…"}, {"NONE"} */
    int64_t interval_usec, timeout_usec, start_period_usec, start_interval_usec; /* 0: not set */
    int64_t retries;                                                             /* 0: not set */
};

/* The "config" member of an image configuration. Lists end with NULL; a list that is missing or null is
 * NULL, an empty one has only the NULL. Texts that are missing are NULL. */
struct image_config {
    char **env; /* "KEY=value" */
    char **cmd, **entrypoint, **shell, **onbuild;
    char **exposed_ports; /* "80/tcp" */
    char **volumes;       /* container paths */
    struct strmap labels; /* values are const char * */
    const char *user, *working_dir, *stop_signal;
    struct image_healthcheck *healthcheck; /* NULL: none */
};

/* One image, all of it in its arena (image_free is one call). */
struct image {
    struct arena arena;
    const char *id;              /* "sha256:…" of the configuration */
    const char *parent_id;       /* NULL: none known */
    const char *manifest_digest; /* of the manifest it was pulled or loaded with; NULL: none */
    const char *architecture, *os, *variant; /* variant NULL: none */
    int64_t created_nsec;                    /* since 1970; 0: not known */
    int64_t stored_nsec;                     /* when it came here */
    uint64_t size_bytes;                     /* of all layers, unpacked */
    struct strings tags;                     /* canonical "repository:tag", sorted */
    struct strings digests;                  /* canonical "repository@sha256:…", sorted */
    struct strings diff_ids;                 /* of the layers, bottom first */
    const char *config_json;                 /* the exact bytes whose digest is the id */
    struct image_config config;
};

/* One of nothing, with an empty id: for a container whose root file system is no image's. Given, image_free. */
struct image *image_new_empty(void);
void image_free(struct image *image);
DEFINE_CLEANUP(struct image *, image_free);

/* Finds a stored image by name, by name and digest, by id or by a unique prefix of an id. *ret is NULL
 * when there is none (given otherwise). -EINVAL for a malformed reference, -ENOTUNIQ for an ambiguous
 * prefix. Costs a few indexed queries. */
int image_lookup(struct engine *engine, const char *ref, struct image **ret, struct error **err);

/* The same, but none is an error (-ENOENT, "No such image: x"). */
int image_require(struct engine *engine, const char *ref, struct image **ret, struct error **err);

/* Only the id (given), for callers that compare; NULL: none. */
int image_lookup_id(struct engine *engine, const char *ref, char **ret_id, struct error **err);

/* When the name was last pulled, built or tagged; 0: never, or it is no name. */
int image_tag_time(
        struct engine *engine, const char *name, int64_t *ret_updated_nsec, struct error **err);

/* The absolute directories that overlayfs stacks, bottom first, in `arena`. -ENOENT when there is no
 * such image. */
int image_layer_dirs(struct engine *engine, const char *image_id, struct arena *arena,
        struct strings *ret, struct error **err);

/* ---- coming and going ---- */

enum image_pull_policy {
    IMAGE_PULL_ALWAYS,  /* asks the registry, downloads what is missing here */
    IMAGE_PULL_MISSING, /* only when there is no image of that name (and platform) */
    IMAGE_PULL_NEVER,   /* -ENOENT when there is none */
    IMAGE_PULL_POLICY_MAX_,
    IMAGE_PULL_POLICY_INVALID = -EINVAL,
};
extern const char *const image_pull_policy_names[IMAGE_PULL_POLICY_MAX_];

struct image_pull_options {
    const char *platform; /* "linux/arm64/v8"; NULL: this machine's */
    enum image_pull_policy policy;
    const struct registry_access *access; /* borrowed; NULL: as the machine's files say */
    const struct progress
            *progress; /* Docker's words per layer; borrowed; called from one thread at a time */
};

/* The tags that a repository ("alpine", "registry:5000/a/b") has at its registry, in its order: NULL-terminated, in
 * `arena`. */
struct image_tags_query {
    const char *repository;
    const struct registry_access *access; /* as in image_pull_options */
};
int image_list_remote_tags(struct engine *engine, struct arena *arena,
        const struct image_tags_query *query, char ***ret, struct error **err);

/* Pulls `ref`; *ret (given, NULL ret is fine) is the image. Everything is verified before it is known
 * to the store: on failure, and when the process dies, what existed before is intact and nothing else is left.
 * -ECANCELED when the engine's cancel flag is set. Text events without id carry "Digest: …" and
 * "Status: …" as Docker prints them. */
int image_pull(struct engine *engine, const char *ref, const struct image_pull_options *options,
        struct image **ret, struct error **err);

/* `ref` with the digest that its registry has for it now ("docker.io/library/alpine:3@sha256:…"): of an
 * index where there is one. With a digest in it no registry is asked, and its tag goes. *ret given. Needs
 * no engine; -ECANCELED by the options' cancel flag. */
int image_resolve(
        const struct engine_options *options, const char *ref, char **ret, struct error **err);

struct image_loaded {
    char *name; /* canonical; NULL for an image without a name */
    char *id;
};
struct image_loaded_list {
    struct image_loaded *items;
    size_t len, cap;
};
void image_loaded_release(struct image_loaded_list *list);

struct image_load_options {
    const char *platform; /* choice within an index; NULL: this machine's */
    const char *source;   /* where fd is from, for errors; NULL: nothing to call it by */
    const struct progress *progress;
};

/* Loads the images of a docker-archive or OCI archive (plain, gzip, zstd, xz or bzip2), read from `fd`
 * (borrowed; may be a pipe), or from an OCI layout directory when fd is a directory. All or nothing. */
int image_load(struct engine *engine, int fd, const struct image_load_options *options,
        struct image_loaded_list *ret, struct error **err);

/* Writes images as one tar archive that is an OCI layout and a docker-archive at once. Names are kept as
 * tags when `refs` are names; an id saves without names. */
int image_save(struct engine *engine, const char *const *refs, size_t ref_count, int fd,
        const struct progress *progress, struct error **err);

struct image_import_options {
    const char *ref;      /* name for the result; NULL: none */
    const char *message;  /* comment of its history; NULL: "Imported from -" */
    const char *platform; /* NULL: this machine's */
    const char *source;   /* where fd is from, for errors; NULL: nothing to call it by */
    json_t *config;       /* the "config" of its configuration; borrowed; NULL: empty */
    const struct progress *progress;
};

/* Makes an image of one layer from a tar archive of a root file system (any compression). *ret_id given. */
int image_import(struct engine *engine, int fd, const struct image_import_options *options,
        char **ret_id, struct error **err);

struct image_push_options {
    const struct registry_access *access; /* as in image_pull_options */
    const struct progress *progress;
};

/* Sends the image of that name to the registry that the name says. Its configuration stays as it is; layers go as they
 * came, or as plain tar archives. *ret_digest (given; may be NULL) is the manifest's there. */
int image_push(struct engine *engine, const char *name, const struct image_push_options *options,
        char **ret_digest, struct error **err);

/* ---- names, lists, removal ---- */

/* Gives the image `source` the name `target` too (moving it there if another image has it). */
int image_tag(struct engine *engine, const char *source, const char *target, struct error **err);

struct image_remove_options {
    bool force;    /* also with several names, and when stopped containers were made from it */
    bool no_prune; /* keep untagged parents */
};
struct image_removal {
    struct strings untagged; /* familiar names; owned, image_removal_release */
    struct strings deleted;  /* "sha256:…" */
    uint64_t reclaimed_bytes;
};
void image_removal_release(struct image_removal *removal);

/* Removes the name, and the image with its last name (by id: all its names). Layers and blobs that
 * nothing uses any more go too. -EBUSY with Docker's words when a container uses it. Appends to *ret. */
int image_remove(struct engine *engine, const char *ref, const struct image_remove_options *options,
        struct image_removal *ret, struct error **err);

struct image_list_options {
    bool all;                   /* also untagged ones that others were built on */
    const char *reference;      /* shell pattern over the familiar name, or a name; NULL: any */
    const char *before, *since; /* images, by creation; NULL: any */
    int64_t until_nsec;         /* made before it; 0: any */
    const char *const *labels;  /* "key" or "key=value", all must match */
    size_t label_count;
    int dangling; /* -1: only tagged, 1: only untagged, 0: any */
};
struct image_list {
    struct image **items; /* newest first; owned */
    size_t len, cap;
};
void image_list_release(struct image_list *list);
int image_list(struct engine *engine, const struct image_list_options *options,
        struct image_list *ret, struct error **err);

/* Docker's objects: one element of `docker image inspect`; the list of `docker history`, newest first
 * (Id Created CreatedBy Tags Size Comment). Given. */
int image_inspect(struct engine *engine, const char *ref, json_t **ret, struct error **err);
int image_history(struct engine *engine, const char *ref, json_t **ret, struct error **err);

/* Removes untagged images that nothing uses (`all`: also tagged ones without containers), and then
 * layers and blobs that belong to nothing. Appends to *ret. */
struct prune_filter; /* which of them; NULL: all */
int image_prune(struct engine *engine, bool all, const struct prune_filter *prune,
        struct image_removal *ret, struct error **err);

/* Removes those of these layers that neither an image nor the build cache stands on; NULL: all that have been so
 * for an hour, since a build might be about to use a younger one. Adds to *bytes what that frees. */
struct strings;
int image_remove_layers(
        struct engine *engine, const struct strings *diff_ids, uint64_t *bytes, struct error **err);

/* Removes what operations left behind that died. Cheap when there is nothing; every operation that
 * changes images does it first, so calling it is only useful after a crash. */
int image_clean(struct engine *engine, struct error **err);

/* ---- for build and commit ---- */

/* Makes a layer of an overlay upper directory (whiteouts as char 0:0, trusted.overlay.opaque): the
 * directory `name` in dir_fd becomes the layer's own (moved; it must be on ROOT's file system, and nobody
 * may write to it any more). When that very layer exists already, the directory is removed.
 * On failure the directory stays where it is. */
int layer_commit_directory(struct engine *engine, int dir_fd, const char *name,
        char ret_diff_id[static IMAGE_DIFF_ID_MAX], uint64_t *ret_size_bytes, struct error **err);

/* Unpacks a tar archive (any compression) from `fd` as a layer. The archive is kept as its blob. */
int layer_commit_tar(struct engine *engine, int fd, char ret_diff_id[static IMAGE_DIFF_ID_MAX],
        uint64_t *ret_size_bytes, struct error **err);

/* The absolute "diff" directory of one layer, in `arena`; NULL when there is no such layer. */
int layer_dir(struct engine *engine, const char *diff_id, struct arena *arena, const char **ret,
        struct error **err);

struct image_create_options {
    json_t *config;              /* whole image configuration; borrowed; "rootfs" is written here */
    const char *const *diff_ids; /* layers that are in the store, bottom first */
    size_t diff_id_count;
    const char *parent_id;    /* NULL: none */
    const char *const *names; /* references to give it */
    size_t name_count;
};

/* Stores an image over existing layers; the same configuration gives the same image. *ret_id given. */
int image_create(struct engine *engine, const struct image_create_options *options, char **ret_id,
        struct error **err);

/* "linux/amd64" of this machine: os, architecture and variant as Go names them. Static texts. */
struct image_platform {
    const char *os, *architecture, *variant; /* variant NULL: none */
};
struct image_platform image_platform_host(void);
