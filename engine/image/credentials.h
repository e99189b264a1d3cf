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

/* Finds what is known for `domain`, most specific first for "domain/path". Nothing known is success with
 * everything NULL. A file or helper that is broken is an error that names it. */
int credentials_find(const struct engine_options *options, const char *domain, const char *path,
        struct credentials *ret, struct error **err);

/* "user:password" of a config.json's "auth" (base64). For tests too: -EINVAL when malformed. */
int credentials_decode_auth(const char *base64, struct credentials *ret);

/* The value of an Authorization header: "Basic …". To be wiped. */
void credentials_basic(const struct credentials *credentials, struct secret *ret);
