#include "cli/config-digests.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "cli/cli.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "compose/document.h"
#include "compose/project.h"
#include "engine/image/image.h"

#define MESSAGE_MAX 65536u

struct resolution {
    struct compose *compose;
    const struct engine_options *engine;
    struct diag *diag;
    struct strmap known; /* image -> reference with a digest; NULL: none was to be had */
};

static void complain(
        struct resolution *resolution, const struct service *service, const struct error *error)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(MESSAGE_MAX);
    struct source at = service->at;

    error_format(error, &text);
    (void)service_field_source(service, "image", &at);
    diag_add(resolution->diag, DIAG_ERROR, "image-digest", &at,
            "services.%s.image: cannot resolve the digest of \"%s\": %s", service->name,
            service->image, text.data);
}

/* The same image is asked for once. */
static const char *resolve(struct resolution *resolution, const struct service *service)
{
    auto_error struct error *err = NULL;
    auto_free char *reference = NULL;
    const char *found;

    if (strmap_has(&resolution->known, service->image))
        return strmap_get(&resolution->known, service->image);
    if (image_resolve(resolution->engine, service->image, &reference, &err) < 0)
        complain(resolution, service, err);
    found = arena_strdup(&resolution->compose->arena, reference);
    (void)strmap_set(&resolution->known, service->image, (void *)(uintptr_t)found);
    return found;
}

static void resolve_services(struct resolution *resolution, struct services *services)
{
    struct arena *arena = &resolution->compose->arena;
    const struct cli *cli = resolution->compose->cli;

    ARRAY_FOREACH(services, service) {
        const char *reference = NULL;

        if (atomic_load(&cli->interrupted))
            return;
        if (!string_is_empty(service->image))
            reference = resolve(resolution, service);
        if (!reference)
            continue;
        struct node *model = node_copy(arena, service->model);
        node_set(arena, model, "image", NULL, node_new_text(arena, reference, &service->at));
        service->model = model;
        service->image = reference;
    }
}

int config_resolve_digests(struct compose *compose, bool all)
{
    struct cli *cli = compose->cli;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct resolution resolution = {
        .compose = compose,
        .engine = cli_engine_options(cli),
        .diag = &diag,
    };

    strmap_init_arena(&resolution.known, &compose->arena);
    cli_interrupt_begin(cli);
    resolve_services(&resolution, &compose->project->services);
    if (all)
        resolve_services(&resolution, &compose->project->disabled);
    cli_interrupt_end(cli);
    unsigned errors = report_diag(cli, &diag);

    if (atomic_load(&cli->interrupted))
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    return errors ? EXIT_STATUS_FAILURE : 0;
}
