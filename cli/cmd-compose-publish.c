/* compose publish: the files of a project as an artifact in a registry, in the form that Docker Compose reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/config-digests.h"
#include "cli/report.h"
#include "compose/document.h"
#include "compose/project.h"
#include "compose/yaml.h"
#include "engine/image/artifact.h"

#define TYPE_PROJECT "application/vnd.docker.compose.project"
#define TYPE_EMPTY_1_0 "application/vnd.docker.compose.config.empty.v1+json"
#define TYPE_FILE "application/vnd.docker.compose.file+yaml"
#define TYPE_ENV_FILE "application/vnd.docker.compose.envfile"
/* Of the Docker Compose whose artifacts these are like. */
#define ARTIFACT_VERSION "2.40.3"

struct publish_options {
    const char *oci_version;
    bool app, resolve_digests, with_env, yes;
};
#define AT(member) .offset = offsetof(struct publish_options, member)
static const char *const oci_versions[] = { "1.0", "1.1", NULL };
static const struct opt publish_opts[] = { { .name = "app",
                                                   .type = &opt_flag,
                                                   .flags = OPT_UNSUPPORTED,
                                                   AT(app),
                                                   .help = "Publish the images beside it, too" },
    { .name = "oci-version",
            .type = &opt_string,
            .arg = "VERSION",
            AT(oci_version),
            .values = oci_versions,
            .help = "Of the image specification: 1.0 or 1.1 (default)" },
    { .name = "resolve-image-digests",
            .type = &opt_flag,
            AT(resolve_digests),
            .help = "Pin the images to what their tags stand for now" },
    { .name = "with-env",
            .type = &opt_flag,
            AT(with_env),
            .help = "Publish variables and their files, too" },
    { .name = "yes", .letter = 'y', .type = &opt_flag, AT(yes), .help = "Do not ask" }, OPT_END };
#undef AT

struct publishing {
    struct compose *compose;
    struct arena *arena;
    struct {
        struct artifact_part *items;
        size_t len, cap;
    } parts;
    struct strmap env_files;     /* absolute path -> name in the artifact */
    struct strmap extends_files; /* the same, of files whose services others extend */
    struct strings names;        /* of the parts */
};

/* ------------------------------------------------------------------ what may be published */

static int check_builds(struct compose *compose)
{
    ARRAY_FOREACH(&compose->project->services, service)
        if (service->build.given && !service->image)
            return report_failure(compose->cli,
                    "service \"%s\" has only a build section: without an image's name nobody else "
                    "can run it",
                    service->name);
    return 0;
}

static int refuse_variables(struct cli *cli, const char *service, const char *why)
{
    auto_error struct error *err = NULL;

    error_set_plain(&err, EPERM, NULL, "service \"%s\" %s", service, why);
    error_hint(&err, "--with-env publishes them, too; take out what is secret");
    return report_error(cli, err);
}

static int check_variables(struct compose *compose, const struct publish_options *o, bool *ret_any)
{
    const char *name = NULL;

    ARRAY_FOREACH(&compose->project->services, service)
        if (service->environment.len > 0)
            name = service->name;
    *ret_any = name;
    return !name || o->with_env
                   ? 0
                   : refuse_variables(compose->cli, name, "has environment variable(s) declared");
}

static bool has_bind_mounts(const struct project *project)
{
    ARRAY_FOREACH(&project->services, service)
        ARRAY_FOREACH(&service->volumes, volume)
            if (volume->type == MOUNT_BIND)
                return true;
    return false;
}

static int check_project(struct compose *compose, const struct publish_options *o)
{
    bool has_variables = false;
    int status = check_builds(compose);

    if (status == 0)
        status = check_variables(compose, o, &has_variables);
    if (status || o->yes || compose->options->dry_run ||
            !(has_variables || has_bind_mounts(compose->project)))
        return status;
    return cli_confirm(compose->cli, "Variables, or paths of this machine that are mounted, are "
                                     "about to be published.")
                   ? 0
                   : report_failure(compose->cli, "not published");
}

/* ------------------------------------------------------------------ the files */

