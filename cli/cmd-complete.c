/* __complete WORD...: what may stand in place of the last word of a command line (without the program's
 * name), for the shells' completion files. Prints
 *
 *     :words, :files or :dirs      what comes from here, or that the shell shall complete paths
 *     WORD<tab>DESCRIPTION         one line each; not filtered by what was typed already
 *
 * Words come from the tables of commands and options; names of services, containers, images, networks and
 * volumes from the ordinary commands that list them. */
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/visit.h"

#define LINE_WORDS_MAX 512

struct completion {
    int argc, at;
    char **argv;
    int compose_end; /* words that belong to `compose` itself: its options lead to the project */
    bool only_arguments;
};

static void complete_command(struct cli *cli, const struct command *command, struct completion *c);

static void print_words(struct cli *cli)
{
    cli_print(cli, ":words\n");
}

static void print_word(struct cli *cli, const char *prefix, const char *word, const char *help)
{
    cli_print(cli, "%s%s\t%s\n", prefix, word, help ? help : "");
}

/* -------------------------------------------------------------------------------- names */

/* Which command lists the names of a kind; `of_project`: it needs the words before it. */
static const struct {
    const char *kind;
    bool of_project;
    const char *words[6];
} lists[] = {
    { "SERVICE", true, { "--profile", "*", "config", "--services" } },
    { "SERVICES", true, { "--profile", "*", "config", "--services" } },
    { "PROFILE", true, { "config", "--profiles" } },
    { "CONTAINER", false, { "ps", "--all", "--format", "{{.Names}}" } },
    { "IMAGE", false, { "images", "--format", "{{.Repository}}:{{.Tag}}" } },
    { "SOURCE_IMAGE", false, { "images", "--format", "{{.Repository}}:{{.Tag}}" } },
    { "REPOSITORY", false, { "images", "--format", "{{.Repository}}" } },
    { "NETWORK", false, { "network", "ls", "--format", "{{.Name}}" } },
    { "VOLUME", false, { "volume", "ls", "--format", "{{.Name}}" } },
};

static const char *const signals[] = { "HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "STOP",
    "CONT", "WINCH", NULL };

/* Runs the command that lists the names; what it cannot tell is left out. */
static void print_names(struct cli *cli, const struct completion *c, size_t list)
{
    char *words[LINE_WORDS_MAX];
    int count = 0;

    if (lists[list].of_project)
        for (int i = 0; i < c->compose_end && count < LINE_WORDS_MAX / 2; i++)
            words[count++] = c->argv[i];
    for (size_t i = 0; lists[list].words[i]; i++)
        words[count++] = arena_strdup(&cli->arena, lists[list].words[i]);
    words[count] = NULL;
    print_words(cli);
    if (lists[list].of_project && c->compose_end == 0)
        (void)cli_dispatch(cli, &command_compose, count, words);
    else
        (void)cli_dispatch(cli, cli->root, count, words);
}

/* `kind` begins with what stands in the usage or as an option's value: "CONTAINER [CONTAINER...]". */
static void print_kind(struct cli *cli, const struct completion *c, const char *kind)
{
    size_t len = strspn(kind, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    struct str word = { kind, len };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (str_is_equal_z(word, lists[i].kind)) {
            print_names(cli, c, i);
            return;
        }
    if (str_is_equal_z(word, "FILE") || str_is_equal_z(word, "PATH")) {
        cli_print(cli, ":files\n");
    } else if (str_is_equal_z(word, "DIR") || str_is_equal_z(word, "CONTEXT")) {
        cli_print(cli, ":dirs\n");
    } else {
        print_words(cli);
        for (size_t i = 0; str_is_equal_z(word, "SIGNAL") && signals[i]; i++)
            print_word(cli, "", signals[i], NULL);
    }
}

/* ------------------------------------------------------------------------------ options */

static void print_value(
        struct cli *cli, const struct completion *c, const struct opt *opt, const char *prefix)
{
    bool is_profile = strcmp(opt->name, "profile") == 0;

    if (!opt->values) {
        print_kind(cli, c, is_profile ? "PROFILE" : opt->arg ? opt->arg : "");
        return;
    }
    print_words(cli);
    for (size_t i = 0; opt->values[i]; i++)
        print_word(cli, prefix, opt->values[i], NULL);
}

/* The option that a word names: "--name", "--name=…", or the last of "-abc" when it wants a value. */
static const struct opt *find_option(const struct command *command, const char *word)
{
    const struct opt *const tables[] = { command->opts, command->common_opts };
    struct str name = str_from(word + 2);
    ptrdiff_t equals = str_find(name, '=');

    if (equals >= 0)
        name.len = (size_t)equals;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct opt *opt = tables[t]; opt && opt->name; opt++) {
            if (word[1] == '-' ? str_is_equal_z(name, opt->name)
                               : opt->letter && opt->letter == word[strlen(word) - 1])
                return opt;
        }
    return NULL;
}

