#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "quadlet/emit.h"
#include "quadlet/quadlet.h"

struct fixture {
    struct arena arena;
    struct diag diag;
    struct quadlet_set set;
    struct quadlet_unit unit;
};

static bool no_device(void *userdata, const char *path)
{
    (void)userdata;
    return strcmp(path, "/dev/there") == 0;
}

static const struct quadlet_options podman = {
    .engine = QUADLET_ENGINE_PODMAN, .program = "/usr/bin/podman", .has_device = no_device
};
static const struct quadlet_options berth = {
    .engine = QUADLET_ENGINE_BERTH, .program = "/usr/bin/berth", .has_device = no_device
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){ 0 };
    quadlet_set_init(&f->set, &f->arena);
}

static void end(struct fixture *f)
{
    diag_release(&f->diag);
    arena_release(&f->arena);
}

/* Translates all documents in order; the result of the last one. */
static int emit(struct fixture *f, const struct quadlet_options *options)
{
    int r = 0;

    quadlet_emit_prepare(&f->set);
    for (size_t i = 0; i < f->set.all.len; i++)
        r = quadlet_emit(&f->set, f->set.all.items[i], options, &f->arena, &f->unit, &f->diag);
    return r;
}

static void documents_in_memory_mean_their_values_literally(void **state)
{
    char *words[] = { "sh", "-c", "echo $HOME 100%", "" };
    struct strings command = { words, 4, 4 };
    struct fixture f;

    (void)state;
    begin(&f);
    struct quadlet *web = quadlet_new(&f.set, "web.container", "/srv");
    quadlet_add(web, "Image", "docker.io/library/nginx");
    quadlet_add(web, "HostName", "\"quoted\"");
    quadlet_add_pair(web, "Environment", "GREETING", "it's \"100% $pure\"");
    quadlet_add(web, "LogOpt", "tag=a b");
    quadlet_add(web, "Volume", "/a b:/c");
    quadlet_add_command(web, "Exec", &command);
    unitfile_add(&web->unit, "Service", "Restart", "always");
    assert_int_equal(emit(&f, &berth), 0);
    assert_string_equal(f.unit.name, "web.service");
    assert_string_equal(unitfile_get(&f.unit.unit, "Service", "ExecStart"),
            "/usr/bin/berth run --name systemd-%N --replace --rm --log-driver journald --log-opt tag=%N "
            "--log-opt \"tag=a\\x20b\" "
            "--cgroups=split --hostname \"\\\"quoted\\\"\" --sdnotify=conmon -d -v "
            "\"/a\\x20b:/c\" --env \"GREETING=it's\\x20\\\"100%%\\x20$$pure\\\"\" "
            "docker.io/library/nginx sh -c \"echo\\x20$$HOME\\x20100%%\"");
    assert_string_equal(unitfile_get(&f.unit.unit, "Service", "Restart"), "always");
    assert_null(unitfile_find(&f.unit.unit, "Unit", "SourcePath"));
    assert_int_equal(f.diag.len, 0);
    end(&f);
}

static void references_become_names_and_dependencies(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    struct quadlet *web = quadlet_new(&f.set, "web.container", "/srv");
    quadlet_add(web, "Image", "web.image");
    quadlet_add(web, "Network", "front.network");
    quadlet_add(web, "Volume", "data.volume:/data:ro");
    quadlet_add(quadlet_new(&f.set, "data.volume", "/srv"), "VolumeName", "d");
    quadlet_new(&f.set, "front.network", "/srv");
    struct quadlet *image = quadlet_new(&f.set, "web.image", "/srv");
    quadlet_add(image, "Image", "docker.io/library/nginx");
    quadlet_add(image, "ServiceName", "fetch");
    assert_int_equal(emit(&f, &podman), 0);
    struct unit_lines needs = unitfile_all(&f.unit.unit, "Unit", "Requires");
    assert_int_equal(needs.len, 3);
    assert_string_equal(needs.items[0].value, "fetch.service");
    assert_string_equal(needs.items[1].value, "front-network.service");
    assert_string_equal(needs.items[2].value, "data-volume.service");
    assert_string_equal(unitfile_get(&f.unit.unit, "Service", "ExecStart"),
            "/usr/bin/podman run --name systemd-%N --replace --rm --cgroups=split --network "
            "systemd-front --sdnotify=conmon -d -v d:/data:ro docker.io/library/nginx");
    end(&f);
}

static void a_pod_starts_its_containers(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    quadlet_new(&f.set, "group.pod", "/srv");
    struct quadlet *first = quadlet_new(&f.set, "first.container", "/srv");
    quadlet_add(first, "Image", "docker.io/x");
    quadlet_add(first, "Pod", "group.pod");
    struct quadlet *later = quadlet_new(&f.set, "later.container", "/srv");
    quadlet_add(later, "Image", "docker.io/x");
    quadlet_add(later, "Pod", "group.pod");
    quadlet_add(later, "StartWithPod", "no");
    assert_int_equal(emit(&f, &podman), 0);
    assert_string_equal(f.unit.name, "group-pod.service");
    struct unit_lines wants = unitfile_all(&f.unit.unit, "Unit", "Wants");
    assert_int_equal(wants.len, 2);
    assert_string_equal(wants.items[1].value, "first.service");
    end(&f);
}

