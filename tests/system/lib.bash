# For the system tests (bats files run by root): a state of the test's own, small images, and the check
# that nothing is left. `load lib` in each file; then
#
#     setup()    { berth_setup; }        # BERTH_ROOT, BERTH_RUN, PATH, a directory $WORK to play in
#     teardown() { berth_teardown; }     # removes the containers, networks and files of this test
#
# Tests that only read may share one state: berth_setup in setup_file (its variables are exported).
# Nothing here touches what another test or another berth on this machine owns.

: "${BERTH_SOURCE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${BERTH_BUILD:=$BERTH_SOURCE/build/dev}"
export BERTH_SOURCE BERTH_BUILD

# The reason when this machine cannot run containers, or nothing.
berth_why_not() {
    [ "$(id -u)" -eq 0 ] || { echo "root is needed"; return; }
    [ -x "$BERTH_BUILD/bin/berth" ] || { echo "$BERTH_BUILD/bin/berth is not built"; return; }
    grep -qw overlay /proc/filesystems || modprobe -q overlay || { echo "no overlayfs"; return; }
}

berth_setup() {
    local why
    why=$(berth_why_not)
    [ -z "$why" ] || skip "$why"
    # Short names: a unix socket's path has 107 bytes.
    STATE=$(mktemp -d /tmp/berth-test.XXXXXX)
    export STATE BERTH_ROOT=$STATE/root BERTH_RUN=$STATE/run WORK=$STATE/work
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1 LC_ALL=C.UTF-8 HOME=$STATE/home
    unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_PROGRESS COMPOSE_ANSI
    mkdir -p "$WORK" "$HOME"
    cd "$WORK" || return
}

# Everything of this test's state that is alive: monitors and name servers (their environment or
# arguments name the state), mounts below it.
berth_leftovers() {
    local file pid
    # One grep for all processes: a test that starts four for each of a machine's takes seconds.
    grep -alsF -e "$STATE/run" -e "$STATE/root" /proc/[0-9]*/cmdline | while read -r file; do
        pid=${file#/proc/} pid=${pid%/cmdline}
        [ "$pid" != "$$" ] && [ "$pid" != "$BASHPID" ] || continue
        { tr '\0' ' ' <"$file"; } 2>/dev/null | grep -v '^grep ' | sed "s|^|process $pid: |"
    done
    grep -F " $STATE/" /proc/self/mounts | sed 's/^/mount /'
    return 0
}

berth_teardown() {
    [ -n "${STATE:-}" ] || return 0
    local ids mount pid
    cd /
    [ -z "$(berth pod ps -q 2>/dev/null)" ] || berth pod rm -f -a >/dev/null 2>&1 || echo "# pod rm failed" >&3
    ids=$(berth ps -aq 2>/dev/null) || ids=
    # shellcheck disable=SC2086 # one word per container
    [ -z "$ids" ] || berth rm -f -v $ids >/dev/null 2>&1 || echo "# rm -f failed for: $ids" >&3
    ids=$(berth network ls -q --filter type=custom 2>/dev/null) || ids=
    # shellcheck disable=SC2086
    [ -z "$ids" ] || berth network rm $ids >/dev/null 2>&1 || :
    berth network prune -f >/dev/null 2>&1 || : # also what a foreground run leaves for a moment
    # What a failing test left is removed all the same, and only what names this test's state.
    berth_leftovers | sed -n 's/^process \([0-9]*\):.*/\1/p' | while read -r pid; do kill -9 "$pid" 2>/dev/null || :; done
    berth_leftovers | sed -n 's/^mount [^ ]* \([^ ]*\) .*/\1/p' | sort -r | while read -r mount; do umount -l "$mount" || :; done
    # What a foreground run leaves for a moment may still make a file while this removes them.
    wait_for 30 rm -rf --one-file-system "$STATE"
}

nothing_lives() {
    [ -z "$(berth_leftovers)" ]
}

# make_rootfs DIR: a root file system with busybox, its applets, users and a few files.
make_rootfs() {
    local root=$1 busybox applet
    busybox=$(command -v busybox) || { skip "busybox-static is not installed"; return; }
    mkdir -p "$root"/{bin,etc,tmp,root,var/www,proc,sys,dev,run,srv,home/app}
    chmod 1777 "$root/tmp"
    cp "$busybox" "$root/bin/busybox"
    for applet in $("$busybox" --list); do
        case $applet in busybox) ;; *) ln -s busybox "$root/bin/$applet" ;; esac
    done
    printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
    printf 'root:x:0:\napp:x:1000:\naudio:x:63:app\nnogroup:x:65534:\n' >"$root/etc/group"
    chown 1000:1000 "$root/home/app"
    echo busybox >"$root/etc/image-name"
}

