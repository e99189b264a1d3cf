#!/usr/bin/env bats
# Containers in user namespaces: their root is somebody else outside, and files on disk do not show it.
load lib

setup_file() {
    berth_setup
    import_busybox
}

teardown_file() {
    berth_teardown
}

setup() {
    [ -n "${STATE:-}" ] || skip "$(berth_why_not)"
}

mapped() {
    run berth run --rm --uidmap 0:200000:65536 "$@"
}

@test "ids are mapped as told, groups like users unless told otherwise" {
    mapped --network none busybox sh -c 'id -u; cat /proc/self/uid_map /proc/self/gid_map'
    assert_status 0
    [ "$(echo $output)" = "0 0 200000 65536 0 200000 65536" ]
    mapped --network none --gidmap 0:300000:1000 busybox cat /proc/self/gid_map
    assert_status 0
    [ "$(echo $output)" = "0 300000 1000" ]
}

@test "files of a container and its volumes belong to the container's ids on disk" {
    mapped --network none -v vol:/v busybox sh -c 'touch /v/root && touch /v/user && chown 5:6 /v/user && stat -c %u:%g /v/root /v/user'
    assert_status 0
    [ "$output" = "0:0
5:6" ]
    run stat -c %u:%g "$BERTH_ROOT"/volumes/vol/_data/root "$BERTH_ROOT"/volumes/vol/_data/user
    [ "$output" = "0:0
5:6" ]
}

@test "hosts, hostname and resolv.conf are its root's to change" {
    mapped busybox sh -c 'cd /etc && stat -c %u:%g hosts hostname resolv.conf && echo 192.0.2.7 mine >>hosts && grep -c mine hosts'
    assert_status 0
    [ "$(echo $output)" = "0:0 0:0 0:0 1" ]
}

@test "its network namespace is its own to configure, also after a restart" {
    berth run -d --name mapped --uidmap 0:200000:65536 --cap-add NET_ADMIN busybox sleep 1000
    run berth exec mapped ip link set lo down
    assert_status 0
    berth restart -t 0 mapped
    run berth exec mapped sh -c 'ip link set lo down && cat /proc/self/uid_map'
    assert_status 0
    assert_output_has 200000
    berth rm -f mapped
}

# Words run with these ids of "containers" instead of the machine's.
with_ids() {
    local ids=$1
    shift
    printf 'other:1:5\ncontainers:%s\n' "$ids" >"$WORK/subids"
    IDS=$WORK/subids unshare -m --propagation private bash -c '
        mount --bind "$IDS" /etc/subuid && mount --bind "$IDS" /etc/subgid && "$@"' with_ids "$@"
}

has_id_files() {
    [ -e /etc/subuid ] && [ -e /etc/subgid ] || skip "no /etc/subuid to mount on"
}

@test "auto gives each container ids of its own, as many as its users need" {
    has_id_files
    with_ids 2000000:3000 berth create --name one --userns auto --network none busybox cat /proc/self/uid_map /proc/self/gid_map
    with_ids 2000000:3000 berth create --name two --userns auto:size=500,uidmapping=10:5:20 --network none busybox cat /proc/self/uid_map
    run with_ids 2000000:3000 berth create --userns auto:size=2000 --network none busybox true
    assert_status 1
    assert_output_has 'not enough unused ids'
    [ "$(berth start -a one | xargs)" = "0 2000000 1024 0 2000000 1024" ]
    [ "$(berth start -a two | sort -n | xargs)" = "0 2001024 10 10 5 20 30 2001034 470" ]
    [ "$(berth inspect -f '{{.HostConfig.UsernsMode}}' one)" = auto ]
    berth rm one
    with_ids 2000000:3000 berth create --name three --userns auto:size=600 --network none busybox cat /proc/self/uid_map
    [ "$(berth start -a three | xargs)" = "0 2000000 600" ]
    berth rm two three
}

@test "auto counts the users of the image and the one it runs as" {
    has_id_files
    with_ids 2000000:9000 berth create --name user --user 5000:6000 --userns auto --network none busybox sh -c 'id -u; id -g; cat /proc/self/uid_map'
    [ "$(berth start -a user | xargs)" = "5000 6000 0 2000000 6001" ]
    berth rm user
}

# CVE-2024-9676: the image's account files led out of it, or were larger than the memory.
@test "account files of the image are read within it, and not without end" {
    has_id_files
    local kind root=$WORK/root
    echo 'host:x:4000:4000::/:/bin/sh' >"$WORK/accounts"
    make_rootfs "$root"
    for kind in absolute climbing huge endless fifo; do
        rm -f "$root/etc/passwd" "$root/etc/group"
        case $kind in
            absolute) ln -s "$WORK/accounts" "$root/etc/passwd" ;;
            climbing) ln -s "../../../../../../../..$WORK/accounts" "$root/etc/passwd" ;;
            huge) truncate -s 20M "$root/etc/passwd" ;;
            endless) ln -s /dev/zero "$root/etc/passwd" ;;
            fifo) mkfifo "$root/etc/passwd" ;;
        esac
        ln -s passwd "$root/etc/group"
        tar -C "$root" -c . | berth import - "image-$kind" >/dev/null
        with_ids 2000000:9000 berth create --name $kind --userns auto --network none "image-$kind" cat /proc/self/uid_map
        [ "$(berth start -a $kind | xargs)" = "0 2000000 1024" ]
        berth rm $kind
        run berth run --rm --network none --user host "image-$kind" true
        assert_status 125
        assert_output_lacks 'x:4000'
        run berth run --rm --network none --group-add host "image-$kind" true
        assert_status 125
        berth run --rm --network none --user 12:34 "image-$kind" grep -q '^Uid:.12.12.12.12$' /proc/self/status
        printf 'FROM image-%s\nCOPY --chown=host accounts /\n' $kind >Dockerfile
        run berth build -q .
        assert_status 1
        assert_output_has -- --chown=host
    done
}

