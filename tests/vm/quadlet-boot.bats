#!/usr/bin/env bats
# Quadlets with berth as their engine over a reboot: containers, their network, a volume and a pod as services of systemd.
# vm: --reboot
load ../system/lib
load quadlets
bats_require_minimum_version 1.5.0

setup() {
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1
}

@test "before: quadlets are installed, and started without a reboot" {
    import_busybox localhost/busybox
    write_quadlets
    run -0 berth quadlet check /etc/containers/systemd
    systemctl daemon-reload
    systemctl start front.service team-pod.service
    assert_all_up
}

@test "after: they came up with the machine, in order, and log under their names" {
    assert_all_up
    run -0 journalctl -b -q -u web.service CONTAINER_NAME=web -o json --output-fields=MESSAGE,CONTAINER_TAG
    assert_output_has '"MESSAGE":"web runs"'
    assert_output_has '"CONTAINER_TAG":"web"'
}

@test "after: the machine's shutdown has stopped them by their signal, and their data stayed" {
    run -0 cat "$(berth volume inspect --format '{{.Mountpoint}}' data)/stops"
    [ "$output" = clean ]
    journalctl -b -1 -q -u mate.service -o cat | grep -qx "mate ends"
    [ "$(grep -c start "$(berth volume inspect --format '{{.Mountpoint}}' data)/starts")" = 2 ]
}

@test "after: a container that fails is started again" {
    before=$(systemctl show -P InvocationID web.service)
    kill -9 "$(berth inspect -f '{{.State.Pid}}' web)"
    started_again() {
        [ "$(systemctl show -P InvocationID web.service)" != "$before" ] && systemctl -q is-active web.service
    }
    wait_for 120 started_again
    [ "$(systemctl show -P NRestarts web.service)" = 1 ]
    assert_all_up
}

@test "after: a container of a pod that fails is started again in it" {
    before=$(systemctl show -P InvocationID mate.service)
    kill -9 "$(berth inspect -f '{{.State.Pid}}' mate)"
    started_again() {
        [ "$(systemctl show -P InvocationID mate.service)" != "$before" ] && systemctl -q is-active mate.service
    }
    wait_for 120 started_again
    assert_all_up
}

@test "after: what is stopped is gone, with nothing left of it but the volume" {
    systemctl stop web.service team-pod.service
    [ "$(systemctl is-active team-pod.service mate.service | tr '\n' ' ')" = "inactive inactive " ]
    [ -z "$(berth pod ps -q)" ]
    [ "$(systemctl is-active web.service front.service | tr '\n' ' ')" = "inactive inactive " ]
    [ -z "$(berth ps -aq)" ]
    [ "$(systemctl show -P Result web.service)" = success ]
    tail -n 1 "$(berth volume inspect --format '{{.Mountpoint}}' data)/stops" | grep -qx clean
}
