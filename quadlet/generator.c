/* berth-generator: reads quadlets, writes systemd units. systemd runs it at boot and at each
 * daemon-reload, before anything but the root file system need be there:
 *
 *     berth-generator [FLAGS] NORMAL-DIR [EARLY-DIR LATE-DIR]
 *
 * Only the first directory is written to. Flags have one dash or two, as Podman's generator has them; called
 * as `quadlet` it stands in for that, and writes Podman's command lines unless told otherwise. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/path.h"
#include "quadlet/generator-internal.h"
#include "quadlet/project-read.h"
#include "quadlet/project-units.h"
#include "quadlet/quadlet.h"
#include "quadlet/read.h"
#include "units/search.h"
#include "units/unitfile.h"

#define ADMIN_DIR "/etc/berth"
#define ADMIN_CONF ADMIN_DIR "/generator.conf"
#define PROJECTS_DIR "projects"
#define QUADLET_NAME "quadlet"
#define QUADLET_VERSION "5.8.6" /* whose output this is, for those who ask `quadlet -version` */

enum { EXIT_STATUS_USAGE = 2 };

/* Quadlets that are kept as they were parsed: about a hundred. Beyond that, memory is worth more than time. */
enum { PARSED_UNITS_BYTES = 160 << 10 };

struct generator {
    bool is_verbose, no_kmsg, is_user, is_dry_run, shows_version, shows_help;
    const char *engine;  /* asked for by flag or environment */
    const char *program; /* of the engine; NULL: its default */
    const char *output_dir;
    struct generator_log log;
    struct arena arena;
};

static const struct flag {
    const char *name;
    size_t offset; /* into struct generator */
    bool has_value;
    const char *help;
} flags[] = {
    { "dryrun", offsetof(struct generator, is_dry_run), false,
            "Print the units instead of writing them" },
    { "engine", offsetof(struct generator, engine), true,
            "Whose commands the units run: podman or berth" },
    { "help", offsetof(struct generator, shows_help), false, "Print this" },
    { "no-kmsg-log", offsetof(struct generator, no_kmsg), false, "Log to standard error only" },
    { "user", offsetof(struct generator, is_user), false, "Make units for a user's systemd" },
    { "v", offsetof(struct generator, is_verbose), false, "Tell what is read and written" },
    { "version", offsetof(struct generator, shows_version), false, "Print the version" },
};

static void print_usage(FILE *to, const char *program)
{
    fprintf(to, "Usage of %s: [FLAGS] NORMAL-DIR [EARLY-DIR LATE-DIR]\n", program);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        fprintf(to, "  -%s%s\n    \t%s\n", flags[i].name, flags[i].has_value ? " string" : "",
                flags[i].help);
}

static const struct flag *find_flag(struct str name)
{
    if (str_is_equal_z(name, "h"))
        name = STR_LITERAL("help");
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (str_is_equal_z(name, flags[i].name))
            return &flags[i];
    return NULL;
}

/* Reads one flag with its value; *ret_used gets how many words that took. False after a message. */
static bool read_flag(struct generator *generator, char **argv, int *ret_used)
{
    const char *word = argv[0] + (argv[0][1] == '-' ? 2 : 1);
    const char *equals = strchr(word, '=');
    const struct str name = { word, equals ? (size_t)(equals - word) : strlen(word) };
    const struct flag *flag = find_flag(name);

    *ret_used = 1;
    if (!name.len || *word == '-') {
        fprintf(stderr, "bad flag syntax: %s\n", argv[0]);
        return false;
    }
    if (!flag) {
        fprintf(stderr, "flag provided but not defined: -%.*s\n", STR_FMT(name));
        return false;
    }
    void *target = (char *)generator + flag->offset;
    if (flag->has_value) {
        const char *value = equals ? equals + 1 : argv[1];

        if (!value) {
            fprintf(stderr, "flag needs an argument: -%s\n", flag->name);
            return false;
        }
        *ret_used = equals ? 1 : 2;
        *(const char **)target = value;
        return true;
    }
    *(bool *)target = true;
    if (equals && parse_bool(str_from(equals + 1), target) < 0) {
        fprintf(stderr, "invalid boolean value \"%s\" for -%s: parse error\n", equals + 1,
                flag->name);
        return false;
    }
    return true;
}

/* The position of the first argument, or -1 after a message. */
static int read_flags(struct generator *generator, int argc, char **argv)
{
    int i = 1;

    while (i < argc && argv[i][0] == '-' && argv[i][1]) {
        int used;

        if (strcmp(argv[i], "--") == 0)
            return i + 1;
        if (!read_flag(generator, argv + i, &used))
            return -1;
        i += used;
    }
    return i;
}