@test "names of /etc/subuid stand for all their ids" {
    has_id_files
    with_ids 3000000:4000 berth create --name named --subuidname containers --network none busybox cat /proc/self/uid_map
    [ "$(berth start -a named | xargs)" = "0 3000000 4000" ]
    berth rm named
    run with_ids 3000000:4000 berth create --subuidname nobody-there --network none busybox true
    assert_status 1
    assert_output_has 'no ids for the user "nobody-there"'
    run berth create --subuidname x --uidmap 0:1:5 --network none busybox true
    assert_status 1
}

@test "keep-id of root keeps all ids and chooses who the process is" {
    run berth run --rm --userns keep-id:uid=200,gid=210 --network none busybox sh -c 'id -u; id -g; cat /proc/self/uid_map'
    assert_status 0
    [ "$(echo $output)" = "200 210 0 0 4294967295" ]
    [ "$(berth run --rm --userns keep-id:uid=200 --user 7 --network none busybox id -u)" = 7 ]
}

@test "the services of a project have the user namespace that they ask for" {
    mkdir project
    printf 'services:\n  web:\n    image: busybox\n    network_mode: none\n    userns_mode: keep-id:uid=33\n    command: id -u\n' >project/compose.yaml
    run berth compose -f project/compose.yaml up
    assert_status 0
    assert_output_has '| 33'
    berth compose -f project/compose.yaml down
    sed -i 's/keep-id.*/nomap/' project/compose.yaml
    run berth compose -f project/compose.yaml up
    assert_status 1
    assert_output_has 'nomap is only supported in rootless mode'
    berth compose -f project/compose.yaml down
}

@test "what is not supported or makes no sense is named" {
    for mode in nomap container:x ns:/x odd keep-id:size=5 auto:uid=1 auto:size=0 auto:size=x; do
        run berth run --rm --userns "$mode" --network none busybox true
        assert_status 125
        assert_output_has --userns
    done
    run berth run --rm --userns auto --uidmap 0:1:5 --network none busybox true
    assert_status 125
    assert_output_has 'excludes --uidmap'
    mapped --privileged busybox true
    assert_status 125
    assert_output_has "privileged mode is incompatible with user namespaces"
    run berth run --rm --uidmap 0:1:0 busybox true
    assert_status 125
    assert_output_has "invalid --uidmap 0:1:0: expected CONTAINER:HOST[:SIZE] in numbers"
    run berth run --rm --uidmap 0:1:5 --uidmap 4:100:5 busybox true
    assert_status 125
    assert_output_has "--uidmap 4:100:5 overlaps with another"
}

@test "what is copied into and out of a container with ids of its own has the container's owners" {
    berth run -d --init --name mapped --network none --uidmap 0:2000000:1000 busybox \
        sh -c 'mkdir /d; echo own >/d/own; chown 7:8 /d/own; touch /ready; exec sleep 1000' >/dev/null
    wait_for 60 berth exec mapped test -e /ready
    mkdir -p "$WORK/from/sub" && cd "$WORK"
    echo text >from/sub/file
    chown -R 5:6 from
    owners() { berth exec mapped stat -c '%u:%g' "$@" | xargs; }

    for state in running stopped; do
        berth cp from "mapped:/$state-root"
        berth cp -a from "mapped:/$state-kept"
        tar c from | berth cp - mapped:/d
        berth cp -a mapped:/d/own "$state-out"
        [ "$(stat -c '%u:%g' "$state-out")" = 7:8 ]
        berth cp mapped:/d/own "$state-mine"
        [ "$(stat -c '%u:%g' "$state-mine")" = 0:0 ]
        [ "$(berth cp mapped:/d/own - | tar tv --numeric-owner | awk '{ print $2 }')" = 7/8 ]
        [ $state = stopped ] || berth stop -t0 mapped
    done
    berth start mapped
    [ "$(owners /running-root /running-root/sub/file /stopped-root)" = "0:0 0:0 0:0" ]
    [ "$(owners /running-kept /running-kept/sub/file /stopped-kept /d/from/sub/file)" = "5:6 5:6 5:6 5:6" ]
    chown 3000:3000 from/sub/file
    run berth cp -a from/sub/file mapped:/no
    assert_status 1
    [ "$(owners /d/own)" = 7:8 ]
    berth rm -f mapped
}

@test "what watch copies into a container with ids of its own belongs to its user" {
    mkdir -p "$WORK/project/src" && cd "$WORK/project"
    cat >compose.yaml <<'YAML'
name: mapped
services:
  web:
    image: busybox
    network_mode: none
    init: true
    user: "33"
    userns_mode: keep-id:uid=33
    command: sleep 1000
    develop: { watch: [{ action: sync, path: src, target: /tmp/src, initial_sync: true }] }
YAML
    mkdir src/sub && echo text >src/sub/file
    berth compose up -d
    berth compose watch --no-up >watch.log 2>&1 3>&- &
    WATCHER=$!
    wait_for 60 grep -q 'Watch enabled' watch.log
    [ "$(berth compose exec -T web stat -c %u /tmp/src/sub/file /tmp/src/sub | xargs)" = "33 33" ]
    kill -TERM $WATCHER # an interrupt is ignored by what a shell puts into the background
    wait $WATCHER || :
    berth compose down -t0
}
