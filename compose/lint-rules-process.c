/* Rules on what runs, when it starts and how its health is told. */
#include <fcntl.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "compose/lint-internal.h"

#define DEFAULT_INTERVAL_USEC (30 * (int64_t)1000000)
#define DEFAULT_RETRIES 3
#define SHORT_PATIENCE_USEC (16 * (int64_t)1000000)
#define LONG_TIMEOUT_USEC (10 * (int64_t)1000000)

static bool is_shell(const char *program)
{
    static const char *const shells[] = { "sh", "bash", "ash", "dash", "zsh", "busybox", "pwsh",
        "powershell" };

    for (size_t i = 0; i < ARRAY_LEN(shells); i++)
        if (strcmp(path_last(program), shells[i]) == 0)
            return true;
    return false;
}

static bool runs_shell(const struct argv *argv)
{
    for (size_t i = 0; i < argv->len; i++)
        if (is_shell(argv->items[i]))
            return true;
    return false;
}

/* ------------------------------------------------------------------------------- health */

/* True when the Dockerfile that berth can read brings a health check. */
static bool dockerfile_has_healthcheck(struct lint *lint, const struct service *service)
{
    const struct build *build = &service->build;
    auto_free char *data = NULL;
    size_t len = 0;

    if (build->dockerfile_inline)
        return strstr(build->dockerfile_inline, "HEALTHCHECK") != NULL;
    if (!build->given || !build->context || !path_is_absolute(build->context))
        return false;
    const char *path = path_join(
            lint->arena, build->context, build->dockerfile ? build->dockerfile : "Dockerfile");

    return fs_read_file(AT_FDCWD, path, LIMIT_DOCKERFILE_BYTES, &data, &len, NULL) >= 0 &&
           memmem(data, len, "HEALTHCHECK", strlen("HEALTHCHECK")) != NULL;
}

static bool is_never_healthy(const struct service *service)
{
    const struct healthcheck *check = &service->healthcheck;

    return check->disable == OPTION_TRUE ||
           (check->test.len && strcmp(check->test.items[0], "NONE") == 0);
}

void rule_healthy_without_healthcheck(struct lint *lint, const struct service *service)
{
    ARRAY_FOREACH(&service->depends_on, dependency) {
        const struct service *other = lint_find_service(lint, dependency->service);
        const char *field = arena_printf(lint->arena, "depends_on.%s", dependency->service);
        struct diag_entry *entry;

        if (!other || dependency->condition != SERVICE_HEALTHY)
            continue;
        if (is_never_healthy(other)) {
            entry = lint_add_field(lint, service, field,
                    "waits until \"%s\" is healthy, but its health check is switched off",
                    other->name);
            lint_hint(lint, entry,
                    "`up` fails here; give \"%s\" a check, or wait for "
                    "service_started",
                    other->name);
        } else if (!other->healthcheck.test.len && !other->provider.given &&
                   !dockerfile_has_healthcheck(lint, other)) {
            entry = lint_add_field(lint, service, field,
                    "waits until \"%s\" is healthy, but the file gives it no health check",
                    other->name);
            lint_hint(lint, entry,
                    "its image must have one, else `up` fails; write a "
                    "`healthcheck` for \"%s\" to be sure",
                    other->name);
        }
    }
}

/* The first part of a command line that only a shell understands; NULL: none. */
static const char *find_shell_syntax(const struct argv *test)
{
    static const char *const operators[] = { "||", "&&", "|", ";", ">", ">>", "<", "2>&1",
        ">/dev/null", "&" };

    for (size_t i = 1; i < test->len; i++) {
        for (size_t j = 0; j < ARRAY_LEN(operators); j++)
            if (strcmp(test->items[i], operators[j]) == 0)
                return test->items[i];
        if (i == 1 && strpbrk(test->items[i], " \t"))
            return test->items[i];
        if (strstr(test->items[i], " || ") || strstr(test->items[i], " && "))
            return test->items[i];
    }
    return NULL;
}

