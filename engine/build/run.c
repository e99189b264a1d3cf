#include "engine/build/run.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/random.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/build/build.h"
#include "engine/build/cache.h"
#include "engine/build/layer-work.h"
#include "engine/build/stage.h"
#include "engine/build/steps.h"
#include "engine/container/container.h"
#include "engine/engine-internal.h"
#include "engine/progress.h"
#include "engine/rootfs/view.h"

/* How much of a failing command's output goes into the error. */
#define TAIL_BYTES 2048
#define OUTPUT_CHUNK_BYTES 8192
#define NAME_BYTES 32

/* Variables that a build may pass without an ARG, and that are no part of the cache's key. */
static const char *const proxy_args[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
    "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy" };

static bool is_proxy_arg(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(proxy_args); i++) {
        if (string_is_equal(name, proxy_args[i]))
            return true;
    }
    return false;
}

static int check_flags(const struct instruction *instruction, const struct build_options *options,
        struct run_command *command, struct error **err)
{
    const char *network = instruction_flag_value(instruction, "network");
    const char *security = instruction_flag_value(instruction, "security");

    if (instruction_flag_value(instruction, "device"))
        return error_set_plain(err, EOPNOTSUPP, &instruction->at, "RUN --device: not supported");
    if (security && !string_is_equal(security, "sandbox"))
        return error_set_plain(
                err, EOPNOTSUPP, &instruction->at, "RUN --security=%s: not supported", security);
    if (network && !string_is_equal(network, "default") && !string_is_equal(network, "none") &&
            !string_is_equal(network, "host"))
        return error_set_plain(err, EINVAL, &instruction->at,
                "RUN --network: expected default, none or host, got \"%s\"", network);
    command->network = network && !string_is_equal(network, "default") ? network : options->network;
    return 0;
}

/* The text that the shell gets. A heredoc that is all of the command is the script itself; others stand
 * behind the command line, where the shell reads them. */
static int shell_text(const struct stage_state *stage, const struct instruction *instruction,
        const char **ret, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_DOCKERFILE_BYTES * 2);
    const char *line = instruction->word_count > 0 ? instruction->words[0] : "";

    if (instruction->heredoc_count == 1 && string_has_prefix(line, "<<") && !strpbrk(line, " \t")) {
        const char *script = instruction->heredocs[0].content;

        if (string_has_prefix(script, "#!"))
            return error_set_plain(err, EOPNOTSUPP, &instruction->heredocs[0].at,
                    "a RUN heredoc with an interpreter of its own: not supported");
        *ret = script;
        return 0;
    }
    strbuf_adds(&text, line);
    for (size_t i = 0; i < instruction->heredoc_count; i++)
        strbuf_addf(
                &text, "\n%s%s", instruction->heredocs[i].content, instruction->heredocs[i].name);
    if (instruction->heredoc_count > 0)
        strbuf_addc(&text, '\n');
    *ret = arena_strdup(stage->arena, text.data);
    return 0;
}

static void add_args(const struct step_context *context, const struct stage_state *stage,
        struct run_command *command, struct strbuf *key)
{
    struct strings env = { 0 };

    for (size_t i = 0; i < context->options->arg_count; i++) {
        const struct build_pair *arg = &context->options->args[i];

        if (arg->value && is_proxy_arg(arg->name))
            *ARRAY_APPEND_ARENA(stage->arena, &env) = arena_printf(
                    stage->arena, "%s=%s", arg->name, arg->value);
    }
    STRMAP_FOREACH(&stage->args, it) {
        /* ENV of the same name is stronger, and is in the image's environment already. */
        if (strmap_get(&stage->values, it->key) != it->value || is_proxy_arg(it->key))
            continue;
        *ARRAY_APPEND_ARENA(stage->arena, &env) = arena_printf(
                stage->arena, "%s=%s", it->key, (const char *)it->value);
        strbuf_addf(key, "\n%s=%s", it->key, (const char *)it->value);
    }
    *ARRAY_APPEND_ARENA(stage->arena, &env) = NULL;
    command->env = env.items;
}

