#include "engine/rootfs/device.h"

#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/runtime/mount-options.h"

#define FLAGS_KEPT (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)

struct mount_words {
    unsigned long flags, propagation;
    struct strbuf data; /* for the file system */
};

static void mount_words_release(struct mount_words *words)
{
    strbuf_release(&words->data);
}

/* What the table knows and is neither a flag nor a propagation is done for containers alone. */
static bool is_for_containers(const struct mount_option *o)
{
    return o->refused || o->idmap || o->copy_up || o->recursive_set || o->recursive_clear ||
           o->optional;
}

static int split_words(const char *options, struct mount_words *ret, struct error **err)
{
    struct str rest = str_from(options ? options : ""), word;

    while (str_split_next(&rest, ',', &word)) {
        const struct mount_option *option = mount_option_find(word);

        if (word.len == 0)
            continue;
        if (option && is_for_containers(option))
            return error_set_plain(err, EOPNOTSUPP, NULL,
                    "the mount option \"%.*s\" is not supported for volumes", STR_FMT(word));
        if (!option)
            strbuf_addf(&ret->data, "%s%.*s", ret->data.len ? "," : "", STR_FMT(word));
        else if (option->propagation)
            ret->propagation = option->propagation;
        else if (option->clear)
            ret->flags &= ~option->flags;
        else
            ret->flags |= option->flags;
    }
    if (strbuf_is_truncated(&ret->data))
        return error_set_plain(err, E2BIG, NULL, "the mount options are too long");
    return 0;
}

static int attach(
        const struct mount_device *device, const struct mount_words *words, const char *path)
{
    unsigned long flags = words->flags & ~(unsigned long)(MS_BIND | MS_REC);

    /* lint: allow raw-namespace: mounts by path; threads do not matter */
    if (device->type)
        return mount(device->source, path, device->type, flags,
                       words->data.len ? words->data.data : NULL) < 0
                       ? -errno
                       : 0;
    if (mount(device->source, path, NULL, MS_BIND | (device->recursive ? MS_REC : 0), NULL) < 0)
        return -errno;
    if ((flags & FLAGS_KEPT) && mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
        return -errno;
    return 0;
}

int mount_device_attach(const struct mount_device *device, const char *path, struct error **err)
{
    auto_(mount_words_release) struct mount_words words = {
        .data = STRBUF_INIT((size_t)sysconf(_SC_PAGESIZE) - 1)
    };
    int r = split_words(device->options, &words, err);

    if (r < 0)
        return r;
    r = attach(device, &words, path);
    if (r >= 0 && words.propagation &&
            /* lint: allow raw-namespace: likewise by path */
            mount(NULL, path, NULL, words.propagation, NULL) < 0)
        r = -errno;
    if (r < 0)
        return error_set(err, -r, NULL, "cannot mount \"%s\"%s%s", device->source,
                device->type ? " of type " : "", device->type ? device->type : "");
    return 0;
}
