/* The mount of a volume with driver options (type, o, device): one for all containers that use it, at its mountpoint,
 * from the first one's start to the last one's end. What was in memory is gone then.
 *
 *  1. What is mounted at ROOT/volumes/NAME/_data has a directory RUN/volumes/NAME.
 *  2. Each file in there has the name of a container that uses it. The container's row is "running" from before the file
 *     is made until it is gone; or who makes the file holds the volume's lock until then.
 *  3. All of that changes only under the volume's lock.
 *
 *  state    holds                              made by         left when we die after it
 *  unused   nothing in RUN                     volume_leave    nothing
 *  noted    the file, no mount                 volume_use      what the row's recovery, or a sweep, takes back
 *  used     the file, the mount                volume_use      the same
 *  last     the file of the last one, no mount volume_leave    the same
 *
 * A reboot takes RUN and the mounts with it. */
#pragma once

#include <stdbool.h>

struct engine;
struct error;
struct volume;

/* Whether the driver's options put its contents elsewhere. */
bool volume_has_device(const struct volume *volume);

/* Whether its contents end with its last user. */
bool volume_is_in_memory(const struct volume *volume);

/* Mounts it unless another one uses it, for the container `user` (an id). For the holder of the volume's lock. */
int volume_use(
        struct engine *engine, const struct volume *volume, const char *user, struct error **err);

/* Ends that, and unmounts what has no user any more. For the holder of the volume's lock. */
int volume_leave(struct engine *engine, const char *name, const char *user, struct error **err);

/* The same for all volumes that the container uses; takes their locks. */
int volume_leave_all(struct engine *engine, const char *user, struct error **err);

/* Between two runs of a container by the same monitor: what only it uses, and is in memory, is mounted anew. */
int volume_renew_all(struct engine *engine, const char *user, struct error **err);

/* Whether it is mounted now; may have changed unless the caller holds its lock. */
bool volume_is_mounted(struct engine *engine, const char *name);

/* Nothing is mounted there afterwards, whoever thinks to use it. For the holder of the lock, before a removal. */
int volume_unmount(struct engine *engine, const char *name, struct error **err);

/* Takes back the uses of containers that do not run. Cheap when there are none. */
int volume_sweep_uses(struct engine *engine, struct error **err);
