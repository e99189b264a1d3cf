/* Who a container's process is: Docker's forms "user", "user:group", ":group" in names or numbers,
 * looked up in the passwd and group files of its root. Nothing is allocated and only descriptors
 * are used, so that a process about to exec may call it. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define USER_GROUPS_MAX 1024 /* supplementary groups; the kernel's own limit is 65536 */
#define USER_HOME_MAX 1024

struct user_identity {
    uid_t uid;
    gid_t gid;
    gid_t groups[USER_GROUPS_MAX];
    size_t group_count;
    char home[USER_HOME_MAX]; /* "/" when unknown */
};

enum user_failure {
    USER_OK,
    USER_UNKNOWN,       /* no such name in passwd */
    USER_GROUP_UNKNOWN, /* the group of "user:group" */
    USER_ADDED_UNKNOWN, /* one of group_add; *ret_index says which */
    USER_RANGE,         /* a number outside 0..2147483647 */
    USER_FILE,          /* passwd or group cannot be read; errno is set */
};

/* `text` NULL or "" is root. Numbers are never looked up as names (CVE-2016-3697). The primary
 * group is always among the supplementary ones (CVE-2022-36109). group_add may be NULL. */
enum user_failure user_resolve(int root_fd, const char *text, char *const *group_add,
        struct user_identity *ret, size_t *ret_index);

/* The home directory of a uid that is known already, "/" if none. */
void user_find_home(int root_fd, uid_t uid, char home[static USER_HOME_MAX]);

/* user_resolve on open files (-EBADF: missing), for tests. */
enum user_failure user_resolve_files(int passwd_fd, int group_fd, const char *text,
        char *const *group_add, struct user_identity *ret, size_t *ret_index);
