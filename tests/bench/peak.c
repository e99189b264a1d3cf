/* Runs a program with its output thrown away, and prints how long it took in microseconds and its greatest
 * resident size in KiB. Small, since a process inherits the size of the one that started it. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;

    if (argc < 2)
        return 2;
    double begin = now_usec();
    pid_t pid = vfork(); /* lint: allow raw-namespace: nothing is shared but the stack until exec */
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        dup2(null, 1); /* lint: allow cloexec: the program inherits it */
        dup2(null, 2); /* lint: allow cloexec: the program inherits it */
        execv(argv[1], argv + 1);
        _exit(127);
    }
    if (wait4(pid, &status, 0, &usage) < 0)
        return 1;
    printf("%.0f %ld\n", now_usec() - begin, usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
