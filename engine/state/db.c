#include "engine/state/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/state/db-internal.h"
#include "engine/state/schema.h"

#define WAL_PAGES_MAX 64
/* What is allocated ahead of use, in the database and in its log: see reserve(). The log's is twice what it
 * reaches before it is copied back. */
#define DB_RESERVE_BYTES (512 * 1024)
#define WAL_RESERVE_BYTES (2 * WAL_PAGES_MAX * 4096)
#define BALLAST_BYTES (256 * 1024)
#define WAL_RETRY_MSEC 5
#define BUSY_PAUSE_MIN_USEC 250
#define BUSY_PAUSE_MAX_USEC 4000

/* The errno that tells callers and exit codes what SQLite's code means. */
static int code_to_errno(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return EBUSY;
    case SQLITE_FULL:
        return ENOSPC;
    case SQLITE_READONLY:
        return EROFS;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return EACCES;
    case SQLITE_CANTOPEN:
        return ENOENT;
    case SQLITE_CONSTRAINT:
        return EEXIST;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return EUCLEAN;
    default:
        return EIO;
    }
}

static int fail(struct db *db, struct error **err, const char *what)
{
    const char *text = db->handle ? sqlite3_errmsg(db->handle) : "out of memory";
    int code = db->handle ? sqlite3_extended_errcode(db->handle) : SQLITE_NOMEM;

    db->last_code = code;
    return error_set_plain(err, code_to_errno(code), NULL, "state database: %s: %s", what, text);
}

bool db_failed_unique(const struct db *db)
{
    return db->last_code == SQLITE_CONSTRAINT_UNIQUE ||
           db->last_code == SQLITE_CONSTRAINT_PRIMARYKEY;
}

int db_exec_script(struct db *db, const char *sql, struct error **err)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail(db, err, "cannot run a statement");
    return 0;
}

/* A container that fills the disk must be removable, and removing it writes the state first. So the blocks
 * of the next changes are always there, behind the end of the files, where SQLite does not see them. Where
 * that cannot be had (the disk is full already, the file system knows no such thing) it is done without. */
static void reserve(int fd, off_t bytes)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && (off_t)st.st_blocks * 512 < bytes)
        (void)!fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes);
}

static void reserve_log(const char *path)
{
    auto_free char *log = mem_printf("%s-wal", path);
    /* SQLite locks the database, never this file: closing a second descriptor of it drops no lock. */
    auto_close int fd = open(log, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0)
        reserve(fd, WAL_RESERVE_BYTES);
}

/* SQLite's index of the log cannot be prepared like that: whoever opens the database first cuts it to
 * nothing and makes it grow again. What that takes is kept in a file of its own, which goes when the disk is
 * full and comes back when it is not. */
static void release_ballast(const char *path)
{
    auto_free char *ballast = mem_printf("%s-reserve", path);
    struct statvfs fs;

    if (statvfs(path, &fs) == 0 && fs.f_bavail * fs.f_frsize < BALLAST_BYTES)
        (void)unlink(ballast);
}

static void make_ballast(const char *path)
{
    auto_free char *ballast = mem_printf("%s-reserve", path);
    auto_close int fd = open(ballast, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0 && fallocate(fd, 0, 0, BALLAST_BYTES) < 0)
        (void)unlink(ballast);
}

/* A new database is made 0600 here, because SQLite would use the umask. */
static int create_file(const char *path, struct error **err)
{
    auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open the state database \"%s\"", path);
    if (fstat(fd, &st) == 0)
        reserve(fd, st.st_size - st.st_size % DB_RESERVE_BYTES + 2 * DB_RESERVE_BYTES);
    return 0;
}

int64_t db_busy_pause_usec(int attempt)
{
    int64_t pause = BUSY_PAUSE_MIN_USEC;

    while (attempt-- > 0 && pause < BUSY_PAUSE_MAX_USEC)
        pause *= 2;
    return pause;
}

/* SQLite's own handler comes to look every tenth of a second only: of fifty containers that start at once the last ones
 * sleep while nobody writes. A transaction takes less than a millisecond. */
static int wait_for_others(void *userdata, int attempt)
{
    struct db *db = userdata;
    const struct timespec pause = { .tv_nsec = (long)db_busy_pause_usec(attempt) * 1000 };
    int64_t now = time_monotonic_usec();

    if (attempt == 0)
        db->busy_deadline_usec = now + DB_BUSY_TIMEOUT_MSEC * USEC_PER_MSEC;
    if (now >= db->busy_deadline_usec)
        return 0;
    (void)ppoll(NULL, 0, &pause, NULL);
    return 1;
}

