/* Errors, findings and notices on standard error, and nowhere else:
 *
 *     compose.yaml:7:18: services.web.depends_on: no service "dbb"
 *         7 |     depends_on: [dbb]
 *           |                  ^
 *       because: …
 *       hint: did you mean "db"?
 *       through: included from main.yaml:3:5
 *
 * What has no place starts with "berth: ". With cli->json_errors each is a JSON object on one line:
 * {"error":true,"message":…,"file":…,"line":…,"column":…,"causes":[…],"hint":…,"through":[…]}. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cli;
struct diag;
struct diag_entry;
struct error;
struct json_t;
struct strbuf;

/* Prints the error with its causes and returns cli->failure_status. NULL prints nothing. */
int report_error(struct cli *cli, const struct error *err);

/* For "berth: …" lines that are no error objects. */
int report_failure(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_warning(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_note(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line of its own words, for what a command tells beside its output. */
void report_text(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints all findings in the order of the files; returns the number of errors among them. */
unsigned report_diag(struct cli *cli, struct diag *diag);

/* Lays findings out one after the other; keeps the file that it last took a line from. */
struct report_layout {
    const struct diag *diag; /* borrowed: knows how files came in */
    bool colour;
    bool with_ids; /* "… [obsolete-version]" behind the message */
    char *file;    /* its name and bytes */
    char *text;
    size_t text_len_bytes;
    unsigned line; /* the last one that was looked for, and where it starts; 0: none */
    size_t line_offset;
};
void report_layout_release(struct report_layout *layout);
void report_format_entry(
        struct report_layout *layout, const struct diag_entry *entry, struct strbuf *out);

/* By which files the finding's file came in, nearest first: [{"how":…,"file":…,"line":…,"column":…}]. Given. */
struct json_t *report_ways_json(const struct diag *diag, const struct diag_entry *entry);

/* "error", "warning", "note". */
const char *report_severity_name(const struct diag_entry *entry);

/* The same texts without printing, for tests and for the progress display. */
void report_format_error(const struct error *err, bool colour, struct strbuf *out);
