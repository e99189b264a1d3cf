/* Carrying a plan out, and taking it away. Images come first, so that what cannot be had leaves nothing behind; a pod of which
 * a container cannot be made is removed again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/secret.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/image-progress.h"
#include "cli/kube-notify.h"
#include "cli/kube.h"
#include "cli/registry-words.h"
#include "cli/report.h"
#include "engine/container/pod.h"
#include "engine/container/secret-store.h"
#include "engine/network/network.h"
#include "engine/volume/volume-mount.h"
#include "engine/volume/volume.h"
#include "kube/read.h"

#define EMPTY_DIR_MODE 0777 /* as Kubernetes makes them: whoever a container runs as */
#define DEFAULT_NETWORK "podman-default-kube-network"

struct playing {
    struct cli *cli;
    struct engine *engine;
    const struct kube_play_options *options;
    const struct kube_plan *plan;
    struct kube_made *made;
    struct registry_said registry;
    const char *cgroup;
};

static void note_text(struct playing *p, struct strings *list, const char *text)
{
    *ARRAY_APPEND_ARENA(&p->cli->arena, list) = arena_strdup(&p->cli->arena, text);
}

/* ---- Images ---- */

static int pull_one(struct playing *p, const char *image, const char *policy, struct error **err)
{
    const struct image_wish wish = {
        .ref = image, .policy = policy, .access = &p->registry.access, .quiet = p->options->quiet
    };

    return image_progress_pull(p->cli, p->engine, &wish, err);
}

static int pull_for(
        struct playing *p, const struct kube_container_plan *container, struct error **err)
{
    int r = pull_one(p, container->image, container->pull_policy, err);

    for (size_t i = 0; i < container->mounts.len && r >= 0; i++) {
        const struct kube_mount_plan *mount = &container->mounts.items[i];

        if (mount->kind == KUBE_MOUNT_IMAGE)
            r = pull_one(p, mount->source,
                    string_is_equal(mount->pull_policy, "Always")  ? "always"
                    : string_is_equal(mount->pull_policy, "Never") ? "never"
                                                                   : "missing",
                    err);
    }
    if (r < 0)
        error_place(err, &container->at);
    return r;
}

static int pull_all(struct playing *p, struct error **err)
{
    int r = registry_words_read(&p->options->registry, &p->registry, err);

    ARRAY_FOREACH(&p->plan->pods, pod)
        for (size_t i = 0; i < pod->containers.len && r >= 0; i++)
            r = pull_for(p, &pod->containers.items[i], err);
    return r;
}

/* ---- Volumes, secrets, networks ---- */

static struct container_pairs pairs_of(struct arena *arena, const struct kube_pairs *from)
{
    struct container_pairs pairs = { 0 };

    ARRAY_FOREACH(from, pair)
        *ARRAY_APPEND_ARENA(arena, &pairs) = (struct container_pair){ pair->key, pair->value };
    return pairs;
}

static int make_claims(struct playing *p, struct error **err)
{
    struct arena *arena = &p->cli->arena;
    int r = 0;

    for (size_t i = 0; i < p->plan->claims.len && r >= 0; i++) {
        const struct kube_claim_plan *claim = &p->plan->claims.items[i];
        struct volume_create_options options = { .name = claim->name,
            .driver = claim->driver,
            .options = pairs_of(arena, &claim->options),
            .labels = pairs_of(arena, &claim->labels) };
        struct volume volume;

        r = volume_create(p->engine, arena, &options, &volume, err);
        if (r >= 0)
            note_text(p, &p->made->volumes, volume.name);
    }
    return r;
}

/* A secret that says so is never replaced. */
static int check_immutable(
        struct playing *p, const struct kube_secret_plan *plan, struct error **err)
{
    auto_(secret_release) struct secret data = SECRET_INIT;

    if (secret_read(p->engine, plan->name, &data, NULL) < 0)
        return 0;
    const struct kube_secret *old = kube_read_secret(&p->cli->arena, data.data, data.len);
    if (!old || old->immutable != KUBE_YES)
        return 0;
    return error_set_plain(
            err, EPERM, &plan->at, "cannot remove colliding secret as it is set to immutable");
}

static int make_secrets(struct playing *p, struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < p->plan->secrets.len && r >= 0; i++) {
        const struct kube_secret_plan *plan = &p->plan->secrets.items[i];
        auto_(secret_release) struct secret data = SECRET_INIT;
        const char *id;

        secret_set(&data, plan->text, strlen(plan->text));
        r = check_immutable(p, plan, err);
        if (r >= 0)
            r = secret_create(p->engine, &p->cli->arena,
                    &(struct secret_create_options){
                            .name = plan->name, .data = &data, .replace = true },
                    &id, err);
        if (r >= 0)
            note_text(p, &p->made->secrets, id);
        else
            error_place(err, &plan->at);
    }
    return r;
}

