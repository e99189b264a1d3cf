/* Any text as a value with variables, filled in and listed. */
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

static void look_at(void *userdata, const struct interpolate_use *use)
{
    *(size_t *)userdata += strlen(use->name) +
                           (use->default_value ? strlen(use->default_value) : 0) +
                           (use->alternate_value ? strlen(use->alternate_value) : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct interpolate_ops ops = { .lookup = lookup };
    struct arena arena = ARENA_INIT;
    struct interpolate_problem problem;
    char *text = arena_alloc(&arena, size + 1);
    const char *result;
    size_t lengths = 0;

    if (size)
        memcpy(text, data, size);
    (void)interpolate_text(&arena, text, &ops, &result, &problem);
    interpolate_list(&arena, text, look_at, &lengths);
    arena_release(&arena);
    return 0;
}
