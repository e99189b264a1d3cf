/* Rules on secrets that are written where everybody can read them. No value is ever repeated in a text. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "compose/lint-internal.h"

/* Upper case, for names. */
static const char *upper(struct lint *lint, const char *name)
{
    char *text = arena_strdup(lint->arena, name);

    for (char *p = text; *p; p++)
        if (*p >= 'a' && *p <= 'z')
            *p &= ~0x20;
    return text;
}

/* By the end of the name: PASSWORD_MIN_LENGTH and SECRET_NAME hold none. */
static bool names_secret(struct lint *lint, const char *name)
{
    static const char *const ends[] = { "PASSWORD", "PASSWD", "PASSPHRASE", "_PASS", "_PWD",
        "SECRET", "TOKEN", "APIKEY", "_KEY", "KEY_BASE", "CREDENTIALS" };
    static const char *const harmless[] = { "PUBLIC_KEY", "PUB_KEY", "PRIMARY_KEY", "SORT_KEY",
        "CACHE_KEY", "PARTITION_KEY", "FOREIGN_KEY" };
    const char *text = upper(lint, name);

    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        if (string_has_suffix(text, harmless[i]))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (string_has_suffix(text, ends[i]))
            return true;
    return false;
}

/* Switches, numbers and paths say something about a secret without being one. */
static bool holds_secret(struct lint *lint, const char *value)
{
    static const char *const switches[] = { "TRUE", "FALSE", "YES", "NO", "ON", "OFF", "NONE",
        "NULL", "DISABLED", "ENABLED", "AUTO" };
    const char *text;

    while (*value == '"' || *value == '\'')
        value++;
    text = upper(lint, value);
    if (!*value || *value == '/' || strchr(value, '$') || strlen(value) < 2)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(switches); i++)
        if (strcmp(text, switches[i]) == 0)
            return false;
    return true;
}

/* scheme://user:password@host with a password that is written out. */
static bool holds_credentials(const char *value)
{
    const char *scheme = strstr(value, "://");
    const char *start = scheme ? scheme + 3 : NULL;
    const char *end = start ? start + strcspn(start, "/?# ") : NULL;
    const char *at = start ? memchr(start, '@', (size_t)(end - start)) : NULL;
    const char *colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;

    return colon && at - colon > 1 && !memchr(colon, '$', (size_t)(at - colon));
}

static void check_variable(struct lint *lint, const struct written_pair *pair)
{
    struct diag_entry *entry;

    if (pair->text && names_secret(lint, pair->key) && holds_secret(lint, pair->text)) {
        entry = lint_add(lint, &pair->at,
                "services.%s.environment.%s: looks like a secret that is written out", lint->key,
                pair->key);
        lint_hint(lint, entry,
                "use `secrets` with %s_FILE where the image knows it, or ${%s} with the value in a "
                "file that is not checked in",
                pair->key, pair->key);
    } else if (pair->text && holds_credentials(pair->text)) {
        entry = lint_add(lint, &pair->at,
                "services.%s.environment.%s: the address holds a password that is written out",
                lint->key, pair->key);
        lint_hint(lint, entry,
                "write ${…} for the password, with the value in a file that is not checked in");
    }
}

void rule_secret_in_environment(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    (void)file;
    lint_each_pair(lint, service, "environment", check_variable);
}

static void check_argument(struct lint *lint, const struct written_pair *pair)
{
    if (!names_secret(lint, pair->key) ||
            (pair->text && !strchr(pair->text, '$') && !holds_secret(lint, pair->text)))
        return;
    struct diag_entry *entry = lint_add(lint, &pair->at,
            "services.%s.build.args.%s: stays readable in the history of the image", lint->key,
            pair->key);

    lint_hint(lint, entry, "use `build.secrets` and RUN --mount=type=secret");
}

void rule_secret_in_build_args(
        struct lint *lint, const struct loaded_file *file, const struct node *service)
{
    (void)file;
    lint_each_pair(lint, service, "build.args", check_argument);
}
