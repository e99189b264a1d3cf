#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/timefmt.h"

static int tmp_fd = -EBADF; /* a directory of this run's own */
static char tmp_path[] = "/tmp/berth-test-fs-XXXXXX";

static int make_tmp(void **state)
{
    (void)state;
    if (!mkdtemp(tmp_path))
        return -1;
    tmp_fd = open(tmp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tmp_fd < 0;
}

static int remove_tmp(void **state)
{
    (void)state;
    close(tmp_fd);
    return fs_remove_tree(AT_FDCWD, tmp_path, NULL);
}

static void write_file(int dir, const char *name, const char *text)
{
    assert_int_equal(fs_replace_file(dir, name, text, strlen(text), 0644, FS_NO_SYNC, NULL), 0);
}

static void a_file_is_read_whole_up_to_its_limit(void **state)
{
    auto_free char *data = NULL;
    auto_error struct error *err = NULL;
    size_t len;

    (void)state;
    write_file(tmp_fd, "ten", "0123456789");
    assert_int_equal(fs_read_file(tmp_fd, "ten", 10, &data, &len, &err), 0);
    assert_int_equal(len, 10);
    assert_string_equal(data, "0123456789");
    char *untouched = data;
    assert_int_equal(fs_read_file(tmp_fd, "ten", 9, &data, &len, &err), -EFBIG);
    assert_ptr_equal(data, untouched);
    assert_non_null(strstr(err->message, "\"ten\""));
}

static void an_empty_file_and_kernel_files_without_size_are_read(void **state)
{
    auto_free char *empty = NULL;
    auto_free char *status = NULL;
    size_t len = 1;

    (void)state;
    write_file(tmp_fd, "empty", "");
    assert_int_equal(fs_read_file(tmp_fd, "empty", 0, &empty, &len, NULL), 0);
    assert_int_equal(len, 0);
    assert_string_equal(empty, "");
    assert_int_equal(fs_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &status, &len, NULL), 0);
    assert_true(len > 100);
}

static void directories_and_pipes_are_not_read_as_files(void **state)
{
    char *data = NULL;
    auto_error struct error *err = NULL;

    (void)state;
    assert_int_equal(mkfifoat(tmp_fd, "fifo", 0600), 0);
    assert_int_equal(fs_read_file(tmp_fd, ".", 10, &data, NULL, &err), -EISDIR);
    assert_int_equal(fs_read_file(tmp_fd, "fifo", 10, &data, NULL, &err), -EINVAL);
    assert_int_equal(fs_read_file(tmp_fd, "none", 10, &data, NULL, &err), -ENOENT);
    assert_null(data);
}

static int read_input(const char *name, int64_t wait_usec, char **ret_data, struct error **err)
{
    char path[128];
    size_t len;

    if (*name == '/')
        snprintf(path, sizeof(path), "%s", name);
    else
        snprintf(path, sizeof(path), "%s/%s", tmp_path, name);
    return fs_read_input(
            &(struct fs_input){ .path = path, .max_bytes = 10, .writer_wait_usec = wait_usec },
            ret_data, &len, err);
}

static void what_a_user_names_may_be_a_file_or_a_pipe_but_no_device(void **state)
{
    char pipe_name[FS_FD_PATH_MAX];
    char *data = NULL;
    auto_error struct error *err = NULL;
    int from = -EBADF, to = -EBADF;

    (void)state;
    write_file(tmp_fd, "ten", "0123456789");
    assert_int_equal(read_input("ten", 0, &data, &err), 1);
    assert_string_equal(data, "0123456789");
    free(data);
    write_file(tmp_fd, "eleven", "0123456789a");
    assert_int_equal(read_input("eleven", 0, &data, &err), -EFBIG);
    assert_int_equal(fd_pipe(&from, &to), 0);
    assert_int_equal(write(to, "piped", 5), 5);
    close(to);
    assert_int_equal(read_input(fs_fd_path(from, pipe_name), 0, &data, &err), 0);
    assert_string_equal(data, "piped");
    free(data);
    close(from);
    assert_int_equal(read_input("/dev/null", 0, &data, &err), 0);
    assert_string_equal(data, "");
    free(data);
    assert_int_equal(read_input("/dev/zero", 0, &data, &err), -EINVAL);
    assert_non_null(strstr(err->message, "a device"));
    assert_int_equal(read_input("/tmp", 0, &data, &err), -EISDIR);
    assert_int_equal(read_input("not-there", 0, &data, &err), -ENOENT);
}

