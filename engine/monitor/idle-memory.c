#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/monitor/monitor-internal.h"

/* Only segments that are executed and never written: nothing in them differs from the file. */
static int drop_text(struct dl_phdr_info *info, size_t size, void *userdata)
{
    const uintptr_t page = *(const uintptr_t *)userdata;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;

        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) || (segment->p_flags & PF_W))
            continue;
        uintptr_t first = begin & ~(page - 1);
        /* The vDSO is no file, and refuses. */
        (void)madvise((void *)first, begin + segment->p_memsz - first, MADV_DONTNEED);
    }
    return 0;
}

void idle_memory_trim(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    malloc_trim(0);
    (void)dl_iterate_phdr(drop_text, &page);
}
