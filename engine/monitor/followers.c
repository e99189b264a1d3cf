/* Who depends on a container is not the monitor's business: it only starts, whenever the container runs again by
 * itself, the program that knows. Nobody watches in between, so that a project at rest costs nothing: the one
 * process that sees a crash is the monitor of what crashed. */
#include <assert.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "engine/monitor/monitor-internal.h"

static void on_followers_end(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct monitor *m = userdata;
    bool again = m->followers_again;

    (void)loop;
    (void)fd;
    (void)events;
    assert(m->followers_pid > 0);
    loop_remove(TAKE(m->followers_source));
    m->followers_pidfd = fd_close(m->followers_pidfd);
    (void)proc_wait(m->followers_pid);
    m->followers_pid = 0;
    m->followers_again = false;
    if (again)
        monitor_tell_followers(m);
}

static int start_program(const struct monitor *m, char **argv, pid_t *ret, int *ret_pidfd)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char *const only_path[] = { path, NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;

    spawn.path = argv[0];
    spawn.argv = argv;
    spawn.envp = m->config->teardown_env ? m->config->teardown_env : only_path;
    spawn.stderr_fd = PROC_NULL;
    spawn.cwd = "/";
    spawn.new_session = true;
    return proc_spawn(&spawn, ret, ret_pidfd, NULL);
}

void monitor_renew_volumes(const struct monitor *m)
{
    pid_t pid;

    /* Should it fail, the contents of before are there: no reason to stay down. */
    if (m->config->renew_argv && start_program(m, m->config->renew_argv, &pid, NULL) >= 0)
        (void)proc_wait(pid);
}

void monitor_tell_followers(struct monitor *m)
{
    if (!m->config->restarted_argv)
        return;
    /* One that still waits for the run before may look too early. */
    if (m->followers_pid > 0) {
        m->followers_again = true;
        return;
    }
    /* That it cannot be started must not end a container that runs. */
    if (start_program(m, m->config->restarted_argv, &m->followers_pid, &m->followers_pidfd) < 0) {
        m->followers_pid = 0;
        return;
    }
    if (loop_add_io(m->loop, m->followers_pidfd, EPOLLIN, on_followers_end, m, &m->followers_source,
                NULL) < 0) {
        m->followers_pidfd = fd_close(m->followers_pidfd); /* reaped with the monitor */
        m->followers_pid = 0;
    }
}
