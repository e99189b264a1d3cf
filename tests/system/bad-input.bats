#!/usr/bin/env bats
# What is wrong with a project, an image or the machine: one clear error with its position or name, an exit
# code that is not 0, nothing half-made left, everything of before intact.

load lib

setup() {
    berth_setup
    import_busybox
    cat >before.yaml <<'YAML'
name: before
services:
  keep:
    image: busybox
    command: [sh, -c, "echo kept >/data/file; exec sleep 1000"]
    init: true
    volumes: [keep:/data]
volumes: {keep: {}}
YAML
    berth compose -f before.yaml up -d --wait --quiet-pull 2>/dev/null
    inventory >"$STATE/before"
}

teardown() {
    berth_teardown
}

# All that this state has, a line each, without times.
inventory() {
    berth ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}' | sort
    berth images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort
    berth network ls --no-trunc --format '{{.ID}} {{.Name}}' | sort
    berth volume ls --format '{{.Name}}' | sort
    ls "$BERTH_ROOT"/{tmp,containers,volumes,layers} "$BERTH_ROOT"/images/blobs/sha256 "$BERTH_RUN/containers"
}

assert_intact() {
    inventory | diff "$STATE/before" - >&2
    [ "$(berth compose -f before.yaml exec -T keep cat /data/file)" = kept ]
}

# refused POSITION-OR-NAME COMMAND...: fails with that in its output, and leaves everything as it was.
refused() {
    local text=$1
    shift
    run "$@"
    { [ "$status" -ne 0 ] && [ "$status" -lt 126 ]; } || { echo "exit status $status: $output" >&2; return 1; }
    assert_output_has "$text"
    assert_intact
}

project() {
    cat >compose.yaml
}

@test "broken YAML is refused with its position" {
    project <<'YAML'
services:
  web:
    image: busybox
   broken: here
YAML
    refused "compose.yaml:4:4: YAML syntax" berth up -d
}

@test "wrong types are all told in one go, each with its position" {
    project <<'YAML'
services:
  web:
    image: [busybox]
    mem_limit: lots
    init: perhaps
YAML
    refused "compose.yaml:3:12: services.web.image" berth up -d
    assert_output_has "compose.yaml:4:16: services.web.mem_limit"
    assert_output_has "compose.yaml:5:11: services.web.init"
}

@test "an attribute that is unknown or not supported is refused with its position" {
    project <<'YAML'
services:
  web:
    image: busybox
    imagee: busybox
YAML
    refused 'compose.yaml:4:5: services.web: "imagee"' berth up -d
    sed -i 's/imagee: busybox/storage_opt: {size: 1G}/' compose.yaml
    refused "compose.yaml:4:5: services.web.storage_opt" berth up -d
}

@test "an unknown service in depends_on is refused, and the near one named" {
    project <<'YAML'
services:
  web:
    image: busybox
    depends_on: [databse]
  database:
    image: busybox
YAML
    refused 'compose.yaml:4:18: services.web.depends_on: no service "databse"' berth up -d
    assert_output_has 'did you mean "database"?'
}

@test "a cycle is refused with its path" {
    project <<'YAML'
services:
  a: {image: busybox, depends_on: [b]}
  b: {image: busybox, depends_on: [c]}
  c: {image: busybox, depends_on: [a]}
YAML
    refused "a -> b -> c -> a" berth up -d
    assert_output_has "compose.yaml:4:"
}

@test "an image that does not exist is named, and nothing of the project is made" {
    local port
    port=$(free_port)
    project <<YAML
services:
  good:
    image: busybox
    volumes: [data:/data]
  missing:
    image: 127.0.0.1:$port/no/such:1
volumes: {data: {}}
YAML
    refused "cannot pull 127.0.0.1:$port/no/such:1" berth up -d
    refused "127.0.0.1:$port/no/such:1" berth run --rm "127.0.0.1:$port/no/such:1"
    refused "127.0.0.1:$port/no/such:1" berth pull "127.0.0.1:$port/no/such:1"
}

