/* The two ways behind fs_open_in_root, apart, so that tests can take each on any kernel. Both return a
 * descriptor or -errno. */
#pragma once

#include <sys/types.h>

/* openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS); -ENOSYS where the kernel has it not. */
int fs_open_in_root_by_kernel(int root_fd, const char *path, int flags, mode_t mode);

/* Component by component with O_NOFOLLOW, resolving links itself. Text links of /proc that the kernel
 * would treat as magic are resolved as text here, inside the root like all others. */
int fs_open_in_root_by_walk(int root_fd, const char *path, int flags, mode_t mode);
