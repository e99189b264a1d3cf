#include "cli/lint-sarif.h"

#include <string.h>

#include "base/diag.h"
#include "base/digest.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "cli/version.h"
#include "compose/lint.h"

#define SARIF_SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"
#define URI_MAX_BYTES (LIMIT_PATH_BYTES * 3 + 8)
#define KEY_MAX_BYTES (1u << 20)

static const char *const levels[] = {
    [DIAG_ERROR] = "error",
    [DIAG_WARNING] = "warning",
    [DIAG_NOTE] = "note",
};
_Static_assert(ARRAY_LEN(levels) == DIAG_SEVERITY_MAX_, "name every severity");

static json_t *text_object(const char *text)
{
    json_t *object = json_object();

    json_object_set_new(object, "text", jsonx_text(text));
    return object;
}

static json_t *rule_json(const struct lint_rule *rule)
{
    json_t *object = json_object(), *level = json_object();
    auto_(strbuf_release) struct strbuf help = STRBUF_INIT(KEY_MAX_BYTES);

    strbuf_addf(&help, "%s\n\n%s", rule->why, rule->fix);
    json_object_set_new(level, "level", json_string(levels[rule->severity]));
    json_object_set_new(object, "id", json_string(rule->name));
    json_object_set_new(object, "shortDescription", text_object(rule->help));
    json_object_set_new(object, "fullDescription", text_object(rule->why));
    json_object_set_new(object, "help", text_object(help.data));
    json_object_set_new(object, "defaultConfiguration", level);
    return object;
}

/* A path as a relative reference, or as a file address when it is absolute. */
static void add_uri(struct strbuf *out, const char *path)
{
    static const char plain[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";

    if (path_is_absolute(path))
        strbuf_adds(out, "file://");
    while (!path_is_absolute(path) && string_has_prefix(path, "./"))
        path += 2;
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (strchr(plain, *p))
            strbuf_addc(out, (char)*p);
        else
            strbuf_addf(out, "%%%02X", *p);
    }
}

static json_t *location_json(const char *file, unsigned line, unsigned column)
{
    json_t *physical = json_object(), *location = json_object();
    auto_(strbuf_release) struct strbuf uri = STRBUF_INIT(URI_MAX_BYTES);

    add_uri(&uri, file);
    json_object_set_new(physical, "artifactLocation", json_pack("{s:s}", "uri", uri.data));
    if (line) {
        json_t *region = json_object();

        json_object_set_new(region, "startLine", json_integer(line));
        if (column)
            json_object_set_new(region, "startColumn", json_integer(column));
        json_object_set_new(physical, "region", region);
    }
    json_object_set_new(location, "physicalLocation", physical);
    return location;
}

/* The files through which the finding's file came in. */
static void add_ways(json_t *result, const struct diag *diag, const struct diag_entry *entry)
{
    json_t *locations = json_array();

    for (struct diag_route route = diag_first_route(diag, entry); route.way;
            route = diag_next_route(diag, &route)) {
        json_t *location = location_json(route.from.file, route.from.line, route.from.column);

        json_object_set_new(location, "message", text_object(diag_way_name(route.way)));
        json_array_append_new(locations, location);
    }
    if (json_array_size(locations))
        json_object_set(result, "relatedLocations", locations);
    json_decref(locations);
}

/* By rule, file and message, which name what they speak of; equal ones are numbered. */
static void add_fingerprint(json_t *result, const struct diag_entry *entry, struct strmap *seen)
{
    auto_(strbuf_release) struct strbuf key = STRBUF_INIT(KEY_MAX_BYTES);
    char text[DIGEST_TEXT_MAX];

    strbuf_addf(
            &key, "%s\n%s\n%s", entry->id, entry->at.file ? entry->at.file : "", entry->message);
    uintptr_t number = (uintptr_t)strmap_get(seen, key.data) + 1;

    (void)strmap_set(seen, key.data, (void *)number);
    strbuf_addf(&key, "\n%zu", (size_t)number);
    digest_sha256(key.data, key.len, text);
    json_object_set_new(
            result, "partialFingerprints", json_pack("{s:s}", "berthFinding/v1", digest_hex(text)));
}

static json_t *result_json(
        const struct diag *diag, const struct diag_entry *entry, struct strmap *seen)
{
    const struct lint_rule *rule = lint_find_rule(entry->id);
    json_t *result = json_object(), *locations = json_array();
    auto_(strbuf_release) struct strbuf message = STRBUF_INIT(KEY_MAX_BYTES);

    strbuf_adds(&message, entry->message);
    if (entry->hint)
        strbuf_addf(&message, "\nHint: %s", entry->hint);
    json_object_set_new(result, "ruleId", jsonx_text(entry->id));
    if (rule)
        json_object_set_new(result, "ruleIndex", json_integer(rule - lint_rules));
    json_object_set_new(result, "level", json_string(levels[entry->severity]));
    json_object_set_new(result, "message", text_object(message.data));
    if (entry->at.file)
        json_array_append_new(
                locations, location_json(entry->at.file, entry->at.line, entry->at.column));
    json_object_set_new(result, "locations", locations);
    add_ways(result, diag, entry);
    add_fingerprint(result, entry, seen);
    return result;
}

void lint_print_sarif(struct cli *cli, const struct diag *diag)
{
    auto_(strmap_release) struct strmap seen = STRMAP_INIT;
    json_t *rules = json_array(), *results = json_array();

    for (size_t i = 0; i < lint_rules_len; i++)
        json_array_append_new(rules, rule_json(&lint_rules[i]));
    ARRAY_FOREACH(diag, entry)
        json_array_append_new(results, result_json(diag, entry, &seen));
    auto_json json_t *log = json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:s, s:o}]}",
            "$schema", SARIF_SCHEMA, "version", "2.1.0", "runs", "tool", "driver", "name", "berth",
            "version", BERTH_VERSION, "rules", rules, "columnKind", "unicodeCodePoints", "results",
            results);

    cli_print_json(cli, log, true);
}
