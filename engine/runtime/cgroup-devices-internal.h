/* The device rules of v2 as a BPF program, apart from loading it, for tests. */
#pragma once

#include <linux/bpf.h>
#include <stddef.h>

struct runtime_resources;

struct device_program {
    struct bpf_insn *items;
    size_t len, cap;
};

void device_program_build(
        struct device_program *program, const struct runtime_resources *resources);
void device_program_release(struct device_program *program);
