/* The connection as schema.c sees it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct sqlite3;
struct sqlite3_stmt;

struct stmt {
    struct db *db;
    struct sqlite3_stmt *handle;
    const char *sql; /* the caller's literal */
    bool in_use, cached;
};

#define DB_CACHE_MAX 64

struct db {
    struct sqlite3 *handle;
    unsigned depth;             /* of transactions: 1 is BEGIN, more are savepoints */
    int last_code;              /* extended result code of the last failure */
    int64_t busy_deadline_usec; /* of who waits for another connection's transaction */
    struct stmt *cache[DB_CACHE_MAX];
    size_t cache_len;
};

/* How long who waits for another's transaction sleeps before it tries again: the first time (0), and so on. */
int64_t db_busy_pause_usec(int attempt);

/* Several statements without parameters or rows, for migrations. */
int db_exec_script(struct db *db, const char *sql, struct error **err);
