#include "engine/state/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "engine/engine-internal.h"

#define SWEEP_PREFIX "sweep-"
#define SWEEP_RANDOM_HEX 16
#define SWEEP_NOTE_MAX_BYTES (1u << 20)

/* A line of a note is the kind's letter, a blank and the name. */
static const struct {
    char letter;
    const char *dir;         /* below ROOT, or RUN when there are no rows */
    const char *sql;         /* a row of that name; NULL: there are none */
    const char *lock_prefix; /* of RUN/locks, for names that others may use meanwhile; NULL */
} kinds[SWEEP_KIND_MAX_] = {
    [SWEEP_CONTAINER] = { 'c', "containers", "SELECT 1 FROM containers WHERE id = ?", NULL },
    [SWEEP_VOLUME] = { 'v', "volumes", "SELECT 1 FROM volumes WHERE name = ?", "volume." },
    [SWEEP_SECRET] = { 's', "secrets", "SELECT 1 FROM secrets WHERE id = ?", NULL },
    [SWEEP_BUILD_SECRETS] = { 'b', BUILD_SECRETS_DIR, NULL, NULL },
};

static bool is_note_current(const struct sweep *sweep)
{
    struct stat st;

    return fstat(sweep->fd, &st) == 0 && st.st_nlink > 0;
}

static bool is_disk_full(int r)
{
    return r == -ENOSPC || r == -EDQUOT;
}

/* A new note below base_fd, locked. */
static int open_note(struct sweep *sweep, int base_fd)
{
    char id[RANDOM_ID_HEX + 1], path[sizeof("tmp/") + SWEEP_NAME_MAX];

    /* Between creation and lock another process may take the note for an abandoned one and remove it. */
    for (;;) {
        random_id(id);
        snprintf(sweep->name, sizeof(sweep->name), SWEEP_PREFIX "%.*s", SWEEP_RANDOM_HEX, id);
        snprintf(path, sizeof(path), "tmp/%s", sweep->name);
        auto_close int fd = openat(
                base_fd, path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);

        if (fd < 0 || flock(fd, LOCK_EX) < 0)
            return -errno;
        sweep->fd = TAKE_FD(fd);
        sweep->base_fd = base_fd;
        if (is_note_current(sweep))
            return 0;
        sweep->fd = fd_close(sweep->fd);
    }
}

static void unlink_note(int base_fd, const char *name)
{
    char path[sizeof("tmp/") + SWEEP_NAME_MAX];

    snprintf(path, sizeof(path), "tmp/%s", name);
    unlinkat(base_fd, path, 0);
}

/* Removing what fills a disk must not need room on that disk: the note is written below RUN then, which is
 * a file system in memory. That it is lost with the next boot is the smaller harm. */
static int move_note_to_run(struct sweep *sweep, struct engine *engine)
{
    struct sweep moved = SWEEP_INIT;
    auto_free char *text = NULL;
    size_t len = 0;

    if (mkdirat(engine->run_fd, "tmp", 0700) < 0 && errno != EEXIST)
        return -errno;
    int r = open_note(&moved, engine->run_fd);
    if (r < 0)
        return r;
    if (sweep->fd >= 0) {
        char path[sizeof("tmp/") + SWEEP_NAME_MAX];

        snprintf(path, sizeof(path), "tmp/%s", sweep->name);
        r = fs_read_file(sweep->base_fd, path, SWEEP_NOTE_MAX_BYTES, &text, &len, NULL);
        if (r >= 0) /* a last line that was cut short goes */
            while (len > 0 && text[len - 1] != '\n')
                len--;
        if (r >= 0)
            r = fd_write_all(moved.fd, text, len);
        if (r < 0) {
            unlink_note(moved.base_fd, moved.name);
            moved.fd = fd_close(moved.fd);
            return r;
        }
        unlink_note(sweep->base_fd, sweep->name);
        sweep->fd = fd_close(sweep->fd);
    }
    moved.engine = sweep->engine;
    *sweep = moved;
    return 0;
}

static int note_failed(
        const struct sweep *sweep, const struct engine *engine, int r, struct error **err)
{
    return error_set(
            err, -r, NULL, "cannot write \"%s/tmp/%s\"", engine->options.root_dir, sweep->name);
}

int sweep_begin(struct sweep *sweep, struct engine *engine, struct error **err)
{
    int r = open_note(sweep, engine->root_fd);

    if (is_disk_full(r) && move_note_to_run(sweep, engine) >= 0)
        r = 0;
    if (r < 0)
        return note_failed(sweep, engine, r, err);
    sweep->engine = engine;
    return 0;
}

int sweep_add(struct sweep *sweep, enum sweep_kind kind, const char *name, struct error **err)
{
    char line[LIMIT_NAME_BYTES + 4];
    int n = snprintf(line, sizeof(line), "%c %s\n", kinds[kind].letter, name);
    int r = n < (int)sizeof(line) ? fd_write_all(sweep->fd, line, (size_t)n) : -ENAMETOOLONG;

    if (is_disk_full(r) && sweep->base_fd == sweep->engine->root_fd &&
            move_note_to_run(sweep, sweep->engine) >= 0)
        r = fd_write_all(sweep->fd, line, (size_t)n);
    return r < 0 ? note_failed(sweep, sweep->engine, r, err) : 0;
}

static void remove_note(struct sweep *sweep)
{
    unlink_note(sweep->base_fd, sweep->name);
    sweep->fd = fd_close(sweep->fd);
    sweep->engine = NULL;
}

void sweep_done(struct sweep *sweep)
{
    if (sweep->engine)
        remove_note(sweep);
}

