/* Named places at which a test can end the process, to prove that the next command carries on from
 * whatever was left:
 *
 *     fault_point("container.create.commit");
 *
 * Nothing happens unless fault_set was called with that name, which only the engine does on behalf of a
 * test. The setting is one per process, made before any thread is started. */
#pragma once

#include <stdbool.h>

/* `spec` is "name:action", action "kill" (SIGKILL to oneself) or "stop" (SIGSTOP); "name:kill:3" acts at
 * the third pass. NULL turns faults off. False when the spec is of another form. */
bool fault_set(const char *spec);

void fault_hit(const char *name);
extern bool fault_is_set;

static inline void fault_point(const char *name)
{
    if (__builtin_expect(fault_is_set, 0))
        fault_hit(name);
}
