/* Containers as rows and directories: creation, removal, volumes, crashes in between, the end of runs whose
 * monitor is gone. Nothing is run here. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "engine/container/container-internal.h"
#include "engine/container/container.h"
#include "engine/engine-internal.h"
#include "engine/volume/volume.h"

#define IMAGE_ID "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define LAYER_ID "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define IMAGE_CONFIG                                                                                    \
    "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/bin\",\"A=image\"],"     \
    "\"Entrypoint\":[\"/entry\"],\"Cmd\":[\"run\"],\"Labels\":{\"from\":\"image\",\"both\":\"image\"}," \
    "\"Volumes\":{\"/var/data\":{}},\"ExposedPorts\":{\"80/tcp\":{}},\"StopSignal\":\"SIGINT\"},"       \
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" LAYER_ID "\"]}}"

struct fixture {
    char dir[64], root[96], run[96];
    struct engine_options options;
    struct engine *engine;
};

static void put_file(struct fixture *f, const char *path, const char *text)
{
    auto_close int fd = openat(f->engine->root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static int set_up(void **state)
{
    static struct fixture f;
    struct db *db;

    if (geteuid() != 0)
        return 0;
    snprintf(f.dir, sizeof(f.dir), "/tmp/berth-test-rows.XXXXXX");
    if (!mkdtemp(f.dir))
        return -1;
    snprintf(f.root, sizeof(f.root), "%s/root", f.dir);
    snprintf(f.run, sizeof(f.run), "%s/run", f.dir);
    f.options = (struct engine_options){ .root_dir = f.root, .run_dir = f.run };
    *state = &f;
    if (engine_open(&f.options, &f.engine, NULL) < 0)
        return -1;
    db = f.engine->db;
    if (db_exec(db, NULL,
                "INSERT INTO images (id, created_nsec, size_bytes, architecture, os, config)"
                " VALUES (?, 1, 1, 'amd64', 'linux', ?)",
                "tt", IMAGE_ID, IMAGE_CONFIG) < 0 ||
            db_exec(db, NULL,
                    "INSERT INTO layers (diff_id, dir, size_bytes, created_nsec)"
                    " VALUES (?, 'aa', 1, 1)",
                    "t", LAYER_ID) < 0 ||
            db_exec(db, NULL, "INSERT INTO image_layers VALUES (?, 0, ?)", "tt", IMAGE_ID,
                    LAYER_ID) < 0)
        return -1;
    mkdirat(f.engine->root_fd, "layers/aa", 0755);
    mkdirat(f.engine->root_fd, "layers/aa/diff", 0755);
    mkdirat(f.engine->root_fd, "layers/aa/diff/var", 0755);
    mkdirat(f.engine->root_fd, "layers/aa/diff/var/data", 0755);
    put_file(&f, "layers/aa/diff/var/data/file", "content");
    (void)!fchownat(f.engine->root_fd, "layers/aa/diff/var/data", 1000, 1001, 0);
    (void)!fchmodat(f.engine->root_fd, "layers/aa/diff/var/data", 02750, 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (!f)
        return 0;
    engine_close(f->engine);
    f->engine = NULL;
    return fs_remove_tree(AT_FDCWD, f->dir, NULL);
}

static struct container_config plain_config(const char *name)
{
    struct container_config config = CONTAINER_CONFIG_INIT;

    config.name = name;
    config.image = IMAGE_ID;
    config.network_mode = CONTAINER_NETWORK_NONE;
    return config;
}

static void create(struct fixture *f, const struct container_config *config, char id[65])
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(4096);
    struct error *err = NULL;
    int r = container_create(f->engine, config, id, NULL, &err);

    if (r < 0) {
        error_format(err, &text);
        error_free(err);
        fail_msg("create: %s", text.data);
    }
}

static size_t entries(struct fixture *f, const char *dir)
{
    auto_close int fd = openat(f->engine->root_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fdopendir(fd);
    size_t n = 0;

    assert_non_null(stream);
    (void)TAKE_FD(fd);
    for (const struct dirent *e; (e = readdir(stream));)
        n += e->d_name[0] != '.';
    closedir(stream);
    return n;
}

static int64_t number(struct fixture *f, const char *sql)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;

    assert_int_equal(db_prepare(f->engine->db, sql, &stmt, NULL), 0);
    assert_int_equal(stmt_step(stmt, NULL), 1);
    return stmt_int(stmt, 0);
}

static void the_images_configuration_is_merged(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct fixture *f = *state;
    char *env[] = { (char *)"A=own", NULL };
    struct container_pair labels[] = { { "both", "own" } };
    struct container_config config = plain_config("web");
    struct container *c = NULL;
    char id[65];

    if (!f)
        skip();
    config.env = env;
    config.labels = (struct container_pairs){ labels, 1, 1 };
    create(f, &config, id);
    assert_int_equal(container_get(f->engine, &arena, "/web", &c, NULL), 0);
    assert_string_equal(c->id, id);
    assert_string_equal(c->config.entrypoint[0], "/entry");
    assert_string_equal(c->config.cmd[0], "run");
    assert_string_equal(c->config.env[0], "A=own");
    assert_string_equal(c->config.env[1], "PATH=/bin");
    assert_null(c->config.env[2]);
    assert_string_equal(container_pairs_get(&c->config.labels, "both"), "own");
    assert_string_equal(container_pairs_get(&c->config.labels, "from"), "image");
    assert_string_equal(c->config.stop_signal, "SIGINT");
    assert_int_equal(c->state.status, CONTAINER_CREATED);
    assert_int_equal(c->config.mounts.len, 1);
}

static void a_given_entrypoint_drops_the_images_command(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct fixture *f = *state;
    char *own[] = { (char *)"/bin/sh", NULL }, *cleared[] = { (char *)"", NULL };
    char *cmd[] = { (char *)"ls", NULL };
    struct container_config config = plain_config("one");
    struct container *c = NULL;
    char id[65];

    if (!f)
        skip();
    config.entrypoint = own;
    create(f, &config, id);
    assert_int_equal(container_get(f->engine, &arena, "one", &c, NULL), 0);
    assert_string_equal(c->config.entrypoint[0], "/bin/sh");
    assert_int_equal(container_vector_len(c->config.cmd), 0);

    config = plain_config("two");
    config.entrypoint = cleared;
    assert_int_equal(container_create(f->engine, &config, id, NULL, NULL), -EINVAL);
    config.cmd = cmd;
    create(f, &config, id);
}

static void first_contents_come_with_owner_and_mode(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct fixture *f = *state;
    struct container_mount mount = {
        .type = CONTAINER_MOUNT_VOLUME, .source = "named", .target = "/var/data", .tmpfs_mode = -1
    };
    struct container_config config = plain_config("web");
    struct stat st;
    char id[65];

    if (!f)
        skip();
    config.mounts = (struct container_mounts){ &mount, 1, 1 };
    create(f, &config, id);
    assert_int_equal(fstatat(f->engine->root_fd, "volumes/named/_data", &st, 0), 0);
    assert_int_equal(st.st_uid, 1000);
    assert_int_equal(st.st_gid, 1001);
    assert_int_equal(st.st_mode & 07777, 02750);
    assert_int_equal(fstatat(f->engine->root_fd, "volumes/named/_data/file", &st, 0), 0);
    assert_int_equal(st.st_size, 7);
    /* The mount covers the image's VOLUME: no anonymous one. */
    assert_int_equal(number(f, "SELECT count(*) FROM volumes"), 1);
}

