#include "engine/build/stage.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/build/build.h"
#include "engine/image/image.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, jsonx_text(text));
}

/* The member as an object or array; made when it is missing or null. Borrowed. */
static json_t *member(json_t *object, const char *key, bool is_array)
{
    json_t *value = json_object_get(object, key);

    if (is_array ? json_is_array(value) : json_is_object(value))
        return value;
    value = is_array ? json_array() : json_object();
    json_object_set_new(object, key, value);
    return value;
}

/* ARGs and, stronger, the environment. */
static void refresh_values(struct stage_state *stage)
{
    const json_t *item;
    size_t i;

    strmap_init_arena(&stage->values, stage->arena);
    STRMAP_FOREACH(&stage->args, it)
        strmap_set(&stage->values, it->key, it->value);
    json_array_foreach(json_object_get(stage->config, "Env"), i, item)
    {
        const char *text = json_string_value(item), *equals = text ? strchr(text, '=') : NULL;

        if (equals)
            strmap_set(&stage->values, arena_strndup(stage->arena, text, (size_t)(equals - text)),
                    arena_strdup(stage->arena, equals + 1));
    }
}

static void begin(struct stage_state *stage, struct arena *arena, json_t *image_config)
{
    *stage = (struct stage_state){ .arena = arena, .escape = '\\', .image_config = image_config };
    stage->config = member(image_config, "config", false);
    member(image_config, "history", true);
    strmap_init_arena(&stage->args, arena);
    refresh_values(stage);
}

void stage_begin_scratch(struct stage_state *stage, struct arena *arena, const char *os,
        const char *architecture, const char *variant)
{
    json_t *image_config = json_object();

    set_text(image_config, "architecture", architecture);
    set_text(image_config, "os", os);
    if (variant)
        set_text(image_config, "variant", variant);
    begin(stage, arena, image_config);
    json_array_append_new(member(stage->config, "Env", true), json_string(DEFAULT_PATH));
    refresh_values(stage);
    stage_extend_key(stage, "FROM scratch", architecture);
}

int stage_begin_image(struct stage_state *stage, struct arena *arena, const struct image *image,
        struct error **err)
{
    json_t *image_config = NULL;

    int r = jsonx_parse(
            image->config_json, strlen(image->config_json), image->id, &image_config, err);
    if (r < 0)
        return r;
    json_object_del(image_config, "created");
    json_object_del(image_config, "rootfs");
    begin(stage, arena, image_config);
    stage->created_nsec = image->created_nsec;
    for (size_t i = 0; i < image->diff_ids.len; i++)
        *ARRAY_APPEND_ARENA(arena, &stage->layers) = arena_strdup(arena, image->diff_ids.items[i]);
    stage_extend_key(stage, "FROM", image->id);
    return 0;
}

void stage_begin_copy(
        struct stage_state *stage, struct arena *arena, const struct stage_state *base)
{
    begin(stage, arena, json_deep_copy(base->image_config));
    stage->created_nsec = base->created_nsec;
    for (size_t i = 0; i < base->layers.len; i++)
        *ARRAY_APPEND_ARENA(arena, &stage->layers) = base->layers.items[i];
    stage_extend_key(stage, "FROM", base->key);
}

void stage_begin_config(struct stage_state *stage, struct arena *arena, json_t *config)
{
    json_t *image_config = json_object();

    json_object_set(image_config, "config", config);
    begin(stage, arena, image_config);
}

void stage_release(struct stage_state *stage)
{
    json_decref(stage->image_config);
    stage->image_config = stage->config = NULL;
}

void stage_extend_key(struct stage_state *stage, const char *what, const char *content_digest)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_DOCKERFILE_BYTES * 2);

    strbuf_add(&text, stage->key, strlen(stage->key) + 1);
    strbuf_add(&text, what, strlen(what) + 1);
    strbuf_adds(&text, content_digest ? content_digest : "");
    digest_sha256(text.data, text.len, stage->key);
}

int stage_expand(const struct stage_state *stage, const struct instruction *instruction,
        const char *word, char **ret, struct error **err)
{
    struct expand_options options = {
        .escape = stage->escape, .values = &stage->values, .at = instruction->at
    };

    return expand_word(stage->arena, &options, word, ret, err);
}

