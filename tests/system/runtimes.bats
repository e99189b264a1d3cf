#!/usr/bin/env bats
# Another OCI runtime in place of the embedded one (--runtime, runtime:). berth's own command line of a runtime is
# always there to be that other; BERTH_TEST_RUNTIME names one that is installed (crun, runc).
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
    RUNTIME=${BERTH_TEST_RUNTIME:-$BERTH_BUILD/libexec/berth/berth-oci}
}

teardown() {
    berth_teardown
}

is_healthy() {
    [ "$(berth inspect -f '{{.State.Health.Status}}' "$1")" = healthy ]
}

# wrapper NAME COMMANDS: a runtime that does these commands of the shell first; $* is what it was called with.
wrapper() {
    printf '#!/bin/sh\n%s\nexec "%s" "$@"\n' "$2" "$RUNTIME" >"$WORK/$1"
    chmod 755 "$WORK/$1"
}

@test "run gives the program's output and exit status through another runtime and leaves nothing" {
    wrapper noting 'echo "$*" >>'"$WORK/calls"
    run berth run --rm --runtime "$WORK/noting" --network none busybox sh -c 'echo out; echo err >&2; exit 7'
    assert_status 7
    assert_output_has out
    assert_output_has err
    for verb in create start delete; do
        grep -q " $verb " calls
    done
    assert_nothing_left
}

@test "what another runtime cannot run has Docker's exit codes and leaves nothing" {
    run -127 berth run --rm --runtime "$RUNTIME" --network none busybox no-such-program
    assert_output_has 'not found'
    run berth run --rm --runtime "$RUNTIME" --network none busybox /etc/passwd
    assert_status 126
    run berth run --rm --runtime "$RUNTIME" --network none -u nobody-knows busybox true
    assert_status 125
    assert_output_has 'unable to find user nobody-knows: no matching entries in passwd file'
    assert_nothing_left
}

@test "a runtime that is not there is refused with Docker's words" {
    for name in no-such-runtime /no/such/runtime a/b; do
        run berth run --rm --runtime "$name" --network none busybox true
        assert_status 125
        assert_output_has "unknown or invalid runtime name: $name"
    done
    assert_nothing_left
}

@test "a runtime that fails says why" {
    wrapper failing 'echo "{\"level\":\"error\",\"msg\":\"the moon is full\"}" >"$4"; exit 1'
    run berth run --rm --runtime "$WORK/failing" --network none busybox true
    assert_status 125
    assert_output_has 'failing create: the moon is full'
    wrapper silent 'exit 9'
    run berth run --rm --runtime "$WORK/silent" --network none busybox true
    assert_status 125
    assert_output_has 'silent create ended with exit status 9'
    assert_nothing_left
}

# hanging NAME VERB: a runtime that never comes back from this call; its child says where it was.
hanging() {
    wrapper "$1" 'for word in "$@"; do
    if [ "$word" = '"$2"' ]; then touch '"$WORK/hangs"'; sleep 1000 & wait; fi
done'
}

@test "a runtime that hangs is killed when its time is over, which the error says" {
    export BERTH_RUNTIME_TIMEOUT=3s
    for verb in create start; do
        hanging "hanging-$verb" "$verb"
        run berth run --rm --runtime "$WORK/hanging-$verb" --network none busybox true
        assert_status 125
        assert_output_has "hanging-$verb $verb has not ended within 3s and was killed"
        rm hangs
        assert_nothing_left
    done
    hanging hanging-delete delete
    run berth run --rm --runtime "$WORK/hanging-delete" --network none busybox echo done
    assert_status 0
    [ "$output" = "done" ]
    rm hangs
    assert_nothing_left
}

@test "exec, pause and kill through a runtime that hangs end, and the container can be removed" {
    export BERTH_RUNTIME_TIMEOUT=3s
    printf '#!/bin/sh\nfor word in "$@"; do case $word in exec | pause | kill) sleep 1000 & wait ;; esac; done\nexec "%s" "$@"\n' \
        "$RUNTIME" >"$WORK/half"
    chmod 755 "$WORK/half"
    berth run -d --name x1 --runtime "$WORK/half" --network none busybox sleep 1000 >/dev/null
    run berth exec x1 true
    assert_status 126
    assert_output_has "half exec has not ended within 3s and was killed"
    run berth pause x1
    assert_status 1
    assert_output_has "half pause has not ended within 3s and was killed"
    # A signal that the runtime does not pass on reaches the process itself.
    berth kill x1
    wait_for 120 is_in_state x1 "exited 137"
    berth rm -f x1
    assert_nothing_left
}