void rule_healthcheck_shell_syntax(struct lint *lint, const struct service *service)
{
    const struct argv *test = &service->healthcheck.test;
    struct diag_entry *entry;
    const char *part;

    if (test->len < 2)
        return;
    if (strcmp(test->items[0], "CMD-SHELL") == 0 && test->len > 2) {
        entry = lint_add_field(lint, service, "healthcheck.test",
                "CMD-SHELL takes one text: the shell runs \"%s\" only", test->items[1]);
        lint_hint(lint, entry, "write the whole command as one text");
        return;
    }
    if (strcmp(test->items[0], "CMD") != 0 || is_shell(test->items[1]))
        return;
    part = find_shell_syntax(test);
    if (!part)
        return;
    entry = lint_add_field(lint, service, "healthcheck.test",
            part == test->items[1] ? "CMD runs no shell: no program is called \"%s\""
                                   : "CMD runs no shell: \"%s\" is an argument of the program",
            part);
    lint_hint(lint, entry, "use [\"CMD-SHELL\", \"…\"], or a plain text");
}

void rule_healthcheck_interval(struct lint *lint, const struct service *service)
{
    const struct healthcheck *check = &service->healthcheck;
    char interval[TIME_GO_DURATION_MAX], timeout[TIME_GO_DURATION_MAX];

    if (!check->interval.set || !check->timeout.set || check->interval.usec <= 0 ||
            check->interval.usec >= check->timeout.usec ||
            check->timeout.usec < LONG_TIMEOUT_USEC) /* a short one does not delay much */
        return;
    struct diag_entry *entry = lint_add_field(lint, service, "healthcheck.interval",
            "%s is shorter than the timeout of %s: a check that hangs takes longer than the time "
            "between two of them",
            time_format_go_duration(check->interval.usec, interval),
            time_format_go_duration(check->timeout.usec, timeout));

    lint_hint(lint, entry, "make the timeout the shorter one");
}

static bool is_awaited_healthy(const struct lint *lint, const struct service *service)
{
    ARRAY_FOREACH(&lint->project->services, other)
        ARRAY_FOREACH(&other->depends_on, dependency)
            if (dependency->condition == SERVICE_HEALTHY &&
                    strcmp(dependency->service, service->name) == 0)
                return true;
    return false;
}

void rule_missing_start_period(struct lint *lint, const struct service *service)
{
    const struct healthcheck *check = &service->healthcheck;
    int64_t interval = check->interval.set ? check->interval.usec : DEFAULT_INTERVAL_USEC;
    int64_t retries = check->retries.set && check->retries.value > 0 ? check->retries.value
                                                                     : DEFAULT_RETRIES;
    char text[TIME_GO_DURATION_MAX];

    if (!check->test.len || is_never_healthy(service) || check->start_period.set || interval <= 0 ||
            retries > SHORT_PATIENCE_USEC / interval || interval * retries >= SHORT_PATIENCE_USEC ||
            !is_awaited_healthy(lint, service))
        return;
    struct diag_entry *entry = lint_add_field(lint, service, "healthcheck",
            "a start that takes longer than %s makes it unhealthy, and `up` fails",
            time_format_go_duration(interval * retries, text));

    lint_hint(lint, entry, "add a `start_period` in which failures do not count");
}

/* ------------------------------------------------------------------------ dependencies */

void rule_restart_of_completed(struct lint *lint, const struct service *service)
{
    ARRAY_FOREACH(&service->depends_on, dependency) {
        const struct service *other = lint_find_service(lint, dependency->service);

        if (!other || dependency->condition != SERVICE_COMPLETED_SUCCESSFULLY || !other->restart ||
                (strcmp(other->restart, "always") != 0 &&
                        strcmp(other->restart, "unless-stopped") != 0))
            continue;
        struct diag_entry *entry = lint_add_field(lint, other, "restart",
                "\"%s\" starts it again after it has ended, but \"%s\" waits until it is done",
                other->restart, service->name);

        lint_hint(lint, entry, "use \"no\" or \"on-failure\" for what runs once");
    }
}

/* What makes `other` a dependency without being in depends_on; NULL: nothing. */
static const char *find_implying(
        struct lint *lint, const struct service *service, const char *other)
{
    const struct {
        const char *field, *value;
    } shared[] = {
        { "network_mode", service->network_mode },
        { "ipc", service->ipc },
        { "pid", service->pid },
        { "uts", service->uts },
        { "cgroup", service->cgroup },
    };
    const char *wanted = arena_printf(lint->arena, "service:%s", other);

    for (size_t i = 0; i < ARRAY_LEN(shared); i++)
        if (string_is_equal(shared[i].value, wanted))
            return shared[i].field;
    ARRAY_FOREACH(&service->volumes_from, from)
        if (string_has_prefix(*from, other) &&
                (!(*from)[strlen(other)] || (*from)[strlen(other)] == ':'))
            return "volumes_from";
    return NULL;
}