void stage_set_arg(struct stage_state *stage, const char *name, const char *value)
{
    if (value)
        strmap_set(&stage->args, name, arena_strdup(stage->arena, value));
    refresh_values(stage);
}

char **stage_shell_command(const struct stage_state *stage, const char *text)
{
    const json_t *shell = json_object_get(stage->config, "Shell");
    size_t len = json_array_size(shell);
    char **argv = ARENA_NEW_ARRAY(stage->arena, len + 4, char *);
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        const char *word = json_string_value(json_array_get(shell, i));

        if (word)
            argv[n++] = arena_strdup(stage->arena, word);
    }
    if (n == 0) {
        argv[n++] = arena_strdup(stage->arena, "/bin/sh");
        argv[n++] = arena_strdup(stage->arena, "-c");
    }
    argv[n] = arena_strdup(stage->arena, text);
    return argv;
}

const char *stage_working_dir(const struct stage_state *stage)
{
    const char *dir = jsonx_string(stage->config, "WorkingDir");

    return string_is_empty(dir) ? "/" : dir;
}

static json_t *command_json(const struct stage_state *stage, const struct instruction *instruction)
{
    char **argv;
    size_t count = 0;

    if (instruction->is_exec)
        return jsonx_strings((const char *const *)instruction->words, instruction->word_count);
    if (instruction->word_count == 0)
        return json_array();
    argv = stage_shell_command(stage, instruction->words[0]);
    while (argv[count])
        count++;
    return jsonx_strings((const char *const *)argv, count);
}

static int apply_command(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    (void)err;
    json_object_set_new(stage->config, "Cmd", command_json(stage, instruction));
    stage->cmd_is_own = true;
    return 0;
}

/* An inherited CMD belongs to the inherited ENTRYPOINT: it goes with it. */
static int apply_entrypoint(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    (void)err;
    json_object_set_new(stage->config, "Entrypoint", command_json(stage, instruction));
    if (!stage->cmd_is_own)
        json_object_del(stage->config, "Cmd");
    return 0;
}

static void set_env(json_t *env, const char *name, const char *value)
{
    size_t len = strlen(name);
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_DOCKERFILE_BYTES);

    strbuf_addf(&text, "%s=%s", name, value);
    for (size_t i = 0; i < json_array_size(env); i++) {
        const char *old = json_string_value(json_array_get(env, i));

        if (old && strncmp(old, name, len) == 0 && old[len] == '=') {
            json_array_set_new(env, i, jsonx_text(text.data));
            return;
        }
    }
    json_array_append_new(env, jsonx_text(text.data));
}

typedef void (*set_pair_fn)(json_t *target, const char *name, const char *value);

/* Every value is expanded with what was in sight before the instruction. */
static int apply_pairs(const struct stage_state *stage, const struct instruction *instruction,
        json_t *target, set_pair_fn set, struct error **err)
{
    for (size_t i = 0; i + 1 < instruction->word_count; i += 2) {
        char *name, *value;
        int r = stage_expand(stage, instruction, instruction->words[i], &name, err);

        if (r >= 0)
            r = stage_expand(stage, instruction, instruction->words[i + 1], &value, err);
        if (r < 0)
            return r;
        if (!*name || (set == set_env && strchr(name, '=')))
            return error_set_plain(err, EINVAL, &instruction->at, "%s: \"%s\" is not a name",
                    instruction_name(instruction->kind), name);
        set(target, name, value);
    }
    return 0;
}

static int apply_env(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    int r = apply_pairs(stage, instruction, member(stage->config, "Env", true), set_env, err);

    refresh_values(stage);
    return r;
}

static int apply_label(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    return apply_pairs(stage, instruction, member(stage->config, "Labels", false), set_text, err);
}

static bool is_protocol(const char *name)
{
    return string_is_equal(name, "tcp") || string_is_equal(name, "udp") ||
           string_is_equal(name, "sctp");
}

static int expose_one(struct stage_state *stage, const struct instruction *instruction,
        const char *word, struct error **err)
{
    json_t *ports = member(stage->config, "ExposedPorts", false);
    struct str text = str_from(word), protocol = STR_LITERAL("tcp");
    ptrdiff_t slash = str_find(text, '/');
    uint16_t first, last;
    char *lower;

    if (slash >= 0) {
        protocol = (struct str){ text.data + slash + 1, text.len - (size_t)slash - 1 };
        text.len = (size_t)slash;
    }
    lower = arena_strndup(stage->arena, protocol.data, protocol.len);
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (parse_port_range(text, false, &first, &last) < 0 || !is_protocol(lower))
        return error_set_plain(err, EINVAL, &instruction->at,
                "EXPOSE: expected PORT[-PORT][/tcp|/udp], got \"%s\"", word);
    for (unsigned port = first; port <= last; port++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "%u/%s", port, lower);
        json_object_set_new(ports, key, json_object());
    }
    return 0;
}

