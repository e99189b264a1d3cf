/* Scopes own what they hold: descriptors, heap memory, locks and processes are local variables with
 * a cleanup attribute, and leaving the scope is the only clean-up code. Ownership leaves with TAKE
 * or TAKE_FD:
 *
 *     auto_free char *name = NULL;
 *     auto_close int fd = -EBADF;
 *     auto_(strbuf_release) struct strbuf text = STRBUF_INIT(4096);
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>
#include <errno.h>
#include <dirent.h>

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

/* Closes *fd when it is one; keeps errno, so that it may run while an error is being returned. */
static inline void cleanup_close(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;

        close(*fd);
        errno = saved;
    }
}

static inline void cleanup_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

#define auto_free __attribute__((cleanup(cleanup_free)))
#define auto_close __attribute__((cleanup(cleanup_close)))
#define auto_closedir __attribute__((cleanup(cleanup_closedir)))

/* Calls fn(&variable) at the end of the scope. */
#define auto_(fn) __attribute__((cleanup(fn)))

/* Defines `fn_p`, the cleanup for a pointer variable whose object is freed by fn(pointer). */
#define DEFINE_CLEANUP(type, fn)       \
    static inline void fn##_p(type *p) \
    {                                  \
        fn(*p);                        \
    }                                  \
    struct cleanup_needs_semicolon

/* Gives the pointer away and leaves NULL behind. */
#define TAKE(p)                    \
    __extension__({                \
        __typeof__(p) take_ = (p); \
        (p) = NULL;                \
        take_;                     \
    })

/* Gives the descriptor away and leaves -EBADF behind. */
#define TAKE_FD(fd)       \
    __extension__({       \
        int take_ = (fd); \
        (fd) = -EBADF;    \
        take_;            \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Closes fd if it is one and returns -EBADF, for `fd = fd_close(fd)`. Keeps errno. */
static inline int fd_close(int fd)
{
    cleanup_close(&fd);
    return -EBADF;
}
