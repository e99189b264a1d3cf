/* One line of a file that somebody wrote, made fit for a terminal, and where the caret stands below it. Bytes that
 * are no text are shown as \xff, characters that cannot be seen or that move others about as \u200b. Pure. */
#pragma once

#include "base/str.h"

struct strbuf;

#define EXCERPT_COLUMNS_MAX 160 /* of a longer line what is around the caret is shown */

/* Adds the line to `out`. `column` counts characters from 1 (0: no caret). Returns how many columns of the terminal
 * are left of the caret. */
unsigned excerpt_add_line(struct strbuf *out, struct str line, unsigned column);
