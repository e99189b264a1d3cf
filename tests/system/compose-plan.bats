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

@test "plan shows what up would do and why, and its exit status tells whether there is anything" {
    cat >compose.yaml <<'END'
name: shown
services:
  web:
    image: busybox
    command: [sleep, "1000"]
    init: true
    environment:
      COLOUR: red
END
    run -2 berth compose plan
    assert_output_has "create    Container shown-web-1"
    run -0 berth compose up -d
    run -0 berth compose plan
    sed -i 's/red/blue/' compose.yaml
    run -2 berth compose plan
    assert_output_has 'services.web.environment.COLOUR changed: "red" -> "blue" (compose.yaml:8:7)'
    run -2 --separate-stderr berth compose plan --format json
    python3 - "$output" <<'END'
import json, sys
plan = json.loads(sys.argv[1])
reason = plan["steps"][0]["reasons"][0]
assert reason["path"] == "services.web.environment.COLOUR", reason
assert (json.loads(reason["old"]), json.loads(reason["new"])) == ("red", "blue"), reason
assert (reason["file"], reason["line"], reason["column"]) == ("compose.yaml", 8, 7), reason
END
    run -2 berth compose plan --down
    assert_output_has "remove    Container shown-web-1"
    run -2 berth compose plan --scale web=2
    assert_output_has "create    Container shown-web-2"
    echo "  broken: [" >>compose.yaml
    run -1 berth compose plan
    [ "$(berth ps -q | wc -l)" -eq 1 ]
}

