#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/fs-internal.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/str.h"
#include "tests/unit/base/refuse-syscall.h"

/* Every case goes both ways: by openat2 and by the walk that stands in for it. */
typedef int (*open_fn)(int root_fd, const char *path, int flags, mode_t mode);

static const struct way {
    const char *name;
    open_fn open;
} ways[] = {
    { "openat2", fs_open_in_root_by_kernel },
    { "walk", fs_open_in_root_by_walk },
    { "either", fs_try_open_in_root },
};

static char tmp_path[] = "/tmp/berth-test-root-XXXXXX";
static int tmp_fd = -EBADF, root_fd = -EBADF;

static void write_file(int dir, const char *name, const char *text)
{
    assert_int_equal(fs_replace_file(dir, name, text, strlen(text), 0644, FS_NO_SYNC, NULL), 0);
}

static void make_link(const char *name, const char *target)
{
    assert_int_equal(symlinkat(target, root_fd, name), 0);
}

/* tmp/secret and tmp/etc/shadow lie outside; tmp/root is the root. */
static int make_root(void **state)
{
    char name[32], target[32];

    (void)state;
    assert_non_null(mkdtemp(tmp_path));
    tmp_fd = open(tmp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    write_file(tmp_fd, "secret", "outside");
    close(fs_mkdir_parents(tmp_fd, "etc", 0755, NULL));
    write_file(tmp_fd, "etc/shadow", "outside");
    close(fs_mkdir_parents(tmp_fd, "root/a/b", 0755, NULL));
    close(fs_mkdir_parents(tmp_fd, "root/etc", 0755, NULL));
    root_fd = openat(tmp_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    write_file(root_fd, "file", "file");
    write_file(root_fd, "a/b/inner", "inner");
    write_file(root_fd, "etc/passwd", "passwd");
    make_link("to-file", "file");
    make_link("absolute", "/a/b/inner");
    make_link("up", "../../../../file");
    make_link("a/b/back", "../../file");
    make_link("to-dir", "a/b");
    make_link("to-dir-slash", "a/b/");
    make_link("to-root", "/");
    make_link("outside", "../secret");
    make_link("outside-absolute", "/../../etc/shadow");
    make_link("a/b/up-and-out", "../../../etc/shadow");
    make_link("self", "self");
    make_link("ping", "pong");
    make_link("pong", "ping");
    make_link("dangling", "nowhere");
    make_link("dangling-deep", "/new/dir");
    make_link("via-dots", "a/../a/./b/../b/inner");
    make_link("chain-0", "file");
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof(name), "chain-%d", i);
        snprintf(target, sizeof(target), "chain-%d", i - 1);
        make_link(name, target);
    }
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    close(root_fd);
    close(tmp_fd);
    return fs_remove_tree(AT_FDCWD, tmp_path, NULL);
}

