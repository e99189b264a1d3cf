#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/monitor/foreign-internal.h"

#define WORDS_MAX 24
#define LOG_MAX_BYTES (1u << 16)
#define LOG_NAME_MAX 32
#define KILLED_TIMEOUT_USEC (10 * USEC_PER_SEC)

/* The entries of its log are JSON objects, on a line each (runc) or on several (crun): one ends with the line at which
 * what was gathered can be read. */
static bool next_entry(struct str *rest, json_t **ret)
{
    struct str line, entry = { rest->data, 0 };

    while (str_split_next(rest, '\n', &line)) {
        entry.len = (size_t)(line.data + line.len - entry.data);
        if (jsonx_parse(entry.data, entry.len, "log", ret, NULL) >= 0)
            return true;
    }
    return false;
}

/* What the last error of the log says; without one, the last entry that says anything. */
static char *read_message(const struct foreign *foreign, const char *name)
{
    auto_free char *text = NULL, *message = NULL;
    json_t *next = NULL;
    bool is_error = false;
    struct str rest;
    size_t len;

    if (fs_read_file(foreign->dir_fd, name, LOG_MAX_BYTES, &text, &len, NULL) < 0)
        return NULL;
    rest = (struct str){ text, len };
    while (next_entry(&rest, &next)) {
        auto_json json_t *entry = TAKE(next);
        const char *said = jsonx_string(entry, "msg"), *level = jsonx_string(entry, "level");
        bool errs = string_is_equal(level, "error") || string_is_equal(level, "fatal");

        if (!said || (is_error && !errs))
            continue;
        free(TAKE(message));
        message = mem_strdup(said);
        is_error = errs;
    }
    return TAKE(message);
}

static const char *last_name(const char *path)
{
    return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

/* What only changes a container that runs already, or ends it. */
static int64_t timeout_for(const struct foreign *foreign, const char *verb)
{
    bool is_long = strcmp(verb, "create") == 0 || strcmp(verb, "start") == 0 ||
                   strcmp(verb, "exec") == 0;

    return is_long || foreign->timeout_usec < FOREIGN_SHORT_TIMEOUT_USEC
                   ? foreign->timeout_usec
                   : FOREIGN_SHORT_TIMEOUT_USEC;
}

/* It leads a session. A process that even SIGKILL does
 * not end (it waits for a disk) is not waited for: it stays a child until the monitor ends. */
static void kill_session(pid_t pid, int pidfd)
{
    (void)kill(-pid, SIGKILL);
    if (proc_wait_pidfd(pidfd, time_monotonic_usec() + KILLED_TIMEOUT_USEC) > 0)
        (void)proc_wait(pid);
}

/* Its exit status as proc_wait, or -ETIMEDOUT. */
static int wait_for_end(
        const struct foreign *foreign, const char *verb, pid_t pid, int pidfd, struct error **err)
{
    int64_t timeout_usec = timeout_for(foreign, verb);
    char text[TIME_GO_DURATION_MAX];

    if (proc_wait_pidfd(pidfd, time_monotonic_usec() + timeout_usec) > 0)
        return proc_wait(pid);
    kill_session(pid, pidfd);
    return error_set_plain(err, ETIMEDOUT, NULL, "%s %s has not ended within %s and was killed",
            last_name(foreign->program), verb, time_format_go_duration(timeout_usec, text));
}

int foreign_run(const struct foreign *foreign, const char *const *words,
        const struct foreign_streams *streams, struct error **err)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char *const environment[] = { path, NULL };
    auto_free char *state = mem_printf("%s/state", foreign->dir);
    char log_name[LOG_NAME_MAX];
    const char *argv[WORDS_MAX + 8];
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    auto_close int pidfd = -EBADF;
    size_t argc = 0;
    pid_t pid;

    /* Of this process: the monitor and any number of execs run it at once. */
    snprintf(log_name, sizeof(log_name), "log.%d", (int)getpid());
    auto_free char *log = mem_printf("%s/%s", foreign->dir, log_name);
    const char *const global[] = { foreign->program, "--root", state, "--log", log, "--log-format",
        "json" };
    for (size_t i = 0; i < ARRAY_LEN(global); i++)
        argv[argc++] = global[i];
    for (size_t i = 0; words[i] && i < WORDS_MAX; i++)
        argv[argc++] = words[i];
    argv[argc] = NULL;
    spawn.path = foreign->program;
    spawn.argv = (char *const *)(uintptr_t)argv;
    spawn.envp = environment;
    spawn.stdin_fd = streams->stdin_fd;
    spawn.stdout_fd = streams->stdout_fd;
    spawn.stderr_fd = streams->stderr_fd;
    spawn.cwd = "/";
    spawn.new_session = true;
    int r = proc_spawn(&spawn, &pid, &pidfd, err);
    if (r < 0)
        return error_wrap(err, r, "cannot run the runtime \"%s\"", foreign->program);
    r = wait_for_end(foreign, words[0], pid, pidfd, err);
    if (r > 0) {
        auto_free char *message = read_message(foreign, log_name);

        r = message ? error_set_plain(err, EIO, NULL, "%s %s: %s", last_name(foreign->program),
                              words[0], message)
                    : error_set_plain(err, EIO, NULL,
                              "%s %s ended with exit status %d and has logged no reason",
                              last_name(foreign->program), words[0], r);
    }
    (void)unlinkat(foreign->dir_fd, log_name, 0);
    return r;
}

int foreign_exit_code(const struct error *error)
{
    /* As Docker reads the words of its runtimes. */
    static const struct {
        const char *words;
        int code;
    } rows[] = {
        { "executable file not found", 127 },
        { "executable file `", 127 }, /* crun: executable file `x` not found in $PATH */
        { "No such file or directory", 127 },
        { "no such file or directory", 127 },
        { "ermission denied", 126 },
        { "s a directory", 126 },
        { "it is not executable", 126 }, /* crun */
        { "is not a regular file", 126 },
        { "xec format error", 126 },
    };

    for (size_t i = 0; error && i < ARRAY_LEN(rows); i++)
        if (strstr(error->message, rows[i].words))
            return rows[i].code;
    return 128;
}
