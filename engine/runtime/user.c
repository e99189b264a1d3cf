#include "engine/runtime/user.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"

#define LINE_MAX_BYTES 16384 /* longer lines are skipped: a group of a thousand members */

/* Lines of a file without allocation. */
struct lines {
    int fd;
    size_t have, used, total;
    bool skipping; /* in the middle of a line that is too long */
    char buffer[LINE_MAX_BYTES];
};

static void lines_init(struct lines *lines, int fd)
{
    lines->fd = fd;
    lines->have = lines->used = lines->total = 0;
    lines->skipping = false;
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
}

/* 1 with a line, 0 at the end, -errno. */
static int lines_next(struct lines *lines, struct str *ret)
{
    for (;;) {
        struct str rest = { lines->buffer + lines->used, lines->have - lines->used };
        ptrdiff_t end = str_find(rest, '\n');

        if (end >= 0) {
            bool skip = lines->skipping;

            lines->used += (size_t)end + 1;
            lines->skipping = false;
            if (skip)
                continue;
            *ret = (struct str){ rest.data, (size_t)end };
            return 1;
        }
        memmove(lines->buffer, rest.data, rest.len);
        lines->used = 0;
        lines->have = rest.len;
        if (lines->have == sizeof(lines->buffer)) {
            lines->skipping = true;
            lines->have = 0;
        }
        ssize_t got = lines->fd < 0 ? 0
                                    : read(lines->fd, lines->buffer + lines->have,
                                              sizeof(lines->buffer) - lines->have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        lines->total += (size_t)got;
        if (lines->total > LIMIT_PASSWD_BYTES)
            return -EFBIG;
        if (got == 0) {
            struct str last = { lines->buffer, lines->skipping ? 0 : lines->have };

            lines->have = 0;
            lines->skipping = false;
            *ret = last;
            return last.len > 0;
        }
        lines->have += (size_t)got;
    }
}

/* The first `count` fields of a line of passwd or group; the last takes the rest. False: too
 * few. */
static bool split_fields(struct str line, struct str *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t colon = str_find(line, ':');

        if (colon < 0) {
            fields[i] = line;
            return i + 1 == count;
        }
        fields[i] = (struct str){ line.data, (size_t)colon };
        line.data += colon + 1;
        line.len -= (size_t)colon + 1;
    }
    return true;
}

static bool is_number(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.len > 0;
}

enum {
    PASSWD_NAME,
    PASSWD_PASSWORD,
    PASSWD_UID,
    PASSWD_GID,
    PASSWD_GECOS,
    PASSWD_HOME,
    PASSWD_SHELL,
    PASSWD_FIELDS
};
enum { GROUP_NAME, GROUP_PASSWORD, GROUP_GID, GROUP_MEMBERS, GROUP_FIELDS };

struct passwd_entry {
    bool found;
    char name[LIMIT_NAME_BYTES + 1];
};

static void copy_text(char *target, size_t size, struct str text)
{
    if (text.len >= size)
        text.len = 0;
    memcpy(target, text.data, text.len);
    target[text.len] = 0;
}

/* Looks for the user by number, or by name. Fills identity (uid, gid, home) and entry when
 * found. */
static int find_passwd(int fd, struct str user, bool by_number, uint32_t number,
        struct user_identity *identity, struct passwd_entry *entry)
{
    struct lines lines;
    struct str line, fields[PASSWD_FIELDS];
    int r;

    lines_init(&lines, fd);
    while ((r = lines_next(&lines, &line)) > 0) {
        uint32_t uid, gid;

        if (!split_fields(line, fields, PASSWD_FIELDS) ||
                parse_uint32(fields[PASSWD_UID], INT_MAX, &uid) < 0 ||
                parse_uint32(fields[PASSWD_GID], INT_MAX, &gid) < 0)
            continue;
        if (by_number ? uid != number : !str_is_equal(fields[PASSWD_NAME], user))
            continue;
        identity->uid = uid;
        identity->gid = gid;
        copy_text(identity->home, sizeof(identity->home), fields[PASSWD_HOME]);
        copy_text(entry->name, sizeof(entry->name), fields[PASSWD_NAME]);
        entry->found = true;
        return 1;
    }
    return r;
}

static bool list_has(struct str list, const char *name)
{
    struct str piece;

    while (str_split_next(&list, ',', &piece)) {
        if (*name && str_is_equal_z(str_trim(piece), name))
            return true;
    }
    return false;
}

static void add_group(struct user_identity *identity, gid_t gid)
{
    for (size_t i = 0; i < identity->group_count; i++) {
        if (identity->groups[i] == gid)
            return;
    }
    if (identity->group_count < USER_GROUPS_MAX)
        identity->groups[identity->group_count++] = gid;
}

