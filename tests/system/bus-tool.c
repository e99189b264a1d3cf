/* Drives units/bus by hand, where a systemd runs:
 *
 *     bus-tool [--user] reload | start UNIT... | stop UNIT... | restart UNIT... | list PATTERN... | show UNIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "units/bus/bus.h"

#define JOBS_MAX 64

static int run_jobs(struct bus *bus, enum bus_verb verb, int argc, char **argv, struct error **err)
{
    struct bus_job jobs[JOBS_MAX] = { 0 };
    size_t count = 0;

    for (; count < JOBS_MAX && (int)count < argc; count++)
        jobs[count].unit = argv[count];
    int r = bus_run_jobs(bus, verb, jobs, count, time_monotonic_usec() + 60 * USEC_PER_SEC, err);
    for (size_t i = 0; i < count; i++)
        printf("%s %s\n", jobs[i].unit, bus_result_names[jobs[i].result]);
    return r;
}

static void print_unit(const struct bus_unit *unit)
{
    printf("%s %s %s %s result=%s exit=%d main=%s status=%s\n", unit->name, unit->load_state,
            unit->active_state, unit->sub_state, unit->result ? unit->result : "-",
            unit->exit_status, unit->main_pid ? "yes" : "no",
            unit->status_text ? unit->status_text : "-");
}

static int run(struct bus *bus, int argc, char **argv, struct error **err)
{
    static const char *const verbs[BUS_VERB_MAX_] = {
        [BUS_START] = "start",
        [BUS_STOP] = "stop",
        [BUS_RESTART] = "restart",
    };
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct bus_units units = { 0 };
    struct bus_unit unit;
    int r;

    if (strcmp(argv[0], "reload") == 0)
        return bus_reload(bus, err);
    for (int verb = 0; verb < BUS_VERB_MAX_; verb++)
        if (strcmp(argv[0], verbs[verb]) == 0)
            return run_jobs(bus, (enum bus_verb)verb, argc - 1, argv + 1, err);
    if (strcmp(argv[0], "show") == 0 && argc == 2) {
        r = bus_get_unit(bus, &arena, argv[1], &unit, err);
        if (r >= 0)
            print_unit(&unit);
        return r;
    }
    r = bus_list_units(bus, &arena, (const char *const *)(argv + 1), &units, err);
    ARRAY_FOREACH(&units, item)
        print_unit(item);
    return r;
}

int main(int argc, char **argv)
{
    auto_(bus_close_p) struct bus *bus = NULL;
    auto_error struct error *err = NULL;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    bool user = argc > 1 && strcmp(argv[1], "--user") == 0;

    argc -= 1 + user;
    argv += 1 + user;
    if (argc < 1)
        return 2;
    int r = bus_open(user ? BUS_USER : BUS_SYSTEM, &bus, &err);
    if (r >= 0)
        r = run(bus, argc, argv, &err);
    if (r >= 0)
        return 0;
    error_format(err, &text);
    fprintf(stderr, "%s\n", text.data);
    return 1;
}
