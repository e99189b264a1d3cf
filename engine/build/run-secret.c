#include "engine/build/run-secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "engine/container/config.h"
#include "engine/engine-internal.h"

#define FILE_NAME_BYTES 16

static int begin(struct run_secrets *secrets, struct engine *engine, struct error **err)
{
    random_id(secrets->name);
    int r = sweep_begin(&secrets->sweep, engine, err);
    return r < 0 ? r : sweep_add(&secrets->sweep, SWEEP_BUILD_SECRETS, secrets->name, err);
}

static int write_file(int dir_fd, const char *name, const struct container_file *file)
{
    auto_close int fd = openat(
            dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, file->content, file->content_len);

    if (r >= 0 &&
            (fchown(fd, file->uid, file->gid) < 0 || fchmod(fd, (mode_t)file->mode & 07777) < 0))
        r = -errno;
    return r;
}

int run_secrets_add(struct run_secrets *secrets, struct engine *engine, struct arena *arena,
        struct container_file *file, struct error **err)
{
    char name[FILE_NAME_BYTES];
    int r = secrets->sweep.engine ? 0 : begin(secrets, engine, err);

    if (r < 0)
        return r;
    const char *path = arena_printf(arena, BUILD_SECRETS_DIR "/%s", secrets->name);
    auto_close int dir_fd = fs_mkdir_parents(engine->run_fd, path, 0700, err);
    if (dir_fd < 0)
        return dir_fd;
    snprintf(name, sizeof(name), "%u", secrets->count++);
    r = write_file(dir_fd, name, file);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot write the secret for \"%s\"", file->target);
    file->source_path = arena_printf(arena, "%s/%s/%s", engine->options.run_dir, path, name);
    file->content = NULL;
    file->content_len = 0;
    return 0;
}

void run_secrets_release(struct run_secrets *secrets)
{
    char path[sizeof(BUILD_SECRETS_DIR "/") + RANDOM_ID_HEX];

    if (!secrets->sweep.engine)
        return;
    /* Not left to the note, which waits while another thread is in a transaction. */
    snprintf(path, sizeof(path), BUILD_SECRETS_DIR "/%s", secrets->name);
    if (fs_remove_tree(secrets->sweep.engine->run_fd, path, NULL) >= 0)
        sweep_done(&secrets->sweep);
    sweep_release(&secrets->sweep);
}