static void contents_that_are_there_are_kept(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct fixture *f = *state;
    struct volume_create_options options = { .name = "named" };
    struct container_mount mount = {
        .type = CONTAINER_MOUNT_VOLUME, .source = "named", .target = "/var/data", .tmpfs_mode = -1
    };
    struct container_config config = plain_config("web");
    struct volume volume;
    struct stat st;
    char id[65];

    if (!f)
        skip();
    assert_int_equal(volume_create(f->engine, &arena, &options, &volume, NULL), 1);
    put_file(f, "volumes/named/_data/mine", "x");
    config.mounts = (struct container_mounts){ &mount, 1, 1 };
    create(f, &config, id);
    assert_int_equal(fstatat(f->engine->root_fd, "volumes/named/_data/mine", &st, 0), 0);
    assert_int_equal(fstatat(f->engine->root_fd, "volumes/named/_data/file", &st, 0), -1);
}

static void anonymous_volumes_go_only_when_asked_for(void **state)
{
    struct fixture *f = *state;
    struct container_config config = plain_config("web");
    char id[65];

    if (!f)
        skip();
    create(f, &config, id);
    assert_int_equal(number(f, "SELECT count(*) FROM volumes WHERE anonymous"), 1);
    assert_int_equal(container_remove_all(f->engine, id, false, NULL), 0);
    assert_int_equal(entries(f, "volumes"), 1);
    create(f, &config, id);
    assert_int_equal(entries(f, "volumes"), 2);
    assert_int_equal(container_remove_all(f->engine, id, true, NULL), 0);
    assert_int_equal(entries(f, "volumes"), 1);
    assert_int_equal(entries(f, "containers"), 0);
    assert_int_equal(entries(f, "tmp"), 0);
}

