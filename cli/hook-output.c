#include "cli/hook-output.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"

static void keep(struct hook_output *output, const char *data, size_t len)
{
    size_t room = HOOK_OUTPUT_PART - output->head_len, first = len < room ? len : room;

    memcpy(output->head + output->head_len, data, first);
    output->head_len += first;
    for (size_t i = first; i < len; i++) {
        if (output->tail_len < HOOK_OUTPUT_PART) {
            output->tail[(output->tail_at + output->tail_len++) % HOOK_OUTPUT_PART] = data[i];
            continue;
        }
        output->tail[output->tail_at] = data[i];
        output->tail_at = (output->tail_at + 1) % HOOK_OUTPUT_PART;
        output->dropped_bytes++;
    }
}

static void *read_all(void *data)
{
    struct hook_output *output = data;
    char buffer[4096];
    ssize_t len;

    while ((len = read(output->read_fd, buffer, sizeof(buffer))) > 0 || (len < 0 && errno == EINTR))
        if (len > 0)
            keep(output, buffer, (size_t)len);
    return NULL;
}

int hook_output_begin(struct hook_output *output, struct error **err)
{
    sigset_t all, before;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_set(err, errno, NULL, "cannot make a pipe");
    output->read_fd = fds[0];
    output->write_fd = fds[1];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&output->reader, NULL, read_all, output);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return error_set(err, r, NULL, "cannot start a thread");
    output->reading = true;
    return 0;
}

void hook_output_end(struct hook_output *output)
{
    output->write_fd = fd_close(output->write_fd);
    if (output->reading)
        pthread_join(output->reader, NULL);
    output->reading = false;
}

void hook_output_release(struct hook_output *output)
{
    hook_output_end(output);
    output->read_fd = fd_close(output->read_fd);
}
