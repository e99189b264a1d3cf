/* Reading OCI configurations: what is taken, and how each mistake is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/runtime/mount-options.h"
#include "engine/runtime/spec.h"

/* Single quotes for double ones. */
static json_t *parse(const char *text)
{
    auto_free char *copy = mem_strdup(text);
    json_error_t where;

    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *json = json_loads(copy, JSON_DECODE_ANY, &where);
    if (!json)
        fail_msg("%s in %s", where.text, text);
    return json;
}

#define MINIMAL                                                                     \
    "{'ociVersion':'1.0.2','root':{'path':'r'},'process':{'args':['a'],'cwd':'/'}," \
    "'linux':{'namespaces':[{'type':'mount'},{'type':'pid'},{'type':'uts'},{'type':'ipc'}]}}"

/* The minimal configuration with a member of `section` ("" for the top) replaced. */
static json_t *with(const char *section, const char *key, const char *value)
{
    json_t *json = parse(MINIMAL);
    json_t *target = *section ? json_object_get(json, section) : json;

    json_object_set_new(target, key, parse(value));
    return json;
}

static void minimal_configuration_has_the_documented_defaults(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *json = parse(MINIMAL);
    struct runtime_spec *spec;

    (void)state;
    assert_int_equal(runtime_spec_parse(&arena, json, &spec, NULL), 0);
    assert_int_equal(spec->process.umask, 0022);
    assert_int_equal(spec->namespaces[NAMESPACE_PID].mode, NAMESPACE_PRIVATE);
    assert_int_equal(spec->namespaces[NAMESPACE_NETWORK].mode, NAMESPACE_HOST);
    assert_int_equal(spec->rootfs_propagation, MS_PRIVATE | MS_REC);
    assert_true(spec->resources.memory_limit_bytes == RESOURCE_UNSET);
    assert_null(spec->process.args[1]);
    assert_null(spec->masked_paths[0]);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *section, *key, *value, *message;
    } cases[] = {
        { "", "ociVersion", "'2.0'", "ociVersion: \"2.0\" is not a version 1" },
        { "", "process", "null", "member \"process\" is missing" },
        { "", "linux", "null", "member \"linux\" is missing" },
        { "", "mounts", "[{'type':'tmpfs'}]", "no destination" },
        { "", "mounts", "[{'destination':'/x','type':'bind','options':['rbind']}]", "no source" },
        { "", "mounts", "[{'destination':'/x','type':'bind','source':'/y','options':['frob']}]",
                "unknown option of a bind: \"frob\"" },
        { "", "mounts", "[{'destination':'/x','source':'/y','options':['bind','remount']}]",
                "remount" },
        { "process", "args", "[]", "no command specified" },
        { "process", "args", "'a'", "member \"args\"" },
        { "process", "cwd", "'relative'", "needs to be an absolute path" },
        { "process", "env", "['NOVALUE']", "not of the form NAME=value" },
        { "process", "user", "{'uid':-1}", "uid: -1 is not between" },
        { "process", "user", "{'uid':2147483648}", "uid: 2147483648 is not between" },
        { "process", "rlimits", "[{'type':'RLIMIT_X','soft':1,'hard':1}]",
                "unknown limit \"RLIMIT_X\"" },
        { "process", "rlimits", "[{'type':'RLIMIT_NOFILE','soft':2,'hard':1}]",
                "above the hard one" },
        { "process", "oomScoreAdj", "1001",
                "Invalid value 1001, range for oom score adj is [-1000, 1000]" },
        { "", "hooks", "{'prestart':[{'path':'x'}]}", "hooks.prestart: \"x\" is not the absolute" },
        { "", "hooks", "{'poststop':[{'path':'/x','timeout':0}]}", "timeout: 0 is not between" },
        { "", "annotations", "{'':'x'}", "annotations: \"\" is not a name" },
        { "process", "capabilities", "{'bounding':[1]}", "expected a list of names" },
        { "process", "scheduler", "{'policy':'SCHED_X'}", "unknown value \"SCHED_X\"" },
        { "process", "scheduler", "{'policy':'SCHED_OTHER','nice':20}", "nice: 20 is not between" },
        { "process", "scheduler", "{'policy':'SCHED_RR','runtime':1}", "SCHED_DEADLINE alone" },
        { "process", "scheduler", "{'policy':'SCHED_RR','flags':['X']}", "flags: unknown value" },
        { "process", "ioPriority", "{'class':'IOPRIO_CLASS_X'}", "unknown value" },
        { "process", "ioPriority", "{'class':'IOPRIO_CLASS_BE','priority':8}", "is not between" },
        { "process", "execCPUAffinity", "{'initial':'3-1'}", "is not a list like 0-3,7" },
        { "linux", "personality", "{'domain':'BSD'}", "unknown value \"BSD\"" },
        { "linux", "personality", "{'domain':'LINUX','flags':['X']}", "not supported" },
        { "linux", "memoryPolicy", "{'mode':'MPOL_X'}", "unknown value \"MPOL_X\"" },
        { "linux", "intelRdt", "{}", "Intel RDT is not supported" },
        { "linux", "netDevices", "{'eth0':{}}", "not supported" },
        { "linux", "namespaces", "[{'type':'mount'},{'type':'mount'}]", "given twice" },
        { "linux", "namespaces", "[{'type':'user'},{'type':'mount'}]",
                "needs uidMappings and gidMappings" },
        { "linux", "namespaces", "[{'type':'x'}]", "type \"x\" is not supported" },
        { "linux", "uidMappings", "[{'containerID':0,'hostID':1,'size':1}]",
                "need a user namespace" },
        { "linux", "uidMappings", "[{'containerID':0,'hostID':1,'size':0}]", "is not a range" },
        { "linux", "uidMappings", "[{'containerID':0,'hostID':4294967295,'size':1}]",
                "hostID: 4294967295 is not between" },
        { "linux", "uidMappings",
                "[{'containerID':0,'hostID':1,'size':9},{'containerID':5,'hostID':100,'size':1}]",
                "entries 1 and 2 overlap" },
        { "linux", "timeOffsets", "{'boottime':{'secs':1}}", "need a time namespace" },
        { "", "mounts", "[{'destination':'/x','source':'/y','options':['bind','idmap']}]",
                "needs mappings or a user namespace" },
        { "", "mounts", "[{'destination':'/x','type':'tmpfs','options':['idmap']}]",
                "only a bind can map ids" },
        { "", "mounts", "[{'destination':'/x','type':'mqueue','options':['tmpcopyup']}]",
                "is for tmpfs alone" },
        { "", "mounts",
                "[{'destination':'/x','source':'/y','options':['bind'],'uidMappings':[{'containerID':0,'hostID':1,'size':1}]}]",
                "are needed both" },
        { "linux", "sysctl", "{'kernel.panic':'1'}", "not in a separate kernel namespace" },
        { "linux", "sysctl", "{'net.ipv4.ip_forward':'1'}", "not in a separate kernel namespace" },
        { "linux", "sysctl", "{'../../etc/passwd':'1'}", "is not a name" },
        { "linux", "maskedPaths", "['proc/kcore']", "is not an absolute path" },
        { "linux", "devices", "[{'type':'x','path':'/dev/x'}]", "no valid type and path" },
        { "linux", "resources", "{'memory':{'limit':'1'}}", "member \"limit\"" },
        { "linux", "resources", "{'memory':{'swappiness':101}}", "out of range" },
        { "linux", "resources", "{'unified':{'../x':'1'}}", "is not a file of a cgroup" },
        { "linux", "rootfsPropagation", "'sideways'", "unknown value \"sideways\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        auto_json json_t *json = with(cases[i].section, cases[i].key, cases[i].value);
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(8192);
        auto_error struct error *error = NULL;
        struct runtime_spec *spec;

        if (runtime_spec_parse(&arena, json, &spec, &error) >= 0)
            fail_msg("%s %s was taken", cases[i].key, cases[i].value);
        error_format(error, &text);
        if (!strstr(text.data, cases[i].message))
            fail_msg("%s: \"%s\" is not in \"%s\"", cases[i].key, cases[i].message, text.data);
    }
}