static void a_socket_is_refused_as_what_it_is(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char *data = NULL;
    auto_error struct error *err = NULL;
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", tmp_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(read_input("socket", 0, &data, &err), -EINVAL);
    assert_non_null(strstr(err->message, "a socket"));
}

static void *write_to_fifo(void *path)
{
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

    return write(fd, "late", 4) == 4 ? path : NULL;
}

static void a_fifo_is_read_when_somebody_writes_and_refused_when_nobody_does(void **state)
{
    auto_error struct error *err = NULL;
    char *data = NULL, path[128];
    pthread_t writer;
    void *result;

    (void)state;
    snprintf(path, sizeof(path), "%s/input", tmp_path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(read_input("input", 1000, &data, &err), -ETIMEDOUT);
    assert_non_null(strstr(err->message, "no program writes to it"));
    assert_int_equal(pthread_create(&writer, NULL, write_to_fifo, path), 0);
    assert_int_equal(read_input("input", TIMEOUT_NEVER / 2, &data, &err), 0);
    assert_int_equal(pthread_join(writer, &result), 0);
    assert_ptr_equal(result, path);
    assert_string_equal(data, "late");
    free(data);
}

static void small_files_lose_their_last_newline(void **state)
{
    char text[8];

    (void)state;
    write_file(tmp_fd, "small", "max\n\n");
    assert_int_equal(fs_read_small(tmp_fd, "small", text, sizeof(text)), 4);
    assert_string_equal(text, "max\n");
    write_file(tmp_fd, "seven", "1234567");
    assert_int_equal(fs_read_small(tmp_fd, "seven", text, sizeof(text)), 7);
    write_file(tmp_fd, "eight", "12345678");
    assert_int_equal(fs_read_small(tmp_fd, "eight", text, sizeof(text)), -ENOBUFS);
    assert_int_equal(fs_write_small(tmp_fd, "small", "100"), 0);
    assert_int_equal(fs_write_small(tmp_fd, "not-there", "100"), -ENOENT);
    assert_int_equal(faccessat(tmp_fd, "not-there", F_OK, 0), -1);
}

static void replacing_keeps_the_old_file_until_the_new_one_is_whole(void **state)
{
    struct stat status;
    char text[16];

    (void)state;
    write_file(tmp_fd, "state", "old");
    auto_close int held = openat(tmp_fd, "state", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fs_replace_file(tmp_fd, "state", "new", 3, 0640, FS_SYNC, NULL), 0);
    assert_int_equal(fd_read_full(held, text, 3), 3);
    assert_memory_equal(text, "old", 3);
    assert_int_equal(fs_read_small(tmp_fd, "state", text, sizeof(text)), 3);
    assert_string_equal(text, "new");
    assert_int_equal(fstatat(tmp_fd, "state", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void replacing_works_below_a_directory_and_leaves_nothing_when_it_fails(void **state)
{
    auto_error struct error *err = NULL;
    char text[16];

    (void)state;
    assert_int_equal(mkdirat(tmp_fd, "box", 0700), 0);
    write_file(tmp_fd, "box/x", "1");
    assert_int_equal(fs_read_small(tmp_fd, "box/x", text, sizeof(text)), 1);
    assert_int_equal(unlinkat(tmp_fd, "box/x", 0), 0);
    assert_int_equal(mkdirat(tmp_fd, "box/dir", 0700), 0);
    assert_int_equal(fs_replace_file(tmp_fd, "box/dir", "x", 1, 0600, FS_SYNC, &err), -EISDIR);
    assert_int_equal(unlinkat(tmp_fd, "box/dir", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(tmp_fd, "box", AT_REMOVEDIR), 0); /* so it is empty */
    assert_int_equal(fs_replace_file(tmp_fd, "box/x", "x", 1, 0600, FS_SYNC, NULL), -ENOENT);
}

static void directories_that_are_made_have_their_mode_whatever_the_umask_is(void **state)
{
    struct stat st;
    mode_t before = umask(0077);

    (void)state;
    auto_close int fd = fs_mkdir_parents(tmp_fd, "u/x/y", 0755, NULL);
    umask(before);
    assert_true(fd >= 0);
    for (const char *const *path = (const char *const[]){ "u", "u/x", "u/x/y", NULL }; *path;
            path++) {
        assert_int_equal(fstatat(tmp_fd, *path, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
    }
}

static void parents_are_made_and_existing_ones_left_alone(void **state)
{
    struct stat status;

    (void)state;
    assert_int_equal(mkdirat(tmp_fd, "p", 0711), 0);
    auto_close int fd = fs_mkdir_parents(tmp_fd, "p//a/b/", 0700, NULL);
    assert_true(fd >= 0);
    assert_int_equal(fstatat(tmp_fd, "p", &status, 0), 0);
    assert_int_equal(status.st_mode & 0777, 0711);
    auto_close int again = fs_mkdir_parents(tmp_fd, "p/a/b", 0700, NULL);
    assert_true(again >= 0);
    write_file(tmp_fd, "p/file", "");
    assert_int_equal(fs_mkdir_parents(tmp_fd, "p/file/x", 0700, NULL), -ENOTDIR);
    assert_int_equal(fs_mkdir_parents(tmp_fd, "", 0700, NULL), -ENOENT);
}

static void removing_a_file_that_is_not_there_is_fine_and_a_directory_is_refused(void **state)
{
    auto_error struct error *err = NULL;

    (void)state;
    assert_int_equal(mkdirat(tmp_fd, "case", 0700), 0);
    write_file(tmp_fd, "case/mark", "x");
    for (int i = 0; i < 2; i++)
        assert_int_equal(fs_remove_file(tmp_fd, "case/mark", NULL), 0);
    assert_int_equal(faccessat(tmp_fd, "case/mark", F_OK, 0), -1);
    assert_int_equal(fs_remove_file(tmp_fd, "nowhere/mark", NULL), 0);
    assert_int_equal(fs_remove_file(tmp_fd, "case", &err), -EISDIR);
    assert_non_null(strstr(err->message, "cannot remove \"case\""));
}

static void removing_a_tree_does_not_follow_links(void **state)
{
    (void)state;
    write_file(tmp_fd, "precious", "x");
    assert_int_equal(mkdirat(tmp_fd, "outside", 0700), 0);
    write_file(tmp_fd, "outside/file", "x");
    auto_close int fd = fs_mkdir_parents(tmp_fd, "tree/a/b", 0700, NULL);
    assert_int_equal(symlinkat("../../../outside", fd, "dirlink"), 0);
    assert_int_equal(symlinkat("../../../precious", fd, "link"), 0);
    write_file(fd, "file", "x");
    assert_int_equal(fchmod(fd, 0000), 0);
    assert_int_equal(fs_remove_tree(tmp_fd, "tree", NULL), 0);
    assert_int_equal(faccessat(tmp_fd, "tree", F_OK, 0), -1);
    assert_int_equal(faccessat(tmp_fd, "outside/file", F_OK, 0), 0);
    assert_int_equal(faccessat(tmp_fd, "precious", F_OK, 0), 0);
    assert_int_equal(fs_remove_tree(tmp_fd, "tree", NULL), 0); /* missing is fine */
    assert_int_equal(symlinkat("outside", tmp_fd, "toplink"), 0);
    assert_int_equal(fs_remove_tree(tmp_fd, "toplink", NULL), 0);
    assert_int_equal(faccessat(tmp_fd, "outside/file", F_OK, 0), 0);
}

static void removing_copes_with_trees_deeper_than_descriptors(void **state)
{
    int fd = fs_mkdir_parents(tmp_fd, "deep", 0700, NULL);

    (void)state;
    for (int i = 0; i < 1500; i++) {
        assert_int_equal(mkdirat(fd, "d", 0700), 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(fd);
        fd = next;
    }
    close(fd);
    auto_error struct error *err = NULL;
    assert_int_equal(fs_remove_tree(tmp_fd, "deep", &err), 0);
    assert_null(err);
    assert_int_equal(faccessat(tmp_fd, "deep", F_OK, 0), -1);
}

/* In a child with a mount namespace of its own, so that nothing is left behind. */
static int remove_over_a_bind_mount(void)
{
    char from[64], to[64];

    snprintf(from, sizeof(from), "%s/data", tmp_path);
    snprintf(to, sizeof(to), "%s/root/volume", tmp_path);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 77;
    if (mount(from, to, NULL, MS_BIND, NULL) < 0)
        return 77;
    int r = fs_remove_tree(tmp_fd, "root", NULL);
    return r == -EBUSY && faccessat(tmp_fd, "data/file", F_OK, 0) == 0 &&
                           faccessat(tmp_fd, "root/other", F_OK, 0) != 0
                   ? 0
                   : 1;
}

static void removing_stops_at_a_bind_mount_of_the_same_file_system(void **state)
{
    int status;

    (void)state;
    close(fs_mkdir_parents(tmp_fd, "data", 0700, NULL));
    close(fs_mkdir_parents(tmp_fd, "root/volume", 0700, NULL));
    write_file(tmp_fd, "data/file", "precious");
    write_file(tmp_fd, "root/other", "x");
    pid_t pid = fork();
    if (pid == 0)
        _exit(remove_over_a_bind_mount());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("no mount namespace here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_lock_is_held_until_its_descriptor_is_closed(void **state)
{
    (void)state;
    int first = fs_lock(tmp_fd, "lock", true, false);
    assert_true(first >= 0);
    assert_int_equal(fs_lock(tmp_fd, "lock", true, false), -EWOULDBLOCK);
    assert_int_equal(fs_lock(tmp_fd, "lock", false, false), -EWOULDBLOCK);
    close(first);
    auto_close int shared = fs_lock(tmp_fd, "lock", false, false);
    auto_close int shared_too = fs_lock(tmp_fd, "lock", false, false);
    assert_true(shared >= 0 && shared_too >= 0);
    assert_int_equal(fs_lock(tmp_fd, "lock", true, false), -EWOULDBLOCK);
}

static void ranges_are_copied_between_files_and_into_pipes(void **state)
{
    uint64_t copied;
    char text[16] = "";
    int in, out;

    (void)state;
    write_file(tmp_fd, "source", "0123456789");
    auto_close int from = openat(tmp_fd, "source", O_RDONLY | O_CLOEXEC);
    auto_close int to = openat(tmp_fd, "target", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(fs_copy_range(from, to, 4, &copied, NULL), 0);
    assert_int_equal(copied, 4);
    assert_int_equal(fs_copy_range(from, to, UINT64_MAX, &copied, NULL), 0);
    assert_int_equal(copied, 6);
    assert_int_equal(fs_read_small(tmp_fd, "target", text, sizeof(text)), 10);
    assert_string_equal(text, "0123456789");
    assert_int_equal(lseek(from, 0, SEEK_SET), 0);
    assert_int_equal(fd_pipe(&in, &out), 0);
    assert_int_equal(fs_copy_range(from, out, 3, &copied, NULL), 0);
    assert_int_equal(copied, 3);
    close(in);
    close(out);
    auto_close int proc = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fs_copy_range(proc, to, UINT64_MAX, &copied, NULL), 0);
    assert_true(copied > 0);
}

static void plain_names_are_one_component(void **state)
{
    static const char *const plain[] = { "a", "...", ".hidden", "a b" };
    static const char *const other[] = { "", ".", "..", "a/b", "/", NULL };
    char buffer[FS_FD_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        assert_true(fs_name_is_plain(plain[i]));
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        assert_false(fs_name_is_plain(other[i]));
    assert_string_equal(fs_fd_path(7, buffer), "/proc/self/fd/7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole_up_to_its_limit),
        cmocka_unit_test(an_empty_file_and_kernel_files_without_size_are_read),
        cmocka_unit_test(directories_and_pipes_are_not_read_as_files),
        cmocka_unit_test(what_a_user_names_may_be_a_file_or_a_pipe_but_no_device),
        cmocka_unit_test(a_socket_is_refused_as_what_it_is),
        cmocka_unit_test(a_fifo_is_read_when_somebody_writes_and_refused_when_nobody_does),
        cmocka_unit_test(small_files_lose_their_last_newline),
        cmocka_unit_test(replacing_keeps_the_old_file_until_the_new_one_is_whole),
        cmocka_unit_test(replacing_works_below_a_directory_and_leaves_nothing_when_it_fails),
        cmocka_unit_test(directories_that_are_made_have_their_mode_whatever_the_umask_is),
        cmocka_unit_test(parents_are_made_and_existing_ones_left_alone),
        cmocka_unit_test(removing_a_file_that_is_not_there_is_fine_and_a_directory_is_refused),
        cmocka_unit_test(removing_a_tree_does_not_follow_links),
        cmocka_unit_test(removing_copes_with_trees_deeper_than_descriptors),
        cmocka_unit_test(removing_stops_at_a_bind_mount_of_the_same_file_system),
        cmocka_unit_test(a_lock_is_held_until_its_descriptor_is_closed),
        cmocka_unit_test(ranges_are_copied_between_files_and_into_pipes),
        cmocka_unit_test(plain_names_are_one_component),
    };

    return cmocka_run_group_tests(tests, make_tmp, remove_tmp);
}