static void add_part(struct publishing *p, const char *media_type, const char *key,
        const char *name, const char *data, size_t len)
{
    *ARRAY_APPEND_ARENA(p->arena, &p->parts) = (struct artifact_part){ .media_type = media_type,
        .data = data,
        .len = len,
        .annotations = { { "com.docker.compose.version", ARTIFACT_VERSION }, { key, name } } };
    *ARRAY_APPEND_ARENA(p->arena, &p->names) = arena_strdup(p->arena, name);
}

/* A text node and what stands in its place in what is published. */
struct replacement {
    const struct node *node;
    const char *text;
};
struct replacements {
    struct replacement *items; /* in the order of the file */
    size_t len, cap;
};

/* Paths of this machine say too much, and lead nowhere elsewhere: the file goes along under another name. */
static int replace_path(struct publishing *p, const char *base, const struct node *node,
        struct strmap *files, const char *extension, struct replacements *list, struct error **err)
{
    char digest[DIGEST_TEXT_MAX];

    if (strchr(node->text, '$'))
        return error_set_plain(err, ENOTSUP, &node->at,
                "publishing a file with a variable in its path is not supported");
    const char *path = path_join(p->arena, base, node->text);
    digest_sha256(path, strlen(path), digest);
    const char *name = arena_printf(p->arena, "%s%s", digest_hex(digest), extension);
    strmap_set(files, path, (void *)(uintptr_t)name);
    *ARRAY_APPEND_ARENA(p->arena, list) = (struct replacement){ node, name };
    return 0;
}

static int replace_env_file(struct publishing *p, const char *base, const struct node *node,
        struct replacements *list, struct error **err)
{
    if (node->kind == NODE_MAP)
        node = node_get(node, "path");
    if (!node || node->kind != NODE_TEXT)
        return 0;
    return replace_path(p, base, node, &p->env_files, ".env", list, err);
}

static int look_at_service(struct publishing *p, const char *base, const struct node *service,
        struct replacements *list, struct error **err)
{
    const struct node *extends = node_get(service, "extends");
    const struct node *env_file = node_get(service, "env_file");
    const struct node *file = extends && extends->kind == NODE_MAP ? node_get(extends, "file")
                                                                   : NULL;
    int r = 0;

    if (file && file->kind == NODE_TEXT)
        r = replace_path(p, base, file, &p->extends_files, ".yaml", list, err);
    if (r >= 0 && env_file && env_file->kind != NODE_LIST)
        return replace_env_file(p, base, env_file, list, err);
    for (uint32_t i = 0; env_file && i < env_file->len && r >= 0; i++)
        r = replace_env_file(p, base, env_file->items[i], list, err);
    return r;
}

static int compare_places(const void *a, const void *b)
{
    const struct source *x = &((const struct replacement *)a)->node->at;
    const struct source *y = &((const struct replacement *)b)->node->at;
    int r = (x->line > y->line) - (x->line < y->line);

    return r ? r : (x->column > y->column) - (x->column < y->column);
}

/* The text with the replacements, each of which must stand where its node says, with or without quotes. */
static int write_replaced(const struct yaml_text *text, const struct replacements *list,
        struct strbuf *out, struct error **err)
{
    size_t done = 0;

    ARRAY_FOREACH(list, it) {
        const struct source *at = &it->node->at;
        size_t len = strlen(it->node->text), offset;

        if (at->line == 0 || at->line > text->line_count)
            continue;
        offset = text->lines[at->line - 1] + (at->column ? at->column - 1 : 0);
        if (offset < text->len && strchr("'\"", text->data[offset]))
            offset++;
        if (offset < done || offset + len > text->len ||
                memcmp(text->data + offset, it->node->text, len) != 0)
            return error_set_plain(err, ENOTSUP, at,
                    "publishing the name of a file that is written like this is not supported");
        strbuf_add(out, text->data + done, offset - done);
        strbuf_adds(out, it->text);
        done = offset + len;
    }
    strbuf_add(out, text->data + done, text->len - done);
    return strbuf_is_truncated(out)
                   ? error_set_plain(err, E2BIG, NULL, "\"%s\" is too large to publish", text->file)
                   : 0;
}

