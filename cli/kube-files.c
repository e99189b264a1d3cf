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

/* The bytes as a text in the arena; 1, or a negative errno. */
static int read_text(struct cli *cli, const char *path, struct yaml_text *ret, struct diag *diag,
        struct error **err)
{
    auto_free char *bytes = NULL;

    *ret = (struct yaml_text){ .file = path };
    if (string_has_prefix(path, "http://") || string_has_prefix(path, "https://"))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "%s: reading from a URL is not supported: fetch the file first", path);
    int r = read_bytes(path, &bytes, &ret->len, err);
    if (r < 0)
        return r;
    ret->data = arena_dup(&cli->arena, bytes, ret->len + 1); /* there may be a NUL within */
    diag_add_file(diag, path, DIAG_WAY_NAMED, NULL);
    if (r == 0 || strcmp(path, "-") == 0)
        diag_keep_text(diag, path, ret->data, ret->len);
    return 1;
}

int kube_read_files(struct cli *cli, const struct strings *paths, struct kube_documents *ret,
        struct diag *diag, struct error **err)
{
    size_t before = diag->errors;

    ARRAY_FOREACH(paths, path) {
        struct yaml_text text;
        int r = read_text(cli, *path, &text, diag, err);

        if (r < 0)
            return r;
        (void)kube_read(&cli->arena, &text, ret, diag); /* told by the collector */
    }
    return diag->errors > before ? -EINVAL : 0;
}

int kube_read_down_files(struct cli *cli, const struct strings *paths, struct kube_down_plan *ret,
        struct diag *diag, struct error **err)
{
    size_t before = diag->errors;

    ARRAY_FOREACH(paths, path) {
        struct yaml_text text;
        int r = read_text(cli, *path, &text, diag, err);

        if (r < 0)
            return r;
        (void)kube_read_down(&cli->arena, &text, ret, diag);
    }
    return diag->errors > before ? -EINVAL : 0;
}
