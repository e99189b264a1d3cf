/* A container in a directory of its own for the system tests: a bundle, the monitor's
 * configuration, and what came back from it. box_new makes Docker's default container around
 * payload.c; a test changes what it is about and runs it. box_free fails the test when anything is
 * left. */
#pragma once

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/monitor/control.h"
#include "engine/monitor/monitor-config.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OUTPUT_MAX (4u << 20)
#define PATIENCE_USEC (60 * USEC_PER_SEC)

struct box {
    char dir[64];
    int dir_fd;        /* RUN/containers/ID */
    int start_lock_fd; /* monitor_spawn_options; -EBADF unless the test sets it */
    json_t *spec;
    struct monitor_config config;
    struct arena arena;
    struct control *control;
    struct monitor_start start;
    struct strbuf out, err;
    struct monitor_state *state; /* the last one that was pushed */
    struct error *error;
};

/* Arguments of the payload. */
#define ARGS(...) ((const char *const[]){ "payload", __VA_ARGS__, NULL })

/* Control groups of this process's tests; set by box_main. */
extern char box_cgroup_root[64];

struct box *box_new(const char *const *args);
void box_free(struct box *box);

/* Before it starts: files in the box's directory (the image is layer/), the configuration. */
const char *box_path_in(struct box *box, const char *name); /* in box->arena */
void box_make_dir(struct box *box, const char *name);
void box_make_file(struct box *box, const char *name, const char *text);
char *box_read_file(struct box *box, const char *path); /* "" when there is none; in box->arena */
json_t *box_parse(const char *text);                    /* JSON with single quotes. Given */
json_t *box_member(struct box *box, const char *first, const char *second); /* borrowed */
void box_set_args(struct box *box, const char *const *args);
void box_set_capabilities(struct box *box, uint64_t mask);
void box_add_mount(struct box *box, const char *quoted);
void box_use_default_seccomp(struct box *box);

/* Starting: the result of monitor_spawn, or success or failure of the test. */
int box_start(struct box *box);
void box_must_start(struct box *box);
const char *box_error_text(struct box *box);

/* Living: one message (false at the end), until some output came, to the end (the exit code), all
 * of it. */
bool box_take_event(struct box *box);
void box_wait_output(struct box *box, const char *text);
int box_wait(struct box *box);
int box_run(struct box *box);

/* Runs the payload in a default container: it has to say that, or hold it and succeed. */
void box_check_output(const char *const *args, int code, const char *expected);
void box_check_contains(const char *const *args, const char *expected);

/* The main function of such a test: 77 without root, BERTH_TEST filters by name. */
int box_main(const char *group, const struct CMUnitTest *tests, size_t count);
