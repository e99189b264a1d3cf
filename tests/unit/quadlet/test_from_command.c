#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "quadlet/from-command.h"
#include "quadlet/multi.h"
#include "quadlet/quadlet.h"
#include "units/quote.h"
#include "units/unitfile.h"

/* `command` is split as a command line of systemd's; `expected` is the whole file, or the error. */
static void converts(const char *command, const char *name, const char *expected)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1 << 16);
    auto_error struct error *err = NULL;
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct strings words = { 0 };
    struct quadlet_set set;
    struct quadlet *quadlet;

    quadlet_set_init(&set, &arena);
    assert_int_equal(quote_split(&arena, command, QUOTE_COMMAND, &words, NULL), 0);
    if (quadlet_from_command(&set, &words, NULL, &quadlet, &diag, &err) < 0) {
        error_format(err, &text);
    } else {
        assert_string_equal(quadlet->name, name);
        unitfile_write(&quadlet->unit, &text);
    }
    assert_string_equal(text.data, expected);
    diag_release(&diag);
    arena_release(&arena);
}

static void options_become_keys_by_the_table(void **state)
{
    (void)state;
    converts(
            "docker run -d --rm -p 8080:80 -v/srv:/data:ro -e 'A=x y$1' -eB --cap-add=NET_ADMIN "
            "--tz local --memory 1g --security-opt apparmor=p --log-opt 'tag=a b' nginx:1 nginx -g "
            "'daemon off;'",
            "nginx.container",
            "[Container]\nImage=nginx:1\nPublishPort=8080:80\nVolume=/srv:/data:ro\n"
            "Environment=\"A=x y$$1\"\nEnvironment=B\nAddCapability=NET_ADMIN\nTimezone=local\n"
            "Memory=1g\nAppArmor=p\nLogOpt=\"tag=a b\"\nExec=nginx -g \"daemon off;\"\n");
}

static void what_there_is_no_key_for_is_kept_as_an_argument(void **state)
{
    (void)state;
    converts("podman run --privileged --cpus 2 --gpus=all -it x/y@sha256:0", "y.container",
            "[Container]\nImage=x/y@sha256:0\nPodmanArgs=--privileged\nPodmanArgs=--cpus=2\n"
            "PodmanArgs=--gpus=all\n");
}

static void flags_restart_and_user_have_forms_of_their_own(void **state)
{
    (void)state;
    converts("run --name web --restart on-failure:3 -u 1:2 --init --read-only=false "
             "--security-opt label=disable --security-opt label=type:t --security-opt "
             "no-new-privileges --label io.containers.autoupdate=registry --label a=b img",
            "web.container",
            "[Container]\nImage=img\nContainerName=web\nUser=1\nGroup=2\nRunInit=true\n"
            "ReadOnly=false\nSecurityLabelDisable=true\nSecurityLabelType=t\nNoNewPrivileges=true\n"
            "AutoUpdate=registry\nLabel=a=b\n\n[Service]\nRestart=on-failure\n");
}

static void a_command_line_without_image_or_value_is_refused(void **state)
{
    (void)state;
    converts("docker run -d", "", "the command line names no image");
    converts("docker run -p", "", "--publish needs a value");
    converts("docker run --name a/b img", "", "\"a/b\" cannot be the name of a unit");
}

static void words_that_nobody_knows_are_refused(void **state)
{
    (void)state;
    converts("docker run --nope nginx", "", "unknown option \"--nope\" of run");
    converts("docker run --volumme a:/b nginx", "", "unknown option \"--volumme\" of run");
    converts("docker run -Z nginx", "", "unknown option \"-Z\" of run");
    converts("docker ps", "", "\"ps\" stands where run or create is expected");
    converts("podman", "", "the command line names no image");
    converts("docker run --link db nginx", "nginx.container",
            "[Container]\nImage=nginx\nPodmanArgs=--link=db\n");
    converts("create run", "run.container", "[Container]\nImage=run\n");
}

static void parts_of_a_file_are_named_and_typed(void **state)
{
    static const char text[] = "# FileName=web\n[Container]\nImage=x\n---\n\n; FileName=data\n"
                               "[Unit]\n[Volume]\n  ---\n---\n[Pod]\n---\n#FileName=x\n[Unit]\n";
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct quadlet_parts parts;

    (void)state;
    const struct unit_text source = { "app.quadlets", text, sizeof(text) - 1 };
    assert_int_equal(quadlet_split_parts(&arena, &source, &parts, &diag), -EINVAL);
    assert_int_equal(parts.len, 2);
    assert_string_equal(parts.items[0].name, "web.container");
    assert_string_equal(parts.items[0].text, "# FileName=web\n[Container]\nImage=x\n");
    assert_string_equal(parts.items[1].name, "data.volume");
    assert_int_equal(parts.items[1].line, 5);
    assert_int_equal(diag.len, 2);
    assert_string_equal(diag.items[0].message, "this part has no comment \"# FileName=NAME\"");
    assert_int_equal(diag.items[0].at.line, 11);
    assert_string_equal(
            diag.items[1].message, "this part has no section of a quadlet, such as [Container]");
    diag_release(&diag);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_become_keys_by_the_table),
        cmocka_unit_test(what_there_is_no_key_for_is_kept_as_an_argument),
        cmocka_unit_test(flags_restart_and_user_have_forms_of_their_own),
        cmocka_unit_test(a_command_line_without_image_or_value_is_refused),
        cmocka_unit_test(words_that_nobody_knows_are_refused),
        cmocka_unit_test(parts_of_a_file_are_named_and_typed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
