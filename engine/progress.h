/* How long work in the engine (pull, unpack, build, copy-up) tells what it is doing. The engine never
 * prints: it calls fn, and cli/ draws. fn may be called from a thread of the engine's (one at a time per
 * struct progress), must return soon, and gets texts that are borrowed for the call. */
#pragma once

#include <stdint.h>

enum progress_kind {
    PROGRESS_START, /* the item begins; total may be known */
    PROGRESS_UPDATE, /* current/total bytes (total 0: unknown); text is the phase, "Downloading" … */
    PROGRESS_DONE,   /* the item ended well; text says how ("Pull complete", "Already exists") */
    PROGRESS_FAILED, /* the item ended badly; text is the reason */
    PROGRESS_TEXT,   /* one line of free text that belongs to the item, without line break */
    PROGRESS_OUTPUT, /* raw output of a program (build's RUN): `text` of `text_len` bytes */
    PROGRESS_KIND_MAX_,
};

struct progress_event {
    enum progress_kind kind;
    const char *id;    /* layer (12 hex digits), step, image; NULL for the operation as a whole */
    const char *text;  /* NULL for none */
    uint64_t text_len; /* PROGRESS_OUTPUT only */
    uint64_t current_bytes, total_bytes;
};

struct progress {
    void (*fn)(void *userdata, const struct progress_event *event);
    void *userdata;
};

/* NULL progress and NULL fn are both "nobody listens". */
static inline void progress_report(
        const struct progress *progress, const struct progress_event *event)
{
    if (progress && progress->fn)
        progress->fn(progress->userdata, event);
}
