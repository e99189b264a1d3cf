/* Which devices the processes of a group may open or make: a file per rule in v1, a program in
 * v2. */
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "engine/runtime/cgroup-devices-internal.h"
#include "engine/runtime/cgroup-internal.h"

#define RULE_TEXT_MAX 64
#define PROGRAMS_MAX 64

/* ---- v1 ---- */

static void rule_text(const struct resource_device_rule *rule, char *text, size_t size)
{
    char major[24] = "*", minor[24] = "*";

    if (rule->major >= 0)
        snprintf(major, sizeof(major), "%" PRId64, rule->major);
    if (rule->minor >= 0)
        snprintf(minor, sizeof(minor), "%" PRId64, rule->minor);
    snprintf(text, size, "%c %s:%s %s%s%s", rule->type, major, minor, rule->read ? "r" : "",
            rule->write ? "w" : "", rule->mknod ? "m" : "");
}

static int apply_v1(int fd, const struct runtime_resources *res, struct error **err)
{
    for (size_t i = 0; i < res->device_count; i++) {
        const struct resource_device_rule *rule = &res->devices[i];
        const char *file = rule->allow ? "devices.allow" : "devices.deny";
        char text[RULE_TEXT_MAX];

        rule_text(rule, text, sizeof(text));
        int r = cgroup_write(fd, file, text, err);
        if (r < 0)
            return error_wrap(err, r, "cannot set the rules for devices");
    }
    return 0;
}

/* ---- v2: the last rule that matches decides, so the program asks them from the last to the first
 * ---- */

static void emit(
        struct device_program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
    *ARRAY_APPEND(p) = (struct bpf_insn){
        .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
    };
}

/* r2 type, r3 access, r4 major, r5 minor. Jumps to the next rule are filled in when its start is
 * known. False: the rule has no condition, so nothing behind it would ever run. */
static bool emit_rule(struct device_program *p, const struct resource_device_rule *rule)
{
    int32_t access = (rule->read ? BPF_DEVCG_ACC_READ : 0) |
                     (rule->write ? BPF_DEVCG_ACC_WRITE : 0) |
                     (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0);
    int32_t all = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
    size_t jumps[4], jump_count = 0;

    if (rule->type != 'a') {
        jumps[jump_count++] = p->len;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0,
                rule->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
    }
    if (access != all) {
        emit(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
        emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0, access);
        jumps[jump_count++] = p->len;
        /* An allowing rule must cover all that is asked for; a denying one need only touch it. */
        if (rule->allow)
            emit(p, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
        else
            emit(p, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 0, 0);
    }
    if (rule->type != 'a' && rule->major >= 0) {
        jumps[jump_count++] = p->len;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int32_t)rule->major);
    }
    if (rule->type != 'a' && rule->minor >= 0) {
        jumps[jump_count++] = p->len;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int32_t)rule->minor);
    }
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, rule->allow);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (size_t i = 0; i < jump_count; i++)
        p->items[jumps[i]].off = (int16_t)(p->len - jumps[i] - 1);
    return jump_count > 0;
}

void device_program_build(struct device_program *p, const struct runtime_resources *res)
{
    emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1,
            offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_1,
            offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1,
            offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1,
            offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
    /* The verifier refuses programs with instructions that nothing leads to. */
    for (size_t i = res->device_count; i > 0; i--) {
        if (!emit_rule(p, &res->devices[i - 1]))
            return;
    }
    /* Without a rule that says otherwise everything is open, as in a new v1 group. */
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void device_program_release(struct device_program *p)
{
    ARRAY_RELEASE(p);
}

static int bpf_call(enum bpf_cmd cmd, union bpf_attr *attr)
{
    int r = (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));

    return r < 0 ? -errno : r;
}

/* Programs of before: all that are attached must allow, so an old one would keep new rules from
 * allowing more. */
static size_t query_programs(int fd, uint32_t *ids, size_t max)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.query.target_fd = (uint32_t)fd;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
    attr.query.prog_cnt = (uint32_t)max;
    return bpf_call(BPF_PROG_QUERY, &attr) < 0 ? 0 : attr.query.prog_cnt;
}

static int detach_program(int fd, uint32_t id)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.prog_id = id;
    auto_close int prog_fd = bpf_call(BPF_PROG_GET_FD_BY_ID, &attr);
    if (prog_fd < 0)
        return prog_fd == -ENOENT ? 0 : prog_fd;
    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)fd;
    attr.attach_bpf_fd = (uint32_t)prog_fd;
    attr.attach_type = BPF_CGROUP_DEVICE;
    return bpf_call(BPF_PROG_DETACH, &attr);
}

static int apply_v2(int fd, const struct runtime_resources *res, struct error **err)
{
    auto_(device_program_release) struct device_program program = { 0 };
    uint32_t old[PROGRAMS_MAX];

    device_program_build(&program, res);
    /* Not by initialisers: they leave the rest of a union as it is, and the kernel refuses what is
     * not zero there. */
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uint64_t)(uintptr_t)program.items;
    attr.insn_cnt = (uint32_t)program.len;
    attr.license = (uint64_t)(uintptr_t) "GPL";
    auto_close int prog_fd = bpf_call(BPF_PROG_LOAD, &attr);
    if (prog_fd < 0)
        return error_set(err, -prog_fd, NULL, "cannot load the program with the rules for devices");
    size_t old_count = query_programs(fd, old, ARRAY_LEN(old));
    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)fd;
    attr.attach_bpf_fd = (uint32_t)prog_fd;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    int r = bpf_call(BPF_PROG_ATTACH, &attr);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot attach the rules for devices to the control group");
    /* New before old: at no moment is everything open. */
    for (size_t i = 0; r >= 0 && i < old_count; i++)
        r = detach_program(fd, old[i]);
    return r < 0 ? error_set(err, -r, NULL, "cannot replace the rules for devices") : 0;
}

int cgroup_restrict_devices(
        const struct cgroup *cgroup, const struct runtime_resources *res, struct error **err)
{
    int fd = cgroup_controller_fd(cgroup, CGROUP_DEVICES);

    if (res->device_count == 0)
        return 0;
    /* Nor can an ordinary user's container make or open a device that he cannot. */
    if (fd < 0 && geteuid() != 0)
        return 0;
    if (fd < 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cannot set the rules for devices: the kernel's devices controller is not available here");
    return cgroup->unified ? apply_v2(fd, res, err) : apply_v1(fd, res, err);
}
