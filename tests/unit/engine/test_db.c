/* The state database: schema, transactions, statements, notes of half-done work. */
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
#include "engine/engine-internal.h"
#include "engine/state/db-internal.h"
#include "engine/state/db.h"
#include "engine/state/sweep.h"

struct fixture {
    char dir[64], root[96], run[96];
    struct engine_options options;
    struct engine *engine;
};

static int set_up(void **state)
{
    static struct fixture f;

    snprintf(f.dir, sizeof(f.dir), "/tmp/berth-test-db.XXXXXX");
    if (!mkdtemp(f.dir))
        return -1;
    snprintf(f.root, sizeof(f.root), "%s/root", f.dir);
    snprintf(f.run, sizeof(f.run), "%s/run", f.dir);
    f.options = (struct engine_options){ .root_dir = f.root, .run_dir = f.run };
    *state = &f;
    return engine_open(&f.options, &f.engine, NULL);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    engine_close(f->engine);
    f->engine = NULL;
    return fs_remove_tree(AT_FDCWD, f->dir, NULL);
}

static int insert(struct engine *engine, const char *name)
{
    return db_exec(engine->db, NULL,
            "INSERT INTO volumes (name, driver, created_nsec) VALUES (?, 'local', 1)", "t", name);
}

static int64_t count(struct engine *engine)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;

    assert_int_equal(db_query(engine->db, &stmt, NULL, "SELECT count(*) FROM volumes", ""), 0);
    assert_int_equal(stmt_step(stmt, NULL), 1);
    return stmt_int(stmt, 0);
}

