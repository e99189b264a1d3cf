#!/usr/bin/env bats
# Talking to systemd: as far as that can be seen on the machine at hand.
bats_require_minimum_version 1.5.0

setup() {
    tool=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build/dev}/tests/bus-tool
    [ -x "$tool" ] || skip "$tool is not built"
}

@test "without systemd every request says that it cannot be reached, and what to look at" {
    [ ! -d /run/systemd/system ] || skip "systemd runs here"
    run -1 env -u DBUS_SESSION_BUS_ADDRESS -u XDG_RUNTIME_DIR "$tool" reload
    [[ $output == *"systemd cannot be reached"* ]]
    run -1 env -u DBUS_SESSION_BUS_ADDRESS -u XDG_RUNTIME_DIR "$tool" --user start x.service
    [[ $output == *"the user's systemd cannot be reached"* ]]
}

@test "with systemd units are started, watched and stopped" {
    [ -d /run/systemd/system ] || skip "no systemd runs here"
    [ "$(id -u)" -eq 0 ] || skip "root is needed"
    unit=berth-test-$$.service
    printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n' >"/run/systemd/system/$unit"
    run -0 "$tool" reload
    run -0 "$tool" start "$unit"
    [ "$output" = "$unit done" ]
    run -0 "$tool" list "berth-test-$$*"
    [[ $output == "$unit loaded active exited "* ]]
    run -0 "$tool" stop "$unit"
    rm "/run/systemd/system/$unit"
    run -0 "$tool" reload
    run -1 "$tool" start "$unit"
    [[ $output == *"not found"* ]]
}
