#!/usr/bin/env bats
# Projects from `up` to `down` on the real engine.

bats_require_minimum_version 1.5.0
load lib

setup() {
    berth_setup
    import_busybox
}
teardown() { berth_teardown; }

# Writes compose.yaml from standard input.
project() { cat >compose.yaml; }

id_of() { berth inspect -f '{{.Id}}' "$1"; }

@test "services start in the order that their conditions ask for" {
    project <<'YAML'
name: order
services:
  app:
    image: busybox
    command: sh -c 'test -f /shared/migrated && echo app sees the migration; sleep 1000'
    init: true
    volumes: ["shared:/shared"]
    depends_on:
      db: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
  migrate:
    image: busybox
    command: sh -c 'test -f /shared/db && touch /shared/migrated'
    volumes: ["shared:/shared"]
    depends_on:
      db: {condition: service_healthy}
  db:
    image: busybox
    command: sh -c 'touch /shared/db; sleep 1000'
    init: true
    volumes: ["shared:/shared"]
    healthcheck: {test: "test -f /shared/db", interval: 200ms}
volumes: {shared: }
YAML
    run berth compose up -d
    assert_status 0
    run berth compose ps -a --format '{{.Service}} {{.State}} {{.Health}} {{.ExitCode}}'
    assert_output_has "app running  0"
    assert_output_has "db running healthy 0"
    assert_output_has "migrate exited  0"
    wait_for 120 sh -c 'berth compose logs app | grep -q "sees the migration"'
}

@test "a dependency that fails stops what needs it, with its exit status in the message" {
    project <<'YAML'
name: fails
services:
  app: {image: busybox, command: sleep 1000, depends_on: {job: {condition: service_completed_successfully}}}
  job: {image: busybox, command: sh -c 'exit 4'}
  free: {image: busybox, command: sleep 1000, init: true}
YAML
    run berth compose up -d
    assert_status 1
    assert_output_has "fails-job-1"
    assert_output_has "4"
    run berth compose ps -a --format '{{.Service}}:{{.State}}'
    assert_output_has "free:running"
    assert_output_lacks "app:running"
}

@test "up twice changes nothing and says so" {
    project <<'YAML'
name: twice
services:
  web: {image: busybox, command: sleep 1000, init: true, environment: {A: "1"}, volumes: ["data:/data"], ports: ["127.0.0.1::80"]}
volumes: {data: }
YAML
    berth compose up -d
    id=$(id_of twice-web-1)
    run berth compose up -d
    assert_status 0
    assert_output_has "twice-web-1  Running"
    assert_output_has "nothing was changed"
    [ "$(id_of twice-web-1)" = "$id" ]
    run berth compose plan
    assert_status 0
}

@test "only the service that changed is recreated, and the reason is printed with its place" {
    project <<'YAML'
name: change
services:
  web: {image: busybox, command: sleep 1000, init: true}
  app:
    image: busybox
    command: sleep 1000
    init: true
    environment:
      COLOUR: ${COLOUR:-red}
YAML
    berth compose up -d
    web=$(id_of change-web-1)
    app=$(id_of change-app-1)
    COLOUR=blue run berth compose plan
    assert_status 2
    COLOUR=blue run berth compose up -d
    assert_status 0
    assert_output_has 'services.app.environment.COLOUR changed: "red" -> "blue"'
    assert_output_has "compose.yaml:9:7"
    [ "$(id_of change-web-1)" = "$web" ]
    [ "$(id_of change-app-1)" != "$app" ]
    run berth compose exec -T app sh -c 'echo $COLOUR'
    [ "$output" = blue ]
}

@test "named volumes keep their data over down and up, and go with down -v" {
    project <<'YAML'
name: keep
services:
  web: {image: busybox, command: sleep 1000, init: true, volumes: ["data:/data"]}
volumes: {data: }
YAML
    berth compose up -d
    berth compose exec -T web sh -c 'echo kept >/data/file'
    berth compose down -t 0
    run berth volume ls -q
    assert_output_has keep_data
    berth compose up -d
    run berth compose exec -T web cat /data/file
    [ "$output" = kept ]
    berth compose down -t 0 -v
    run berth volume ls -q
    assert_output_lacks keep_data
}

@test "down leaves no process, mount, network or container behind" {
    project <<'YAML'
name: clean
services:
  web: {image: busybox, command: sleep 1000, init: true, scale: 2, networks: [front, back]}
  app: {image: busybox, command: sleep 1000, networks: [back], tmpfs: /tmp}
networks: {front: , back: }
YAML
    berth compose up -d
    berth compose down -t 0
    [ -z "$(berth ps -aq)" ]
    [ -z "$(berth network ls -q --filter type=custom)" ]
    wait_for 120 nothing_lives
    [ -z "$(find "$BERTH_RUN/containers" "$BERTH_RUN/netns" -mindepth 1)" ]
}

