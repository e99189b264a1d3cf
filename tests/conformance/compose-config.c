/* Behaves like `berth compose … config …` with nothing but the Compose library: for conformance runs of
 * the language alone. Not installed.
 *
 *     compose-config [-f F]… [-p NAME] [--profile P]… [--env-file F]… [--project-directory D]
 *             config [--format json|yaml] [--no-…] [SERVICE…] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "compose/load.h"
#include "compose/print.h"
#include "compose/project.h"

extern char **environ;

#define OUTPUT_MAX_BYTES (256u << 20)

static void append(struct strings *list, char *text)
{
    *ARRAY_APPEND(list) = text;
}

static void report(const struct diag *diag)
{
    static const char *const words[] = { "", "warning: ", "note: " };

    for (size_t i = 0; i < diag->len; i++) {
        const struct diag_entry *entry = &diag->items[i];

        if (entry->at.file)
            fprintf(stderr, "%s:%u:%u: ", entry->at.file, entry->at.line,
                    entry->at.column); // lint: a main
        fprintf(stderr, "%s%s", words[entry->severity], entry->message);
        if (entry->hint)
            fprintf(stderr, "; %s", entry->hint);
        fputc('\n', stderr);
    }
}

static void parse(int argc, char **argv, struct load_options *options, struct print_options *print)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(arg, "-f") == 0)
            append(&options->files, value), i++;
        else if (strcmp(arg, "--profile") == 0)
            append(&options->profiles, value), i++;
        else if (strcmp(arg, "--env-file") == 0)
            append(&options->env_files, value), i++;
        else if (strcmp(arg, "-p") == 0)
            options->project_name = value, i++;
        else if (strcmp(arg, "--project-directory") == 0)
            options->project_dir = value, i++;
        else if (strcmp(arg, "--format") == 0)
            print->format = value && strcmp(value, "json") == 0 ? PRINT_JSON : PRINT_YAML, i++;
        else if (strcmp(arg, "--no-interpolate") == 0)
            options->no_interpolate = options->as_written = print->no_interpolate = true;
        else if (strcmp(arg, "--no-normalize") == 0)
            options->no_normalize = true;
        else if (strcmp(arg, "--no-path-resolution") == 0)
            options->no_path_resolution = true;
        else if (strcmp(arg, "--no-consistency") == 0)
            options->no_consistency = true;
        else if (strcmp(arg, "--compatibility") == 0)
            options->compatibility = true;
        else if (strcmp(arg, "config") != 0 && arg[0] != '-')
            append(&options->services, argv[i]);
    }
    options->select_services = options->services.len > 0;
}

int main(int argc, char **argv)
{
    struct load_options options = { .env = environ, .working_dir = getcwd(NULL, 0) };
    struct print_options print = { .format = PRINT_YAML };
    struct strbuf out = STRBUF_INIT(OUTPUT_MAX_BYTES);
    struct arena arena = ARENA_INIT;
    struct error *error = NULL;
    struct diag diag = DIAG_INIT;
    struct project *project;

    parse(argc, argv, &options, &print);
    int r = project_load(&arena, &options, &project, &diag, &error);

    report(&diag);
    if (r == 0) {
        project_print(project, &print, &out);
        fwrite(out.data, 1, out.len, stdout);
    } else if (error && !diag.errors) {
        fprintf(stderr, "%s\n", error->message);
    }
    error_free(error);
    strbuf_release(&out);
    arena_release(&arena);
    diag_release(&diag);
    free((void *)options.working_dir);
    ARRAY_RELEASE(&options.files);
    ARRAY_RELEASE(&options.profiles);
    ARRAY_RELEASE(&options.env_files);
    ARRAY_RELEASE(&options.services);
    return r < 0 ? 1 : 0;
}
