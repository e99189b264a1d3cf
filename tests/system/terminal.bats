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
