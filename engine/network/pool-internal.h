/* Choosing subnets and addresses: pure functions over what is taken. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool_subnet {
    uint32_t address; /* host order, without the bits behind the prefix */
    unsigned prefix_len;
};

struct pool_subnets {
    struct pool_subnet *items;
    size_t len, cap;
};

/* The first of Docker's default subnets (172.17.0.0/16 … 172.31.0.0/16, then 192.168.0.0/20 …) that
 * overlaps nothing of `used`; the search begins `rotation` subnets further on. False: none is left. */
bool pool_choose_subnet(
        const struct pool_subnets *used, unsigned rotation, struct pool_subnet *ret);

bool pool_overlaps(const struct pool_subnets *used, struct pool_subnet subnet);

/* The lowest address above `last` (0: from the start) that lies in `range`, is neither the first nor the
 * last address of `subnet` nor in `used` (sorted, ascending); wraps around. False: none is free. */
bool pool_choose_address(struct pool_subnet subnet, struct pool_subnet range, uint32_t last,
        const uint32_t *used, size_t used_len, uint32_t *ret);
