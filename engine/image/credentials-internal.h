/* What credentials.c (searching) and credentials-store.c (keeping and forgetting) share. */
#pragma once

#include <stdbool.h>

#include "base/array.h"
#include "base/json/json.h"
#include "engine/image/credentials.h"

struct arena;

#define CREDENTIALS_TOKEN_USER "<token>" /* whose secret is an identity token, with helpers */

/* In the order in which they are searched; in `arena`. */
struct strings credentials_file_names(const struct credentials_files *files, struct arena *arena);

/* Docker's config.json; given, NULL without a home. */
char *credentials_docker_file(const struct engine_options *options);

/* 1 and the file's object (given; that of an empty file has no members), 0 when there is no file. */
int credentials_read_file(const char *file, json_t **ret, struct error **err);

/* The key under which a domain is kept, and whether a key is for a domain. */
const char *credentials_key(const char *domain);
bool credentials_key_is(const char *key, const char *domain);

/* "user:password" in base64 behind a prefix. */
void credentials_encode(
        const struct credentials *credentials, const char *prefix, struct secret *ret);

/* The helper that a file names for a domain, or NULL. */
const char *credentials_helper_of(const json_t *config, const char *domain);

/* Calls docker-credential-NAME with one verb; the secret is on its input only. 1 with its answer, 0 when it knows
 * nothing under that key. */
struct credentials_helper {
    const char *name, *verb;
};
int credentials_run_helper(const struct credentials_helper *helper, const char *input,
        struct secret *ret, struct error **err);
