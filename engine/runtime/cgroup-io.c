/* Block I/O of a group: weights and limits, for all devices or for single ones. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/str.h"
#include "engine/runtime/cgroup-internal.h"

uint64_t cgroup_io_weight_from_blkio(uint64_t weight)
{
    return weight < 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

/* BFQ's file has v1's units in both versions; v2's own has others. Which is there depends on the
 * schedulers of the kernel. */
static int set_weight(const struct cgroup *c, const struct cgroup_hierarchy *h, int64_t weight,
        struct error **err)
{
    static const struct cgroup_setting first = { CGROUP_BLKIO, "block I/O weight", "blkio.weight",
        "io.bfq.weight", CGROUP_UNREAD };
    static const struct cgroup_setting second = { CGROUP_BLKIO, "block I/O weight",
        "blkio.bfq.weight", "io.weight", CGROUP_UNREAD, .optional = true };
    char text[CGROUP_VALUE_MAX];

    if (weight == RESOURCE_UNSET || weight == 0)
        return 0;
    snprintf(text, sizeof(text), "%" PRId64, weight);
    int r = fs_write_small(h->fd, h->v2 ? first.file_v2 : first.file_v1, text);
    if (r == -ENOENT)
        return cgroup_set(c, &second,
                h->v2 ? (int64_t)cgroup_io_weight_from_blkio((uint64_t)weight) : weight, err);
    return r < 0 ? error_set(err, -r, NULL, "cannot set the block I/O weight to %s", text) : 0;
}

static int set_device_weight(const struct cgroup *c, const struct cgroup_hierarchy *h,
        const struct resource_blkio_device *d, struct error **err)
{
    static const char *const files[] = { "io.bfq.weight", "blkio.weight_device",
        "blkio.bfq.weight_device" };
    static const struct cgroup_setting plain = { CGROUP_BLKIO, "block I/O weight of a device", NULL,
        "io.weight", CGROUP_UNREAD };
    char text[CGROUP_VALUE_MAX];
    int r = -ENOENT;

    snprintf(text, sizeof(text), "%u:%u %" PRIu64, d->major, d->minor, d->value);
    for (size_t i = h->v2 ? 0 : 1; r == -ENOENT && i < (h->v2 ? 1 : ARRAY_LEN(files)); i++)
        r = fs_write_small(h->fd, files[i], text);
    if (r == -ENOENT && h->v2) {
        snprintf(text, sizeof(text), "%u:%u %" PRIu64, d->major, d->minor,
                cgroup_io_weight_from_blkio(d->value));
        return cgroup_set_text(c, &plain, text, err);
    }
    if (r == -ENOENT)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cannot set the block I/O weight of a device: the kernel has no BFQ here");
    return r < 0 ? error_set(err, -r, NULL, "cannot set the block I/O weight \"%s\"", text) : 0;
}

static int set_leaf_weights(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    static const struct cgroup_setting leaf = { CGROUP_BLKIO, "block I/O leaf weight",
        "blkio.leaf_weight", NULL, CGROUP_EXACT };
    static const struct cgroup_setting device = { CGROUP_BLKIO, "block I/O leaf weight of a device",
        "blkio.leaf_weight_device", NULL, CGROUP_UNREAD };
    int r = cgroup_set(
            c, &leaf, res->blkio_leaf_weight == 0 ? RESOURCE_UNSET : res->blkio_leaf_weight, err);

    for (size_t i = 0; r >= 0 && i < res->blkio_leaf_weight_devices.len; i++) {
        const struct resource_blkio_device *d = &res->blkio_leaf_weight_devices.items[i];
        char text[CGROUP_VALUE_MAX];

        snprintf(text, sizeof(text), "%u:%u %" PRIu64, d->major, d->minor, d->value);
        r = cgroup_set_text(c, &device, text, err);
    }
    return r;
}

/* v2 has one line per device with all four limits: those that are not given stay. */
static int set_throttle(const struct cgroup *c, const struct cgroup_hierarchy *h,
        enum resource_throttle which, const struct resource_blkio_device *d, struct error **err)
{
    static const struct {
        const char *file_v1, *key_v2;
    } names[THROTTLE_MAX_] = {
        [THROTTLE_READ_BPS] = { "blkio.throttle.read_bps_device", "rbps" },
        [THROTTLE_WRITE_BPS] = { "blkio.throttle.write_bps_device", "wbps" },
        [THROTTLE_READ_IOPS] = { "blkio.throttle.read_iops_device", "riops" },
        [THROTTLE_WRITE_IOPS] = { "blkio.throttle.write_iops_device", "wiops" },
    };
    const struct cgroup_setting setting = { CGROUP_BLKIO, "block I/O limit", names[which].file_v1,
        "io.max", CGROUP_UNREAD };
    char text[CGROUP_VALUE_MAX], wanted[CGROUP_VALUE_MAX], now[4096];

    snprintf(wanted, sizeof(wanted), "%s=%" PRIu64, names[which].key_v2, d->value);
    if (h->v2 && d->value == 0)
        snprintf(wanted, sizeof(wanted), "%s=max", names[which].key_v2);
    if (h->v2)
        snprintf(text, sizeof(text), "%u:%u %.64s", d->major, d->minor, wanted);
    else
        snprintf(text, sizeof(text), "%u:%u %" PRIu64, d->major, d->minor, d->value);
    int r = cgroup_set_text(c, &setting, text, err);
    if (r < 0 || d->value == 0)
        return r;
    /* The number that comes with the device's own, in its line or alone. */
    snprintf(text, sizeof(text), "%u:%u ", d->major, d->minor);
    if (fs_read_small(h->fd, h->v2 ? setting.file_v2 : setting.file_v1, now, sizeof(now)) < 0)
        return 0;
    const char *line = strstr(now, text);
    if (!line || (h->v2 && !strstr(line, wanted)))
        return error_set_plain(err, ERANGE, NULL,
                "cannot set the block I/O limit of %u:%u: the kernel has not taken it", d->major,
                d->minor);
    return 0;
}

int cgroup_apply_io(const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    const struct cgroup_hierarchy *h = NULL;
    bool any = res->blkio_weight != RESOURCE_UNSET || res->blkio_leaf_weight != RESOURCE_UNSET ||
               res->blkio_weight_devices.len > 0 || res->blkio_leaf_weight_devices.len > 0;

    for (size_t t = 0; t < THROTTLE_MAX_; t++)
        any |= res->blkio_throttle[t].len > 0;
    if (!any)
        return 0;
    int r = cgroup_need(c, CGROUP_BLKIO, "block I/O limit", &h, err);
    if (r >= 0)
        r = set_weight(c, h, res->blkio_weight, err);
    for (size_t i = 0; r >= 0 && i < res->blkio_weight_devices.len; i++)
        r = set_device_weight(c, h, &res->blkio_weight_devices.items[i], err);
    if (r >= 0)
        r = set_leaf_weights(c, res, err);
    for (size_t t = 0; t < THROTTLE_MAX_; t++) {
        for (size_t i = 0; r >= 0 && i < res->blkio_throttle[t].len; i++)
            r = set_throttle(
                    c, h, (enum resource_throttle)t, &res->blkio_throttle[t].items[i], err);
    }
    return r;
}
