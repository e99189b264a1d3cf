#include "engine/build/dockerfile.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/build/json-words.h"

enum word_form {
    WORDS_BLANKS,  /* split at blanks, quotes kept together */
    WORDS_TEXT,    /* the whole text is one word */
    WORDS_COMMAND, /* JSON array or shell text */
    WORDS_JSON,    /* JSON array only */
    WORDS_PATHS,   /* JSON array of texts, or blanks */
    WORDS_PAIRS,   /* KEY=value …, or the old form "KEY rest of line" */
    WORDS_HEALTH,
    WORDS_ONBUILD,
};

struct instruction_rule {
    const char *name;
    enum word_form form;
    size_t min_words;
    size_t max_words; /* 0: any number */
    const char *usage;
    const char *const *flags; /* NULL-terminated */
    bool heredocs;
};

static const char *const no_flags[] = { NULL };
static const char *const from_flags[] = { "platform", NULL };
static const char *const add_flags[] = { "chown", "chmod", "checksum", "keep-git-dir", "link",
    "exclude", "unpack", NULL };
static const char *const copy_flags[] = { "from", "chown", "chmod", "link", "parents", "exclude",
    NULL };
static const char *const run_flags[] = { "mount", "network", "security", "device", NULL };
static const char *const health_flags[] = { "interval", "timeout", "start-period", "start-interval",
    "retries", NULL };

static const struct instruction_rule rules[] = {
    [INSTRUCTION_FROM] = { "FROM", WORDS_BLANKS, 1, 3, "FROM [--platform=…] IMAGE [AS NAME]",
            from_flags, false },
    [INSTRUCTION_ADD] = { "ADD", WORDS_PATHS, 2, 0, "ADD SOURCE… DESTINATION", add_flags, true },
    [INSTRUCTION_ARG] = { "ARG", WORDS_BLANKS, 1, 0, "ARG NAME[=VALUE]…", no_flags, false },
    [INSTRUCTION_CMD] = { "CMD", WORDS_COMMAND, 0, 0, "CMD COMMAND", no_flags, false },
    [INSTRUCTION_COPY] = { "COPY", WORDS_PATHS, 2, 0, "COPY SOURCE… DESTINATION", copy_flags,
            true },
    [INSTRUCTION_ENTRYPOINT] = { "ENTRYPOINT", WORDS_COMMAND, 0, 0, "ENTRYPOINT COMMAND", no_flags,
            false },
    [INSTRUCTION_ENV] = { "ENV", WORDS_PAIRS, 2, 0, "ENV NAME=VALUE…", no_flags, false },
    [INSTRUCTION_EXPOSE] = { "EXPOSE", WORDS_BLANKS, 1, 0, "EXPOSE PORT[/PROTOCOL]…", no_flags,
            false },
    [INSTRUCTION_HEALTHCHECK] = { "HEALTHCHECK", WORDS_HEALTH, 1, 0,
            "HEALTHCHECK [OPTIONS] CMD COMMAND, or HEALTHCHECK NONE", health_flags, false },
    [INSTRUCTION_LABEL] = { "LABEL", WORDS_PAIRS, 2, 0, "LABEL NAME=VALUE…", no_flags, false },
    [INSTRUCTION_MAINTAINER] = { "MAINTAINER", WORDS_TEXT, 1, 1, "MAINTAINER NAME", no_flags,
            false },
    [INSTRUCTION_ONBUILD] = { "ONBUILD", WORDS_ONBUILD, 1, 1, "ONBUILD INSTRUCTION", no_flags,
            false },
    [INSTRUCTION_RUN] = { "RUN", WORDS_COMMAND, 1, 0, "RUN COMMAND", run_flags, true },
    [INSTRUCTION_SHELL] = { "SHELL", WORDS_JSON, 1, 0, "SHELL [\"PROGRAM\", \"ARGUMENT\"…]",
            no_flags, false },
    [INSTRUCTION_STOPSIGNAL] = { "STOPSIGNAL", WORDS_TEXT, 1, 1, "STOPSIGNAL SIGNAL", no_flags,
            false },
    [INSTRUCTION_USER] = { "USER", WORDS_TEXT, 1, 1, "USER NAME[:GROUP]", no_flags, false },
    [INSTRUCTION_VOLUME] = { "VOLUME", WORDS_PATHS, 1, 0, "VOLUME PATH…", no_flags, false },
    [INSTRUCTION_WORKDIR] = { "WORKDIR", WORDS_TEXT, 1, 1, "WORKDIR PATH", no_flags, false },
};
_Static_assert(ARRAY_LEN(rules) == INSTRUCTION_KIND_MAX_, "a rule for every instruction");

