/* What a container may do, as far as it is decided without a kernel: capabilities, seccomp
 * profiles, units of cgroups, device rules. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/cgroup-devices-internal.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/resources.h"
#include "engine/runtime/seccomp-filter.h"
#include "engine/runtime/seccomp.h"

static void capabilities_are_found_in_any_spelling(void **state)
{
    (void)state;
    assert_int_equal(capability_parse(str_from("CAP_CHOWN")), 0);
    assert_int_equal(capability_parse(str_from("net_admin")), 12);
    assert_int_equal(capability_parse(str_from("cap_Sys_Admin")), 21);
    assert_int_equal(capability_parse(str_from("CAP_")), -EINVAL);
    assert_int_equal(capability_parse(str_from("SYS_ADMINX")), -EINVAL);
    for (unsigned i = 0; capability_name(i); i++)
        assert_int_equal(capability_parse(str_from(capability_name(i))), (int)i);
}

static void shares_become_weights(void **state)
{
    static const struct {
        uint64_t shares, weight;
    } cases[] = { { 0, 1 }, { 2, 1 }, { 3, 2 }, { 512, 59 }, { 1024, 100 }, { 2048, 174 },
        { 262144, 10000 }, { 999999, 10000 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(cgroup_weight_from_shares(cases[i].shares), cases[i].weight);
    for (uint64_t shares = 2; shares < 262144; shares += 7)
        assert_true(cgroup_weight_from_shares(shares) <= cgroup_weight_from_shares(shares + 7));
    assert_int_equal(cgroup_io_weight_from_blkio(10), 1);
    assert_int_equal(cgroup_io_weight_from_blkio(1000), 10000);
}

/* Whether some rule of the resolved profile allows the call, and how many rules name it. */
static bool allows(const json_t *oci, const char *call)
{
    const json_t *rules = json_object_get(oci, "syscalls");

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i), *names = json_object_get(rule, "names");

        for (size_t n = 0; n < json_array_size(names); n++) {
            if (string_is_equal(json_string_value(json_array_get(names, n)), call) &&
                    string_is_equal(jsonx_string(rule, "action"), "SCMP_ACT_ALLOW"))
                return true;
        }
    }
    return false;
}

static void conditions_of_the_default_profile_follow_capabilities_and_kernel(void **state)
{
    struct seccomp_target target = {
        .bounding_caps = CAPABILITY_DOCKER_DEFAULT, .arch = "amd64", .kernel = { 6, 1 }
    };
    json_t *oci = NULL;

    (void)state;
    assert_int_equal(seccomp_resolve_profile(NULL, &target, &oci, NULL), 0);
    assert_true(allows(oci, "openat"));
    assert_true(allows(oci, "ptrace"));
    assert_true(allows(oci, "chroot"));
    assert_false(allows(oci, "mount"));
    assert_false(allows(oci, "clone3"));
    assert_int_equal(json_array_size(json_object_get(oci, "architectures")), 3);
    json_decref(oci);
    target.bounding_caps |= UINT64_C(1) << 21; /* SYS_ADMIN */
    target.kernel[0] = 4;
    target.kernel[1] = 7;
    assert_int_equal(seccomp_resolve_profile(NULL, &target, &oci, NULL), 0);
    assert_true(allows(oci, "mount"));
    assert_true(allows(oci, "clone3"));
    assert_false(allows(oci, "ptrace"));
    json_decref(oci);
}

/* Runs a filter as the kernel would. */
static uint32_t run_filter(const void *file, const struct seccomp_data *data)
{
    const struct seccomp_file_header *header = file;
    const struct sock_filter *f = (const struct sock_filter *)(const void *)(header + 1);
    uint32_t a = 0;

    for (uint32_t i = 0; i < header->count; i++) {
        switch (f[i].code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&a, (const char *)data + f[i].k, sizeof(a));
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= f[i].k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            i += a == f[i].k ? f[i].jt : f[i].jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            i += a > f[i].k ? f[i].jt : f[i].jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            i += a >= f[i].k ? f[i].jt : f[i].jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            i += a & f[i].k ? f[i].jt : f[i].jf;
            break;
        case BPF_JMP | BPF_JA:
            i += f[i].k;
            break;
        case BPF_RET | BPF_K:
            return f[i].k;
        default:
            fail_msg("instruction %u has the unexpected code %#x", i, f[i].code);
        }
    }
    fail_msg("the filter ran off its end");
    return 0;
}

