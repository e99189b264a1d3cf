/* Compose projects as units: what comes before what, what is restarted, and what is wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "compose/graph.h"
#include "compose/load.h"
#include "compose/project.h"
#include "quadlet/project-units.h"

#define TEXT_MAX (1u << 20)

struct fixture {
    char dir[32];
    int dir_fd;
    struct arena arena;
    struct diag diag;
    struct strings profiles;
    struct strmap stopped;
    bool is_user;
    struct project_units units;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/berth-units.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->dir_fd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    strmap_init_arena(&f->stopped, &f->arena);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    close(f->dir_fd);
    assert_int_equal(fs_remove_tree(AT_FDCWD, f->dir, NULL), 0);
    diag_release(&f->diag);
    arena_release(&f->arena);
    free(f);
    return 0;
}

static int make_result(struct fixture *f, const char *text)
{
    struct load_options load = { .working_dir = f->dir, .project_name = "shop", .stdin_fd = -1 };
    const struct project_units_options options = { .program = "/usr/bin/berth",
        .is_user = f->is_user,
        .profiles = &f->profiles,
        .stopped = &f->stopped };
    struct project *project = NULL;
    struct graph *graph = NULL;
    auto_error struct error *err = NULL;

    assert_int_equal(
            fs_replace_file(f->dir_fd, "compose.yaml", text, strlen(text), 0600, FS_NO_SYNC, NULL),
            0);
    *ARRAY_APPEND_ARENA(&f->arena, &load.profiles) = arena_strdup(&f->arena, "*");
    if (project_load(&f->arena, &load, &project, &f->diag, &err) < 0)
        fail_msg("%s", f->diag.len ? f->diag.items[0].message : err->message);
    assert_int_equal(graph_build(&f->arena, project, &graph, &err), 0);
    return project_make_units(&f->arena, project, graph, &options, &f->units, &f->diag);
}

static void make(struct fixture *f, const char *text)
{
    if (make_result(f, text) < 0)
        fail_msg("%s", f->diag.items[f->diag.len - 1].message);
}

static const struct project_unit *unit_of(struct fixture *f, const char *name)
{
    ARRAY_FOREACH(&f->units, unit)
        if (strcmp(unit->name, name) == 0)
            return unit;
    fail_msg("no unit %s", name);
    return NULL;
}

static bool has_unit(struct fixture *f, const char *name)
{
    ARRAY_FOREACH(&f->units, unit)
        if (strcmp(unit->name, name) == 0)
            return true;
    return false;
}

/* Whether the unit's text has that line, in any section. */
static bool has_line(struct fixture *f, const char *name, const char *line)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEXT_MAX);

    unitfile_write(&unit_of(f, name)->unit, &text);
    for (const char *p = text.data; (p = strstr(p, line)); p++)
        if ((p == text.data || p[-1] == '\n') && p[strlen(line)] == '\n')
            return true;
    return false;
}

static void assert_line(struct fixture *f, const char *name, const char *line)
{
    if (!has_line(f, name, line)) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEXT_MAX);

        unitfile_write(&unit_of(f, name)->unit, &text);
        fail_msg("no line \"%s\" in %s:\n%s", line, name, text.data);
    }
}

static bool is_linked(struct fixture *f, const char *name, const char *link)
{
    ARRAY_FOREACH(&unit_of(f, name)->links, path)
        if (strcmp(*path, link) == 0)
            return true;
    return false;
}

static void a_dependency_comes_before_and_is_waited_for(void **state)
{
    struct fixture *f = *state;

    make(f, "services:\n"
            "  web: { image: x, depends_on: { db: { condition: service_healthy, restart: true },\n"
            "         job: { condition: service_completed_successfully } } }\n"
            "  db: { image: x, healthcheck: { test: [CMD, 'true'] } }\n"
            "  job: { image: x }\n");
    assert_line(f, "shop-web.service", "After=shop-db.service");
    assert_line(f, "shop-web.service", "Wants=shop-db.service");
    assert_line(f, "shop-web.service", "PartOf=shop-db.service");
    assert_line(f, "shop-web.service", "After=shop-job.service");
    assert_false(has_line(f, "shop-web.service", "PartOf=shop-job.service"));
    assert_line(f, "shop-web.service",
            "ExecStartPre=/usr/bin/berth internal unit gate shop service web 1");
    assert_line(f, "shop-db.service", "Type=notify");
    assert_line(f, "shop-db.service",
            "ExecStart=/usr/bin/berth internal unit start-healthy shop service db 1");
    assert_line(f, "shop-job.service", "Type=oneshot");
    assert_line(f, "shop-job.service", "RemainAfterExit=yes");
    assert_line(
            f, "shop-job.service", "ExecStart=/usr/bin/berth internal unit run shop service job 1");
    assert_false(has_line(f, "shop-db.service",
            "ExecStartPre=/usr/bin/berth internal unit gate shop service db 1"));
}