struct flags {
    struct instruction_flag *items;
    size_t len, cap;
};
struct heredocs {
    struct heredoc *items;
    size_t len, cap;
};
struct instructions {
    struct instruction *items;
    size_t len, cap;
};
struct stages {
    struct stage *items;
    size_t len, cap;
};

/* Where the parser stands. One logical line is gathered from its physical lines into `line`. */
struct parser {
    struct arena *arena;
    struct diag *diag;
    const char *file;
    struct str rest;
    unsigned line_number; /* of the physical line that was taken last */
    char escape;
};

const char *instruction_name(enum instruction_kind kind)
{
    return rules[kind].name;
}

const char *instruction_flag_value(const struct instruction *instruction, const char *name)
{
    for (size_t i = 0; i < instruction->flag_count; i++) {
        if (string_is_equal(instruction->flags[i].name, name))
            return instruction->flags[i].value ? instruction->flags[i].value : "";
    }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str skip_blanks(struct str s)
{
    while (s.len > 0 && is_blank(*s.data)) {
        s.data++;
        s.len--;
    }
    return s;
}

static struct str advance(struct str s, size_t count)
{
    return (struct str){ s.data + count, s.len - count };
}

/* Adds a finding at a place in the Dockerfile; gives the entry, for a hint. */
#define complain(p, at, ...) diag_add((p)->diag, DIAG_ERROR, "dockerfile", (at), __VA_ARGS__)

/* Takes the next physical line without its end ("\n" or "\r\n"). */
static bool next_line(struct parser *p, struct str *ret)
{
    if (p->rest.len == 0)
        return false;
    const char *end = memchr(p->rest.data, '\n', p->rest.len);
    size_t len = end ? (size_t)(end - p->rest.data) : p->rest.len;

    *ret = (struct str){ p->rest.data, len };
    p->rest = advance(p->rest, len + (end ? 1 : 0));
    if (ret->len > 0 && ret->data[ret->len - 1] == '\r')
        ret->len--;
    p->line_number++;
    return true;
}

/* True when the line goes on: it ends in the escape character, with blanks behind it allowed. Cuts that off. */
static bool cut_continuation(const struct parser *p, struct str *line)
{
    size_t len = line->len;

    while (len > 0 && is_blank(line->data[len - 1]))
        len--;
    if (len == 0 || line->data[len - 1] != p->escape)
        return false;
    /* An escaped escape character at the end is text. */
    size_t escapes = 0;
    while (escapes < len && line->data[len - 1 - escapes] == p->escape)
        escapes++;
    if (escapes % 2 == 0)
        return false;
    line->len = len - 1;
    return true;
}

/* "# name=value" lines before anything else. Returns false when the line is no directive. */
static bool take_directive(struct parser *p, struct str line, unsigned number)
{
    line = str_trim(line);
    if (!str_has_prefix(line, "#"))
        return false;
    line = str_trim(advance(line, 1));
    ptrdiff_t equals = str_find(line, '=');
    if (equals <= 0)
        return false;
    struct str name = str_trim((struct str){ line.data, (size_t)equals });
    struct str value = str_trim(advance(line, (size_t)equals + 1));
    char *lower = arena_strndup(p->arena, name.data, name.len);

    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (string_is_equal(lower, "syntax") || string_is_equal(lower, "check"))
        return true; /* another front end cannot be loaded; this one reads the language itself */
    if (!string_is_equal(lower, "escape"))
        return false;
    if (value.len != 1 || (*value.data != '\\' && *value.data != '`')) {
        struct source at = { p->file, number, 1 };
        diag_add(p->diag, DIAG_ERROR, "dockerfile", &at,
                "the escape directive takes \\ or `, not \"%.*s\"", STR_FMT(value));
        return true;
    }
    p->escape = *value.data;
    return true;
}

static void parse_directives(struct parser *p)
{
    for (;;) {
        struct str before = p->rest, line;

        if (!next_line(p, &line))
            return;
        if (!take_directive(p, line, p->line_number)) {
            p->rest = before;
            p->line_number--;
            return;
        }
    }
}

struct text {
    char *items;
    size_t len, cap;
};

static void text_add(struct arena *arena, struct text *text, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        *ARRAY_APPEND_ARENA(arena, text) = s.data[i];
}

/* Gathers one logical line: continuations joined, comments and empty lines among them dropped. */
static bool next_logical_line(struct parser *p, struct str *ret, struct source *ret_at)
{
    struct text text = { 0 };
    bool begun = false;
    struct str line;

    while (next_line(p, &line)) {
        struct str trimmed = skip_blanks(line);

        if (trimmed.len == 0 || *trimmed.data == '#')
            continue;
        if (!begun) {
            *ret_at = (struct source){ p->file, p->line_number,
                (unsigned)(line.len - trimmed.len) + 1 };
            line = trimmed;
            begun = true;
        }
        bool more = cut_continuation(p, &line);
        text_add(p->arena, &text, line);
        if (!more)
            break;
    }
    if (!begun)
        return false;
    *ret = (struct str){ text.items, text.len };
    while (ret->len > 0 && is_blank(ret->data[ret->len - 1]))
        ret->len--;
    return true;
}

/* The next word at blanks; quotes keep blanks together and stay in the word, as does the escape character. */
static bool next_word(const struct parser *p, struct str *rest, struct str *ret)
{
    struct str s = skip_blanks(*rest);
    char quote = 0;
    size_t i = 0;

    if (s.len == 0)
        return false;
    for (; i < s.len; i++) {
        char c = s.data[i];

        if (c == p->escape && quote != '\'' && i + 1 < s.len)
            i++;
        else if (quote && c == quote)
            quote = 0;
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
        else if (!quote && is_blank(c))
            break;
    }
    *ret = (struct str){ s.data, i };
    *rest = advance(s, i);
    return true;
}

static void add_word(struct parser *p, struct strings *words, struct str word)
{
    *ARRAY_APPEND_ARENA(p->arena, words) = arena_strndup(p->arena, word.data, word.len);
}

/* "--name=value" words at the start. */
static int parse_flags(struct parser *p, struct instruction *instruction, struct str *rest)
{
    const struct instruction_rule *rule = &rules[instruction->kind];
    struct flags flags = { 0 };
    int r = 0;

    for (;;) {
        struct str after = *rest, word;

        if (!next_word(p, &after, &word) || !str_has_prefix(word, "--"))
            break;
        *rest = after;
        if (word.len == 2)
            break;
        word = advance(word, 2);
        ptrdiff_t equals = str_find(word, '=');
        size_t name_len = equals < 0 ? word.len : (size_t)equals;
        char *name = arena_strndup(p->arena, word.data, name_len);
        size_t known = 0;

        while (rule->flags[known] && !string_is_equal(rule->flags[known], name))
            known++;
        if (!rule->flags[known]) {
            struct diag_entry *entry = complain(
                    p, &instruction->at, "%s: unknown flag \"--%s\"", rule->name, name);
            const char *near = str_nearest(name, rule->flags, known);
            if (near)
                diag_hint(p->diag, entry, "did you mean \"--%s\"?", near);
            r = -EINVAL;
        }
        *ARRAY_APPEND_ARENA(p->arena, &flags) = (struct instruction_flag){
            .name = name,
            .value = equals < 0 ? NULL
                                : arena_strndup(p->arena, word.data + equals + 1,
                                          word.len - (size_t)equals - 1),
        };
    }
    instruction->flags = flags.items;
    instruction->flag_count = flags.len;
    return r;
}

/* ENV and LABEL: "K=V K2=V2", or the old "K the rest of the line" with one pair. */
static int parse_pairs(
        struct parser *p, struct instruction *instruction, struct str rest, struct strings *words)
{
    struct str probe = rest, word;

    if (!next_word(p, &probe, &word))
        return 0;
    if (str_find(word, '=') < 0) {
        struct str value = skip_blanks(probe);

        if (value.len == 0) {
            complain(p, &instruction->at, "%s %s: expected NAME=VALUE",
                    rules[instruction->kind].name, arena_strndup(p->arena, word.data, word.len));
            return -EINVAL;
        }
        add_word(p, words, word);
        add_word(p, words, value);
        return 0;
    }
    while (next_word(p, &rest, &word)) {
        ptrdiff_t equals = str_find(word, '=');

        if (equals <= 0) {
            complain(p, &instruction->at,
                    "%s: expected NAME=VALUE, got \"%s\" (a value with blanks needs quotes)",
                    rules[instruction->kind].name, arena_strndup(p->arena, word.data, word.len));
            return -EINVAL;
        }
        add_word(p, words, (struct str){ word.data, (size_t)equals });
        add_word(p, words, advance(word, (size_t)equals + 1));
    }
    return 0;
}

static int parse_command(
        struct parser *p, struct instruction *instruction, struct str rest, struct strings *words)
{
    rest = str_trim(rest);
    if (json_words_parse(p->arena, rest, words)) {
        instruction->is_exec = true;
        return 0;
    }
    if (rest.len > 0)
        add_word(p, words, rest);
    return 0;
}

static int parse_health(
        struct parser *p, struct instruction *instruction, struct str rest, struct strings *words)
{
    struct str word;

    if (!next_word(p, &rest, &word))
        return 0;
    char *kind = arena_strndup(p->arena, word.data, word.len);

    if (strcasecmp(kind, "NONE") == 0) {
        if (str_trim(rest).len > 0) {
            complain(p, &instruction->at, "HEALTHCHECK NONE takes no arguments");
            return -EINVAL;
        }
        add_word(p, words, STR_LITERAL("NONE"));
        instruction->is_exec = true;
        return 0;
    }
    if (strcasecmp(kind, "CMD") != 0) {
        complain(p, &instruction->at, "HEALTHCHECK: expected CMD or NONE, got \"%s\"", kind);
        return -EINVAL;
    }
    parse_command(p, instruction, rest, words);
    if (words->len == 0) {
        complain(p, &instruction->at, "HEALTHCHECK CMD needs a command");
        return -EINVAL;
    }
    /* The kind of command goes first, as in the image's configuration. */
    struct strings out = { 0 };
    *ARRAY_APPEND_ARENA(p->arena, &out) = arena_strdup(
            p->arena, instruction->is_exec ? "CMD" : "CMD-SHELL");
    ARRAY_FOREACH(words, it)
        *ARRAY_APPEND_ARENA(p->arena, &out) = *it;
    *words = out;
    return 0;
}

static int parse_onbuild(
        struct parser *p, struct instruction *instruction, struct str rest, struct strings *words)
{
    static const char *const refused[] = { "ONBUILD", "FROM", "MAINTAINER" };
    struct str probe = rest, word;

    rest = str_trim(rest);
    if (!next_word(p, &probe, &word))
        return 0;
    char *name = arena_strndup(p->arena, word.data, word.len);

    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (strcasecmp(name, refused[i]) == 0) {
            complain(p, &instruction->at, "%s is not allowed as an ONBUILD trigger", refused[i]);
            return -EINVAL;
        }
    }
    add_word(p, words, rest);
    instruction->onbuild = words->items[0];
    return 0;
}

