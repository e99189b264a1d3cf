/* What a configuration says of the process beyond its rights (scheduling, labels), and the hooks
 * around it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/json/json.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "engine/monitor/control.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/lsm.h"
#include "engine/runtime/seccomp.h"
#include "tests/system/box.h"

static json_t *process(struct box *box)
{
    return box_member(box, "process", NULL);
}

static void scheduler_io_priority_and_personality_are_set(void **state)
{
    struct box *box = box_new(ARGS("scheduling"));

    (void)state;
    json_object_set_new(process(box), "scheduler", box_parse("{'policy':'SCHED_BATCH','nice':7}"));
    json_object_set_new(
            process(box), "ioPriority", box_parse("{'class':'IOPRIO_CLASS_BE','priority':6}"));
    json_object_set_new(
            box_member(box, "linux", NULL), "personality", box_parse("{'domain':'LINUX32'}"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "policy 3 nice 7 io 0x4006 personality 0x8\n");
    box_free(box);
}

static void idle_policy_reaches_other_users_too(void **state)
{
    struct box *box = box_new(ARGS("scheduling"));

    (void)state;
    box->config.user = "app";
    json_object_set_new(process(box), "scheduler",
            box_parse("{'policy':'SCHED_IDLE','flags':['SCHED_FLAG_RESET_ON_FORK']}"));
    json_object_set_new(process(box), "ioPriority", box_parse("{'class':'IOPRIO_CLASS_IDLE'}"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "policy 5 nice 0 io 0x6000 personality 0\n");
    box_free(box);
}

static void what_the_kernel_refuses_is_named(void **state)
{
    struct box *box = box_new(ARGS("scheduling"));

    (void)state;
    json_object_set_new(process(box), "scheduler",
            box_parse("{'policy':'SCHED_DEADLINE','runtime':10,'deadline':5,'period':1}"));
    assert_true(box_start(box) < 0);
    assert_string_equal(box_error_text(box), "cannot set the scheduler: Invalid argument");
    box_free(box);
}

static void labels_are_refused_where_their_module_is_absent(void **state)
{
    struct box *box;

    (void)state;
    if (!lsm_has_apparmor()) {
        box = box_new(ARGS("env"));
        json_object_set_new(process(box), "apparmorProfile", json_string("some-profile"));
        assert_true(box_start(box) < 0);
        assert_string_equal(box_error_text(box),
                "the AppArmor profile \"some-profile\" cannot be applied: AppArmor is not enabled here");
        box_free(box);
        box = box_new(ARGS("exit", "0"));
        json_object_set_new(process(box), "apparmorProfile", json_string(LSM_UNCONFINED));
        assert_int_equal(box_run(box), 0);
        box_free(box);
    }
    if (!lsm_has_selinux()) {
        box = box_new(ARGS("env"));
        json_object_set_new(process(box), "selinuxLabel", json_string("u:r:t:s0"));
        assert_true(box_start(box) < 0);
        assert_non_null(strstr(box_error_text(box), "SELinux is not enabled here"));
        box_free(box);
    }
}

static void ambient_and_inheritable_capabilities_are_as_configured(void **state)
{
    struct box *box = box_new(ARGS("cat", "/proc/self/status"));
    static const char *const sets[] = { "bounding", "effective", "permitted", "inheritable",
        "ambient" };
    json_t *caps = json_object();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        json_object_set_new(
                caps, sets[i], box_parse("['CAP_KILL','CAP_CHOWN','CAP_FROM_THE_FUTURE']"));
    json_object_set_new(process(box), "capabilities", caps);
    box->config.user = "app";
    assert_int_equal(box_run(box), 0);
    assert_non_null(strstr(box->out.data,
            "CapInh:\t0000000000000021\nCapPrm:\t0000000000000021\nCapEff:\t0000000000000021\n"
            "CapBnd:\t0000000000000021\nCapAmb:\t0000000000000021\n"));
    box_free(box);
}

static void umask_and_additional_groups_are_as_configured(void **state)
{
    struct box *box = box_new(ARGS("cat", "/proc/self/status"));

    (void)state;
    json_object_set_new(
            process(box), "user", box_parse("{'uid':5,'gid':6,'umask':63,'additionalGids':[7,9]}"));
    assert_int_equal(box_run(box), 0);
    assert_non_null(strstr(box->out.data, "Umask:\t0077\n"));
    assert_non_null(strstr(box->out.data, "Groups:\t7 9 \n"));
    box_free(box);
}

/* ---- seccomp ---- */

