/* The model that a container was made from, out of the engine's state: compared with a service's, or found
 * unreadable, but there is always a reason when the two differ. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "compose/plan-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char model[] = "{\"command\":[\"a\",\"b\"],\"environment\":{\"A\":\"1\"},"
                                "\"ports\":[{\"target\":80},{\"target\":90}]}";
    struct service service = { .name = "web" };
    struct project project = { .name = "demo" };
    struct plan plan = { 0 };
    struct plan_reasons reasons = { 0 };
    auto_free char *text = mem_strndup((const char *)data, size);

    size_t differences = model_diff(&plan, &project, &service, text, model, &reasons);
    assert((differences > 0) == (reasons.len > 0));
    assert(strcmp(text, model) != 0 || differences == 0);
    arena_release(&plan.arena);
    return 0;
}
