#include "engine/build/change.h"

#include <errno.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "engine/build/dockerfile.h"
#include "engine/build/stage.h"

/* What touches more than the configuration, or stands only in a file. */
static bool is_refused(enum instruction_kind kind)
{
    switch (kind) {
    case INSTRUCTION_FROM:
    case INSTRUCTION_ADD:
    case INSTRUCTION_ARG:
    case INSTRUCTION_COPY:
    case INSTRUCTION_MAINTAINER:
    case INSTRUCTION_RUN:
        return true;
    default:
        return false;
    }
}

static int apply_change(struct stage_state *stage, const char *change, struct error **err)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct instruction *instruction;

    int r = dockerfile_parse_instruction(
            stage->arena, "--change", change, &instruction, &diag, err);
    if (r < 0 && diag.len > 0)
        error_hint(err, "%s", diag.items[0].message);
    if (r < 0)
        return r;
    if (is_refused(instruction->kind))
        return error_set_plain(err, EINVAL, NULL, "%s is not allowed in a change",
                instruction_name(instruction->kind));
    return stage_apply(stage, instruction, err);
}

int build_apply_changes(
        json_t *config, const char *const *changes, size_t count, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(stage_release) struct stage_state stage;

    stage_begin_config(&stage, &arena, config);
    for (size_t i = 0; i < count; i++) {
        int r = apply_change(&stage, changes[i], err);

        if (r < 0)
            return error_wrap(err, r, "cannot apply the change \"%s\"", changes[i]);
    }
    return 0;
}