static void the_database_is_the_owners_alone(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(fstatat(f->engine->root_fd, "state.db", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_scope_left_without_commit_undoes_its_changes(void **state)
{
    struct fixture *f = *state;

    {
        auto_(db_rollback_p) struct db *transaction = NULL;

        assert_int_equal(db_begin(f->engine->db, &transaction, NULL), 0);
        assert_int_equal(insert(f->engine, "one"), 1);
    }
    assert_int_equal(count(f->engine), 0);
    assert_false(db_in_transaction(f->engine->db));
}

static void an_inner_transaction_fails_without_its_outer_one(void **state)
{
    struct fixture *f = *state;
    auto_(db_rollback_p) struct db *outer = NULL;

    assert_int_equal(db_begin(f->engine->db, &outer, NULL), 0);
    assert_int_equal(insert(f->engine, "one"), 1);
    {
        auto_(db_rollback_p) struct db *inner = NULL;

        assert_int_equal(db_begin(f->engine->db, &inner, NULL), 0);
        assert_int_equal(insert(f->engine, "two"), 1);
    }
    assert_int_equal(db_commit(&outer, NULL), 0);
    assert_int_equal(count(f->engine), 1);
}

static void a_second_row_of_one_name_is_told_as_such(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(insert(f->engine, "one"), 1);
    assert_int_equal(insert(f->engine, "one"), -EEXIST);
    assert_true(db_failed_unique(f->engine->db));
}

static void a_database_of_a_newer_version_is_refused(void **state)
{
    struct fixture *f = *state;
    auto_error struct error *err = NULL;
    struct engine *engine = NULL;

    assert_true(db_exec(f->engine->db, NULL, "PRAGMA user_version = 9999", "") >= 0);
    assert_int_equal(engine_open(&f->options, &engine, &err), -ENOTSUP);
    assert_non_null(err);
}

static void two_connections_see_each_others_commits(void **state)
{
    struct fixture *f = *state;
    auto_(engine_close_p) struct engine *other = NULL;

    assert_int_equal(engine_open(&f->options, &other, NULL), 0);
    assert_int_equal(insert(f->engine, "one"), 1);
    assert_int_equal(count(other), 1);
}

static bool volume_dir_exists(struct fixture *f, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "volumes/%s", name);
    return faccessat(f->engine->root_fd, path, F_OK, 0) == 0;
}

static void make_volume_dir(struct fixture *f, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "volumes/%s", name);
    assert_int_equal(mkdirat(f->engine->root_fd, path, 0700), 0);
}

static void what_has_no_row_goes_with_a_note_that_is_not_done(void **state)
{
    struct fixture *f = *state;

    {
        auto_(sweep_release) struct sweep sweep = SWEEP_INIT;

        assert_int_equal(sweep_begin(&sweep, f->engine, NULL), 0);
        assert_int_equal(sweep_add(&sweep, SWEEP_VOLUME, "with", NULL), 0);
        assert_int_equal(sweep_add(&sweep, SWEEP_VOLUME, "without", NULL), 0);
        make_volume_dir(f, "with");
        make_volume_dir(f, "without");
        assert_int_equal(insert(f->engine, "with"), 1);
    }
    assert_true(volume_dir_exists(f, "with"));
    assert_false(volume_dir_exists(f, "without"));
}

static void a_note_of_a_process_that_died_is_carried_out_by_the_next(void **state)
{
    struct fixture *f = *state;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct engine *engine = NULL;
        struct sweep sweep = SWEEP_INIT;

        if (engine_open(&f->options, &engine, NULL) < 0 || sweep_begin(&sweep, engine, NULL) < 0 ||
                sweep_add(&sweep, SWEEP_VOLUME, "left", NULL) < 0 ||
                mkdirat(engine->root_fd, "volumes/left", 0700) < 0)
            _exit(1);
        fault_set("here:kill");
        fault_point("here");
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(volume_dir_exists(f, "left"));
    assert_int_equal(sweep_stale(f->engine, NULL), 0);
    assert_false(volume_dir_exists(f, "left"));
}

static void a_note_of_a_living_process_is_left_alone(void **state)
{
    struct fixture *f = *state;
    auto_(sweep_release) struct sweep sweep = SWEEP_INIT;

    assert_int_equal(sweep_begin(&sweep, f->engine, NULL), 0);
    assert_int_equal(sweep_add(&sweep, SWEEP_VOLUME, "coming", NULL), 0);
    make_volume_dir(f, "coming");
    assert_int_equal(sweep_stale(f->engine, NULL), 0);
    assert_true(volume_dir_exists(f, "coming"));
}

/* Sleeping long, or for ever longer, is what the last of many starts would pay for. */
static void who_waits_for_a_transaction_looks_again_soon(void **state)
{
    int64_t before = 0, pause;

    (void)state;
    for (int attempt = 0; attempt < 100; attempt++) {
        pause = db_busy_pause_usec(attempt);
        assert_true(pause > 0 && pause >= before && pause <= 5000);
        before = pause;
    }
}

static void another_connections_transaction_is_waited_for(void **state)
{
    struct fixture *f = *state;
    auto_(db_rollback_p) struct db *transaction = NULL;
    pid_t child;
    int begun[2], status;
    char byte;

    assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        struct engine *engine = NULL;
        struct db *theirs = NULL;
        int r = engine_open(&f->options, &engine, NULL);

        if (r >= 0)
            r = db_begin(engine->db, &theirs, NULL);
        if (write(begun[1], "x", 1) != 1 || r < 0)
            _exit(1);
        usleep(20000); /* long enough that the other one has to wait, whatever it does meanwhile */
        _exit(db_commit(&theirs, NULL) < 0);
    }
    assert_int_equal(read(begun[0], &byte, 1), 1);
    assert_int_equal(db_begin(f->engine->db, &transaction, NULL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(begun[0]);
    close(begun[1]);
}

static void a_removed_lock_file_locks_nothing_any_more(void **state)
{
    struct fixture *f = *state;
    auto_close int first = engine_lock(f->engine, "x", true, NULL);

    assert_true(first >= 0);
    assert_int_equal(engine_lock(f->engine, "x", false, NULL), -EWOULDBLOCK);
    engine_lock_remove(f->engine, "x");
    auto_close int second = engine_lock(f->engine, "x", false, NULL);
    assert_true(second >= 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_database_is_the_owners_alone),
        TEST(a_scope_left_without_commit_undoes_its_changes),
        TEST(an_inner_transaction_fails_without_its_outer_one),
        TEST(a_second_row_of_one_name_is_told_as_such),
        TEST(a_database_of_a_newer_version_is_refused),
        TEST(two_connections_see_each_others_commits),
        TEST(who_waits_for_a_transaction_looks_again_soon),
        TEST(another_connections_transaction_is_waited_for),
        TEST(what_has_no_row_goes_with_a_note_that_is_not_done),
        TEST(a_note_of_a_process_that_died_is_carried_out_by_the_next),
        TEST(a_note_of_a_living_process_is_left_alone),
        TEST(a_removed_lock_file_locks_nothing_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