static int has_row(struct engine *engine, enum sweep_kind kind, const char *name, bool *ret,
        struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err, kinds[kind].sql, "t", name);

    if (r < 0)
        return r;
    r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    *ret = r > 0;
    return 0;
}

/* What a container that is gone may have left of its last run. */
static void sweep_run(struct engine *engine, const char *id)
{
    auto_close int dir_fd = openat(
            engine->run_fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir_fd >= 0)
        fs_remove_tree(dir_fd, id, NULL);
    engine_lock_remove(engine, id);
}

static int sweep_one(struct engine *engine, enum sweep_kind kind, const char *name, bool take_lock,
        struct error **err)
{
    char lock_name[sizeof("volume.") + LIMIT_NAME_BYTES];
    auto_close int lock = -EBADF, dir_fd = -EBADF;
    bool keep = true;

    if (take_lock && kinds[kind].lock_prefix) {
        snprintf(lock_name, sizeof(lock_name), "%s%s", kinds[kind].lock_prefix, name);
        lock = engine_lock(engine, lock_name, true, err);
        if (lock < 0)
            return lock;
    }
    bool in_run = !kinds[kind].sql;
    int r = in_run ? 0 : has_row(engine, kind, name, &keep, err);
    if (r < 0 || (keep && !in_run))
        return r;
    if (kind == SWEEP_CONTAINER)
        sweep_run(engine, name);
    dir_fd = openat(in_run ? engine->run_fd : engine->root_fd, kinds[kind].dir,
            O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0 && in_run && errno == ENOENT)
        return 0; /* never made, or gone with the last boot */
    if (dir_fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s/%s\"",
                in_run ? engine->options.run_dir : engine->options.root_dir, kinds[kind].dir);
    return fs_remove_tree(dir_fd, name, err);
}

/* All that the note names; goes on after a failure and returns the first. */
static int sweep_note(
        struct engine *engine, int base_fd, const char *note, bool take_locks, struct error **err)
{
    auto_free char *text = NULL;
    char path[sizeof("tmp/") + NAME_MAX + 1];
    size_t len = 0;
    struct str rest, line;
    int first = 0;

    snprintf(path, sizeof(path), "tmp/%s", note);
    int r = fs_read_file(base_fd, path, SWEEP_NOTE_MAX_BYTES, &text, &len, err);
    if (r < 0)
        return r;
    rest = (struct str){ text, len };
    while (str_split_next(&rest, '\n', &line)) {
        auto_error struct error *cause = NULL;
        auto_free char *name = NULL;

        if (line.len < 3)
            continue; /* the last line may be cut short: then nothing was made of it yet */
        name = mem_strndup(line.data + 2, line.len - 2);
        if (!fs_name_is_plain(name))
            continue;
        for (int kind = 0; kind < SWEEP_KIND_MAX_; kind++) {
            if (kinds[kind].letter != line.data[0])
                continue;
            r = sweep_one(engine, (enum sweep_kind)kind, name, take_locks, &cause);
            if (r < 0 && first == 0)
                first = error_move(err, TAKE(cause));
        }
    }
    return first;
}

void sweep_release(struct sweep *sweep)
{
    int saved = errno;

    if (!sweep->engine)
        return;
    /* An open transaction would make its own rows look kept: the caller's scope has ended it before
     * (cleanup runs in reverse order of declaration, and notes are begun first). */
    if (!db_in_transaction(sweep->engine->db) &&
            sweep_note(sweep->engine, sweep->base_fd, sweep->name, false, NULL) >= 0)
        remove_note(sweep);
    else
        sweep->fd = fd_close(sweep->fd); /* stays for the next command */
    sweep->engine = NULL;
    errno = saved;
}

static int sweep_if_stale(struct engine *engine, int base_fd, const char *note, struct error **err)
{
    char path[sizeof("tmp/") + NAME_MAX + 1];
    struct sweep sweep = { .engine = engine, .base_fd = base_fd };

    snprintf(path, sizeof(path), "tmp/%s", note);
    snprintf(sweep.name, sizeof(sweep.name), "%s", note);
    sweep.fd = openat(base_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (sweep.fd < 0)
        return 0; /* its owner was faster */
    if (flock(sweep.fd, LOCK_EX | LOCK_NB) < 0 || !is_note_current(&sweep)) {
        cleanup_close(&sweep.fd);
        return 0;
    }
    int r = sweep_note(engine, base_fd, note, true, err);
    if (r < 0) {
        cleanup_close(&sweep.fd); /* stays for the next command */
        return r;
    }
    remove_note(&sweep);
    return 0;
}

/* All stale notes below base_fd; 0 as well when there is no directory for them. */
static int sweep_dir(struct engine *engine, int base_fd, struct error **err)
{
    auto_close int fd = openat(base_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    int first = 0;

    if (!dir)
        return errno == ENOENT ? 0
                               : error_set(err, errno, NULL, "cannot open the directory of notes");
    (void)TAKE_FD(fd); /* the stream's now */
    while ((entry = readdir(dir))) {
        auto_error struct error *cause = NULL;

        if (!string_has_prefix(entry->d_name, SWEEP_PREFIX) ||
                strlen(entry->d_name) >= SWEEP_NAME_MAX)
            continue;
        if (sweep_if_stale(engine, base_fd, entry->d_name, &cause) < 0 && first == 0)
            first = error_move(err, TAKE(cause));
    }
    return first;
}

int sweep_stale(struct engine *engine, struct error **err)
{
    int r = sweep_dir(engine, engine->root_fd, err);
    int in_run = sweep_dir(engine, engine->run_fd, r < 0 ? NULL : err);

    return r < 0 ? r : in_run;
}
