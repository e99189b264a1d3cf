/* [Image] and [Artifact]: `image pull` and `artifact pull`. */
#include <stddef.h>

#include "base/str.h"
#include "quadlet/translate-internal.h"

void translate_image(struct translation *t)
{
    const char *image = own_value_set(t, "Image"), *tag = own_value_set(t, "ImageTag");

    if (!image) {
        translation_error(t, own_line(t, "Image"), "no Image key specified");
        image = "";
    }
    command_begin(t, &t->main_command);
    COMMAND_ADD_ALL(t, "image", "pull");
    translate_rows(t);
    command_add(t, image);
    command_end(t, "ExecStart", "");
    service_finish_oneshot(t, true);
    t->quadlet->resource = tag ? tag : image;
}

void translate_artifact(struct translation *t)
{
    const char *artifact = own_value_set(t, "Artifact");

    if (!artifact) {
        translation_error(t, own_line(t, "Artifact"), "no Artifact key specified");
        artifact = "";
    }
    command_begin(t, &t->main_command);
    COMMAND_ADD_ALL(t, "artifact", "pull");
    translate_rows(t);
    command_add(t, artifact);
    command_end(t, "ExecStart", "");
    service_finish_oneshot(t, true);
    t->quadlet->resource = artifact;
}