static int apply_expose(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    struct expand_options options = {
        .escape = stage->escape, .values = &stage->values, .at = instruction->at
    };
    struct strings words = { 0 };
    int r = 0;

    for (size_t i = 0; i < instruction->word_count && r >= 0; i++)
        r = expand_words(stage->arena, &options, instruction->words[i], &words, err);
    for (size_t i = 0; i < words.len && r >= 0; i++)
        r = expose_one(stage, instruction, words.items[i], err);
    return r;
}

static int health_duration(const struct instruction *instruction, const char *flag, json_t *health,
        const char *key, struct error **err)
{
    const char *text = instruction_flag_value(instruction, flag);
    int64_t usec;

    if (!text)
        return 0;
    if (parse_duration_usec(str_from(text), &usec) < 0 || (usec != 0 && usec < USEC_PER_MSEC))
        return error_set_plain(err, EINVAL, &instruction->at,
                "--%s: expected a duration of at least 1ms such as 30s, got \"%s\"", flag, text);
    json_object_set_new(health, key, json_integer(usec * NSEC_PER_USEC));
    return 0;
}

static int apply_health(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    static const struct {
        const char *flag, *key;
    } durations[] = {
        { "interval", "Interval" },
        { "timeout", "Timeout" },
        { "start-period", "StartPeriod" },
        { "start-interval", "StartInterval" },
    };
    const char *text = instruction_flag_value(instruction, "retries");
    auto_json json_t *health = json_object();
    uint32_t retries;

    json_object_set_new(health, "Test",
            jsonx_strings((const char *const *)instruction->words, instruction->word_count));
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        int r = health_duration(instruction, durations[i].flag, health, durations[i].key, err);

        if (r < 0)
            return r;
    }
    if (text && (parse_uint32(str_from(text), INT32_MAX, &retries) < 0 || retries == 0))
        return error_set_plain(err, EINVAL, &instruction->at,
                "--retries: expected a number above 0, got \"%s\"", text);
    if (text)
        json_object_set_new(health, "Retries", json_integer(retries));
    json_object_set(stage->config, "Healthcheck", health);
    return 0;
}

static int apply_maintainer(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    (void)err;
    set_text(stage->image_config, "author", instruction->words[0]);
    return 0;
}

static int apply_onbuild(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    (void)err;
    json_array_append_new(member(stage->config, "OnBuild", true), jsonx_text(instruction->onbuild));
    return 0;
}

static int apply_shell(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    (void)err;
    json_object_set_new(stage->config, "Shell",
            jsonx_strings((const char *const *)instruction->words, instruction->word_count));
    return 0;
}

static int apply_stop_signal(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    char *text;
    int signo, r = stage_expand(stage, instruction, instruction->words[0], &text, err);

    if (r < 0)
        return r;
    if (parse_signal(str_from(text), &signo) < 0)
        return error_set_plain(
                err, EINVAL, &instruction->at, "STOPSIGNAL: \"%s\" is not a signal", text);
    set_text(stage->config, "StopSignal", text);
    return 0;
}

static int apply_user(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    char *text;
    int r = stage_expand(stage, instruction, instruction->words[0], &text, err);

    if (r < 0)
        return r;
    if (!*text)
        return error_set_plain(err, EINVAL, &instruction->at, "USER: the name is empty");
    set_text(stage->config, "User", text);
    return 0;
}

static int apply_volume(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    json_t *volumes = member(stage->config, "Volumes", false);

    for (size_t i = 0; i < instruction->word_count; i++) {
        char *path;
        int r = stage_expand(stage, instruction, instruction->words[i], &path, err);

        if (r < 0)
            return r;
        if (!*path)
            return error_set_plain(err, EINVAL, &instruction->at, "VOLUME: a path is empty");
        json_object_set_new(
                volumes, path_join(stage->arena, stage_working_dir(stage), path), json_object());
    }
    return 0;
}

