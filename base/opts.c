#include "base/opts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"

enum {
    HELP_COLUMN_MAX = 30, /* option names longer than this stand on a line of their own */
    HELP_WIDTH_MIN = 40,
    HELP_INDENT = 2,
    HELP_LINE_MAX_BYTES = 256,
};

static int parse_flag(void *target, const char *value, struct error **err)
{
    if (parse_bool(str_from(value), target) < 0)
        return error_set_plain(err, EINVAL, NULL, "expected true or false");
    return 0;
}

static int parse_string(void *target, const char *value, struct error **err)
{
    (void)err;
    *(const char **)target = value;
    return 0;
}

static int parse_list(void *target, const char *value, struct error **err)
{
    struct strings *list = target;

    (void)err;
    *ARRAY_APPEND(list) = (char *)value;
    return 0;
}

static int parse_int(void *target, const char *value, struct error **err)
{
    int r = parse_int64(str_from(value), INT64_MIN, INT64_MAX, target);

    if (r == -ERANGE)
        return error_set_plain(err, EINVAL, NULL, "the number is too large");
    if (r < 0)
        return error_set_plain(err, EINVAL, NULL, "expected a whole number");
    return 0;
}

static int parse_whole_seconds(void *target, const char *value, struct error **err)
{
    if (parse_seconds(str_from(value), target) < 0)
        return error_set_plain(err, EINVAL, NULL, "expected whole seconds, or -1 for ever");
    return 0;
}

static int parse_size(void *target, const char *value, struct error **err)
{
    int r = parse_size_bytes(str_from(value), target);

    if (r == -ERANGE)
        return error_set_plain(err, EINVAL, NULL, "the size is too large");
    if (r < 0)
        return error_set_plain(err, EINVAL, NULL, "expected a size such as 512m or 2g");
    return 0;
}

static int parse_duration(void *target, const char *value, struct error **err)
{
    int r = parse_duration_usec(str_from(value), target);

    if (r == -ERANGE)
        return error_set_plain(err, EINVAL, NULL, "the duration is too long");
    if (r < 0)
        return error_set_plain(err, EINVAL, NULL, "expected a duration such as 1m30s");
    return 0;
}

static int parse_tristate(void *target, const char *value, struct error **err)
{
    bool flag;
    int r = parse_flag(&flag, value, err);

    if (r == 0)
        *(int *)target = flag;
    return r;
}

const struct opt_type opt_flag = { .name = "flag", .is_flag = true, .parse = parse_flag };
const struct opt_type opt_string = { .name = "string", .parse = parse_string };
const struct opt_type opt_list = { .name = "list", .is_repeatable = true, .parse = parse_list };
const struct opt_type opt_int = { .name = "int", .parse = parse_int };
const struct opt_type opt_seconds = { .name = "seconds", .parse = parse_whole_seconds };
const struct opt_type opt_size = { .name = "size", .parse = parse_size };
const struct opt_type opt_duration = { .name = "duration", .parse = parse_duration };
const struct opt_type opt_tristate = { .name = "flag", .is_flag = true, .parse = parse_tristate };

#define OPTS_FOREACH(command, it) for (const struct opt *it = (command)->opts; it && it->name; it++)

static bool is_common(const struct command *command, const struct opt *row)
{
    for (const struct opt *opt = command->common_opts; opt && opt->name; opt++)
        if (opt == row)
            return true;
    return false;
}

/* The command's own rows, then those that it shares with its group; NULL after the last. */
static const struct opt *next_row(const struct command *command, const struct opt *row)
{
    const struct opt *next = row ? row + 1 : command->opts;

    if (next && next->name)
        return next;
    if (row && is_common(command, row))
        return NULL;
    return command->common_opts && command->common_opts->name ? command->common_opts : NULL;
}

#define ROWS_FOREACH(command, it) \
    for (const struct opt *it = next_row(command, NULL); it; it = next_row(command, it))

static const struct opt *find_long(const struct command *command, struct str name)
{
    ROWS_FOREACH(command, opt)
    {
        if (str_is_equal_z(name, opt->name))
            return opt;
    }
    return NULL;
}

static const struct opt *find_letter(const struct command *command, char letter)
{
    ROWS_FOREACH(command, opt)
    {
        if (opt->letter && opt->letter == letter)
            return opt;
    }
    return NULL;
}

