/* Any text as a value with variables. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "compose/interpolate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *userdata, const char *name)
{
    (void)userdata;
    return name[0] == 'A' ? "value" : name[0] == 'E' ? "" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct interpolate_ops ops = { .lookup = lookup };
    struct arena arena = ARENA_INIT;
    struct interpolate_problem problem;
    char *text = arena_alloc(&arena, size + 1);
    const char *result;

    if (size)
        memcpy(text, data, size);
    (void)interpolate_text(&arena, text, &ops, &result, &problem);
    arena_release(&arena);
    return 0;
}
