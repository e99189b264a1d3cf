/* passwd and group of an image: whatever stands in them, identities stay in range. */
#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdio.h"
#include "engine/runtime/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const users[] = { "root", "0", "app:audio", "1000:1000", ":wheel", "" };
    char *const groups[] = { (char[]){ "audio" }, (char[]){ "77" }, NULL };
    auto_close int fd = memfd_create("passwd", MFD_CLOEXEC);
    struct user_identity identity;
    size_t index;

    if (fd < 0 || fd_write_all(fd, data, size) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        if (user_resolve_files(fd, fd, users[i], groups, &identity, &index) != USER_OK)
            continue;
        assert(identity.uid <= INT_MAX && identity.gid <= INT_MAX);
        assert(identity.group_count > 0 && identity.group_count <= USER_GROUPS_MAX);
        assert(memchr(identity.home, 0, sizeof(identity.home)) && identity.home[0]);
    }
    return 0;
}
