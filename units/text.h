/* Characters as unit files see them: what is white space, what is a control character, and UTF-8 one
 * character at a time. Podman's generator goes by Unicode here and systemd by ASCII; files that hold
 * neither a no-break space nor a C1 control read the same in both. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct strbuf;

#define TEXT_REPLACEMENT 0xfffdu /* what a byte that is no UTF-8 counts as */

/* Takes one character off the front of `*rest`, which must not be empty. */
uint32_t text_next(struct str *rest);

void text_add(struct strbuf *out, uint32_t character); /* surrogates as the replacement */

bool text_is_space(uint32_t character);
bool text_is_control(uint32_t character);

struct str text_trim(struct str text);       /* white space at both ends */
struct str text_trim_right(struct str text); /* at the end only */

/* Characters of `text`, for columns. */
unsigned text_count(struct str text);