@test "a process whose terminal the runtime does not hand over does not stay in the container" {
    # The terminal goes to a socket of its own, at whose other end nobody takes it on.
    cat >"$WORK/keeping" <<'SCRIPT'
#!/bin/bash
words=() sink= last=
for word; do
    [ "$last" != --console-socket ] || { sink=$(mktemp -u /tmp/sink.XXXXXX); word=$sink; }
    words+=("$word") last=$word
done
if [ -n "$sink" ]; then
    python3 - "$sink" <<'PYTHON' &
import os, socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.bind(sys.argv[1])
    s.listen()
    connection = s.accept()[0]
    socket.recv_fds(connection, 100, 1)
    os.unlink(sys.argv[1])
PYTHON
    until [ -S "$sink" ]; do sleep 0.05; done
fi
SCRIPT
    printf '"%s" "${words[@]}"\nstatus=$?\nwait\nexit $status\n' "$RUNTIME" >>"$WORK/keeping"
    chmod 755 "$WORK/keeping"
    berth run -d --name x1 --runtime "$WORK/keeping" --network none busybox sleep 1000 >/dev/null
    run script -qec "berth exec -t x1 sleep 2000" /dev/null </dev/null
    assert_output_has "the runtime has made no terminal"
    [ "$(berth top x1 | grep -c sleep)" = 1 ]
    berth rm -f x1
    assert_nothing_left
}

@test "a name is found on PATH" {
    wrapper my-runtime :
    PATH=$WORK:$PATH run berth run --rm --runtime my-runtime --network none busybox echo found
    assert_status 0
    [ "$output" = found ]
}

@test "a program sees the same through either runtime" {
    look='id; echo $HOME; hostname; umask; ulimit -n; cat /proc/self/oom_score_adj
        grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status; ls /dev | sort; cat /etc/hosts; cat /sub/file
        sed "s/^[0-9 :]*//" /proc/self/mountinfo | awk "{print \$2, \$3}" | grep -v "^/ \|cgroup" | sort | head -n 4'
    berth volume create data >/dev/null
    berth run --rm --network none -v data:/data busybox sh -c 'mkdir /data/sub; echo inner >/data/sub/file'
    for runtime in berth "$RUNTIME"; do
        berth run --rm --runtime "$runtime" --name same --hostname same --network none -u app:audio --group-add 4242 --umask 0027 \
            --ulimit nofile=512:512 --oom-score-adj 77 --cap-add net_admin --cap-drop chown \
            --mount type=volume,source=data,target=/sub,volume-subpath=sub busybox sh -c "$look" >"seen.${runtime##*/}"
    done
    diff seen.berth "seen.${RUNTIME##*/}"
}

@test "exec runs in the container of another runtime, with its user, directory, variables and exit codes" {
    berth run -d --name x1 --runtime "$RUNTIME" --network none -e A=1 busybox sleep 1000 >/dev/null
    run berth exec -e B=2 -w /tmp -u app x1 sh -c 'echo "$A $B $PWD $HOME $(id -un)"; exit 3'
    assert_status 3
    [ "$output" = "1 2 /tmp /home/app app" ]
    [ "$(echo typed | berth exec -i x1 cat)" = typed ]
    run -127 berth exec x1 no-such-program
    run berth exec -u nobody-knows x1 true
    assert_status 1
    berth exec -d x1 sh -c 'echo later >/tmp/later'
    wait_for 120 berth exec x1 grep -q later /tmp/later
    # None of them is left as a process that nobody reaps.
    [ "$(pgrep -c -P "$(monitor_of x1)")" = 2 ]
    berth rm -f x1
    assert_nothing_left
}

@test "terminals of run and exec come from another runtime" {
    [ "$(script -qec "berth run --rm -t --runtime $RUNTIME --network none busybox sh -c 'test -t 0 && tty'" /dev/null </dev/null | tr -d '\r')" = /dev/pts/0 ]
    berth run -d -t --name x1 --runtime "$RUNTIME" --network none busybox sh >/dev/null
    script -qec "berth exec -t x1 sh -c 'test -t 1 && tty'" /dev/null </dev/null | grep -q /dev/pts/1
    berth rm -f x1
}

