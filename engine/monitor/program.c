#include "engine/monitor/program.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "engine/monitor/program-internal.h"
#include "engine/runtime/protect.h"

void program_protect_binary(char **argv)
{
    /* The environment is empty but for this mark. */
    static char mark[] = PROTECT_MARK;
    static char *const environment[] = { mark, NULL };

    close(PROGRAM_BINARY_FD); /* the command's descriptor of it, if any */
    bool again = environ && environ[0] && strcmp(environ[0], mark) == 0;
    if (protect_execute_again(argv, environment, again) == 0)
        return;
    /* Going on unprotected would be silent. */
    /* lint: allow printing: this is main's own last word, there is no connection yet */
    static const char text[] = PROGRAM_NAME ": cannot protect its own program from the container\n";
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(125);
}
