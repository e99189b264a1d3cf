#include "compose/plan-print.h"

#include <string.h>

#include "base/str.h"
#include "base/strbuf.h"
#include "compose/plan-internal.h"
#include "compose/print.h"

/* ------------------------------------------------------------------ verdict */

/* What becomes of one container, over all steps on it. */
enum touch {
    TOUCH_STOP = 1 << 0,
    TOUCH_START = 1 << 1,
    TOUCH_REMOVE = 1 << 2,
    TOUCH_REPLACE = 1 << 3,
    TOUCH_MAYBE = 1 << 4, /* only if an image changes */
};

enum tally {
    TALLY_PULL,
    TALLY_BUILD,
    TALLY_CREATE_NETWORK,
    TALLY_CREATE_VOLUME,
    TALLY_CREATE,
    TALLY_RECREATE,
    TALLY_RECREATE_MAYBE,
    TALLY_RESTART,
    TALLY_START,
    TALLY_STOP,
    TALLY_KILL,
    TALLY_PAUSE,
    TALLY_UNPAUSE,
    TALLY_RENAME,
    TALLY_WAIT,
    TALLY_REMOVE,
    TALLY_REMOVE_NETWORK,
    TALLY_REMOVE_VOLUME,
    TALLY_PUSH,
    TALLY_REMOVE_IMAGE,
    TALLY_MAX_,
};
static const struct {
    const char *verb, *what, *after;
} tally_words[] = {
    [TALLY_PULL] = { "pull", "image", "" },
    [TALLY_BUILD] = { "build", "image", "" },
    [TALLY_CREATE_NETWORK] = { "create", "network", "" },
    [TALLY_CREATE_VOLUME] = { "create", "volume", "" },
    [TALLY_CREATE] = { "create", "container", "" },
    [TALLY_RECREATE] = { "recreate", "container", "" },
    [TALLY_RECREATE_MAYBE] = { "recreate", "container", " if the image changes" },
    [TALLY_RESTART] = { "restart", "container", "" },
    [TALLY_START] = { "start", "container", "" },
    [TALLY_STOP] = { "stop", "container", "" },
    [TALLY_KILL] = { "kill", "container", "" },
    [TALLY_PAUSE] = { "pause", "container", "" },
    [TALLY_UNPAUSE] = { "unpause", "container", "" },
    [TALLY_RENAME] = { "rename", "container", "" },
    [TALLY_WAIT] = { "wait for", "container", "" },
    [TALLY_REMOVE] = { "remove", "container", "" },
    [TALLY_REMOVE_NETWORK] = { "remove", "network", "" },
    [TALLY_REMOVE_VOLUME] = { "remove", "volume", "" },
    [TALLY_PUSH] = { "push", "image", "" },
    [TALLY_REMOVE_IMAGE] = { "remove", "image", "" },
};
_Static_assert(ARRAY_LEN(tally_words) == TALLY_MAX_, "words for every tally");

/* Steps that stand for themselves; TALLY_MAX_ for those that belong to a container's fate. */
static enum tally tally_of(const struct plan_step *step)
{
    switch (step->action) {
    case PLAN_PULL_IMAGE:
        return TALLY_PULL;
    case PLAN_BUILD_IMAGE:
        return TALLY_BUILD;
    case PLAN_PUSH_IMAGE:
        return TALLY_PUSH;
    case PLAN_REMOVE_IMAGE:
        return TALLY_REMOVE_IMAGE;
    case PLAN_CREATE_NETWORK:
        return TALLY_CREATE_NETWORK;
    case PLAN_REMOVE_NETWORK:
        return TALLY_REMOVE_NETWORK;
    case PLAN_CREATE_VOLUME:
        return TALLY_CREATE_VOLUME;
    case PLAN_REMOVE_VOLUME:
        return TALLY_REMOVE_VOLUME;
    case PLAN_CREATE_CONTAINER:
        if (step->part == PLAN_WHOLE)
            return TALLY_CREATE;
        return step->when == PLAN_ALWAYS ? TALLY_RECREATE : TALLY_RECREATE_MAYBE;
    case PLAN_RENAME_CONTAINER:
        return step->part == PLAN_WHOLE ? TALLY_RENAME : TALLY_MAX_;
    case PLAN_RESTART_CONTAINER:
        return TALLY_RESTART;
    case PLAN_KILL_CONTAINER:
        return TALLY_KILL;
    case PLAN_PAUSE_CONTAINER:
        return TALLY_PAUSE;
    case PLAN_UNPAUSE_CONTAINER:
        return TALLY_UNPAUSE;
    default:
        return TALLY_MAX_;
    }
}

static uintptr_t touch_of(const struct plan_step *step)
{
    uintptr_t touch = 0;

    if (step->action == PLAN_STOP_CONTAINER)
        touch = TOUCH_STOP;
    else if (step->action == PLAN_START_CONTAINER)
        touch = TOUCH_START;
    else if (step->action == PLAN_REMOVE_CONTAINER)
        touch = step->part == PLAN_WHOLE ? TOUCH_REMOVE : TOUCH_REPLACE;
    if (touch && step->action != PLAN_START_CONTAINER && step->when != PLAN_ALWAYS)
        touch |= TOUCH_MAYBE;
    return touch;
}

