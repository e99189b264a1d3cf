#include "engine/build/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/archive/unpack.h"
#include "engine/build/add-archive.h"
#include "engine/build/build.h"
#include "engine/build/layer-work.h"
#include "engine/build/run.h"
#include "engine/engine-internal.h"
#include "engine/rootfs/copy.h"
#include "engine/runtime/user.h"

struct heredoc_file {
    const char *name, *content;
};

struct step_plan {
    const struct instruction *instruction;

    /* COPY and ADD */
    struct strings paths; /* in the source */
    struct heredoc_file *files;
    size_t file_count;
    const char *dest; /* absolute */
    bool into_directory;
    struct ignore_list exclude;
    const char *chown; /* NULL: 0:0, or kept from an image */
    mode_t mode;
    bool unpack; /* ADD: archives are extracted */

    /* RUN */
    struct run_command run;

    /* WORKDIR */
    const char *directory;
};

static int add_exclude(const struct step_context *context, const struct instruction *instruction,
        struct step_plan *plan, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_DOCKERFILE_BYTES);

    for (size_t i = 0; i < instruction->flag_count; i++) {
        if (string_is_equal(instruction->flags[i].name, "exclude"))
            strbuf_addf(
                    &text, "%s\n", instruction->flags[i].value ? instruction->flags[i].value : "");
    }
    return ignore_parse(
            context->arena, instruction->at.file, text.data, text.len, &plan->exclude, err);
}

static int refuse(const struct instruction *instruction, const char *what, struct error **err)
{
    return error_set_plain(err, EOPNOTSUPP, &instruction->at, "%s %s: not supported",
            instruction_name(instruction->kind), what);
}

static int check_copy_flags(const struct instruction *instruction, struct error **err)
{
    static const char *const refused[] = { "parents", "checksum", "keep-git-dir" };

    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        char flag[32];

        (void)snprintf(flag, sizeof(flag), "--%s", refused[i]);
        if (instruction_flag_value(instruction, refused[i]))
            return refuse(instruction, flag, err);
    }
    return 0;
}

static int read_copy_flags(const struct step_context *context, const struct stage_state *stage,
        const struct instruction *instruction, struct step_plan *plan, struct error **err)
{
    const char *chown = instruction_flag_value(instruction, "chown");
    const char *mode = instruction_flag_value(instruction, "chmod");
    const char *unpack = instruction_flag_value(instruction, "unpack");
    char *text;
    uint32_t number;

    int r = check_copy_flags(instruction, err);
    if (r < 0)
        return r;
    plan->mode = TREE_COPY_KEEP_MODE;
    if (chown) {
        r = stage_expand(stage, instruction, chown, &text, err);
        if (r < 0)
            return r;
        plan->chown = text;
    }
    if (mode) {
        r = stage_expand(stage, instruction, mode, &text, err);
        if (r < 0)
            return r;
        if (parse_octal(str_from(text), 07777, &number) < 0)
            return error_set_plain(err, EINVAL, &instruction->at,
                    "--chmod: expected an octal mode such as 755, got \"%s\"", text);
        plan->mode = (mode_t)number;
    }
    plan->unpack = instruction->kind == INSTRUCTION_ADD;
    if (unpack && *unpack && parse_bool(str_from(unpack), &plan->unpack) < 0)
        return error_set_plain(err, EINVAL, &instruction->at,
                "--unpack: expected true or false, got \"%s\"", unpack);
    return add_exclude(context, instruction, plan, err);
}

static bool is_remote(const char *word)
{
    return string_has_prefix(word, "http://") || string_has_prefix(word, "https://") ||
           string_has_prefix(word, "git@") || string_has_prefix(word, "git://") ||
           string_has_prefix(word, "ssh://");
}

static int add_heredoc(const struct stage_state *stage, const struct instruction *instruction,
        size_t index, struct step_plan *plan, struct error **err)
{
    const struct heredoc *doc = &instruction->heredocs[index];
    char *content = (char *)doc->content;

    if (doc->expand) {
        struct expand_options options = {
            .escape = stage->escape,
            .values = &stage->values,
            .keep_quotes = true,
            .at = doc->at,
        };
        int r = expand_word(stage->arena, &options, doc->content, &content, err);

        if (r < 0)
            return r;
    }
    plan->files[plan->file_count++] = (struct heredoc_file){ doc->name, content };
    return 0;
}