static int parse_words(struct parser *p, struct instruction *instruction, struct str rest)
{
    const struct instruction_rule *rule = &rules[instruction->kind];
    struct strings words = { 0 };
    struct str word;
    int r = 0;

    switch (rule->form) {
    case WORDS_TEXT:
        rest = str_trim(rest);
        if (rest.len > 0)
            add_word(p, &words, rest);
        break;
    case WORDS_COMMAND:
        r = parse_command(p, instruction, rest, &words);
        break;
    case WORDS_JSON:
        if (!json_words_parse(p->arena, rest, &words)) {
            complain(p, &instruction->at, "%s needs a JSON array: %s", rule->name, rule->usage);
            r = -EINVAL;
        }
        instruction->is_exec = true;
        break;
    case WORDS_PATHS:
        if (json_words_parse(p->arena, rest, &words)) {
            instruction->is_exec = true;
            break;
        }
        __attribute__((fallthrough));
    case WORDS_BLANKS:
        while (next_word(p, &rest, &word))
            add_word(p, &words, word);
        break;
    case WORDS_PAIRS:
        r = parse_pairs(p, instruction, rest, &words);
        break;
    case WORDS_HEALTH:
        r = parse_health(p, instruction, rest, &words);
        break;
    case WORDS_ONBUILD:
        r = parse_onbuild(p, instruction, rest, &words);
        break;
    }
    instruction->words = words.items;
    instruction->word_count = words.len;
    if (r < 0)
        return r;
    if (words.len < rule->min_words || (rule->max_words > 0 && words.len > rule->max_words)) {
        complain(p, &instruction->at, "%s: expected %s", rule->name, rule->usage);
        return -EINVAL;
    }
    return 0;
}

