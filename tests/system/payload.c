/* What the system tests run in containers: a static program with a subcommand for every promise
 * that is to be looked at from inside. It prints plain lines and ends with 0, or prints the
 * errno's name-like text and ends with 1 when what it was asked to do is refused. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int refuse(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    return 1;
}

static long number(const char *text)
{
    long value = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (*text - '0');
    return value;
}

/* ---- looking ---- */

static int do_cat(char **args)
{
    char buffer[4096];

    for (; *args; args++) {
        int fd = open(*args, O_RDONLY | O_CLOEXEC);
        ssize_t len;

        if (fd < 0)
            return refuse(*args);
        while ((len = read(fd, buffer, sizeof(buffer))) > 0)
            (void)!write(STDOUT_FILENO, buffer, (size_t)len);
        if (len < 0)
            return refuse(*args);
        close(fd);
    }
    return 0;
}

static int do_ls(char **args)
{
    struct dirent *entry;
    DIR *dir = opendir(args[0]);

    if (!dir)
        return refuse(args[0]);
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            puts(entry->d_name);
    }
    closedir(dir);
    return 0;
}

static int do_fds(char **args)
{
    (void)args;
    for (int fd = 0; fd < 4096; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    }
    puts("");
    return 0;
}

static int do_stat(char **args)
{
    struct stat st;

    if (lstat(args[0], &st) < 0)
        return refuse(args[0]);
    printf("%o %u:%u %u %u\n", st.st_mode, major(st.st_rdev), minor(st.st_rdev), st.st_uid,
            st.st_gid);
    return 0;
}

/* "later" when both clocks are beyond the given seconds. */
static int do_clocks(char **args)
{
    struct timespec monotonic, boottime;

    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_BOOTTIME, &boottime);
    puts(monotonic.tv_sec >= number(args[0]) && boottime.tv_sec >= number(args[1]) ? "later"
                                                                                   : "sooner");
    return 0;
}

/* Scheduling policy and nice value, I/O priority, personality. */
static int do_scheduling(char **args)
{
    (void)args;
    struct {
        unsigned size, policy;
        unsigned long long flags;
        int nice;
        unsigned priority;
        unsigned long long runtime, deadline, period;
    } attr = { 0 };

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0)
        return refuse("sched_getattr");
    printf("policy %u nice %d io %#lx personality %#x\n", attr.policy, attr.nice,
            syscall(SYS_ioprio_get, 1, 0), (unsigned)personality(0xffffffff));
    return 0;
}

static int do_readlink(char **args)
{
    char target[4096];
    ssize_t len = readlink(args[0], target, sizeof(target) - 1);

    if (len < 0)
        return refuse(args[0]);
    target[len] = 0;
    puts(target);
    return 0;
}

static int do_env(char **args)
{
    extern char **environ;

    (void)args;
    for (char **variable = environ; *variable; variable++)
        puts(*variable);
    return 0;
}

static int do_cwd(char **args)
{
    char path[4096];

    (void)args;
    puts(getcwd(path, sizeof(path)) ? path : "?");
    return 0;
}

static int do_tty(char **args)
{
    struct winsize size = { 0 };
    char *name = ttyname(0);

    (void)args;
    (void)ioctl(0, TIOCGWINSZ, &size);
    printf("%d %s %ux%u\n", isatty(0) && isatty(1) && isatty(2), name ? name : "none", size.ws_row,
            size.ws_col);
    return 0;
}

static int do_rlimit(char **args)
{
    struct rlimit limit;

    (void)args;
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("%lu %lu\n", limit.rlim_cur, limit.rlim_max);
    return 0;
}

/* ---- trying ---- */

static int do_write(char **args)
{
    int fd = open(args[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, args[1], strlen(args[1])) < 0)
        return refuse(args[0]);
    return 0;
}

static int do_append(char **args)
{
    int fd = open(args[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, args[1], strlen(args[1])) < 0)
        return refuse(args[0]);
    return 0;
}

static int do_mount(char **args)
{
    return mount("none", args[0], "tmpfs", 0, NULL) < 0 ? refuse("mount") : 0;
}

static int do_mknod(char **args)
{
    int fd;

    if (mknod(args[0], S_IFBLK | 0600,
                makedev((unsigned)number(args[1]), (unsigned)number(args[2]))) < 0)
        return refuse("mknod");
    fd = open(args[0], O_RDONLY | O_CLOEXEC);
    return fd < 0 ? refuse("open") : 0;
}

static int do_syscall(char **args)
{
    if (syscall(number(args[0]), 0, 0, 0, 0, 0, 0) < 0) {
        printf("%d\n", errno);
        return 1;
    }
    return 0;
}

/* Touches memory until it has it all or is killed. */
static int do_eat(char **args)
{
    size_t bytes = (size_t)number(args[0]);
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return refuse("mmap");
    for (size_t i = 0; i < bytes; i += 4096)
        memory[i] = 1;
    return 0;
}

