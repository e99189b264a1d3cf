/* Words that Docker Compose hands on without a look and the engine then does not know. */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"
#include "compose/lint-internal.h"

static const char *const restart_words[] = { "no", "always", "on-failure", "unless-stopped", NULL };
static const char *const condition_words[] = { "none", "on-failure", "any", NULL };
static const char *const mode_words[] = { "replicated", "global", "replicated-job", "global-job",
    NULL };
static const char *const endpoint_words[] = { "vip", "dnsrr", NULL };
static const char *const failure_words[] = { "continue", "pause", "rollback", NULL };
static const char *const ipc_words[] = { "none", "private", "shareable", "host", NULL };
static const char *const namespace_words[] = { "host", "private", NULL };
static const char *const pull_words[] = { "always", "never", "build", "if_not_present", "missing",
    "refresh", "daily", "weekly", NULL };
static const char *const driver_words[] = { "json-file", "local", "journald", "syslog", "none",
    "fluentd", "gelf", "awslogs", "splunk", "gcplogs", "etwlogs", "k8s-file", "passthrough", NULL };

/* Where words stand, which ones, and what else a value may begin with. */
static const struct word_field {
    const char *field;
    const char *const *words;
    const char *prefixes[2];
    bool others; /* plugins may bring words of their own: only what is nearly known is reported */
} fields[] = {
    { "restart", restart_words, { "on-failure:" }, false },
    { "pull_policy", pull_words, { "every_" }, false },
    { "ipc", ipc_words, { "service:", "container:" }, false },
    { "pid", namespace_words, { "service:", "container:" }, false },
    { "logging.driver", driver_words, { NULL }, true },
    { "deploy.mode", mode_words, { NULL }, false },
    { "deploy.endpoint_mode", endpoint_words, { NULL }, false },
    { "deploy.restart_policy.condition", condition_words, { NULL }, false },
    { "deploy.update_config.failure_action", failure_words, { NULL }, false },
    { "deploy.rollback_config.failure_action", failure_words, { NULL }, false },
};

static const char *const capabilities[] = { "ALL", "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE",
    "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH",
    "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN",
    "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON",
    "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT",
    "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME",
    "SYS_TTY_CONFIG", "WAKE_ALARM", NULL };

static size_t count_words(const char *const *words)
{
    size_t count = 0;

    while (words[count])
        count++;
    return count;
}

static bool is_known(const char *text, const struct word_field *field)
{
    for (size_t i = 0; field->words[i]; i++)
        if (strcmp(text, field->words[i]) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(field->prefixes) && field->prefixes[i]; i++)
        if (string_has_prefix(text, field->prefixes[i]))
            return true;
    return !*text;
}

static void report(
        struct lint *lint, const struct node *value, const char *field, const char *const *words)
{
    const char *nearest = str_nearest(value->text, words, count_words(words));
    struct diag_entry *entry = lint_add(lint, &value->at,
            "services.%s.%s: the engine knows no \"%s\"", lint->key, field, value->text);

    if (nearest)
        lint_hint(lint, entry, "did you mean \"%s\"?", nearest);
}

static void check_capabilities(
        struct lint *lint, const struct service *service, const char *attribute)
{
    const struct node *list = service_field_node(service, attribute);

    for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->len; i++) {
        const char *name = list->items[i]->kind == NODE_TEXT ? list->items[i]->text : "ALL";
        bool known = false;

        if (strncasecmp(name, "CAP_", 4) == 0)
            name += 4;
        for (size_t j = 0; capabilities[j]; j++)
            known |= strcasecmp(name, capabilities[j]) == 0;
        if (!known)
            report(lint, list->items[i], arena_printf(lint->arena, "%s[%u]", attribute, i),
                    capabilities);
    }
}

static void check_signal(struct lint *lint, const struct service *service)
{
    static const char *const usual[] = { "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL",
        "SIGUSR1", "SIGUSR2", "SIGWINCH", NULL };
    const struct node *value = service_field_node(service, "stop_signal");
    int number;

    if (value && value->kind == NODE_TEXT && *value->text &&
            parse_signal(str_from(value->text), &number) < 0)
        report(lint, value, "stop_signal", usual);
}

void rule_unknown_word(struct lint *lint, const struct service *service)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct node *value = service_field_node(service, fields[i].field);

        if (!value || value->kind != NODE_TEXT || is_known(value->text, &fields[i]) ||
                (fields[i].others &&
                        !str_nearest(value->text, fields[i].words, count_words(fields[i].words))))
            continue;
        report(lint, value, fields[i].field, fields[i].words);
    }
    check_capabilities(lint, service, "cap_add");
    check_capabilities(lint, service, "cap_drop");
    check_signal(lint, service);
}
