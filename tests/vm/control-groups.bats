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

@test "the machine has control groups of version 2 and systemd" {
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
    [ "$(cat /proc/1/comm)" = systemd ]
}

@test "limits are in the files of the container's control group" {
    berth run -d --name x1 --network none --memory 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 \
        --cpu-shares 512 --pids-limit 20 busybox sleep 1000
    group=$(group_of x1)
    [ "$(cat "$group/memory.max")" = $((64 << 20)) ]
    [ "$(cat "$group/memory.low")" = $((32 << 20)) ]
    [ "$(cat "$group/cpu.max")" = "50000 100000" ]
    [ "$(cat "$group/pids.max")" = 20 ]
}
