#!/usr/bin/env bats
# Surroundings and containers that mean no good: what they must not be able to spoil or to see.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

@test "the umask of the caller does not lock the container's users out" {
    umask 077
    run berth run --rm --network none -u 1000 -v data:/data busybox sh -c 'ls / >/dev/null && ls -ld /data && echo seen'
    assert_status 0
    assert_output_has seen
    assert_output_has drwxr-xr-x
    # What is the engine's own stays closed.
    [ "$(stat -c %a "$BERTH_ROOT/images")" = 700 ]
}

@test "control characters of a label reach neither the table nor the terminal" {
    berth create --name x1 --network none --label "a=$(printf '\033]0;x\007\302\233mz')" busybox true
    run berth ps -a --format 'table {{.Names}}\t{{.Label "a"}}'
    assert_status 0
    assert_output_lacks "$(printf '\033')"
    assert_output_lacks "$(printf '\302\233')"
}

@test "names and addresses cannot bring lines of their own into hosts and resolv.conf" {
    local option
    for option in --hostname --add-host --dns-search --dns-option; do
        run berth run --rm --network none "$option" $'x\n6.6.6.6 evil:1.2.3.4' busybox true
        assert_status 125
        assert_output_has 'control character'
    done
}
