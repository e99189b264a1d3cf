/* The log drivers and what each takes: the table behind --log-driver and --log-opt. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/monitor/monitor-config.h"

struct container_config;
struct error;

struct log_driver {
    const char *name;
    enum monitor_log_driver driver;
    /* What is kept unless the options say otherwise. Docker's json-file keeps everything until the disk is full. */
    uint64_t max_size_bytes;
    uint32_t max_files;
    bool compress;
    const char *const *options; /* NULL-terminated */
};

/* NULL and "": the default driver. NULL when there is none of that name. */
const struct log_driver *log_driver_find(const char *name);

/* The driver and its options, in Docker's words. */
int log_driver_check(const struct container_config *config, struct error **err);
