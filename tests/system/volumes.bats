#!/usr/bin/env bats
# Volumes that the driver's options put elsewhere: one mount for all containers that use them.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

memory_volume() {
    berth volume create -o type=tmpfs -o device=tmpfs -o "o=size=1m,uid=1000,mode=0710${1:-}" mem >/dev/null
}

# user NAME [OPTION...]: a container that has the volume at /v.
user() {
    berth run -d --name "$1" --network none -v mem:/v "${@:2}" busybox sleep 1000 >/dev/null
}

mounts_of_volume() {
    grep -c " $BERTH_ROOT/volumes/mem/_data " /proc/self/mounts || :
}

is_unmounted() {
    [ "$(mounts_of_volume)" = 0 ] && [ ! -e "$BERTH_RUN/volumes/mem" ]
}

@test "a volume in memory is one for all that use it, and empty once nobody does" {
    memory_volume
    [ "$(mounts_of_volume)" = 0 ]
    user aa
    user bb
    [ "$(mounts_of_volume)" = 1 ]
    [ "$(berth exec bb sh -c 'stat -c "%u %a" /v; df -k /v | sed -n "\$s/.* \(1024\) .*/\1/p"')" = $'1000 710\n1024' ]
    berth exec aa sh -c 'echo one >/v/one'
    [ "$(berth exec bb cat /v/one)" = one ]
    [ "$(cat "$(berth volume inspect -f '{{.Mountpoint}}' mem)/one")" = one ]
    echo two >two
    berth cp two aa:/v/two
    berth stop -t 0 aa
    berth cp aa:/v/two got # from what the other one still uses
    [ "$(cat got)" = two ]
    berth start aa
    [ "$(berth exec aa cat /v/one /v/two)" = $'one\ntwo' ]
    run berth volume rm mem
    assert_status 1
    assert_output_has 'volume is in use'
    [ "$(mounts_of_volume)" = 1 ]
    berth stop -t 0 aa bb
    wait_for 60 is_unmounted
    berth start aa
    [ -z "$(berth exec aa ls /v)" ]
    berth rm -f aa bb
    wait_for 60 is_unmounted
    berth volume rm mem
    assert_nothing_left
}

@test "a part of a volume in memory is mounted while it is there" {
    memory_volume
    user aa
    berth exec aa sh -c 'mkdir /v/sub && echo in >/v/sub/file'
    [ "$(berth run --rm --network none --mount type=volume,source=mem,target=/w,volume-subpath=sub busybox cat /w/file)" = in ]
    [ "$(mounts_of_volume)" = 1 ]
    berth rm -f aa
    run berth run --rm --network none --mount type=volume,source=mem,target=/w,volume-subpath=sub busybox true
    assert_status 125
    assert_output_has 'cannot access path "sub"'
    wait_for 60 is_unmounted
}

@test "a container that runs again by itself finds a volume in memory empty, unless another one holds it" {
    memory_volume
    berth run -d --name again --network none --restart always -v mem:/v busybox sh -c 'echo run >>/v/log; cat /v/log; echo end; test -e /v/stay && sleep 1000; sleep 0.2' >/dev/null
    wait_for 60 sh -c '[ "$(berth inspect -f "{{.RestartCount}}" again)" -ge 2 ]'
    run berth logs again
    assert_output_lacks $'run\nrun'
    user holder
    wait_for 60 sh -c 'berth logs again | grep -A1 -w run | grep -qx "run" && berth logs again | uniq -c | grep -q "[2-9] run"'
    berth exec holder touch /v/stay
    berth rm -f again holder
    wait_for 60 is_unmounted
}

