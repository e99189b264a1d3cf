/* A plan as text for people, as JSON for programs, and as a one-line verdict. */
#pragma once

struct plan;
struct strbuf;

/* One line per step, in an order in which they could be done, its reasons with their places below:
 *
 *     recreate  Container demo-web-1
 *               services.web.environment.FOO changed: "a" -> "b" (compose.yaml:9:7)
 *
 * ends with the verdict. */
void plan_print_text(const struct plan *plan, struct strbuf *out);

/* One JSON object with all that the plan holds. */
void plan_print_json(const struct plan *plan, struct strbuf *out);

/* "nothing to do", or "1 to create, 2 to recreate, 1 to remove". */
void plan_print_verdict(const struct plan *plan, struct strbuf *out);