static const struct open_case {
    const char *path;
    int flags;
    int code;         /* 0 or negative errno */
    const char *text; /* of the file */
} open_cases[] = {
    { "file", O_RDONLY, 0, "file" },
    { "/file", O_RDONLY, 0, "file" },
    { "//./file", O_RDONLY, 0, "file" },
    { "a/b/inner", O_RDONLY, 0, "inner" },
    { "a/b/../b/inner", O_RDONLY, 0, "inner" },
    { "../../../file", O_RDONLY, 0, "file" },
    { "a/../../../file", O_RDONLY, 0, "file" },
    { "to-file", O_RDONLY, 0, "file" },
    { "absolute", O_RDONLY, 0, "inner" },
    { "up", O_RDONLY, 0, "file" },
    { "a/b/back", O_RDONLY, 0, "file" },
    { "to-dir/inner", O_RDONLY, 0, "inner" },
    { "to-dir/../b/inner", O_RDONLY, 0, "inner" },
    { "to-dir-slash/inner", O_RDONLY, 0, "inner" },
    { "to-root/to-root/file", O_RDONLY, 0, "file" },
    { "via-dots", O_RDONLY, 0, "inner" },
    { "chain-39", O_RDONLY, 0, "file" },
    { "etc/passwd", O_RDONLY, 0, "passwd" },
    { "outside", O_RDONLY, -ENOENT, NULL },
    { "../secret", O_RDONLY, -ENOENT, NULL },
    { "/../secret", O_RDONLY, -ENOENT, NULL },
    { "outside-absolute", O_RDONLY, -ENOENT, NULL },
    { "a/b/up-and-out", O_RDONLY, -ENOENT, NULL },
    { "chain-40", O_RDONLY, -ELOOP, NULL },
    { "self", O_RDONLY, -ELOOP, NULL },
    { "ping", O_RDONLY, -ELOOP, NULL },
    { "ping/x", O_RDONLY, -ELOOP, NULL },
    { "dangling", O_RDONLY, -ENOENT, NULL },
    { "nowhere", O_RDONLY, -ENOENT, NULL },
    { "nowhere/x", O_RDONLY, -ENOENT, NULL },
    { "", O_RDONLY, -ENOENT, NULL },
    { "file/x", O_RDONLY, -ENOTDIR, NULL },
    { "file/", O_RDONLY, -ENOTDIR, NULL },
    { "file/.", O_RDONLY, -ENOTDIR, NULL },
    { "file/..", O_RDONLY, -ENOTDIR, NULL },
    { "to-file/", O_RDONLY, -ENOTDIR, NULL },
    { "file", O_RDONLY | O_DIRECTORY, -ENOTDIR, NULL },
    { "file", O_PATH | O_DIRECTORY, -ENOTDIR, NULL },
    { "to-file", O_RDONLY | O_NOFOLLOW, -ELOOP, NULL },
    { "to-dir/inner", O_RDONLY | O_NOFOLLOW, 0, "inner" },
    { "to-dir", O_RDONLY | O_DIRECTORY, 0, NULL },
    { "to-dir", O_PATH | O_DIRECTORY, 0, NULL },
    { "to-dir/", O_PATH | O_NOFOLLOW, 0, NULL },
    { "to-file", O_PATH | O_NOFOLLOW, 0, NULL },
    { ".", O_RDONLY, 0, NULL },
    { "/", O_RDONLY | O_DIRECTORY, 0, NULL },
    { "..", O_PATH, 0, NULL },
    { "to-root", O_PATH, 0, NULL },
    { "a/b", O_WRONLY, -EISDIR, NULL },
    { "file", O_WRONLY | O_CREAT | O_EXCL, -EEXIST, NULL },
    { "dangling", O_WRONLY | O_CREAT | O_EXCL, -EEXIST, NULL },
    { "self", O_WRONLY | O_CREAT | O_EXCL, -EEXIST, NULL },
    { "fresh/", O_WRONLY | O_CREAT, -EISDIR, NULL },
    { "nowhere/fresh", O_WRONLY | O_CREAT, -ENOENT, NULL },
};

static void check_text(int fd, const char *text)
{
    char found[32] = "";

    assert_true(fd_read_full(fd, found, sizeof(found) - 1) >= 0);
    assert_string_equal(found, text);
}

static void nothing_that_is_opened_lies_outside_the_root(void **state)
{
    (void)state;
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        for (size_t i = 0; i < ARRAY_LEN(open_cases); i++) {
            const struct open_case *c = &open_cases[i];
            auto_close int fd = ways[w].open(root_fd, c->path, c->flags, 0600);

            if ((c->code == 0) != (fd >= 0) || (c->code < 0 && fd != c->code))
                fail_msg("%s: \"%s\" flags %#o: %d, expected %d", ways[w].name, c->path,
                        (unsigned)c->flags, fd, c->code);
            if (c->text)
                check_text(fd, c->text);
            if (fd >= 0)
                assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
    }
}

static void links_are_opened_themselves_when_asked_for(void **state)
{
    struct stat status;

    (void)state;
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        auto_close int fd = ways[w].open(root_fd, "to-file", O_PATH | O_NOFOLLOW, 0);

        assert_int_equal(fstat(fd, &status), 0);
        assert_true(S_ISLNK(status.st_mode));
    }
}

static void above_the_root_is_the_root(void **state)
{
    static const char *const paths[] = { "..", "/..", "a/b/../../..", "to-root/..",
        "to-dir/../../.." };
    struct stat root, found;

    (void)state;
    assert_int_equal(fstat(root_fd, &root), 0);
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
            auto_close int fd = ways[w].open(root_fd, paths[i], O_PATH, 0);

            assert_int_equal(fstat(fd, &found), 0);
            assert_int_equal(found.st_ino, root.st_ino);
        }
    }
}

