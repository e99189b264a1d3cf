/* Bytes that must not linger: wiped on release, kept out of core dumps, never logged. */
#pragma once

#include <stddef.h>

struct secret {
    char *data; /* terminated */
    size_t len;
};

#define SECRET_INIT \
    {               \
        0           \
    }

void secret_set(struct secret *secret, const void *data, size_t len); /* copies */
void secret_release(struct secret *secret);
