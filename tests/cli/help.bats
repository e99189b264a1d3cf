#!/usr/bin/env bats
# Help, options and unknown words of every command. No root, no engine.

bats_require_minimum_version 1.5.0

setup() {
    : "${BERTH_BUILD:=$BATS_TEST_DIRNAME/../../build/dev}"
    berth=$BERTH_BUILD/bin/berth
    [ -x "$berth" ] || skip "$berth is not built"
    export COLUMNS=100 NO_COLOR=1
    export BERTH_ROOT=$BATS_TEST_TMPDIR/root BERTH_RUN=$BATS_TEST_TMPDIR/run # never this machine's
    cd "$BATS_TEST_TMPDIR" || return
}

# The commands that a group's help lists.
commands_of() {
    "$berth" "$@" --help | sed -n '/^Commands:/,/^Options:/p' | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'
}

all_commands() {
    local group name
    for name in $(commands_of); do
        echo "$name"
        case $name in
        compose | image | container | network | volume)
            for group in $(commands_of "$name"); do echo "$name $group"; done
            ;;
        esac
    done
}

@test "every command has help with a usage line, exit status 0" {
    count=0
    while read -r command; do
        # shellcheck disable=SC2086 # the words of one command
        run -0 "$berth" $command --help
        [[ ${lines[0]} == "Usage: berth $command"* ]] || { echo "$command: ${lines[0]}"; false; }
        [[ $output == *"Show this help"* ]] || { echo "$command says nothing about --help"; false; }
        # shellcheck disable=SC2086
        [ -z "$("$berth" $command --help 2>&1 >/dev/null)" ]
        count=$((count + 1))
    done < <(all_commands)
    [ "$count" -gt 70 ]
}

@test "no line of help is wider than the terminal" {
    while read -r command; do
        # shellcheck disable=SC2086
        COLUMNS=80 "$berth" $command --help | awk -v c="$command" 'length($0) > 80 { print c ": " $0; bad = 1 } END { exit bad }'
    done < <(all_commands)
}

@test "help COMMAND is COMMAND --help" {
    [ "$("$berth" help ps)" = "$("$berth" ps --help)" ]
    [ "$("$berth" compose help up)" = "$("$berth" compose up --help)" ]
}

@test "an unknown command names the nearest one, exit status 1" {
    run -1 "$berth" rnu
    [[ $output == *'unknown command "rnu"'*'did you mean "run"?'* ]]
    run -1 "$berth" compose upp
    [[ $output == *'did you mean "up"?'* ]]
}

@test "an unknown option names the nearest one; 125, but 1 for compose" {
    run -125 "$berth" ps --al
    [[ $output == *'unknown option "--al"'* ]]
    run -125 "$berth" run --intreactive x
    [[ $output == *'did you mean "--interactive"?'* ]]
    run -125 "$berth" create --nmae x y
    run -1 "$berth" compose up --detahc
    [[ $output == *'did you mean "--detach"?'* ]]
}

@test "Docker's options that there are none of here are refused by name" {
    run -125 "$berth" run --storage-opt size=1g image
    [[ $output == *'--storage-opt size=1g is not supported'* ]]
    run -125 "$berth" run --storage-opt size=1G image
    [[ $output == *'not supported'* ]]
    run -125 "$berth" build --squash .
    [[ $output == *'"--squash" is not supported'* ]]
    run -125 "$berth" -H tcp://x ps
    [[ $output == *'not supported'* ]]
}

@test "Docker Compose's commands that there are none of here say so" {
    for command in bridge "alpha generate"; do
        # shellcheck disable=SC2086 # the words of one command
        run -1 "$berth" compose $command
        [[ $output == *"\"berth compose $command\" is not supported"* ]]
    done
}

@test "options of Docker Compose that have no effect there have none here" {
    echo 'services: {a: {image: x}}' >compose.yaml
    run -0 "$berth" compose build --compress --force-rm --no-rm --parallel=false --progress plain --help
    run -1 "$berth" compose build --compress --force-rm --no-rm --parallel=false --provenance=false --sbom=false nobody
    [[ $output == *'no such service: nobody'* ]]
    run -1 "$berth" compose build --provenance=true a
    [[ $output == *'--provenance true is not supported'* ]]
    run -1 "$berth" compose build --builder other a
    [[ $output == *'no builder "other" found'* ]]
    run -1 "$berth" compose pull --parallel --no-parallel nobody
    [[ $output == *'no such service: nobody'* ]]
}

