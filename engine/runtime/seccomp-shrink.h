/* Makes a seccomp filter shorter that does the same: the kernel translates it anew for each container, and
 * walks it for each call while it does so.
 *
 * libseccomp compares the number of a call with each number that the profile knows. What a profile allows lies
 * in few ranges. Where nothing but comparisons of one value stand between two other instructions, all that
 * counts is to which instruction each value leads; those ranges are found and a tree over their borders takes
 * the place of the comparisons. Everything else is kept as it is. */
#pragma once

#include <linux/filter.h>
#include <stddef.h>

/* *ret (given: free()) is never longer than the filter; it is a copy where there was nothing to gain. The filter must
 * be one that the kernel takes: jumps go forward and stay within. */
void seccomp_shrink(
        const struct sock_filter *filter, size_t len, struct sock_filter **ret, size_t *ret_len);
