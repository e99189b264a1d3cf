/* process: who runs what, with which rights and limits. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/runtime/spec-internal.h"
#include "engine/runtime/spec.h"

#define DEFAULT_UMASK 0022

static int parse_user(struct spec_parse *p, const json_t *process)
{
    struct runtime_process *ret = &p->spec->process;
    json_t *user = NULL, *groups = NULL;
    int64_t uid = 0, gid = 0, mask = DEFAULT_UMASK;
    int r = jsonx_get_object(process, "user", &user, p->err);

    if (r >= 0)
        r = spec_get_number(p, user, "uid", 0, INT32_MAX, &uid);
    if (r >= 0)
        r = spec_get_number(p, user, "gid", 0, INT32_MAX, &gid);
    if (r >= 0)
        r = spec_get_number(p, user, "umask", 0, 0777, &mask);
    if (r >= 0)
        r = jsonx_get_array(user, "additionalGids", &groups, p->err);
    if (r < 0)
        return r;
    ret->uid = (uid_t)uid;
    ret->gid = (gid_t)gid;
    ret->umask = (mode_t)mask;
    if (json_array_size(groups) > SPEC_LIST_MAX)
        return error_set_plain(p->err, E2BIG, NULL, "additionalGids has too many entries");
    ret->groups = ARENA_NEW_ARRAY(p->arena, json_array_size(groups) + 1, gid_t);
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(groups, i);
        json_int_t number = json_is_integer(group) ? json_integer_value(group) : -1;

        if (number < 0 || number > INT32_MAX)
            return error_set_plain(p->err, EINVAL, NULL,
                    "additionalGids: uids and gids must be in range 0-2147483647");
        ret->groups[ret->group_count++] = (gid_t)number;
    }
    return 0;
}

/* The kernel raises only what is permitted and inheritable. */
static void limit_ambient(struct spec_parse *p, struct capability_sets *sets)
{
    for (unsigned cap = 0; cap < 64; cap++) {
        uint64_t bit = UINT64_C(1) << cap;

        if ((sets->ambient & bit) && !(sets->inheritable & sets->permitted & bit))
            spec_warn(p, "can't raise ambient capability %s: it is not permitted and inheritable",
                    capability_name(cap));
    }
    sets->ambient &= sets->inheritable & sets->permitted;
}

static int parse_capabilities(struct spec_parse *p, const json_t *process)
{
    struct capability_sets *sets = &p->spec->process.capabilities;
    const struct {
        const char *key;
        uint64_t *mask;
    } members[] = {
        { "bounding", &sets->bounding },
        { "effective", &sets->effective },
        { "permitted", &sets->permitted },
        { "inheritable", &sets->inheritable },
        { "ambient", &sets->ambient },
    };
    json_t *object = NULL;
    int r = jsonx_get_object(process, "capabilities", &object, p->err);

    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(members); i++) {
        json_t *list = NULL;

        r = jsonx_get_array(object, members[i].key, &list, p->err);
        for (size_t n = 0; r >= 0 && n < json_array_size(list); n++) {
            const char *name = json_string_value(json_array_get(list, n));
            int cap = name ? capability_parse(str_from(name)) : -EINVAL;

            if (!name)
                return error_set_plain(p->err, EINVAL, NULL,
                        "capabilities: member \"%s\": expected a list of names", members[i].key);
            if (cap < 0) {
                spec_warn(p, "the unknown capability \"%s\" is ignored", name);
                continue;
            }
            *members[i].mask |= UINT64_C(1) << cap;
        }
    }
    limit_ambient(p, sets);
    return r;
}

