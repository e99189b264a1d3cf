#include "engine/network/pool-internal.h"

#include "base/cleanup.h"
#include "engine/network/address-internal.h"

/* `count` subnets of one size, one behind the other. */
static const struct pool {
    uint32_t base;
    unsigned prefix_len, count;
} pools[] = {
    { 0xac110000, 16, 15 }, /* 172.17.0.0/16 to 172.31.0.0/16 */
    { 0xc0a80000, 20, 16 }, /* 192.168.0.0/20 to 192.168.240.0/20 */
};

bool pool_overlaps(const struct pool_subnets *used, struct pool_subnet subnet)
{
    for (size_t i = 0; i < used->len; i++)
        if (address_overlaps(subnet.address, subnet.prefix_len, used->items[i].address,
                    used->items[i].prefix_len))
            return true;
    return false;
}

static struct pool_subnet subnet_at(unsigned position)
{
    size_t i = 0;

    while (position >= pools[i].count)
        position -= pools[i++].count;
    return (struct pool_subnet){ pools[i].base + (position << (32 - pools[i].prefix_len)),
        pools[i].prefix_len };
}

bool pool_choose_subnet(const struct pool_subnets *used, unsigned rotation, struct pool_subnet *ret)
{
    unsigned total = 0;

    for (size_t i = 0; i < ARRAY_LEN(pools); i++)
        total += pools[i].count;
    for (unsigned i = 0; i < total; i++) {
        struct pool_subnet candidate = subnet_at((i + rotation) % total);

        if (!pool_overlaps(used, candidate)) {
            *ret = candidate;
            return true;
        }
    }
    return false;
}

static bool contains(const uint32_t *sorted, size_t len, uint32_t address)
{
    size_t low = 0, high = len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] == address)
            return true;
        if (sorted[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool pool_choose_address(struct pool_subnet subnet, struct pool_subnet range, uint32_t last,
        const uint32_t *used, size_t used_len, uint32_t *ret)
{
    uint32_t first = range.address & address_mask(range.prefix_len);
    uint64_t count = UINT64_C(1) << (32 - range.prefix_len);
    uint32_t network = subnet.address & address_mask(subnet.prefix_len);
    uint32_t broadcast = network | ~address_mask(subnet.prefix_len);
    bool has_reserved = subnet.prefix_len < 31; /* /31 has two usable addresses (RFC 3021) */
    uint64_t start = address_is_in(last, range.address, range.prefix_len)
                             ? (uint64_t)(last - first) + 1
                             : 0;

    /* At most used_len + 2 candidates are taken, so the loop is short even for a /8. */
    for (uint64_t i = 0; i < count && i < used_len + 3; i++) {
        uint32_t candidate = first + (uint32_t)((start + i) % count);

        if (has_reserved && (candidate == network || candidate == broadcast))
            continue;
        if (!contains(used, used_len, candidate)) {
            *ret = candidate;
            return true;
        }
    }
    return false;
}
