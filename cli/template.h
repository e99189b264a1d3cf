/* Go templates as Docker's --format takes them, over JSON values: fields, variables, pipes, if / else /
 * with / range / break / continue, comments, trimming, and the functions that Docker offers (json, join,
 * split, lower, upper, title, pad, truncate, println, table's "\t" …) beside Go's own (index, len,
 * slice, print, printf, eq … not, and, or). What is left out: define/template/block.
 *
 * A member that an object does not have is an error, as in Docker ("map has no entry for key"), save
 * below Labels and other maps of the user's, where it is "<no value>"; and save one that the object's type
 * has (cli/shapes.h), which is then empty. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct arena;
struct error;
struct shape;
struct strbuf;
struct template;

/* Lives in the arena (`text` is copied), but for its literals, which template_release lets go.
 * -EINVAL with the reason. */
int template_parse(
        struct arena *arena, const char *text, struct template **ret, struct error **err);
void template_release(struct template *template);
DEFINE_CLEANUP(struct template *, template_release);

/* Appends the text for `root` to `out`; with a shape, `root` is of that type (cli/shapes.h). -EINVAL with the
 * reason. */
int template_execute(const struct template *template, const json_t *root, const struct shape *shape,
        struct strbuf *out, struct error **err);

/* Names of the root's members that the template prints, in order: {{.ID}}\t{{.Name}} gives ID, Name, for
 * the heading of "table …". Appends the text with each action replaced by its heading. `heading` gives
 * the text for a member or NULL. */
void template_heading(const struct template *template, const char *(*heading)(void *, const char *),
        void *userdata, struct strbuf *out);
