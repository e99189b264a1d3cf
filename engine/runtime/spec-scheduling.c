/* What scheduling.h holds, from its four places in the configuration. */
#include <errno.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/personality.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "engine/runtime/spec-internal.h"
#include "engine/runtime/spec.h"

#define SCHED_PRIORITY_MAX 99
#define IO_PRIORITY_MAX 7
#define POLICY_DEADLINE 6

struct word {
    const char *name;
    uint64_t value;
};

/* sched(7); SCHED_ISO has a number and no implementation. */
static const struct word policies[] = {
    { "SCHED_OTHER", 0 },
    { "SCHED_FIFO", 1 },
    { "SCHED_RR", 2 },
    { "SCHED_BATCH", 3 },
    { "SCHED_ISO", 4 },
    { "SCHED_IDLE", 5 },
    { "SCHED_DEADLINE", POLICY_DEADLINE },
};
static const struct word scheduler_flags[] = {
    { "SCHED_FLAG_RESET_ON_FORK", 0x01 },
    { "SCHED_FLAG_RECLAIM", 0x02 },
    { "SCHED_FLAG_DL_OVERRUN", 0x04 },
    { "SCHED_FLAG_KEEP_POLICY", 0x08 },
    { "SCHED_FLAG_KEEP_PARAMS", 0x10 },
    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
    { "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};
static const struct word io_classes[] = {
    { "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
    { "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
    { "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};
static const struct word domains[] = { { "LINUX", PER_LINUX }, { "LINUX32", PER_LINUX32 } };
static const struct word memory_modes[] = {
    { "MPOL_DEFAULT", MPOL_DEFAULT },
    { "MPOL_PREFERRED", MPOL_PREFERRED },
    { "MPOL_BIND", MPOL_BIND },
    { "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
    { "MPOL_LOCAL", MPOL_LOCAL },
    { "MPOL_PREFERRED_MANY", 5 },
    { "MPOL_WEIGHTED_INTERLEAVE", 6 },
};
static const struct word memory_flags[] = {
    { "MPOL_F_NUMA_BALANCING", 1 << 13 },
    { "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
    { "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
};

static int find_word(struct spec_parse *p, const struct word *words, size_t count, const char *name,
        const char *what, uint64_t *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (string_is_equal(name, words[i].name)) {
            *ret = words[i].value;
            return 0;
        }
    }
    return error_set_plain(
            p->err, EINVAL, NULL, "%s: unknown value \"%s\"", what, name ? name : "");
}

static int add_flags(struct spec_parse *p, const json_t *object, const struct word *words,
        size_t count, const char *what, uint64_t *flags)
{
    char **names = NULL;
    int r = spec_get_texts(p, object, "flags", &names, NULL);

    for (; r >= 0 && *names; names++) {
        uint64_t flag = 0;

        r = find_word(p, words, count, *names, what, &flag);
        *flags |= flag;
    }
    return r;
}

static int parse_scheduler(struct spec_parse *p, const json_t *process, struct scheduling *ret)
{
    struct scheduling_attr attr = { .size = sizeof(attr) };
    json_t *object = NULL;
    int64_t nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0;
    uint64_t policy = 0;
    int r = jsonx_get_object(process, "scheduler", &object, p->err);

    if (r < 0 || !object)
        return r;
    r = find_word(p, policies, ARRAY_LEN(policies), jsonx_string(object, "policy"),
            "process.scheduler.policy", &policy);
    if (r >= 0)
        r = spec_get_number(p, object, "nice", -20, 19, &nice);
    if (r >= 0)
        r = spec_get_number(p, object, "priority", 0, SCHED_PRIORITY_MAX, &priority);
    if (r >= 0)
        r = add_flags(p, object, scheduler_flags, ARRAY_LEN(scheduler_flags),
                "process.scheduler.flags", &attr.flags);
    if (r >= 0)
        r = spec_get_number(p, object, "runtime", 0, INT64_MAX, &runtime);
    if (r >= 0)
        r = spec_get_number(p, object, "deadline", 0, INT64_MAX, &deadline);
    if (r >= 0)
        r = spec_get_number(p, object, "period", 0, INT64_MAX, &period);
    if (r < 0)
        return error_wrap(p->err, r, "process.scheduler");
    if (policy != POLICY_DEADLINE && (runtime || deadline || period))
        return error_set_plain(p->err, EINVAL, NULL,
                "process.scheduler: runtime, deadline and period are for SCHED_DEADLINE alone");
    attr.policy = (uint32_t)policy;
    attr.nice = (int32_t)nice;
    attr.priority = (uint32_t)priority;
    attr.runtime_nsec = (uint64_t)runtime;
    attr.deadline_nsec = (uint64_t)deadline;
    attr.period_nsec = (uint64_t)period;
    ret->scheduler = attr;
    ret->has_scheduler = true;
    return 0;
}

static int parse_io_priority(struct spec_parse *p, const json_t *process, struct scheduling *ret)
{
    json_t *object = NULL;
    uint64_t class = 0;
    int64_t priority = 0;
    int r = jsonx_get_object(process, "ioPriority", &object, p->err);

    if (r < 0 || !object)
        return r;
    r = find_word(p, io_classes, ARRAY_LEN(io_classes), jsonx_string(object, "class"),
            "process.ioPriority.class", &class);
    if (r >= 0)
        r = spec_get_number(p, object, "priority", 0, IO_PRIORITY_MAX, &priority);
    if (r < 0)
        return error_wrap(p->err, r, "process.ioPriority");
    ret->io_priority = (int)IOPRIO_PRIO_VALUE(class, (uint64_t)priority);
    ret->has_io_priority = true;
    return 0;
}

static int parse_mask(struct spec_parse *p, const json_t *object, const char *key, const char *what,
        struct scheduling_mask *ret)
{
    const char *text = NULL;
    int r = spec_get_text(p, object, key, &text);

    if (r < 0 || !text)
        return r;
    if (scheduling_parse_mask(str_from(text), ret) < 0)
        return error_set_plain(
                p->err, EINVAL, NULL, "%s.%s: \"%s\" is not a list like 0-3,7", what, key, text);
    return 0;
}

static int parse_affinity(struct spec_parse *p, const json_t *process, struct scheduling *ret)
{
    json_t *object = NULL;
    int r = jsonx_get_object(process, "execCPUAffinity", &object, p->err);

    if (r >= 0)
        r = parse_mask(p, object, "initial", "process.execCPUAffinity", &ret->exec_initial);
    if (r >= 0)
        r = parse_mask(p, object, "final", "process.execCPUAffinity", &ret->exec_final);
    return r;
}

static int parse_personality(struct spec_parse *p, const json_t *linux_json, struct scheduling *ret)
{
    json_t *object = NULL;
    uint64_t domain = 0;
    int r = jsonx_get_object(linux_json, "personality", &object, p->err);

    if (r < 0 || !object)
        return r;
    r = find_word(p, domains, ARRAY_LEN(domains), jsonx_string(object, "domain"),
            "linux.personality.domain", &domain);
    if (r >= 0)
        r = spec_refuse(p, object, "flags", "a flag of a personality");
    if (r < 0)
        return r;
    ret->personality = (unsigned long)domain;
    ret->has_personality = true;
    return 0;
}

static int parse_memory_policy(
        struct spec_parse *p, const json_t *linux_json, struct scheduling *ret)
{
    json_t *object = NULL;
    uint64_t mode = 0, flags = 0;
    int r = jsonx_get_object(linux_json, "memoryPolicy", &object, p->err);

    if (r < 0 || !object)
        return r;
    r = find_word(p, memory_modes, ARRAY_LEN(memory_modes), jsonx_string(object, "mode"),
            "linux.memoryPolicy.mode", &mode);
    if (r >= 0)
        r = add_flags(p, object, memory_flags, ARRAY_LEN(memory_flags), "linux.memoryPolicy.flags",
                &flags);
    if (r >= 0)
        r = parse_mask(p, object, "nodes", "linux.memoryPolicy", &ret->memory_nodes);
    if (r < 0)
        return r;
    ret->memory_mode = (int)(mode | flags);
    ret->has_memory_policy = true;
    return 0;
}

int spec_parse_scheduling(struct spec_parse *p, const json_t *process, const json_t *linux_json)
{
    struct scheduling *ret = &p->spec->process.scheduling;
    int r = parse_scheduler(p, process, ret);

    if (r >= 0)
        r = parse_io_priority(p, process, ret);
    if (r >= 0)
        r = parse_affinity(p, process, ret);
    if (r >= 0)
        r = parse_personality(p, linux_json, ret);
    if (r >= 0)
        r = parse_memory_policy(p, linux_json, ret);
    return r;
}
