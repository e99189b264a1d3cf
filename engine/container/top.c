#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/runtime/cgroup.h"

#define PROC_TEXT_MAX 8192
#define TOP_PIDS_MAX_BYTES (1u << 20)
#define PS_OUTPUT_MAX_BYTES (16u << 20)

static char *const titles[] = { (char *)"UID", (char *)"PID", (char *)"PPID", (char *)"C",
    (char *)"STIME", (char *)"TTY", (char *)"TIME", (char *)"CMD" };

/* Fields of /proc/PID/stat behind the name, which may hold anything but is closed by the last ")". */
struct process_stat {
    int64_t ppid, tty, ticks, start_ticks;
    char name[64];
};

static int read_stat(int64_t pid, struct process_stat *ret)
{
    char path[32], text[1024];
    struct str rest, field;
    const char *open, *close;

    snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    ssize_t n = fs_read_small(AT_FDCWD, path, text, sizeof(text));
    if (n < 0)
        return (int)n;
    open = strchr(text, '(');
    close = strrchr(text, ')');
    if (!open || !close || close[1] != ' ')
        return -EIO;
    *ret = (struct process_stat){ 0 };
    snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(close - open - 1), open + 1);
    rest = str_from(close + 2);
    for (int i = 3; str_split_next(&rest, ' ', &field); i++) {
        int64_t value = 0;

        if (parse_int64(field, INT64_MIN, INT64_MAX, &value) < 0)
            continue;
        if (i == 4)
            ret->ppid = value;
        else if (i == 7)
            ret->tty = value;
        else if (i == 14 || i == 15)
            ret->ticks += value;
        else if (i == 22)
            ret->start_ticks = value;
    }
    return 0;
}