/* What the build says about its containers, without what is the build's own to say. */
static struct container_config begin_config(const struct step_context *context)
{
    const struct container_config *sandbox = context->options->sandbox;
    struct container_config config = sandbox ? *sandbox
                                             : (struct container_config)CONTAINER_CONFIG_INIT;

    config.name = config.image = NULL;
    config.entrypoint = config.cmd = config.env = NULL;
    config.network_mode = CONTAINER_NETWORK_PRIVATE;
    config.networks = (struct container_networks){ 0 };
    return config;
}

/* What RUN may see of it is part of what its layer depends on. */
static void add_sandbox(const struct step_context *context, struct strbuf *key)
{
    struct container_config config = begin_config(context);
    auto_json json_t *json = container_config_to_json(&config);

    if (json_object_size(json) > 0) {
        auto_free char *text = jsonx_dump(json);

        strbuf_addf(key, "\n%s", text);
    }
}

int run_prepare(const struct step_context *context, const struct stage_state *stage,
        const struct instruction *instruction, struct run_command *ret, const char **ret_text,
        struct error **err)
{
    auto_(strbuf_release) struct strbuf key = STRBUF_INIT(LIMIT_DOCKERFILE_BYTES * 2);
    struct run_command command = { .instruction = instruction };

    int r = check_flags(instruction, context->options, &command, err);
    if (r < 0)
        return r;
    if (instruction->is_exec) {
        command.argv = ARENA_NEW_ARRAY(stage->arena, instruction->word_count + 1, char *);
        for (size_t i = 0; i < instruction->word_count; i++)
            command.argv[i] = instruction->words[i];
    } else {
        const char *text = NULL;

        r = shell_text(stage, instruction, &text, err);
        if (r < 0)
            return r;
        command.argv = stage_shell_command(stage, text);
    }
    strbuf_adds(&key, "RUN");
    for (size_t i = 0; command.argv[i]; i++)
        strbuf_addf(&key, "\n%s", command.argv[i]);
    strbuf_addf(&key, "\nnetwork=%s", command.network ? command.network : "");
    r = run_mounts_prepare(context, stage, instruction, &command.mounts, &key, err);
    if (r < 0)
        return r;
    add_args(context, stage, &command, &key);
    add_sandbox(context, &key);
    *ret_text = arena_strdup(stage->arena, key.data);
    *ret = command;
    return 0;
}

/* The image that the container runs: the stage so far, without what would get in a build's way. Its label
 * makes it different from every other image, and is what `sweep` finds it by. */
static int make_image(const struct step_context *context, const struct stage_state *stage,
        const char *name, char **ret_id, struct error **err)
{
    static const char *const dropped[] = { "Volumes", "Healthcheck", "Entrypoint", "Cmd",
        "ExposedPorts", "OnBuild", "StopSignal" };
    auto_json json_t *image_config = json_deep_copy(stage->image_config);
    json_t *config = json_object_get(image_config, "config");

    for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
        json_object_del(config, dropped[i]);
    json_object_set_new(config, "Labels", json_pack("{s:s}", BUILD_CONTAINER_LABEL, name));
    struct image_create_options options = {
        .config = image_config,
        .diff_ids = (const char *const *)stage->layers.items,
        .diff_id_count = stage->layers.len,
    };
    return image_create(context->engine, &options, ret_id, err);
}

static void drop_image(struct engine *engine, const char *id)
{
    struct image_remove_options options = { .force = true, .no_prune = true };
    struct image_removal removal = { 0 };

    (void)image_remove(engine, id, &options, &removal, NULL);
    image_removal_release(&removal);
}

/* What the command wrote goes first: it may be what fills the disk, and then nothing could be noted. */
static void drop_container(struct engine *engine, const char *id)
{
    struct container_remove_options options = { .force = true, .volumes = true };
    char path[sizeof("containers/") + CONTAINER_ID_HEX];
    (void)snprintf(path, sizeof(path), "containers/%s", id);
    auto_close int dir_fd = openat(
            engine->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir_fd >= 0)
        (void)fs_remove_tree(dir_fd, "upper", NULL);
    (void)container_remove(engine, id, &options, NULL);
}

