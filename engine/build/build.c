/* The driver of a build. Invariants:
 *
 *  1. Nothing of a build is known to the image store but whole layers, and one image at the very end: a build
 *     that fails or dies leaves names and images as they were.
 *  2. A step's key stands for everything that went into the state behind it: the base image's id, and
 *     each instruction with its expanded words and the contents that it reads. The same key is the same
 *     layer, so a hit in the cache is never executed.
 *  3. Builds hold the lock "build" shared. Whoever gets it exclusively knows that every container of a
 *     build is left over from one that died, and removes it.
 *
 *  what dies where            what is left                       who removes it
 *  before layer_commit_…      ROOT/tmp/build-…, a container      the store's clean-up; the next build
 *  before build_cache_put     a layer without a reference        the store's clean-up
 *  before image_create        layers with a cache row            reused by the next build; pruning */
#include "engine/build/build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/build/cache.h"
#include "engine/build/dockerfile.h"
#include "engine/build/layer-work.h"
#include "engine/build/run.h"
#include "engine/build/source.h"
#include "engine/build/stage.h"
#include "engine/build/steps.h"
#include "engine/engine-internal.h"
#include "engine/image/config-internal.h"
#include "engine/image/image.h"
#include "engine/progress.h"
#include "engine/rootfs/view.h"

#define CONTEXT_IMAGE "docker-image://"

/* A stage, or an image or directory that files are copied from. */
struct built_stage {
    struct stage_state state;
    bool needed, built;
    struct source_tree tree; /* its root file system, once something is copied from it */
};

struct extra_source {
    const char *name;
    struct source_tree tree;
};

struct builder {
    struct engine *engine;
    const struct build_options *options;
    struct diag *diag;
    struct arena arena;
    struct dockerfile *file;
    struct strmap global_args; /* ARG before FROM, and the platform's */
    struct strmap consumed;    /* names of build arguments that an ARG took */
    struct source_tree context;
    struct built_stage *stages;
    struct {
        struct extra_source *items;
        size_t len, cap;
    } extras;
    struct image_platform platform;
    size_t target, current; /* stages: what is wanted, where a layer is being made */
    int lock_fd;
};

static void builder_release(struct builder *b)
{
    for (size_t i = 0; b->stages && i < b->file->stage_count; i++) {
        stage_release(&b->stages[i].state);
        fd_close(b->stages[i].tree.root_fd);
    }
    ARRAY_FOREACH(&b->extras, it)
        fd_close(it->tree.root_fd);
    fd_close(b->context.root_fd);
    fd_close(b->lock_fd);
    arena_release(&b->arena);
}

/* ---- Reading ---- */

static int open_context(struct builder *b, struct error **err)
{
    const char *context = b->options->context;
    const char *dockerfile = b->options->dockerfile ? b->options->dockerfile : "Dockerfile";

    b->context.what = "the build context";
    b->context.root_fd = open(context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->context.root_fd < 0)
        return error_set(err, errno, NULL, "cannot open the build context \"%s\"", context);
    if (b->options->ignore_file)
        return ignore_load_file(&b->arena, b->options->ignore_file, &b->context.ignore, err);
    return ignore_load(&b->arena, b->context.root_fd, b->options->inline_text ? NULL : dockerfile,
            &b->context.ignore, err);
}

static int parse_text(
        struct builder *b, const char *name, const char *text, size_t len, struct error **err)
{
    struct diag own = DIAG_INIT, *diag = b->diag ? b->diag : &own;

    int r = dockerfile_parse(&b->arena, name, text, len, &b->file, diag, err);
    if (r < 0 && !b->diag && own.len > 0)
        r = error_set_plain(err, EINVAL, &own.items[0].at, "%s", own.items[0].message);
    diag_release(&own);
    return r;
}

/* A Dockerfile of the context is the context's word, as what COPY names is: its links do not lead out. One from
 * elsewhere is the caller's, and may be anything. */
static int read_dockerfile_text(
        struct builder *b, const char *path, char **ret_text, size_t *ret_len, struct error **err)
{
    const char *context = path_clean(&b->arena, b->options->context);
    struct stat st;

