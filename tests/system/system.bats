#!/usr/bin/env bats
# Looking after the whole state: system df and prune, sizes, volumes as archives.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

@test "system df counts what there is and what could go" {
    berth run -d --name x1 --network none -v used:/v busybox sleep 1000 >/dev/null
    berth run --name x2 --network none busybox sh -c 'head -c 300000 /dev/zero >/file'
    berth volume create unused >/dev/null
    run berth system df
    assert_status 0
    [[ ${lines[0]} =~ ^TYPE\ +TOTAL\ +ACTIVE\ +SIZE\ +RECLAIMABLE$ ]]
    run berth system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'
    [ "$output" = $'Images 1 1\nContainers 2 1\nLocal Volumes 2 1\nBuild Cache 0 0' ]
    [ "$(berth system df --format json | jq -r 'select(.Type == "Images").Reclaimable')" = "0B (0%)" ]
    [ "$(berth system df --format json | jq -r 'select(.Type == "Containers").Size')" != 0B ]
}

@test "ps --size shows what a container wrote, and with its image" {
    berth run --name x1 --network none busybox sh -c 'head -c 300000 /dev/zero >/file'
    run berth ps -as
    [[ ${lines[0]} =~ NAMES\ +SIZE$ ]]
    [[ ${lines[1]} =~ [0-9.]+kB\ \(virtual\ [0-9.]+MB\)$ ]]
}

@test "system prune removes what is not used and tells it" {
    berth run -d --name x1 --network none busybox sleep 1000 >/dev/null
    id=$(berth create --name x2 --network none -v /anon busybox)
    berth network create n1 >/dev/null
    berth volume create named >/dev/null
    run berth system prune -f
    assert_status 0
    assert_output_has $'Deleted Containers:\n'"$id"
    assert_output_has $'Deleted Networks:\nn1'
    assert_output_has 'Total reclaimed space: '
    [ "$(berth ps -a --format '{{.Names}}')" = x1 ]
    [ "$(berth volume ls -q | wc -l)" = 2 ]
    run berth system prune -f --volumes
    [ "$(berth volume ls -q)" = named ]
    run berth system prune </dev/null
    [ "$(berth volume ls -q)" = named ]
    run berth container prune -f
    assert_output_has 'Total reclaimed space: 0B'
}

@test "build cache goes by its own prune and with the system's" {
    printf 'FROM busybox\nRUN echo 1 >/one\n' >Dockerfile
    berth build -q -t one . >/dev/null
    printf 'FROM busybox\nRUN echo 2 >/two\n' >Dockerfile
    berth build -q -t two . >/dev/null
    berth rmi one >/dev/null
    cached() { berth system df -v --format '{{len .BuildCache}}'; }
    layers() { find "$BERTH_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l; }
    before=$(layers)
    run berth builder prune -f --filter until=1h
    [ "$output" = 'Total reclaimed space: 0B' ]
    run berth builder prune -f --filter label=x
    assert_status 1
    run berth builder prune </dev/null
    [ "$(cached)" -gt 1 ]
    # Of `one` alone; the layer of `two` stays, and so does its place in the cache.
    run berth buildx prune -f
    assert_status 0
    assert_output_has 'Deleted build cache objects:'
    [ "$(layers)" = $((before - 1)) ]
    [ "$(cached)" -ge 1 ]
    berth build -t two . 2>&1 | grep -q CACHED
    berth run --rm --network none two cat /two
    run berth system prune -f --filter label=x
    [ "$(cached)" -ge 1 ]
    berth rmi two >/dev/null
    run berth system prune -a -f
    [ "$(cached)" = 0 ]
    [ "$(layers)" = 0 ]
}

@test "a volume's contents go out and in as an archive" {
    berth run --rm -v v1:/v --network none busybox sh -c 'mkdir /v/d; echo text >/v/d/file; ln -s d/file /v/link; chown 1000:1000 /v/d/file'
    berth volume export v1 >v1.tar
    tar -tf v1.tar | grep -qx d/file
    berth volume create v2 >/dev/null
    berth volume import v2 v1.tar
    [ "$(berth run --rm -v v2:/v --network none busybox sh -c 'cat /v/link; stat -c %u /v/d/file')" = $'text\n1000' ]
    gzip <v1.tar | berth volume import v2 -
    berth volume export -o v2.tar v2
    cmp <(tar -tf v1.tar) <(tar -tf v2.tar)
    run berth volume export no-such
    assert_status 1
    assert_output_has 'no such volume'
    run berth volume import v2 no-such-file
    assert_status 1
}
