/* [Build]: `build`. */
#include <stddef.h>

#include "base/str.h"
#include "quadlet/translate-internal.h"
#include "units/specifier.h"

/* File and the context, which stands behind the free arguments: this row only adds --file. */
void special_build_file(struct translation *t)
{
    const char *file = own_value_set(t, "File");

    if (file)
        command_add_option(t, "--file", file);
}

static void add_context(struct translation *t, const char *context)
{
    const char *file = own_value_set(t, "File");
    const char *directory = unitfile_get(&t->service, "Service", "WorkingDirectory");

    if (string_is_empty(directory) && !file && !*context)
        translation_error(
                t, own_line(t, "File"), "neither SetWorkingDirectory, nor File key specified");
    else if (*context)
        command_add(t, context);
    else if (file && (specifier_is_first(file) || *file == '/' || is_address(file)))
        return;
    else if (string_is_empty(directory))
        translation_error(t, own_line(t, "File"),
                "relative path in File key requires SetWorkingDirectory key to be set");
    else
        command_add(t, directory);
}

void translate_build(struct translation *t)
{
    const char *context = "";

    if (!*t->quadlet->resource)
        translation_error(t, own_line(t, "ImageTag"), "no ImageTag key specified");
    bool has_directory = set_working_directory(t, &context);
    command_begin(t, &t->main_command);
    command_add(t, "build");
    translate_rows(t);
    if (has_directory)
        add_context(t, context);
    command_end(t, "ExecStart", "");
    service_finish_oneshot(t, false);
}
