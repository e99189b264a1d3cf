#include "cli/build-words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "cli/specs.h"
#include "engine/build/build.h"

int build_read_secret(
        struct arena *arena, const char *text, struct build_secret *ret, struct error **err)
{
    struct build_secret secret = BUILD_SECRET_INIT;
    const char *type = NULL, *source = NULL, *variable = NULL;
    struct str rest = str_from(text), field;

    while (str_split_next(&rest, ',', &field)) {
        const char *word = arena_strndup(arena, field.data, field.len);
        const char *equals = strchr(word, '='), *value = equals ? equals + 1 : "";
        struct str key = { word, equals ? (size_t)(equals - word) : strlen(word) };

        if (str_is_equal_z(key, "id"))
            secret.id = value;
        else if (str_is_equal_z(key, "type"))
            type = value;
        else if (str_is_equal_z(key, "src") || str_is_equal_z(key, "source"))
            source = value;
        else if (str_is_equal_z(key, "env"))
            variable = value;
        else
            return error_set_plain(err, EINVAL, NULL,
                    "invalid secret \"%s\": unexpected key \"%.*s\"", text, STR_FMT(key));
    }
    if (type && strcmp(type, "file") != 0 && strcmp(type, "env") != 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid secret \"%s\": type \"%s\" is neither file nor env", text, type);
    if (string_is_empty(secret.id))
        return error_set_plain(err, EINVAL, NULL, "invalid secret \"%s\": the id is missing", text);
    if (string_is_equal(type, "env") && !variable) /* its source is a name, then */
        variable = source ? source : secret.id;
    else if (!type && !source && !variable && getenv(secret.id))
        variable = secret.id;
    if (!variable) {
        *ret = secret;
        return spec_absolute_path(arena, source ? source : secret.id, &ret->path, err);
    }
    secret.value = getenv(variable);
    if (!secret.value)
        return error_set_plain(err, ENOENT, NULL,
                "invalid secret \"%s\": the variable %s is not set", text, variable);
    *ret = secret;
    return 0;
}

int build_choose_agent(
        const char *id, const char *named, const char **ret_socket, struct error **err)
{
    const char *socket = string_is_empty(named) ? getenv("SSH_AUTH_SOCK") : named;

    if (string_is_empty(socket))
        return error_set_plain(err, ENOENT, NULL,
                "invalid ssh \"%s\": SSH_AUTH_SOCK is not set, and no socket is named", id);
    if (access(socket, F_OK) < 0)
        return error_set(err, errno, NULL, "invalid ssh \"%s\": cannot find \"%s\"", id, socket);
    *ret_socket = socket;
    return 0;
}

int build_read_ssh(struct arena *arena, const char *text, const char **ret_id,
        const char **ret_socket, struct error **err)
{
    const char *equals = strchr(text, '='), *named = NULL, *socket;
    int r = 0;

    if (equals && equals[1])
        r = spec_absolute_path(arena, equals + 1, &named, err);
    if (r >= 0)
        r = build_choose_agent(text, named, &socket, err);
    if (r < 0)
        return r;
    *ret_id = arena_strndup(arena, text, equals ? (size_t)(equals - text) : strlen(text));
    *ret_socket = arena_strdup(arena, socket);
    return 0;
}