@test "replicas share the service's name, and every one of them is found by it" {
    project <<'YAML'
name: replicas
services:
  web: {image: busybox, command: sh -c 'hostname >/tmp/index.html; exec httpd -f -h /tmp', init: true}
  probe: {image: busybox, command: sleep 1000, init: true}
YAML
    berth compose up -d --scale web=3
    run berth compose ps -q web
    [ "${#lines[@]}" -eq 3 ]
    addresses=$(berth compose exec -T probe nslookup web | grep -c '^Address: [0-9.]*$') || :
    [ "$addresses" -ge 3 ]
    # Each replica answers sooner or later under the one name.
    found=$(berth compose exec -T probe sh -c 'for i in $(seq 60); do wget -q -O- http://web/ || :; done' | sort -u | wc -l)
    [ "$found" -eq 3 ]
    berth compose up -d --scale web=1
    run berth compose ps -q web
    [ "${#lines[@]}" -eq 1 ]
}

@test "published ports answer on loopback" {
    port=$(free_port)
    project <<YAML
name: ports
services:
  web: {image: busybox, command: sh -c 'echo served >/tmp/index.html; exec httpd -f -h /tmp', init: true, ports: ["127.0.0.1:$port:80"]}
YAML
    berth compose up -d
    run berth compose port web 80
    [ "$output" = "127.0.0.1:$port" ]
    wait_for 120 curl -fsS "http://127.0.0.1:$port/"
    [ "$(curl -fsS "http://127.0.0.1:$port/")" = served ]
}

@test "stop, start, restart and kill act on the services that are named" {
    project <<'YAML'
name: verbs
services:
  a: {image: busybox, command: sleep 1000, init: true}
  b: {image: busybox, command: sleep 1000, init: true}
YAML
    states() { berth compose ps -a --format '{{.Service}}:{{.State}}' | sort | tr '\n' ' '; }
    berth compose up -d
    berth compose stop -t 0 a
    [ "$(states)" = "a:exited b:running " ]
    berth compose start a
    [ "$(states)" = "a:running b:running " ]
    started=$(berth inspect -f '{{.State.StartedAt}}' verbs-b-1)
    berth compose restart -t 0 b
    [ "$(berth inspect -f '{{.State.StartedAt}}' verbs-b-1)" != "$started" ]
    berth compose kill b
    wait_for 120 sh -c 'berth compose ps -a --format "{{.Service}}:{{.State}}" | grep -q b:exited'
    run berth compose rm -f b
    assert_status 0
    [ "$(states)" = "a:running " ]
}

@test "run gives the exit status of its command, and --rm leaves no container" {
    project <<'YAML'
name: oneoff
services:
  db: {image: busybox, command: sleep 1000, init: true}
  app: {image: busybox, command: sleep 1000, environment: {A: file}, depends_on: [db]}
YAML
    run berth compose run --rm -T -e B=line app sh -c 'echo "$A $B"; exit 7'
    assert_status 7
    assert_output_has "file line"
    run berth compose ps -a --format '{{.Service}}:{{.State}}'
    [ "$output" = db:running ]
    run bash -c 'echo typed | berth compose run --rm -T app cat 2>/dev/null'
    [ "$output" = typed ]
    run -127 berth compose run --rm -T app nosuchprogram
}

@test "exec runs as the user and in the folder that are asked for, and gives the exit status" {
    project <<'YAML'
name: execs
services:
  app: {image: busybox, command: sleep 1000, init: true}
YAML
    berth compose up -d
    run berth compose exec -T -u app -w /tmp -e X=1 app sh -c 'echo "$(id -u) $(pwd) $X"; exit 3'
    assert_status 3
    assert_output_has "1000 /tmp 1"
    run bash -c 'echo piped | berth compose exec -T app cat'
    [ "$output" = piped ]
    run -127 berth compose exec -T app nosuchprogram
    berth compose stop -t 0
    run berth compose exec -T app true
    assert_status 1
    assert_output_has "not running"
}

@test "logs carry the names of their containers, times on request, and follow until the end" {
    project <<'YAML'
name: logs
services:
  one: {image: busybox, command: sh -c 'echo first; echo second'}
  other: {image: busybox, command: sh -c 'echo third >&2'}
YAML
    berth compose up -d
    berth compose wait one other
    run berth compose logs
    assert_output_has "one-1    | first"
    assert_output_has "other-1  | third"
    run berth compose logs --tail 1 --no-log-prefix one
    [ "$output" = second ]
    run berth compose logs -t one
    [[ ${lines[0]} =~ ^one-1\ \ \|\ 20[0-9-]+T[0-9:.]+Z\ first$ ]]
    run timeout 300 berth compose logs -f
    assert_status 0
}

@test "up in the foreground shows the output and ends with the last container" {
    project <<'YAML'
name: foreground
services:
  a: {image: busybox, command: sh -c 'echo from a'}
  b: {image: busybox, command: sh -c 'echo from b; exit 5'}
YAML
    run timeout 300 berth compose up
    assert_status 0
    assert_output_has "a-1  | from a"
    assert_output_has "b-1  | from b"
    assert_output_has "b-1 exited with code 5"
    run timeout 300 berth compose up --exit-code-from b
    assert_status 5
}

@test "the first interrupt of up stops the project in order and keeps it, exit status 130" {
    project <<'YAML'
name: interrupt
services:
  web:
    image: busybox
    command: sh -c 'trap "echo stopping; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
YAML
    env --default-signal=INT berth compose up >out 2>err &
    pid=$!
    wait_for 120 grep -q "web-1  | ready" out
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 130 ]
    grep -q "Gracefully Stopping" err
    grep -q "web-1  | stopping" out
    [ "$(berth inspect -f '{{.State.Status}} {{.State.ExitCode}}' interrupt-web-1)" = "exited 0" ]
}

