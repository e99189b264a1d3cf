/* What the units of an enabled project run (quadlet/project-units.h), as
 *
 *     berth internal unit VERB PROJECT KIND NAME [NUMBER]
 *
 *     start          the container (KIND service), network, volume or image, made where it is missing or differs
 *     start-healthy  the container, which is ready with its first good health check
 *     run            the container, to its end; its exit status is this command's
 *     stop           the container
 *     gate           waits until what the service depends on is as the project says, or says what is not
 *
 * The project is the file that was written when it was enabled: its sources need not be there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/enabled.h"
#include "cli/foreground.h"
#include "cli/report.h"
#include "compose/graph.h"
#include "compose/project.h"
#include "engine/container/container.h"
#include "engine/monitor/notify.h"
#include "quadlet/project-names.h"
#include "units/bus/bus.h"

#define NUMBER_MAX 65535
/* How long the gate waits for another unit before it asks for more time; the unit's start may last longer than that. */
#define GATE_ROUND_USEC (60 * USEC_PER_SEC)
#define GATE_EXTEND "EXTEND_TIMEOUT_USEC=180000000"

enum unit_verb { UNIT_START, UNIT_START_HEALTHY, UNIT_RUN, UNIT_STOP, UNIT_GATE, UNIT_VERB_MAX_ };
static const char *const verb_names[] = {
    [UNIT_START] = "start",
    [UNIT_START_HEALTHY] = "start-healthy",
    [UNIT_RUN] = "run",
    [UNIT_STOP] = "stop",
    [UNIT_GATE] = "gate",
};
_Static_assert(ARRAY_LEN(verb_names) == UNIT_VERB_MAX_, "name every verb");

enum unit_kind { UNIT_SERVICE, UNIT_NETWORK, UNIT_VOLUME, UNIT_IMAGE, UNIT_BUILD, UNIT_KIND_MAX_ };
static const char *const kind_names[] = {
    [UNIT_SERVICE] = "service",
    [UNIT_NETWORK] = "network",
    [UNIT_VOLUME] = "volume",
    [UNIT_IMAGE] = "image",
    [UNIT_BUILD] = "build",
};
_Static_assert(ARRAY_LEN(kind_names) == UNIT_KIND_MAX_, "name every kind");

/* What one call is about. */
struct unit {
    struct cli *cli;
    struct compose *compose;
    enum unit_verb verb;
    enum unit_kind kind;
    const char *name;
    uint32_t number;
};

/* ---- The part of a plan that is this unit's ---- */

static bool is_container_step(const struct plan_step *step)
{
    return step->action >= PLAN_CREATE_CONTAINER;
}

static bool is_own_step(const struct plan_step *step, void *userdata)
{
    const struct unit *unit = userdata;

    switch (unit->kind) {
    case UNIT_SERVICE:
        return is_container_step(step) && string_is_equal(step->service, unit->name) &&
               step->number == unit->number;
    case UNIT_NETWORK:
        return step->action == PLAN_CREATE_NETWORK || step->action == PLAN_REMOVE_NETWORK
                       ? strcmp(step->name,
                                 project_find_network(unit->compose->project, unit->name)->name) ==
                                 0
                       : false;
    case UNIT_VOLUME:
        return step->action == PLAN_CREATE_VOLUME &&
               strcmp(step->name, project_find_volume(unit->compose->project, unit->name)->name) ==
                       0;
    default:
        return step->action == PLAN_PULL_IMAGE || step->action == PLAN_BUILD_IMAGE;
    }
}

/* Services whose `up` makes what the unit is to make. */
static struct strings users_of(const struct unit *unit)
{
    struct compose *compose = unit->compose;
    struct strings users = { 0 };

    if (unit->kind != UNIT_NETWORK && unit->kind != UNIT_VOLUME)
        *ARRAY_APPEND_ARENA(&compose->arena, &users) = arena_strdup(&compose->arena, unit->name);
    return users; /* empty: all */
}

/* Carries out what `up` would do, as far as it is the unit's; without starting anything. */
static int make(struct unit *unit)
{
    struct compose *compose = unit->compose;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct plan_up_options up = {
        .services = users_of(unit),
        .no_deps = true,
        .no_start = true,
        .ignore_orphans = true,
        .timeout_usec = BACKEND_TIMEOUT_DEFAULT,
    };
    int status = compose_observe(compose);

    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    input.adopt = true; /* whose name it is was settled when it was enabled */
    strmap_init_arena(&up.scale, &compose->arena);
    int r = plan_up(&input, &up, &plan, &diag, &err);
    if (r >= 0)
        plan_restrict(plan, is_own_step, unit);
    return compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
}

/* ---- Containers ---- */