@test "a directory of the machine gets what the image has there, with the options that it is bound with" {
    mkdir dir below
    berth volume create -o type=none -o o=bind -o device="$PWD/dir" mem >/dev/null
    berth create --name aa --network none -v mem:/etc busybox true >/dev/null
    [ "$(cat dir/image-name)" = busybox ]
    is_unmounted
    berth rm aa
    berth volume rm mem
    [ "$(cat dir/image-name)" = busybox ]
    berth volume create -o type=none -o o=bind,ro,noexec -o device="$PWD/dir" mem >/dev/null
    user aa
    run berth exec aa sh -c 'touch /v/x; grep " /v " /proc/mounts'
    assert_output_has 'Read-only file system'
    assert_output_has noexec
    run berth cp two aa:/v/two
    assert_status 1
    berth rm -f aa
    wait_for 60 is_unmounted
    rm -r dir
    run berth create --name aa --network none -v mem:/etc busybox true
    assert_status 1
    assert_output_has "failed to populate volume"
    run berth run --rm --network none -v mem:/v busybox true
    assert_status 125
    assert_output_has "error while mounting volume '$BERTH_ROOT/volumes/mem/_data'"
    is_unmounted
}

@test "an option that is for containers alone is refused for a volume" {
    memory_volume ,rro
    run berth run --rm --network none -v mem:/v busybox true
    assert_status 125
    assert_output_has '"rro" is not supported for volumes'
    is_unmounted
}

@test "a start killed at any step leaves a volume mounted once, for the next command to use" {
    local fault
    memory_volume
    for fault in volume.use.noted volume.use.mounted container.start.prepared container.start.started; do
        berth create --name aa --network none -v mem:/v busybox sleep 1000 >/dev/null
        run env BERTH_FAULT=$fault:kill berth start aa
        [ "$status" -eq 137 ] || { echo "$fault was not reached: $output" >&2; return 1; }
        berth start aa
        [ "$(mounts_of_volume)" = 1 ] || { echo "after $fault: $(mounts_of_volume) mounts" >&2; return 1; }
        berth exec aa touch /v/x
        berth rm -f aa
        wait_for 60 is_unmounted || { echo "$fault leaves the mount" >&2; return 1; }
        berth create --name aa --network none -v mem:/v busybox sleep 1000 >/dev/null
        run env BERTH_FAULT=$fault:kill berth start aa
        berth rm -f aa
        wait_for 60 is_unmounted || { echo "$fault leaves the mount behind a removal" >&2; return 1; }
    done
    berth volume rm mem
    assert_nothing_left
}

@test "an end killed at any step leaves no mount behind the next command" {
    local fault
    memory_volume
    for fault in volume.leave.unmounted container.finish.network container.finish.row; do
        BERTH_FAULT=$fault:kill berth run -d --name aa --network none -v mem:/v busybox sleep 1000 >/dev/null
        kill -9 "$(berth inspect -f '{{.State.Pid}}' aa)"
        wait_for 60 is_in_state aa "exited 137"
        berth rm aa
        is_unmounted || { echo "$fault leaves the mount" >&2; return 1; }
    done
    # Nobody at all is left to unmount it.
    user aa
    kill -9 "$(monitor_of aa)"
    wait_for 60 is_in_state aa "exited 137"
    berth rm aa
    is_unmounted
    berth volume rm mem
    assert_nothing_left
}

@test "a creation killed while an image's contents are copied leaves no mount behind the next command" {
    local fault
    mkdir dir
    berth volume create -o type=none -o o=bind -o device="$PWD/dir" mem >/dev/null
    for fault in volume.use.noted volume.use.mounted volume.leave.unmounted; do
        run env BERTH_FAULT=$fault:kill berth create --name aa --network none -v mem:/etc busybox true
        [ "$status" -eq 137 ] || { echo "$fault was not reached: $output" >&2; return 1; }
        berth ps -aq >/dev/null
        is_unmounted || { echo "$fault leaves the mount" >&2; return 1; }
    done
    berth volume rm mem
    assert_nothing_left
}

@test "the services of a project share a volume in memory" {
    cat >compose.yaml <<'EOF'
services:
  one: { image: busybox, network_mode: none, command: sh -c 'echo shared >/v/file; sleep 1000', volumes: ["mem:/v"], stop_grace_period: 0s }
  two: { image: busybox, network_mode: none, command: sleep 1000, volumes: ["mem:/v"], stop_grace_period: 0s }
volumes:
  mem: { name: mem, driver_opts: { type: tmpfs, device: tmpfs, o: "size=1m" } }
EOF
    berth compose up -d
    wait_for 60 sh -c '[ "$(berth compose exec -T two cat /v/file)" = shared ]'
    [ "$(mounts_of_volume)" = 1 ]
    berth compose down -v
    is_unmounted
    assert_nothing_left
}

