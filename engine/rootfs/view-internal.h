/* The two ways to a view, so that tests can try each on any kernel. */
#pragma once

struct rootfs_view;

/* By fsopen and "lowerdir+" (Linux 6.5); -EINVAL or -ENOSYS where the kernel lacks them. */
int rootfs_view_open_detached(const struct rootfs_view *view);

/* By mount(2) in a thread with a mount namespace of its own. */
int rootfs_view_open_attached(const struct rootfs_view *view);
