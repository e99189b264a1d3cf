/* [Volume]: `volume create`; and Volume= of the types that mount one. */
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "quadlet/depend.h"
#include "quadlet/number-internal.h"
#include "quadlet/resource-internal.h"
#include "quadlet/translate-internal.h"
#include "units/name.h"

const char *resource_name(const struct translation *t, const char *key)
{
    const char *name = own_value_set(t, key);
    struct str base = unit_name_split(t->quadlet->name).base;

    if (name)
        return name;
    if (strchr(t->quadlet->name, '@'))
        return arena_printf(t->arena, "systemd-%.*s-%%i", (int)base.len - 1, base.data);
    return arena_printf(t->arena, "systemd-%.*s", STR_FMT(base));
}

/* Digits with an optional sign before them, as a C library reads them. */
static bool read_digits(const char *text, unsigned base, int64_t *ret)
{
    bool is_negative = *text == '-';
    int64_t value = 0;

    if (*text == '-' || *text == '+')
        text++;
    if (!*text)
        return false;
    for (; *text; text++) {
        static const char digits[] = "0123456789abcdef";
        const char lower = *text >= 'A' && *text <= 'F' ? (char)(*text - 'A' + 'a') : *text;
        const char *digit = memchr(digits, lower, base);

        if (!digit || __builtin_mul_overflow(value, (int64_t)base, &value) ||
                __builtin_add_overflow(value, (int64_t)(digit - digits), &value))
            return false;
    }
    *ret = is_negative ? -value : value;
    return true;
}

uint32_t quadlet_number(const char *value)
{
    int64_t number;
    bool is_negative = false, is_read;

    if (!value)
        return 0;
    if (*value == '+' || *value == '-')
        is_negative = *value++ == '-';
    if (string_has_prefix(value, "0x") || string_has_prefix(value, "0X"))
        is_read = read_digits(value + 2, 16, &number);
    else
        is_read = read_digits(value, *value == '0' ? 8 : 10, &number);
    /* A second sign, as in "--5", is a mistake of Podman's that nobody writes. */
    return is_read && !is_negative && number >= 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

void special_volume(struct translation *t)
{
    struct unit_lines volumes = own_lines(t, "Volume");

    ARRAY_FOREACH(&volumes, line) {
        const char *colon = strchr(line->value, ':');

        command_add(t, "-v");
        if (!colon) {
            command_add(t, line->value);
            continue;
        }
        const char *source = arena_strndup(t->arena, line->value, (size_t)(colon - line->value));
        if (*source)
            source = depend_resolve_source(t, line, source, false);
        if (!source)
            continue;
        /* Without a source only the path in the container is left; options are lost, as in Podman. */
        if (*source)
            command_add(t, arena_join(t->arena, source, colon, NULL));
        else
            command_add(t, arena_strndup(t->arena, colon + 1, strcspn(colon + 1, ":")));
    }
}

static void add_owner(
        struct translation *t, struct strbuf *options, const char *key, const char *name)
{
    const struct unit_line *line = own_line(t, key);

    if (line)
        strbuf_addf(options, "%s%s=%u", options->len ? "," : "", name,
                quadlet_number(own_value(t, key)));
}

/* A volume on a device, or in a directory with options. */
static void add_local(struct translation *t)
{
    auto_(strbuf_release) struct strbuf options = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    const char *device = own_value_set(t, "Device"), *type = own_value_set(t, "Type");
    const char *more = own_value_set(t, "Options");

    add_owner(t, &options, "User", "uid");
    add_owner(t, &options, "Group", "gid");
    if (own_line(t, "Copy"))
        command_add_option(t, "--opt", own_is_true(t, "Copy", false) ? "copy" : "nocopy");
    if (device)
        command_add_option(t, "--opt", arena_printf(t->arena, "device=%s", device));
    if (type && !device) {
        translation_error(t, own_line(t, "Type"), "key Type can't be used without Device");
    } else if (type) {
        command_add_option(t, "--opt", arena_printf(t->arena, "type=%s", type));
        if (strcmp(type, "bind") == 0)
            unitfile_add(&t->service, "Unit", "RequiresMountsFor",
                    quote_is_needed(device) ? quote_word(t->arena, device) : device);
    }
    if (more && !device && quadlet_keeps_quirks(t->options))
        translation_error(t, own_line(t, "Options"), "key Options can't be used without Device");
    else if (more)
        strbuf_addf(&options, "%s%s", options.len ? "," : "", more);
    if (options.len)
        command_add_option(t, "--opt", arena_printf(t->arena, "o=%s", options.data));
}

void special_volume_driver(struct translation *t)
{
    const char *driver = own_value(t, "Driver");

    if (driver && t->options->engine == QUADLET_ENGINE_BERTH && strcmp(driver, "local") != 0 &&
            strcmp(driver, "image") != 0)
        translation_error(t, own_line(t, "Driver"),
                "Driver=%s is not supported by berth: only local and image", driver);
    if (driver)
        command_add_option(t, "--driver", driver);
    if (!driver || strcmp(driver, "image") != 0) {
        add_local(t);
        return;
    }
    const char *image = own_value(t, "Image");
    if (!image) {
        translation_error(
                t, own_line(t, "Driver"), "the key Image is mandatory when using the image driver");
        return;
    }
    image = depend_resolve_image(t, own_line(t, "Image"), image);
    if (image)
        command_add_option(t, "--opt", arena_printf(t->arena, "image=%s", image));
}

void translate_volume(struct translation *t)
{
    const char *name = resource_name(t, "VolumeName");

    command_begin(t, &t->main_command);
    COMMAND_ADD_ALL(t, "volume", "create", "--ignore");
    translate_rows(t);
    command_add(t, name);
    command_end(t, "ExecStart", "");
    service_finish_oneshot(t, true);
    t->quadlet->resource = name;
}