/* The last word is the destination: below the working directory unless absolute. */
static int read_destination(const struct stage_state *stage, const struct instruction *instruction,
        struct step_plan *plan, struct error **err)
{
    const char *word = instruction->words[instruction->word_count - 1];
    char *dest;

    int r = stage_expand(stage, instruction, word, &dest, err);
    if (r < 0)
        return r;
    if (!*dest)
        return error_set_plain(err, EINVAL, &instruction->at, "the destination is empty");
    plan->into_directory = string_has_suffix(dest, "/") || string_is_equal(dest, ".") ||
                           string_has_suffix(dest, "/.");
    plan->dest = path_join(stage->arena, stage_working_dir(stage), dest);
    return 0;
}

static int read_sources(const struct step_context *context, const struct stage_state *stage,
        const struct instruction *instruction, struct step_plan *plan, struct error **err)
{
    size_t heredoc = 0;

    plan->files = ARENA_NEW_ARRAY(
            stage->arena, instruction->heredoc_count + 1, struct heredoc_file);
    for (size_t i = 0; i + 1 < instruction->word_count; i++) {
        char *word;
        int r;

        if (string_has_prefix(instruction->words[i], "<<") &&
                heredoc < instruction->heredoc_count) {
            r = add_heredoc(stage, instruction, heredoc++, plan, err);
            if (r < 0)
                return r;
            continue;
        }
        r = stage_expand(stage, instruction, instruction->words[i], &word, err);
        if (r < 0)
            return r;
        if (instruction->kind == INSTRUCTION_ADD && is_remote(word))
            return refuse(instruction, "of a remote address", err);
        r = source_match(context->arena, context->source, word, &plan->exclude, &plan->paths, err);
        if (r < 0) {
            error_place(err, &instruction->at);
            return r;
        }
    }
    if (plan->paths.len + plan->file_count > 1 && !plan->into_directory)
        return error_set_plain(err, EINVAL, &instruction->at,
                "%s with more than one source needs a destination that is a directory and ends with \"/\"",
                instruction_name(instruction->kind));
    return 0;
}

static int prepare_copy(const struct step_context *context, const struct stage_state *stage,
        const struct instruction *instruction, struct step_plan *plan, const char **ret_text,
        const char **ret_digest, struct error **err)
{
    auto_(digest_free_p) struct digest *digest = NULL;
    char *content = arena_alloc(stage->arena, DIGEST_TEXT_MAX);

    int r = read_copy_flags(context, stage, instruction, plan, err);
    if (r >= 0)
        r = read_destination(stage, instruction, plan, err);
    if (r >= 0)
        r = read_sources(context, stage, instruction, plan, err);
    if (r >= 0)
        r = digest_new("sha256", &digest, err);
    for (size_t i = 0; i < plan->paths.len && r >= 0; i++)
        r = source_hash(context->engine, context->source, plan->paths.items[i], &plan->exclude,
                context->source_is_image && !plan->chown, digest, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < plan->file_count; i++) {
        digest_update(digest, plan->files[i].name, strlen(plan->files[i].name) + 1);
        digest_update(digest, plan->files[i].content, strlen(plan->files[i].content) + 1);
    }
    digest_finish(digest, content);
    *ret_digest = content;
    *ret_text = arena_printf(stage->arena, "%s %s%s chown=%s mode=%o unpack=%d",
            instruction_name(instruction->kind), plan->dest, plan->into_directory ? "/" : "",
            plan->chown ? plan->chown : "", (unsigned)plan->mode, plan->unpack);
    return 0;
}

int step_prepare(const struct step_context *context, const struct stage_state *stage,
        const struct instruction *instruction, struct step_plan **ret, const char **ret_text,
        const char **ret_digest, struct error **err)
{
    struct step_plan *plan = ARENA_NEW(stage->arena, struct step_plan);
    int r = 0;

    plan->instruction = instruction;
    *ret_digest = NULL;
    switch (instruction->kind) {
    case INSTRUCTION_COPY:
    case INSTRUCTION_ADD:
        r = prepare_copy(context, stage, instruction, plan, ret_text, ret_digest, err);
        break;
    case INSTRUCTION_RUN:
        r = run_prepare(context, stage, instruction, &plan->run, ret_text, err);
        break;
    default: /* WORKDIR: the configuration holds the path already */
        plan->directory = stage_working_dir(stage);
        *ret_text = arena_printf(stage->arena, "WORKDIR %s", plan->directory);
        break;
    }
    if (r >= 0)
        *ret = plan;
    return r;
}

