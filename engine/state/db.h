/* The state database: SQLite in WAL mode, one file per user. Knows SQL and transactions, nothing of
 * containers. What SQLite says becomes a struct error; a busy database is waited for (DB_BUSY_TIMEOUT_MSEC).
 *
 *     auto_(db_rollback_p) struct db *transaction = NULL;
 *     auto_(stmt_done_p) struct stmt *stmt = NULL;
 *     int r = db_begin(engine->db, &transaction, err);
 *     if (r < 0)
 *         return r;
 *     r = db_query(engine->db, &stmt, err, "SELECT name FROM volumes WHERE driver = ?", "t", driver);
 *     while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
 *         use(stmt_text(stmt, 0));
 *     if (r < 0)
 *         return r;
 *     return db_commit(&transaction, err);
 *
 * A connection belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct db;
struct error;
struct stmt;

#define DB_BUSY_TIMEOUT_MSEC 60000

/* Opens (and creates, 0600) the database at an absolute path and runs the migrations it lacks. */
int db_open(const char *path, struct db **ret, struct error **err);
void db_close(struct db *db);
DEFINE_CLEANUP(struct db *, db_close);

/* Begins a transaction that writes (BEGIN IMMEDIATE: no later upgrade can fail for a lock), or, inside
 * one, a savepoint. *ret is the connection; leaving the scope without db_commit undoes everything since. */
int db_begin(struct db *db, struct db **ret, struct error **err);
int db_commit(
        struct db **transaction, struct error **err); /* *transaction becomes NULL on success */
void db_rollback(struct db *transaction);
DEFINE_CLEANUP(struct db *, db_rollback);
bool db_in_transaction(const struct db *db);

/* Prepares a statement, or takes it from the connection's cache. The SQL text must be a literal (its
 * address is the cache's key). Done with stmt_done, which resets it and gives it back. */
int db_prepare(struct db *db, const char *sql, struct stmt **ret, struct error **err);

/* db_prepare and bind in one: `types` has a letter per "?": t text (NULL: null), i int64_t, n null.
 * Integers must be passed as int64_t. */
int db_query(struct db *db, struct stmt **ret, struct error **err, const char *sql,
        const char *types, ...);

/* The same for statements without result rows; run to the end. Returns the number of rows changed. */
int db_exec(struct db *db, struct error **err, const char *sql, const char *types, ...);

/* True when the last failure of db_exec or stmt_step was a violated UNIQUE or PRIMARY KEY. */
bool db_failed_unique(const struct db *db);

/* Parameters count from 1, columns from 0. Texts are copied when bound; those read are borrowed until
 * the next step. A null column is NULL or 0. */
void stmt_bind_text(struct stmt *stmt, int index, const char *text);
void stmt_bind_int(struct stmt *stmt, int index, int64_t value);
void stmt_bind_null(struct stmt *stmt, int index);
int stmt_step(struct stmt *stmt, struct error **err); /* 1 a row, 0 done, negative failure */
const char *stmt_text(struct stmt *stmt, int column);
int64_t stmt_int(struct stmt *stmt, int column);
bool stmt_is_null(struct stmt *stmt, int column);
void stmt_reset(struct stmt *stmt); /* to bind and run it again */
void stmt_done(struct stmt *stmt);  /* NULL is fine */
DEFINE_CLEANUP(struct stmt *, stmt_done);
