/* Whatever arrives is an error in the end, and what was decoded can be encoded and decoded again without
 * a difference. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_(strbuf_release) struct strbuf first = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    auto_(strbuf_release) struct strbuf second = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(1 << 16);
    auto_error struct error *err = error_decode((const char *)data, size);

    assert(err && err->code > 0 && err->message);
    error_format(err, &line);
    error_encode(err, &first);
    assert(!strbuf_is_truncated(&first) && !strchr(first.data, '\n'));
    auto_error struct error *again = error_decode(first.data, first.len);
    assert(again->code == err->code);
    error_encode(again, &second);
    assert(strcmp(first.data, second.data) == 0);
    return 0;
}
