#include "cli/compose-progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/report.h"
#include "compose/plan.h"

#define FRAME_MAX_BYTES (1u << 20)
#define TICK_NSEC (100 * 1000 * 1000)
#define ROWS_DEFAULT 24

enum mode { MODE_AUTO, MODE_TTY, MODE_PLAIN, MODE_JSON, MODE_QUIET, MODE_MAX_ };
static const char *const mode_names[] = {
    [MODE_AUTO] = "auto",
    [MODE_TTY] = "tty",
    [MODE_PLAIN] = "plain",
    [MODE_JSON] = "json",
    [MODE_QUIET] = "quiet",
};
_Static_assert(ARRAY_LEN(mode_names) == MODE_MAX_, "name every mode");

enum line_state { LINE_WORKING, LINE_DONE, LINE_FAILED, LINE_WARNING };

/* One subject, whatever steps work on it: "Container demo-web-1". */
struct line {
    char *subject;
    char word[32];
    char detail[96];
    enum line_state state;
    int64_t started_usec, ended_usec;
    uint64_t current, total;
    unsigned steps; /* that are running */
};

struct compose_progress {
    struct cli *cli;
    FILE *out; /* standard error, or with COMPOSE_STATUS_STDOUT standard output */
    bool out_is_terminal;
    enum mode mode;
    const struct plan *plan;
    struct {
        struct line **items;
        size_t len, cap;
    } lines;
    unsigned drawn; /* lines of the block that are on the screen */
    unsigned frame;
    int64_t started_usec;

    /* The ticker redraws while nothing happens, so that times move. Everything above is under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t ticker;
    bool ticking, stop;
};

static struct line *find_line(struct compose_progress *progress, const char *subject)
{
    ARRAY_FOREACH(&progress->lines, item)
        if (strcmp((*item)->subject, subject) == 0)
            return *item;
    struct line *line = NEW(struct line);

    line->subject = mem_strdup(subject);
    line->started_usec = time_monotonic_usec();
    *ARRAY_APPEND(&progress->lines) = line;
    return line;
}

/* ------------------------------------------------------------------ the block on a terminal */

static unsigned terminal_rows(const struct compose_progress *progress)
{
    struct winsize size;

    return ioctl(fileno(progress->out), TIOCGWINSZ, &size) == 0 && size.ws_row > 4 ? size.ws_row
                                                                                   : ROWS_DEFAULT;
}

static void add_colour(struct compose_progress *progress, struct strbuf *out, const char *code)
{
    if (progress->out == stdout ? progress->cli->colour_out : progress->cli->colour_err)
        strbuf_addf(out, "\033[%sm", code);
}

static void add_line(struct compose_progress *progress, struct strbuf *out, const struct line *line,
        unsigned subject_width, unsigned word_width, int64_t now)
{
    static const char *const spinner[] = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" };
    static const char *const marks[] = {
        [LINE_DONE] = "✔", [LINE_FAILED] = "✘", [LINE_WARNING] = "!"
    };
    static const char *const codes[] = {
        [LINE_WORKING] = "34", [LINE_DONE] = "32", [LINE_FAILED] = "31", [LINE_WARNING] = "33"
    };
    const char *mark = line->state == LINE_WORKING ? spinner[progress->frame % ARRAY_LEN(spinner)]
                                                   : marks[line->state];
    int64_t end = line->state == LINE_WORKING ? now : line->ended_usec;
    unsigned room = progress->cli->width - 1, used = 0;

    strbuf_addc(out, ' ');
    add_colour(progress, out, codes[line->state]);
    strbuf_adds(out, mark);
    add_colour(progress, out, "0");
    used = 3 + format_text_width(line->subject);
    strbuf_addf(out, " %s", line->subject);
    for (unsigned i = format_text_width(line->subject); i < subject_width; i++, used++)
        strbuf_addc(out, ' ');
    strbuf_adds(out, "  ");
    add_colour(progress, out, codes[line->state]);
    strbuf_adds(out, line->word);
    add_colour(progress, out, "0");
    for (unsigned i = (unsigned)strlen(line->word); i < word_width; i++)
        strbuf_addc(out, ' ');
    used += 2 + word_width;
    char time[24];
    int len = snprintf(
            time, sizeof(time), " %.1fs", (double)(end - line->started_usec) / USEC_PER_SEC);
    if (line->state == LINE_WORKING && *line->detail && used + (unsigned)len + 8 < room) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        const char *detail = format_ellipsis(&arena, line->detail, room - used - (unsigned)len - 2);

        strbuf_addf(out, " %s", detail);
    }
    add_colour(progress, out, "34");
    strbuf_adds(out, time);
    add_colour(progress, out, "0");
    strbuf_adds(out, "\033[K\n");
}

