/* The kernel's own floor for running a program in a container: clone with the namespaces of a default
 * container, an overlay mount, pivot_root, exec, wait. No image store, no limits, no logs. What berth
 * costs is measured as a multiple of this.
 *
 *     floor LOWER[:LOWER…] DIRECTORY PROGRAM [ARGUMENT…]
 *
 * DIRECTORY gets upper/, work/ and root/. Exit status of the program. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES (256 * 1024)
#define OPTIONS_MAX 4096

struct job {
    const char *lower, *directory;
    char **argv;
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    _exit(127);
}

static int child(void *argument)
{
    const struct job *job = argument;
    char options[OPTIONS_MAX];
    int n = snprintf(
            options, sizeof(options), "lowerdir=%s,upperdir=upper,workdir=work", job->lower);

    if (n < 0 || (size_t)n >= sizeof(options))
        die("too many lower directories");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        die("private propagation");
    if (mount("overlay", "root", "overlay", 0, options) < 0)
        die("overlay");
    if (chdir("root") < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        die("pivot_root");
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        die("umount");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
            errno != ENOENT)
        die("proc");
    execv(job->argv[0], job->argv);
    die(job->argv[0]);
}

int main(int argc, char **argv)
{
    static char stack[STACK_BYTES] __attribute__((aligned(16)));
    struct job job;
    int status;

    if (argc < 4) {
        fputs("usage: floor LOWER[:LOWER...] DIRECTORY PROGRAM [ARGUMENT...]\n", stderr);
        return 2;
    }
    job = (struct job){ argv[1], argv[2], argv + 3 };
    if (chdir(job.directory) < 0)
        die(job.directory);
    if ((mkdir("upper", 0755) < 0 || mkdir("work", 0755) < 0 || mkdir("root", 0755) < 0) &&
            errno != EEXIST)
        die("mkdir");

    /* One flag set, as a default container has it; the cgroup namespace needs cgroup v2 to matter. */
    int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | SIGCHLD;
    /* lint: allow raw-namespace: this program is the measure that the engine is held against */
    pid_t pid = clone(child, stack + sizeof(stack), flags, &job);
    if (pid < 0)
        die("clone");
    if (waitpid(pid, &status, 0) < 0)
        die("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