/* Engine= and Program= of a file that need not be there. */
static void read_conf(struct generator *generator, const char *path)
{
    auto_free char *data = NULL;
    struct diag diag = DIAG_INIT;
    struct unitfile conf;
    size_t len;

    if (fs_read_file(AT_FDCWD, path, LIMIT_UNIT_FILE_BYTES, &data, &len, NULL) < 0)
        return;
    unitfile_init(&conf, &generator->arena);
    (void)unitfile_parse(
            &conf, &(struct unit_text){ .file = path, .data = data, .len = len }, &diag);
    (void)generator_log_findings(&generator->log, &diag, NULL);
    if (!generator->engine)
        generator->engine = unitfile_get(&conf, "Generator", "Engine");
    if (!generator->program)
        generator->program = unitfile_get(&conf, "Generator", "Program");
}

/* By flag, by environment, by the name it was called, by the administrator, by the installation. */
static int choose_engine(struct generator *generator, const char *name, struct quadlet_options *ret)
{
    const char *given = getenv("BERTH_QUADLET_ENGINE");

    if (!generator->engine && given && *given)
        generator->engine = given;
    if (!generator->engine && strcmp(name, QUADLET_NAME) == 0)
        generator->engine = quadlet_engine_names[QUADLET_ENGINE_PODMAN];
    if (!generator->engine) {
        read_conf(generator, ADMIN_CONF);
        read_conf(generator, BERTH_GENERATOR_CONF);
    }
    if (!generator->engine)
        generator->engine = quadlet_engine_names[QUADLET_ENGINE_PODMAN];
    int engine = parse_name(str_from(generator->engine), quadlet_engine_names, QUADLET_ENGINE_MAX_);
    if (engine < 0) {
        generator_log(&generator->log, LOG_LEVEL_ERROR, "unknown engine \"%s\": podman or berth",
                generator->engine);
        return engine;
    }
    bool is_podman = engine == QUADLET_ENGINE_PODMAN;
    const char *program = getenv(is_podman ? "PODMAN" : "BERTH");

    ret->engine = (enum quadlet_engine)engine;
    ret->program = program && *program  ? program
                   : generator->program ? generator->program
                   : is_podman          ? "/usr/bin/podman"
                                        : BERTH_PROGRAM;
    return 0;
}

static void log_loading(void *userdata, const char *what, const char *path)
{
    struct generator *generator = userdata;

    generator_log_loading(&generator->log, what, path);
}

static void log_no_files(struct generator *generator, const struct search *search)
{
    auto_(strbuf_release) struct strbuf paths = STRBUF_INIT(GENERATOR_TEXT_MAX_BYTES);

    ARRAY_FOREACH(&search->dirs, dir)
        strbuf_addf(&paths, "%s%s", paths.len ? " " : "", dir->path);
    generator_log(&generator->log, LOG_LEVEL_DEBUG, "No files parsed from [%s]", paths.data);
}

/* Reads all quadlets; the number of errors. */
static size_t read_all(
        struct generator *generator, const struct quadlet_options *options, struct quadlet_set *set)
{
    const struct quadlet_places places = {
        .unit_dirs = getenv("QUADLET_UNIT_DIRS"),
        .is_user = generator->is_user,
        .runtime_dir = getenv("XDG_RUNTIME_DIR"),
        .config_home = getenv("XDG_CONFIG_HOME"),
        .home = getenv("HOME"),
        .uid = getuid(),
    };
    const struct quadlet_read_options read_options = {
        .loses_neighbours = quadlet_keeps_quirks(options),
        .has_masks = !quadlet_keeps_quirks(options),
        .keeps_texts_from_bytes = PARSED_UNITS_BYTES,
        .loading = log_loading,
        .userdata = generator,
    };
    auto_(arena_release) struct arena places_arena = ARENA_INIT;
    struct diag diag = { .max = SIZE_MAX };
    struct search search;

    search_init(&search, &places_arena);
    quadlet_find_dirs(&search, &places, &diag);
    (void)quadlet_read_dirs(set, &search, &read_options, &diag);
    if (!set->all.len)
        log_no_files(generator, &search);
    return generator_log_findings(&generator->log, &diag, NULL);
}

/* Makes one unit, or what takes its place; the number of errors. */
static size_t generate(struct generator *generator, const struct quadlet_set *set,
        struct quadlet *quadlet, const struct quadlet_options *options,
        struct generator_output *output, struct arena *scratch)
{
    struct diag diag = { .max = SIZE_MAX };
    struct quadlet_unit unit;
    size_t errors = 0;
    bool was_broken = quadlet->failed;

    quadlet_open(quadlet, scratch);
    if (!was_broken)
        (void)quadlet_emit(set, quadlet, options, scratch, &unit, &diag);
    errors = generator_log_findings(&generator->log, &diag, quadlet);
    if (quadlet->failed) {
        if (quadlet_keeps_quirks(options))
            return errors;
        quadlet_emit_placeholder(quadlet, scratch, &unit);
    }
    return errors + (generator_output_unit(output, &unit, scratch) < 0);
}

/* Where `berth compose enable` leaves projects; NULL when the environment does not say. */
static const char *projects_directory(struct generator *generator)
{
    struct arena *arena = &generator->arena;
    const char *given = getenv("BERTH_CONFIG"), *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (given && *given)
        return path_join(arena, given, PROJECTS_DIR);
    if (!generator->is_user)
        return ADMIN_DIR "/" PROJECTS_DIR;
    if (config && *config == '/')
        return path_join(arena, config, "berth/" PROJECTS_DIR);
    return home && *home == '/' ? path_join(arena, home, ".config/berth/" PROJECTS_DIR) : NULL;
}