static void erase_block(struct compose_progress *progress, struct strbuf *out)
{
    if (progress->drawn)
        strbuf_addf(out, "\033[%uA\r\033[J", progress->drawn);
    progress->drawn = 0;
}

static const char *title_of(const struct compose_progress *progress)
{
    static const struct {
        const char *command, *title;
    } titles[] = { { "pull", "Pulling" }, { "build", "Building" }, { "create", "Creating" } };

    for (size_t i = 0; i < ARRAY_LEN(titles); i++)
        if (string_is_equal(progress->plan->command, titles[i].command))
            return titles[i].title;
    return "Running";
}

static void add_block(struct compose_progress *progress, struct strbuf *out)
{
    int64_t now = time_monotonic_usec();
    size_t done = 0, rows = terminal_rows(progress) - 3, first = 0;
    unsigned subject_width = 0, word_width = 0;

    if (progress->lines.len == 0)
        return;
    ARRAY_FOREACH(&progress->lines, item) {
        unsigned width = format_text_width((*item)->subject);

        done += (*item)->state != LINE_WORKING;
        if (width > subject_width)
            subject_width = width;
        if (strlen((*item)->word) > word_width)
            word_width = (unsigned)strlen((*item)->word);
    }
    add_colour(progress, out, done == progress->lines.len ? "34" : "0");
    strbuf_addf(out, "[+] %s %zu/%zu", title_of(progress), done, progress->lines.len);
    add_colour(progress, out, "0");
    strbuf_adds(out, "\033[K\n");
    /* More lines than the screen has: the last ones, where things happen. */
    if (progress->lines.len > rows && !progress->stop)
        first = progress->lines.len - rows;
    for (size_t i = first; i < progress->lines.len; i++)
        add_line(progress, out, progress->lines.items[i], subject_width, word_width, now);
    progress->drawn = (unsigned)(progress->lines.len - first) + 1;
}

static void write_out(const struct compose_progress *progress, const struct strbuf *out)
{
    fwrite(out->data, 1, out->len, progress->out);
    fflush(progress->out);
}

/* The block is drawn over itself in one write, so that it does not flicker. */
static void redraw(struct compose_progress *progress)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(FRAME_MAX_BYTES);

    if (progress->drawn)
        strbuf_addf(&out, "\033[%uA\r", progress->drawn);
    progress->drawn = 0;
    add_block(progress, &out);
    strbuf_adds(&out, "\033[J");
    write_out(progress, &out);
}

/* A line that stays, above the block. */
static void print_above(struct compose_progress *progress, const char *text)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(FRAME_MAX_BYTES);

    if (progress->mode == MODE_TTY)
        erase_block(progress, &out);
    strbuf_addf(&out, "%s\n", text);
    if (progress->mode == MODE_TTY)
        add_block(progress, &out);
    write_out(progress, &out);
}

static void *tick(void *data)
{
    struct compose_progress *progress = data;
    struct timespec until;

    pthread_mutex_lock(&progress->lock);
    while (!progress->stop) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TICK_NSEC;
        if (until.tv_nsec >= NSEC_PER_SEC) {
            until.tv_sec++;
            until.tv_nsec -= NSEC_PER_SEC;
        }
        if (pthread_cond_timedwait(&progress->wake, &progress->lock, &until) == ETIMEDOUT &&
                !progress->stop) {
            progress->frame++;
            redraw(progress);
        }
    }
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

/* ------------------------------------------------------------------ plain and JSON */

/* The keys of Docker Compose 2.40: the word is the status, and what there is to say besides is the text. */
static void print_json(const struct compose_progress *progress, const struct line *line,
        const char *status, const char *text)
{
    auto_json json_t *object = json_object();

    json_object_set_new(object, "id", jsonx_text(line->subject));
    if (!string_is_empty(text))
        json_object_set_new(object, "text", jsonx_text(text));
    if (status)
        json_object_set_new(object, "status", jsonx_text(status));
    if (line->total) {
        json_object_set_new(object, "current", json_integer((json_int_t)line->current));
        json_object_set_new(object, "total", json_integer((json_int_t)line->total));
    }
    auto_free char *dump = jsonx_dump(object);
    fprintf(progress->out, "%s\n", dump);
}

/* After a change of the line: whatever the mode shows of it. */
static void show(struct compose_progress *progress, const struct line *line)
{
    if (progress->mode == MODE_TTY)
        redraw(progress);
    else if (progress->mode == MODE_PLAIN)
        fprintf(progress->out, " %s  %s\n", line->subject, line->word);
    else if (progress->mode == MODE_JSON)
        print_json(progress, line, line->word, line->detail);
}

