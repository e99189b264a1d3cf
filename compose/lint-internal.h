/* What the rules of lint share: where they report, and ways to look at files as they were written. The
 * rules are in lint-rules-*.c by subject, their texts in lint-table.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compose/document.h"
#include "compose/lint.h"
#include "compose/load-internal.h"
#include "compose/project.h"

/* One name in one x-lint-ignore. */
struct lint_ignore {
    struct source at;          /* of the name */
    const char *rule;          /* or "all" */
    const char *section, *key; /* "services", "web": what it stands in; NULL: the file, or a part */
    struct source from, to;    /* what is written in between is silenced; .to excluded */
};
struct lint_ignores {
    struct lint_ignore *items;
    size_t len, cap;
};

struct lint {
    struct arena *arena;
    const struct lint_options *options;
    struct loader *loader;
    const struct project *project; /* NULL: could not be built */
    bool is_whole;                 /* loading found no mistake */
    bool is_known; /* all files were read to their ends, though there may be mistakes in them */
    struct diag *diag;
    struct lint_ignores ignores;
    struct strmap used_ignores; /* "file:line:column rule" of those that silenced something */
    struct strmap reported;     /* "rule file:line:column": a shared value is reported once */
    const struct lint_rule *rule;
    const char *section, *key; /* what the rule looks at: "services", "web" */
};

/* Reports the current rule at a place; NULL when it is silenced or was reported there already. */
struct diag_entry *lint_add(struct lint *lint, const struct source *at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void lint_hint(struct lint *lint, struct diag_entry *entry, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* "services.NAME.FIELD: message" where the field of the service was written. */
struct diag_entry *lint_add_field(struct lint *lint, const struct service *service,
        const char *field, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* lint-ignore.c: finds every x-lint-ignore; their mistakes are findings. */
void lint_collect_ignores(struct lint *lint);
bool lint_is_ignored(struct lint *lint, const char *rule, const struct source *at,
        const char *section, const char *key);
void lint_report_unused_ignores(struct lint *lint);

/* The rule of another row, for findings that are not made by a row's function. */
void lint_use_rule(struct lint *lint, const char *name);

/* The compose files in the order in which they were read. */
#define LINT_FOREACH_FILE(lint, it)                                                               \
    for (struct strmap_entry *it##_entry = (lint)->loader->files.entries;                         \
            it##_entry && it##_entry < (lint)->loader->files.entries + (lint)->loader->files.len; \
            it##_entry++)                                                                         \
        for (const struct loaded_file *it = lint_compose_file(it##_entry); it; it = NULL)

const struct loaded_file *lint_compose_file(const struct strmap_entry *entry);

/* A service by its name, whether its profiles are active or not. */
const struct service *lint_find_service(const struct lint *lint, const char *name);

/* A variable, label or argument as it was written, in either form. */
struct written_pair {
    const char *attr; /* "environment", "build.args" */
    const char *key;
    const struct node *value; /* as a mapping has it; NULL: form KEY=value */
    const struct node *item;  /* KEY=value; NULL: a mapping's */
    const char *text;         /* after "=", or the value's text; NULL: none */
    struct source at;         /* of the value */
};
typedef void (*written_pair_fn)(struct lint *lint, const struct written_pair *pair);

/* Calls `check` for the pairs of one attribute ("environment", "build.args"). */
void lint_each_pair(
        struct lint *lint, const struct node *service, const char *attr, written_pair_fn check);
/* The same for all attributes that hold pairs. */
void lint_each_pair_of_all(struct lint *lint, const struct node *service, written_pair_fn check);

/* True for a value that YAML had to guess the type of. */
bool lint_is_plain(const struct node *node);

/* The rules' functions. */
typedef void lint_document_fn(
        struct lint *lint, const struct loaded_file *file, const struct node *document);
typedef void lint_written_fn(
        struct lint *lint, const struct loaded_file *file, const struct node *service);
typedef void lint_service_fn(struct lint *lint, const struct service *service);
typedef void lint_project_fn(struct lint *lint, const struct project *project);

/* lint-rules-values.c */
lint_written_fn rule_value_rewritten, rule_yaml11_value, rule_unquoted_port, rule_quoted_list_value,
        rule_spaced_key, rule_lone_dollar, rule_timezone_sign;
lint_document_fn rule_merge_key_hides, rule_unquoted_date;

/* lint-rules-secrets.c */
lint_written_fn rule_secret_in_environment, rule_secret_in_build_args;

/* lint-rules-words.c */
lint_service_fn rule_unknown_word;

/* lint-rules-network.c */
lint_service_fn rule_ports_with_host_network, rule_port_open_to_all, rule_large_port_range,
        rule_privileged_host_port, rule_useless_expose, rule_scaled_host_port, rule_scaled_address,
        rule_obsolete_links;
lint_project_fn rule_duplicate_host_port;

/* lint-rules-process.c */
lint_service_fn rule_healthy_without_healthcheck, rule_healthcheck_shell_syntax,
        rule_healthcheck_interval, rule_missing_start_period, rule_restart_of_completed,
        rule_implied_dependency, rule_profile_dependency, rule_restart_given_twice,
        rule_variable_without_shell;
lint_written_fn rule_no_grace_period;

/* lint-rules-security.c */
lint_service_fn rule_privileged, rule_docker_socket, rule_broad_capability, rule_root_user,
        rule_host_namespace, rule_confinement_off, rule_sensitive_mount;

/* lint-rules-files.c */
lint_service_fn rule_missing_bind_source, rule_volume_hides_bind, rule_missing_dockerignore;
lint_written_fn rule_home_path, rule_missing_env_file, rule_raw_env_file_quotes;
lint_project_fn rule_unused_variable;

/* lint-rules-resources.c */
lint_service_fn rule_floating_image, rule_limit_given_twice, rule_swarm_only,
        rule_oom_kill_disabled;
lint_project_fn rule_unused_network, rule_unused_volume, rule_unused_secret, rule_unused_config,
        rule_not_supported;