/* Enabled Compose projects; the number of errors. One that cannot be used costs the others nothing. */
static size_t generate_projects(
        struct generator *generator, const struct strings *paths, struct generator_output *output)
{
    const struct project_units_options options = { .program = BERTH_PROGRAM,
        .is_user = generator->is_user };
    struct arena scratch = ARENA_INIT;
    size_t errors = 0;

    ARRAY_FOREACH(paths, path) {
        struct arena_mark mark = arena_mark(&scratch);
        struct diag diag = { .max = SIZE_MAX };
        struct project_units units = { 0 };

        generator_log(&generator->log, LOG_LEVEL_DEBUG, "Loading enabled project %s", *path);
        (void)project_read_units(&scratch, *path, &options, &units, &diag);
        errors += generator_log_findings(&generator->log, &diag, NULL);
        ARRAY_FOREACH(&units, unit)
            errors += generator_output_project_unit(output, unit, &scratch) < 0;
        diag_release(&diag);
        arena_rewind(&scratch, mark);
    }
    arena_release(&scratch);
    return errors;
}

/* The number of errors. */
static size_t run(struct generator *generator, const char *argv0)
{
    struct quadlet_options options = { .is_user = generator->is_user };
    struct quadlet_set set;
    struct generator_output output = {
        .log = &generator->log,
        .directory = generator->is_dry_run ? NULL : generator->output_dir,
        .program = argv0,
    };
    struct arena scratch = ARENA_INIT;

    if (choose_engine(generator, path_last(argv0), &options) < 0)
        return 1;
    if (output.directory)
        generator_log(&generator->log, LOG_LEVEL_DEBUG, "Starting quadlet-generator, output to: %s",
                output.directory);
    quadlet_set_init(&set, &generator->arena);
    size_t errors = read_all(generator, &options, &set);
    const char *projects_dir = projects_directory(generator);
    struct strings projects = { 0 };
    if (projects_dir && strcmp(path_last(argv0), QUADLET_NAME) != 0)
        projects = project_list_enabled(&generator->arena, projects_dir);
    if (!set.all.len && !projects.len)
        return errors;
    if (generator_output_open(&output) < 0)
        return errors + 1;
    quadlet_emit_prepare(&set);
    for (size_t i = 0; i < set.all.len; i++) {
        struct arena_mark mark = arena_mark(&scratch);

        errors += generate(generator, &set, set.all.items[i], &options, &output, &scratch);
        quadlet_close(set.all.items[i]);
        arena_rewind(&scratch, mark);
    }
    errors += generate_projects(generator, &projects, &output);
    if (generator_output_close(&output) < 0)
        errors++;
    arena_release(&scratch);
    return errors;
}

/* systemd says whose units it wants; Podman goes by the name of the program. */
static bool is_called_for_user(const char *argv0)
{
    const char *scope = getenv("SYSTEMD_SCOPE");

    if (strstr(path_last(argv0), "user"))
        return true;
    return strcmp(path_last(argv0), QUADLET_NAME) != 0 && scope && strcmp(scope, "user") == 0;
}

int main(int argc, char **argv)
{
    const char *argv0 = argc > 0 ? argv[0] : "berth-generator";
    struct generator generator = {
        .is_user = is_called_for_user(argv0),
        .log = { .kmsg_fd = -1, .pending = STRBUF_INIT(GENERATOR_TEXT_MAX_BYTES) },
    };

    fd_secure_stdio();
    int first = read_flags(&generator, argc, argv);
    if (first < 0 || generator.shows_help) {
        print_usage(stderr, argv0);
        return first < 0 ? EXIT_STATUS_USAGE : EXIT_SUCCESS;
    }
    if (generator.shows_version) {
        puts(strcmp(path_last(argv0), QUADLET_NAME) == 0 ? QUADLET_VERSION : BERTH_VERSION);
        return EXIT_SUCCESS;
    }
    generator.log.prefix = arena_printf(
            &generator.arena, "quadlet-generator[%ld]: ", (long)getpid());
    generator.log.is_verbose = generator.is_verbose || generator.is_dry_run;
    generator.log.use_kmsg = !generator.no_kmsg && !generator.is_dry_run;
    generator.output_dir = first < argc ? argv[first] : NULL;
    size_t errors = 1;
    if (generator.is_dry_run || generator.output_dir)
        errors = run(&generator, argv0);
    else
        generator_log(&generator.log, LOG_LEVEL_ERROR, "missing output directory argument");
    if (errors)
        generator_log(&generator.log, LOG_LEVEL_ERROR, "processing encountered some errors");
    generator_log_flush(&generator.log);
    strbuf_release(&generator.log.pending);
    generator.log.kmsg_fd = fd_close(generator.log.kmsg_fd);
    arena_release(&generator.arena);
    return errors ? EXIT_FAILURE : EXIT_SUCCESS;
}
