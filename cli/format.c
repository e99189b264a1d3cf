#include "cli/format.h"

#include <ctype.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "engine/container/container.h"

#define FOREIGN_TEXT_MAX 65536 /* of a line that is shown */

/* ---- Foreign text ---- */

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

/* U+0080 to U+009F in UTF-8, the other set of control characters: terminals obey those, too. */
static bool is_second_control(const unsigned char *p)
{
    return p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
}

static void add_clean(struct strbuf *out, const char *text, const char *kept)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (is_control(*p) && !strchr(kept, *p))
            strbuf_addf(out, "\\x%02x", *p);
        else if (is_second_control(p))
            strbuf_addf(out, "\\x%02x", *++p);
        else
            strbuf_addc(out, (char)*p);
    }
}

void format_add_clean(struct strbuf *out, const char *text)
{
    add_clean(out, text, "\t\n");
}

const char *format_clean_line(struct arena *arena, const char *text)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(FOREIGN_TEXT_MAX);

    add_clean(&out, text, "\t");
    return arena_strdup(arena, out.data);
}

/* After an escape character: behind what belongs to it (ECMA-48 5.3 to 5.6). */
static const unsigned char *skip_sequence(const unsigned char *p)
{
    if (*p == '[') {
        p++;
        while (*p >= 0x20 && *p < 0x40)
            p++;
        return *p >= 0x40 && *p < 0x7f ? p + 1 : p;
    }
    if (*p == ']' || *p == 'P' || *p == 'X' || *p == '^' || *p == '_') { /* up to BEL or ST */
        while (*p && *p != '\a' && *p != '\033')
            p++;
        return p[0] == '\a' ? p + 1 : p[0] && p[1] == '\\' ? p + 2 : p;
    }
    while (*p >= 0x20 && *p < 0x30)
        p++;
    return *p >= 0x30 && *p < 0x7f ? p + 1 : p;
}

const char *format_strip_controls(struct arena *arena, const char *text)
{
    char *clean = arena_alloc(arena, strlen(text) + 1), *to = clean;
    const unsigned char *p = (const unsigned char *)text;

    while (*p) {
        if (*p == '\033')
            p = skip_sequence(p + 1);
        else if (is_second_control(p))
            p += 2;
        else if (is_control(*p) && *p != '\t')
            p++;
        else
            *to++ = (char)*p++;
    }
    *to = '\0';
    return clean;
}

/* ---- Texts of Docker's tables ---- */

/* One character of UTF-8; invalid bytes count as one each. */
static const char *next_character(const char *p, uint32_t *ret)
{
    const unsigned char *u = (const unsigned char *)p;
    unsigned more = u[0] >= 0xf0 ? 3 : u[0] >= 0xe0 ? 2 : u[0] >= 0xc0 ? 1 : 0;
    uint32_t c = more == 0 ? u[0] : u[0] & (0x3fu >> more);

    for (unsigned i = 1; i <= more; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            *ret = u[0];
            return p + 1;
        }
        c = c << 6 | (u[i] & 0x3f);
    }
    *ret = c;
    return p + 1 + more;
}

/* Whatever the user's locale is, the widths are those of Unicode. Made once, for all threads, and kept. */
static locale_t unicode_locale;

static void make_unicode_locale(void)
{
    unicode_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* Needs the locale of Unicode; control characters and what is not assigned count as one. */
static unsigned character_width(uint32_t c)
{
    int width = wcwidth((wchar_t)c);

    return width < 0 ? 1 : (unsigned)width;
}

unsigned format_text_width(const char *text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    locale_t users = (locale_t)0;
    unsigned width = 0;
    uint32_t c;

    pthread_once(&once, make_unicode_locale);
    if (unicode_locale)
        users = uselocale(unicode_locale);
    for (const char *p = text; *p;) {
        p = next_character(p, &c);
        width += c < 0x80 ? 1 : character_width(c);
    }
    if (users)
        (void)uselocale(users);
    return width;
}

const char *format_ellipsis(struct arena *arena, const char *text, size_t max)
{
    const char *p = text, *cut = text;
    size_t count = 0;
    uint32_t c;

    while (*p) {
        if (count + 1 == max)
            cut = p;
        p = next_character(p, &c);
        if (++count > max)
            return arena_printf(arena, "%.*s…", (int)(cut - text), text);
    }
    return text;
}

static const char *format_scaled(struct arena *arena, uint64_t bytes, double base,
        const char *const *units, size_t unit_count, const char *format)
{
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= base && unit + 1 < unit_count) {
        value /= base;
        unit++;
    }
    char number[32];
    snprintf(number, sizeof(number), strcmp(format, "3") == 0 ? "%.3g" : "%.4g", value);
    return arena_printf(arena, "%s%s", number, units[unit]);
}

