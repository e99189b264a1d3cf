/* Unpacking hostile and peculiar archives, and writing layers. Each test works in a directory of its own
 * with a canary beside the root: whatever an archive says, nothing but the root may change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "engine/archive/decompress.h"
#include "engine/archive/tar-read.h"
#include "engine/archive/tar-write.h"
#include "engine/archive/unpack.h"

#define TAR_MAX (16u << 20)

struct fixture {
    char dir[64];
    int dir_fd, root_fd;
    struct strbuf tar;
    struct byte_sink sink;
};

static int append(void *userdata, const void *data, size_t len, struct error **err)
{
    (void)err;
    strbuf_add(userdata, data, len);
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (geteuid() != 0) {
        printf("# skipped: root is needed\n");
        exit(77);
    }
    strbuf_init(&f->tar, TAR_MAX);
    f->sink = (struct byte_sink){ .write = append, .userdata = &f->tar };
    snprintf(f->dir, sizeof(f->dir), "/tmp/berth-archive.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(f->dir_fd, "root", 0755), 0);
    f->root_fd = openat(f->dir_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(f->dir_fd, "outside", 0755), 0);

    auto_close int fd = openat(f->dir_fd, "outside/canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert_int_equal(write(fd, "alive", 5), 5);
    *state = f;
    return 0;
}

static void canary_lives(struct fixture *f)
{
    auto_free char *text = NULL;
    struct stat st;
    size_t len;

    assert_int_equal(fs_read_file(f->dir_fd, "outside/canary", 100, &text, &len, NULL), 0);
    assert_string_equal(text, "alive");
    assert_int_equal(fstatat(f->dir_fd, "outside/canary", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(fstatat(f->dir_fd, "outside", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(st.st_nlink, 2);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    canary_lives(f);
    fd_close(f->root_fd);
    fd_close(f->dir_fd);
    strbuf_release(&f->tar);
    assert_int_equal(fs_remove_tree(AT_FDCWD, f->dir, NULL), 0);
    free(f);
    return 0;
}

/* ---- making archives ---- */

static void add(struct fixture *f, struct tar_write_entry entry, const char *contents)
{
    entry.size_bytes = contents ? strlen(contents) : 0;
    assert_int_equal(tar_write_header(&f->sink, &entry, NULL), 0);
    if (contents) {
        strbuf_adds(&f->tar, contents);
        assert_int_equal(tar_write_padding(&f->sink, entry.size_bytes, NULL), 0);
    }
}

static void add_file(struct fixture *f, const char *path, const char *contents)
{
    add(f, (struct tar_write_entry){ .path = path, .mode = S_IFREG | 0644 }, contents);
}

static void add_dir(struct fixture *f, const char *path)
{
    add(f, (struct tar_write_entry){ .path = path, .mode = S_IFDIR | 0755 }, NULL);
}

static void add_symlink(struct fixture *f, const char *path, const char *target)
{
    add(f, (struct tar_write_entry){ .path = path, .link = target, .mode = S_IFLNK | 0777 }, NULL);
}

static void add_hardlink(struct fixture *f, const char *path, const char *target)
{
    add(f,
            (struct tar_write_entry){
                    .path = path, .link = target, .hardlink = true, .mode = S_IFREG | 0644 },
            NULL);
}

static int unpack(struct fixture *f, struct unpack_result *result, struct error **err)
{
    struct unpack_options options = UNPACK_INIT;
    struct str slice = strbuf_str(&f->tar);
    struct byte_source source = byte_source_from_memory(&slice);

    options.overlay_whiteouts = true;
    return unpack_tar(&source, f->root_fd, &options, result, err);
}

static int finish(struct fixture *f)
{
    struct unpack_result result;
    auto_error struct error *err = NULL;
    int r;

    assert_int_equal(tar_write_end(&f->sink, NULL), 0);
    r = unpack(f, &result, &err);
    assert_int_equal(r < 0, err != NULL);
    canary_lives(f);
    return r;
}

