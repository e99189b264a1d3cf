#include "engine/monitor/notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/strbuf.h"

int notify_send(const char *socket_name, const char *text, size_t len)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t name_len = strlen(socket_name);

    if ((socket_name[0] != '/' && socket_name[0] != '@') || name_len < 2 ||
            name_len >= sizeof(address.sun_path))
        return -EINVAL;
    memcpy(address.sun_path, socket_name, name_len);
    if (socket_name[0] == '@')
        address.sun_path[0] = '\0';
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len +
                                        (socket_name[0] == '/'));
    ssize_t n = sendto(
            fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, address_len);
    return n < 0 ? -errno : 0;
}

static bool is_plain(struct str line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.data[i] < ' ' || line.data[i] == 0x7f)
            return false;
    return true;
}

void notify_filter(const char *text, size_t len, struct strbuf *out)
{
    static const char *const passed[] = { "READY=", "STATUS=", "ERRNO=", "RELOADING=",
        "MONOTONIC_USEC=", "STOPPING=", "WATCHDOG=", "EXTEND_TIMEOUT_USEC=" };
    struct str rest = { text, len }, line;

    while (str_split_next(&rest, '\n', &line)) {
        if (!is_plain(line))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(passed); i++)
            if (str_has_prefix(line, passed[i]))
                strbuf_addf(out, "%.*s\n", STR_FMT(line));
    }
}