    if (!path_is_below(path, context))
        return fs_read_file(AT_FDCWD, path, LIMIT_DOCKERFILE_BYTES, ret_text, ret_len, err);
    const char *name = path + strlen(context);
    auto_close int fd = fs_open_in_root(
            b->context.root_fd, *name ? name : ".", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", path);
    if (!S_ISREG(st.st_mode))
        return error_set_plain(err, EINVAL, NULL, "\"%s\" is not a regular file", path);
    return fs_read_fd(fd, LIMIT_DOCKERFILE_BYTES, ret_text, ret_len, err);
}

static int read_dockerfile(struct builder *b, struct error **err)
{
    const struct build_options *o = b->options;
    auto_free char *text = NULL;
    size_t len;

    if (o->inline_text)
        return parse_text(b, o->inline_name ? o->inline_name : "dockerfile_inline", o->inline_text,
                strlen(o->inline_text), err);
    const char *path = path_join(
            &b->arena, o->context, o->dockerfile ? o->dockerfile : "Dockerfile");
    int r = read_dockerfile_text(b, path, &text, &len, err);
    if (r < 0)
        return error_wrap(err, r, "cannot read the Dockerfile \"%s\"", path);
    return parse_text(b, path, text, len, err);
}

/* ---- Arguments ---- */

static const struct build_pair *find_build_arg(const struct builder *b, const char *name)
{
    const struct build_pair *found = NULL;

    for (size_t i = 0; i < b->options->arg_count; i++) {
        if (string_is_equal(b->options->args[i].name, name))
            found = &b->options->args[i];
    }
    return found;
}

static void set_platform_args(struct builder *b)
{
    const struct image_platform host = image_platform_host();
    const struct {
        const char *name;
        const struct image_platform *platform;
    } sides[] = { { "TARGET", &b->platform }, { "BUILD", &host } };

    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        struct strmap *map = &b->global_args;
        const struct image_platform *p = sides[i].platform;
        const char *whole = arena_printf(&b->arena, "%s/%s%s%s", p->os, p->architecture,
                p->variant ? "/" : "", p->variant ? p->variant : "");

        strmap_set(map, arena_printf(&b->arena, "%sPLATFORM", sides[i].name), (char *)whole);
        strmap_set(map, arena_printf(&b->arena, "%sOS", sides[i].name), (char *)p->os);
        strmap_set(map, arena_printf(&b->arena, "%sARCH", sides[i].name), (char *)p->architecture);
        strmap_set(map, arena_printf(&b->arena, "%sVARIANT", sides[i].name),
                (char *)(p->variant ? p->variant : ""));
    }
}

/* One word of an ARG: "NAME" or "NAME=default". *ret_value is NULL when there is none. */
static int read_arg(struct builder *b, const struct instruction *instruction, const char *word,
        const struct strmap *values, char **ret_name, char **ret_value, struct error **err)
{
    const char *equals = strchr(word, '=');
    struct expand_options options = {
        .escape = b->file->escape, .values = values, .at = instruction->at
    };
    char *name = equals ? arena_strndup(&b->arena, word, (size_t)(equals - word))
                        : arena_strdup(&b->arena, word);
    const struct build_pair *given = find_build_arg(b, name);

    if (!*name)
        return error_set_plain(err, EINVAL, &instruction->at, "ARG: the name is missing");
    *ret_name = name;
    *ret_value = NULL;
    if (given) {
        strmap_set(&b->consumed, name, name);
        *ret_value = given->value ? arena_strdup(&b->arena, given->value) : NULL;
        if (given->value)
            return 0;
    }
    return equals ? expand_word(&b->arena, &options, equals + 1, ret_value, err) : 0;
}

static int read_global_args(struct builder *b, struct error **err)
{
    set_platform_args(b);
    for (size_t i = 0; i < b->file->global_arg_count; i++) {
        const struct instruction *arg = &b->file->global_args[i];

        for (size_t k = 0; k < arg->word_count; k++) {
            char *name, *value;
            int r = read_arg(b, arg, arg->words[k], &b->global_args, &name, &value, err);

            if (r < 0)
                return r;
            if (value)
                strmap_set(&b->global_args, name, value);
        }
    }
    return 0;
}

