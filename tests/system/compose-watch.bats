#!/usr/bin/env bats
# Files that change on the host, and what develop.watch makes of them in the containers.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
    mkdir src
}

teardown() {
    [ -z "${WATCHER:-}" ] || kill -9 "$WATCHER" 2>/dev/null || :
    berth_teardown
}

# project RULE...: one service with these rules.
project() {
    {
        printf 'name: watched\nservices:\n  web:\n    image: busybox\n    init: true\n'
        printf '    command: [sleep, "1000"]\n    develop:\n      watch:\n'
        printf '        - %s\n' "$@"
    } >compose.yaml
}

# watch [OPTIONS]: in the background; returns once it looks.
watch() {
    rm -f out # of one before
    berth compose watch "$@" >out 2>&1 3>&- &
    WATCHER=$!
    wait_for 120 grep -q '^Watch enabled' out || { cat out >&2; return 1; }
}

end_watch() {
    local code=0
    kill -TERM "$WATCHER" # an interrupt is ignored by what a shell puts into the background
    wait "$WATCHER" || code=$?
    WATCHER=
    [ $code = 143 ] || { echo "watch ended with $code" >&2; cat out >&2; return 1; }
    grep -q '^Watch disabled' out
}

inside() { berth compose exec -T web "$@"; }
has() { [ "$(inside cat "$1" 2>/dev/null)" = "$2" ]; }
has_not() { ! inside test -e "$1" && inside true; }

@test "sync copies what changes, in new directories too, and removes what goes" {
    project '{ path: ./src, action: sync, target: /app }'
    watch
    has_not /app
    echo one >src/a
    mkdir -p src/new/deep
    echo two >src/new/deep/b
    wait_for 60 has /app/new/deep/b two
    wait_for 60 has /app/a one
    mv src/new src/moved
    rm src/a
    wait_for 60 has /app/moved/deep/b two
    wait_for 60 has_not /app/a
    wait_for 60 has_not /app/new
    echo three >src/moved/deep/b # by its new name
    wait_for 60 has /app/moved/deep/b three
    grep -q '^Syncing service "web" after ' out
    end_watch
}

@test "ignore, include, .dockerignore, editors' files and .git keep files out" {
    cat >compose.yaml <<'YAML'
name: watched
services:
  web:
    build: { context: ., dockerfile_inline: "FROM busybox\n" }
    init: true
    command: [sleep, "1000"]
    develop:
      watch:
        - { path: ./src, action: sync, target: /app, ignore: ["*.log", deps/], initial_sync: true }
        - { path: ./only, action: sync, target: /only, include: "*.js" }
YAML
    echo 'src/secret*' >.dockerignore
    mkdir -p src/deps src/.git only
    echo 1 >src/first
    echo 1 >src/secret-0
    watch
    has /app/first 1
    has_not /app/secret-0
    for name in a.log deps/x secret-1 .git/HEAD x.swp~ .x.swp ../only/a.css; do echo no >"src/$name"; done
    echo yes >only/a.js
    echo yes >src/last
    wait_for 60 has /app/last yes
    wait_for 60 has /only/a.js yes
    run -0 inside find /app /only -type f
    [ "$(sort <<<"$output" | tr '\n' ' ')" = "/app/first /app/last /only/a.js " ]
    end_watch
}

@test "restart, sync+restart and sync+exec do what they say" {
    project '{ path: ./src, action: restart }' '{ path: ./conf, action: sync+restart, target: /conf }' \
        '{ path: ./run, action: sync+exec, target: /run.d, exec: { command: [sh, -c, "echo ran $$X $$(cat /run.d/x)"], environment: { X: with } } }'
    watch
    started() { berth inspect -f '{{.State.StartedAt}}' watched-web-1; }
    is_restarted() { [ "$(started)" != "$1" ] && inside true; }
    local before
    before=$(started)
    echo 1 >src/a
    wait_for 60 is_restarted "$before"
    wait_for 60 grep -qF 'service(s) ["web"] restarted' out
    before=$(started)
    mkdir conf run
    echo c >conf/c
    wait_for 60 is_restarted "$before"
    wait_for 60 has /conf/c c
    echo x >run/x
    wait_for 60 grep -qx 'ran with x' out
    end_watch
}

