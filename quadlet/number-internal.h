/* Numbers as quadlets have them. */
#pragma once

#include <stdint.h>

/* "12", "0x1f", "017", "+5"; what is no number or does not fit is 0, as in Podman; NULL too. */
uint32_t quadlet_number(const char *value);
