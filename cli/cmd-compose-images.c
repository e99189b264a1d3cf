/* compose pull, push, images. */
#include <errno.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/report.h"
#include "cli/table.h"
#include "compose/backend.h"
#include "compose/project.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"

int compose_run_images_plan(struct cli *cli, struct plan_images_options *how, bool quiet, int argc,
        char **argv, compose_plan_images_fn make)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    int status = compose_open(cli, COMPOSE_NEED_PROJECT, argc, argv, &compose);

    if (status == 0)
        status = compose_check_supported(compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    how->services = compose_services(compose, argc, argv);
    int r = make(&input, how, &plan, &diag, &err);
    return compose_carry_out(
            compose, r, plan, &diag, err, &(struct compose_run_options){ .quiet = quiet });
}

/* ------------------------------------------------------------------ pull */

struct pull_options {
    const char *policy;
    bool ignore_buildable, ignore_failures, include_deps, quiet, no_parallel, parallel;
};
#define AT(member) .offset = offsetof(struct pull_options, member)
static const struct opt pull_opts[] = { { .name = "ignore-buildable",
                                                .type = &opt_flag,
                                                AT(ignore_buildable),
                                                .help = "Skip images that can be built" },
    { .name = "ignore-pull-failures",
            .type = &opt_flag,
            AT(ignore_failures),
            .help = "Go on when a pull fails" },
    { .name = "include-deps",
            .type = &opt_flag,
            AT(include_deps),
            .help = "Include what the services depend on" },
    { .name = "no-parallel",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(no_parallel),
            .help = "Has no effect any more, as with Docker Compose" },
    { .name = "parallel",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(parallel),
            .help = "Has no effect any more, as with Docker Compose" },
    { .name = "policy",
            .type = &opt_string,
            .arg = "POLICY",
            AT(policy),
            .values = values_pull,
            .help = "missing or always" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "No progress" },
    OPT_END };
#undef AT

static int run_pull(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct pull_options *o = data;
    struct plan_images_options how = { .with_deps = o->include_deps,
        .quiet = o->quiet,
        .policy = o->policy,
        .ignore_buildable = o->ignore_buildable,
        .ignore_failures = o->ignore_failures };

    if (o->policy && strcmp(o->policy, "missing") != 0 && strcmp(o->policy, "always") != 0)
        return report_failure(
                cli, "invalid --policy \"%s\": expected missing or always", o->policy);
    return compose_run_images_plan(cli, &how, o->quiet, argc, argv, plan_pull);
}

const struct command command_compose_pull = {
    .name = "pull",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Fetch images of services",
    .opts = pull_opts,
    .options_bytes = sizeof(struct pull_options),
    .run = run_pull,
};

/* ------------------------------------------------------------------ push */

struct push_options {
    bool ignore_failures, include_deps, quiet;
};
#define AT(member) .offset = offsetof(struct push_options, member)
static const struct opt push_opts[] = { { .name = "ignore-push-failures",
                                                .type = &opt_flag,
                                                AT(ignore_failures),
                                                .help = "Go on when a push fails" },
    { .name = "include-deps",
            .type = &opt_flag,
            AT(include_deps),
            .help = "Include what the services depend on" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "No progress" },
    OPT_END };
#undef AT

static int run_push(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct push_options *o = data;
    struct plan_images_options how = {
        .with_deps = o->include_deps, .quiet = o->quiet, .ignore_failures = o->ignore_failures
    };

    return compose_run_images_plan(cli, &how, o->quiet, argc, argv, plan_push);
}

const struct command command_compose_push = {
    .name = "push",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Send images that services build to their registries",
    .opts = push_opts,
    .options_bytes = sizeof(struct push_options),
    .run = run_push,
};

/* ------------------------------------------------------------------ images */

struct images_options {
    const char *format;
    bool quiet;
};
static const struct opt images_opts[] = { { .name = "format",
                                                  .type = &opt_string,
                                                  .arg = "FORMAT",
                                                  .offset = offsetof(struct images_options, format),
                                                  .help = "table, json or a Go template" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            .offset = offsetof(struct images_options, quiet),
            .help = "Only ids" },
    OPT_END };
