/* Logging in to a registry: whether it knows the user, and where that is kept. */
#pragma once

#include "base/cleanup.h"

struct credentials;
struct engine_options;
struct error;
struct registry_access;
struct secret;

struct login_options {
    const struct engine_options *engine;
    const struct registry_access *access; /* credentials aside; never NULL */
    const char *domain;                   /* "docker.io", "localhost:5000" */
};

/* The domain that a user means by "https://localhost:5000/v2/", "index.docker.io" … Given; -EINVAL with the reason. */
int login_parse_server(const char *server, char **ret, struct error **err);

/* Asks the registry. *ret_identity (given) is the token that it gives to be kept in place of the password; empty when
 * there is none. -EACCES when the registry says no. */
int login_verify(const struct login_options *options, const struct credentials *credentials,
        struct secret *ret_identity, struct error **err);

/* Keeps what the registry has said yes to. *ret_file (given) is where; NULL when a helper has it. */
int login_store(const struct login_options *options, const struct credentials *credentials,
        char **ret_file, struct error **err);
