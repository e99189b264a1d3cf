/* From OCI's linux.seccomp to BPF, by libseccomp, which is opened on first use: a filter is
 * compiled once per boot. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/dl.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/runtime/seccomp-filter.h"
#include "engine/runtime/seccomp-shrink.h"
#include "engine/runtime/seccomp.h"

#define ARCHES_MAX 16
#define ARGS_MAX 6
#define X32_BIT 0x40000000u
#define ERRNO_DEFAULT EPERM
#define WAIT_KILLABLE_RECV (1u << 5) /* since Linux 5.19 */

static struct {
    __typeof__(seccomp_init) *init;
    __typeof__(seccomp_release) *release;
    __typeof__(seccomp_arch_resolve_name) *arch_resolve_name;
    __typeof__(seccomp_arch_native) *arch_native;
    __typeof__(seccomp_arch_add) *arch_add;
    __typeof__(seccomp_attr_set) *attr_set;
    __typeof__(seccomp_syscall_resolve_name) *resolve_name;
    __typeof__(seccomp_syscall_resolve_name_arch) *resolve_name_arch;
    __typeof__(seccomp_rule_add_array) *rule_add_array;
    __typeof__(seccomp_export_bpf) *export_bpf;
} lib;

static const struct dl_symbol symbols[] = {
    DL_SYMBOL(lib.init, "seccomp_init"),
    DL_SYMBOL(lib.release, "seccomp_release"),
    DL_SYMBOL(lib.arch_resolve_name, "seccomp_arch_resolve_name"),
    DL_SYMBOL(lib.arch_native, "seccomp_arch_native"),
    DL_SYMBOL(lib.arch_add, "seccomp_arch_add"),
    DL_SYMBOL(lib.attr_set, "seccomp_attr_set"),
    DL_SYMBOL(lib.resolve_name, "seccomp_syscall_resolve_name"),
    DL_SYMBOL(lib.resolve_name_arch, "seccomp_syscall_resolve_name_arch"),
    DL_SYMBOL(lib.rule_add_array, "seccomp_rule_add_array"),
    DL_SYMBOL(lib.export_bpf, "seccomp_export_bpf"),
};
static struct dl_library library = DL_LIBRARY("libseccomp.so.2", symbols);

static void release_context(scmp_filter_ctx *ctx)
{
    if (*ctx)
        lib.release(*ctx);
}

/* An architecture of the filter, as audit calls it, and the newest call that the profile knows
 * there. */
struct arch_limit {
    uint32_t token;
    int max_nr; /* -1: none */
};

struct compilation {
    scmp_filter_ctx ctx;
    uint32_t default_action;
    bool has_listener;
    struct arch_limit arches[ARCHES_MAX];
    size_t arch_count;
};

