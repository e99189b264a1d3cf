/* The JSON Schema that is printed from the table, and that it says of files what loading says of them. A
 * validator of the few keywords that it uses is below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/schema-json.h"
#include "compose/schema.h"
#include "compose/yaml.h"

#define FOLDER TEST_DATA "/golden/compose"
#define FILE_MAX_BYTES (1u << 20)

struct validator {
    json_t *root;
    struct arena arena;
    bool null_keeps; /* a file that is merged onto another: null says nothing */
    char why[512];   /* of the last refusal: where, and which keyword */
};

static bool is_valid(
        struct validator *v, const json_t *schema, const struct node *node, const char *path);

static bool refuse(struct validator *v, const char *path, const char *keyword)
{
    (void)snprintf(v->why, sizeof(v->why), "%s: %s", path, keyword);
    return false;
}

static const json_t *follow(const struct validator *v, const char *reference)
{
    static const char prefix[] = "#/$defs/";

    assert_int_equal(strncmp(reference, prefix, strlen(prefix)), 0);
    const json_t *definition = json_object_get(
            json_object_get(v->root, "$defs"), reference + strlen(prefix));
    if (!definition)
        fail_msg("nothing is at %s", reference);
    return definition;
}

static bool has_type(const struct node *node, const char *type)
{
    switch (node->kind) {
    case NODE_NULL:
        return strcmp(type, "null") == 0;
    case NODE_BOOL:
        return strcmp(type, "boolean") == 0;
    case NODE_INT:
        return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
    case NODE_FLOAT:
        return strcmp(type, "number") == 0 ||
               (strcmp(type, "integer") == 0 && node->number == (double)(int64_t)node->number);
    case NODE_TEXT:
        return strcmp(type, "string") == 0;
    case NODE_LIST:
        return strcmp(type, "array") == 0;
    case NODE_MAP:
        return strcmp(type, "object") == 0;
    case NODE_KIND_MAX_:
        break;
    }
    return false;
}

static bool is_of_type(const struct node *node, const json_t *type)
{
    size_t i;
    json_t *one;

    if (json_is_string(type))
        return has_type(node, json_string_value(type));
    json_array_foreach(type, i, one)
    {
        if (has_type(node, json_string_value(one)))
            return true;
    }
    return false;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;

    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        fail_msg("not a pattern: %s", pattern);
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static bool has_extension_pattern(const json_t *schema, const char *key)
{
    const char *pattern;
    json_t *value;

    json_object_foreach(json_object_get(schema, "patternProperties"), pattern, value)
    {
        if (matches(key, pattern))
            return true;
    }
    return false;
}

static bool check_members(
        struct validator *v, const json_t *schema, const struct node *map, const char *path)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *names = jsonx_string(json_object_get(schema, "propertyNames"), "pattern");
    size_t i;
    json_t *name;

    NODE_FOREACH(map, entry) {
        const char *below = arena_printf(&v->arena, "%s.%s", path, entry->key);
        const json_t *member = json_object_get(properties, entry->key);

        if (names && !matches(entry->key, names))
            return refuse(v, below, "propertyNames");
        if (!member && has_extension_pattern(schema, entry->key))
            continue;
        if (!member && json_is_false(others))
            return refuse(v, below, "additionalProperties");
        if (!member)
            member = others;
        if (member && !is_valid(v, member, entry->value, below))
            return false;
    }
    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        if (!node_get(map, json_string_value(name)))
            return refuse(v, path, json_string_value(name));
    }
    return true;
}

static bool check_scalar(
        struct validator *v, const json_t *schema, const struct node *node, const char *path)
{
    const char *pattern = jsonx_string(schema, "pattern"), *word = jsonx_string(schema, "const");
    const json_t *words = json_object_get(schema, "enum");
    bool found = !words;
    size_t i;
    json_t *one;

    if (pattern && node->kind == NODE_TEXT && !matches(node->text, pattern))
        return refuse(v, path, pattern);
    if (word && (node->kind != NODE_TEXT || strcmp(word, node->text) != 0))
        return refuse(v, path, word);
    json_array_foreach(words, i, one)
    {
        found = found ||
                (node->kind == NODE_TEXT && strcmp(json_string_value(one), node->text) == 0);
    }
    if (!found)
        return refuse(v, path, "enum");
    if (node->kind == NODE_INT && (node->integer < jsonx_int(schema, "minimum", INT64_MIN) ||
                                          node->integer > jsonx_int(schema, "maximum", INT64_MAX)))
        return refuse(v, path, "minimum, maximum");
    return true;
}

