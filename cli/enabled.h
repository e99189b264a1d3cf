/* Enabled projects (compose/enabled.h) as commands see them: where their files lie, and what is in them. */
#pragma once

#include <stdbool.h>

#include "units/bus/bus.h"

struct arena;
struct cli;
struct compose;
struct enabled;
struct strings;

/* The file of a project of that name, whether it is there or not. Lives in cli's arena. */
const char *enabled_path(struct cli *cli, const char *name);

/* Whose services the caller's enabled projects are: the machine's for root, else the user's. */
enum bus_scope enabled_bus_scope(void);

/* Whether this machine was booted with systemd, which so can be talked to. */
bool enabled_systemd_runs(void);

/* The digest of a file's bytes, or NULL; for enabled_find_changes. */
const char *enabled_digest_file(struct arena *arena, const char *path);

/* The project as it was enabled, with every profile. Findings and errors are reported; 0, or the exit status. */
int compose_open_enabled(struct cli *cli, const char *name, struct compose **ret);

/* Only the name of the project here, so that files with mistakes are none. 0, or the exit status. */
int compose_open_name(struct cli *cli, struct compose **ret);

/* What is enabled under the name of this project; 1, 0 when nothing is, or what reading it says. Lives in the
 * compose's arena. */
int enabled_of_compose(struct compose *compose, struct enabled **ret);

/* Makes what is enabled of the files as they are now, with these profiles active. *ret_changed (may be NULL): it was
 * not so already. 0, or the exit status. */
int enabled_write(struct compose *compose, const struct strings *profiles, bool *ret_changed);

/* Warns of each source that has changed since the project was enabled; nothing when it is not. */
void enabled_tell_changes(struct compose *compose);
