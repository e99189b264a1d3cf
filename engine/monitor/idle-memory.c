#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/array.h"
#include "base/loop.h"
#include "base/timefmt.h"
#include "engine/monitor/monitor-internal.h"

#define RANGES_MAX 48
#define TRIM_DELAY_USEC (300 * 1000) /* a container that ends before has not paid for it */
#define STACK_BYTES (256u << 10)     /* more than a start has ever used of it */

struct range {
    uintptr_t begin, end;
    bool is_text;
};

struct ranges {
    struct range items[RANGES_MAX];
    size_t count;
};

/* Segments that are never written: nothing in them differs from the file. What is relocated and then made read-only is
 * a writable one here. */
static int collect(struct dl_phdr_info *info, size_t size, void *userdata)
{
    struct ranges *ranges = userdata;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum && ranges->count < RANGES_MAX; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;

        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
            ranges->items[ranges->count++] = (struct range){ begin, begin + segment->p_memsz,
                (segment->p_flags & PF_X) != 0 };
    }
    return 0;
}

/* The kernel maps sixteen pages of a file around each that is touched, within one mapping. The advice changes nothing
 * but that this page is a mapping of its own. */
static void keep_apart(uintptr_t page, uintptr_t address)
{
    (void)madvise((void *)(address & ~(page - 1)), page, MADV_RANDOM);
}

/* What lies below is of calls that have returned. */
static void drop_stack(uintptr_t page)
{
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - page;

    (void)madvise((void *)(end - STACK_BYTES), STACK_BYTES, MADV_DONTNEED);
}

static void trim(void)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct ranges ranges = { .count = 0 };

    malloc_trim(0);
    /* First all, then away: the table of an object lies in what goes. */
    (void)dl_iterate_phdr(collect, &ranges);
    /* What is executed before the loop waits again: here, there, and the way into libraries, which comes first in the
     * text of the program, as this does among the objects. */
    keep_apart(page, (uintptr_t)trim);
    keep_apart(page, (uintptr_t)loop_run);
    for (size_t i = 0; i < ranges.count; i++) {
        if (ranges.items[i].is_text) {
            keep_apart(page, ranges.items[i].begin);
            break;
        }
    }
    drop_stack(page);
    for (size_t i = 0; i < ranges.count; i++) {
        uintptr_t first = ranges.items[i].begin & ~(page - 1);

        /* The vDSO is no file, and refuses. */
        (void)madvise((void *)first, ranges.items[i].end - first, MADV_DONTNEED);
    }
}

static void on_trim_due(struct loop *loop, void *userdata)
{
    struct monitor *m = userdata;

    (void)loop;
    m->trim_is_due = false;
    streams_trim();
    trim();
}

void idle_memory_expect(struct monitor *m)
{
    if (m->trim_is_due ||
            (!m->trim_timer && loop_add_timer(m->loop, on_trim_due, m, &m->trim_timer, NULL) < 0))
        return;
    m->trim_is_due = true;
    loop_set_timer(m->trim_timer, time_monotonic_usec() + TRIM_DELAY_USEC);
}
