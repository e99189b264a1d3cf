#include "base/fault.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"

#define FAULT_NAME_MAX 128

bool fault_is_set;

/* Written once by fault_set before threads exist; `passes` is what threads share. */
static struct {
    char name[FAULT_NAME_MAX];
    int signo;
    uint32_t at_pass;
    atomic_uint passes;
} fault;

bool fault_set(const char *spec)
{
    struct str rest = str_from(spec), name, action, pass;

    fault_is_set = false;
    if (!spec)
        return true;
    if (!str_split_next(&rest, ':', &name) || name.len == 0 || name.len >= FAULT_NAME_MAX)
        return false;
    if (!str_split_next(&rest, ':', &action))
        return false;
    if (str_is_equal_z(action, "kill"))
        fault.signo = SIGKILL;
    else if (str_is_equal_z(action, "stop"))
        fault.signo = SIGSTOP;
    else
        return false;
    fault.at_pass = 1;
    if (str_split_next(&rest, ':', &pass) && parse_uint32(pass, UINT32_MAX, &fault.at_pass) < 0)
        return false;

    memcpy(fault.name, name.data, name.len);
    fault.name[name.len] = '\0';
    fault.passes = 0;
    fault_is_set = true;
    return true;
}

void fault_hit(const char *name)
{
    if (strcmp(name, fault.name) != 0)
        return;
    if (atomic_fetch_add(&fault.passes, 1) + 1 == fault.at_pass)
        kill(getpid(), fault.signo);
}
