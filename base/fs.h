/* Files and directories by descriptor. Below a root that others can write (image, volume, build
 * context) fs_open_in_root() is the only door; then work goes on with that descriptor. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct error;
struct strbuf;

/* Opens `path` as if root_fd were "/": symbolic links and ".." never lead out, magic links are not followed.
 * O_CLOEXEC is added. `mode` counts with O_CREAT. Falls back to a walk by components where openat2 is
 * missing (before Linux 5.6, or refused by a seccomp filter). Returns the descriptor. */
int fs_open_in_root(int root_fd, const char *path, int flags, mode_t mode, struct error **err);

/* The same without an error object: descriptor or -errno. */
int fs_try_open_in_root(int root_fd, const char *path, int flags, mode_t mode);

/* Makes directory `path` and its missing parents below root_fd like fs_open_in_root resolves them;
 * new ones get `mode`, uid and gid. Returns a descriptor (O_DIRECTORY) of the last. */
int fs_mkdir_in_root(
        int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid, struct error **err);

/* Makes sure that there is something at `path` below root_fd: where there is nothing an empty file,
 * through links even when what they lead to is missing, with its parents. 0 or -errno. */
int fs_make_file_in_root(int root_fd, const char *path, mode_t mode);

/* Makes a directory and its parents by a path that berth itself or its user chose. New ones have `mode`
 * whatever the umask is, existing ones are left as they are. Descriptor of the last. */
int fs_mkdir_parents(int dir_fd, const char *path, mode_t mode, struct error **err);

/* Reads a whole file, at most max_bytes (-EFBIG above). The bytes are terminated by a NUL that does
 * not count. Given: free(). The file must be regular; what may be a pipe
 * is opened by the caller and read with fs_read_fd. */
int fs_read_file(int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
        struct error **err);
int fs_read_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_len, struct error **err);

/* Reads what a user named, whatever it is: a file, a pipe (process substitution of a shell), a FIFO, a terminal,
 * /dev/null. Directories (-EISDIR), sockets and other devices (-EINVAL) are refused without being opened; a FIFO that
 * no program opens for writing in time is, too (-ETIMEDOUT). A writer is waited for as long as it takes. 1: a file,
 * which can be read again; 0: something that cannot; negative: errno. Given: free(). */
#define FS_WRITER_WAIT_USEC INT64_C(10000000) /* for programs that write when they are asked to */
struct fs_input {
    const char *path;
    size_t max_bytes; /* -EFBIG above */
    int64_t writer_wait_usec;
};
int fs_read_input(
        const struct fs_input *input, char **ret_data, size_t *ret_len, struct error **err);

/* Short kernel files (/proc, /sys, cgroup): read into `buffer` without the last newline, write in one
 * call. Length or -errno; nothing is created. */
ssize_t fs_read_small(int dir_fd, const char *path, char *buffer, size_t size);
int fs_write_small(int dir_fd, const char *path, const char *text);

enum fs_sync { FS_NO_SYNC, FS_SYNC };

/* Replaces a file whole: temporary name in the same directory, (fsync,) rename, (fsync of the directory).
 * FS_NO_SYNC is for /run and what can be made again. */
int fs_replace_file(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
        enum fs_sync sync, struct error **err);

/* Removes a file, for good also when the power goes; one that is not there is fine. */
int fs_remove_file(int dir_fd, const char *name, struct error **err);

/* Removes a tree without following links and without crossing into other file systems; a missing one
 * is fine. Goes on after a failure, returns the first. */
int fs_remove_tree(int dir_fd, const char *name, struct error **err);

/* What tells mounts apart. */
int fs_mount_id(int fd, uint64_t *ret);

/* What the files of a tree take on disk, without following links; unreadable parts do not count. 0: there is none. */
uint64_t fs_tree_size(int dir_fd, const char *name);

/* An flock on `name` in dir_fd (created 0600): exclusive or shared, waiting or not. Returns a
 * descriptor that holds the lock until closed, or -EWOULDBLOCK when wait is false and it is taken. */
int fs_lock(int dir_fd, const char *name, bool exclusive, bool wait);

/* Exclusive and waiting; -ECANCELED when a signal comes while it waits and its handler has set *cancel. */
int fs_lock_unless(int dir_fd, const char *name, const atomic_bool *cancel);

/* Copies `len` bytes (UINT64_MAX: to the end) between files with the cheapest way the kernel has. */
int fs_copy_range(int from_fd, int to_fd, uint64_t len, uint64_t *ret_copied, struct error **err);

/* "/proc/self/fd/N" for calls that know only paths. */
#define FS_FD_PATH_MAX 32
const char *fs_fd_path(int fd, char buffer[static FS_FD_PATH_MAX]);

/* True when `name` is one plain component: not empty, no '/', neither "." nor "..". */
bool fs_name_is_plain(const char *name);
