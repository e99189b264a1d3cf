/* What sends something to one repository: images (push.c), artifacts (artifact.c). */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/digest.h"

struct engine;
struct error;
struct http_client;
struct image_push_options;
struct image_ref;
struct progress;
struct registry;

struct push {
    struct engine *engine;
    const struct progress *progress;
    struct arena arena;
    struct registry *registry;
    struct http_client *client;
};

struct push_text {
    const char *data;
    size_t len;
};

int push_begin(struct engine *engine, const struct image_ref *ref,
        const struct image_push_options *options, struct push *ret, struct error **err);
void push_release(struct push *push);

/* A text as a blob, unless the registry has it. */
int push_text_blob(struct push *push, const char *data, size_t len,
        char digest[static DIGEST_TEXT_MAX], struct error **err);

/* Last of all. `reference` NULL: under its digest alone. */
int push_manifest(struct push *push, const char *reference, const char *media_type,
        const char *data, size_t len, char digest[static DIGEST_TEXT_MAX], struct error **err);
