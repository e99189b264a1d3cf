/* Image references: refused with a reason, or printed and read again as themselves, in both forms. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/image/ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = mem_strndup((const char *)data, size);
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    auto_error struct error *err = NULL;

    if (image_ref_parse(text, &ref, &err) < 0) {
        assert(err && !ref.domain);
        return 0;
    }
    auto_free char *canonical = image_ref_canonical(&ref);
    const char *forms[] = { canonical, image_ref_familiar(canonical) };

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        auto_(image_ref_release) struct image_ref again = IMAGE_REF_INIT;

        assert(image_ref_parse(forms[i], &again, NULL) == 0);
        auto_free char *printed = image_ref_canonical(&again);
        assert(strcmp(printed, canonical) == 0);
    }
    return 0;
}