# The tar archive of that root file system, made once for all tests of a run. Prints its path.
busybox_tar() {
    local dir=${BERTH_TEST_CACHE:-${TMPDIR:-/tmp}/berth-test-cache-$(id -u)} tar
    tar=$dir/busybox-1.tar
    if [ ! -f "$tar" ]; then
        mkdir -p "$dir"
        local root
        root=$(mktemp -d "$dir/rootfs.XXXXXX")
        make_rootfs "$root" || return
        tar --sort=name --mtime=@0 --numeric-owner -C "$root" -cf "$tar.$$" . && mv "$tar.$$" "$tar"
        rm -rf "$root"
    fi
    echo "$tar"
}

# import_busybox [NAME] [IMPORT OPTIONS]: busybox as an image of that name ("busybox").
import_busybox() {
    local name=${1:-busybox}
    [ $# -eq 0 ] || shift
    berth import -c 'CMD ["/bin/sh"]' "$@" "$(busybox_tar)" "$name" >/dev/null
}

# are_gone PID...: none of these processes lives; one that nobody reaps is gone, too.
are_gone() {
    local pid
    for pid; do
        [[ $(sed 's/.*) \(.\).*/\1/' "/proc/$pid/stat" 2>/dev/null) == [ZX]* ]] || [ ! -e "/proc/$pid" ] || return 1
    done
}

# What a container leaves when it is gone: nothing in any of these places.
assert_nothing_left() {
    local dir left=
    for dir in "$BERTH_ROOT/containers" "$BERTH_ROOT/tmp" "$BERTH_RUN/containers" "$BERTH_RUN/netns"; do
        [ -z "$(ls -A "$dir")" ] || left+=" $dir:$(ls -A "$dir")"
    done
    # Of the locks only those of no container stay.
    ls "$BERTH_RUN/locks" | grep -E '^[0-9a-f]{64}$' && left+=" locks"
    left+=$(berth_leftovers)
    [ -z "$left" ] || { echo "left behind: $left" >&2; return 1; }
}

# Of a container: its monitor's process, its state and exit status ("running 0").
monitor_of() {
    pgrep -f "berth-monitor start $(berth inspect -f '{{.Id}}' "$1")"
}

state_of() {
    berth inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1"
}

# Whether a process has come so far as to wait for what happens to files, as who follows events does.
watches_files() { # PID
    find "/proc/$1/fd" -lname '*inotify*' | grep -q .
}

is_in_state() {
    [ "$(state_of "$1")" = "$2" ]
}

# wait_for SECONDS COMMAND...: polls until the command succeeds; fails after that time. For what has no
# event to wait on; a pass never depends on how long it took. Be generous: other work may run beside.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || { echo "timed out waiting for: $*" >&2; return 1; }
        sleep 0.05
    done
}

# A TCP port that is free now, on loopback.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# assert_output_has TEXT, assert_output_lacks TEXT, assert_status N: about bats' $output and $status.
assert_output_has() {
    [[ $output == *"$1"* ]] || { printf 'expected to see: %s\nbut got (status %s):\n%s\n' "$1" "$status" "$output" >&2; return 1; }
}
assert_output_lacks() {
    [[ $output != *"$1"* ]] || { printf 'expected not to see: %s\nbut got:\n%s\n' "$1" "$output" >&2; return 1; }
}
assert_status() {
    [ "$status" -eq "$1" ] || { printf 'expected exit status %s but got %s:\n%s\n' "$1" "$status" "$output" >&2; return 1; }
}
