#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/opts.h"
#include "base/strbuf.h"

struct options {
    const char *name;
    struct strings env;
    int64_t count, timeout_sec, interval_usec;
    uint64_t memory_bytes;
    int color;
    bool follow, interactive, tty, timeout_set;
};

static const struct opt opts[] = { { .name = "name",
                                           .letter = 'n',
                                           .type = &opt_string,
                                           .arg = "NAME",
                                           .offset = offsetof(struct options, name),
                                           .help = "Name of the container" },
    { .name = "env",
            .letter = 'e',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            .offset = offsetof(struct options, env),
            .help = "Set an environment variable; a name alone takes the value that it has here" },
    { .name = "count", .type = &opt_int, .offset = offsetof(struct options, count) },
    { .name = "timeout",
            .letter = 't',
            .type = &opt_seconds,
            .arg = "SECONDS",
            .offset = offsetof(struct options, timeout_sec),
            .set_offset = offsetof(struct options, timeout_set),
            .help = "Time until it is killed" },
    { .name = "interval",
            .type = &opt_duration,
            .offset = offsetof(struct options, interval_usec) },
    { .name = "memory",
            .letter = 'm',
            .type = &opt_size,
            .offset = offsetof(struct options, memory_bytes) },
    { .name = "color", .type = &opt_tristate, .offset = offsetof(struct options, color) },
    { .name = "follow",
            .letter = 'f',
            .type = &opt_flag,
            .offset = offsetof(struct options, follow) },
    { .name = "interactive",
            .letter = 'i',
            .type = &opt_flag,
            .offset = offsetof(struct options, interactive) },
    { .name = "tty", .type = &opt_flag, .offset = offsetof(struct options, tty) },
    { .name = "secret-option",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            .offset = offsetof(struct options, tty) },
    { .name = "isolation", .type = &opt_string, .flags = OPT_UNSUPPORTED }, OPT_END };
static const struct options defaults = { .timeout_sec = 10, .color = OPT_UNSET };
static const char *const aliases[] = { "execute", NULL };
static const struct command command = {
    .name = "exec",
    .aliases = aliases,
    .usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
    .summary = "Run a command in a running container",
    .opts = opts,
    .options_bytes = sizeof(struct options),
    .defaults = &defaults,
};

#define WORDS(...) ((char *[]){ __VA_ARGS__, NULL })

static int parse(const struct command *c, char **argv, struct options *options, int *args,
        struct error **err)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    return opts_parse(c, argc, argv, options, args, err);
}

static void values_come_in_all_their_forms(void **state)
{
    struct options options;
    int args;
    char **argv = WORDS("--name=a=b", "-eA=1", "-e", "B=2", "--env", "C", "-t-1", "-fi", "--count",
            "-5", "--interval=1m30s", "-m=1g", "--color=false", "--tty=0");

    (void)state;
    assert_int_equal(parse(&command, argv, &options, &args, NULL), 0);
    assert_string_equal(options.name, "a=b");
    assert_int_equal(options.env.len, 3);
    assert_string_equal(options.env.items[0], "A=1");
    assert_string_equal(options.env.items[1], "B=2");
    assert_string_equal(options.env.items[2], "C");
    assert_int_equal(options.timeout_sec, -1);
    assert_true(options.timeout_set);
    assert_true(options.follow && options.interactive && !options.tty);
    assert_int_equal(options.count, -5);
    assert_int_equal(options.interval_usec, 90000000);
    assert_int_equal(options.memory_bytes, 1 << 30);
    assert_int_equal(options.color, 0);
    assert_int_equal(args, 14);
    opts_release(&command, &options);
}

static void what_is_not_given_has_its_default(void **state)
{
    struct options options;
    int args;

    (void)state;
    memset(&options, 0xff, sizeof(options));
    assert_int_equal(opts_parse(&command, 0, NULL, &options, &args, NULL), 0);
    assert_int_equal(args, 0);
    assert_int_equal(options.timeout_sec, 10);
    assert_false(options.timeout_set);
    assert_int_equal(options.color, OPT_UNSET);
    assert_null(options.name);
    assert_int_equal(options.env.len, 0);
}

