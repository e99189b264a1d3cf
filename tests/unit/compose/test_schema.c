#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "compose/project.h"
#include "compose/schema-types.h"
#include "compose/schema.h"

static void every_row_is_complete(void **state)
{
    (void)state;
    for (size_t t = 0; schema_tables[t]; t++) {
        const struct attr_table *table = schema_tables[t];

        assert_true(table->name && table->what && table->count > 0);
        for (size_t i = 0; i < table->count; i++) {
            const struct attr *row = &table->rows[i];

            if (!row->type || !row->spec || !row->help || !strchr(row->spec, '.'))
                fail_msg("%s.%s: type, spec or help is missing", table->name, row->name);
            if (row->help[strlen(row->help) - 1] != '.' && !strstr(row->help, "…"))
                fail_msg("%s.%s: help is no sentence", table->name, row->name);
            for (const char *p = row->name; *p; p++)
                assert_true(islower((unsigned char)*p) || *p == '_' || isdigit((unsigned char)*p));
        }
    }
}

static void names_are_unique_in_each_table(void **state)
{
    (void)state;
    for (size_t t = 0; schema_tables[t]; t++)
        for (size_t i = 0; i < schema_tables[t]->count; i++)
            assert_ptr_equal(schema_find(schema_tables[t], schema_tables[t]->rows[i].name),
                    &schema_tables[t]->rows[i]);
}

static void types_have_what_they_need(void **state)
{
    (void)state;
    for (size_t t = 0; schema_tables[t]; t++)
        for (size_t i = 0; i < schema_tables[t]->count; i++) {
            const struct attr *row = &schema_tables[t]->rows[i];
            bool words = row->type == &type_enum || row->type == &type_word;
            bool items = row->type == &type_list || row->type == &type_one_or_list ||
                         row->type == &type_map || row->type == &type_map_or_names ||
                         row->type == &type_ports || row->type == &type_gpus;

            assert_non_null(row->type->read);
            assert_int_equal(row->type == &type_struct, row->table != NULL);
            assert_int_equal(items, row->items != NULL);
            assert_int_equal(words, row->names != NULL);
            if (items)
                assert_non_null(row->items->table);
            if (row->item_key)
                assert_int_equal(row->merge, MERGE_UNIQUE);
            if (row->offset != ATTR_NO_OFFSET)
                assert_true(row->offset < schema_tables[t]->struct_size);
        }
}

static void fields_of_one_struct_do_not_overlap(void **state)
{
    (void)state;
    for (size_t t = 0; schema_tables[t]; t++)
        for (size_t i = 0; i < schema_tables[t]->count; i++)
            for (size_t j = 0; j < i; j++) {
                const struct attr *a = &schema_tables[t]->rows[i], *b = &schema_tables[t]->rows[j];

                if (a->offset != ATTR_NO_OFFSET && a->offset == b->offset)
                    fail_msg("%s: %s and %s share a field", schema_tables[t]->name, a->name,
                            b->name);
            }
}

static bool is_listed(const struct attr_table *table)
{
    for (size_t t = 0; schema_tables[t]; t++)
        if (schema_tables[t] == table)
            return true;
    return false;
}

static void every_table_that_a_row_leads_to_is_listed(void **state)
{
    (void)state;
    for (size_t t = 0; schema_tables[t]; t++)
        for (size_t i = 0; i < schema_tables[t]->count; i++) {
            const struct attr *row = &schema_tables[t]->rows[i];

            if (row->table && !is_listed(row->table))
                fail_msg("%s is not listed", row->table->name);
            if (row->items && row->items->table && !is_listed(row->items->table))
                fail_msg("%s is not listed", row->items->table->name);
        }
}

/* Every attribute of the specification's tables; a missing one fails here. */
static void the_service_table_has_every_attribute_of_the_specification(void **state)
{
    static const char *const names[] = { "annotations", "attach", "blkio_config", "build",
        "cap_add", "cap_drop", "cgroup", "cgroup_parent", "command", "configs", "container_name",
        "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime",
        "cpu_shares", "cpus", "cpuset", "credential_spec", "depends_on", "deploy", "develop",
        "device_cgroup_rules", "devices", "dns", "dns_opt", "dns_search", "domainname",
        "entrypoint", "env_file", "environment", "expose", "extends", "external_links",
        "extra_hosts", "gpus", "group_add", "healthcheck", "hostname", "image", "init", "ipc",
        "isolation", "label_file", "labels", "links", "logging", "mac_address", "mem_limit",
        "mem_reservation", "mem_swappiness", "memswap_limit", "models", "network_mode", "networks",
        "oom_kill_disable", "oom_score_adj", "pid", "pids_limit", "platform", "ports", "post_start",
        "pre_stop", "privileged", "profiles", "provider", "pull_policy", "pull_refresh_after",
        "read_only", "restart", "runtime", "scale", "secrets", "security_opt", "shm_size",
        "stdin_open", "stop_grace_period", "stop_signal", "storage_opt", "sysctls", "tmpfs", "tty",
        "ulimits", "use_api_socket", "user", "userns_mode", "uts", "volumes", "volumes_from",
        "working_dir" };

    (void)state;
    assert_int_equal(service_table.count, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!schema_find(&service_table, names[i]))
            fail_msg("no attribute \"%s\"", names[i]);
}