@test "the second interrupt of up kills what does not stop" {
    project <<'YAML'
name: insist
services:
  web:
    image: busybox
    stop_grace_period: 5m
    command: sh -c 'trap "echo ignored" TERM; echo ready; while :; do sleep 0.1; done'
YAML
    env --default-signal=INT berth compose up >out 2>err &
    pid=$!
    wait_for 120 grep -q "web-1  | ready" out
    kill -INT $pid
    wait_for 120 sh -c 'berth compose logs | grep -q ignored'
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 130 ]
    [ "$(berth inspect -f '{{.State.Status}} {{.State.ExitCode}}' insist-web-1)" = "exited 137" ]
}

@test "an interrupt while images are missing or things are being made leaves a state that up completes" {
    project <<'YAML'
name: halfway
services:
  slow: {image: busybox, command: sleep 1000, init: true, healthcheck: {test: "test -f /go", interval: 200ms, retries: 1000}}
  app: {image: busybox, command: sleep 1000, init: true, depends_on: {slow: {condition: service_healthy}}}
YAML
    env --default-signal=INT berth compose up -d >out 2>&1 &
    pid=$!
    wait_for 120 grep -q "halfway-slow-1  Waiting" out
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 130 ]
    berth compose exec -T slow touch /go
    run berth compose up -d
    assert_status 0
    [ "$(berth inspect -f '{{.State.Status}}' halfway-app-1)" = running ]
}

@test "up that is killed with SIGKILL is completed by the next up" {
    project <<'YAML'
name: killed
services:
  a: {image: busybox, command: sleep 1000, init: true, scale: 4}
  b: {image: busybox, command: sleep 1000, init: true, depends_on: [a], volumes: ["data:/data"]}
volumes: {data: }
YAML
    for delay in 0.01 0.03 0.06 0.1 0.15 0.2; do
        berth compose up -d >/dev/null 2>&1 &
        pid=$!
        sleep $delay # any moment will do: what follows must hold for each
        kill -9 $pid 2>/dev/null || :
        wait $pid 2>/dev/null || :
        run berth compose up -d
        assert_status 0
        [ "$(berth compose ps -q | wc -l)" -eq 5 ]
        berth compose down -v -t 0
        [ -z "$(berth ps -aq)" ]
    done
}

@test "orphans are named, and removed on request" {
    project <<'YAML'
name: orphans
services:
  a: {image: busybox, command: sleep 1000, init: true}
  b: {image: busybox, command: sleep 1000, init: true}
YAML
    berth compose up -d
    project <<'YAML'
name: orphans
services:
  a: {image: busybox, command: sleep 1000, init: true}
YAML
    run berth compose up -d
    assert_status 0
    assert_output_has "orphans-b-1"
    run berth compose up -d --remove-orphans
    assert_status 0
    run berth compose ps -a --services
    [ "$output" = a ]
}

