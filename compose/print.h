/* A project as text: what `config` shows. Key order is the schema's, free keys are sorted. `$` is doubled
 * unless the project was loaded without interpolation, so that the output is a compose file again. */
#pragma once

#include <stdbool.h>

struct project;
struct node;
struct strbuf;

enum print_format { PRINT_YAML, PRINT_JSON };

struct print_options {
    enum print_format format;
    bool no_interpolate; /* values are raw: print `$` as it is */
    bool all_resources;  /* also networks, volumes, secrets and configs that nothing uses */
};

/* Appends to `out`; strbuf_is_truncated tells when its maximum was too small. */
void project_print(
        const struct project *project, const struct print_options *options, struct strbuf *out);

/* One value on one line as JSON, keys sorted, without blanks. */
void node_print_canonical(const struct node *node, struct strbuf *out);

/* A text as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void json_print_text(const char *text, struct strbuf *out);
