#include "tests/system/box.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/monitor/control.h"
#include "engine/monitor/exec.h"
#include "engine/monitor/monitor-config.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/seccomp.h"

char box_cgroup_root[64];

const char *box_path_in(struct box *box, const char *name)
{
    return arena_printf(&box->arena, "%s/%s", box->dir, name);
}

void box_make_dir(struct box *box, const char *name)
{
    struct error *error = NULL;
    int fd = fs_mkdir_parents(AT_FDCWD, box_path_in(box, name), 0755, &error);

    assert_true(fd >= 0);
    close(fd);
}

void box_make_file(struct box *box, const char *name, const char *text)
{
    const char *path = box_path_in(box, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

char *box_read_file(struct box *box, const char *path)
{
    char *text = NULL;
    size_t len;

    if (fs_read_file(AT_FDCWD, path, OUTPUT_MAX, &text, &len, NULL) < 0)
        return arena_strdup(&box->arena, "");
    char *copy = arena_strdup(&box->arena, text);
    free(text);
    return copy;
}

/* jansson knows only double quotes; single ones keep the table above legible. */
json_t *box_parse(const char *text)
{
    auto_free char *copy = mem_strdup(text);
    json_error_t where;

    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *json = json_loads(copy, JSON_DECODE_ANY, &where);
    if (!json)
        fail_msg("%s at %d", where.text, where.position);
    return json;
}

/* What a default container of Docker's looks like. */
static json_t *default_spec(void)
{
    return box_parse(
            "{'ociVersion':'1.2.0','process':{'env':['PATH=/usr/bin:/bin','NAME=value'],'cwd':'/','user':{'uid':0,'gid':0}},"
            "'root':{'path':'rootfs'},'hostname':'box','mounts':["
            "{'destination':'/proc','type':'proc','source':'proc','options':['nosuid','noexec','nodev']},"
            "{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['nosuid','strictatime','mode=755','size=65536k']},"
            "{'destination':'/dev/pts','type':'devpts','source':'devpts','options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620','gid=5']},"
            "{'destination':'/sys','type':'sysfs','source':'sysfs','options':['nosuid','noexec','nodev','ro']},"
            "{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup','options':['ro','nosuid','noexec','nodev']},"
            "{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue','options':['nosuid','noexec','nodev']},"
            "{'destination':'/dev/shm','type':'tmpfs','source':'shm','options':['nosuid','noexec','nodev','mode=1777','size=67108864']}],"
            "'linux':{'namespaces':[{'type':'mount'},{'type':'uts'},{'type':'ipc'},{'type':'pid'},{'type':'network'}],"
            "'maskedPaths':['/proc/kcore','/proc/keys','/proc/timer_list','/proc/nothing','/sys/firmware','/proc/acpi'],"
            "'readonlyPaths':['/proc/bus','/proc/sys','/proc/sysrq-trigger'],"
            "'resources':{'devices':[{'allow':false,'access':'rwm'},{'allow':true,'type':'c','access':'m'},{'allow':true,'type':'b','access':'m'},"
            "{'allow':true,'type':'c','major':1,'minor':3,'access':'rwm'},{'allow':true,'type':'c','major':1,'minor':5,'access':'rwm'},"
            "{'allow':true,'type':'c','major':5,'minor':0,'access':'rwm'},{'allow':true,'type':'c','major':5,'minor':2,'access':'rwm'},"
            "{'allow':true,'type':'c','major':136,'access':'rwm'}]}}}");
}

json_t *box_member(struct box *box, const char *first, const char *second)
{
    json_t *json = json_object_get(box->spec, first);

    return second ? json_object_get(json, second) : json;
}

void box_set_capabilities(struct box *box, uint64_t mask)
{
    static const char *const sets[] = { "bounding", "effective", "permitted" };
    json_t *caps = json_object();

    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        json_t *list = json_array();

        for (unsigned cap = 0; capability_name(cap); cap++) {
            if (mask & (UINT64_C(1) << cap))
                json_array_append_new(list, json_string(capability_name(cap)));
        }
        json_object_set_new(caps, sets[i], list);
    }
    json_object_set_new(box_member(box, "process", NULL), "capabilities", caps);
}

void box_set_args(struct box *box, const char *const *args)
{
    json_t *list = json_array();

    for (; *args; args++)
        json_array_append_new(list, json_string(*args));
    json_object_set_new(box_member(box, "process", NULL), "args", list);
}

void box_add_mount(struct box *box, const char *quoted)
{
    json_array_append_new(box_member(box, "mounts", NULL), box_parse(quoted));
}

static void copy_payload(struct box *box)
{
    int from = open(PAYLOAD_PROGRAM, O_RDONLY | O_CLOEXEC);
    int to = open(box_path_in(box, "layer/bin/payload"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

    assert_true(from >= 0 && to >= 0);
    assert_int_equal(fs_copy_range(from, to, UINT64_MAX, NULL, NULL), 0);
    close(from);
    close(to);
}

struct box *box_new(const char *const *args)
{
    static const char *const dirs[] = { "layer/bin", "layer/etc", "c/upper", "c/work",
        "run/" ID "/rootfs" };
    struct box *box = NEW(struct box);
    char *lower;

    *box = (struct box){ .start_lock_fd = -EBADF,
        .arena = ARENA_INIT,
        .out = STRBUF_INIT(OUTPUT_MAX),
        .err = STRBUF_INIT(OUTPUT_MAX) };
    snprintf(box->dir, sizeof(box->dir), "/tmp/berth-runtime.XXXXXX");
    assert_non_null(mkdtemp(box->dir));
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        box_make_dir(box, dirs[i]);
    copy_payload(box);
    box_make_file(box, "layer/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n");
    box_make_file(box, "layer/etc/group", "root:x:0:\napp:x:1000:\naudio:x:63:app\n");
    box->dir_fd = open(box_path_in(box, "run/" ID), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    box->spec = default_spec();
    lower = arena_printf(&box->arena, "%s/layer", box->dir);
    box->config = (struct monitor_config){
        .id = ID,
        .name = "box",
        .rootfs = { .lower_dirs = ARENA_NEW_ARRAY(&box->arena, 2, char *),
                .lower_count = 1,
                .upper_dir = box_path_in(box, "c/upper"),
                .work_dir = box_path_in(box, "c/work") },
        .log = { .driver = MONITOR_LOG_JSON_FILE, .path = box_path_in(box, "c/json.log") },
        .restart_policy = MONITOR_RESTART_NO,
        .stop_timeout_usec = 10 * USEC_PER_SEC,
        .network = MONITOR_NETWORK_NONE,
        .libexec_dir = LIBEXEC_DIR,
        .cgroup_path = arena_printf(
                &box->arena, "%s/%s", box_cgroup_root, box->dir + strlen("/tmp/")),
        .monitor_cgroup_path = arena_printf(&box->arena, "%s/monitors", box_cgroup_root),
    };
    box->config.rootfs.lower_dirs[0] = lower;
    box_set_capabilities(box, CAPABILITY_DOCKER_DEFAULT);
    box_set_args(box, args);
    return box;
}

static void check_nothing_left(struct box *box)
{
    struct cgroup cgroup = CGROUP_INIT;
    auto_free char *mounts = NULL;
    size_t len;

    assert_int_equal(cgroup_open(&cgroup, box->config.cgroup_path, NULL), 0);
    cgroup_release(&cgroup);
    assert_int_equal(
            fs_read_file(AT_FDCWD, "/proc/self/mountinfo", OUTPUT_MAX, &mounts, &len, NULL), 0);
    assert_null(strstr(mounts, box->dir));
}

void box_free(struct box *box)
{
    if (box->control) {
        (void)control_kill(box->control, SIGKILL, NULL);
        (void)control_wait_gone(box->control, time_monotonic_usec() + PATIENCE_USEC, NULL);
        control_close(box->control);
    }
    check_nothing_left(box);
    assert_int_equal(fs_remove_tree(AT_FDCWD, box->dir, NULL), 0);
    error_free(box->error);
    strbuf_release(&box->out);
    strbuf_release(&box->err);
    json_decref(box->spec);
    close(box->dir_fd);
    arena_release(&box->arena);
    free(box);
}

int box_start(struct box *box)
{
    struct monitor_spawn_options options = {
        .libexec_dir = LIBEXEC_DIR,
        .id = ID,
        .container_dir_fd = box->dir_fd,
        .lock_fd = -EBADF,
        .start_lock_fd = box->start_lock_fd,
        .attach = CONTROL_ATTACH_STDIN | CONTROL_ATTACH_STDOUT | CONTROL_ATTACH_STDERR,
        .subscribe = true,
    };

    assert_int_equal(
            jsonx_write_file(box->dir_fd, MONITOR_SPEC_FILE, box->spec, 0600, false, NULL), 0);
    assert_int_equal(monitor_config_write(box->dir_fd, &box->config, NULL), 0);
    return monitor_spawn(&options, &box->control, &box->start, &box->error);
}

const char *box_error_text(struct box *box)
{
    struct strbuf text = STRBUF_INIT(8192);

    if (!box->error)
        return "";
    error_format(box->error, &text);
    const char *copy = arena_strdup(&box->arena, text.data);
    strbuf_release(&text);
    return copy;
}

void box_must_start(struct box *box)
{
    if (box_start(box) < 0)
        fail_msg("the container did not start: %s", box_error_text(box));
}

/* One event; false at the end of the connection. */
bool box_take_event(struct box *box)
{
    struct control_event event;

    assert_int_equal(control_receive(box->control, true, &event, NULL), 0);
    switch (event.kind) {
    case CONTROL_EVENT_STDOUT:
        strbuf_add(&box->out, event.data, event.len);
        break;
    case CONTROL_EVENT_STDERR:
        strbuf_add(&box->err, event.data, event.len);
        break;
    case CONTROL_EVENT_STATE:
        assert_int_equal(
                monitor_state_parse(&box->arena, event.data, event.len, &box->state, NULL), 0);
        break;
    default:
        return false;
    }
    return true;
}

void box_wait_output(struct box *box, const char *text)
{
    while (!strstr(box->out.data, text)) {
        if (!box_take_event(box))
            fail_msg("ended without \"%s\": %s", text, box->out.data);
    }
}

/* To the end; the exit code. */
int box_wait(struct box *box)
{
    while (box_take_event(box))
        ;
    assert_int_equal(
            control_wait_gone(box->control, time_monotonic_usec() + PATIENCE_USEC, NULL), 1);
    control_close(box->control);
    box->control = NULL;
    assert_non_null(box->state);
    assert_int_equal(box->state->status, MONITOR_EXITED);
    return box->state->exit_code;
}

int box_run(struct box *box)
{
    box_must_start(box);
    return box_wait(box);
}

void box_use_default_seccomp(struct box *box)
{
    struct seccomp_target target = { .bounding_caps = CAPABILITY_DOCKER_DEFAULT };
    auto_free char *name = NULL;
    struct error *error = NULL;

    box_make_dir(box, "seccomp");
    int dir_fd = open(box_path_in(box, "seccomp"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (seccomp_cache_default(dir_fd, &target, &name, &error) < 0)
        fail_msg("%s", error->message);
    close(dir_fd);
    box->config.seccomp_path = arena_printf(&box->arena, "%s/seccomp/%s", box->dir, name);
}
static int remove_groups(void **state)
{
    char monitors[96];

    (void)state;
    snprintf(monitors, sizeof(monitors), "%s/monitors", box_cgroup_root);
    (void)cgroup_remove(monitors, NULL);
    (void)cgroup_remove(box_cgroup_root, NULL);
    return 0;
}

void box_check_output(const char *const *args, int code, const char *expected)
{
    struct box *box = box_new(args);

    assert_int_equal(box_run(box), code);
    assert_string_equal(box->out.data, expected);
    box_free(box);
}

void box_check_contains(const char *const *args, const char *expected)
{
    struct box *box = box_new(args);

    assert_int_equal(box_run(box), 0);
    if (!strstr(box->out.data, expected))
        fail_msg("\"%s\" is not in: %s", expected, box->out.data);
    box_free(box);
}

int box_main(const char *group, const struct CMUnitTest *tests, size_t count)
{
    if (geteuid() != 0) {
        puts("root is needed");
        return 77;
    }
    if (getenv("BERTH_TEST"))
        cmocka_set_test_filter(getenv("BERTH_TEST"));
    snprintf(box_cgroup_root, sizeof(box_cgroup_root), "/berth-test-%d", (int)getpid());
    return _cmocka_run_group_tests(group, tests, count, NULL, remove_groups);
}
