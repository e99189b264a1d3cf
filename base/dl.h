/* Libraries that are opened on first use, because linking them would cost every command milliseconds
 * before main. One file per library declares a table of typed pointers and fills it with dl_open:
 *
 *     static struct { typeof(nft_ctx_new) *ctx_new; } nft;
 *     static const struct dl_symbol symbols[] = { DL_SYMBOL(nft.ctx_new, "nft_ctx_new"), … };
 *     static struct dl_library library = DL_LIBRARY("libnftables.so.1", symbols);
 *     int r = dl_open(&library, err);
 *
 * Thread-safe; a library stays open until the process ends. */
#pragma once

#include <pthread.h>
#include <stddef.h>

#include "base/cleanup.h"

struct error;

struct dl_symbol {
    void *pointer; /* address of the function pointer */
    const char *name;
};

struct dl_library {
    const char *soname;
    const struct dl_symbol *symbols;
    size_t symbol_count;
    pthread_mutex_t lock;
    void *handle;
};

#define DL_SYMBOL(variable, text)   \
    {                               \
        (void *)&(variable), (text) \
    }
#define DL_LIBRARY(name, table)                                            \
    {                                                                      \
        (name), (table), ARRAY_LEN(table), PTHREAD_MUTEX_INITIALIZER, NULL \
    }

/* Opens once and resolves every symbol; 0, or -ENOENT with the library's name and the package hint. */
int dl_open(struct dl_library *library, struct error **err);
