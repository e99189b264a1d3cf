/* Mounts what a driver's options or a volume's row name, as mount(8) would: the words that are flags become flags, the
 * rest goes to the file system. */
#pragma once

#include <stdbool.h>

struct error;

struct mount_device {
    const char *source;  /* the device; a bind's directory or file */
    const char *type;    /* of file system; NULL: a bind */
    const char *options; /* comma-separated, flags of the mount among them; NULL: none */
    bool recursive;      /* a bind with what is mounted below */
};

/* At `path`, in the caller's mount namespace: a descriptor's path, or one whose directories nobody else can change. The
 * kernel's code when it refuses, without the options in the text: there may be passwords among them. */
int mount_device_attach(const struct mount_device *device, const char *path, struct error **err);