@test "stop, kill, pause, restarts, logs and health checks work through another runtime" {
    berth run -d --name x1 --runtime "$RUNTIME" --init --network none --restart on-failure:5 \
        --health-cmd 'test -e /tmp/well' --health-interval 1s busybox \
        sh -c 'trap "echo bye; exit 0" TERM; touch /tmp/well; echo here; while :; do sleep 0.1; done' >/dev/null
    wait_for 120 is_healthy x1
    [ "$(berth logs x1)" = here ]
    berth pause x1
    [ "$(state_of x1)" = "paused 0" ]
    berth unpause x1
    berth exec x1 true
    [ "$(berth stats --no-stream --format '{{.PIDs}}' x1)" -ge 2 ]
    berth kill -s USR1 x1
    wait_for 120 is_in_state x1 "running 0"
    wait_for 120 sh -c '[ "$(berth inspect -f "{{.RestartCount}}" x1)" = 1 ]'
    wait_for 120 sh -c '[ "$(berth logs x1 | grep -c here)" = 2 ]' # its trap is set
    wait_for 120 is_healthy x1
    berth stop x1
    [ "$(state_of x1)" = "exited 0" ]
    [ "$(berth logs x1 | tr '\n' ' ')" = "here here bye " ]
    berth start x1
    wait_for 120 is_healthy x1
    berth rm -f x1
    assert_nothing_left
}

@test "inspect names the runtime" {
    berth create --name x1 --runtime "$RUNTIME" busybox >/dev/null
    berth create --name x2 busybox >/dev/null
    [ "$(berth inspect -f '{{.HostConfig.Runtime}}' x1)" = "$RUNTIME" ]
    [ "$(berth inspect -f '{{.HostConfig.Runtime}}' x2)" = berth ]
}

@test "a killed monitor takes the container of another runtime along" {
    berth run -d --name x1 --runtime "$RUNTIME" --network none busybox sleep 1000 >/dev/null
    pid=$(berth inspect -f '{{.State.Pid}}' x1)
    monitor=$(monitor_of x1)
    kill -9 "$monitor"
    wait_for 120 are_gone "$pid" "$monitor"
    [ "$(state_of x1)" = "exited 137" ]
    berth start x1
    [ "$(state_of x1)" = "running 0" ]
    berth rm -f x1
    assert_nothing_left
}

@test "a crash between two steps of another runtime leaves nothing" {
    for verb in create start delete; do
        wrapper "dying-$verb" 'case " $* " in *" '$verb' "*) '"\"$RUNTIME\""' "$@"; kill -9 $PPID; exit 0;; esac'
        run berth run --name x1 --runtime "$WORK/dying-$verb" --network none busybox sh -c 'exit 0'
        berth ps -a >/dev/null
        berth rm -f x1 >/dev/null 2>&1 || :
        assert_nothing_left
    done
}

@test "limits reach the control group through another runtime, and update changes them" {
    [ -e /sys/fs/cgroup/pids ] || grep -qw pids /sys/fs/cgroup/cgroup.controllers || skip "no pids controller"
    berth run -d --name x1 --runtime "$RUNTIME" --network none --pids-limit 50 busybox sleep 1000 >/dev/null
    group=$(sed -n 's/^[0-9]*:\(pids\)\?:\(\/berth\/.*\)/\2/p' "/proc/$(berth inspect -f '{{.State.Pid}}' x1)/cgroup" | head -n 1)
    dir=/sys/fs/cgroup/pids
    [ -d "$dir" ] || dir=/sys/fs/cgroup
    [ "$(cat "$dir$group/pids.max")" = 50 ]
    berth update --pids-limit 60 x1
    [ "$(cat "$dir$group/pids.max")" = 60 ]
    berth rm -f x1
    [ ! -e "$dir$group" ]
}

@test "what only the embedded runtime can do is refused with another" {
    run berth create --runtime "$RUNTIME" --uidmap 0:100000:65536 --gidmap 0:100000:65536 busybox
    assert_status 1
    assert_output_has "not supported yet"
    mkdir shared
    run berth create --runtime "$RUNTIME" -v "$WORK/shared:/shared:rshared" busybox
    assert_status 1
    assert_output_has "not supported yet"
    [ -z "$(berth ps -aq)" ]
}

@test "compose: runtime: chooses it for a service" {
    wrapper noting 'echo "$*" >>'"$WORK/calls"
    cat >compose.yaml <<YAML
name: runtimes
services:
  a: {image: busybox, command: sleep 1000, init: true, runtime: $WORK/noting, network_mode: none}
  b: {image: busybox, command: sleep 1000, init: true, network_mode: none}
YAML
    berth compose up -d
    [ "$(berth inspect -f '{{.HostConfig.Runtime}} {{.State.Status}}' runtimes-a-1)" = "$WORK/noting running" ]
    [ "$(berth inspect -f '{{.HostConfig.Runtime}} {{.State.Status}}' runtimes-b-1)" = "berth running" ]
    [ "$(grep -c ' start ' calls)" = 1 ]
    berth compose exec -T a true
    grep -q ' exec ' calls
    berth compose down -t 0
    assert_nothing_left
}