static void options_may_stand_between_arguments(void **state)
{
    struct options options;
    int args;
    char **argv = WORDS("web", "-f", "-", "--name", "x", "sh", "--", "-c", "--name");

    (void)state;
    assert_int_equal(parse(&command, argv, &options, &args, NULL), 0);
    assert_int_equal(args, 4);
    assert_string_equal(argv[0], "-f");
    assert_string_equal(argv[3], "--");
    assert_string_equal(argv[4], "web");
    assert_string_equal(argv[5], "-");
    assert_string_equal(argv[6], "sh");
    assert_string_equal(argv[7], "-c");
    assert_string_equal(argv[8], "--name");
    assert_string_equal(options.name, "x");
}

static void options_end_at_the_first_argument_where_the_command_says_so(void **state)
{
    static const struct command subcommands[] = { { .name = "sub" }, { 0 } };
    struct command run = command, parent = command;
    struct options options;
    int args;

    (void)state;
    run.stop_at_first_argument = true;
    parent.subcommands = subcommands;
    for (int i = 0; i < 2; i++) {
        char **argv = WORDS("-f", "image", "-x", "--help");

        assert_int_equal(parse(i ? &parent : &run, argv, &options, &args, NULL), 0);
        assert_int_equal(args, 1);
        assert_string_equal(argv[1], "image");
        assert_string_equal(argv[2], "-x");
        assert_true(options.follow);
    }
}

static void help_is_asked_for_by_word_or_letter(void **state)
{
    static const struct opt with_h[] = { { .name = "hostname",
                                                 .letter = 'h',
                                                 .type = &opt_string,
                                                 .offset = offsetof(struct options, name) },
        OPT_END };
    struct command run = command;
    struct options options;
    int args;

    (void)state;
    assert_int_equal(
            parse(&command, WORDS("web", "--help", "--nonsense"), &options, &args, NULL), 1);
    assert_int_equal(parse(&command, WORDS("-h"), &options, &args, NULL), 1);
    run.opts = with_h;
    assert_int_equal(parse(&run, WORDS("-h", "box"), &options, &args, NULL), 0);
    assert_string_equal(options.name, "box");
}

