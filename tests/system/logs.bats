#!/usr/bin/env bats
# Log drivers and what they keep; following over rotations; order.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    # shellcheck disable=SC2086 # one or more
    [ -z "${FOLLOWER:-}" ] || kill $FOLLOWER 2>/dev/null || :
    berth_teardown
}

@test "many lines stay complete and in order, also for who follows over the rotations" {
    berth run -d --name x1 --log-opt max-size=30k --log-opt max-file=40 --network none busybox sh -c 'while [ ! -e /go ]; do sleep 0.05; done; i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i + 1)); done' >/dev/null
    berth logs -f x1 >followed &
    FOLLOWER=$!
    berth exec x1 touch /go
    berth wait x1 >/dev/null
    wait "$FOLLOWER"
    FOLLOWER=
    for i in $(seq 0 3999); do echo "line $i"; done >expected
    cmp expected followed
    berth logs x1 >read
    cmp expected read
    [ "$(ls "$BERTH_ROOT"/containers/*/ | grep -c json.log)" -gt 5 ]
}

@test "a million lines lose nothing and stay in order, in the log and at the terminal" {
    berth run --name x1 --network none busybox seq 1000000 >printed
    seq 1000000 | cmp - printed
    berth logs x1 | cmp - printed
    # Over rotations, and of what is kept every line.
    berth run -d --name x2 --network none --log-opt max-size=2m --log-opt max-file=50 busybox seq 300000 >/dev/null
    berth logs -f x2 >followed
    seq 300000 | cmp - followed
    berth logs x2 | cmp - followed
}

@test "readers that stand still do not keep a writer from going on" {
    berth run -d --name x1 --network none busybox sh -c 'while [ ! -e /go ]; do echo waiting; sleep 0.05; done; seq 400000' >/dev/null
    mkfifo attached followed
    exec 7<>attached 8<>followed # one line is read of each, then no more
    berth attach --no-stdin x1 >attached 2>/dev/null 3>&- 7>&- 8>&- &
    FOLLOWER=$!
    berth logs -f x1 >followed 3>&- 7>&- 8>&- &
    FOLLOWER+=" $!"
    read -r line <&7
    [ "$line" = waiting ]
    read -r line <&8
    [ "$line" = waiting ]
    berth exec x1 touch /go
    [ "$(berth wait x1)" = 0 ]
    berth logs x1 | grep -v waiting | cmp - <(seq 400000)
    exec 7>&- 8>&- # nobody is left who might read: they end
    # shellcheck disable=SC2086 # two of them
    wait $FOLLOWER || :
    FOLLOWER=
}

@test "local keeps five compressed files unless told otherwise" {
    berth run --name x1 --log-driver local --log-opt max-size=20k --network none busybox sh -c 'i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done' >/dev/null
    berth logs -n 1 x1
    [ "$(berth logs -n 1 x1)" = "line 2999" ]
    [ "$(ls "$BERTH_ROOT"/containers/*/ | grep -c json.log)" -le 5 ]
    [ "$(berth inspect -f '{{.HostConfig.LogConfig.Type}}' x1)" = local ]
    run berth create --log-driver local --log-opt tag=x busybox
    assert_status 1
    assert_output_has "unknown log opt 'tag' for local log driver"
}

@test "log options that cannot be are refused in Docker's words" {
    run berth create --log-driver fluentd busybox
    assert_status 1
    assert_output_has 'logging driver "fluentd" is not supported'
    run berth create --log-opt max-buffer-size=1m busybox
    assert_output_has "max-buffer-size option is only supported with 'mode=non-blocking'"
    run berth create --log-opt mode=sometimes busybox
    assert_output_has 'logging mode not supported: sometimes'
    berth create --log-opt mode=non-blocking --log-opt max-buffer-size=1m busybox
}

@test "journald gets a container's lines with Docker's fields, and logs still reads them" {
    cat >journal.py <<'END'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/run/systemd/journal/socket")
open("ready", "w").close()
with open("entries", "wb") as out:
    for _ in range(3):
        d = s.recv(1 << 20)
        assert d.startswith(b"MESSAGE\n")
        n = struct.unpack("<Q", d[8:16])[0]
        out.write(b"MESSAGE=" + d[16:16 + n] + b"|" + d[16 + n:].replace(b"\n", b"|") + b"\n")
END
    cat >inner.sh <<'END'
mount -t tmpfs tmpfs /run
run() { berth run "$@"; }
run --rm --log-driver journald --network none busybox true && exit 9
mkdir -p /run/systemd/journal
python3 journal.py &
until [ -e ready ]; do sleep 0.05; done
run --name x1 -l team=core --log-driver journald --log-opt labels=team --log-opt tag='{{.Name}}' --network none busybox sh -c 'echo one; echo two >&2; printf three'
wait
berth logs x1
END
    run unshare -m --propagation private sh inner.sh
    assert_status 0
    assert_output_has 'journald is not enabled on this host'
    cat entries
    grep -q '^MESSAGE=one||PRIORITY=6|CONTAINER_ID=[0-9a-f]\{12\}|CONTAINER_ID_FULL=[0-9a-f]\{64\}|CONTAINER_NAME=x1|CONTAINER_TAG=x1|IMAGE_NAME=busybox|SYSLOG_IDENTIFIER=x1|TEAM=core|$' entries
    grep -q '^MESSAGE=two||PRIORITY=3|' entries
    grep -q '^MESSAGE=three||PRIORITY=6|CONTAINER_PARTIAL_MESSAGE=true|' entries
    [ "$(berth logs x1 2>&1 | sort)" = $'one\nthree\ntwo' ]
}

@test "a secret's content is in memory as long as the container runs" {
    cat >compose.yaml <<'END'
name: secretive
services:
  web:
    image: busybox
    network_mode: none
    command: sleep 1000
    secrets: [{ source: key, mode: 0400, uid: "1000" }]
secrets:
  key: { environment: KEY }
END
    KEY=hidden berth compose up -d
    [ "$(berth exec secretive-web-1 stat -c "%a %u" /run/secrets/key)" = "400 1000" ]
    id=$(berth inspect -f '{{.Id}}' secretive-web-1)
    [ "$(cat "$BERTH_RUN/containers/$id/files/0")" = hidden ]
    berth exec secretive-web-1 grep -q ' /run/secrets/key ' /proc/self/mountinfo
    berth stop -t 0 secretive-web-1
    [ ! -e "$BERTH_RUN/containers/$id/files" ]
    berth start secretive-web-1
    berth exec secretive-web-1 grep -q hidden /run/secrets/key
    berth compose down
}
