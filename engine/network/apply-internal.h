/* Brings firewall and names in line with the active endpoints. The caller holds the lock. */
#pragma once

#include <stdbool.h>

struct engine;
struct error;

int apply_firewall(struct engine *engine, bool repair, struct error **err);

/* True when the table that was applied last is not there any more: somebody flushed the rules. Without the
 * lock; doubt is no. */
bool firewall_is_lost(struct engine *engine);
