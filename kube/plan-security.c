/* Users and rights: the container's securityContext, and the pod's where that says nothing. */
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "kube/plan-internal.h"

static const struct kube_security no_context = { 0 };

static void plan_user(struct kube_planning *p, const struct kube_security *own,
        const struct kube_security *pods, struct kube_container_plan *to)
{
    struct kube_number user = own->user.is_set ? own->user : pods->user;
    struct kube_number group = own->group.is_set ? own->group : pods->group;

    if (user.is_set && group.is_set)
        to->user = arena_printf(p->arena, "%" PRId64 ":%" PRId64, user.value, group.value);
    else if (user.is_set)
        to->user = arena_printf(p->arena, "%" PRId64, user.value);
    else if (group.is_set)
        to->user = arena_printf(p->arena, "0:%" PRId64, group.value);
    if (pods->groups.len == 0)
        return;
    to->groups = ARENA_NEW_ARRAY(p->arena, pods->groups.len + 1, char *);
    for (size_t i = 0; i < pods->groups.len; i++)
        to->groups[i] = arena_printf(p->arena, "%" PRId64, pods->groups.items[i].value);
}

static void add_option(struct kube_planning *p, struct kube_container_plan *to, const char *option)
{
    *ARRAY_APPEND_ARENA(p->arena, &to->security_opt) = arena_strdup(p->arena, option);
}

static void plan_seccomp(
        struct kube_planning *p, const struct kube_profile *profile, struct kube_container_plan *to)
{
    if (!profile || strcmp(profile->type, "RuntimeDefault") == 0)
        return;
    if (strcmp(profile->type, "Unconfined") == 0)
        add_option(p, to, "seccomp=unconfined");
    else if (string_is_empty(profile->localhost_profile))
        kube_plan_error(
                p, profile->node, "type", "a profile of type Localhost needs localhostProfile");
    else
        add_option(p, to,
                arena_printf(p->arena, "seccomp=%s/%s", p->options->seccomp_root,
                        profile->localhost_profile));
}

static void plan_apparmor(
        struct kube_planning *p, const struct kube_profile *profile, struct kube_container_plan *to)
{
    if (!profile || strcmp(profile->type, "RuntimeDefault") == 0)
        return;
    if (strcmp(profile->type, "Unconfined") == 0)
        add_option(p, to, "apparmor=unconfined");
    else if (string_is_empty(profile->localhost_profile))
        kube_plan_error(
                p, profile->node, "type", "a profile of type Localhost needs localhostProfile");
    else
        add_option(p, to, arena_printf(p->arena, "apparmor=%s", profile->localhost_profile));
}

void kube_plan_security(
        struct kube_planning *p, const struct kube_container *from, struct kube_container_plan *to)
{
    const struct kube_security *own = from->security ? from->security : &no_context;
    const struct kube_security *pods = p->spec->security ? p->spec->security : &no_context;

    to->privileged = own->privileged == KUBE_YES;
    to->read_only = own->read_only_root == KUBE_YES;
    if (own->privilege_escalation == KUBE_NO)
        add_option(p, to, "no-new-privileges");
    if (string_is_equal(own->proc_mount, "Unmasked"))
        add_option(p, to, "unmask=ALL");
    if (own->capabilities) {
        to->cap_add = own->capabilities->add;
        to->cap_drop = own->capabilities->drop;
    }
    plan_user(p, own, pods, to);
    plan_seccomp(p, own->seccomp ? own->seccomp : pods->seccomp, to);
    plan_apparmor(p, own->apparmor ? own->apparmor : pods->apparmor, to);
}
