/* Words of a command line, one per line of the input. No word may get lost or be made up. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/opts.h"
#include "base/str.h"

enum { WORDS_MAX = 64 };

struct options {
    const char *name;
    struct strings env;
    int64_t count, timeout_sec, interval_usec;
    uint64_t memory_bytes;
    int color;
    bool follow, timeout_set;
};

static const struct opt opts[] = { { .name = "name",
                                           .letter = 'n',
                                           .type = &opt_string,
                                           .offset = offsetof(struct options, name) },
    { .name = "env", .letter = 'e', .type = &opt_list, .offset = offsetof(struct options, env) },
    { .name = "count", .letter = 'c', .type = &opt_int, .offset = offsetof(struct options, count) },
    { .name = "timeout",
            .letter = 't',
            .type = &opt_seconds,
            .offset = offsetof(struct options, timeout_sec),
            .set_offset = offsetof(struct options, timeout_set) },
    { .name = "interval",
            .type = &opt_duration,
            .offset = offsetof(struct options, interval_usec) },
    { .name = "memory",
            .letter = 'm',
            .type = &opt_size,
            .offset = offsetof(struct options, memory_bytes) },
    { .name = "color", .type = &opt_tristate, .offset = offsetof(struct options, color) },
    { .name = "follow",
            .letter = 'f',
            .type = &opt_flag,
            .offset = offsetof(struct options, follow) },
    { .name = "old", .type = &opt_string, .flags = OPT_UNSUPPORTED }, OPT_END };
static const struct options defaults = { .color = OPT_UNSET };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command command = {
        .name = "test",
        .opts = opts,
        .options_bytes = sizeof(struct options),
        .defaults = &defaults,
        .stop_at_first_argument = size > 0 && data[0] == '!',
    };
    struct str rest = { (const char *)data, size }, word;
    struct arena arena = ARENA_INIT;
    struct options options;
    auto_error struct error *err = NULL;
    char *argv[WORDS_MAX];
    int argc = 0, args = -1;
    uintptr_t before = 0, after = 0;

    while (argc < WORDS_MAX && str_split_next(&rest, '\n', &word)) {
        argv[argc] = arena_strndup(&arena, word.data, word.len);
        before ^= (uintptr_t)argv[argc++];
    }
    int r = opts_parse(&command, argc, argv, &options, &args, &err);
    if (r >= 0) {
        assert(!err && args >= 0 && args <= argc);
        for (int i = 0; i < argc; i++)
            after ^= (uintptr_t)argv[i];
        assert(before == after);
        opts_release(&command, &options);
    } else {
        assert(err && err->code == -r);
    }
    arena_release(&arena);
    return 0;
}
