/* JSON from registries, disks and sockets: refused with a reason, or printed and read again as itself; and the scanner
 * that does without building it takes the same texts. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/json-scan.h"
#include "base/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* jansson passes over a NUL between two words. */
static bool is_text(const uint8_t *data, size_t size)
{
    return size == 0 || !memchr(data, '\0', size);
}

static int scan(const char *text, size_t len)
{
    struct json_scan scan;

    json_scan_begin(&scan, NULL, text, len);
    json_scan_skip(&scan);
    return json_scan_end(&scan, "input", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct error *err = NULL;
    auto_json json_t *json = NULL, *again = NULL;

    int scanned = scan((const char *)data, size);
    if (jsonx_parse((const char *)data, size, "input", &json, &err) < 0) {
        assert(err && !json && (scanned < 0 || !is_text(data, size)));
        return 0;
    }
    assert(scanned == 0 || !is_text(data, size));
    auto_free char *text = jsonx_dump(json);
    int r = jsonx_parse(text, strlen(text), "output", &again, &err);
    assert(r == 0 && json_equal(json, again));
    return 0;
}