static int apply_arg(struct builder *b, struct stage_state *stage,
        const struct instruction *instruction, struct error **err)
{
    for (size_t i = 0; i < instruction->word_count; i++) {
        char *name, *value;
        int r = read_arg(b, instruction, instruction->words[i], &stage->values, &name, &value, err);

        if (r < 0)
            return r;
        stage_set_arg(stage, name, value ? value : strmap_get(&b->global_args, name));
    }
    return 0;
}

static void warn_of_unused_args(struct builder *b)
{
    for (size_t i = 0; i < b->options->arg_count; i++) {
        const char *name = b->options->args[i].name;

        if (!strmap_has(&b->consumed, name) && !strmap_has(&b->global_args, name) &&
                !string_has_suffix(name, "_proxy") && !string_has_suffix(name, "_PROXY"))
            diag_add(b->diag, DIAG_WARNING, "unused-build-arg", &SOURCE_NONE,
                    "no ARG takes the build argument \"%s\"", name);
    }
}

/* ---- Which stages ---- */

/* The stage of that name, or number, among the first `limit`; -1 for none. */
static ptrdiff_t find_stage(const struct builder *b, const char *name, size_t limit)
{
    uint32_t number;

    for (size_t i = limit; i-- > 0;) {
        if (b->file->stages[i].name && strcasecmp(b->file->stages[i].name, name) == 0)
            return (ptrdiff_t)i;
    }
    if (parse_uint32(str_from(name), UINT32_MAX, &number) == 0 && number < limit)
        return (ptrdiff_t)number;
    return -1;
}

static int expand_from(struct builder *b, const struct instruction *from, const char *word,
        char **ret, struct error **err)
{
    struct expand_options options = {
        .escape = b->file->escape, .values = &b->global_args, .at = from->at
    };

    return expand_word(&b->arena, &options, word, ret, err);
}

static int mark_needed(struct builder *b, size_t index, struct error **err)
{
    const struct stage *stage = &b->file->stages[index];
    char *name;

    if (b->stages[index].needed)
        return 0;
    b->stages[index].needed = true;
    int r = expand_from(b, stage->from, stage->from->words[0], &name, err);
    if (r < 0)
        return r;
    ptrdiff_t base = find_stage(b, name, index);
    if (base >= 0)
        r = mark_needed(b, (size_t)base, err);
    for (size_t i = 0; i < stage->len && r >= 0; i++) {
        const char *from = instruction_flag_value(&stage->items[i], "from");
        struct strings names = { 0 };

        if (from)
            *ARRAY_APPEND_ARENA(&b->arena, &names) = (char *)from;
        run_mount_sources(&b->arena, &stage->items[i], &names);
        for (size_t k = 0; k < names.len && r >= 0; k++) {
            ptrdiff_t found = find_stage(b, names.items[k], index);

            r = found >= 0 ? mark_needed(b, (size_t)found, err) : 0;
        }
    }
    return r;
}

static int choose_target(struct builder *b, struct error **err)
{
    const char *names[64];
    size_t count = 0;

    b->target = b->file->stage_count - 1;
    if (!string_is_empty(b->options->target)) {
        ptrdiff_t found = find_stage(b, b->options->target, b->file->stage_count);

        if (found < 0) {
            for (size_t i = 0; i < b->file->stage_count && count < ARRAY_LEN(names); i++) {
                if (b->file->stages[i].name)
                    names[count++] = b->file->stages[i].name;
            }
            int r = error_set_plain(
                    err, ENOENT, NULL, "%s has no stage \"%s\"", b->file->file, b->options->target);
            const char *near = str_nearest(b->options->target, names, count);
            if (near)
                error_hint(err, "did you mean \"%s\"?", near);
            return r;
        }
        b->target = (size_t)found;
    }
    return mark_needed(b, b->target, err);
}

/* ---- Sources ---- */

