/* A plan in a file, from wherever: refused with a reason, or printed and read again as the same. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/plan-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct error *err = NULL;
    auto_(plan_file_release) struct plan_file file = { 0 }, again = { 0 };

    if (plan_file_parse((const char *)data, size, &file, &err) < 0) {
        assert(err);
        return 0;
    }
    auto_free char *text = plan_file_format(&file);
    int r = plan_file_parse(text, strlen(text), &again, &err);
    assert(r == 0);
    auto_free char *text_again = plan_file_format(&again);
    assert(strcmp(text, text_again) == 0);
    return 0;
}
