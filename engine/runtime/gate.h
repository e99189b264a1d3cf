/* The gate at which a created container waits for its start: a listening socket in the container's
 * state directory, whose other end is held by the container's first process and by nobody else.
 * While it waits, the gate answers; once the program was executed, or the process has died, the
 * socket is closed and nothing does. So the state "created" is never out of date, whoever was
 * killed when. The socket lies where no container sees it. */
#pragma once

struct error;

#define GATE_NAME "gate"

/* A listening socket (given) at `dir_fd`/GATE_NAME; one that is left there is replaced. */
int gate_listen(int dir_fd, struct error **err);

/* A connection (given), or -ENOENT or -ECONNREFUSED when nobody waits there. */
int gate_connect(int dir_fd);
