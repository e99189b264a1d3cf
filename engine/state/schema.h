/* The tables of the state database and the numbered steps that lead there from any earlier version. */
#pragma once

struct db;
struct error;

/* Brings the database up to the newest version, each missing step in the same transaction. Cheap when
 * there is nothing to do (one read). -ENOTSUP when a newer berth wrote it. */
int schema_migrate(struct db *db, struct error **err);

/* What schema_migrate makes of an empty database; the number of steps. */
int schema_version(void);