static void mistakes_are_told_in_the_users_words(void **state)
{
    static const struct {
        char *words[3];
        int code;
        const char *message, *cause, *hint;
    } cases[] = {
        { { "--folow" }, -EINVAL, "unknown option \"--folow\"", NULL,
                "did you mean \"--follow\"?" },
        { { "--hlep" }, -EINVAL, "unknown option \"--hlep\"", NULL, "did you mean \"--help\"?" },
        { { "--secret-optoin" }, -EINVAL, "unknown option \"--secret-optoin\"", NULL, NULL },
        { { "-fx" }, -EINVAL, "unknown option \"-x\" in \"-fx\"", NULL, NULL },
        { { "--name" }, -EINVAL, "option \"--name\" needs a value: NAME", NULL, NULL },
        { { "-fn" }, -EINVAL, "option \"--name\" needs a value: NAME", NULL, NULL },
        { { "--count", "x" }, -EINVAL, "invalid value \"x\" for option \"--count\"",
                "expected a whole number", NULL },
        { { "--follow=maybe" }, -EINVAL, "invalid value \"maybe\" for option \"--follow\"",
                "expected true or false", NULL },
        { { "-t", "1.5" }, -EINVAL, "invalid value \"1.5\" for option \"--timeout\"",
                "expected whole seconds, or -1 for ever", NULL },
        { { "--memory=x" }, -EINVAL, "invalid value \"x\" for option \"--memory\"",
                "expected a size such as 512m or 2g", NULL },
        { { "--interval", "5" }, -EINVAL, "invalid value \"5\" for option \"--interval\"",
                "expected a duration such as 1m30s", NULL },
        { { "--isolation=hyperv" }, -EOPNOTSUPP, "option \"--isolation\" is not supported", NULL,
                NULL },
        { { "--isolation" }, -EOPNOTSUPP, "option \"--isolation\" is not supported", NULL, NULL },
        { { "--=x" }, -EINVAL, "unknown option \"--\"", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_error struct error *err = NULL;
        struct options options;
        char *argv[] = { "-eA", cases[i].words[0], cases[i].words[1], NULL };
        int args = -7;

        assert_int_equal(parse(&command, argv, &options, &args, &err), cases[i].code);
        assert_string_equal(err->message, cases[i].message);
        if (cases[i].cause)
            assert_string_equal(err->cause->message, cases[i].cause);
        if (cases[i].hint)
            assert_string_equal(err->hint, cases[i].hint);
        else
            assert_null(err->hint);
        assert_int_equal(args, -7);
    }
}

static void help_shows_what_may_be_used_and_wraps(void **state)
{
    static const char expected[] = "Usage: berth exec [OPTIONS] CONTAINER COMMAND [ARG...]\n"
                                   "\n"
                                   "Run a command in a running container\n"
                                   "\n"
                                   "Aliases: exec, execute\n"
                                   "\n"
                                   "Options:\n"
                                   "  -n, --name NAME          Name of the\n"
                                   "                           container\n"
                                   "  -e, --env KEY=VALUE      Set an environment\n"
                                   "                           variable; a name\n"
                                   "                           alone takes the\n"
                                   "                           value that it has\n"
                                   "                           here\n"
                                   "      --count int\n"
                                   "  -t, --timeout SECONDS    Time until it is\n"
                                   "                           killed\n"
                                   "      --interval duration\n"
                                   "  -m, --memory size\n"
                                   "      --color\n"
                                   "  -f, --follow\n"
                                   "  -i, --interactive\n"
                                   "      --tty\n"
                                   "  -h, --help               Show this help\n";
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1 << 16);

    (void)state;
    opts_help(&command, "berth exec", 46, &text);
    assert_string_equal(text.data, expected);
}

static void options_of_a_group_are_taken_after_its_commands_name_too(void **state)
{
    struct group {
        bool dry_run, follow;
    } group = { 0 };
    static const struct opt common[] = {
        { .name = "dry-run", .type = &opt_flag, .offset = offsetof(struct group, dry_run) },
        { .name = "follow", .type = &opt_flag, .offset = offsetof(struct group, follow) }, OPT_END
    };
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1 << 16);
    struct command own = command;
    struct options options;
    char *argv[] = { "x", "--dry-run", "--follow", NULL };
    int args = 0;

    (void)state;
    own.common_opts = common;
    own.common_options = &group;
    assert_int_equal(opts_parse(&own, 3, argv, &options, &args, NULL), 0);
    assert_int_equal(args, 2);
    assert_true(group.dry_run);
    assert_true(options.follow); /* the command's own is stronger */
    assert_false(group.follow);
    opts_release(&own, &options);
    opts_help(&own, "berth exec", 80, &text);
    assert_non_null(strstr(text.data, "--dry-run"));

    /* Also after that of a command without options of its own. */
    struct command none = { .name = "none", .common_opts = common, .common_options = &group };
    char *only[] = { "--dry-run=false", NULL };
    assert_int_equal(opts_parse(&none, 1, only, NULL, &args, NULL), 0);
    assert_false(group.dry_run);
    assert_int_equal(
            opts_parse(&none, 1, (char *[]){ (char *)"--absent", NULL }, NULL, &args, NULL),
            -EINVAL);
    opts_help(&none, "berth none", 80, &text);
}

