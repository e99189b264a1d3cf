#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/fdio.h"
#include "base/limits.h"
#include "base/str.h"
#include "quadlet/generator-internal.h"
#include "quadlet/quadlet.h"

/* The kernel takes records of this many bytes with their header, and refuses longer ones. */
enum { KMSG_RECORD_MAX_BYTES = 960, FLUSH_BYTES = 16 << 10 };

static bool log_to_kmsg(struct generator_log *log, enum log_level level, const char *line)
{
    auto_(strbuf_release) struct strbuf record = STRBUF_INIT(KMSG_RECORD_MAX_BYTES);

    if (!log->use_kmsg)
        return false;
    if (log->kmsg_fd < 0)
        log->kmsg_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (log->kmsg_fd < 0) {
        log->use_kmsg = false;
        return false;
    }
    strbuf_addf(&record, "<%d>%s", level, line);
    return write(log->kmsg_fd, record.data, record.len) >= 0;
}

/* Sends or keeps the line that begins at `start` of what is pending. */
static void end_line(struct generator_log *log, enum log_level level, size_t start)
{
    if (log_to_kmsg(log, level, log->pending.data + start)) {
        strbuf_truncate(&log->pending, start);
        return;
    }
    strbuf_addc(&log->pending, '\n');
    if (level != LOG_LEVEL_DEBUG || log->pending.len >= FLUSH_BYTES)
        generator_log_flush(log);
}

void generator_log(struct generator_log *log, enum log_level level, const char *format, ...)
{
    const size_t start = log->pending.len;
    va_list args;

    if (level == LOG_LEVEL_DEBUG && !log->is_verbose)
        return;
    strbuf_adds(&log->pending, log->prefix);
    va_start(args, format);
    strbuf_vaddf(&log->pending, format, args);
    va_end(args);
    end_line(log, level, start);
}

void generator_log_loading(struct generator_log *log, const char *what, const char *path)
{
    const size_t start = log->pending.len;

    if (!log->is_verbose)
        return;
    strbuf_adds(&log->pending, log->prefix);
    strbuf_adds(&log->pending, "Loading source ");
    strbuf_adds(&log->pending, what);
    strbuf_adds(&log->pending, " file ");
    strbuf_adds(&log->pending, path);
    end_line(log, LOG_LEVEL_DEBUG, start);
}

void generator_log_flush(struct generator_log *log)
{
    (void)fd_write_all(STDERR_FILENO, log->pending.data, log->pending.len);
    strbuf_reset(&log->pending);
}

/* "MESSAGE in FILE:LINE:COLUMN (HINT)": the message first, as Podman has it, then what it lacks. */
static void log_finding(struct generator_log *log, const struct diag_entry *finding,
        const struct quadlet *converting)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    bool is_error = finding->severity == DIAG_ERROR;
    bool is_of_file = finding->id && string_has_prefix(finding->id, "unit-") && finding->at.file &&
                      strcmp(finding->id, "unit-directory") != 0;

    if (string_is_equal(finding->id, QUADLET_ADVICE))
        strbuf_adds(&text, "Warning: "); /* Podman has no levels, and writes it out for these */
    if (is_error && converting)
        strbuf_addf(&text, "converting \"%s\": ", converting->name);
    else if (is_error && is_of_file)
        strbuf_addf(&text, "error loading \"%s\", ", finding->at.file);
    strbuf_adds(&text, finding->message);
    if (finding->at.line)
        strbuf_addf(&text, " in %s:%u:%u", finding->at.file, finding->at.line, finding->at.column);
    else if (converting && finding->at.file)
        strbuf_addf(&text, " in %s", finding->at.file);
    if (finding->hint)
        strbuf_addf(&text, " (%s)", finding->hint);
    generator_log(log, is_error ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "%s", text.data);
}

size_t generator_log_findings(
        struct generator_log *log, struct diag *diag, const struct quadlet *converting)
{
    size_t errors = diag->errors;

    ARRAY_FOREACH(diag, finding)
        log_finding(log, finding, converting);
    diag_release(diag);
    return errors;
}
