/* -v, --mount and --tmpfs. */
#include "cli/specs.h"

#include <errno.h>
#include <glob.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"

static const char *const propagations[] = { "private", "rprivate", "shared", "rshared", "slave",
    "rslave" };

/* Flags of the mount itself that Podman takes beside -v and --mount. */
static const char *const plain_options[] = { "exec", "noexec", "suid", "nosuid", "dev", "nodev" };

static void add_word(struct arena *arena, const char **list, struct str word)
{
    *list = arena_printf(arena, "%s%s%.*s", *list ? *list : "", *list ? "," : "", STR_FMT(word));
}

static int bad_volume(const char *text, struct error **err, const char *why)
{
    return error_set_plain(err, EINVAL, NULL, "invalid volume specification \"%s\": %s", text, why);
}

static int check_target(const char *text, const char *target, struct error **err)
{
    if (*target != '/')
        return bad_volume(text, err, "the path in the container is not absolute");
    if (strspn(target, "/") == strlen(target))
        return bad_volume(text, err, "the destination can't be '/'");
    return 0;
}

/* ---- -v ---- */

static int apply_volume_option(struct arena *arena, const char *text, struct str option,
        struct container_mount *mount, struct error **err)
{
    /* Docker Desktop's consistency and SELinux' relabelling have nothing to act on here: no container has a label. */
    static const char *const ignored[] = { "rw", "z", "Z", "consistent", "cached", "delegated",
        "copy", "rbind", "" };
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        { "ro", &mount->read_only },
        { "nocopy", &mount->no_copy },
        { "volume-nocopy", &mount->no_copy },
        { "O", &mount->overlay },
        { "U", &mount->chown },
        { "bind", &mount->non_recursive },
    };

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (str_is_equal_z(option, flags[i].name)) {
            *flags[i].flag = true;
            return 0;
        }
    if (parse_name(option, propagations, ARRAY_LEN(propagations)) >= 0) {
        mount->propagation = arena_strndup(arena, option.data, option.len);
        return 0;
    }
    if (parse_name(option, plain_options, ARRAY_LEN(plain_options)) >= 0) {
        add_word(arena, &mount->options, option);
        return 0;
    }
    if (parse_name(option, ignored, ARRAY_LEN(ignored)) >= 0)
        return 0;
    return error_set_plain(
            err, EINVAL, NULL, "invalid mode \"%.*s\" in volume \"%s\"", STR_FMT(option), text);
}

static bool names_a_path(const char *source)
{
    return *source == '/' || *source == '.' || *source == '~';
}

int spec_parse_volume(struct arena *arena, const char *cwd, const char *text,
        struct container_mount *ret, struct error **err)
{
    struct str rest = str_from(text), pieces[3], piece;
    size_t count = 0;

    *ret = (struct container_mount){
        .type = CONTAINER_MOUNT_VOLUME, .tmpfs_mode = -1, .from_short_form = true
    };
    while (str_split_next(&rest, ':', &piece)) {
        if (count == 3)
            return bad_volume(text, err, "too many colons");
        pieces[count++] = piece;
    }
    if (count == 0 || pieces[0].len == 0)
        return bad_volume(text, err, "empty section between colons");
    const char *source = count > 1 ? arena_strndup(arena, pieces[0].data, pieces[0].len) : NULL;
    struct str target = pieces[count > 1 ? 1 : 0];
    if (target.len == 0)
        return bad_volume(text, err, "empty section between colons");
    ret->target = path_clean(arena, arena_strndup(arena, target.data, target.len));
    if (source && names_a_path(source)) {
        ret->type = CONTAINER_MOUNT_BIND;
        ret->create_host_path = true;
        ret->source = path_join(arena, cwd, source);
    } else {
        ret->source = source;
    }
    if (count == 3) {
        struct str options = pieces[2];

        while (str_split_next(&options, ',', &piece)) {
            int r = apply_volume_option(arena, text, piece, ret, err);
            if (r < 0)
                return r;
        }
    }
    /* A layer over a directory that is not there makes no sense. */
    if (ret->overlay)
        ret->create_host_path = false;
    return check_target(text, ret->target, err);
}

/* ---- --mount ---- */

/* What one --mount says, beside the mount itself. */
struct words {
    const char *text; /* the whole, for errors */
    const char *type, *source;
    struct container_mount mount;
    bool read_only_given, is_glob, readonly_below;
};