@test "an image that does not exist is refused in a Dockerfile with its line, and nothing is built" {
    local port
    port=$(free_port)
    printf 'FROM busybox\nRUN echo made >/made\nFROM 127.0.0.1:%s/no/such:1\n' "$port" >Dockerfile
    refused "Dockerfile:3:1" berth build -t new .
}

# registry BODY: answers every request with these words, then closes; its port is in PORT.
registry() {
    printf '%s' "$1" >"$STATE/answer"
    python3 - "$STATE/answer" "$STATE/port" 3>&- <<'PY' &
import os, socket, sys
answer = open(sys.argv[1], "rb").read()
s = socket.create_server(("127.0.0.1", 0))
s.settimeout(60)
open(sys.argv[2] + ".new", "w").write(str(s.getsockname()[1]))
os.rename(sys.argv[2] + ".new", sys.argv[2])
while True:
    c, _ = s.accept()
    c.recv(65536)
    c.sendall(answer)
    c.close()
PY
    REGISTRY=$!
    wait_for 120 test -s "$STATE/port"
    PORT=$(cat "$STATE/port")
}

@test "a registry that answers nonsense or cuts the connection makes up fail and leaves nothing" {
    local answer
    for answer in 'nonsense' $'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{]<>' \
        $'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: 999\r\n\r\n{"schema'; do
        rm -f "$STATE/port"
        registry "$answer"
        printf 'services:\n  web:\n    image: 127.0.0.1:%s/a/b:1\n' "$PORT" >compose.yaml
        refused "127.0.0.1:$PORT/a/b" berth up -d
        kill "$REGISTRY"
    done
}

# archive_with PYTHON: a docker archive whose one layer has the entries that the words add to `t`.
archive_with() {
    python3 - "$1" <<'PY'
import hashlib, io, json, sys, tarfile
def tar(fill):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        fill(t)
    return out.getvalue()
def add(t, name, data=b"", **how):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in how.items():
        setattr(info, key, value)
    t.addfile(info, io.BytesIO(data))
layer = tar(lambda t: exec(sys.argv[1]))
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers",
    "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
manifest = json.dumps([{"Config": "c.json", "RepoTags": ["evil:1"], "Layers": ["l.tar"]}]).encode()
def outer(t):
    add(t, "c.json", config); add(t, "l.tar", layer); add(t, "manifest.json", manifest)
open("evil.tar", "wb").write(tar(outer))
PY
}

@test "a layer with ../, absolute or symlink escapes touches nothing outside" {
    local entry
    mkdir outside
    for entry in 'add(t, "../../../../../../../../../..'"$WORK"'/outside/a", b"x")' \
        'add(t, "d", type=tarfile.SYMTYPE, linkname="'"$WORK"'/outside"); add(t, "d/b", b"x")' \
        'add(t, "d", type=tarfile.SYMTYPE, linkname="../../../../../../../../../..'"$WORK"'/outside"); add(t, "d/c", b"x")' \
        'add(t, "h", type=tarfile.LNKTYPE, linkname="../../../../../../../../../../etc/passwd")'; do
        archive_with "$entry"
        refused "evil.tar" berth load -i evil.tar
        [ -z "$(ls outside)" ]
    done
    # An absolute name is one below the image's root, as tar takes it.
    archive_with 'add(t, "'"$WORK"'/outside/d", b"x")'
    run berth load -i evil.tar
    [ -z "$(ls outside)" ]
}

@test "a missing env file is refused with the position of its name" {
    project <<'YAML'
services:
  web:
    image: busybox
    env_file: [missing.env]
YAML
    refused "compose.yaml:4:16: env_file: cannot open" berth up -d
    refused 'cannot open "missing.env"' berth run --rm --env-file missing.env busybox true
    refused "missing.env" berth compose --env-file missing.env up -d
}

@test "a missing secret or config file is refused with its position" {
    project <<'YAML'
services:
  web:
    image: busybox
    secrets: [password]
secrets:
  password:
    file: ./missing
YAML
    refused "compose.yaml:7:11: secrets.password.file" berth up -d
    sed -i 's/secrets/configs/' compose.yaml
    refused "compose.yaml:7:11: configs.password.file" berth up -d
}