const char *format_size(struct arena *arena, uint64_t bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };

    return format_scaled(arena, bytes, 1000, units, ARRAY_LEN(units), "3");
}

const char *format_size_binary(struct arena *arena, uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

    return format_scaled(arena, bytes, 1024, units, ARRAY_LEN(units), "4");
}

const char *format_short_id(struct arena *arena, const char *id)
{
    if (string_has_prefix(id, "sha256:"))
        id += strlen("sha256:");
    return arena_strndup(arena, id, strnlen(id, CONTAINER_SHORT_ID));
}

const char *format_ago(struct arena *arena, int64_t then_nsec, int64_t now_nsec)
{
    char buffer[TIME_HUMAN_MAX];

    if (then_nsec == 0)
        return "N/A";
    return arena_printf(
            arena, "%s ago", time_format_human((now_nsec - then_nsec) / NSEC_PER_USEC, buffer));
}

const char *format_created_at(struct arena *arena, int64_t realtime_nsec)
{
    time_t seconds = (time_t)(realtime_nsec / NSEC_PER_SEC);
    struct tm tm;
    char text[64];

    if (!localtime_r(&seconds, &tm) ||
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &tm) == 0)
        return "N/A";
    return arena_strdup(arena, text);
}

const char *format_go_time(struct arena *arena, const char *rfc3339)
{
    size_t len = rfc3339 ? strlen(rfc3339) : 0;

    if (len < 20 || rfc3339[10] != 'T' || rfc3339[len - 1] != 'Z')
        return rfc3339 ? rfc3339 : "";
    return arena_printf(arena, "%.10s %.*s +0000 UTC", rfc3339, (int)(len - 12), rfc3339 + 11);
}

