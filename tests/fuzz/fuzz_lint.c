/* Any bytes as a compose file under all rules of lint. Each finding must name a rule, and what is ignored
 * must be gone. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "compose/lint.h"
#include "compose/load.h"
#include "tests/fuzz/memory-file.h"

#define SIZE_MAX_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lint(int fd, bool ignore, bool interpolate)
{
    static char *const env[] = { "A=1", "EMPTY=", "HOME=/home", NULL };
    static char *files[] = { "-" }, *all[] = { "all" };
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    const struct load_options load = {
        .working_dir = "/nonexistent/project",
        .env = env,
        .files = { .items = files, .len = 1 },
        .project_name = "fuzz",
        .no_interpolate = !interpolate,
        .stdin_fd = fd,
    };
    const struct lint_options options = {
        .load = &load,
        .strict = true,
        .ignore = { .items = all, .len = ignore ? 1 : 0 },
        .unprivileged_port_start = 1024,
    };

    if (lint_project(&arena, &options, &diag, NULL) < 0)
        abort();
    ARRAY_FOREACH(&diag, entry)
        if (!entry->id || !lint_find_rule(entry->id) || (ignore && entry->severity != DIAG_ERROR))
            abort();
    diag_release(&diag);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_close int fd = memory_file(data, size);

    if (size > SIZE_MAX_BYTES || fd < 0)
        return 0;
    lint(fd, false, true);
    lint(memory_file_rewind(fd), true, true);
    lint(memory_file_rewind(fd), false, false);
    return 0;
}
