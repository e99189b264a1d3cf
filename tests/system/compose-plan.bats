#!/usr/bin/env bats
# The plan as users see it: shown, exact, obeyed; what belongs to which project; what drifted from it.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

# Everything of the engine's state that a command could have changed.
snapshot() {
    berth ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'
    berth network ls -q
    berth volume ls -q
    berth images -q
}

@test "the same project name from another directory is refused with both paths unless it is adopted" {
    mkdir one other
    cat >one/compose.yaml <<'END'
name: same
services: { web: { image: busybox, command: [sleep, "1000"], init: true } }
END
    cp one/compose.yaml other/
    run -0 berth compose -f one/compose.yaml up -d
    id=$(berth compose -p same ps -q)
    for command in "up -d" "down" "stop" "rm -fs" "restart" "kill" "create" "run web true" plan; do
        # shellcheck disable=SC2086
        run -1 berth compose -f other/compose.yaml $command
        assert_output_has "\"$WORK/one\", not to \"$WORK/other\""
        assert_output_has --adopt
    done
    [ "$(berth compose -p same ps -q)" = "$id" ]
    ln -s one link
    run -0 berth compose -f link/compose.yaml up -d
    run -0 berth compose -f other/compose.yaml up -d --adopt
    [ "$(berth compose -p same ps -q)" = "$id" ]
    run -0 berth compose -f other/compose.yaml up -d
    run -1 berth compose -f one/compose.yaml up -d
    run -0 berth compose -f other/compose.yaml down -t 0
    run -0 berth compose -f one/compose.yaml up -d
}

@test "a plan says where an orphan came from, and neither up nor down touch it unasked" {
    cat >compose.yaml <<'END'
name: orphans
services:
  web: { image: busybox, command: [sleep, "1000"], init: true }
  old: { image: busybox, command: [sleep, "1000"], init: true }
END
    run -0 berth compose up -d
    cat >compose.yaml <<'END'
name: orphans
services:
  web: { image: busybox, command: [sleep, "1000"], init: true }
END
    run -0 berth compose plan
    assert_output_has "orphan    Container orphans-old-1"
    assert_output_has "made for services.old of $WORK/compose.yaml"
    run -0 berth compose down -t 0
    [ "$(berth ps -aq | wc -l)" -eq 1 ]
    run -0 berth compose down -t 0 --remove-orphans
    [ -z "$(berth ps -aq)" ]
}

@test "--dry-run, before or after the command, shows a plan and changes nothing" {
    cat >compose.yaml <<'END'
name: dry
services: { web: { image: busybox, command: [sleep, "1000"], init: true } }
END
    run -0 --separate-stderr berth compose up --dry-run
    [ "$output" = "$(berth compose plan)" ]
    [ -z "$(berth ps -aq)" ]
    run -0 berth compose up -d
    before=$(snapshot)
    for command in "down -v" stop restart kill pause "rm -fs" "rm -s" "run web true" "up --scale web=3" \
        "create --force-recreate" "exec web rm -rf /etc"; do
        # shellcheck disable=SC2086
        run -0 --separate-stderr berth compose --dry-run $command
        planned=$output
        [ -n "$planned" ]
        [ "$(snapshot)" = "$before" ]
    done
    run -0 --separate-stderr berth compose down --dry-run
    [[ $output == *"remove    Container dry-web-1"* ]]
    [ "$(snapshot)" = "$before" ]
}