static void print_options(struct cli *cli, const struct command *command)
{
    const struct opt *const tables[] = { command->opts, command->common_opts };

    print_words(cli);
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct opt *opt = tables[t]; opt && opt->name; opt++) {
            char letter[] = { '-', opt->letter, '\0' };

            if (opt->flags & (OPT_HIDDEN | OPT_UNSUPPORTED))
                continue;
            print_word(cli, "--", opt->name, opt->help);
            if (opt->letter)
                print_word(cli, "", letter, opt->help);
        }
    print_word(cli, "", "--help", "Show this help");
}

/* ---------------------------------------------------------------------------- arguments */

/* The word of the usage that stands for the argument at `position`; the last one may repeat. */
static const char *usage_word(const char *usage, unsigned position)
{
    const char *word = "";

    for (const char *p = usage ? usage : ""; *p;) {
        const char *start = p + strspn(p, " [");
        size_t len = strcspn(start, " ");

        if (!len)
            break;
        if (!string_has_prefix(start, "OPTIONS]")) {
            word = start;
            if (position-- == 0)
                return word;
        }
        p = start + len;
    }
    return strstr(word, "...") ? word : "";
}

static void print_subcommands(struct cli *cli, const struct command *group, void *userdata)
{
    (void)userdata;
    print_words(cli);
    for (const struct command *sub = group->subcommands; sub && sub->name; sub++)
        if (!sub->hidden)
            print_word(cli, "", sub->name, sub->summary);
}

static void descend(struct cli *cli, const struct command *group, void *userdata)
{
    struct completion *c = userdata;
    const struct command *sub = opts_find_command(group->subcommands, c->argv[c->at - 1]);

    if (sub)
        complete_command(cli, sub, c);
    else
        print_words(cli);
}

/* The words before the last one; true when they led into a subcommand or to an option's value. */
static bool walk(struct cli *cli, const struct command *command, struct completion *c,
        unsigned *ret_position)
{
    while (c->at < c->argc - 1) {
        const char *word = c->argv[c->at++];
        const struct opt *opt;

        if (c->only_arguments || word[0] != '-' || !word[1]) {
            if (cli_is_group(command)) {
                if (command->run == command_compose.run)
                    c->compose_end = c->at - 1;
                cli_visit(cli, command, descend, c);
                return true;
            }
            ++*ret_position;
            c->only_arguments |= command->stop_at_first_argument;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            c->only_arguments = true;
            continue;
        }
        opt = find_option(command, word);
        if (!opt || opt->type->is_flag || strchr(word, '='))
            continue;
        if (c->at == c->argc - 1) {
            print_value(cli, c, opt, "");
            return true;
        }
        c->at++;
    }
    return false;
}

static void complete_command(struct cli *cli, const struct command *command, struct completion *c)
{
    const char *last = c->argv[c->argc - 1];
    const char *equals = strchr(last, '=');
    unsigned position = 0;

    if (walk(cli, command, c, &position))
        return;
    if (command->run == command_compose.run)
        c->compose_end = c->argc - 1;
    if (!c->only_arguments && last[0] == '-' && last[1] == '-' && equals) {
        const struct opt *opt = find_option(command, last);

        if (opt)
            print_value(cli, c, opt, arena_strndup(&cli->arena, last, (size_t)(equals + 1 - last)));
        else
            print_words(cli);
    } else if (!c->only_arguments && last[0] == '-') {
        print_options(cli, command);
    } else if (cli_is_group(command)) {
        cli_visit(cli, command, print_subcommands, NULL);
    } else {
        print_kind(cli, c, usage_word(command->usage, position));
    }
}

static int run_complete(struct cli *cli, const void *data, int argc, char **argv)
{
    struct completion completion = { .argc = argc, .argv = argv };

    (void)data;
    if (argc > 0)
        complete_command(cli, cli->root, &completion);
    return 0;
}

const struct command command_complete = {
    .name = "__complete",
    .usage = "-- WORD...",
    .summary = "What may stand in place of the last word",
    .run = run_complete,
    .hidden = true,
    .stop_at_first_argument = true,
};
