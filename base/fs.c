#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/random.h"

enum {
    TEMPORARY_NAME_MAX = 32,
    TEMPORARY_TRIES = 16,
    COPY_CHUNK_BYTES = 1 << 17,
};

/* The mode is what was asked for, whatever the umask is. */
static int make_dir(int dir_fd, const char *path, mode_t mode)
{
    struct stat st;

    if (mkdirat(dir_fd, path, mode) < 0)
        return -errno;
    auto_close int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & mode) != mode)
        (void)fchmod(fd, (st.st_mode & 07777) | mode);
    return 0;
}

int fs_mkdir_parents(int dir_fd, const char *path, mode_t mode, struct error **err)
{
    char part[LIMIT_PATH_BYTES];
    size_t len = strlen(path), end = 0;
    int failure = 0;

    if (len == 0 || len >= sizeof(part))
        return error_set(
                err, len ? ENAMETOOLONG : ENOENT, NULL, "cannot make the directory \"%s\"", path);
    while (end < len) {
        end += strspn(path + end, "/");
        end += strcspn(path + end, "/");
        memcpy(part, path, end);
        part[end] = '\0';
        /* Whether a failure matters shows at the end: EROFS or EACCES of what is there does not. */
        int r = make_dir(dir_fd, part, mode);
        if (r < 0 && r != -EEXIST && failure == 0)
            failure = -r;
    }
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, failure && errno == ENOENT ? failure : errno, NULL,
                "cannot make the directory \"%s\"", path);
    return fd;
}

int fs_read_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_len, struct error **err)
{
    auto_free char *data = NULL;
    size_t len = 0, cap = 4096;
    struct stat status;

    /* The size is a guess: files of /proc say 0, others grow. One more to see the end. */
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        cap = (uint64_t)status.st_size < max_bytes ? (size_t)status.st_size + 2 : max_bytes + 2;
    for (;;) {
        data = mem_realloc_array(data, cap, 1);
        ssize_t got = fd_read_full(fd, data + len, cap - len - 1);
        if (got < 0)
            return error_set(err, (int)got, NULL, "cannot read");
        len += (size_t)got;
        if (len > max_bytes)
            return error_set_plain(err, EFBIG, NULL, "more than the %zu bytes allowed", max_bytes);
        if (len < cap - 1)
            break;
        cap = cap > max_bytes / 2 ? max_bytes + 2 : cap * 2;
    }
    data[len] = '\0';
    *ret_data = TAKE(data);
    if (ret_len)
        *ret_len = len;
    return 0;
}

int fs_read_file(int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
        struct error **err)
{
    struct stat status;

    auto_close int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", path);
    if (fstat(fd, &status) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", path);
    if (S_ISDIR(status.st_mode))
        return error_set(err, EISDIR, NULL, "cannot read \"%s\"", path);
    if (!S_ISREG(status.st_mode))
        return error_set_plain(err, EINVAL, NULL, "\"%s\" is not a regular file", path);
    int r = fs_read_fd(fd, max_bytes, ret_data, ret_len, err);
    if (r < 0)
        return error_wrap(err, r, "cannot read \"%s\"", path);
    return 0;
}

ssize_t fs_read_small(int dir_fd, const char *path, char *buffer, size_t size)
{
    auto_close int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    ssize_t len = fd_read_full(fd, buffer, size);
    if (len < 0)
        return len;
    if ((size_t)len == size)
        return -ENOBUFS;
    if (len > 0 && buffer[len - 1] == '\n')
        len--;
    buffer[len] = '\0';
    return len;
}

int fs_write_small(int dir_fd, const char *path, const char *text)
{
    size_t len = strlen(text);

    auto_close int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t written = write(fd, text, len);

        if (written >= 0)
            return (size_t)written == len ? 0 : -EIO;
        if (errno != EINTR)
            return -errno;
    }
}