static void a_volume_in_use_is_not_removed(void **state)
{
    struct fixture *f = *state;
    struct container_mount mount = {
        .type = CONTAINER_MOUNT_VOLUME, .source = "named", .target = "/x", .tmpfs_mode = -1
    };
    struct container_config config = plain_config("web");
    char id[65];

    if (!f)
        skip();
    config.mounts = (struct container_mounts){ &mount, 1, 1 };
    create(f, &config, id);
    assert_int_equal(volume_remove(f->engine, "named", false, NULL), -EBUSY);
    assert_int_equal(volume_remove(f->engine, "other", false, NULL), -ENOENT);
    assert_int_equal(volume_remove(f->engine, "other", true, NULL), 0);
    assert_int_equal(container_remove_all(f->engine, id, false, NULL), 0);
    assert_int_equal(volume_remove(f->engine, "named", false, NULL), 0);
}

static void a_name_that_is_taken_is_a_conflict_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    auto_error struct error *err = NULL;
    struct container_config config = plain_config("web");
    char id[65], other[65];

    if (!f)
        skip();
    create(f, &config, id);
    assert_int_equal(container_create(f->engine, &config, other, NULL, &err), -EEXIST);
    assert_non_null(
            strstr(err->message, "Conflict. The container name \"/web\" is already in use"));
    assert_int_equal(entries(f, "containers"), 1);
    assert_int_equal(entries(f, "volumes"), 1);
    assert_int_equal(entries(f, "tmp"), 0);
}

static void what_cannot_work_is_refused_when_it_is_created(void **state)
{
    struct fixture *f = *state;
    struct container_mount twice[] = {
        { .type = CONTAINER_MOUNT_TMPFS, .target = "/x", .tmpfs_mode = -1 },
        { .type = CONTAINER_MOUNT_TMPFS, .target = "/x/", .tmpfs_mode = -1 },
    };
    struct container_mount missing = {
        .type = CONTAINER_MOUNT_BIND, .source = "/no/such/dir", .target = "/x", .tmpfs_mode = -1
    };
    struct container_mount root = {
        .type = CONTAINER_MOUNT_TMPFS, .target = "/", .tmpfs_mode = -1
    };
    char *caps[] = { (char *)"NO_SUCH", NULL };
    struct container_config config;
    char id[65];

    if (!f)
        skip();
#define REFUSED(...)                                                                     \
    do {                                                                                 \
        config = plain_config(NULL);                                                     \
        __VA_ARGS__;                                                                     \
        assert_int_equal(container_create(f->engine, &config, id, NULL, NULL), -EINVAL); \
    } while (0)
    REFUSED(config.mounts = ((struct container_mounts){ twice, 2, 2 }));
    REFUSED(config.mounts = ((struct container_mounts){ &missing, 1, 1 }));
    REFUSED(config.mounts = ((struct container_mounts){ &root, 1, 1 }));
    REFUSED(config.cap_add = caps);
    REFUSED(config.memory_bytes = 1);
    REFUSED(config.memory_swap_bytes = 1 << 30);
    REFUSED(config.nano_cpus = INT64_C(100000) * 1000000000);
    REFUSED(config.has_oom_score_adj = true; config.oom_score_adj = 1001);
    REFUSED(config.stop_signal = "SIGNOTHING");
    REFUSED(config.working_dir = "relative");
    REFUSED(config.name = "-x");
    REFUSED(config.auto_remove = true; config.restart = CONTAINER_RESTART_ALWAYS);
    assert_int_equal(entries(f, "containers"), 0);
    assert_int_equal(entries(f, "volumes"), 0);
    assert_int_equal(entries(f, "tmp"), 0);
    config = plain_config(NULL);
    config.image = "nothing-of-that-name";
    assert_int_equal(container_create(f->engine, &config, id, NULL, NULL), -ENOENT);
}

static void a_missing_host_path_is_made_when_wanted(void **state)
{
    struct fixture *f = *state;
    char path[160];
    struct container_mount mount = { .type = CONTAINER_MOUNT_BIND,
        .source = path,
        .target = "/x",
        .create_host_path = true,
        .tmpfs_mode = -1 };
    struct container_config config = plain_config(NULL);
    struct stat st;
    char id[65];

    if (!f)
        skip();
    snprintf(path, sizeof(path), "%s/a/b", f->dir);
    config.mounts = (struct container_mounts){ &mount, 1, 1 };
    create(f, &config, id);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
}

