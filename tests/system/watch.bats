#!/usr/bin/env bats
# What containers use (stats) and changing what they may use (update).
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

# memory_limit NAME: of its control group, as the kernel has it.
memory_limit() {
    local id dir
    id=$(berth inspect -f '{{.Id}}' "$1")
    for dir in /sys/fs/cgroup/memory/berth/$id /sys/fs/cgroup/berth/$id; do
        cat "$dir/memory.limit_in_bytes" "$dir/memory.max" 2>/dev/null || :
    done
}

@test "stats shows what a container uses and what it may use" {
    berth run -d --name x1 -m 64m --network none busybox sh -c 'while :; do :; done' >/dev/null
    berth create --name x2 --network none busybox true >/dev/null
    run berth stats --no-stream
    assert_status 0
    [[ ${lines[0]} =~ ^CONTAINER\ ID\ +NAME\ +CPU\ %\ +MEM\ USAGE\ /\ LIMIT\ +MEM\ %\ +NET\ I/O\ +BLOCK\ I/O\ +PIDS$ ]]
    [ "${#lines[@]}" = 2 ]
    assert_output_has ' x1 '
    assert_output_has ' / 64MiB '
    run berth stats --no-stream --format json x1
    [ "$(jq -r '.Name + " " + .PIDs + " " + .Container' <<<"$output")" = "x1 1 x1" ]
    [ "$(jq -r .CPUPerc <<<"$output")" != 0.00% ]
    run berth stats -a --no-stream --format '{{.Name}} {{.PIDs}}'
    [ "$(sort <<<"$output")" = $'x1 1\nx2 0' ]
    run berth stats --no-stream no-such
    assert_status 1
    assert_output_has 'No such container: no-such'
}

@test "update changes limits and the restart policy of a running container and of its next runs" {
    berth run -d --name x1 -m 64m --network none busybox sleep 1000 >/dev/null
    berth update -m 128m --memory-swap 256m --restart on-failure:3 x1
    [ "$(memory_limit x1)" = 134217728 ]
    [ "$(berth inspect -f '{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' x1)" = "134217728 on-failure 3" ]
    berth update -m 32m x1
    [ "$(memory_limit x1)" = 33554432 ]
    berth restart -t 0 x1
    [ "$(memory_limit x1)" = 33554432 ]
}

@test "a restart by the monitor follows the updated policy and limits" {
    berth run -d --name x1 --network none busybox sh -c 'while [ ! -e /end ]; do sleep 0.05; done; rm /end; exit 3' >/dev/null
    berth update --restart on-failure:1 -m 64m --memory-swap 64m x1
    berth exec x1 touch /end
    wait_for 30 sh -c '[ "$(berth inspect -f "{{.RestartCount}} {{.State.Status}}" x1)" = "1 running" ]'
    [ "$(memory_limit x1)" = 67108864 ]
    berth update --restart no x1
    berth exec x1 touch /end
    [ "$(berth wait x1)" = 3 ]
}

@test "update refuses in Docker's words and changes nothing then" {
    berth run -d --name x1 --cpus 0.5 -m 64m --network none busybox sleep 1000 >/dev/null
    run berth update --cpu-quota 20000 x1
    assert_status 1
    assert_output_has 'CPU Quota cannot be updated as NanoCPUs has already been set'
    run berth update -m 1m x1
    assert_output_has 'Minimum memory limit allowed is 6MB'
    [ "$(memory_limit x1)" = 67108864 ]
    [ "$(berth inspect -f '{{.HostConfig.Memory}} {{.HostConfig.CpuQuota}}' x1)" = "67108864 0" ]
    berth run -d --rm --name x2 --network none busybox sleep 1000 >/dev/null
    run berth update --restart always x2
    assert_status 1
    assert_output_has 'AutoRemove is enabled'
    run berth update -m 64m no-such
    assert_status 1
    assert_output_has 'No such container: no-such'
}
