/* JSON from registries, disks and sockets: refused with a reason, or printed and read again as itself. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct error *err = NULL;
    auto_json json_t *json = NULL, *again = NULL;

    if (jsonx_parse((const char *)data, size, "input", &json, &err) < 0) {
        assert(err && !json);
        return 0;
    }
    auto_free char *text = jsonx_dump(json);
    int r = jsonx_parse(text, strlen(text), "output", &again, &err);
    assert(r == 0 && json_equal(json, again));
    return 0;
}
