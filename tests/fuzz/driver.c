/* Stands in for libFuzzer in normal builds: hands every file that is named, and every file of every
 * directory that is named, to the target. A crash is the failure; there is nothing else to say. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/strbuf.h"

enum { INPUT_MAX_BYTES = 64 << 20, PATH_TEXT_MAX_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dir_fd, const char *name, struct error **err)
{
    auto_free char *data = NULL;
    size_t len;
    int r = fs_read_file(dir_fd, name, INPUT_MAX_BYTES, &data, &len, err);

    if (r < 0)
        return r;
    /* A copy of exactly that size, so that the sanitizer sees the first byte too many. */
    auto_free uint8_t *exact = malloc(len ? len : 1);
    memcpy(exact, data, len);
    fprintf(stderr, "%s\n", name); /* the last line names the input that crashed */
    LLVMFuzzerTestOneInput(exact, len);
    return 0;
}

static int replay(const char *path, unsigned *count, struct error **err)
{
    struct stat status;
    int r;

    if (stat(path, &status) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", path);
    if (!S_ISDIR(status.st_mode)) {
        (*count)++;
        return replay_file(AT_FDCWD, path, err);
    }
    auto_closedir DIR *dir = opendir(path);
    if (!dir)
        return error_set(err, errno, NULL, "cannot open \"%s\"", path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        r = replay_file(dirfd(dir), entry->d_name, err);
        if (r < 0)
            return r;
        (*count)++;
    }
    return 0;
}

int main(int argc, char **argv)
{
    auto_error struct error *err = NULL;
    unsigned count = 0;

    for (int i = 1; i < argc; i++) {
        if (replay(argv[i], &count, &err) < 0) {
            auto_(strbuf_release) struct strbuf text = STRBUF_INIT(PATH_TEXT_MAX_BYTES);

            error_format(err, &text);
            fprintf(stderr, "%s: %s\n", argv[0], text.data);
            return 1;
        }
    }
    if (count == 0) {
        fprintf(stderr, "%s: no inputs: the corpus is empty\n", argv[0]);
        return 1;
    }
    fprintf(stderr, "%u inputs\n", count);
    return 0;
}
