#include "cli/compose-up-words.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "compose/backend.h"
#include "compose/project.h"

static int read_scale(struct compose *compose, const struct strings *words, struct strmap *ret)
{
    strmap_init_arena(ret, &compose->arena);
    for (size_t i = 0; i < words->len; i++) {
        const char *eq = strchr(words->items[i], '=');
        uint32_t number;

        if (!eq || eq == words->items[i] || parse_uint32(str_from(eq + 1), 10000, &number) < 0)
            return report_failure(
                    compose->cli, "invalid --scale \"%s\": the form is SERVICE=N", words->items[i]);
        const char *name = arena_strndup(
                &compose->arena, words->items[i], (size_t)(eq - words->items[i]));
        if (!project_find_service(compose->project, name))
            return report_failure(compose->cli, "invalid --scale \"%s\": no such service: %s",
                    words->items[i], name);
        unsigned *value = ARENA_NEW(&compose->arena, unsigned);
        *value = number;
        strmap_set(ret, name, value);
    }
    return 0;
}

int up_words_check_pull(struct cli *cli, const char *policy)
{
    static const char *const policies[] = { "always", "missing", "never", "policy", "build",
        "if_not_present" };

    for (size_t i = 0; policy && i < ARRAY_LEN(policies); i++)
        if (string_is_equal(policy, policies[i]))
            return 0;
    return policy ? report_failure(cli,
                            "invalid --pull \"%s\": expected always, missing, never or policy",
                            policy)
                  : 0;
}

int up_words_check(struct cli *cli, const struct up_words *words)
{
    const struct {
        bool a, b;
        const char *text;
    } conflicts[] = {
        { words->build, words->no_build, "--build and --no-build are incompatible" },
        { words->force_recreate, words->no_recreate,
                "--force-recreate and --no-recreate are incompatible" },
        { words->always_recreate_deps, words->no_recreate,
                "--always-recreate-deps and --no-recreate are incompatible" },
        { words->renew_anon_volumes, words->no_recreate,
                "--no-recreate and --renew-anon-volumes are incompatible" },
        { words->wait, words->no_start, "--wait cannot be combined with --no-start" },
    };

    for (size_t i = 0; i < ARRAY_LEN(conflicts); i++)
        if (conflicts[i].a && conflicts[i].b)
            return report_failure(cli, "%s", conflicts[i].text);
    return up_words_check_pull(cli, words->pull);
}

int up_words_plan(struct compose *compose, const struct up_words *words, const char *command,
        bool no_start, int argc, char **argv, struct plan **ret, struct diag *diag,
        struct error **err)
{
    struct plan_input input = compose_plan_input(compose);
    struct plan_up_options how = {
        .services = compose_services(compose, argc, argv),
        .command = command,
        .build = words->build,
        .no_build = words->no_build,
        .force_recreate = words->force_recreate,
        .no_recreate = words->no_recreate,
        .always_recreate_deps = words->always_recreate_deps,
        .no_deps = words->no_deps,
        .no_start = no_start,
        .remove_orphans = words->remove_orphans ||
                          cli_env_flag(compose->cli, "COMPOSE_REMOVE_ORPHANS"),
        .ignore_orphans = cli_env_flag(compose->cli, "COMPOSE_IGNORE_ORPHANS"),
        .renew_anon_volumes = words->renew_anon_volumes,
        .quiet_pull = words->quiet_pull,
        .quiet_build = words->quiet_build,
        .pull_policy = words->pull,
        .wait = words->wait,
        .wait_timeout_usec = words->wait_timeout_sec > 0 ? words->wait_timeout_sec * USEC_PER_SEC
                                                         : 0,
        .timeout_usec = compose_timeout_usec(words->timeout_sec),
    };

    /* --yes agrees to what would be asked: losing the data of a volume that changed. */
    how.recreate_volumes = words->yes;
    if (read_scale(compose, &words->scale, &how.scale))
        return -ECANCELED;
    return plan_up(&input, &how, ret, diag, err);
}