/* Reads the command's output from a pipe, in a thread of its own, and passes it on. */
struct output {
    const struct progress *progress;
    const char *id;
    int fd;
    char tail[TAIL_BYTES + 1];
    size_t tail_len;
};

static void keep_tail(struct output *output, const char *data, size_t len)
{
    if (len >= TAIL_BYTES) {
        memcpy(output->tail, data + len - TAIL_BYTES, TAIL_BYTES);
        output->tail_len = TAIL_BYTES;
        return;
    }
    size_t keep = TAIL_BYTES - len < output->tail_len ? TAIL_BYTES - len : output->tail_len;

    memmove(output->tail, output->tail + output->tail_len - keep, keep);
    memcpy(output->tail + keep, data, len);
    output->tail_len = keep + len;
}

static void *read_output(void *argument)
{
    struct output *output = argument;
    char buffer[OUTPUT_CHUNK_BYTES];
    ssize_t n;

    while ((n = read(output->fd, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        keep_tail(output, buffer, (size_t)n);
        progress_report(output->progress, &(struct progress_event){ .kind = PROGRESS_OUTPUT,
                                                  .id = output->id,
                                                  .text = buffer,
                                                  .text_len = (uint64_t)n });
    }
    return NULL;
}

static int run_container(const struct step_context *context, const char *id, struct output *output,
        int *ret_exit_code, struct error **err)
{
    auto_close int write_fd = -EBADF;
    auto_close int read_fd = -EBADF;
    struct container_attach_result result = { 0 };
    pthread_t thread;

    int r = fd_pipe(&read_fd, &write_fd);
    if (r < 0)
        return error_set(err, r, NULL, "cannot make a pipe");
    output->fd = read_fd;
    r = pthread_create(&thread, NULL, read_output, output);
    if (r != 0)
        return error_set(err, r, NULL, "cannot start a thread");
    struct container_attach_options attach = { .stdin_fd = -EBADF,
        .stdout_fd = write_fd,
        .stderr_fd = write_fd,
        .detach_keys = "",
        .cancel_fd = context->engine->options.cancel_fd };
    r = container_start_attached(context->engine, id, &attach, &result, err);
    write_fd = fd_close(write_fd);
    pthread_join(thread, NULL);
    if (r >= 0)
        *ret_exit_code = result.exit_code;
    return r;
}

/* What the engine itself puts into the root file system: its mark, and what there has to be to mount on. */
static const struct mount_point {
    const char *parent, *name;
    mode_t type;
} mount_points[] = {
    { ".", ".dockerenv", S_IFREG },
    { "etc", "resolv.conf", S_IFREG },
    { "etc", "hosts", S_IFREG },
    { "etc", "hostname", S_IFREG },
    { "sbin", "docker-init", S_IFREG },
    { ".", "dev", S_IFDIR },
    { ".", "proc", S_IFDIR },
    { ".", "sys", S_IFDIR },
    { ".", "etc", S_IFDIR },
    { ".", "sbin", S_IFDIR },
};

/* True when what the command left under that name is no more than what a mount needs. */
static bool is_mount_point(const struct mount_point *point, const struct stat *st)
{
    return (st->st_mode & S_IFMT) == point->type && (S_ISDIR(st->st_mode) || st->st_size == 0);
}

/* A directory of the upper layer that says nothing which the one below it does not say. */
static bool adds_nothing(int upper_fd, const struct stat *lower, const struct stat *upper)
{
    return S_ISDIR(lower->st_mode) && lower->st_mode == upper->st_mode &&
           lower->st_uid == upper->st_uid && lower->st_gid == upper->st_gid &&
           fgetxattr(upper_fd, "trusted.overlay.opaque", NULL, 0) < 0;
}

/* The layers' own entry of that name; false when they have none. */
static bool stat_lower(int lower_fd, const struct mount_point *point, struct stat *ret)
{
    auto_close int fd = lower_fd < 0 ? -ENOENT
                                     : fs_try_open_in_root(lower_fd, point->parent, O_PATH, 0);

    return fd >= 0 && fstatat(fd, point->name, ret, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The command may have put links anywhere, so nothing here follows one out of the layer. */
static void drop_mount_point(int upper_fd, int lower_fd, const struct mount_point *point)
{
    auto_close int parent_fd = fs_try_open_in_root(
            upper_fd, point->parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    struct stat st, lower;

    if (parent_fd < 0 || fstatat(parent_fd, point->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !is_mount_point(point, &st))
        return;
    if (stat_lower(lower_fd, point, &lower)) {
        auto_close int fd = openat(
                parent_fd, point->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 || !adds_nothing(fd, &lower, &st))
            return;
    }
    /* A directory with something in it stays: it cannot be removed. */
    (void)unlinkat(parent_fd, point->name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

/* Where something of the user's was mounted, with the directories that had to be made above it. */
static void drop_mount_path(int upper_fd, int lower_fd, const char *target)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *path = path_clean(&arena, target);

    drop_mount_point(upper_fd, lower_fd,
            &(struct mount_point){ path_parent(&arena, path), path_last(path), S_IFREG });
    for (; !string_is_equal(path, "/") && *path; path = path_parent(&arena, path)) {
        struct mount_point point = { path_parent(&arena, path), path_last(path), S_IFDIR };

        drop_mount_point(upper_fd, lower_fd, &point);
    }
}

static void drop_mount_points(int upper_fd, const struct stage_state *stage,
        const struct run_command *command, const struct step_context *context)
{
    const struct container_config *sandbox = context->options->sandbox;
    static const char *const below_dev[] = { "console", "shm", "pts", "mqueue" };
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings dirs = { 0 };

    if (layer_work_dirs(context->engine, &arena, &stage->layers, &dirs, NULL) < 0)
        return;
    struct rootfs_view view = { .lower = (const char *const *)dirs.items, .lower_count = dirs.len };
    auto_close int lower_fd = dirs.len > 0 ? rootfs_view_open(&view, NULL) : -EBADF;
    for (size_t i = 0; i < ARRAY_LEN(below_dev); i++) {
        struct mount_point point = { "dev", below_dev[i], i == 0 ? S_IFREG : S_IFDIR };

        drop_mount_point(upper_fd, lower_fd, &point);
    }
    for (size_t i = 0; i < ARRAY_LEN(mount_points); i++)
        drop_mount_point(upper_fd, lower_fd, &mount_points[i]);
    for (size_t i = 0; sandbox && i < sandbox->mounts.len; i++)
        drop_mount_path(upper_fd, lower_fd, sandbox->mounts.items[i].target);
    for (size_t i = command->mounts.len; i-- > 0;)
        drop_mount_path(upper_fd, lower_fd, run_mount_target(&command->mounts, i));
}

static int commit_upper(const struct step_context *context, const struct stage_state *stage,
        const struct run_command *command, const char *id,
        char ret_diff_id[static IMAGE_DIFF_ID_MAX], struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *path = arena_printf(&arena, "containers/%s", id);
    auto_close int dir_fd = openat(
            context->engine->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_close int upper_fd = dir_fd < 0 ? -EBADF
                                         : openat(dir_fd, "upper",
                                                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (upper_fd < 0)
        return error_set(err, errno, NULL, "cannot open what the command wrote");
    drop_mount_points(upper_fd, stage, command, context);
    upper_fd = fd_close(upper_fd);
    if (directory_is_empty(dir_fd, "upper")) {
        *ret_diff_id = '\0';
        return 0;
    }
    return layer_commit_directory(context->engine, dir_fd, "upper", ret_diff_id, NULL, err);
}

/* One run of a command. */
struct job {
    char name[NAME_BYTES]; /* the container's, and its image's label */
    char *image_id;
    char id[CONTAINER_ID_HEX + 1];
    struct run_mounted mounted;
};

static void job_release(struct job *job)
{
    run_mounted_release(&job->mounted);
    free(job->image_id);
}

static int create_container(const struct step_context *context, const struct run_command *command,
        struct job *job, struct error **err)
{
    struct container_config config = begin_config(context);
    struct container_network network = { .network = "bridge" };
    char *health[] = { (char *)"NONE", NULL };
    char *entrypoint[] = { command->argv[0], NULL };

    config.name = job->name;
    config.image = job->image_id;
    config.entrypoint = entrypoint;
    config.cmd = command->argv + 1;
    config.env = command->env;
    config.log_driver = "none";
    config.has_health = true;
    config.health.test = health;
    if (string_is_equal(command->network, "host")) {
        config.network_mode = CONTAINER_NETWORK_HOST;
    } else if (string_is_equal(command->network, "none")) {
        config.network_mode = CONTAINER_NETWORK_NONE;
    } else {
        if (command->network && !string_is_equal(command->network, "default"))
            network.network = command->network;
        config.networks.items = &network;
        config.networks.len = 1;
    }
    int r = run_mounts_attach(context, &command->mounts, &job->mounted, &config, err);
    return r < 0 ? r : container_create(context->engine, &config, job->id, NULL, err);
}

static int failed(const struct run_command *command, int exit_code, const struct output *output,
        struct error **err)
{
    struct str tail = str_trim((struct str){ output->tail, output->tail_len });

    if (tail.len > 0)
        (void)error_set_plain(err, ENOEXEC, NULL, "its last output was:\n%.*s", STR_FMT(tail));
    else
        (void)error_set_plain(err, ENOEXEC, NULL, "it printed nothing");
    int r = error_wrap(err, -ENOEXEC, "the command \"%s\" failed with exit status %d",
            command->instruction->words[0], exit_code);
    error_place(err, &command->instruction->at);
    return r;
}

int run_execute(const struct step_context *context, const struct stage_state *stage,
        const struct run_command *command, char ret_diff_id[static IMAGE_DIFF_ID_MAX],
        struct error **err)
{
    struct output output = { .progress = context->options->progress, .id = context->progress_id };
    auto_(job_release) struct job job = { .mounted = RUN_MOUNTED_INIT };
    char random[RANDOM_ID_HEX + 1];
    int exit_code = 0;

    random_id(random);
    (void)snprintf(job.name, sizeof(job.name), "build-%.24s", random);
    int r = make_image(context, stage, job.name, &job.image_id, err);
    if (r < 0)
        return r;
    r = create_container(context, command, &job, err);
    if (r >= 0) {
        r = run_container(context, job.id, &output, &exit_code, err);
        if (r >= 0)
            r = engine_check_cancelled(context->engine, err);
        if (r >= 0 && exit_code != 0)
            r = failed(command, exit_code, &output, err);
        if (r >= 0)
            r = commit_upper(context, stage, command, job.id, ret_diff_id, err);
        drop_container(context->engine, job.id);
    }
    drop_image(context->engine, job.image_id);
    return r;
}

/* Removes the containers, and the images made for them, of builds that died. No other build may run. */
static int sweep(struct engine *engine, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(image_list_release) struct image_list images = { 0 };
    const char *label = BUILD_CONTAINER_LABEL;
    char *labels[] = { (char *)label, NULL };
    struct container_filter filter = { .all = true, .labels = labels };
    struct image_list_options dangling = { .labels = &label, .label_count = 1, .dangling = 1 };
    struct containers found = { 0 };

    int r = container_list(engine, &arena, &filter, &found, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < found.len; i++)
        drop_container(engine, found.items[i]->id);
    r = image_list(engine, &dangling, &images, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < images.len; i++)
        drop_image(engine, images.items[i]->id);
    return 0;
}

int run_lock_builds(struct engine *engine, int *ret_fd, struct error **err)
{
    auto_close int dir_fd = fs_mkdir_parents(engine->run_fd, "locks", 0700, err);

    if (dir_fd < 0)
        return dir_fd;
    auto_close int fd = fs_lock(dir_fd, BUILD_LOCK, true, false);
    if (fd >= 0) {
        int r = sweep(engine, err);

        if (r < 0)
            return r;
        if (flock(fd, LOCK_SH) < 0)
            return error_set(err, errno, NULL, "cannot share the lock of builds");
    } else {
        fd = fs_lock(dir_fd, BUILD_LOCK, false, true);
        if (fd < 0)
            return error_set(err, fd, NULL, "cannot take the lock of builds");
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}