static void count_touched(const struct strmap *touched, size_t counts[static TALLY_MAX_])
{
    STRMAP_FOREACH(touched, entry) {
        uintptr_t touch = (uintptr_t)entry->value;

        if (touch & TOUCH_REMOVE)
            counts[TALLY_REMOVE]++;
        else if (touch & TOUCH_REPLACE)
            continue; /* counted where the new one is created */
        else if ((touch & TOUCH_STOP) && (touch & TOUCH_START))
            counts[TALLY_RESTART]++;
        else if (touch & TOUCH_STOP)
            counts[TALLY_STOP]++;
        else if (touch & TOUCH_START)
            counts[TALLY_START]++;
    }
}

void plan_print_verdict(const struct plan *plan, struct strbuf *out)
{
    size_t counts[TALLY_MAX_] = { 0 }, waits = 0;
    auto_(strmap_release) struct strmap touched = STRMAP_INIT;
    bool any = false;

    ARRAY_FOREACH(&plan->steps, it) {
        const struct plan_step *step = *it;
        enum tally tally = tally_of(step);
        uintptr_t touch = touch_of(step);

        if (tally < TALLY_MAX_)
            counts[tally]++;
        if (touch && step->container_id) {
            touch |= (uintptr_t)strmap_get(&touched, step->container_id);
            strmap_set(&touched, step->container_id, (void *)touch);
        }
        waits += step->action == PLAN_WAIT_CONTAINER;
    }
    count_touched(&touched, counts);
    for (size_t i = 0; i < TALLY_MAX_; i++)
        any |= counts[i] > 0;
    if (!any) /* otherwise waits go without saying */
        counts[TALLY_WAIT] = waits;

    any = false;
    for (size_t i = 0; i < TALLY_MAX_; i++) {
        if (counts[i] == 0)
            continue;
        strbuf_addf(out, "%s%s %zu %s%s%s", any ? ", " : "", tally_words[i].verb, counts[i],
                tally_words[i].what, counts[i] == 1 ? "" : "s", tally_words[i].after);
        any = true;
    }
    if (!any)
        strbuf_adds(out, "nothing to do");
}

/* -------------------------------------------------------------------- text */

/* "create" of "create-container". */
static struct str verb_of(const struct plan_step *step)
{
    struct str name = str_from(plan_action_name(step->action));

    if (step->part == PLAN_RECREATE_FIRST)
        return STR_LITERAL("recreate");
    name.len = (size_t)str_find(name, '-');
    return name;
}

static void print_reason(const struct plan_reason *reason, struct strbuf *out)
{
    strbuf_addf(out, "          %s", reason->text);
    if (reason->at.file && reason->at.line)
        strbuf_addf(out, " (%s:%u:%u)", reason->at.file, reason->at.line, reason->at.column);
    else if (reason->at.file)
        strbuf_addf(out, " (%s)", reason->at.file);
    strbuf_addc(out, '\n');
}

static const char *wait_words(const struct plan_step *step)
{
    switch (step->wait.condition) {
    case BACKEND_WAIT_HEALTHY:
        return "until it is healthy";
    case BACKEND_WAIT_COMPLETED:
        return "until it has completed";
    case BACKEND_WAIT_RUNNING:
        return "until it runs";
    case BACKEND_WAIT_READY:
    case BACKEND_WAIT_MAX_:
        break;
    }
    return "until it runs or is healthy";
}

static void print_step(const struct plan_step *step, struct strbuf *out)
{
    struct str verb = verb_of(step);

    strbuf_addf(out, "%-9.*s %s", STR_FMT(verb), step->subject);
    if (step->action == PLAN_WAIT_CONTAINER)
        strbuf_addf(out, " %s", wait_words(step));
    if (step->action == PLAN_RENAME_CONTAINER)
        strbuf_addf(out, " (from %s)", step->name);
    if (step->when == PLAN_WHEN_CHANGED)
        strbuf_adds(out, " if the image changes");
    else if (step->when == PLAN_WHEN_SAME)
        strbuf_adds(out, " unless the image changes");
    strbuf_addc(out, '\n');
    ARRAY_FOREACH(&step->reasons, reason) {
        print_reason(reason, out);
    }
}

void plan_print_text(const struct plan *plan, struct strbuf *out)
{
    ARRAY_FOREACH(&plan->steps, step) {
        if ((*step)->part == PLAN_WHOLE || (*step)->part == PLAN_RECREATE_FIRST)
            print_step(*step, out);
    }
    ARRAY_FOREACH(&plan->orphans, orphan) {
        const char *from = orphan->files ? orphan->files : orphan->directory;

        if (orphan->removed)
            continue;
        strbuf_addf(out, "%-9s Container %s\n          made for %sservices.%s%s%s\n", "orphan",
                orphan->name, orphan->oneoff ? "a run of " : "", orphan->service,
                from ? " of " : "", from ? from : "");
    }
    plan_print_verdict(plan, out);
    strbuf_addc(out, '\n');
}

/* -------------------------------------------------------------------- JSON */

