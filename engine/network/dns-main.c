/* berth-dns: the name server (dns-server.h). Started by engine/network with the directory as its argument
 * and a pipe as descriptor 3, on which it tells that it is ready ("ok") or why it is not (an encoded error). */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/loop.h"
#include "base/strbuf.h"
#include "engine/network/dns-server.h"
#include "engine/runtime/cgroup.h"

#define READY_FD 3
#define CGROUP "/berth/monitors" /* with the monitors: not that of the command that started us */

static void on_signal(struct loop *loop, const struct signalfd_siginfo *info, void *userdata)
{
    (void)info;
    (void)userdata;
    loop_quit(loop, 0);
}

/* All that is needed from here on is to bind port 53 of further networks. A kernel that refuses leaves us with what we
 * have, which harms nobody. */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    const uint32_t kept = 1u << CAP_NET_BIND_SERVICE;

    data[0].effective = data[0].permitted = kept;
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)syscall(SYS_capset, &header, data);
}

static void report(const struct error *err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);

    if (err)
        error_encode(err, &text);
    else
        strbuf_adds(&text, DNS_SYNC_OK);
    (void)fd_write_all(READY_FD, text.data, text.len);
    close(READY_FD);
}

static int run(const char *dir, struct error **err)
{
    struct loop *loop = NULL;
    struct dns_server *server = NULL;
    sigset_t signals;
    int r = loop_new(&loop, err);

    if (r < 0)
        return r;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    r = loop_add_signals(loop, &signals, on_signal, NULL, err);
    if (r >= 0)
        r = dns_server_new(loop, dir, &server, err);
    if (r >= 0) {
        report(NULL);
        (void)!chdir("/");
        (void)cgroup_enter_path(CGROUP, NULL); /* as good as can be */
        drop_capabilities();
        r = loop_run(loop);
    }
    dns_server_free(server);
    loop_free(loop);
    return r;
}

int main(int argc, char **argv)
{
    auto_error struct error *err = NULL;

    signal(SIGPIPE, SIG_IGN);
    fd_secure_stdio();
    if (argc != 2 || fcntl(READY_FD, F_SETFD, FD_CLOEXEC) < 0) {
        static const char usage[] = "berth-dns is started by berth\n";
        (void)!write(STDERR_FILENO, usage, sizeof(usage) - 1);
        return 2;
    }
    if (run(argv[1], &err) < 0) {
        report(err);
        return 1;
    }
    return 0;
}
