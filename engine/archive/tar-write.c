#include "engine/archive/tar-write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"
#include "base/limits.h"
#include "base/strbuf.h"

#define BLOCK 512u
#define USTAR_NAME_MAX 100u
#define USTAR_ID_MAX 07777777u
#define USTAR_SIZE_MAX 077777777777u
#define PAX_NAME "PaxHeaders/x"
/* Names and links of at most LIMIT_PATH_BYTES each, and the extended attributes. */
#define PAX_MAX_BYTES (4u << 20)

/* POSIX.1-1988 (ustar), offsets as in pax(1). */
struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a header is one block");

static int write_to_fd(void *userdata, const void *data, size_t len, struct error **err)
{
    const struct fd_sink *to = userdata;

    if (to->cancel && atomic_load_explicit(to->cancel, memory_order_relaxed))
        return error_set_plain(err, ECANCELED, NULL, "interrupted");
    int r = fd_write_all(to->fd, data, len);

    return r < 0 ? error_set(err, r, NULL, "cannot write the archive") : 0;
}

struct byte_sink byte_sink_to_fd(const struct fd_sink *to)
{
    return (struct byte_sink){ write_to_fd, (void *)(uintptr_t)to };
}

static int emit(const struct byte_sink *sink, const void *data, size_t len, struct error **err)
{
    return sink->write(sink->userdata, data, len, err);
}

static void put_octal(char *field, size_t size, uint64_t value)
{
    field[size - 1] = 0;
    for (size_t i = size - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

static void put_text(char *field, size_t size, const char *text)
{
    size_t len = strlen(text);

    memcpy(field, text, len < size ? len : size);
}

static char type_flag(const struct tar_write_entry *entry)
{
    if (entry->hardlink)
        return '1';
    switch (entry->mode & S_IFMT) {
    case S_IFLNK:
        return '2';
    case S_IFCHR:
        return '3';
    case S_IFBLK:
        return '4';
    case S_IFDIR:
        return '5';
    case S_IFIFO:
        return '6';
    default:
        return '0';
    }
}

static int emit_header(const struct byte_sink *sink, const struct tar_write_entry *entry, char type,
        const char *name, uint64_t size, struct error **err)
{
    struct ustar h = { .type = type };
    int64_t mtime = entry->mtime.tv_sec;
    unsigned sum = 0;

    put_text(h.name, sizeof(h.name), name);
    put_octal(h.mode, sizeof(h.mode), entry->mode & 07777);
    put_octal(h.uid, sizeof(h.uid), entry->uid <= USTAR_ID_MAX ? entry->uid : 0);
    put_octal(h.gid, sizeof(h.gid), entry->gid <= USTAR_ID_MAX ? entry->gid : 0);
    put_octal(h.size, sizeof(h.size), size <= USTAR_SIZE_MAX ? size : 0);
    put_octal(h.mtime, sizeof(h.mtime),
            mtime >= 0 && (uint64_t)mtime <= USTAR_SIZE_MAX ? (uint64_t)mtime : 0);
    if (entry->link)
        put_text(h.link, sizeof(h.link), entry->link);
    memcpy(h.magic, "ustar", 6);
    memcpy(h.version, "00", 2);
    if (type == '3' || type == '4') {
        put_octal(h.major, sizeof(h.major), entry->major);
        put_octal(h.minor, sizeof(h.minor), entry->minor);
    }
    memset(h.checksum, ' ', sizeof(h.checksum));
    for (size_t i = 0; i < sizeof(h); i++)
        sum += ((const unsigned char *)&h)[i];
    put_octal(h.checksum, sizeof(h.checksum) - 1, sum);
    return emit(sink, &h, sizeof(h), err);
}

/* "LENGTH key=value\n", where LENGTH counts itself too. */
static void add_record(
        struct strbuf *pax, const char *prefix, const char *key, const void *value, size_t len)
{
    size_t rest = strlen(prefix) + strlen(key) + len + 3, total = rest + 1;

    for (;;) {
        size_t next = rest + (size_t)snprintf(NULL, 0, "%zu", total);

        if (next == total)
            break;
        total = next;
    }
    strbuf_addf(pax, "%zu %s%s=", total, prefix, key);
    strbuf_add(pax, value, len);
    strbuf_addc(pax, '\n');
}

static void add_number(struct strbuf *pax, const char *key, int64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)value);

    add_record(pax, "", key, text, (size_t)len);
}

