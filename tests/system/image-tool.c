/* Drives engine/image without containers and without cli/. For tests/system/images.bats; BERTH_ROOT and
 * BERTH_RUN say where the state lies, BERTH_FAULT where to die, HOME where credentials are.
 *
 *     image-tool import [-c CONFIG-JSON] [NAME] < TAR      prints the id
 *     image-tool load [DIRECTORY] (or < ARCHIVE)           prints names or ids
 *     image-tool save REF… > ARCHIVE
 *     image-tool pull [-i] [-p PLATFORM] [-m] REF          prints events, then the id
 *     image-tool tag SOURCE TARGET | rm [-f] REF | prune [-a] | clean
 *     image-tool ls | inspect REF | history REF | dirs REF
 *     image-tool commit DIRECTORY PARENT NAME              DIRECTORY becomes a layer on PARENT
 *     image-tool lookup-time REF COUNT                     microseconds for one look-up
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/image/access.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"
#include "engine/progress.h"

static atomic_bool cancelled;

static void on_signal(int signo)
{
    (void)signo;
    atomic_store(&cancelled, true);
}

static void print_event(void *userdata, const struct progress_event *event)
{
    (void)userdata;
    if (event->kind == PROGRESS_UPDATE)
        return;
    printf("%s%s%s\n", event->id ? event->id : "", event->id ? ": " : "",
            event->text ? event->text : "");
}

static const struct progress progress = { .fn = print_event };

static void print_json(json_t *json)
{
    auto_free char *text = jsonx_dump_pretty(json);

    puts(text);
    json_decref(json);
}

static int run_import(struct engine *engine, int argc, char **argv, struct error **err)
{
    struct image_import_options options = { 0 };
    auto_json json_t *config = NULL;
    auto_free char *id = NULL;
    int r;

    if (argc > 1 && string_is_equal(argv[0], "-c")) {
        r = jsonx_parse(argv[1], strlen(argv[1]), "-c", &config, err);
        if (r < 0)
            return r;
        options.config = config;
        argc -= 2;
        argv += 2;
    }
    options.ref = argc > 0 ? argv[0] : NULL;
    r = image_import(engine, STDIN_FILENO, &options, &id, err);
    if (r >= 0)
        puts(id);
    return r;
}

static int run_load(struct engine *engine, int argc, char **argv, struct error **err)
{
    struct image_load_options options = { .progress = NULL };
    auto_(image_loaded_release) struct image_loaded_list list = { 0 };
    auto_close int dir_fd = argc > 0 ? open(argv[0], O_RDONLY | O_CLOEXEC)
                                     : fcntl(0, F_DUPFD_CLOEXEC, 3);
    int r = image_load(engine, dir_fd, &options, &list, err);

    ARRAY_FOREACH(&list, it)
        puts(it->name ? image_ref_familiar(it->name) : it->id);
    return r;
}

static int run_save(struct engine *engine, int argc, char **argv, struct error **err)
{
    return image_save(engine, (const char *const *)argv, (size_t)argc, STDOUT_FILENO, NULL, err);
}

static const struct registry_access unverified = { .tls = REGISTRY_TLS_UNVERIFIED };

static int run_pull(struct engine *engine, int argc, char **argv, struct error **err)
{
    struct image_pull_options options = { .progress = &progress };
    auto_(image_free_p) struct image *image = NULL;
    int r, c;

    optind = 0;
    while ((c = getopt(argc + 1, argv - 1, "imp:")) != -1) {
        if (c == 'i')
            options.access = &unverified;
        else if (c == 'm')
            options.policy = IMAGE_PULL_MISSING;
        else if (c == 'p')
            options.platform = optarg;
    }
    r = image_pull(engine, argv[optind - 1], &options, &image, err);
    if (r >= 0)
        puts(image->id);
    return r;
}

static int run_tag(struct engine *engine, int argc, char **argv, struct error **err)
{
    return argc == 2 ? image_tag(engine, argv[0], argv[1], err) : -EINVAL;
}

static void print_removal(const struct image_removal *removal)
{
    ARRAY_FOREACH(&removal->untagged, it)
        printf("Untagged: %s\n", *it);
    ARRAY_FOREACH(&removal->deleted, it)
        printf("Deleted: %s\n", *it);
}

static int run_rm(struct engine *engine, int argc, char **argv, struct error **err)
{
    struct image_remove_options options = { .force = argc > 1 && strcmp(argv[0], "-f") == 0 };
    auto_(image_removal_release) struct image_removal removal = { 0 };
    int r = image_remove(engine, argv[argc - 1], &options, &removal, err);

    print_removal(&removal);
    return r;
}

static int run_prune(struct engine *engine, int argc, char **argv, struct error **err)
{
    auto_(image_removal_release) struct image_removal removal = { 0 };
    int r = image_prune(engine, argc > 0 && strcmp(argv[0], "-a") == 0, NULL, &removal, err);

    print_removal(&removal);
    return r;
}

static int run_clean(struct engine *engine, int argc, char **argv, struct error **err)
{
    (void)argc;
    (void)argv;
    return image_clean(engine, err);
}

static int run_ls(struct engine *engine, int argc, char **argv, struct error **err)
{
    struct image_list_options options = { .reference = argc > 0 ? argv[0] : NULL };
    auto_(image_list_release) struct image_list list = { 0 };
    int r = image_list(engine, &options, &list, err);

    ARRAY_FOREACH(&list, it) {
        printf("%.19s", (*it)->id);
        ARRAY_FOREACH(&(*it)->tags, tag)
            printf(" %s", image_ref_familiar(*tag));
        printf("\n");
    }
    return r;
}

static int run_inspect(struct engine *engine, int argc, char **argv, struct error **err)
{
    json_t *json = NULL;
    int r = argc == 1 ? image_inspect(engine, argv[0], &json, err) : -EINVAL;

    if (r >= 0)
        print_json(json);
    return r;
}

static int run_history(struct engine *engine, int argc, char **argv, struct error **err)
{
    json_t *json = NULL;
    int r = argc == 1 ? image_history(engine, argv[0], &json, err) : -EINVAL;

    if (r >= 0)
        print_json(json);
    return r;
}

static int run_dirs(struct engine *engine, int argc, char **argv, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(image_free_p) struct image *image = NULL;
    struct strings dirs = { 0 };
    int r = argc == 1 ? image_require(engine, argv[0], &image, err) : -EINVAL;

    if (r >= 0)
        r = image_layer_dirs(engine, image->id, &arena, &dirs, err);
    ARRAY_FOREACH(&dirs, it)
        puts(*it);
    return r;
}

static int run_commit(struct engine *engine, int argc, char **argv, struct error **err)
{
    auto_(image_free_p) struct image *parent = NULL;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *config = NULL;
    auto_free char *id = NULL;
    char diff_id[IMAGE_DIFF_ID_MAX];
    const char *diff_ids[128];
    struct image_create_options options = { .diff_ids = diff_ids };
    uint64_t size_bytes;
    int r = argc == 3 ? image_require(engine, argv[1], &parent, err) : -EINVAL;
    auto_close int dir_fd = open(
            argc == 3 ? path_parent(&arena, argv[0]) : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (r >= 0)
        r = layer_commit_directory(engine, dir_fd, path_last(argv[0]), diff_id, &size_bytes, err);
    if (r < 0)
        return r;
    ARRAY_FOREACH(&parent->diff_ids, it)
        diff_ids[options.diff_id_count++] = *it;
    diff_ids[options.diff_id_count++] = diff_id;
    r = jsonx_parse(parent->config_json, strlen(parent->config_json), "parent", &config, err);
    options.config = config;
    options.parent_id = parent->id;
    options.names = (const char *const[]){ argv[2] };
    options.name_count = 1;
    if (r >= 0)
        r = image_create(engine, &options, &id, err);
    if (r >= 0)
        puts(id);
    return r;
}

static int run_lookup_time(struct engine *engine, int argc, char **argv, struct error **err)
{
    int64_t count = 1, begin;
    int r = argc == 2 ? parse_int64(str_from(argv[1]), 1, 1000000, &count) : -EINVAL;

    begin = time_monotonic_usec();
    for (int64_t i = 0; r >= 0 && i < count; i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        auto_(image_free_p) struct image *image = NULL;
        struct strings dirs;

        r = image_require(engine, argv[0], &image, err);
        if (r >= 0)
            r = image_layer_dirs(engine, image->id, &arena, &dirs, err);
    }
    printf("%lld\n", (long long)((time_monotonic_usec() - begin) / count));
    return r;
}

static const struct {
    const char *name;
    int (*run)(struct engine *engine, int argc, char **argv, struct error **err);
} commands[] = {
    { "import", run_import },
    { "load", run_load },
    { "save", run_save },
    { "pull", run_pull },
    { "tag", run_tag },
    { "rm", run_rm },
    { "prune", run_prune },
    { "clean", run_clean },
    { "ls", run_ls },
    { "inspect", run_inspect },
    { "history", run_history },
    { "dirs", run_dirs },
    { "commit", run_commit },
    { "lookup-time", run_lookup_time },
};

int main(int argc, char **argv)
{
    auto_(engine_close_p) struct engine *engine = NULL;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(65536);
    auto_error struct error *err = NULL;
    struct engine_options options = {
        .root_dir = getenv("BERTH_ROOT"),
        .run_dir = getenv("BERTH_RUN"),
        .libexec_dir = "/nonexistent",
        .program = "/nonexistent",
        .home_dir = getenv("HOME"),
        .registry_auth_file = getenv("REGISTRY_AUTH_FILE"),
        .docker_config_dir = getenv("DOCKER_CONFIG"),
        .fault = getenv("BERTH_FAULT"),
        .cancel = &cancelled,
    };
    int r = -EINVAL;

    if (argc < 2 || !options.root_dir || !options.run_dir)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    r = engine_open(&options, &engine, &err);
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            r = commands[i].run(engine, argc - 2, argv + 2, &err);
            fflush(stdout);
            if (r >= 0)
                return 0;
        }
    if (err)
        error_format(err, &text);
    fprintf(stderr, "image-tool: %s\n", err ? text.data : "usage");
    return 1;
}
