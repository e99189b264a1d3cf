/* Any bytes as a compose file: to a project, to what `config` prints, and back. What is printed must be
 * readable again. Includes and env files cannot be reached: the working directory holds none. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/strbuf.h"
#include "compose/load.h"
#include "compose/print.h"
#include "compose/project.h"
#include "tests/fuzz/memory-file.h"

#define SIZE_MAX_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Loads what a descriptor gives; 0 and text, or a negative value. */
static int load(int fd, bool interpolate, struct strbuf *out)
{
    static char *const env[] = { "A=1", "EMPTY=", "HOME=/home", NULL };
    static char *files[] = { "-" }, *profiles[] = { "*" };
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct project *project;
    const struct load_options options = {
        .working_dir = "/nonexistent/project",
        .env = env,
        .files = { .items = files, .len = 1 },
        .profiles = { .items = profiles, .len = 1 },
        .project_name = "fuzz",
        .no_interpolate = !interpolate,
        .stdin_fd = fd,
    };
    int r = project_load(&arena, &options, &project, &diag, NULL);

    if (r == 0) {
        (void)project_check_supported(project, &diag);
        ARRAY_FOREACH(&project->services, service)
            (void)service_config_hash(&arena, service);
        project_print(project, &(struct print_options){ .format = PRINT_JSON }, out);
        strbuf_reset(out);
        project_print(project, &(struct print_options){ .format = PRINT_YAML }, out);
    } else if (!diag.errors) {
        abort(); /* refused without a reason */
    }
    diag_release(&diag);
    arena_release(&arena);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(64u << 20),
                                        again = STRBUF_INIT(64u << 20);
    auto_close int fd = memory_file(data, size);

    if (size > SIZE_MAX_BYTES || fd < 0)
        return 0;
    if (load(fd, true, &text) < 0) {
        (void)load(memory_file_rewind(fd), false, &text);
        return 0;
    }
    auto_close int printed = memory_file(text.data, text.len);

    if (printed >= 0)
        (void)load(printed, true, &again);
    return 0;
}
