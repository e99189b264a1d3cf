/* Who one is at a registry, as Docker and Podman keep it: $REGISTRY_AUTH_FILE, containers' auth.json,
 * Docker's config.json, and the credential helpers that these name. */
#pragma once

#include "base/secret.h"

struct engine_options;
struct error;

struct credentials {
    char *username; /* NULL: anonymous, unless there is an identity token */
    struct secret password;
    struct secret identity_token; /* for OAuth2; .data NULL: none */
};
#define CREDENTIALS_INIT \
    {                    \
        0                \
    }
void credentials_release(struct credentials *credentials);

void credentials_copy(const struct credentials *from, struct credentials *ret);

/* Where credentials are looked for and kept. */
struct credentials_files {
    const struct engine_options *engine;
    const char *only; /* this file; NULL: all that this machine's programs know */
};

/* Finds what is known for `domain`, most specific first for "domain/path". Nothing known is success with
 * everything NULL. A file or helper that is broken is an error that names it. */
int credentials_find(const struct credentials_files *files, const char *domain, const char *path,
        struct credentials *ret, struct error **err);

/* Keeps them for `domain` in the file, or with the helper, in which a search comes upon that domain first; in the first
 * of $REGISTRY_AUTH_FILE and Docker's config.json that there can be when none knows it. The file is replaced whole, with
 * mode 0600. *ret_file (given) is its name; NULL when a helper keeps the secret. */
int credentials_store(const struct credentials_files *files, const char *domain,
        const struct credentials *credentials, char **ret_file, struct error **err);

/* Forgets what is known for `domain` (NULL: for all registries) in every file and with their helpers. 1 when there was
 * something, else 0. The old ~/.dockercfg is left as it is. */
int credentials_erase(
        const struct credentials_files *files, const char *domain, struct error **err);

/* "user:password" of a config.json's "auth" (base64). For tests too: -EINVAL when malformed. */
int credentials_decode_auth(const char *base64, struct credentials *ret);

/* The value of an Authorization header: "Basic …". To be wiped. */
void credentials_basic(const struct credentials *credentials, struct secret *ret);