static int create_temporary(int dir_fd, char name[static TEMPORARY_NAME_MAX])
{
    for (int i = 0; i < TEMPORARY_TRIES; i++) {
        uint64_t number;

        random_bytes(&number, sizeof(number));
        snprintf(name, TEMPORARY_NAME_MAX, ".berth-%016llx", (unsigned long long)number);
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

static int fill_file(int fd, const void *data, size_t len, mode_t mode, enum fs_sync sync)
{
    int r = fd_write_all(fd, data, len);

    if (r < 0)
        return r;
    if (fchmod(fd, mode & 07777) < 0)
        return -errno;
    return sync == FS_SYNC && fsync(fd) < 0 ? -errno : 0;
}

int fs_replace_file(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
        enum fs_sync sync, struct error **err)
{
    char temporary[TEMPORARY_NAME_MAX];
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    auto_free char *above = slash ? mem_strndup(name, (size_t)(slash - name) + 1) : mem_strdup(".");

    /* What is given will do, unless it has to be written out: it may be a mere place (O_PATH). */
    bool opens = slash || sync == FS_SYNC;
    auto_close int own = opens ? openat(dir_fd, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;
    if (opens && own < 0)
        return error_set(err, errno, NULL, "cannot open the directory of \"%s\"", name);
    int parent = opens ? own : dir_fd;
    auto_close int fd = create_temporary(parent, temporary);
    if (fd < 0)
        return error_set(err, fd, NULL, "cannot write \"%s\"", name);
    int r = fill_file(fd, data, len, mode, sync);
    if (r == 0 && renameat(parent, temporary, parent, last) < 0)
        r = -errno;
    if (r < 0) {
        unlinkat(parent, temporary, 0);
        return error_set(err, r, NULL, "cannot write \"%s\"", name);
    }
    if (sync == FS_SYNC && fsync(parent) < 0)
        return error_set(err, errno, NULL, "cannot write the directory of \"%s\"", name);
    return 0;
}

int fs_remove_file(int dir_fd, const char *name, struct error **err)
{
    const char *slash = strrchr(name, '/');
    auto_free char *above = slash ? mem_strndup(name, (size_t)(slash - name) + 1) : mem_strdup(".");
    auto_close int parent = openat(dir_fd, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (parent < 0 && errno == ENOENT)
        return 0;
    if (parent < 0)
        return error_set(err, errno, NULL, "cannot open the directory of \"%s\"", name);
    if (unlinkat(parent, slash ? slash + 1 : name, 0) < 0)
        return errno == ENOENT ? 0 : error_set(err, errno, NULL, "cannot remove \"%s\"", name);
    return fsync(parent) < 0
                   ? error_set(err, errno, NULL, "cannot write the directory of \"%s\"", name)
                   : 0;
}

static int lock_file(int dir_fd, const char *name, int operation, const atomic_bool *cancel)
{
    for (;;) {
        struct stat status;

        auto_close int fd = openat(
                dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0)
            return -errno;
        while (flock(fd, operation) < 0) {
            if (errno != EINTR)
                return -errno;
            if (cancel && atomic_load(cancel))
                return -ECANCELED;
        }
        if (fstat(fd, &status) < 0)
            return -errno;
        if (status.st_nlink > 0)
            return TAKE_FD(fd);
        /* Its last holder removed the file while we waited: lock the one that is there now. */
    }
}

int fs_lock(int dir_fd, const char *name, bool exclusive, bool wait)
{
    return lock_file(dir_fd, name, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB), NULL);
}

int fs_lock_unless(int dir_fd, const char *name, const atomic_bool *cancel)
{
    return lock_file(dir_fd, name, LOCK_EX, cancel);
}

static int copy_by_hand(int from_fd, int to_fd, uint64_t len, uint64_t *copied)
{
    auto_free char *chunk = mem_alloc(COPY_CHUNK_BYTES);

    while (*copied < len) {
        uint64_t left = len - *copied;
        ssize_t got = fd_read_full(
                from_fd, chunk, left < COPY_CHUNK_BYTES ? (size_t)left : COPY_CHUNK_BYTES);

        if (got <= 0)
            return (int)got;
        int r = fd_write_all(to_fd, chunk, (size_t)got);
        if (r < 0)
            return r;
        *copied += (uint64_t)got;
    }
    return 0;
}

int fs_copy_range(int from_fd, int to_fd, uint64_t len, uint64_t *ret_copied, struct error **err)
{
    uint64_t copied = 0;
    int r = 0;

    while (copied < len) {
        uint64_t left = len - copied;
        size_t most = left < (1u << 30) ? (size_t)left : 1u << 30;
        ssize_t n = copy_file_range(from_fd, NULL, to_fd, NULL, most, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            /* Not for this pair of files (or, with 0, at the end: some file systems say so of files
             * that have no size): reading shows which. A full disk comes again. */
            r = copy_by_hand(from_fd, to_fd, len, &copied);
            break;
        }
        copied += (uint64_t)n;
    }
    if (r < 0)
        return error_set(err, r, NULL, "cannot copy a file");
    if (ret_copied)
        *ret_copied = copied;
    return 0;
}

const char *fs_fd_path(int fd, char buffer[static FS_FD_PATH_MAX])
{
    snprintf(buffer, FS_FD_PATH_MAX, "/proc/self/fd/%d", fd);
    return buffer;
}

bool fs_name_is_plain(const char *name)
{
    return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}
