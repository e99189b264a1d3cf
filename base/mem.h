/* Allocation that cannot fail: when memory is not to be had, the process ends in one place with one
 * line on standard error. Hence no size that comes from outside may reach these unbounded; the
 * limits of the parsers see to that. All results are freed with free(). Thread-safe. */
#pragma once

#include <stddef.h>

void *mem_alloc(size_t size_bytes) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_zalloc(size_t size_bytes) __attribute__((malloc, alloc_size(1), returns_nonnull));

/* Resizes p (taken, may be NULL) to count * size_bytes; an overflow of the product ends the process. */
void *mem_realloc_array(void *p, size_t count, size_t size_bytes)
        __attribute__((alloc_size(2, 3), returns_nonnull));

/* Copies; a NULL text gives NULL. */
char *mem_strdup(const char *text) __attribute__((malloc));
char *mem_strndup(const char *text, size_t max_len) __attribute__((malloc));

/* Formats into fresh memory. For short texts of known origin: what comes from outside goes through a
 * strbuf with its maximum. */
char *mem_printf(const char *format, ...)
        __attribute__((malloc, format(printf, 1, 2), returns_nonnull));

/* The one place where the process ends for want of memory. */
_Noreturn void mem_exhausted(void);

#define NEW(type) ((type *)mem_zalloc(sizeof(type)))
