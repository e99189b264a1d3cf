#include "cli/container-choice.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "engine/container/container.h"

#define CIDFILE_MAX_BYTES 4096

/* Podman's words about what cannot stand together. */
static int check(const struct container_choice *choice, const struct container_choice_rules *rules,
        const struct strings *names, struct error **err)
{
    const char *all_option = rules->all_option ? rules->all_option : "--all";
    const bool named = names->len > 0 || choice->cidfiles.len > 0;

    if (choice->all && choice->latest)
        return error_set_plain(
                err, EINVAL, NULL, "%s and --latest cannot be used together", all_option);
    if (choice->latest && choice->filters.len)
        return error_set_plain(err, EINVAL, NULL, "--filter and --latest cannot be used together");
    if (choice->all && named)
        return error_set_plain(err, EINVAL, NULL, "no arguments are needed with %s", all_option);
    if (choice->latest && named)
        return error_set_plain(err, EINVAL, NULL, "no arguments are needed with --latest");
    if (choice->filters.len && named)
        return error_set_plain(err, EINVAL, NULL, "--filter takes no arguments");
    /* To ps an empty value is any: here "name=$UNSET" would be all containers there are. */
    ARRAY_FOREACH(&choice->filters, word)
        if (string_has_suffix(*word, "=") && strchr(*word, '=')[1] == '\0')
            return error_set_plain(err, EINVAL, NULL, "the filter \"%s\" is empty", *word);
    return 0;
}

/* The first line. *ret stays NULL when the file is missing and that is fine. */
static int read_cidfile(
        struct cli *cli, const char *path, bool ignore, const char **ret, struct error **err)
{
    auto_free char *text = NULL;
    auto_error struct error *failure = NULL;
    struct str rest, line;
    size_t len;
    int r = fs_read_file(AT_FDCWD, path, CIDFILE_MAX_BYTES, &text, &len, &failure);

    if (r == -ENOENT && ignore)
        return 0;
    if (r < 0) {
        error_move(err, TAKE(failure));
        return error_wrap(err, r, "cannot read the container id file \"%s\"", path);
    }
    rest = (struct str){ text, len };
    if (!str_split_next(&rest, '\n', &line) || str_trim(line).len == 0)
        return error_set_plain(err, EINVAL, NULL, "the container id file \"%s\" is empty", path);
    line = str_trim(line);
    *ret = arena_strndup(&cli->arena, line.data, line.len);
    return 0;
}

static int add_listed(struct cli *cli, const struct container_choice *choice,
        const struct container_choice_rules *rules, struct strings *ret, struct error **err)
{
    struct container_filter filter = { 0 };
    struct containers found = { 0 };
    struct engine *engine = cli_engine(cli, err);
    int r = engine ? container_read_filters(&cli->arena, &choice->filters, &filter, err) : -EIO;

    filter.all = true;
    filter.last = choice->latest ? 1 : 0;
    if (r >= 0)
        r = container_list(engine, &cli->arena, &filter, &found, err);
    if (r < 0)
        return r;
    if (choice->latest && found.len == 0)
        return error_set_plain(err, ENOENT, NULL, "no such container: there is none at all");
    ARRAY_FOREACH(&found, it) {
        const struct container *c = *it;

        /* A pod's own container is the pod's affair. */
        if (choice->latest || (!c->is_infra && (!rules->fits || rules->fits(c))))
            *ARRAY_APPEND_ARENA(&cli->arena, ret) = arena_strdup(&cli->arena, c->id);
    }
    return 0;
}

int container_choose(struct cli *cli, const struct container_choice *choice,
        const struct container_choice_rules *rules, const struct strings *names,
        struct strings *ret)
{
    const bool listed = choice->all || choice->latest || choice->filters.len;
    auto_error struct error *err = NULL;
    int r = check(choice, rules, names, &err);

    if (r >= 0 && !listed && choice->cidfiles.len == 0) {
        int status = cli_check_arguments(cli, rules->command, (int)names->len, 1, -1);

        if (status)
            return status;
    }
    ARRAY_FOREACH(names, name)
        *ARRAY_APPEND_ARENA(&cli->arena, ret) = *name;
    for (size_t i = 0; r >= 0 && i < choice->cidfiles.len; i++) {
        const char *id = NULL;

        r = read_cidfile(cli, choice->cidfiles.items[i], rules->ignore, &id, &err);
        if (r >= 0 && id)
            *ARRAY_APPEND_ARENA(&cli->arena, ret) = (char *)(uintptr_t)id;
    }
    if (r >= 0 && listed)
        r = add_listed(cli, choice, rules, ret, &err);
    return r < 0 ? report_error(cli, err) : 0;
}

const char *container_choose_one(struct cli *cli, const struct command *command, bool latest,
        const struct strings *words, int *ret_status)
{
    const struct container_choice choice = { .latest = latest };
    const struct container_choice_rules rules = { .command = command };
    const struct strings named = { words->items, latest ? 0 : 1, 1 };
    struct strings names = { 0 };

    *ret_status = container_choose(cli, &choice, &rules, &named, &names);
    return *ret_status ? NULL : names.items[0];
}
