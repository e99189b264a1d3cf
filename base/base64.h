/* Bytes as base64 (RFC 4648, section 4), as Secrets, ConfigMaps and files of credentials have them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct arena;

/* White space between the characters is skipped. Followed by a NUL that does not count; NULL when it is not base64. */
uint8_t *base64_decode(struct arena *arena, const char *text, size_t *ret_len);

char *base64_encode(struct arena *arena, const uint8_t *data, size_t len);
