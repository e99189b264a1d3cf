#!/usr/bin/env bats
# Completion and manual pages: both come from the tables of commands. No engine.

bats_require_minimum_version 1.5.0

setup() {
    : "${BERTH_BUILD:=$BATS_TEST_DIRNAME/../../build/dev}"
    : "${BERTH_SOURCE:=$BATS_TEST_DIRNAME/../..}"
    berth=$BERTH_BUILD/bin/berth
    [ -x "$berth" ] || skip "$berth is not built"
    unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_PROGRESS
    export NO_COLOR=1 PATH="$BERTH_BUILD/bin:$PATH"
    mkdir -p "$BATS_TEST_TMPDIR/demo"
    cd "$BATS_TEST_TMPDIR/demo" || return
    cat >compose.yaml <<'YAML'
services:
  web: {image: nginx}
  worker: {image: busybox}
  debug: {image: busybox, profiles: [tools]}
YAML
    sed 's/web/other/' compose.yaml >second.yaml
}

# What is offered for the last of the words, without the descriptions.
offered() {
    "$berth" __complete -- "$@" 2>/dev/null | cut -f1
}

# What the bash completion makes of a line with the cursor at its end.
bash_offers() {
    bash --norc -c '
        source "$1"
        COMP_LINE=$2 COMP_POINT=${#2}
        # As readline cuts words: at blanks, "=" and ":".
        mapfile -t COMP_WORDS < <(printf "%s\n" "$2" | sed "s/[=:]/\n&\n/g; s/ /\n/g" | sed "/^$/d")
        [[ $2 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _berth
        printf "%s\n" "${COMPREPLY[@]}"' bash "$BERTH_SOURCE/packaging/completion/berth.bash" "$1"
}

@test "commands, options and their values are offered" {
    run -0 offered ""
    [[ ${lines[0]} == :words ]]
    [[ $output == *$'\ncompose\n'* && $output == *$'\nnetwork\n'* && $output != *__complete* ]]
    run -0 offered network ""
    [[ $output == *$'\ncreate\n'* && $output == *$'\nprune'* ]]
    run -0 offered compose up --
    [[ $output == *$'\n--detach\n'* && $output == *$'\n--help'* ]]
    run -0 offered compose config --format ""
    [ "$output" = $':words\nyaml\njson\nquadlet\nquadlets\nsystemd' ]
    run -0 offered compose config --format=j
    [ "$output" = $':words\n--format=yaml\n--format=json\n--format=quadlet\n--format=quadlets\n--format=systemd' ]
    run -0 offered compose --ansi ""
    [[ $output == *never* ]]
    run -0 offered compose -f ""
    [ "$output" = :files ]
    run -0 offered compose --project-directory ""
    [ "$output" = :dirs ]
    run -0 offered no-such-command ""
    [ "$output" = :words ]
}

@test "services of the project are offered, also those of profiles and of other files" {
    run -0 offered compose stop ""
    [ "$(sort <<<"$output")" = $':words\ndebug\nweb\nworker' ]
    run -0 offered compose -f second.yaml up -d wo
    [ "$(sort <<<"$output")" = $':words\ndebug\nother\nworker' ]
    run -0 offered compose --profile ""
    [ "$output" = $':words\ntools' ]
    run -0 offered compose exec web ""
    [ "$output" = :words ]
    rm compose.yaml
    run -0 offered compose stop ""
    [ "$output" = :words ]
}

@test "bash completes commands, values after = and services" {
    run -0 bash_offers "berth compos"
    [ "$output" = compose ]
    run -0 bash_offers "berth compose config --format=y"
    [ "$output" = yaml ]
    run -0 bash_offers "berth compose config --format="
    [ "$output" = $'yaml\njson\nquadlet\nquadlets\nsystemd' ]
    run -0 bash_offers "berth compose stop w"
    [ "$(sort <<<"$output")" = $'web\nworker' ]
    run -0 bash_offers "berth-compose logs we"
    [ "$output" = web ]
    run -0 bash_offers "berth compose -f sec"
    [ "$output" = second.yaml ]
}

@test "completion prints the file of a shell" {
    [ "$("$berth" completion bash)" = "$(cat "$BERTH_SOURCE/packaging/completion/berth.bash")" ]
    [ "$("$berth" completion fish)" = "$(cat "$BERTH_SOURCE/packaging/completion/berth.fish")" ]
    [ "$("$berth" completion zsh)" = "$(cat "$BERTH_SOURCE/packaging/completion/_berth")" ]
    run -1 "$berth" completion ksh
    [[ $output == *'expected bash, fish or zsh'* ]]
    run -0 offered completion ""
}

@test "the zsh and fish files are accepted by their shells" {
    found=0
    for shell in zsh fish; do
        command -v "$shell" >/dev/null || continue
        found=1
        file=$BERTH_SOURCE/packaging/completion/_berth
        [ "$shell" = zsh ] || file=$BERTH_SOURCE/packaging/completion/berth.fish
        run -0 "$shell" -n "$file"
    done
    [ "$found" = 1 ] || skip "neither zsh nor fish is installed"
}

@test "the manual pages name every command and option and are well-formed" {
    "$berth" __manual berth >berth.1
    "$berth" __manual berth-compose >berth-compose.1
    "$berth" compose schema --format man >berth-compose.5
    for command in $(offered "" | grep -v '^:'); do
        grep -qF "berth ${command//-/\\-}" berth.1
    done
    for command in $(offered compose "" | grep -v '^:'); do
        grep -qF "berth compose ${command//-/\\-}" berth-compose.1
    done
    grep -qF 'no\-interpolate' berth-compose.1
    grep -qF 'Values: yaml, json, quadlet, quadlets, systemd.' berth-compose.1
    run -1 "$berth" __manual nothing
    command -v groff >/dev/null || skip "groff is not installed"
    for page in berth.1 berth-compose.1 berth-compose.5; do
        run -0 groff -k -man -Tutf8 -ww -z "$page"
        [ -z "$output" ]
    done
}
