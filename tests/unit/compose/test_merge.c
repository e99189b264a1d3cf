/* Each merge rule, on normal forms that are written as small YAML texts: below, above, and what comes of it
 * as one line of JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/merge.h"
#include "compose/print.h"
#include "compose/schema-types.h"
#include "compose/schema.h"
#include "compose/yaml.h"

#define TEXT_MAX 4096

struct fixture {
    struct arena arena;
    struct diag diag;
    struct schema_context context;
};

static void begin(struct fixture *f)
{
    const struct arena arena = ARENA_INIT;
    const struct diag diag = DIAG_INIT;

    f->arena = arena;
    f->diag = diag;
    f->context = (struct schema_context){
        .arena = &f->arena, .diag = &f->diag, .path = STRBUF_INIT(SCHEMA_PATH_MAX)
    };
}

static void end(struct fixture *f)
{
    strbuf_release(&f->context.path);
    diag_release(&f->diag);
    arena_release(&f->arena);
}

/* The normal form of a service whose attributes are in `text`. */
static struct node *read_service(struct fixture *f, const char *text)
{
    const struct yaml_text yaml = { .file = "x", .data = text, .len = strlen(text) };
    struct yaml_documents documents = { 0 };

    assert_int_equal(yaml_parse(&f->arena, &yaml, &documents, &f->diag), 0);
    struct node *service = schema_read(&f->context, &service_attr, documents.items[0]);
    if (f->diag.errors)
        fail_msg("%s: %s", text, f->diag.items[0].message);
    return service;
}

static void check(const char *below, const char *above, const char *key, const char *wanted)
{
    auto_(strbuf_release) struct strbuf got = STRBUF_INIT(TEXT_MAX);
    struct fixture f;

    begin(&f);
    struct node *base = read_service(&f, below), *over = read_service(&f, above);
    struct node *base_before = node_copy(&f.arena, base), *over_before = node_copy(&f.arena, over);
    struct node *merged = merge_values(&f.arena, &service_attr, base, over);

    merged = schema_finish(&f.context, &service_attr, merged);
    const struct node *value = node_get(merged, key);
    if (value)
        node_print_canonical(value, &got);
    if (strcmp(got.data, wanted) != 0)
        fail_msg("%s\n  + %s\n  = %s\n  wanted %s", below, above, got.data, wanted);
    assert_true(node_is_equal(base, base_before) && node_is_equal(over, over_before));
    end(&f);
}