static int unknown_long(const struct command *command, struct str name, struct error **err)
{
    struct names {
        const char **items;
        size_t len, cap;
    } names = { 0 };
    auto_free char *word = mem_strndup(name.data, name.len);

    ROWS_FOREACH(command, opt)
    {
        if (!(opt->flags & OPT_HIDDEN))
            *ARRAY_APPEND(&names) = opt->name;
    }
    *ARRAY_APPEND(&names) = "help";
    int r = error_set_plain(err, EINVAL, NULL, "unknown option \"--%s\"", word);
    const char *nearest = str_nearest(word, names.items, names.len);
    if (nearest)
        error_hint(err, "did you mean \"--%s\"?", nearest);
    ARRAY_RELEASE(&names);
    return r;
}

/* What a parse is at. Words that are options go to `taken`, the others to `kept`, both in order. */
struct scan {
    const struct command *command;
    char *options; /* the struct, as bytes */
    int argc, at;
    char **argv;
    char **taken, **kept;
    int taken_count, kept_count;
    bool help;
};

static int apply(struct scan *scan, const struct opt *opt, const char *value, struct error **err)
{
    if (opt->flags & OPT_UNSUPPORTED)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "option \"--%s\" is not supported", opt->name);
    char *options = scan->options;

    if (is_common(scan->command, opt))
        options = scan->command->common_options;
    else
        assert(opt->offset < scan->command->options_bytes);
    int r = opt->type->parse(options + opt->offset, value, err);
    if (r < 0)
        return error_wrap(err, r, "invalid value \"%s\" for option \"--%s\"", value, opt->name);
    if (opt->set_offset != OPT_NO_SET)
        *(bool *)(void *)(options + opt->set_offset) = true;
    return 0;
}

/* The next word, as the value of an option. */
static int take_value(
        struct scan *scan, const struct opt *opt, const char **ret, struct error **err)
{
    if (scan->at >= scan->argc)
        return error_set_plain(err, EINVAL, NULL, "option \"--%s\" needs a value%s%s", opt->name,
                opt->arg ? ": " : "", opt->arg ? opt->arg : "");
    scan->taken[scan->taken_count++] = scan->argv[scan->at];
    *ret = scan->argv[scan->at++];
    return 0;
}

static int scan_long(struct scan *scan, char *word, struct error **err)
{
    struct str name = str_from(word + 2);
    ptrdiff_t equals = str_find(name, '=');
    const char *value = NULL;

    if (equals >= 0) {
        value = name.data + equals + 1;
        name.len = (size_t)equals;
    }
    const struct opt *opt = find_long(scan->command, name);
    if (!opt && !value && str_is_equal(name, STR_LITERAL("help"))) {
        scan->help = true;
        return 0;
    }
    if (!opt)
        return unknown_long(scan->command, name, err);
    if (!value && opt->type->is_flag)
        value = "true";
    if (!value && (opt->flags & OPT_UNSUPPORTED))
        value = "";
    if (!value) {
        int r = take_value(scan, opt, &value, err);
        if (r < 0)
            return r;
    }
    return apply(scan, opt, value, err);
}

static int scan_letters(struct scan *scan, char *word, struct error **err)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const struct opt *opt = find_letter(scan->command, *letter);
        const char *value = "true";
        bool rest_is_value;

        if (!opt && *letter == 'h') {
            scan->help = true;
            continue;
        }
        if (!opt)
            return error_set_plain(
                    err, EINVAL, NULL, "unknown option \"-%c\" in \"%s\"", *letter, word);
        rest_is_value = letter[1] == '=' || (!opt->type->is_flag && letter[1]);
        if (rest_is_value) {
            value = letter[1] == '=' ? letter + 2 : letter + 1;
        } else if (!opt->type->is_flag && !(opt->flags & OPT_UNSUPPORTED)) {
            int r = take_value(scan, opt, &value, err);
            if (r < 0)
                return r;
        }
        int r = apply(scan, opt, value, err);
        if (r < 0 || rest_is_value)
            return r;
    }
    return 0;
}

static int scan_words(struct scan *scan, struct error **err)
{
    /* What follows the first argument of a command with subcommands is the subcommand's. */
    bool stop = scan->command->stop_at_first_argument || scan->command->subcommands;

    while (scan->at < scan->argc && !scan->help) {
        char *word = scan->argv[scan->at++];
        bool is_option = word[0] == '-' && word[1];
        int r;

        if (!is_option) {
            scan->kept[scan->kept_count++] = word;
            if (stop)
                break;
            continue;
        }
        scan->taken[scan->taken_count++] = word;
        if (strcmp(word, "--") == 0)
            break;
        r = word[1] == '-' ? scan_long(scan, word, err) : scan_letters(scan, word, err);
        if (r < 0)
            return r;
    }
    while (scan->at < scan->argc)
        scan->kept[scan->kept_count++] = scan->argv[scan->at++];
    return 0;
}

