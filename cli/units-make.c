/* What units.h makes files of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/compose.h"
#include "cli/enabled.h"
#include "cli/report.h"
#include "cli/units.h"
#include "compose/enabled.h"
#include "compose/fidelity.h"
#include "compose/graph.h"
#include "compose/project.h"
#include "engine/engine.h"
#include "quadlet/from-compose.h"
#include "quadlet/project-units.h"
#include "quadlet/quadlet.h"
#include "quadlet/read.h"
#include "quadlet/version.h"
#include "units/search.h"

#define PODMAN_PROGRAM "/usr/bin/podman"

const char *const units_format_names[] = {
    [UNITS_SYSTEMD] = "systemd",
    [UNITS_QUADLET] = "quadlet",
    [UNITS_QUADLETS] = "quadlets",
    [UNITS_FORMAT_MAX_] = NULL,
};

/* One run: what it is for, and what it has found. */
struct making {
    struct cli *cli;
    const struct units_options *options;
    struct units_files *files;
    struct diag diag;
};

int units_parse_options(struct cli *cli, const char *format, const char *engine,
        const char *podman_version, struct units_options *ret)
{
    auto_error struct error *err = NULL;
    int found = parse_name(
            str_from(format ? format : "systemd"), units_format_names, UNITS_FORMAT_MAX_);
    int program = parse_name(
            str_from(engine ? engine : "berth"), quadlet_engine_names, QUADLET_ENGINE_MAX_);

    if (found < 0)
        return report_failure(
                cli, "unknown format \"%s\": expected systemd, quadlet or quadlets", format);
    if (program < 0)
        return report_failure(cli, "unknown engine \"%s\": expected berth or podman", engine);
    if (podman_version && quadlet_version_check(podman_version, &err) < 0)
        return report_error(cli, err);
    ret->format = (enum units_format)found;
    ret->engine = (enum quadlet_engine)program;
    ret->podman_version = podman_version;
    return 0;
}

static void add_file(
        struct making *m, const char *name, const struct unitfile *unit, struct quadlet_links links)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    struct arena *arena = &m->cli->arena;

    unitfile_write(unit, &text);
    *ARRAY_APPEND_ARENA(arena, m->files) = (struct units_file){ arena_strdup(arena, name),
        arena_strndup(arena, text.data ? text.data : "", text.len), links };
}

static void add_project_units(struct making *m, const struct project_units *units)
{
    struct arena *arena = &m->cli->arena;

    ARRAY_FOREACH(units, unit) {
        struct quadlet_links links = { 0 };

        ARRAY_FOREACH(&unit->links, path)
            *ARRAY_APPEND_ARENA(arena, &links) = (struct quadlet_link){ .path = *path,
                .target = arena_printf(arena, "../%s", unit->name) };
        add_file(m, unit->name, &unit->unit, links);
    }
}

static int finish(struct making *m, int r, const struct error *err)
{
    unsigned errors = report_diag(m->cli, &m->diag);

    diag_release(&m->diag);
    if (r < 0 && errors == 0 && err)
        return report_error(m->cli, err);
    return r < 0 ? EXIT_STATUS_FAILURE : 0;
}

/* A project is made as a whole or not at all. */
static int finish_project(struct making *m, int r, const struct error *err)
{
    if (r < 0)
        m->files->len = 0;
    return finish(m, r, err);
}

/* ---- Quadlets ---- */

static void add_documents(struct making *m, const struct quadlet_set *set)
{
    for (size_t i = 0; i < set->all.len; i++)
        add_file(m, set->all.items[i]->name, &set->all.items[i]->unit, (struct quadlet_links){ 0 });
}

/* "# FileName=STEM" before each, "---" between them. */
static void add_parts(struct making *m, const struct quadlet_set *set, const char *name)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    struct arena *arena = &m->cli->arena;

    for (size_t i = 0; i < set->all.len; i++) {
        const struct quadlet *quadlet = set->all.items[i];
        size_t stem = strlen(quadlet->name) - strlen(quadlet_info(quadlet)->extension);

        strbuf_addf(&text, "%s# FileName=%.*s\n", i ? "---\n" : "", (int)stem, quadlet->name);
        unitfile_write(&quadlet->unit, &text);
    }
    *ARRAY_APPEND_ARENA(arena,
            m->files) = (struct units_file){ .name = arena_printf(arena, "%s.quadlets", name),
        .text = arena_strndup(arena, text.data ? text.data : "", text.len) };
}

static const char *program_of(const struct making *m)
{
    return m->options->engine == QUADLET_ENGINE_PODMAN ? PODMAN_PROGRAM
                                                       : cli_engine_options(m->cli)->program;
}

static int emit_all(struct making *m, struct quadlet_set *set)
{
    const struct quadlet_options options = {
        .engine = m->options->engine, .program = program_of(m), .is_user = m->options->is_user
    };
    int result = 0;

    quadlet_emit_prepare(set);
    for (size_t i = 0; i < set->all.len; i++) {
        struct quadlet_unit unit;
        int r = set->all.items[i]->failed ? -EINVAL
                                          : quadlet_emit(set, set->all.items[i], &options,
                                                    &m->cli->arena, &unit, &m->diag);

        if (r >= 0)
            add_file(m, unit.name, &unit.unit, quadlet_emit_links(&unit, &m->cli->arena));
        else
            result = r;
    }
    return result;
}