@test "apply reads the files of variables that the project and its includes have" {
    echo 'A=1' >.env
    mkdir part && echo 'B=2' >part/its.env
    printf 'include:\n  - path: part/compose.yaml\n    env_file: part/its.env\nservices:\n  a:\n    image: busybox\n    command: sleep ${A}000\n' >compose.yaml
    printf 'services:\n  b:\n    image: busybox\n    command: sleep ${B}000\n' >part/compose.yaml
    run -2 berth compose plan -o plan.json
    [ "$(jq -c '."env-files"' plan.json)" = "[\"$PWD/.env\"]" ]
    run -0 berth compose apply plan.json
    [ "$(berth compose ps --format '{{.Service}} {{.Command}}')" = 'a "sleep 1000"
b "sleep 2000"' ]
    berth compose down -t 0
    berth compose plan -o plan.json >/dev/null || :
    echo '#' >>part/its.env
    run -1 berth compose apply plan.json
    assert_output_has 'the files, or what they come to, have changed'
}

@test "apply carries out exactly the plan in the file, and refuses when anything has moved since" {
    cat >compose.yaml <<'END'
name: kept
services:
  web: { image: busybox, command: [sleep, "1000"], init: true, environment: { A: "${VALUE:-1}" } }
END
    run -2 berth compose plan -o plan.json --scale web=2
    [ -z "$(berth ps -aq)" ]
    cd / && run -0 berth compose apply "$WORK/plan.json"
    cd "$WORK"
    [ "$(berth compose ps -q | wc -l)" -eq 2 ]

    # What it planned is done: the same file does not fit any more.
    run -1 berth compose apply plan.json
    assert_output_has "have changed since"
    assert_output_has "nothing was changed"

    run -2 berth compose plan -o down.json --down
    run -0 berth compose stop -t 0 web
    run -1 berth compose apply down.json
    assert_output_has "containers, networks, volumes or images have changed"
    run -2 berth compose plan -o down.json --down
    echo "# moved" >>compose.yaml
    run -1 berth compose apply down.json
    assert_output_has "the files, or what they come to, have changed"
    run -2 berth compose plan -o down.json --down
    VALUE=2 run -1 berth compose apply down.json
    run -0 berth compose apply --dry-run down.json
    [ "$(berth compose ps -aq | wc -l)" -eq 2 ]
    sed 's/"remove-container"/"kill-container"/' down.json >forged.json
    run -1 berth compose apply forged.json
    assert_output_has "other steps have become necessary"
    run -0 berth compose apply down.json
    [ -z "$(berth ps -aq)" ]
}

@test "a file that is no plan is refused with the reason" {
    echo '{"berth-plan": 1, "project": "x"}' >half.json
    run -1 berth compose apply half.json
    assert_output_has 'cannot use "half.json" as a plan'
    assert_output_has '"directory" is missing'
    head -c 17000000 /dev/zero >large.json
    run -1 berth compose apply large.json
    assert_output_has "bytes allowed"
    run -1 berth compose apply absent.json
    assert_output_has "No such file"
    echo 'services: { a: { image: busybox } }' | run -1 berth compose -f - plan -o out.json
    [ ! -e out.json ]
}

@test "drift names what somebody changed behind the project's back" {
    cat >compose.yaml <<'END'
name: drifting
services:
  web:
    image: busybox
    command: [sleep, "1000"]
    init: true
    scale: 2
    mem_limit: 64m
    volumes: ["data:/data"]
volumes: { data: {} }
END
    run -0 berth compose up -d
    run -0 berth compose drift
    [ "$output" = "no drift" ]
    run -0 berth update --memory 32m --memory-swap 32m drifting-web-1
    run -0 berth rm -f drifting-web-2
    import_busybox other
    berth tag other busybox
    run -2 berth compose drift
    assert_output_has "1 of its 2 containers is gone"
    assert_output_has "its memory limit is 33554432, 67108864 was applied"
    assert_output_has 'and "busybox" is sha256:'
    run -2 --separate-stderr berth compose -p drifting drift --format json
    python3 -c 'import json, sys; print(sorted(d["kind"] for d in json.loads(sys.argv[1])["drift"]))' \
        "$output" >"$STATE/kinds"
    [ "$(cat "$STATE/kinds")" = "['image', 'limits', 'missing']" ]
    run -0 berth compose up -d --force-recreate -t 0
    run -0 berth compose drift
    run -1 berth compose -p never drift
}

@test "graph draws a project in every format" {
    cat >compose.yaml <<'END'
name: drawn
services:
  web: { image: busybox, depends_on: { db: { condition: service_healthy, restart: true } } }
  db: { image: busybox, healthcheck: { test: [CMD, "true"] } }
END
    run -0 berth compose graph
    assert_output_has "├─ db (depends_on, healthy, restart)"
    run -0 berth compose graph --format mermaid
    assert_output_has "flowchart LR"
    run -0 --separate-stderr berth compose graph --format json
    python3 -c 'import json, sys; g = json.loads(sys.argv[1]); assert len(g["edges"]) == 5, g' "$output"
    mkdir bin
    printf '#!/bin/sh\ncat >/dev/null; echo "<svg/>"\n' >bin/dot
    chmod +x bin/dot
    PATH=$WORK/bin:$PATH run -0 berth compose graph --format svg
    [ "$output" = "<svg/>" ]
    berth=$(command -v berth)
    PATH=/nowhere run -1 "$berth" compose graph --format svg
    assert_output_has graphviz
}

@test "scale, start --wait and wait --down-project do as their words say" {
    cat >compose.yaml <<'END'
name: verbs
services:
  web:
    image: busybox
    command: [sleep, "1000"]
    init: true
    healthcheck: { test: [CMD, test, -f, /tmp/ready], interval: 50ms, retries: 1000 }
  once: { image: busybox, command: [sh, -c, "while ! test -f /tmp/go; do sleep 0.05; done; exit 7"], init: true }
END
    run -0 berth compose scale web=3
    [ "$(berth compose ps -q web | wc -l)" -eq 3 ]
    run -0 berth compose scale web=1 once=1
    [ "$(berth compose ps -q web | wc -l)" -eq 1 ]
    run -1 berth compose scale web
    run -0 berth compose stop -t 0
    berth compose start --wait web &
    pid=$!
    wait_for 60 berth compose exec -T web touch /tmp/ready
    wait $pid
    run -0 berth compose up -d --timings
    assert_output_has "in all"
    run -1 berth compose stop web -t 0 --nonsense
    berth compose wait --down-project once web >out 2>&1 &
    pid=$!
    wait_for 60 berth compose exec -T once touch /tmp/go
    status=0
    wait $pid || status=$?
    [ $status -eq 7 ] || { cat out; false; }
    grep -q "exited with status code 7" out
    [ -z "$(berth ps -aq)" ]
}