static void new_files_get_their_mode_and_land_inside(void **state)
{
    static const struct {
        const char *path;
        const char *lands_at;
    } cases[] = {
        { "new", "root/new" },
        { "/../new", "root/new" },
        { "to-dir/new", "root/a/b/new" },
        { "dangling", "root/nowhere" },
        { "to-root/new", "root/new" },
    };
    struct stat status;

    (void)state;
    umask(0);
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            auto_close int fd = ways[w].open(
                    root_fd, cases[i].path, O_WRONLY | O_CREAT, S_IFREG | 0641);

            assert_true(fd >= 0);
            assert_int_equal(fstatat(tmp_fd, cases[i].lands_at, &status, 0), 0);
            assert_int_equal(status.st_mode & 07777, 0641);
            assert_int_equal(unlinkat(tmp_fd, cases[i].lands_at, 0), 0);
        }
        auto_close int unnamed = ways[w].open(root_fd, "to-dir", O_TMPFILE | O_RDWR, 0600);
        assert_true(unnamed >= 0 || unnamed == -EOPNOTSUPP);
    }
}

static void paths_are_bounded(void **state)
{
    static char path[2 * LIMIT_PATH_BYTES];
    char name[LIMIT_NAME_BYTES + 2];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[LIMIT_NAME_BYTES + 1] = '\0';
    memset(path, '/', sizeof(path) - 1);
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        assert_int_equal(ways[w].open(root_fd, name, O_RDONLY, 0), -ENAMETOOLONG);
        name[LIMIT_NAME_BYTES] = '\0';
        assert_int_equal(ways[w].open(root_fd, name, O_RDONLY, 0), -ENOENT);
        name[LIMIT_NAME_BYTES] = 'n';
        path[LIMIT_PATH_BYTES - 1] = '\0';
        auto_close int fd = ways[w].open(root_fd, path, O_PATH, 0);
        assert_true(fd >= 0);
        path[LIMIT_PATH_BYTES - 1] = '/';
        path[LIMIT_PATH_BYTES] = '\0';
        assert_int_equal(ways[w].open(root_fd, path, O_PATH, 0), -ENAMETOOLONG);
        path[LIMIT_PATH_BYTES] = '/';
    }
}

static void the_root_may_be_a_path_descriptor(void **state)
{
    auto_close int root = openat(tmp_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        auto_close int fd = ways[w].open(root, "a/../to-file", O_RDONLY, 0);

        check_text(fd, "file");
    }
}

static void missing_directories_are_made_inside_with_owner_and_mode(void **state)
{
    static const struct {
        const char *path;
        const char *lands_at;
    } cases[] = {
        { "m/n/o", "root/m/n/o" },
        { "/m//n/./p/", "root/m/n/p" },
        { "to-dir/q", "root/a/b/q" },
        { "m/../../r", "root/r" },
        { "dangling/x", "root/nowhere/x" },
        { "dangling-deep/y", "root/new/dir/y" },
        { "/../secret", "root/secret" },
        { "outside/s", "root/secret/s" },
    };
    struct stat status;

    (void)state;
    umask(077);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int again = 0; again < 2; again++) {
            auto_close int fd = fs_mkdir_in_root(
                    root_fd, cases[i].path, 0751, getuid(), getgid(), NULL);

            assert_true(fd >= 0);
            assert_int_equal(fstatat(tmp_fd, cases[i].lands_at, &status, AT_SYMLINK_NOFOLLOW), 0);
            assert_true(S_ISDIR(status.st_mode));
            assert_int_equal(status.st_mode & 07777, 0751);
        }
    }
    assert_int_equal(fs_mkdir_in_root(root_fd, "file/x", 0755, 0, 0, NULL), -ENOTDIR);
    assert_int_equal(fs_mkdir_in_root(root_fd, "self/x", 0755, 0, 0, NULL), -ELOOP);
    auto_close int top = fs_mkdir_in_root(root_fd, "/", 0755, 0, 0, NULL);
    assert_true(top >= 0);
    check_text(openat(tmp_fd, "secret", O_RDONLY | O_CLOEXEC), "outside");
}

