#include "engine/container/relay.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"
#include "base/str.h"

#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"
#define END_SIGNALS_MAX 3

/* Passed on by --sig-proxy. CHLD, PIPE, URG and WINCH concern ourselves; those of job control stop the
 * command, not the container; the rest reports faults of this very process. */
static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
    SIGVTALRM, SIGPROF, SIGIO, SIGPWR };

/* ---- Keys ---- */

/* "a", "ctrl-p", "ctrl-@ [ \ ] ^ _" */
static int parse_key(struct str text, unsigned char *ret)
{
    if (text.len == 1) {
        *ret = (unsigned char)text.data[0];
        return 0;
    }
    if (text.len != 6 || strncmp(text.data, "ctrl-", 5) != 0)
        return -EINVAL;
    unsigned char c = (unsigned char)text.data[5];
    if (isalpha(c))
        *ret = (unsigned char)(toupper(c) - 'A' + 1);
    else if (strchr("@[\\]^_", c))
        *ret = (unsigned char)(c - '@');
    else
        return -EINVAL;
    return 0;
}

static int parse_keys(struct relay *relay, const char *text, struct error **err)
{
    struct str rest = str_from(text ? text : DETACH_KEYS_DEFAULT), key;

    while (rest.len > 0 && str_split_next(&rest, ',', &key)) {
        if (relay->key_count >= RELAY_DETACH_KEYS_MAX ||
                parse_key(key, &relay->keys[relay->key_count]) < 0)
            return error_set_plain(err, EINVAL, NULL, "invalid detach keys: %s", text);
        relay->key_count++;
    }
    return 0;
}

/* Takes one typed byte: keys that begin the sequence are held back until it is clear what they are. */
static void take_byte(struct relay *relay, unsigned char byte)
{
    if (relay->key_count > 0 && byte == relay->keys[relay->keys_matched]) {
        relay->detached = ++relay->keys_matched == relay->key_count;
        return;
    }
    memcpy(relay->pending + relay->pending_len, relay->keys, relay->keys_matched);
    relay->pending_len += relay->keys_matched;
    relay->keys_matched = 0;
    if (relay->key_count > 0 && byte == relay->keys[0]) {
        relay->keys_matched = 1;
        relay->detached = relay->key_count == 1;
        return;
    }
    relay->pending[relay->pending_len++] = (char)byte;
}

/* ---- Life ---- */

int relay_begin(struct relay *relay, const struct container_attach_options *options, bool tty,
        bool keys_count, struct error **err)
{
    sigset_t set;
    int r;

    *relay = (struct relay){
        .options = options,
        .tty = tty,
        .signal_fd = -EBADF,
        .stdin_done = options->stdin_fd < 0,
    };
    r = keys_count ? parse_keys(relay, options->detach_keys, err) : 0;
    if (r < 0)
        return r;
    sigemptyset(&set);
    for (size_t i = 0; options->forward_signals && i < ARRAY_LEN(forwarded); i++)
        sigaddset(&set, forwarded[i]);
    for (int signo = SIGRTMIN; options->forward_signals && signo <= SIGRTMAX; signo++)
        sigaddset(&set, signo);
    if (tty)
        sigaddset(&set, SIGWINCH);
    relay->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (relay->signal_fd < 0)
        return error_set(err, errno, NULL, "cannot watch signals");
    pthread_sigmask(SIG_BLOCK, &set, &relay->old_mask);
    relay->mask_changed = true;
    return 0;
}

void relay_end(struct relay *relay)
{
    if (relay->mask_changed)
        pthread_sigmask(SIG_SETMASK, &relay->old_mask, NULL);
    relay->mask_changed = false;
    relay->signal_fd = fd_close(relay->signal_fd);
}

bool relay_wants_input(const struct relay *relay)
{
    return !relay->stdin_done && relay->pending_len == 0;
}

int relay_read_input(struct relay *relay, struct error **err)
{
    unsigned char buffer[RELAY_CHUNK_BYTES / 2]; /* held-back keys double a byte at most */
    ssize_t n = read(relay->options->stdin_fd, buffer, sizeof(buffer));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0 && errno != EIO) /* EIO: the terminal went away */
        return error_set(err, errno, NULL, "cannot read standard input");
    if (n <= 0)
        relay->stdin_done = true;
    for (ssize_t i = 0; i < n && !relay->detached; i++)
        take_byte(relay, buffer[i]);
    return 0;
}

void relay_consume(struct relay *relay, size_t len)
{
    memmove(relay->pending, relay->pending + len, relay->pending_len - len);
    relay->pending_len -= len;
}

int relay_next_signal(struct relay *relay)
{
    struct signalfd_siginfo info;

    if (read(relay->signal_fd, &info, sizeof(info)) != sizeof(info))
        return 0;
    relay->end_signals += info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM;
    return (int)info.ssi_signo;
}

bool relay_window(const struct relay *relay, uint16_t *ret_height, uint16_t *ret_width)
{
    const int fds[] = { relay->options->stdout_fd, relay->options->stdin_fd };
    struct winsize size;

    for (size_t i = 0; relay->tty && i < ARRAY_LEN(fds); i++) {
        if (fds[i] < 0 || ioctl(fds[i], TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
            continue;
        *ret_height = size.ws_row;
        *ret_width = size.ws_col;
        return true;
    }
    return false;
}

int relay_check_patience(const struct relay *relay, struct error **err)
{
    if (relay->end_signals < END_SIGNALS_MAX)
        return 0;
    return error_set_plain(err, EINTR, NULL, "got 3 SIGTERM/SIGINTs, forcefully exiting");
}
