/* SHA-256 and SHA-512 as OCI digests: "sha256:" and lower-case hex. libcrypto does the work for what comes in pieces,
 * and is opened on first use. One context belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct digest;
struct error;

#define DIGEST_TEXT_MAX (sizeof("sha512:") + 128)
#define DIGEST_SHA256_HEX 64

/* `algorithm` is "sha256" or "sha512"; others give -EOPNOTSUPP. */
int digest_new(const char *algorithm, struct digest **ret, struct error **err);
void digest_free(struct digest *digest);
DEFINE_CLEANUP(struct digest *, digest_free);
void digest_update(struct digest *digest, const void *data, size_t len);
void digest_finish(struct digest *digest, char text[static DIGEST_TEXT_MAX]); /* once */

/* All at once, SHA-256, without libcrypto: for configurations and manifests, not for layers. */
void digest_sha256(const void *data, size_t len, char text[static DIGEST_TEXT_MAX]);

/* True for "algorithm:hex" of a known algorithm with the right number of lower-case digits. */
bool digest_is_valid(const char *text);

/* The hex part; borrowed. */
const char *digest_hex(const char *text);
