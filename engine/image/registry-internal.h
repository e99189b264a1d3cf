/* What registry.c (requests) and registry-auth.c (their authorization) know of a registry. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/secret.h"
#include "engine/image/credentials.h"
#include "engine/image/http.h"
#include "engine/image/registry.h"

#define REGISTRY_ANSWER_MAX_BYTES (1u << 20) /* of tokens and error texts */

struct registry {
    char *domain, *path;                  /* of the reference */
    char *host, *endpoint_path;           /* who is asked for what */
    char *ca_file, *cert_file, *key_file; /* NULL: none */
    bool insecure;   /* HTTP is allowed: by the user, or because it cannot leave the machine */
    bool trusted;    /* … by the user: then certificates of others need not be good either */
    bool unverified; /* … with these words: not even a certificate of certs.d is asked for */
    bool loopback;
    enum registry_rights rights;
    struct credentials credentials;
    unsigned retries;            /* after the first try */
    int64_t retry_delay_usec;    /* 0: a time that doubles */
    bool waits_for_connection;   /* a registry that is away is tried again, too */
    pthread_mutex_t lock;        /* for what follows */
    const char *scheme;          /* "https" or "http"; NULL: not found out yet */
    struct secret authorization; /* .data NULL: none */
    struct secret identity;      /* what the token server gave a login; .data NULL: nothing */
    unsigned generation;         /* counts the values that `authorization` had */
};

struct http_tls registry_tls_of(const struct registry *registry);

/* The error that an answer of that status is, in the registry's own words. */
int registry_answer_failed(
        struct registry *registry, struct http_client *client, unsigned status, struct error **err);

/* Does what a 401 with these challenges asks for. */
int registry_authenticate(struct registry *registry, struct http_client *client,
        const struct strings *challenges, const atomic_bool *cancel, struct error **err);