static bool is_any_of(
        struct validator *v, const json_t *schema, const struct node *node, const char *path)
{
    const json_t *choices = json_object_get(schema, "anyOf");
    size_t i;
    json_t *choice;

    json_array_foreach(choices, i, choice)
    {
        if (is_valid(v, choice, node, path))
            return true;
    }
    return !choices;
}

static bool is_valid(
        struct validator *v, const json_t *schema, const struct node *node, const char *path)
{
    const char *reference = jsonx_string(schema, "$ref");
    const json_t *type = json_object_get(schema, "type"), *items = json_object_get(schema, "items");
    size_t i;
    json_t *part;

    if (node->kind == NODE_NULL && v->null_keeps)
        return true;
    if (node->flags & (NODE_RESET | NODE_OVERRIDE)) /* tags of Compose are nothing to JSON */
        return true;
    if (reference && !is_valid(v, follow(v, reference), node, path))
        return false;
    if (type && !is_of_type(node, type))
        return refuse(v, path, "type");
    if (!check_scalar(v, schema, node, path) || !is_any_of(v, schema, node, path))
        return false;
    json_array_foreach(json_object_get(schema, "allOf"), i, part)
    {
        if (!is_valid(v, part, node, path))
            return false;
    }
    for (uint32_t n = 0; items && node->kind == NODE_LIST && n < node->len; n++) {
        if (!is_valid(v, items, node->items[n], arena_printf(&v->arena, "%s[%u]", path, n)))
            return false;
    }
    return node->kind != NODE_MAP || check_members(v, schema, node, path);
}

static int load_schema(void **state)
{
    static struct validator validator;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(FILE_MAX_BYTES);

    schema_print_json(&text);
    assert_false(strbuf_is_truncated(&text));
    assert_int_equal(jsonx_parse(text.data, text.len, "schema", &validator.root, NULL), 0);
    *state = &validator;
    return 0;
}

static int free_schema(void **state)
{
    struct validator *v = *state;

    json_decref(v->root);
    arena_release(&v->arena);
    return 0;
}

/* Every reference in it leads somewhere, every pattern compiles. */
static void check_references(const struct validator *v, const json_t *json)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_object(json) && jsonx_string(json, "$ref"))
        (void)follow(v, jsonx_string(json, "$ref"));
    if (json_is_object(json) && jsonx_string(json, "pattern"))
        (void)matches("", jsonx_string(json, "pattern"));
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        check_references(v, value);
    }
    json_array_foreach(json, i, value)
    {
        check_references(v, value);
    }
}

static void every_reference_leads_to_a_definition(void **state)
{
    const struct validator *v = *state;

    check_references(v, v->root);
}

static void every_table_and_every_row_is_in_it(void **state)
{
    const struct validator *v = *state;

    for (size_t t = 0; schema_tables[t]; t++) {
        auto_(strbuf_release) struct strbuf name = STRBUF_INIT(256);

        schema_add_definition_name(schema_tables[t]->name, &name);
        const json_t *table = t == 0 ? v->root
                                     : json_object_get(
                                               json_object_get(v->root, "$defs"), name.data);
        const json_t *properties = json_object_get(table, "properties");

        if (json_object_size(properties) != schema_tables[t]->count)
            fail_msg("definition %s: %zu properties for %zu rows", name.data,
                    json_object_size(properties), schema_tables[t]->count);
        assert_true(json_is_false(json_object_get(table, "additionalProperties")));
        for (size_t i = 0; i < schema_tables[t]->count; i++) {
            const json_t *row = json_object_get(properties, schema_tables[t]->rows[i].name);

            assert_non_null(jsonx_string(row, "description"));
        }
    }
}

static bool text_is_valid(struct validator *v, const char *text, size_t len)
{
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct yaml_documents documents = { 0 };
    const struct yaml_text file = { .file = "compose.yaml", .data = text, .len = len };
    bool valid = yaml_parse(&arena, &file, &documents, &diag) == 0;

    for (size_t i = 0; valid && i < documents.len; i++)
        valid = documents.items[i]->kind == NODE_NULL ||
                is_valid(v, v->root, documents.items[i], "");
    diag_release(&diag);
    arena_release(&arena);
    return valid;
}