/* Replaced whole: containers see the old or the new one, and what they may have put at its name is never opened. */
static int write_file(int dir_fd, const struct kube_file_plan *file, struct error **err)
{
    const char *slash = strrchr(file->path, '/');
    auto_close int own_fd = -EBADF;

    if (slash) { /* an item may be in a directory of its own */
        char parent[LIMIT_PATH_BYTES];
        int len = snprintf(parent, sizeof(parent), "%.*s", (int)(slash - file->path), file->path);

        if (len < 0 || (size_t)len >= sizeof(parent))
            return error_set_plain(err, ENAMETOOLONG, NULL, "the path of a file is too long");
        own_fd = fs_mkdir_in_root(dir_fd, parent, 0755, geteuid(), getegid(), err);
        if (own_fd < 0)
            return own_fd;
    }
    return fs_replace_file(slash ? own_fd : dir_fd, slash ? slash + 1 : file->path, file->data,
            file->len, (mode_t)file->mode, FS_NO_SYNC, err);
}

/* A volume of that name, with these files in it; others in it stay. */
static int make_files(struct playing *p, const struct kube_files_plan *plan, struct error **err)
{
    struct volume volume;
    int r = volume_create(p->engine, &p->cli->arena,
            &(struct volume_create_options){ .name = plan->volume }, &volume, err);

    if (r < 0)
        return r;
    /* They would lie below what is mounted over them. */
    if (volume_has_device(&volume))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cannot fill volume %s: it is there already, with a device of its own",
                plan->volume);
    auto_close int dir_fd = open(volume.mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return error_set(err, errno, NULL, "cannot open volume %s", plan->volume);
    for (size_t i = 0; i < plan->files.len && r >= 0; i++)
        r = write_file(dir_fd, &plan->files.items[i], err);
    return r < 0 ? error_wrap(err, r, "cannot fill volume %s", plan->volume) : 0;
}

static int make_network(struct playing *p, struct error **err)
{
    auto_error struct error *failure = NULL;
    char id[RANDOM_ID_HEX + 1];
    int r = network_create(
            p->engine, &(struct network_create_options){ .name = DEFAULT_NETWORK }, id, &failure);

    return r < 0 && r != -EEXIST ? error_move(err, TAKE(failure)) : 0;
}

/* ---- Pods ---- */

/* A place below a volume, as Kubernetes makes it where it is missing. What is mounted over the volume has its own. */
static int make_below(struct playing *p, const char *name, const char *path, struct error **err)
{
    struct volume volume;
    int r = volume_create(p->engine, &p->cli->arena,
            &(struct volume_create_options){ .name = name }, &volume, err);

    if (r < 0 || volume_has_device(&volume))
        return r;
    auto_close int dir_fd = open(volume.mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return error_set(err, errno, NULL, "cannot open volume %s", name);
    auto_close int old_fd = fs_try_open_in_root(dir_fd, path, O_PATH, 0);
    if (old_fd >= 0)
        return 0;
    auto_close int new_fd = fs_mkdir_in_root(dir_fd, path, 0755, geteuid(), getegid(), err);
    return new_fd < 0 ? new_fd : 0;
}

/* Volumes of emptyDirs are there before the containers that share them: anonymous ones, which go with the last. */
static int make_empty_dir(
        struct playing *p, struct kube_filling *f, const char *name, struct error **err)
{
    struct volume volume;

    if (strmap_get(&f->empty_dirs, name))
        return 0;
    int r = volume_create(
            p->engine, &p->cli->arena, &(struct volume_create_options){ 0 }, &volume, err);
    if (r < 0)
        return r;
    strmap_set(&f->empty_dirs, name, arena_strdup(&p->cli->arena, volume.name));
    auto_close int dir_fd = open(volume.mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0 || fchmod(dir_fd, EMPTY_DIR_MODE) < 0)
        return error_set(err, errno, NULL, "cannot prepare the emptyDir %s", name);
    return 0;
}

static int prepare_mounts(struct playing *p, struct kube_filling *f,
        const struct kube_container_plan *plan, struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < plan->mounts.len && r >= 0; i++) {
        const struct kube_mount_plan *mount = &plan->mounts.items[i];
        const char *name = mount->source;

        if (mount->kind == KUBE_MOUNT_EMPTY) {
            r = make_empty_dir(p, f, name, err);
            name = strmap_get(&f->empty_dirs, name);
        } else if (mount->kind != KUBE_MOUNT_VOLUME)
            continue;
        if (r >= 0 && mount->sub_path)
            r = make_below(p, name, mount->sub_path, err);
        if (r < 0)
            error_place(err, &mount->at);
    }
    return r;
}