static void every_error_of_a_document_is_found_in_one_run(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    struct quadlet *bad = quadlet_new(&f.set, "bad.container", "/srv");
    quadlet_add_raw(bad, "Imgae", "x");
    quadlet_add_raw(bad, "Group", "1");
    quadlet_add_raw(bad, "ExposeHostPort", "web");
    quadlet_add_raw(bad, "Volume", "dat.volume:/x");
    quadlet_new(&f.set, "data.volume", "/srv");
    assert_int_equal(emit(&f, &podman), -EINVAL);
    assert_int_equal(f.diag.errors, 5);
    assert_string_equal(f.diag.items[0].message, "unsupported key 'Imgae' in group 'Container'");
    assert_string_equal(f.diag.items[0].hint, "did you mean \"Image\"?");
    assert_string_equal(f.diag.items[1].message, "no Image or Rootfs key specified");
    assert_string_equal(f.diag.items[2].message, "invalid Group set without User");
    assert_string_equal(
            f.diag.items[3].message, "requested Quadlet source dat.volume was not found");
    assert_string_equal(f.diag.items[3].hint, "did you mean \"data.volume\"?");
    assert_int_equal(bad->errors.len, 5);
    end(&f);
}

static void what_needs_a_broken_document_is_broken_too(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    quadlet_add_raw(quadlet_new(&f.set, "n.network", "/srv"), "Gateway", "192.0.2.1");
    struct quadlet *web = quadlet_new(&f.set, "web.container", "/srv");
    quadlet_add(web, "Image", "docker.io/x");
    quadlet_add(web, "Network", "n.network");
    assert_int_equal(emit(&f, &berth), -EINVAL);
    assert_string_equal(f.diag.items[1].message, "n.network has errors of its own");
    end(&f);
}

static void a_placeholder_says_why_there_is_no_unit(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    struct quadlet *bad = quadlet_new(&f.set, "bad.container", "/srv");
    quadlet_add_raw(bad, "Image", "docker.io/x");
    quadlet_add_raw(bad, "Oops", "100% $x");
    unitfile_add(&bad->unit, "Install", "WantedBy", "multi-user.target");
    assert_int_equal(emit(&f, &berth), -EINVAL);
    quadlet_emit_placeholder(bad, &f.arena, &f.unit);
    assert_string_equal(f.unit.name, "bad.service");
    assert_string_equal(unitfile_get(&f.unit.unit, "Unit", "Description"),
            "bad.container cannot be used: bad.container: unsupported key 'Oops' in group "
            "'Container'");
    assert_non_null(strstr(unitfile_get(&f.unit.unit, "Service", "ExecStart"), "exit 78"));
    struct quadlet_links links = quadlet_emit_links(&f.unit, &f.arena);
    assert_int_equal(links.len, 1);
    assert_string_equal(links.items[0].path, "multi-user.target.wants/bad.service");
    assert_string_equal(links.items[0].target, "../bad.service");
    end(&f);
}

static void optional_devices_are_left_out_when_they_are_not_there(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    struct quadlet *web = quadlet_new(&f.set, "web.container", "/srv");
    quadlet_add(web, "Image", "docker.io/x");
    quadlet_add(web, "AddDevice", "-/dev/there:/dev/x");
    quadlet_add(web, "AddDevice", "-/dev/gone");
    quadlet_add(web, "AddDevice", "/dev/always");
    assert_int_equal(emit(&f, &podman), 0);
    const char *start = unitfile_get(&f.unit.unit, "Service", "ExecStart");
    assert_non_null(strstr(start, "--device /dev/there:/dev/x --device /dev/always"));
    end(&f);
}

static void links_never_lead_out_of_the_directory(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    struct quadlet *v = quadlet_new(&f.set, "v.volume", "/srv");
    unitfile_add(&v->unit, "Install", "Alias",
            "../x.service /etc/y.service a/../../z.service sub/ok.service");
    unitfile_add(&v->unit, "Install", "WantedBy", "../../evil a.target");
    assert_int_equal(emit(&f, &podman), 0);
    struct quadlet_links links = quadlet_emit_links(&f.unit, &f.arena);
    assert_int_equal(links.len, 5);
    for (size_t i = 0; i < 3; i++)
        assert_null(links.items[i].target);
    assert_string_equal(links.items[3].target, "../v-volume.service");
    assert_string_equal(links.items[4].path, "a.target.wants/v-volume.service");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_in_memory_mean_their_values_literally),
        cmocka_unit_test(references_become_names_and_dependencies),
        cmocka_unit_test(a_pod_starts_its_containers),
        cmocka_unit_test(every_error_of_a_document_is_found_in_one_run),
        cmocka_unit_test(what_needs_a_broken_document_is_broken_too),
        cmocka_unit_test(a_placeholder_says_why_there_is_no_unit),
        cmocka_unit_test(optional_devices_are_left_out_when_they_are_not_there),
        cmocka_unit_test(links_never_lead_out_of_the_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
