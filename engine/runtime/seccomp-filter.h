/* Compiled seccomp filters as monitors load them: the file's format, checked, and nothing of how
 * they come about (seccomp.h). */
#pragma once

#include <linux/filter.h>
#include <stdint.h>

struct error;

struct seccomp_file_header {
    char magic[8];  /* SECCOMP_FILE_MAGIC */
    uint32_t flags; /* SECCOMP_FILTER_FLAG_… */
    uint32_t count; /* instructions that follow: struct sock_filter */
};
#define SECCOMP_FILE_MAGIC "berthbpf"
_Static_assert(sizeof(SECCOMP_FILE_MAGIC) - 1 == 8, "the magic fills its member");

struct seccomp_filter {
    char *data; /* owned: the file */
    struct sock_fprog program;
    unsigned flags;
};

#define SECCOMP_FILTER_INIT \
    {                       \
        0                   \
    }

int seccomp_filter_read(struct seccomp_filter *filter, const char *path, struct error **err);
void seccomp_filter_release(struct seccomp_filter *filter);