/* Finds the next "<<NAME", "<<-NAME", "<<'NAME'" in the text outside of quotes. */
static bool find_heredoc(const struct parser *p, struct str *text, struct heredoc *ret,
        bool *ret_tabs, struct str *ret_name)
{
    char quote = 0;

    for (size_t i = 0; i + 2 < text->len; i++) {
        char c = text->data[i];

        if (c == p->escape && quote != '\'') {
            i++;
            continue;
        }
        if (quote) {
            quote = c == quote ? 0 : quote;
            continue;
        }
        if (c == '"' || c == '\'') {
            quote = c;
            continue;
        }
        if (c != '<' || text->data[i + 1] != '<' || (i > 0 && text->data[i - 1] == '<'))
            continue;
        size_t at = i + 2;
        bool tabs = text->data[at] == '-';
        char quoted = 0;

        at += tabs ? 1 : 0;
        if (at < text->len && (text->data[at] == '"' || text->data[at] == '\''))
            quoted = text->data[at++];
        size_t begin = at;
        while (at < text->len && (isalnum((unsigned char)text->data[at]) || text->data[at] == '_' ||
                                         text->data[at] == '.' || text->data[at] == '-'))
            at++;
        if (at == begin || (quoted && (at >= text->len || text->data[at] != quoted)))
            continue;
        *ret_name = (struct str){ text->data + begin, at - begin };
        *ret_tabs = tabs;
        ret->expand = !quoted;
        *text = advance(*text, at + (quoted ? 1 : 0));
        return true;
    }
    return false;
}