static const struct {
    const char *below, *above, *key, *wanted;
} cases[] = {
    /* MERGE_DEEP: scalars are replaced, maps merged by key, lists appended; null keeps */
    { "user: a", "user: b", "user", "\"b\"" },
    { "user: a", "{}", "user", "\"a\"" },
    { "{}", "user: b", "user", "\"b\"" },
    { "user: a", "user: ", "user", "\"a\"" },
    { "labels: {a: 1, b: 2}", "labels: [b=3, c]", "labels",
            "{\"a\":\"1\",\"b\":\"3\",\"c\":\"\"}" },
    { "healthcheck: {interval: 1s}", "healthcheck: {timeout: 2s}", "healthcheck",
            "{\"interval\":\"1s\",\"timeout\":\"2s\"}" },
    { "security_opt: [a]", "security_opt: [b]", "security_opt", "[\"a\",\"b\"]" },
    { "ulimits: {nofile: {soft: 1, hard: 2}}", "ulimits: {nofile: 3, nproc: 4}", "ulimits",
            "{\"nofile\":3,\"nproc\":4}" },
    /* MERGE_REPLACE: also by null and by nothing */
    { "command: [a, b]", "command: c d", "command", "[\"c\",\"d\"]" },
    { "command: [a, b]", "command: []", "command", "[]" },
    { "healthcheck: {test: [NONE]}", "healthcheck: {test: x}", "healthcheck",
            "{\"test\":[\"CMD-SHELL\",\"x\"]}" },
    /* MERGE_UNIQUE: the later one in the place of the earlier */
    { "cap_add: [A, B]", "cap_add: [C, A]", "cap_add", "[\"A\",\"B\",\"C\"]" },
    { "dns: 1.1.1.1", "dns: [2.2.2.2, 1.1.1.1]", "dns", "[\"1.1.1.1\",\"2.2.2.2\"]" },
    { "devices: ['/a:/x', '/b:/y']", "devices: ['/c:/x:r']", "devices",
            "[{\"permissions\":\"r\",\"source\":\"/c\",\"target\":\"/x\"},"
            "{\"permissions\":\"rwm\",\"source\":\"/b\",\"target\":\"/y\"}]" },
    { "expose: [80, 81]", "expose: ['80']", "expose", "[\"80\",\"81\"]" },
    { "ports: ['80:80', '127.0.0.1:80:80']", "ports: ['80:80']", "ports",
            "[{\"mode\":\"ingress\",\"protocol\":\"tcp\",\"published\":\"80\",\"target\":80},"
            "{\"host_ip\":\"127.0.0.1\",\"mode\":\"ingress\",\"protocol\":\"tcp\","
            "\"published\":\"80\",\"target\":80}]" },
    { "secrets: [{source: a, target: t}]", "secrets: [{source: b, target: t}]", "secrets",
            "[{\"source\":\"b\",\"target\":\"t\"}]" },
    /* MERGE_APPEND_NEW */
    { "extra_hosts: ['a:1.1.1.1']", "extra_hosts: {a: [1.1.1.1, 2.2.2.2], b: 3.3.3.3}",
            "extra_hosts", "[\"a=1.1.1.1\",\"a=2.2.2.2\",\"b=3.3.3.3\"]" },
    /* MERGE_SAME_DRIVER */
    { "logging: {driver: a, options: {x: 1}}", "logging: {driver: a, options: {y: 2}}", "logging",
            "{\"driver\":\"a\",\"options\":{\"x\":\"1\",\"y\":\"2\"}}" },
    { "logging: {driver: a, options: {x: 1}}", "logging: {options: {y: 2}}", "logging",
            "{\"driver\":\"a\",\"options\":{\"x\":\"1\",\"y\":\"2\"}}" },
    { "logging: {driver: a, options: {x: 1}}", "logging: {driver: b}", "logging",
            "{\"driver\":\"b\"}" },
    /* MERGE_KEYS: a key without a value counts */
    { "environment: {A: 1, B: 2}", "environment: [A]", "environment", "{\"A\":null,\"B\":\"2\"}" },
    { "environment: {A: 1}", "environment: ", "environment", "{\"A\":\"1\"}" },
    /* tags */
    { "ports: ['80']", "ports: !override ['81']", "ports",
            "[{\"mode\":\"ingress\",\"protocol\":\"tcp\",\"target\":81}]" },
    { "labels: {a: 1}", "labels: !reset {}", "labels", "" },
    { "labels: {a: 1, b: 2}", "labels: {a: !reset x}", "labels", "{\"b\":\"2\"}" },
    { "user: a", "user: !reset x", "user", "" },
    /* short forms meet long ones */
    { "build: ./a", "build: {target: t}", "build", "{\"context\":\"./a\",\"target\":\"t\"}" },
    { "build: {context: a, target: t}", "build: b", "build",
            "{\"context\":\"b\",\"target\":\"t\"}" },
    { "depends_on: [a]", "depends_on: {b: {condition: service_healthy}}", "depends_on",
            "{\"a\":{\"condition\":\"service_started\",\"required\":true},"
            "\"b\":{\"condition\":\"service_healthy\",\"required\":true}}" },
    { "networks: [a]", "networks: {a: {aliases: [x]}, b: }", "networks",
            "{\"a\":{\"aliases\":[\"x\"]},\"b\":null}" },
    { "networks: {a: {aliases: [x, y]}}", "networks: {a: {aliases: [y, z]}}", "networks",
            "{\"a\":{\"aliases\":[\"x\",\"y\",\"z\"]}}" },
    { "provider: {options: {a: 1, b: [1], c: [1], d: 1}}",
            "provider: {options: {a: 2, b: [2], c: 2, d: [2]}}", "provider",
            "{\"options\":{\"a\":[\"2\"],\"b\":[\"1\",\"2\"],\"c\":[\"2\"],\"d\":[\"2\"]}}" },
    /* extensions */
    { "x-a: {l: [1], m: 1}", "x-a: {l: [2], n: 2}", "x-a", "{\"l\":[1,2],\"m\":1,\"n\":2}" },
};

