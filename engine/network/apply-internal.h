/* Brings firewall and names in line with the active endpoints. The caller holds the lock. */
#pragma once

#include <stdbool.h>

struct engine;
struct error;

int apply_firewall(struct engine *engine, bool repair, struct error **err);
