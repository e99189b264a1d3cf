#include "engine/runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/runtime/capability.h"

/* moby's default profile as it is published; see seccomp-default.NOTICE. Built into the program by
 * the assembler: the only way in C17 that does not turn a data file into source. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        "seccomp_default_data:\n"
        ".incbin \"" SECCOMP_DEFAULT_FILE "\"\n"
        "seccomp_default_end:\n"
        ".previous\n");
extern const char seccomp_default_data[] __attribute__((visibility("hidden")));
extern const char seccomp_default_end[] __attribute__((visibility("hidden")));

#define CACHE_NAME_MAX 160

/* ---- Conditions ---- */

/* By the names that profiles use, which are Go's. */
static const struct {
    const char *machine; /* uname */
    const char *arch;    /* in conditions */
    const char *seccomp; /* in archMap */
} machines[] = {
    { "x86_64", "amd64", "SCMP_ARCH_X86_64" },
    { "aarch64", "arm64", "SCMP_ARCH_AARCH64" },
    { "armv7l", "arm", "SCMP_ARCH_ARM" },
    { "armv6l", "arm", "SCMP_ARCH_ARM" },
    { "i686", "x86", "SCMP_ARCH_X86" },
    { "ppc64le", "ppc64le", "SCMP_ARCH_PPC64LE" },
    { "s390x", "s390x", "SCMP_ARCH_S390X" },
    { "riscv64", "riscv64", "SCMP_ARCH_RISCV64" },
    { "loongarch64", "loong64", "SCMP_ARCH_LOONGARCH64" },
    { "mips64", "mips64", "SCMP_ARCH_MIPS64" },
};

struct resolved_target {
    uint64_t caps;
    const char *arch, *seccomp_arch;
    unsigned major, minor;
};

static int parse_kernel(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
    struct str rest = str_from(text), major;
    uint32_t numbers[2];
    size_t minor_len = 0;

    if (!str_split_next(&rest, '.', &major))
        return -EINVAL;
    while (minor_len < rest.len && rest.data[minor_len] >= '0' && rest.data[minor_len] <= '9')
        minor_len++;
    if (parse_uint32(major, 1000, &numbers[0]) < 0 ||
            parse_uint32((struct str){ rest.data, minor_len }, 100000, &numbers[1]) < 0)
        return -EINVAL;
    *ret_major = numbers[0];
    *ret_minor = numbers[1];
    return 0;
}

static int resolve_target(
        const struct seccomp_target *target, struct resolved_target *ret, struct error **err)
{
    struct utsname name;

    uname(&name);
    *ret = (struct resolved_target){
        .caps = target->bounding_caps, .major = target->kernel[0], .minor = target->kernel[1]
    };
    if (ret->major == 0 && parse_kernel(name.release, &ret->major, &ret->minor) < 0)
        return error_set_plain(
                err, EINVAL, NULL, "cannot read the kernel's version \"%s\"", name.release);
    for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
        if (target->arch ? strcmp(target->arch, machines[i].arch) == 0
                         : strcmp(name.machine, machines[i].machine) == 0) {
            ret->arch = machines[i].arch;
            ret->seccomp_arch = machines[i].seccomp;
            return 0;
        }
    }
    return error_set_plain(err, EOPNOTSUPP, NULL,
            "no seccomp filter can be made for the architecture \"%s\"",
            target->arch ? target->arch : name.machine);
}

static bool has_cap(const struct resolved_target *target, const json_t *name)
{
    int cap = json_is_string(name) ? capability_parse(str_from(json_string_value(name))) : -EINVAL;

    return cap >= 0 && (target->caps & (UINT64_C(1) << cap));
}

static bool has_arch(const json_t *arches, const char *arch)
{
    for (size_t i = 0; i < json_array_size(arches); i++) {
        if (string_is_equal(json_string_value(json_array_get(arches, i)), arch))
            return true;
    }
    return false;
}

static bool has_kernel(const struct resolved_target *target, const char *min)
{
    unsigned major, minor;

    if (parse_kernel(min, &major, &minor) < 0)
        return false;
    return target->major > major || (target->major == major && target->minor >= minor);
}

/* All conditions of `includes` must hold, and none of `excludes`. */
static bool rule_applies(const json_t *rule, const struct resolved_target *target)
{
    const json_t *includes = json_object_get(rule, "includes"),
                 *excludes = json_object_get(rule, "excludes");
    const json_t *caps = json_object_get(excludes, "caps");
    const char *min = jsonx_string(excludes, "minKernel");

    for (size_t i = 0; i < json_array_size(caps); i++) {
        if (has_cap(target, json_array_get(caps, i)))
            return false;
    }
    if (has_arch(json_object_get(excludes, "arches"), target->arch) ||
            (min && has_kernel(target, min)))
        return false;
    caps = json_object_get(includes, "caps");
    for (size_t i = 0; i < json_array_size(caps); i++) {
        if (!has_cap(target, json_array_get(caps, i)))
            return false;
    }
    const json_t *arches = json_object_get(includes, "arches");
    if (json_array_size(arches) > 0 && !has_arch(arches, target->arch))
        return false;
    min = jsonx_string(includes, "minKernel");
    return !min || has_kernel(target, min);
}

