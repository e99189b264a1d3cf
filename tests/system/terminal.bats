#!/usr/bin/env bats
# Containers with a terminal: raw mode and back, window size, detaching. A small Python program plays the
# user at a pseudo-terminal.

bats_require_minimum_version 1.5.0
load lib

setup() {
    berth_setup
    import_busybox
    cat >user.py <<'PY'
import fcntl, os, pty, select, signal, struct, subprocess, sys, termios, time

# user.py STEP... -- COMMAND...: steps are expect:TEXT, send:TEXT (with escapes), size:ROWSxCOLUMNS.
at = sys.argv.index("--")
steps, command = sys.argv[1:at], sys.argv[at + 1:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
before = termios.tcgetattr(slave)
def take_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, preexec_fn=take_terminal)
seen = b""
def pump(done):
    global seen
    end = time.monotonic() + 30
    while not done():
        if time.monotonic() > end:
            sys.exit("timed out; seen: %r" % seen)
        if select.select([master], [], [], 0.05)[0]:
            seen += os.read(master, 65536)
for step in steps:
    kind, value = step.split(":", 1)
    if kind == "expect":
        pump(lambda: value.encode() in seen)
        seen = seen[seen.index(value.encode()) + len(value):]
    elif kind == "send":
        os.write(master, value.encode().decode("unicode_escape").encode("latin-1"))
    elif kind == "size":
        rows, columns = map(int, value.split("x"))
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
pump(lambda: child.poll() is not None)
after = termios.tcgetattr(slave)
if before != after:
    sys.exit("the terminal was not restored")
print("status", child.returncode if child.returncode >= 0 else 128 - child.returncode)
PY
}
teardown() { berth_teardown; }

@test "up offers keys: w follows files and stops that, d leaves the project in the background" {
    mkdir src
    cat >compose.yaml <<'YAML'
name: keys
services:
  web:
    image: busybox
    init: true
    command: [sleep, "1000"]
    develop: { watch: [{ path: ./src, action: sync, target: /app }] }
YAML
    run -0 python3 user.py 'expect:Attaching to web-1' 'expect:w Enable Watch   d Detach' send:w 'expect:Watch enabled' \
        'expect:w Disable Watch' send:w 'expect:Watch disabled' 'expect:Enable Watch' send:d -- berth compose up
    [ "$output" = "status 0" ]
    [ "$(berth inspect -f '{{.State.Running}}' keys-web-1)" = true ]
    run -0 python3 user.py 'expect:Enable Watch' 'send:\x03' 'expect:Gracefully Stopping' -- berth compose up
    [ "$output" = "status 130" ]
    [ "$(berth inspect -f '{{.State.Running}}' keys-web-1)" = false ]
    COMPOSE_MENU=false run -0 python3 user.py 'expect:Attaching to web-1' 'send:\x03' 'expect:Gracefully Stopping' -- berth compose up
    [ "$output" = "status 130" ]
}

@test "run -it gives a terminal, passes the size and its changes on, and restores the user's" {
    run timeout 300 python3 user.py 'expect:/ #' 'send:stty size\n' 'expect:24 80' 'size:40x100' \
        'send:stty size\n' 'expect:40 100' 'send:tty; exit 6\n' 'expect:/dev/pts/' \
        -- berth run --rm -it busybox sh
    assert_status 0
    assert_output_has "status 6"
}

@test "ctrl-c at the terminal reaches the process, not berth" {
    run timeout 300 python3 user.py 'expect:ready' 'send:\x03' 'expect:caught' \
        -- berth run --rm -it busybox sh -c 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done'
    assert_status 0
    assert_output_has "status 9"
}

@test "ctrl-p ctrl-q leaves the container running, and attach comes back to it" {
    run timeout 300 python3 user.py 'expect:/ #' 'send:X=kept\n' 'send:\x10\x11' -- berth run -it --name detached busybox sh
    assert_status 0
    assert_output_has "status 0"
    [ "$(berth inspect -f '{{.State.Status}}' detached)" = running ]
    run timeout 300 python3 user.py 'send:echo is-$X\n' 'expect:is-kept' 'send:exit 4\n' -- berth attach detached
    assert_status 0
    assert_output_has "status 4"
}

@test "compose exec and run have a terminal when the user does" {
    echo 'services: {app: {image: busybox, command: sleep 1000, init: true}}' >compose.yaml
    berth compose up -d
    run timeout 300 python3 user.py 'expect:/ #' 'send:tty; exit 3\n' 'expect:/dev/pts/' -- berth compose exec app sh
    assert_output_has "status 3"
    run timeout 300 python3 user.py 'expect:/ #' 'send:tty; exit 2\n' 'expect:/dev/pts/' -- berth compose run --rm app sh
    assert_output_has "status 2"
}

@test "a command that cannot be found restores the terminal too" {
    run timeout 300 python3 user.py -- berth run --rm -it busybox nosuchprogram
    assert_status 0
    assert_output_has "status 127"
}

