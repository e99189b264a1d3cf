#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/strbuf.h"
#include "cli/template.h"

static const char data[] =
        "{\"Name\":\"web\",\"Id\":\"abc\",\"Count\":3,\"On\":true,\"Nothing\":null,\"List\":[\"a\",\"b\",\"c\"],"
        "\"Labels\":{\"x.y\":\"z\",\"a\":\"b\"},\"State\":{\"Status\":\"running\",\"Code\":0},"
        "\"Ports\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]}}";

/* Runs the template over `data` and compares; expected NULL: it must fail. */
static void check(const char *text, const char *expected)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(65536);
    auto_(template_release_p) struct template *template = NULL;
    auto_error struct error *err = NULL;
    auto_json json_t *root = NULL;

    assert_int_equal(jsonx_parse(data, strlen(data), "data", &root, NULL), 0);
    int r = template_parse(&arena, text, &template, &err);
    if (r >= 0)
        r = template_execute(template, root, &out, &err);
    if (!expected) {
        assert_true(r < 0);
        assert_non_null(err);
        return;
    }
    if (r < 0)
        fail_msg("%s: %s", text, err->message);
    assert_string_equal(out.data, expected);
}

static void fields_and_values_print_as_go_prints_them(void **state)
{
    (void)state;
    check("{{.Name}} {{.State.Status}} {{.Count}} {{.On}}", "web running 3 true");
    check("{{.List}} {{.State}}", "[a b c] map[Status:running Code:0]");
    check("{{.Nothing}}", "<no value>");
    check("plain", "plain");
    check("{{ $ | json }}", data);
    check("{{json .Labels}}", "{\"x.y\":\"z\",\"a\":\"b\"}");
}

static void members_that_are_not_there_are_errors_but_below_labels(void **state)
{
    (void)state;
    check("{{.Nope}}", NULL);
    check("{{.State.Nope}}", NULL);
    check("{{.Nothing.X}}", NULL);
    check("{{.Labels.nope}}", "<no value>");
    check("{{index .Labels \"x.y\"}}", "z");
    check("{{index .List 5}}", NULL);
}

static void conditions_choose_their_branch(void **state)
{
    (void)state;
    check("{{if .On}}yes{{else}}no{{end}}", "yes");
    check("{{if .State.Code}}yes{{else if eq .Count 3}}three{{else}}no{{end}}", "three");
    check("{{if and .On (not .Nothing)}}both{{end}}", "both");
    check("{{with .State}}{{.Status}}{{end}}", "running");
    check("{{with .Nothing}}x{{else}}none{{end}}", "none");
    check("{{if gt .Count 2}}{{if lt .Count 4}}in{{end}}{{end}}", "in");
}

static void ranges_walk_lists_and_maps_in_order(void **state)
{
    (void)state;
    check("{{range .List}}<{{.}}>{{end}}", "<a><b><c>");
    check("{{range $i, $v := .List}}{{$i}}={{$v}} {{end}}", "0=a 1=b 2=c ");
    check("{{range $k, $v := .Labels}}{{$k}}:{{$v}};{{end}}", "a:b;x.y:z;");
    check("{{range .List}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac");
    check("{{range .List}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a");
    check("{{range .Nothing}}x{{else}}empty{{end}}", "empty");
    check("{{range $p, $c := .Ports}}{{$p}}->{{(index $c 0).HostPort}}{{end}}", "80/tcp->8080");
}

static void functions_and_pipes_work(void **state)
{
    (void)state;
    check("{{.Name | upper | printf \"%s-%d\" \"n\"}}", "n-WEB");
    check("{{printf \"%-5s|%3d\" .Name .Count}}", "web  |  3");
    check("{{join .List \", \"}} {{len .List}}", "a, b, c 3");
    check("{{index (split \"a:b\" \":\") 1}}", "b");
    check("{{title \"two words\"}} {{truncate .Name 2}} [{{pad .Id 1 2}}]",
            "Two Words we [ abc  ]");
    check("{{$x := .Name}}{{$x}}{{$x = \"new\"}}{{$x}}", "webnew");
    check("{{println .Name}}", "web\n");
    check("{{slice .Name 1}} {{slice .Name 0 2}} {{slice .List 1 3}} {{slice .Name}}",
            "eb we [b c] web");
    check("{{slice .Name 2 1}}", NULL);
    check("{{slice .Name 0 4}}", NULL);
    check("{{slice .Count 0}}", NULL);
    check("{{urlquery \"a b/c&d~\"}} {{html \"<a href='x'>\"}}",
            "a+b%2Fc%26d~ &lt;a href=&#39;x&#39;&gt;");
}

static void white_space_is_trimmed_where_a_dash_says_so(void **state)
{
    (void)state;
    check("a  {{- .Name -}}  b", "awebb");
    check("{{/* nothing */}}x", "x");
}

static void broken_templates_are_refused(void **state)
{
    static const char *const broken[] = { "{{", "{{.Name", "{{if .On}}", "{{end}}", "{{else}}",
        "{{nofunction .Name}}", "{{.Name .Id}}", "{{\"open}}", "{{| .Name}}", "{{$undefined}}",
        "{{len}}", "{{()}}", "{{.Name | }}", "{{range .Name}}{{end}}", "{{/* open }}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        check(broken[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_values_print_as_go_prints_them),
        cmocka_unit_test(members_that_are_not_there_are_errors_but_below_labels),
        cmocka_unit_test(conditions_choose_their_branch),
        cmocka_unit_test(ranges_walk_lists_and_maps_in_order),
        cmocka_unit_test(functions_and_pipes_work),
        cmocka_unit_test(white_space_is_trimmed_where_a_dash_says_so),
        cmocka_unit_test(broken_templates_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
