#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/secret.h"

#define SECRET_LINE_MAX 4096 /* of a terminal in lines: N_TTY takes no longer ones */

/* Process-wide because the terminal is; touched by the main thread and by the handlers below. */
static struct termios saved;
static volatile sig_atomic_t raw_fd = -1;

void terminal_restore(void)
{
    int fd = raw_fd;

    if (fd < 0)
        return;
    raw_fd = -1;
    tcsetattr(fd, TCSADRAIN, &saved);
}

/* tcsetattr is async-signal-safe. The default action then ends the process as if nothing had been. */
static void on_fatal(int signo)
{
    terminal_restore();
    signal(signo, SIG_DFL);
    raise(signo);
}

static void make_raw(struct termios *mode)
{
    cfmakeraw(mode);
}

static void make_keys(struct termios *mode)
{
    mode->c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    mode->c_cc[VMIN] = 1;
    mode->c_cc[VTIME] = 0;
}

static int set_mode(int fd, void (*change)(struct termios *mode), struct error **err)
{
    static const int fatal[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
    static bool registered;
    struct termios mode;

    if (!isatty(fd))
        return 0;
    if (tcgetattr(fd, &saved) < 0)
        return error_set(err, errno, NULL, "cannot read the terminal's settings");
    if (!registered) {
        registered = true;
        atexit(terminal_restore);
        for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
            signal(fatal[i], on_fatal);
    }
    mode = saved;
    change(&mode);
    raw_fd = fd;
    if (tcsetattr(fd, TCSADRAIN, &mode) < 0) {
        int code = errno;

        raw_fd = -1;
        return error_set(err, code, NULL, "cannot change the terminal's settings");
    }
    return 0;
}

int terminal_raw(int fd, struct error **err)
{
    return set_mode(fd, make_raw, err);
}

int terminal_keys(int fd, struct error **err)
{
    return set_mode(fd, make_keys, err);
}

static void make_silent(struct termios *mode)
{
    mode->c_lflag &= ~(tcflag_t)ECHO;
}

int terminal_ask_secret(const char *prompt, struct secret *ret, struct error **err)
{
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
    sighandler_t before[ARRAY_LEN(ends)];
    char line[SECRET_LINE_MAX];

    if (!isatty(STDIN_FILENO))
        return error_set_plain(err, ENOTTY, NULL, "cannot ask for a password without a terminal");
    int r = set_mode(STDIN_FILENO, make_silent, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        before[i] = signal(ends[i], on_fatal);
    fputs(prompt, stderr);
    fflush(stderr);
    ssize_t n;
    do
        n = read(STDIN_FILENO, line, sizeof(line));
    while (n < 0 && errno == EINTR);
    fputc('\n', stderr);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        signal(ends[i], before[i]);
    terminal_restore();
    if (n < 0)
        return error_set(err, errno, NULL, "cannot read the password");
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    secret_set(ret, line, (size_t)n);
    explicit_bzero(line, sizeof(line));
    return 0;
}
