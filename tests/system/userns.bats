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

@test "what is not supported or makes no sense is named" {
    run berth run --rm --userns auto busybox true
    assert_status 125
    assert_output_has "--userns=auto is not supported: choose ids with --uidmap"
    run berth run --rm --userns keep-id busybox true
    assert_status 125
    assert_output_has "--userns=keep-id is not supported"
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
