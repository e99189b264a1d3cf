#!/usr/bin/env bats
# compose lint: how findings are shown, silenced and counted. What each rule finds is in
# tests/unit/compose/test_lint.c. No root, no engine.

bats_require_minimum_version 1.5.0

setup() {
    : "${BERTH_BUILD:=$BATS_TEST_DIRNAME/../../build/dev}"
    : "${BERTH_SOURCE:=$BATS_TEST_DIRNAME/../..}"
    berth=$BERTH_BUILD/bin/berth
    [ -x "$berth" ] || skip "$berth is not built"
    unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_PROGRESS
    export NO_COLOR=1
    mkdir -p "$BATS_TEST_TMPDIR/demo"
    cd "$BATS_TEST_TMPDIR/demo" || return
}

warned() {
    cat >compose.yaml <<'YAML'
services:
  db:
    image: postgres:16
    ports: ["5432:5432"]
YAML
}

@test "a finding is shown with its line, a caret, a hint and the name of its rule, and counted" {
    warned
    run -0 "$berth" compose lint
    diff - <(printf '%s\n' "$output") <<'TEXT'
compose.yaml:4:13: warning: services.db.ports[0]: port 5432 (PostgreSQL) is open to everybody who reaches this machine [port-open-to-all]
    4 |     ports: ["5432:5432"]
      |             ^
  hint: "127.0.0.1:5432:5432" is for this machine only; other services need no published port
1 warning
TEXT
    [ -z "$("$berth" compose lint 2>&1 >/dev/null)" ]
}

@test "errors fail, warnings fail with --strict, notes never" {
    warned
    run -1 "$berth" compose lint --strict
    echo 'services: {db: {image: postgres}}' >compose.yaml
    run -0 "$berth" compose lint --strict
    [ "${lines[-1]}" = "1 note" ]
    echo 'services: {db: {imag: postgres}}' >compose.yaml
    run -1 "$berth" compose lint
    [[ $output == *"did you mean"* && $output == *"[unknown-attribute]"* ]]
    echo 'services: {db: {image: "postgres:16"}}' >compose.yaml
    run -0 "$berth" compose lint --strict
    [ "$output" = "no findings" ]
    rm compose.yaml
    run -1 "$berth" compose lint
    [[ $output == *"no configuration file"* ]]
}

@test "mistakes do not keep the other findings back" {
    warned
    echo '    prots: []' >>compose.yaml
    echo '  web: {image: nginx, privileged: true}' >>compose.yaml
    run -1 "$berth" compose lint
    [[ $output == *"[unknown-attribute]"* && $output == *"[privileged]"* ]]
    [ "${lines[-1]}" = "1 error, 1 warning, 1 note" ]
}

@test "x-lint-ignore silences a file, a service or a part of it, and says when it is no use" {
    cat >compose.yaml <<'YAML'
x-lint-ignore: floating-image
services:
  web:
    image: nginx
    privileged: true
    user: root
    x-lint-ignore: [privileged, port-open-to-all]
  db:
    image: postgres
    healthcheck: {x-lint-ignore: healthcheck-interval, test: ok, interval: 1s, timeout: 20s}
  dev:
    x-lint-ignore: all
    image: x
    privileged: true
YAML
    run -0 "$berth" compose lint
    [ "${lines[-1]}" = "1 note" ]
    [[ $output == *"[root-user]"* ]]
    run -1 "$berth" compose lint --strict
    [[ $output == *'compose.yaml:7:33: warning: x-lint-ignore: "port-open-to-all" silences nothing here [unused-ignore]'* ]]
    [ "${lines[-1]}" = "1 warning, 1 note" ]
}

@test "an override file may silence what the first file does in a service" {
    echo 'services: {web: {image: "nginx:1", privileged: true}}' >compose.yaml
    echo 'services: {web: {x-lint-ignore: [privileged]}}' >compose.override.yaml
    run -0 "$berth" compose lint --strict
    [ "$output" = "no findings" ]
}

@test "--ignore leaves rules out, and knows what they are called" {
    warned
    run -0 "$berth" compose lint --strict --ignore port-open-to-all
    [ "$output" = "no findings" ]
    run -0 "$berth" compose lint --strict --ignore all
    run -1 "$berth" compose lint --ignore privilged
    [[ $output == *'there is no rule "privilged"'*'did you mean "privileged"?'* ]]
    run -1 "$berth" compose lint --ignore schema
    [[ $output == *"cannot be ignored"* ]]
}

