#!/usr/bin/env bats
# compose config: what the files come to, and mistakes with their places. No root, no engine.

bats_require_minimum_version 1.5.0

setup() {
    : "${BERTH_BUILD:=$BATS_TEST_DIRNAME/../../build/dev}"
    berth=$BERTH_BUILD/bin/berth
    [ -x "$berth" ] || skip "$berth is not built"
    unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_PROGRESS
    export NO_COLOR=1 LC_ALL=C.UTF-8
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

@test "what all commands take is checked before any of them runs" {
    echo 'services: {web: {image: x}}' >compose.yaml
    run -1 "$berth" compose --progress nonsense config -q
    [[ $output == *'unsupported --progress value "nonsense"'* ]]
    COMPOSE_PROGRESS=nonsense run -1 "$berth" compose config -q
    COMPOSE_PARALLEL_LIMIT=x run -1 "$berth" compose config -q
    [[ $output == *'COMPOSE_PARALLEL_LIMIT must be an integer (found: "x")'* ]]
    COMPOSE_PROGRESS='' COMPOSE_PARALLEL_LIMIT='' run -0 "$berth" compose config -q
    run -0 "$berth" compose config --environment -q
    [ -z "$output" ]
}

@test "options of up that do not go together are refused" {
    echo 'services: {web: {image: x}}' >compose.yaml
    for words in "--wait --abort-on-container-failure" "--wait --attach-dependencies" "--attach web --attach-dependencies"; do
        # shellcheck disable=SC2086 # several words
        run -1 "$berth" compose up $words
        [[ $output == *"cannot be combined"* || $output == *"are incompatible"* ]]
    done
    run -1 "$berth" compose run -P -p 80 web
    [[ $output == *"--service-ports and --publish are incompatible"* ]]
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

@test "variables are those of all files that are read, with their defaults as they are written" {
    mkdir -p parts base
    cat >compose.yaml <<'YAML'
name: ${NAME:-x}
include: [parts/compose.yaml]
services:
  web: {extends: {file: base/base.yaml, service: base}, image: "${A:-${B:-c}}", environment: ["${KEY}=v", "${NO}"]}
YAML
    echo 'services: {part: {image: "p:${PART:?which}", profiles: [p]}}' >parts/compose.yaml
    echo 'services: {base: {image: "${GONE}", command: "${BASE:+on}"}, other: {image: "${OTHER}"}}' >base/base.yaml
    run -0 "$berth" compose config --variables
    diff - <(printf '%s\n' "$output" | sed 's/ *$//') <<'TEXT'
NAME                REQUIRED            DEFAULT VALUE       ALTERNATE VALUE
A                   false               ${B:-c}
B                   false               c
BASE                false                                   on
KEY                 false
NO                  false
PART                true
TEXT
    run -0 "$berth" compose config --variables --format yaml
    [[ $output == *$'B:\n    name: B\n    defaultvalue: c\n    presencevalue: ""\n    required: false'* ]]
    [[ $output == *$'\n"NO":\n    name: "NO"\n'* ]]
    run -0 "$berth" compose config --variables --format json
    [[ $output == *'"DefaultValue": "${B:-c}"'* ]]
}

@test "a service's hash is the one of docker compose, and lists of services are checked" {
    cat >compose.yaml <<'YAML'
services:
  web:
    image: nginx:1.27
    command: ["sh", "-c", "echo <$$A> & b"]
    environment: {A: "1", B: "x=$$y"}
    ports: ["8080:80"]
    depends_on: [db]
    deploy: {replicas: 2, resources: {limits: {memory: 50M}}}
  db: {image: postgres, build: {context: /b}, volumes: ["data:/var/lib"], profiles: [p], pull_policy: always}
volumes: {data: }
YAML
    web='web 8c0c604eab91abfe2e5741785b4634528a96bdcc3607abefdb6365fde94ae25d'
    db='db eecdbf7636e10dc79e5eae4ab97c5da4987f233999a1de89d06c2c208f154961'
    run -0 "$berth" compose --profile p config --hash '*'
    [ "$output" = "$db"$'\n'"$web" ]
    run -0 "$berth" compose --profile p config --hash web,db,web
    [ "$output" = "$db"$'\n'"$web"$'\n'"$web" ]
    run -1 "$berth" compose --profile p config --hash web,nosuch
    [ "$output" = 'berth: no such service: nosuch: not found' ]
    run -1 "$berth" compose config --no-consistency --hash db
    [ "$output" = 'berth: no such service: db: disabled' ]
    run -1 "$berth" compose --profile p config --hash web,
    [ "$output" = 'berth: no such service: : not found' ]
}

@test "a service's hash is the one of docker compose, also in its odd forms" {
    cat >compose.yaml <<'YAML'
services:
  disk:
    image: x
    blkio_config:
      weight: 10
      weight_device: [{path: /dev/sda, weight: 400}]
      device_read_bps: [{path: /dev/sdb, rate: '12mb'}, {path: /dev/sdb}]
      device_write_iops: [{path: /dev/sdb, rate: 30}]
  list: {image: x, environment: [A, B=1]}
  map: {image: x, environment: {A: , B: 1}}
  pull: {image: x, pull_policy: refresh, pull_refresh_after: 3h}
YAML
    A=1 run -0 "$berth" compose -p a config --hash '*'
    diff - <(printf '%s\n' "$output") <<'EOF'
disk b65b3e05b266d0ab833f9ea88fe18c65e8c43ba4ac7a00ef6f4541e8b6a77673
list 0a9d817a698161150f8a41144939f1824814af089eeaec5c4a70757cc7e68ef8
map 0a9d817a698161150f8a41144939f1824814af089eeaec5c4a70757cc7e68ef8
pull d5457d0b2799957b606d2ac4ed52d85a1e75799490e56229948300b9a59e8953
EOF
    A=1 run -0 "$berth" compose -p a config --no-normalize --hash '*'
    diff - <(printf '%s\n' "$output") <<'EOF'
disk eb2c706a6be4716bb25217380fa478a0949180f956b5788d1e553ee316c3aa38
list 5b5972ef3a530c3084865779eef2d0c9a0adf447df715311f44d0ad6d5563b48
map 5b276b6db958e6c676e7b25d4efaa6ce2136c2dbdcbd9ee8035c02b5cbb74e41
pull 541da02fc95b4c09e75a3d9b6fdcad2417b2b857dee8d4da0d2cfc1109a69b99
EOF
}

@test "without path resolution what is included and extended leads from the project's directory" {
    mkdir -p sub/ext
    cat >compose.yaml <<'YAML'
include: [sub/part.yaml]
services:
  top: {extends: {file: sub/ext/base.yaml, service: base}, env_file: top.env, volumes: ["./v:/v"]}
YAML
    echo 'services: {in: {build: {}, env_file: in.env, volumes: ["./v:/v"], extends: {file: ext/base.yaml, service: base}}}' >sub/part.yaml
    echo 'services: {base: {build: {additional_contexts: {c: ./c}}, env_file: b.env, label_file: b.lab}}' >sub/ext/base.yaml
    echo TOP=1 >top.env; echo IN=1 >sub/in.env; echo BASE=1 >sub/ext/b.env; echo lab=1 >sub/ext/b.lab
    run -0 "$berth" compose config --no-path-resolution
    diff - <(printf '%s\n' "$output") <<'YAML'
name: demo
services:
  in:
    build:
      context: sub
      dockerfile: Dockerfile
      additional_contexts:
        c: sub/ext/c
    environment:
      BASE: "1"
      IN: "1"
    labels:
      lab: "1"
    networks:
      default: null
    volumes:
      - type: bind
        source: sub/v
        target: /v
        bind:
          create_host_path: true
  top:
    build:
      context: .
      dockerfile: Dockerfile
      additional_contexts:
        c: sub/ext/c
    environment:
      BASE: "1"
      TOP: "1"
    labels:
      lab: "1"
    networks:
      default: null
    volumes:
      - type: bind
        source: ./v
        target: /v
        bind:
          create_host_path: true
networks:
  default:
    name: demo_default
YAML
}

@test "without interpolation all is printed that the files have, whether or not it fits together" {
    cat >compose.yaml <<'YAML'
services:
  a: {image: "${I:?}", environment: {HOME: }, depends_on: [ghost]}
  b: {image: b, profiles: [p]}
volumes: {idle: }
YAML
    run -0 "$berth" compose config --no-interpolate b
    diff - <(printf '%s\n' "$output") <<'YAML'
name: demo
services:
  a:
    depends_on:
      ghost:
        condition: service_started
        required: true
    environment:
      HOME: null
    image: ${I:?}
    networks:
      default: null
  b:
    profiles:
      - p
    image: b
    networks:
      default: null
networks:
  default:
    name: demo_default
volumes:
  idle:
    name: demo_idle
YAML
    run -0 "$berth" compose config --no-interpolate --services
    [ "$output" = $'a\nb' ]
}

@test "without normalisation resources are as written, and so is the name" {
    printf 'name: X_y\nservices: {a: {image: x, volumes: ["vol:/v"]}}\nvolumes: {vol: }\n' >compose.yaml
    for options in '--no-normalize' '--no-normalize --format json'; do
        run -0 "$berth" compose config $options
        [[ $output == *X_y* && $output != *default* ]]
        [[ $output == *'vol: {}'* || $output == *'"vol": {}'* ]]
    done
    run -0 "$berth" compose --compatibility config
    [[ $output == *"vol: {}"* ]]
}

@test "without env files a service has its own variables, and the files" {
    printf 'services: {a: {image: x, environment: [A=1, HOME], env_file: e, label_file: l}}\n' >compose.yaml
    echo lab=1 >l
    HOME=/h run -0 "$berth" compose config --no-env-resolution
    [[ $output == *$'environment:\n      A: "1"\n      HOME: /h\n    env_file:'* && $output == *'lab: "1"'* ]]
    run -1 "$berth" compose config
    [[ $output == *'cannot open'* ]]
    for list in --services --images --profiles --networks '--hash a'; do
        run -0 "$berth" compose config $list # need no file of variables
    done
}

@test "services, -q and -o count for the model, and not for lists" {
    printf 'services: {a: {image: x}, b: {image: y}}\n' >compose.yaml
    for words in 'a' 'nosuch' '-q' '-o out'; do
        run -0 "$berth" compose config --services $words
        [ "$output" = $'a\nb' ]
        [ ! -e out ]
    done
    run -0 "$berth" compose config --images a
    [ "$output" = x ]
    run -1 "$berth" compose config --images nosuch
    run -0 "$berth" compose config -o out a
    [ -z "$output" ]
    [[ $(cat out) == *"image: x"* ]]
    ln -s out link
    chmod 600 out
    "$berth" compose config -o link --format json
    [ -L link ] && [ "$(stat -c %a out)" = 600 ] && [[ $(cat out) == *'"image": "x"'* ]]
    mkfifo pipe
    cat pipe >piped &
    "$berth" compose config -o pipe
    wait "$!"
    [ -p pipe ] && [[ $(cat piped) == *"image: x"* ]]
    run -1 "$berth" compose config -o missing/out
    [[ $output == *missing/out* ]]
    run -0 "$berth" compose config --volumes --services # the services count first
    [ "$output" = $'a\nb' ]
    run -0 "$berth" compose --compatibility config --images
    printf 'services: {a: {build: .}}\n' >compose.yaml
    run -0 env COMPOSE_COMPATIBILITY=1 "$berth" compose config --images
    [ "$output" = demo_a ]
}

@test "JSON has the order and the escapes of docker compose" {
    printf 'x-b: "<&>"\nservices: {a: {image: x, command: ["<$$>"]}}\nnetworks: {n: }\nx-a: 1\n' >compose.yaml
    run -0 "$berth" compose --all-resources config --format json
    [ "$(grep -o '^  "[a-z-]*"' <<<"$output" | tr -d ' "\n')" = namenetworksservicesx-ax-b ]
    [[ $output == *'"\u003c$$\u003e"'* && $output == *'"x-b": "\u003c\u0026\u003e"'* ]]
}

@test "a file of variables can say that it gives none, but for those of compose" {
    echo 'services: {a: {image: "x:${T:-none}"}}' >compose.yaml
    printf 'T=dot\nCOMPOSE_PROJECT_NAME=dotted\nCOMPOSE_DISABLE_ENV_FILE=1\nCOMPOSE_ENV_FILES=more\n' >.env
    run -0 "$berth" compose config
    [[ $output == *"name: dotted"*"image: x:none"* ]]
    COMPOSE_DISABLE_ENV_FILE=0 run -0 "$berth" compose config
    [[ $output == *"image: x:dot"* ]]
    COMPOSE_DISABLE_ENV_FILE=maybe run -1 "$berth" compose config
    [[ $output == *'COMPOSE_DISABLE_ENV_FILE: expected true or false, got "maybe"'* ]]
    echo T=more >more
    COMPOSE_ENV_FILES=,more, run -0 "$berth" compose config
    [[ $output == *"image: x:more"* ]]
}

@test "the current directory is a variable even when no shell has set it" {
    echo 'services: {a: {image: "x:$PWD"}}' >compose.yaml
    run -0 env -u PWD "$berth" compose config
    [[ $output == *"image: x:$BATS_TEST_TMPDIR/demo"* ]]
}

@test "images are pinned: digests stay, and what cannot be resolved is an error at its image" {
    digest=sha256:29c01d15488b71c81e51489d61022a98d2fe5f154b176c41630a3f4abf6940f4
    cat >compose.yaml <<YAML
services:
  a: {image: "alpine:3@$digest", command: x}
  b: {build: .}
  c: {image: "localhost:5000/c@$digest", profiles: [p]}
YAML
    run -0 "$berth" compose config --lock-image-digests
    [ "$output" = "services:
  a:
    image: docker.io/library/alpine@$digest
  b: {}" ]
    run -0 "$berth" compose config --lock-image-digests --no-interpolate
    [[ $output == *"  c:"*"    image: localhost:5000/c@$digest" ]]
    run -0 "$berth" compose config --lock-image-digests --format json
    [[ $output == '{'*'"name": "",'* && $output != *'"x"'* ]]
    run -0 "$berth" compose config --resolve-image-digests a
    [[ $output == *"image: docker.io/library/alpine@$digest"* && $output == *"- x"* ]]
    printf 'services:\n  a: {image: "127.0.0.1:1/x"}\n  b: {image: "127.0.0.1:1/x"}\n  c: {image: "UP"}\n' >compose.yaml
    run -1 "$berth" compose config --resolve-image-digests
    [[ $output == 'compose.yaml:2:7: services.a.image: cannot resolve the digest of "127.0.0.1:1/x": '* ]]
    [[ $output == *'compose.yaml:4:7: services.c.image: '*'must be lowercase'* ]]
    [ "$(grep -c '^compose' <<<"$output")" -eq 2 ] # the same image once
    run -0 "$berth" compose config --resolve-image-digests --services
}

@test "a mistake counts also in a service that is not named, but for a container's name that is there twice" {
    printf 'services:\n  a: {image: x, container_name: cc}\n  b: {image: y, container_name: cc}\n' >compose.yaml
    run -1 "$berth" compose config
    [[ $output == *'compose.yaml:3:17: services.b.container_name: '* ]]
    run -0 "$berth" compose config a
    printf '  c: {image: z, networks: [none]}\n' >>compose.yaml
    run -1 "$berth" compose config a
    [[ $output == *'compose.yaml:4:'*'no network "none"'* ]]
    run -0 "$berth" compose config --no-consistency a
}

@test "values that are none are refused without consistency, too" {
    cat >compose.yaml <<'YAML'
services:
  a:
    image: x
    pull_policy: every_x
    container_name: "-"
    ports: [{target: 80, host_ip: x}]
  b: {image: x, pull_policy: every_1w2d}
YAML
    for how in '' --no-consistency; do
        # shellcheck disable=SC2086
        run -1 "$berth" compose config $how -q
        [ "$(grep -c '^compose.yaml:' <<<"$output")" -eq 3 ]
        [[ $output == *'no such policy: "every_x"'*'"-" is no valid name'*'invalid IP address "x"'* ]]
    done
}

@test "names with variables stay in lists where nothing is interpolated" {
    cat >compose.yaml <<'YAML'
services:
  a: {image: x, environment: ["${K:-A=B}", "${N}=v", C, D=$E], labels: ["x=${Y:-a=b}"]}
YAML
    run -0 "$berth" compose config --no-interpolate
    [[ $output == *$'environment:\n      - ${K:-A=B}\n      - ${N}=v\n      - C\n      - D=$E\n'* ]]
    [[ $output == *$'labels:\n      x: ${Y:-a=b}\n'* ]]
    "$berth" compose config --no-interpolate | N=n "$berth" compose -f - config >again.yaml
    N=n "$berth" compose config | diff - again.yaml
    run -0 "$berth" compose config --variables --format json
    [[ $output == *'"DefaultValue": "A=B"'* ]]
}

@test "the older name of --project-directory means the same, and not both are given" {
    mkdir sub
    echo 'services: {a: {image: x}}' >sub/compose.yaml
    run -0 "$berth" compose --workdir sub config
    [[ $output == *"name: sub"* ]]
    run -1 "$berth" compose --workdir sub --project-directory sub config
    [[ $output == *--project-directory* ]]
}

@test "variables that an include passes on come from its own files, in both forms" {
    mkdir sub
    echo 'include: [{path: sub/c.yaml, env_file: sub/vars}]' >compose.yaml
    echo 'services: {l: {image: x, environment: [LATE]}, m: {image: x, environment: {LATE: }}}' >sub/c.yaml
    echo LATE=1 >sub/vars
    run -0 "$berth" compose config
    [ "$(grep -c 'LATE: "1"' <<<"$output")" -eq 2 ]
}

@test "files that are elsewhere are refused as what they are" {
    run -1 "$berth" compose -f oci://localhost:5000/stack config
    [[ $output == *'"oci://localhost:5000/stack": files that are not on this machine are not supported yet'* ]]
    echo 'include: ["https://example.com/x.git"]' >compose.yaml
    run -1 "$berth" compose config
    [[ $output == *'compose.yaml:1:11: "https://example.com/x.git": files that are not on this machine'* ]]
}

@test "an empty file beside others says nothing, and only empty ones are a mistake" {
    echo 'services: {a: {image: x}}' >compose.yaml
    echo '# nothing yet' >empty.yaml
    run -0 "$berth" compose -f compose.yaml -f empty.yaml config --images
    [ "$output" = x ]
    run -0 "$berth" compose -f empty.yaml -f compose.yaml config --images
    [ "$output" = x ]
    run -1 "$berth" compose -f empty.yaml -f empty.yaml config
    [[ $output == *"empty.yaml:1:1: the compose file is empty"* ]]
}

@test "numbers and words in quotes are those that docker compose reads" {
    echo 'services: {a: {image: x, cpus: "1_0.5", mem_limit: "1_0e1k", privileged: "yes"}}' >compose.yaml
    run -0 "$berth" compose config
    [[ $output == *"cpus: 10.5"* && $output == *'mem_limit: "102400"'* && $output == *"privileged: true"* ]]
    echo 'services: {a: {image: x, privileged: "t"}}' >compose.yaml
    run -1 "$berth" compose config
    [[ $output == *'expected true or false, got "t"'* ]]
}
