#!/usr/bin/env bats
# Pods as units: systemd starts the infra container, then the members, and all of them end together.
load ../system/lib
bats_require_minimum_version 1.5.0

setup() {
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1
    import_busybox
    mkdir -p /etc/containers/systemd /etc/berth
    printf '[Generator]\nEngine=berth\n' >/etc/berth/generator.conf
}

teardown() {
    systemctl stop group-pod.service one.service two.service || :
    rm -rf /etc/containers/systemd /etc/berth/generator.conf
    systemctl daemon-reload
    berth pod rm -f -a
}

# quadlet FILE: its text comes on standard input.
quadlet() { cat >"/etc/containers/systemd/$1"; }

assert_state() {
    local state=$1 unit
    shift
    for unit; do
        [ "$(systemctl is-active "$unit" || :)" = "$state" ] ||
            { systemctl status --no-pager "$unit"; journalctl -b --no-pager -u "$unit"; return 1; }
    done
}
is_state() { [ "$(systemctl is-active "$2" || :)" = "$1" ]; }
pid_of() { berth inspect --format '{{.State.Pid}}' "$1"; }
is_new() { local now; now=$(pid_of "$1") && [ "$now" -gt 0 ] && [ "$now" != "$2" ]; }

make_group() {
    quadlet group.pod <<'END'
[Pod]
HostName=together
Network=none
StopTimeout=1
END
    for name in one two; do
        quadlet $name.container <<END
[Container]
Image=docker.io/library/busybox
Pod=group.pod
Exec=sh -c "echo $name runs; exec sleep 100000"
[Service]
Restart=on-failure
RestartSec=100ms
END
    done
    systemctl daemon-reload
}

@test "a pod of two members comes up with its service, and goes down with it" {
    make_group
    systemctl start group-pod.service
    wait_for 60 is_state active one.service
    wait_for 60 is_state active two.service
    assert_state active group-pod.service
    [ "$(berth pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}')" = "systemd-group Running 3" ]
    [ "$(berth exec systemd-one hostname)" = together ]
    [ "$(berth exec systemd-one readlink /proc/self/ns/net)" = "$(berth exec systemd-two readlink /proc/self/ns/net)" ]
    wait_for 60 sh -c 'journalctl -b -u one.service | grep -q "one runs"'
    # The infra container and its monitor, the main process, are the service's.
    main=$(systemctl show -P MainPID group-pod.service)
    grep -q group-pod.service "/proc/$main/cgroup"
    grep -q group-pod.service "/proc/$(pid_of systemd-group-infra)/cgroup"
    systemctl stop group-pod.service
    assert_state inactive group-pod.service one.service two.service
    run -1 berth pod exists systemd-group
    [ -z "$(berth ps -aq)" ]
}

@test "a member that fails starts again in the pod, which stays" {
    make_group
    systemctl start group-pod.service
    wait_for 60 is_state active one.service
    wait_for 60 is_state active two.service
    infra=$(pid_of systemd-group-infra)
    before=$(pid_of systemd-one)
    kill -9 "$before"
    wait_for 60 is_new systemd-one "$before"
    wait_for 60 is_state active one.service
    [ "$(pid_of systemd-group-infra)" = "$infra" ]
    [ "$(berth exec systemd-one hostname)" = together ]
}

@test "a pod whose infra container fails starts again with its members" {
    make_group
    systemctl start group-pod.service
    wait_for 60 is_state active one.service
    wait_for 60 is_state active two.service
    infra=$(pid_of systemd-group-infra)
    member=$(pid_of systemd-two)
    kill -9 "$infra"
    wait_for 60 is_new systemd-group-infra "$infra"
    wait_for 60 is_new systemd-two "$member"
    wait_for 60 is_state active two.service
    assert_state active group-pod.service
}

@test "the service ends when the last member has ended, and a member alone brings its pod" {
    make_group
    systemctl start one.service
    assert_state active group-pod.service one.service
    wait_for 60 is_state active two.service
    systemctl stop one.service two.service
    wait_for 60 is_state inactive group-pod.service
    [ "$(systemctl show -P Result group-pod.service)" = success ]
}