static void what_a_container_uses_is_made_before_it(void **state)
{
    struct fixture *f = *state;

    make(f, "services: { web: { build: ., networks: [a, b], volumes: ['data:/d', '/srv/a b:/x', 'out:/o'] } }\n"
            "networks: { a: {}, b: { external: true } }\n"
            "volumes: { data: {}, out: { external: true } }\n");
    assert_line(f, "shop-web.service", "Requires=shop-web-build.service");
    assert_line(f, "shop-web.service", "After=shop-a-network.service");
    assert_line(f, "shop-web.service", "After=shop-data-volume.service");
    assert_line(f, "shop-web.service", "RequiresMountsFor=\"/srv/a\\x20b\"");
    assert_false(has_unit(f, "shop-b-network.service"));
    assert_false(has_unit(f, "shop-out-volume.service"));
    assert_line(f, "shop-web-build.service", "TimeoutStartSec=infinity");
}

static void restart_policies_are_systemds(void **state)
{
    struct fixture *f = *state;

    make(f, "services:\n"
            "  no: { image: x }\n"
            "  always: { image: x, restart: always }\n"
            "  thrice: { image: x, restart: 'on-failure:3' }\n"
            "  deployed: { image: x, restart: always, deploy: { restart_policy: { condition: none } } }\n");
    assert_line(f, "shop-no.service", "Restart=no");
    assert_line(f, "shop-always.service", "Restart=always");
    assert_line(f, "shop-always.service", "StartLimitIntervalSec=0");
    assert_line(f, "shop-thrice.service", "Restart=on-failure");
    assert_line(f, "shop-thrice.service", "StartLimitBurst=4");
    assert_line(f, "shop-deployed.service", "Restart=no");
}

static void several_containers_are_instances_of_a_template(void **state)
{
    struct fixture *f = *state;

    make(f, "services: { web: { image: x, scale: 2 }, app: { image: x, depends_on: [web] }, none: { image: x, scale: 0 } }\n");
    assert_line(f, "shop-web@.service",
            "ExecStart=/usr/bin/berth internal unit start shop service web %i");
    assert_true(is_linked(f, "shop-web@.service", "shop.target.wants/shop-web@1.service"));
    assert_true(is_linked(f, "shop-web@.service", "shop.target.wants/shop-web@2.service"));
    assert_line(f, "shop-app.service", "After=shop-web@1.service shop-web@2.service");
    assert_false(has_unit(f, "shop-none.service"));
}

static void a_profile_that_is_not_active_has_a_target_of_its_own(void **state)
{
    struct fixture *f = *state;
    static const char text[] =
            "services: { web: { image: x }, tool: { image: x, profiles: [debug] } }\n";

    make(f, text);
    assert_true(is_linked(f, "shop-web.service", "shop.target.wants/shop-web.service"));
    assert_true(
            is_linked(f, "shop-tool.service", "shop-profile-debug.target.wants/shop-tool.service"));
    assert_true(has_unit(f, "shop-profile-debug.target"));
    *ARRAY_APPEND_ARENA(&f->arena, &f->profiles) = arena_strdup(&f->arena, "debug");
    make(f, text);
    assert_true(is_linked(f, "shop-tool.service", "shop.target.wants/shop-tool.service"));
    assert_false(has_unit(f, "shop-profile-debug.target"));
}

static void a_service_of_two_profiles_comes_with_either(void **state)
{
    struct fixture *f = *state;

    make(f, "services: { tool: { image: x, profiles: [a, b] },"
            " job: { image: x, profiles: [a, b], x-schedule: daily } }\n");
    assert_true(is_linked(f, "shop-tool.service", "shop-profile-a.target.wants/shop-tool.service"));
    assert_true(is_linked(f, "shop-tool.service", "shop-profile-b.target.wants/shop-tool.service"));
    assert_true(is_linked(f, "shop-job.timer", "shop-profile-a.target.wants/shop-job.timer"));
    assert_true(is_linked(f, "shop-job.timer", "shop-profile-b.target.wants/shop-job.timer"));
    assert_line(f, "shop-tool.service", "PartOf=shop-profile-b.target");
}