static void mount_options_become_flags_and_data(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *json = with("", "mounts",
            "[{'destination':'dev','type':'tmpfs','source':'tmpfs','options':['nosuid','noexec','exec','mode=755','size=1k','rslave']},"
            "{'destination':'/a/../b/','source':'/s','options':['rbind','rro','nodev']}]");
    struct runtime_spec *spec;

    (void)state;
    assert_int_equal(runtime_spec_parse(&arena, json, &spec, NULL), 0);
    assert_string_equal(spec->mounts[0].destination, "/dev");
    assert_string_equal(spec->mounts[0].data, "mode=755,size=1k");
    assert_int_equal(spec->mounts[0].flags, MS_NOSUID);
    assert_int_equal(spec->mounts[0].flags_cleared, MS_NOEXEC);
    assert_int_equal(spec->mounts[0].propagation, MS_SLAVE | MS_REC);
    assert_string_equal(spec->mounts[1].destination, "/b");
    assert_string_equal(spec->mounts[1].type, "bind");
    assert_int_equal(spec->mounts[1].flags, MS_BIND | MS_REC | MS_NODEV);
    assert_true(spec->mounts[1].recursive_set == MOUNT_ATTR_RDONLY);
}

static void unknown_capabilities_are_left_out_with_one_warning(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *json = with(
            "process", "capabilities", "{'bounding':['CAP_CHOWN','CAP_X'],'effective':['CAP_X']}");
    struct runtime_spec *spec;

    (void)state;
    assert_int_equal(runtime_spec_parse(&arena, json, &spec, NULL), 0);
    assert_true(spec->process.capabilities.bounding == 1);
    assert_int_equal(spec->warnings.len, 1);
    assert_string_equal(spec->warnings.items[0], "the unknown capability \"CAP_X\" is ignored");
}

