/* The rules of lint as a page to read. */
#pragma once

struct strbuf;

/* The whole page: docs/compose-lint.md. */
void lint_print_page(struct strbuf *out);