enum key_kind {
    KEY_TEXT,
    KEY_TARGET,
    KEY_FLAG,      /* "key", "key=true" */
    KEY_NOT_FLAG,  /* the flag's reverse */
    KEY_SIZE,      /* tmpfs-size */
    KEY_MODE,      /* tmpfs-mode */
    KEY_OPTION,    /* goes into the file system's options, with its value */
    KEY_PLAIN,     /* one of plain_options, as a flag */
    KEY_PAIR,      /* volume-opt, volume-label */
    KEY_RECURSIVE, /* bind-recursive */
    KEY_PROPAGATION,
    KEY_NOTHING, /* known, and nothing to do */
};

enum {
    BIND = 1 << CONTAINER_MOUNT_BIND,
    VOLUME = 1 << CONTAINER_MOUNT_VOLUME,
    TMPFS = 1 << CONTAINER_MOUNT_TMPFS,
    IMAGE = 1 << CONTAINER_MOUNT_IMAGE,
    DEVPTS = 1 << CONTAINER_MOUNT_DEVPTS,
    RAMFS = 1 << CONTAINER_MOUNT_RAMFS,
    ANY = (1 << CONTAINER_MOUNT_TYPE_MAX_) - 1,
};

#define AT(member) .offset = offsetof(struct words, member)

static const struct mount_key {
    const char *name;
    enum key_kind kind;
    unsigned types;
    size_t offset;
} mount_keys[] = {
    { "bind-create-src", KEY_FLAG, BIND, AT(mount.create_host_path) },
    { "bind-nonrecursive", KEY_FLAG, BIND, AT(mount.non_recursive) },
    { "bind-propagation", KEY_PROPAGATION, BIND, AT(mount.propagation) },
    { "bind-recursive", KEY_RECURSIVE, BIND, 0 },
    { "chown", KEY_FLAG, BIND | VOLUME | TMPFS | RAMFS, AT(mount.chown) },
    { "consistency", KEY_NOTHING, ANY, 0 },
    { "destination", KEY_TARGET, ANY, 0 },
    { "dev", KEY_PLAIN, BIND | VOLUME | TMPFS | RAMFS, 0 },
    { "dst", KEY_TARGET, ANY, 0 },
    { "exec", KEY_PLAIN, BIND | VOLUME | TMPFS | RAMFS, 0 },
    { "gid", KEY_OPTION, DEVPTS, 0 },
    { "image-subpath", KEY_TEXT, IMAGE, AT(mount.subpath) },
    { "max", KEY_OPTION, DEVPTS, 0 },
    { "mode", KEY_OPTION, DEVPTS, 0 },
    { "nodev", KEY_PLAIN, BIND | VOLUME | TMPFS | RAMFS, 0 },
    { "noexec", KEY_PLAIN, BIND | VOLUME | TMPFS | RAMFS, 0 },
    { "nosuid", KEY_PLAIN, BIND | VOLUME | TMPFS | RAMFS, 0 },
    { "notmpcopyup", KEY_NOTHING, TMPFS | RAMFS, 0 },
    { "readonly", KEY_FLAG, ANY, AT(mount.read_only) },
    { "relabel", KEY_NOTHING, BIND, 0 },
    { "ro", KEY_FLAG, ANY, AT(mount.read_only) },
    { "rw", KEY_NOT_FLAG, ANY, AT(mount.read_only) },
    { "source", KEY_TEXT, ANY, AT(source) },
    { "src", KEY_TEXT, ANY, AT(source) },
    { "subpath", KEY_TEXT, IMAGE | VOLUME, AT(mount.subpath) },
    { "suid", KEY_PLAIN, BIND | VOLUME | TMPFS | RAMFS, 0 },
    { "target", KEY_TARGET, ANY, 0 },
    { "tmpcopyup", KEY_PLAIN, TMPFS, 0 },
    { "tmpfs-mode", KEY_MODE, TMPFS | RAMFS, 0 },
    { "tmpfs-size", KEY_SIZE, TMPFS, 0 },
    { "type", KEY_NOTHING, ANY, 0 }, /* read first */
    { "u", KEY_FLAG, BIND | VOLUME | TMPFS | RAMFS, AT(mount.chown) },
    { "uid", KEY_OPTION, DEVPTS, 0 },
    { "volume-driver", KEY_TEXT, VOLUME, AT(mount.volume_driver) },
    { "volume-label", KEY_PAIR, VOLUME, AT(mount.volume_labels) },
    { "volume-nocopy", KEY_FLAG, VOLUME, AT(mount.no_copy) },
    { "volume-opt", KEY_PAIR, VOLUME, AT(mount.volume_options) },
    { "volume-subpath", KEY_TEXT, VOLUME, AT(mount.subpath) },
};

