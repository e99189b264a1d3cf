#!/usr/bin/env bats
# The examples run as they are.

load lib

setup() { berth_setup; }
teardown() { berth_teardown; }

@test "hello says its greeting, in the state that a clone has it" {
    [ -x /bin/busybox ] || skip "busybox-static is not installed"
    cp -r "$BERTH_SOURCE/examples/hello" .
    cd hello
    run berth up
    assert_status 0
    assert_output_has "hello-1  | Hello from berth"
    GREETING="Good morning" run berth up
    assert_output_has "hello-1  | Good morning"
    berth down
}
