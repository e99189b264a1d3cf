/* The error object: a negative errno, what was attempted and on what in the user's words, where in
 * which file, why (a chain of causes), and what to do about it (a hint).
 *
 *     int fd = open(path, O_RDONLY | O_CLOEXEC);
 *     if (fd < 0)
 *         return error_set(err, errno, NULL, "cannot open \"%s\"", path);
 *     int r = manifest_read(fd, &manifest, err);
 *     if (r < 0)
 *         return error_wrap(err, r, "cannot read the manifest of %s", ref);
 *
 * Every function that fails sets *err when err is not NULL, and returns the negative code. Text and
 * positions are copied, so an error outlives what it speaks of. An error object belongs to one thread. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/source.h"

struct strbuf;

struct error {
    int code; /* positive errno; never 0 */
    char *message;
    struct source at;    /* .file owned; NULL when no file is to blame */
    struct error *cause; /* what lay below, owned; NULL at the bottom */
    char *hint;          /* owned; NULL for none */
    bool errno_text;     /* the text of `code` belongs to the message (see error_set) */
};

/* Starts an error with `code` (sign does not matter) and returns the negative code. When the code is
 * an errno of a failed call, its text is added as a cause by whoever prints (error_format): do not
 * write strerror into messages. `at` may be NULL. An *err that was already set is freed: the last
 * failure wins. */
int error_set(struct error **err, int code, const struct source *at, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
int error_vset(struct error **err, int code, const struct source *at, const char *format,
        va_list args) __attribute__((format(printf, 4, 0)));

/* Like error_set for mistakes in what the user gave (bad value, unknown name): the errno's text would
 * add nothing and is not shown. */
int error_set_plain(struct error **err, int code, const struct source *at, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Puts a message above *err and returns `code` (made negative). When nothing lies below, because the
 * callee has no error object, this is error_set without a place. */
int error_wrap(struct error **err, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Adds a hint to the outermost object; NULL format or NULL err are ignored. */
void error_hint(struct error **err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says where in which file the outermost object is to blame, unless it says so already. Copies; NULL and
 * a place without file are ignored. */
void error_place(struct error **err, const struct source *at);

void error_free(struct error *err); /* the whole chain; NULL is fine */
DEFINE_CLEANUP(struct error *, error_free);
#define auto_error __attribute__((cleanup(error_free_p)))

/* Moves `from` (taken, may be NULL) into *err, or frees it when err is NULL. Returns -code, 0 for NULL. */
int error_move(struct error **err, struct error *from);

/* One line: message, then ": cause" for each below. The errno's text closes it where error_set asked
 * for it. No position, no hint: cli/report.c lays those out. */
void error_format(const struct error *err, struct strbuf *out);

/* The one bounded encoding in which an error crosses processes: a JSON object on one line, without the
 * newline. It never exceeds ERROR_ENCODED_MAX_BYTES: long texts are cut, and of a chain longer than
 * ERROR_CHAIN_MAX the innermost cause is kept and what lies before it left out. `out` must have room
 * for the maximum. Decoding never fails: text that is not an encoded error becomes its message (code
 * EIO). Given. */
#define ERROR_ENCODED_MAX_BYTES 8192
#define ERROR_CHAIN_MAX 16
void error_encode(const struct error *err, struct strbuf *out);
struct error *error_decode(const char *text, size_t len);

/* True when the errno's text belongs to the message (set by error_set, not by error_set_plain). */
bool error_has_errno_text(const struct error *err);