static void drop_empty_dirs(struct playing *p, struct kube_filling *f)
{
    STRMAP_FOREACH(&f->empty_dirs, entry)
        (void)volume_remove(p->engine, entry->value, true, NULL);
}

static int remove_of_name(struct playing *p, const char *name, struct error **err)
{
    struct container *old = NULL;
    int r = container_lookup(p->engine, &p->cli->arena, name, &old, err);

    if (r < 0 || !old || strcmp(old->name, name) != 0)
        return r;
    return container_remove(
            p->engine, old->id, &(struct container_remove_options){ .force = true }, err);
}

static int make_container(struct playing *p, struct kube_filling *f,
        const struct kube_container_plan *plan, struct kube_made_pod *made, struct error **err)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct container_config config;
    char id[CONTAINER_ID_HEX + 1];
    int r = p->options->replace ? remove_of_name(p, plan->name, err) : 0;

    if (r >= 0)
        r = prepare_mounts(p, f, plan, err);
    if (r >= 0)
        r = kube_fill_container(f, plan, &config, err);
    if (r >= 0)
        r = container_create(p->engine, &config, id, &diag, err);
    report_diag(p->cli, &diag);
    if (r < 0) {
        error_place(err, &plan->at);
        return r;
    }
    if (plan->init == KUBE_INIT_NO)
        note_text(p, &made->containers, id);
    return 0;
}

static int make_containers(
        struct playing *p, struct kube_filling *f, struct kube_made_pod *made, struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < f->pod->containers.len && r >= 0; i++)
        r = make_container(p, f, &f->pod->containers.items[i], made, err);
    return r;
}

static int make_pod(
        struct playing *p, struct kube_filling *f, struct kube_made_pod *made, struct error **err)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct container_config infra;
    struct pod_config config;
    struct pod *pod = NULL;
    char id[CONTAINER_ID_HEX + 1];
    int r = kube_fill_pod(f, &config, &infra, err);

    if (r < 0)
        return r;
    r = pod_create(p->engine, &config, &infra, id, &diag, err);
    report_diag(p->cli, &diag);
    if (r < 0) {
        error_place(err, &f->pod->at);
        return r;
    }
    made->id = f->pod_id = arena_strdup(&p->cli->arena, id);
    r = pod_get(p->engine, &p->cli->arena, id, &pod, err);
    if (r >= 0) {
        made->infra_id = pod->infra_id;
        r = make_containers(p, f, made, err);
    }
    if (r >= 0)
        return r;
    (void)pod_remove(p->engine, id,
            &(struct pod_remove_options){
                    .force = true, .timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET },
            NULL);
    drop_empty_dirs(p, f);
    return r;
}

/* Containers that say when they are ready are waited for. */
static int start_pod(
        struct playing *p, const struct kube_pod_plan *plan, const char *id, struct error **err)
{
    auto_(kube_notify_release) struct kube_notify notify = KUBE_NOTIFY_INIT;
    size_t count = 0;

    ARRAY_FOREACH(&plan->containers, container)
        count += kube_notify_moment(container) != NULL;
    int r = count > 0 ? kube_notify_open(p->cli, &notify, err) : 0;
    if (r >= 0)
        r = pod_start(
                p->engine, id, &(struct pod_start_options){ .members_socket = notify.path }, err);
    return r < 0 || count == 0 ? r : kube_notify_wait(&notify, count, err);
}

static int play_pod(
        struct playing *p, const struct kube_pod_plan *plan, size_t index, struct error **err)
{
    struct kube_filling f = { .cli = p->cli,
        .engine = p->engine,
        .options = p->options,
        .pod = plan,
        .pod_index = index,
        .cgroup = p->cgroup };
    struct kube_made_pod made = { 0 };
    int r = 0;

    strmap_init_arena(&f.empty_dirs, &p->cli->arena);
    for (size_t i = 0; i < plan->files.len && r >= 0; i++)
        r = make_files(p, &plan->files.items[i], err);
    if (r >= 0)
        r = make_pod(p, &f, &made, err);
    if (r < 0)
        return r;
    *ARRAY_APPEND_ARENA(&p->cli->arena, &p->made->pods) = made;
    return p->options->start ? start_pod(p, plan, made.id, err) : 0;
}