static int open_layers(struct builder *b, const struct strings *layers, const char *what,
        struct source_tree *ret, struct error **err)
{
    struct strings dirs = { 0 };

    if (layers->len == 0)
        return error_set_plain(err, ENOENT, NULL, "there is no file in %s", what);
    int r = layer_work_dirs(b->engine, &b->arena, layers, &dirs, err);
    if (r < 0)
        return r;
    struct rootfs_view view = { .lower = (const char *const *)dirs.items, .lower_count = dirs.len };
    int fd = rootfs_view_open(&view, err);
    if (fd < 0)
        return fd;
    *ret = (struct source_tree){ .root_fd = fd, .what = what };
    return 0;
}

static int get_image(struct builder *b, const char *ref, const char *platform, struct image **ret,
        struct error **err)
{
    const enum build_pull pull = b->options->pull;
    const bool asks = pull == BUILD_PULL_ALWAYS || pull == BUILD_PULL_NEWER;
    struct image_pull_options options = {
        .platform = platform ? platform : b->options->platform,
        .policy = asks                       ? IMAGE_PULL_ALWAYS
                  : pull == BUILD_PULL_NEVER ? IMAGE_PULL_NEVER
                                             : IMAGE_PULL_MISSING,
        .access = b->options->access,
        .progress = b->options->progress,
    };

    /* An image that was only ever built or imported here can be in no registry to be looked for. */
    if (asks) {
        int r = image_lookup(b->engine, ref, ret, err);

        if (r < 0 || (*ret && (*ret)->digests.len == 0))
            return r;
        image_free(*ret);
        *ret = NULL;
    }
    if (pull == BUILD_PULL_NEWER) {
        struct image_pull_options here = options;
        auto_error struct error *failure = NULL;
        int r = image_pull(b->engine, ref, &options, ret, &failure);

        here.policy = IMAGE_PULL_NEVER;
        if (r >= 0 || (r != -ECANCELED && image_pull(b->engine, ref, &here, ret, NULL) >= 0))
            return 0;
        return error_move(err, TAKE(failure));
    }
    return image_pull(b->engine, ref, &options, ret, err);
}

/* The further context of that name: a directory or "docker-image://ref"; NULL: there is none. */
static const char *find_context(const struct builder *b, const char *name)
{
    for (size_t i = b->options->context_count; i-- > 0;) {
        if (string_is_equal(b->options->contexts[i].name, name))
            return b->options->contexts[i].value;
    }
    return NULL;
}

/* The image that a context stands for; NULL: it is a directory. */
static const char *context_image(const char *context)
{
    return string_has_prefix(context, CONTEXT_IMAGE) ? context + strlen(CONTEXT_IMAGE) : NULL;
}