/* ------------------------------------------------------------------ events */

/* Why a container is replaced: a line each, that stays. */
static void print_reasons(struct compose_progress *progress, const struct plan_step *step)
{
    if (step->part != PLAN_RECREATE_FIRST)
        return;
    ARRAY_FOREACH(&step->reasons, reason) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(65536);

        bool is_json = progress->mode == MODE_JSON;

        if (!is_json)
            strbuf_addf(&text, " %s  Recreate: ", step->subject);
        strbuf_adds(&text, reason->text);
        if (reason->at.file)
            strbuf_addf(&text, " (%s:%u:%u)", reason->at.file, reason->at.line, reason->at.column);
        if (is_json) {
            print_json(progress, &(struct line){ .subject = (char *)step->subject }, "Recreate",
                    text.data);
        } else {
            print_above(progress, text.data);
        }
    }
}

static void set_word(struct line *line, const char *word)
{
    snprintf(line->word, sizeof(line->word), "%s", word);
}

static void on_started(struct compose_progress *progress, const struct run_event *event)
{
    print_reasons(progress, event->step);
    if (!event->word)
        return;
    struct line *line = find_line(progress, event->subject);

    if (line->state == LINE_DONE)
        line->state = LINE_WORKING;
    line->steps++;
    *line->detail = '\0';
    line->current = line->total = 0;
    set_word(line, event->word);
    show(progress, line);
}

static void on_over(struct compose_progress *progress, const struct run_event *event,
        enum line_state state, const char *fallback)
{
    const char *word = event->word ? event->word : fallback;

    if (!word)
        return;
    struct line *line = find_line(progress, event->subject);
    if (line->steps > 0)
        line->steps--;
    if (line->state == LINE_FAILED)
        return;
    line->state = state;
    line->ended_usec = time_monotonic_usec();
    *line->detail = '\0';
    set_word(line, word);
    show(progress, line);
}

static void on_progress(struct compose_progress *progress, const struct run_event *event)
{
    const struct backend_progress *what = event->progress;
    auto_(arena_release) struct arena arena = ARENA_INIT;

    if (what->output) {
        const char *text = what->text ? what->text : "";

        if (progress->mode == MODE_JSON) {
            struct line line = { .subject = (char *)event->subject };

            print_json(progress, &line, NULL, text);
        } else { /* several builds may speak at once: the service's name says which */
            if (progress->out_is_terminal) /* it would do to our display what it does there */
                text = format_strip_controls(&arena, text);
            print_above(
                    progress, arena_printf(&arena, "%s | %s%s%s",
                                      event->step->service ? event->step->service : event->subject,
                                      what->id ? what->id : "", what->id ? " " : "", text));
        }
        return;
    }
    struct line *line = find_line(progress, event->subject);
    const char *text = format_clean_line(&arena, what->text ? what->text : "");
    const char *id = format_clean_line(&arena, what->id ? what->id : "");
    bool changed = what->text && !strstr(line->detail, text);

    line->current = what->current_bytes;
    line->total = what->total_bytes;
    if (what->total_bytes)
        snprintf(line->detail, sizeof(line->detail), "%s%s%s %s/%s", id, *id ? " " : "", text,
                format_size(&arena, what->current_bytes), format_size(&arena, what->total_bytes));
    else
        snprintf(line->detail, sizeof(line->detail), "%s%s%s", id, *id ? " " : "", text);
    if (progress->mode == MODE_JSON)
        print_json(progress, line, line->word, line->detail);
    else if (progress->mode == MODE_PLAIN && changed)
        fprintf(progress->out, " %s  %s\n", line->subject, line->detail);
}

void compose_progress_event(void *userdata, const struct run_event *event)
{
    struct compose_progress *progress = userdata;

    if (progress->mode == MODE_QUIET)
        return;
    pthread_mutex_lock(&progress->lock);
    switch (event->kind) {
    case RUN_EVENT_STARTED:
        on_started(progress, event);
        break;
    case RUN_EVENT_PROGRESS:
        on_progress(progress, event);
        break;
    case RUN_EVENT_DONE:
        on_over(progress, event, LINE_DONE, NULL);
        break;
    case RUN_EVENT_FAILED:
        on_over(progress, event, LINE_FAILED, "Error");
        break;
    case RUN_EVENT_WARNING:
        on_over(progress, event, LINE_WARNING, "Warning");
        break;
    case RUN_EVENT_CANCELLED:
        on_over(progress, event, LINE_FAILED, event->word ? "Interrupted" : NULL);
        break;
    case RUN_EVENT_UNNEEDED:
    case RUN_EVENT_SKIPPED:
    case RUN_EVENT_MAX_:
        break;
    }
    pthread_mutex_unlock(&progress->lock);
    if (event->kind == RUN_EVENT_WARNING && event->error) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(65536);

        error_format(event->error, &text);
        pthread_mutex_lock(&progress->lock);
        print_above(progress, text.data);
        pthread_mutex_unlock(&progress->lock);
    }
}