static bool exists(struct fixture *f, const char *path)
{
    struct stat st;

    return fstatat(f->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct stat stat_of(struct fixture *f, const char *path)
{
    struct stat st;

    assert_int_equal(fstatat(f->root_fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st;
}

static void assert_text(struct fixture *f, const char *path, const char *expected)
{
    auto_free char *text = NULL;
    size_t len;

    assert_int_equal(fs_read_file(f->root_fd, path, 65536, &text, &len, NULL), 0);
    assert_string_equal(text, expected);
}

static bool is_whiteout(struct fixture *f, const char *path)
{
    struct stat st = stat_of(f, path);

    return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static bool is_opaque(struct fixture *f, const char *path)
{
    auto_close int fd = openat(f->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char value = 0;

    assert_true(fd >= 0);
    return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* ---- names ---- */

static void names_that_lead_out_are_refused(void **state)
{
    static const char *const names[] = { "../outside/canary", "a/../../outside/canary", "..",
        "../../../../etc/passwd", "./../x", "a/b/../../../x" };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        strbuf_reset(&f->tar);
        add_file(f, names[i], "evil");
        assert_int_equal(finish(f), -EPERM);
    }
}

static void absolute_names_stay_within_the_root(void **state)
{
    struct fixture *f = *state;

    add_file(f, "/etc/x", "one");
    add_file(f, "//y", "two");
    add_file(f, "/../../z", "three");
    add_file(f, "./a/./b/../c", "four");
    assert_int_equal(finish(f), 0);
    assert_text(f, "etc/x", "one");
    assert_text(f, "y", "two");
    assert_text(f, "z", "three");
    assert_text(f, "a/c", "four");
}

static void symlinks_never_lead_out(void **state)
{
    struct fixture *f = *state;
    char target[128];

    snprintf(target, sizeof(target), "%s/outside", f->dir);
    add_symlink(f, "absolute", target);
    add_symlink(f, "relative", "../outside");
    add_symlink(f, "top", "/");
    add_symlink(f, "up", "../../../..");
    add_file(f, "top/through-top", "x");
    add_file(f, "up/through-up", "x");
    assert_int_equal(finish(f), 0);
    assert_true(exists(f, "through-top"));
    assert_true(exists(f, "through-up"));

    /* The targets are not there within the root: writing through them fails, or stays inside. */
    strbuf_reset(&f->tar);
    add_file(f, "relative/canary", "evil");
    (void)finish(f);
    strbuf_reset(&f->tar);
    add_file(f, "absolute/canary", "evil");
    (void)finish(f);
}

static void the_last_component_is_never_followed(void **state)
{
    struct fixture *f = *state;
    char target[128];

    snprintf(target, sizeof(target), "%s/outside/canary", f->dir);
    add_symlink(f, "a", target);
    add_file(f, "a", "replaced");
    add_symlink(f, "b", "../outside");
    add_dir(f, "b");
    add_file(f, "b/canary", "own");
    add_symlink(f, "c", "../outside/canary");
    add(f, (struct tar_write_entry){ .path = "c", .mode = S_IFIFO | 0600 }, NULL);
    assert_int_equal(finish(f), 0);
    assert_text(f, "a", "replaced");
    assert_text(f, "b/canary", "own");
    assert_true(S_ISFIFO(stat_of(f, "c").st_mode));
}

static void hard_links_never_lead_out(void **state)
{
    static const char *const targets[] = { "../outside/canary", "/../outside/canary", "nothing",
        "dir", "link/canary", "", ".", "up/outside/canary" };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        strbuf_reset(&f->tar);
        add_dir(f, "dir");
        add_symlink(f, "link", "../outside");
        add_symlink(f, "up", "..");
        add_hardlink(f, "evil", targets[i]);
        assert_true(finish(f) < 0);
        assert_false(exists(f, "evil"));
    }
}

static void a_hard_link_to_a_symlink_links_the_symlink(void **state)
{
    struct fixture *f = *state;

    add_symlink(f, "link", "../outside/canary");
    add_hardlink(f, "hard", "link");
    add_file(f, "file", "x");
    add_hardlink(f, "/hard2", "./file");
    add_hardlink(f, "file", "file");
    assert_int_equal(finish(f), 0);
    assert_true(S_ISLNK(stat_of(f, "hard").st_mode));
    assert_int_equal(stat_of(f, "file").st_nlink, 2);
}

static void the_root_can_not_be_replaced(void **state)
{
    static const char *const names[] = { ".", "/", "./", "a/.." };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        strbuf_reset(&f->tar);
        add_symlink(f, names[i], "/etc");
        assert_int_equal(finish(f), -EPERM);
    }
    strbuf_reset(&f->tar);
    add(f, (struct tar_write_entry){ .path = ".", .mode = S_IFDIR | 0700, .uid = 5 }, NULL);
    assert_int_equal(finish(f), 0);
    assert_int_equal(stat_of(f, ".").st_uid, 5);
    assert_int_equal(stat_of(f, ".").st_mode & 07777, 0700);
}

static void long_names_and_foreign_characters_are_kept(void **state)
{
    struct fixture *f = *state;
    char name[256], path[1024];

    memset(name, 'n', 255);
    name[255] = 0;
    snprintf(path, sizeof(path), "dir/%s/%s", name, name);
    add_file(f, path, "long");
    add_file(f, "\xc3\xbcml\xc3\xa4ut", "utf8");
    add_file(f, "raw\xff\xfe", "bytes");
    add_file(f, "new\nline", "x");
    snprintf(path, sizeof(path), "\xc3\xbc/%s", name);
    add_file(f, path, "long utf8");
    snprintf(path, sizeof(path), "\xff/%s", name);
    add_file(f, path, "long bytes");
    add_symlink(f, "link", path);
    assert_int_equal(finish(f), 0);
    assert_text(f, path, "long bytes");
    assert_text(f, "\xc3\xbcml\xc3\xa4ut", "utf8");
    assert_text(f, "raw\xff\xfe", "bytes");
    assert_text(f, "new\nline", "x");

    char target[1024] = { 0 };

    assert_int_equal(readlinkat(f->root_fd, "link", target, sizeof(target) - 1), strlen(path));
    assert_string_equal(target, path);

    strbuf_reset(&f->tar);
    snprintf(path, sizeof(path), "%sx", name); /* one too long */
    add_file(f, path, "x");
    assert_int_equal(finish(f), -ENAMETOOLONG);
}

/* ---- whiteouts ---- */

static void whiteouts_become_those_of_overlayfs(void **state)
{
    struct fixture *f = *state;

    add_dir(f, "dir");
    add_file(f, "dir/.wh.gone", "");
    add_file(f, ".wh.top", "");
    add_dir(f, "opaque");
    add_file(f, "opaque/.wh..wh..opq", "");
    add_file(f, "implied/.wh.x", "");
    add_file(f, ".wh..wh.plnk", "");
    add_file(f, ".wh..wh.aufs", "");
    assert_int_equal(finish(f), 0);
    assert_true(is_whiteout(f, "dir/gone"));
    assert_true(is_whiteout(f, "top"));
    assert_true(is_whiteout(f, "implied/x"));
    assert_true(is_opaque(f, "opaque"));
    assert_false(is_opaque(f, "dir"));
    assert_false(exists(f, ".wh..wh.plnk"));
    assert_false(exists(f, "dir/.wh.gone"));
}

static void a_whiteout_speaks_of_lower_layers_only(void **state)
{
    struct fixture *f = *state;

    /* the marker first, the marker last, and over a directory both ways */
    add_file(f, ".wh.a", "");
    add_file(f, "a", "new");
    add_file(f, "b", "new");
    add_file(f, ".wh.b", "");
    add_file(f, ".wh.c", "");
    add_dir(f, "c");
    add_file(f, "c/x", "new");
    add_dir(f, "d");
    add_file(f, "d/x", "new");
    add_file(f, ".wh.d", "");
    add_file(f, ".wh.e", "");
    add_file(f, "e/f/x", "new");
    add_file(f, "g/x", "new");
    add_file(f, "g/.wh..wh..opq", "");
    assert_int_equal(finish(f), 0);
    assert_text(f, "a", "new");
    assert_text(f, "b", "new");
    assert_text(f, "c/x", "new");
    assert_text(f, "d/x", "new");
    assert_text(f, "e/f/x", "new");
    assert_text(f, "g/x", "new");
    assert_true(is_opaque(f, "c"));
    assert_true(is_opaque(f, "d"));
    assert_true(is_opaque(f, "e"));
    assert_false(is_opaque(f, "e/f"));
    assert_true(is_opaque(f, "g"));
}

static void whiteouts_that_lead_out_are_refused(void **state)
{
    static const char *const names[] = { ".wh.", ".wh..", ".wh...", "dir/.wh...", "dir/.wh." };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        strbuf_reset(&f->tar);
        add_file(f, names[i], "");
        assert_int_equal(finish(f), -EPERM);
    }
}

static void whiteouts_are_plain_files_for_others(void **state)
{
    struct fixture *f = *state;
    struct unpack_options options = UNPACK_INIT;
    struct unpack_result result;

    add_file(f, ".wh.x", "text");
    assert_int_equal(tar_write_end(&f->sink, NULL), 0);
    options.uid = 77;
    options.gid = 78;

    struct str slice = strbuf_str(&f->tar);
    struct byte_source source = byte_source_from_memory(&slice);

    assert_int_equal(unpack_tar(&source, f->root_fd, &options, &result, NULL), 0);
    assert_text(f, ".wh.x", "text");
    assert_int_equal(stat_of(f, ".wh.x").st_uid, 77);
    assert_int_equal(stat_of(f, ".wh.x").st_gid, 78);
}

/* ---- attributes ---- */

static void attributes_are_those_of_the_archive(void **state)
{
    static const uint8_t capability[] = { 1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0 };
    const struct tar_xattr xattrs[] = {
        { "security.capability", capability, sizeof(capability) },
        { "security.selinux", "label", 5 },
        { "trusted.overlay.opaque", "y", 1 },
        { "trusted.overlay.redirect", "/etc", 4 },
        { "trusted.other", "x", 1 },
        { "user.note", "a\0b", 3 },
        { "user.overlay.opaque", "y", 1 },
    };
    struct fixture *f = *state;
    char value[64];

    add(f,
            (struct tar_write_entry){ .path = "su",
                    .mode = S_IFREG | 06755,
                    .uid = 1000,
                    .gid = 3000000000u,
                    .mtime = { .tv_sec = -86400 },
                    .xattrs = xattrs,
                    .xattr_count = ARRAY_LEN(xattrs) },
            "x");
    add(f,
            (struct tar_write_entry){ .path = "dir",
                    .mode = S_IFDIR | 01777,
                    .mtime = { .tv_sec = 1000000000 },
                    .xattrs = xattrs,
                    .xattr_count = ARRAY_LEN(xattrs) },
            NULL);
    add_file(f, "dir/later", "x");
    add(f,
            (struct tar_write_entry){ .path = "link",
                    .link = "nowhere",
                    .mode = S_IFLNK | 0777,
                    .uid = 7,
                    .mtime = { .tv_sec = 5 } },
            NULL);
    assert_int_equal(finish(f), 0);
    assert_int_equal(stat_of(f, "su").st_mode, S_IFREG | 06755);
    assert_int_equal(stat_of(f, "su").st_uid, 1000);
    assert_int_equal(stat_of(f, "su").st_gid, 3000000000u);
    assert_int_equal(stat_of(f, "su").st_mtim.tv_sec, -86400);
    assert_int_equal(stat_of(f, "dir").st_mode, S_IFDIR | 01777);
    assert_int_equal(stat_of(f, "dir").st_mtim.tv_sec, 1000000000);
    assert_int_equal(stat_of(f, "link").st_uid, 7);
    assert_int_equal(stat_of(f, "link").st_mtim.tv_sec, 5);
    assert_false(is_opaque(f, "dir"));

    auto_close int fd = openat(f->root_fd, "su", O_RDONLY | O_CLOEXEC);

    assert_int_equal(
            fgetxattr(fd, "security.capability", value, sizeof(value)), sizeof(capability));
    assert_int_equal(fgetxattr(fd, "user.note", value, sizeof(value)), 3);
    assert_memory_equal(value, "a\0b", 3);
    assert_int_equal(fgetxattr(fd, "trusted.overlay.redirect", value, sizeof(value)), -1);
    assert_int_equal(fgetxattr(fd, "trusted.other", value, sizeof(value)), -1);
    assert_int_equal(fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)), -1);
}

static void special_files_are_made_as_such(void **state)
{
    struct fixture *f = *state;

    add(f,
            (struct tar_write_entry){
                    .path = "null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3 },
            NULL);
    add(f,
            (struct tar_write_entry){
                    .path = "disk", .mode = S_IFBLK | 0660, .major = 8, .minor = 1 },
            NULL);
    add(f, (struct tar_write_entry){ .path = "fifo", .mode = S_IFIFO | 0622 }, NULL);
    assert_int_equal(finish(f), 0);
    assert_int_equal(stat_of(f, "null").st_mode, S_IFCHR | 0666);
    assert_int_equal(stat_of(f, "null").st_rdev, makedev(1, 3));
    assert_int_equal(stat_of(f, "disk").st_mode, S_IFBLK | 0660);
    assert_int_equal(stat_of(f, "fifo").st_mode, S_IFIFO | 0622);
}

static void a_directory_over_a_directory_keeps_its_contents(void **state)
{
    struct fixture *f = *state;

    add_file(f, "dir/x", "kept");
    add(f, (struct tar_write_entry){ .path = "dir", .mode = S_IFDIR | 0700, .uid = 3 }, NULL);
    add_file(f, "gone/x/y", "x");
    add_file(f, "gone", "a file now");
    add_file(f, "file", "x");
    add_dir(f, "file");
    assert_int_equal(finish(f), 0);
    assert_text(f, "dir/x", "kept");
    assert_int_equal(stat_of(f, "dir").st_mode, S_IFDIR | 0700);
    assert_int_equal(stat_of(f, "dir").st_uid, 3);
    assert_text(f, "gone", "a file now");
    assert_true(S_ISDIR(stat_of(f, "file").st_mode));
}

static void a_file_is_no_directory_on_the_way(void **state)
{
    struct fixture *f = *state;

    add_file(f, "file", "x");
    add_file(f, "file/below", "x");
    assert_int_equal(finish(f), -ENOTDIR);
}

/* ---- damage ---- */

static void what_is_no_tar_is_refused(void **state)
{
    struct fixture *f = *state;
    struct unpack_result result;
    auto_error struct error *err = NULL;

    for (size_t i = 0; i < 4096; i++)
        strbuf_addc(&f->tar, (char)('a' + i % 26));
    assert_int_equal(unpack(f, &result, &err), -EBADMSG);
}

static void a_cut_archive_is_refused(void **state)
{
    struct fixture *f = *state;

    add_file(f, "one", "1");
    add_file(f, "two", "a text of some length");
    for (size_t len = f->tar.len - 512; len > 512; len -= 300) {
        struct unpack_result result;
        auto_error struct error *err = NULL;

        strbuf_truncate(&f->tar, len);
        if (len % 512 != 0)
            assert_true(unpack(f, &result, &err) < 0);
    }
}

static void an_empty_archive_is_an_empty_layer(void **state)
{
    struct fixture *f = *state;
    struct unpack_result result;

    assert_int_equal(unpack(f, &result, NULL), 0);
    assert_int_equal(result.entries, 0);
    assert_int_equal(finish(f), 0);
}

/* ---- writing ---- */

static void write_layer(struct fixture *f, int dir_fd, struct strbuf *out)
{
    struct byte_sink sink = { .write = append, .userdata = out };
    uint64_t size_bytes;

    (void)f;
    assert_int_equal(tar_write_layer(&sink, dir_fd, &size_bytes, NULL), 0);
}

/* The same entries in, the same bytes out; and what was written unpacks to what writes the same again. */
static void a_layer_that_is_written_and_unpacked_is_the_same(void **state)
{
    static const char big[] = "0123456789";
    const struct tar_xattr xattrs[] = { { "user.a", "1", 1 }, { "user.b", big, 10 } };
    struct fixture *f = *state;
    auto_(strbuf_release) struct strbuf one = STRBUF_INIT(TAR_MAX), two = STRBUF_INIT(TAR_MAX);
    char name[200];

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    add(f,
            (struct tar_write_entry){ .path = "b/attributes",
                    .mode = S_IFREG | 04711,
                    .uid = 4000000,
                    .gid = 2097151,
                    .mtime = { .tv_sec = -5 },
                    .xattrs = xattrs,
                    .xattr_count = ARRAY_LEN(xattrs) },
            "contents");
    add_file(f, "a/.wh.removed", "");
    add_dir(f, "opaque");
    add_file(f, "opaque/.wh..wh..opq", "");
    add_file(f, name, "long name");
    add_hardlink(f, "c/hard", "b/attributes");
    add_symlink(f, "c/link", name);
    add_hardlink(f, "c/link2", "c/link");
    add(f, (struct tar_write_entry){ .path = "z", .mode = S_IFIFO | 0644, .mtime = { 1, 0 } },
            NULL);
    assert_int_equal(finish(f), 0);

    struct stat whiteout;
    assert_int_equal(fstatat(f->root_fd, "a/removed", &whiteout, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(whiteout.st_mtime, 0); /* that of the entry, not of its making */
    write_layer(f, f->root_fd, &one);
    write_layer(f, f->root_fd, &two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);

    /* Unpack it beside and write that. Directories that were implied have the time of their making. */
    assert_int_equal(mkdirat(f->dir_fd, "root2", 0755), 0);
    auto_close int root2_fd = openat(f->dir_fd, "root2", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct unpack_options options = UNPACK_INIT;
    struct unpack_result result;
    struct str slice = strbuf_str(&one);
    struct byte_source source = byte_source_from_memory(&slice);

    options.overlay_whiteouts = true;
    auto_error struct error *err = NULL;
    int r = unpack_tar(&source, root2_fd, &options, &result, &err);

    if (err)
        fail_msg("%s", err->message);
    assert_int_equal(r, 0);
    strbuf_reset(&two);
    write_layer(f, root2_fd, &two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);
}

static void a_renamed_directory_of_redirect_dir_is_refused(void **state)
{
    struct fixture *f = *state;
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(TAR_MAX);
    struct byte_sink sink = { .write = append, .userdata = &out };
    auto_error struct error *err = NULL;
    uint64_t size_bytes;

    assert_int_equal(mkdirat(f->root_fd, "dir", 0755), 0);
    auto_close int fd = openat(f->root_fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(fsetxattr(fd, "trusted.overlay.redirect", "old", 3, 0), 0);
    assert_int_equal(tar_write_layer(&sink, f->root_fd, &size_bytes, &err), -ENOTSUP);
}

static void compressions_are_recognised(void **state)
{
    (void)state;
    assert_int_equal(compression_detect("\x1f\x8b\x08", 3), COMPRESSION_GZIP);
    assert_int_equal(compression_detect("\x28\xb5\x2f\xfd", 4), COMPRESSION_ZSTD);
    assert_int_equal(compression_detect("\x28\xb5\x2f", 3), COMPRESSION_NONE);
    assert_int_equal(compression_detect("\xfd"
                                        "7zXZ\0",
                             6),
            COMPRESSION_XZ);
    assert_int_equal(compression_detect("BZh9", 4), COMPRESSION_BZIP2);
    assert_int_equal(compression_detect("", 0), COMPRESSION_NONE);
}

/* Two members, of "hello " and "world\n". */
static void a_gzip_of_several_members_is_one(void **state)
{
    static const uint8_t members[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
        0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0x00, 0x00, 0xf6, 0xf9, 0x81, 0xed, 0x06, 0x00, 0x00,
        0x00, 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2b, 0xcf, 0x2f, 0xca,
        0x49, 0xe1, 0x02, 0x00, 0xa8, 0x61, 0x38, 0xdd, 0x06, 0x00, 0x00, 0x00 };
    struct str slice = { (const char *)members, sizeof(members) };
    struct byte_source source = byte_source_from_memory(&slice), inner;
    auto_(decompress_free_p) struct decompress *decompress = NULL;
    char text[64] = { 0 };
    size_t len = 0;
    ssize_t n;

    (void)state;
    assert_int_equal(decompress_new(&source, &decompress, NULL), 0);
    inner = decompress_source(decompress);
    while ((n = byte_source_read(&inner, text + len, sizeof(text) - len, NULL)) > 0)
        len += (size_t)n;
    assert_int_equal(n, 0);
    assert_string_equal(text, "hello world\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_that_lead_out_are_refused),
        TEST(absolute_names_stay_within_the_root),
        TEST(symlinks_never_lead_out),
        TEST(the_last_component_is_never_followed),
        TEST(hard_links_never_lead_out),
        TEST(a_hard_link_to_a_symlink_links_the_symlink),
        TEST(the_root_can_not_be_replaced),
        TEST(long_names_and_foreign_characters_are_kept),
        TEST(whiteouts_become_those_of_overlayfs),
        TEST(a_whiteout_speaks_of_lower_layers_only),
        TEST(whiteouts_that_lead_out_are_refused),
        TEST(whiteouts_are_plain_files_for_others),
        TEST(attributes_are_those_of_the_archive),
        TEST(special_files_are_made_as_such),
        TEST(a_directory_over_a_directory_keeps_its_contents),
        TEST(a_file_is_no_directory_on_the_way),
        TEST(what_is_no_tar_is_refused),
        TEST(a_cut_archive_is_refused),
        TEST(an_empty_archive_is_an_empty_layer),
        TEST(a_layer_that_is_written_and_unpacked_is_the_same),
        TEST(a_renamed_directory_of_redirect_dir_is_refused),
        cmocka_unit_test(compressions_are_recognised),
        cmocka_unit_test(a_gzip_of_several_members_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