@test "secrets and configs are files in the container, read-only" {
    echo hush >secret.txt
    echo 'key=value' >app.conf
    project <<'YAML'
name: files
services:
  app:
    image: busybox
    command: sleep 1000
    init: true
    secrets: [token]
    configs: [{source: conf, target: /etc/app.conf}]
secrets: {token: {file: secret.txt}}
configs: {conf: {file: app.conf}}
YAML
    berth compose up -d
    run berth compose exec -T app cat /run/secrets/token /etc/app.conf
    assert_output_has hush
    assert_output_has key=value
    run berth compose exec -T app sh -c 'echo x >/run/secrets/token'
    [ "$status" -ne 0 ]
    [ "$(cat secret.txt)" = hush ]
}

@test "--dry-run says what it would do and does nothing" {
    project <<'YAML'
name: dry
services:
  a: {image: busybox, command: sleep 1000}
YAML
    run berth compose --dry-run up -d
    assert_status 0
    assert_output_has "dry-a-1"
    [ -z "$(berth ps -aq)" ]
    [ -z "$(berth network ls -q --filter type=custom)" ]
}

@test "up --wait fails when a container becomes unhealthy" {
    project <<'YAML'
name: waits
services:
  sick: {image: busybox, command: sleep 1000, init: true, healthcheck: {test: "false", interval: 100ms, retries: 2}}
YAML
    run timeout 300 berth compose up -d --wait
    assert_status 1
    assert_output_has unhealthy
}

@test "a port that is taken is one clear error, and the rest of the project stays as it was" {
    port=$(free_port)
    python3 -c "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', $port)); s.listen(); print('ok', flush=True); time.sleep(600)" >taken &
    holder=$!
    wait_for 120 grep -q ok taken
    project <<YAML
name: taken
services:
  web: {image: busybox, command: sleep 1000, init: true, ports: ["127.0.0.1:$port:80"]}
  other: {image: busybox, command: sleep 1000, init: true}
YAML
    run berth compose up -d
    kill $holder
    wait $holder || :
    assert_status 1
    assert_output_has "$port"
    [ "$(berth inspect -f '{{.State.Status}}' taken-other-1)" = running ]
    run berth compose up -d
    assert_status 0
}

@test "commands work by project name from any folder once the project runs" {
    project <<'YAML'
name: named
services:
  a: {image: busybox, command: sleep 1000, init: true}
YAML
    berth compose up -d
    mkdir -p "$STATE/elsewhere"
    cd "$STATE/elsewhere"
    run berth compose -p named ps --services
    [ "$output" = a ]
    run berth compose ls --format json
    assert_output_has '"Name":"named"'
    assert_output_has 'running(1)'
    run berth compose -p named down -t 0
    assert_status 0
    [ -z "$(berth ps -aq)" ]
}

@test "logs -f ends when nobody reads them any more" {
    project <<'YAML'
name: unread
services:
  a: {image: busybox, init: true, command: sh -c 'while :; do echo tick; sleep 0.05; done'}
YAML
    berth compose up -d
    run timeout 300 bash -c 'berth compose logs -f | head -n 1'
    assert_status 0
    assert_output_has tick
    [ "$(berth inspect -f '{{.State.Status}}' unread-a-1)" = running ]
}

@test "an image that cannot be had is one error, and nothing of its service is left" {
    project <<'YAML'
name: noimage
services:
  a: {image: "localhost:1/none", pull_policy: missing}
  b: {image: busybox, command: sleep 1000, init: true}
YAML
    run berth compose up -d
    assert_status 1
    assert_output_has "cannot pull localhost:1/none"
    run berth compose ps -a --services
    assert_output_lacks a
    berth compose down -t 0
    [ -z "$(berth network ls -q --filter type=custom)" ]
}

@test "an image is built for its service, again only when its files change, and mistakes have their place" {
    project <<'YAML'
name: builds
services:
  app: {build: ., init: true}
YAML
    printf 'FROM busybox\nCOPY text /text\nCMD ["sh", "-c", "cat /text; sleep 1000"]\n' >Dockerfile
    echo one >text
    berth compose up -d
    wait_for 120 sh -c 'berth compose logs app | grep -q one'
    id=$(id_of builds-app-1)
    berth compose up -d --build
    [ "$(id_of builds-app-1)" = "$id" ]
    echo two >text
    berth compose up -d --build
    [ "$(id_of builds-app-1)" != "$id" ]
    wait_for 120 sh -c 'berth compose logs app | grep -q two'
    printf 'FROM busybox\nCOPPY text /text\n' >Dockerfile
    run berth compose build
    assert_status 1
    assert_output_has "Dockerfile:2:1"
    assert_output_has 'did you mean "COPY"?'
    run berth compose down -t 0 --rmi local
    assert_status 0
    run berth images -q builds-app
    [ -z "$output" ]
}