static void each_rule_merges_as_its_name_says(void **state)
{
    bool seen[MERGE_RULE_MAX_] = { false };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct attr *attr = schema_find(&service_table, cases[i].key);

        check(cases[i].below, cases[i].above, cases[i].key, cases[i].wanted);
        if (attr)
            seen[attr->merge] = true;
    }
    for (size_t i = 0; i < MERGE_RULE_MAX_; i++)
        if (!seen[i] && i != MERGE_BY_SUBNET && i != MERGE_LISTS) /* not of a service */
            fail_msg("no case for merge rule %zu", i);
}

static void pools_of_one_subnet_are_one_pool_and_others_are_replaced(void **state)
{
    const char *below =
            "{ipam: {config: [{subnet: 10.0.0.0/8}, {subnet: 10.1.0.0/16, ip_range: r}, "
            "{subnet: 10.1.0.0/16, ip_range: s}]}}";
    const char *above = "{ipam: {config: [{subnet: 10.1.0.0/16, gateway: 10.1.0.1}, {subnet: x}]}}";
    static const struct attr network = { "network", .type = &type_struct, .table = &network_table };
    auto_(strbuf_release) struct strbuf got = STRBUF_INIT(TEXT_MAX);
    struct node *read[2];
    struct fixture f;

    (void)state;
    begin(&f);
    for (int i = 0; i < 2; i++) {
        const char *text = i ? above : below;
        const struct yaml_text yaml = { .file = "x", .data = text, .len = strlen(text) };
        struct yaml_documents documents = { 0 };

        assert_int_equal(yaml_parse(&f.arena, &yaml, &documents, &f.diag), 0);
        read[i] = schema_read(&f.context, &network, documents.items[0]);
    }
    node_print_canonical(
            node_get(
                    node_get(merge_values(&f.arena, &network, read[0], read[1]), "ipam"), "config"),
            &got);
    assert_string_equal(got.data,
            "[{\"gateway\":\"10.1.0.1\",\"ip_range\":\"r\",\"subnet\":\"10.1.0.0/16\"},"
            "{\"subnet\":\"x\"}]");
    end(&f);
}

static void merging_with_nothing_gives_the_other_one(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    struct node *service = read_service(&f, "{image: x}");

    assert_ptr_equal(merge_values(&f.arena, &service_attr, NULL, service), service);
    assert_ptr_equal(merge_values(&f.arena, &service_attr, service, NULL), service);
    assert_null(merge_values(&f.arena, &service_attr, NULL, NULL));
    end(&f);
}

/* (a + b) + c is a + (b + c): how files are grouped does not matter. */
static void merging_is_associative(void **state)
{
    static const char *const texts[] = {
        "{image: a, ports: ['80:80'], labels: {a: 1, b: 1}, cap_add: [A], command: x}",
        "{ports: ['81:81', '80:80'], labels: [b=2, c], cap_add: [B, A], logging: {driver: d}}",
        "{image: c, labels: {c: 3}, cap_add: [C], command: [y], logging: {options: {o: 1}}}",
    };
    struct node *services[3];
    struct fixture f;

    (void)state;
    begin(&f);
    for (int i = 0; i < 3; i++)
        services[i] = read_service(&f, texts[i]);
    struct node *left = merge_values(&f.arena, &service_attr,
            merge_values(&f.arena, &service_attr, services[0], services[1]), services[2]);
    struct node *right = merge_values(&f.arena, &service_attr, services[0],
            merge_values(&f.arena, &service_attr, services[1], services[2]));

    assert_true(node_is_equal(left, right));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_merges_as_its_name_says),
        cmocka_unit_test(pools_of_one_subnet_are_one_pool_and_others_are_replaced),
        cmocka_unit_test(merging_with_nothing_gives_the_other_one),
        cmocka_unit_test(merging_is_associative),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
