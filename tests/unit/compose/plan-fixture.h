/* What the tests of graph, plan and run share: projects from text, an engine in memory, and one call each for
 * observing, planning and running. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "compose/backend-record.h"
#include "compose/graph.h"
#include "compose/load.h"
#include "compose/plan-print.h"
#include "compose/plan.h"
#include "compose/project.h"
#include "compose/run.h"
#include "compose/state.h"

struct world {
    struct arena arena;
    struct record_engine *engine;
    struct project *project;
    struct graph *graph;
    struct diag diag; /* of the last plan */
    struct error *error;
};

static inline const char *error_text(struct world *w)
{
    struct strbuf text = STRBUF_INIT(65536);

    if (w->error)
        error_format(w->error, &text);
    const char *copy = arena_strdup(&w->arena, text.data);
    strbuf_release(&text);
    return copy;
}

static inline int world_try_load(struct world *w, const char *yaml)
{
    static char *env[] = { NULL };
    int fd = memfd_create("compose", MFD_CLOEXEC);
    struct diag diag = DIAG_INIT;
    char *dash[] = { (char *)"-" };
    struct load_options options = {
        .working_dir = "/",
        .env = env,
        .files = { .items = dash, .len = 1 },
        .project_name = "demo",
        .stdin_fd = fd,
    };

    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    error_free(w->error);
    w->error = NULL;
    int r = project_load(&w->arena, &options, &w->project, &diag, &w->error);
    for (size_t i = 0; r < 0 && i < diag.len; i++)
        error_wrap(&w->error, r, "line %u: %s", diag.items[i].at.line, diag.items[i].message);
    if (r >= 0)
        r = graph_build(&w->arena, w->project, &w->graph, &w->error);
    diag_release(&diag);
    close(fd);
    return r;
}

static inline void world_load(struct world *w, const char *yaml)
{
    int r = world_try_load(w, yaml);

    if (r < 0)
        fail_msg("cannot load: %s", error_text(w));
}

static inline void world_init(struct world *w, const char *yaml)
{
    *w = (struct world){ .engine = record_engine_new() };
    record_offer_image(w->engine, "app", "sha256:app1");
    record_offer_image(w->engine, "base", "sha256:base1");
    if (yaml)
        world_load(w, yaml);
}

static inline void world_release(struct world *w)
{
    record_engine_free(w->engine);
    diag_release(&w->diag);
    error_free(w->error);
    arena_release(&w->arena);
}

static inline struct observed_state *world_observe(struct world *w)
{
    struct observed_state *state = ARENA_NEW(&w->arena, struct observed_state);
    struct backend *backend = record_open(w->engine);
    struct backend_query query = plan_query(&w->arena, w->project);

    assert_int_equal(backend_observe(backend, &w->arena, &query, state, NULL), 0);
    backend_close(backend);
    return state;
}

static inline struct plan_input world_input(struct world *w)
{
    diag_release(&w->diag);
    w->diag = (struct diag)DIAG_INIT;
    error_free(w->error);
    w->error = NULL;
    return (struct plan_input){
        .project = w->project,
        .graph = w->graph,
        .state = world_observe(w),
        .version = "0",
    };
}

#define UP(...) \
    (&(struct plan_up_options){ .timeout_usec = BACKEND_TIMEOUT_DEFAULT, ##__VA_ARGS__ })
#define NAMES(...)                                                \
    {                                                             \
        .items = (char *[]){ __VA_ARGS__ },                       \
        .len = sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *) \
    }

static inline struct plan *world_up(struct world *w, const struct plan_up_options *options)
{
    struct plan_input input = world_input(w);
    struct plan *plan = NULL;

    if (plan_up(&input, options, &plan, &w->diag, &w->error) < 0)
        return NULL;
    return plan;
}

static inline struct plan *world_down(struct world *w, const struct plan_down_options *options)
{
    struct plan_input input = world_input(w);
    struct plan *plan = NULL;

    if (plan_down(&input, options, &plan, &w->diag, &w->error) < 0)
        return NULL;
    return plan;
}

static inline struct plan *world_verb(
        struct world *w, enum plan_verb verb, const struct plan_verb_options *options)
{
    struct plan_input input = world_input(w);
    struct plan *plan = NULL;

    if (plan_verb(&input, verb, options, &plan, &w->diag, &w->error) < 0)
        return NULL;
    return plan;
}

/* Lives in the world. */
static inline const char *verdict(struct world *w, const struct plan *plan)
{
    struct strbuf text = STRBUF_INIT(65536);

    if (!plan)
        return error_text(w);
    plan_print_verdict(plan, &text);
    const char *copy = arena_strdup(&w->arena, text.data);
    strbuf_release(&text);
    return copy;
}

static inline const char *plan_text(struct world *w, const struct plan *plan)
{
    struct strbuf text = STRBUF_INIT(1u << 20);

    if (!plan)
        return error_text(w);
    plan_print_text(plan, &text);
    const char *copy = arena_strdup(&w->arena, text.data);
    strbuf_release(&text);
    return copy;
}

static inline int world_run_with(
        struct world *w, const struct plan *plan, const struct run_options *options)
{
    struct backend *backend = record_open(w->engine);
    struct run_result result;

    error_free(w->error);
    w->error = NULL;
    int r = run_plan(backend, plan, options, &result, &w->error);
    run_result_release(&result);
    backend_close(backend);
    return r;
}

static inline int world_run(struct world *w, const struct plan *plan)
{
    return world_run_with(w, plan, &(struct run_options)RUN_OPTIONS_INIT);
}

/* Plans and runs; plan_text of what was done. */
static inline const char *do_up(struct world *w, const struct plan_up_options *options)
{
    struct plan *plan = world_up(w, options);
    const char *text = plan_text(w, plan);

    if (!plan)
        fail_msg("cannot plan: %s", error_text(w));
    if (world_run(w, plan) < 0)
        fail_msg("cannot run: %s\n%s", error_text(w), text);
    plan_free(plan);
    return text;
}

/* Position of a line in a log, to compare orders; fails when it is not there. */
static inline size_t position(const char *log, const char *line)
{
    char *with_end = mem_printf("%s\n", line);
    const char *at = strstr(log, with_end);
    free(with_end);
    if (!at)
        fail_msg("\"%s\" is not in:\n%s", line, log);
    return (size_t)(at - log);
}

#define assert_contains(text, part)                           \
    do {                                                      \
        const char *text_ = (text);                           \
        if (!strstr(text_, (part)))                           \
            fail_msg("\"%s\" is not in:\n%s", (part), text_); \
    } while (0)
#define assert_lacks(text, part)                          \
    do {                                                  \
        const char *text_ = (text);                       \
        if (strstr(text_, (part)))                        \
            fail_msg("\"%s\" is in:\n%s", (part), text_); \
    } while (0)
