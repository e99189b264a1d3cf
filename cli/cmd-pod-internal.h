/* The commands of `berth pod`, over several files. */
#pragma once

struct command;

extern const struct command pod_create_command, pod_ps_command, pod_inspect_command,
        pod_logs_command, pod_top_command, pod_stats_command;