static void ambient_capabilities_that_cannot_be_raised_are_left_out_with_a_warning(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *json = with("process", "capabilities",
            "{'permitted':['CAP_CHOWN','CAP_KILL'],'inheritable':['CAP_KILL','CAP_FOWNER'],"
            "'ambient':['CAP_CHOWN','CAP_KILL','CAP_FOWNER']}");
    struct runtime_spec *spec;

    (void)state;
    assert_int_equal(runtime_spec_parse(&arena, json, &spec, NULL), 0);
    assert_true(spec->process.capabilities.ambient == 1 << 5);
    assert_int_equal(spec->warnings.len, 2);
    assert_string_equal(spec->warnings.items[0],
            "can't raise ambient capability CAP_CHOWN: it is not permitted and inheritable");
}

static void a_domainname_and_another_as_sysctl_are_refused(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *same = with("linux", "sysctl", "{'kernel.domainname':'one'}");
    auto_json json_t *other = with("linux", "sysctl", "{'kernel.domainname':'two'}");
    struct runtime_spec *spec;

    (void)state;
    json_object_set_new(same, "domainname", json_string("one"));
    json_object_set_new(other, "domainname", json_string("one"));
    assert_int_equal(runtime_spec_parse(&arena, same, &spec, NULL), 0);
    assert_int_equal(runtime_spec_parse(&arena, other, &spec, NULL), -EINVAL);
}

static void hooks_keep_their_order_and_default_to_their_path(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *json = with("", "hooks",
            "{'poststop':[{'path':'/a','args':['x','y'],'env':['A=1'],'timeout':3},{'path':'/b'}]}");
    struct runtime_spec *spec;

    (void)state;
    assert_int_equal(runtime_spec_parse(&arena, json, &spec, NULL), 0);
    const struct runtime_hooks *hooks = &spec->hooks[HOOK_POSTSTOP];
    assert_int_equal(hooks->count, 2);
    assert_string_equal(hooks->items[0].args[1], "y");
    assert_string_equal(hooks->items[0].env[0], "A=1");
    assert_int_equal(hooks->items[0].timeout_sec, 3);
    assert_string_equal(hooks->items[1].args[0], "/b");
    assert_int_equal(spec->hooks[HOOK_PRESTART].count, 0);
}

static void members_that_the_specification_does_not_know_are_ignored(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *json = with("linux", "somethingNew", "{'a':[1,2]}");
    struct runtime_spec *spec;

    (void)state;
    assert_int_equal(runtime_spec_parse(&arena, json, &spec, NULL), 0);
}

static void sysctls_of_own_namespaces_are_taken(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *json = with(
            "linux", "sysctl", "{'kernel.shmmax':'1','fs.mqueue.msg_max':'2'}");
    struct runtime_spec *spec;

    (void)state;
    assert_int_equal(runtime_spec_parse(&arena, json, &spec, NULL), 0);
    assert_int_equal(spec->sysctl_count, 2);
}

static void every_mount_option_is_found_by_its_name(void **state)
{
    static const char *const names[] = { "ro", "rw", "bind", "rbind", "nosuid", "relatime",
        "rprivate", "runbindable", "rro", "nofail" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_non_null(mount_option_find(str_from(names[i])));
    assert_null(mount_option_find(str_from("size=1k")));
    assert_int_equal(mount_propagation_parse("shared"), MS_SHARED);
    assert_int_equal(mount_propagation_parse("ro"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimal_configuration_has_the_documented_defaults),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(mount_options_become_flags_and_data),
        cmocka_unit_test(unknown_capabilities_are_left_out_with_one_warning),
        cmocka_unit_test(ambient_capabilities_that_cannot_be_raised_are_left_out_with_a_warning),
        cmocka_unit_test(a_domainname_and_another_as_sysctl_are_refused),
        cmocka_unit_test(hooks_keep_their_order_and_default_to_their_path),
        cmocka_unit_test(members_that_the_specification_does_not_know_are_ignored),
        cmocka_unit_test(sysctls_of_own_namespaces_are_taken),
        cmocka_unit_test(every_mount_option_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