static int find_group(int fd, struct str name, gid_t *ret)
{
    struct lines lines;
    struct str line, fields[GROUP_FIELDS];
    int r;

    lines_init(&lines, fd);
    while ((r = lines_next(&lines, &line)) > 0) {
        uint32_t gid;

        if (split_fields(line, fields, GROUP_FIELDS) && str_is_equal(fields[GROUP_NAME], name) &&
                parse_uint32(fields[GROUP_GID], INT_MAX, &gid) >= 0) {
            *ret = gid;
            return 1;
        }
    }
    return r;
}

static int add_groups_of(int fd, const char *name, struct user_identity *identity)
{
    struct lines lines;
    struct str line, fields[GROUP_FIELDS];
    int r;

    lines_init(&lines, fd);
    while ((r = lines_next(&lines, &line)) > 0) {
        uint32_t gid;

        if (split_fields(line, fields, GROUP_FIELDS) &&
                parse_uint32(fields[GROUP_GID], INT_MAX, &gid) >= 0 &&
                list_has(fields[GROUP_MEMBERS], name))
            add_group(identity, gid);
    }
    return r;
}

static enum user_failure resolve_group(
        int group_fd, struct str text, enum user_failure unknown, gid_t *ret)
{
    uint32_t number;

    if (is_number(text)) {
        if (parse_uint32(text, INT_MAX, &number) < 0)
            return USER_RANGE;
        *ret = number;
        return USER_OK;
    }
    int r = find_group(group_fd, text, ret);
    if (r < 0) {
        errno = -r;
        return USER_FILE;
    }
    return r ? USER_OK : unknown;
}

enum user_failure user_resolve_files(int passwd_fd, int group_fd, const char *text,
        char *const *group_add, struct user_identity *ret, size_t *ret_index)
{
    struct str rest = str_from(text ? text : ""), user = rest, group = { 0 };
    struct passwd_entry entry = { 0 };
    uint32_t number = 0;
    int r;

    ptrdiff_t colon = str_find(rest, ':');
    if (colon >= 0) {
        user = (struct str){ rest.data, (size_t)colon };
        group = (struct str){ rest.data + colon + 1, rest.len - (size_t)colon - 1 };
    }
    ret->uid = 0;
    ret->gid = 0;
    ret->group_count = 0;
    ret->home[0] = 0;
    bool by_number = user.len == 0 || is_number(user);
    if (by_number && user.len > 0 && parse_uint32(user, INT_MAX, &number) < 0)
        return USER_RANGE;
    ret->uid = number;
    r = find_passwd(passwd_fd, user, by_number, number, ret, &entry);
    if (r < 0 && !by_number) {
        errno = -r;
        return USER_FILE;
    }
    if (!entry.found && !by_number)
        return USER_UNKNOWN;
    if (ret->home[0] == 0)
        memcpy(ret->home, "/", sizeof("/"));
    if (group.len > 0) {
        enum user_failure failure = resolve_group(group_fd, group, USER_GROUP_UNKNOWN, &ret->gid);
        if (failure != USER_OK)
            return failure;
        add_group(ret, ret->gid);
    } else {
        add_group(ret, ret->gid);
        if (entry.found)
            (void)add_groups_of(group_fd, entry.name, ret);
    }
    for (size_t i = 0; group_add && group_add[i]; i++) {
        gid_t gid = 0;
        enum user_failure failure = resolve_group(
                group_fd, str_from(group_add[i]), USER_ADDED_UNKNOWN, &gid);

        *ret_index = i;
        if (failure != USER_OK)
            return failure;
        add_group(ret, gid);
    }
    return USER_OK;
}

/* Regular files only: an image may put a FIFO there, or a link to a device. */
static int open_account_file(int root_fd, const char *path)
{
    int fd = fs_try_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;

    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
        fd = fd_close(fd);
    return fd;
}

enum user_failure user_resolve(int root_fd, const char *text, char *const *group_add,
        struct user_identity *ret, size_t *ret_index)
{
    auto_close int passwd_fd = open_account_file(root_fd, "/etc/passwd");
    auto_close int group_fd = open_account_file(root_fd, "/etc/group");

    return user_resolve_files(passwd_fd, group_fd, text, group_add, ret, ret_index);
}

void user_find_home(int root_fd, uid_t uid, char home[static USER_HOME_MAX])
{
    auto_close int passwd_fd = open_account_file(root_fd, "/etc/passwd");
    struct user_identity identity = { 0 };
    struct passwd_entry entry = { 0 };

    (void)find_passwd(passwd_fd, (struct str){ 0 }, true, uid, &identity, &entry);
    if (identity.home[0] == 0)
        identity.home[0] = '/';
    memcpy(home, identity.home, USER_HOME_MAX);
}