static void print_text_member(struct strbuf *out, const char *name, const char *value)
{
    if (!value)
        return;
    strbuf_addf(out, ",\"%s\":", name);
    json_print_text(value, out);
}

static void print_texts(struct strbuf *out, const char *name, const struct strings *texts)
{
    strbuf_addf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < texts->len; i++) {
        strbuf_adds(out, i ? "," : "");
        json_print_text(texts->items[i], out);
    }
    strbuf_addc(out, ']');
}

static void print_reason_json(const struct plan_reason *reason, struct strbuf *out)
{
    strbuf_adds(out, "{\"text\":");
    json_print_text(reason->text, out);
    print_text_member(out, "path", reason->path);
    /* JSON of the values themselves, whole; the text above cuts them. */
    print_text_member(out, "old", reason->old_value);
    print_text_member(out, "new", reason->new_value);
    print_text_member(out, "file", reason->at.file);
    if (reason->at.file && reason->at.line)
        strbuf_addf(out, ",\"line\":%u,\"column\":%u", reason->at.line, reason->at.column);
    strbuf_addc(out, '}');
}

static void print_needs(const struct plan_step *step, bool success, struct strbuf *out)
{
    bool any = false;

    strbuf_addf(out, ",\"%s\":[", success ? "needs" : "after");
    ARRAY_FOREACH(&step->needs, need) {
        if (need->success != success)
            continue;
        strbuf_addf(out, "%s%zu", any ? "," : "", need->step->index);
        any = true;
    }
    strbuf_addc(out, ']');
}

static const char *when_name(enum plan_when when)
{
    static const char *const names[] = {
        [PLAN_ALWAYS] = NULL,
        [PLAN_WHEN_CHANGED] = "image-changed",
        [PLAN_WHEN_SAME] = "image-same",
        [PLAN_WHEN_FAILED] = "failed",
    };
    _Static_assert(ARRAY_LEN(names) == PLAN_WHEN_MAX_, "name every condition");

    return names[when];
}

static void print_step_json(const struct plan_step *step, struct strbuf *out)
{
    strbuf_addf(out, "{\"id\":%zu,\"action\":\"%s\"", step->index, plan_action_name(step->action));
    print_text_member(out, "subject", step->subject);
    print_text_member(out, "name", step->name);
    print_text_member(out, "service", step->service);
    print_text_member(out, "container", step->container_id);
    if (step->created_by)
        strbuf_addf(out, ",\"created_by\":%zu", step->created_by->index);
    if (step->action == PLAN_RENAME_CONTAINER)
        print_text_member(out, "new_name", step->new_name);
    print_text_member(out, "when", when_name(step->when));
    if (step->fallback_of)
        strbuf_addf(out, ",\"fallback_of\":%zu", step->fallback_of->index);
    if (step->optional)
        strbuf_adds(out, ",\"optional\":true");
    if (step->part != PLAN_WHOLE)
        strbuf_adds(out, ",\"recreate\":true");
    strbuf_adds(out, ",\"reasons\":[");
    for (size_t i = 0; i < step->reasons.len; i++) {
        strbuf_adds(out, i ? "," : "");
        print_reason_json(&step->reasons.items[i], out);
    }
    strbuf_addc(out, ']');
    print_needs(step, true, out);
    print_needs(step, false, out);
    strbuf_addc(out, '}');
}

static void print_orphans(const struct plan *plan, struct strbuf *out)
{
    strbuf_adds(out, ",\"orphans\":[");
    for (size_t i = 0; i < plan->orphans.len; i++) {
        const struct plan_orphan *orphan = &plan->orphans.items[i];

        strbuf_adds(out, i ? ",{\"name\":" : "{\"name\":");
        json_print_text(orphan->name, out);
        print_text_member(out, "service", orphan->service);
        print_text_member(out, "files", orphan->files);
        print_text_member(out, "directory", orphan->directory);
        strbuf_addf(out, ",\"oneoff\":%s,\"removed\":%s}", orphan->oneoff ? "true" : "false",
                orphan->removed ? "true" : "false");
    }
    strbuf_addc(out, ']');
}

void plan_print_json(const struct plan *plan, struct strbuf *out)
{
    strbuf_adds(out, "{\"project\":");
    json_print_text(plan->project, out);
    print_text_member(out, "command", plan->command);
    strbuf_adds(out, ",\"steps\":[");
    for (size_t i = 0; i < plan->steps.len; i++) {
        strbuf_adds(out, i ? "," : "");
        print_step_json(plan->steps.items[i], out);
    }
    strbuf_adds(out, "],\"unchanged\":[");
    for (size_t i = 0; i < plan->kept.len; i++) {
        strbuf_adds(out, i ? "," : "");
        json_print_text(plan->kept.items[i].container->name, out);
    }
    strbuf_addc(out, ']');
    print_orphans(plan, out);
    print_texts(out, "changed_volumes", &plan->changed_volumes);

    auto_(strbuf_release) struct strbuf verdict = STRBUF_INIT(4096);
    plan_print_verdict(plan, &verdict);
    print_text_member(out, "verdict", verdict.data);
    strbuf_adds(out, "}\n");
}