@test "files are named by -f, standard input is shown, other files say by which way they came" {
    run -0 "$berth" compose -f - lint <<'YAML'
services: {web: {image: "nginx:1", privileged: true}}
YAML
    [[ $output == *'<stdin>:1:36: warning'* ]]
    [[ ${lines[1]} == *'services: {web: {image: "nginx:1", privileged: true}}' ]]
    mkdir part
    echo 'services: {db: {image: "x:1", privileged: true}}' >part/more.yaml
    echo 'include: [part/more.yaml]' >main.yaml
    run -0 "$berth" compose -f main.yaml lint
    [[ $output == *"part/more.yaml:1:31: warning"*"through: included from main.yaml:1:11"* ]]
    run -0 "$berth" compose -f main.yaml lint --format json
    jq -e '.[0].through == [{"how": "included from", "file": "main.yaml", "line": 1, "column": 11}]' <<<"$output"
}

@test "services of profiles that are not active are looked at, too" {
    echo 'services: {web: {image: "x:1"}, tool: {image: "x:1", privileged: true, profiles: [t]}}' >compose.yaml
    run -1 "$berth" compose lint --strict
    [[ $output == *"services.tool.privileged"* ]]
    run -1 "$berth" compose --profile t lint --strict
}

@test "--format json is an array of findings" {
    warned
    run -0 "$berth" compose lint --format json
    jq -e 'length == 1 and .[0].rule == "port-open-to-all" and .[0].severity == "warning"' <<<"$output"
    jq -e '.[0] | .file == "compose.yaml" and .line == 4 and .column == 13 and .through == []' <<<"$output"
    jq -e '.[0].hint | startswith("\"127.0.0.1")' <<<"$output"
    echo 'services: {db: {image: "x:1"}}' >compose.yaml
    run -0 "$berth" compose lint --format json
    jq -e '. == []' <<<"$output"
    run -1 "$berth" compose lint --format xml
    [[ $output == *"expected text, json or sarif"* ]]
}

@test "--format sarif holds the rules, places and fingerprints that survive moving lines" {
    mkdir "a b"
    printf 'services:\n  web: {image: "x:1", privileged: true}\n' >"a b/more.yaml"
    echo 'include: ["a b/more.yaml"]' >compose.yaml
    "$berth" compose lint --format sarif >one.sarif
    jq -e '.version == "2.1.0" and (.runs | length) == 1' one.sarif
    jq -e '.runs[0].tool.driver | .name == "berth" and (.rules | length) > 50' one.sarif
    jq -e '.runs[0] as $run | $run.results[0] | $run.tool.driver.rules[.ruleIndex].id == .ruleId' one.sarif
    jq -e '.runs[0].tool.driver.rules | all(.shortDescription.text and .help.text and .defaultConfiguration.level)' one.sarif
    jq -e '.runs[0].results[0].locations[0].physicalLocation |
        .artifactLocation.uri == "a%20b/more.yaml" and .region == {"startLine": 2, "startColumn": 23}' one.sarif
    jq -e '.runs[0].results[0].relatedLocations[0].physicalLocation.artifactLocation.uri == "compose.yaml"' one.sarif
    sed -i '1i # moved' "a b/more.yaml"
    "$berth" compose lint --format sarif >two.sarif
    print='.runs[0].results[0].partialFingerprints["berthFinding/v1"]'
    [ "$(jq -r "$print" one.sarif)" = "$(jq -r "$print" two.sarif)" ]
    [ "$(jq -r "$print | length" one.sarif)" = 64 ]
    jq -e '.runs[0].results[0].locations[0].physicalLocation.region.startLine == 3' two.sarif
}

@test "every rule of --list-rules is explained" {
    run -0 "$berth" compose lint --list-rules --format json
    rules=$(jq -r '.[].rule' <<<"$output")
    [ "$(wc -l <<<"$rules")" -gt 50 ]
    [ "$("$berth" compose lint --list-rules | cut -d' ' -f1)" = "$rules" ]
    for rule in $rules; do
        "$berth" compose lint --explain "$rule" >text
        grep -q "^$rule (" text
        grep -q '^Why:' text
        grep -q '^What to do:' text
        awk 'length($0) > 80 { print; bad = 1 } END { exit bad }' text
    done
    run -0 "$berth" compose lint --list-rules --format markdown
    diff - <(printf '%s\n' "$output") <"$BERTH_SOURCE/docs/compose-lint.md"
    run -1 "$berth" compose lint --list-rules --format sarif
    run -1 "$berth" compose lint --format markdown
    run -1 "$berth" compose lint --explain portopen
    [[ $output == *'there is no rule "portopen"'* ]]
    run -0 "$berth" compose lint --explain privileged --format json
    jq -e '.rule == "privileged" and .silenceable' <<<"$output"
}

@test "the examples are clean" {
    for folder in "$BERTH_SOURCE"/examples/*/; do
        [ -e "$folder/compose.yaml" ] || continue
        run -0 "$berth" compose -f "$folder/compose.yaml" lint --strict
        [ "$output" = "no findings" ] || { echo "$folder: $output"; false; }
    done
}
