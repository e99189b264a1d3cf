/* What the translation of one document works on; shared by emit.c and the files of the unit types.
 * All findings go to the collector; a translation goes on after an error, so that one run names them
 * all, and its unit is thrown away at the end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "quadlet/emit.h"
#include "quadlet/quadlet.h"
#include "units/quote.h"
#include "units/unitfile.h"

struct translation {
    const struct quadlet_set *set;
    const struct quadlet_options *options;
    struct quadlet *quadlet;
    const struct quadlet_type_info *info;
    struct arena *arena;     /* what is needed until the unit is written */
    struct unitfile own;     /* the document's unit, with that arena for what is looked up */
    struct unitfile service; /* the unit in the making */
    struct strings *command; /* the command line in the making */
    struct strings main_command;
    struct diag *diag;
    const bool *present; /* by row: the key has a line */
    uint64_t initials;   /* of the keys that have a line: most that are asked for have none */
    struct strbuf line;  /* the command line that is written; used again and again */
    bool failed;
};

/* Findings with the place of a line's value (NULL: the section's header, or the file). */
struct diag_entry *translation_error(struct translation *t, const struct unit_line *line,
        const char *format, ...) __attribute__((format(printf, 3, 4)));
void translation_warning(struct translation *t, const struct unit_line *line, const char *format,
        ...) __attribute__((format(printf, 3, 4)));
void translation_advice(struct translation *t, const struct unit_line *line, const char *format,
        ...) __attribute__((format(printf, 3, 4)));

/* The document's own section: last line of a key, its plain value (NULL: absent), or one that is not
 * empty (NULL: absent or empty), all lines, words, booleans. */
const struct unit_line *own_line(const struct translation *t, const char *key);
const char *own_value(const struct translation *t, const char *key);
const char *own_value_set(const struct translation *t, const char *key);
struct unit_lines own_lines(const struct translation *t, const char *key);
bool own_is_true(const struct translation *t, const char *key, bool without);
struct strings own_words(const struct translation *t, const char *key);
struct strings own_arguments(const struct translation *t, const char *key);

/* Appends the words of one line. One that cannot be split is left out with a warning (Podman is silent
 * about some of these), or an error where quirks are not kept. */
void split_line(struct translation *t, const struct unit_line *line, enum quote_split how,
        struct strings *words);

/* A command line: the engine's program and the global arguments, then words. */
void command_begin(struct translation *t, struct strings *command);
void command_add(struct translation *t, const char *word);
void command_add_option(struct translation *t, const char *option, const char *value);
void command_addf(struct translation *t, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
#define COMMAND_ADD_ALL(t, ...)                                            \
    do {                                                                   \
        static const char *const words_[] = { __VA_ARGS__ };               \
        for (size_t i_ = 0; i_ < sizeof(words_) / sizeof(words_[0]); i_++) \
            command_add((t), words_[i_]);                                  \
    } while (0)

/* Writes the command line as a line of [Service]; `mark` is what stands before it ("-" or ""). */
void command_end(struct translation *t, const char *key, const char *mark);

/* Adds the arguments of the rows in the table's order. */
void translate_rows(struct translation *t);

/* [Service] lines. */
void service_default(struct translation *t, const char *key, const char *value);
bool service_check_kill_mode(struct translation *t);
bool service_is_oneshot(struct translation *t); /* also refuses types that cannot work */
void service_finish_oneshot(struct translation *t, bool remain_after_exit);

/* A path that a unit names: absolute ones and those that begin with a specifier stay. */
const char *unit_path(const struct translation *t, const char *path);

/* Rows that more than one type has. */
void special_network(struct translation *t);
void special_user_mappings(struct translation *t);
void special_volume(struct translation *t);

/* The types. */
void translate_artifact(struct translation *t);
void translate_build(struct translation *t);
void translate_container(struct translation *t);
void translate_image(struct translation *t);
void translate_kube(struct translation *t);
void translate_network(struct translation *t);
void translate_pod(struct translation *t);
void translate_volume(struct translation *t);

/* Rows of one type. */
void special_log_driver(struct translation *t);
void special_cgroups(struct translation *t);
void special_notify(struct translation *t);
void special_device(struct translation *t);
void special_volatile_tmp(struct translation *t);
void special_user(struct translation *t);
void special_expose(struct translation *t);
void special_mount(struct translation *t);
void special_pod(struct translation *t);
void special_kube_log_driver(struct translation *t);
void special_kube_user_mappings(struct translation *t);
void special_auto_update(struct translation *t);
void special_subnets(struct translation *t);
void special_exit_policy(struct translation *t);
void special_pod_name(struct translation *t);
void special_volume_driver(struct translation *t);
void special_build_file(struct translation *t);

/* "SetWorkingDirectory" of kube and build: adds WorkingDirectory=. *ret_context gets what a build is to
 * use as its context, "" for none. False on errors. */
bool set_working_directory(struct translation *t, const char **ret_context);

/* What Podman takes for an address: "http" or "git://" at the start, or "github.com/" anywhere with
 * something behind it. */
bool is_address(const char *text);
