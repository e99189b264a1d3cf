/* What a container has in common with others (ipc, pid and uts namespaces of a running container, memory of several):
 * the part of it that only the monitor can do. */
#pragma once

struct error;
struct monitor_config;

/* Once the namespaces that config.json names are held: whether they are those of the processes that were meant, not of
 * others that got their numbers since. -ESRCH when not. */
int joined_check(const struct monitor_config *config, struct error **err);

/* Mounts the memory that others share, empty; what an earlier run left there goes. Nothing without a shm_path. */
int shared_memory_make(const struct monitor_config *config, struct error **err);
