#include "engine/build/add-archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/archive/decompress.h"
#include "engine/archive/unpack.h"
#include "engine/build/source.h"
#include "engine/engine-internal.h"

#define TAR_BLOCK_BYTES 512
#define TAR_CHECKSUM_OFFSET 148
#define TAR_CHECKSUM_LEN 8

/* A header block says of itself that it is one: by the sum of its bytes. */
static bool is_tar_header(const unsigned char *block)
{
    char digits[TAR_CHECKSUM_LEN + 1] = { 0 };
    uint32_t sum = 0, stated;

    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
        bool in_checksum = i >= TAR_CHECKSUM_OFFSET && i < TAR_CHECKSUM_OFFSET + TAR_CHECKSUM_LEN;

        sum += in_checksum ? ' ' : block[i];
    }
    memcpy(digits, block + TAR_CHECKSUM_OFFSET, TAR_CHECKSUM_LEN);
    struct str text = { digits, strcspn(digits, " ") };
    while (text.len == 0 && *text.data == ' ')
        text = (struct str){ text.data + 1, strcspn(text.data + 1, " ") };
    return text.len > 0 && parse_octal(text, UINT32_MAX, &stated) == 0 && stated == sum;
}

/* Looks at the first decompressed block. What cannot be decompressed is no archive. */
static int is_archive(const int *fd, struct error **err)
{
    auto_(decompress_free_p) struct decompress *decompress = NULL;
    struct byte_source raw = byte_source_from_fd(fd);
    unsigned char block[TAR_BLOCK_BYTES];
    size_t len = 0;

    if (decompress_new(&raw, &decompress, NULL) < 0)
        return 0;
    struct byte_source source = decompress_source(decompress);
    while (len < sizeof(block)) {
        ssize_t n = byte_source_read(&source, block + len, sizeof(block) - len, NULL);

        if (n <= 0)
            return 0;
        len += (size_t)n;
    }
    if (!is_tar_header(block))
        return 0;
    if (lseek(*fd, 0, SEEK_SET) < 0)
        return error_set(err, errno, NULL, "cannot read the archive from its beginning");
    return 1;
}

int add_archive(struct engine *engine, const struct source_tree *tree, const char *path,
        int dest_root_fd, const char *dest, uid_t uid, gid_t gid, struct error **err)
{
    auto_(decompress_free_p) struct decompress *decompress = NULL;
    struct unpack_options options = UNPACK_INIT;
    struct unpack_result result;
    struct stat st;
    auto_close int fd = fs_open_in_root(
            tree->root_fd, *path ? path : ".", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", path);
    int r = S_ISREG(st.st_mode) ? is_archive(&fd, err) : 0;
    if (r <= 0)
        return r;

    auto_close int path_fd = fs_mkdir_in_root(dest_root_fd, dest, 0755, 0, 0, err);
    if (path_fd < 0)
        return error_wrap(err, path_fd, "cannot make the directory \"%s\"", dest);
    auto_close int dest_fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dest_fd < 0)
        return error_set(err, errno, NULL, "cannot open the directory \"%s\"", dest);
    struct byte_source raw = byte_source_from_fd(&fd);
    r = decompress_new(&raw, &decompress, err);
    if (r < 0)
        return error_wrap(err, r, "cannot unpack \"%s\"", path);
    struct byte_source source = decompress_source(decompress);
    options.uid = uid;
    options.gid = gid;
    options.cancel = engine->options.cancel;
    r = unpack_tar(&source, dest_fd, &options, &result, err);
    return r < 0 ? error_wrap(err, r, "cannot unpack \"%s\"", path) : 1;
}