static json_t *resolve_architectures(const json_t *profile, const char *seccomp_arch)
{
    const json_t *map = json_object_get(profile, "archMap");
    json_t *given = json_object_get(profile, "architectures");
    json_t *result;

    if (json_array_size(given) > 0)
        return json_incref(given);
    result = json_array();
    for (size_t i = 0; i < json_array_size(map); i++) {
        const json_t *entry = json_array_get(map, i),
                     *subs = json_object_get(entry, "subArchitectures");

        if (!string_is_equal(jsonx_string(entry, "architecture"), seccomp_arch))
            continue;
        json_array_append(result, json_object_get(entry, "architecture"));
        for (size_t n = 0; n < json_array_size(subs); n++)
            json_array_append(result, json_array_get(subs, n));
    }
    return result;
}

/* Older profiles have one `name` per rule. */
static json_t *resolve_rule(const json_t *rule)
{
    static const char *const kept[] = { "names", "action", "errnoRet", "args" };
    json_t *result = json_object();
    json_t *name = json_object_get(rule, "name");

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        json_t *value = json_object_get(rule, kept[i]);

        if (value && !json_is_null(value))
            json_object_set(result, kept[i], value);
    }
    if (json_is_string(name) && json_string_length(name) > 0)
        json_object_set_new(result, "names", json_pack("[O]", name));
    return result;
}

static int load_default(json_t **ret, struct error **err)
{
    return jsonx_parse(seccomp_default_data, (size_t)(seccomp_default_end - seccomp_default_data),
            "the built-in seccomp profile", ret, err);
}

int seccomp_resolve_profile(const json_t *profile, const struct seccomp_target *target,
        json_t **ret, struct error **err)
{
    static const char *const kept[] = { "defaultAction", "defaultErrnoRet", "flags", "listenerPath",
        "listenerMetadata" };
    auto_json json_t *builtin = NULL;
    struct resolved_target resolved;
    json_t *rules = NULL;
    int r = resolve_target(target, &resolved, err);

    if (r >= 0 && !profile)
        r = load_default(&builtin, err);
    if (r < 0)
        return r;
    if (!profile)
        profile = builtin;
    r = jsonx_get_array(profile, "syscalls", &rules, err);
    if (r < 0)
        return error_wrap(err, r, "the seccomp profile cannot be used");
    if (!jsonx_string(profile, "defaultAction"))
        return error_set_plain(err, EINVAL, NULL, "the seccomp profile has no defaultAction");
    json_t *result = json_object(), *flat = json_array();
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        json_t *value = json_object_get(profile, kept[i]);

        if (value && !json_is_null(value))
            json_object_set(result, kept[i], value);
    }
    json_object_set_new(
            result, "architectures", resolve_architectures(profile, resolved.seccomp_arch));
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);

        if (rule_applies(rule, &resolved))
            json_array_append_new(flat, resolve_rule(rule));
    }
    json_object_set_new(result, "syscalls", flat);
    *ret = result;
    return 0;
}

/* ---- Cache ---- */

/* Tells one version of berth's profile from the next; nothing depends on its strength. */
static uint64_t profile_hash(void)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (const char *c = seccomp_default_data; c < seccomp_default_end; c++)
        hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
    return hash;
}

static int compile_into(int dir_fd, const char *name, const json_t *oci, struct error **err)
{
    auto_free void *data = NULL;
    size_t len = 0;
    int r = seccomp_compile(oci, &data, &len, err);

    if (r >= 0)
        r = fs_replace_file(dir_fd, name, data, len, 0600, FS_NO_SYNC, err);
    return r < 0 ? error_wrap(err, r, "cannot make the seccomp filter") : 0;
}

int seccomp_cache_default(int seccomp_dir_fd, const struct seccomp_target *target, char **ret_name,
        struct error **err)
{
    auto_json json_t *oci = NULL;
    struct resolved_target resolved;
    char name[CACHE_NAME_MAX];
    int r = resolve_target(target, &resolved, err);

    if (r < 0)
        return r;
    snprintf(name, sizeof(name), "default-%016llx-%s-%u.%u-%016llx.bpf",
            (unsigned long long)profile_hash(), resolved.arch, resolved.major, resolved.minor,
            (unsigned long long)resolved.caps);
    if (faccessat(seccomp_dir_fd, name, F_OK, 0) < 0) {
        r = seccomp_resolve_profile(NULL, target, &oci, err);
        if (r >= 0)
            r = compile_into(seccomp_dir_fd, name, oci, err);
    }
    if (r >= 0)
        *ret_name = mem_strdup(name);
    return r;
}

int seccomp_cache_profile(int seccomp_dir_fd, const json_t *profile,
        const struct seccomp_target *target, char **ret_name, struct error **err)
{
    auto_json json_t *oci = NULL;
    auto_free char *text = NULL;
    char digest[DIGEST_TEXT_MAX], name[CACHE_NAME_MAX];
    int r = seccomp_resolve_profile(profile, target, &oci, err);

    if (r < 0)
        return r;
    text = jsonx_dump(oci);
    digest_sha256(text, strlen(text), digest);
    snprintf(name, sizeof(name), "%s.bpf", digest_hex(digest));
    if (faccessat(seccomp_dir_fd, name, F_OK, 0) < 0)
        r = compile_into(seccomp_dir_fd, name, oci, err);
    if (r >= 0)
        *ret_name = mem_strdup(name);
    return r;
}