int opts_parse(const struct command *command, int argc, char **argv, void *options, int *ret_args,
        struct error **err)
{
    size_t words = argc > 0 ? (size_t)argc : 0;
    auto_free char **taken = mem_realloc_array(NULL, words, sizeof(char *));
    auto_free char **kept = mem_realloc_array(NULL, words, sizeof(char *));
    struct scan scan = {
        .command = command,
        .options = options,
        .argc = argc,
        .argv = argv,
        .taken = taken,
        .kept = kept,
    };

    if (command->options_bytes > 0 && command->defaults)
        memcpy(options, command->defaults, command->options_bytes);
    else if (command->options_bytes > 0)
        memset(options, 0, command->options_bytes);

    int r = scan_words(&scan, err);
    if (r < 0) {
        opts_release(command, options);
        return r;
    }
    assert(scan.taken_count + scan.kept_count == argc);
    if (scan.taken_count > 0)
        memcpy(argv, taken, (size_t)scan.taken_count * sizeof(*argv));
    if (scan.kept_count > 0)
        memcpy(argv + scan.taken_count, kept, (size_t)scan.kept_count * sizeof(*argv));
    *ret_args = scan.taken_count;
    return scan.help;
}

static void add_word(
        struct arena *arena, struct strings *words, const char *name, const char *value)
{
    *ARRAY_APPEND_ARENA(arena, words) = arena_printf(arena, "--%s=%s", name, value);
}

struct strings opts_unparse(const struct command *command, const void *options, struct arena *arena)
{
    const char *given = options, *defaults = command->defaults;
    struct strings words = { 0 };

    OPTS_FOREACH(command, opt)
    {
        const void *at = given + opt->offset, *before = defaults ? defaults + opt->offset : NULL;

        if (opt->flags & OPT_UNSUPPORTED)
            continue;
        if (opt->type == &opt_flag) {
            bool value = *(const bool *)at;

            if (value != (before && *(const bool *)before))
                add_word(arena, &words, opt->name, value ? "true" : "false");
        } else if (opt->type == &opt_string) {
            if (*(char *const *)at)
                add_word(arena, &words, opt->name, *(char *const *)at);
        } else if (opt->type == &opt_list) {
            ARRAY_FOREACH((const struct strings *)at, item)
                add_word(arena, &words, opt->name, *item);
        } else {
            /* Others would need their own text form; none of them is stored anywhere yet. */
            assert(opt->type == &opt_int || opt->type == &opt_seconds);
            int64_t value = *(const int64_t *)at;

            if (value != (before ? *(const int64_t *)before : 0))
                add_word(arena, &words, opt->name, arena_printf(arena, "%lld", (long long)value));
        }
    }
    return words;
}

static void add_blanks(struct strbuf *out, size_t count)
{
    while (count-- > 0)
        strbuf_addc(out, ' ');
}

/* `text` in words from column `indent` to `width`; the cursor already stands at `indent`. */
static void add_wrapped(struct strbuf *out, const char *text, size_t indent, size_t width)
{
    struct str rest = str_from(text), word;
    size_t column = indent;

    while (str_split_next(&rest, ' ', &word)) {
        if (word.len == 0)
            continue;
        if (column > indent && column + 1 + word.len > width) {
            strbuf_addc(out, '\n');
            add_blanks(out, indent);
            column = indent;
        } else if (column > indent) {
            strbuf_addc(out, ' ');
            column++;
        }
        strbuf_add_str(out, word);
        column += word.len;
    }
    strbuf_addc(out, '\n');
}

/* One row of two columns; the second begins at `column`, on the next line when the first is longer. */
static void add_row(struct strbuf *out, const struct strbuf *left, const char *right, size_t column,
        size_t width)
{
    add_blanks(out, HELP_INDENT);
    strbuf_add_str(out, strbuf_str(left));
    if (string_is_empty(right)) {
        strbuf_addc(out, '\n');
        return;
    }
    size_t used = HELP_INDENT + left->len;
    if (used + 2 > column) {
        strbuf_addc(out, '\n');
        used = 0;
    }
    add_blanks(out, column - used);
    add_wrapped(out, right, column, width);
}

