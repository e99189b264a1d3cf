#!/usr/bin/env bats
# Limits under control groups of version 2, which development machines may not have: each is read back from the
# kernel's file and proven to bite.
load ../system/lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

# The directory of a container's control group.
group_of() {
    local pid
    pid=$(berth inspect -f '{{.State.Pid}}' "$1")
    echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")"
}

# value FILE KEY: of a file with lines "key value".
value() {
    awk -v key="$2" '$1 == key { print $2 }' "$1"
}

@test "the machine has control groups of version 2 and systemd" {
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
    [ "$(cat /proc/1/comm)" = systemd ]
}

@test "limits are in the files of the container's control group, and update changes them" {
    berth run -d --name x1 --network none --memory 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 \
        --cpu-shares 512 --pids-limit 20 --cpuset-cpus 0 busybox sleep 1000
    group=$(group_of x1)
    [ "$(cat "$group/memory.max")" = $((64 << 20)) ]
    [ "$(cat "$group/memory.swap.max")" = $((32 << 20)) ]
    [ "$(cat "$group/memory.low")" = $((32 << 20)) ]
    [ "$(cat "$group/cpu.max")" = "50000 100000" ]
    [ "$(cat "$group/cpu.weight")" = 59 ]
    [ "$(cat "$group/cpuset.cpus")" = 0 ]
    [ "$(cat "$group/pids.max")" = 20 ]
    berth update --memory 128m --memory-swap 128m --cpus 0.25 --pids-limit 30 x1
    [ "$(cat "$group/memory.max")" = $((128 << 20)) ]
    [ "$(cat "$group/memory.swap.max")" = 0 ]
    [ "$(cat "$group/cpu.max")" = "25000 100000" ]
    [ "$(cat "$group/pids.max")" = 30 ]
}

@test "files of the control group are written as told, and what is none of them is refused" {
    berth run -d --name x1 --network none --pids-limit 20 --cgroup-conf pids.max=25 --cgroup-conf memory.high=33554432 \
        busybox sleep 1000
    group=$(group_of x1)
    [ "$(cat "$group/pids.max")" = 25 ]
    [ "$(cat "$group/memory.high")" = $((32 << 20)) ]
    run berth run --rm --network none --cgroup-conf no.such=1 busybox true
    assert_status 125
    assert_output_has 'there is no file "no.such"'
    run berth run --rm --network none --cgroup-conf ../pids.max=1 busybox true
    assert_status 125
    assert_output_has 'is not a file of a cgroup'
}

@test "what asks for more memory than the limit is killed, and the container is known to be" {
    run berth run --name x1 --network none --memory 16m --memory-swap 16m busybox \
        sh -c 'head -c 64m /dev/zero | tail'
    [ "$status" -ne 0 ]
    [ "$(berth inspect -f '{{.State.OOMKilled}}' x1)" = true ]
    run berth run --name x2 --network none --memory 64m --memory-swap 64m busybox sh -c 'head -c 8m /dev/zero | tail | wc -c'
    assert_status 0
    [ "$(berth inspect -f '{{.State.OOMKilled}}' x2)" = false ]
}

@test "the kernel throttles a container at its share of a processor" {
    berth run -d --name x1 --network none --cpus 0.1 busybox sh -c 'while :; do :; done'
    group=$(group_of x1)
    throttled() { [ "$(value "$group/cpu.stat" nr_throttled)" -ge 10 ]; }
    wait_for 300 throttled
    # A tenth of each period at most, of those in which it ran at all.
    periods=$(value "$group/cpu.stat" nr_periods)
    usage=$(value "$group/cpu.stat" usage_usec)
    [ "$usage" -le $(((periods + 2) * 20000)) ]
}

@test "no more processes than the limit can be made" {
    berth run -d --name x1 --network none --pids-limit 8 busybox \
        sh -c '(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done); exec sleep 1000'
    group=$(group_of x1)
    refused() { [ "$(value "$group/pids.events" max)" -ge 1 ]; }
    wait_for 300 refused
    [ "$(cat "$group/pids.current")" -le 8 ]
    [ "$(berth stats --no-stream --format '{{.PIDs}}' x1)" -le 8 ]
}