static void files_that_load_are_valid_by_it(void **state)
{
    struct dirent **entries;
    int count = scandir(FOLDER, &entries, NULL, alphasort), seen = 0;

    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        static const char *const names[] = { "compose.yaml", "one.yaml", "two.yaml",
            "expected/config.yaml" };
        char path[4096];

        (void)snprintf(
                path, sizeof(path), "%s/%s/expected/config.yaml", FOLDER, entries[i]->d_name);
        bool loads = access(path, F_OK) == 0;

        for (size_t n = 0; loads && n < ARRAY_LEN(names); n++) {
            auto_free char *text = NULL;
            size_t len;

            (void)snprintf(path, sizeof(path), "%s/%s/%s", FOLDER, entries[i]->d_name, names[n]);
            if (fs_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text, &len, NULL) < 0)
                continue;
            ((struct validator *)*state)->null_keeps = strcmp(names[n], "two.yaml") == 0;
            if (!text_is_valid(*state, text, len))
                fail_msg("%s: %s", path, ((struct validator *)*state)->why);
            seen++;
        }
        free(entries[i]);
    }
    free(entries);
    ((struct validator *)*state)->null_keeps = false;
    assert_true(seen > 5);
}

static void files_with_wrong_attributes_are_not(void **state)
{
    static const char *const names[] = { "unknown-attributes", "wrong-types", "top-level-list" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_free char *text = NULL;
        char path[4096];
        size_t len;

        (void)snprintf(path, sizeof(path), "%s/%s/compose.yaml", FOLDER, names[i]);
        assert_int_equal(fs_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text, &len, NULL), 0);
        if (text_is_valid(*state, text, len))
            fail_msg("%s is valid", path);
    }
}

static void forms_of_one_value_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        { "services: {a: {image: x, build: .}}", true },
        { "services: {a: {build: {context: ., dockerfile: 1}}}", false },
        { "services: {a: {image: x, ports: [80, '80:80', {target: 80}]}}", true },
        { "services: {a: {image: x, ports: [{target: 80, targt: 1}]}}", false },
        { "services: {a: {image: x, stop_grace_period: 1m30s}}", true },
        { "services: {a: {image: x, stop_grace_period: 10}}", false },
        { "services: {a: {image: x, stop_grace_period: '${T:-1s}'}}", true },
        { "services: {a: {image: x, init: 'yes', tty: '${X}'}}", true },
        { "services: {a: {image: x, init: maybe}}", false },
        { "services: {a: {image: x, mem_limit: 1.5gb, shm_size: 64}}", true },
        { "services: {a: {image: x, mem_limit: 0x1.8p4m, cpus: \"0x1p-1\"}}", true },
        { "services: {a: {image: x, mem_limit: 0x1m}}", false },
        { "services: {a: {image: x, mem_limit: much}}", false },
        { "services: {a: {image: x, environment: {A: 1, B: null}}}", true },
        { "services: {a: {image: x, environment: {A: [1]}}}", false },
        { "services: {a: {image: x, depends_on: {b: {condition: service_healthy}}}}", true },
        { "services: {a: {image: x, depends_on: {b: {condition: healthy}}}}", false },
        { "services: {a: {image: x, gpus: all}}", true },
        { "services: {a: {image: x, gpus: some}}", false },
        { "services: {a: {image: x, networks: [n]}}\nnetworks: {n: }", true },
        { "services: {a: {image: x, oom_score_adj: 2000}}", false },
        { "services: {a: {image: x, ulimits: {nofile: {soft: 1}}}}", false },
        { "services: {a: {image: x, x-y: [1]}}\nx-z: 1", true },
        { "services: {'a b': {image: x}}", false },
        { "servces: {}", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (text_is_valid(*state, cases[i].text, strlen(cases[i].text)) != cases[i].valid)
            fail_msg("%s: %s %s", cases[i].text, cases[i].valid ? "not valid" : "valid",
                    cases[i].valid ? ((struct validator *)*state)->why : "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reference_leads_to_a_definition),
        cmocka_unit_test(every_table_and_every_row_is_in_it),
        cmocka_unit_test(files_that_load_are_valid_by_it),
        cmocka_unit_test(files_with_wrong_attributes_are_not),
        cmocka_unit_test(forms_of_one_value_are_told_apart),
    };

    return cmocka_run_group_tests(tests, load_schema, free_schema);
}
