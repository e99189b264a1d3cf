#include "engine/state/schema.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "engine/state/db-internal.h"
#include "engine/state/db.h"

/* Each step is run once per database, in order, and never edited after a release: changes are new
 * steps. Ids and names are texts, points in time nanoseconds since 1970, lists and maps JSON. */
static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE images ("
    " id TEXT PRIMARY KEY,"              /* sha256:… of the configuration */
    " manifest_digest TEXT,"             /* of the manifest it came with; null for built images */
    " created_nsec INTEGER NOT NULL,"    /* as the configuration says */
    " size_bytes INTEGER NOT NULL,"      /* of the unpacked layers */
    " parent_id TEXT,"                   /* the image it was built on */
    " built INTEGER NOT NULL DEFAULT 0," /* made here */
    " architecture TEXT NOT NULL, os TEXT NOT NULL, variant TEXT,"
    " config TEXT NOT NULL," /* the image configuration, its exact bytes */
    " stored_nsec INTEGER NOT NULL DEFAULT 0"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE image_tags ("
    " name TEXT PRIMARY KEY," /* docker.io/library/x:tag */
    " image_id TEXT NOT NULL REFERENCES images(id),"
    " updated_nsec INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX image_tags_image ON image_tags(image_id);"
    "CREATE TABLE image_digests ("
    " repository TEXT NOT NULL, digest TEXT NOT NULL,"
    " image_id TEXT NOT NULL REFERENCES images(id),"
    " PRIMARY KEY (repository, digest)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX image_digests_image ON image_digests(image_id);"
    "CREATE TABLE layers ("
    " diff_id TEXT PRIMARY KEY,"
    " dir TEXT NOT NULL UNIQUE,"          /* below ROOT/layers */
    " blob_digest TEXT, media_type TEXT," /* how it came; null for layers made here */
    " size_bytes INTEGER NOT NULL,"
    " created_nsec INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE image_layers ("
    " image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,"
    " position INTEGER NOT NULL," /* 0 is the bottom */
    " diff_id TEXT NOT NULL REFERENCES layers(diff_id),"
    " PRIMARY KEY (image_id, position)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX image_layers_layer ON image_layers(diff_id);"
    "CREATE TABLE build_cache ("
    " key TEXT PRIMARY KEY,"
    " diff_id TEXT," /* the layer that the step made; null: it made none */
    " created_nsec INTEGER NOT NULL,"
    " last_used_nsec INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE containers ("
    " id TEXT PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " image_id TEXT NOT NULL,"   /* no reference: an image may be removed by force */
    " image_name TEXT NOT NULL," /* as the user gave it */
    " created_nsec INTEGER NOT NULL,"
    " config TEXT NOT NULL," /* struct container_config */
    " model TEXT,"           /* compose's normalised service, opaque here */
    " project TEXT, service TEXT,"
    " number INTEGER NOT NULL DEFAULT 0, oneoff INTEGER NOT NULL DEFAULT 0,"
    " status TEXT NOT NULL," /* see the table at the head of container/container.c */
    " exit_code INTEGER NOT NULL DEFAULT 0,"
    " error TEXT,"
    " oom_killed INTEGER NOT NULL DEFAULT 0,"
    " started_nsec INTEGER NOT NULL DEFAULT 0,"
    " finished_nsec INTEGER NOT NULL DEFAULT 0,"
    " restart_count INTEGER NOT NULL DEFAULT 0,"
    " desired TEXT NOT NULL DEFAULT 'stopped',"
    " boot_id TEXT," /* the boot in which it was started last */
    " health TEXT"   /* JSON as in inspect, of the last run */
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX containers_project ON containers(project, service) WHERE project IS NOT NULL;"
    "CREATE INDEX containers_image ON containers(image_id);"
    "CREATE TABLE networks ("
    " id TEXT PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " driver TEXT NOT NULL,"
    " bridge TEXT UNIQUE," /* name of the link */
    " subnet TEXT, gateway TEXT, ip_range TEXT,"
    " user_subnet INTEGER NOT NULL DEFAULT 0,"  /* the subnet was asked for, not chosen */
    " last_address INTEGER NOT NULL DEFAULT 0," /* given out last; the next one is above it */
    " internal INTEGER NOT NULL DEFAULT 0, attachable INTEGER NOT NULL DEFAULT 0,"
    " options TEXT NOT NULL DEFAULT '{}', labels TEXT NOT NULL DEFAULT '{}',"
    " created_nsec INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE endpoints ("
    " container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,"
    " network_id TEXT NOT NULL REFERENCES networks(id),"
    " position INTEGER NOT NULL," /* eth0, eth1 … */
    " ipv4 TEXT, mac TEXT,"
    " aliases TEXT NOT NULL DEFAULT '[]',"
    " active_boot TEXT," /* the boot in which the container uses it; null: it does not */
    " hostname TEXT,"    /* a further name, when the user gave one; set at the start */
    " dns TEXT,"         /* JSON list: where its queries are forwarded; null: as the host's */
    " PRIMARY KEY (container_id, network_id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX endpoints_address ON endpoints(network_id, ipv4) WHERE ipv4 IS NOT NULL;"
    "CREATE TABLE ports ("
    " container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,"
    " host_ip TEXT NOT NULL, host_port INTEGER NOT NULL,"
    " container_port INTEGER NOT NULL, protocol TEXT NOT NULL,"
    " PRIMARY KEY (container_id, host_ip, host_port, container_port, protocol)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE volumes ("
    " name TEXT PRIMARY KEY,"
    " driver TEXT NOT NULL,"
    " options TEXT NOT NULL DEFAULT '{}', labels TEXT NOT NULL DEFAULT '{}',"
    " created_nsec INTEGER NOT NULL,"
    " anonymous INTEGER NOT NULL DEFAULT 0,"
    " container_id TEXT" /* which container's creation made it, for anonymous ones */
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE container_volumes ("
    " container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,"
    " volume TEXT NOT NULL REFERENCES volumes(name),"
    " PRIMARY KEY (container_id, volume)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX container_volumes_volume ON container_volumes(volume);",
    /* 2 */
    "CREATE TABLE projects ("
    " name TEXT PRIMARY KEY,"
    " directory TEXT NOT NULL,"
    " applied TEXT," /* compose's text, opaque here; null: nothing yet */
    " applied_nsec INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;",
    /* 3 */
    "CREATE TABLE secrets ("
    " id TEXT PRIMARY KEY," /* and the name of the file of its data below ROOT/secrets */
    " name TEXT NOT NULL UNIQUE,"
    " labels TEXT NOT NULL DEFAULT '{}',"
    " created_nsec INTEGER NOT NULL, updated_nsec INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;",
    /* 4 */
    "ALTER TABLE endpoints ADD COLUMN gw_priority INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE endpoints ADD COLUMN fixed_ipv4 INTEGER NOT NULL DEFAULT 0;" /* asked for, not chosen */
    "ALTER TABLE endpoints ADD COLUMN driver_options TEXT NOT NULL DEFAULT '{}';"
    "ALTER TABLE endpoints ADD COLUMN link_name TEXT;", /* in the container; set at the start */
    /* 5 */
    "ALTER TABLE networks ADD COLUMN ipv4 INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE networks ADD COLUMN ipv6 INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE networks ADD COLUMN subnet6 TEXT;"
    "ALTER TABLE networks ADD COLUMN gateway6 TEXT;"
    "ALTER TABLE networks ADD COLUMN ip_range6 TEXT;"
    "ALTER TABLE networks ADD COLUMN user_subnet6 INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE networks ADD COLUMN last_address6 TEXT;"
    "ALTER TABLE networks ADD COLUMN aux_addresses TEXT NOT NULL DEFAULT '{}';" /* never given out */
    "ALTER TABLE endpoints ADD COLUMN ipv6 TEXT;"
    "ALTER TABLE endpoints ADD COLUMN fixed_ipv6 INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE endpoints ADD COLUMN link_local TEXT NOT NULL DEFAULT '[]';"
    "CREATE UNIQUE INDEX endpoints_address6 ON endpoints(network_id, ipv6) WHERE ipv6 IS NOT NULL;",
    /* 6 */
    "CREATE TABLE pods ("
    " id TEXT PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " created_nsec INTEGER NOT NULL,"
    " config TEXT NOT NULL," /* struct pod_config */
    " infra_id TEXT UNIQUE"  /* the container that keeps its namespaces; null: it has none */
    ") STRICT, WITHOUT ROWID;"
    "ALTER TABLE containers ADD COLUMN pod_id TEXT REFERENCES pods(id);"
    "CREATE INDEX containers_pod ON containers(pod_id) WHERE pod_id IS NOT NULL;"
    /* With the container that keeps its namespaces the pod is gone; while there are others neither can go. */
    "CREATE TRIGGER pods_infra AFTER DELETE ON containers WHEN OLD.pod_id IS NOT NULL BEGIN"
    " DELETE FROM pods WHERE infra_id = OLD.id; END;",
};

int schema_version(void)
{
    return (int)ARRAY_LEN(steps);
}

static int read_version(struct db *db, int64_t *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_prepare(db, "PRAGMA user_version", &stmt, err);

    if (r < 0)
        return r;
    r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    *ret = stmt_int(stmt, 0);
    return 0;
}

/* PRAGMA takes no parameter, and SQL texts are literals here: the version is set step by step. */
static int write_version(struct db *db, int64_t version, struct error **err)
{
    char sql[sizeof("PRAGMA user_version = ") + 20];

    snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld", (long long)version);
    return db_exec_script(db, sql, err);
}

int schema_migrate(struct db *db, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    int64_t version = 0;
    int r = read_version(db, &version, err);

    if (r < 0)
        return r;
    if (version == schema_version())
        return 0;
    if (version > schema_version()) {
        r = error_set_plain(err, ENOTSUP, NULL,
                "the state database has version %lld, this berth knows up to %d",
                (long long)version, schema_version());
        error_hint(err, "a newer berth has used this state directory: install that version");
        return r;
    }

    r = db_begin(db, &transaction, err);
    if (r < 0)
        return r;
    r = read_version(db, &version, err); /* another process may have been faster */
    if (r < 0)
        return r;
    for (; version < schema_version(); version++) {
        r = db_exec_script(db, steps[version], err);
        if (r < 0)
            return error_wrap(err, r, "cannot bring the state database to version %lld",
                    (long long)version + 1);
    }
    r = write_version(db, version, err);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}