/* A container that swaps a directory for a link while the host resolves below it. */
static void a_link_put_in_place_of_a_directory_does_not_lead_out(void **state)
{
    (void)state;
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        for (int i = 0; i < 200; i++) {
            assert_int_equal(mkdirat(root_fd, "swap", 0755), 0);
            assert_int_equal(symlinkat("../../etc", root_fd, "swap-link"), 0);
            assert_int_equal(renameat2(root_fd, "swap", root_fd, "swap-link", RENAME_EXCHANGE), 0);
            auto_close int fd = ways[w].open(root_fd, "swap/shadow", O_RDONLY, 0);
            assert_int_equal(fd, -ENOENT);
            assert_int_equal(unlinkat(root_fd, "swap", 0), 0);
            assert_int_equal(unlinkat(root_fd, "swap-link", AT_REMOVEDIR), 0);
        }
    }
}

static void files_are_made_through_links_that_lead_nowhere_yet(void **state)
{
    static const struct {
        const char *link, *target, *path, *lands_at;
    } cases[] = {
        { "root/a/to-new", "../new/dir/file", "a/to-new", "root/new/dir/file" },
        { "root/a/to-top", "/../../top/file", "/a/to-top", "root/top/file" },
        { "root/a/twice", "to-third", "a/twice", "root/third" },
        { NULL, NULL, "deep/er/file", "root/deep/er/file" },
    };

    (void)state;
    assert_int_equal(symlinkat("/third", tmp_fd, "root/a/to-third"), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct stat status;

        if (cases[i].link)
            assert_int_equal(symlinkat(cases[i].target, tmp_fd, cases[i].link), 0);
        for (int again = 0; again < 2; again++)
            assert_int_equal(fs_make_file_in_root(root_fd, cases[i].path, 0600), 0);
        assert_int_equal(fstatat(tmp_fd, cases[i].lands_at, &status, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISREG(status.st_mode));
    }
    assert_int_equal(fs_make_file_in_root(root_fd, "self", 0600), -ELOOP);
    assert_int_equal(faccessat(tmp_fd, "top", F_OK, 0), -1);
}

enum { SKIPPED = 77 };

/* In a child whose kernel has no openat2. */
static int open_and_make_without_openat2(int code)
{
    char text[8] = "";

    if (refuse_syscall(SYS_openat2, code) < 0)
        return SKIPPED;
    if (fs_open_in_root_by_kernel(root_fd, "file", O_RDONLY, 0) != -code)
        return 1;
    int fd = fs_open_in_root(root_fd, "to-dir/../b/../../file", O_RDONLY, 0, NULL);
    if (fd_read_full(fd, text, sizeof(text)) != 4)
        return 2;
    if (fs_open_in_root(root_fd, "a/b/up-and-out", O_RDONLY, 0, NULL) != -ENOENT)
        return 3;
    int dir = fs_mkdir_in_root(root_fd, "to-dir/made/here", 0755, getuid(), getgid(), NULL);
    if (dir < 0 || faccessat(tmp_fd, "root/a/b/made/here", F_OK, 0) < 0)
        return 4;
    return 0;
}

static void kernels_without_openat2_are_served_by_the_walk(void **state)
{
    static const int codes[] = { ENOSYS, EPERM };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
            _exit(open_and_make_without_openat2(codes[i]));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == SKIPPED) {
            print_message("no seccomp filters here\n");
            skip();
        }
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_is_opened_lies_outside_the_root),
        cmocka_unit_test(links_are_opened_themselves_when_asked_for),
        cmocka_unit_test(above_the_root_is_the_root),
        cmocka_unit_test(new_files_get_their_mode_and_land_inside),
        cmocka_unit_test(paths_are_bounded),
        cmocka_unit_test(the_root_may_be_a_path_descriptor),
        cmocka_unit_test(missing_directories_are_made_inside_with_owner_and_mode),
        cmocka_unit_test(files_are_made_through_links_that_lead_nowhere_yet),
        cmocka_unit_test(kernels_without_openat2_are_served_by_the_walk),
        cmocka_unit_test(a_link_put_in_place_of_a_directory_does_not_lead_out),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
