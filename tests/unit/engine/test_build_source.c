/* Where COPY takes files from: matching, hashing, copying, and staying inside. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "engine/build/source.h"
#include "engine/engine-internal.h"
#include "engine/rootfs/copy.h"

struct fixture {
    char dir[64];
    int dir_fd;
    struct source_tree tree;
    int dest_fd;
    struct arena arena;
    struct engine engine;
};

static void put(int dir_fd, const char *path, const char *text)
{
    auto_close int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/berth-source-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(f->dir_fd, "context", 0755), 0);
    assert_int_equal(mkdirat(f->dir_fd, "dest", 0755), 0);
    f->tree.root_fd = openat(f->dir_fd, "context", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->dest_fd = openat(f->dir_fd, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->tree.what = "the build context";
    put(f->dir_fd, "secret", "outside");
    put(f->tree.root_fd, "a.txt", "a");
    put(f->tree.root_fd, "b.txt", "b");
    put(f->tree.root_fd, "*", "star");
    assert_int_equal(mkdirat(f->tree.root_fd, "sub", 0755), 0);
    assert_int_equal(mkdirat(f->tree.root_fd, "sub/deep", 0750), 0);
    put(f->tree.root_fd, "sub/c.txt", "c");
    put(f->tree.root_fd, "sub/deep/d.txt", "d");
    assert_int_equal(symlinkat("a.txt", f->tree.root_fd, "link"), 0);
    assert_int_equal(symlinkat("../secret", f->tree.root_fd, "out"), 0);
    assert_int_equal(symlinkat("/etc", f->tree.root_fd, "host"), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    close(f->tree.root_fd);
    close(f->dest_fd);
    close(f->dir_fd);
    fs_remove_tree(AT_FDCWD, f->dir, NULL);
    arena_release(&f->arena);
    free(f);
    return 0;
}

static void set_ignore(struct fixture *f, const char *text)
{
    assert_int_equal(
            ignore_parse(&f->arena, ".dockerignore", text, strlen(text), &f->tree.ignore, NULL), 0);
}

/* The matches joined by blanks, or "(none)" for -ENOENT. */
static const char *match(struct fixture *f, const char *pattern)
{
    struct strings found = { 0 };
    const char *text = "";
    int r = source_match(&f->arena, &f->tree, pattern, NULL, &found, NULL);

    if (r == -ENOENT)
        return "(none)";
    assert_int_equal(r, 0);
    ARRAY_FOREACH(&found, it)
        text = arena_printf(&f->arena, "%s%s%s", text, *text ? " " : "", **it ? *it : ".");
    return text;
}

static void sources_match_as_patterns_do(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(match(f, "a.txt"), "a.txt");
    assert_string_equal(match(f, "./sub/../a.txt"), "a.txt");
    assert_string_equal(match(f, "/a.txt"), "a.txt");
    assert_string_equal(match(f, "../../../a.txt"), "a.txt");
    assert_string_equal(match(f, "*.txt"), "a.txt b.txt");
    assert_string_equal(match(f, "[ab].txt"), "a.txt b.txt");
    assert_string_equal(match(f, "?.txt"), "a.txt b.txt");
    assert_string_equal(match(f, "su*/*.txt"), "sub/c.txt");
    assert_string_equal(match(f, "\\*"), "*");
    assert_string_equal(match(f, "."), ".");
    assert_string_equal(match(f, "nothing"), "(none)");
    assert_string_equal(match(f, "*.nothing"), "(none)");
    assert_string_equal(match(f, "a.txt/x"), "(none)");
}

static void ignored_paths_do_not_match(void **state)
{
    struct fixture *f = *state;

    set_ignore(f, "*.txt\n!b.txt\nsub\n!sub/deep/d.txt\n");
    assert_string_equal(match(f, "a.txt"), "(none)");
    assert_string_equal(match(f, "*.txt"), "b.txt");
    assert_string_equal(match(f, "sub"), "sub"); /* for what is kept below it */
}

static void links_never_lead_out_of_the_tree(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(match(f, "out"), "(none)");
    assert_string_equal(match(f, "host/passwd"), "(none)");
    assert_string_equal(match(f, "host/*"), "(none)");
}

