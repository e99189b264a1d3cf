/* Looking at the tables of commands without running any: for completion and manual pages. */
#pragma once

#include <stdbool.h>

struct cli;
struct command;

/* Called with a group and all of its subcommands; both live until it returns. */
typedef void (*cli_visit_fn)(struct cli *cli, const struct command *group, void *userdata);

/* True for a command that has subcommands. */
bool cli_is_group(const struct command *command);

/* Calls `fn` with the group as it is when it runs; does nothing for a command that is no group. */
void cli_visit(struct cli *cli, const struct command *command, cli_visit_fn fn, void *userdata);
