#!/usr/bin/env bats
# What a script sees of compose commands: exit statuses, what is printed for programs, what goes on afterwards. Each is
# as Docker Compose 2.40 has it (tests/side-by-side compares).

bats_require_minimum_version 1.5.0
load lib

setup() {
    berth_setup
    import_busybox
}
teardown() { berth_teardown; }

project() { cat >compose.yaml; }
