/* The schema table as a page to read: every attribute with its forms, how several files are merged, whether
 * the engine carries it out, and its line of help. */
#pragma once

struct strbuf;

enum page_format { PAGE_MARKDOWN, PAGE_MAN };

/* The whole reference page: docs/compose-file.md, or the manual page berth-compose(5). */
void schema_print_page(enum page_format format, struct strbuf *out);
