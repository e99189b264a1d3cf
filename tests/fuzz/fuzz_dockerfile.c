/* The Dockerfile reader, .dockerignore and the expansion of every word. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/strmap.h"
#include "engine/build/dockerfile.h"
#include "engine/build/expand.h"
#include "engine/build/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expand_all(
        struct arena *arena, const struct dockerfile *file, const struct stage *stage)
{
    auto_(strmap_release) struct strmap values = { 0 };
    char text[] = "a/b value", *out;

    strmap_set(&values, "A", text);
    struct expand_options options = { .escape = file->escape, .values = &values };
    for (size_t i = 0; i < stage->len; i++) {
        for (size_t k = 0; k < stage->items[i].word_count; k++) {
            struct strings words = { 0 };

            (void)expand_word(arena, &options, stage->items[i].words[k], &out, NULL);
            (void)expand_words(arena, &options, stage->items[i].words[k], &words, NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct ignore_list ignore = { 0 };
    struct dockerfile *file;

    if (dockerfile_parse(&arena, "Dockerfile", (const char *)data, size, &file, &diag, NULL) >= 0) {
        for (size_t i = 0; i < file->stage_count; i++)
            expand_all(&arena, file, &file->stages[i]);
    }
    if (size < 4096 && ignore_parse(&arena, "f", (const char *)data, size, &ignore, NULL) >= 0)
        (void)ignore_covers(&ignore, "some/path/of/a/file.txt");
    return 0;
}
