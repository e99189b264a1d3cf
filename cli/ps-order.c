#include "cli/ps-order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "cli/format.h"
#include "engine/container/container.h"
#include "engine/container/usage.h"

const char *const ps_sort_keys[] = { "command", "created", "id", "image", "names", "runningfor",
    "size", "status", NULL };

/* What one container is compared by. */
struct order {
    struct container *container;
    const char *text; /* NULL: by the number */
    int64_t number;
    size_t position; /* of equal ones the order stays */
};

static int compare(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    int r = x->text ? strcmp(x->text, y->text) : (x->number > y->number) - (x->number < y->number);

    return r ? r : (x->position > y->position) - (x->position < y->position);
}

/* As Podman orders: texts by letter, ages and sizes from small to large. */
static void fill(struct engine *engine, struct arena *arena, const char *key, struct order *order)
{
    const struct container *c = order->container;

    if (strcmp(key, "command") == 0)
        order->text = format_command(arena, c);
    else if (strcmp(key, "id") == 0)
        order->text = c->id;
    else if (strcmp(key, "image") == 0)
        order->text = c->image_name ? c->image_name : c->image_id ? c->image_id : "";
    else if (strcmp(key, "names") == 0)
        order->text = c->name;
    else if (strcmp(key, "status") == 0)
        order->text = container_status_names[c->state.status];
    else if (strcmp(key, "size") == 0)
        order->number = (int64_t)container_size(engine, c->id);
    else if (strcmp(key, "created") == 0)
        order->number = -c->created_nsec;
    else
        order->number = container_is_running(c) ? -c->state.started_nsec : INT64_MAX;
}

int ps_sort(struct engine *engine, struct arena *arena, struct containers *containers,
        const char *key, struct error **err)
{
    bool known = !key;

    for (const char *const *name = ps_sort_keys; *name; name++)
        known = known || strcmp(*name, key) == 0;
    if (!known)
        return error_set_plain(err, EINVAL, NULL,
                "invalid value \"%s\" for --sort: expected command, created, id, image, names, "
                "runningfor, size or status",
                key);
    if (!key || containers->len < 2)
        return 0;
    struct order *orders = ARENA_NEW_ARRAY(arena, containers->len, struct order);
    for (size_t i = 0; i < containers->len; i++) {
        orders[i] = (struct order){ .container = containers->items[i], .position = i };
        fill(engine, arena, key, &orders[i]);
    }
    qsort(orders, containers->len, sizeof(*orders), compare);
    for (size_t i = 0; i < containers->len; i++)
        containers->items[i] = orders[i].container;
    return 0;
}

/* "4026531836" of "pid:[4026531836]". */
static const char *namespace_of(struct arena *arena, int64_t pid, const char *name)
{
    char path[64], target[64];

    (void)snprintf(path, sizeof(path), "/proc/%lld/ns/%s", (long long)pid, name);
    ssize_t n = pid > 0 ? readlink(path, target, sizeof(target) - 1) : -1;
    if (n < 0)
        return "";
    target[n] = '\0';
    const char *bracket = strchr(target, '[');
    return bracket ? arena_strndup(arena, bracket + 1, strcspn(bracket + 1, "]")) : "";
}

void ps_add_namespaces(struct arena *arena, const struct container *container, json_t *row)
{
    static const struct {
        const char *key, *name;
    } namespaces[] = { { "CGROUPNS", "cgroup" }, { "IPC", "ipc" }, { "MNT", "mnt" },
        { "NET", "net" }, { "PIDNS", "pid" }, { "USERNS", "user" }, { "UTS", "uts" } };
    const int64_t pid = container_is_running(container) ? container->state.pid : 0;

    json_object_set_new(row, "PID", json_string(arena_printf(arena, "%lld", (long long)pid)));
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
        json_object_set_new(
                row, namespaces[i].key, json_string(namespace_of(arena, pid, namespaces[i].name)));
}
