/* Containers that say by themselves when they are ready (the annotation io.containers.sdnotify): their monitors tell a socket
 * of the command that plays them, which waits for all. */
#pragma once

#include <errno.h>
#include <stddef.h>

#include "base/array.h"
#include "base/cleanup.h"

struct cli;
struct error;

struct kube_notify {
    struct cli *cli;
    int fd;
    const char *path; /* of the socket, for the monitors; NULL: there is none */
    struct {
        int *items;
        size_t len, cap;
    } ready; /* process ids of the monitors that were */
};
#define KUBE_NOTIFY_INIT \
    {                    \
        .fd = -EBADF     \
    }

/* In the arena of the command. */
int kube_notify_open(struct cli *cli, struct kube_notify *ret, struct error **err);
void kube_notify_release(struct kube_notify *notify);

/* Until so many containers are ready. -ECHILD when one has ended before, -ECANCELED when a signal comes. */
int kube_notify_wait(struct kube_notify *notify, size_t count, struct error **err);
