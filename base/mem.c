#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *mem_alloc(size_t size_bytes)
{
    void *p = malloc(size_bytes ? size_bytes : 1);

    if (!p)
        mem_exhausted();
    return p;
}

void *mem_zalloc(size_t size_bytes)
{
    void *p = calloc(1, size_bytes ? size_bytes : 1);

    if (!p)
        mem_exhausted();
    return p;
}

void *mem_realloc_array(void *p, size_t count, size_t size_bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, size_bytes, &total))
        mem_exhausted();
    p = realloc(p, total ? total : 1);
    if (!p)
        mem_exhausted();
    return p;
}

char *mem_strdup(const char *text)
{
    return text ? mem_strndup(text, strlen(text)) : NULL;
}

char *mem_strndup(const char *text, size_t max_len)
{
    if (!text)
        return NULL;
    size_t len = strnlen(text, max_len);
    char *copy = mem_alloc(len + 1);

    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *mem_printf(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        mem_exhausted();
    return text;
}

_Noreturn void mem_exhausted(void)
{
    static const char text[] = "berth: out of memory\n";

    /* lint: allow printing: the last words before abort */
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    abort();
}