static int resolve_owner(const struct step_context *context, const struct step_plan *plan,
        int root_fd, struct source_copy *copy, struct error **err)
{
    struct user_identity user;
    size_t index;

    copy->keep_owner = context->source_is_image && !plan->chown;
    if (!plan->chown)
        return 0;
    switch (user_resolve(root_fd, plan->chown, NULL, &user, &index)) {
    case USER_OK:
        break;
    case USER_UNKNOWN:
        return error_set_plain(
                err, ENOENT, NULL, "--chown=%s: no such user in /etc/passwd", plan->chown);
    case USER_GROUP_UNKNOWN:
    case USER_ADDED_UNKNOWN:
        return error_set_plain(
                err, ENOENT, NULL, "--chown=%s: no such group in /etc/group", plan->chown);
    case USER_RANGE:
        return error_set_plain(
                err, ERANGE, NULL, "--chown=%s: ids lie between 0 and %d", plan->chown, INT32_MAX);
    case USER_FILE:
        return error_set(
                err, errno, NULL, "--chown=%s: cannot read the users of the image", plan->chown);
    }
    copy->uid = user.uid;
    /* "name" alone: the group of that name's line; a number alone: the same number, as Docker has it. */
    copy->gid = user.gid;
    uint32_t number;
    if (parse_uint32(str_from(plan->chown), INT32_MAX, &number) == 0)
        copy->gid = number;
    return 0;
}

static int copy_path(const struct step_context *context, const struct step_plan *plan,
        const char *path, int root_fd, const struct source_copy *copy, struct error **err)
{
    if (plan->unpack) {
        bool keeps_owner = !plan->chown;
        int r = add_archive(context->engine, context->source, path, root_fd, plan->dest,
                keeps_owner ? UNPACK_KEEP_OWNER : copy->uid,
                keeps_owner ? (gid_t)UNPACK_KEEP_OWNER : copy->gid, err);

        if (r != 0)
            return r < 0 ? r : 0;
    }
    return source_copy(context->engine, context->source, path, root_fd, plan->dest,
            plan->into_directory, copy, err);
}

static int execute_copy(const struct step_context *context, const struct step_plan *plan,
        int root_fd, struct error **err)
{
    struct source_copy copy = { .exclude = &plan->exclude, .mode = plan->mode };

    int r = resolve_owner(context, plan, root_fd, &copy, err);
    for (size_t i = 0; i < plan->paths.len && r >= 0; i++)
        r = copy_path(context, plan, plan->paths.items[i], root_fd, &copy, err);
    for (size_t i = 0; i < plan->file_count && r >= 0; i++) {
        const struct heredoc_file *file = &plan->files[i];
        const char *dest = plan->into_directory
                                   ? arena_printf(context->arena, "%s/%s", plan->dest, file->name)
                                   : plan->dest;

        r = source_write(root_fd, dest, file->content, strlen(file->content), copy.uid, copy.gid,
                plan->mode == TREE_COPY_KEEP_MODE ? 0644 : plan->mode, err);
    }
    return r;
}

static int execute_workdir(const struct step_plan *plan, int root_fd, struct error **err)
{
    auto_close int existing = fs_try_open_in_root(
            root_fd, plan->directory, O_PATH | O_DIRECTORY, 0);

    if (existing >= 0)
        return 0;
    auto_close int fd = fs_mkdir_in_root(root_fd, plan->directory, 0755, 0, 0, err);
    return fd < 0 ? error_wrap(err, fd, "cannot make the directory \"%s\"", plan->directory) : 0;
}

int step_execute(const struct step_context *context, const struct stage_state *stage,
        const struct step_plan *plan, char ret_diff_id[static IMAGE_DIFF_ID_MAX],
        struct error **err)
{
    auto_(layer_work_release) struct layer_work work = LAYER_WORK_INIT;

    if (plan->instruction->kind == INSTRUCTION_RUN)
        return run_execute(context, stage, &plan->run, ret_diff_id, err);
    int r = layer_work_open(context->engine, context->arena, &stage->layers, &work, err);
    if (r < 0)
        return r;
    r = plan->instruction->kind == INSTRUCTION_WORKDIR
                ? execute_workdir(plan, work.root_fd, err)
                : execute_copy(context, plan, work.root_fd, err);
    return r < 0 ? r : layer_work_commit(&work, ret_diff_id, err);
}