static void content_becomes_a_file_with_owner_and_mode(void **state)
{
    struct fixture *f = *state;
    struct container_file file = { .target = "/run/secrets/key",
        .content = "secret",
        .content_len = 6,
        .mode = 0400,
        .uid = 7,
        .gid = 8,
        .is_secret = true };
    struct container_config config = plain_config(NULL);
    char id[65], path[128];
    struct stat st;

    if (!f)
        skip();
    config.files = (struct container_files){ &file, 1, 1 };
    create(f, &config, id);
    snprintf(path, sizeof(path), "containers/%s/files/0", id);
    assert_int_equal(fstatat(f->engine->root_fd, path, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0400);
    assert_int_equal(st.st_uid, 7);
    assert_int_equal(st.st_gid, 8);
    assert_int_equal(
            number(f,
                    "SELECT instr(config, 'secret\"') FROM containers WHERE config LIKE '%\"content\"%'"
                    " UNION SELECT 0"),
            0);
}

/* Runs fn in a child that dies at the fault. */
static void die_in(struct fixture *f, const char *fault,
        void (*fn)(struct engine *engine, const char *argument), const char *argument)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct engine *engine = NULL;
        char spec[128];

        snprintf(spec, sizeof(spec), "%s:kill", fault);
        if (engine_open(&f->options, &engine, NULL) < 0 || !fault_set(spec))
            _exit(1);
        fn(engine, argument);
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("%s was not reached (status %d)", fault, status);
}

static void create_web(struct engine *engine, const char *argument)
{
    struct container_config config = plain_config("web");
    char id[65];

    (void)argument;
    container_create(engine, &config, id, NULL, NULL);
}

static void a_creation_that_died_leaves_nothing_or_all(void **state)
{
    static const struct {
        const char *fault;
        unsigned containers;
    } cases[] = {
        { "container.create.noted", 0 },
        { "container.create.directory", 0 },
        { "container.create.copied", 0 },
        { "container.create.volume", 0 },
        { "container.create.prepared", 0 },
        { "state.commit", 0 },
        { "state.committed", 1 },
        { "container.create.rows", 1 },
    };
    struct fixture *f = *state;
    unsigned made = 0;

    if (!f)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct container_config config = plain_config("web");
        char id[65];

        die_in(f, cases[i].fault, create_web, NULL);
        made = cases[i].containers;
        assert_int_equal(engine_reconcile(f->engine, NULL), 0);
        assert_int_equal(number(f, "SELECT count(*) FROM containers"), made);
        assert_int_equal(entries(f, "containers"), made);
        assert_int_equal(entries(f, "volumes"), made);
        assert_int_equal(entries(f, "tmp"), 0);
        if (made) {
            assert_int_equal(container_remove(f->engine, "web",
                                     &(struct container_remove_options){ .volumes = true }, NULL),
                    0);
        } else {
            create(f, &config, id);
            assert_int_equal(container_remove_all(f->engine, id, true, NULL), 0);
        }
    }
}

static void remove_web(struct engine *engine, const char *argument)
{
    (void)argument;
    container_remove(engine, "web", &(struct container_remove_options){ .volumes = true }, NULL);
}

static void a_removal_that_died_is_carried_on(void **state)
{
    static const char *const faults[] = { "container.remove.noted", "state.commit",
        "state.committed", "container.remove.rows", "container.remove.files" };
    struct fixture *f = *state;

    if (!f)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct container_config config = plain_config("web");
        char id[65];

        create(f, &config, id);
        die_in(f, faults[i], remove_web, NULL);
        assert_int_equal(engine_reconcile(f->engine, NULL), 0);
        int r = container_remove(
                f->engine, "web", &(struct container_remove_options){ .volumes = true }, NULL);
        assert_true(r == 0 || r == -ENOENT);
        assert_int_equal(entries(f, "containers"), 0);
        assert_int_equal(entries(f, "volumes"), 0);
        assert_int_equal(entries(f, "tmp"), 0);
    }
}

static void pretend_running(struct fixture *f, const char *id, const char *state_json)
{
    assert_int_equal(container_row_running(f->engine, id, 0, NULL), 0);
    auto_close int fd = container_open_run_dir(f->engine, id, true, NULL);
    auto_close int lock = container_lock_run(fd, true, NULL);
    assert_true(lock >= 0);
    if (state_json)
        assert_int_equal(fs_replace_file(fd, "state.json", state_json, strlen(state_json), 0600,
                                 FS_NO_SYNC, NULL),
                0);
}

static struct container *reconciled(struct fixture *f, struct arena *arena)
{
    struct container *c = NULL;

    assert_int_equal(engine_reconcile(f->engine, NULL), 0);
    assert_int_equal(container_get(f->engine, arena, "web", &c, NULL), 0);
    return c;
}