static void compiled_default_decides_as_the_profile_says(void **state)
{
    static const struct {
        uint32_t arch, nr;
        uint64_t arg0;
        uint32_t verdict;
    } cases[] = {
        { AUDIT_ARCH_X86_64, 0 /* read */, 0, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_X86_64, 165 /* mount */, 0, SECCOMP_RET_ERRNO | EPERM },
        { AUDIT_ARCH_X86_64, 56 /* clone */, 0x11, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_X86_64, 56 /* clone */, 0x10000000,
                SECCOMP_RET_ERRNO | EPERM }, /* CLONE_NEWUSER */
        { AUDIT_ARCH_X86_64, 435 /* clone3 */, 0, SECCOMP_RET_ERRNO | ENOSYS },
        { AUDIT_ARCH_X86_64, 41 /* socket */, 2, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_X86_64, 41 /* socket */, 40 /* AF_VSOCK */, SECCOMP_RET_ERRNO | EPERM },
        { AUDIT_ARCH_X86_64, 135 /* personality */, 8, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_X86_64, 135 /* personality */, 9, SECCOMP_RET_ERRNO | EPERM },
        { AUDIT_ARCH_X86_64, 5000, 0, SECCOMP_RET_ERRNO | ENOSYS },
        { AUDIT_ARCH_X86_64, 0x40000000, 0, SECCOMP_RET_ALLOW },                 /* x32 read */
        { AUDIT_ARCH_X86_64, 0x40000000 + 5000, 0, SECCOMP_RET_ERRNO | ENOSYS }, /* x32, newer */
        { AUDIT_ARCH_I386, 3 /* read */, 0, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_I386, 21 /* mount */, 0, SECCOMP_RET_ERRNO | EPERM },
        { AUDIT_ARCH_I386, 5000, 0, SECCOMP_RET_ERRNO | ENOSYS },
    };
    struct seccomp_target target = { .bounding_caps = CAPABILITY_DOCKER_DEFAULT };
    auto_json json_t *oci = NULL;
    auto_free void *file = NULL;
    size_t len;

    (void)state;
#ifndef __x86_64__
    skip();
#endif
    assert_int_equal(seccomp_resolve_profile(NULL, &target, &oci, NULL), 0);
    assert_int_equal(seccomp_compile(oci, &file, &len, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seccomp_data data = {
            .arch = cases[i].arch, .nr = (int)cases[i].nr, .args = { cases[i].arg0 }
        };
        uint32_t verdict = run_filter(file, &data);

        if (verdict != cases[i].verdict)
            fail_msg("call %u of %#x: %#x instead of %#x", cases[i].nr, cases[i].arch, verdict,
                    cases[i].verdict);
    }
}

static void profiles_that_cannot_be_honoured_are_refused(void **state)
{
    static const char *const profiles[] = {
        "{\"syscalls\":[]}",
        "{\"defaultAction\":\"SCMP_ACT_NOTIFY\",\"syscalls\":[]}",
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"flags\":[\"SECCOMP_FILTER_FLAG_X\"],\"syscalls\":[]}",
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":9,\"op\":\"SCMP_CMP_EQ\"}]}]}",
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":{}}",
    };
    struct seccomp_target target = { .bounding_caps = 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        auto_json json_t *json = json_loads(profiles[i], 0, NULL);
        auto_json json_t *oci = NULL;
        auto_error struct error *error = NULL;
        void *file = NULL;
        size_t len;
        int r = seccomp_resolve_profile(json, &target, &oci, &error);

        if (r >= 0)
            r = seccomp_compile(oci, &file, &len, &error);
        assert_true(r < 0);
        assert_non_null(error);
    }
}

/* Every jump lands inside, every instruction is reached: the verifier's first two demands. */
static void device_program_has_no_unreachable_instruction(void **state)
{
    struct resource_device_rule rules[] = {
        { false, 'a', -1, -1, true, true, true },
        { true, 'c', 1, 3, true, true, true },
        { true, 'b', -1, -1, false, false, true },
        { false, 'c', 10, 229, true, true, false },
    };
    struct runtime_resources resources = { .devices = rules, .device_count = ARRAY_LEN(rules) };
    auto_(device_program_release) struct device_program program = { 0 };
    bool reached[256] = { true };

    (void)state;
    device_program_build(&program, &resources);
    assert_true(program.len < ARRAY_LEN(reached));
    for (size_t i = 0; i < program.len; i++) {
        const struct bpf_insn *insn = &program.items[i];
        bool is_jump = BPF_CLASS(insn->code) == BPF_JMP && BPF_OP(insn->code) != BPF_EXIT;

        assert_true(reached[i]);
        if (is_jump) {
            assert_true(i + 1 + (size_t)insn->off < program.len);
            reached[i + 1 + (size_t)insn->off] = true;
        }
        if (insn->code != (BPF_JMP | BPF_EXIT))
            reached[i + 1] = true;
    }
    assert_int_equal(program.items[program.len - 1].code, BPF_JMP | BPF_EXIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capabilities_are_found_in_any_spelling),
        cmocka_unit_test(shares_become_weights),
        cmocka_unit_test(conditions_of_the_default_profile_follow_capabilities_and_kernel),
        cmocka_unit_test(compiled_default_decides_as_the_profile_says),
        cmocka_unit_test(profiles_that_cannot_be_honoured_are_refused),
        cmocka_unit_test(device_program_has_no_unreachable_instruction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
