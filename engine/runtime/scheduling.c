#include "engine/runtime/scheduling.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/parse.h"

#define WORD_BITS (8 * sizeof(unsigned long))

int scheduling_parse_mask(struct str text, struct scheduling_mask *ret)
{
    struct scheduling_mask mask = { .is_set = true };
    struct str piece;

    if (text.len == 0)
        return -EINVAL;
    while (str_split_next(&text, ',', &piece)) {
        ptrdiff_t dash = str_find(piece, '-');
        uint32_t first, last;
        int r = parse_uint32(dash < 0 ? piece : (struct str){ piece.data, (size_t)dash },
                SCHEDULING_MASK_BITS - 1, &first);

        last = first;
        if (r >= 0 && dash >= 0)
            r = parse_uint32((struct str){ piece.data + dash + 1, piece.len - (size_t)dash - 1 },
                    SCHEDULING_MASK_BITS - 1, &last);
        if (r < 0)
            return r;
        if (last < first)
            return -EINVAL;
        for (uint32_t i = first; i <= last; i++)
            mask.words[i / WORD_BITS] |= 1ul << (i % WORD_BITS);
    }
    *ret = mask;
    return 0;
}

int scheduling_apply_scheduler(const struct scheduling *scheduling)
{
    if (!scheduling->has_scheduler)
        return 0;
    return syscall(SYS_sched_setattr, 0, &scheduling->scheduler, 0) < 0 ? -errno : 0;
}

int scheduling_apply_io_priority(const struct scheduling *scheduling)
{
    if (!scheduling->has_io_priority)
        return 0;
    return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, scheduling->io_priority) < 0 ? -errno : 0;
}

int scheduling_apply_memory_policy(const struct scheduling *scheduling)
{
    if (!scheduling->has_memory_policy)
        return 0;
    /* The kernel takes one bit less than it is told. */
    return syscall(SYS_set_mempolicy, scheduling->memory_mode,
                   scheduling->memory_nodes.is_set ? scheduling->memory_nodes.words : NULL,
                   scheduling->memory_nodes.is_set ? SCHEDULING_MASK_BITS + 1 : 0) < 0
                   ? -errno
                   : 0;
}

int scheduling_apply_personality(const struct scheduling *scheduling)
{
    if (!scheduling->has_personality)
        return 0;
    return personality(scheduling->personality) < 0 ? -errno : 0;
}

int scheduling_apply_mask(const struct scheduling_mask *mask)
{
    if (!mask->is_set)
        return 0;
    return syscall(SYS_sched_setaffinity, 0, sizeof(mask->words), mask->words) < 0 ? -errno : 0;
}

void scheduling_reset_mask(void)
{
    struct scheduling_mask all = { .is_set = true };

    for (size_t i = 0; i < SCHEDULING_MASK_WORDS; i++)
        all.words[i] = ~0ul;
    (void)scheduling_apply_mask(&all);
}