void rule_implied_dependency(struct lint *lint, const struct service *service)
{
    ARRAY_FOREACH(&service->depends_on, dependency) {
        const struct node *node = node_get(
                node_get(service->model, "depends_on"), dependency->service);
        const char *field;

        if (!node || (node->flags & NODE_IMPLIED) || dependency->condition != SERVICE_STARTED ||
                dependency->required == OPTION_FALSE)
            continue;
        field = find_implying(lint, service, dependency->service);
        if (field)
            lint_add_field(lint, service,
                    arena_printf(lint->arena, "depends_on.%s", dependency->service),
                    "says nothing new: `%s` makes \"%s\" a dependency", field, dependency->service);
    }
}

static bool has_profile(const struct strings *profiles, const char *name)
{
    ARRAY_FOREACH(profiles, profile)
        if (strcmp(*profile, name) == 0)
            return true;
    return false;
}

void rule_profile_dependency(struct lint *lint, const struct service *service)
{
    ARRAY_FOREACH(&service->depends_on, dependency) {
        const struct service *other = lint_find_service(lint, dependency->service);
        bool covered = service->profiles.len > 0;

        if (!other || !other->profiles.len || dependency->required == OPTION_FALSE ||
                (service->enabled && !other->enabled)) /* an error already */
            continue;
        ARRAY_FOREACH(&service->profiles, profile)
            covered = covered && has_profile(&other->profiles, *profile);
        if (covered)
            continue;
        struct diag_entry *entry = lint_add_field(lint, service,
                arena_printf(lint->arena, "depends_on.%s", dependency->service),
                "\"%s\" is there with profile \"%s\" only: without it the project does not load",
                other->name, other->profiles.items[0]);

        lint_hint(lint, entry, "give both the same profiles, or say `required: false`");
    }
}

/* ------------------------------------------------------------------------------- running */

void rule_restart_given_twice(struct lint *lint, const struct service *service)
{
    if (!service->restart || !service->deploy.restart_policy.given)
        return;
    struct diag_entry *entry = lint_add_field(lint, service, "deploy.restart_policy",
            "has no effect outside of Swarm: \"restart: %s\" counts", service->restart);

    lint_hint(lint, entry, "keep one of them");
}

/* $NAME or ${NAME} that is left for a shell. */
static const char *find_variable(const char *text)
{
    for (const char *p = strchr(text, '$'); p; p = strchr(p + 1, '$'))
        if (p[1] == '{' || p[1] == '_' || ((p[1] | 0x20) >= 'a' && (p[1] | 0x20) <= 'z'))
            return p;
    return NULL;
}

static void check_variables(struct lint *lint, const struct service *service,
        const struct argv *argv, const char *field)
{
    for (size_t i = 0; i < argv->len; i++) {
        const char *variable = find_variable(argv->items[i]);

        if (!variable)
            continue;
        struct diag_entry *entry = lint_add_field(lint, service, field,
                "no shell runs this: the program gets \"%.*s\" as it is",
                (int)strcspn(variable, " /:\"',;)"), variable);

        lint_hint(lint, entry, "run it with [\"sh\", \"-c\", \"exec …\"], or use ${…} of Compose");
        return;
    }
}

/* An entrypoint of the image or of the file may be a script that evaluates what it gets: only when it
 * is known to be none. */
void rule_variable_without_shell(struct lint *lint, const struct service *service)
{
    const struct argv *test = &service->healthcheck.test;

    if (service->entrypoint.len && !runs_shell(&service->entrypoint)) {
        check_variables(lint, service, &service->entrypoint, "entrypoint");
    }
    if (test->len && strcmp(test->items[0], "CMD") == 0 && !runs_shell(test))
        check_variables(lint, service, test, "healthcheck.test");
}

void rule_no_grace_period(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    const struct node_entry *entry = node_get_entry(service, "stop_grace_period");
    int64_t usec;

    (void)file;
    if (!entry || entry->value->kind != NODE_TEXT ||
            parse_duration_usec(str_from(entry->value->text), &usec) < 0 || usec > 0)
        return;
    struct diag_entry *finding = lint_add(lint, &entry->key_at,
            "services.%s.stop_grace_period: SIGKILL comes at once: nothing is written out or "
            "closed",
            lint->key);

    lint_hint(lint, finding,
            "\"1s\" is enough for most programs; `init: true` helps those that "
            "do not react to SIGTERM");
}