@test "rebuild builds the image again, replaces the container and prunes the old image" {
    cat >compose.yaml <<'YAML'
name: watched
services:
  web:
    build: { context: ., dockerfile_inline: "FROM busybox\nCOPY src/a /a\n" }
    init: true
    command: [sleep, "1000"]
    depends_on: [db]
    develop: { watch: [{ path: ./src, action: rebuild }] }
  db: { image: busybox, init: true, command: [sleep, "1000"] }
YAML
    echo 1 >src/a
    watch --quiet
    local db image
    db=$(berth inspect -f '{{.Id}}' watched-db-1)
    image=$(berth inspect -f '{{.Image}}' watched-web-1)
    has /a 1
    echo 2 >src/a
    wait_for 120 has /a 2
    is_pruned() { ! berth image inspect "$image" && berth image inspect watched-web; }
    wait_for 60 is_pruned
    [ "$(berth inspect -f '{{.Id}}' watched-db-1)" = "$db" ]
    grep -qF 'service(s) ["web"] successfully built' out
    [ "$(berth compose ps -q web | wc -l)" = 1 ]
    end_watch
}

@test "a container that cannot be replaced keeps neither watching nor other commands from going on" {
    cat >compose.yaml <<'YAML'
name: watched
services:
  web:
    build: { context: ., dockerfile_inline: "FROM busybox\nCOPY src/a /a\n" }
    init: true
    command: [sleep, "1000"]
    configs: [conf]
    develop: { watch: [{ path: ./src, action: rebuild }] }
configs: { conf: { file: ./conf } }
YAML
    echo 1 >src/a
    echo text >conf
    watch
    mv conf away
    echo 2 >src/a
    wait_for 120 grep -q 'Failed to recreate services after update' out
    mv away conf
    run -0 timeout 120 berth compose up -d --no-build
    echo 3 >src/a
    wait_for 120 has /a 3
    end_watch
}

@test "what belongs to the container's user stays with it, and a file does not replace a directory" {
    project '{ path: ./src, action: sync, target: /home/app/x }'
    sed -i 's/init: true/init: true\n    user: app/' compose.yaml
    watch
    echo 1 >src/a
    wait_for 60 has /home/app/x/a 1
    [ "$(inside stat -c '%U %G' /home/app/x/a)" = "app app" ]
    [ "$(inside stat -c '%U %G' /home/app/x)" = "app app" ]
    inside mkdir /home/app/x/dir
    echo 1 >src/dir; echo 1 >src/later
    wait_for 60 has /home/app/x/later 1 # of the same batch, after what fails
    wait_for 60 grep -q 'cannot copy a file to /home/app/x/dir in container watched-web-1: it is a directory' out
    echo 2 >src/a # it goes on
    wait_for 60 has /home/app/x/a 2
    end_watch
}

@test "links that the container made do not lead a copy or a removal out of it" {
    mkdir outside
    echo host >outside/a
    project '{ path: ./src, action: sync, target: /app }'
    watch
    inside sh -c "mkdir -p $WORK/outside && echo mine >$WORK/outside/a && ln -s $WORK/outside /app"
    echo new >src/a
    wait_for 60 has "$WORK/outside/a" new
    rm src/a
    wait_for 60 has_not "$WORK/outside/a"
    inside sh -c 'ln -s ../../../../../../../../../../../../../../.. /app/up'
    mkdir -p "src/up/$WORK/outside"
    echo evil >"src/up/$WORK/outside/a"
    wait_for 60 has "$WORK/outside/a" evil
    [ "$(cat outside/a)" = host ]
    end_watch
}