@test "writes to a disk are held back to the limit" {
    disk=$(findmnt -no SOURCE /)
    numbers=$(printf '%d:%d' "0x$(stat -c %t "$disk")" "0x$(stat -c %T "$disk")")
    berth run -d --name x1 --network none --device-write-bps "$disk:1mb" --device-read-iops "$disk:100" busybox sleep 1000
    group=$(group_of x1)
    grep -E "^$numbers .*wbps=1048576" "$group/io.max"
    grep -E "^$numbers .*riops=100" "$group/io.max"
    # Six mebibytes at one in a second; without the limit it is less than one by far, with it never.
    begin=$(date +%s)
    berth exec x1 dd if=/dev/zero of=/big bs=1M count=6 oflag=direct
    [ $(($(date +%s) - begin)) -ge 4 ]
}

@test "pause freezes the control group, and a paused container can be stopped" {
    berth run -d --name x1 --network none busybox sleep 1000
    group=$(group_of x1)
    berth pause x1
    [ "$(value "$group/cgroup.events" frozen)" = 1 ]
    berth unpause x1
    [ "$(value "$group/cgroup.events" frozen)" = 0 ]
    berth pause x1
    berth stop -t 1 x1
    [ "$(berth inspect -f '{{.State.Status}}' x1)" = exited ]
    [ ! -e "$group" ]
}

@test "stats are the kernel's figures" {
    berth run -d --name x1 --network none --memory 64m busybox sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exec sleep 1000'
    group=$(group_of x1)
    idle() { berth top x1 | grep -q 'sleep 1000'; }
    wait_for 300 idle
    run berth stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' x1
    assert_output_has "/ 64MiB 1"
    [ "$(value "$group/cpu.stat" usage_usec)" -gt 0 ]
}

@test "a container sees its own control group as the root, read-only" {
    run berth run --rm --network none busybox cat /proc/self/cgroup
    [ "$output" = "0::/" ]
    run berth run --rm --network none busybox mkdir /sys/fs/cgroup/x
    [ "$status" -ne 0 ]
    berth run --rm --network none busybox test -e /sys/fs/cgroup/memory.max
}

@test "a container that has passed its controllers on is entered where its first process is" {
    berth run -d --name x1 --network none --security-opt writable-cgroups=true --memory 64m \
        --health-cmd 'cat /proc/self/cgroup' --health-interval 1s busybox sh -c \
        'cd /sys/fs/cgroup && mkdir first && echo 1 >first/cgroup.procs && echo +memory >cgroup.subtree_control &&
            exec sleep 1000'
    group=$(group_of x1)
    passed_on() { [ "$(cat "${group%/first}/cgroup.subtree_control")" = memory ]; }
    wait_for 300 passed_on
    [ "$(berth exec x1 cat /proc/self/cgroup)" = "0::/first" ]
    probed_there() { berth inspect -f '{{range .State.Health.Log}}{{.Output}}{{end}}' x1 | grep -q '0::/first'; }
    wait_for 300 probed_there
    # The limit is that of the whole.
    run berth exec x1 sh -c 'head -c 100m /dev/zero | tail'
    [ "$status" -ne 0 ]
    berth rm -f x1
    [ ! -e "${group%/first}" ]
}

@test "devices are denied by a program at the control group, and given by --device with what it says" {
    local mine=/dev/loop-control
    [ -c $mine ] || mknod -m 600 $mine c 10 237
    run berth run --rm --network none --cap-add MKNOD busybox sh -c 'mknod /tmp/node c 10 237 && : </tmp/node'
    [ "$status" -ne 0 ]
    assert_output_has "Operation not permitted"
    berth run --rm --network none --device $mine:/dev/given:r busybox sh -c ': </dev/given'
    run berth run --rm --network none --device $mine:/dev/given:r busybox sh -c ': >/dev/given'
    [ "$status" -ne 0 ]
    assert_output_has "Operation not permitted"
}