@test "a volume has the owner that it was made with, whatever the image has there" {
    berth volume create --uid 1000 --gid 1001 own >/dev/null
    [ "$(stat -c '%u %g' "$BERTH_ROOT/volumes/own/_data")" = "1000 1001" ]
    printf 'FROM busybox\nRUN mkdir /v && echo kept >/v/file && chown -R 7:8 /v\n' >Dockerfile
    berth build -q -t filled . >/dev/null
    [ "$(berth run --rm --network none -v own:/v filled sh -c 'stat -c "%u %g" /v /v/file; cat /v/file')" = $'1000 1001\n7 8\nkept' ]
    berth run --rm --network none -v own:/v filled chown 5:6 /v
    [ "$(berth run --rm --network none -v own:/v filled stat -c '%u %g' /v)" = "5 6" ] # it is the containers' from then on
    berth volume create -o o=uid=1002,gid=1003,nocopy plain >/dev/null
    [ "$(berth run --rm --network none -v plain:/v filled sh -c 'stat -c "%u %g" /v; ls /v')" = "1002 1003" ]
    berth volume create -o nocopy bare >/dev/null
    [ -z "$(berth run --rm --network none -v bare:/v filled ls /v)" ]
    berth volume create -o copy usual >/dev/null
    [ "$(berth run --rm --network none -v usual:/v filled cat /v/file)" = kept ]
    berth volume export own | tar -t >/dev/null
    run -1 berth volume create --uid -1 bad
    assert_output_has 'invalid uid "-1"'
    run -1 berth volume create --uid 1 -o type=tmpfs -o device=tmpfs bad
    assert_output_has 'by the options of its mount'
    run -1 berth volume create -o o=size=1m bad
    assert_output_has 'missing required option: "device"'
    run -1 berth volume create --sharing all bad
    assert_output_has 'options of cluster volumes are not supported'
}

@test "a volume of an image begins as its files, and keeps what is written" {
    printf 'FROM busybox\nRUN mkdir -m 700 /data && echo kept >/data/file && chown 7:8 /data\n' >Dockerfile
    berth build -q -t filled . >/dev/null
    berth volume create --driver image -o image=filled files >/dev/null
    [ "$(berth volume inspect -f '{{.Driver}} {{.Options.image}}' files)" = "image filled" ]
    berth run --rm --network none -v files:/v busybox sh -c '[ "$(stat -c "%u %g %a" /v/data)" = "7 8 700" ] && cat /v/data/file >/v/data/more && rm /v/bin/sh'
    [ "$(berth run --rm --network none -v files:/v busybox cat /v/data/more)" = kept ]
    berth run --rm --network none filled test -e /bin/sh # the image stays as it is
    [ "$(berth volume create --driver image -o image=filled files)" = files ]
    [ ! -e "$BERTH_ROOT/volumes/files/_data/bin/sh" ]
    [ "$(berth volume ls -q --filter driver=image)" = files ]
    berth volume export files | tar -t | grep -q data/more
    run -1 berth volume create --driver image none
    assert_output_has 'must provide an image name'
    run -1 berth volume create --driver image -o image=nothing none
    assert_output_has 'No such image: nothing'
    [ ! -e "$BERTH_ROOT/volumes/none" ]
    run -1 berth volume create --driver nfs none
    assert_output_has 'only "local" and "image" are'
    [ -n "$(berth volume create --driver image -o image=filled)" ]
    BERTH_FAULT=volume.create.image:kill berth volume create --driver image -o image=filled killed || true
    run berth volume ls -q
    assert_output_lacks killed
    [ ! -e "$BERTH_ROOT/volumes/killed" ]
}
