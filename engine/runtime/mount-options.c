#include "engine/runtime/mount-options.h"

#include <sys/mount.h>

#include "base/cleanup.h"
#include "engine/runtime/spec.h"

/* Since Linux 5.10; glibc 2.36 does not name it. */
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

#define SET(word, f)                 \
    {                                \
        .name = (word), .flags = (f) \
    }
#define CLEAR(word, f)                              \
    {                                               \
        .name = (word), .flags = (f), .clear = true \
    }
#define PROPAGATE(word, f)                 \
    {                                      \
        .name = (word), .propagation = (f) \
    }
#define TREE_SET(word, f)                    \
    {                                        \
        .name = (word), .recursive_set = (f) \
    }
#define TREE_CLEAR(word, f)                    \
    {                                          \
        .name = (word), .recursive_clear = (f) \
    }
#define REFUSE(word, why)                \
    {                                    \
        .name = (word), .refused = (why) \
    }

static const struct mount_option mount_options[] = {
    CLEAR("async", MS_SYNCHRONOUS),
    CLEAR("atime", MS_NOATIME),
    SET("bind", MS_BIND),
    SET("defaults", 0),
    CLEAR("dev", MS_NODEV),
    CLEAR("diratime", MS_NODIRATIME),
    SET("dirsync", MS_DIRSYNC),
    CLEAR("exec", MS_NOEXEC),
    { .name = "idmap", .idmap = MOUNT_IDMAP_TOP },
    SET("iversion", MS_I_VERSION),
    SET("lazytime", MS_LAZYTIME),
    CLEAR("loud", MS_SILENT),
    SET("noatime", MS_NOATIME),
    SET("nodev", MS_NODEV),
    SET("nodiratime", MS_NODIRATIME),
    SET("noexec", MS_NOEXEC),
    { .name = "nofail", .optional = true },
    CLEAR("noiversion", MS_I_VERSION),
    CLEAR("nolazytime", MS_LAZYTIME),
    CLEAR("norelatime", MS_RELATIME),
    CLEAR("nostrictatime", MS_STRICTATIME),
    SET("nosuid", MS_NOSUID),
    SET("nosymfollow", MS_NOSYMFOLLOW),
    PROPAGATE("private", MS_PRIVATE),
    TREE_CLEAR("ratime", MOUNT_ATTR__ATIME), /* one value: cleared it is relatime */
    SET("rbind", MS_BIND | MS_REC),
    TREE_CLEAR("rdev", MOUNT_ATTR_NODEV),
    TREE_CLEAR("rdiratime", MOUNT_ATTR_NODIRATIME),
    SET("relatime", MS_RELATIME),
    REFUSE("remount", "\"remount\" makes no sense in a new mount namespace"),
    TREE_CLEAR("rexec", MOUNT_ATTR_NOEXEC),
    { .name = "ridmap", .idmap = MOUNT_IDMAP_RECURSIVE },
    TREE_SET("rnoatime", MOUNT_ATTR_NOATIME),
    TREE_SET("rnodev", MOUNT_ATTR_NODEV),
    TREE_SET("rnodiratime", MOUNT_ATTR_NODIRATIME),
    TREE_SET("rnoexec", MOUNT_ATTR_NOEXEC),
    TREE_CLEAR("rnostrictatime", MOUNT_ATTR__ATIME),
    TREE_CLEAR("rnorelatime",
            0), /* as others have it: relatime is what there is when nothing is set */
    TREE_SET("rnosuid", MOUNT_ATTR_NOSUID),
    TREE_SET("rnosymfollow", MOUNT_ATTR_NOSYMFOLLOW),
    SET("ro", MS_RDONLY),
    PROPAGATE("rprivate", MS_PRIVATE | MS_REC),
    TREE_CLEAR("rrelatime", MOUNT_ATTR__ATIME),
    TREE_SET("rro", MOUNT_ATTR_RDONLY),
    TREE_CLEAR("rrw", MOUNT_ATTR_RDONLY),
    PROPAGATE("rshared", MS_SHARED | MS_REC),
    PROPAGATE("rslave", MS_SLAVE | MS_REC),
    TREE_SET("rstrictatime", MOUNT_ATTR_STRICTATIME),
    TREE_CLEAR("rsuid", MOUNT_ATTR_NOSUID),
    TREE_CLEAR("rsymfollow", MOUNT_ATTR_NOSYMFOLLOW),
    PROPAGATE("runbindable", MS_UNBINDABLE | MS_REC),
    CLEAR("rw", MS_RDONLY),
    PROPAGATE("shared", MS_SHARED),
    SET("silent", MS_SILENT),
    PROPAGATE("slave", MS_SLAVE),
    SET("strictatime", MS_STRICTATIME),
    CLEAR("suid", MS_NOSUID),
    CLEAR("symfollow", MS_NOSYMFOLLOW),
    SET("sync", MS_SYNCHRONOUS),
    { .name = "tmpcopyup", .copy_up = true },
    PROPAGATE("unbindable", MS_UNBINDABLE),
};

const struct mount_option *mount_option_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(mount_options); i++) {
        if (str_is_equal_z(name, mount_options[i].name))
            return &mount_options[i];
    }
    return NULL;
}

const struct mount_option *mount_option_at(size_t index)
{
    return index < ARRAY_LEN(mount_options) ? &mount_options[index] : NULL;
}

unsigned long mount_propagation_parse(const char *name)
{
    const struct mount_option *option = mount_option_find(str_from(name));

    return option ? option->propagation : 0;
}
