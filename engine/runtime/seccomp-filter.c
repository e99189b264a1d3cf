#include "engine/runtime/seccomp-filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"

#define FILE_MAX_BYTES \
    (sizeof(struct seccomp_file_header) + BPF_MAXINSNS * sizeof(struct sock_filter))

int seccomp_filter_read(struct seccomp_filter *filter, const char *path, struct error **err)
{
    auto_free char *data = NULL;
    struct seccomp_file_header header;
    size_t len;
    int r = fs_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &data, &len, err);

    if (r < 0)
        return error_wrap(err, r, "cannot read the compiled seccomp filter");
    if (len < sizeof(header))
        return error_set_plain(err, EINVAL, NULL, "\"%s\" is not a compiled seccomp filter", path);
    memcpy(&header, data, sizeof(header));
    if (memcmp(header.magic, SECCOMP_FILE_MAGIC, sizeof(header.magic)) != 0 || header.count == 0 ||
            header.count > BPF_MAXINSNS ||
            len != sizeof(header) + header.count * sizeof(struct sock_filter))
        return error_set_plain(err, EINVAL, NULL, "\"%s\" is not a compiled seccomp filter", path);
    *filter = (struct seccomp_filter){
        .data = data,
        .flags = header.flags,
        .program = { .len = (unsigned short)header.count,
                .filter = (struct sock_filter *)(void *)(data + sizeof(header)) },
    };
    data = NULL;
    return 0;
}

void seccomp_filter_release(struct seccomp_filter *filter)
{
    free(filter->data);
    *filter = (struct seccomp_filter)SECCOMP_FILTER_INIT;
}