static void limits_and_delays_that_are_no_whole_numbers_lose_nothing(void **state)
{
    struct fixture *f = *state;

    make(f, "services:\n"
            "  web:\n"
            "    image: x\n"
            "    cpus: 0.125\n"
            "    deploy: { restart_policy: { condition: any, delay: 1500ms } }\n"
            "  db: { image: x, deploy: { restart_policy: { condition: on-failure, delay: 7s, max_attempts: 2 } } }\n");
    assert_line(f, "shop-web.service", "CPUQuota=13%");
    assert_line(f, "shop-web.service", "RestartSec=1500000us");
    assert_line(f, "shop-db.service", "RestartSec=7");
    assert_line(f, "shop-db.service", "StartLimitBurst=3");
}

static void what_was_stopped_by_hand_stays_so_unless_it_is_to_run_always(void **state)
{
    struct fixture *f = *state;

    (void)strmap_set(&f->stopped, "a", f);
    (void)strmap_set(&f->stopped, "b", f);
    make(f, "services: { a: { image: x, restart: unless-stopped }, b: { image: x, restart: always } }\n");
    assert_int_equal(unit_of(f, "shop-a.service")->links.len, 0);
    assert_true(is_linked(f, "shop-b.service", "shop.target.wants/shop-b.service"));
}

static void what_was_stopped_by_hand_is_not_started_for_what_depends_on_it(void **state)
{
    struct fixture *f = *state;

    (void)strmap_set(&f->stopped, "db", f);
    make(f, "services:\n"
            "  web: { image: x, depends_on: [db, cache] }\n"
            "  side: { image: x, depends_on: [db], network_mode: \"service:db\" }\n"
            "  cache: { image: x }\n"
            "  db: { image: x, restart: unless-stopped }\n");
    assert_line(f, "shop-web.service", "After=shop-db.service");
    assert_false(has_line(f, "shop-web.service", "Wants=shop-db.service"));
    assert_line(f, "shop-web.service", "Wants=shop-cache.service");
    assert_line(f, "shop-side.service", "Wants=shop-db.service"); /* it lives in its namespace */
}

static void limits_are_properties_with_room_for_the_monitor(void **state)
{
    struct fixture *f = *state;

    make(f, "services: { web: { image: x, mem_limit: 64m, memswap_limit: 96m, cpus: 1.5, pids_limit: 10, cpuset: '0,1',"
            " cpu_shares: 1024 } }\n");
    assert_line(f, "shop-web.service", "MemoryMax=83886080");
    assert_line(f, "shop-web.service", "MemorySwapMax=33554432");
    assert_line(f, "shop-web.service", "CPUQuota=150%");
    assert_line(f, "shop-web.service", "CPUWeight=39");
    assert_line(f, "shop-web.service", "AllowedCPUs=0,1");
    assert_line(f, "shop-web.service", "TasksMax=42");
}

static void a_schedule_is_a_timer_that_starts_a_job(void **state)
{
    struct fixture *f = *state;

    make(f, "services: { backup: { image: x, x-schedule: '15 3 * * *' }, slow: { image: x, x-schedule:"
            " { calendar: weekly, persistent: false, randomized_delay: 1h } } }\n");
    assert_line(f, "shop-backup.timer", "OnCalendar=*-*-* 03:15:00");
    assert_line(f, "shop-backup.timer", "Persistent=yes");
    assert_true(is_linked(f, "shop-backup.timer", "shop.target.wants/shop-backup.timer"));
    assert_int_equal(unit_of(f, "shop-backup.service")->links.len, 0);
    assert_line(f, "shop-backup.service", "Type=oneshot");
    assert_false(has_line(f, "shop-backup.service", "RemainAfterExit=yes"));
    assert_line(f, "shop-slow.timer", "OnCalendar=weekly");
    assert_line(f, "shop-slow.timer", "RandomizedDelaySec=1h");
    assert_false(has_line(f, "shop-slow.timer", "Persistent=yes"));
}