static int take_heredoc_body(struct parser *p, struct instruction *instruction, struct heredoc *doc,
        struct str name, bool strip_tabs)
{
    struct text content = { 0 };
    struct str line;

    doc->name = arena_strndup(p->arena, name.data, name.len);
    doc->at = (struct source){ p->file, p->line_number + 1, 1 };
    while (next_line(p, &line)) {
        while (strip_tabs && line.len > 0 && *line.data == '\t')
            line = advance(line, 1);
        if (str_is_equal(line, name)) {
            *ARRAY_APPEND_ARENA(p->arena, &content) = '\0';
            doc->content = content.items;
            return 0;
        }
        text_add(p->arena, &content, line);
        *ARRAY_APPEND_ARENA(p->arena, &content) = '\n';
    }
    complain(p, &instruction->at, "%s: the heredoc \"%s\" is not closed",
            rules[instruction->kind].name, doc->name);
    return -EINVAL;
}

static int parse_heredocs(struct parser *p, struct instruction *instruction, struct str rest)
{
    struct heredocs docs = { 0 };
    struct heredoc doc = { 0 };
    struct str name;
    bool tabs;

    while (find_heredoc(p, &rest, &doc, &tabs, &name)) {
        int r = take_heredoc_body(p, instruction, &doc, name, tabs);
        if (r < 0)
            return r;
        *ARRAY_APPEND_ARENA(p->arena, &docs) = doc;
    }
    instruction->heredocs = docs.items;
    instruction->heredoc_count = docs.len;
    return 0;
}

