#!/usr/bin/env bats
# A container as a service: what its monitor tells the service manager, by sd_notify(3).
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
    manager_pid=
}

teardown() {
    [ -z "$manager_pid" ] || kill "$manager_pid" 2>/dev/null || :
    berth_teardown
}

# What stands for the service manager: writes each message into a file, a line for each.
start_manager() {
    export NOTIFY_SOCKET=$WORK/manager.sock
    python3 -c '
import os, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1])
with open(sys.argv[2], "a", buffering=1) as out:
    open(sys.argv[2] + ".ready", "w").close()
    while True:
        out.write(server.recv(8192).decode().strip().replace("\n", " ") + "\n")
' "$NOTIFY_SOCKET" "$WORK/told" 3>&- &
    manager_pid=$!
    wait_for 20 test -e "$WORK/told.ready"
}

was_told() {
    grep -q -- "$1" "$WORK/told"
}

@test "a container that is ready once it runs tells so with the pid of its monitor" {
    start_manager
    run -0 berth run -d --name web --network none --sdnotify conmon busybox sleep 1000
    wait_for 20 was_told "READY=1"
    monitor=$(sed -n 's/.*MAINPID=\([0-9]*\).*/\1/p' "$WORK/told")
    [ "$(tr '\0' ' ' <"/proc/$monitor/cmdline" | cut -d' ' -f1)" = berth-monitor ]
    run -0 berth rm -f web
    wait_for 20 was_told "STOPPING=1\|STATUS=exited"
}

@test "a command that stays with the container is the main process of the service itself" {
    start_manager
    run -7 berth run --rm --name web --network none --sdnotify conmon busybox sh -c 'exit 7'
    wait_for 20 was_told "READY=1"
    ! was_told MAINPID= || return 1
}

@test "one that is ready once it is healthy waits for its check, and asks for the time it takes" {
    start_manager
    run -0 berth run -d --name web --network none --sdnotify healthy --health-cmd "test -e /ready" \
        --health-interval 50ms --health-retries 1000 busybox sleep 1000
    wait_for 20 was_told "EXTEND_TIMEOUT_USEC="
    wait_for 20 was_told "failed checks"
    ! was_told READY=1 || return 1
    run -0 berth exec web touch /ready
    wait_for 20 was_told "READY=1 STATUS=running, healthy"
}

@test "one that says so by itself is believed, but cannot name another main process" {
    start_manager
    run -0 berth run -d --name web --network none --sdnotify container busybox sh -c 'env >/env; sleep 1000'
    wait_for 20 was_told MAINPID=
    wait_for 20 berth exec web grep -q NOTIFY_SOCKET=/run/notify/notify.sock /env
    ! was_told READY=1 || return 1
    # As a program in the container would, through the socket that is mounted there.
    cd "$BERTH_RUN"/containers/*/notify # a socket's path has 107 bytes
    python3 -c '
import socket
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client.sendto(b"MAINPID=1\nREADY=1\nFDSTORE=1\nSTATUS=all is well\nSTATUS=\x1b[31m", "notify.sock")
'
    wait_for 20 was_told "READY=1 STATUS=all is well"
    [ "$(grep -c MAINPID= "$WORK/told")" = 1 ]
    ! was_told FDSTORE || return 1
    ! was_told $'\033' || return 1
}

@test "without a service manager the container runs all the same" {
    run -0 env -u NOTIFY_SOCKET "$BERTH_BUILD/bin/berth" run --rm --network none --sdnotify container busybox env
    assert_output_lacks NOTIFY_SOCKET
}

@test "--sdnotify and --cgroups refuse what they do not know" {
    run -125 berth run --rm --sdnotify sometimes busybox true
    assert_output_has 'invalid value "sometimes" for --sdnotify'
    run -125 berth run --rm --cgroups none busybox true
    assert_output_has 'invalid value "none" for --cgroups'
    run -125 berth run --rm --cgroups split --cgroup-parent /x busybox true
    assert_output_has "exclude each other"
}

@test "a container whose group is split off lives below the group of the service, its monitor beside it" {
    root=/sys/fs/cgroup
    [ -e "$root/cgroup.controllers" ] || root=$root/systemd
    mkdir "$root/berth-test-$$.service" 2>/dev/null || skip "no control group can be made below $root"
    # In a subshell that is the service.
    (
        echo "$BASHPID" >"$root/berth-test-$$.service/cgroup.procs"
        berth run -d --name web --network none --cgroups split busybox sleep 1000
    )
    id=$(berth ps -q --no-trunc)
    [ -d "$root/berth-test-$$.service/$id" ]
    monitor=$(tr -d '\n' <"$BERTH_RUN/containers/$id/state.json" | sed 's/.*"monitor_pid":\([0-9]*\).*/\1/')
    grep -q "/berth-test-$$.service/supervisor" "/proc/$monitor/cgroup"
    run -0 berth rm -f web
    [ ! -d "$root/berth-test-$$.service/$id" ]
    rmdir "$root/berth-test-$$.service/supervisor" "$root/berth-test-$$.service"
    for dir in /sys/fs/cgroup/*/berth-test-$$.service; do
        [ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} +
    done
}
