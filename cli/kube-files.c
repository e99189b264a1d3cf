#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/kube.h"
#include "compose/yaml.h"
#include "kube/read.h"

static int read_bytes(const char *path, char **ret, size_t *ret_len, struct error **err)
{
    if (strcmp(path, "-") == 0)
        return fs_read_fd(STDIN_FILENO, LIMIT_COMPOSE_FILE_BYTES, ret, ret_len, err);
    return fs_read_input(&(struct fs_input){ .path = path,
                                 .max_bytes = LIMIT_COMPOSE_FILE_BYTES,
                                 .writer_wait_usec = FS_WRITER_WAIT_USEC },
            ret, ret_len, err);
}

static int read_file(struct cli *cli, const char *path, struct kube_documents *documents,
        struct diag *diag, struct error **err)
{
    auto_free char *bytes = NULL;
    struct yaml_text text = { .file = path };

    if (string_has_prefix(path, "http://") || string_has_prefix(path, "https://"))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "%s: reading from a URL is not supported: fetch the file first", path);
    int r = read_bytes(path, &bytes, &text.len, err);
    if (r < 0)
        return r;
    text.data = arena_dup(&cli->arena, bytes, text.len + 1); /* there may be a NUL within */
    diag_add_file(diag, path, DIAG_WAY_NAMED, NULL);
    if (r == 0 || strcmp(path, "-") == 0)
        diag_keep_text(diag, path, text.data, text.len);
    r = kube_read(&cli->arena, &text, documents, diag);
    return r < 0 ? 0 : r; /* told by the collector */
}

int kube_read_files(struct cli *cli, const struct strings *paths, struct kube_documents *ret,
        struct diag *diag, struct error **err)
{
    size_t before = diag->errors;
    int r = 0;

    for (size_t i = 0; i < paths->len && r >= 0; i++)
        r = read_file(cli, paths->items[i], ret, diag, err);
    if (r < 0)
        return r;
    return diag->errors > before ? -EINVAL : 0;
}
