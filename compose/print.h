/* A project as text: what `config` shows. Key order is the schema's, free keys are sorted. `$` is doubled
 * unless the project was loaded without interpolation, so that the output is a compose file again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct node;
struct project;
struct service;
struct strbuf;

enum print_format { PRINT_YAML, PRINT_JSON };

struct print_options {
    enum print_format format;
    bool no_interpolate; /* values are raw: print `$` as it is, and all that is there */
    bool all_resources;  /* also networks, volumes, secrets and configs that nothing uses */
    bool only_images;    /* an override file with the images of the services and nothing else */
};

/* Appends to `out`; strbuf_is_truncated tells when its maximum was too small. */
void project_print(
        const struct project *project, const struct print_options *options, struct strbuf *out);

/* The service as Docker Compose marshals it for its hash: JSON on one line, in the order of the schema,
 * without what does not make a container different. */
void service_print_marshalled(const struct service *service, struct strbuf *out);

/* One value on one line as JSON, keys sorted, without blanks. */
void node_print_canonical(const struct node *node, struct strbuf *out);

/* Whether that is at most so many bytes, aliases written out. */
bool node_fits(const struct node *node, size_t max_bytes);

/* A text as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void json_print_text(const char *text, struct strbuf *out);

/* A text as a YAML scalar, and the end of the line; the lines of a block start at that column. */
void yaml_print_text(const char *text, unsigned columns, struct strbuf *out);