static int bad_mount(const struct words *w, struct error **err, const char *why, struct str key)
{
    return error_set_plain(err, EINVAL, NULL, "invalid argument \"%s\" for \"--mount\": %s%s%.*s%s",
            w->text, why, key.len ? " \"" : "", STR_FMT(key), key.len ? "\"" : "");
}

static bool is_word(struct str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

static const struct mount_key *find_key(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(mount_keys); i++)
        if (is_word(name, mount_keys[i].name))
            return &mount_keys[i];
    return NULL;
}

static int set_recursive(struct words *w, struct str value, struct error **err)
{
    w->mount.non_recursive = str_is_equal_z(value, "disabled");
    w->mount.writable_below = str_is_equal_z(value, "writable");
    w->readonly_below = str_is_equal_z(value, "readonly");
    if (w->mount.non_recursive || w->mount.writable_below || w->readonly_below ||
            str_is_equal_z(value, "enabled"))
        return 0;
    return bad_mount(
            w, err, "bind-recursive is enabled, disabled, writable or readonly, not", value);
}

static int apply_key(struct arena *arena, struct words *w, const struct mount_key *key,
        struct str word, struct error **err)
{
    struct str value = word, name;
    bool flag = true;
    uint32_t mode;
    void *at = (char *)w + key->offset;

    bool has_value = str_find(word, '=') >= 0;
    str_split_next(&value, '=', &name);
    const char *copy = has_value ? arena_strndup(arena, value.data, value.len) : "";
    switch (key->kind) {
    case KEY_TEXT:
        *(const char **)at = copy;
        return 0;
    case KEY_TARGET:
        w->mount.target = path_clean(arena, copy);
        return 0;
    case KEY_FLAG:
    case KEY_NOT_FLAG:
        if (has_value && parse_bool(value, &flag) < 0)
            return bad_mount(w, err, "invalid value for", name);
        *(bool *)at = key->kind == KEY_FLAG ? flag : !flag;
        w->read_only_given = w->read_only_given || at == &w->mount.read_only;
        return 0;
    case KEY_SIZE:
        return parse_size_bytes(value, &w->mount.tmpfs_size_bytes) < 0
                       ? bad_mount(w, err, "invalid value for", name)
                       : 0;
    case KEY_MODE:
        if (parse_octal(value, 07777, &mode) < 0)
            return bad_mount(w, err, "invalid value for", name);
        w->mount.tmpfs_mode = (int32_t)mode;
        return 0;
    case KEY_OPTION:
        if (value.len == 0 || parse_uint32(value, UINT32_MAX - 1, &mode) < 0)
            return bad_mount(w, err, "invalid value for", name);
        add_word(arena, &w->mount.tmpfs_options, word);
        return 0;
    case KEY_PLAIN:
        if (has_value)
            return bad_mount(w, err, "no value is taken by", name);
        add_word(arena, &w->mount.options, name);
        return 0;
    case KEY_PAIR:
        return spec_parse_pair(arena, "volume option", copy, at, err);
    case KEY_RECURSIVE:
        return set_recursive(w, value, err);
    case KEY_PROPAGATION:
        if (parse_name(value, propagations, ARRAY_LEN(propagations)) < 0)
            return bad_mount(w, err, "invalid propagation", value);
        w->mount.propagation = copy;
        return 0;
    case KEY_NOTHING:
        return 0;
    }
    return 0;
}