@test "a port in use is named; up goes on once it is free, down leaves nothing" {
    python3 - "$STATE/port" 3>&- <<'PY' &
import os, socket, sys, time
s = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1] + ".new", "w").write(str(s.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
PY
    local holder=$! port
    wait_for 120 test -s "$STATE/port"
    port=$(cat "$STATE/port")
    project <<YAML
name: taken
services:
  web:
    image: busybox
    command: sleep 1000
    init: true
    ports: ["127.0.0.1:$port:80"]
YAML
    run berth up -d
    assert_status 1
    assert_output_has "127.0.0.1:$port"
    assert_output_has "address already in use"
    kill "$holder"
    wait "$holder" || :
    berth up -d
    berth down
    assert_intact
}

# A state root of so many MiB that is full soon.
small_root() {
    berth compose -f before.yaml down -v -t 0 2>/dev/null
    SMALL=$STATE/small
    mkdir "$SMALL"
    mount -t tmpfs -o "size=${1}m,mode=711" tmpfs "$SMALL" || skip "cannot mount a tmpfs"
    export BERTH_ROOT=$SMALL/root BERTH_RUN=$STATE/run-small
    import_busybox
    inventory >"$STATE/before"
}

assert_same() {
    inventory | diff "$STATE/before" - >&2
}

fill() {
    dd if=/dev/zero of="$SMALL/fill" bs=4k 2>/dev/null || :
    [ "$(stat -f -c %a "$SMALL")" -eq 0 ]
}

@test "on a full disk an import, a load and a build fail with one error, and nothing of them is left" {
    small_root 14
    mkdir big
    head -c 12000000 /dev/urandom >big/big
    tar -cf big.tar big

    run berth import big.tar new
    assert_status 1
    assert_output_has "No space left on device"
    assert_same

    printf 'FROM busybox\nCOPY big/big /\n' >Dockerfile
    run berth build -t new .
    assert_status 1
    assert_output_has "Dockerfile:2:1"
    assert_output_has '"big/big"'
    assert_output_has "No space left on device"
    assert_same

    printf 'FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=30\n' >Dockerfile
    run berth build -t new .
    assert_status 1
    assert_output_has "Dockerfile:2:1"
    assert_output_has "No space left on device"
    assert_same
    berth run --rm busybox true
}

@test "on a full disk up fails with one error; with room again it goes on" {
    small_root 14
    # What the volume takes from the image is more than the blocks that the state database keeps ahead of use
    # and may give back in between.
    project <<'YAML'
name: full
services:
  web:
    image: busybox
    command: sleep 1000
    init: true
    volumes: [data:/bin]
volumes: {data: {}}
YAML
    fill
    run berth up -d
    assert_status 1
    assert_output_has "No space left on device"
    rm "$SMALL/fill"
    berth up -d
    fill
    berth compose ps --format '{{.Name}} {{.State}}' | grep -qx 'full-web-1 running'
    berth down -v
    rm "$SMALL/fill"
    assert_same
}

@test "a container whose output or files fill the disk goes on, and can be removed" {
    small_root 14
    project <<'YAML'
name: full
services:
  logs:
    image: busybox
    command: [sh, -c, "yes some words | head -c 6000000; echo done >/out/done; exec sleep 1000"]
    init: true
    volumes: ["./out:/out"]
  files:
    image: busybox
    command: [sh, -c, "dd if=/dev/zero of=/big bs=64k; echo done >/out/filled; exec sleep 1000"]
    init: true
    volumes: ["./out:/out"]
YAML
    mkdir out
    berth up -d
    wait_for 120 test -e out/done -a -e out/filled
    fill
    [ "$(berth compose ps --format '{{.State}}' | sort -u)" = running ]
    berth compose logs --tail 1 logs >/dev/null
    berth down
    rm -f "$SMALL/fill"
    assert_same
}
