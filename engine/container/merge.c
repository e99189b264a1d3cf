#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/monitor/state-file.h"
#include "engine/container/log-drivers.h"
#include "engine/image/image.h"
#include "engine/container/user-namespace.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/mount-options.h"
#include "engine/runtime/spec.h"

#define MEMORY_MIN_BYTES (INT64_C(6) << 20)
#define CPU_PERIOD_MIN_USEC 1000
#define CPU_PERIOD_MAX_USEC 1000000
#define CPU_QUOTA_MIN_USEC 1000

/* ---- Vectors ---- */

static char **vector_copy(struct arena *arena, char *const *vector)
{
    size_t n = container_vector_len(vector);
    char **copy;

    if (!vector)
        return NULL;
    copy = ARENA_NEW_ARRAY(arena, n + 1, char *);
    for (size_t i = 0; i < n; i++)
        copy[i] = arena_strdup(arena, vector[i]);
    return copy;
}

static bool vector_has(char *const *vector, const char *text)
{
    for (; vector && *vector; vector++)
        if (strcmp(*vector, text) == 0)
            return true;
    return false;
}

/* `first`, then what of `second` is not in it yet. */
char **container_vector_union(struct arena *arena, char *const *first, char *const *second)
{
    size_t a = container_vector_len(first), b = container_vector_len(second), n = 0;
    char **all = ARENA_NEW_ARRAY(arena, a + b + 1, char *);

    for (size_t i = 0; i < a; i++)
        if (!vector_has(all, first[i]))
            all[n++] = arena_strdup(arena, first[i]);
    for (size_t i = 0; i < b; i++)
        if (!vector_has(all, second[i]))
            all[n++] = arena_strdup(arena, second[i]);
    return all;
}

static size_t env_key_len(const char *entry)
{
    return strcspn(entry, "=");
}

static bool is_unset(const struct container_config *config, const char *entry)
{
    size_t len = env_key_len(entry);

    for (char **name = config->unset_env; name && *name; name++)
        if (strlen(*name) == len && strncmp(*name, entry, len) == 0)
            return true;
    return config->unset_all_env;
}

/* The user's variables, then those of the image that the user did not set. */
static char **merge_env(
        struct arena *arena, const struct container_config *config, char *const *image)
{
    char **own = config->env;
    size_t a = container_vector_len(own), b = container_vector_len(image), n = 0;
    char **all = ARENA_NEW_ARRAY(arena, a + b + 1, char *);

    for (size_t i = 0; i < a; i++)
        all[n++] = arena_strdup(arena, own[i]);
    for (size_t i = 0; i < b; i++) {
        size_t len = env_key_len(image[i]);
        bool is_set = is_unset(config, image[i]);

        for (size_t k = 0; k < a && !is_set; k++)
            is_set = env_key_len(own[k]) == len && strncmp(own[k], image[i], len) == 0;
        if (!is_set)
            all[n++] = arena_strdup(arena, image[i]);
    }
    return all;
}

static bool is_cleared(char *const *entrypoint)
{
    return entrypoint && (!entrypoint[0] || (!entrypoint[0][0] && !entrypoint[1]));
}

/* ---- What the image contributes ---- */

static void merge_command(struct arena *arena, const struct container_config *config,
        const struct image_config *image, struct container_config *ret)
{
    char **none = ARENA_NEW(arena, char *);

    if (!config->entrypoint) {
        ret->entrypoint = vector_copy(arena, image->entrypoint);
        ret->cmd = vector_copy(arena, config->cmd ? config->cmd : image->cmd);
    } else {
        ret->entrypoint = is_cleared(config->entrypoint) ? none
                                                         : vector_copy(arena, config->entrypoint);
        ret->cmd = vector_copy(arena, config->cmd);
    }
}

static void merge_labels(struct arena *arena, const struct container_config *config,
        const struct image_config *image, struct container_config *ret)
{
    struct container_pairs labels = { 0 };

    for (size_t i = 0; i < config->labels.len; i++)
        *ARRAY_APPEND_ARENA(arena, &labels) = config->labels.items[i];
    STRMAP_FOREACH(&image->labels, entry) {
        if (!container_pairs_get(&config->labels, entry->key))
            *ARRAY_APPEND_ARENA(arena, &labels) = (struct container_pair){
                arena_strdup(arena, entry->key), arena_strdup(arena, entry->value)
            };
    }
    ret->labels = labels;
}