@test "a path that comes later is watched, one that is mounted is not, and rules that cannot be are refused" {
    project '{ path: ./later/deep, action: sync, target: /later }' '{ path: ./src, action: sync, target: /mnt }'
    sed -i 's|init: true|init: true\n    volumes: ["./src:/mnt"]|' compose.yaml
    watch
    grep -q "path '$WORK/src' also declared by a bind mount volume" out
    mkdir -p later/deep
    echo 1 >later/deep/a
    wait_for 60 has /later/a 1
    end_watch
    project '{ path: ./src, action: rebuild }'
    run -1 berth compose watch --no-up
    assert_output_has "compose.yaml:9:11: can't watch service \"web\" with action rebuild without a build context"
    printf 'name: watched\nservices: { web: { image: busybox } }\n' >compose.yaml
    run -1 berth compose watch
    assert_output_has "none of the selected services is configured for watch"
    project '{ path: ./src, action: sync, target: /app }'
    run -0 berth --version
    run -0 berth compose watch --dry-run
    assert_output_has "Would watch $WORK/src: sync service \"web\" at /app"
}

@test "one command at a time watches a project" {
    project '{ path: ./src, action: sync, target: /app }'
    watch
    run -1 berth compose watch
    assert_output_has 'cannot take exclusive lock for project "watched": another command watches it'
    run -0 berth compose watch --dry-run
    run -0 berth compose up -d
    end_watch
    watch # whoever ended, in whatever way, holds nothing
    kill -9 "$WATCHER"
    wait "$WATCHER" || :
    watch
    end_watch
}

@test "up --watch shows what watching does among the logs, and goes on with the container that a rebuild makes" {
    cat >compose.yaml <<'YAML'
name: watched
services:
  web:
    build: { context: ., dockerfile_inline: "FROM busybox\nCOPY src/a /a\n" }
    init: true
    command: [sh, -c, 'echo "a is $$(cat /a)"; exec sleep 1000']
    develop: { watch: [{ path: ./src, action: rebuild }] }
YAML
    echo 1 >src/a
    berth compose up --watch >out 2>&1 3>&- &
    WATCHER=$!
    wait_for 120 grep -q '⦿ Watch enabled' out || { cat out >&2; false; }
    wait_for 60 grep -qx 'web-1  | a is 1' out
    echo 2 >src/a
    wait_for 120 grep -qx 'web-1  | a is 2' out || { cat out >&2; false; }
    grep -qF '⦿ service(s) ["web"] successfully built' out
    kill -0 $WATCHER
    kill -TERM $WATCHER
    local code=0
    wait $WATCHER || code=$?
    WATCHER=
    [ $code = 130 ]
    grep -q '⦿ Watch disabled' out
    [ -z "$(berth compose ps -q)" ]
}

@test "logs -f and up follow containers that are restarted, replaced and added" {
    cat >compose.yaml <<'YAML'
name: watched
services:
  web: { image: busybox, init: true, command: [sh, -c, 'echo "I am $$HOSTNAME $$VALUE"; exec sleep 1000'], environment: { VALUE: "${VALUE:-1}" } }
YAML
    berth compose up -d
    berth compose logs -f >out 2>&1 3>&- &
    WATCHER=$!
    wait_for 60 grep -q 'web-1.*I am .* 1' out
    is_twice() { [ "$(grep -c 'web-1.*I am .* 1' out)" = 2 ]; }
    berth compose restart -t 0
    wait_for 60 is_twice
    berth compose up -d --scale web=2
    wait_for 60 grep -q 'web-2.*I am .* 1' out
    VALUE=2 berth compose up -d -t 0 --scale web=2
    wait_for 60 grep -q 'web-1.*I am .* 2' out
    kill -0 $WATCHER
    berth compose kill
    local code=0
    wait $WATCHER || code=$?
    WATCHER=
    [ $code = 0 ]
}
