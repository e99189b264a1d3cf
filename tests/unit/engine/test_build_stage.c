/* A stage's configuration: what each instruction makes of it, in a build and as a change of import. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/json/json.h"
#include "engine/build/change.h"
#include "engine/build/dockerfile.h"
#include "engine/build/stage.h"

/* Reads a Dockerfile of one stage and applies its instructions; the first failure is given. */
static int apply_text(
        struct stage_state *stage, struct arena *arena, const char *text, struct error **err)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct dockerfile *file;

    assert_int_equal(
            dockerfile_parse(arena, "Dockerfile", text, strlen(text), &file, &diag, NULL), 0);
    stage_begin_scratch(stage, arena, "linux", "amd64", NULL);
    for (size_t i = 0; i < file->stages[0].len; i++) {
        const struct instruction *in = &file->stages[0].items[i];
        int r = 0;

        if (in->kind == INSTRUCTION_ARG)
            stage_set_arg(stage, in->words[0], "from-arg");
        else
            r = stage_apply(stage, in, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The member of the configuration as compact JSON. */
static void expect_member(const struct stage_state *stage, const char *key, const char *expected)
{
    const json_t *member = json_object_get(stage->config, key);
    auto_free char *text = member ? json_dumps(
                                            member, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)
                                  : NULL;

    if (expected)
        assert_string_equal(text ? text : "(none)", expected);
    else
        assert_null(text);
}

static void each_instruction_ends_up_in_the_configuration(void **state)
{
    static const struct {
        const char *text, *key, *expected;
    } rows[] = {
        { "ENV A=1 B='x y'\nENV C=$A-$B", "Env",
                "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
                "\"A=1\",\"B=x y\",\"C=1-x y\"]" },
        { "ENV PATH=/x:$PATH\nENV PATH=/y", "Env", "[\"PATH=/y\"]" },
        { "ENV A=1\nENV A=2 B=$A", "Env",
                "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
                "\"A=2\",\"B=1\"]" },
        { "CMD a b", "Cmd", "[\"/bin/sh\",\"-c\",\"a b\"]" },
        { "SHELL [\"/bin/ash\",\"-ec\"]\nCMD a b", "Cmd", "[\"/bin/ash\",\"-ec\",\"a b\"]" },
        { "CMD [\"a\",\"$X\"]", "Cmd", "[\"a\",\"$X\"]" },
        { "CMD []", "Cmd", "[]" },
        { "CMD [\"b\"]\nENTRYPOINT [\"a\"]", "Cmd", "[\"b\"]" },
        { "ENTRYPOINT a", "Entrypoint", "[\"/bin/sh\",\"-c\",\"a\"]" },
        { "WORKDIR /a\nWORKDIR b/../c", "WorkingDir", "\"/a/c\"" },
        { "WORKDIR x", "WorkingDir", "\"/x\"" },
        { "ENV D=/d\nWORKDIR ${D}/e", "WorkingDir", "\"/d/e\"" },
        { "ARG U\nUSER $U:1", "User", "\"from-arg:1\"" },
        { "ENV U=env\nARG U\nUSER $U", "User", "\"env\"" },
        { "EXPOSE 80 90-91/UDP", "ExposedPorts", "{\"80/tcp\":{},\"90/udp\":{},\"91/udp\":{}}" },
        { "ENV P='1 2'\nEXPOSE $P", "ExposedPorts", "{\"1/tcp\":{},\"2/tcp\":{}}" },
        { "VOLUME /a /b", "Volumes", "{\"/a\":{},\"/b\":{}}" },
        { "VOLUME [\"/a b\"]", "Volumes", "{\"/a b\":{}}" },
        { "LABEL a=b c='d e'\nLABEL a=z", "Labels", "{\"a\":\"z\",\"c\":\"d e\"}" },
        { "STOPSIGNAL SIGQUIT", "StopSignal", "\"SIGQUIT\"" },
        { "HEALTHCHECK --interval=2s --retries=4 CMD curl x", "Healthcheck",
                "{\"Interval\":2000000000,\"Retries\":4,\"Test\":[\"CMD-SHELL\",\"curl x\"]}" },
        { "HEALTHCHECK NONE", "Healthcheck", "{\"Test\":[\"NONE\"]}" },
        { "ONBUILD RUN x\nONBUILD COPY . /", "OnBuild", "[\"RUN x\",\"COPY . /\"]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        auto_(stage_release) struct stage_state stage;
        const char *text = arena_printf(&arena, "FROM scratch\n%s\n", rows[i].text);

        assert_int_equal(apply_text(&stage, &arena, text, NULL), 0);
        expect_member(&stage, rows[i].key, rows[i].expected);
    }
}

static void bad_values_are_refused_with_their_line(void **state)
{
    static const char *const rows[] = { "ENV ''=x", "EXPOSE x", "EXPOSE 80/icmp", "EXPOSE 70000",
        "STOPSIGNAL SIGNOTHING", "HEALTHCHECK --interval=x CMD y", "HEALTHCHECK --retries=0 CMD y",
        "USER ''", "WORKDIR ''", "VOLUME ''", "ENV A=${B:?missing}", "LABEL ''=1" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        auto_(stage_release) struct stage_state stage;
        auto_error struct error *err = NULL;
        const char *text = arena_printf(&arena, "FROM scratch\n\n%s\n", rows[i]);

        assert_int_equal(apply_text(&stage, &arena, text, &err), -EINVAL);
        assert_non_null(err);
        assert_int_equal(err->at.line, 3);
    }
}

static void an_inherited_command_goes_with_its_entrypoint(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(stage_release) struct stage_state base, stage;
    struct instruction *in;

    (void)state;
    assert_int_equal(apply_text(&base, &arena, "FROM scratch\nCMD [\"inherited\"]\n", NULL), 0);
    stage_begin_copy(&stage, &arena, &base);
    assert_int_equal(
            dockerfile_parse_instruction(&arena, "f", "ENTRYPOINT [\"new\"]", &in, NULL, NULL), 0);
    assert_int_equal(stage_apply(&stage, in, NULL), 0);
    expect_member(&stage, "Cmd", NULL);
    expect_member(&base, "Cmd", "[\"inherited\"]");
}

static void the_key_stands_for_everything_that_was_done(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(stage_release) struct stage_state a, b;

    (void)state;
    stage_begin_scratch(&a, &arena, "linux", "amd64", NULL);
    stage_begin_scratch(&b, &arena, "linux", "amd64", NULL);
    assert_string_equal(a.key, b.key);
    stage_extend_key(&a, "COPY /x", "sha256:1");
    stage_extend_key(&b, "COPY /x", "sha256:2");
    assert_string_not_equal(a.key, b.key);
    /* Neither half can be mistaken for a part of the other. */
    stage_release(&b);
    stage_begin_scratch(&b, &arena, "linux", "amd64", NULL);
    stage_extend_key(&b, "COPY /xsha256:", "1");
    assert_string_not_equal(a.key, b.key);
}

static void changes_edit_the_configuration(void **state)
{
    static const struct {
        const char *change, *expected; /* NULL: refused */
    } rows[] = {
        { "CMD [\"a\", \"b\"]", "{\"Cmd\":[\"a\",\"b\"]}" },
        { "cmd echo hi", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo hi\"]}" },
        { "ENTRYPOINT [\"x\"]", "{\"Entrypoint\":[\"x\"]}" },
        { "ENV A=1 B=\"two words\"", "{\"Env\":[\"A=1\",\"B=two words\"]}" },
        { "ENV A one two", "{\"Env\":[\"A=one two\"]}" },
        { "LABEL a=b c='d e'", "{\"Labels\":{\"a\":\"b\",\"c\":\"d e\"}}" },
        { "EXPOSE 80 90-91/UDP", "{\"ExposedPorts\":{\"80/tcp\":{},\"90/udp\":{},\"91/udp\":{}}}" },
        { "VOLUME [\"/a b\"]", "{\"Volumes\":{\"/a b\":{}}}" },
        { "WORKDIR x", "{\"WorkingDir\":\"/x\"}" },
        { "HEALTHCHECK CMD [\"a\"]", "{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\"]}}" },
        { "ONBUILD RUN x", "{\"OnBuild\":[\"RUN x\"]}" },
        { "RUN x", NULL },
        { "COPY a b", NULL },
        { "FROM x", NULL },
        { "ENV x", NULL },
        { "ENV =x", NULL },
        { "EXPOSE x", NULL },
        { "STOPSIGNAL SIGNOTHING", NULL },
        { "HEALTHCHECK", NULL },
        { "SHELL sh", NULL },
        { "NOTHING x", NULL },
        { "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_json json_t *config = json_object();
        auto_error struct error *err = NULL;
        int r = build_apply_changes(config, &rows[i].change, 1, &err);

        assert_int_equal(r < 0, err != NULL);
        if (!rows[i].expected) {
            assert_int_equal(r, -EINVAL);
            continue;
        }
        assert_int_equal(r, 0);

        auto_free char *text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);

        assert_string_equal(text, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_instruction_ends_up_in_the_configuration),
        cmocka_unit_test(bad_values_are_refused_with_their_line),
        cmocka_unit_test(an_inherited_command_goes_with_its_entrypoint),
        cmocka_unit_test(the_key_stands_for_everything_that_was_done),
        cmocka_unit_test(changes_edit_the_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
