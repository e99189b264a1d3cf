/* What a command says about the registries that it speaks to, over what the machine's files say
 * (registries.h, credentials.h). All zero: as those say. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct credentials;

enum registry_tls {
    REGISTRY_TLS_CONFIGURED, /* as registries.conf and daemon.json say; loopback may use HTTP */
    REGISTRY_TLS_REQUIRED,   /* HTTPS with a good certificate, whatever the files say */
    REGISTRY_TLS_UNVERIFIED, /* HTTP is fine, and certificates are not looked at */
};

/* Borrowed, with all that it points to, for as long as the registry is spoken to. */
struct registry_access {
    enum registry_tls tls;
    const char *auth_file; /* the one file of credentials; NULL: the usual ones */
    const struct credentials
            *credentials; /* for the registry, not for its mirrors; NULL: a file's */
    const char *cert_dir; /* *.crt, and *.cert with the *.key of that name; NULL: certs.d */
    bool retries_set;
    unsigned retries; /* of what may be mended by waiting, a registry that is away included */
    int64_t retry_delay_usec; /* 0: a time that doubles */
};
