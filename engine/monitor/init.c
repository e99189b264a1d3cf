/* berth-init: PID 1 of a container with init: true. Starts the program, forwards signals to it,
 * reaps whatever is orphaned, and ends with the program's status. Statically linked, allocates
 * nothing.
 *
 *     /sbin/docker-init -- PROGRAM [ARGUMENT]...
 *     /sbin/docker-init --pause
 *
 * The second form starts nothing: it keeps the namespaces of a pod until it is told to end.
 *
 * Called as berth-guard it is what guard.h says: standard input is the pipe, standard output the pidfd. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/monitor/program-internal.h"

#define EXIT_USAGE 2
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL_BASE 128

static void complain(const char *text)
{
    static const char prefix[] = "berth-init: ";

    (void)!write(STDERR_FILENO, prefix, sizeof(prefix) - 1);
    (void)!write(STDERR_FILENO, text, strlen(text));
    (void)!write(STDERR_FILENO, "\n", 1);
}

/* The program leads a process group of its own and has the terminal, if there is one, so that ^C
 * reaches its children as it would without us. */
static _Noreturn void run_program(char **argv, const sigset_t *mask)
{
    setpgid(0, 0);
    signal(SIGTTOU, SIG_IGN);
    (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    signal(SIGTTOU, SIG_DFL);
    signal(SIGTTIN, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    int code = errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
    complain(code == EXIT_NOT_FOUND ? "executable file not found"
                                    : "the program cannot be executed");
    _exit(code);
}

/* Reaps everything that has ended. The program's exit code, or -1 while it runs. */
static int reap(pid_t program)
{
    int result = -1;

    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid <= 0)
            return result;
        if (pid == program)
            result = WIFSIGNALED(status) ? EXIT_SIGNAL_BASE + WTERMSIG(status)
                                         : WEXITSTATUS(status);
    }
}

/* When the monitor ends its guard the container is dead already, and the signal meets nobody. */
static int guard(void)
{
    char byte;

    while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
        continue;
    (void)syscall(SYS_pidfd_send_signal, STDOUT_FILENO, SIGKILL, NULL, 0);
    return 0;
}

/* Also where the pod shares its processes, and orphans become ours. */
static int keep_namespaces(void)
{
    sigset_t awaited;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    for (;;) {
        siginfo_t info;
        int signo = sigwaitinfo(&awaited, &info);

        if (signo == SIGTERM || signo == SIGINT)
            return 0;
        (void)reap(-1);
    }
}

int main(int argc, char **argv)
{
    sigset_t all, before;
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;

    if (argc > 0 && strcmp(argv[0], PROGRAM_GUARD_NAME) == 0)
        return guard();
    if (argc == 2 && strcmp(argv[1], "--pause") == 0)
        return keep_namespaces();
    if (first >= argc) {
        complain("no program given");
        return EXIT_USAGE;
    }
    sigfillset(&all);
    /* Our own mistakes must be seen. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGABRT);
    sigprocmask(SIG_SETMASK, &all, &before);
    /* Otherwise writing an error to a terminal that we gave away stops us. */
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    pid_t program = fork();
    if (program < 0) {
        complain("cannot start the program");
        return EXIT_CANNOT_EXECUTE;
    }
    if (program == 0)
        run_program(argv + first, &before);
    for (;;) {
        siginfo_t info;
        int signo = sigwaitinfo(&all, &info);

        if (signo < 0)
            continue;
        if (signo != SIGCHLD) {
            (void)kill(program, signo);
            continue;
        }
        int code = reap(program);
        if (code >= 0)
            return code;
    }
}