int kube_play(struct cli *cli, const struct kube_play_options *options,
        const struct kube_plan *plan, struct kube_made *ret, struct error **err)
{
    struct playing p = { .cli = cli, .options = options, .plan = plan, .made = ret };

    bool is_service = options->service && cli_env(cli, "NOTIFY_SOCKET");
    int r = is_service ? container_enter_service_cgroup(&cli->arena, &p.cgroup, err) : 0;
    if (r < 0)
        return r;
    p.engine = cli_engine(cli, err);
    if (!p.engine)
        return -EPERM;
    r = pull_all(&p, err);
    registry_said_release(&p.registry);
    if (r >= 0 && options->networks.len == 0)
        r = make_network(&p, err);
    if (r >= 0)
        r = make_claims(&p, err);
    if (r >= 0)
        r = make_secrets(&p, err);
    for (size_t i = 0; i < plan->pods.len && r >= 0; i++)
        r = play_pod(&p, &plan->pods.items[i], i, err);
    return r;
}

/* ---- Down ---- */

typedef int (*down_fn)(
        struct cli *cli, struct engine *engine, const char *name, struct error **err);

static int stop_pod(struct cli *cli, struct engine *engine, const char *name, struct error **err)
{
    struct pod *pod = NULL;
    int r = pod_lookup(engine, &cli->arena, name, &pod, err);

    if (r < 0 || !pod || strcmp(pod->name, name) != 0)
        return r;
    r = pod_stop(engine, pod->id, CONTAINER_STOP_TIMEOUT_UNSET, err);
    if (r >= 0)
        cli_print(cli, "%s\n", pod->id);
    return r == -ENOENT ? 0 : r;
}

static int remove_pod(struct cli *cli, struct engine *engine, const char *name, struct error **err)
{
    struct pod *pod = NULL;
    int r = pod_lookup(engine, &cli->arena, name, &pod, err);

    if (r < 0 || !pod || strcmp(pod->name, name) != 0)
        return r;
    r = pod_remove(engine, pod->id,
            &(struct pod_remove_options){
                    .force = true, .timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET },
            err);
    if (r >= 0)
        cli_print(cli, "%s\n", pod->id);
    return r == -ENOENT ? 0 : r;
}

static int remove_secret(
        struct cli *cli, struct engine *engine, const char *name, struct error **err)
{
    auto_error struct error *failure = NULL;
    struct secret_info info;
    int r = secret_get(engine, &cli->arena, name, &info, &failure);

    if (r >= 0 && strcmp(info.name, name) != 0)
        return 0;
    if (r >= 0)
        r = secret_remove(engine, info.id, &failure);
    if (r >= 0)
        cli_print(cli, "%s\n", info.id);
    return r < 0 && r != -ENOENT ? error_move(err, TAKE(failure)) : 0;
}

static int remove_volume(
        struct cli *cli, struct engine *engine, const char *name, struct error **err)
{
    struct volume *volume = NULL;
    int r = volume_lookup(engine, &cli->arena, name, &volume, err);

    if (r < 0 || !volume)
        return r;
    r = volume_remove(engine, name, true, err);
    if (r >= 0)
        cli_print(cli, "%s\n", name);
    return r;
}

/* Goes on after a failure; exit status. */
static int each(struct cli *cli, struct engine *engine, const char *heading,
        const struct strings *names, down_fn fn)
{
    int status = 0;

    cli_print(cli, "%s\n", heading);
    for (size_t i = 0; i < names->len; i++) {
        auto_error struct error *failure = NULL;

        if (fn(cli, engine, names->items[i], &failure) < 0)
            status = report_error(cli, failure);
    }
    return status;
}

int kube_take_down(struct cli *cli, const struct kube_down_plan *plan, bool force)
{
    static const struct strings none = { 0 };
    auto_error struct error *err = NULL;
    struct engine *engine = cli_engine(cli, &err);

    if (!engine)
        return report_error(cli, err);
    int stopped = each(cli, engine, "Pods stopped:", &plan->pods, stop_pod);
    int removed = each(cli, engine, "Pods removed:", &plan->pods, remove_pod);
    int secrets = each(cli, engine, "Secrets removed:", &plan->secrets, remove_secret);
    int volumes = each(
            cli, engine, "Volumes removed:", force ? &plan->volumes : &none, remove_volume);

    return stopped ? stopped : removed ? removed : secrets ? secrets : volumes;
}