@test "compose alpha viz draws the services for graphviz" {
    echo 'name: p
services: {a: {image: "x:1", depends_on: [b], ports: ["127.0.0.1:8080:80"]}, b: {image: y, network_mode: none}}' >compose.yaml
    run -0 "$berth" compose alpha viz --networks --ports --image
    [ "$output" = 'digraph "p" {
	layout=dot;
	"a" [style="filled" label=<<font point-size="15">a</font><font point-size="10"><br/><br/><b>Networks:</b><br/>default</font><font point-size="10"><br/><br/><b>Ports:</b><br/>127.0.0.1:8080:80 (tcp, ingress)</font><font point-size="10"><br/><br/><b>Image:</b><br/>x:1</font>>];
	"b" [style="filled" label=<<font point-size="15">b</font><font point-size="10"><br/><br/><b>Image:</b><br/>y</font>>];

	"a" -> "b";
}' ]
    run -0 "$berth" compose alpha viz --spaces --indentation-size 2
    [[ $output == *$'
  layout=dot;
'* ]]
}

@test "a wrong number of arguments is an error with the usage" {
    run -1 "$berth" rm
    [[ $output == *'requires at least 1 argument'*'usage: berth rm'* ]]
    run -1 "$berth" tag one
    [[ $output == *'requires 2 arguments'* ]]
    run -1 "$berth" run
    [[ $output == *'requires at least 1 argument'* ]]
    # Commands of groups, too: their tables are made as they run.
    run -1 "$berth" network create
    [[ $output == *'"berth network create" requires 1 argument'*'usage: berth network create [OPTIONS] NETWORK'* ]]
    run -1 "$berth" volume prune x
    [[ $output == *'accepts no arguments'*'usage: berth volume prune [OPTIONS]'* ]]
    run -125 "$berth" secret create x
    [[ $output == *'requires 2 arguments'*'usage: berth secret create'* ]]
}

@test "options that exclude each other are refused before anything happens" {
    echo 'services: {a: {image: x}}' >compose.yaml
    run -1 "$berth" compose up --build --no-build
    run -1 "$berth" compose up -d --abort-on-container-exit
    run -1 "$berth" compose up --force-recreate --no-recreate
    run -125 "$berth" run -d -a stdout x
}

@test "called as docker-compose it is compose, called as docker it is berth" {
    ln -s "$berth" docker-compose
    ln -s "$berth" docker
    run -0 ./docker-compose version --short
    [[ $output =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
    run -0 ./docker compose version --format json
    [[ $output == '{"version":"'*'"}' ]]
    run -0 ./docker --version
    [[ $output == "berth version "* ]]
}

@test "version prints through a template" {
    run -0 "$berth" version --format '{{.Server.Os}}/{{upper .Client.Arch | lower}}'
    [[ $output == linux/* ]]
    run -1 "$berth" version --format '{{.Nope}}'
    [[ $output == *'no entry for key "Nope"'* ]]
    run -1 "$berth" version --format '{{if}}'
    [[ $output == *'template parsing error'* ]]
}

@test "output that cannot be written is a failure" {
    [ -e /dev/full ] || skip "no /dev/full"
    run -1 bash -c "'$berth' --help >/dev/full"
    [[ $output == *"cannot write to standard output"* ]]
}

@test "doctor names each check once, as text and as JSON, and changes its exit status by --for" {
    run "$berth" doctor
    [ "$status" -le 1 ]
    [[ $output == *"Containers of root"*kernel*cgroup-version*"Containers of an ordinary user"*"Containers that start at boot"* ]]
    run "$berth" doctor --for boot --format json
    [[ $output == '[{"Name":"systemd","Use":"boot","Status":"'* ]]
    [[ $output != *cgroup-version* ]]
    run -1 "$berth" doctor --for lunch
    [[ $output == *"expected root, rootless or boot"* ]]
    run -1 "$berth" doctor --user nobody-of-that-name
    [[ $output == *'no user "nobody-of-that-name"'* ]]
}
