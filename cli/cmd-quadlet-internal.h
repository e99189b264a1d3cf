/* The subcommands of `berth quadlet` that have files of their own. */
#pragma once

#include "cli/commands.h"

extern const struct command command_quadlet_convert, command_quadlet_install, command_quadlet_rm;
