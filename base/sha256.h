/* SHA-256 of what is in memory (FIPS 180-4). For short texts alone, where opening libcrypto and letting it find its
 * providers would take ten thousand times as long as the digest; layers and blobs go through base/digest.h to
 * libcrypto, which has the processor's own instructions for it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

void sha256(const void *data, size_t len, uint8_t ret[static SHA256_BYTES]);
