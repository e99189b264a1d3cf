#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/monitor/control.h"
#include "engine/monitor/monitor-internal.h"
#include "engine/monitor/program-internal.h"
#include "engine/network/sandbox.h"
#include "engine/runtime/spec.h"

#define EXIT_FAILED 125

/* `init: true`: our reaper is PID 1, bound read-only into the container, and starts the program. */
static void add_init(struct monitor *m)
{
    struct runtime_spec *spec = m->spec;
    struct runtime_mount *mounts = ARENA_NEW_ARRAY(
            &m->arena, spec->mount_count + 1, struct runtime_mount);
    size_t argc = 0;

    memcpy(mounts, spec->mounts, spec->mount_count * sizeof(*mounts));
    mounts[spec->mount_count] = (struct runtime_mount){
        .destination = PROGRAM_INIT_TARGET,
        .type = "bind",
        .source = arena_printf(&m->arena, "%s/%s", m->config->libexec_dir, PROGRAM_INIT_NAME),
        .flags = MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
    };
    spec->mounts = mounts;
    spec->mount_count++;
    /* Asked for by its name, it is the program itself: what keeps a pod's namespaces. */
    if (spec->process.args[0] && strcmp(spec->process.args[0], PROGRAM_INIT_TARGET) == 0)
        return;
    while (spec->process.args[argc])
        argc++;
    char **args = ARENA_NEW_ARRAY(&m->arena, argc + 3, char *);
    args[0] = arena_strdup(&m->arena, PROGRAM_INIT_TARGET);
    args[1] = arena_strdup(&m->arena, "--");
    memcpy(args + 2, spec->process.args, argc * sizeof(*args));
    spec->process.args = args;
}

static int read_configuration(struct monitor *m, struct error **err)
{
    auto_json json_t *json = NULL;
    int r = monitor_config_read(&m->arena, m->dir_fd, &m->config, err);

    if (r >= 0)
        r = jsonx_read_file(m->dir_fd, MONITOR_SPEC_FILE, &json, err);
    if (r >= 0)
        r = runtime_spec_parse(&m->arena, json, &m->spec, err);
    if (r < 0)
        return r;
    if (m->spec->cgroup_units && !m->config->cgroup_path)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cgroupsPath: \"%s\": units of systemd are not supported here",
                m->spec->cgroup_units);
    /* Never by accident without the filter that was asked for. */
    if (m->spec->seccomp && !m->config->seccomp_path && !m->config->runtime)
        return error_set_plain(
                err, EINVAL, NULL, "the seccomp profile of %s was not compiled", MONITOR_SPEC_FILE);
    m->spec->seccomp = NULL;
    if (m->config->init)
        add_init(m);
    return 0;
}

static int hold_ports(struct monitor *m, struct error **err)
{
    const struct sandbox_config *sandbox = m->config->sandbox;

    if (m->config->network != MONITOR_NETWORK_PRIVATE || sandbox->ports.len == 0)
        return 0;
    auto_free int *fds = mem_alloc(sandbox->ports.len * sizeof(*fds));
    int r = sandbox_hold_ports(sandbox, fds, err);
    if (r < 0)
        return r;
    m->port_fds = TAKE(fds);
    m->port_count = sandbox->ports.len;
    return 0;
}

static int take_lock(struct monitor *m, struct error **err)
{
    struct stat st;

    if (fstat(PROGRAM_LOCK_FD, &st) == 0 && S_ISREG(st.st_mode))
        return 0; /* the command's, shared */
    int fd = fs_lock(m->dir_fd, MONITOR_LOCK_FILE, true, false);

    if (fd < 0)
        return error_set_plain(err, -fd, NULL, "another monitor has this container");
    if (fd != PROGRAM_LOCK_FD && (dup3(fd, PROGRAM_LOCK_FD, O_CLOEXEC) < 0 || close(fd) < 0))
        return error_set(err, errno, NULL, "cannot keep the lock");
    return 0;
}

/* The system goes down, or somebody ends us: the container stops in order, and is to start
 * again. */
static void on_signal(struct loop *loop, const struct signalfd_siginfo *info, void *userdata)
{
    struct monitor *m = userdata;

    (void)loop;
    if (info->ssi_signo == SIGCHLD) {
        /* Everything else is reaped through its pidfd. */
        log_file_reap(&m->log);
        monitor_reap_orphans(m);
        return;
    }
    if (info->ssi_signo != SIGHUP) /* there is no terminal that could hang up */
        monitor_shut_down(m);
}

static int prepare(struct monitor *m, const char *id, struct error **err)
{
    sigset_t signals;
    /* First what a failure is reported with. */
    int r = loop_new(&m->loop, err);

    if (r >= 0)
        r = take_lock(m, err);
    if (r >= 0)
        r = read_configuration(m, err);
    if (r >= 0 && strcmp(m->config->id, id) != 0)
        r = error_set_plain(err, EINVAL, NULL, "the directory belongs to another container");
    if (r >= 0)
        r = cgroup_enter_path(
                m->config->monitor_cgroup_path ? m->config->monitor_cgroup_path : MONITOR_CGROUP,
                err);
    if (r < 0)
        return r;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    r = loop_add_signals(m->loop, &signals, on_signal, m, err);
    if (r >= 0)
        r = control_server_open(m, err);
    if (r >= 0)
        r = service_open(m, err);
    if (r >= 0)
        r = foreign_open(&m->foreign, &m->arena, m->config, m->dir_fd, err);
    if (r >= 0)
        r = log_file_open(&m->log, &m->config->log, err);
    if (r >= 0)
        r = hold_ports(m, err);
    if (r < 0)
        return r;
    m->restart = (struct restart){
        .policy = m->config->restart_policy,
        .max_retries = m->config->restart_max_retries,
        .count = m->config->restart_count,
    };
    health_init(&m->health, &m->config->health);
    health_init(&m->startup, &m->config->startup);
    m->state.monitor_pid = getpid();
    return 0;
}

