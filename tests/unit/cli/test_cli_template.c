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
#include "cli/shapes.h"
#include "cli/template.h"

static const char data[] =
        "{\"Name\":\"web\",\"Id\":\"abc\",\"Count\":3,\"On\":true,\"Nothing\":null,\"List\":[\"a\",\"b\",\"c\"],"
        "\"Labels\":{\"x.y\":\"z\",\"a\":\"b\"},\"State\":{\"Status\":\"running\",\"Code\":0},"
        "\"Ports\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]}}";

/* Runs the template over an object of that type (NULL: none) and compares; expected NULL: it must fail. */
static void check_as(const char *type, const char *object, const char *text, const char *expected)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(65536);
    auto_(template_release_p) struct template *template = NULL;
    auto_error struct error *err = NULL;
    auto_json json_t *root = NULL;

    assert_int_equal(jsonx_parse(object, strlen(object), "data", &root, NULL), 0);
    int r = template_parse(&arena, text, &template, &err);
    if (r >= 0)
        r = template_execute(template, root, type ? shape_of_type(type) : NULL, &out, &err);
    if (!expected) {
        assert_true(r < 0);
        assert_non_null(err);
        return;
    }
    if (r < 0)
        fail_msg("%s: %s", text, err->message);
    assert_string_equal(out.data, expected);
}

static void check(const char *text, const char *expected)
{
    check_as(NULL, data, text, expected);
}

static void fields_and_values_print_as_go_prints_them(void **state)
{
    (void)state;
    check("{{.Name}} {{.State.Status}} {{.Count}} {{.On}}", "web running 3 true");
    check("{{.List}} {{.State}}", "[a b c] map[Code:0 Status:running]");
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

static void printf_cuts_pads_and_signs(void **state)
{
    (void)state;
    check("{{printf \"%.2s|%5.1s|%-4.2s|\" .Name .Id .Name}}", "we|    a|we  |");
    check("{{printf \"%+d %x %X %.2f %f\" .Count 255 255 3.14159 2.0}}", "+3 ff FF 3.14 2.000000");
    check("{{printf \"%d%%\" .Count}}", "3%");
    check("{{printf \"%y\" .Count}}", NULL);
}

static void and_and_or_look_no_further_than_they_must(void **state)
{
    (void)state;
    check("{{if and .Nothing (eq .Nothing.X 1)}}x{{else}}no{{end}}", "no");
    check("{{or .Name .Nope}}", "web");
    check("{{and .Name .Nope}}", NULL);
}

static const char container[] =
        "{\"Id\":\"abc\",\"Created\":\"2026-11-21T03:40:00.5Z\",\"State\":{\"Status\":\"running\",\"Running\":true},"
        "\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"no\",\"MaximumRetryCount\":0},\"PidsLimit\":null,\"Dns\":null},"
        "\"Config\":{\"Env\":null,\"Cmd\":[\"a\"],\"Labels\":null,"
        "\"Healthcheck\":{\"Test\":[\"NONE\"],\"Interval\":90000000000}},"
        "\"NetworkSettings\":{\"Ports\":{\"81/udp\":null,\"80/tcp\":[{\"HostIp\":\"::\",\"HostPort\":\"8\"}]},"
        "\"Networks\":{\"n\":{\"Aliases\":null}}}}";

static void members_that_a_type_has_are_there_when_they_are_empty(void **state)
{
    (void)state;
    check_as("container", container, "{{if .State.Health}}h{{else}}none{{end}}", "none");
    check_as("container", container,
            "{{if and .State.Health (eq .State.Health.Status \"x\")}}h{{end}}|", "|");
    check_as("container", container, "{{.State.Health}} {{json .State.Health}}", "<nil> null");
    check_as("container", container, "{{.State.Health.Status}}", NULL);
    check_as("container", container, "{{index .State.Health \"x\"}}", NULL);
    check_as("container", "{\"State\":{\"Health\":{\"Status\":\"healthy\"}}}",
            "{{index .State.Health \"Status\"}} {{index .State.Health \"x\"}}",
            "healthy <no value>");
    check_as(
            "container", container, "{{.State.ExitCode}}{{.State.Dead}}{{.State.Error}}", "0false");
    check_as("container", container, "{{.Config.ExposedPorts}} {{json .Config.ExposedPorts}}",
            "map[] null");
    check_as("container", container,
            "{{.Config.Env}} {{json .Config.Env}}{{range .Config.Env}}x{{end}}", "[] null");
    check_as("container", container, "{{index .Config.Labels \"a\"}}|{{len .Config.Labels}}", "|0");
    check_as("container", container, "{{.Config.Labels.a}}", "<no value>");
    check_as("container", container, "{{.HostConfig.PidsLimit}} {{.HostConfig.Init}}",
            "<nil> <nil>");
    check_as("container", container, "{{index .NetworkSettings.Networks \"x\"}}", "<nil>");
    check_as("container", container,
            "{{range .NetworkSettings.Networks}}{{.Aliases}}{{.IPAddress}}{{end}}", "[]");
    check_as("container", container, "{{.Nope}}", NULL);
}

static void typed_values_print_as_go_prints_structures(void **state)
{
    (void)state;
    check_as(
            "container", container, "{{.NetworkSettings.Ports}}", "map[80/tcp:[{:: 8}] 81/udp:[]]");
    check_as("container", container, "{{.HostConfig.RestartPolicy}}", "{no 0}");
    check_as("container", container, "{{.Config.Healthcheck}} {{.Config.Healthcheck.Interval}}",
            "{[NONE] 1m30s 0s 0s 0s 0} 1m30s");
    check_as("container", container, "{{json .Config.Healthcheck.Interval}}", "90000000000");
    check_as("container", container, "{{.ID}} {{.Id}} {{.HostConfig.DNS}} {{.Created}}",
            "abc abc [] 2026-11-21T03:40:00.5Z");
    check_as("network",
            "{\"Created\":\"2026-11-21T03:40:00.5Z\",\"IPAM\":{\"Config\":[{\"Subnet\":\"s\"}]}}",
            "{{.Created}} {{json .Created}} {{.IPAM.Config}}{{range .IPAM.Config}}{{.Gateway}}{{end}}",
            "2026-11-21 03:40:00.5 +0000 UTC \"2026-11-21T03:40:00.5Z\" [{s   map[]}]");
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
        cmocka_unit_test(printf_cuts_pads_and_signs),
        cmocka_unit_test(and_and_or_look_no_further_than_they_must),
        cmocka_unit_test(members_that_a_type_has_are_there_when_they_are_empty),
        cmocka_unit_test(typed_values_print_as_go_prints_structures),
        cmocka_unit_test(white_space_is_trimmed_where_a_dash_says_so),
        cmocka_unit_test(broken_templates_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
