#include "base/random.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void random_bytes(void *data, size_t len)
{
    char *at = data;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0) {
            static const char text[] = "berth: the kernel gives no random bytes\n";

            if (errno == EINTR)
                continue;
            /* Only ENOSYS is possible, on kernels far older than what the rest needs.
             * lint: allow printing: the last words before abort */
            (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
            abort();
        }
        at += got;
        len -= (size_t)got;
    }
}

void random_id(char text[static RANDOM_ID_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[RANDOM_ID_HEX / 2];

    do {
        random_bytes(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes); i++) {
            text[2 * i] = digits[bytes[i] >> 4];
            text[2 * i + 1] = digits[bytes[i] & 15];
        }
        text[RANDOM_ID_HEX] = '\0';
    } while (strspn(text, "0123456789") >= 12);
}
