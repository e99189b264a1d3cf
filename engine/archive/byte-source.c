#include "engine/archive/byte-source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"

static ssize_t read_fd(void *userdata, void *data, size_t size, struct error **err)
{
    const int *fd = userdata;

    for (;;) {
        ssize_t n = read(*fd, data, size);

        if (n >= 0)
            return n;
        if (errno != EINTR)
            return error_set(err, errno, NULL, "cannot read the archive");
    }
}

struct byte_source byte_source_from_fd(const int *fd)
{
    return (struct byte_source){ .read = read_fd, .userdata = (void *)(uintptr_t)fd };
}

static ssize_t read_memory(void *userdata, void *data, size_t size, struct error **err)
{
    struct str *slice = userdata;
    size_t n = size < slice->len ? size : slice->len;

    (void)err;
    if (n)
        memcpy(data, slice->data, n);
    slice->data += n;
    slice->len -= n;
    return (ssize_t)n;
}

struct byte_source byte_source_from_memory(struct str *slice)
{
    return (struct byte_source){ .read = read_memory, .userdata = slice };
}

int byte_source_drain(const struct byte_source *source, size_t max_bytes, struct error **err)
{
    char buffer[16384];
    size_t total = 0;

    for (;;) {
        ssize_t n = byte_source_read(source, buffer, sizeof(buffer), err);

        if (n <= 0)
            return (int)n;
        total += (size_t)n;
        if (total > max_bytes)
            return error_set_plain(err, EFBIG, NULL, "too much data behind the end of the archive");
    }
}
