/* Merged views of layers, by both ways the kernel offers, and copying trees between root file systems. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "engine/rootfs/chown.h"
#include "engine/rootfs/copy.h"
#include "engine/rootfs/view-internal.h"
#include "engine/rootfs/view.h"

struct fixture {
    char dir[64], layers[3][96], upper[96], work[96];
    int dir_fd;
};

static void put(int dir_fd, const char *path, const char *text)
{
    auto_close int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* The file's text in the view, or "(none)". Static buffer. */
static const char *get(int root_fd, const char *path)
{
    static char buffer[64];
    auto_close int fd = fs_try_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK, 0);

    if (fd < 0)
        return "(none)";
    ssize_t n = read(fd, buffer, sizeof(buffer) - 1);
    assert_true(n >= 0);
    buffer[n] = '\0';
    return buffer;
}

static void sub(struct fixture *f, char *ret, size_t size, const char *name)
{
    assert_int_equal(mkdirat(f->dir_fd, name, 0755), 0);
    snprintf(ret, size, "%s/%s", f->dir, name);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    static const char *const names[] = { "l0", "l1", "l2" };

    snprintf(f->dir, sizeof(f->dir), "/tmp/berth-rootfs-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        sub(f, f->layers[i], sizeof(f->layers[i]), names[i]);
    sub(f, f->upper, sizeof(f->upper), "upper");
    sub(f, f->work, sizeof(f->work), "work");
    put(f->dir_fd, "l0/both", "bottom");
    put(f->dir_fd, "l0/bottom", "bottom");
    put(f->dir_fd, "l1/both", "middle");
    put(f->dir_fd, "l2/top", "top");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    close(f->dir_fd);
    fs_remove_tree(AT_FDCWD, f->dir, NULL);
    free(f);
    return 0;
}

typedef int (*open_fn)(const struct rootfs_view *view);

/* -1 when this machine cannot do it that way: the reason is printed. */
static int open_view(struct fixture *f, open_fn way, bool writable)
{
    const char *lower[] = { f->layers[0], f->layers[1], f->layers[2] };
    struct rootfs_view view = { .lower = lower, .lower_count = 3 };

    if (writable) {
        view.upper = f->upper;
        view.work = f->work;
    }
    int fd = way(&view);
    if (fd == -EPERM || fd == -EINVAL || fd == -ENOSYS) {
        print_message("skipped: overlay mounts: %s\n", strerror(-fd));
        return -1;
    }
    assert_true(fd >= 0);
    return fd;
}

static void check_view(struct fixture *f, open_fn way)
{
    auto_close int fd = open_view(f, way, false);

    if (fd < 0)
        skip();
    assert_string_equal(get(fd, "both"), "middle");
    assert_string_equal(get(fd, "bottom"), "bottom");
    assert_string_equal(get(fd, "/top"), "top");
    assert_string_equal(get(fd, "../../top"), "top");
    assert_int_equal(openat(fd, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644), -1);
    assert_int_equal(errno, EROFS);
}

static void check_writable_view(struct fixture *f, open_fn way)
{
    struct stat st;
    auto_close int fd = open_view(f, way, true);

    if (fd < 0)
        skip();
    put(fd, "new", "new");
    assert_int_equal(unlinkat(fd, "bottom", 0), 0);
    fd = fd_close(fd);
    assert_string_equal(get(f->dir_fd, "upper/new"), "new");
    assert_int_equal(fstatat(f->dir_fd, "upper/bottom", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_string_equal(get(f->dir_fd, "l0/bottom"), "bottom");
}

static void check_no_name(struct fixture *f, open_fn way)
{
    char line[4096];
    auto_close int fd = open_view(f, way, true);

    if (fd < 0)
        skip();
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    assert_non_null(mounts);
    while (fgets(line, sizeof(line), mounts))
        assert_null(strstr(line, f->dir));
    fclose(mounts);
}

static void a_view_merges_layers_top_over_bottom(void **state)
{
    check_view(*state, rootfs_view_open_detached);
}

static void a_view_merges_layers_on_older_kernels_too(void **state)
{
    check_view(*state, rootfs_view_open_attached);
}

static void a_writable_view_writes_only_to_its_upper_directory(void **state)
{
    check_writable_view(*state, rootfs_view_open_detached);
}

static void a_writable_view_on_older_kernels_does_too(void **state)
{
    check_writable_view(*state, rootfs_view_open_attached);
}

static void no_mount_table_shows_a_view(void **state)
{
    check_no_name(*state, rootfs_view_open_detached);
    tear_down(state);
    set_up(state);
    check_no_name(*state, rootfs_view_open_attached);
}

static void one_directory_is_its_own_view(void **state)
{
    struct fixture *f = *state;
    const char *lower[] = { f->layers[0] };
    struct rootfs_view view = { .lower = lower, .lower_count = 1 };
    auto_error struct error *err = NULL;
    auto_close int fd = rootfs_view_open(&view, &err);

    assert_true(fd >= 0);
    assert_string_equal(get(fd, "bottom"), "bottom");
}

static void a_missing_layer_is_an_error(void **state)
{
    struct fixture *f = *state;
    const char *lower[] = { f->layers[0], "/nonexistent/layer" };
    struct rootfs_view view = { .lower = lower, .lower_count = 2 }, none = { 0 };
    auto_error struct error *err = NULL;

    assert_true(rootfs_view_open(&view, &err) < 0);
    assert_non_null(err);
    assert_int_equal(rootfs_view_open(&none, NULL), -EINVAL);
}

/* ---- copying ---- */

static void make_socket(int dir_fd, const char *dir, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)dir_fd;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void fill(struct fixture *f)
{
    auto_close int fd = openat(f->dir_fd, "l0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 7 } };

    assert_int_equal(mkdirat(fd, "d", 02750), 0);
    assert_int_equal(fchmodat(fd, "d", 02750, 0), 0);
    put(fd, "d/file", "text");
    assert_int_equal(linkat(fd, "d/file", fd, "d/again", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", fd, "d/link"), 0);
    assert_int_equal(mkfifoat(fd, "d/fifo", 0600), 0);
    make_socket(fd, f->layers[0], "d/socket");
    assert_int_equal(utimensat(fd, "d/file", times, 0), 0);
    assert_int_equal(utimensat(fd, "d", times, 0), 0);
}

static int copy_all(struct fixture *f, const struct tree_copy *options, struct error **err)
{
    auto_close int from = openat(f->dir_fd, "l0/d", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int to = openat(f->dir_fd, "l2", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return tree_copy_entry(from, to, "copy", options, err);
}

static void a_copy_keeps_what_makes_a_file(void **state)
{
    struct fixture *f = *state;
    struct tree_copy options = TREE_COPY_INIT;
    struct stat st, again;
    char target[32] = "";

    fill(f);
    assert_int_equal(copy_all(f, &options, NULL), 0);
    assert_int_equal(fstatat(f->dir_fd, "l2/copy", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 02750);
    assert_int_equal(st.st_mtim.tv_sec, 2000);
    assert_string_equal(get(f->dir_fd, "l2/copy/file"), "text");
    assert_int_equal(fstatat(f->dir_fd, "l2/copy/file", &st, 0), 0);
    assert_int_equal(st.st_mtim.tv_nsec, 7);
    assert_int_equal(fstatat(f->dir_fd, "l2/copy/again", &again, 0), 0);
    assert_true(st.st_ino == again.st_ino);
    assert_int_equal(readlinkat(f->dir_fd, "l2/copy/link", target, sizeof(target)), 11);
    assert_string_equal(target, "/etc/passwd");
    assert_int_equal(fstatat(f->dir_fd, "l2/copy/fifo", &st, 0), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(fstatat(f->dir_fd, "l2/copy/socket", &st, 0), -1);
}

static void a_copy_changes_owner_mode_and_time_when_told(void **state)
{
    struct fixture *f = *state;
    struct tree_copy options = TREE_COPY_INIT;
    struct stat st;

    if (geteuid() != 0) {
        print_message("skipped: root is needed\n");
        skip();
    }
    options.uid = 12;
    options.gid = 34;
    options.mode = 0611;
    options.fixed_time = true;
    options.mtime_sec = 99;
    fill(f);
    assert_int_equal(copy_all(f, &options, NULL), 0);
    assert_int_equal(fstatat(f->dir_fd, "l2/copy/file", &st, 0), 0);
    assert_int_equal(st.st_uid, 12);
    assert_int_equal(st.st_gid, 34);
    assert_int_equal(st.st_mode & 07777, 0611);
    assert_int_equal(st.st_mtim.tv_sec, 99);
    assert_int_equal(fstatat(f->dir_fd, "l2/copy/link", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_uid, 12);
}

static void a_copy_replaces_files_and_links_but_no_directory(void **state)
{
    struct fixture *f = *state;
    struct tree_copy options = TREE_COPY_INIT;
    auto_error struct error *err = NULL;
    struct stat st;

    fill(f);
    assert_int_equal(mkdirat(f->dir_fd, "l2/copy", 0755), 0);
    assert_int_equal(symlinkat("../../secret", f->dir_fd, "l2/copy/file"), 0);
    assert_int_equal(copy_all(f, &options, NULL), 0);
    assert_int_equal(fstatat(f->dir_fd, "l2/copy/file", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(fstatat(f->dir_fd, "secret", &st, 0), -1);

    assert_int_equal(unlinkat(f->dir_fd, "l2/copy/file", 0), 0);
    assert_int_equal(mkdirat(f->dir_fd, "l2/copy/file", 0755), 0);
    assert_int_equal(copy_all(f, &options, &err), -EISDIR);
    assert_non_null(err);
}

static bool exclude_file(void *userdata, const char *path, bool is_directory, bool *ret_descend)
{
    (void)userdata, (void)is_directory;
    *ret_descend = false;
    return strcmp(path, "file") == 0;
}

static void a_copy_leaves_out_what_is_excluded(void **state)
{
    struct fixture *f = *state;
    struct tree_copy options = TREE_COPY_INIT;

    options.is_excluded = exclude_file;
    fill(f);
    assert_int_equal(copy_all(f, &options, NULL), 0);
    assert_string_equal(get(f->dir_fd, "l2/copy/file"), "(none)");
    assert_string_equal(get(f->dir_fd, "l2/copy/again"), "text");
}

static void a_cancelled_copy_ends(void **state)
{
    struct fixture *f = *state;
    struct tree_copy options = TREE_COPY_INIT;
    atomic_bool cancel = true;

    options.cancel = &cancel;
    fill(f);
    assert_int_equal(copy_all(f, &options, NULL), -ECANCELED);
}

static void check_owner(int fd, const char *name)
{
    struct stat st;

    assert_int_equal(fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_uid, 1234);
    assert_int_equal(st.st_gid, 2345);
}

static void a_tree_of_any_depth_changes_its_owner_with_few_descriptors(void **state)
{
    enum { DEPTH = 1500, DESCRIPTORS = 100 };
    const struct fixture *f = *state;
    struct rlimit old, few;
    auto_close int top = -EBADF;
    auto_close int fd = fd_dup(f->dir_fd);

    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdirat(fd, "deep", 0755), 0);
    top = openat(fd, "deep", O_PATH | O_CLOEXEC);
    for (int i = 0; i < DEPTH; i++) {
        int below = openat(fd, i == 0 ? "deep" : "m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(below >= 0);
        close(fd);
        fd = below;
        put(fd, "a", "before");
        assert_int_equal(mkdirat(fd, "m", 0755), 0);
        assert_int_equal(symlinkat("/etc/passwd", fd, "z"), 0);
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = (struct rlimit){ DESCRIPTORS, old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int r = tree_chown(top, 1234, 2345);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(r, 0);
    close(fd);
    fd = fd_dup(top);
    for (int i = 0; i < DEPTH; i++) {
        check_owner(fd, "a");
        check_owner(fd, "m");
        check_owner(fd, "z");
        int below = openat(fd, "m", O_PATH | O_CLOEXEC);
        close(fd);
        fd = below;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_view_merges_layers_top_over_bottom),
        TEST(a_view_merges_layers_on_older_kernels_too),
        TEST(a_writable_view_writes_only_to_its_upper_directory),
        TEST(a_writable_view_on_older_kernels_does_too),
        TEST(no_mount_table_shows_a_view),
        TEST(one_directory_is_its_own_view),
        TEST(a_missing_layer_is_an_error),
        TEST(a_copy_keeps_what_makes_a_file),
        TEST(a_copy_changes_owner_mode_and_time_when_told),
        TEST(a_copy_replaces_files_and_links_but_no_directory),
        TEST(a_copy_leaves_out_what_is_excluded),
        TEST(a_cancelled_copy_ends),
        TEST(a_tree_of_any_depth_changes_its_owner_with_few_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
