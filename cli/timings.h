/* How long each step of a plan took, and which of them decided how long the whole took (--timings). */
#pragma once

#include "base/cleanup.h"
#include "compose/run.h"

struct plan;
struct strbuf;

struct timings;

struct timings *timings_new(const struct plan *plan);
void timings_free(struct timings *timings);
DEFINE_CLEANUP(struct timings *, timings_free);

/* To be called with every event of the run; a run_event_fn. Not by two threads at once. */
void timings_event(void *userdata, const struct run_event *event);

/* One line per step that was begun, in that order; those of the critical path are marked. */
void timings_print_text(const struct timings *timings, struct strbuf *out);

/* One object: {"timings": [{"subject", "action", "begin", "seconds", "critical"}], "seconds": …} */
void timings_print_json(const struct timings *timings, struct strbuf *out);
