/* Errors, findings and notices on standard error, and nowhere else:
 *
 *     compose.yaml:7:18: services.web.depends_on: no service "dbb"
 *         7 |     depends_on: [dbb]
 *           |                  ^
 *       because: …
 *       hint: did you mean "db"?
 *
 * What has no place starts with "berth: ". With cli->json_errors each is a JSON object on one line:
 * {"error":true,"message":…,"file":…,"line":…,"column":…,"causes":[…],"hint":…}. */
#pragma once

#include <stdbool.h>

struct cli;
struct diag;
struct error;
struct strbuf;

/* Prints the error with its causes and returns cli->failure_status. NULL prints nothing. */
int report_error(struct cli *cli, const struct error *err);

/* For "berth: …" lines that are no error objects. */
int report_failure(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_warning(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_note(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints all findings in the order of the files; returns the number of errors among them. */
unsigned report_diag(struct cli *cli, struct diag *diag);

/* The same texts without printing, for tests and for the progress display. */
void report_format_error(const struct error *err, bool colour, struct strbuf *out);
