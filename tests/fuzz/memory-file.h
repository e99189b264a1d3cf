/* Bytes as a descriptor, for parsers that read one. */
#pragma once

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static inline int memory_file(const void *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd >= 0 && (write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline int memory_file_rewind(int fd)
{
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}