static int parse_one(struct parser *p, struct str line, struct source at, struct instruction *ret)
{
    const char *names[INSTRUCTION_KIND_MAX_];
    struct str rest = line, word;
    struct instruction instruction = { .at = at };

    if (memchr(line.data, '\0', line.len)) {
        complain(p, &at, "the line holds a NUL byte");
        return -EINVAL;
    }
    if (!next_word(p, &rest, &word))
        return -EINVAL;
    char *name = arena_strndup(p->arena, word.data, word.len);
    size_t kind = 0;

    for (char *c = name; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    while (kind < INSTRUCTION_KIND_MAX_ && !string_is_equal(rules[kind].name, name))
        kind++;
    if (kind == INSTRUCTION_KIND_MAX_) {
        struct diag_entry *entry = complain(
                p, &at, "unknown instruction \"%s\"", arena_strndup(p->arena, word.data, word.len));
        for (size_t i = 0; i < INSTRUCTION_KIND_MAX_; i++)
            names[i] = rules[i].name;
        const char *near = str_nearest(name, names, INSTRUCTION_KIND_MAX_);
        if (near)
            diag_hint(p->diag, entry, "did you mean \"%s\"?", near);
        return -EINVAL;
    }
    instruction.kind = (enum instruction_kind)kind;
    instruction.text = arena_strndup(p->arena, line.data, line.len);
    int r = parse_flags(p, &instruction, &rest);
    if (r >= 0 && rules[kind].heredocs)
        r = parse_heredocs(p, &instruction, rest);
    if (r >= 0)
        r = parse_words(p, &instruction, rest);
    if (r < 0)
        return r;
    *ret = instruction;
    return 0;
}

/* FROM: the words are IMAGE [AS NAME]; what is kept is image and, lower-cased, the name. */
static int finish_from(struct parser *p, struct instruction *from, struct stage *stage)
{
    if (from->word_count == 2 || (from->word_count == 3 && strcasecmp(from->words[1], "AS") != 0)) {
        complain(p, &from->at, "%s: expected %s", "FROM", rules[INSTRUCTION_FROM].usage);
        return -EINVAL;
    }
    if (from->word_count == 3) {
        char *name = arena_strdup(p->arena, from->words[2]);

        for (char *c = name; *c; c++) {
            *c = (char)tolower((unsigned char)*c);
            if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-' && *c != '.') {
                complain(p, &from->at, "\"%s\" is not a name for a stage", from->words[2]);
                return -EINVAL;
            }
        }
        if (!isalpha((unsigned char)*name)) {
            complain(p, &from->at,
                    "\"%s\" is not a name for a stage: it has to start with a letter",
                    from->words[2]);
            return -EINVAL;
        }
        from->words[1] = name;
        from->word_count = 2;
        stage->name = name;
    }
    stage->from = ARENA_NEW(p->arena, struct instruction);
    *(struct instruction *)stage->from = *from;
    return 0;
}

