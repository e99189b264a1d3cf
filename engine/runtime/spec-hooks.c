/* hooks: programs at six points of a container's life. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/path.h"
#include "engine/runtime/spec-internal.h"
#include "engine/runtime/spec.h"

#define HOOKS_MAX 256
#define HOOK_TIMEOUT_MAX_SEC INT64_C(1000000000)

static int parse_hook(
        struct spec_parse *p, const json_t *json, const char *point, struct runtime_hook *ret)
{
    size_t argc = 0;
    int r = spec_get_text(p, json, "path", &ret->path);

    if (r >= 0)
        r = spec_get_texts(p, json, "args", &ret->args, &argc);
    if (r >= 0)
        r = spec_get_texts(p, json, "env", &ret->env, NULL);
    if (r < 0)
        return r;
    if (!ret->path || !path_is_absolute(ret->path))
        return error_set_plain(p->err, EINVAL, NULL,
                "hooks.%s: \"%s\" is not the absolute path of a program", point,
                ret->path ? ret->path : "");
    if (argc == 0) {
        ret->args = ARENA_NEW_ARRAY(p->arena, 2, char *);
        ret->args[0] = arena_strdup(p->arena, ret->path);
    }
    const json_t *timeout = json_object_get(json, "timeout");
    if (timeout && !json_is_null(timeout)) {
        r = spec_get_number(p, json, "timeout", 1, HOOK_TIMEOUT_MAX_SEC, &ret->timeout_sec);
        if (r < 0)
            return error_wrap(p->err, r, "hooks.%s", point);
    }
    return 0;
}

int spec_parse_hooks(struct spec_parse *p, const json_t *root)
{
    json_t *object = NULL;
    int r = jsonx_get_object(root, "hooks", &object, p->err);

    for (int point = 0; r >= 0 && point < HOOK_MAX_; point++) {
        struct runtime_hooks *hooks = &p->spec->hooks[point];
        json_t *list = NULL;

        r = jsonx_get_array(object, hook_point_names[point], &list, p->err);
        if (r >= 0 && json_array_size(list) > HOOKS_MAX)
            r = error_set_plain(p->err, E2BIG, NULL, "hooks.%s has more than %d entries",
                    hook_point_names[point], HOOKS_MAX);
        if (r < 0 || json_array_size(list) == 0)
            continue;
        hooks->items = ARENA_NEW_ARRAY(p->arena, json_array_size(list), struct runtime_hook);
        for (size_t i = 0; r >= 0 && i < json_array_size(list); i++) {
            r = parse_hook(p, json_array_get(list, i), hook_point_names[point], &hooks->items[i]);
            hooks->count += r >= 0;
        }
    }
    return r;
}