static void use_profile(struct box *box, const char *quoted)
{
    struct seccomp_target target = { .bounding_caps = CAPABILITY_DOCKER_DEFAULT };
    auto_json json_t *profile = box_parse(quoted);
    auto_free char *name = NULL;

    box_make_dir(box, "seccomp");
    auto_close int dir_fd = open(box_path_in(box, "seccomp"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (seccomp_cache_profile(dir_fd, profile, &target, &name, &box->error) < 0)
        fail_msg("%s", box_error_text(box));
    box->config.seccomp_path = arena_printf(&box->arena, "%s/seccomp/%s", box->dir, name);
    json_object_set(box_member(box, "linux", NULL), "seccomp", profile);
}

/* Every action but those that kill or ask. */
static void seccomp_actions_answer_as_configured(void **state)
{
    static const struct {
        const char *action, *expected;
        int code;
    } cases[] = {
        { "'action':'SCMP_ACT_ERRNO','errnoRet':67", "67\n", 1 },
        { "'action':'SCMP_ACT_ERRNO'", "1\n", 1 },
        { "'action':'SCMP_ACT_TRACE'", "38\n", 1 }, /* nobody traces: ENOSYS */
        { "'action':'SCMP_ACT_KILL_PROCESS'", "", 128 + SIGSYS },
        { "'action':'SCMP_ACT_KILL'", "", 128 + SIGSYS },
        { "'action':'SCMP_ACT_TRAP'", "", 128 + SIGSYS },
        /* Conditions: they do not hold for zeros. */
        { "'action':'SCMP_ACT_KILL_PROCESS','args':[{'index':0,'value':1,'op':'SCMP_CMP_GE'}]",
                "22\n", 1 },
        { "'action':'SCMP_ACT_ERRNO','errnoRet':5,'args':[{'index':1,'value':255,'valueTwo':0,'op':'SCMP_CMP_MASKED_EQ'}]",
                "5\n", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char nr[16];

        snprintf(nr, sizeof(nr), "%ld", (long)SYS_sched_getparam); /* EINVAL for zeros */
        struct box *box = box_new(ARGS("syscall", nr));
        use_profile(box,
                arena_printf(&box->arena,
                        "{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_LOG','SECCOMP_FILTER_FLAG_SPEC_ALLOW'],"
                        "'syscalls':[{'names':['sched_getparam'],%s}]}",
                        cases[i].action));
        int code = box_run(box);
        if (code != cases[i].code || strcmp(box->out.data, cases[i].expected) != 0)
            fail_msg("%s: %d, %s", cases[i].action, code, box->out.data);
        box_free(box);
    }
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* The agent, in a process of its own: calls of the start itself come before the program's. 0, or the
 * number of what went wrong. */
static int serve_agent(int agent)
{
    char text[4096];
    int fds[FD_PASS_MAX];
    size_t fd_count = ARRAY_LEN(fds);
    auto_close int connection = accept4(agent, NULL, NULL, SOCK_CLOEXEC);
    ssize_t len = fd_receive(connection, text, sizeof(text) - 1, fds, &fd_count);

    if (len <= 0 || fd_count != 1)
        return 1;
    text[len] = 0;
    if (!strstr(text, "\"fds\":[\"seccompFd\"]") || !strstr(text, "\"metadata\":\"for you\"") ||
            !strstr(text, "\"id\":\"" ID "\""))
        return 2;
    for (bool awaited = false; !awaited;) {
        struct seccomp_notif request;

        memset(&request, 0, sizeof(request)); /* the kernel refuses anything else */
        if (ioctl(fds[0], SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
            return 3;
        awaited = request.data.nr == SYS_sched_getparam;
        struct seccomp_notif_resp answer = {
            .id = request.id,
            .error = awaited ? -ENOLINK : 0,
            .flags = awaited ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE,
        };
        if (ioctl(fds[0], SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0)
            return 4;
    }
    return 0;
}

static void a_listener_gets_the_state_and_answers_calls(void **state)
{
    char nr[16];

    (void)state;
    snprintf(nr, sizeof(nr), "%ld", (long)SYS_sched_getparam);
    struct box *box = box_new(ARGS("syscall", nr));
    use_profile(box,
            arena_printf(&box->arena,
                    "{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'%s/agent','listenerMetadata':'for you',"
                    "'syscalls':[{'names':['sched_getparam','read','execve'],'action':'SCMP_ACT_NOTIFY'}]}",
                    box->dir));
    auto_close int agent = listen_at(box_path_in(box, "agent"));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(serve_agent(agent));
    box_must_start(box);
    assert_int_equal(box_wait(box), 1);
    assert_int_equal(proc_wait(pid), 0);
    assert_string_equal(box->out.data, "67\n");
    box_free(box);
}

static void profiles_with_mistakes_are_refused_by_name(void **state)
{
    static const struct {
        const char *profile, *message;
    } cases[] = {
        { "{'defaultAction':'SCMP_ACT_X'}", "the action \"SCMP_ACT_X\" is not supported" },
        { "{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X']}",
                "unknown architecture \"SCMP_ARCH_X\"" },
        { "{'defaultAction':'SCMP_ACT_ALLOW','flags':['X']}", "the flag \"X\" is not supported" },
        { "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'action':'SCMP_ACT_LOG'}]}",
                "rule 1 names no syscall" },
        { "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['read'],'action':'SCMP_ACT_LOG','errnoRet':5}]}",
                "SCMP_ACT_LOG takes no errnoRet" },
        { "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['open'],'action':'SCMP_ACT_NOTIFY'}]}",
                "needs a listenerPath" },
        { "{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'/x','syscalls':[{'names':['sendmsg'],'action':'SCMP_ACT_NOTIFY'}]}",
                "cannot be used for sendmsg" },
        { "{'defaultAction':'SCMP_ACT_NOTIFY','listenerPath':'/x'}", "cannot be the default" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json json_t *profile = box_parse(cases[i].profile);
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(8192);
        auto_error struct error *error = NULL;
        auto_free void *data = NULL;
        size_t len;

        if (seccomp_compile(profile, &data, &len, &error) >= 0)
            fail_msg("taken: %s", cases[i].profile);
        error_format(error, &text);
        if (!strstr(text.data, cases[i].message))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].message, text.data);
    }
}

/* ---- hooks ---- */

/* A script in the box's directory that notes its name, the state and what it sees. */
static void add_hook(struct box *box, const char *point, const char *name, const char *script)
{
    const char *path = box_path_in(box, name);
    json_t *hooks = json_object_get(box->spec, "hooks");
    json_t *hook = json_pack("{s:s, s:[s,s], s:[s,s]}", "path", "/bin/sh", "args", "sh", path,
            "env", "PATH=/usr/bin:/bin", arena_printf(&box->arena, "LOG=%s/log", box->dir));

    box_make_file(box, name, script);
    if (!hooks) {
        hooks = json_object();
        json_object_set_new(box->spec, "hooks", hooks);
    }
    if (!json_object_get(hooks, point))
        json_object_set_new(hooks, point, json_array());
    json_array_append_new(json_object_get(hooks, point), hook);
}

#define NOTE(point)               \
    "state=$(cat); echo \"" point \
    " $(echo \"$state\" | sed 's/.*\"status\":\"\\([a-z]*\\)\".*/\\1/')\" >>\"$LOG\"\n"

static void hooks_run_in_their_order_with_the_state(void **state)
{
    static const char *const points[] = { "poststop", "poststart", "createContainer",
        "createRuntime", "prestart" };
    struct box *box = box_new(ARGS("exit", "0"));
    char name[64], script[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        snprintf(name, sizeof(name), "hook-%s", points[i]);
        snprintf(script, sizeof(script), NOTE("%s"), points[i]);
        add_hook(box, points[i], name, script);
    }
    json_object_set_new(box->spec, "annotations", box_parse("{'a':'b'}"));
    add_hook(box, "poststart", "hook-state", "cat >\"$LOG.state\"\n");
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box_read_file(box, box_path_in(box, "log")),
            "prestart creating\ncreateRuntime creating\ncreateContainer creating\n"
            "poststart running\npoststop stopped\n");
    const char *text = box_read_file(box, box_path_in(box, "log.state"));
    assert_non_null(strstr(text, "\"id\":\"" ID "\""));
    assert_non_null(strstr(text, "\"annotations\":{\"a\":\"b\"}"));
    assert_non_null(strstr(text, "\"pid\":"));
    assert_non_null(strstr(text, "\"bundle\":\"/tmp/berth-runtime."));
    box_free(box);
}

/* The hostname tells the namespace; the container's root is not yet that of createContainer. */
static void create_container_hooks_see_its_namespaces_and_our_files(void **state)
{
    struct box *box = box_new(ARGS("exit", "0"));

    (void)state;
    add_hook(box, "createContainer", "hook",
            "echo \"$(cat /proc/sys/kernel/hostname) $(readlink /proc/self/ns/net)\" >\"$LOG\"\n");
    assert_int_equal(box_run(box), 0);
    char host[64] = "";
    const char *text = box_read_file(box, box_path_in(box, "log"));
    ssize_t len = readlink("/proc/self/ns/net", host, sizeof(host) - 1);
    assert_true(len > 0);
    assert_memory_equal(text, "box net:", strlen("box net:"));
    assert_null(strstr(text, host));
    box_free(box);
}

/* In the container there is but the payload. */
static void start_container_hooks_run_in_the_container(void **state)
{
    struct box *box = box_new(ARGS("cat", "/note"));

    (void)state;
    json_object_set_new(box->spec, "hooks",
            box_parse(
                    "{'startContainer':[{'path':'/bin/payload','args':['payload','write','/note','written']}]}"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "written");
    box_free(box);
}

static void a_failing_hook_stops_the_start_and_is_quoted(void **state)
{
    static const struct {
        const char *point, *name;
    } cases[] = { { "createRuntime", "createRuntime" }, { "createContainer", "createContainer" },
        { "poststart", "poststart" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct box *box = box_new(ARGS("pause"));

        add_hook(box, cases[i].point, "hook", "echo 'no such luck' >&2; exit 3\n");
        assert_true(box_start(box) < 0);
        assert_string_equal(box_error_text(box),
                arena_printf(&box->arena,
                        "error running %s hook #0: \"/bin/sh\": exit status 3: no such luck",
                        cases[i].name));
        box_free(box);
    }
}

static void a_hook_that_takes_too_long_is_killed_with_its_children(void **state)
{
    struct box *box = box_new(ARGS("pause"));

    (void)state;
    add_hook(box, "prestart", "hook", "sleep 1000 & echo $! >\"$LOG\"; sleep 1000\n");
    json_object_set_new(
            json_array_get(json_object_get(box_member(box, "hooks", NULL), "prestart"), 0),
            "timeout", json_integer(1));
    assert_true(box_start(box) < 0);
    assert_string_equal(box_error_text(box),
            "error running prestart hook #0: \"/bin/sh\": it did not end within 1 seconds");
    box_free(box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scheduler_io_priority_and_personality_are_set),
        cmocka_unit_test(idle_policy_reaches_other_users_too),
        cmocka_unit_test(what_the_kernel_refuses_is_named),
        cmocka_unit_test(labels_are_refused_where_their_module_is_absent),
        cmocka_unit_test(ambient_and_inheritable_capabilities_are_as_configured),
        cmocka_unit_test(umask_and_additional_groups_are_as_configured),
        cmocka_unit_test(seccomp_actions_answer_as_configured),
        cmocka_unit_test(a_listener_gets_the_state_and_answers_calls),
        cmocka_unit_test(profiles_with_mistakes_are_refused_by_name),
        cmocka_unit_test(hooks_run_in_their_order_with_the_state),
        cmocka_unit_test(create_container_hooks_see_its_namespaces_and_our_files),
        cmocka_unit_test(start_container_hooks_run_in_the_container),
        cmocka_unit_test(a_failing_hook_stops_the_start_and_is_quoted),
        cmocka_unit_test(a_hook_that_takes_too_long_is_killed_with_its_children),
    };

    return box_main("runtime_process", tests, ARRAY_LEN(tests));
}
