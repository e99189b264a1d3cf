/* What the child side of starting a process is made of. Everything here runs between clone and
 * exec, in a process with one thread that is a copy of the monitor: it works on what the parent
 * prepared, uses the stack, and on failure reports and ends (start_fail), so that nothing has to
 * be undone or passed up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/runtime/capability.h"
#include "engine/runtime/hooks.h"
#include "engine/runtime/id-mapping.h"
#include "engine/runtime/lsm.h"
#include "engine/runtime/scheduling.h"
#include "engine/runtime/start-protocol.h"
#include "engine/runtime/user.h"

struct cgroup;
struct container_process_options;
struct container_rootfs;
struct runtime_mount;
struct runtime_process;
struct runtime_rlimit;
struct runtime_spec;
struct sock_fprog;
struct statfs;

/* The process that is to be executed, whoever set up its surroundings. */
struct start_process {
    int sync_fd;
    char *const *argv;
    char **env;       /* NULL-terminated, with one free place at env[home_slot] … */
    size_t home_slot; /* … for HOME, when it is not set yet; SIZE_MAX: it is */
    const char *path; /* value of PATH in env */
    const char *cwd;
    bool terminal;
    uint16_t console_height, console_width;
    int stdin_fd, stdout_fd, stderr_fd;
    const char *user; /* looked up; NULL: the numbers below */
    char *const *group_add;
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
    mode_t umask;
    struct capability_sets capabilities;
    uint64_t own_bounding;
    const struct runtime_rlimit *rlimits;
    size_t rlimit_count;
    bool has_oom_score_adj;
    int oom_score_adj;
    struct scheduling scheduling;
    bool is_in_user_namespace;
    bool has_host_scheduling; /* the scheduler was set before the user namespace */
    bool applies_exec_mask;   /* scheduling.exec_final is for this one */
    const char *apparmor_profile, *selinux_label;
    struct lsm_files labels;
    const struct runtime_spec *hook_spec; /* whose startContainer hooks are run; NULL: none */
    const char *id, *bundle;              /* what they are told */
    bool no_new_privileges;
    bool parent_death_signal; /* ends with its parent */
    bool plain_terminal;      /* line ends stay single characters */
    bool detached;            /* only until it is executed, or held */
    int gate_fd;              /* where it is held after GO; -EBADF: it is not */
    unsigned preserved_fds;   /* from 3 on: the caller's, for the program */
    bool has_listener;        /* of the filter's notifications */
    const struct sock_fprog *seccomp;
    unsigned seccomp_flags;
};

struct start {
    struct start_process process;
    const struct container_process_options *options;
    const struct runtime_spec *spec;
    struct hook_state told; /* parent's side: what a listener is told */
    int *namespace_fds;     /* by type; -EBADF: not joined */
    int *bind_fds;          /* by mount: trees that were taken before propagation was cut; -EBADF */
    struct id_mappings uid_mappings, gid_mappings; /* of the user namespace; empty: none */
    int *idmap_fds;   /* by mount: user namespaces of id-mapped mounts; -EBADF: none of its own */
    int root_tree_fd; /* the root, taken with the host's rights; -EBADF: it is mounted later */
    bool is_staged;   /* behind start_run_step: what that did is done */
    bool in_cgroup;   /* born there */
    bool bring_lo_up;
    bool binds_devices; /* in a user namespace */
    bool makes_devices; /* /dev is not the host's, bound */
};

_Noreturn void start_fail(int sync_fd, enum start_stage stage, size_t index);

/* Whether the step between is needed (start-namespaces.c), and it: clones the container's process,
 * which goes on with run_child, tells the parent (CLONED, with the pidfd), and ends. `flags` are
 * those of the clone. */
typedef void (*start_child_fn)(struct start *start); /* does not return */
bool start_needs_step(const struct start *start);
_Noreturn void start_run_step(struct start *start, uint64_t flags, start_child_fn run_child);

/* Control group and namespaces, names and sysctls. */
void start_enter_surroundings(struct start *start);

/* Binds with shared or slave propagation are taken while their sources still have peers; with `all`
 * the others too. start_take_trees does that and takes the root (start-trees.c). */
void start_take_binds(struct start *start, bool all);
void start_take_trees(struct start *start);
void start_mount_root(struct start *start, const struct container_rootfs *rootfs);

/* Mounts the root and everything in it; the first returns its descriptor. */
int start_make_root(struct start *start);
void start_mount_all(struct start *start, int root_fd);
void start_make_devices(struct start *start, int root_fd);
/* A read-only /dev becomes that once it is filled. */
void start_seal_dev(struct start *start, int root_fd);
void start_hide_paths(struct start *start, int root_fd);
void start_change_root(struct start *start, int root_fd);

/* Opens a terminal in the container's devpts; gives the master, and the slave with the size set. */
int start_open_terminal(int sync_fd, int root_fd, uint16_t height, uint16_t width, int *ret_slave);
/* Where nobody's terminal shows what is written to this one: no carriage returns are added. */
void start_make_terminal_plain(int sync_fd, int slave_fd);
void start_bind_console(struct start *start, int root_fd, int slave_fd);

/* While /proc is still the host's. */
void start_write_oom_score(struct start_process *process);
void start_open_labels(struct start_process *process);

/* What takes rights that a user namespace does not give: limits are raised, scheduling is set. */
void start_use_host_rights(struct start_process *process);

/* prestart and createRuntime, by the parent, which start_serve_hooks stands for; createContainer. */
void start_run_create_hooks(struct start *start, int root_fd);
/* startContainer. */
void start_run_start_hooks(const struct start_process *process);

/* In parts, since other things come in between. The identity is looked up while the root is at
 * hand; preparing goes as far as credentials, so that nothing after GO makes the kernel forget
 * PR_SET_PDEATHSIG. */
void start_resolve_user(struct start_process *process, int root_fd, struct user_identity *identity);
void start_prepare_process(
        struct start_process *process, const struct user_identity *identity, int terminal_slave);
void start_hand_over_listener(const struct start_process *process, int listener_fd);
void start_send_ready(int sync_fd, int console_fd);
void start_wait_for_go(int sync_fd);
/* Async-signal-safe, as all of this. NULL: nothing to do. */
void start_join_keyring(int sync_fd, const char *name);
/* Waits at the gate, if there is one, for a second GO, and forgets the parent where that is asked
 * for. */
void start_pass_gate(struct start_process *process);
_Noreturn void start_execute(struct start_process *process);

/* ---- parent side ---- */

struct error;
struct container_process;

/* Fills `process` from the specification, with room for HOME; in the arena of the caller's
 * choice. */
struct arena;
void start_process_prepare(
        struct arena *arena, struct start_process *process, const struct runtime_process *spec);

/* Sends the descriptor of a listener on; as a part of waiting for the end of exec. */
int start_forward_listener(const struct start *start, int listener_fd, struct error **err);

/* Waits for READY (with the terminal's master) or for the end of exec; 0, or the failure as an
 * error in the words of the stage table. `exit_code` as Docker's. */
int start_receive(int sync_fd, enum start_message_kind expected, int *ret_console_fd,
        const struct start *start, int *ret_exit_code, struct error **err);

/* The same, with the message itself. *ret_fd (given) is written when one came along. */
int start_receive_message(int sync_fd, enum start_message_kind expected,
        struct start_message *ret_message, int *ret_fd, const struct start *start,
        int *ret_exit_code, struct error **err);

/* Runs the parent's hooks when the child is that far. */
int start_serve_hooks(
        const struct start *start, const struct container_process *process, struct error **err);

#define START_TIMEOUT_USEC (120 * INT64_C(1000000))
