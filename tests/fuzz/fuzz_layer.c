/* Layers: any bytes, decompressed and unpacked below a directory that stands alone in another one. Whatever
 * they say, nothing appears beside it. */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/str.h"
#include "engine/archive/decompress.h"
#include "engine/archive/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count_entries(int dir_fd)
{
    auto_closedir DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    unsigned count = 0;

    while (dir && readdir(dir))
        count++;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/berth-fuzz-layer.XXXXXX";
    struct str slice = { (const char *)data, size };
    struct byte_source source = byte_source_from_memory(&slice), inner;
    auto_(decompress_free_p) struct decompress *decompress = NULL;
    auto_error struct error *err = NULL;
    struct unpack_options options = UNPACK_INIT;
    struct unpack_result result;

    if (!mkdtemp(path))
        abort();
    auto_close int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mkdirat(dir_fd, "root", 0755) < 0)
        abort();
    auto_close int root_fd = openat(dir_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    options.overlay_whiteouts = true;
    if (decompress_new(&source, &decompress, &err) >= 0) {
        inner = decompress_source(decompress);
        int r = unpack_tar(&inner, root_fd, &options, &result, &err);
        assert((r < 0) == (err != NULL));
    }
    assert(count_entries(dir_fd) == 3); /* ".", ".." and "root" */
    assert(fs_remove_tree(AT_FDCWD, path, NULL) == 0);
    return 0;
}
