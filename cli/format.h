/* The small texts of Docker's tables: sizes, ports, shortened ids and commands. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct arena;
struct container;
struct strbuf;

/* Text from files, images and registries may hold anything; control characters of it do not reach the terminal but
 * become "\x1b". Tabs and the ends of lines stay, the former alone in format_clean_line (in the arena). */
void format_add_clean(struct strbuf *out, const char *text);
const char *format_clean_line(struct arena *arena, const char *text);

/* For a program's output within a display of ours: its colours and movements of the cursor are left out. In the
 * arena. */
const char *format_strip_controls(struct arena *arena, const char *text);

/* Columns on a terminal: one per character, two for wide East Asian ones and emoji, none for marks. */
unsigned format_text_width(const char *text);

/* At most `max` characters, the last of them "…" when something was left out. In the arena. */
const char *format_ellipsis(struct arena *arena, const char *text, size_t max);

/* "1.23MB": powers of 1000 and four significant digits, three after rounding, as go-units has it. */
const char *format_size(struct arena *arena, uint64_t bytes);

/* "1.5MiB": powers of 1024. */
const char *format_size_binary(struct arena *arena, uint64_t bytes);

/* First twelve digits, without "sha256:". */
const char *format_short_id(struct arena *arena, const char *id);

/* A text as it stands in the query of a URL. */
struct strbuf;
void format_add_url_query(struct strbuf *out, const char *text);

/* "2 minutes ago"; "N/A" for 0. */
const char *format_ago(struct arena *arena, int64_t then_nsec, int64_t now_nsec);

/* "2026-11-21 03:40:00 +0000 UTC". */
const char *format_created_at(struct arena *arena, int64_t realtime_nsec);

/* As Go prints times: "2026-11-21 03:40:00.5 +0000 UTC" for "2026-11-21T03:40:00.5Z"; "" for NULL. */
const char *format_go_time(struct arena *arena, const char *rfc3339);

/* "2026-11-21 03:40:00", local time; "" for 0. */
const char *format_local_time(struct arena *arena, uint64_t realtime_usec);

/* "0.0.0.0:8080->80/tcp, 443/tcp", ranges merged. */
const char *format_ports(struct arena *arena, const struct container *container);

/* Command line as `ps` shows it, without quotes and not shortened. */
const char *format_command(struct arena *arena, const struct container *container);