static void hash(struct fixture *f, const char *path, char ret[static DIGEST_TEXT_MAX])
{
    auto_(digest_free_p) struct digest *digest = NULL;

    assert_int_equal(digest_new("sha256", &digest, NULL), 0);
    assert_int_equal(source_hash(&f->engine, &f->tree, path, NULL, false, digest, NULL), 0);
    digest_finish(digest, ret);
}

static void the_hash_sees_what_a_copy_brings_and_no_times(void **state)
{
    struct fixture *f = *state;
    struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    char first[DIGEST_TEXT_MAX], second[DIGEST_TEXT_MAX];

    hash(f, "sub", first);
    assert_int_equal(utimensat(f->tree.root_fd, "sub/c.txt", times, 0), 0);
    hash(f, "sub", second);
    assert_string_equal(first, second);
    assert_int_equal(fchmodat(f->tree.root_fd, "sub/deep/d.txt", 0600, 0), 0);
    hash(f, "sub", second);
    assert_string_not_equal(first, second);
    put(f->tree.root_fd, "sub/c.txt", "C");
    hash(f, "sub", first);
    assert_string_not_equal(first, second);
    set_ignore(f, "sub/c.txt\n");
    hash(f, "sub", second);
    assert_string_not_equal(first, second);
}

static int copy(struct fixture *f, const char *path, const char *dest, bool into)
{
    struct source_copy options = { .uid = getuid(), .gid = getgid(), .mode = TREE_COPY_KEEP_MODE };

    return source_copy(&f->engine, &f->tree, path, f->dest_fd, dest, into, &options, NULL);
}

static bool is_there(struct fixture *f, const char *path)
{
    return faccessat(f->dest_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void files_land_where_copy_says(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(copy(f, "a.txt", "/x/renamed", false), 0);
    assert_true(is_there(f, "x/renamed"));
    assert_int_equal(copy(f, "a.txt", "/y", true), 0);
    assert_true(is_there(f, "y/a.txt"));
    assert_int_equal(copy(f, "a.txt", "/x", false), 0); /* a directory by now */
    assert_true(is_there(f, "x/a.txt"));
    assert_int_equal(copy(f, "sub", "/z", false), 0);
    assert_true(is_there(f, "z/c.txt"));
    assert_true(is_there(f, "z/deep/d.txt"));
}

static void a_copy_leaves_out_what_is_ignored(void **state)
{
    struct fixture *f = *state;

    set_ignore(f, "sub\n!sub/deep/d.txt\na.txt\n");
    assert_int_equal(copy(f, "", "/", false), 0);
    assert_false(is_there(f, "a.txt"));
    assert_true(is_there(f, "b.txt"));
    assert_false(is_there(f, "sub/c.txt"));
    assert_true(is_there(f, "sub/deep/d.txt"));
    assert_true(is_there(f, "out")); /* a link is copied as a link */
}

static void links_in_the_image_do_not_lead_a_copy_out(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(symlinkat(f->dir, f->dest_fd, "absolute"), 0);
    assert_int_equal(symlinkat("../..", f->dest_fd, "up"), 0);
    (void)copy(f, "a.txt", "/absolute/stolen", false);
    (void)copy(f, "a.txt", "/up/stolen", false);
    (void)copy(f, "a.txt", "/../../stolen", false);
    assert_int_equal(fstatat(f->dir_fd, "stolen", &st, 0), -1);
    assert_int_equal(fstatat(AT_FDCWD, "/tmp/stolen", &st, 0), -1);
    assert_true(is_there(f, "stolen")); /* ".." at the top is the top */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(sources_match_as_patterns_do),
        TEST(ignored_paths_do_not_match),
        TEST(links_never_lead_out_of_the_tree),
        TEST(the_hash_sees_what_a_copy_brings_and_no_times),
        TEST(files_land_where_copy_says),
        TEST(a_copy_leaves_out_what_is_ignored),
        TEST(links_in_the_image_do_not_lead_a_copy_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
