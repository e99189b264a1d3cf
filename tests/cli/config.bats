#!/usr/bin/env bats
# compose config: what the files come to, and mistakes with their places. No root, no engine.

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

@test "config prints the model with defaults, as YAML that reads back to the same" {
    cat >compose.yaml <<'YAML'
services:
  web:
    image: ${IMAGE:-nginx}
    ports: ["8080:80"]
    depends_on: [db]
  db: {image: postgres}
YAML
    run -0 "$berth" compose config
    [[ $output == *"name: demo"* ]]
    [[ $output == *"image: nginx"* ]]
    [[ $output == *"condition: service_started"* ]]
    "$berth" compose config >once.yaml
    "$berth" compose -f once.yaml config >twice.yaml
    diff once.yaml twice.yaml
    run -0 "$berth" compose config --format json
    [[ $output == *'"published": "8080"'* ]]
    run -0 "$berth" compose config -q
    [ -z "$output" ]
}

@test "a mistake is shown with its line and a caret" {
    cat >compose.yaml <<'YAML'
services:
  web:
    image: nginx
    depends_on: [dbb]
  db:
    image: postgres
    prots: []
YAML
    run -1 "$berth" compose config
    diff - <(printf '%s\n' "$output") <<'TEXT'
compose.yaml:4:18: services.web.depends_on: no service "dbb"
    4 |     depends_on: [dbb]
      |                  ^
  hint: did you mean "db"?
compose.yaml:7:5: services.db: "prots" is no attribute of a service
    7 |     prots: []
      |     ^
  hint: did you mean "ports"?
TEXT
}

@test "a mistake on standard input is shown with its line, too" {
    run -1 "$berth" compose -f - config <<'YAML'
services:
  web: {imag: nginx}
YAML
    diff - <(printf '%s\n' "$output") <<'TEXT'
<stdin>:2:9: services.web: "imag" is no attribute of a service
    2 |   web: {imag: nginx}
      |         ^
  hint: did you mean "image"?
TEXT
}

@test "a mistake in a file that another one includes says through which files it came" {
    mkdir parts
    echo 'include: [parts/one.yaml]' >compose.yaml
    printf 'include:\n  - two.yaml\nservices: {a: {image: x}}\n' >parts/one.yaml
    printf 'services:\n\tb: {image: x}\n' >parts/two.yaml
    run -1 "$berth" compose config
    [[ $output == *"parts/two.yaml:2:1: YAML syntax"* ]]
    [[ $output == *"  through: included from parts/one.yaml:2:5"$'\n'"  through: included from compose.yaml:1:11"* ]]
    run -1 "$berth" compose --progress json config
    [[ $output == *'"through":[{"how":"included from","file":"parts/one.yaml","line":2,"column":5},{"how":'* ]]
}

@test "tabs and wide characters before a mistake do not move the caret away" {
    printf 'services:\n  web:\n    image: x\n    labels: {"ä\tb": "1", c: [1]}\n' >compose.yaml
    run -1 "$berth" compose config
    [[ ${lines[1]} == *'labels: {"ä    b"'* ]]
    caret=${lines[2]%^} shown=${lines[1]%%\[1\]*}
    [ "${#caret}" -eq "${#shown}" ]
}

@test "mistakes are JSON objects with --progress json" {
    echo 'services: {web: {imag: x}}' >compose.yaml
    run -1 "$berth" compose --progress json config
    [[ $output == *'"error":true'* && $output == *'"line":1'* && $output == *'"file":"compose.yaml"'* ]]
}

@test "no file at all is one clear error" {
    run -1 "$berth" compose config
    [[ $output == *"no configuration file"* ]]
    run -1 "$berth" compose -f missing.yaml config
    [[ $output == *"missing.yaml"* ]]
}

@test "a cycle of dependencies is refused with its path" {
    cat >compose.yaml <<'YAML'
services:
  a: {image: x, depends_on: [b]}
  b: {image: x, depends_on: [c]}
  c: {image: x, depends_on: [a]}
YAML
    run -1 "$berth" compose config
    [[ $output == *a*b*c*a* ]]
}

@test "names of services, images, volumes, networks, profiles and variables are listed" {
    cat >compose.yaml <<'YAML'
services:
  web: {image: "${IMAGE:-nginx}", depends_on: [db], networks: [front], volumes: ["data:/d"]}
  db: {image: postgres, networks: [front]}
  debug: {image: busybox, profiles: [tools]}
networks: {front: }
volumes: {data: }
YAML
    [ "$("$berth" compose config --services)" = $'db\nweb' ]
    [ "$("$berth" compose config --images | sort)" = $'nginx\npostgres' ]
    [ "$("$berth" compose config --volumes)" = data ]
    [ "$("$berth" compose config --profiles)" = tools ]
    [[ $("$berth" compose config --networks) == *front* ]]
    run -0 "$berth" compose config --variables
    [[ $output == *IMAGE*false*nginx* ]]
    run -0 "$berth" compose config --hash web
    [[ $output =~ ^web\ [0-9a-f]{64}$ ]]
    [ "$("$berth" compose --profile tools config --services | wc -l)" -eq 3 ]
}

@test "files, project name, directory and variables come from options and the environment" {
    mkdir -p sub
    echo 'services: {a: {image: "$TAG"}}' >sub/app.yaml
    TAG=one run -0 "$berth" compose -f sub/app.yaml -p other config
    [[ $output == *"name: other"*"image: one"* ]]
    COMPOSE_FILE=sub/app.yaml COMPOSE_PROJECT_NAME=env TAG=two run -0 "$berth" compose config
    [[ $output == *"name: env"*"image: two"* ]]
    echo TAG=three >vars
    run -0 "$berth" compose --env-file vars -f sub/app.yaml config
    [[ $output == *"image: three"* ]]
    run -0 "$berth" compose -f - config <<<'services: {a: {image: from-stdin}}'
    [[ $output == *from-stdin* ]]
}

@test "an attribute that the engine cannot carry out is refused by up, with its place, and shown by config" {
    cat >compose.yaml <<'YAML'
services:
  a:
    image: x
    isolation: hyperv
YAML
    run -0 "$berth" compose config
    run -1 "$berth" compose up -d
    [[ $output == *"compose.yaml:4:"* ]]
}

@test "schema prints a JSON Schema with every attribute of a service" {
    run -0 "$berth" compose schema
    [[ $output == *'"$schema": "http://json-schema.org/draft-07/schema#"'* ]]
    [[ $output == *'"stop_grace_period": {'* ]]
    run -1 "$berth" compose schema more
    [[ $output == *'accepts no arguments'* ]]
}

@test "lists leave out what nothing uses, and name all variables despite a required one" {
    cat >compose.yaml <<'YAML'
services:
  web: {image: "${A:-x}${B:?needed}${C-y}", networks: [n], volumes: ["data:/v"]}
networks: {n: , idle: }
volumes: {data: , idle: }
YAML
    run -0 "$berth" compose config --variables --format json
    [[ $output == *'"A"'*'"B"'*'"C"'* ]]
    export B=1
    run -0 "$berth" compose config --networks
    [ "$output" = n ]
    run -0 "$berth" compose config --volumes
    [ "$output" = data ]
    run -0 "$berth" compose --all-resources config --volumes
    [ "$output" = $'data\nidle' ]
}