static const struct observed_container *find_container(const struct unit *unit)
{
    ARRAY_FOREACH(&unit->compose->state.containers, c)
        if (!c->oneoff && string_is_equal(c->service, unit->name) && c->number == unit->number)
            return c;
    return NULL;
}

/* start or stop with its hooks. */
static int carry_out_verb(struct unit *unit, enum plan_verb verb)
{
    struct compose *compose = unit->compose;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct plan_verb_options how = {
        .services = users_of(unit), .no_deps = true, .timeout_usec = BACKEND_TIMEOUT_DEFAULT
    };
    struct plan_input input = compose_plan_input(compose);

    input.adopt = true;
    int r = plan_verb(&input, verb, &how, &plan, &diag, &err);
    if (r >= 0)
        plan_restrict(plan, is_own_step, unit);
    return compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
}

/* Where it lives from now on: in the unit's group, if the unit has one. Without Delegate= or systemd it stays with the
 * engine's own, and is not what systemd limits, shows and kills. */
static const char *service_cgroup(struct unit *unit)
{
    auto_(strbuf_release) struct strbuf why = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    auto_error struct error *err = NULL;
    const char *parent = NULL;

    if (container_enter_service_cgroup(&unit->compose->arena, &parent, &err) >= 0)
        return parent;
    error_format(err, &why);
    report_warning(unit->cli, "the container of %s does not live in its unit's control group: %s",
            unit->name, why.data);
    return NULL;
}

/* The container as a part of the service that calls; one that runs already, started by hand, comes under systemd by
 * being started again. */
static int hand_over(struct unit *unit, const struct container_service *service)
{
    auto_error struct error *err = NULL;
    const struct observed_container *c = find_container(unit);

    if (!c)
        return report_failure(
                unit->cli, "service \"%s\" has no container %u", unit->name, unit->number);
    if (c->status == OBSERVED_RUNNING || c->status == OBSERVED_PAUSED ||
            c->status == OBSERVED_RESTARTING) {
        int status = carry_out_verb(unit, PLAN_VERB_STOP);
        if (status)
            return status;
    }
    if (container_set_service(unit->cli->engine, c->id, service, &err) < 0)
        return report_error(unit->cli, err);
    return compose_observe(unit->compose);
}

static int start_container(struct unit *unit)
{
    const struct container_service service = {
        .notify = unit->verb == UNIT_START_HEALTHY ? "healthy"
                  : unit->verb == UNIT_RUN         ? "none"
                                                   : "started",
        .cgroup_parent = service_cgroup(unit),
        .writes_journal = unit->verb != UNIT_RUN, /* a job's output is this command's */
        .unit = project_container_unit_name(&unit->compose->arena, unit->compose->project,
                project_find_service(unit->compose->project, unit->name), unit->number),
    };
    int status;

    enabled_tell_changes(unit->compose);
    status = make(unit);
    if (status == 0)
        status = compose_observe(unit->compose);
    if (status == 0)
        status = hand_over(unit, &service);
    if (status || unit->verb != UNIT_RUN)
        return status ? status : carry_out_verb(unit, PLAN_VERB_START);
    /* A job: its output is this command's, and so is its end. */
    return foreground_start(unit->cli, find_container(unit)->id,
            &(struct foreground_options){ .signal_proxy = true });
}

static int stop_container(struct unit *unit)
{
    int status = compose_observe(unit->compose);

    return status || !find_container(unit) ? status : carry_out_verb(unit, PLAN_VERB_STOP);
}

/* ---- The gate ---- */

static void notify_extend(struct cli *cli)
{
    const char *socket = cli_env(cli, "NOTIFY_SOCKET");

    if (socket)
        (void)notify_send(socket, GATE_EXTEND, strlen(GATE_EXTEND));
}

/* One dependency of the service: an edge, and the unit of one of its containers. */
struct gate {
    struct unit *unit;
    struct bus *bus;
    const struct graph_edge *edge;
    const char *name;
};

static int refuse(const struct gate *gate, const struct bus_unit *state, const char *because,
        struct error **err)
{
    const struct graph_edge *edge = gate->edge;
    int r = error_set_plain(err, ECANCELED, &edge->at, "%s needs %s to be %s, but %s%s%s",
            gate->unit->name, edge->to->name,
            edge->condition == SERVICE_HEALTHY                  ? "healthy"
            : edge->condition == SERVICE_COMPLETED_SUCCESSFULLY ? "completed"
                                                                : "started",
            state->name, because, state->result ? state->result : "");

    bus_hint_status(gate->bus, state->name, err);
    return r;
}

/* Not started, with nothing that failed: nobody has asked for it. It was stopped by hand, or this service alone was
 * started; the user is to have what was asked for. */