static int configure(struct db *db, struct error **err)
{
    int on = 0;

    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_handler(db->handle, wait_for_others, db);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, &on);
    /* The last connection would copy the log into the database and sync it: every short command would
     * pay for that. The log is bounded by the automatic checkpoint, and opening reads what is in it. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, &on);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &on);
    /* The first command after all others have ended reads the whole log; keeping it short keeps that cheap,
     * at two syncs for every so many pages that are written. */
    sqlite3_wal_autocheckpoint(db->handle, WAL_PAGES_MAX);
    /* NORMAL: a power cut may lose the last transactions, never the database. */
    return db_exec_script(db, "PRAGMA synchronous = NORMAL", err);
}

static int is_wal(struct db *db, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_prepare(db, "PRAGMA journal_mode", &stmt, err);

    if (r >= 0)
        r = stmt_step(stmt, err);
    return r < 0 ? r : strcmp(stmt_text(stmt, 0), "wal") == 0;
}

/* WAL is a property of the file; setting it again would cost a lock, so the new database alone gets it. Of two
 * processes that make it at once SQLite tells one that it is busy, at once and without the busy handler:
 * there is nothing to wait on but the other's success. */
static int set_wal(struct db *db, struct error **err)
{
    int64_t deadline = time_monotonic_usec() + DB_BUSY_TIMEOUT_MSEC * USEC_PER_MSEC;
    int r;

    while ((r = is_wal(db, err)) == 0) {
        r = db_exec_script(db, "PRAGMA journal_mode = WAL", err);
        if (r >= 0 || (db->last_code & 0xff) != SQLITE_BUSY || time_monotonic_usec() > deadline)
            return r;
        if (err) {
            error_free(*err);
            *err = NULL;
        }
        (void)poll(NULL, 0, WAL_RETRY_MSEC);
    }
    return r < 0 ? r : 0;
}

int db_open(const char *path, struct db **ret, struct error **err)
{
    auto_(db_close_p) struct db *db = NEW(struct db);
    int r;

    /* Nobody asks how much it has allocated; counting that takes a lock each time. Refused, which is fine, when there
     * is a database already. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    release_ballast(path);
    r = create_file(path, err);
    if (r < 0)
        return r;
    if (sqlite3_open_v2(path, &db->handle,
                SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                        SQLITE_OPEN_EXRESCODE,
                NULL) != SQLITE_OK)
        return fail(db, err, "cannot open it");
    r = configure(db, err);
    if (r < 0)
        return r;
    r = set_wal(db, err);
    if (r < 0)
        return r;
    r = schema_migrate(db, err);
    if (r < 0)
        return r;
    reserve_log(path);
    make_ballast(path);
    *ret = TAKE(db);
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->cache_len; i++) {
        assert(!db->cache[i]->in_use);
        sqlite3_finalize(db->cache[i]->handle);
        free(db->cache[i]);
    }
    sqlite3_close(db->handle);
    free(db);
}

bool db_in_transaction(const struct db *db)
{
    return db->depth > 0;
}

/* Transactions nest as savepoints. Their names are their depth; the literals keep the cache small. */
static const char *const savepoint_begin[] = { "BEGIN IMMEDIATE", "SAVEPOINT s1", "SAVEPOINT s2",
    "SAVEPOINT s3", "SAVEPOINT s4" };
static const char *const savepoint_commit[] = { "COMMIT", "RELEASE s1", "RELEASE s2", "RELEASE s3",
    "RELEASE s4" };
static const char *const savepoint_rollback[] = { "ROLLBACK", "ROLLBACK TO s1; RELEASE s1",
    "ROLLBACK TO s2; RELEASE s2", "ROLLBACK TO s3; RELEASE s3", "ROLLBACK TO s4; RELEASE s4" };

int db_begin(struct db *db, struct db **ret, struct error **err)
{
    assert(db->depth < ARRAY_LEN(savepoint_begin));
    int r = db_exec(db, err, savepoint_begin[db->depth], "");

    if (r < 0)
        return error_wrap(err, r, "cannot begin a change of the state");
    db->depth++;
    *ret = db;
    return 0;
}

int db_commit(struct db **transaction, struct error **err)
{
    struct db *db = *transaction;

    assert(db && db->depth > 0);
    if (db->depth == 1)
        fault_point("state.commit");
    int r = db_exec(db, err, savepoint_commit[db->depth - 1], "");
    if (r < 0)
        return error_wrap(err, r, "cannot store a change of the state");
    db->depth--;
    *transaction = NULL;
    if (db->depth == 0)
        fault_point("state.committed");
    return 0;
}

void db_rollback(struct db *transaction)
{
    int saved = errno;

    if (!transaction)
        return;
    assert(transaction->depth > 0);
    transaction->depth--;
    /* Some failures (disk full) roll back on their own; then this one has nothing to do and says so. */
    sqlite3_exec(transaction->handle, savepoint_rollback[transaction->depth], NULL, NULL, NULL);
    errno = saved;
}

int db_prepare(struct db *db, const char *sql, struct stmt **ret, struct error **err)
{
    for (size_t i = 0; i < db->cache_len; i++) {
        struct stmt *cached = db->cache[i];

        if (!cached->in_use && (cached->sql == sql || strcmp(cached->sql, sql) == 0)) {
            cached->in_use = true;
            *ret = cached;
            return 0;
        }
    }

    struct stmt *stmt = NEW(struct stmt);
    stmt->db = db;
    stmt->sql = sql;
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->handle, NULL) !=
            SQLITE_OK) {
        free(stmt);
        return fail(db, err, "cannot prepare a statement");
    }
    stmt->in_use = true;
    if (db->cache_len < DB_CACHE_MAX) {
        stmt->cached = true;
        db->cache[db->cache_len++] = stmt;
    }
    *ret = stmt;
    return 0;
}