/* How many processes can be at once. */
static int do_forks(char **args)
{
    long wanted = number(args[0]), count = 0;

    for (; count < wanted; count++) {
        pid_t pid = fork();

        if (pid < 0)
            break;
        if (pid == 0) {
            pause();
            _exit(0);
        }
    }
    printf("%ld\n", count);
    return 0;
}

/* ---- living ---- */

static int do_exit(char **args)
{
    return (int)number(args[0]);
}

static int do_echo(char **args)
{
    for (; *args; args++)
        printf("%s%s", *args, args[1] ? " " : "");
    puts("");
    return 0;
}

static int do_error(char **args)
{
    fprintf(stderr, "%s\n", args[0]);
    return 0;
}

static int do_lines(char **args)
{
    long count = number(args[0]);

    for (long i = 0; i < count; i++)
        printf("line %ld %s\n", i, args[1] ? args[1] : "");
    return 0;
}

static int do_long_line(char **args)
{
    for (long i = number(args[0]); i > 0; i--)
        putchar('x');
    putchar('\n');
    return 0;
}

static int do_copy(char **args)
{
    char buffer[65536];
    ssize_t len;

    (void)args;
    while ((len = read(0, buffer, sizeof(buffer))) > 0) {
        if (write(1, buffer, (size_t)len) < 0)
            return 1;
    }
    return 0;
}

static volatile sig_atomic_t got_signal;

static void on_signal(int signo)
{
    got_signal = signo;
}

/* Ends with the given code at SIGTERM; says when it is ready for that. */
static int do_wait_term(char **args)
{
    signal(SIGTERM, on_signal);
    puts("ready");
    fflush(stdout);
    while (!got_signal)
        poll(NULL, 0, 1000);
    return (int)number(args[0]);
}

static _Noreturn int do_pause(char **args)
{
    (void)args;
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}

/* A root that becomes another user, as entry points do. */
static int do_pause_as(char **args)
{
    if (setuid((uid_t)number(args[0])) < 0)
        return 1;
    do_pause(args);
}

/* Writers without end in sessions of their own, enough of them that a reader never finds the pipe empty; never ends. */
static _Noreturn int do_flood(char **args)
{
    static char text[65536];

    (void)args;
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 8; i++) {
        if (fork() != 0)
            continue;
        setsid();
        while (write(1, text, sizeof(text)) > 0)
            continue;
        _exit(0);
    }
    for (;;)
        pause();
}

/* Waits for SIGUSR1, then ends with 0 if the file is there. */
static int do_wait_file(char **args)
{
    signal(SIGUSR1, on_signal);
    puts("ready");
    fflush(stdout);
    while (!got_signal)
        poll(NULL, 0, 1000);
    return access(args[0], F_OK) == 0 ? 0 : 1;
}

/* Ends with 0 while the file exists. */
static int do_check(char **args)
{
    printf("looked at %s\n", args[0]);
    return access(args[0], F_OK) == 0 ? 0 : 1;
}

/* An orphan for PID 1 to reap, then its number of children that are zombies. */
static int do_orphan(char **args)
{
    pid_t pid = fork();

    (void)args;
    if (pid == 0) {
        if (fork() == 0)
            _exit(0);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    printf("%d\n", (int)getpid());
    return 0;
}

static const struct {
    const char *name;
    int (*run)(char **args);
    int arguments;
} commands[] = {
    { "append", do_append, 2 },
    { "cat", do_cat, 1 },
    { "check", do_check, 1 },
    { "clocks", do_clocks, 2 },
    { "copy", do_copy, 0 },
    { "cwd", do_cwd, 0 },
    { "eat", do_eat, 1 },
    { "echo", do_echo, 0 },
    { "env", do_env, 0 },
    { "error", do_error, 1 },
    { "exit", do_exit, 1 },
    { "fds", do_fds, 0 },
    { "flood", do_flood, 0 },
    { "forks", do_forks, 1 },
    { "lines", do_lines, 1 },
    { "long-line", do_long_line, 1 },
    { "ls", do_ls, 1 },
    { "mknod", do_mknod, 3 },
    { "mount", do_mount, 1 },
    { "orphan", do_orphan, 0 },
    { "pause", do_pause, 0 },
    { "pause-as", do_pause_as, 1 },
    { "readlink", do_readlink, 1 },
    { "rlimit", do_rlimit, 0 },
    { "scheduling", do_scheduling, 0 },
    { "stat", do_stat, 1 },
    { "syscall", do_syscall, 1 },
    { "tty", do_tty, 0 },
    { "wait-file", do_wait_file, 1 },
    { "wait-term", do_wait_term, 1 },
    { "write", do_write, 2 },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 >= commands[i].arguments)
            return commands[i].run(argv + 2);
    }
    fprintf(stderr, "payload: unknown command\n");
    return 99;
}