static int find_type(struct words *w, struct error **err)
{
    struct str rest = str_from(w->text), word, name;
    struct str type = STR_LITERAL("volume");

    while (str_split_next(&rest, ',', &word)) {
        struct str value = word;

        if (str_split_next(&value, '=', &name) && is_word(name, "type"))
            type = value;
    }
    w->is_glob = str_is_equal_z(type, "glob");
    int number = w->is_glob
                         ? CONTAINER_MOUNT_BIND
                         : parse_name(type, container_mount_type_names, CONTAINER_MOUNT_TYPE_MAX_);
    if (str_is_equal_z(type, "artifact"))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "mounts of type artifact are not supported: \"%s\"", w->text);
    if (number < 0)
        return bad_mount(w, err, "mount type unknown:", type);
    w->mount.type = (enum container_mount_type)number;
    return 0;
}

/* Each path that the pattern fits, at its own place or below the target. */
static int add_glob(struct arena *arena, const struct words *w, const char *pattern,
        struct container_mounts *ret, struct error **err)
{
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return error_set_plain(err, ENOENT, NULL, "no file paths matching glob \"%s\"", pattern);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct container_mount mount = w->mount;

        mount.source = arena_strdup(arena, found.gl_pathv[i]);
        mount.target = mount.target ? path_join(arena, mount.target, path_last(mount.source))
                                    : mount.source;
        *ARRAY_APPEND_ARENA(arena, ret) = mount;
    }
    globfree(&found);
    return 0;
}

static int check_words(const struct words *w, struct error **err)
{
    const struct container_mount *m = &w->mount;
    const struct str none = STR_LITERAL("");
    bool has_source = !string_is_empty(w->source);

    if (!m->target && !w->is_glob)
        return bad_mount(w, err, "target is required", none);
    if ((m->type == CONTAINER_MOUNT_BIND || m->type == CONTAINER_MOUNT_IMAGE) && !has_source)
        return bad_mount(w, err, "source is required", none);
    if (has_source && m->type != CONTAINER_MOUNT_BIND && m->type != CONTAINER_MOUNT_IMAGE &&
            m->type != CONTAINER_MOUNT_VOLUME)
        return bad_mount(w, err, "no source is taken by type",
                str_from(container_mount_type_names[m->type]));
    if (m->chown && m->type == CONTAINER_MOUNT_TMPFS && m->options &&
            strstr(m->options, "tmpcopyup"))
        return bad_mount(w, err, "chown and tmpcopyup exclude each other", none);
    if ((m->writable_below || w->readonly_below) && !m->read_only)
        return bad_mount(w, err,
                "option 'bind-recursive' of that value requires 'readonly' to be specified in conjunction",
                none);
    return m->target ? check_target(w->text, m->target, err) : 0;
}

int spec_parse_mount(struct arena *arena, const char *cwd, const char *text,
        struct container_mounts *ret, struct error **err)
{
    struct words w = { .text = text, .mount = { .tmpfs_mode = -1 } };
    struct str rest = str_from(text), word;
    int r = find_type(&w, err);

    while (r >= 0 && str_split_next(&rest, ',', &word)) {
        struct str value = word, name;

        str_split_next(&value, '=', &name);
        const struct mount_key *key = find_key(name);
        if (!key || !(key->types & 1u << w.mount.type))
            return bad_mount(&w, err, "unexpected key", name);
        r = apply_key(arena, &w, key, word, err);
    }
    if (r >= 0)
        r = check_words(&w, err);
    if (r < 0)
        return r;
    if (w.mount.type == CONTAINER_MOUNT_IMAGE && !w.read_only_given)
        w.mount.read_only = true;
    if (w.is_glob)
        return add_glob(arena, &w, path_join(arena, cwd, w.source), ret, err);
    w.mount.source = w.mount.type == CONTAINER_MOUNT_BIND ? path_join(arena, cwd, w.source)
                                                          : w.source;
    *ARRAY_APPEND_ARENA(arena, ret) = w.mount;
    return 0;
}

/* ---- --tmpfs ---- */

int spec_parse_tmpfs(
        struct arena *arena, const char *text, struct container_mount *ret, struct error **err)
{
    const char *colon = strchr(text, ':');

    *ret = (struct container_mount){
        .type = CONTAINER_MOUNT_TMPFS, .tmpfs_mode = -1, .from_short_form = true
    };
    ret->target = path_clean(
            arena, arena_strndup(arena, text, colon ? (size_t)(colon - text) : strlen(text)));
    if (colon && colon[1])
        ret->tmpfs_options = arena_strdup(arena, colon + 1);
    return check_target(text, ret->target, err);
}