static void bind_all(struct stmt *stmt, const char *types, va_list args)
{
    for (int i = 0; types[i]; i++) {
        switch (types[i]) {
        case 't':
            stmt_bind_text(stmt, i + 1, va_arg(args, const char *));
            break;
        case 'i':
            stmt_bind_int(stmt, i + 1, va_arg(args, int64_t));
            break;
        default:
            assert(types[i] == 'n');
            stmt_bind_null(stmt, i + 1);
        }
    }
}

int db_query(struct db *db, struct stmt **ret, struct error **err, const char *sql,
        const char *types, ...)
{
    struct stmt *stmt = NULL;
    va_list args;
    int r = db_prepare(db, sql, &stmt, err);

    if (r < 0)
        return r;
    va_start(args, types);
    bind_all(stmt, types, args);
    va_end(args);
    *ret = stmt;
    return 0;
}

int db_exec(struct db *db, struct error **err, const char *sql, const char *types, ...)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    va_list args;
    int r = db_prepare(db, sql, &stmt, err);

    if (r < 0)
        return r;
    va_start(args, types);
    bind_all(stmt, types, args);
    va_end(args);
    do
        r = stmt_step(stmt, err);
    while (r > 0);
    return r < 0 ? r : sqlite3_changes(db->handle);
}

void stmt_bind_text(struct stmt *stmt, int index, const char *text)
{
    int code = text ? sqlite3_bind_text(stmt->handle, index, text, -1, SQLITE_TRANSIENT)
                    : sqlite3_bind_null(stmt->handle, index);

    assert(code == SQLITE_OK || code == SQLITE_NOMEM || code == SQLITE_TOOBIG);
    if (code == SQLITE_NOMEM)
        mem_exhausted();
}

void stmt_bind_int(struct stmt *stmt, int index, int64_t value)
{
    int code = sqlite3_bind_int64(stmt->handle, index, value);

    assert(code == SQLITE_OK);
    (void)code;
}

void stmt_bind_null(struct stmt *stmt, int index)
{
    int code = sqlite3_bind_null(stmt->handle, index);

    assert(code == SQLITE_OK);
    (void)code;
}

int stmt_step(struct stmt *stmt, struct error **err)
{
    switch (sqlite3_step(stmt->handle)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default: {
        int r = fail(stmt->db, err, "cannot run a statement");

        sqlite3_reset(stmt->handle);
        return r;
    }
    }
}

const char *stmt_text(struct stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt->handle, column);
}

int64_t stmt_int(struct stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->handle, column);
}

bool stmt_is_null(struct stmt *stmt, int column)
{
    return sqlite3_column_type(stmt->handle, column) == SQLITE_NULL;
}

void stmt_reset(struct stmt *stmt)
{
    sqlite3_reset(stmt->handle);
    sqlite3_clear_bindings(stmt->handle);
}

void stmt_done(struct stmt *stmt)
{
    if (!stmt)
        return;
    assert(stmt->in_use);
    if (!stmt->cached) {
        sqlite3_finalize(stmt->handle);
        free(stmt);
        return;
    }
    stmt_reset(stmt);
    stmt->in_use = false;
}