/* The set in the wanted form; `name` is that of a file with all of it. */
static int add_set(struct making *m, struct quadlet_set *set, const char *name)
{
    int r = m->options->podman_version ? quadlet_lower(set, m->options->podman_version, &m->diag)
                                       : 0;

    if (r < 0)
        return r;
    switch (m->options->format) {
    case UNITS_QUADLET:
        add_documents(m, set);
        return 0;
    case UNITS_QUADLETS:
        add_parts(m, set, name);
        return 0;
    default:
        return emit_all(m, set);
    }
}

/* ---- What became of it ---- */

/* What is not as it was written is never silent; all of it is in the report. */
static void add_fidelity(struct making *m, const struct project *project)
{
    bool is_berth = m->options->format == UNITS_SYSTEMD &&
                    m->options->engine == QUADLET_ENGINE_BERTH;
    struct fidelity fidelity;

    fidelity_collect(
            &m->cli->arena, project, is_berth ? FIDELITY_BERTH : FIDELITY_PODMAN, &fidelity);
    ARRAY_FOREACH(&fidelity, entry) {
        if (m->options->report)
            json_array_append_new(m->options->report,
                    json_pack("{s:s,s:s,s:s?,s:s?,s:i,s:i}", "path", entry->path, "state",
                            fidelity_names[entry->state], "note", entry->note, "file",
                            entry->at.file, "line", (int)entry->at.line, "column",
                            (int)entry->at.column));
        else if (entry->state != UNITS_MAPPED)
            diag_add(&m->diag, entry->state == UNITS_DROPPED ? DIAG_WARNING : DIAG_NOTE, "units",
                    &entry->at, "%s is %s: %s", entry->path, fidelity_names[entry->state],
                    entry->note);
    }
    if (m->options->ret_dropped)
        *m->options->ret_dropped = fidelity.counts[UNITS_DROPPED] > 0;
}

/* ---- From where ---- */

static int make_of_project(struct making *m, const struct project *project,
        const struct strings *profiles, const char *source_path, struct error **err)
{
    struct arena *arena = &m->cli->arena;
    struct graph *graph = NULL;
    int r = graph_build(arena, project, &graph, err);

    if (r < 0)
        return r;
    add_fidelity(m, project);
    if (m->options->format == UNITS_SYSTEMD && m->options->engine == QUADLET_ENGINE_BERTH) {
        const struct project_units_options options = { .program = program_of(m),
            .is_user = m->options->is_user,
            .profiles = profiles,
            .source_path = source_path };
        struct project_units units = { 0 };

        r = project_make_units(arena, project, graph, &options, &units, &m->diag);
        add_project_units(m, &units);
        return r;
    }
    const struct from_compose_options options = { .is_user = m->options->is_user,
        .profiles = profiles,
        .podman_version = m->options->podman_version };
    struct quadlet_set set;
    struct project_units more = { 0 };

    quadlet_set_init(&set, arena);
    r = quadlet_from_compose(&set, project, graph, &options, &m->diag);
    if (r >= 0)
        r = add_set(m, &set, project->name);
    /* Timers are units of systemd's own: no quadlet is one. */
    if (r >= 0 && m->options->format == UNITS_SYSTEMD) {
        const struct project_units_options timers = { .is_user = m->options->is_user,
            .profiles = profiles };

        r = project_make_timers(arena, project, &timers, &more, &m->diag);
        add_project_units(m, &more);
    }
    return r;
}

int units_of_compose(
        struct compose *compose, const struct units_options *options, struct units_files *ret)
{
    auto_(compose_free_p) struct compose *all = NULL;
    auto_error struct error *err = NULL;
    struct making m = { .cli = compose->cli, .options = options, .files = ret };
    int status = compose_load_all(compose, &all);

    if (status)
        return status;
    const char *path = all->project->file_paths.len ? all->project->file_paths.items[0] : NULL;
    int r = make_of_project(&m, all->project, &compose->project->profiles, path, &err);
    return finish_project(&m, r, err);
}

int units_of_enabled(struct cli *cli, const char *name, const struct units_options *options,
        struct units_files *ret)
{
    auto_error struct error *err = NULL;
    struct making m = { .cli = cli, .options = options, .files = ret };
    const char *path = enabled_path(cli, name);
    struct enabled *enabled = NULL;
    int r;

    if (access(path, F_OK) < 0)
        return report_failure(cli,
                "\"%s\" is no file, no directory and no enabled project: there is no \"%s\"", name,
                path);
    r = enabled_load(&cli->arena, path, ENABLED_ALL, &enabled, &m.diag, &err);
    if (r >= 0)
        r = make_of_project(&m, enabled->project, &enabled->profiles, path, &err);
    return finish_project(&m, r, err);
}

int units_of_directory(struct cli *cli, const char *path, const struct units_options *options,
        struct units_files *ret)
{
    const struct quadlet_read_options how = { .has_masks = true };
    struct making m = { .cli = cli, .options = options, .files = ret };
    auto_free char *absolute = realpath(path, NULL);
    struct quadlet_set set;
    struct search search;
    int r;

    if (!absolute)
        return report_failure(cli, "cannot read \"%s\": %s", path, strerrordesc_np(errno));
    quadlet_set_init(&set, &cli->arena);
    search_init(&search, &cli->arena);
    search_add(&search, arena_strdup(&cli->arena, absolute), NULL, NULL);
    r = quadlet_read_dirs(&set, &search, &how, &m.diag);
    if (set.all.len == 0 && r == 0)
        return report_failure(cli, "there are no quadlets in \"%s\"", path);
    int made = add_set(&m, &set, path_last(arena_strdup(&cli->arena, absolute)));
    return finish(&m, r > 0 ? -EINVAL : made, NULL);
}
