/* Random bytes and names from getrandom(2). */
#pragma once

#include <stddef.h>

void random_bytes(void *data, size_t len);

#define RANDOM_ID_HEX 64
/* 64 hex digits that are not all decimal in the first twelve, so that a short id is never a number. */
void random_id(char text[static RANDOM_ID_HEX + 1]);