static int parse_action(const json_t *object, const char *key, const char *errno_key, uint32_t *ret,
        struct error **err)
{
    static const struct {
        const char *name;
        uint32_t action;
        bool takes_number;
    } actions[] = {
        { "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false },
        { "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true },
        { "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false },
        { "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false },
        { "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false },
        { "SCMP_ACT_LOG", SCMP_ACT_LOG, false },
        { "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false },
        { "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true },
        { "SCMP_ACT_TRAP", SCMP_ACT_TRAP, false },
    };
    const char *name = jsonx_string(object, key);
    int64_t number = ERRNO_DEFAULT;
    int r = jsonx_get_int(object, errno_key, &number, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!string_is_equal(name, actions[i].name))
            continue;
        if (!actions[i].takes_number && number != ERRNO_DEFAULT)
            return error_set_plain(err, EINVAL, NULL, "seccomp: %s takes no %s", name, errno_key);
        if (number < 0 || number > UINT16_MAX)
            return error_set_plain(
                    err, ERANGE, NULL, "seccomp: %s is not an error number", errno_key);
        *ret = actions[i].action | (actions[i].takes_number ? (uint32_t)number : 0);
        return 0;
    }
    return error_set_plain(
            err, EOPNOTSUPP, NULL, "seccomp: the action \"%s\" is not supported", name ? name : "");
}

/* "SCMP_ARCH_X86_64": libseccomp says "x86_64". 0 for one that it does not know. */
static uint32_t parse_arch(const char *name)
{
    char lower[32];
    size_t len = 0;

    if (!name || !string_has_prefix(name, "SCMP_ARCH_"))
        return 0;
    for (name += strlen("SCMP_ARCH_"); *name && len + 1 < sizeof(lower); name++)
        lower[len++] = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
    lower[len] = 0;
    return lib.arch_resolve_name(lower);
}

static int add_arches(struct compilation *c, const json_t *oci, struct error **err)
{
    const json_t *list = json_object_get(oci, "architectures");

    c->arches[c->arch_count++] = (struct arch_limit){ lib.arch_native(), -1 };
    for (size_t i = 0; i < json_array_size(list) && c->arch_count < ARCHES_MAX; i++) {
        uint32_t token = parse_arch(json_string_value(json_array_get(list, i)));
        int r;

        if (token == 0)
            return error_set_plain(err, EINVAL, NULL, "seccomp: unknown architecture \"%s\"",
                    json_string_value(json_array_get(list, i))
                            ? json_string_value(json_array_get(list, i))
                            : "");
        if (token == c->arches[0].token)
            continue;
        r = lib.arch_add(c->ctx, token);
        if (r == -EEXIST)
            continue;
        if (r < 0)
            return error_set(err, -r, NULL, "seccomp: cannot add an architecture");
        c->arches[c->arch_count++] = (struct arch_limit){ token, -1 };
    }
    return 0;
}

static int parse_args(
        const json_t *rule, struct scmp_arg_cmp *ret, size_t *ret_count, struct error **err)
{
    static const struct {
        const char *name;
        enum scmp_compare op;
    } ops[] = {
        { "SCMP_CMP_NE", SCMP_CMP_NE },
        { "SCMP_CMP_LT", SCMP_CMP_LT },
        { "SCMP_CMP_LE", SCMP_CMP_LE },
        { "SCMP_CMP_EQ", SCMP_CMP_EQ },
        { "SCMP_CMP_GE", SCMP_CMP_GE },
        { "SCMP_CMP_GT", SCMP_CMP_GT },
        { "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
    };
    json_t *list = NULL;
    int r = jsonx_get_array(rule, "args", &list, err);

    *ret_count = 0;
    if (r < 0)
        return r;
    if (json_array_size(list) > ARGS_MAX)
        return error_set_plain(
                err, E2BIG, NULL, "seccomp: a rule has more than %d conditions", ARGS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *arg = json_array_get(list, i);
        const char *name = jsonx_string(arg, "op");
        int64_t index = jsonx_int(arg, "index", -1);
        size_t op = 0;

        while (op < ARRAY_LEN(ops) && !string_is_equal(name, ops[op].name))
            op++;
        if (op == ARRAY_LEN(ops) || index < 0 || index >= ARGS_MAX)
            return error_set_plain(
                    err, EINVAL, NULL, "seccomp: a condition has no valid op and index");
        ret[(*ret_count)++] = (struct scmp_arg_cmp){
            .arg = (unsigned)index,
            .op = ops[op].op,
            .datum_a = (scmp_datum_t)jsonx_int(arg, "value", 0),
            .datum_b = (scmp_datum_t)jsonx_int(arg, "valueTwo", 0),
        };
    }
    return 0;
}

/* Several conditions on one argument are alternatives, since libseccomp takes one per argument (as
 * runc does). */
static bool has_repeated_arg(const struct scmp_arg_cmp *args, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t n = i + 1; n < count; n++) {
            if (args[i].arg == args[n].arg)
                return true;
        }
    }
    return false;
}

/* After the filter was loaded the listener is sent away: who would answer for that? All calls from
 * then on are answered by whoever has got it. */
static int check_notify(const struct compilation *c, const char *name, struct error **err)
{
    if (!c->has_listener)
        return error_set_plain(err, EINVAL, NULL, "seccomp: SCMP_ACT_NOTIFY needs a listenerPath");
    if (strcmp(name, "sendmsg") == 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "seccomp: SCMP_ACT_NOTIFY cannot be used for %s, by which the listener is handed over",
                name);
    return 0;
}

static int add_call(struct compilation *c, const char *name, uint32_t action,
        const struct scmp_arg_cmp *args, size_t count, struct error **err)
{
    int nr = lib.resolve_name(name);
    int r = 0;

    if (action == SCMP_ACT_NOTIFY) {
        r = check_notify(c, name, err);
        if (r < 0)
            return r;
    }

    if (nr == __NR_SCMP_ERROR)
        return 0; /* newer than this libseccomp */
    for (size_t i = 0; i < c->arch_count; i++) {
        int there = lib.resolve_name_arch(c->arches[i].token, name);

        if (there > c->arches[i].max_nr)
            c->arches[i].max_nr = there;
    }
    if (action == c->default_action)
        return 0;
    if (has_repeated_arg(args, count)) {
        for (size_t i = 0; r >= 0 && i < count; i++)
            r = lib.rule_add_array(c->ctx, action, nr, 1, &args[i]);
    } else {
        r = lib.rule_add_array(c->ctx, action, nr, (unsigned)count, args);
    }
    /* EEXIST: the same rule again. EDOM: no such call on any of the architectures. */
    if (r < 0 && r != -EEXIST && r != -EDOM)
        return error_set(err, -r, NULL, "seccomp: cannot add the rule for %s", name);
    return 0;
}

static int add_rules(struct compilation *c, const json_t *oci, struct error **err)
{
    const json_t *rules = json_object_get(oci, "syscalls");
    struct scmp_arg_cmp args[ARGS_MAX];
    int r = 0;

    for (size_t i = 0; r >= 0 && i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i), *names = json_object_get(rule, "names");
        uint32_t action = 0;
        size_t count = 0;

        r = parse_action(rule, "action", "errnoRet", &action, err);
        if (r >= 0)
            r = parse_args(rule, args, &count, err);
        if (r >= 0 && json_array_size(names) == 0)
            r = error_set_plain(err, EINVAL, NULL, "seccomp: rule %zu names no syscall", i + 1);
        for (size_t n = 0; r >= 0 && n < json_array_size(names); n++) {
            const char *name = json_string_value(json_array_get(names, n));

            r = name ? add_call(c, name, action, args, count, err)
                     : error_set_plain(
                               err, EINVAL, NULL, "seccomp: the name of a syscall is not a text");
        }
    }
    return r;
}

/* ---- ENOSYS for what is newer than the profile ---- */

struct program {
    struct sock_filter *items;
    size_t len, cap;
};

static void add(struct program *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    *ARRAY_APPEND(p) = (struct sock_filter){ code, jt, jf, k };
}

/* "nr > max: ENOSYS", with nr loaded. */
static void add_limit(struct program *p, int max_nr)
{
    add(p, BPF_JMP | BPF_JGT | BPF_K, 0, 1, (uint32_t)max_nr);
    add(p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
}

/* C libraries try new calls and fall back at ENOSYS; EPERM breaks them. The profile cannot speak
 * of calls that did not exist when it was written, so everything above its newest answers ENOSYS
 * before the filter proper. Each block falls through to the next, and at last into the filter,
 * which loads what it needs anew. */
static void add_prologue(struct program *p, const struct compilation *c)
{
    for (size_t i = 0; i < c->arch_count; i++) {
        const struct arch_limit *arch = &c->arches[i], *x32 = NULL;

        if (arch->max_nr < 0 || arch->token == SCMP_ARCH_X32)
            continue;
        for (size_t n = 0; arch->token == SCMP_ARCH_X86_64 && n < c->arch_count; n++) {
            if (c->arches[n].token == SCMP_ARCH_X32 && c->arches[n].max_nr >= 0)
                x32 = &c->arches[n];
        }
        add(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
        add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, x32 ? 6 : 3, arch->token);
        add(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
        /* x32 shares x86_64's architecture and has a bit of its own in the number. */
        if (x32) {
            add(p, BPF_JMP | BPF_JGE | BPF_K, 2, 0, X32_BIT);
            add_limit(p, arch->max_nr);
            add(p, BPF_JMP | BPF_JGT | BPF_K, 0, 1, (uint32_t)x32->max_nr | X32_BIT);
            add(p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
        } else {
            add_limit(p, arch->max_nr);
        }
    }
}

static bool needs_prologue(uint32_t action)
{
    switch (action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ERRNO:
        return (action & SECCOMP_RET_DATA) != ENOSYS;
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_TRACE:
        return false;
    default:
        return true;
    }
}

static int parse_flags(const json_t *oci, uint32_t *ret, struct error **err)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } known[] = {
        { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
        { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
        { "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* the process has one thread */
        { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", WAIT_KILLABLE_RECV },
    };
    const json_t *flags = json_object_get(oci, "flags");

    if (!flags || json_is_null(flags)) {
        /* As runc: without it every container pays for SSBD. */
        *ret = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        return 0;
    }
    *ret = 0;
    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *name = json_string_value(json_array_get(flags, i));
        size_t n = 0;

        while (n < ARRAY_LEN(known) && !string_is_equal(name, known[n].name))
            n++;
        if (n == ARRAY_LEN(known))
            return error_set_plain(err, EOPNOTSUPP, NULL,
                    "seccomp: the flag \"%s\" is not supported", name ? name : "");
        *ret |= known[n].flag;
    }
    return 0;
}

static int export(const struct compilation *c, struct program *p, struct error **err)
{
    auto_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
    auto_free char *data = NULL;
    size_t len = 0;
    int r = fd < 0 ? -errno : lib.export_bpf(c->ctx, fd);

    if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return error_set(err, r < 0 ? -r : errno, NULL, "seccomp: the filter cannot be generated");
    r = fs_read_fd(fd, BPF_MAXINSNS * sizeof(struct sock_filter), &data, &len, err);
    if (r < 0)
        return r;
    if (needs_prologue(c->default_action))
        add_prologue(p, c);
    for (size_t i = 0; i < len / sizeof(struct sock_filter); i++)
        memcpy(ARRAY_APPEND(p), data + i * sizeof(struct sock_filter), sizeof(struct sock_filter));
    if (p->len > BPF_MAXINSNS)
        return error_set_plain(err, E2BIG, NULL,
                "seccomp: the filter has more than %d instructions", BPF_MAXINSNS);
    return 0;
}

static void program_release(struct program *p)
{
    ARRAY_RELEASE(p);
}

int seccomp_compile(const json_t *oci, void **ret_data, size_t *ret_len, struct error **err)
{
    auto_(program_release) struct program program = { 0 };
    auto_(release_context) scmp_filter_ctx ctx = NULL;
    auto_free struct sock_filter *filter = NULL;
    size_t filter_len;
    struct compilation c = { 0 };
    struct seccomp_file_header header = { 0 };
    int r = dl_open(&library, err);

    if (r >= 0)
        r = parse_flags(oci, &header.flags, err);
    if (r >= 0)
        r = parse_action(oci, "defaultAction", "defaultErrnoRet", &c.default_action, err);
    if (r < 0)
        return r;
    bool has_listener = !string_is_empty(jsonx_string(oci, "listenerPath"));
    if ((header.flags & WAIT_KILLABLE_RECV) && !has_listener)
        return error_set_plain(err, EINVAL, NULL,
                "seccomp: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a listenerPath");
    if (c.default_action == SCMP_ACT_NOTIFY)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "seccomp: SCMP_ACT_NOTIFY cannot be the default: the listener is handed over by calls of its own");
    c.has_listener = has_listener;
    ctx = c.ctx = lib.init(c.default_action);
    if (!ctx)
        return error_set_plain(err, EINVAL, NULL, "seccomp: the default action is refused");
    /* A binary tree over the numbers, where libseccomp can (2.5). */
    (void)lib.attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    r = add_arches(&c, oci, err);
    if (r >= 0)
        r = add_rules(&c, oci, err);
    if (r >= 0)
        r = export(&c, &program, err);
    if (r < 0)
        return r;
    seccomp_shrink(program.items, program.len, &filter, &filter_len);
    memcpy(header.magic, SECCOMP_FILE_MAGIC, sizeof(header.magic));
    header.count = (uint32_t)filter_len;
    *ret_len = sizeof(header) + filter_len * sizeof(*filter);
    char *data = mem_alloc(*ret_len);
    memcpy(data, &header, sizeof(header));
    memcpy(data + sizeof(header), filter, filter_len * sizeof(*filter));
    *ret_data = data;
    return 0;
}