static int open_extra(
        struct builder *b, const char *name, struct source_tree *ret, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    const char *context = find_context(b, name);
    const char *ref = context ? context_image(context) : name;

    if (context && !ref) {
        ret->what = arena_printf(&b->arena, "the context \"%s\"", name);
        ret->root_fd = open(context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return ret->root_fd < 0 ? error_set(err, errno, NULL, "cannot open the context \"%s\" (%s)",
                                          name, context)
                                : 0;
    }
    int r = get_image(b, ref, NULL, &image, err);
    if (r < 0)
        return r;
    return open_layers(
            b, &image->diff_ids, arena_printf(&b->arena, "the image \"%s\"", ref), ret, err);
}

/* What --from names: a stage, another context, or an image. Borrowed from the builder. */
static int find_source(struct builder *b, size_t stage_index, const char *name,
        const struct source_tree **ret, struct error **err)
{
    ptrdiff_t index = find_stage(b, name, stage_index);

    if (index >= 0) {
        struct built_stage *stage = &b->stages[index];

        if (stage->tree.root_fd < 0) {
            int r = open_layers(b, &stage->state.layers,
                    arena_printf(&b->arena, "the stage \"%s\"", name), &stage->tree, err);
            if (r < 0)
                return r;
        }
        *ret = &stage->tree;
        return 0;
    }
    ARRAY_FOREACH(&b->extras, it) {
        if (string_is_equal(it->name, name)) {
            *ret = &it->tree;
            return 0;
        }
    }
    struct source_tree tree = { .root_fd = -EBADF };
    int r = open_extra(b, name, &tree, err);
    if (r < 0)
        return r;
    struct extra_source *extra = ARRAY_APPEND_ARENA(&b->arena, &b->extras);
    *extra = (struct extra_source){ arena_strdup(&b->arena, name), tree };
    *ret = &extra->tree;
    return 0;
}

/* ---- Building ---- */

static bool makes_layer(enum instruction_kind kind)
{
    return kind == INSTRUCTION_RUN || kind == INSTRUCTION_COPY || kind == INSTRUCTION_ADD ||
           kind == INSTRUCTION_WORKDIR;
}

static void report(
        const struct builder *b, enum progress_kind kind, const char *id, const char *text)
{
    progress_report(
            b->options->progress, &(struct progress_event){ .kind = kind, .id = id, .text = text });
}

/* Stage's own instructions only: what it begins with is another's. */
static bool runs_again(const struct builder *b, const struct stage_state *stage)
{
    for (const char *const *name = b->options->no_cache_stages; name && *name; name++) {
        ptrdiff_t index = find_stage(b, *name, b->file->stage_count);

        if (index >= 0 && stage == &b->stages[index].state)
            return true;
    }
    return b->options->no_cache;
}

/* The cache's row for the state that the stage's key names now, or what `execute` makes. */
static int get_or_execute(struct builder *b, struct stage_state *stage,
        const struct step_context *context, const struct step_plan *plan, struct cache_entry *entry,
        const char **ret_how, struct error **err)
{
    int r = plan && runs_again(b, stage) ? 0 : build_cache_get(b->engine, stage->key, entry, err);

    if (r != 0) {
        *ret_how = "CACHED";
        return r < 0 ? r : 0;
    }
    *ret_how = "DONE";
    *entry = (struct cache_entry){ .created_nsec = time_realtime_nsec() };
    if (plan) {
        r = step_execute(context, stage, plan, entry->diff_id, err);
        if (r < 0)
            return r;
    }
    return build_cache_put(b->engine, stage->key, entry, err);
}

static int find_mount_source(
        void *userdata, const char *name, const struct source_tree **ret, struct error **err)
{
    struct builder *b = userdata;

    return find_source(b, b->current, name, ret, err);
}

static int do_layer_step(struct builder *b, size_t stage_index, const struct instruction *in,
        const char *progress_id, const char **ret_how, struct error **err)
{
    struct stage_state *stage = &b->stages[stage_index].state;
    const char *from = instruction_flag_value(in, "from"), *text, *content;
    struct step_context context = {
        .engine = b->engine,
        .arena = &b->arena,
        .options = b->options,
        .progress_id = progress_id,
        .source = &b->context,
        .source_is_image = from != NULL,
        .context = &b->context,
        .find_source = find_mount_source,
        .userdata = b,
    };
    struct step_plan *plan;
    struct cache_entry entry;
    int r = 0;

    b->current = stage_index;
    if (from)
        r = find_source(b, stage_index, from, &context.source, err);
    if (r >= 0 && in->kind == INSTRUCTION_WORKDIR)
        r = stage_apply(stage, in, err);
    if (r >= 0)
        r = step_prepare(&context, stage, in, &plan, &text, &content, err);
    if (r < 0)
        return r;
    stage_extend_key(stage, text, content);
    r = get_or_execute(b, stage, &context, plan, &entry, ret_how, err);
    if (r < 0)
        return r;
    if (*entry.diff_id)
        *ARRAY_APPEND_ARENA(&b->arena, &stage->layers) = arena_strdup(&b->arena, entry.diff_id);
    stage->created_nsec = entry.created_nsec;
    stage_add_history(stage, in->text, !*entry.diff_id);
    return 0;
}

/* Only the time of a step that changes just the configuration is kept, so that the same build gives the same
 * image. */
static int do_config_step(struct builder *b, struct stage_state *stage,
        const struct instruction *in, struct error **err)
{
    struct cache_entry entry;
    const char *how;
    auto_free char *config = NULL;

    int r = in->kind == INSTRUCTION_ARG ? apply_arg(b, stage, in, err)
                                        : stage_apply(stage, in, err);
    if (r < 0)
        return r;
    config = jsonx_dump(stage->config);
    stage_extend_key(stage, in->kind == INSTRUCTION_ARG ? "ARG" : config, NULL);
    r = get_or_execute(b, stage, NULL, NULL, &entry, &how, err);
    if (r < 0)
        return r;
    stage->created_nsec = entry.created_nsec;
    stage_add_history(stage, in->text, true);
    return 0;
}

static int do_instruction(struct builder *b, size_t stage_index, const struct instruction *in,
        unsigned *number, unsigned total, struct error **err)
{
    const struct stage *stage = &b->file->stages[stage_index];
    const char *how = NULL, *id;

    int r = engine_check_cancelled(b->engine, err);
    if (r < 0)
        return r;
    if (!makes_layer(in->kind)) {
        r = do_config_step(b, &b->stages[stage_index].state, in, err);
        error_place(err, &in->at);
        return r;
    }
    ++*number;
    id = arena_printf(&b->arena, "[%s%s%u/%u] %s", stage->name ? stage->name : "",
            stage->name ? " " : "", *number, total, in->text);
    report(b, PROGRESS_START, id, NULL);
    r = do_layer_step(b, stage_index, in, id, &how, err);
    if (r < 0)
        error_place(err, &in->at);
    report(b, r < 0 ? PROGRESS_FAILED : PROGRESS_DONE, id, r < 0 ? "ERROR" : how);
    return r;
}

/* ONBUILD triggers of the base image run first, once. */
static int do_triggers(
        struct builder *b, size_t stage_index, unsigned *number, unsigned total, struct error **err)
{
    struct stage_state *stage = &b->stages[stage_index].state;
    auto_json json_t *triggers = json_incref(json_object_get(stage->config, "OnBuild"));
    const json_t *item;
    size_t i;

    json_object_del(stage->config, "OnBuild");
    json_array_foreach(triggers, i, item)
    {
        struct instruction *in;
        const char *text = json_string_value(item);
        int r = text ? dockerfile_parse_instruction(&b->arena, "ONBUILD", text, &in, b->diag, err)
                     : 0;

        if (r >= 0 && text)
            r = do_instruction(b, stage_index, in, number, total, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int begin_stage(struct builder *b, size_t index, struct error **err)
{
    const struct instruction *from = b->file->stages[index].from;
    struct stage_state *state = &b->stages[index].state;
    auto_(image_free_p) struct image *image = NULL;
    const char *flag = instruction_flag_value(from, "platform");
    char *name, *platform = NULL;

    int r = expand_from(b, from, from->words[0], &name, err);
    if (r >= 0 && flag)
        r = expand_from(b, from, flag, &platform, err);
    if (r < 0)
        return r;
    if (!*name)
        return error_set_plain(err, EINVAL, &from->at, "FROM: the image's name is empty");
    ptrdiff_t base = find_stage(b, name, index);
    if (base >= 0 && b->stages[base].built) {
        stage_begin_copy(state, &b->arena, &b->stages[base].state);
    } else if (string_is_equal(name, "scratch")) {
        stage_begin_scratch(
                state, &b->arena, b->platform.os, b->platform.architecture, b->platform.variant);
    } else {
        const char *context = find_context(b, name);
        const char *ref = context ? context_image(context) : name;

        if (!ref)
            return error_set_plain(err, EOPNOTSUPP, &from->at,
                    "FROM the directory \"%s\" (the context \"%s\"): not supported", context, name);
        r = get_image(b, ref, string_is_empty(platform) ? NULL : platform, &image, err);
        if (r >= 0)
            r = stage_begin_image(state, &b->arena, image, err);
        if (r < 0)
            return r;
    }
    state->escape = b->file->escape;
    return 0;
}

/* --env: an ENV behind FROM. */
static int add_env(struct builder *b, size_t index, struct error **err)
{
    const struct instruction *env = stage_make_env(
            &b->arena, b->options->env, b->options->env_count, b->file->escape);

    return env ? do_config_step(b, &b->stages[index].state, env, err) : 0;
}

static unsigned count_steps(const struct stage *stage)
{
    unsigned count = 1; /* FROM */

    for (size_t i = 0; i < stage->len; i++)
        count += makes_layer(stage->items[i].kind);
    return count;
}

static int build_stage(struct builder *b, size_t index, struct error **err)
{
    const struct stage *stage = &b->file->stages[index];
    unsigned number = 1, total = count_steps(stage);
    const char *id = arena_printf(&b->arena, "[%s%s1/%u] %s", stage->name ? stage->name : "",
            stage->name ? " " : "", total, stage->from->text);

    report(b, PROGRESS_START, id, NULL);
    int r = begin_stage(b, index, err);
    report(b, r < 0 ? PROGRESS_FAILED : PROGRESS_DONE, id, r < 0 ? "ERROR" : "DONE");
    if (r < 0) {
        error_place(err, &stage->from->at);
        return r;
    }
    r = add_env(b, index, err);
    if (r >= 0)
        r = do_triggers(b, index, &number, total, err);
    for (size_t i = 0; i < stage->len && r >= 0; i++)
        r = do_instruction(b, index, &stage->items[i], &number, total, err);
    if (r >= 0)
        b->stages[index].built = true;
    return r;
}

static int finish_image(struct builder *b, char **ret_id, struct error **err)
{
    struct stage_state *stage = &b->stages[b->target].state;
    char created[TIME_RFC3339_MAX];

    stage_finish(stage, b->options);
    json_object_set_new(stage->image_config, "created",
            json_string(time_format_rfc3339(stage->created_nsec, created)));
    struct image_create_options options = {
        .config = stage->image_config,
        .diff_ids = (const char *const *)stage->layers.items,
        .diff_id_count = stage->layers.len,
        .names = b->options->tags,
        .name_count = b->options->tag_count,
    };
    report(b, PROGRESS_START, "exporting to image", NULL);
    int r = image_create(b->engine, &options, ret_id, err);
    report(b, r < 0 ? PROGRESS_FAILED : PROGRESS_DONE, "exporting to image",
            r < 0 ? "ERROR" : "DONE");
    return r;
}

static int build(struct builder *b, char **ret_id, struct error **err)
{
    int r = run_lock_builds(b->engine, &b->lock_fd, err);

    if (r >= 0)
        r = open_context(b, err);
    if (r >= 0)
        r = read_dockerfile(b, err);
    if (r < 0)
        return r;
    b->stages = ARENA_NEW_ARRAY(&b->arena, b->file->stage_count, struct built_stage);
    for (size_t i = 0; i < b->file->stage_count; i++)
        b->stages[i].tree.root_fd = -EBADF;
    r = read_global_args(b, err);
    if (r >= 0)
        r = choose_target(b, err);
    if (r >= 0 && b->options->check)
        return 0;
    for (size_t i = 0; i <= b->target && r >= 0; i++) {
        if (b->stages[i].needed)
            r = build_stage(b, i, err);
    }
    if (r >= 0)
        r = finish_image(b, ret_id, err);
    if (r < 0)
        return r;
    warn_of_unused_args(b);
    r = run_caches_expire(b->engine, err);
    return r < 0 ? r : build_cache_expire(b->engine, err);
}

int build_image(struct engine *engine, const struct build_options *options, char **ret_image_id,
        struct error **err)
{
    auto_(builder_release) struct builder b = {
        .engine = engine,
        .options = options,
        .diag = options->diag,
        .context.root_fd = -EBADF,
        .lock_fd = -EBADF,
        .platform = image_platform_host(),
    };

    strmap_init_arena(&b.global_args, &b.arena);
    strmap_init_arena(&b.consumed, &b.arena);
    int r = string_is_empty(options->platform)
                    ? 0
                    : image_platform_parse(&b.arena, options->platform, &b.platform, err);
    return r < 0 ? r : build(&b, ret_image_id, err);
}