/* `base`: where the paths in it begin; `name`: what it is called in the artifact. */
static int add_file(struct publishing *p, const char *path, const char *base, const char *name,
        bool is_extended, struct error **err)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(2 * LIMIT_COMPOSE_FILE_BYTES);
    auto_free char *data = NULL;
    struct replacements list = { 0 };
    struct yaml_documents documents;
    size_t len = 0;
    int r;

    if (strcmp(path, "-") == 0)
        return error_set_plain(err, ENOTSUP, NULL, "publishing standard input is not supported");
    r = fs_read_file(AT_FDCWD, path, LIMIT_COMPOSE_FILE_BYTES, &data, &len, err);
    if (r < 0)
        return r;
    struct yaml_text text = {
        .file = path, .data = arena_dup(p->arena, data, len + 1), .len = len
    };
    yaml_index_lines(p->arena, &text);
    r = yaml_parse(p->arena, &text, &documents, &diag);
    for (size_t i = 0; i < documents.len && r >= 0; i++) {
        const struct node *root = documents.items[i];
        const struct node *include = root->kind == NODE_MAP ? node_get(root, "include") : NULL;
        const struct node *services = root->kind == NODE_MAP ? node_get(root, "services") : NULL;

        if (include)
            return error_set_plain(
                    err, ENOTSUP, &include->at, "cannot publish compose file with local includes");
        if (!services || services->kind != NODE_MAP)
            continue;
        NODE_FOREACH(services, entry) {
            if (r >= 0 && entry->value->kind == NODE_MAP)
                r = look_at_service(p, base, entry->value, &list, err);
        }
    }
    if (list.len > 1)
        qsort(list.items, list.len, sizeof(*list.items), compare_places);
    if (r >= 0)
        r = write_replaced(&text, &list, &out, err);
    if (r < 0)
        return r;
    add_part(p, TYPE_FILE, "com.docker.compose.file", name,
            arena_dup(p->arena, out.data, out.len + 1), out.len);
    if (is_extended) { /* it is there to be extended, and no file of the project's */
        struct artifact_part *part = &p->parts.items[p->parts.len - 1];

        part->annotations[2][0] = "com.docker.compose.extends";
        part->annotations[2][1] = "true";
    }
    return 0;
}

/* Those that they extend in turn come behind them. */
static int add_extended_files(struct publishing *p, struct error **err)
{
    int r = 0;

    for (size_t done = 0; r >= 0 && done < p->extends_files.len; done++) {
        const struct strmap_entry *file = &p->extends_files.entries[done];
        const char *path = arena_strdup(p->arena, file->key);

        r = add_file(p, path, path_parent(p->arena, path), file->value, true, err);
    }
    return r;
}

static int add_env_files(struct publishing *p, struct error **err)
{
    STRMAP_FOREACH(&p->env_files, file) {
        auto_free char *data = NULL;
        size_t len = 0;
        int r = fs_read_file(AT_FDCWD, file->key, LIMIT_ENV_FILE_BYTES, &data, &len, NULL);

        if (r == -ENOENT) /* one that is not required: the project was loaded */
            continue;
        if (r < 0)
            return error_set(err, r, NULL, "cannot read \"%s\"", file->key);
        add_part(p, TYPE_ENV_FILE, "com.docker.compose.envfile", file->value,
                arena_dup(p->arena, data, len + 1), len);
    }
    return 0;
}

/* An override that pins the images, after they were pushed. */
static int add_digests(struct publishing *p)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LIMIT_COMPOSE_FILE_BYTES);
    int status = config_resolve_digests(p->compose, false);

    if (status)
        return status;
    strbuf_adds(&out, "services:\n");
    ARRAY_FOREACH(&p->compose->project->services, service)
        if (service->image) /* neither has quotes in it */
            strbuf_addf(&out, "  \"%s\":\n    image: \"%s\"\n", service->name, service->image);
    add_part(p, TYPE_FILE, "com.docker.compose.file", "image-digests.yaml",
            arena_dup(p->arena, out.data, out.len + 1), out.len);
    return 0;
}