static void merge_health(struct arena *arena, const struct container_config *config,
        const struct image_config *image, struct container_config *ret)
{
    const struct image_healthcheck *from = image->healthcheck;
    struct container_health *h = &ret->health;

    ret->has_health = config->has_health || from;
    *h = config->has_health ? config->health : (struct container_health){ 0 };
    if (!from)
        return;
    if (!h->test || !h->test[0])
        h->test = vector_copy(arena, from->test);
    h->interval_usec = h->interval_usec ? h->interval_usec : from->interval_usec;
    h->timeout_usec = h->timeout_usec ? h->timeout_usec : from->timeout_usec;
    h->start_period_usec = h->start_period_usec ? h->start_period_usec : from->start_period_usec;
    h->start_interval_usec = h->start_interval_usec ? h->start_interval_usec
                                                    : from->start_interval_usec;
    h->retries = h->retries ? h->retries : from->retries;
}

static bool is_mounted(const struct container_config *config, const char *target)
{
    for (size_t i = 0; i < config->mounts.len; i++)
        if (strcmp(config->mounts.items[i].target, target) == 0)
            return true;
    for (size_t i = 0; i < config->files.len; i++)
        if (strcmp(config->files.items[i].target, target) == 0)
            return true;
    return false;
}

/* Anonymous volumes become mounts without a source, unless something else is mounted there. */
static int merge_volumes(struct arena *arena, const struct image_config *image,
        struct container_config *ret, struct error **err)
{
    char **own = ret->volumes;

    for (char **path = own; path && *path; path++) {
        char *target = path_clean(arena, *path);

        if (target[0] != '/')
            return error_set_plain(err, EINVAL, NULL,
                    "invalid volume specification: '%s': mount path must be absolute", *path);
        if (!is_mounted(ret, target))
            *ARRAY_APPEND_ARENA(arena, &ret->mounts) = (struct container_mount){
                .type = CONTAINER_MOUNT_VOLUME,
                .target = target,
                .anonymous = true,
                .tmpfs_mode = -1,
            };
    }
    const char *how = ret->image_volumes ? ret->image_volumes : "anonymous";
    bool in_memory = strcmp(how, "tmpfs") == 0;
    for (char **path = strcmp(how, "ignore") == 0 ? NULL : image->volumes; path && *path; path++) {
        char *target = path_clean(arena, *path);

        if (target[0] == '/' && target[1] && !is_mounted(ret, target))
            *ARRAY_APPEND_ARENA(arena, &ret->mounts) = (struct container_mount){
                .type = in_memory ? CONTAINER_MOUNT_TMPFS : CONTAINER_MOUNT_VOLUME,
                .target = target,
                .anonymous = !in_memory,
                .from_short_form = in_memory,
                .from_image = true,
                .tmpfs_mode = -1,
            };
    }
    ret->volumes = container_vector_union(arena, own, image->volumes);
    return 0;
}

/* ---- Checks ---- */

static int check_mounts(struct arena *arena, struct container_config *ret, struct error **err)
{
    struct container_mounts mounts = { 0 };

    for (size_t i = 0; i < ret->mounts.len; i++) {
        struct container_mount mount = ret->mounts.items[i];
        char *target;

        if (string_is_empty(mount.target) || mount.target[0] != '/')
            return error_set_plain(err, EINVAL, NULL,
                    "invalid mount config for type \"%s\": invalid mount path: '%s' mount path must be absolute",
                    container_mount_type_names[mount.type], mount.target ? mount.target : "");
        target = path_clean(arena, mount.target);
        if (strcmp(target, "/") == 0)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid specification: destination can't be '/'");
        for (size_t k = 0; k < mounts.len; k++)
            if (strcmp(mounts.items[k].target, target) == 0)
                return error_set_plain(err, EINVAL, NULL, "Duplicate mount point: %s", target);
        if (mount.type == CONTAINER_MOUNT_BIND &&
                !path_is_absolute(mount.source ? mount.source : ""))
            return error_set_plain(err, EINVAL, NULL,
                    "invalid mount config for type \"bind\": invalid mount path: '%s' mount path must be absolute",
                    mount.source ? mount.source : "");
        if (mount.type == CONTAINER_MOUNT_VOLUME && string_is_empty(mount.source)) {
            mount.source = NULL;
            mount.anonymous = true;
        }
        mount.target = target;
        *ARRAY_APPEND_ARENA(arena, &mounts) = mount;
    }
    ret->mounts = mounts;

    for (size_t i = 0; i < ret->files.len; i++) {
        struct container_file *file = &ret->files.items[i];

        if (string_is_empty(file->target) || file->target[0] != '/')
            return error_set_plain(err, EINVAL, NULL, "%s target '%s' must be an absolute path",
                    file->is_secret ? "secret" : "config", file->target ? file->target : "");
        file->target = path_clean(arena, file->target);
    }
    return 0;
}