static void describe_option(const struct opt *opt, struct strbuf *out)
{
    if (opt->letter)
        strbuf_addf(out, "-%c, --%s", opt->letter, opt->name);
    else
        strbuf_addf(out, "    --%s", opt->name);
    if (!opt->type->is_flag)
        strbuf_addf(out, " %s", opt->arg ? opt->arg : opt->type->name);
}

static bool is_shown(const struct opt *opt)
{
    return !(opt->flags & (OPT_HIDDEN | OPT_UNSUPPORTED));
}

static void widen(size_t *column, size_t text_len)
{
    size_t wanted = HELP_INDENT + text_len + 2;

    if (wanted > *column && wanted <= HELP_COLUMN_MAX)
        *column = wanted;
}

static void help_options(const struct command *command, size_t width, struct strbuf *out)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(HELP_LINE_MAX_BYTES);
    size_t column = HELP_INDENT + sizeof("    --help") + 1;

    ROWS_FOREACH(command, opt)
    {
        strbuf_reset(&line);
        describe_option(opt, &line);
        if (is_shown(opt))
            widen(&column, line.len);
    }
    strbuf_adds(out, "\nOptions:\n");
    ROWS_FOREACH(command, opt)
    {
        if (!is_shown(opt))
            continue;
        strbuf_reset(&line);
        describe_option(opt, &line);
        add_row(out, &line, opt->help, column, width);
    }
    if (find_long(command, STR_LITERAL("help")))
        return;
    strbuf_reset(&line);
    strbuf_adds(&line, find_letter(command, 'h') ? "    --help" : "-h, --help");
    add_row(out, &line, "Show this help", column, width);
}

static void help_commands(
        const struct command *command, const char *prefix, size_t width, struct strbuf *out)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(HELP_LINE_MAX_BYTES);
    size_t column = 0;

    for (const struct command *sub = command->subcommands; sub->name; sub++) {
        if (!sub->hidden)
            widen(&column, strlen(sub->name));
    }
    strbuf_adds(out, "\nCommands:\n");
    for (const struct command *sub = command->subcommands; sub->name; sub++) {
        if (sub->hidden)
            continue;
        strbuf_reset(&line);
        strbuf_adds(&line, sub->name);
        add_row(out, &line, sub->summary, column, width);
    }
    help_options(command, width, out);
    strbuf_addf(out, "\nRun \"%s COMMAND --help\" for more about a command.\n", prefix);
}

void opts_help(
        const struct command *command, const char *prefix, unsigned width, struct strbuf *out)
{
    if (width < HELP_WIDTH_MIN)
        width = HELP_WIDTH_MIN;
    strbuf_addf(out, "Usage: %s%s%s\n", prefix, string_is_empty(command->usage) ? "" : " ",
            command->usage ? command->usage : "");
    if (command->summary) {
        strbuf_addc(out, '\n');
        add_wrapped(out, command->summary, 0, width);
    }
    if (command->details) {
        strbuf_addc(out, '\n');
        add_wrapped(out, command->details, 0, width);
    }
    if (command->aliases && command->aliases[0]) {
        strbuf_addf(out, "\nAliases: %s", command->name);
        for (const char *const *alias = command->aliases; *alias; alias++)
            strbuf_addf(out, ", %s", *alias);
        strbuf_addc(out, '\n');
    }
    if (command->subcommands)
        help_commands(command, prefix, width, out);
    else
        help_options(command, width, out);
}

const struct command *opts_find_command(const struct command *table, const char *name)
{
    for (const struct command *command = table; command && command->name; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
        for (const char *const *alias = command->aliases; alias && *alias; alias++) {
            if (strcmp(*alias, name) == 0)
                return command;
        }
    }
    return NULL;
}

const char *opts_nearest_command(const struct command *table, const char *name)
{
    struct names {
        const char **items;
        size_t len, cap;
    } names = { 0 };

    for (const struct command *command = table; command && command->name; command++) {
        if (command->hidden)
            continue;
        *ARRAY_APPEND(&names) = command->name;
        for (const char *const *alias = command->aliases; alias && *alias; alias++)
            *ARRAY_APPEND(&names) = *alias;
    }
    const char *nearest = str_nearest(name, names.items, names.len);
    ARRAY_RELEASE(&names);
    return nearest;
}

void opts_release(const struct command *command, void *options)
{
    OPTS_FOREACH(command, opt)
    {
        if (opt->type != &opt_list || (opt->flags & OPT_UNSUPPORTED))
            continue;
        struct strings *list = (struct strings *)(void *)((char *)options + opt->offset);
        ARRAY_RELEASE(list);
    }
}
