/* Reading and writing descriptors completely, and passing them between processes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Writes all of it (also to a non-blocking descriptor, waiting for room). 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t len);

/* Reads until len or end of file; the number of bytes, or -errno. */
ssize_t fd_read_full(int fd, void *data, size_t len);

int fd_set_nonblock(int fd, bool nonblock);
int fd_set_cloexec(int fd, bool cloexec);

/* F_DUPFD_CLOEXEC from 3 upwards; descriptor or -errno. */
int fd_dup(int fd);

/* Close-on-exec pipe; 0 or -errno. */
int fd_pipe(int *ret_read, int *ret_write);

/* One message with up to FD_PASS_MAX descriptors over a unix socket. Sent: borrowed; received: given,
 * close-on-exec. Bytes transferred or -errno; 0 is the end. Surplus descriptors are closed.
 * A message longer than `size`, on a socket that keeps messages apart, is lost: -EMSGSIZE. */
#define FD_PASS_MAX 8
ssize_t fd_send(int socket_fd, const void *data, size_t len, const int *fds, size_t fd_count);
ssize_t fd_receive(int socket_fd, void *data, size_t size, int *ret_fds, size_t *fd_count);

/* Waits until fd has one of the poll(2) events, or until the monotonic deadline (TIMEOUT_NEVER: for
 * ever). The events, 0 on timeout, -errno. EINTR is waited through. */
int fd_wait(int fd, short events, int64_t deadline_usec);

/* Makes sure that 0, 1 and 2 are open (on /dev/null), so that no later file lands there. */
void fd_secure_stdio(void);
