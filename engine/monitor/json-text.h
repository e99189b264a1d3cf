/* JSON texts as Go's encoding/json writes them, without building JSON objects: the monitor writes
 * logs and states all its life and has no use for more. */
#pragma once

#include <stddef.h>

struct strbuf;

/* Appends the bytes with quotes: control characters, <, >, &, U+2028 and U+2029 escaped, invalid
 * UTF-8 byte by byte as \ufffd. */
void json_text_append(struct strbuf *out, const char *bytes, size_t len);