static void collect_pax(
        const struct tar_write_entry *entry, const char *path, uint64_t size, struct strbuf *pax)
{
    if (entry->gid > USTAR_ID_MAX)
        add_number(pax, "gid", entry->gid);
    if (entry->link && strlen(entry->link) > USTAR_NAME_MAX)
        add_record(pax, "", "linkpath", entry->link, strlen(entry->link));
    if (entry->mtime.tv_sec < 0 || (uint64_t)entry->mtime.tv_sec > USTAR_SIZE_MAX)
        add_number(pax, "mtime", entry->mtime.tv_sec);
    if (strlen(path) > USTAR_NAME_MAX)
        add_record(pax, "", "path", path, strlen(path));
    if (size > USTAR_SIZE_MAX)
        add_number(pax, "size", (int64_t)size);
    if (entry->uid > USTAR_ID_MAX)
        add_number(pax, "uid", entry->uid);
    for (size_t i = 0; i < entry->xattr_count; i++)
        add_record(pax, "SCHILY.xattr.", entry->xattrs[i].name, entry->xattrs[i].value,
                entry->xattrs[i].len);
}

int tar_write_header(
        const struct byte_sink *sink, const struct tar_write_entry *entry, struct error **err)
{
    auto_(strbuf_release) struct strbuf pax = STRBUF_INIT(PAX_MAX_BYTES);
    auto_(strbuf_release) struct strbuf path = STRBUF_INIT(2 * LIMIT_PATH_BYTES);
    uint64_t size = S_ISREG(entry->mode) && !entry->hardlink ? entry->size_bytes : 0;

    strbuf_adds(&path, entry->path);
    if (S_ISDIR(entry->mode))
        strbuf_addc(&path, '/');
    collect_pax(entry, path.data, size, &pax);
    if (strbuf_is_truncated(&path) || strbuf_is_truncated(&pax))
        return error_set_plain(
                err, E2BIG, NULL, "\"%s\" has too long a name or too many attributes", entry->path);
    if (pax.len > 0) {
        struct tar_write_entry extension = { .mode = 0644 };
        int r = emit_header(sink, &extension, 'x', PAX_NAME, pax.len, err);

        if (r >= 0)
            r = emit(sink, pax.data, pax.len, err);
        if (r >= 0)
            r = tar_write_padding(sink, pax.len, err);
        if (r < 0)
            return r;
    }
    return emit_header(sink, entry, type_flag(entry), path.data, size, err);
}

int tar_write_padding(const struct byte_sink *sink, uint64_t size_bytes, struct error **err)
{
    static const char zeros[BLOCK];
    size_t rest = (size_t)(size_bytes % BLOCK);

    return rest ? emit(sink, zeros, BLOCK - rest, err) : 0;
}

int tar_write_file(const struct byte_sink *sink, int fd, uint64_t size_bytes, struct error **err)
{
    char buffer[65536];
    uint64_t left = size_bytes;

    while (left > 0) {
        ssize_t n = read(fd, buffer, left < sizeof(buffer) ? (size_t)left : sizeof(buffer));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, errno, NULL, "cannot read the file");
        if (n == 0)
            return error_set_plain(err, EIO, NULL, "the file became shorter while it was read");

        int r = emit(sink, buffer, (size_t)n, err);

        if (r < 0)
            return r;
        left -= (uint64_t)n;
    }
    return tar_write_padding(sink, size_bytes, err);
}

int tar_write_text(const struct byte_sink *sink, const char *path, const void *data, size_t len,
        time_t mtime_sec, struct error **err)
{
    struct tar_write_entry entry = {
        .path = path, .mode = S_IFREG | 0644, .size_bytes = len, .mtime = { .tv_sec = mtime_sec }
    };
    int r = tar_write_header(sink, &entry, err);

    if (r >= 0)
        r = emit(sink, data, len, err);
    if (r >= 0)
        r = tar_write_padding(sink, len, err);
    return r;
}

int tar_write_end(const struct byte_sink *sink, struct error **err)
{
    static const char zeros[2 * BLOCK];

    return emit(sink, zeros, sizeof(zeros), err);
}