static int judge_inactive(const struct gate *gate, struct error **err)
{
    struct cli *cli = gate->unit->cli;
    struct bus_unit failed = { 0 };
    int r = bus_find_failed_requirement(gate->bus, &cli->arena, gate->name, &failed.name, err);

    if (r < 0)
        return r;
    if (failed.name)
        return refuse(gate, &failed, " has failed", err);
    report_note(cli, "%s is not started: %s does without it", gate->name, gate->unit->name);
    return 0;
}

/* systemd has tried to start the other unit before this one. When that failed, it may still be about to be started
 * again: this waits for that, without end, as long as systemd tries. */
static int wait_for_unit(const struct gate *gate, struct error **err)
{
    auto_error struct error *late = NULL;
    struct bus_unit state;
    int r;

    do {
        error_free(TAKE(late));
        notify_extend(gate->unit->cli);
        r = bus_wait_settled(gate->bus, &gate->unit->compose->arena, gate->name,
                time_monotonic_usec() + GATE_ROUND_USEC, &state, &late);
    } while (r == -ETIMEDOUT);
    if (r < 0) {
        *err = TAKE(late);
        return r;
    }
    if (strcmp(state.active_state, "active") == 0)
        return 0;
    if (strcmp(state.load_state, "not-found") == 0)
        return refuse(gate, &state, " is not loaded", err);
    return strcmp(state.active_state, "failed") == 0 ? refuse(gate, &state, " is failed: ", err)
                                                     : judge_inactive(gate, err);
}

static int pass_gate(struct unit *unit)
{
    struct compose *compose = unit->compose;
    const struct graph_node *node = graph_find(compose->graph, GRAPH_SERVICE, unit->name);
    auto_(bus_close_p) struct bus *bus = NULL;
    auto_error struct error *err = NULL;
    int r = bus_open(enabled_bus_scope(), &bus, &err);

    if (r < 0)
        return report_error(unit->cli, err);
    ARRAY_FOREACH(&node->needs, it) {
        struct gate gate = { .unit = unit, .bus = bus, .edge = *it };

        if (gate.edge->to->kind != GRAPH_SERVICE || !gate.edge->required)
            continue;
        for (unsigned number = 1; number <= service_replicas(gate.edge->to->service); number++) {
            gate.name = project_container_unit_name(
                    &compose->arena, compose->project, gate.edge->to->service, number);
            if (wait_for_unit(&gate, &err) < 0)
                return report_error(unit->cli, err);
        }
    }
    return 0;
}

/* ---- The command ---- */

static bool is_in_project(const struct unit *unit)
{
    const struct project *project = unit->compose->project;

    switch (unit->kind) {
    case UNIT_NETWORK:
        return project_find_network(project, unit->name) != NULL;
    case UNIT_VOLUME:
        return project_find_volume(project, unit->name) != NULL;
    default:
        return project_find_service(project, unit->name) != NULL;
    }
}

static int carry_out(struct unit *unit)
{
    if (unit->kind != UNIT_SERVICE)
        return unit->verb == UNIT_START ? make(unit)
                                        : report_failure(unit->cli, "a %s can only be started",
                                                  kind_names[unit->kind]);
    switch (unit->verb) {
    case UNIT_STOP:
        return stop_container(unit);
    case UNIT_GATE:
        return pass_gate(unit);
    default:
        return start_container(unit);
    }
}

static int run_unit(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    struct unit unit = { .cli = cli, .number = 1 };

    (void)data;
    if (argc < 4 || argc > 5)
        return report_failure(
                cli, "\"%s\" takes a verb, a project, a kind, a name and a number", cli->command);
    int verb = parse_name(str_from(argv[0]), verb_names, UNIT_VERB_MAX_);
    int kind = parse_name(str_from(argv[2]), kind_names, UNIT_KIND_MAX_);
    if (verb < 0 || kind < 0 ||
            (argc == 5 && (parse_uint32(str_from(argv[4]), NUMBER_MAX, &unit.number) < 0 ||
                                  unit.number == 0)))
        return report_failure(cli, "\"%s\": unknown verb, kind or number", cli->command);
    int status = compose_open_enabled(cli, argv[1], &compose);
    if (status)
        return status;
    unit.compose = compose;
    unit.verb = (enum unit_verb)verb;
    unit.kind = (enum unit_kind)kind;
    unit.name = argv[3];
    if (!is_in_project(&unit))
        return report_failure(
                cli, "project \"%s\" has no %s \"%s\"", compose->name, kind_names[kind], unit.name);
    return carry_out(&unit);
}

const struct command command_unit = {
    .name = "unit",
    .usage = "VERB PROJECT KIND NAME [NUMBER]",
    .summary = "What the units of an enabled project run",
    .run = run_unit,
};
