#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"

/* Whole pages of its own, since madvise and mlock work on pages and would otherwise touch the
 * heap's. */
static size_t mapping_bytes(size_t len)
{
    return (len + 1 + 4095) & ~(size_t)4095;
}

void secret_set(struct secret *secret, const void *data, size_t len)
{
    size_t size_bytes = mapping_bytes(len);
    char *copy = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (len > size_bytes || copy == MAP_FAILED)
        mem_exhausted();
    /* Both are precautions: without them (RLIMIT_MEMLOCK) the secret is still wiped. */
    (void)madvise(copy, size_bytes, MADV_DONTDUMP);
    (void)mlock(copy, size_bytes);
    if (len > 0)
        memcpy(copy, data, len);
    secret_release(secret);
    secret->data = copy;
    secret->len = len;
}

void secret_release(struct secret *secret)
{
    if (!secret || !secret->data)
        return;
    explicit_bzero(secret->data, secret->len);
    munmap(secret->data, mapping_bytes(secret->len));
    *secret = (struct secret)SECRET_INIT;
}