static int apply_workdir(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    char *path;
    int r = stage_expand(stage, instruction, instruction->words[0], &path, err);

    if (r < 0)
        return r;
    if (!*path)
        return error_set_plain(err, EINVAL, &instruction->at, "WORKDIR: the path is empty");
    set_text(stage->config, "WorkingDir", path_join(stage->arena, stage_working_dir(stage), path));
    return 0;
}

typedef int (*apply_fn)(
        struct stage_state *stage, const struct instruction *instruction, struct error **err);

static const apply_fn apply_table[INSTRUCTION_KIND_MAX_] = {
    [INSTRUCTION_CMD] = apply_command,
    [INSTRUCTION_ENTRYPOINT] = apply_entrypoint,
    [INSTRUCTION_ENV] = apply_env,
    [INSTRUCTION_EXPOSE] = apply_expose,
    [INSTRUCTION_HEALTHCHECK] = apply_health,
    [INSTRUCTION_LABEL] = apply_label,
    [INSTRUCTION_MAINTAINER] = apply_maintainer,
    [INSTRUCTION_ONBUILD] = apply_onbuild,
    [INSTRUCTION_SHELL] = apply_shell,
    [INSTRUCTION_STOPSIGNAL] = apply_stop_signal,
    [INSTRUCTION_USER] = apply_user,
    [INSTRUCTION_VOLUME] = apply_volume,
    [INSTRUCTION_WORKDIR] = apply_workdir,
};

int stage_apply(
        struct stage_state *stage, const struct instruction *instruction, struct error **err)
{
    apply_fn fn = apply_table[instruction->kind];

    return fn ? fn(stage, instruction, err) : 0;
}

void stage_add_history(struct stage_state *stage, const char *created_by, bool empty_layer)
{
    char created[TIME_RFC3339_MAX];
    json_t *entry = json_object();

    set_text(entry, "created", time_format_rfc3339(stage->created_nsec, created));
    set_text(entry, "created_by", created_by);
    if (empty_layer)
        json_object_set_new(entry, "empty_layer", json_true());
    json_array_append_new(member(stage->image_config, "history", true), entry);
}

/* In double quotes: quotes and escapes are text, variables are not. */
static char *quote(struct arena *arena, const char *text, char escape)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LIMIT_DOCKERFILE_BYTES);

    strbuf_addc(&out, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == escape)
            strbuf_addc(&out, escape);
        strbuf_addc(&out, *p);
    }
    strbuf_addc(&out, '"');
    return arena_strdup(arena, out.data);
}

const struct instruction *stage_make_env(
        struct arena *arena, const struct build_pair *pairs, size_t count, char escape)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_DOCKERFILE_BYTES);
    struct strings words = { 0 };

    strbuf_adds(&text, "ENV");
    for (size_t i = 0; i < count; i++) {
        if (!pairs[i].value)
            continue;
        char *name = quote(arena, pairs[i].name, escape),
             *value = quote(arena, pairs[i].value, escape);

        *ARRAY_APPEND_ARENA(arena, &words) = name;
        *ARRAY_APPEND_ARENA(arena, &words) = value;
        strbuf_addf(&text, " %s=%s", name, value);
    }
    if (words.len == 0)
        return NULL;
    struct instruction *env = ARENA_NEW(arena, struct instruction);
    *env = (struct instruction){ .kind = INSTRUCTION_ENV,
        .at = { "--env", 0, 0 },
        .text = arena_strdup(arena, text.data),
        .words = words.items,
        .word_count = words.len };
    return env;
}

static void remove_env(json_t *env, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = json_array_size(env); i-- > 0;) {
        const char *entry = json_string_value(json_array_get(env, i));

        if (entry && strncmp(entry, name, len) == 0 && entry[len] == '=')
            json_array_remove(env, i);
    }
}

void stage_finish(struct stage_state *stage, const struct build_options *options)
{
    for (const char *const *name = options->unset_env; name && *name; name++)
        remove_env(json_object_get(stage->config, "Env"), *name);
    for (const char *const *name = options->unset_labels; name && *name; name++)
        json_object_del(json_object_get(stage->config, "Labels"), *name);
    for (size_t i = 0; i < options->label_count; i++)
        set_text(member(stage->config, "Labels", false), options->labels[i].name,
                options->labels[i].value);
}