static void options_become_words_that_parse_to_them_again(void **state)
{
    static const struct opt rows[] = {
        { .name = "name", .type = &opt_string, .offset = offsetof(struct options, name) },
        { .name = "env", .type = &opt_list, .offset = offsetof(struct options, env) },
        { .name = "count", .type = &opt_int, .offset = offsetof(struct options, count) },
        { .name = "timeout",
                .type = &opt_seconds,
                .offset = offsetof(struct options, timeout_sec) },
        { .name = "follow", .type = &opt_flag, .offset = offsetof(struct options, follow) },
        { .name = "tty", .type = &opt_flag, .offset = offsetof(struct options, tty) }, OPT_END
    };
    static const struct options set = { .timeout_sec = 10, .tty = true };
    static const struct command own = {
        .name = "x", .opts = rows, .options_bytes = sizeof(struct options), .defaults = &set
    };
    char *argv[] = { "--env=A=1", "-x", NULL };
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct options options, again;
    int args;

    (void)state;
    argv[1] = "--env=-b";
    assert_int_equal(opts_parse(&own, 2, argv, &options, &args, NULL), 0);
    assert_int_equal(opts_unparse(&own, &set, &arena).len, 0);
    options.name = "--x y";
    options.count = -7;
    options.tty = false;
    options.follow = true;
    struct strings words = opts_unparse(&own, &options, &arena);
    assert_int_equal(words.len, 6);
    assert_int_equal(opts_parse(&own, (int)words.len, words.items, &again, &args, NULL), 0);
    assert_int_equal(args, 6);
    assert_string_equal(again.name, "--x y");
    assert_int_equal(again.env.len, 2);
    assert_string_equal(again.env.items[1], "-b");
    assert_int_equal(again.count, -7);
    assert_int_equal(again.timeout_sec, 10);
    assert_false(again.tty);
    assert_true(again.follow);
    opts_release(&own, &options);
    opts_release(&own, &again);
}

static void help_of_a_group_lists_its_commands(void **state)
{
    static const struct command subcommands[] = {
        { .name = "up", .summary = "Create and start containers" },
        { .name = "old", .summary = "x", .hidden = true },
        { .name = "a-command-with-a-very-long-name-indeed", .summary = "Long" },
        { 0 },
    };
    static const struct command group = {
        .name = "compose",
        .usage = "[OPTIONS] COMMAND",
        .subcommands = subcommands,
    };
    static const char expected[] =
            "Usage: berth compose [OPTIONS] COMMAND\n"
            "\n"
            "Commands:\n"
            "  up  Create and start containers\n"
            "  a-command-with-a-very-long-name-indeed\n"
            "      Long\n"
            "\n"
            "Options:\n"
            "  -h, --help  Show this help\n"
            "\n"
            "Run \"berth compose COMMAND --help\" for more about a command.\n";
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1 << 16);

    (void)state;
    opts_help(&group, "berth compose", 80, &text);
    assert_string_equal(text.data, expected);
}

static void commands_are_found_by_name_alias_and_nearness(void **state)
{
    static const char *const list_aliases[] = { "list", "ls", NULL };
    static const struct command table[] = {
        { .name = "up" },
        { .name = "ps", .aliases = list_aliases },
        { .name = "restart" },
        { .name = "hidden-one", .hidden = true },
        { 0 },
    };

    (void)state;
    assert_ptr_equal(opts_find_command(table, "up"), &table[0]);
    assert_ptr_equal(opts_find_command(table, "ls"), &table[1]);
    assert_ptr_equal(opts_find_command(table, "hidden-one"), &table[3]);
    assert_null(opts_find_command(table, "u"));
    assert_null(opts_find_command(NULL, "up"));
    assert_string_equal(opts_nearest_command(table, "restrat"), "restart");
    assert_string_equal(opts_nearest_command(table, "lst"), "list");
    assert_null(opts_nearest_command(table, "hidden-on"));
    assert_null(opts_nearest_command(table, "completely-different"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_in_all_their_forms),
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(options_may_stand_between_arguments),
        cmocka_unit_test(options_end_at_the_first_argument_where_the_command_says_so),
        cmocka_unit_test(help_is_asked_for_by_word_or_letter),
        cmocka_unit_test(mistakes_are_told_in_the_users_words),
        cmocka_unit_test(help_shows_what_may_be_used_and_wraps),
        cmocka_unit_test(options_of_a_group_are_taken_after_its_commands_name_too),
        cmocka_unit_test(options_become_words_that_parse_to_them_again),
        cmocka_unit_test(help_of_a_group_lists_its_commands),
        cmocka_unit_test(commands_are_found_by_name_alias_and_nearness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
