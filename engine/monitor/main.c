/* berth-monitor: the process that stands behind one container (start), or behind one process of
 * `exec`. Started by the command (spawn.c, exec.c), never by hand:
 *
 *     berth-monitor start ID ATTACH HEIGHT WIDTH FLAGS
 *             3: control connection, 4: lock, 5: its own program, 6: directory, 7: lock of the start
 *     berth-monitor exec
 *             3: control connection, 4: directory, 5: its own program, 6: request
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/monitor/program-internal.h"

int main(int argc, char **argv)
{
    program_protect_binary(argv);
    if (argc >= 2 && strcmp(argv[1], "start") == 0)
        return start_main(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "exec") == 0)
        return exec_main();
    fprintf(stderr, "berth-monitor is started by berth\n");
    return 2;
}