static void close_stage(struct stages *stages, struct instructions *items)
{
    if (stages->len > 0) {
        stages->items[stages->len - 1].items = items->items;
        stages->items[stages->len - 1].len = items->len;
    }
    *items = (struct instructions){ 0 };
}

static int open_stage(struct parser *p, struct stages *stages, struct instruction *from)
{
    struct stage stage = { 0 };
    int r = finish_from(p, from, &stage);

    if (r < 0)
        return r;
    for (size_t i = 0; stage.name && i < stages->len; i++) {
        if (string_is_equal(stages->items[i].name, stage.name)) {
            complain(p, &from->at, "the stage \"%s\" is there twice", stage.name);
            return -EINVAL;
        }
    }
    *ARRAY_APPEND_ARENA(p->arena, stages) = stage;
    return 0;
}

static int parse_all(struct parser *p, struct dockerfile *file)
{
    struct stages stages = { 0 };
    struct instructions items = { 0 }, globals = { 0 };
    struct str line;
    struct source at = SOURCE_NONE;
    int result = 0;

    while (next_logical_line(p, &line, &at)) {
        struct instruction instruction;
        int r = parse_one(p, line, at, &instruction);

        if (r >= 0 && instruction.kind == INSTRUCTION_FROM) {
            close_stage(&stages, &items);
            r = open_stage(p, &stages, &instruction);
        } else if (r >= 0 && stages.len > 0) {
            *ARRAY_APPEND_ARENA(p->arena, &items) = instruction;
        } else if (r >= 0 && instruction.kind == INSTRUCTION_ARG) {
            *ARRAY_APPEND_ARENA(p->arena, &globals) = instruction;
        } else if (r >= 0 && result == 0) {
            complain(p, &at, "%s before the first FROM: only ARG may stand there",
                    rules[instruction.kind].name);
            r = -EINVAL;
        }
        if (r < 0)
            result = r;
    }
    close_stage(&stages, &items);
    if (stages.len == 0 && result == 0) {
        struct source top = { p->file, 1, 1 };
        complain(p, &top, "the file holds no FROM instruction");
        result = -EINVAL;
    }
    file->stages = stages.items;
    file->stage_count = stages.len;
    file->global_args = globals.items;
    file->global_arg_count = globals.len;
    return result;
}

int dockerfile_parse(struct arena *arena, const char *file, const char *text, size_t len,
        struct dockerfile **ret, struct diag *diag, struct error **err)
{
    struct parser p = {
        .arena = arena,
        .diag = diag,
        .file = arena_strdup(arena, file),
        .rest = { text, len },
        .escape = '\\',
    };
    struct dockerfile *parsed = ARENA_NEW(arena, struct dockerfile);

    if (len > LIMIT_DOCKERFILE_BYTES)
        return error_set_plain(err, EFBIG, &(struct source){ file, 0, 0 },
                "the file is larger than %u bytes", LIMIT_DOCKERFILE_BYTES);
    if (str_has_prefix(p.rest, "\xef\xbb\xbf"))
        p.rest = advance(p.rest, 3);
    parse_directives(&p);
    parsed->file = p.file;
    int r = parse_all(&p, parsed);
    parsed->escape = p.escape;
    if (r < 0)
        return error_set_plain(err, EINVAL, NULL, "%s cannot be built", file);
    *ret = parsed;
    return 0;
}

int dockerfile_parse_instruction(struct arena *arena, const char *file, const char *text,
        struct instruction **ret, struct diag *diag, struct error **err)
{
    struct parser p = {
        .arena = arena,
        .diag = diag,
        .file = arena_strdup(arena, file),
        .rest = str_from(text),
        .escape = '\\',
    };
    struct instruction *parsed = ARENA_NEW(arena, struct instruction);
    struct source at;
    struct str line;

    if (!next_logical_line(&p, &line, &at) || parse_one(&p, line, at, parsed) < 0)
        return error_set_plain(err, EINVAL, NULL, "\"%s\" is not an instruction", text);
    *ret = parsed;
    return 0;
}
