/* What volumes with driver options are to the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "engine/container/config.h"
#include "engine/rootfs/device.h"
#include "engine/volume/volume-device.h"

static struct arena arena = ARENA_INIT;

static int resolve(struct arena *a, const char *host, const char **ret, struct error **err)
{
    if (strcmp(host, "server") != 0)
        return error_set_plain(err, ENOENT, NULL, "no host %s", host);
    *ret = arena_strdup(a, "192.0.2.7");
    return 0;
}

struct given {
    const char *type, *device, *options;
    const char *wanted_type, *wanted_source, *wanted_options;
};

static int source_of(const struct given *g, struct mount_device *ret, struct error **err)
{
    struct container_pairs pairs = { 0 };
    const struct container_pair all[] = { { "type", g->type }, { "device", g->device },
        { "o", g->options } };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i].value)
            *ARRAY_APPEND_ARENA(&arena, &pairs) = all[i];
    return volume_device_source(&arena, "v", &pairs, resolve, ret, err);
}

static void check_text(const char *got, const char *wanted)
{
    if (wanted)
        assert_string_equal(got, wanted);
    else
        assert_null(got);
}

static void the_kernel_gets_type_device_and_options_with_addresses_in_numbers(void **state)
{
    static const struct given cases[] = {
        { "nfs", ":/export", "addr=server,rw,nfsvers=4", "nfs", ":/export",
                "addr=192.0.2.7,rw,nfsvers=4" },
        { "nfs4", "server:/export", "addr=192.0.2.1,soft", "nfs4", "server:/export",
                "addr=192.0.2.1,soft" },
        { "nfs", ":/export", "addr=2001:db8::1", "nfs", ":/export", "addr=2001:db8::1" },
        { "cifs", "//server/share/a", "username=u,password=p", "cifs", "//192.0.2.7/share/a",
                "username=u,password=p" },
        { "cifs", "//server/share", "addr=server,vers=3.0", "cifs", "//server/share",
                "addr=192.0.2.7,vers=3.0" },
        { "cifs", "//192.0.2.9/share", "ro", "cifs", "//192.0.2.9/share", "ro" },
        { "btrfs", "/dev/sdx1", "subvol=data,noatime", "btrfs", "/dev/sdx1",
                "subvol=data,noatime" },
        { "ext4", "/dev/sdx1", NULL, "ext4", "/dev/sdx1", NULL },
        { "tmpfs", "tmpfs", "size=1m,uid=1000", "tmpfs", "tmpfs", "size=1m,uid=1000" },
        { "none", "/srv/data", "bind", NULL, "/srv/data", NULL },
        { "none", "/srv/data", "ro,rbind,noexec", NULL, "/srv/data", "ro,noexec" },
        { NULL, "/srv/data", "bind", NULL, "/srv/data", NULL },
        /* Only file systems of the network have addresses. */
        { "ext4", "/dev/sdx1", "addr=server", "ext4", "/dev/sdx1", "addr=server" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mount_device source;

        assert_int_equal(source_of(&cases[i], &source, NULL), 0);
        check_text(source.type, cases[i].wanted_type);
        check_text(source.source, cases[i].wanted_source);
        check_text(source.options, cases[i].wanted_options);
    }
}

static void what_cannot_be_mounted_is_named(void **state)
{
    static const struct given cases[] = {
        { "nfs", ":/export", "addr=elsewhere", NULL, NULL, "cannot use volume \"v\"" },
        { "cifs", "//elsewhere/share", NULL, NULL, NULL, "cannot use volume \"v\"" },
        { NULL, "/srv", "ro", NULL, NULL, "volume \"v\" has a device but no type" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error *err = NULL;
        struct mount_device source;

        assert_true(source_of(&cases[i], &source, &err) < 0);
        assert_string_equal(err->message, cases[i].wanted_options);
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_gets_type_device_and_options_with_addresses_in_numbers),
        cmocka_unit_test(what_cannot_be_mounted_is_named),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);

    arena_release(&arena);
    return r;
}