/* ------------------------------------------------------------------ life */

static int asked_mode(struct cli *cli, const char *type, enum mode *ret)
{
    const char *given = type ? type : cli_env(cli, "COMPOSE_PROGRESS");
    int mode = string_is_empty(given) ? MODE_AUTO
                                      : parse_name(str_from(given), mode_names, MODE_MAX_);

    if (mode < 0)
        return report_failure(cli,
                "unsupported --progress value \"%s\": expected auto, tty, plain, json or quiet",
                given);
    *ret = (enum mode)mode;
    return 0;
}

int compose_progress_check(struct cli *cli, const char *type)
{
    enum mode mode;

    return asked_mode(cli, type, &mode);
}

static int choose_mode(struct compose_progress *progress, const char *type, bool quiet)
{
    struct cli *cli = progress->cli;
    int status = asked_mode(cli, type, &progress->mode);

    if (status == 0 && progress->mode == MODE_AUTO)
        progress->mode = progress->out_is_terminal && cli->width >= 40 ? MODE_TTY : MODE_PLAIN;
    if (quiet)
        progress->mode = MODE_QUIET;
    return status;
}

int compose_progress_new(struct cli *cli, const char *type, bool quiet, const struct plan *plan,
        struct compose_progress **ret)
{
    struct compose_progress *progress = NEW(struct compose_progress);
    bool to_stdout = cli_env_flag(cli, "COMPOSE_STATUS_STDOUT");

    progress->cli = cli;
    progress->out = to_stdout ? stdout : stderr;
    progress->out_is_terminal = to_stdout ? cli->out_is_terminal : cli->err_is_terminal;
    int status = choose_mode(progress, type, quiet);
    if (status) {
        free(progress);
        return status;
    }
    progress->plan = plan;
    progress->started_usec = time_monotonic_usec();
    pthread_mutex_init(&progress->lock, NULL);
    pthread_cond_init(&progress->wake, NULL);
    ARRAY_FOREACH(&plan->kept, kept) {
        struct line *line;

        if (progress->mode == MODE_QUIET)
            break;
        line = find_line(progress, kept->subject);
        line->state = LINE_DONE;
        line->ended_usec = line->started_usec;
        set_word(line, kept->status);
        if (progress->mode != MODE_TTY)
            show(progress, line);
    }
    if (progress->mode == MODE_TTY) {
        redraw(progress);
        progress->ticking = pthread_create(&progress->ticker, NULL, tick, progress) == 0;
    }
    *ret = progress;
    return 0;
}

static void stop_ticking(struct compose_progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    progress->stop = true;
    pthread_cond_signal(&progress->wake);
    pthread_mutex_unlock(&progress->lock);
    if (progress->ticking)
        pthread_join(progress->ticker, NULL);
    progress->ticking = false;
}

/* Waiting and looking for images change nothing. */
static bool changed_anything(const struct plan *plan, const struct run_result *result)
{
    for (size_t i = 0; i < plan->steps.len && i < result->steps; i++) {
        enum plan_action action = plan->steps.items[i]->action;

        if (result->states[i] == RUN_DONE && action != PLAN_WAIT_CONTAINER &&
                action != PLAN_PULL_IMAGE && action != PLAN_BUILD_IMAGE)
            return true;
    }
    return false;
}

void compose_progress_finish(
        struct compose_progress *progress, bool say_unchanged, const struct run_result *result)
{
    stop_ticking(progress);
    if (progress->mode == MODE_TTY)
        redraw(progress);
    progress->drawn = 0;
    if (say_unchanged && !changed_anything(progress->plan, result)) {
        if (progress->mode == MODE_JSON)
            print_json(progress, &(struct line){ .subject = (char *)"Project" }, "Up to date",
                    "nothing was changed");
        else if (progress->mode != MODE_QUIET)
            fprintf(progress->out, " Project %s  is up to date: nothing was changed\n",
                    progress->plan->project);
    }
    fflush(progress->out);
}

void compose_progress_free(struct compose_progress *progress)
{
    if (!progress)
        return;
    stop_ticking(progress);
    ARRAY_FOREACH(&progress->lines, item) {
        free((*item)->subject);
        free(*item);
    }
    ARRAY_RELEASE(&progress->lines);
    pthread_cond_destroy(&progress->wake);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}
