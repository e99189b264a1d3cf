/* Files of the real /proc. Whoever could make a runtime write something else where it means to
 * write a label, a score or a sysctl has broken out (CVE-2025-52881): so what is opened is checked
 * to lie in a proc file system, without links or further mounts on the way to it. */
#pragma once

/* `path` is below /proc ("self/oom_score_adj"); only "self" may be a link. Async-signal-safe.
 * Descriptor, close-on-exec, or -errno; -EXDEV when something is not proc's own. */
int procfs_open(const char *path, int flags);

/* Writes `text` in one call. 0 or -errno. */
int procfs_write(const char *path, const char *text);
