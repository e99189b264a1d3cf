/* One repository at one registry, spoken to as the OCI distribution specification says: scheme,
 * credentials, tokens, redirects and retries. May be shared by threads; each brings its own http_client. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "engine/archive/byte-source.h"

struct engine_options;
struct error;
struct http_client;
struct registry;
struct registry_access;
struct registry_endpoint;
struct secret;

/* What is asked for in the name of the user. */
enum registry_rights { REGISTRY_PULLS, REGISTRY_PUSHES, REGISTRY_LOGS_IN };

struct registry_options {
    const struct engine_options *engine; /* for credentials; borrowed for registry_new */
    const char *domain, *path;           /* of the reference: whose credentials are used */
    const struct registry_endpoint *endpoint;
    const struct registry_access *access; /* borrowed for registry_new; NULL: nothing said */
    enum registry_rights rights;
};

/* -EACCES … when credentials cannot be read. No request is made. */
int registry_new(const struct registry_options *options, struct registry **ret, struct error **err);
void registry_free(struct registry *registry);
DEFINE_CLEANUP(struct registry *, registry_free);

/* Asks the registry, made with REGISTRY_LOGS_IN and credentials, whether it knows them: -EACCES when not. *ret_identity
 * is set when it gave a token that is to be kept in place of the password. */
int registry_login(struct registry *registry, struct http_client *client, const atomic_bool *cancel,
        struct secret *ret_identity, struct error **err);

/* The manifest `reference` (tag or digest) as bytes: terminated, given, at most LIMIT_MANIFEST_BYTES. Not
 * verified here. -ENOENT with Docker's words when there is none, -EACCES when access is denied. */
int registry_get_manifest(struct registry *registry, struct http_client *client,
        const char *reference, const atomic_bool *cancel, char **ret, size_t *ret_len,
        struct error **err);

/* A page of the repository's tags after `last` (NULL: from the first): the JSON as the registry sends it, terminated,
 * given. -ENOENT when there is no such repository. */
int registry_get_tags(struct registry *registry, struct http_client *client, const char *last,
        const atomic_bool *cancel, char **ret, size_t *ret_len, struct error **err);

/* A blob as a source of exactly what the registry sends, from the first byte to the end, across cut
 * connections. Neither size nor digest are verified here, but no more than size_bytes + 1 bytes come. */
struct registry_blob {
    struct registry *registry;
    struct http_client *client;
    const atomic_bool *cancel;
    const char *digest;
    uint64_t size_bytes;
    /* private */
    bool open;
    uint64_t offset, last_cut_offset;
    unsigned failures, total_failures;
};
struct byte_source registry_blob_source(struct registry_blob *blob);

/* A small blob whole. */
int registry_get_blob(struct registry_blob *blob, char **ret, size_t *ret_len, struct error **err);

/* ---- sending, to a registry that was made with REGISTRY_PUSHES ---- */

/* 1 when it has the blob, else 0. */
int registry_has_blob(struct registry *registry, struct http_client *client, const char *digest,
        const atomic_bool *cancel, struct error **err);

/* size_bytes from the beginning of `fd`, which can seek; the registry checks the digest. */
int registry_put_blob(struct registry *registry, struct http_client *client, const char *digest,
        int fd, uint64_t size_bytes, const atomic_bool *cancel, struct error **err);

/* Under a tag or digest. What it names must be there. */
int registry_put_manifest(struct registry *registry, struct http_client *client,
        const char *reference, const char *media_type, int fd, uint64_t size_bytes,
        const atomic_bool *cancel, struct error **err);