static uint32_t number(int argc, char **argv, int index)
{
    uint32_t value = 0;

    if (index < argc)
        (void)parse_uint32(str_from(argv[index]), UINT16_MAX, &value);
    return value;
}

static void close_ports(struct monitor *m)
{
    for (size_t i = 0; i < m->port_count; i++)
        m->port_fds[i] = fd_close(m->port_fds[i]);
    m->port_count = 0;
}

/* Same pid, same lock: whoever waits for the monitor waits for the teardown, too. */
static void become_teardown(struct monitor *m)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char *const no_environment[] = { path, NULL };
    char **argv = m->config->teardown_argv;
    sigset_t none;
    size_t argc = 0;

    if (!argv || !argv[0])
        return;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)fd_set_cloexec(PROGRAM_LOCK_FD, false);
    if (m->config->ready != MONITOR_READY_NONE) {
        /* The service manager judges the service by how this process ends. */
        while (argv[argc])
            argc++;
        char **longer = ARENA_NEW_ARRAY(&m->arena, argc + 2, char *);
        memcpy(longer, argv, argc * sizeof(*argv));
        /* What was stopped on request has not failed, whatever its code. */
        bool was_stopped = m->ending || m->state.manually_stopped;
        longer[argc] = arena_printf(&m->arena, "%d", was_stopped ? 0 : m->state.exit_code);
        argv = longer;
    }
    execve(argv[0], argv, m->config->teardown_env ? m->config->teardown_env : no_environment);
}

static struct client *add_first_client(struct monitor *m, int argc, char **argv, struct error **err)
{
    uint32_t flags = number(argc, argv, 4);
    struct client *client;

    if (fcntl(PROGRAM_CONTROL_FD, F_GETFD) < 0)
        return NULL;
    fd_set_cloexec(PROGRAM_CONTROL_FD, true);
    client = control_server_add(m, PROGRAM_CONTROL_FD, err);
    if (!client)
        return NULL;
    client->foreground = true;
    client->attach = number(argc, argv, 1);
    client->subscribed = flags & PROGRAM_SUBSCRIBE;
    client->owns_teardown = flags & PROGRAM_OWN_TEARDOWN;
    /* A command that stays with the container ends as it does, and is the service's main process: of this one, its
     * child, a service manager would not hear how it ended. */
    m->told_main_pid = client->attach != 0;
    return client;
}

static void report_failure(struct client *client, int exit_code, const struct error *error)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);

    if (!client)
        return;
    error_encode(error, &text);
    control_server_send_start(client, -error->code, exit_code, text.data, text.len);
}

int start_main(int argc, char **argv)
{
    static struct monitor monitor; /* one per process, for all its life */
    struct monitor *m = &monitor;
    struct error *error = NULL;
    struct client *client = NULL;
    int exit_code = EXIT_FAILED;

    list_init(&m->clients);
    m->dir_fd = PROGRAM_DIR_FD;
    m->listen_fd = m->netns_fd = m->userns_fd = m->stdin_fd = m->notify_fd = -EBADF;
    m->process = (struct container_process)CONTAINER_PROCESS_INIT;
    m->guard = (struct guard)GUARD_INIT;
    m->foreign = (struct foreign)FOREIGN_INIT;
    m->probe.pidfd = m->probe.output_fd = -EBADF;
    m->log.fd = m->log.dir_fd = -EBADF;
    for (size_t i = 0; i < LOG_STREAM_MAX_; i++)
        m->outputs[i] = (struct output){ .monitor = m, .stream = (enum log_stream)i, .fd = -EBADF };
    strbuf_init(&m->stdin_pending, 1u << 20);
    fd_set_cloexec(PROGRAM_DIR_FD, true);
    fd_set_cloexec(PROGRAM_LOCK_FD, true);
    fd_set_cloexec(PROGRAM_START_LOCK_FD, true);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, PROGRAM_NAME, 0, 0, 0);

    int r = prepare(m, argc > 0 ? argv[0] : "", &error);
    if (m->loop)
        client = add_first_client(m, argc, argv, r < 0 ? NULL : &error);
    if (r >= 0 && number(argc, argv, 2) + number(argc, argv, 3) > 0)
        (void)streams_resize(m, (uint16_t)number(argc, argv, 2), (uint16_t)number(argc, argv, 3));
    if (r >= 0)
        r = monitor_start_container(m, &exit_code, &error);
    if (r < 0) {
        report_failure(client, exit_code, error);
        control_server_close(m);
        error_free(error);
        /* Whoever waits for the second finds the first free; the end of a process lets go in no order. */
        close(PROGRAM_LOCK_FD);
        close(PROGRAM_START_LOCK_FD);
        return EXIT_FAILED;
    }
    /* Whoever waits for this lock finds the state published, and a socket that answers. */
    close(PROGRAM_START_LOCK_FD);
    if (client)
        control_server_send_start(client, 0, 0, "", 0);
    idle_memory_expect(m);
    r = loop_run(m->loop);
    probe_cancel(m);
    log_file_close(&m->log);
    close_ports(m);
    service_close(m);
    foreign_close(&m->foreign);
    control_server_flush(m);
    control_server_close(m);
    become_teardown(m);
    return r < 0 ? EXIT_FAILED : 0;
}
