/* The commands, one variable per file or small family; main.c and compose.c put them in their tables. */
#pragma once

struct command;

extern const struct command command_complete, command_completion, command_manual;
extern const struct command command_attach, command_build, command_builder, command_compose,
        command_cp, command_create, command_doctor, command_down, command_exec, command_image,
        command_images, command_import, command_info, command_inspect, command_internal,
        command_kill, command_load, command_login, command_logout, command_logs, command_network,
        command_oci, command_pause, command_port, command_ps, command_pull, command_push,
        command_quadlet, command_rename, command_restart, command_rm, command_rmi, command_run,
        command_save, command_search, command_secret, command_start, command_stop, command_system,
        command_tag, command_top, command_unpause, command_up, command_version, command_volume,
        command_wait, command_container, command_kube, command_play, command_pod;

/* A container's files and numbers. */
extern const struct command command_commit, command_df, command_diff, command_events,
        command_export, command_history, command_stats, command_update;

/* A project's containers one by one. */
extern const struct command command_compose_attach, command_compose_commit, command_compose_cp,
        command_compose_events, command_compose_export, command_compose_stats;

/* A project as a service. */
extern const struct command command_compose_enable, command_compose_disable, command_compose_status,
        command_unit, command_units;

extern const struct command command_compose_build, command_compose_config, command_compose_create,
        command_compose_down, command_compose_exec, command_compose_images, command_compose_kill,
        command_compose_logs, command_compose_ls, command_compose_pause, command_compose_plan,
        command_compose_port, command_compose_ps, command_compose_pull, command_compose_push,
        command_compose_restart, command_compose_rm, command_compose_run, command_compose_schema,
        command_compose_start, command_compose_stop, command_compose_top, command_compose_unpause,
        command_compose_up, command_compose_version, command_compose_volumes, command_compose_wait,
        command_compose_watch, command_compose_publish;

/* What Docker Compose has not. */
extern const struct command command_compose_apply, command_compose_lint;
extern const struct command command_compose_drift, command_compose_graph;

extern const struct command command_compose_alpha, command_compose_scale;
