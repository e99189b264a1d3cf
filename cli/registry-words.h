/* Podman's options that say how a registry is spoken to, for every command that speaks to one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/opts.h"
#include "engine/image/access.h"
#include "engine/image/credentials.h"

struct cli;
struct error;

struct registry_words {
    const char *authfile, *cert_dir, *creds;
    int64_t retry, retry_delay_usec;
    bool tls_verify, tls_verify_set, retry_set;
};

/* Where they stand in an options struct; it must not be first there. */
#define REGISTRY_FILE_ROWS(owner, words)                                                      \
    { .name = "authfile",                                                                     \
        .type = &opt_string,                                                                  \
        .arg = "FILE",                                                                        \
        .offset = offsetof(owner, words.authfile),                                            \
        .help = "File with the credentials of registries" },                                  \
            { .name = "cert-dir",                                                             \
                .type = &opt_string,                                                          \
                .arg = "DIR",                                                                 \
                .offset = offsetof(owner, words.cert_dir),                                    \
                .help = "Directory of certificates for the registry" },                       \
    {                                                                                         \
        .name = "tls-verify", .type = &opt_flag, .offset = offsetof(owner, words.tls_verify), \
        .set_offset = offsetof(owner, words.tls_verify_set),                                  \
        .help = "Ask for HTTPS and check certificates; false: HTTP will do"                   \
    }
#define REGISTRY_ROWS(owner, words)                                         \
    REGISTRY_FILE_ROWS(owner, words),                                       \
            { .name = "creds",                                              \
                .type = &opt_string,                                        \
                .arg = "USER[:PASSWORD]",                                   \
                .offset = offsetof(owner, words.creds),                     \
                .help = "Who to be at the registry" },                      \
            { .name = "retry",                                              \
                .type = &opt_int,                                           \
                .arg = "N",                                                 \
                .offset = offsetof(owner, words.retry),                     \
                .set_offset = offsetof(owner, words.retry_set),             \
                .help = "How often a request is tried again (default 4)" }, \
    {                                                                       \
        .name = "retry-delay", .type = &opt_duration, .arg = "DURATION",    \
        .offset = offsetof(owner, words.retry_delay_usec),                  \
        .help = "Time between two tries (default: one that doubles)"        \
    }

/* What the words mean. `access` points into the struct: it stays where it is until it is released. */
struct registry_said {
    struct registry_access access;
    struct credentials credentials;
};
int registry_words_read(
        const struct registry_words *words, struct registry_said *ret, struct error **err);
void registry_said_release(struct registry_said *said);

/* The platform that --platform, or --os, --arch and --variant ask for; *ret is NULL when none does. In cli's arena. */
struct platform_words {
    const char *platform, *os, *arch, *variant;
};
int platform_words_read(
        struct cli *cli, const struct platform_words *words, const char **ret, struct error **err);