/* ------------------------------------------------------------------ publishing */

static int push_images(struct compose *compose)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    struct plan_images_options how = { .ignore_failures = true };
    int status = compose_observe(compose);

    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    int r = plan_push(&input, &how, &plan, &diag, &err);
    return compose_carry_out(compose, r, plan, &diag, err, &(struct compose_run_options){ 0 });
}

static int send(struct publishing *p, const struct publish_options *o, const char *name)
{
    struct cli *cli = p->compose->cli;
    auto_error struct error *err = NULL;
    auto_free char *digest = NULL;
    char created[TIME_RFC3339_MAX];
    struct artifact artifact = { .type = TYPE_PROJECT,
        .type_1_0 = TYPE_EMPTY_1_0,
        .oci_1_0 = string_is_equal(o->oci_version, "1.0"),
        .created = time_format_rfc3339(p->compose->now_nsec, created),
        .parts = p->parts.items,
        .part_count = p->parts.len };
    struct engine *engine = cli_engine(cli, &err);

    cli_interrupt_begin(cli);
    int r = engine ? artifact_push(engine, name, &artifact, NULL, &digest, &err) : -EPERM;
    cli_interrupt_end(cli);
    if (r < 0)
        return report_error(cli, err);
    report_text(cli, " %s published", name);
    return 0;
}

static int publish(struct compose *compose, const struct publish_options *o, const char *name)
{
    struct publishing p = { .compose = compose, .arena = &compose->arena };
    auto_error struct error *err = NULL;
    int status = check_project(compose, o), r = 0;

    strmap_init_arena(&p.env_files, p.arena);
    strmap_init_arena(&p.extends_files, p.arena);
    for (size_t i = 0; status == 0 && i < compose->project->file_paths.len && r >= 0; i++)
        r = add_file(&p, compose->project->file_paths.items[i], compose->project->working_dir,
                path_last(compose->project->file_paths.items[i]), false, &err);
    if (status == 0 && r >= 0)
        r = add_extended_files(&p, &err);
    if (status == 0 && r >= 0 && o->with_env)
        r = add_env_files(&p, &err);
    if (r < 0)
        return report_error(compose->cli, err);
    if (status == 0 && p.env_files.len > 0 && !o->with_env)
        status = report_failure(compose->cli, "env_file declared: --with-env publishes it, too");
    if (status == 0)
        status = push_images(compose);
    if (status == 0 && o->resolve_digests && !compose->options->dry_run)
        status = add_digests(&p);
    if (status || !compose->options->dry_run)
        return status ? status : send(&p, o, name);
    ARRAY_FOREACH(&p.names, file)
        cli_print(compose->cli, "Would publish %s in %s\n", *file, name);
    return 0;
}

static int run_publish(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct publish_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    int status = cli_check_arguments(cli, &command_compose_publish, argc, 1, 1);

    if (status == 0 && o->oci_version && strcmp(o->oci_version, "1.0") != 0 &&
            strcmp(o->oci_version, "1.1") != 0)
        status = report_failure(
                cli, "unsupported OCI version \"%s\": expected 1.0 or 1.1", o->oci_version);
    if (status == 0)
        status = compose_begin(cli, 0, NULL, &compose);
    if (status)
        return status;
    char all[] = "*", *profiles[] = { all };
    compose->load.profiles = (struct strings){ profiles, 1, 0 };
    status = compose_load(compose, COMPOSE_NEED_PROJECT);
    return status ? status : publish(compose, o, argv[0]);
}

const struct command command_compose_publish = {
    .name = "publish",
    .usage = "[OPTIONS] REPOSITORY[:TAG]",
    .summary = "Publish the project's files as an artifact in a registry",
    .details = "The images that services build are pushed first. Variables are published only with "
               "--with-env, and then under names that say nothing of this machine.",
    .opts = publish_opts,
    .options_bytes = sizeof(struct publish_options),
    .run = run_publish,
};
