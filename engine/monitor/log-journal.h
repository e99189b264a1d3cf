/* A container's lines as entries of the systemd journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL):
 * a datagram per line, with the fields that Docker gives. What the journal does not take is lost: at once in
 * non-blocking mode, else after a moment, so that a journal that hangs never stops a container. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "engine/monitor/log-file.h"

struct error;
struct monitor_log;

struct log_journal;

/* Fails when there is no journal to send to. */
int log_journal_new(const struct monitor_log *config, struct log_journal **ret, struct error **err);
void log_journal_free(struct log_journal *journal);
DEFINE_CLEANUP(struct log_journal *, log_journal_free);

/* One line; its break at the end, if it has one, is not part of the message. */
void log_journal_write(
        struct log_journal *journal, enum log_stream stream, const char *line, size_t len);
