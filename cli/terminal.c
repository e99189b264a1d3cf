#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

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