@test "up on a terminal shows its progress as a block and ends it with the cursor below" {
    echo 'services: {app: {image: busybox, command: sleep 1000, init: true}}' >compose.yaml
    run timeout 300 python3 user.py 'expect:[+] Running' 'expect:Started' -- berth compose up -d
    assert_status 0
    assert_output_has "status 0"
}

# unread COMMAND...: runs it in the background with its output to a pipe that nobody reads (descriptor 7), its pid in
# $client.
unread() {
    rm -f pipe
    mkfifo pipe
    exec 7<>pipe
    "$@" >pipe 2>messages &
    client=$!
}

# ends_with STATUS: that of the program unread has started.
ends_with() {
    local ended=0
    wait $client || ended=$?
    [ "$ended" = "$1" ] || { echo "ended with $ended"; cat messages; return 1; }
}

# Whether a process of the container waits to write.
is_stuck() {
    local pid
    for pid in $(berth top x1 | awk 'NR > 1 { print $2 }'); do
        ! grep -q pipe_write "/proc/$pid/wchan" || return 0
    done
    return 1
}

WRITER='i=0; while :; do i=$((i+1)); echo "line $i of output"; done'

@test "a container whose output nobody reads can be stopped and removed, and a late reader gets all that was logged" {
    unread berth run --name x1 --network none busybox sh -c "$WRITER"
    wait_for 120 is_stuck
    berth stop -t 1 x1
    [ "$(berth inspect -f '{{.State.Status}} {{.State.ExitCode}}' x1)" = "exited 137" ]
    berth logs x1 >logged
    berth rm x1
    cat <&7 >got &
    reader=$!
    ends_with 137
    exec 7>&-
    wait_for 120 cmp -s logged got
    kill $reader
}

@test "a signal ends a run whose output nobody reads once the container has ended by it" {
    unread berth run --name x1 --network none busybox sh -c "trap 'exit 3' TERM; $WRITER"
    wait_for 120 is_stuck
    kill -TERM $client
    ends_with 3
    berth rm x1
    # Another, which does not listen to signals: the third is for the command.
    unread berth run --name x1 --network none busybox sh -c "trap '' TERM; $WRITER"
    wait_for 120 is_stuck
    kill -TERM $client
    killed_once() { [ "$(berth events --since 1h --until 0s --filter event=kill --filter container=x1 | wc -l)" -ge "$1" ]; }
    wait_for 120 killed_once 1
    kill -TERM $client
    wait_for 120 killed_once 2
    kill -TERM $client
    ends_with 1
    grep -q 'got 3 SIGTERM/SIGINTs, forcefully exiting' messages
    [ "$(berth inspect -f '{{.State.Status}}' x1)" = running ]
    berth rm -f x1
}

@test "a signal ends the logs of a project that nobody reads" {
    cat >compose.yaml <<'YAML'
name: unread
services:
  a:
    image: busybox
    network_mode: none
    command: sh -c "i=0; while [ $$i -lt 9000 ]; do i=$$((i+1)); echo line $$i of output; done; sleep 1000"
YAML
    berth compose up -d
    unread berth compose logs -f
    wait_for 120 grep -q pipe_write /proc/$client/wchan
    kill -TERM $client
    ends_with 143
    berth compose down -t 0
}

@test "a signal ends an exec and a logs whose output nobody reads" {
    berth run -d --name x1 --network none busybox sh -c "i=0; while [ \$i -lt 9000 ]; do i=\$((i+1)); echo line \$i of output; done; sleep 1000"
    unread berth exec x1 sh -c "$WRITER"
    wait_for 120 is_stuck
    kill -TERM $client
    ends_with 143
    unread berth logs -f x1
    wait_for 120 grep -q pipe_write /proc/$client/wchan
    kill -TERM $client
    ends_with 143
}

@test "a password is asked for, is not shown, and an interrupted question leaves the terminal as it was" {
    python3 "$BATS_TEST_DIRNAME/registry/login.py" "$STATE" 3>&- 2>/dev/null &
    SERVER=$!
    wait_for 60 test -s "$STATE/basic-port" -a -s "$STATE/token-port"
    local registry
    registry=127.0.0.1:$(cat "$STATE/basic-port")
    unset DOCKER_CONFIG REGISTRY_AUTH_FILE XDG_RUNTIME_DIR
    run -0 python3 user.py expect:Username: 'send:user\n' expect:Password: 'send:secret\n' 'expect:Login Succeeded' -- berth login "$registry"
    [ "${lines[-1]}" = "status 0" ]
    [ "$(jq -r ".auths.\"$registry\".auth" "$HOME/.docker/config.json")" = "$(printf user:secret | base64)" ]
    berth logout "$registry"
    run python3 user.py expect:Password: 'send:secret\n' expect:secret -- timeout 20 berth login -u user "$registry"
    [ "$status" -ne 0 ] # it never appeared
    assert_output_has 'Login Succeeded'
    berth logout "$registry"
    run -0 python3 user.py expect:Password: 'send:\x03' -- berth login -u user "$registry"
    [ "${lines[-1]}" = "status 130" ]
    run -0 python3 user.py expect:Password: 'send:secret\n' 'expect:not found' -- berth pull --creds user "$registry/x"
    kill "$SERVER"
}
