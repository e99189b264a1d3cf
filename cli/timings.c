#include "cli/timings.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "compose/plan.h"
#include "compose/print.h"

struct timing {
    int64_t begin_usec, end_usec; /* since the run began; -1: not begun, not over */
    bool critical;
};

struct timings {
    const struct plan *plan;
    int64_t began_usec;
    struct timing *steps; /* by step index */
};

struct timings *timings_new(const struct plan *plan)
{
    struct timings *timings = NEW(struct timings);

    timings->plan = plan;
    timings->began_usec = time_monotonic_usec();
    timings->steps = mem_zalloc((plan->steps.len + 1) * sizeof(*timings->steps));
    for (size_t i = 0; i < plan->steps.len; i++)
        timings->steps[i] = (struct timing){ .begin_usec = -1, .end_usec = -1 };
    return timings;
}

void timings_free(struct timings *timings)
{
    if (!timings)
        return;
    free(timings->steps);
    free(timings);
}

void timings_event(void *userdata, const struct run_event *event)
{
    struct timings *timings = userdata;
    struct timing *step = &timings->steps[event->step->index];
    int64_t now = time_monotonic_usec() - timings->began_usec;

    if (event->kind == RUN_EVENT_STARTED)
        step->begin_usec = now;
    else if (event->kind == RUN_EVENT_DONE || event->kind == RUN_EVENT_FAILED ||
             event->kind == RUN_EVENT_WARNING)
        step->end_usec = now;
}

/* From the step that ended last to the one of its needs that ended last, and so on. */
static void mark_critical(const struct timings *timings)
{
    const struct plan_step *step = NULL;

    for (size_t i = 0; i < timings->plan->steps.len; i++)
        if (timings->steps[i].end_usec >= 0 &&
                (!step || timings->steps[i].end_usec > timings->steps[step->index].end_usec))
            step = timings->plan->steps.items[i];
    while (step) {
        const struct plan_step *before = NULL;

        timings->steps[step->index].critical = true;
        ARRAY_FOREACH(&step->needs, need) {
            size_t index = need->step->index;

            if (timings->steps[index].end_usec >= 0 &&
                    (!before || timings->steps[index].end_usec >
                                        timings->steps[before->index].end_usec))
                before = need->step;
        }
        step = before;
    }
}

/* Indexes of the steps that were begun, by their beginning. */
static size_t sort_steps(const struct timings *timings, size_t *order)
{
    size_t len = 0;

    for (size_t i = 0; i < timings->plan->steps.len; i++) {
        if (timings->steps[i].begin_usec < 0 || timings->steps[i].end_usec < 0)
            continue;
        size_t at = len++;
        for (; at > 0 && timings->steps[order[at - 1]].begin_usec > timings->steps[i].begin_usec;
                at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return len;
}

static int64_t total_usec(const struct timings *timings)
{
    int64_t total = 0;

    for (size_t i = 0; i < timings->plan->steps.len; i++)
        if (timings->steps[i].end_usec > total)
            total = timings->steps[i].end_usec;
    return total;
}

static double seconds(int64_t usec)
{
    return (double)usec / USEC_PER_SEC;
}

void timings_print_text(const struct timings *timings, struct strbuf *out)
{
    auto_free size_t *order = mem_zalloc((timings->plan->steps.len + 1) * sizeof(*order));
    size_t len = sort_steps(timings, order);

    mark_critical(timings);
    strbuf_adds(out, "  begin  seconds  step (* decided how long it took)\n");
    for (size_t i = 0; i < len; i++) {
        const struct timing *timing = &timings->steps[order[i]];
        const struct plan_step *step = timings->plan->steps.items[order[i]];

        strbuf_addf(out, "%7.3f  %7.3f %c%s  %s\n", seconds(timing->begin_usec),
                seconds(timing->end_usec - timing->begin_usec), timing->critical ? '*' : ' ',
                step->subject, plan_action_name(step->action));
    }
    strbuf_addf(out, "%7.3f  in all\n", seconds(total_usec(timings)));
}

void timings_print_json(const struct timings *timings, struct strbuf *out)
{
    auto_free size_t *order = mem_zalloc((timings->plan->steps.len + 1) * sizeof(*order));
    size_t len = sort_steps(timings, order);

    mark_critical(timings);
    strbuf_adds(out, "{\"timings\":[");
    for (size_t i = 0; i < len; i++) {
        const struct timing *timing = &timings->steps[order[i]];
        const struct plan_step *step = timings->plan->steps.items[order[i]];

        strbuf_adds(out, i ? ",{\"subject\":" : "{\"subject\":");
        json_print_text(step->subject, out);
        strbuf_addf(out, ",\"action\":\"%s\",\"begin\":%.6f,\"seconds\":%.6f,\"critical\":%s}",
                plan_action_name(step->action), seconds(timing->begin_usec),
                seconds(timing->end_usec - timing->begin_usec),
                timing->critical ? "true" : "false");
    }
    strbuf_addf(out, "],\"seconds\":%.6f}\n", seconds(total_usec(timings)));
}