static const struct {
    const char *name;
    int resource;
} rlimit_names[] = {
    { "RLIMIT_AS", RLIMIT_AS },
    { "RLIMIT_CORE", RLIMIT_CORE },
    { "RLIMIT_CPU", RLIMIT_CPU },
    { "RLIMIT_DATA", RLIMIT_DATA },
    { "RLIMIT_FSIZE", RLIMIT_FSIZE },
    { "RLIMIT_LOCKS", RLIMIT_LOCKS },
    { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
    { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
    { "RLIMIT_NICE", RLIMIT_NICE },
    { "RLIMIT_NOFILE", RLIMIT_NOFILE },
    { "RLIMIT_NPROC", RLIMIT_NPROC },
    { "RLIMIT_RSS", RLIMIT_RSS },
    { "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
    { "RLIMIT_RTTIME", RLIMIT_RTTIME },
    { "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
    { "RLIMIT_STACK", RLIMIT_STACK },
};

bool runtime_rlimit_is_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rlimit_names); i++)
        if (strcasecmp(rlimit_names[i].name + strlen("RLIMIT_"), name) == 0)
            return true;
    return false;
}

/* -1 and 2^64-1 are both "unlimited"; jansson reads the latter as a real or refuses it. */
static int rlimit_value(struct spec_parse *p, const json_t *item, const char *key, rlim_t *ret)
{
    const json_t *value = json_object_get(item, key);

    if (json_is_real(value) && json_real_value(value) >= 9.2e18) {
        *ret = RLIM_INFINITY;
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < -1)
        return error_set_plain(
                p->err, EINVAL, NULL, "rlimits: member \"%s\": expected a number", key);
    *ret = json_integer_value(value) < 0 ? RLIM_INFINITY : (rlim_t)json_integer_value(value);
    return 0;
}

static int parse_rlimits(struct spec_parse *p, const json_t *process)
{
    struct runtime_process *ret = &p->spec->process;
    json_t *list = NULL;
    int r = jsonx_get_array(process, "rlimits", &list, p->err);

    if (r < 0)
        return r;
    if (json_array_size(list) > ARRAY_LEN(rlimit_names) * 2)
        return error_set_plain(p->err, E2BIG, NULL, "rlimits has too many entries");
    ret->rlimits = ARENA_NEW_ARRAY(p->arena, json_array_size(list) + 1, struct runtime_rlimit);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct runtime_rlimit limit = { .resource = -1 };
        const char *type = jsonx_string(item, "type");

        for (size_t n = 0; n < ARRAY_LEN(rlimit_names); n++) {
            if (string_is_equal(type, rlimit_names[n].name)) {
                limit.resource = rlimit_names[n].resource;
                limit.name = rlimit_names[n].name;
            }
        }
        if (limit.resource < 0)
            return error_set_plain(
                    p->err, EINVAL, NULL, "rlimits: unknown limit \"%s\"", type ? type : "");
        for (size_t n = 0; n < ret->rlimit_count; n++) {
            if (ret->rlimits[n].resource == limit.resource)
                return error_set_plain(p->err, EINVAL, NULL, "rlimits: %s is given twice", type);
        }
        r = rlimit_value(p, item, "soft", &limit.value.rlim_cur);
        if (r >= 0)
            r = rlimit_value(p, item, "hard", &limit.value.rlim_max);
        if (r < 0)
            return r;
        if (limit.value.rlim_cur > limit.value.rlim_max)
            return error_set_plain(p->err, EINVAL, NULL,
                    "rlimits: %s: the soft limit is above the hard one", type);
        ret->rlimits[ret->rlimit_count++] = limit;
    }
    return 0;
}

static int parse_console_size(struct spec_parse *p, const json_t *process)
{
    json_t *size = NULL;
    int64_t height = 0, width = 0;
    int r = jsonx_get_object(process, "consoleSize", &size, p->err);

    if (r >= 0)
        r = spec_get_number(p, size, "height", 0, UINT16_MAX, &height);
    if (r >= 0)
        r = spec_get_number(p, size, "width", 0, UINT16_MAX, &width);
    if (r < 0)
        return r;
    p->spec->process.console_height = (uint16_t)height;
    p->spec->process.console_width = (uint16_t)width;
    return 0;
}

int spec_parse_process(struct spec_parse *p, const json_t *root)
{
    struct runtime_process *ret = &p->spec->process;
    json_t *process = NULL;
    int64_t score = INT64_MIN;
    size_t argc = 0;
    int r = jsonx_get_object(root, "process", &process, p->err);

    if (r < 0)
        return r;
    if (!process)
        return error_set_plain(p->err, EINVAL, NULL, "member \"process\" is missing");
    r = jsonx_get_bool(process, "terminal", &ret->terminal, p->err);
    if (r >= 0)
        r = parse_console_size(p, process);
    if (r >= 0)
        r = parse_user(p, process);
    if (r >= 0)
        r = spec_get_texts(p, process, "args", &ret->args, &argc);
    if (r >= 0)
        r = spec_get_texts(p, process, "env", &ret->env, NULL);
    if (r >= 0)
        r = spec_get_text(p, process, "cwd", &ret->cwd);
    if (r >= 0)
        r = parse_capabilities(p, process);
    if (r >= 0)
        r = parse_rlimits(p, process);
    if (r >= 0)
        r = jsonx_get_bool(process, "noNewPrivileges", &ret->no_new_privileges, p->err);
    if (r >= 0)
        r = jsonx_get_int(process, "oomScoreAdj", &score, p->err);
    if (r >= 0)
        r = spec_get_text(p, process, "apparmorProfile", &ret->apparmor_profile);
    if (r >= 0)
        r = spec_get_text(p, process, "selinuxLabel", &ret->selinux_label);
    if (r >= 0)
        r = spec_parse_scheduling(p, process, json_object_get(root, "linux"));
    if (r < 0)
        return r;
    if (score != INT64_MIN) {
        if (score < -1000 || score > 1000)
            return error_set_plain(p->err, ERANGE, NULL,
                    "Invalid value %lld, range for oom score adj is [-1000, 1000]",
                    (long long)score);
        ret->has_oom_score_adj = true;
        ret->oom_score_adj = (int)score;
    }
    if (argc == 0)
        return error_set_plain(p->err, EINVAL, NULL, "process.args: no command specified");
    for (char **env = ret->env; *env; env++) {
        const char *equals = strchr(*env, '=');

        if (!equals || equals == *env)
            return error_set_plain(p->err, EINVAL, NULL,
                    "process.env: \"%s\" is not of the form NAME=value", *env);
    }
    if (!ret->cwd || !path_is_absolute(ret->cwd))
        return error_set_plain(p->err, EINVAL, NULL,
                "process.cwd: the working directory '%s' is invalid, it needs to be an absolute path",
                ret->cwd ? ret->cwd : "");
    return 0;
}