static char *command_line(struct arena *arena, int64_t pid, const char *name)
{
    char path[40], text[PROC_TEXT_MAX];

    snprintf(path, sizeof(path), "/proc/%lld/cmdline", (long long)pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    if (n <= 0)
        return arena_printf(arena, "[%s]", name);
    for (ssize_t i = 0; i < n - 1; i++)
        if (!text[i])
            text[i] = ' ';
    return arena_strndup(arena, text, (size_t)n);
}

static char *user_name(struct arena *arena, int64_t pid)
{
    char path[32], buffer[1024];
    struct passwd entry, *found = NULL;
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%lld", (long long)pid);
    if (stat(path, &st) < 0)
        return arena_strdup(arena, "?");
    if (getpwuid_r(st.st_uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
        return arena_strdup(arena, found->pw_name);
    return arena_printf(arena, "%u", st.st_uid);
}

static char *terminal_name(struct arena *arena, int64_t device)
{
    int64_t major = device >> 8 & 0xfff, minor = (device & 0xff) | (device >> 12 & 0xfff00);

    if (device == 0)
        return arena_strdup(arena, "?");
    return major >= 136 && major <= 143
                   ? arena_printf(arena, "pts/%lld", (long long)((major - 136) * 256 + minor))
                   : arena_printf(arena, "%lld:%lld", (long long)major, (long long)minor);
}

static char *start_time(struct arena *arena, int64_t start_ticks)
{
    struct timespec boot, now;
    struct tm when;
    char text[16];

    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &now);
    time_t started = now.tv_sec - boot.tv_sec + start_ticks / sysconf(_SC_CLK_TCK);
    localtime_r(&started, &when);
    strftime(text, sizeof(text), now.tv_sec - started < 86400 ? "%H:%M" : "%b%d", &when);
    return arena_strdup(arena, text);
}

static char **build_row(struct arena *arena, int64_t pid)
{
    struct process_stat stat;
    char **row;

    if (read_stat(pid, &stat) < 0)
        return NULL;
    int64_t seconds = stat.ticks / sysconf(_SC_CLK_TCK);
    row = ARENA_NEW_ARRAY(arena, ARRAY_LEN(titles) + 1, char *);
    row[0] = user_name(arena, pid);
    row[1] = arena_printf(arena, "%lld", (long long)pid);
    row[2] = arena_printf(arena, "%lld", (long long)stat.ppid);
    row[3] = arena_strdup(arena, "0");
    row[4] = start_time(arena, stat.start_ticks);
    row[5] = terminal_name(arena, stat.tty);
    row[6] = arena_printf(arena, "%02lld:%02lld:%02lld", (long long)(seconds / 3600),
            (long long)(seconds / 60 % 60), (long long)(seconds % 60));
    row[7] = command_line(arena, pid, stat.name);
    return row;
}

/* The processes of the first process's cgroup: v2's only one, or v1's pids hierarchy. */
static int read_pids(struct arena *arena, int pid, char **ret, struct error **err)
{
    char path[40];
    auto_free char *text = NULL, *pids = NULL;
    struct str rest, line;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
    int r = fs_read_file(AT_FDCWD, path, PROC_TEXT_MAX, &text, &len, err);
    if (r < 0)
        return r;
    rest = (struct str){ text, len };
    while (str_split_next(&rest, '\n', &line)) {
        struct str hierarchy, controllers;
        const char *dir;

        str_split_next(&line, ':', &hierarchy);
        str_split_next(&line, ':', &controllers);
        if (str_is_equal_z(controllers, "pids"))
            dir = "/pids";
        else if (str_is_equal_z(hierarchy, "0") && access("/sys/fs/cgroup/pids", F_OK) < 0)
            dir = "";
        else
            continue;
        char *file = arena_printf(arena, "/sys/fs/cgroup%s%.*s/cgroup.procs", dir, STR_FMT(line));
        r = fs_read_file(AT_FDCWD, file, TOP_PIDS_MAX_BYTES, &pids, &len, err);
        if (r < 0)
            return r;
        *ret = arena_strdup(arena, pids);
        return 0;
    }
    return error_set_plain(
            err, ENOENT, NULL, "the container has no control group that lists processes");
}

/* Those of the container's group and of the groups that it has made below it; where it has no group of its own, those of
 * the group that its first process is in. The number of them; in `arena`. */
static int list_pids(
        struct arena *arena, const struct container *c, int64_t **ret, struct error **err)
{
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;
    auto_free pid_t *found = NULL;
    struct {
        int64_t *items;
        size_t len, cap;
    } pids = { 0 };
    struct str rest, line;
    char *text = NULL;
    int r = cgroup_open(
            &cgroup, container_cgroup_path(arena, c->config.cgroup_parent, c->id), NULL);

    if (r > 0)
        r = cgroup_list_processes(&cgroup, &found, NULL);
    for (int i = 0; i < r; i++)
        *ARRAY_APPEND_ARENA(arena, &pids) = found[i];
    if (r <= 0) {
        r = read_pids(arena, c->state.pid, &text, err);
        if (r < 0)
            return r;
        rest = str_from(text);
        while (str_split_next(&rest, '\n', &line)) {
            int64_t pid;

            if (parse_int64(line, 1, INT32_MAX, &pid) == 0)
                *ARRAY_APPEND_ARENA(arena, &pids) = pid;
        }
    }
    *ret = pids.items;
    return (int)pids.len;
}

/* ---- The table of ps ---- */

/* Selected by number where the words allow it: without, ps would show what is at our terminal. */
static int run_ps(struct arena *arena, char *const *words, const int64_t *pids, int count,
        char **ret, struct error **err)
{
    auto_(strbuf_release) struct strbuf selected = STRBUF_INIT(TOP_PIDS_MAX_BYTES);
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    auto_free char *text = NULL;
    size_t word_count = 0, len;

    while (words[word_count])
        word_count++;
    char **argv = ARENA_NEW_ARRAY(arena, word_count + 3, char *);
    argv[0] = (char *)"ps";
    memcpy(argv + 1, words, word_count * sizeof(*argv));
    for (int i = 0; i < count; i++)
        strbuf_addf(&selected, "%s%lld", i ? "," : "-q", (long long)pids[i]);
    argv[word_count + 1] = selected.data;
    spawn.path = "ps";
    spawn.argv = argv;
    spawn.stderr_fd = PROC_NULL;
    int r = proc_run(&spawn, NULL, 0, PS_OUTPUT_MAX_BYTES, &text, &len, err);
    if (r > 0) {
        free(TAKE(text));
        argv[word_count + 1] = NULL;
        spawn.stderr_fd = PROC_INHERIT;
        r = proc_run(&spawn, NULL, 0, PS_OUTPUT_MAX_BYTES, &text, &len, err);
    }
    if (r < 0)
        return error_wrap(err, r, "cannot run ps");
    if (r > 0)
        return error_set_plain(err, EINVAL, NULL, "ps ended with exit status %d", r);
    *ret = arena_strdup(arena, text);
    return 0;
}

/* Splits at blanks into `count` cells, the last of which takes what is left; 0: as many as there are. */
static char **split_cells(struct arena *arena, struct str line, size_t count)
{
    struct {
        char **items;
        size_t len, cap;
    } cells = { 0 };

    for (;;) {
        while (line.len > 0 && (*line.data == ' ' || *line.data == '\t')) {
            line.data++;
            line.len--;
        }
        if (line.len == 0)
            break;
        size_t len = 0;
        bool last = count > 0 && cells.len + 1 == count;
        while (len < line.len && (last || (line.data[len] != ' ' && line.data[len] != '\t')))
            len++;
        *ARRAY_APPEND_ARENA(arena, &cells) = arena_strndup(arena, line.data, len);
        line = (struct str){ line.data + len, line.len - len };
    }
    while (cells.len < count)
        *ARRAY_APPEND_ARENA(arena, &cells) = arena_strdup(arena, "");
    *ARRAY_APPEND_ARENA(arena, &cells) = NULL;
    return cells.items;
}

static bool is_listed(const int64_t *pids, int count, const char *text)
{
    int64_t pid;

    if (parse_int64(str_from(text), 1, INT32_MAX, &pid) < 0)
        return false;
    for (int i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

static int take_ps_table(struct arena *arena, const char *text, const int64_t *pids, int count,
        struct container_processes *ret, struct error **err)
{
    struct {
        char ***items;
        size_t len, cap;
    } rows = { 0 };
    struct str rest = str_from(text), line = { 0 };
    size_t title_count = 0, pid_column;
    bool was_listed = false;

    str_split_next(&rest, '\n', &line);
    char **own = split_cells(arena, line, 0);
    while (own[title_count])
        title_count++;
    for (pid_column = 0; pid_column < title_count; pid_column++)
        if (strcmp(own[pid_column], "PID") == 0)
            break;
    if (pid_column == title_count)
        return error_set_plain(err, EINVAL, NULL, "Couldn't find PID field in ps output");
    while (str_split_next(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        char **row = split_cells(arena, line, title_count);

        /* "-": a thread of the process before. */
        if (strcmp(row[pid_column], "-") != 0)
            was_listed = is_listed(pids, count, row[pid_column]);
        if (was_listed)
            *ARRAY_APPEND_ARENA(arena, &rows) = row;
    }
    *ret = (struct container_processes){
        .titles = own, .title_count = title_count, .rows = rows.items, .row_count = rows.len
    };
    return 0;
}

static void build_own_table(
        struct arena *arena, const int64_t *pids, int count, struct container_processes *ret)
{
    struct {
        char ***items;
        size_t len, cap;
    } rows = { 0 };

    for (int i = 0; i < count; i++) {
        char **row = build_row(arena, pids[i]);

        if (row)
            *ARRAY_APPEND_ARENA(arena, &rows) = row;
    }
    *ret = (struct container_processes){
        .titles = (char **)titles,
        .title_count = ARRAY_LEN(titles),
        .rows = rows.items,
        .row_count = rows.len,
    };
}

int container_top(struct engine *engine, struct arena *arena, const char *reference,
        char *const *ps_words, struct container_processes *ret, struct error **err)
{
    struct container *c = NULL;
    int64_t *pids = NULL;
    char *text = NULL;
    int r = container_get(engine, arena, reference, &c, err);

    if (r < 0)
        return r;
    if ((c->state.status != CONTAINER_RUNNING && c->state.status != CONTAINER_PAUSED) ||
            c->state.pid <= 0)
        return error_set_plain(err, EINVAL, NULL, "container %s is not running", c->id);
    int count = list_pids(arena, c, &pids, err);
    if (count < 0)
        return count;
    if (ps_words && *ps_words) {
        r = run_ps(arena, ps_words, pids, count, &text, err);
        if (r >= 0)
            r = take_ps_table(arena, text, pids, count, ret, err);
        if (r < 0)
            return r;
    } else {
        build_own_table(arena, pids, count, ret);
    }
    container_event(engine, c->id, "top", NULL, NULL);
    return 0;
}
