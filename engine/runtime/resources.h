/* Limits of a control group as the OCI configuration gives them (linux.resources), still without
 * any idea of cgroup versions. Unset values are RESOURCE_UNSET; -1 is "unlimited" where the kernel
 * knows that. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESOURCE_UNSET INT64_MIN
#define RESOURCE_UNLIMITED INT64_C(-1)

struct resource_device_rule {
    bool allow;
    char type;            /* a, b or c */
    int64_t major, minor; /* -1: any */
    bool read, write, mknod;
};

struct resource_blkio_device {
    uint32_t major, minor;
    uint64_t value; /* weight, bytes per second or operations per second */
};

enum resource_throttle {
    THROTTLE_READ_BPS,
    THROTTLE_WRITE_BPS,
    THROTTLE_READ_IOPS,
    THROTTLE_WRITE_IOPS,
    THROTTLE_MAX_,
};

struct resource_blkio_list {
    struct resource_blkio_device *items;
    size_t len, cap;
};

struct resource_hugepage {
    const char *page_size; /* "2MB" */
    uint64_t limit_bytes;
};

struct resource_rdma {
    const char *device;
    int64_t handles, objects; /* RESOURCE_UNSET; at least one is set */
};

struct resource_priority {
    const char *interface;
    uint32_t priority;
};

struct resource_unified {
    const char *file, *value; /* v2 only: file names below the cgroup, no slash */
};

struct runtime_resources {
    struct resource_device_rule *devices; /* in order, later ones win */
    size_t device_count;
    int64_t memory_limit_bytes, memory_reservation_bytes, memory_swap_bytes; /* swap: with memory */
    int64_t memory_swappiness;
    int64_t memory_kernel_bytes, memory_kernel_tcp_bytes; /* of old kernels; v1 */
    bool memory_oom_kill_disable, memory_check_before_update;
    int64_t cpu_shares, cpu_quota_usec, cpu_period_usec, cpu_rt_runtime_usec, cpu_rt_period_usec;
    int64_t cpu_burst_usec, cpu_idle;
    const char *cpuset_cpus, *cpuset_mems; /* NULL: unset */
    int64_t pids_limit;
    int64_t blkio_weight, blkio_leaf_weight; /* leaf: v1 */
    struct resource_blkio_list blkio_weight_devices, blkio_leaf_weight_devices;
    struct resource_blkio_list blkio_throttle[THROTTLE_MAX_];
    struct resource_hugepage *hugepages;
    size_t hugepage_count;
    struct resource_unified *unified;
    size_t unified_count;
    int64_t network_class_id;                     /* v1 */
    struct resource_priority *network_priorities; /* v1 */
    size_t network_priority_count;
    struct resource_rdma *rdma;
    size_t rdma_count;
};

#define RUNTIME_RESOURCES_INIT                                                            \
    {                                                                                     \
        .memory_limit_bytes = RESOURCE_UNSET, .memory_reservation_bytes = RESOURCE_UNSET, \
        .memory_swap_bytes = RESOURCE_UNSET, .memory_swappiness = RESOURCE_UNSET,         \
        .cpu_shares = RESOURCE_UNSET, .cpu_quota_usec = RESOURCE_UNSET,                   \
        .cpu_period_usec = RESOURCE_UNSET, .cpu_rt_runtime_usec = RESOURCE_UNSET,         \
        .cpu_rt_period_usec = RESOURCE_UNSET, .pids_limit = RESOURCE_UNSET,               \
        .blkio_weight = RESOURCE_UNSET, .blkio_leaf_weight = RESOURCE_UNSET,              \
        .memory_kernel_bytes = RESOURCE_UNSET, .memory_kernel_tcp_bytes = RESOURCE_UNSET, \
        .cpu_burst_usec = RESOURCE_UNSET, .cpu_idle = RESOURCE_UNSET,                     \
        .network_class_id = RESOURCE_UNSET,                                               \
    }