static const struct list_column images_columns[] = {
    { "CONTAINER", "ContainerName" },
    { "REPOSITORY", "Repository" },
    { "TAG", "Tag" },
    { "PLATFORM", "Platform" },
    { "IMAGE ID", "ID" },
    { "SIZE", "Size" },
    { "CREATED", "CreatedSince" },
    { NULL, NULL },
};

static void add_times(
        struct engine *engine, const struct image *image, const char *name, json_t *row)
{
    char time[TIME_RFC3339_MAX];
    int64_t tagged_nsec = 0;

    if (image->created_nsec > 0)
        json_object_set_new(
                row, "Created", json_string(time_format_rfc3339(image->created_nsec, time)));
    if (name && image_tag_time(engine, name, &tagged_nsec, NULL) >= 0 && tagged_nsec > 0)
        json_object_set_new(
                row, "LastTagTime", json_string(time_format_rfc3339(tagged_nsec, time)));
}

/* Sizes in bytes and times are for programs. */
static void show_for_people(struct arena *arena, json_t *rows)
{
    int64_t now = time_realtime_nsec(), created_nsec;
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *id = jsonx_string(row, "ID"), *created = jsonx_string(row, "Created");

        json_object_set_new(
                row, "Size", json_string(format_size(arena, (uint64_t)jsonx_int(row, "Size", 0))));
        if (!created || time_parse_rfc3339(created, &created_nsec) < 0)
            created_nsec = 0;
        json_object_set_new(row, "CreatedSince", json_string(format_ago(arena, created_nsec, now)));
        json_object_set_new(row, "ID", json_string(format_short_id(arena, id)));
    }
}

static int add_image(struct compose *compose, const struct observed_container *container,
        bool quiet, json_t *rows, struct strmap *seen, struct error **err)
{
    struct cli *cli = compose->cli;
    auto_(image_free_p) struct image *image = NULL;
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    const char *repository = "<none>", *tag = "<none>";
    int r = image_lookup(cli->engine, container->image_id, &image, err);

    if (r < 0 || !image)
        return r;
    if (quiet) {
        if (!strmap_set(
                    seen, image->id, container->service ? (void *)container->service : (void *)""))
            cli_print(cli, "%s\n", strchr(image->id, ':') ? strchr(image->id, ':') + 1 : image->id);
        return 0;
    }
    if (container->image && !image_ref_is_id(container->image) &&
            image_ref_parse(container->image, &ref, NULL) >= 0) {
        auto_free char *name = image_ref_repository(&ref);

        repository = arena_strdup(&compose->arena, image_ref_familiar(name));
        tag = ref.tag ? ref.tag : "<none>";
    }
    json_t *row = json_object();
    json_object_set_new(row, "ID", json_string(image->id));
    json_object_set_new(row, "ContainerName", json_string(container->name));
    json_object_set_new(row, "Repository", json_string(repository));
    json_object_set_new(row, "Tag", json_string(tag));
    json_object_set_new(row, "Platform",
            json_sprintf("%s/%s", image->os ? image->os : "linux",
                    image->architecture ? image->architecture : "unknown"));
    json_object_set_new(row, "Size", json_integer((json_int_t)image->size_bytes));
    add_times(cli->engine, image, container->image, row);
    json_array_append_new(rows, row);
    return 0;
}

static int run_images(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct images_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_json json_t *rows = json_array();
    auto_error struct error *err = NULL;
    struct compose_containers containers;
    struct strmap seen;
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);

    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        status = compose_containers(compose, argc, argv, true, &containers);
    if (status)
        return status;
    strmap_init_arena(&seen, &compose->arena);
    compose_sort_by_name(&containers);
    ARRAY_FOREACH(&containers, item)
        if (add_image(compose, *item, o->quiet, rows, &seen, &err) < 0)
            return report_error(cli, err);
    if (o->quiet)
        return 0;
    if (!string_is_equal(o->format, "json"))
        show_for_people(&compose->arena, rows);
    struct list_format format = { .format = o->format,
        .columns = images_columns,
        .default_columns = 7,
        .min_width = TABLE_COMPOSE_MIN_WIDTH,
        .json_array = true };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

const struct command command_compose_images = {
    .name = "images",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "List the images of the containers",
    .opts = images_opts,
    .options_bytes = sizeof(struct images_options),
    .run = run_images,
};
