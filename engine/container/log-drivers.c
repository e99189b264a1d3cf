#include "engine/container/log-drivers.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/container/config.h"

#define MIB (UINT64_C(1) << 20)

static const char *const file_options[] = { "compress", "env", "env-regex", "labels",
    "labels-regex", "max-buffer-size", "max-file", "max-size", "mode", "tag", NULL };
static const char *const local_options[] = { "compress", "max-buffer-size", "max-file", "max-size",
    "mode", NULL };
static const char *const journald_options[] = { "env", "env-regex", "labels", "labels-regex",
    "max-buffer-size", "mode", "tag", NULL };
static const char *const none_options[] = { NULL };

/* The first is the default. `local` has json-file's format here, and what Docker's keeps; of journald's lines
 * as much is kept for `logs`. */
static const struct log_driver drivers[] = {
    { "json-file", MONITOR_LOG_JSON_FILE, 128 * MIB, 4, false, file_options },
    { "local", MONITOR_LOG_JSON_FILE, 20 * MIB, 5, true, local_options },
    { "journald", MONITOR_LOG_JOURNALD, 20 * MIB, 5, true, journald_options },
    { "none", MONITOR_LOG_NONE, 0, 0, false, none_options },
};

const struct log_driver *log_driver_find(const char *name)
{
    if (string_is_empty(name))
        return &drivers[0];
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (strcmp(drivers[i].name, name) == 0)
            return &drivers[i];
    return NULL;
}

static bool takes_option(const struct log_driver *driver, const char *key)
{
    for (const char *const *option = driver->options; *option; option++)
        if (strcmp(*option, key) == 0)
            return true;
    return false;
}

static int check_mode(const struct container_pairs *options, struct error **err)
{
    const char *mode = container_pairs_get(options, "mode");
    const char *buffer = container_pairs_get(options, "max-buffer-size");
    bool non_blocking = mode && strcmp(mode, "non-blocking") == 0;
    uint64_t bytes;

    if (mode && !non_blocking && strcmp(mode, "blocking") != 0)
        return error_set_plain(err, EINVAL, NULL, "logger: logging mode not supported: %s", mode);
    if (buffer && !non_blocking)
        return error_set_plain(err, EINVAL, NULL,
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    if (buffer && parse_size_bytes(str_from(buffer), &bytes) < 0)
        return error_set_plain(
                err, EINVAL, NULL, "logger: error parsing option max-buffer-size: %s", buffer);
    return 0;
}

static int check_sizes(
        const struct log_driver *driver, const struct container_pairs *options, struct error **err)
{
    const char *max_size = container_pairs_get(options, "max-size");
    const char *max_file = container_pairs_get(options, "max-file");
    const char *compress = container_pairs_get(options, "compress");
    uint64_t size = driver->compress ? driver->max_size_bytes : 0;
    uint32_t files = driver->compress ? driver->max_files : 1;
    bool flag;

    if (max_size && strcmp(max_size, "-1") != 0 &&
            (parse_size_bytes_decimal(str_from(max_size), &size) < 0 || size == 0))
        return error_set_plain(
                err, EINVAL, NULL, "max-size must be a positive number: %s", max_size);
    if (max_file && (parse_uint32(str_from(max_file), 1000, &files) < 0 || files < 1))
        return error_set_plain(err, EINVAL, NULL, "max-file cannot be less than 1: %s", max_file);
    if (compress && parse_bool(str_from(compress), &flag) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid value for compress: %s", compress);
    if (compress && flag && (files < 2 || size == 0))
        return error_set_plain(err, EINVAL, NULL,
                "compress cannot be true when max-file is less than 2 or max-size is not set");
    return 0;
}

int log_driver_check(const struct container_config *config, struct error **err)
{
    const struct log_driver *driver = log_driver_find(config->log_driver);

    if (!driver)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "logging driver \"%s\" is not supported, only json-file, local, journald and none "
                "are",
                config->log_driver);
    if (driver->driver == MONITOR_LOG_NONE)
        return 0;
    for (size_t i = 0; i < config->log_options.len; i++)
        if (!takes_option(driver, config->log_options.items[i].key))
            return error_set_plain(err, EINVAL, NULL, "unknown log opt '%s' for %s log driver",
                    config->log_options.items[i].key, driver->name);
    int r = check_mode(&config->log_options, err);
    return r < 0 ? r : check_sizes(driver, &config->log_options, err);
}
