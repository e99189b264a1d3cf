#!/usr/bin/env bats
# Compose files and files of variables that are no plain files, and lines that are no plain text.

bats_require_minimum_version 1.5.0

setup() {
    : "${BERTH_BUILD:=$BATS_TEST_DIRNAME/../../build/dev}"
    berth=$BERTH_BUILD/bin/berth
    [ -x "$berth" ] || skip "$berth is not built"
    unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_PROGRESS
    export NO_COLOR=1
    mkdir -p "$BATS_TEST_TMPDIR/demo"
    cd "$BATS_TEST_TMPDIR/demo" || return
}

@test "process substitution gives compose files and variables" {
    run -0 "$berth" compose -f <(echo 'services: {a: {image: "x${TAG}"}}') --env-file <(echo TAG=1) config --images
    [ "$output" = x1 ]
    run -0 bash -c "echo 'services: {a: {image: x}}' | '$berth' compose -f /dev/stdin config --images"
    [ "$output" = x ]
}

@test "a mistake in what cannot be read twice is shown with its line" {
    run -1 "$berth" compose -f <(printf 'services:\n  a: {image: x, foo: 1}\n') config -q
    [[ $output == *'"foo" is no attribute'* ]]
    [[ $output == *"    2 |   a: {image: x, foo: 1}"* ]]
}

@test "a FIFO that somebody writes to is read as .env" {
    mkfifo .env
    echo 'services: {a: {image: "x${TAG}"}}' >compose.yaml
    echo TAG=2 >.env &
    run -0 "$berth" compose config --images
    [ "$output" = x2 ]
    wait
}

@test "devices and directories are refused, /dev/null is an empty file" {
    echo 'services: {a: {image: x}}' >compose.yaml
    run -1 "$berth" compose -f /dev/zero config -q
    [[ $output == *'"/dev/zero": it is a device'* ]]
    run -1 "$berth" compose -f / config -q
    [[ $output == *"Is a directory"* ]]
    run -0 "$berth" compose --env-file /dev/null config -q
    cat >compose.yaml <<'YAML'
services:
  a:
    image: x
    env_file: [/dev/zero, .]
YAML
    run -1 "$berth" compose config -q
    [[ $output == *"compose.yaml:4:16: "*"it is a device"* ]]
    [[ $output == *"compose.yaml:4:27: "*"Is a directory"* ]]
}

@test "bytes that are no text are shown by their numbers, with the caret below them" {
    printf 'services:\n  a:\n    image: "\351t\351"\n' >compose.yaml
    run -1 "$berth" compose config -q
    [[ $output == *'    3 |     image: "\xe9t\xe9"'$'\n''      |             ^'* ]]
    printf 'services:\n  a:\n    image: x\0y\n' >compose.yaml
    run -1 "$berth" compose config -q
    [[ $output == *'    3 |     image: x\x00y'$'\n''      |             ^'* ]]
    printf 'services: {a: {image: x}}\n' >compose.yaml
    printf 'A=1\nB=x\0y\n' >.env
    run -1 "$berth" compose config -q
    [[ $output == *'    2 | B=x\x00y'$'\n''      |    ^'* ]]
}

@test "wide characters before a mistake do not move the caret" {
    printf 'services:\n  a: {image: "名前🚀", foo: 1}\n' >compose.yaml
    run -1 "$berth" compose config -q
    [[ $output == *'    2 |   a: {image: "名前🚀", foo: 1}'$'\n''      |                        ^'* ]]
}