/* What neither the kernel's mount flags nor tmpfs know would be "Invalid argument" when it is mounted. */
static int check_tmpfs_options(const struct container_mounts *mounts, struct error **err)
{
    static const char *const options[] = { "size", "nr_blocks", "nr_inodes", "mode", "uid", "gid",
        "mpol", "huge", "inode32", "inode64", "noswap" };

    ARRAY_FOREACH(mounts, mount) {
        struct str rest = str_from(mount->tmpfs_options ? mount->tmpfs_options : ""), word;

        while (mount->type == CONTAINER_MOUNT_TMPFS && str_split_next(&rest, ',', &word)) {
            ptrdiff_t equals = str_find(word, '=');
            struct str name = { word.data, equals < 0 ? word.len : (size_t)equals };
            bool known = word.len == 0 || mount_option_find(word);

            for (size_t i = 0; !known && i < ARRAY_LEN(options); i++)
                known = str_is_equal_z(name, options[i]);
            if (!known)
                return error_set_plain(err, EINVAL, NULL, "invalid tmpfs option \"%.*s\" of %s",
                        STR_FMT(word), mount->target);
        }
    }
    return 0;
}

static int check_capabilities(char *const *names, struct error **err)
{
    for (; names && *names; names++) {
        if (strcasecmp(*names, "ALL") == 0)
            continue;
        if (capability_parse(str_from(*names)) < 0)
            return error_set_plain(err, EINVAL, NULL, "invalid capability: \"%s\"", *names);
    }
    return 0;
}

static int check_memory(struct container_config *c, struct error **err)
{
    if (c->memory_bytes != 0 && c->memory_bytes < MEMORY_MIN_BYTES)
        return error_set_plain(err, EINVAL, NULL, "Minimum memory limit allowed is 6MB");
    if (c->memory_swap_bytes > 0 && c->memory_bytes == 0)
        return error_set_plain(err, EINVAL, NULL,
                "You should always set the Memory limit when using Memoryswap limit, see usage");
    if (c->memory_swap_bytes > 0 && c->memory_swap_bytes < c->memory_bytes)
        return error_set_plain(err, EINVAL, NULL,
                "Minimum memoryswap limit should be larger than memory limit, see usage");
    if (c->memory_reservation_bytes != 0 && c->memory_reservation_bytes < MEMORY_MIN_BYTES)
        return error_set_plain(err, EINVAL, NULL, "Minimum memory reservation allowed is 6MB");
    if (c->memory_bytes > 0 && c->memory_reservation_bytes > c->memory_bytes)
        return error_set_plain(err, EINVAL, NULL,
                "Minimum memory limit can not be less than memory reservation limit, see usage");
    return 0;
}

