#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "units/quote.h"

/* The words joined by '|', or the problem. */
static void splits(const char *value, enum quote_split how, const char *expected)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(4096);
    struct arena arena = ARENA_INIT;
    struct strings words = { 0 };
    struct quote_problem problem;

    if (quote_split(&arena, value, how, &words, &problem) < 0)
        strbuf_addf(&text, "%s at %zu", quote_error_text(problem.error), problem.offset);
    ARRAY_FOREACH(&words, word)
        strbuf_addf(&text, "%s%s", text.len ? "|" : "", *word);
    assert_string_equal(text.data, expected);
    arena_release(&arena);
}

static void commands_are_split_with_quotes_and_escapes(void **state)
{
    (void)state;
    splits("  /bin/x 'a b' \"c d\" e\"f g\"h\t i", QUOTE_COMMAND, "/bin/x|a b|c d|ef gh|i");
    splits("\\x41\\101\\u00e9\\U0001F51F\\s\\\\\\\"", QUOTE_COMMAND, "AAé🔟 \\\"");
    splits("'it\\'s' \"\\t\"", QUOTE_COMMAND, "it's|\t");
    splits("\\xe9 \\ud800", QUOTE_COMMAND, "é|\xef\xbf\xbd");
    splits("open \"to the end", QUOTE_COMMAND, "open|to the end");
    splits("trailing\\", QUOTE_COMMAND, "trailing");
    splits("$HOME %n ${x} ~ *", QUOTE_COMMAND, "$HOME|%n|${x}|~|*");
    splits("", QUOTE_COMMAND, "");
}

static void unknown_escapes_and_nul_are_refused_where_they_stand(void **state)
{
    (void)state;
    splits("ok bad\\q", QUOTE_COMMAND, "unsupported escape char at 6");
    splits("a\\ b", QUOTE_COMMAND, "unsupported escape char at 1");
    splits("\\$", QUOTE_COMMAND, "unsupported escape char at 0");
    splits("\\x00", QUOTE_COMMAND, "unsupported escape char at 0");
    splits("\\000", QUOTE_COMMAND, "unsupported escape char at 0");
    splits("\\777", QUOTE_COMMAND, "unsupported escape char at 0");
    splits("\\U00110000", QUOTE_COMMAND, "unsupported escape char at 0");
    splits("\\x4", QUOTE_COMMAND, "unsupported escape char at 0");
    splits("\\u12", QUOTE_COMMAND, "unsupported escape char at 0");
    splits("\\18", QUOTE_COMMAND, "unsupported escape char at 0");
}

static void an_empty_word_ends_the_list(void **state)
{
    (void)state;
    splits("a \"\" b", QUOTE_COMMAND, "a");
    splits("a '' b", QUOTE_WORDS, "a");
    splits("a\"\" b", QUOTE_WORDS, "a|b");
}

static void words_keep_backslashes_and_need_closed_quotes(void **state)
{
    (void)state;
    splits("a\\b 'c d' \"e\\\"f", QUOTE_WORDS, "a\\b|c d|e\\f");
    splits("a \"b c", QUOTE_WORDS, "unbalanced quotes at 2");
    splits("a'b", QUOTE_WORDS, "unbalanced quotes at 1");
}

static void quotes(const char *word, const char *expected)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(4096);

    quote_add_word(&text, word, false);
    assert_string_equal(text.data, expected);
}

static void words_are_quoted_when_they_need_it(void **state)
{
    (void)state;
    quotes("plain", "plain");
    quotes("", "");
    quotes("a b", "\"a\\x20b\"");
    quotes("it's", "\"it's\"");
    quotes("say \"hi\"\\", "\"say\\x20\\\"hi\\\"\\\\\"");
    quotes("\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\"");
    quotes("\x01\x7f", "\"\\x01\\x7f\"");
    quotes("\xc2\x80", "\"\\x80\"");
    quotes("é%$`;#", "é%$`;#");
    quotes("a \xff", "\"a\\x20\xef\xbf\xbd\"");
    quotes("\xff", "\xff");
}

static void what_is_quoted_splits_into_the_same_words(void **state)
{
    static const char *const words[] = { "a", "b c", "", "'", "\"", "\\", "tab\there", "é ü",
        "\n" };
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(4096);
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct strings back = { 0 };

        strbuf_reset(&text);
        quote_add_word(&text, words[i], true);
        assert_int_equal(quote_split(&arena, text.data, QUOTE_COMMAND, &back, NULL), 0);
        /* The empty word is written so that systemd keeps it; this splitting drops it. */
        assert_int_equal(back.len, *words[i] ? 1 : 0);
        if (back.len)
            assert_string_equal(back.items[0], words[i]);
    }
    assert_string_equal(quote_word(&arena, ""), "\"\"");
    arena_release(&arena);
}

static void literal_text_survives_systemds_expansions(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(quote_literal(&arena, "100% $HOME", true), "100%% $$HOME");
    assert_string_equal(quote_literal(&arena, "100% $HOME", false), "100%% $HOME");
    assert_string_equal(quote_literal(&arena, "plain", true), "plain");
    assert_string_equal(quote_unliteral(&arena, "100%% $$HOME", true), "100% $HOME");
    assert_null(quote_unliteral(&arena, "%n", false));
    assert_null(quote_unliteral(&arena, "a%", false));
    assert_null(quote_unliteral(&arena, "$x", true));
    assert_string_equal(quote_unliteral(&arena, "$x", false), "$x");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_split_with_quotes_and_escapes),
        cmocka_unit_test(unknown_escapes_and_nul_are_refused_where_they_stand),
        cmocka_unit_test(an_empty_word_ends_the_list),
        cmocka_unit_test(words_keep_backslashes_and_need_closed_quotes),
        cmocka_unit_test(words_are_quoted_when_they_need_it),
        cmocka_unit_test(what_is_quoted_splits_into_the_same_words),
        cmocka_unit_test(literal_text_survives_systemds_expansions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