static void settings_of_units_pass_through(void **state)
{
    struct fixture *f = *state;

    make(f, "x-systemd: { Unit: { Documentation: 'https://example.org' } }\n"
            "services: { web: { image: x, x-systemd: { Service: { Nice: 5, Environment: [A=1, B=2] } } } }\n");
    assert_line(f, "shop-web.service", "Nice=5");
    assert_line(f, "shop-web.service", "Environment=A=1");
    assert_line(f, "shop-web.service", "Environment=B=2");
    assert_line(f, "shop.target", "Documentation=https://example.org");
}

static void settings_of_no_use_are_errors_with_their_place(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "services: { web: { image: x, x-systemd: 5 } }\n",
        "services: { web: { image: x, x-systemd: { Service: [a] } } }\n",
        "services: { web: { image: x, x-systemd: { Service: { \"Nice\\nExec\": 5 } } } }\n",
        "services: { web: { image: x, x-systemd: { Service: { Nice: \"5\\nExecStart=/bin/x\" } } } }\n",
        "services: { web: { image: x, x-systemd: { Service: { Environment: 'A=b\\' } } } }\n",
        "services: { web: { image: x, x-systemd: { \"Service]\\n\": { Nice: 5 } } } }\n",
        "services: { web: { image: x, x-schedule: '61 * * * *' } }\n",
        "services: { web: { image: x, x-schedule: {} } }\n",
        "services: { web: { image: x, x-schedule: { calendar: daily, randomized_delay: \"1\\nUnit=x\" } } }\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (make_result(f, texts[i]) >= 0)
            fail_msg("accepted: %s", texts[i]);
        assert_int_equal(f->diag.len, 1);
        assert_int_equal(f->diag.items[0].at.line, 1);
        diag_release(&f->diag);
        f->diag = (struct diag)DIAG_INIT;
    }
}

static void nothing_in_a_name_is_read_by_systemd(void **state)
{
    struct fixture *f = *state;

    make(f, "services: { web: { image: x, container_name: cc, volumes: ['/srv/100%$$HOME:/x'] } }\n");
    assert_line(f, "shop-web.service", "RequiresMountsFor=/srv/100%%$HOME");
}

static void a_users_project_starts_with_the_users_default_target(void **state)
{
    struct fixture *f = *state;

    f->is_user = true;
    make(f, "services: { web: { image: x } }\n");
    assert_true(is_linked(f, "shop.target", "default.target.wants/shop.target"));
    assert_false(has_line(f, "shop-web.service", "After=network-online.target"));
}

static void a_project_that_cannot_be_used_says_why_in_its_unit(void **state)
{
    struct fixture *f = *state;
    const struct project_units_options options = { .program = "/usr/bin/berth" };
    struct strings errors = { 0 };

    *ARRAY_APPEND_ARENA(&f->arena, &errors) = arena_strdup(
            &f->arena, "shop.yaml:3:1: 100% \"wrong\" $HOME");
    project_make_placeholder(&f->arena, "shop", &errors, &options, &f->units);
    assert_line(f, "shop.target", "Requires=shop-error.service");
    assert_line(f, "shop-error.service",
            "Description=Compose project shop cannot be used: shop.yaml:3:1: 100%% \"wrong\" $HOME");
    assert_true(is_linked(f, "shop.target", "multi-user.target.wants/shop.target"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_dependency_comes_before_and_is_waited_for),
        TEST(what_a_container_uses_is_made_before_it),
        TEST(restart_policies_are_systemds),
        TEST(several_containers_are_instances_of_a_template),
        TEST(a_profile_that_is_not_active_has_a_target_of_its_own),
        TEST(a_service_of_two_profiles_comes_with_either),
        TEST(limits_and_delays_that_are_no_whole_numbers_lose_nothing),
        TEST(what_was_stopped_by_hand_stays_so_unless_it_is_to_run_always),
        TEST(what_was_stopped_by_hand_is_not_started_for_what_depends_on_it),
        TEST(limits_are_properties_with_room_for_the_monitor),
        TEST(a_schedule_is_a_timer_that_starts_a_job),
        TEST(settings_of_units_pass_through),
        TEST(settings_of_no_use_are_errors_with_their_place),
        TEST(nothing_in_a_name_is_read_by_systemd),
        TEST(a_users_project_starts_with_the_users_default_target),
        TEST(a_project_that_cannot_be_used_says_why_in_its_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