static int check_cpu(const struct container_config *c, struct error **err)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->nano_cpus > 0 && (c->cpu_period_usec > 0 || c->cpu_quota_usec > 0))
        return error_set_plain(err, EINVAL, NULL,
                "Conflicting options: Nano CPUs and CPU %s cannot both be set",
                c->cpu_period_usec > 0 ? "Period" : "Quota");
    if (c->nano_cpus < 0 || c->nano_cpus > cpus * INT64_C(1000000000))
        return error_set_plain(err, EINVAL, NULL,
                "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available", cpus,
                cpus);
    if (c->cpu_period_usec != 0 &&
            (c->cpu_period_usec < CPU_PERIOD_MIN_USEC || c->cpu_period_usec > CPU_PERIOD_MAX_USEC))
        return error_set_plain(err, EINVAL, NULL,
                "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    if (c->cpu_quota_usec > 0 && c->cpu_quota_usec < CPU_QUOTA_MIN_USEC)
        return error_set_plain(
                err, EINVAL, NULL, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
    if (c->cpu_shares < 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid CPU shares (%lld): value must be a positive integer",
                (long long)c->cpu_shares);
    return 0;
}

int container_check_limits(struct container_config *c, struct error **err)
{
    int r = check_memory(c, err);

    if (r >= 0)
        r = check_cpu(c, err);
    if (r < 0)
        return r;
    if (c->blkio_weight && (c->blkio_weight < 10 || c->blkio_weight > 1000))
        return error_set_plain(err, EINVAL, NULL, "Range of blkio weight is from 10 to 1000");
    if (c->has_memory_swappiness && (c->memory_swappiness < -1 || c->memory_swappiness > 100))
        return error_set_plain(err, EINVAL, NULL,
                "Invalid value: %lld, valid memory swappiness range is 0-100",
                (long long)c->memory_swappiness);
    if (c->has_oom_score_adj && (c->oom_score_adj < -1000 || c->oom_score_adj > 1000))
        return error_set_plain(err, EINVAL, NULL,
                "Invalid value %lld, range for oom score adj is [-1000, 1000]",
                (long long)c->oom_score_adj);
    for (size_t i = 0; i < c->ulimits.len; i++) {
        const struct container_ulimit *u = &c->ulimits.items[i];

        if (!runtime_rlimit_is_known(u->name))
            return error_set_plain(err, EINVAL, NULL, "invalid ulimit type: %s", u->name);
        if (u->hard != -1 && (u->soft > u->hard || u->soft == -1))
            return error_set_plain(err, EINVAL, NULL,
                    "ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
                    (long long)u->soft, (long long)u->hard);
    }
    return 0;
}

static int check_namespaces(
        struct arena *arena, const struct container_config *c, struct error **err)
{
    struct id_mappings uids, gids;

    return container_id_mappings(arena, c, &uids, &gids, err);
}

static int check_security(const struct container_config *c, struct error **err)
{
    for (char **option = c->security_opt; option && *option; option++) {
        struct str text = str_from(*option);

        if (str_is_equal_z(text, "no-new-privileges") ||
                str_has_prefix(text, "no-new-privileges=") ||
                str_has_prefix(text, "no-new-privileges:") || str_has_prefix(text, "seccomp=") ||
                str_has_prefix(text, "seccomp:") ||
                str_is_equal_z(text, "systempaths=unconfined") ||
                (str_has_prefix(text, "mask=") && text.len > strlen("mask=")) ||
                (str_has_prefix(text, "unmask=") && text.len > strlen("unmask=")) ||
                str_is_equal_z(text, "writable-cgroups") ||
                str_has_prefix(text, "writable-cgroups=") ||
                (str_has_prefix(text, "apparmor=") && text.len > strlen("apparmor=")) ||
                (str_has_prefix(text, "apparmor:") && text.len > strlen("apparmor:")) ||
                str_is_equal_z(text, "label=disable") || str_is_equal_z(text, "label:disable"))
            continue;
        if (str_has_prefix(text, "apparmor") || str_has_prefix(text, "label"))
            return error_set_plain(
                    err, EOPNOTSUPP, NULL, "--security-opt %s is not supported", *option);
        return error_set_plain(err, EINVAL, NULL,
                "invalid --security-opt \"%s\": expected apparmor=PROFILE, label=disable, mask=PATHS, "
                "no-new-privileges, seccomp=FILE, systempaths=unconfined, unmask=PATHS or writable-cgroups",
                *option);
    }
    return 0;
}

static int check_process(const struct container_config *c, struct error **err)
{
    int signo;

    if (!container_vector_len(c->entrypoint) && !container_vector_len(c->cmd))
        return error_set_plain(err, EINVAL, NULL, "no command specified");
    if (!string_is_empty(c->stop_signal) && parse_signal(str_from(c->stop_signal), &signo) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid signal: %s", c->stop_signal);
    if (!string_is_empty(c->working_dir) && c->working_dir[0] != '/')
        return error_set_plain(err, EINVAL, NULL,
                "the working directory '%s' is invalid, it needs to be an absolute path",
                c->working_dir);
    if (c->hostname && strlen(c->hostname) > LIMIT_HOSTNAME_BYTES)
        return error_set_plain(err, EINVAL, NULL, "invalid hostname: %s", c->hostname);
    for (char **env = c->env; env && *env; env++)
        if (!**env || **env == '=')
            return error_set_plain(err, EINVAL, NULL, "invalid environment variable: %s", *env);
    if (c->auto_remove && c->restart != CONTAINER_RESTART_NO)
        return error_set_plain(
                err, EINVAL, NULL, "can't create 'AutoRemove' container with restart policy");
    if (c->restart_max_retries && c->restart != CONTAINER_RESTART_ON_FAILURE)
        return error_set_plain(err, EINVAL, NULL,
                "invalid restart policy: maximum retry count can only be used with 'on-failure'");
    return 0;
}

static int check_health(const struct container_config *c, struct error **err)
{
    const struct {
        const char *name;
        int64_t value;
    } durations[] = {
        { "Interval", c->health.interval_usec },
        { "Timeout", c->health.timeout_usec },
        { "StartPeriod", c->health.start_period_usec },
        { "StartInterval", c->health.start_interval_usec },
    };

    if (c->startup_health.test &&
            (!c->has_health || string_is_equal(c->health.test ? c->health.test[0] : NULL, "NONE")))
        return error_set_plain(err, EINVAL, NULL,
                "a startup health check needs a health check that it comes before");
    if (c->health_log_count < 0 || c->health_log_count > HEALTH_LOG_MAX)
        return error_set_plain(
                err, EINVAL, NULL, "the number of health check results is 1 to %d", HEALTH_LOG_MAX);
    if (c->health_log_bytes < 0 || c->health_log_bytes > LIMIT_HEALTH_OUTPUT_BYTES)
        return error_set_plain(err, EINVAL, NULL,
                "the length of a health check's output is 1 to %d", LIMIT_HEALTH_OUTPUT_BYTES);
    if (!c->has_health)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(durations); i++)
        if (durations[i].value != 0 && durations[i].value < 1000)
            return error_set_plain(err, EINVAL, NULL, "%s in Healthcheck cannot be less than 1ms",
                    durations[i].name);
    if (c->health.retries < 0)
        return error_set_plain(err, EINVAL, NULL, "Retries in Healthcheck cannot be negative");
    const char *kind = c->health.test ? c->health.test[0] : NULL;
    if (kind && strcmp(kind, "NONE") != 0 && strcmp(kind, "CMD") != 0 &&
            strcmp(kind, "CMD-SHELL") != 0)
        return error_set_plain(err, EINVAL, NULL, "unknown type \"%s\" in Healthcheck", kind);
    return 0;
}

static int check_network(
        struct arena *arena, struct container_config *ret, struct diag *diag, struct error **err)
{
    if (ret->network_mode == CONTAINER_NETWORK_PRIVATE) {
        if (ret->networks.len == 0)
            *ARRAY_APPEND_ARENA(
                    arena, &ret->networks) = (struct container_network){ .network = "bridge" };
        return 0;
    }
    if (ret->networks.len > 0)
        return error_set_plain(err, EINVAL, NULL,
                "conflicting options: network mode %s and networks",
                container_network_mode_names[ret->network_mode]);
    if (ret->network_mode == CONTAINER_NETWORK_CONTAINER) {
        if (string_is_empty(ret->network_container))
            return error_set_plain(
                    err, EINVAL, NULL, "container to join the network of is missing");
        if (ret->ports.len > 0 || ret->publish_all)
            return error_set_plain(err, EINVAL, NULL,
                    "conflicting options: port publishing and the container type network mode");
        if (!string_is_empty(ret->hostname))
            return error_set_plain(
                    err, EINVAL, NULL, "conflicting options: hostname and the network mode");
    } else if (ret->ports.len > 0 || ret->publish_all) {
        if (ret->network_mode == CONTAINER_NETWORK_HOST)
            diag_add(diag, DIAG_WARNING, "ports-discarded", NULL,
                    "Published ports are discarded when using host network mode");
        ret->ports.len = 0;
        ret->publish_all = false;
    }
    return 0;
}

/* These are written into hosts, resolv.conf and hostname as they are: a second line would be a second entry. */
static int check_line(const char *what, const char *text, struct error **err)
{
    for (const char *p = text; p && *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return error_set_plain(
                    err, EINVAL, NULL, "%s has a control character: \"%s\"", what, text);
    return 0;
}

/* "1.2.3.4", "fe80::1%eth0". */
static int check_name_server(const char *text, struct error **err)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr binary;
    size_t len = strcspn(text, "%");

    if (len < sizeof(address)) {
        memcpy(address, text, len);
        address[len] = '\0';
        if (inet_pton(AF_INET6, address, &binary) == 1 ||
                (!text[len] && inet_pton(AF_INET, address, &binary) == 1))
            return 0;
    }
    return error_set_plain(err, EINVAL, NULL, "DNS server \"%s\" is no IP address", text);
}

static int check_names(const struct container_config *c, struct error **err)
{
    const struct {
        const char *what;
        char *const *texts;
    } lists[] = {
        { "extra host", c->extra_hosts },
        { "DNS server", c->dns },
        { "DNS search domain", c->dns_search },
        { "DNS option", c->dns_options },
        { "link", c->links },
    };
    int r = check_line("hostname", c->hostname, err);

    if (r >= 0)
        r = check_line("domainname", c->domainname, err);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (char *const *text = lists[i].texts; r >= 0 && text && *text; text++)
            r = check_line(lists[i].what, *text, err);
    for (char *const *text = c->dns; r >= 0 && text && *text; text++)
        r = check_name_server(*text, err);
    return r;
}

static int check_all(
        struct arena *arena, struct container_config *ret, struct diag *diag, struct error **err)
{
    int r = check_process(ret, err);

    if (r >= 0)
        r = check_capabilities(ret->cap_add, err);
    if (r >= 0)
        r = check_capabilities(ret->cap_drop, err);
    if (r >= 0)
        r = container_check_limits(ret, err);
    if (r >= 0)
        r = check_security(ret, err);
    if (r >= 0)
        r = check_namespaces(arena, ret, err);
    if (r >= 0)
        r = log_driver_check(ret, err);
    if (r >= 0)
        r = check_health(ret, err);
    if (r >= 0)
        r = check_names(ret, err);
    if (r >= 0)
        r = check_network(arena, ret, diag, err);
    return r;
}

int container_merge_config(struct arena *arena, const struct container_config *config,
        const struct image *image, struct container_config *ret, struct diag *diag,
        struct error **err)
{
    const struct image_config *from = &image->config;

    *ret = *config; /* its texts stay borrowed until the row is written */
    ret->mounts = (struct container_mounts){ 0 };
    for (size_t i = 0; i < config->mounts.len; i++)
        *ARRAY_APPEND_ARENA(arena, &ret->mounts) = config->mounts.items[i];
    ret->files = (struct container_files){ 0 };
    for (size_t i = 0; i < config->files.len; i++)
        *ARRAY_APPEND_ARENA(arena, &ret->files) = config->files.items[i];
    ret->networks = (struct container_networks){ 0 };
    for (size_t i = 0; i < config->networks.len; i++)
        *ARRAY_APPEND_ARENA(arena, &ret->networks) = config->networks.items[i];

    merge_command(arena, config, from, ret);
    merge_labels(arena, config, from, ret);
    merge_health(arena, config, from, ret);
    ret->env = merge_env(arena, config, from->env);
    ret->exposed_ports = container_vector_union(arena, config->exposed_ports, from->exposed_ports);
    ret->shell = config->shell ? config->shell : from->shell;
    if (string_is_empty(ret->user))
        ret->user = from->user;
    if (string_is_empty(ret->working_dir))
        ret->working_dir = from->working_dir;
    if (string_is_empty(ret->stop_signal))
        ret->stop_signal = from->stop_signal;

    int r = check_mounts(arena, ret, err);
    if (r >= 0)
        r = check_tmpfs_options(&ret->mounts, err);
    if (r >= 0)
        r = merge_volumes(arena, from, ret, err);
    if (r >= 0)
        r = check_all(arena, ret, diag, err);
    return r;
}