const char *format_local_time(struct arena *arena, uint64_t realtime_usec)
{
    time_t seconds = (time_t)(realtime_usec / USEC_PER_SEC);
    struct tm tm;
    char text[64];

    if (realtime_usec == 0 || !localtime_r(&seconds, &tm) ||
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return "";
    return arena_strdup(arena, text);
}

/* A published or exposed port, or several in a row. */
struct port_range {
    const char *host_ip, *protocol; /* host_ip NULL: only exposed */
    unsigned host, first, last;     /* host: of the first */
};
struct port_ranges {
    struct port_range *items;
    size_t len, cap;
};

/* As Docker orders them. */
static int compare_ranges(const void *a, const void *b)
{
    const struct port_range *x = a, *y = b;
    int r = (x->first > y->first) - (x->first < y->first);

    if (r == 0)
        r = strcmp(x->host_ip ? x->host_ip : "", y->host_ip ? y->host_ip : "");
    if (r == 0)
        r = (x->host > y->host) - (x->host < y->host);
    return r ? r : strcmp(x->protocol, y->protocol);
}

static bool port_is_published(
        const struct container *container, unsigned port, const char *protocol)
{
    for (size_t i = 0; i < container->bindings.len; i++)
        if (container->bindings.items[i].container_port == port &&
                string_is_equal(container->bindings.items[i].protocol, protocol))
            return true;
    return false;
}

static void collect_exposed(
        struct arena *arena, const struct container *container, struct port_ranges *ranges)
{
    for (char **p = container->config.exposed_ports; p && *p; p++) {
        const char *slash = strchr(*p, '/');
        const char *protocol = slash ? slash + 1 : "tcp";
        char number[8];
        size_t len = slash ? (size_t)(slash - *p) : strlen(*p);
        unsigned port = 0;

        if (len == 0 || len >= sizeof(number))
            continue;
        for (size_t i = 0; i < len; i++)
            port = port * 10 + (unsigned)((*p)[i] - '0');
        if (port_is_published(container, port, protocol))
            continue;
        *ARRAY_APPEND_ARENA(arena,
                ranges) = (struct port_range){ .protocol = protocol, .first = port, .last = port };
    }
}

static bool has_other_number(const struct port_range *range)
{
    return range->host_ip && range->host != range->first;
}

static bool is_same_kind(const struct port_range *a, const struct port_range *b)
{
    return string_is_equal(a->protocol, b->protocol) &&
           (string_is_equal(a->host_ip, b->host_ip) || (!a->host_ip && !b->host_ip));
}

/* Ports in a row are one entry, where the host's have the same numbers. */
static void join_ranges(
        struct arena *arena, const struct port_ranges *ranges, struct port_ranges *ret)
{
    for (size_t i = 0; i < ranges->len; i++) {
        const struct port_range *this = &ranges->items[i];
        struct port_range *row = NULL;

        for (size_t j = 0; j < ret->len; j++) /* the last one of its kind */
            if (is_same_kind(&ret->items[j], this) && !has_other_number(&ret->items[j]))
                row = &ret->items[j];
        if (row && !has_other_number(this) && row->last + 1 == this->first)
            row->last = this->last;
        else
            *ARRAY_APPEND_ARENA(arena, ret) = *this;
    }
}

static void add_range(struct strbuf *text, const struct port_range *range)
{
    strbuf_adds(text, text->len ? ", " : "");
    if (range->host_ip) {
        strbuf_addf(text, strchr(range->host_ip, ':') ? "[%s]:%u" : "%s:%u", range->host_ip,
                range->host);
        if (range->last != range->first)
            strbuf_addf(text, "-%u", range->last);
        strbuf_adds(text, "->");
    }
    strbuf_addf(text, "%u", range->first);
    if (range->last != range->first)
        strbuf_addf(text, "-%u", range->last);
    strbuf_addf(text, "/%s", range->protocol);
}

const char *format_ports(struct arena *arena, const struct container *container)
{
    struct port_ranges ranges = { 0 }, joined = { 0 };
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(65536);

    if (!container_is_running(container))
        return "";
    for (size_t i = 0; i < container->bindings.len; i++) {
        const struct container_binding *b = &container->bindings.items[i];

        *ARRAY_APPEND_ARENA(arena, &ranges) = (struct port_range){
            .host_ip = string_is_empty(b->host_ip) ? "0.0.0.0" : b->host_ip,
            .protocol = b->protocol ? b->protocol : "tcp",
            .host = b->host_port,
            .first = b->container_port,
            .last = b->container_port,
        };
    }
    collect_exposed(arena, container, &ranges);
    if (ranges.len > 1)
        qsort(ranges.items, ranges.len, sizeof(*ranges.items), compare_ranges);
    join_ranges(arena, &ranges, &joined);
    /* Those that have another number outside come last. */
    for (int other = 0; other < 2; other++)
        for (size_t i = 0; i < joined.len; i++)
            if (has_other_number(&joined.items[i]) == (other == 1))
                add_range(&text, &joined.items[i]);
    return arena_strdup(arena, text.data ? text.data : "");
}

/* As Docker: the program as it is, arguments with blanks in quotes. */
static void add_word(struct strbuf *text, const char *word)
{
    bool quoted = text->len > 0 && strchr(word, ' ');

    strbuf_addf(text, "%s%s%s%s", text->len ? " " : "", quoted ? "'" : "", word, quoted ? "'" : "");
}

const char *format_command(struct arena *arena, const struct container *container)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1u << 20);

    for (char **p = container->config.entrypoint; p && *p; p++)
        add_word(&text, *p);
    for (char **p = container->config.cmd; p && *p; p++)
        add_word(&text, *p);
    return arena_strdup(arena, text.data);
}

void format_add_url_query(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-_.~", c))
            strbuf_addc(out, (char)c);
        else if (c == ' ')
            strbuf_addc(out, '+');
        else
            strbuf_addf(out, "%%%02X", c);
    }
}
