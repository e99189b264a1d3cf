#include "cli/specs.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"

#define SECRETS_TARGET "/run/secrets"
#define ID_MAX (UINT32_MAX - 1)

/* What the words of one --secret say. */
struct wanted {
    const char *source, *type, *target;
    int32_t mode;
    uint32_t uid, gid;
    bool is_for_file; /* has an option that a variable has not */
};

static int bad(const char *text, struct error **err, const char *why)
{
    return error_set_plain(err, EINVAL, NULL, "invalid --secret \"%s\": %s", text, why);
}

static int parse_word(struct arena *arena, const char *text, struct str word, struct wanted *w,
        struct error **err)
{
    ptrdiff_t eq = str_find(word, '=');
    struct str key = { word.data, eq < 0 ? 0 : (size_t)eq };
    struct str value = { word.data + eq + 1, word.len - key.len - 1 };
    uint32_t mode;

    if (eq <= 0)
        return bad(text, err, "each word after the name is OPTION=VALUE");
    const char *copy = arena_strndup(arena, value.data, value.len);
    w->is_for_file = w->is_for_file || str_is_equal_z(key, "uid") || str_is_equal_z(key, "gid") ||
                     str_is_equal_z(key, "mode");
    if (str_is_equal_z(key, "source")) {
        w->source = copy;
    } else if (str_is_equal_z(key, "type")) {
        w->type = copy;
    } else if (str_is_equal_z(key, "target")) {
        w->target = copy;
    } else if (str_is_equal_z(key, "uid")) {
        return parse_uint32(value, ID_MAX, &w->uid) < 0 ? bad(text, err, "uid is a number") : 0;
    } else if (str_is_equal_z(key, "gid")) {
        return parse_uint32(value, ID_MAX, &w->gid) < 0 ? bad(text, err, "gid is a number") : 0;
    } else if (str_is_equal_z(key, "mode")) {
        if (parse_octal(value, 07777, &mode) < 0)
            return bad(text, err, "mode is an octal number");
        w->mode = (int32_t)mode;
    } else {
        return bad(text, err, "the options are source, type, target, uid, gid and mode");
    }
    return 0;
}

int spec_parse_secret(
        struct arena *arena, const char *text, struct container_config *config, struct error **err)
{
    struct wanted w = { .type = "mount", .mode = -1 };
    struct str rest = str_from(text), word;
    bool is_first = true;

    for (; str_split_next(&rest, ',', &word); is_first = false) {
        int r = 0;

        if (is_first && str_find(word, '=') < 0)
            w.source = arena_strndup(arena, word.data, word.len);
        else
            r = parse_word(arena, text, word, &w, err);
        if (r < 0)
            return r;
    }
    if (string_is_empty(w.source))
        return bad(text, err, "no source");
    if (strcmp(w.type, "env") == 0) {
        if (w.is_for_file)
            return bad(text, err, "uid, gid and mode are not for type=env");
        if (w.target && (!*w.target || strchr(w.target, '=')))
            return bad(text, err, "the target is the name of a variable");
        *ARRAY_APPEND_ARENA(arena, &config->secret_env) = (struct container_pair){
            w.target ? w.target : w.source, w.source
        };
        return 0;
    }
    if (strcmp(w.type, "mount") != 0)
        return bad(text, err, "type is mount or env");
    const char *target = path_clean(
            arena, path_join(arena, SECRETS_TARGET, w.target ? w.target : w.source));
    if (strcmp(target, "/") == 0)
        return bad(text, err, "the target is no file");
    *ARRAY_APPEND_ARENA(arena, &config->files) = (struct container_file){
        .target = target,
        .secret = w.source,
        .mode = w.mode,
        .uid = w.uid,
        .gid = w.gid,
        .is_secret = true,
    };
    return 0;
}