static const char *const sizes[][2] = { { "512m", "536870912" }, { "1.5k", "1536" },
    { "1gb", "1073741824" }, { "10", "10" }, { "-1", "-1" }, { "1 GiB", NULL }, { "big", NULL },
    { "", NULL }, { "1x", NULL } };
static const char *const durations[][2] = { { "90s", "1m30s" }, { "1d", "24h0m0s" },
    { "1h", "1h0m0s" }, { "1.5s", "1.5s" }, { "0s", "0s" }, { "10", NULL }, { "soon", NULL },
    { "", NULL } };
static const char *const booleans[][2] = { { "true", "true" }, { "Yes", "true" }, { "on", "true" },
    { "n", "false" }, { "OFF", "false" }, { "1", NULL }, { "0", NULL }, { "maybe", NULL } };

static void check_scalar(const struct attr_type *type, const char *text, const char *wanted)
{
    const struct attr attr = { .name = "x", .type = type };
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct schema_context context = {
        .arena = &arena, .diag = &diag, .path = STRBUF_INIT(SCHEMA_PATH_MAX)
    };
    const struct node *result = schema_read(
            &context, &attr, node_new_text(&arena, text, &SOURCE_NONE));

    if (wanted && !result)
        fail_msg("%s \"%s\": %s", type->name, text, diag.items[0].message);
    if (!wanted)
        assert_int_equal(diag.errors, 1);
    if (wanted)
        assert_string_equal(node_scalar_text(&arena, result), wanted);
    strbuf_release(&context.path);
    diag_release(&diag);
    arena_release(&arena);
}

static void texts_become_sizes_durations_and_booleans(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if (strcmp(sizes[i][0], "1 GiB") != 0) /* blanks inside: as base/parse decides */
            check_scalar(&type_size, sizes[i][0], sizes[i][1]);
    for (size_t i = 0; i < ARRAY_LEN(durations); i++)
        check_scalar(&type_duration, durations[i][0], durations[i][1]);
    for (size_t i = 0; i < ARRAY_LEN(booleans); i++)
        check_scalar(&type_bool, booleans[i][0], booleans[i][1]);
}

static void a_command_line_is_split_as_a_shell_does(void **state)
{
    static const struct {
        const char *text;
        const char *words[6];
    } cases[] = {
        { "a b  c", { "a", "b", "c" } },
        { "a 'b c' \"d e\"", { "a", "b c", "d e" } },
        { "a\\ b \"c\\\"d\" 'e\\f'", { "a b", "c\"d", "e\\f" } },
        { "a '' \"\"", { "a", "", "" } },
        { "x='1 2'y", { "x=1 2y" } },
        { "$(a b) c", { "$(a b)", "c" } },
        { "a | b", { "a" } },
        { "a; b", { "a" } },
        { "a 2>x", { "a" } },
        { "", { NULL } },
        { "  ", { NULL } },
    };
    static const char *const open[] = { "'a", "\"a", "a\\", "a (b)", "$(a" };
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct node *list = command_split(&arena, cases[i].text, &SOURCE_NONE);
        uint32_t count = 0;

        assert_non_null(list);
        for (; cases[i].words[count]; count++) {
            assert_true(count < list->len);
            assert_string_equal(list->items[count]->text, cases[i].words[count]);
        }
        assert_int_equal(list->len, count);
    }
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        assert_null(command_split(&arena, open[i], &SOURCE_NONE));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(names_are_unique_in_each_table),
        cmocka_unit_test(types_have_what_they_need),
        cmocka_unit_test(fields_of_one_struct_do_not_overlap),
        cmocka_unit_test(every_table_that_a_row_leads_to_is_listed),
        cmocka_unit_test(the_service_table_has_every_attribute_of_the_specification),
        cmocka_unit_test(texts_become_sizes_durations_and_booleans),
        cmocka_unit_test(a_command_line_is_split_as_a_shell_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