static void a_run_without_its_monitor_is_made_final(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct fixture *f = *state;
    struct container_config config = plain_config("web");
    struct container *c;
    char id[65];

    if (!f)
        skip();
    create(f, &config, id);
    pretend_running(f, id, "{\"status\":\"running\",\"pid\":1,\"started_nsec\":5}");
    c = reconciled(f, &arena);
    assert_int_equal(c->state.status, CONTAINER_EXITED);
    assert_int_equal(c->state.exit_code, 137);

    pretend_running(f, id, "{\"status\":\"exited\",\"exit_code\":3,\"finished_nsec\":9}");
    c = reconciled(f, &arena);
    assert_int_equal(c->state.exit_code, 3);
    assert_int_equal(c->state.finished_nsec, 9);
}

static void a_start_that_died_before_its_monitor_was_no_run(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct fixture *f = *state;
    struct container_config config = plain_config("web");
    struct container *c;
    char id[65];

    if (!f)
        skip();
    create(f, &config, id);
    pretend_running(f, id, NULL);
    c = reconciled(f, &arena);
    assert_int_equal(c->state.status, CONTAINER_CREATED);
}

static void a_reboot_ends_every_run_and_loses_nothing(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct fixture *f = *state;
    struct container_config config = plain_config("web");
    struct container *c;
    char id[65];

    if (!f)
        skip();
    config.restart = CONTAINER_RESTART_UNLESS_STOPPED;
    create(f, &config, id);
    pretend_running(f, id, "{\"status\":\"running\",\"pid\":1,\"started_nsec\":5}");
    assert_int_equal(fs_remove_tree(AT_FDCWD, f->run, NULL), 0);
    engine_close(f->engine);
    assert_int_equal(engine_open(&f->options, &f->engine, NULL), 0);
    c = reconciled(f, &arena);
    assert_int_equal(c->state.status, CONTAINER_EXITED);
    assert_int_equal(c->state.exit_code, 255);
    assert_int_equal(entries(f, "volumes"), 1);
}

static void a_run_that_is_owned_is_left_alone(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct fixture *f = *state;
    struct container_config config = plain_config("web");
    struct container *c;
    char id[65];

    if (!f)
        skip();
    create(f, &config, id);
    pretend_running(f, id, "{\"status\":\"running\",\"pid\":1,\"started_nsec\":5}");
    auto_close int fd = container_open_run_dir(f->engine, id, true, NULL);
    auto_close int lock = container_lock_run(fd, true, NULL);
    c = reconciled(f, &arena);
    assert_int_equal(c->state.status, CONTAINER_RUNNING);
    assert_int_equal(
            container_remove(f->engine, "web", &(struct container_remove_options){ 0 }, NULL),
            -EBUSY);
}

static void references_are_names_ids_and_unique_prefixes(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct fixture *f = *state;
    struct container_config config = plain_config("web");
    struct container *c = NULL;
    char id[65], prefix[13];

    if (!f)
        skip();
    create(f, &config, id);
    snprintf(prefix, sizeof(prefix), "%.12s", id);
    assert_int_equal(container_get(f->engine, &arena, prefix, &c, NULL), 0);
    assert_int_equal(container_get(f->engine, &arena, id, &c, NULL), 0);
    assert_int_equal(container_lookup(f->engine, &arena, "we", &c, NULL), 0);
    assert_null(c);
    assert_int_equal(container_get(f->engine, &arena, "we", &c, NULL), -ENOENT);
    assert_int_equal(container_rename(f->engine, "web", "other", NULL), 0);
    assert_int_equal(container_get(f->engine, &arena, "other", &c, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_images_configuration_is_merged),
        TEST(a_given_entrypoint_drops_the_images_command),
        TEST(first_contents_come_with_owner_and_mode),
        TEST(contents_that_are_there_are_kept),
        TEST(anonymous_volumes_go_only_when_asked_for),
        TEST(a_volume_in_use_is_not_removed),
        TEST(a_name_that_is_taken_is_a_conflict_and_leaves_nothing),
        TEST(what_cannot_work_is_refused_when_it_is_created),
        TEST(a_missing_host_path_is_made_when_wanted),
        TEST(content_becomes_a_file_with_owner_and_mode),
        TEST(a_creation_that_died_leaves_nothing_or_all),
        TEST(a_removal_that_died_is_carried_on),
        TEST(a_run_without_its_monitor_is_made_final),
        TEST(a_start_that_died_before_its_monitor_was_no_run),
        TEST(a_reboot_ends_every_run_and_loses_nothing),
        TEST(a_run_that_is_owned_is_left_alone),
        TEST(references_are_names_ids_and_unique_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
